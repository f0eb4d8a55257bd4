# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Peaks of anonymous memory (RssAnon) of import, plan and apply.

    memory.py --allot build/bin/allot --work FOLDER [--limit MIB]

The checkpoints are made here: 4 and 48 layers of small matrices (the peak must not grow with the depth beyond the text of the module), and 2 layers of matrices that together
are larger than the limit, so that a command which holds the weights cannot pass. Each command runs under RLIMIT_DATA and is sampled while it runs.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import time

MIB = 1 << 20


def write(path, tensors):
    """Tensors name -> (dtype, shape), with numbers like those of a trained matrix in f16 (a repeated piece), and ones in f32."""
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        count = 1
        for n in shape:
            count *= n
        size = count * (2 if dtype == "F16" else 4)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    state, numbers = 1, []
    for _ in range(16381):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        numbers.append((state / 0x7FFFFFFF - 0.5) * 0.1)
    pieces = {"F16": struct.pack(f"<{len(numbers)}e", *numbers), "F32": struct.pack("<f", 1.0) * 16384}
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, (dtype, _) in tensors.items():
            begin, end = header[name]["data_offsets"]
            piece, left = pieces[dtype], end - begin
            while left > 0:
                f.write(piece[:left])
                left -= len(piece)


def checkpoint(folder, layers, hidden, inner, vocab):
    os.makedirs(folder)
    heads = max(1, hidden // 64)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
                   "num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": vocab, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
                   "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": True}, f)
    shapes = {"self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, hidden), "self_attn.v_proj": (hidden, hidden), "self_attn.o_proj": (hidden, hidden),
              "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner)}
    sites = {"model.embed_tokens": (vocab, hidden)}
    tensors = {"model.embed_tokens.weight": ("F16", [vocab, hidden]), "model.norm.weight": ("F32", [hidden])}
    for i in range(layers):
        for name, shape in shapes.items():
            sites[f"model.layers.{i}.{name}"] = shape
            tensors[f"model.layers.{i}.{name}.weight"] = ("F16", list(shape))
        for name in "input_layernorm", "post_attention_layernorm":
            tensors[f"model.layers.{i}.{name}.weight"] = ("F32", [hidden])
    write(os.path.join(folder, "model.safetensors"), tensors)
    statistics = {}
    for site, (_, columns) in sites.items():
        statistics[site + ".input_second_moment"] = ("F32", [columns])
        statistics[site + ".sensitivity"] = ("F32", [1, 2])
    write(os.path.join(folder, "stats.safetensors"), statistics)
    return sum(r * c for r, c in sites.values())


def peak(argv, limit):
    """Runs a command, returns the most anonymous memory that it had, in bytes."""
    set_limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=set_limit)
    most = samples = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as f:
                for line in f:
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]) * 1024)
                        samples += 1
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.002)
    message = process.stderr.read().decode(errors="replace")
    if process.returncode:
        sys.exit(f"{' '.join(argv)}: {process.returncode}: {message}")
    if not samples:
        sys.exit("no sample: the command was too fast to be measured")
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--allot", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--limit", type=int, default=400)
    options = parser.parse_args()
    limit, wrong, peaks = options.limit * MIB, 0, {}
    shutil.rmtree(options.work, ignore_errors=True)
    for name, sizes in {"shallow": (4, 64, 128, 512), "deep": (48, 64, 128, 512), "large": (2, 1024, 6144, 65536)}.items():
        folder = os.path.join(options.work, name)
        weights = checkpoint(folder, *sizes)
        at = lambda file: os.path.join(folder, file)
        commands = {
            "import": ["import", folder, "-o", at("m.mlir")],
            "plan": ["plan", at("m.mlir"), "--stats", at("stats.safetensors"), "--formats", "int8g64,int4g64", "--encoder", "nearest", "--budget", "6bpw", "-o", at("p.mlir")],
            "apply": ["apply", at("m.mlir"), "--plan", at("p.mlir"), "-o", at("a.mlir"), "--archive", at("w.safetensors")],
        }
        for command, argv in commands.items():
            peaks[name, command] = most = peak([options.allot, *argv], limit)
            print(f"{name} {command}: {most / MIB:.1f} MiB anonymous, {weights} weights ({4 * weights / MIB:.0f} MiB as f32)")
            if most > limit:
                print(f"WRONG: more than {options.limit} MiB")
                wrong += 1
        shutil.rmtree(folder)
    for command in "import", "plan", "apply":
        more = peaks["deep", command] - peaks["shallow", command]
        print(f"{command}: {more / MIB / 44:.3f} MiB more for each further layer")
        # A layer's lines of text and its operations; its weights, as f32, are 0.16 MiB.
        if more > 44 * 0.1 * MIB + 8 * MIB:
            print("WRONG: it grows with the depth")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
