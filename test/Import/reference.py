#!/usr/bin/env python3
# ===- reference.py - outside references, through the commands ------------=== #
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Imports and runs the small models and adapters under Inputs and compares with
what the transformers and PEFT libraries computed for them.

    reference.py ALLOT [-k REGEX] [--reference] [--evaluate factored|merged|auto]

Needs nothing but Python. Closes with one line `N passed, N failed`.
"""
import argparse
import glob
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs")
CODES = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "I16": "h",
         "I8": "b", "U8": "B", "BOOL": "?"}


class Failed(Exception):
    pass


def load(path):
    """Name -> (shape, values)."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    tensors = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        raw = data[t["data_offsets"][0]:t["data_offsets"][1]]
        if t["dtype"] == "BF16":
            raw = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
            code = "f"
        else:
            code = CODES[t["dtype"]]
        count = len(raw) // struct.calcsize(code)
        tensors[name] = (t["shape"], struct.unpack(f"<{count}{code}", raw))
    return tensors


def save(path, tensors):
    """Name -> (shape, values); integers are written as I32, others as F32."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        ints = all(isinstance(v, int) for v in values)
        raw = struct.pack(f"<{len(values)}{'i' if ints else 'f'}", *values)
        header[name] = {"dtype": "I32" if ints else "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def compare(what, got, want, absolute, relative=0.0):
    if list(got[0]) != list(want[0]):
        raise Failed(f"{what}: shape {got[0]}, expected {want[0]}")
    worst = 0.0
    for g, w in zip(got[1], want[1]):
        if not math.isfinite(g):
            raise Failed(f"{what}: not finite")
        worst = max(worst, abs(g - w) - relative * abs(w))
    if worst > absolute:
        raise Failed(f"{what}: error {worst:.3g}, tolerance {absolute:.3g}")


class Checker:
    def __init__(self, options):
        self.options = options
        self.passed = self.failed = 0
        self.flags = ["--reference"] if options.reference else []
        if options.evaluate:
            self.flags += ["--evaluate", options.evaluate]

    def call(self, *command):
        run = subprocess.run([self.options.allot, *command],
                             capture_output=True, text=True, timeout=600)
        if run.returncode:
            raise Failed(f"`allot {command[0]}` exits {run.returncode}: "
                         f"{run.stderr.strip()[-300:]}")

    def case(self, name, body):
        if self.options.k and not re.search(self.options.k, name):
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                body(lambda file: os.path.join(folder, file))
                self.passed += 1
                print(f"ok {name}", flush=True)
            except Failed as why:
                self.failed += 1
                print(f"FAIL {name}: {why}", flush=True)

    # ---- whole models ----------------------------------------------------
    def models(self):
        root = os.path.join(INPUTS, "models")
        with open(os.path.join(root, "index.json")) as f:
            cases = json.load(f)["cases"]
        for case in cases:
            folder = os.path.join(root, case["name"])
            gguf = os.path.join(folder, "model.gguf")
            source = gguf if os.path.exists(gguf) else folder
            io = load(os.path.join(folder, "io.safetensors"))

            def logits(at, case=case, source=source, io=io):
                self.call("import", source, "-o", at("m.mlir"))
                tolerance = case["tolerance"]
                for part in sorted({k.split(".")[0] for k in io}):
                    save(at("x"), {"input_ids": io[part + ".input_ids"]})
                    self.call("run", at("m.mlir"), "--entry", "logits",
                              "--inputs", at("x"), "--outputs", at("y"),
                              "--outputs-also", "hidden_states", *self.flags)
                    got = load(at("y"))
                    for name, want in io.items():
                        if not re.match(part + r"\.(logits|last_hidden_state|"
                                        r"hidden_states\.\d+)$", name):
                            continue
                        own = name[len(part) + 1:]
                        if own not in got:
                            raise Failed(f"no output {own}")
                        kind = ("atol_logits" if own == "logits"
                                else "atol_hidden")
                        compare(name, got[own], want, tolerance[kind],
                                tolerance["rtol"])

            def greedy(at, source=source, io=io):
                self.call("import", source, "-o", at("m.mlir"))
                for name, (_, want) in io.items():
                    if not name.endswith(".greedy"):
                        continue
                    prompt = io[name.split(".")[0] + ".input_ids"]
                    save(at("x"), {"tokens": prompt})
                    self.call("generate", at("m.mlir"), "--tokens", at("x"),
                              "--steps", str(len(want)), "--outputs", at("y"),
                              *self.flags)
                    got = load(at("y"))["tokens"][1][-len(want):]
                    if got != want:
                        raise Failed(f"{name}: {got}, expected {want}")

            self.case(f"models/{case['name']}", logits)
            self.case(f"models/{case['name']} generate", greedy)

    # ---- models with other entries ---------------------------------------
    def others(self):
        root = os.path.join(INPUTS, "models")
        inputs = ("input_ids", "decoder_input_ids", "attention_mask",
                  "token_type_ids", "pixel_values")
        for name, entry in (("gpt2_scaled", "logits"), ("bert_masks", "encode"),
                            ("vit_patches", "logits"), ("t5_plain", "logits"),
                            ("switch_capacity", "logits")):
            folder = os.path.join(root, name)
            io = load(os.path.join(folder, "io.safetensors"))

            def forward(at, folder=folder, io=io, entry=entry):
                self.call("import", folder, "-o", at("m.mlir"))
                for part in sorted({k.split(".")[0] for k in io}):
                    mine = {k[len(part) + 1:]: v for k, v in io.items()
                            if k.startswith(part + ".")}
                    save(at("x"), {k: v for k, v in mine.items() if k in inputs})
                    self.call("run", at("m.mlir"), "--entry", entry,
                              "--inputs", at("x"), "--outputs", at("y"),
                              "--outputs-also", "hidden_states", *self.flags)
                    got = load(at("y"))
                    for own, want in mine.items():
                        if own in inputs or own == "greedy":
                            continue
                        if own not in got:
                            raise Failed(f"{part}: no output {own}")
                        most = max(1.0, *map(abs, want[1]))
                        compare(f"{part}.{own}", got[own], want, 2e-5 * most)

            def greedy(at, folder=folder, io=io):
                self.call("import", folder, "-o", at("m.mlir"))
                for part in sorted({k.split(".")[0] for k in io}):
                    if part + ".greedy" not in io:
                        continue
                    want = io[part + ".greedy"][1]
                    save(at("x"), {"tokens": io[part + ".input_ids"]})
                    self.call("generate", at("m.mlir"), "--tokens", at("x"),
                              "--steps", str(len(want)), "--outputs", at("y"),
                              *self.flags)
                    got = load(at("y"))["tokens"][1][-len(want):]
                    if got != want:
                        raise Failed(f"{part}: {got}, expected {want}")

            self.case(f"others/{name}", forward)
            if "a.greedy" in io:
                self.case(f"others/{name} generate", greedy)

    # ---- adapters --------------------------------------------------------
    def adapters(self):
        root = os.path.join(INPUTS, "peft")
        with open(os.path.join(root, "index.json")) as f:
            index = json.load(f)
        # Cases are listed there, or by themselves.
        for file in sorted(glob.glob(os.path.join(root, "*", "case.json"))):
            with open(file) as f:
                index["cases"].append(json.load(f))
        for case in index["cases"]:
            if case["group"] == "negative":
                continue
            base = index["bases"][case["base"]]
            folder = os.path.join(root, case["name"])
            io = load(os.path.join(folder, "io.safetensors"))

            def importing(at, base=base, folder=folder):
                file = os.path.join(root, base["file"])
                if "architecture" in base:
                    os.makedirs(at("model"))
                    config = {"model_type": "llama", "rms_norm_eps": 1e-6,
                              **base["config"]}
                    with open(at("model/config.json"), "w") as f:
                        json.dump(config, f)
                    os.symlink(file, at("model/model.safetensors"))
                    self.call("import", at("model"), "--adapter", folder,
                              "-o", at("m.mlir"))
                    return
                with open(at("modules.json"), "w") as f:
                    json.dump({"modules": base["modules"],
                               "tied": base["tied"]}, f)
                self.call("import", file, "--modules", at("modules.json"),
                          "--adapter", folder, "-o", at("m.mlir"))

            def limit(want, case=case):
                return case["tolerance"] * max(1.0, max(map(abs, want[1])))

            def run(at, case=case, base=base, io=io, importing=importing):
                importing(at)
                if "architecture" in base:
                    save(at("x"), {"input_ids": io["input_ids"]})
                    self.call("run", at("m.mlir"), "--entry", "logits",
                              "--inputs", at("x"), "--outputs", at("y"),
                              *self.flags)
                    compare("logits", load(at("y"))["logits"], io["logits"],
                            limit(io["logits"]))
                    return
                for x, y in (("x", "y"), ("xb", "yb")):
                    checks = [c for c in case["checks"] if c.get(x) in io]
                    if not checks:
                        continue
                    inputs = {c["module"] + "/x": io[c[x]] for c in checks}
                    inputs |= {c["module"] + "/" + name: io[name]
                               for c in checks
                               for name in case.get("call_arguments", [])}
                    save(at("x"), inputs)
                    self.call("run", at("m.mlir"), "--inputs", at("x"),
                              "--outputs", at("y"), *self.flags)
                    got = load(at("y"))
                    for c in checks:
                        compare(c["module"], got[c["module"] + "/y"],
                                io[c[y]], limit(io[c[y]]))

            def merge(at, case=case, io=io, importing=importing):
                importing(at)
                self.call("merge", at("m.mlir"), "-o", at("w"))
                got = load(at("w"))
                for c in case["checks"]:
                    for parameter, name in c["merged"].items():
                        full = c["module"] + "." + parameter
                        compare(full, got[full], io[name], limit(io[name]))

            self.case(f"peft/{case['name']}", run)
            if all("merged" in c for c in case["checks"]):
                self.case(f"peft/{case['name']} merged", merge)

    # ---- broken files ----------------------------------------------------
    def refused(self, name, *command, named):
        def body(at):
            run = subprocess.run([self.options.allot, "import", *command, "-o",
                                  at("m.mlir")], capture_output=True,
                                 text=True, timeout=600)
            if run.returncode != 1:
                raise Failed(f"exit status {run.returncode}")
            if os.listdir(at("")):
                raise Failed(f"left {os.listdir(at(''))} behind")
            for text in named:
                if text and text not in run.stderr:
                    raise Failed(f"does not name {text}: {run.stderr.strip()}")
        self.case(name, body)

    def broken(self):
        root = os.path.join(INPUTS, "peft")
        with open(os.path.join(root, "index.json")) as f:
            index = json.load(f)
        for case in index["cases"]:
            # A base named by an absolute path is no error: it is not opened.
            if case["group"] != "negative" or "path_" in case["name"]:
                continue
            base = index["bases"][case["base"]]
            self.refused(f"peft/{case['name']}",
                         os.path.join(root, base["file"]), "--modules",
                         os.path.join(root, "bases", "tiny.modules.json"),
                         "--adapter", os.path.join(root, case["name"]),
                         named=[case["file"], case["tensor_or_field"]])
        root = os.path.join(INPUTS, "negative")
        with open(os.path.join(root, "index.json")) as f:
            cases = json.load(f)
        for case in cases:
            source = os.path.join(root, case["name"])
            gguf = os.path.join(source, "model.gguf")
            source = gguf if os.path.exists(gguf) else source
            if not case["name"].startswith("good_"):
                self.refused(f"negative/{case['name']}", source,
                             named=case["error_should_name"][:1])


    # ---- one program, compiled and by the reference evaluation -----------
    def same(self, program):
        def body(at):
            ids = (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8)
            save(at("x"), {"input_ids": ([2, 6], ids)})
            for out, flags in (("a", []), ("b", ["--reference"])):
                self.call("run", program, "--entry", "logits", "--inputs",
                          at("x"), "--outputs", at(out), *flags)
            want = load(at("b"))["logits"]
            compare("logits", load(at("a"))["logits"], want,
                    1e-4 * max(1.0, max(map(abs, want[1]))))
        self.case("same", body)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("allot")
    parser.add_argument("-k", default="")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--evaluate", default="")
    parser.add_argument("--set", default="models,adapters,broken")
    parser.add_argument("--same", help="a program to evaluate in two ways")
    options = parser.parse_args()
    checker = Checker(options)
    if options.same:
        checker.same(options.same)
        options.set = ""
    for part in filter(None, options.set.split(",")):
        getattr(checker, part)()
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed or not checker.passed else 0


if __name__ == "__main__":
    sys.exit(main())
