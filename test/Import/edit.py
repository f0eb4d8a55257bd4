#!/usr/bin/env python3
# ===- edit.py - copies of adapters with something changed ----------------=== #
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Copies an adapter folder and changes it: tensors by the end of their names
(all that end so), fields of the configuration by their names.

    edit.py FROM TO [--drop END] [--shape END=2x3] [--type END=I32] [--first END=7] [--set FIELD=JSON]

A new shape cuts the data or fills up with zeros; a new type keeps the shape.
"""
import argparse
import json
import math
import os
import struct

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2,
         "I8": 1, "U8": 1, "BOOL": 1}
CODES = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i",
         "I16": "h", "I8": "b", "U8": "B"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    for option in ("--drop", "--shape", "--type", "--first", "--set"):
        parser.add_argument(option, action="append", default=[])
    options = parser.parse_args()

    with open(os.path.join(options.source, "adapter_config.json")) as f:
        config = json.load(f)
    for change in options.set:
        field, value = change.split("=", 1)
        config[field] = json.loads(value)
    os.makedirs(options.target, exist_ok=True)
    with open(os.path.join(options.target, "adapter_config.json"), "w") as f:
        json.dump(config, f, indent=1)

    def changes(name, edits):
        return [e.split("=", 1)[1] for e in edits
                if name.endswith(e.split("=", 1)[0])]

    with open(os.path.join(options.source, "adapter_model.safetensors"),
              "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    header.pop("__metadata__", None)
    result, out = {}, b""
    for name, tensor in header.items():
        if any(name.endswith(end) for end in options.drop):
            continue
        raw = data[slice(*tensor["data_offsets"])]
        dtype, shape = tensor["dtype"], tensor["shape"]
        for new in changes(name, options.type):
            dtype = new
        for new in changes(name, options.shape):
            shape = [int(size) for size in new.split("x")]
        size = math.prod(shape) * SIZES[dtype]
        raw = raw[:size].ljust(size, b"\0")
        for value in changes(name, options.first):
            value = struct.pack("<" + CODES[dtype], json.loads(value))
            raw = value + raw[len(value):]
        result[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(out), len(out) + size]}
        out += raw
    text = json.dumps(result).encode()
    with open(os.path.join(options.target, "adapter_model.safetensors"),
              "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + out)


if __name__ == "__main__":
    main()
