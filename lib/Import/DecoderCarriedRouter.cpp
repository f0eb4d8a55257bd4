//===- DecoderCarriedRouter.cpp - routers with a state ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The router of ZAYA (Anthony et al. 2025): the stream is projected to a short
// vector, to which that of the layer before is added, number by number times a
// learned factor; an MLP over it gives the logits. One class stands for no
// expert at all.
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

static std::string inRouter(const ModelConfig &c, int64_t layer,
                            llvm::StringRef module) {
  const ExpertHabits &h = *c.experts.habits;
  return inLayer(layer, (h.block + "." + h.router + "." + module).str());
}

void importer::addCarriedRouter(const ModelConfig &c, int64_t layer,
                                AddModule add) {
  const auto linear = ModuleKind::Linear;
  int64_t width = c.experts.routerWidth;
  auto path = [&](llvm::StringRef module) {
    return inRouter(c, layer, module);
  };
  add(path("down_proj"), linear, width, c.hidden, true);
  if (layer > 0)
    add(path("router_states_scale"), ModuleKind::Vector, width, 1, false);
  add(path("router_mlp.norm"), ModuleKind::Norm, width, 1, false);
  add(path("router_mlp.fc1"), linear, width, width, true);
  add(path("router_mlp.fc2"), linear, width, width, true);
  add(path("router_mlp.out_proj"), linear, c.experts.all(), width, false);
}

Value DecoderBuilder::carriedRouter(int64_t layer, Value x,
                                    const Stream &stream) {
  auto path = [&](llvm::StringRef module) {
    return inRouter(c, layer, module);
  };
  Value h = m.apply(path("down_proj"), x);
  if (routerState) {
    Value scaled = adapter::buildMultipliedByVector(
        b, m.loc(path("router_states_scale")), routerState,
        m.norm(path("router_states_scale")));
    h = arith::AddFOp::create(b, m.loc(path("down_proj")), h, scaled);
  }
  routerState = h;
  h = norm(path("router_mlp.norm"), h, stream);
  for (llvm::StringRef name : {"router_mlp.fc1", "router_mlp.fc2"}) {
    h = m.apply(path(name), h);
    h = nn::ActivationOp::create(b, m.loc(path(name)), h.getType(),
                                 nn::ActivationKind::GELU, h);
  }
  return m.apply(path("router_mlp.out_proj"), h);
}

/// The bias of a router whose last class, no expert, has -1 whatever is stored.
Value DecoderBuilder::withLowLast(Value bias) {
  auto type = mlir::cast<RankedTensorType>(bias.getType());
  auto one = mlir::DenseElementsAttr::get(floats({1}), -1.0f);
  Value low = arith::ConstantOp::create(b, m.loc(), one);
  mlir::OpFoldResult unit = b.getIndexAttr(1);
  return tensor::InsertSliceOp::create(
      b, m.loc(), low, bias,
      llvm::ArrayRef<mlir::OpFoldResult>{
          b.getIndexAttr(type.getDimSize(0) - 1)},
      llvm::ArrayRef<mlir::OpFoldResult>{unit},
      llvm::ArrayRef<mlir::OpFoldResult>{unit});
}

/// Tells who looks which rows have no expert, and gives the weights as they
/// count: 0 for those.
Value DecoderBuilder::tapSkipped(Value ids, Value weights,
                                 llvm::StringRef suffix) {
  int64_t count = c.experts.count + c.experts.identities;
  mlir::AffineMap all = b.getMultiDimIdentityMap(3);
  auto isSkipped = [&](mlir::OpBuilder &nested, mlir::Location at, Value id) {
    Value first =
        arith::ConstantOp::create(nested, at, nested.getI32IntegerAttr(count));
    return arith::CmpIOp::create(nested, at, arith::CmpIPredicate::sge, id,
                                 first)
        .getResult();
  };
  auto sizes = tensor::getMixedSizes(b, m.loc(), ids);
  Value skipped = vjp::buildStructured(
      b, m.loc(), {ids}, {all, all},
      tensor::EmptyOp::create(b, m.loc(), sizes, b.getI32Type()),
      [&](mlir::OpBuilder &nested, mlir::Location at,
          mlir::ValueRange args) -> Value {
        return arith::ExtUIOp::create(nested, at, nested.getI32Type(),
                                      isSkipped(nested, at, args[0]));
      });
  tapRows(skipped, "router_skipped." + suffix);
  return vjp::buildStructured(
      b, m.loc(), {ids, weights}, {all, all, all},
      tensor::EmptyOp::create(b, m.loc(), sizes, b.getF32Type()),
      [&](mlir::OpBuilder &nested, mlir::Location at,
          mlir::ValueRange args) -> Value {
        Value zero =
            arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(0));
        return arith::SelectOp::create(
            nested, at, isSkipped(nested, at, args[0]), zero, args[1]);
      });
}
