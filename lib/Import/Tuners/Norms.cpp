//===- Norms.cpp - adapters that take strength from direction ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// 1 / max(|row|, floor) of each row of a matrix.
static Value inverseNorms(FormBuilder &f, Value matrix, const char *spec,
                          double floor) {
  Value squares = f.einsum(spec, {matrix, matrix});
  return f.map(squares, [&](auto &b, auto loc, Value square) -> Value {
    auto number = [&](double value) {
      return mlir::arith::ConstantOp::create(b, loc,
                                             b.getF32FloatAttr(float(value)));
    };
    Value norm = mlir::math::SqrtOp::create(b, loc, square);
    norm = mlir::arith::MaximumFOp::create(b, loc, norm, number(floor));
    return mlir::arith::DivFOp::create(b, loc, number(1), norm);
  });
}

// DeLoRA, Bini et al. 2025: W + lambda / r B diag(1 / (|a_i| |b_i|)) A
// diag(column norms of W).
static llvm::Error readDecoupled(ModuleReader &r) {
  auto a = r.addNeeded("delora_A", ".delora_A", {-1, r.module.in});
  if (!a)
    return a.takeError();
  int64_t rank = (*a)->shape[0];
  if (llvm::Error e = r.checkRank(rank, **a))
    return e;
  auto b = r.addNeeded("delora_B", ".delora_B", {r.module.out, rank});
  if (!b)
    return b.takeError();
  auto lambda = r.addNeeded("delora_lambda", ".delora_lambda", {1});
  if (!lambda)
    return lambda.takeError();
  auto norms = r.addNeeded("delora_w_norm", ".delora_w_norm", {r.module.in});
  if (!norms)
    return norms.takeError();
  auto scale = r.scaled(1.0 / double(rank), "r");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [s = *scale](FormBuilder &f, Value map) {
    Value a = inverseNorms(f, f.numbers("delora_A"), "ri,ri->r", 1e-4);
    Value b = inverseNorms(f, f.numbers("delora_B"), "or,or->r", 1e-4);
    Value gate = f.einsum("r,r,l->r", {a, b, f.numbers("delora_lambda")});
    Value delta =
        f.compose({f.lowRank(f.stored("delora_B"), f.stored("delora_A"), gate),
                   f.diagonal(f.stored("delora_w_norm"))});
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral decoupledSuffixes[] = {
    ".delora_A", ".delora_B", ".delora_lambda", ".delora_w_norm"};
static constexpr llvm::StringLiteral decoupledFields[] = {
    "r",
    // What the tensors say, or about training alone.
    "delora_lambda", "lambda_pattern", "module_dropout"};

const Tuner importer::deloraTuner = {
    "DELORA", decoupledSuffixes, {}, decoupledFields, matrices, readDecoupled};

// DEFT: W - Q (P'^T W) + s Q R; `relu`: Q = P and P' = relu(P); `qr`: both are
// the orthonormal factor of P.
static llvm::Error readSubspace(ModuleReader &r) {
  auto p = r.addNeeded("deft_P", ".deft_P", {r.module.out, -1});
  if (!p)
    return p.takeError();
  int64_t rank = (*p)->shape[1];
  if (llvm::Error e = r.checkRank(rank, **p))
    return e;
  auto method = r.config["decomposition_method"].stringOr("qr");
  if (!method)
    return method.takeError();
  bool orthonormal = *method == "qr";
  if (!orthonormal && *method != "relu")
    return r.fieldError("decomposition_method",
                        "method '" + *method +
                            "' is not supported (known: qr, relu)");
  if (orthonormal && rank > r.module.out)
    return r.error(**p, "has more columns than rows");
  auto para = r.config["para"].booleanOr(false);
  if (!para)
    return para.takeError();
  bool hasR = !*para;
  double scale = 1;
  if (hasR) {
    auto added = r.addNeeded("deft_R", ".deft_R", {rank, r.module.in});
    if (!added)
      return added.takeError();
    auto alpha = r.config["alpha"].numberOr(double(rank));
    if (!alpha)
      return alpha.takeError();
    scale = *alpha / double(rank);
  }
  auto weight = r.scaled(1.0, "alpha");
  if (!weight)
    return weight.takeError();
  r.depends(*weight);
  r.depends(scale);
  r.depends(*method);
  r.form.map = [=, w = *weight](FormBuilder &f, Value map) {
    Value Q = f.stored("deft_P"), right;
    if (orthonormal) {
      Value P = f.numbers("deft_P");
      Q = right =
          adapter::OrthonormalFactorOp::create(f.b, f.loc, P.getType(), P);
    } else {
      auto relu = [](auto &b, auto loc, Value x) -> Value {
        Value zero =
            mlir::arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
        return mlir::arith::MaximumFOp::create(b, loc, x, zero);
      };
      right = f.map(f.numbers("deft_P"), relu);
    }
    Value removed = f.compose({f.dense(Q), f.transpose(f.dense(right)), map});
    llvm::SmallVector<Value> terms{map, f.scale(removed, -w)};
    if (hasR)
      terms.push_back(f.scale(f.lowRank(Q, f.stored("deft_R")), scale * w));
    return f.sum(terms);
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral subspaceSuffixes[] = {".deft_P",
                                                           ".deft_R"};
static constexpr llvm::StringLiteral subspaceFields[] = {
    "r", "alpha", "decomposition_method", "para",
    // About training alone.
    "deft_dropout", "init_scale"};

const Tuner importer::deftTuner = {
    "DEFT", subspaceSuffixes, {}, subspaceFields, matrices, readSubspace};
