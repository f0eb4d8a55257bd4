# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SITE.output_curvature is (T - 1) fisher_rows / tr(H) in a statistics file.

Usage: curvature.py STATS.safetensors T [SITE...]; the sites named are tables that are looked up too, whose curvature is larger."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../Inputs"))
import tensors

stats = {name: tensors.numbers(tensor) for name, tensor in tensors.read(sys.argv[1])[1].items()}
positions, tables = int(sys.argv[2]) - 1, sys.argv[3:]
sites = [name[:-len(".fisher_rows")] for name in stats if name.endswith(".fisher_rows")]
assert len(sites) > 10, sites
for site in sites:
    trace = sum(stats[site + ".input_second_moment"])
    expected = [positions * f / trace for f in stats[site + ".fisher_rows"]]
    found = stats[site + ".output_curvature"]
    close = 1e-5 * max(expected)
    if site in tables:
        assert all(a >= b - close for a, b in zip(found, expected, strict=True)) and any(a > b + close for a, b in zip(found, expected)), site
    else:
        assert all(abs(a - b) <= close for a, b in zip(found, expected, strict=True)), site
