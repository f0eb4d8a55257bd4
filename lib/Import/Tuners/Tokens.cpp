//===- Tokens.cpp - rows of tables ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// The rows that the adapter brings, from the list in its configuration.
static llvm::Expected<std::vector<int64_t>>
readPlaces(const archive::JsonField &field, const ModuleInfo &module) {
  auto places = field.integers();
  if (!places)
    return places.takeError();
  if (places->empty())
    return field.error("names no row");
  // Rows are found by numbers of 24 bits.
  int64_t rows = std::min<int64_t>(module.out, 1 << 24);
  llvm::DenseSet<int64_t> seen;
  for (int64_t place : *places) {
    if (place < 0 || place >= rows)
      return field.error("row " + llvm::Twine(place) + " is none of module '" +
                         module.path + "', which has " + llvm::Twine(rows));
    if (!seen.insert(place).second)
      return field.error("row " + llvm::Twine(place) + " is named twice");
  }
  return std::move(*places);
}

// W + S (D - S^T W): S selects the rows, D holds what stands for them.
llvm::Error importer::readTokenRows(ModuleReader &r,
                                    const archive::JsonField &field,
                                    llvm::StringRef suffix) {
  auto places = readPlaces(field, r.module);
  if (!places)
    return places.takeError();
  int64_t count = places->size(), rows = r.module.out, dim = r.module.in;
  auto stored = r.addNeeded("trainable_tokens_delta", suffix, {count, dim});
  if (!stored)
    return stored.takeError();
  for (int64_t place : *places)
    r.depends(double(place));
  r.depends(r.source.weight);
  r.form.map = [=, places = std::move(*places),
                weight = r.source.weight](FormBuilder &f, Value map) {
    llvm::SmallVector<int32_t> ids(places.begin(), places.end());
    auto type = mlir::RankedTensorType::get({count}, f.b.getI32Type());
    Value chosen = mlir::arith::ConstantOp::create(
        f.b, f.loc,
        mlir::DenseElementsAttr::get(type, llvm::ArrayRef<int32_t>(ids)));
    Value frozen = adapter::buildGathered(f.b, f.loc, map, chosen);
    Value change =
        f.add(f.numbers("trainable_tokens_delta"), f.multiply(frozen, -1.0));
    llvm::SmallVector<float> entries(places.begin(), places.end());
    for (int64_t i = 0; i < count; ++i)
      entries.push_back(i);
    Value selection =
        adapter::SparseOp::create(f.b, f.loc, f.constant({2, count}, entries),
                                  f.splat({count}, 1.0), rows, count);
    Value delta = f.compose({selection, f.dense(change)});
    return f.sum({map, f.scale(delta, weight)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {".trainable_tokens_delta"};
static constexpr llvm::StringLiteral fields[] = {"token_indices"};
static constexpr ModuleKind tables[] = {ModuleKind::Embedding,
                                        ModuleKind::Linear};

const Tuner importer::tokensTuner = {
    "TRAINABLE_TOKENS",
    suffixes,
    {},
    fields,
    tables,
    [](ModuleReader &r) -> llvm::Error {
      // Modules that share the weight of a named one have rows of their own
      // where the library knew of the sharing.
      if (!r.config.targets(r.module) && !r.find(suffixes[0]))
        return llvm::Error::success();
      return readTokenRows(r, r.config["token_indices"], suffixes[0]);
    },
    /*keepsTied=*/true};
