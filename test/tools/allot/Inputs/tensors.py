# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Safetensors files without packages, for tests.

    tensors.py write FILE NAME=DTYPE:SHAPE:VALUES ...     DTYPE F32, F64, I32 or I64; SHAPE 2x3; VALUES 1,2,3, a range such as 0..5, or 0*12 for twelve zeros
    tensors.py print FILE                                 one line NAME DTYPE SHAPE VALUES per tensor, by name
"""

import json
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I32": "i", "I64": "q"}


def write(path, specs):
    header, data = {}, b""
    for spec in specs:
        name, rest = spec.split("=", 1)
        dtype, shape, values = rest.split(":")
        shape = [int(d) for d in shape.split("x")] if shape else []
        if ".." in values:
            first, last = values.split("..")
            values = list(range(int(first), int(last) + 1))
        elif "*" in values:
            value, count = values.split("*")
            values = [float(value) if dtype[0] == "F" else int(value)] * int(count)
        else:
            values = [float(v) if dtype[0] == "F" else int(v) for v in values.split(",") if v]
        raw = struct.pack(f"<{len(values)}{CODES[dtype]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def show(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    for name, tensor in sorted(header.items()):
        if name == "__metadata__":
            continue
        raw = data[tensor["data_offsets"][0] : tensor["data_offsets"][1]]
        code = CODES[tensor["dtype"]]
        values = struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)
        print(name, tensor["dtype"], "x".join(map(str, tensor["shape"])), " ".join(f"{v:.6g}" for v in values))


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3:])
else:
    show(sys.argv[2])
