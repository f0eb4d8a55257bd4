# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the small models below and the adapters model_lora_keep_tied, model_lora_parameters anew, with the numbers
that transformers and PEFT compute for them. Needs torch, transformers, peft, safetensors.

    make.py FOLDER          (this one)
"""
import json
import os
import sys

import numpy
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import save_file

root = sys.argv[1]
none = dict(pad_token_id=None, bos_token_id=None, eos_token_id=None)
models = {
    "mistral_yarn": ("Mistral", torch.float32, dict(
        vocab_size=40, hidden_size=30, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, head_dim=12, sliding_window=6,
        max_position_embeddings=64, rope_parameters={"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16})),
    "qwen2_windows": ("Qwen2", torch.float32, dict(
        vocab_size=40, hidden_size=24, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, use_sliding_window=True, sliding_window=4,
        max_window_layers=1, max_position_embeddings=64, tie_word_embeddings=True, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0})),
    "qwen3_f16": ("Qwen3", torch.float16, dict(
        vocab_size=40, hidden_size=25, intermediate_size=36, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, head_dim=10, attention_bias=True,
        max_position_embeddings=64)),
    "smollm3_windows": ("SmolLM3", torch.float32, dict(
        vocab_size=40, hidden_size=24, intermediate_size=39, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, no_rope_layers=[1, 0, 1],
        use_sliding_window=True, sliding_window=5, mlp_bias=True, max_position_embeddings=64)),
    "phi3_partial": ("Phi3", torch.float32, dict(
        vocab_size=40, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, sliding_window=7,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75}, max_position_embeddings=64)),
    "olmo2_bias": ("Olmo2", torch.float32, dict(
        vocab_size=40, hidden_size=30, intermediate_size=41, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1, attention_bias=True,
        tie_word_embeddings=True, max_position_embeddings=64)),
    "gemma2_caps": ("Gemma2", torch.float32, dict(
        vocab_size=40, hidden_size=26, intermediate_size=35, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=10, query_pre_attn_scalar=7,
        sliding_window=4, attn_logit_softcapping=3.0, final_logit_softcapping=40.0, max_position_embeddings=64)),
    "gemma3_angles": ("Gemma3", torch.float32, dict(
        vocab_size=40, hidden_size=26, intermediate_size=33, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=10, query_pre_attn_scalar=13,
        sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"], max_position_embeddings=64,
        rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 50000.0, "factor": 4.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}})),
    "granite_multipliers": ("Granite", torch.float32, dict(
        vocab_size=40, hidden_size=24, intermediate_size=35, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, embedding_multiplier=3.0, residual_multiplier=0.6,
        attention_multiplier=0.3, logits_scaling=1.7, mlp_bias=True, tie_word_embeddings=True, max_position_embeddings=64)),
    # Latent attention over the stream itself, stretched; no layer is routed.
    "deepseek_v2_yarn": ("DeepseekV2", torch.float32, dict(
        vocab_size=40, hidden_size=27, intermediate_size=37, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3, q_lora_rank=None, kv_lora_rank=10, qk_nope_head_dim=8,
        qk_rope_head_dim=6, v_head_dim=9, first_k_dense_replace=2, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=8, max_position_embeddings=64,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.7, "mscale_all_dim": 0.9})),
    # Values are larger than keys, biases.
    "deepseek_v3_wide": ("DeepseekV3", torch.float32, dict(
        vocab_size=40, hidden_size=26, intermediate_size=33, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=9, kv_lora_rank=10, qk_nope_head_dim=5,
        qk_rope_head_dim=4, v_head_dim=12, first_k_dense_replace=2, n_routed_experts=4, n_group=2, topk_group=1, num_experts_per_tok=2, moe_intermediate_size=8,
        attention_bias=True, tie_word_embeddings=True, max_position_embeddings=64)),
    "deepseek_v3_halves": ("DeepseekV3", torch.float32, dict(
        vocab_size=40, hidden_size=24, intermediate_size=31, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=None, kv_lora_rank=8, qk_nope_head_dim=6,
        qk_rope_head_dim=6, v_head_dim=6, first_k_dense_replace=1, n_routed_experts=4, n_group=2, topk_group=1, num_experts_per_tok=2, moe_intermediate_size=8,
        rope_interleave=False, max_position_embeddings=64)),
    # Two attentions a layer, biases, one expert of three gives its input.
    "longcat_bias": ("LongcatFlash", torch.float32, dict(
        vocab_size=40, hidden_size=26, ffn_hidden_size=33, num_layers=2, num_attention_heads=2, q_lora_rank=9, kv_lora_rank=10, qk_nope_head_dim=5, qk_rope_head_dim=4, v_head_dim=12,
        head_dim=4, n_routed_experts=2, zero_expert_num=1, moe_topk=2, expert_ffn_hidden_size=7, routed_scaling_factor=0.7, attention_bias=True, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0}, max_position_embeddings=64)),
    # Routed attention; the epsilon of the last norm is not that of the others.
    "jetmoe_three": ("JetMoe", torch.float32, dict(
        vocab_size=40, hidden_size=24, intermediate_size=9, num_hidden_layers=2, num_key_value_heads=1, kv_channels=10, num_local_experts=4, num_experts_per_tok=3, rms_norm_eps=0.3,
        tie_word_embeddings=False, max_position_embeddings=64)),
    # Longer convolutions, windows, biases.
    "zaya_windows": ("Zaya", torch.float32, dict(
        vocab_size=40, hidden_size=24, moe_intermediate_size=9, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, head_dim=8, num_experts=3, router_hidden_size=10,
        cca_time0=3, cca_time1=4, attention_bias=True, lm_head_bias=True, tie_word_embeddings=False, sliding_window=5, layer_types=["hybrid", "hybrid_sliding", "hybrid"],
        rope_parameters={"hybrid": {"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.75},
                         "hybrid_sliding": {"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 0.75}}, max_position_embeddings=64)),
}


def fill(module, seed):
    """Random parameters of sizes that make every part matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.requires_grad:
                noise = torch.randn(p.shape, generator=generator)
                p.copy_(1 + 0.3 * noise if "norm" in name or "scale" in name else 0.2 * noise if p.dim() == 1 else noise * (1 if "embed" in name else 0.8 / p.shape[-1] ** 0.5))
        for name, p in module.named_buffers():
            if name.endswith(("e_score_correction_bias", "balancing_biases")):
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))


def numbers(model, length, seed):
    ids = torch.randint(0, model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(seed))
    hidden = {}
    hooks = [layer.register_forward_pre_hook(lambda m, args, i=i: hidden.__setitem__(f"hidden_states.{i}", args[0]) or None) for i, layer in enumerate(model.model.layers)]
    hooks.append(model.model.norm.register_forward_pre_hook(lambda m, args: hidden.__setitem__(f"hidden_states.{len(model.model.layers)}", args[0]) or None))
    hooks.append(model.model.norm.register_forward_hook(lambda m, args, out: hidden.__setitem__("last_hidden_state", out) or None))
    with torch.no_grad():
        hidden["logits"] = model(ids, use_cache=False).logits
        for hook in hooks:
            hook.remove()
        whole, margin = ids, 1e9
        for _ in range(12):
            top = model(whole, use_cache=False).logits[0, -1].topk(2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            whole = torch.cat([whole, top.indices[None, :1]], 1)
    assert margin > 5e-3, f"two tokens are too close: {margin}"
    result = {k: v.numpy().astype(numpy.float32) for k, v in hidden.items()}
    result.update(input_ids=ids.numpy(), greedy=whole[0, length:].numpy())
    return result


def load(kind, folder):
    return getattr(transformers, kind + "ForCausalLM").from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()


for number, (name, (kind, dtype, options)) in enumerate(models.items()):
    config = getattr(transformers, "Gemma3TextConfig" if kind == "Gemma3" else kind + "Config")
    model = getattr(transformers, kind + "ForCausalLM")(config(**none, **options))
    fill(model, number + 10)
    model.tie_weights()
    folder = os.path.join(root, "models", name)
    model.to(dtype).save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    model = load(kind, folder)
    save_file({f"{part}.{k}": v for part, length in (("a", 17), ("b", 5)) for k, v in numbers(model, length, number).items()}, os.path.join(folder, "io.safetensors"))

# Models that are no decoders of the table of families, with entries of their own: what goes in, what comes out, and the numbers between.
others = {
    "gpt2_scaled": ("GPT2LMHeadModel", dict(vocab_size=40, n_embd=20, n_head=5, n_layer=2, n_inner=33, n_positions=40, scale_attn_by_inverse_layer_idx=True,
                                            activation_function="relu", tie_word_embeddings=False)),
    "bert_masks": ("BertForMaskedLM", dict(vocab_size=40, hidden_size=24, num_attention_heads=3, intermediate_size=35, num_hidden_layers=2, type_vocab_size=3,
                                           max_position_embeddings=40, hidden_act="relu", layer_norm_eps=1e-5)),
    "vit_patches": ("ViTForImageClassification", dict(image_size=[14, 19], patch_size=4, num_channels=1, qkv_bias=False, num_labels=3, hidden_size=24, num_attention_heads=4,
                                                      intermediate_size=30, num_hidden_layers=2)),
    "t5_plain": ("T5ForConditionalGeneration", dict(vocab_size=40, d_model=20, d_kv=6, d_ff=31, num_heads=3, num_layers=1, num_decoder_layers=2, feed_forward_proj="relu",
                                                    relative_attention_num_buckets=12, relative_attention_max_distance=20, decoder_start_token_id=3)),
    "switch_capacity": ("SwitchTransformersForConditionalGeneration", dict(
        vocab_size=40, d_model=20, d_kv=6, d_ff=11, num_heads=3, num_layers=2, num_decoder_layers=2, num_sparse_encoder_layers=1, num_sparse_decoder_layers=2, num_experts=3, expert_capacity=2,
        router_bias=True, dense_act_fn="gelu_new", relative_attention_num_buckets=12, relative_attention_max_distance=20, decoder_start_token_id=3, tie_word_embeddings=False)),
}

def seen(model, stacks, call):
    """What `call` gives, and the streams that enter and leave the layers of `stacks`: {name: layers}."""
    found, hooks = {}, []
    for name, layers in stacks.items():
        for i, layer in enumerate(layers):
            hooks.append(layer.register_forward_pre_hook(
                lambda m, args, kwargs, n=f"{name}.{i}": found.__setitem__(n, args[0] if args else kwargs["hidden_states"]) or None, with_kwargs=True))
        hooks.append(layers[-1].register_forward_hook(
            lambda m, args, out, n=f"{name}.{len(layers)}": found.__setitem__(n, out[0] if isinstance(out, tuple) else out) or None))
    with torch.no_grad():
        out = call()
    for hook in hooks:
        hook.remove()
    return out, found


def others_numbers(model, length, seed, masked):
    generator = torch.Generator().manual_seed(seed)
    kind, rows = type(model).__name__, 2 if masked else 1
    draw = lambda n, low=0: torch.randint(low, model.config.vocab_size, (rows, n), generator=generator)
    mask = torch.ones(rows, length, dtype=torch.long)
    if masked:  # on the left, on the right, in between
        mask[0, :2] = mask[0, 6] = mask[1, length // 2:] = 0
    result, found = {}, {}
    if kind == "ViTForImageClassification":
        ins = dict(pixel_values=torch.randn(rows, model.config.num_channels, *model.config.image_size, generator=generator))
        out, found = seen(model, {"hidden_states": model.vit.layers if hasattr(model.vit, "layers") else model.vit.encoder.layer}, lambda: model(**ins))
        result["logits"] = out.logits
    elif kind == "BertForMaskedLM":
        ins = dict(input_ids=draw(length), token_type_ids=torch.randint(0, 3, (rows, length), generator=generator), attention_mask=mask)
        out, found = seen(model, {"hidden_states": model.bert.encoder.layer}, lambda: model.bert(**ins))
        result["last_hidden_state"] = out.last_hidden_state
    elif kind.endswith("ForConditionalGeneration"):
        ins = dict(input_ids=draw(length), attention_mask=mask, decoder_input_ids=draw(length // 2 + 2))
        out, found = seen(model, {"enc_hidden_states": model.encoder.block, "dec_hidden_states": model.decoder.block}, lambda: model(**ins, use_cache=False))
        result.update(logits=out.logits, encoder_last_hidden_state=out.encoder_last_hidden_state)
    else:
        ins = dict(input_ids=draw(length))
        out, found = seen(model, {"hidden_states": model.transformer.h}, lambda: model(**ins, use_cache=False))
        result["logits"] = out.logits
    if "logits" in result and kind != "ViTForImageClassification" and not masked:
        whole = torch.tensor([[model.config.decoder_start_token_id]]) if "decoder_input_ids" in ins else ins["input_ids"]
        # With a cache every token is the first of its step, which counts where experts are full.
        cached = None
        if kind.startswith("Switch"):
            with torch.no_grad():
                cached = dict(past_key_values=None, encoder_outputs=model.encoder(input_ids=ins["input_ids"]))
        for _ in range(12):
            if cached is not None:
                with torch.no_grad():
                    out = model(decoder_input_ids=whole[:, -1:], use_cache=True, **cached)
                cached["past_key_values"] = out.past_key_values
                top = out.logits[0, -1].topk(2)
                assert float(top.values[0] - top.values[1]) > 5e-3, "two tokens are too close"
                whole = torch.cat([whole, top.indices[None, :1]], 1)
                continue
            call = dict(input_ids=ins["input_ids"], decoder_input_ids=whole) if "decoder_input_ids" in ins else dict(input_ids=whole)
            with torch.no_grad():
                top = model(**call, use_cache=False).logits[0, -1].topk(2)
            assert float(top.values[0] - top.values[1]) > 5e-3, "two tokens are too close"
            whole = torch.cat([whole, top.indices[None, :1]], 1)
        result["greedy"] = whole[0, -12:]
    if not masked:
        ins.pop("attention_mask", None)
    return {k: v.numpy() for k, v in {**ins, **result, **found}.items()}


def make_other(number, kind, options, folder, seed):
    config = getattr(transformers, kind.replace("LMHeadModel", "").replace("ForMaskedLM", "").replace("ForImageClassification", "").replace("ForConditionalGeneration", "") + "Config")
    model = getattr(transformers, kind)(config(**(none if kind == "GPT2LMHeadModel" else {}), **options))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.3 * noise if p.dim() == 1 and key.endswith("weight") else 0.2 * noise if p.dim() == 1 else noise * 1.2 / p.shape[-1] ** 0.5)
    model.tie_weights()
    model.save_pretrained(folder)
    if os.path.exists(os.path.join(folder, "generation_config.json")):
        os.remove(os.path.join(folder, "generation_config.json"))
    model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager").eval()
    parts = [("a", 17, False), ("b", 5, False)] + ([("pad", 11, True)] if kind.endswith(("ForMaskedLM", "ForConditionalGeneration")) else [])
    save_file({f"{part}.{k}": numpy.ascontiguousarray(v) for part, length, masked in parts for k, v in others_numbers(model, length, number, masked).items()},
              os.path.join(folder, "io.safetensors"))


for number, (name, (kind, options)) in enumerate(others.items()):
    folder = os.path.join(root, "models", name)
    for seed in range(30, 90):  # the first one that makes no two tokens nearly as probable as each other
        try:
            make_other(number, kind, options, folder, seed)
            break
        except AssertionError:
            continue
    if kind == "BertForMaskedLM":  # the older spelling
        from safetensors.numpy import load_file
        weights = load_file(os.path.join(folder, "model.safetensors"))
        save_file({k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in weights.items()},
                  os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

# Adapters on some of them, beside their files.
for name, kind, targets in [("gpt2_scaled", "GPT2LMHeadModel", ["c_attn", "c_fc"]), ("t5_plain", "T5ForConditionalGeneration", ["q", "v", "wo"])]:
    folder = os.path.join(root, "models", name)
    model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager").eval()
    live = get_peft_model(model, LoraConfig(r=2, lora_alpha=5, target_modules=targets, fan_in_fan_out=kind == "GPT2LMHeadModel"))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, p in live.named_parameters():
            if "lora_" in key:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    live.save_pretrained(os.path.join(folder, "adapter"))
    if os.path.exists(os.path.join(folder, "adapter", "README.md")):
        os.remove(os.path.join(folder, "adapter", "README.md"))
    path = os.path.join(folder, "adapter", "adapter_config.json")
    with open(path) as f:  # no path of this machine
        text = f.read().replace(json.dumps(folder), "null")
    with open(path, "w") as f:
        f.write(text)
    ins = {k: torch.randint(0, 40, (2, n), generator=generator) for k, n in (("input_ids", 9), ("decoder_input_ids", 4)) if k == "input_ids" or kind != "GPT2LMHeadModel"}
    with torch.no_grad():
        logits = live(**ins).logits
    save_file({k: v.numpy() for k, v in ins.items()}, os.path.join(folder, "adapter", "inputs.safetensors"))
    save_file({"logits": numpy.ascontiguousarray(logits.numpy())}, os.path.join(folder, "adapter", "logits.safetensors"))

with open(os.path.join(root, "peft", "index.json")) as f:
    bases = json.load(f)["bases"]
for number, (name, base, options) in enumerate([
        ("model_lora_keep_tied", "llama_tied", dict(target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True)),
        ("model_lora_parameters", "llama", dict(target_modules=["v_proj"], target_parameters=["q_proj.weight"], alpha_pattern={"q_proj": 99, "q_proj.weight": 3}))]):
    config = transformers.LlamaConfig(rms_norm_eps=1e-6, **none, **bases[base]["config"])

    def frozen():
        from safetensors.torch import load_file
        model = transformers.LlamaForCausalLM(config)
        model.load_state_dict(load_file(os.path.join(root, "peft", bases[base]["file"])), strict=False)
        model.tie_weights()
        return model.eval()
    live = get_peft_model(frozen(), LoraConfig(r=2, lora_alpha=5, **options))
    fill(live, number)
    folder = os.path.join(root, "peft", name)
    live.save_pretrained(folder)
    if os.path.exists(os.path.join(folder, "README.md")):
        os.remove(os.path.join(folder, "README.md"))
    ids = torch.randint(0, config.vocab_size, (2, 9), generator=torch.Generator().manual_seed(number))
    with torch.no_grad():
        logits = PeftModel.from_pretrained(frozen(), folder).eval()(input_ids=ids).logits
    save_file({"input_ids": ids.numpy(), "logits": logits.numpy()}, os.path.join(folder, "io.safetensors"))
