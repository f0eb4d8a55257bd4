# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Usage: close.py A.safetensors B.safetensors TOLERANCE. Fails unless both hold the same tensors, each within TOLERANCE of the largest number of the other."""
import json
import struct
import sys


def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            raw = data[8 + size + begin:8 + size + end]
            yield name, struct.unpack(f"<{len(raw) // 4}f", raw)


a, b = dict(tensors(sys.argv[1])), dict(tensors(sys.argv[2]))
if a.keys() != b.keys():
    sys.exit(f"different tensors: {sorted(a.keys() ^ b.keys())}")
for name in a:
    largest = max(abs(x) for x in b[name])
    worst = max(abs(x - y) for x, y in zip(a[name], b[name], strict=True))
    if not worst <= float(sys.argv[3]) * largest:
        sys.exit(f"{name}: differs by {worst}, the largest number is {largest}")
