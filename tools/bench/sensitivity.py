#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicted against measured losses of single matrices: Spearman's rank correlation per bit width.

Usage: sensitivity.py PLAN.mlir MEASURED.json [FORMAT=BITS...]
PLAN.mlir is a problem whose losses were predicted for the rounding that was measured (allot plan --encoder nearest --formats int4g64,int3g64 --budget 100bpw).
MEASURED.json: {"layers": {SITE: {"4": {"kl": nats per token}, ...}}}."""
import json
import re
import sys


def ranks(values):
    """Ranks from 0, equal values share their mean."""
    order = sorted(range(len(values)), key=values.__getitem__)
    result, i = [0.0] * len(values), 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in order[i:j + 1]:
            result[k] = (i + j) / 2
        i = j + 1
    return result


def spearman(a, b):
    a, b = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    dot = lambda x, y: sum((p - mean) * (q - mean) for p, q in zip(x, y))
    return dot(a, b) / (dot(a, a) * dot(b, b)) ** 0.5


def losses(path):
    """{site: {option: loss}} of a problem's text."""
    result, item = {}, None
    for line in open(path):
        if found := re.match(r'\s*plan\.item "([^"]+)"', line):
            item = result.setdefault(found[1], {})
        elif found := re.match(r'\s*plan\.option "([^"]+)" costs \[[^]]*\] loss ([0-9.eE+-]+)', line):
            item[found[1]] = float(found[2])
    return result


predicted = losses(sys.argv[1])
measured = json.load(open(sys.argv[2]))["layers"]
for pair in sys.argv[3:] or ["int4g64=4", "int3g64=3"]:
    name, bits = pair.split("=")
    sites = [s for s in measured if name in predicted.get(s, {})]
    if len(sites) < 3:
        sys.exit(f"error: {sys.argv[1]} has losses of {name} for {len(sites)} of the measured matrices")
    a, b = [predicted[s][name] for s in sites], [measured[s][bits]["kl"] for s in sites]
    print(f"{name}: {len(sites)} matrices, Spearman {spearman(a, b):.4f}, sum predicted {sum(a):.4f}, measured {sum(b):.4f}")
