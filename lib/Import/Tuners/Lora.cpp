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
#include "allot/Dialect/Adapter/IR/Structured.h"
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

/// On one matrix of a parameter of E experts. The factors of all are stored
/// together: A expert by expert, `[E * r, in]`, B `[out, r * E]` with the
/// number of the expert as the faster one.
static llvm::Error readExpert(ModuleReader &r) {
  for (llvm::StringRef field : {"use_dora", "lora_bias"}) {
    auto asked = r.config[field].booleanOr(false);
    if (!asked)
      return asked.takeError();
    if (*asked)
      return r.fieldError(field, "is not supported on experts");
  }
  int64_t experts = r.module.experts, expert = r.module.expert;
  int64_t out = r.module.out, in = r.module.in;
  // One tensor for all experts: declared once.
  std::string stem = r.module.expertsPath + "." + r.module.parameter;
  std::string nameA = stem + ".lora_A", nameB = stem + ".lora_B";
  auto a = r.addNeeded(nameA, ".lora_A.weight", {-1, in});
  if (!a)
    return a.takeError();
  r.form.parts.back().shared = true;
  int64_t rows = (*a)->shape[0], rank = rows / experts;
  if (rows % experts)
    return r.error(**a, "has " + llvm::Twine(rows) + " rows, which are not " +
                            "equally many for each of " + llvm::Twine(experts) +
                            " experts");
  if (llvm::Error e = r.checkRank(rank, **a))
    return e;
  auto b = r.addNeeded(nameB, ".lora_B.weight", {out, rows});
  if (!b)
    return b.takeError();
  r.form.parts.back().shared = true;
  auto scale = scaleOf(r);
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value a = f.slice(f.numbers(nameA), {expert * rank, 0}, {rank, in});
    Value all = f.reshape(f.numbers(nameB), {out, rank, experts});
    Value b =
        f.reshape(f.slice(all, {0, 0, expert}, {out, rank, 1}), {out, rank});
    return f.sum({map, f.scale(f.lowRank(b, a), s)});
  };
  return llvm::Error::success();
}

static llvm::Error read(ModuleReader &r) {
  if (llvm::Error e = checkInitialisation(r))
    return e;
  if (r.module.experts)
    return readExpert(r);
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
  // DoRA, Liu et al. 2024: a magnitude of each output (of an embedding, of
  // each dimension) beside the direction.
  auto directed = r.config["use_dora"].booleanOr(false);
  if (!directed)
    return directed.takeError();
  if (*directed) {
    if (llvm::Error e = r.unweighted())
      return e;
    auto magnitude =
        r.addNeeded("lora_magnitude_vector", ".lora_magnitude_vector", {out});
    if (!magnitude)
      return magnitude.takeError();
  }
  r.form.map = [=, s = *scale, directed = *directed](FormBuilder &f,
                                                     Value map) {
    Value delta = f.lowRank(f.stored("lora_B"), f.stored("lora_A"));
    if (embedding)
      delta = f.transpose(delta);
    Value sum = f.sum({map, f.scale(delta, s)});
    if (!directed)
      return sum;
    Value magnitude = f.diagonal(f.stored("lora_magnitude_vector"));
    Value direction =
        adapter::NormalizeOp::create(f.b, f.loc, embedding ? 1 : 0, sum);
    return embedding ? f.compose({direction, magnitude})
                     : f.compose({magnitude, direction});
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
    ".lora_A.weight",    ".lora_B.weight",         ".lora_B.bias",
    ".lora_embedding_A", ".lora_magnitude_vector", ".lora_embedding_B"};
static constexpr llvm::StringLiteral fields[] = {
    "r", "lora_alpha", "use_rslora", "lora_bias", "init_lora_weights",
    "use_dora",
    // About training alone.
    "lora_dropout", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "megatron_core", "qalora_group_size"};

const Tuner importer::loraTuner = {
    "LORA", suffixes, {},      fields, matricesAndEmbeddings,
    read,   false,    nullptr, false,  /*onExperts=*/true};

//===----------------------------------------------------------------------===//
// With a gate on the ranks
//===----------------------------------------------------------------------===//

// AdaLoRA, Zhang et al. 2023: W + s B diag(E) A. Pruned ranks are not stored;
// the scale is always that of the ranks in the beginning.
static llvm::Error readGated(ModuleReader &r) {
  auto a = r.addNeeded("lora_A", ".lora_A", {-1, r.module.in});
  if (!a)
    return a.takeError();
  int64_t rank = (*a)->shape[0];
  auto b = r.addNeeded("lora_B", ".lora_B", {r.module.out, rank});
  if (!b)
    return b.takeError();
  auto gate = r.addNeeded("lora_E", ".lora_E", {rank, 1});
  if (!gate)
    return gate.takeError();
  auto start = r.config["init_r"].integerOr(12, 1, 1 << 20);
  if (!start)
    return start.takeError();
  auto alpha = r.alpha("lora_alpha", 8);
  if (!alpha)
    return alpha.takeError();
  auto scale = r.scaled(*alpha / (double(*start) + 1e-5), "lora_alpha");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value gate = f.reshape(f.numbers("lora_E"), {rank});
    return f.sum(
        {map,
         f.scale(f.lowRank(f.stored("lora_B"), f.stored("lora_A"), gate), s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral gatedSuffixes[] = {".lora_A", ".lora_B",
                                                        ".lora_E"};
static constexpr llvm::StringLiteral gatedFields[] = {
    "init_r", "lora_alpha",
    // About training alone.
    "r", "lora_dropout", "init_lora_weights", "loftq_config", "eva_config",
    "corda_config", "lora_ga_config", "megatron_core", "qalora_group_size",
    "use_rslora", "beta1", "beta2", "deltaT", "orth_reg_weight", "target_r",
    "tfinal", "tinit", "total_step"};

const Tuner importer::adaLoraTuner = {"ADALORA",   gatedSuffixes, {},
                                      gatedFields, matrices,      readGated};

//===----------------------------------------------------------------------===//
// With a core of few numbers
//===----------------------------------------------------------------------===//

/// The place of a module among those of `modules` that the adapter is put on,
/// and how many these are.
static std::pair<int64_t, int64_t> placeOf(const ModuleReader &r) {
  int64_t place = 0, count = 0;
  for (const ModuleInfo *module : inModelOrder(r.modules))
    if (llvm::is_contained(matrices, module->kind) &&
        r.config.targets(*module)) {
      if (module->path == r.module.path)
        place = count;
      ++count;
    }
  return {place, count};
}

// TinyLoRA: W + B (sum_i v_i P_i) A, where modules in a row share v.
static llvm::Error readCore(ModuleReader &r) {
  auto a = r.addNeeded("tinylora_A", ".tinylora_A", {-1, r.module.in});
  if (!a)
    return a.takeError();
  int64_t rank = (*a)->shape[0];
  if (llvm::Error e = r.checkRank(rank, **a))
    return e;
  auto b = r.addNeeded("tinylora_B", ".tinylora_B", {r.module.out, rank});
  if (!b)
    return b.takeError();
  auto basis = r.addNeeded("tinylora_P", ".tinylora_P", {-1, rank, rank});
  if (!basis)
    return basis.takeError();
  int64_t size = (*basis)->shape[0];
  int64_t groups = 0;
  for (auto &tensor : r.shared)
    groups += tensor.first().starts_with("tinylora_v.");
  auto [place, count] = placeOf(r);
  int64_t perGroup = groups ? (count + groups - 1) / groups : 1;
  std::string name = "tinylora_v." + std::to_string(place / perGroup);
  auto v = r.addShared(name, {size});
  if (!v)
    return v.takeError();
  auto scale = r.scaled(1.0, "tinylora_alpha");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value core =
        f.einsum("u,uij->ij", {f.numbers(name), f.numbers("tinylora_P")});
    Value delta = f.compose({f.dense(f.stored("tinylora_B")), f.dense(core),
                             f.dense(f.stored("tinylora_A"))});
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral coreSuffixes[] = {
    ".tinylora_A", ".tinylora_B", ".tinylora_P"};
static constexpr llvm::StringLiteral coreShared[] = {"tinylora_v"};
static constexpr llvm::StringLiteral coreFields[] = {
    "r",
    // What the tensors say, or about training alone.
    "u", "weight_tying", "projection_seed", "save_projection", "init_v_bound",
    "tinylora_dropout"};

const Tuner importer::tinyLoraTuner = {"TINYLORA", coreSuffixes, coreShared,
                                       coreFields, matrices,     readCore};
