#!/usr/bin/env python3
# ===- generate.py - weights and expected numbers of published methods ----=== #
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Adapter methods that no library implements, by the formulas of their papers,
in float64. W is the frozen matrix, x the inputs, one a row.

    generate.py            needs numpy and blake3

Writes three files for each FAMILY.mlir beside this script, under Inputs/:
FAMILY.safetensors (weights), FAMILY.x.safetensors and FAMILY.y.safetensors
(inputs and expected outputs, FUNCTION/NAME). The weight globals of FAMILY.mlir,
above its first function, are written anew.
"""
import json
import os
import re
import struct

import blake3
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Family:
    """The methods of one file."""

    def __init__(self, name):
        self.name = name
        self.random = np.random.default_rng(sum(name.encode()))
        self.weights, self.types, self.inputs, self.outputs = {}, {}, {}, {}

    def store(self, name, values, stored, dtype, type):
        self.weights[name] = (stored, dtype)
        shape = "x".join(str(d) for d in np.shape(values))
        self.types[name] = f"tensor<{shape}xf32, #format.{type}>"
        return np.asarray(values, dtype=np.float64)

    def normal(self, name, shape, scale=1.0):
        """Random numbers that are f32."""
        values = (self.random.normal(size=shape) * scale).astype(np.float32)
        return self.store(name, values, values, "F32", "float<f32>")

    def whole(self, name, values):
        """Whole numbers, I32."""
        values = np.asarray(values, dtype=np.int32)
        return self.store(name, values, values, "I32",
                          "index<i32>").astype(int)

    def signs(self, name, values):
        values = np.asarray(values, dtype=np.int8)
        return self.store(name, values, values, "I8", "index<i8>")

    def mask(self, name, shape, kept):
        """True in this share of the places."""
        values = self.random.random(shape) < kept
        return self.store(name, values, values, "BOOL", "index<i1>")

    def q4(self, name, shape):
        """4-bit codes q and scales d of 32 columns: d (q - 8)."""
        codes = self.random.integers(0, 16, (shape[0], shape[1] // 32, 32))
        scales = self.random.uniform(0.01, 0.04, codes.shape[:2]).astype(
            np.float16)
        packed = (codes[..., :16] | codes[..., 16:] << 4).astype(np.uint8)
        raw = np.concatenate([scales[..., None].view(np.uint8), packed], -1)
        values = scales.astype(np.float64)[..., None] * (codes - 8.0)
        return self.store(name, values.reshape(shape), raw.reshape(-1), "U8",
                          "q4_0")

    def q8(self, name, shape):
        """8-bit codes q and scales d of 32 columns: d q."""
        codes = self.random.integers(-127, 128, (shape[0], shape[1] // 32, 32))
        scales = self.random.uniform(0.0005, 0.002, codes.shape[:2]).astype(
            np.float16)
        raw = np.concatenate([scales[..., None].view(np.uint8),
                              codes.astype(np.int8).view(np.uint8)], -1)
        values = scales.astype(np.float64)[..., None] * codes
        return self.store(name, values.reshape(shape), raw.reshape(-1), "U8",
                          "q8_0")

    def x(self, function, shape, name="x"):
        values = self.random.normal(size=shape).astype(np.float32)
        self.inputs[f"{function}/{name}"] = values
        return values.astype(np.float64)

    def ids(self, function, name, values):
        values = np.asarray(values, dtype=np.int32)
        self.inputs[f"{function}/{name}"] = values
        return values

    def y(self, function, values, name="y", base=None):
        """What is expected; `base` without the adapter, which must differ."""
        if base is not None:
            assert np.abs(values - base).max() > 0.05 * np.abs(values).max()
        self.outputs[f"{function}/{name}"] = values.astype(np.float32)

    def write(self):
        os.makedirs(os.path.join(HERE, "Inputs"), exist_ok=True)
        path = f"Inputs/{self.name}.safetensors"
        lines = ["// Weights: written by generate.py.\n"]
        offset = 0
        for name, (stored, _) in self.weights.items():
            lines.append(
                f'ml_program.global private @{name}(#format.stored<"{path}", '
                f'tensor = "{name}", offset = {{}}, bytes = {stored.nbytes}, '
                f'digest = "@">) : {self.types[name]}\n')
        data = save(os.path.join(HERE, path), self.weights)
        digest = digest_of(os.path.join(HERE, path), data)
        for i, name in enumerate(self.weights):
            lines[i + 1] = lines[i + 1].replace(
                "{}", str(data + offset)).replace('"@"', f'"{digest}"')
            offset += self.weights[name][0].nbytes
        for part, tensors in ("x", self.inputs), ("y", self.outputs):
            save(os.path.join(HERE, f"Inputs/{self.name}.{part}.safetensors"),
                 {n: (v, "F32" if v.dtype == np.float32 else "I32")
                  for n, v in tensors.items()})
        module = os.path.join(HERE, self.name + ".mlir")
        with open(module) as f:
            text = f.read()
        text = re.sub(r"// Weights: written by generate\.py\.\n"
                      r"(ml_program\.global .*\n)*", lambda _: "".join(lines),
                      text, count=1)
        with open(module, "w") as f:
            f.write(text)


def save(path, tensors):
    """Name -> (array, dtype); the offset of the data."""
    header, raw = {}, b""
    for name, (values, dtype) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(values.shape),
                        "data_offsets": [len(raw), len(raw) + values.nbytes]}
        raw += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + raw)
    return 8 + len(text)


def digest_of(path, offset):
    """What `#format.stored` knows a file by: its size, its header and 256
    samples of what is behind `offset`."""
    with open(path, "rb") as f:
        file = f.read()
    data = file[offset:]
    digest = blake3.blake3(b"safetensors" + struct.pack("<Q", len(file)) +
                           file[:offset])
    if len(data) <= 256 * 16:
        digest.update(data)
    else:
        for i in range(256):
            at = (len(data) - 16) * i // 255
            digest.update(data[at:at + 16])
    return digest.hexdigest()[:32]


def relu(x):
    return np.maximum(x, 0)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def uniform(seed, shape):
    """Numbers of MT19937 from -1 to 1, as the op `seeded` makes them."""
    words = np.random.RandomState(seed).randint(
        0, 2**32, size=int(np.prod(shape)), dtype=np.uint32)
    return ((words % 2**24) * 2.0**-23 - 1).reshape(shape)


# ----------------------------------------------------------------------------
# Products of small matrices
# ----------------------------------------------------------------------------
def products():
    f = Family("products")

    # Compacter, Mahabadi et al. 2021: both maps of a bottleneck adapter are
    # sum_i A_i (x) (s_i t_i), with A_i that all layers share.
    A = f.normal("compacter.slow", (4, 4, 4), 0.5)
    s1, t1 = f.normal("compacter.down.s", (4, 4, 1)), f.normal(
        "compacter.down.t", (4, 1, 16), 0.5)
    s2, t2 = f.normal("compacter.up.s", (4, 16, 1), 0.5), f.normal(
        "compacter.up.t", (4, 1, 4))
    b1, b2 = f.normal("compacter.down.b", (16,)), f.normal(
        "compacter.up.b", (64,))
    down = sum(np.kron(A[i], s1[i] @ t1[i]) for i in range(4))
    up = sum(np.kron(A[i], s2[i] @ t2[i]) for i in range(4))
    x = f.x("compacter", (5, 64))
    f.y("compacter", x + gelu_tanh(x @ down.T + b1) @ up.T + b2, base=x)

    # FedPara, Hyeon-Woo et al. 2021: W = (X1 Y1^T) * (X2 Y2^T), the whole
    # weight. pFedPara: W = W1 * (W2 + 1), W1 of all clients, W2 of one.
    X1, Y1 = f.normal("fedpara.X1", (24, 5)), f.normal("fedpara.Y1", (64, 5))
    X2, Y2 = f.normal("fedpara.X2", (24, 5)), f.normal("fedpara.Y2", (64, 5))
    x = f.x("fedpara", (5, 64))
    W1, W2 = X1 @ Y1.T, X2 @ Y2.T
    f.y("fedpara", x @ (W1 * W2).T)
    x = f.x("pfedpara", (5, 64))
    f.y("pfedpara", x @ (W1 * (W2 + 1)).T)
    f.write()


# ----------------------------------------------------------------------------
# Tensor networks
# ----------------------------------------------------------------------------
def train(cores):
    """The matrix of a train whose first cores make the outputs, as many as make
    the inputs."""
    state = np.ones((1, 1))
    for core in cores:
        state = np.tensordot(state, core, (-1, 0)).reshape(
            -1, core.shape[-1])
    half = len(cores) // 2
    rows = int(np.prod([c.shape[1] for c in cores[:half]]))
    return state.reshape(rows, -1)


def networks():
    f = Family("networks")

    def cores(name, sizes, rank, scale):
        ranks = [1] + [rank] * (len(sizes) - 1) + [1]
        return [f.normal(f"{name}.{i}", (ranks[i], n, ranks[i + 1]), scale)
                for i, n in enumerate(sizes)]

    # LoRETTA, Yang et al. 2024. adp: a bottleneck adapter of two tensor trains.
    down = train(cores("adp.down", (4, 4, 8, 8), 3, 0.4))
    up = train(cores("adp.up", (8, 8, 4, 4), 3, 0.6))
    x = f.x("loretta_adp", (5, 64))
    f.y("loretta_adp", x + relu(x @ down.T) @ up.T, base=x)
    # rep: W + s B A, both factors trains.
    W = f.normal("rep.W", (24, 64), 0.125)
    A = train(cores("rep.A", (2, 4, 8, 8), 3, 0.5))
    B = train(cores("rep.B", (4, 6, 2, 4), 3, 0.6))
    x = f.x("loretta_rep", (5, 64))
    f.y("loretta_rep", x @ (W + 0.5 * B @ A).T, base=x @ W.T)

    # QuanTA, Chen et al. 2024: W + T - S; T and its frozen beginning S are
    # circuits: each gate is a map of two of the three axes of x.
    W = f.normal("quanta.W", (48, 48), 0.15)

    def circuit(name, scale):
        gates = [f.normal(f"{name}.{i}", s, scale) for i, s in enumerate(
            [(3, 4, 3, 4), (4, 4, 4, 4), (4, 3, 4, 3)])]
        state = np.eye(48).reshape(4, 3, 4, 48)
        for gate, (i, j) in zip(gates, [(1, 2), (0, 2), (0, 1)]):
            state = np.moveaxis(np.tensordot(gate, state, ((2, 3), (i, j))),
                                (0, 1), (i, j))
        return state.reshape(48, 48)

    T, S = circuit("quanta.T", 0.3), circuit("quanta.S", 0.3)
    x = f.x("quanta", (5, 48))
    f.y("quanta", x @ (W + T - S).T, base=x @ W.T)

    # Weights as matrix product operators whose central tensor all layers share,
    # Liu et al. 2021 and 2023: the auxiliary tensors are a layer's own.
    central = f.normal("mpo.central", (3, 4, 4, 3), 0.5)
    for layer in ("mpo_first", "mpo_second"):
        first = f.normal(f"{layer}.first", (2, 4, 3), 0.5)
        last = f.normal(f"{layer}.last", (3, 3, 4), 0.5)
        W = np.einsum("aer,rbfs,scg->abcefg", first, central, last)
        x = f.x(layer, (5, 64))
        f.y(layer, x @ W.reshape(24, 64).T)
    f.write()


# ----------------------------------------------------------------------------
# Masks and few entries
# ----------------------------------------------------------------------------
def masks():
    f = Family("masks")

    def sparse(name, shape, count):
        """Values at places that differ."""
        flat = f.random.permutation(shape[0] * shape[1])[:count]
        places = f.whole(f"{name}.places", [flat // shape[1], flat % shape[1]])
        S = np.zeros(shape)
        S[places[0], places[1]] = f.normal(f"{name}.values", (count,))
        return S

    # RoSA, Nikdan et al. 2024: W + B A + S on a base of 4 bits.
    W = f.q4("rosa.W", (24, 64))
    B, A = f.normal("rosa.B", (24, 4)), f.normal("rosa.A", (4, 64), 0.1)
    S = sparse("rosa", (24, 64), 40)
    x = f.x("rosa", (5, 64))
    f.y("rosa", x @ (W + B @ A + S).T, base=x @ (W + B @ A).T)

    # DSEE, Chen et al. 2021: W * M + U V + S, M a mask of entries; or of heads,
    # here rows 8 .. 15 are pruned, with what is behind them.
    W = f.normal("dsee.W", (24, 64), 0.125)
    M = f.mask("dsee.M", (24, 64), 0.5)
    U, V = f.normal("dsee.U", (24, 4)), f.normal("dsee.V", (4, 64), 0.1)
    S = sparse("dsee", (24, 64), 33)
    x = f.x("dsee", (5, 64))
    f.y("dsee", x @ (W * M + U @ V + S).T, base=x @ (W + U @ V + S).T)
    heads = np.ones((24, 1))
    heads[8:16] = 0
    x = f.x("dsee_heads", (5, 64))
    f.y("dsee_heads", x @ (heads * (W + U @ V + S)).T)

    # SparseAdapter, He et al. 2022: a bottleneck adapter, pruned.
    D, U = f.normal("sparse.D", (16, 64), 0.2), f.normal("sparse.U", (64, 16))
    MD, MU = f.mask("sparse.MD", (16, 64), 0.2), f.mask("sparse.MU", (64, 16),
                                                       0.2)
    b = f.normal("sparse.b", (16,))
    x = f.x("sparse_adapter", (5, 64))
    f.y("sparse_adapter", x + relu(x @ (D * MD).T + b) @ (U * MU).T, base=x)

    # APET, Su et al. 2023: any number of free parameters at any places of
    # weight and bias; 30 here and 7 there.
    W, b = f.normal("apet.W", (24, 64), 0.125), f.normal("apet.b", (24,))
    S, s = sparse("apet.weight", (24, 64), 30), sparse("apet.bias", (24, 1), 7)
    x = f.x("apet", (5, 64))
    f.y("apet", x @ (W + S).T + b + s[:, 0], base=x @ W.T + b)

    # CapaBoost, Haobo et al. 2024: the sum of d = 3 pairs of one stored pair of
    # factors, each under masks of its own that come from a seed.
    W = f.normal("capaboost.W", (24, 64), 0.125)
    B, A = f.normal("capaboost.B", (24, 4)), f.normal("capaboost.A", (4, 64),
                                                      0.2)
    delta = sum((B * (uniform(11 + i, B.shape) < 0)) @
                (A * (uniform(21 + i, A.shape) < 0)) for i in range(3))
    x = f.x("capaboost", (5, 64))
    f.y("capaboost", x @ (W + delta).T, base=x @ (W + 0.75 * B @ A).T)

    # SNELL and SNELLA, Shen et al. 2024 and 2025: entries are a kernel of rows
    # of B and columns of A, here exp(-|b - a|^2 / 2), shrunk by a threshold
    # below which they are zero.
    W = f.normal("snella.W", (24, 64), 0.125)
    B, A = f.normal("snella.B", (24, 4)), f.normal("snella.A", (4, 64))
    kernel = np.exp(-0.5 * ((B[:, :, None] - A[None]) ** 2).sum(1))
    delta = np.sign(kernel) * relu(np.abs(kernel) - 0.0625)
    assert 0.2 < (delta == 0).mean() < 0.8
    x = f.x("snella", (5, 64))
    f.y("snella", x @ (W + delta).T, base=x @ W.T)

    # Intrinsic dimension, Aghajanyan et al. 2020: W + P theta, P from a seed.
    W = f.normal("intrinsic.W", (24, 64), 0.125)
    theta = f.normal("intrinsic.theta", (7,), 0.3)
    P = uniform(5, (24, 64, 7))
    x = f.x("intrinsic", (5, 64))
    f.y("intrinsic", x @ (W + P @ theta).T, base=x @ W.T)
    f.write()


# ----------------------------------------------------------------------------
# Weights that are stored as sums
# ----------------------------------------------------------------------------
def sums():
    f = Family("sums")
    # LQ-LoRA, Guo et al. 2023: W is stored as Q + L1 L2, Q of 4 bits.
    Q = f.q4("lq.Q", (24, 64))
    L1, L2 = f.normal("lq.L1", (24, 4)), f.normal("lq.L2", (4, 64), 0.1)
    x = f.x("lq_lora", (5, 64))
    f.y("lq_lora", x @ (Q + L1 @ L2).T, base=x @ Q.T)

    # LoRC, Yao et al. 2023: the error of quantisation by factors of 8 bits.
    Q = f.q4("lorc.Q", (24, 64))
    U, V = f.q8("lorc.U", (24, 32)), f.q8("lorc.V", (32, 64))
    x = f.x("lorc", (5, 64))
    f.y("lorc", x @ (Q + U @ V).T, base=x @ Q.T)

    # BitStack, Wang et al. 2024: W = sum_i sign_i * (U_i V_i).
    W = np.zeros((24, 64))
    for i in range(3):
        sign = f.signs(f"bitstack.sign{i}",
                       f.random.integers(0, 2, (24, 64)) * 2 - 1)
        U = f.normal(f"bitstack.U{i}", (24, 3))
        V = f.normal(f"bitstack.V{i}", (3, 64), 0.3)
        W += sign * (U @ V)
    x = f.x("bitstack", (5, 64))
    f.y("bitstack", x @ W.T)
    f.write()


# ----------------------------------------------------------------------------
# Layers
# ----------------------------------------------------------------------------
def layers():
    f = Family("layers")
    # Structured feed-forward layers, Wei et al. 2024: U V; a block-diagonal
    # matrix, a shuffle, and another one; a dense matrix of a block-diagonal one.
    U, V = f.normal("ffn.U", (24, 6), 0.4), f.normal("ffn.V", (6, 64), 0.125)
    x = f.x("ffn_lowrank", (5, 64))
    f.y("ffn_lowrank", x @ (U @ V).T)
    first = f.normal("ffn.first", (4, 6, 16), 0.25)
    second = f.normal("ffn.second", (4, 6, 6), 0.4)
    x = f.x("ffn_block_shuffle", (5, 64))
    z = np.einsum("boi,tbi->tbo", first, x.reshape(5, 4, 16))
    z = z.transpose(0, 2, 1).reshape(5, 4, 6)
    f.y("ffn_block_shuffle",
        np.einsum("boi,tbi->tbo", second, z).reshape(5, 24))
    blocks = f.normal("ffn.blocks", (4, 8, 16), 0.25)
    mix = f.normal("ffn.mix", (24, 32), 0.2)
    x = f.x("ffn_block_dense", (5, 64))
    z = np.einsum("boi,tbi->tbo", blocks, x.reshape(5, 4, 16)).reshape(5, 32)
    f.y("ffn_block_dense", z @ mix.T)

    # GLoRA, Chavan et al. 2023: W + W * A + B; b + b * D + E + W C.
    W, b = f.normal("glora.W", (24, 64), 0.125), f.normal("glora.b", (24,))
    A1, A2 = f.normal("glora.A1", (24, 2)), f.normal("glora.A2", (2, 64))
    B1, B2 = f.normal("glora.B1", (24, 2)), f.normal("glora.B2", (2, 64), 0.1)
    C, D = f.normal("glora.C", (64,), 0.3), f.normal("glora.D", (24,))
    E = f.normal("glora.E", (24,))
    x = f.x("glora", (5, 64))
    f.y("glora", x @ (W + W * (A1 @ A2) + B1 @ B2).T + b + b * D + E + W @ C,
        base=x @ W.T + b)

    # MTLoRA, Agiza et al. 2024: the base once, a low-rank term of all tasks and
    # one for each of them.
    W = f.normal("mtlora.W", (24, 64), 0.125)
    B, A = f.normal("mtlora.B", (24, 4)), f.normal("mtlora.A", (4, 64), 0.1)
    x = f.x("mtlora", (5, 64))
    f.y("mtlora", x @ (W + 2 * B @ A).T, "shared", base=x @ W.T)
    for t in range(3):
        Bt = f.normal(f"mtlora.B{t}", (24, 2 + t))
        At = f.normal(f"mtlora.A{t}", (2 + t, 64), 0.1)
        f.y("mtlora", x @ (W + 2 * Bt @ At).T, f"task{t}", base=x @ W.T)
    f.inputs["mtlora_one/x"] = f.inputs["mtlora/x"]
    f.outputs["mtlora_one/task1"] = f.outputs["mtlora/task1"]

    # ScaLearn, Frohmann et al. 2023: outputs of source adapters, each times a
    # learned scale of every feature, summed.
    x = f.x("scalearn", (5, 64))
    y = 0
    for t in range(3):
        D = f.normal(f"scalearn.D{t}", (8, 64), 0.2)
        U = f.normal(f"scalearn.U{t}", (64, 8), 0.4)
        y = y + (x + relu(x @ D.T) @ U.T) * f.normal(f"scalearn.w{t}", (64,))
    f.y("scalearn", y)

    # PaLoRA, Dimitriadis et al. 2024: W + s sum_t p_t B_t A_t, the weights p of
    # the tasks given with the call.
    W = f.normal("palora.W", (24, 64), 0.125)
    B, A = f.normal("palora.B", (24, 9)), f.normal("palora.A", (9, 64), 0.1)
    x = f.x("palora", (5, 64))
    p = np.array([0.5, 0.125, 0.375], dtype=np.float32)
    f.inputs["palora/preference"] = p
    f.y("palora", x @ (W + 2 * (B * np.repeat(p, 3)) @ A).T, base=x @ W.T)

    # MoS, Wang et al. 2024: the rows of A and the columns of B are shards of
    # pools that all layers share, 2 a row, chosen by stored indices.
    W = f.normal("mos.W", (24, 64), 0.125)
    poolA = f.normal("mos.pool_a", (10, 32), 0.2)
    poolB = f.normal("mos.pool_b", (10, 12))
    ia = f.whole("mos.index_a", f.random.integers(0, 10, (4, 2)))
    ib = f.whole("mos.index_b", f.random.integers(0, 10, (4, 2)))
    A, B = poolA[ia].reshape(4, 64), poolB[ib].reshape(4, 24).T
    x = f.x("mos", (5, 64))
    f.y("mos", x @ (W + B @ A).T, base=x @ W.T)

    # PASTA, Yang et al. 2023: a vector of the layer is added to the hidden
    # states of special tokens; 0 says that a token is none.
    W = f.normal("pasta.W", (24, 64), 0.125)
    vectors = f.normal("pasta.vectors", (2, 64))
    x = f.x("pasta", (5, 64))
    special = f.ids("pasta", "special", [1, 0, 0, 2, 0])
    added = np.concatenate([np.zeros((1, 64)), vectors])[special]
    f.y("pasta", (x + added) @ W.T, base=x @ W.T)
    f.write()


if __name__ == "__main__":
    products()
    networks()
    masks()
    sums()
    layers()
