//===- SharedVector.cpp - adapters made of one vector -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

static constexpr llvm::StringLiteral vectorName = "unilora_theta_d";

// Uni-LoRA, Li et al. 2025: W + B A, whose entries are those of one vector of
// the whole adapter, by stored places and with stored scales.
static llvm::Error readVector(ModuleReader &r) {
  // Places are numbers of 24 bits.
  auto length = r.config["theta_d_length"].integerOr(256, 1, 1 << 24);
  if (!length)
    return length.takeError();
  auto vector = r.addShared(vectorName, {*length});
  if (!vector)
    return vector.takeError();
  auto rank = r.rank("r", 4);
  if (!rank)
    return rank.takeError();
  for (auto [side, rows, columns] : {std::tuple("A", *rank, r.module.in),
                                     std::tuple("B", r.module.out, *rank)}) {
    std::string places = std::string("unilora_indices_") + side;
    std::string scales = std::string("unilora_scales_") + side;
    auto indices = r.addIndices(places, "." + places, {rows, columns}, *length);
    if (!indices)
      return indices.takeError();
    auto factors = r.addNeeded(scales, "." + scales, {rows, columns});
    if (!factors)
      return factors.takeError();
  }
  r.depends(r.source.weight);
  r.form.map = [weight = r.source.weight](FormBuilder &f, Value map) {
    Value vector = f.numbers(vectorName);
    auto matrix = [&](const std::string &side) {
      Value entries = f.lookup(vector, f.numbers("unilora_indices_" + side));
      return f.multiply(entries, f.numbers("unilora_scales_" + side));
    };
    Value delta = f.lowRank(matrix("B"), matrix("A"));
    return f.sum({map, f.scale(delta, weight)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {
    ".unilora_indices_A", ".unilora_indices_B", ".unilora_scales_A",
    ".unilora_scales_B"};
static constexpr llvm::StringLiteral shared[] = {vectorName};
static constexpr llvm::StringLiteral fields[] = {
    "r", "theta_d_length",
    // What the tensors say, or about training alone.
    "proj_seed", "save_indices", "init_theta_d_bound", "unilora_dropout"};

const Tuner importer::uniLoraTuner = {"UNILORA", suffixes, shared,
                                      fields,    matrices, readVector};
