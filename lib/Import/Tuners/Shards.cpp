//===- Shards.cpp - adapters of blocks that repeat --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"

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
