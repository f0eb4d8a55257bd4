//===- SharedVector.cpp - adapters made of one vector -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Uni-LoRA, Li et al. 2025: W + B A, whose entries are those of one vector of
// the whole adapter, each divided by the root of how often it occurs.
//
//===----------------------------------------------------------------------===//

#include "../NumpyRandom.h"
#include "../Tuners.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::Value;

static constexpr llvm::StringLiteral vectorName = "unilora_theta_d";

namespace {

/// Which entry of the vector stands where, in all modules: every entry as often
/// as any other or once more, in an order that a seed gives.
struct Places {
  /// Of A and then B of each module in the order of the model.
  std::vector<uint32_t> indices;
  /// By entry: one over the root of how often it occurs.
  std::vector<float> scales;
  /// By path of a module: where its indices begin.
  llvm::StringMap<size_t> begin;
};

} // namespace

/// More entries than any adapter of this kind has.
static constexpr int64_t maxEntries = int64_t(1) << 28;

static llvm::Expected<Places> placeBySeed(const ModuleReader &r, int64_t rank,
                                          int64_t length) {
  auto seed = r.config["proj_seed"].integerOr(42, 0);
  if (!seed)
    return seed.takeError();
  Places places;
  int64_t total = 0;
  for (const ModuleInfo *module : inModelOrder(r.modules)) {
    if (!llvm::is_contained(matrices, module->kind) ||
        !r.config.targets(*module))
      continue;
    places.begin[module->path] = total;
    total += rank * (module->out + module->in);
    if (total > maxEntries)
      return r.fieldError("r", "rank " + llvm::Twine(rank) + " is too large");
  }
  NumpyRandom random(*seed);
  std::vector<uint32_t> &indices = places.indices;
  indices.reserve(total);
  for (int64_t i = 0, whole = total / length * length; i < whole; ++i)
    indices.push_back(i / (total / length));
  std::vector<float> counts(length, total / length);
  if (total % length)
    for (uint32_t index : random.choice(length, total % length)) {
      indices.push_back(index);
      ++counts[index];
    }
  random.shuffle(indices);
  for (float count : counts)
    places.scales.push_back(count ? 1.0f / std::sqrt(count) : 0.0f);
  return std::move(places);
}

/// A and B of a module out of the vector and indices into it. The matrix of
/// `side` is `entries(side)` of some vector.
static void buildFrom(ModuleReader &r,
                      std::function<Value(FormBuilder &, char side)> matrix) {
  r.depends(r.source.weight);
  r.form.map = [matrix = std::move(matrix),
                weight = r.source.weight](FormBuilder &f, Value map) {
    Value B = matrix(f, 'B'), A = matrix(f, 'A');
    return f.sum({map, f.scale(f.lowRank(B, A), weight)});
  };
}

static llvm::Error readSeeded(ModuleReader &r, int64_t rank, int64_t length) {
  // All modules of an adapter use the same.
  if (!r.memory.has_value()) {
    auto places = placeBySeed(r, rank, length);
    if (!places)
      return places.takeError();
    r.memory = std::make_shared<const Places>(std::move(*places));
  }
  auto places = std::any_cast<std::shared_ptr<const Places>>(r.memory);
  size_t begin = places->begin.lookup(r.module.path);
  r.depends("seeded");
  r.depends(double(begin));
  r.depends(double(places->indices[begin]));
  buildFrom(r, [=](FormBuilder &f, char side) {
    llvm::SmallVector<int64_t> shape{rank, f.module.in};
    size_t from = begin;
    if (side == 'B') {
      from += rank * f.module.in;
      shape = {f.module.out, rank};
    }
    auto indices =
        llvm::ArrayRef(places->indices).slice(from, shape[0] * shape[1]);
    Value vector =
        f.multiply(f.numbers(vectorName), f.constant({length}, places->scales));
    return f.lookup(vector,
                    f.constant(shape, llvm::SmallVector<float>(indices.begin(),
                                                               indices.end())));
  });
  return llvm::Error::success();
}

static llvm::Error readStored(ModuleReader &r, int64_t rank, int64_t length) {
  for (auto [side, rows, columns] : {std::tuple("A", rank, r.module.in),
                                     std::tuple("B", r.module.out, rank)}) {
    std::string places = std::string("unilora_indices_") + side;
    std::string scales = std::string("unilora_scales_") + side;
    auto indices = r.addIndices(places, "." + places, {rows, columns}, length);
    if (!indices)
      return indices.takeError();
    auto factors = r.addNeeded(scales, "." + scales, {rows, columns});
    if (!factors)
      return factors.takeError();
  }
  buildFrom(r, [](FormBuilder &f, char side) {
    Value places = f.numbers(std::string("unilora_indices_") + side);
    Value scales = f.numbers(std::string("unilora_scales_") + side);
    return f.multiply(f.lookup(f.numbers(vectorName), places), scales);
  });
  return llvm::Error::success();
}

static llvm::Error readVector(ModuleReader &r) {
  // Indices are numbers of 24 bits.
  auto length = r.config["theta_d_length"].integerOr(256, 1, 1 << 24);
  if (!length)
    return length.takeError();
  auto vector = r.addShared(vectorName, {*length});
  if (!vector)
    return vector.takeError();
  auto rank = r.config["r"].integerOr(4, 1, 1 << 20);
  if (!rank)
    return rank.takeError();
  auto stored = r.config["save_indices"].booleanOr(false);
  if (!stored)
    return stored.takeError();
  return *stored ? readStored(r, *rank, *length)
                 : readSeeded(r, *rank, *length);
}

static constexpr llvm::StringLiteral suffixes[] = {
    ".unilora_indices_A", ".unilora_indices_B", ".unilora_scales_A",
    ".unilora_scales_B"};
static constexpr llvm::StringLiteral shared[] = {vectorName};
static constexpr llvm::StringLiteral fields[] = {
    "r", "theta_d_length", "save_indices", "proj_seed",
    // About training alone.
    "init_theta_d_bound", "unilora_dropout"};

const Tuner importer::uniLoraTuner = {"UNILORA", suffixes, shared,
                                      fields,    matrices, readVector};
