# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Safetensors files without packages, for tests; `%tensors` in lit.

    tensors.py write FILE [@KEY=VALUE]... [NAME[:DTYPE]:SHAPE=VALUES]...
        DTYPE F32 (default), F64, I32, I64 or U8; SHAPE 2x3; VALUES 1,2,nan with V*N for N times V, A..B for a range of integers, or `wave` (a few sines, between -1 and 1).
        @KEY=VALUE is metadata.
    tensors.py edit FROM TO [@KEY=VALUE]... [NAME[:DTYPE]:SHAPE=VALUES]... [-NAME]...
        a copy of FROM with tensors and metadata replaced or added, and -NAME (tensor or @KEY) left out.
    tensors.py list FILE            one line NAME DTYPE SHAPE per tensor, by name, and @KEY VALUE per entry of the metadata
    tensors.py print FILE           one line NAME DTYPE SHAPE VALUES per tensor, by name
    tensors.py payload FILE         the number of bytes of the file less its header
    tensors.py raw FILE [NAME OUT]...
        the bytes of tensors, as files; integers as i32
    tensors.py distance A B         the largest difference of tensors of f32 in both files, over the largest magnitude in A
    tensors.py close A B TOLERANCE  fails unless both hold the same tensors of f32, each within TOLERANCE of the largest number of the other
"""

import json
import math
import re
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I32": "i", "I64": "q", "U8": "B"}


def read(path):
    """Metadata, {name: (dtype, shape, bytes)} and the number of bytes behind the header."""
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (t["dtype"], t["shape"], body[t["data_offsets"][0] : t["data_offsets"][1]]) for name, t in header.items()}, len(body)


def parse(text, count, number):
    if text == "wave":
        return [math.sin(1.7 * i) * 0.5 + math.sin(0.31 * i + 1) * 0.3 + math.sin(12.9898 * i) * 0.2 for i in range(count)]
    values = []
    for part in text.split(",") if text else []:
        if ".." in part:
            first, last = part.split("..")
            values += range(int(first), int(last) + 1)
        else:
            value, _, times = part.partition("*")
            values += [number(value)] * int(times or 1)
    assert len(values) == count, f"{len(values)} values for {count} places"
    return values


def write(path, metadata, tensors, specs):
    for spec in specs:
        if spec.startswith("-@"):
            del metadata[spec[2:]]
        elif spec.startswith("-"):
            del tensors[spec[1:]]
        elif spec.startswith("@"):
            key, value = spec[1:].split("=", 1)
            metadata[key] = value
        else:
            place, values = spec.split("=", 1)
            name, dtype, shape = re.fullmatch(r"(.*?)(?::([FI]\d\d|U8))?:([0-9x]*)", place).groups()
            dtype = dtype or "F32"
            shape = [int(d) for d in shape.split("x")] if shape else []
            count = math.prod(shape)
            numbers = parse(values, count, float if dtype[0] == "F" else int)
            tensors[name] = (dtype, shape, struct.pack(f"<{count}{CODES[dtype]}", *numbers))
    header, body = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def numbers(tensor):
    code = CODES[tensor[0]]
    return struct.unpack(f"<{len(tensor[2]) // struct.calcsize(code)}{code}", tensor[2])


def both(first, second):
    a, b = read(first)[1], read(second)[1]
    if a.keys() != b.keys():
        sys.exit(f"different tensors: {sorted(a.keys() ^ b.keys())}")
    assert all(t[0] == "F32" for t in [*a.values(), *b.values()])
    return [(name, numbers(a[name]), numbers(b[name])) for name in a]


def main(command, arguments):
    if command == "write":
        write(arguments[0], {}, {}, arguments[1:])
    elif command == "edit":
        metadata, tensors, _ = read(arguments[0])
        write(arguments[1], metadata, tensors, arguments[2:])
    elif command == "list":
        metadata, tensors, _ = read(arguments[0])
        for name, (dtype, shape, _) in sorted(tensors.items()):
            print(name, dtype, "x".join(map(str, shape)))
        for key, value in sorted(metadata.items()):
            print(f"@{key}", value)
    elif command == "print":
        for name, tensor in sorted(read(arguments[0])[1].items()):
            print(name, tensor[0], "x".join(map(str, tensor[1])), " ".join(f"{v:.6g}" for v in numbers(tensor)))
    elif command == "payload":
        print("payload", read(arguments[0])[2])
    elif command == "raw":
        tensors = read(arguments[0])[1]
        for name, out in zip(arguments[1::2], arguments[2::2]):
            dtype, _, raw = tensors[name]
            if dtype == "I64":
                raw = struct.pack(f"<{len(raw) // 8}i", *numbers(tensors[name]))
            with open(out, "wb") as f:
                f.write(raw)
    elif command == "distance":
        pairs = both(*arguments)
        largest = max(abs(x) for _, a, _ in pairs for x in a)
        distance = max(abs(x - y) for _, a, b in pairs for x, y in zip(a, b, strict=True))
        print(f"distance {distance / largest:.9f}")
    elif command == "close":
        for name, a, b in both(*arguments[:2]):
            largest = max(abs(x) for x in b)
            worst = max(abs(x - y) for x, y in zip(a, b, strict=True))
            if not worst <= float(arguments[2]) * largest:
                sys.exit(f"{name}: differs by {worst}, the largest number is {largest}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
