# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SITE.output_curvature is (T - 1) fisher_rows / tr(H) in a statistics file.

Usage: curvature.py STATS.safetensors T [SITE...]; the sites named are tables that are looked up too, whose curvature is larger."""
import json
import struct
import sys


def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, struct.unpack(f"<{(end - begin) // 4}f", data[8 + size + begin:8 + size + end])


stats = dict(tensors(sys.argv[1]))
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
