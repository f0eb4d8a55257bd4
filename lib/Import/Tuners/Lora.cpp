//===- Lora.cpp - low-rank adapters -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LoRA, Hu et al. 2021: W + s B A, s = alpha / r. Rank-stabilised: s = alpha /
// sqrt(r), Kalajdzievski 2023.
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::Value;

static llvm::Error checkInitialisation(const ModuleReader &r) {
  // Other ways to start change the frozen weights with which the adapter was
  // trained; the files do not hold the change.
  archive::JsonField init = r.config["init_lora_weights"];
  if (init.isString()) {
    llvm::StringRef name = *init.raw()->getAsString();
    if (name != "gaussian" && name != "eva" && name != "orthogonal")
      return init.error("initialisation '" + name +
                        "' is not supported: it changes the base weights");
  } else if (!init.isNull() && !init.isBool()) {
    return init.error("must be a boolean or a string");
  }
  return llvm::Error::success();
}

static llvm::Expected<double> scaleOf(const ModuleReader &r) {
  auto rank = r.rank();
  if (!rank)
    return rank.takeError();
  auto alpha = r.alpha("lora_alpha", 8);
  if (!alpha)
    return alpha.takeError();
  auto stabilised = r.config["use_rslora"].booleanOr(false);
  if (!stabilised)
    return stabilised.takeError();
  return r.scaled(*alpha / (*stabilised ? std::sqrt(*rank) : double(*rank)),
                  "lora_alpha");
}

static llvm::Error read(ModuleReader &r) {
  if (llvm::Error e = checkInitialisation(r))
    return e;
  // An embedding [rows, dim] takes the transposed product.
  bool embedding = r.module.kind == ModuleKind::Embedding;
  int64_t out = embedding ? r.module.in : r.module.out;
  int64_t in = embedding ? r.module.out : r.module.in;
  auto a = r.addNeeded(
      "lora_A", embedding ? ".lora_embedding_A" : ".lora_A.weight", {-1, in});
  if (!a)
    return a.takeError();
  auto b = r.need(embedding ? ".lora_embedding_B" : ".lora_B.weight");
  if (!b)
    return b.takeError();
  int64_t rank = (*a)->shape[0];
  if (llvm::Error e = r.checkRank(rank, **a))
    return e;
  if (llvm::Error e = r.add("lora_B", **b, {out, rank}))
    return e;
  auto scale = scaleOf(r);
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value delta = f.lowRank(f.stored("lora_B"), f.stored("lora_A"));
    if (embedding)
      delta = f.transpose(delta);
    return f.sum({map, f.scale(delta, s)});
  };

  auto hasBias = r.config["lora_bias"].booleanOr(false);
  if (!hasBias)
    return hasBias.takeError();
  if (!*hasBias || embedding)
    return llvm::Error::success();
  auto bias = r.addNeeded("lora_B.bias", ".lora_B.bias", {out});
  if (!bias)
    return bias.takeError();
  r.form.bias = [s = *scale](FormBuilder &f, Value bias) {
    Value own = f.multiply(f.numbers("lora_B.bias"), s);
    return bias ? f.add(bias, own) : own;
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {
    ".lora_A.weight", ".lora_B.weight", ".lora_B.bias", ".lora_embedding_A",
    ".lora_embedding_B"};
static constexpr llvm::StringLiteral fields[] = {
    "r", "lora_alpha", "use_rslora", "lora_bias", "init_lora_weights",
    // About training alone.
    "lora_dropout", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "megatron_core", "qalora_group_size"};

const Tuner importer::loraTuner = {
    "LORA", suffixes, {}, fields, /*onMatrices=*/true, /*onEmbeddings=*/true,
    read};
