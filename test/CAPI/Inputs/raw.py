# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""raw.py FILE [NAME OUT]...: the bytes of tensors of a safetensors file; integers as i32."""
import json
import struct
import sys

with open(sys.argv[1], "rb") as f:
    header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    data = f.read()
for name, out in zip(sys.argv[2::2], sys.argv[3::2]):
    tensor = header[name]
    raw = data[slice(*tensor["data_offsets"])]
    if tensor["dtype"] == "I64":
        raw = struct.pack(f"<{len(raw) // 8}i", *struct.unpack(f"<{len(raw) // 8}q", raw))
    with open(out, "wb") as f:
        f.write(raw)
