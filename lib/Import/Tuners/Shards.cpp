//===- Shards.cpp - adapters of blocks that repeat --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// W' = W (I + B_i) + [B_i B_i ..] for the i-th r rows of W.
static void addBlocks(ModuleReader &r, int64_t rank) {
  int64_t rows = r.module.out / rank, columns = r.module.in / rank;
  r.form.map = [=](FormBuilder &f, Value map) {
    Value blocks = f.numbers("miss_block");
    Value tiles = f.reshape(f.materialize(map), {rows, rank, columns, rank});
    Value products = f.einsum("irjk,ikl->irjl", {tiles, blocks});
    Value repeated = f.einsum("irl,j->irjl", {blocks, f.splat({columns}, 1)});
    Value delta =
        f.reshape(f.add(products, repeated), {rows * rank, columns * rank});
    return f.sum({map, f.dense(delta)});
  };
}

// MiSS, Kang et al. 2024: shard[i mod r, o] is added at output o and input i.
// `mini`: shards repeat along the outputs, too. `bat`: see addBlocks.
static llvm::Error readShards(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto shard = r.need(".miss_block");
  if (!shard)
    return shard.takeError();
  int64_t out = r.module.out, in = r.module.in;
  if ((*shard)->shape.size() == 3) {
    int64_t rank = (*shard)->shape[1];
    if (rank < 1 || out % rank || in % rank)
      return r.error(**shard,
                     "has blocks of " + llvm::Twine(rank) +
                         ", which do not divide the weight of module '" +
                         r.module.path + "'");
    if (llvm::Error e = r.add("miss_block", **shard, {out / rank, rank, rank}))
      return e;
    addBlocks(r, rank);
    return llvm::Error::success();
  }
  if (llvm::Error e = r.add("miss_block", **shard, {-1, -1}))
    return e;
  int64_t rank = (*shard)->shape[0], width = (*shard)->shape[1];
  if (width > out)
    return r.error(**shard, "is too large for module '" + r.module.path + "'");
  r.form.map = [=](FormBuilder &f, Value map) {
    // [r, out], then [in, out].
    Value block = f.numbers("miss_block");
    if (width != out)
      block = f.permute(f.repeat(f.permute(block, {1, 0}), out), {1, 0});
    // x is summed over inputs that meet the same row of the shard.
    Value delta = f.compose(
        {f.dense(f.permute(block, {1, 0})), f.transpose(f.cycle(in, rank))});
    return f.sum({map, delta});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {".miss_block"};
static constexpr llvm::StringLiteral fields[] = {
    // What the tensors say, or about training alone.
    "r", "mini_r", "miss_dropout"};

const Tuner importer::missTuner = {"MISS", suffixes, {},
                                   fields, matrices, readShards};

// GraLoRA, Jung et al. 2025: the weight in k x k blocks, each of rank r / k;
// with a LoRA over all of it where there is one (hybrid).
static llvm::Error readGranular(ModuleReader &r) {
  int64_t out = r.module.out, in = r.module.in;
  auto a = r.addNeeded("gralora_A", ".gralora_A", {-1, -1, -1});
  if (!a)
    return a.takeError();
  int64_t k = (*a)->shape[0], rank = (*a)->shape[2];
  if (out % k || in % k || (*a)->shape[1] != in / k || rank % k)
    return r.error(**a, "has shape " + support::shapeString((*a)->shape) +
                            ", which are no blocks of the weight of module '" +
                            r.module.path + "'");
  auto b = r.addNeeded("gralora_B", ".gralora_B", {k, rank, out / k});
  if (!b)
    return b.takeError();
  int64_t general = 0;
  if (r.find(".gralora_A_general.weight") ||
      r.find(".gralora_B_general.weight")) {
    auto wide =
        r.addNeeded("gralora_A_general", ".gralora_A_general.weight", {-1, in});
    if (!wide)
      return wide.takeError();
    general = (*wide)->shape[0];
    auto tall = r.addNeeded("gralora_B_general", ".gralora_B_general.weight",
                            {out, general});
    if (!tall)
      return tall.takeError();
  }
  auto alpha = r.alpha("alpha", 64);
  if (!alpha)
    return alpha.takeError();
  auto scale = r.scaled(*alpha / double(rank + general), "alpha");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    // Input block n gives numbers (n, j, t), output block j takes (j, n, t).
    int64_t part = rank / k;
    llvm::SmallVector<int64_t> sources;
    for (int64_t j = 0; j < k; ++j)
      for (int64_t n = 0; n < k; ++n)
        for (int64_t t = 0; t < part; ++t)
          sources.push_back((n * k + j) * part + t);
    auto blocks = [&](const char *name) -> Value {
      Value bank = f.dense(f.permute(f.numbers(name), {0, 2, 1}));
      return adapter::BlockDiagonalOp::create(f.b, f.loc,
                                              mlir::ValueRange{bank});
    };
    llvm::SmallVector<Value> terms{f.compose(
        {blocks("gralora_B"), f.permutation(sources), blocks("gralora_A")})};
    if (general)
      terms.push_back(f.lowRank(f.stored("gralora_B_general"),
                                f.stored("gralora_A_general")));
    Value delta = terms.size() > 1 ? f.sum(terms) : terms[0];
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral granularSuffixes[] = {
    ".gralora_A", ".gralora_B", ".gralora_A_general.weight",
    ".gralora_B_general.weight"};
static constexpr llvm::StringLiteral granularFields[] = {
    "alpha",
    // What the tensors say, or about training alone.
    "r", "hybrid_r", "gralora_k", "gralora_dropout"};

const Tuner importer::graLoraTuner = {
    "GRALORA", granularSuffixes, {}, granularFields, matrices, readGranular};
