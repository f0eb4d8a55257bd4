//===- DecoderRouted.cpp - mixtures of experts of decoders ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

static std::string inExpert(const Experts &e, int64_t layer, int64_t expert,
                            llvm::StringRef projection) {
  return inLayer(layer, (e.habits->block + ".experts." + llvm::Twine(expert) +
                         "." + projection)
                            .str());
}

static std::string inBlock(const Experts &e, int64_t layer,
                           llvm::StringRef module) {
  return inLayer(layer, (e.habits->block + "." + module).str());
}

static llvm::StringRef sharedName(const Experts &e) {
  return e.habits->shared == ExpertHabits::Shared::Gated ? "shared_expert"
                                                         : "shared_experts";
}

void importer::addExpertModules(const ModelConfig &c, int64_t layer,
                                AddModule add) {
  const Experts &e = c.experts;
  const auto linear = ModuleKind::Linear;
  if (e.habits->carriedRouter)
    addCarriedRouter(c, layer, add);
  else
    add(inBlock(e, layer, e.habits->router), linear, e.all(), c.hidden,
        e.habits->routerBias);
  if (!e.habits->correction.empty())
    add(inBlock(e, layer, e.habits->correction), ModuleKind::Vector, e.all(), 1,
        false);
  for (int64_t n = 0; n < e.count; ++n) {
    if (e.habits->columns) {
      ModuleKind kind = e.packed ? linear : ModuleKind::Conv1D;
      add(inExpert(e, layer, n, e.habits->gate), kind, 2 * e.width, c.hidden,
          true);
      add(inExpert(e, layer, n, e.habits->down), kind, c.hidden, e.width, true);
      continue;
    }
    add(inExpert(e, layer, n, e.habits->gate), linear, e.width, c.hidden,
        false);
    add(inExpert(e, layer, n, e.habits->up), linear, e.width, c.hidden, false);
    add(inExpert(e, layer, n, e.habits->down), linear, c.hidden, e.width,
        false);
  }
  if (e.habits->outputBias)
    add(inBlock(e, layer, "bias"), ModuleKind::Vector, c.hidden, 1, false);
  if (!e.shared)
    return;
  std::string shared = inBlock(e, layer, sharedName(e));
  add(shared + ".gate_proj", linear, e.shared, c.hidden, false);
  add(shared + ".up_proj", linear, e.shared, c.hidden, false);
  add(shared + ".down_proj", linear, c.hidden, e.shared, false);
  if (e.habits->shared == ExpertHabits::Shared::Gated)
    add(inBlock(e, layer, "shared_expert_gate"), linear, 1, c.hidden, false);
}

/// A value per (row, slot or expert) for whoever looks, rows as one dimension.
void DecoderBuilder::tapRows(Value x, const llvm::Twine &name) {
  Value rows = adapter::buildFolded(b, m.loc(), x, 1);
  nn::TapOp::create(b, m.loc(), rows, name.str());
}

/// An assignment of the rows of logits `[batch, T, experts]`.
DecoderBuilder::Choice DecoderBuilder::choose(llvm::StringRef router,
                                              Value logits, Value bias,
                                              llvm::StringRef suffix) {
  const Experts &e = c.experts;
  auto policy = routed::TokenChoiceAttr::get(b.getContext(), e.chosen, e.groups,
                                             e.kept, e.habits->groupScore);
  auto type = routed::AssignmentType::get(b.getContext(), e.chosen, e.all());
  Value assignment = routed::SelectOp::create(
      b, m.loc(router), type, logits, bias, policy, e.habits->score,
      e.weighting(), llvm::APFloat(e.factor), mlir::IntegerAttr());
  auto unpack =
      routed::UnpackOp::create(b, m.loc(), ints({any, any, e.chosen}),
                               floats({any, any, e.chosen}), assignment);
  tapRows(logits, "router_logits." + suffix);
  tapRows(unpack.getIds(), "router_ids." + suffix);
  Value weights = unpack.getWeights();
  if (e.skips)
    weights = tapSkipped(unpack.getIds(), weights, suffix);
  tapRows(weights, "router_weights." + suffix);
  return {assignment, unpack.getIds(), unpack.getWeights()};
}

Value DecoderBuilder::assign(int64_t layer, Value logits) {
  const Experts &e = c.experts;
  Value bias;
  if (!e.habits->correction.empty())
    bias = m.norm(inBlock(e, layer, e.habits->correction));
  if (e.skips)
    bias = withLowLast(bias);
  return choose(inBlock(e, layer, e.habits->router), logits, bias,
                std::to_string(layer))
      .assignment;
}

Value DecoderBuilder::bankOf(int64_t layer, llvm::StringRef projection) {
  const Experts &e = c.experts;
  llvm::SmallVector<Value> members;
  for (int64_t n = 0; n < e.count; ++n)
    members.push_back(m.map(inExpert(e, layer, n, projection)));
  return adapter::BankOp::create(
      b, m.loc(inBlock(e, layer, ("experts." + projection).str())), members);
}

/// The biases of all experts as a table.
Value DecoderBuilder::biasesOf(int64_t layer, llvm::StringRef projection) {
  const Experts &e = c.experts;
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value table;
  for (int64_t n = 0; n < e.count; ++n) {
    Value bias = m.bias(inExpert(e, layer, n, projection));
    int64_t out = mlir::cast<RankedTensorType>(bias.getType()).getDimSize(0);
    if (!table)
      table = tensor::EmptyOp::create(
          b, m.loc(), llvm::ArrayRef<int64_t>{e.count, out}, b.getF32Type());
    table = tensor::InsertSliceOp::create(
        b, m.loc(), bias, table,
        llvm::ArrayRef<mlir::OpFoldResult>{b.getIndexAttr(n), zero},
        llvm::ArrayRef<mlir::OpFoldResult>{one, b.getIndexAttr(out)},
        llvm::ArrayRef<mlir::OpFoldResult>{one, one});
  }
  return table;
}

Value DecoderBuilder::applyExperts(Value bank, Value rows, Value ids,
                                   Value biases, llvm::StringRef site) {
  int64_t out = mlir::cast<adapter::MapType>(bank.getType()).getOut();
  Value y = adapter::ApplyOp::create(
      b, m.loc(site), floats({any, out}), bank, rows, ids, /*weights=*/Value(),
      /*otherwise=*/Value(), /*bias=*/Value(), b.getStringAttr(site), nullptr);
  if (!biases)
    return y;
  mlir::AffineMap matrix = b.getMultiDimIdentityMap(2);
  Value init = tensor::EmptyOp::create(
      b, m.loc(), tensor::getMixedSizes(b, m.loc(), y), b.getF32Type());
  return vjp::buildStructured(
      b, m.loc(site), {y, ids}, {matrix, matrix.dropResult(1), matrix}, init,
      [&](mlir::OpBuilder &nested, mlir::Location at,
          mlir::ValueRange args) -> Value {
        // A row without an expert reads the first bias; nobody reads the row.
        Value none =
            arith::ConstantOp::create(nested, at, nested.getI32IntegerAttr(0));
        Value id = arith::MaxSIOp::create(nested, at, args[1], none);
        Value column = mlir::linalg::IndexOp::create(nested, at, 1);
        Value bias = tensor::ExtractOp::create(
            nested, at, biases,
            mlir::ValueRange{adapter::buildIndex(nested, at, id), column});
        return arith::AddFOp::create(nested, at, args[0], bias);
      });
}

/// (up + 1) * gate * sigmoid(alpha * gate) of columns gate and up in turn, both
/// bounded.
Value DecoderBuilder::clampedGate(Value both) {
  const Experts &e = c.experts;
  mlir::Location at = m.loc();
  auto half = [&](int64_t first) -> Value {
    mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    return tensor::ExtractSliceOp::create(
        b, at, floats({any, e.width}), both,
        llvm::ArrayRef<mlir::OpFoldResult>{zero, b.getIndexAttr(first)},
        llvm::ArrayRef<mlir::OpFoldResult>{tensor::getMixedSize(b, at, both, 0),
                                           b.getIndexAttr(e.width)},
        llvm::ArrayRef<mlir::OpFoldResult>{one, b.getIndexAttr(2)});
  };
  Value gate = half(0), up = half(1);
  Value limit = filled(gate, e.limit), least = filled(gate, -e.limit);
  gate = arith::MinimumFOp::create(b, at, gate, limit);
  up = arith::MaximumFOp::create(
      b, at, arith::MinimumFOp::create(b, at, up, limit), least);
  Value one = filled(gate, 1.0);
  Value scaled = arith::MulFOp::create(b, at, gate, filled(gate, -e.alpha));
  Value power = mlir::math::ExpOp::create(b, at, scaled);
  Value swish = arith::DivFOp::create(b, at, gate,
                                      arith::AddFOp::create(b, at, power, one));
  return arith::MulFOp::create(b, at, arith::AddFOp::create(b, at, up, one),
                               swish);
}

Value DecoderBuilder::experts(int64_t layer, Value x, Value assignment) {
  const Experts &e = c.experts;
  const ExpertHabits &h = *e.habits;
  // Weights are loaded outside: other classes and other uses share them.
  Value gateBank = bankOf(layer, h.gate), downBank = bankOf(layer, h.down);
  Value upBank, gateBiases, downBiases;
  if (h.columns) {
    gateBiases = biasesOf(layer, h.gate);
    downBiases = biasesOf(layer, h.down);
  } else {
    upBank = bankOf(layer, h.up);
  }
  llvm::SmallVector<int64_t> members, copies, zeros;
  for (int64_t n = 0; n < e.all(); ++n)
    (n < e.count                  ? members
     : n < e.count + e.identities ? copies
                                  : zeros)
        .push_back(n);
  mlir::Location at = m.loc(inBlock(e, layer, "experts"));
  auto op = routed::ExpertsOp::create(
      b, at, x.getType(), x, assignment,
      b.getArrayAttr({b.getDenseI64ArrayAttr(members)}),
      b.getDenseI64ArrayAttr(copies), b.getDenseI64ArrayAttr(zeros), 1);
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block *body = b.createBlock(
      &op.getBodies()[0], {},
      {floats({any, c.hidden}), RankedTensorType::get({any}, b.getI32Type())},
      {at, at});
  Value rows = body->getArgument(0), ids = body->getArgument(1);
  auto site = [&](llvm::StringRef projection) {
    return inBlock(e, layer, ("experts." + projection).str());
  };
  Value inner = applyExperts(gateBank, rows, ids, gateBiases, site(h.gate));
  if (h.clampedGate) {
    inner = clampedGate(inner);
  } else {
    Value up = applyExperts(upBank, rows, ids, Value(), site(h.up));
    inner =
        nn::ActivationOp::create(b, at, inner.getType(), c.activation, inner);
    inner = arith::MulFOp::create(b, at, inner, up);
  }
  Value out = applyExperts(downBank, inner, ids, downBiases, site(h.down));
  routed::YieldOp::create(b, at, out);
  return op.getResult();
}

Value DecoderBuilder::sharedExpert(int64_t layer, Value x) {
  const Experts &e = c.experts;
  std::string path = inBlock(e, layer, sharedName(e));
  Value y = denseMlp(path, x);
  if (e.habits->shared != ExpertHabits::Shared::Gated)
    return y;
  // One number a row.
  Value score = m.apply(inBlock(e, layer, "shared_expert_gate"), x);
  mlir::AffineMap all = b.getMultiDimIdentityMap(3);
  mlir::AffineMap perRow =
      mlir::AffineMap::get(3, 0,
                           {b.getAffineDimExpr(0), b.getAffineDimExpr(1),
                            b.getAffineConstantExpr(0)},
                           b.getContext());
  Value init = tensor::EmptyOp::create(
      b, m.loc(path), tensor::getMixedSizes(b, m.loc(path), y), b.getF32Type());
  return vjp::buildStructured(
      b, m.loc(path), {y, score}, {all, perRow, all}, init,
      [](mlir::OpBuilder &nested, mlir::Location at,
         mlir::ValueRange args) -> Value {
        Value one =
            arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(1.0f));
        Value negated = arith::NegFOp::create(nested, at, args[1]);
        Value power = mlir::math::ExpOp::create(nested, at, negated);
        Value gate = arith::DivFOp::create(
            nested, at, one, arith::AddFOp::create(nested, at, one, power));
        return arith::MulFOp::create(nested, at, args[0], gate);
      });
}

Value DecoderBuilder::routedMlp(int64_t layer, Value x, const Stream &stream) {
  const Experts &e = c.experts;
  Value logits = e.habits->carriedRouter
                     ? carriedRouter(layer, x, stream)
                     : m.apply(inBlock(e, layer, e.habits->router), x);
  Value y = experts(layer, x, assign(layer, logits));
  if (e.habits->outputBias)
    y = adapter::buildAddedVector(b, m.loc(), y,
                                  m.norm(inBlock(e, layer, "bias")));
  if (!e.shared)
    return y;
  return arith::AddFOp::create(b, m.loc(inBlock(e, layer, sharedName(e))), y,
                               sharedExpert(layer, x));
}
