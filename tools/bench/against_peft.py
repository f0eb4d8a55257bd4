#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adapters of the PEFT library, its own forward in torch against the same folder imported and compiled: one linear layer, f32, the same threads, runs in turn.

    against_peft.py --allot build/bin/allot --work DIR [--size 1024] [--rows 1,64] [--repeat 15] [--threads 2] [--only REGEX] [--evaluate auto]
Needs torch, peft, safetensors, numpy. Prints a line a form: milliseconds of both for each number of rows, and torch / allot (above 1: allot is faster). Results must agree within 1e-3 of the largest number."""

import argparse
import ctypes
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
import peft
import torch
from safetensors.torch import load_file, save_file

NAMES = {"target_modules": ["proj"]}


def configs(size):
    P = peft
    r = {"r": 16, **NAMES}
    yield "lora", lambda: P.LoraConfig(lora_alpha=32, **r)
    yield "rslora", lambda: P.LoraConfig(lora_alpha=32, use_rslora=True, **r)
    yield "dora", lambda: P.LoraConfig(lora_alpha=32, use_dora=True, **r)
    yield "adalora", lambda: P.AdaLoraConfig(init_r=16, target_r=16, total_step=10, **NAMES)
    yield "ia3", lambda: P.IA3Config(feedforward_modules=[], **NAMES)
    yield "loha", lambda: P.LoHaConfig(alpha=16, **{**r, "r": 8})
    yield "lokr", lambda: P.LoKrConfig(alpha=16, **r)
    yield "oft", lambda: P.OFTConfig(r=0, oft_block_size=32, **NAMES)
    yield "boft", lambda: P.BOFTConfig(boft_block_size=4, **NAMES)
    yield "vera", lambda: P.VeraConfig(**{**r, "r": 128})
    yield "pvera", lambda: P.PveraConfig(**{**r, "r": 128})
    yield "randlora", lambda: P.RandLoraConfig(**{**r, "r": 32})
    yield "hra", lambda: P.HRAConfig(**{**r, "r": 8})
    yield "fourierft", lambda: P.FourierFTConfig(n_frequency=1000, **NAMES)
    yield "waveft", lambda: P.WaveFTConfig(n_frequency=1024, **NAMES)
    yield "c3a", lambda: P.C3AConfig(block_size=64, **NAMES)
    yield "road", lambda: P.RoadConfig(variant="road_1", **NAMES)
    yield "miss", lambda: P.MissConfig(**r)
    yield "shira", lambda: P.ShiraConfig(**r)
    yield "vblora", lambda: P.VBLoRAConfig(num_vectors=64, vector_length=64, **{**r, "r": 4})
    yield "unilora", lambda: P.UniLoraConfig(**r)
    yield "gralora", lambda: P.GraloraConfig(**r)
    yield "hira", lambda: P.HiraConfig(**r)
    yield "delora", lambda: P.DeloraConfig(**r)
    yield "psoft", lambda: P.PsoftConfig(**r)
    yield "osf", lambda: P.OSFConfig(**NAMES)
    yield "glora", lambda: P.GloraConfig(**r)
    yield "tinylora", lambda: P.TinyLoraConfig(**{**r, "r": 2})
    yield "frod", lambda: P.FrodConfig(**NAMES)
    yield "beft", lambda: P.BeftConfig(**NAMES)
    yield "deft", lambda: P.DeftConfig(**r)
    yield "supertuning", lambda: P.SuperTuningConfig(**NAMES)


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.proj = torch.nn.Linear(size, size)

    def forward(self, x):
        return self.proj(x)


class Compiled:
    """A function x -> y of a compiled folder, by its C interface."""

    def __init__(self, folder):
        library = next(f for f in os.listdir(folder) if f.endswith(".so"))
        with open(os.path.join(folder, next(f for f in os.listdir(folder) if f.endswith(".h")))) as f:
            text = f.read()
        # The fields of the one entry, in order: pointers and sizes.
        struct = re.search(r"typedef struct (?:\w+ )?\{([^}]*)\} (\w+)_args;", text)
        fields = re.findall(r"(\w+) (\*?)(\w+)(?:\[(\d+)\])?;", re.sub(r"/\*.*?\*/|\bconst\b", "", struct[1], flags=re.S))
        self.entry, self.prefix = struct[2], re.search(r"(\w+)_close\(", text)[1]

        class Args(ctypes.Structure):
            _fields_ = [(name, ctypes.c_void_p if star else ctypes.c_int64 * int(count)) for _, star, name, count in fields]

        self.names = [name for _, star, name, _ in fields if star]
        self.ranks = {name: int(count) for _, _, name, count in fields if count}
        self.args = Args()
        self.lib = ctypes.CDLL(os.path.abspath(os.path.join(folder, library)))
        self.message = ctypes.create_string_buffer(512)
        opened = getattr(self.lib, self.prefix + "_open")
        opened.restype = ctypes.c_void_p
        self.program = ctypes.c_void_p(opened(None, self.message, 512))
        if not self.program:
            raise RuntimeError(self.message.value.decode())
        self.function, self.free = getattr(self.lib, self.entry), getattr(self.lib, self.entry + "_free")

    def set_threads(self, count):
        getattr(self.lib, self.prefix + "_set_threads")(self.program, ctypes.c_int(count))

    def prepare(self, x):
        shape = [1] * (self.ranks[self.names[0] + "_size"] - 2) + list(x.shape)
        setattr(self.args, self.names[0], x.ctypes.data)
        getattr(self.args, self.names[0] + "_size")[:] = shape
        self.shape = x.shape

    def run(self):
        if self.function(self.program, ctypes.byref(self.args), self.message, 512):
            raise RuntimeError(self.message.value.decode())

    def result(self):
        self.run()
        size = list(getattr(self.args, self.names[1] + "_size"))
        count = int(np.prod(size))
        y = np.ctypeslib.as_array(ctypes.cast(getattr(self.args, self.names[1]), ctypes.POINTER(ctypes.c_float)), (count,)).copy()
        self.free(ctypes.byref(self.args))
        return y.reshape(-1, size[-1])

    def timed(self):
        begun = time.perf_counter()
        self.run()
        seconds = time.perf_counter() - begun
        self.free(ctypes.byref(self.args))
        return seconds


def quiet(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")


def make(name, config, flags):
    torch.manual_seed(1)
    net = Net(flags.size)
    folder = os.path.join(flags.work, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    save_file({"proj.weight": net.proj.weight.data.clone(), "proj.bias": net.proj.bias.data.clone()}, os.path.join(folder, "base.safetensors"))
    model = peft.get_peft_model(net, config())
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.02 * torch.randn_like(parameter)
    model.save_pretrained(os.path.join(folder, "adapter"))
    # What the file holds is what is compared.
    net = Net(flags.size)
    net.load_state_dict(load_file(os.path.join(folder, "base.safetensors")))
    model = peft.PeftModel.from_pretrained(net, os.path.join(folder, "adapter")).eval()
    module, out = os.path.join(folder, "m.mlir"), os.path.join(folder, "p.allot")
    quiet([flags.allot, "import", os.path.join(folder, "base.safetensors"), "--adapter", os.path.join(folder, "adapter"), "-o", module])
    quiet([flags.allot, "compile", module, "-o", out, "--evaluate", flags.evaluate])
    return model, Compiled(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--allot", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rows", default="1,64")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=".")
    parser.add_argument("--evaluate", default="auto")
    flags = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(flags.threads)
    rows = [int(n) for n in flags.rows.split(",")]
    print("| form | " + " | ".join(f"n={n}: torch ms | allot ms | ratio" for n in rows) + " |")
    for name, config in configs(flags.size):
        if not re.search(flags.only, name):
            continue
        try:
            model, compiled = make(name, config, flags)
            compiled.set_threads(flags.threads)
            cells = []
            for n in rows:
                x = torch.randn(n, flags.size)
                given = np.ascontiguousarray(x.numpy())
                compiled.prepare(given)
                with torch.inference_mode():
                    want, got = model(x).numpy(), compiled.result()
                    error = np.abs(got - want).max() / max(1.0, np.abs(want).max())
                    if not error <= 1e-3:
                        raise RuntimeError(f"results differ by {error:.2g}")
                    theirs, ours = [], []

                    def torch_timed():
                        begun = time.perf_counter()
                        model(x)
                        return time.perf_counter() - begun

                    # In turns of several runs: threads of one that wait busily for more work would take time from the other.
                    for _ in range(3):
                        for samples, timed in (theirs, torch_timed), (ours, compiled.timed):
                            time.sleep(0.25)
                            timed(), timed()
                            samples += [timed() for _ in range(flags.repeat)]
                a, b = statistics.median(theirs), statistics.median(ours)
                cells.append(f"{1e3 * a:.3f} | {1e3 * b:.3f} | {a / b:.2f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        except Exception as error:  # A form that this version of the library lacks, or that is not imported.
            print(f"| {name} | {type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
