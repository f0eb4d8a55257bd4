//===- Mixtures.cpp - adapters that mix others by the call ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What these make of a module is no linear map: which low-rank matrices are
// used depends on all rows of a call, or on an argument of it.
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using mlir::OpBuilder;
using mlir::Value;
using mlir::ValueRange;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
namespace tensor = mlir::tensor;

static Value scalar(OpBuilder &b, mlir::Location loc, double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(value)));
}

static constexpr ModuleKind linears[] = {ModuleKind::Linear};

//===----------------------------------------------------------------------===//
// Mixed by the mean of all rows
//===----------------------------------------------------------------------===//

/// Softmax of each row: 1 / sum_j exp(x[j] - x[i]), which is 0 where an
/// exponential is too large.
static Value softmax(FormBuilder &f, Value x) {
  auto parallel = mlir::utils::IteratorType::parallel;
  mlir::AffineMap rows = f.b.getMultiDimIdentityMap(3).getMajorSubMap(2);
  auto others =
      mlir::AffineMap::getMultiDimMapWithTargets(3, {0, 2}, f.b.getContext());
  Value init = f.empty(tensor::getMixedSizes(f.b, f.loc, x));
  init = linalg::FillOp::create(f.b, f.loc, scalar(f.b, f.loc, 0), init)
             .getResult(0);
  Value sums =
      linalg::GenericOp::create(
          f.b, f.loc, x.getType(), ValueRange{x, x}, init,
          llvm::ArrayRef{rows, others, rows},
          llvm::ArrayRef{parallel, parallel,
                         mlir::utils::IteratorType::reduction},
          [](OpBuilder &b, mlir::Location loc, ValueRange values) {
            Value above = arith::SubFOp::create(b, loc, values[1], values[0]);
            Value power = mlir::math::ExpOp::create(b, loc, above);
            linalg::YieldOp::create(
                b, loc,
                arith::AddFOp::create(b, loc, values[2], power).getResult());
          })
          .getResult(0);
  return f.map(sums, [](OpBuilder &b, mlir::Location loc, Value sum) -> Value {
    return arith::DivFOp::create(b, loc, scalar(b, loc, 1), sum);
  });
}

// Lily, Zhong et al. 2024: h = A x; y + s (sum_e p_e B_e)^T h, where p is the
// mean over all rows of the softmax of a router on h.
static llvm::Error readRouted(ModuleReader &r) {
  auto count = r.config["num_B"].integerOr(2, 1, 1 << 16);
  if (!count)
    return count.takeError();
  auto rank = r.rank("r", 32);
  if (!rank)
    return rank.takeError();
  auto factor = r.config["scaling"].numberOr(1.0);
  if (!factor)
    return factor.takeError();
  auto scale = r.scaled(*factor, "scaling");
  if (!scale)
    return scale.takeError();
  auto a = r.addNeeded("lily_A", ".lily_A.weight", {*rank, r.module.in});
  if (!a)
    return a.takeError();
  auto b =
      r.addNeeded("lily_B", ".lily_B.weight", {*count * *rank, r.module.out});
  if (!b)
    return b.takeError();
  auto router =
      r.addNeeded("lily_router", ".lily_router.weight", {*count, *rank});
  if (!router)
    return router.takeError();
  r.depends(*scale);
  r.form.apply = [count = *count, rank = *rank, scale = *scale](
                     FormBuilder &f, Value x, Value y, llvm::ArrayRef<Value>) {
    Value h = adapter::buildApplied(f.b, f.loc, f.dense(f.stored("lily_A")), x);
    Value shares =
        softmax(f, f.einsum("nr,er->ne", {h, f.numbers("lily_router")}));
    Value rows = tensor::getMixedSize(f.b, f.loc, x, 0).dyn_cast<Value>();
    Value number = arith::SIToFPOp::create(
        f.b, f.loc, f.b.getF32Type(),
        arith::IndexCastOp::create(f.b, f.loc, f.b.getI64Type(), rows));
    Value mean =
        f.map(f.einsum("ne->e", shares),
              [&](OpBuilder &b, mlir::Location loc, Value sum) {
                sum = arith::MulFOp::create(b, loc, sum, scalar(b, loc, scale));
                return arith::DivFOp::create(b, loc, sum, number).getResult();
              });
    Value B = f.reshape(f.numbers("lily_B"), {count, rank, f.module.out});
    Value mixed = f.einsum("e,ero->ro", {mean, B});
    return f.add(y, f.einsum("nr,ro->no", {h, mixed}));
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral routedSuffixes[] = {
    ".lily_A.weight", ".lily_B.weight", ".lily_router.weight"};
static constexpr llvm::StringLiteral routedFields[] = {
    "r", "num_B", "scaling",
    // Which modules were trained together: the files hold a copy for each.
    "stride_A"};

const Tuner importer::lilyTuner = {"LILY",       routedSuffixes, {},
                                   routedFields, linears,        readRouted};

//===----------------------------------------------------------------------===//
// Mixed by task
//===----------------------------------------------------------------------===//

/// The task of each row of x: rows of a sequence stand together, and there are
/// as many sequences as ids. An id that there is no task for stands for the
/// nearest one.
static Value taskOfRows(FormBuilder &f, Value x, Value ids, int64_t tasks) {
  Value one = arith::ConstantIndexOp::create(f.b, f.loc, 1);
  Value rows = tensor::DimOp::create(f.b, f.loc, x, 0);
  Value sequences = tensor::DimOp::create(f.b, f.loc, ids, 0);
  Value some = arith::MaxSIOp::create(f.b, f.loc, sequences, one);
  Value length = arith::MaxSIOp::create(
      f.b, f.loc, arith::CeilDivSIOp::create(f.b, f.loc, rows, some), one);
  Value init = tensor::EmptyOp::create(
      f.b, f.loc, llvm::ArrayRef<mlir::OpFoldResult>{rows}, f.b.getI32Type());
  return linalg::GenericOp::create(
             f.b, f.loc, init.getType(), ValueRange{}, init,
             llvm::ArrayRef{f.b.getMultiDimIdentityMap(1)},
             llvm::ArrayRef{mlir::utils::IteratorType::parallel},
             [&](OpBuilder &b, mlir::Location loc, ValueRange) {
               Value row = linalg::IndexOp::create(b, loc, 0);
               Value at = arith::DivSIOp::create(b, loc, row, length);
               Value id = tensor::ExtractOp::create(b, loc, ids, at);
               auto bound = [&](int64_t value) {
                 return arith::ConstantIntOp::create(b, loc, value, 32);
               };
               id = arith::MaxSIOp::create(b, loc, id, bound(0));
               id = arith::MinSIOp::create(b, loc, id, bound(tasks - 1));
               linalg::YieldOp::create(b, loc, id);
             })
      .getResult(0);
}

/// result[n, j] = sum_i x[n, i] bank[task[n], i, j].
static Value applyByTask(FormBuilder &f, Value x, Value tasks, Value bank) {
  auto parallel = mlir::utils::IteratorType::parallel;
  auto onto = [&](llvm::ArrayRef<unsigned> loops) {
    return mlir::AffineMap::getMultiDimMapWithTargets(3, loops,
                                                      f.b.getContext());
  };
  Value init = f.empty({tensor::getMixedSize(f.b, f.loc, x, 0),
                        f.b.getIndexAttr(shapeOf(bank)[2])});
  init = linalg::FillOp::create(f.b, f.loc, scalar(f.b, f.loc, 0), init)
             .getResult(0);
  return linalg::GenericOp::create(
             f.b, f.loc, init.getType(), ValueRange{x, tasks}, init,
             llvm::ArrayRef{onto({0, 2}), onto({0}), onto({0, 1})},
             llvm::ArrayRef{parallel, parallel,
                            mlir::utils::IteratorType::reduction},
             [&](OpBuilder &b, mlir::Location loc, ValueRange values) {
               Value task = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                                       values[1]);
               Value weight = tensor::ExtractOp::create(
                   b, loc, bank,
                   ValueRange{task, linalg::IndexOp::create(b, loc, 2),
                              linalg::IndexOp::create(b, loc, 1)});
               Value product = arith::MulFOp::create(b, loc, values[0], weight);
               linalg::YieldOp::create(
                   b, loc,
                   arith::AddFOp::create(b, loc, values[2], product)
                       .getResult());
             })
      .getResult(0);
}

// Poly, Ponti et al. 2022: inputs and outputs are split; for each split the
// low-rank factors are a mean of those of a few skills, by gates of the task.
static llvm::Error readSkills(ModuleReader &r) {
  auto kind = r.config["poly_type"].stringOr("poly");
  if (!kind)
    return kind.takeError();
  if (*kind != "poly")
    return r.fieldError("poly_type", "must be poly");
  llvm::SmallVector<int64_t> numbers;
  for (auto [field, missing] :
       {std::pair("r", 8), std::pair("n_tasks", 1), std::pair("n_skills", 4),
        std::pair("n_splits", 1)}) {
    auto number = r.config[field].integerOr(missing, 1, 1 << 20);
    if (!number)
      return number.takeError();
    numbers.push_back(*number);
  }
  int64_t rank = numbers[0], tasks = numbers[1], skills = numbers[2],
          splits = numbers[3], out = r.module.out, in = r.module.in;
  if (out % splits || in % splits)
    return r.fieldError(
        "n_splits", llvm::Twine(splits) + " splits do not divide the sizes " +
                        llvm::Twine(out) + " and " + llvm::Twine(in) +
                        " of module '" + r.module.path + "'");
  auto a = r.addNeeded("poly_lora_A", ".poly_lora_A",
                       {splits, skills, in / splits, rank});
  if (!a)
    return a.takeError();
  auto b = r.addNeeded("poly_lora_B", ".poly_lora_B",
                       {splits, skills, rank, out / splits});
  if (!b)
    return b.takeError();
  auto logits = r.addNeeded("poly_router", ".poly_router.module_logits",
                            {tasks, splits * skills});
  if (!logits)
    return logits.takeError();
  r.depends(r.source.weight);
  r.form.arguments = {"task_ids"};
  r.form.apply = [=,
                  weight = r.source.weight](FormBuilder &f, Value x, Value y,
                                            llvm::ArrayRef<Value> arguments) {
    auto inverse = [&](Value tensor, double more, bool power) {
      return f.map(tensor, [&](OpBuilder &b, mlir::Location loc, Value v) {
        if (power)
          v = mlir::math::ExpOp::create(b, loc,
                                        arith::NegFOp::create(b, loc, v));
        v = arith::AddFOp::create(b, loc, v, scalar(b, loc, more));
        return arith::DivFOp::create(b, loc, scalar(b, loc, 1), v).getResult();
      });
    };
    Value gates = f.reshape(inverse(f.numbers("poly_router"), 1, true),
                            {tasks, splits, skills});
    Value shares = inverse(f.einsum("tqs->tq", gates), 1e-12, false);
    gates = f.einsum("tqs,tq->tqs", {gates, shares});
    Value A =
        f.reshape(f.einsum("tqs,qsir->tqir", {gates, f.numbers("poly_lora_A")}),
                  {tasks, in, rank});
    Value B =
        f.reshape(f.einsum("tqs,qsro->trqo", {gates, f.numbers("poly_lora_B")}),
                  {tasks, rank, out});
    B = f.multiply(B, weight / double(rank));
    Value task = taskOfRows(f, x, arguments[0], tasks);
    return f.add(y, applyByTask(f, applyByTask(f, x, task, A), task, B));
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral skillSuffixes[] = {
    ".poly_lora_A", ".poly_lora_B", ".poly_router.module_logits"};
static constexpr llvm::StringLiteral skillFields[] = {
    "r", "poly_type", "n_tasks", "n_skills", "n_splits"};

const Tuner importer::polyTuner = {"POLY",      skillSuffixes, {},
                                   skillFields, linears,       readSkills};
