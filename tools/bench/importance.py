#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Statistics of gradients against those of another implementation: relative differences per kind of tensor.

Usage: importance.py STATS.safetensors EXPECTED.safetensors
Both hold SITE.output_grad_second_moment, SITE.fisher_rows, SITE.fisher_cols, SITE.input_second_moment. Printed per kind: how many tensors, the median and largest over tensors of
|a - b| / |b| (norms of the whole tensor), of the relative difference of the sums, and the largest |a - b| of single numbers relative to the largest number of their tensor."""
import sys

import numpy as np
from safetensors.numpy import load_file

ours, theirs = load_file(sys.argv[1]), load_file(sys.argv[2])
kinds = {}
for name, expected in theirs.items():
    if name not in ours:
        sys.exit(f"error: {sys.argv[1]} has no {name}")
    a, b = ours[name].astype(np.float64), expected.astype(np.float64)
    if a.shape != b.shape:
        sys.exit(f"error: {name} has shape {a.shape}, expected {b.shape}")
    norm = np.linalg.norm(a - b) / np.linalg.norm(b)
    kinds.setdefault(name.rsplit(".", 1)[1], []).append((norm, abs(a.sum() / b.sum() - 1), np.abs(a - b).max() / b.max(), name))
for kind, rows in sorted(kinds.items()):
    norms, sums, single = (np.array([row[i] for row in rows]) for i in range(3))
    print(f"{kind}: {len(rows)} tensors, norm median {np.median(norms):.2e} max {norms.max():.2e} ({rows[int(norms.argmax())][3]}), "
          f"sum median {np.median(sums):.2e} max {sums.max():.2e}, single max {single.max():.2e}")
