#!/usr/bin/env python3
# ===- bank.py - a bank against its adapters one by one -------------------=== #
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Imports adapters as a bank and each alone, runs all modules on the same rows,
and compares: a row of the bank is that of the adapter that it chose.

    bank.py ALLOT FOLDER ADAPTER... [-- OPTION...]

The model is Inputs/peft/bases/tiny; adapters are folders of Inputs/peft; the
options are those of `allot run`. Prints the modules that were compared.
"""
import math
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference  # noqa: E402

INPUTS = os.path.join(reference.INPUTS, "peft")
ROWS = 23


def main(allot, folder, *rest):
    rest = list(rest)
    at = rest.index("--") if "--" in rest else len(rest)
    adapters, options = rest[:at], rest[at + 1:]
    base = os.path.join(INPUTS, "bases", "tiny")
    model = [base + ".safetensors", "--modules", base + ".modules.json"]

    def run(*command):
        subprocess.run([allot, *command], check=True)

    def module(name, *flags):
        path = os.path.join(folder, name + ".mlir")
        run("import", *model, *flags, "-o", path)
        return path

    flags = [f"--adapter={name}={os.path.join(INPUTS, name)}" for name in adapters]
    bank = module("bank", *flags, "--bank")

    def inputs(path):
        with open(path) as f:
            return {name: int(size) for name, size in re.findall(r'func\.func @"?([^"(]+)"?\(%\w+: tensor<\?x(\d+)xf32>', f.read())}

    sizes = inputs(bank)
    x = {name: [math.sin(1.3 * i + size) for i in range(ROWS * size)] for name, size in sizes.items()}
    chosen = [i * 7 % (len(adapters) + 1) - 1 for i in range(ROWS)]

    def evaluate(path, names, choice):
        given, outputs = os.path.join(folder, "x.safetensors"), os.path.join(folder, "y.safetensors")
        tensors = {f"{name}/x": ([ROWS, sizes[name]], x[name]) for name in names}
        if choice:
            tensors.update({f"{name}/adapter": ([ROWS], chosen) for name in names})
        reference.save(given, tensors)
        run("run", path, "--inputs", given, "--outputs", outputs, *options)
        return {name: reference.load(outputs)[name + "/y"][1] for name in names}

    got = evaluate(bank, sizes, True)
    plain = evaluate(module("plain"), sizes, False)
    compared = {name: [False] * ROWS for name in sizes}
    for number, adapter in [(-1, None), *enumerate(adapters)]:
        expected = dict(plain)
        if adapter:
            path = module("one", f"--adapter={os.path.join(INPUTS, adapter)}")
            expected.update(evaluate(path, inputs(path).keys() & sizes.keys(), False))
        for name, size in sizes.items():
            width = len(got[name]) // ROWS
            largest = max(abs(v) for v in expected[name])
            for row in range(ROWS):
                if chosen[row] != number:
                    continue
                a, b = (y[row * width:(row + 1) * width] for y in (got[name], expected[name]))
                worst = max(abs(p - q) for p, q in zip(a, b, strict=True))
                if not worst <= 2e-5 * largest:
                    sys.exit(f"{name}, row {row} of adapter {adapter}: differs by {worst}, the largest number is {largest}")
                compared[name][row] = True
    for name, rows in sorted(compared.items()):
        assert all(rows)
        print("compared", name)


if __name__ == "__main__":
    main(*sys.argv[1:])
