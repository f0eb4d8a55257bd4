# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the seeds of the fuzzing harnesses (seeds.py CORPUS): small files with everything that the parsers know, well-formed and broken.

What the harnesses have found since is kept beside them, as found-*. The models are two layers of 4 x 8 heads, too small to be of any other use.
"""

import json
import os
import struct
import sys

SIZE = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1, "F64": 8, "F8_E4M3": 1}


def safetensors(tensors, metadata=None, pad=0):
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape) in tensors.items():
        count = 1
        for n in shape:
            count *= n
        size = count * SIZE[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += bytes(i * 7 % 120 for i in range(size))
    text = json.dumps(header, separators=(",", ":")).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def raw(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
CODE = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
BLOCK = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 12: (256, 144), 14: (256, 210), 30: (1, 2)}


def string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def scalar(kind, value):
    return string(value) if kind == STRING else struct.pack("<" + CODE[kind], value)


def gguf(values, tensors, version=3, alignment=32, counts=None):
    n = counts or (len(tensors), len(values))
    out = b"GGUF" + struct.pack("<IQQ", version, *n)
    for key, kind, value in values:
        out += string(key) + struct.pack("<I", kind)
        if kind == ARRAY:
            element, items = value
            out += struct.pack("<IQ", element, len(items)) + b"".join(scalar(element, v) for v in items)
        else:
            out += scalar(kind, value)
    offset, data = 0, b""
    for name, kind, shape in tensors:
        elements = 1
        for s in shape:
            elements *= s
        size = elements // BLOCK[kind][0] * BLOCK[kind][1]
        out += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, offset)
        data += bytes(i * 5 % 100 for i in range(size))
        data += b"\0" * (-len(data) % alignment)
        offset = len(data)
    return out + b"\0" * (-len(out) % alignment) + data


def decoder(heads=2, dim=4, layers=1, vocab=6, hidden=8, inner=12, tied=False, bias=False, norms=False):
    t = {"model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden]}
    for i in range(layers):
        p = f"model.layers.{i}."
        for name, out in (("q", heads * dim), ("k", dim), ("v", dim)):
            t[p + f"self_attn.{name}_proj.weight"] = [out, hidden]
            if bias:
                t[p + f"self_attn.{name}_proj.bias"] = [out]
            if norms and name != "v":
                t[p + f"self_attn.{name}_norm.weight"] = [dim]
        t[p + "self_attn.o_proj.weight"] = [hidden, heads * dim]
        for name in "gate", "up":
            t[p + f"mlp.{name}_proj.weight"] = [inner, hidden]
        t[p + "mlp.down_proj.weight"] = [hidden, inner]
        for name in "input", "post_attention":
            t[p + f"{name}_layernorm.weight"] = [hidden]
    if not tied:
        t["lm_head.weight"] = [vocab, hidden]
    return t


def config(**more):
    return {"model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
            "vocab_size": 6, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
            "attention_bias": False, "mlp_bias": False, "torch_dtype": "float16", "architectures": ["LlamaForCausalLM"], **more}


CONFIGS = {
    "llama": config(),
    "llama3": config(rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "linear": config(rope_scaling={"type": "linear", "factor": 2}),
    "rope-parameters": config(rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
    "yarn": config(rope_scaling={"rope_type": "yarn", "factor": 4.0}),
    "mistral": config(model_type="mistral", sliding_window=16),
    "qwen2": config(model_type="qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=0, tie_word_embeddings=True,
                    layer_types=["sliding_attention"]),
    "qwen3": config(model_type="qwen3", layer_types=["full_attention"]),
    "large": config(num_hidden_layers=2**31, hidden_size=2**40, head_dim=None),
    "fraction": config(num_attention_heads=2.5, rms_norm_eps="small"),
    "negative": config(num_attention_heads=-2, vocab_size=1e300),
}

LORA = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "lora_dropout": 0.1, "bias": "none", "base_model_name_or_path": "x/y", "inference_mode": True,
        "target_modules": ["q_proj", "v_proj"], "modules_to_save": None, "use_rslora": False, "fan_in_fan_out": False, "init_lora_weights": True}
ADAPTERS = {
    "plain": LORA,
    "all": {**LORA, "target_modules": "all-linear", "exclude_modules": ["lm_head"], "bias": "all", "lora_bias": True},
    "regex": {**LORA, "target_modules": r".*\.(?:self_attn\.[qv]_proj|mlp\.(down|up)_proj)$", "exclude_modules": r".*\.1\..*"},
    "layers": {**LORA, "layers_to_transform": [0, 10], "layers_pattern": ["layers", "h"], "use_rslora": True},
    "patterns": {**LORA, "rank_pattern": {r"q_proj": 4, r"layers\.[0-9]{1,2}\..*v_proj": 8}, "alpha_pattern": {"^model.*down_proj$": 3.5, "q_proj|v_proj": 16}},
    "saved": {**LORA, "modules_to_save": ["lm_head", "embed_tokens"], "bias": "lora_only"},
    "parameters": {**LORA, "target_modules": [], "target_parameters": ["self_attn.q_proj.weight"]},
    "backtrack": {**LORA, "target_modules": r"(a*)*(a|aa)+b"},
    "back-reference": {**LORA, "target_modules": r"(.*)\.\1(?=x)(?!y)[[:alpha:]]\b"},
    "counts": {**LORA, "target_modules": "(a{3,9}){2}|[^.]{1,30}"},
    "escapes": {**LORA, "rank_pattern": {"q\\u005fproj\\\\": 4}, "target_modules": "\\x41\\cA\\d\\W[\\s-z]"},
    "unknown": {**LORA, "peft_type": "IA3"},
    "dora": {**LORA, "use_dora": True},
}


def lora_weights(dtype="F32", rank=2):
    t = {}
    for m in "q_proj", "v_proj":
        p = f"base_model.model.model.layers.0.self_attn.{m}.lora_"
        t[p + "A.weight"] = (dtype, [rank, 8])
        t[p + "B.weight"] = (dtype, [8 if m == "q_proj" else 4, rank])
    return t


def weights(dtype="F16", **options):
    return {name: (dtype if len(shape) == 2 else "F32", shape) for name, shape in decoder(**options).items()}


def gguf_model(architecture="llama", kind=1, **options):
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
             "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_norm": "attn_q_norm",
             "self_attn.k_norm": "attn_k_norm"}
    tensors = []
    for name, shape in decoder(**options).items():
        module, last = name.rsplit(".", 1)
        if module in names:
            module = names[module]
        else:
            _, _, layer, part = module.split(".", 3)
            module = f"blk.{layer}.{parts[part]}"
        tensors.append((f"{module}.{last}", kind if len(shape) == 2 else 0, shape))
    a = architecture
    values = [("general.architecture", STRING, a), ("general.name", STRING, "seed"), (f"{a}.block_count", U32, 1), (f"{a}.context_length", U32, 64),
              (f"{a}.embedding_length", U32, options.get("hidden", 8)), (f"{a}.feed_forward_length", U32, options.get("inner", 12)), (f"{a}.attention.head_count", U32, 2),
              (f"{a}.attention.head_count_kv", U32, 1), (f"{a}.attention.layer_norm_rms_epsilon", F32, 1e-5), (f"{a}.rope.freq_base", F32, 10000.0),
              (f"{a}.rope.dimension_count", U32, options.get("dim", 4)), (f"{a}.attention.key_length", U32, options.get("dim", 4)), (f"{a}.vocab_size", U32, 6),
              ("tokenizer.ggml.tokens", ARRAY, (STRING, ["a", "b", "", "<s>", "d", "e"]))]
    return gguf(values, tensors)


def checkpoint(**files):
    out = b""
    for name, content in files.items():
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        name = {"config": "config.json", "model": "model.safetensors", "index": "model.safetensors.index.json", "one": "model-1.safetensors", "two": "model-2.safetensors",
                "gguf": "model.gguf", "bare": "bare.safetensors", "modules": "modules.json", "adapter": "adapter/adapter_config.json",
                "factors": "adapter/adapter_model.safetensors"}[name]
        out += b"\n=== " + name.encode() + b"\n" + content
    return out[1:]


def main(corpus):
    def put(harness, name, content):
        os.makedirs(os.path.join(corpus, harness), exist_ok=True)
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        with open(os.path.join(corpus, harness, name), "wb") as f:
            f.write(content)

    every = {f"t.{d}": (d, [2, 3]) for d in SIZE}
    st = {"every-type": safetensors(every, {"format": "pt", "k": "v"}), "empty": raw({}), "scalar": safetensors({"weight": ("F32", [])}),
          "no-elements": safetensors({"a": ("F32", [0, 4]), "b": ("I64", [0])}), "padded": safetensors({"weight": ("BF16", [4])}, pad=13),
          "hole": raw({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, b"ab"),
          "overlap": raw({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}, b"abc"),
          "beyond": raw({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"abc"),
          "overflow": raw({"a": {"dtype": "F64", "shape": [2**61, 8], "data_offsets": [0, 0]}}),
          "backwards": raw({"a": {"dtype": "U8", "shape": [2], "data_offsets": [2, 0]}}, b"ab"),
          "types": raw({"a": {"dtype": 3, "shape": "x", "data_offsets": [0.5, -1]}, "b": []}), "twice": raw(b'{"a":1,"a":2}'), "deep": raw(b'{"a":' * 70 + b"1" + b"}" * 70),
          "escaped": raw(b'{"\\u0061\\ud83d\\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"), "long": struct.pack("<Q", 2**63 + 5) + b"{}",
          "utf8": raw(b'{"\xff\xfe":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x")}
    for name, content in st.items():
        put("FuzzSafetensors", name, content)

    scalars = [("general.architecture", STRING, "llama"), ("general.alignment", U32, 64)]
    scalars += [(f"s{k}", k, 1.5 if k in (F32, F64) else 1) for k in CODE]
    scalars += [(f"a{k}", ARRAY, (k, [1, 0])) for k in CODE] + [("as", ARRAY, (STRING, ["", "x"])), ("ae", ARRAY, (I32, []))]
    blocks = [(f"t{k}", k, [2, 256]) for k in BLOCK]
    gg = {"every-value": gguf(scalars, [("t", 0, [2])], alignment=64), "every-type": gguf([], blocks), "version-2": gguf(scalars[:1], [("t", 1, [3])], version=2),
          "version-1": gguf([], [], version=1), "empty": gguf([], []), "counts": gguf([], [], counts=(2**40, 2**62)),
          "nested": gguf([], [], counts=(0, 1)) + string("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + struct.pack("<IQ", U8, 1) + b"x",
          "long-string": gguf([], [], counts=(0, 1)) + struct.pack("<Q", 2**63) + b"k",
          "long-array": gguf([], [], counts=(0, 1)) + string("k") + struct.pack("<IIQ", ARRAY, U64, 2**61) + b"x" * 8,
          "rank": gguf([], [], counts=(1, 0)) + string("t") + struct.pack("<I", 2**31),
          "overflow": gguf([], [], counts=(1, 0)) + string("t") + struct.pack("<IQQIQ", 2, 2**40, 2**40, 0, 0),
          "alignment": gguf([("general.alignment", U32, 3)], [("t", 0, [2])]), "kind": gguf([], [("t", 0, [2])]).replace(b"\x02\0\0\0\0\0\0\0\0\0\0\0", b"\x02\0\0\0\0\0\0\0\x63\0\0\0", 1)}
    for a in "llama", "qwen2", "qwen3", "mistral3":
        gg[f"model-{a}"] = gguf_model(a, norms=a == "qwen3", bias=a == "qwen2")
    for name, content in gg.items():
        put("FuzzGGUF", name, content)

    for name, content in CONFIGS.items():
        put("FuzzConfig", name, content)
    for name, text in {"not-json": b'{"a": tru', "twice": b'{"a": 1, "a": 2}', "deep": b"[" * 70, "numbers": b"[1e999, -0, 18446744073709551616, 1e-999, 0.1, -9223372036854775808]",
                       "strings": b'["\\u0000\\ud800", "\\udfff\\n", "\x80\xff", ""]', "bom": b'\xef\xbb\xbf{"a": null}'}.items():
        put("FuzzConfig", name, text)
    for name, content in ADAPTERS.items():
        put("FuzzAdapterConfig", name, content)

    whole = safetensors(weights())
    folder = dict(config=CONFIGS["llama"], model=whole)
    put("FuzzImport", "folder", checkpoint(**folder))
    put("FuzzImport", "folder-qwen2", checkpoint(config=CONFIGS["qwen2"], model=safetensors(weights("BF16", tied=True, bias=True))))
    put("FuzzImport", "folder-qwen3", checkpoint(config=CONFIGS["qwen3"], model=safetensors(weights("F32", norms=True))))
    put("FuzzImport", "folder-lora", checkpoint(**folder, adapter=LORA, factors=safetensors(lora_weights())))
    put("FuzzImport", "folder-ranks", checkpoint(**folder, adapter=ADAPTERS["patterns"], factors=safetensors(lora_weights("F16", 4))))
    names = list(weights())
    half = {n: t for n, t in weights().items() if names.index(n) < 5}
    rest = {n: t for n, t in weights().items() if n not in half}
    index = {"metadata": {"total_size": 1}, "weight_map": {n: f"model-{1 if n in half else 2}.safetensors" for n in names}}
    put("FuzzImport", "shards", checkpoint(config=CONFIGS["llama"], index=index, one=safetensors(half), two=safetensors(rest)))
    index["weight_map"]["lm_head.weight"] = "../../etc/passwd"
    put("FuzzImport", "shards-escape", checkpoint(config=CONFIGS["llama"], index=index, one=safetensors(half), two=safetensors(rest)))
    put("FuzzImport", "gguf", checkpoint(gguf=gguf_model()))
    put("FuzzImport", "gguf-blocks", checkpoint(gguf=gguf_model(kind=8, hidden=32, inner=32, dim=16)))
    put("FuzzImport", "gguf-lora", checkpoint(gguf=gguf_model(), adapter=LORA, factors=safetensors(lora_weights())))
    bare = {"fc.weight": ("F32", [4, 8]), "fc.bias": ("F32", [4]), "conv.weight": ("F16", [8, 4]), "wte.weight": ("F32", [6, 8]), "ln.weight": ("F32", [8]), "ln.bias": ("F32", [8])}
    modules = {"modules": {"fc": {"kind": "linear", "in": 8, "out": 4, "bias": True}, "conv": {"kind": "conv1d", "in": 8, "out": 4}, "wte": {"kind": "embedding", "rows": 6, "dim": 8},
                           "head": {"kind": "linear", "in": 8, "out": 6}, "ln": {"kind": "layernorm", "dim": 8, "eps": 1e-5}, "e": {"kind": "experts", "n": 2}},
               "tied": {"head.weight": "wte.weight"}}
    factors = {f"base_model.model.{m}.lora_{x}.weight": ("F32", [2, 8] if x == "A" else [4, 2]) for m in ("fc", "conv") for x in "AB"}
    fc = {**LORA, "target_modules": ["fc", "conv"], "fan_in_fan_out": True}
    put("FuzzImport", "bare", checkpoint(bare=safetensors(bare)))
    put("FuzzImport", "bare-modules", checkpoint(bare=safetensors(bare), modules=modules))
    put("FuzzImport", "bare-lora", checkpoint(bare=safetensors(bare), modules=modules, adapter=fc, factors=safetensors(factors)))
    embedding = {"base_model.model.wte.lora_embedding_A": ("F32", [2, 6]), "base_model.model.wte.lora_embedding_B": ("F32", [8, 2])}
    put("FuzzImport", "bare-embedding", checkpoint(bare=safetensors(bare), modules=modules, adapter={**LORA, "target_modules": ["wte"]}, factors=safetensors(embedding)))


if __name__ == "__main__":
    main(sys.argv[1])
