# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks what `allot bench program --parts --json` wrote about a model of two layers."""

import json
import sys

rows = json.load(open(sys.argv[1]))
assert [row["phase"] for row in rows] == ["prefill", "decode"]
for row in rows:
    parts = row["parts"]
    times = [part["seconds"] for part in parts["list"]]
    total = sum(times) + parts["rest"]
    assert abs(total - parts["seconds"]) <= 1e-9 * parts["seconds"], (total, parts["seconds"])
    assert all(time >= 0 for time in times) and parts["rest"] >= 0 and parts["runs"] >= 1, parts
    # Every part ran, so none took no time at all.
    assert min(times) > 0 and sum(times) > 0.1 * parts["seconds"], parts
    names = {(part["op"], part["site"]) for part in parts["list"]}
    assert len(names) == len(times)
    for layer in range(2):
        # The model is too small for products to run as one.
        for kind in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"):
            assert ("adapter.apply", f"model.layers.{layer}.{kind}") in names, (layer, kind, names)
        assert ("nn.attention", f"model.layers.{layer}.self_attn") in names
        for norm in ("input_layernorm", "post_attention_layernorm"):
            assert ("nn.norm", f"model.layers.{layer}.{norm}") in names
    assert {("nn.norm", "model.norm"), ("adapter.gather", "model.embed_tokens"), ("adapter.apply", "lm_head")} <= names, names
