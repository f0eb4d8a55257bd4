#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text <-> token ids, with the tokenizer that a GGUF file carries (byte-level BPE).

    tokens.py encode MODEL.gguf TEXT OUT.safetensors      writes `tokens` i32 [1, T]
    tokens.py decode MODEL.gguf IN.safetensors            prints every row of `tokens` as text

Needs the packages tokenizers, numpy, safetensors and gguf."""

import sys

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL = 3  # tokenizer.ggml.token_type of special tokens


def read(field):
    return [bytes(field.parts[i]).decode("utf-8") for i in field.data]


def load(path):
    fields = GGUFReader(path).fields
    tokens = read(fields["tokenizer.ggml.tokens"])
    merges = [tuple(m.split(" ", 1)) for m in read(fields["tokenizer.ggml.merges"])]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    pre = fields.get("tokenizer.ggml.pre")
    if pre is not None and bytes(pre.parts[pre.data[0]]).decode("utf-8") == "smollm":
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    types = fields["tokenizer.ggml.token_type"]
    kinds = [int(types.parts[i][0]) for i in types.data]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, kinds) if kind == CONTROL])
    return tokenizer


def main(arguments):
    if len(arguments) == 4 and arguments[0] == "encode":
        ids = load(arguments[1]).encode(arguments[2].replace("\\n", "\n")).ids
        save_file({"tokens": np.array([ids], dtype=np.int32)}, arguments[3])
    elif len(arguments) == 3 and arguments[0] == "decode":
        tokenizer = load(arguments[1])
        for row in load_file(arguments[2])["tokens"]:
            print(tokenizer.decode(row.tolist(), skip_special_tokens=False))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
