//===- VectorBank.cpp - adapters put together from few vectors --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// VB-LoRA, Li et al. 2024: W + B A, whose rows and columns are cut into pieces,
// each a weighted sum of the few vectors of a bank that its logits like best.
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;

static constexpr llvm::StringLiteral bankName = "vblora_vector_bank";

namespace {

/// One of the vectors that every piece is made of: two tensors with a number
/// for each piece.
struct Choice {
  Value weight, index;
};

} // namespace

/// The largest logit of each piece and its place, without places in `before`.
/// Of equal logits the first is taken.
static Choice chooseLargest(FormBuilder &f, Value logits,
                            llvm::ArrayRef<Choice> before) {
  llvm::ArrayRef<int64_t> shape = shapeOf(logits);
  auto fill = [&](double value) -> Value {
    Value init = mlir::tensor::EmptyOp::create(f.b, f.loc, shape.drop_back(),
                                               f.b.getF32Type());
    Value number = arith::ConstantOp::create(f.b, f.loc,
                                             f.b.getF32FloatAttr(float(value)));
    return linalg::FillOp::create(f.b, f.loc, number, init).getResult(0);
  };
  Value inits[] = {fill(-std::numeric_limits<float>::infinity()), fill(0)};
  llvm::SmallVector<Value> inputs{logits};
  mlir::AffineMap all = f.b.getMultiDimIdentityMap(3);
  mlir::AffineMap pieces = all.getMajorSubMap(2);
  llvm::SmallVector<mlir::AffineMap> maps{all};
  for (const Choice &choice : before) {
    inputs.push_back(choice.index);
    maps.push_back(pieces);
  }
  maps.append(2, pieces);
  auto parallel = mlir::utils::IteratorType::parallel;
  auto body = [&](mlir::OpBuilder &b, mlir::Location loc,
                  mlir::ValueRange values) {
    Value best = values[values.size() - 2], at = values.back();
    Value place = arith::IndexCastOp::create(
        b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, 2));
    place = arith::SIToFPOp::create(b, loc, b.getF32Type(), place);
    Value better = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                         values[0], best);
    for (Value taken : values.drop_front().drop_back(2))
      better = arith::AndIOp::create(
          b, loc, better,
          arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, place,
                                taken));
    linalg::YieldOp::create(
        b, loc,
        mlir::ValueRange{
            arith::SelectOp::create(b, loc, better, values[0], best),
            arith::SelectOp::create(b, loc, better, place, at)});
  };
  auto chosen = linalg::GenericOp::create(
      f.b, f.loc, mlir::TypeRange{inits[0].getType(), inits[1].getType()},
      inputs, inits, maps,
      llvm::ArrayRef{parallel, parallel, mlir::utils::IteratorType::reduction},
      body);
  return {chosen.getResult(0), chosen.getResult(1)};
}

/// The `count` largest logits of each piece, weighted by their softmax.
static llvm::SmallVector<Choice> chooseByLogits(FormBuilder &f, Value logits,
                                                int64_t count) {
  llvm::SmallVector<Choice> choices;
  for (int64_t i = 0; i < count; ++i)
    choices.push_back(chooseLargest(f, logits, choices));
  Value largest = choices[0].weight, sum;
  for (Choice &choice : choices) {
    Value above = f.add(choice.weight, f.multiply(largest, -1.0));
    choice.weight = f.map(above, [](auto &b, auto loc, Value x) {
      return mlir::math::ExpOp::create(b, loc, x).getResult();
    });
    sum = sum ? f.add(sum, choice.weight) : choice.weight;
  }
  Value share = f.map(sum, [](auto &b, auto loc, Value x) {
    Value one = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1));
    return arith::DivFOp::create(b, loc, one, x).getResult();
  });
  for (Choice &choice : choices)
    choice.weight = f.multiply(choice.weight, share);
  return choices;
}

/// Stored choices. The last weight is what the others leave of 1.
static llvm::SmallVector<Choice> chooseStored(FormBuilder &f, Value indices,
                                              Value weights) {
  llvm::SmallVector<int64_t> pieces(shapeOf(indices).drop_back());
  int64_t count = shapeOf(indices).back();
  auto take = [&](Value tensor, int64_t i) {
    return f.reshape(f.slice(tensor, {0, 0, i}, {pieces[0], pieces[1], 1}),
                     pieces);
  };
  llvm::SmallVector<Choice> choices;
  Value rest = f.splat(pieces, 1);
  for (int64_t i = 0; i < count; ++i) {
    Value weight = i + 1 < count ? take(weights, i) : rest;
    rest = f.add(rest, f.multiply(weight, -1.0));
    choices.push_back({weight, take(indices, i)});
  }
  return choices;
}

static llvm::Error readBank(ModuleReader &r) {
  auto length = r.config["vector_length"].integerOr(256, 1, 1 << 20);
  if (!length)
    return length.takeError();
  int64_t out = r.module.out, in = r.module.in, L = *length;
  if (out % L || in % L)
    return r.fieldError("vector_length",
                        "vectors of " + llvm::Twine(L) +
                            " numbers do not divide the sizes " +
                            llvm::Twine(out) + " and " + llvm::Twine(in) +
                            " of module '" + r.module.path + "'");
  // Indices of vectors are numbers of 24 bits.
  auto vectors = r.config["num_vectors"].integerOr(256, 1, 1 << 24);
  if (!vectors)
    return vectors.takeError();
  auto count =
      r.config["topk"].integerOr(2, 1, std::min<int64_t>(*vectors, 64));
  if (!count)
    return count.takeError();
  auto stored = r.config["save_only_topk_weights"].booleanOr(false);
  if (!stored)
    return stored.takeError();
  auto rank = r.rank("r", 4);
  if (!rank)
    return rank.takeError();
  auto bank = r.addShared(bankName, {*vectors, L});
  if (!bank)
    return bank.takeError();
  for (auto [name, rows, columns] :
       {std::tuple("vblora_logits_A", *rank, in / L),
        std::tuple("vblora_logits_B", out / L, *rank)}) {
    std::string part = name, suffix = "." + part;
    if (!*stored) {
      auto logits = r.addNeeded(part, suffix, {rows, columns, *vectors});
      if (!logits)
        return logits.takeError();
      continue;
    }
    part += "_topk_indices";
    auto indices = r.addIndices(part, suffix + "_topk_indices",
                                {rows, columns, *count}, *vectors);
    if (!indices)
      return indices.takeError();
    // A single choice has no weight to store.
    if (*count == 1) {
      (void)r.find(suffix + "_topk_weights");
      continue;
    }
    auto weights =
        r.addNeeded(std::string(name) + "_topk_weights",
                    suffix + "_topk_weights", {rows, columns, *count - 1});
    if (!weights)
      return weights.takeError();
  }
  r.depends(double(*count));
  r.depends(r.source.weight);
  r.form.map = [=, stored = *stored, count = *count, r = *rank,
                weight = r.source.weight](FormBuilder &f, Value map) {
    Value bank = f.numbers(bankName);
    auto matrix = [&](const std::string &name) {
      auto choices =
          !stored ? chooseByLogits(f, f.numbers(name), count)
                  : chooseStored(f, f.numbers(name + "_topk_indices"),
                                 count > 1 ? f.numbers(name + "_topk_weights")
                                           : Value());
      Value sum;
      for (const Choice &choice : choices) {
        Value part = f.einsum("ij,ijl->ijl",
                              {choice.weight, f.lookup(bank, choice.index)});
        sum = sum ? f.add(sum, part) : part;
      }
      return sum;
    };
    Value A = f.reshape(matrix("vblora_logits_A"), {r, in});
    Value B =
        f.reshape(f.permute(matrix("vblora_logits_B"), {0, 2, 1}), {out, r});
    return f.sum({map, f.scale(f.lowRank(B, A), weight)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {
    ".vblora_logits_A",
    ".vblora_logits_A_topk_indices",
    ".vblora_logits_A_topk_weights",
    ".vblora_logits_B",
    ".vblora_logits_B_topk_indices",
    ".vblora_logits_B_topk_weights"};
static constexpr llvm::StringLiteral shared[] = {bankName};
static constexpr llvm::StringLiteral fields[] = {
    "r", "vector_length", "num_vectors", "topk", "save_only_topk_weights",
    // About training alone.
    "init_logits_std", "init_vector_bank_bound", "vblora_dropout"};

const Tuner importer::vbLoraTuner = {"VBLORA", suffixes, shared,
                                     fields,   matrices, readBank};
