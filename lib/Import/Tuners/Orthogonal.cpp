//===- Orthogonal.cpp - adapters that turn inputs ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

int64_t importer::skewSize(int64_t entries) {
  auto n = int64_t((1 + std::sqrt(1.0 + 8.0 * double(entries))) / 2 + 0.5);
  return n * (n - 1) / 2 == entries ? n : 0;
}

Value importer::limitSkew(FormBuilder &f, Value vectors, double limit) {
  Value squares = f.einsum("bv,bv->b", {vectors, vectors});
  Value factors = f.map(squares, [&](auto &b, auto loc, Value square) -> Value {
    // K holds every entry twice.
    auto number = [&](double value) {
      return mlir::arith::ConstantOp::create(b, loc,
                                             b.getF32FloatAttr(float(value)));
    };
    Value norm = mlir::math::SqrtOp::create(
        b, loc, mlir::arith::MulFOp::create(b, loc, square, number(2)));
    Value one = number(1);
    Value small = mlir::arith::CmpFOp::create(
        b, loc, mlir::arith::CmpFPredicate::OLE, norm, number(limit));
    Value divisor = mlir::arith::SelectOp::create(b, loc, small, one, norm);
    Value dividend =
        mlir::arith::SelectOp::create(b, loc, small, one, number(limit));
    return mlir::arith::DivFOp::create(b, loc, dividend, divisor);
  });
  return f.einsum("bv,b->bv", {vectors, factors});
}

// OFT, Qiu et al. 2023: W' = W blockdiag(R)^T with orthogonal R = Cayley(K),
// exact or a Neumann series; rows of an embedding by blockdiag(R).
static llvm::Error readBlocks(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  bool embedding = r.module.kind == ModuleKind::Embedding;
  auto vectors = r.addNeeded(
      "oft_R", embedding ? ".oft_embedding_R.weight" : ".oft_R.weight",
      {-1, -1});
  if (!vectors)
    return vectors.takeError();
  int64_t stored = (*vectors)->shape[0], n = skewSize((*vectors)->shape[1]);
  auto shared = r.config["block_share"].booleanOr(false);
  if (!shared)
    return shared.takeError();
  int64_t in = r.module.in;
  if (!n || in % n || stored != (*shared ? 1 : in / n))
    return r.error(**vectors,
                   "has shape " + support::shapeString((*vectors)->shape) +
                       ", which are no blocks of the " + llvm::Twine(in) +
                       " inputs of module '" + r.module.path + "'");
  auto series = r.config["use_cayley_neumann"].booleanOr(true);
  if (!series)
    return series.takeError();
  auto terms = r.config["num_cayley_neumann_terms"].integerOr(5, 1, 1 << 20);
  if (!terms)
    return terms.takeError();
  auto constrained = r.config["coft"].booleanOr(false);
  if (!constrained)
    return constrained.takeError();
  auto epsilon = r.config["eps"].numberOr(6e-5);
  if (!epsilon)
    return epsilon.takeError();
  double limit = *epsilon / std::sqrt(double(stored));
  r.depends(*series ? double(*terms) : 0);
  r.depends(*constrained ? limit : 0);
  r.form.map = [=, project = *constrained, series = *series,
                terms = *terms](FormBuilder &f, Value map) {
    Value vectors =
        project ? limitSkew(f, f.numbers("oft_R"), limit) : f.stored("oft_R");
    Value skew = adapter::SkewOp::create(f.b, f.loc, vectors);
    Value blocks = adapter::CayleyOp::create(
        f.b, f.loc, skew,
        series ? std::optional<int64_t>(terms) : std::nullopt);
    llvm::SmallVector<Value> all(in / n / stored, blocks);
    Value turn = adapter::BlockDiagonalOp::create(f.b, f.loc, all);
    return f.compose({map, embedding ? turn : f.transpose(turn)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral blockSuffixes[] = {
    ".oft_R.weight", ".oft_embedding_R.weight"};
static constexpr llvm::StringLiteral blockFields[] = {
    "block_share", "use_cayley_neumann", "num_cayley_neumann_terms", "coft",
    "eps",
    // What the tensors say, or about training alone.
    "r", "oft_block_size", "module_dropout"};

const Tuner importer::oftTuner = {
    "OFT", blockSuffixes, {}, blockFields, matricesAndEmbeddings, readBlocks};

/// The order of inputs of butterfly factor `factor`: cut into parts, of each
/// first the even and then the odd runs of half a block.
static llvm::SmallVector<int64_t> butterflyOrder(int64_t size, int64_t part,
                                                 int64_t run) {
  llvm::SmallVector<int64_t> order;
  for (int64_t begin = 0; begin < size; begin += part)
    for (int64_t odd : {0, 1})
      for (int64_t at = begin + odd * run; at < begin + part; at += 2 * run)
        for (int64_t i = 0; i < run; ++i)
          order.push_back(at + i);
  return order;
}

// BOFT, Liu et al. 2023: W' = diag(s) W R^T, R a product of butterfly factors
// P blockdiag(Q) P^T, Q = Cayley((R - R^T) / 2).
static llvm::Error readButterfly(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  int64_t in = r.module.in;
  auto entry = r.addNeeded("boft_R", ".boft_R", {-1, -1, -1, -1});
  if (!entry)
    return entry.takeError();
  llvm::ArrayRef<int64_t> shape = (*entry)->shape;
  int64_t factors = shape[0], blocks = shape[1], n = shape[2];
  // Parts of factor i: 2^i blocks, which must fill the inputs.
  bool fits = n == shape[3] && blocks * n == in &&
              (factors == 1 || (n % 2 == 0 && factors < 32 &&
                                blocks % (int64_t(1) << (factors - 1)) == 0));
  if (!fits)
    return r.error(**entry, "has shape " + support::shapeString(shape) +
                                ", which are no butterfly factors of the " +
                                llvm::Twine(in) + " inputs of module '" +
                                r.module.path + "'");
  auto scales = r.addNeeded("boft_s", ".boft_s", {r.module.out, 1});
  if (!scales)
    return scales.takeError();
  r.form.map = [=](FormBuilder &f, Value map) {
    // R^T = M_0^T .. M_(N-1)^T.
    llvm::SmallVector<Value> chain{f.diagonal(f.stored("boft_s")), map};
    Value all = f.numbers("boft_R");
    for (int64_t i = 0; i < factors; ++i) {
      Value raw = f.reshape(f.slice(all, {i, 0, 0, 0}, {1, blocks, n, n}),
                            {blocks, n, n});
      Value skew = f.multiply(
          f.add(raw, f.multiply(f.permute(raw, {0, 2, 1}), -1)), 0.5);
      Value turn = adapter::BlockDiagonalOp::create(
          f.b, f.loc,
          mlir::ValueRange{
              adapter::CayleyOp::create(f.b, f.loc, f.dense(skew))});
      turn = f.transpose(turn);
      if (factors == 1) {
        chain.push_back(turn);
        continue;
      }
      Value order =
          f.permutation(butterflyOrder(in, n * (int64_t(1) << i), n / 2));
      chain.append({order, turn, f.transpose(order)});
    }
    return f.compose(chain);
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral butterflySuffixes[] = {".boft_R",
                                                            ".boft_s"};
static constexpr llvm::StringLiteral butterflyFields[] = {
    // What the tensors say, or about training alone.
    "boft_block_size", "boft_block_num", "boft_n_butterfly_factor",
    "boft_dropout"};

const Tuner importer::boftTuner = {
    "BOFT", butterflySuffixes, {}, butterflyFields, matrices, readButterfly};

//===----------------------------------------------------------------------===//
// Reflections and circulants
//===----------------------------------------------------------------------===//

// HRA, Yuan et al. 2024: W' = W H, H a product of Householder reflections.
static llvm::Error readReflections(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto u = r.addNeeded("hra_u", ".hra_u", {r.module.in, -1});
  if (!u)
    return u.takeError();
  if (llvm::Error e = r.checkRank((*u)->shape[1], **u))
    return e;
  auto orthonormal = r.config["apply_GS"].booleanOr(false);
  if (!orthonormal)
    return orthonormal.takeError();
  r.depends(double(*orthonormal));
  r.form.map = [orthonormal = *orthonormal](FormBuilder &f, Value map) {
    return f.compose({map, adapter::HouseholderOp::create(
                               f.b, f.loc, f.stored("hra_u"), orthonormal)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral reflectionSuffixes[] = {".hra_u"};
static constexpr llvm::StringLiteral reflectionFields[] = {"r", "apply_GS"};

const Tuner importer::hraTuner = {
    "HRA", reflectionSuffixes, {}, reflectionFields, matrices, readReflections};

// C3A, Chen et al. 2024: W + circulant blocks / in.
static llvm::Error readCirculant(ModuleReader &r) {
  auto kernel = r.addNeeded("c3a_kernel", ".c3a_kernel", {-1, -1, -1});
  if (!kernel)
    return kernel.takeError();
  llvm::ArrayRef<int64_t> shape = (*kernel)->shape;
  if (shape[0] * shape[2] != r.module.out || shape[1] * shape[2] != r.module.in)
    return r.error(**kernel,
                   "has shape " + support::shapeString(shape) +
                       ", which are no blocks of the weight of module '" +
                       r.module.path + "'");
  auto scale = r.scaled(1.0 / double(r.module.in), "block_size");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [s = *scale](FormBuilder &f, Value map) {
    Value delta =
        adapter::CirculantOp::create(f.b, f.loc, f.stored("c3a_kernel"));
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral circulantSuffixes[] = {".c3a_kernel"};
static constexpr llvm::StringLiteral circulantFields[] = {
    // What the tensors say.
    "block_size", "block_size_pattern"};

const Tuner importer::c3aTuner = {
    "C3A", circulantSuffixes, {}, circulantFields, matrices, readCirculant};
