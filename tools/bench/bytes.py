#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tokens of a GGUF's vocabulary as rows of bytes, for models that read bytes.

Usage: bytes.py MODEL.gguf TOKENS.safetensors OUT.safetensors [LENGTH [ROWS]]
Every row of TOKENS (`tokens` or `input_ids`) becomes text; the text of each row is cut into rows of LENGTH (256) bytes, what is left over at its end is dropped; the first ROWS of them (all) are written as `input_ids`."""
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

model, tokens, out = sys.argv[1:4]
length = int(sys.argv[4]) if len(sys.argv) > 4 else 256
rows = int(sys.argv[5]) if len(sys.argv) > 5 else None
field = gguf.GGUFReader(model).fields["tokenizer.ggml.tokens"]
vocabulary = [bytes(field.parts[i]).decode() for i in field.data]
# Byte-level BPE spells each byte as a printable character: those that are printable as themselves, the others in order from 256 on.
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
byte_of = {chr(b): b for b in plain}
byte_of.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)})
found = load_file(tokens)
ids = found["input_ids" if "input_ids" in found else "tokens"]
made = []
for row in ids:
    text = bytes(byte_of[c] for i in row for c in vocabulary[i])
    made += [np.frombuffer(text[a:a + length], np.uint8) for a in range(0, len(text) - length + 1, length)]
save_file({"input_ids": np.stack(made[:rows]).astype(np.int32)}, out)
print(len(made[:rows]), "rows of", length)
