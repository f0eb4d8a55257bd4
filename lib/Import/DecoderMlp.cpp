//===- DecoderMlp.cpp - feed-forward networks of decoders -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;

Value DecoderBuilder::mlp(int64_t layer, Value x, const Stream &stream) {
  if (c.isRouted(layer))
    return routedMlp(layer, x);
  Value gate, up;
  if (c.family->fusedProjections) {
    Value both = m.apply(inLayer(layer, "mlp.gate_up_proj"), x);
    gate = columns(both, 0, c.intermediate);
    up = columns(both, c.intermediate, c.intermediate);
  } else {
    gate = m.apply(inLayer(layer, "mlp.gate_proj"), x);
    up = m.apply(inLayer(layer, "mlp.up_proj"), x);
  }
  gate = nn::ActivationOp::create(b, m.loc(inLayer(layer, "mlp")),
                                  gate.getType(), c.activation, gate);
  Value product =
      arith::MulFOp::create(b, m.loc(inLayer(layer, "mlp")), gate, up);
  return m.apply(inLayer(layer, "mlp.down_proj"), product);
}
