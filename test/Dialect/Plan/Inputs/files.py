# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Safetensors files without packages, for tests of plans.

    files.py write FILE [@KEY=VALUE]... [NAME:SHAPE=VALUES]...
        f32 tensors, or i32 for a NAME that ends in ids; SHAPE 2x3; VALUES 1,2,nan with V*N for N times V, or `wave` (a few sines, between -1 and 1). @KEY=VALUE is metadata.
    files.py edit FROM TO [@KEY=VALUE]... [NAME:SHAPE=VALUES]... [-NAME]...
        a copy of FROM with tensors and metadata replaced or added, and -NAME (tensor or @KEY) left out.
    files.py list FILE            one line NAME SHAPE per tensor, by name, and @KEY VALUE per entry of the metadata
    files.py payload FILE         the bytes of the file less its header
    files.py distance A B         the largest difference of tensors of f32 in both files, over the largest magnitude in A
"""

import json
import math
import struct
import sys


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (t["dtype"], t["shape"], body[t["data_offsets"][0] : t["data_offsets"][1]]) for name, t in header.items()}, len(body)


def parse(text, count):
    if text == "wave":
        return [math.sin(1.7 * i) * 0.5 + math.sin(0.31 * i + 1) * 0.3 + math.sin(12.9898 * i) * 0.2 for i in range(count)]
    values = []
    for part in text.split(","):
        value, _, times = part.partition("*")
        values += [float(value)] * int(times or 1)
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
            name, _, shape = place.rpartition(":")
            shape = [int(d) for d in shape.split("x")]
            count = math.prod(shape)
            if name.endswith("ids"):
                tensors[name] = ("I32", shape, struct.pack(f"<{count}i", *map(int, parse(values, count))))
            else:
                tensors[name] = ("F32", shape, struct.pack(f"<{count}f", *parse(values, count)))
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
    assert tensor[0] == "F32"
    return struct.unpack(f"<{len(tensor[2]) // 4}f", tensor[2])


command, arguments = sys.argv[1], sys.argv[2:]
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
elif command == "payload":
    print("payload", read(arguments[0])[2])
elif command == "distance":
    a, b = read(arguments[0])[1], read(arguments[1])[1]
    assert a.keys() == b.keys(), (a.keys(), b.keys())
    largest = max(abs(x) for t in a.values() for x in numbers(t))
    distance = max(abs(x - y) for name in a for x, y in zip(numbers(a[name]), numbers(b[name]), strict=True))
    print(f"distance {distance / largest:.9f}")
