#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Is the way that the chooser takes the fastest? Forms x shapes x rows, every way that `allot bench evaluations` lists, measured in turn.

    evaluation.py --allot build/bin/allot --work DIR [--shapes 576x576,1536x576,..] [--rows 1,4,32,512] [--forms REGEX] [--repeat 7] [--costs UNIT=SECONDS,..]
        writes DIR/OUTxIN.mlir and DIR/OUTxIN.json, and prints the cells in which the choice is more than 10 % slower than the best way, and the share of the others.
    evaluation.py --fit DIR/*.json
        constants of the cost model by least squares on the logarithms of what was measured, as --costs takes them.
    evaluation.py --judge COSTS DIR/*.json
        which of the measured ways these constants would take (of the ways that were listed)."""

import argparse
import json
import math
import os
import re
import subprocess
import sys

UNITS = ["kernel", "term", "read-byte", "flop-one", "flop-few", "flop-many", "decode", "loop", "point", "sum", "move-byte"]


class Module:
    """The text of a module of functions of one input, each of which applies one map."""

    def __init__(self, out, inner):
        self.out, self.inner, self.globals, self.functions = out, inner, {}, []

    def weight(self, name, shape, kind="#format.float<f32>", below=None):
        dims = "x".join(map(str, shape))
        type = f"tensor<{dims}xf32, {kind}>"
        attributes = f" {{below = {below} : i64}}" if below else ""
        self.globals[name] = f"ml_program.global private @{name}(#ml_program.extern<{type}>) : {type}{attributes}"
        self.body.append(f"  %{name} = ml_program.global_load_const @{name} : {type}")
        return f"%{name}", type

    def op(self, text):
        self.count += 1
        self.body.append(f"  %m{self.count} = {text}")
        return f"%m{self.count}"

    def function(self, name, build):
        self.body, self.count, self.name = [], 0, name
        map = build(self)
        m, k = self.out, self.inner
        body = "\n".join(self.body)
        self.functions.append(f"""func.func @{name}(%x: tensor<?x{k}xf32> {{allot.name = "x"}}) -> (tensor<?x{m}xf32> {{allot.name = "y"}}) {{
{body}
  %y = adapter.apply {map}, %x : !adapter.map<{m}x{k}, f32>, tensor<?x{k}xf32> -> tensor<?x{m}xf32>
  return %y : tensor<?x{m}xf32>
}}""")

    # Maps.
    def type(self, rows=None, columns=None):
        return f"!adapter.map<{rows or self.out}x{columns or self.inner}, f32>"

    def dense(self, kind="#format.float<f32>", rows=None, columns=None, name=None):
        w, type = self.weight(f"{self.name}_{name or 'w'}", (rows or self.out, columns or self.inner), kind)
        return self.op(f"adapter.dense {w} : {type}")

    def lowrank(self, rank, gate=False, rows=None, columns=None, name=""):
        b, bt = self.weight(f"{self.name}_b{name}", (rows or self.out, rank))
        a, at = self.weight(f"{self.name}_a{name}", (rank, columns or self.inner))
        if gate:
            g, gt = self.weight(f"{self.name}_g{name}", (rank,))
            return self.op(f"adapter.lowrank {b}, {a} gate {g} : {bt}, {at}, {gt}")
        return self.op(f"adapter.lowrank {b}, {a} : {bt}, {at}")

    def diagonal(self, size, name="v"):
        v, vt = self.weight(f"{self.name}_{name}", (size,))
        return self.op(f"adapter.diagonal {v} : {vt}")

    def sum(self, *maps):
        return self.op(f"adapter.sum {', '.join(maps)} : {self.type()}")

    def scale(self, map, factor=0.5):
        return self.op(f"adapter.scale {map} by {factor} : {self.type()}")

    def compose(self, *pairs):
        return self.op(f"adapter.compose {', '.join(m for m, _ in pairs)} : {', '.join(t for _, t in pairs)}")


Q8, Q4, F16 = "#format.q8_0", "#format.q4_1", "#format.float<f16>"


def square(m, side):
    return m.type(side, side)


def lora(kind, rank):
    return lambda m: m.sum(m.dense(kind), m.scale(m.lowrank(rank)))


def vera(kind):
    return lambda m: m.sum(m.dense(kind), m.compose((m.diagonal(m.out), square(m, m.out)), (m.lowrank(128, gate=True), m.type())))


def dora(kind):
    def build(m):
        normalized = m.op(f"adapter.normalize rows {m.sum(m.dense(kind), m.lowrank(16))} : {m.type()}")
        return m.compose((m.diagonal(m.out), square(m, m.out)), (normalized, m.type()))
    return build


def loha(kind):
    def build(m):
        product = m.op(f"adapter.hadamard {m.lowrank(4, name='1')}, {m.lowrank(4, name='2')} : {m.type()}")
        return m.sum(m.dense(kind), m.scale(product))
    return build


def lokr(kind):
    def build(m):
        slow = m.dense(rows=8, columns=8, name="slow")
        fast = m.dense(rows=m.out // 8, columns=m.inner // 8, name="fast")
        k = m.op(f"adapter.kron {slow}, {fast} : {m.type(8, 8)}, {m.type(m.out // 8, m.inner // 8)}")
        return m.sum(m.dense(kind), k)
    return build


def hira(kind):
    def build(m):
        base = m.dense(kind)
        product = m.op(f"adapter.hadamard {base}, {m.lowrank(8)} : {m.type()}")
        return m.sum(base, product)
    return build


def oft(kind, block=32):
    def build(m):
        n = m.inner // block
        v, vt = m.weight(f"{m.name}_v", (n, block * (block - 1) // 2))
        skew = m.op(f"adapter.skew {v} : {vt}")
        bank = f"!adapter.map<{n}x{block}x{block}, f32>"
        cayley = m.op(f"adapter.cayley {m.op(f'adapter.scale {skew} by 0.01 : {bank}')} : {bank}")
        rotation = m.op(f"adapter.block_diagonal {cayley} : {bank}")
        return m.compose((m.dense(kind), m.type()), (rotation, square(m, m.inner)))
    return build


def hra(kind, orthonormalize):
    def build(m):
        u, ut = m.weight(f"{m.name}_u", (m.inner, 8))
        h = m.op(f"adapter.householder {u}{' orthonormalize' if orthonormalize else ''} : {ut}")
        return m.compose((m.dense(kind), m.type()), (h, square(m, m.inner)))
    return build


def vectors(kind):
    def build(m):
        return m.compose((m.diagonal(m.out, "o"), square(m, m.out)), (m.dense(kind), m.type()), (m.diagonal(m.inner, "i"), square(m, m.inner)))
    return build


def rosa(kind):
    def build(m):
        count = m.out * m.inner // 200
        places, pt = m.weight(f"{m.name}_places", (2, count), "#format.index<i32>", min(m.out, m.inner))
        values, vt = m.weight(f"{m.name}_values", (count,))
        s = m.op(f"adapter.sparse {places}, {values} : {pt}, {vt} -> {m.type()}")
        return m.sum(m.dense(kind), m.lowrank(8), s)
    return build


def c3a(kind, block=64):
    def build(m):
        k, kt = m.weight(f"{m.name}_k", (m.out // block, m.inner // block, block))
        return m.sum(m.dense(kind), m.op(f"adapter.circulant {k} : {kt}"))
    return build


def left(kind):
    def build(m):
        low = m.lowrank(8, rows=m.out, columns=m.out)
        identity = m.op(f"adapter.identity : {square(m, m.out)}")
        factor = m.op(f"adapter.sum {identity}, {low} : {square(m, m.out)}")
        return m.compose((factor, square(m, m.out)), (m.dense(kind), m.type()))
    return build


def bottleneck(rank):
    def build(m):
        return m.compose((m.dense(rows=m.out, columns=rank, name="up"), m.type(m.out, rank)), (m.diagonal(rank), m.type(rank, rank)),
                         (m.dense(rows=rank, columns=m.inner, name="down"), m.type(rank, m.inner)))
    return build


F32 = "#format.float<f32>"
FORMS = {
    "lora_f32": lora(F32, 16), "lora_q8": lora(Q8, 16), "lora_q4": lora(Q4, 16), "lora_q4_r64": lora(Q4, 64), "vera_q4": vera(Q4), "vera_f32": vera(F32), "dora_f32": dora(F32), "dora_q4": dora(Q4),
    "loha_f32": loha(F32), "loha_q8": loha(Q8), "lokr_f32": lokr(F32), "lokr_q4": lokr(Q4), "hira_f32": hira(F32), "hira_q8": hira(Q8), "oft_f32": oft(F32), "oft_q4": oft(Q4),
    "hra_q4": hra(Q4, False), "psoft_q4": hra(Q4, True), "vectors_f32": vectors(F32), "vectors_q4": vectors(Q4), "rosa_q8": rosa(Q8), "rosa_f32": rosa(F32), "c3a_q4": c3a(Q4), "left_q4": left(Q4),
    "left_f16": left(F16), "bottleneck": bottleneck(32), "wide_bottleneck": bottleneck(192),
}


def write(path, shape, pattern):
    m = Module(*shape)
    for name, build in FORMS.items():
        if re.search(pattern, name):
            m.function(name, build)
    with open(path, "w") as f:
        f.write("\n".join([*m.globals.values(), *m.functions]) + "\n")


def cells(paths):
    for path in paths:
        with open(path) as f:
            yield from json.load(f)


def report(rows, choose=lambda row: row["ways"][0]):
    good = 0
    for row in rows:
        best = min(row["ways"], key=lambda way: way["seconds"])
        chosen = choose(row)
        ratio = chosen["seconds"] / best["seconds"]
        good += ratio <= 1.1
        if ratio > 1.1:
            print(f"{row['name']} {row['m']}x{row['k']} n={row['n']}: {chosen['way']} {1e6 * chosen['seconds']:.1f} us (predicted {1e6 * chosen['predicted']:.1f}), "
                  f"best {best['way']} {1e6 * best['seconds']:.1f} us (predicted {1e6 * best['predicted']:.1f})")
    print(f"{good} of {len(rows)} within 10 % of the best, {100 * good / len(rows):.1f} %")


def seconds_of(way, costs):
    return sum(count * costs[unit] for unit, count in way["work"].items())


def fit(rows):
    """Least squares on relative errors with constants that are not negative, by projected coordinate descent."""
    import numpy as np
    ways = [way for row in rows for way in row["ways"] if way["work"]]
    # A call of a program from outside takes some time, too, whatever it does.
    a = np.array([[way["work"].get(unit, 0) for unit in UNITS] + [1] for way in ways]) / np.array([[way["seconds"]] for way in ways])
    scale = np.maximum(np.linalg.norm(a, axis=0), 1e-300)
    a = a / scale
    x, b = np.zeros(a.shape[1]), np.ones(len(ways))
    gram, right = a.T @ a, a.T @ b
    for _ in range(20000):
        for i in range(len(x)):
            if gram[i, i] > 0:
                x[i] = max(0.0, x[i] + (right[i] - gram[i] @ x) / gram[i, i])
    residual = np.abs(a @ x - 1)
    print(",".join(f"{unit}={value:.3g}" for unit, value in zip(UNITS, x / scale)))
    print(f"a call from outside takes {1e6 * x[-1] / scale[-1]:.1f} us", file=sys.stderr)
    print(f"relative error: median {np.median(residual):.3f}, 90 % below {np.quantile(residual, 0.9):.3f}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--allot")
    parser.add_argument("--work")
    parser.add_argument("--shapes", default="576x576,1536x576,2048x2048")
    parser.add_argument("--rows", default="1,4,32,512")
    parser.add_argument("--forms", default=".")
    parser.add_argument("--repeat", default="7")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--costs")
    parser.add_argument("--fit", nargs="+")
    parser.add_argument("--judge", nargs="+")
    flags = parser.parse_args()
    if flags.fit:
        return fit(list(cells(flags.fit)))
    if flags.judge:
        costs = dict(part.split("=") for part in flags.judge[0].split(","))
        costs = {unit: float(costs[unit]) for unit in UNITS}
        return report(list(cells(flags.judge[1:])), lambda row: min(row["ways"], key=lambda way: seconds_of(way, costs)))
    os.makedirs(flags.work, exist_ok=True)
    paths = []
    for text in flags.shapes.split(","):
        module, result = os.path.join(flags.work, text + ".mlir"), os.path.join(flags.work, text + ".json")
        write(module, tuple(map(int, text.split("x"))), flags.forms)
        command = [flags.allot, "bench", "evaluations", module, "--rows", flags.rows, "--repeat", flags.repeat, "--threads", flags.threads, "--json"]
        with open(result, "w") as f:
            subprocess.run(command + (["--costs", flags.costs] if flags.costs else []), stdout=f, check=True)
        paths.append(result)
    report(list(cells(paths)))


if __name__ == "__main__":
    main()
