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

/// Gate and up apart.
Value DecoderBuilder::denseMlp(llvm::StringRef path, Value x) {
  std::string at = path.str();
  Value gate = m.apply(at + ".gate_proj", x), up = m.apply(at + ".up_proj", x);
  gate = nn::ActivationOp::create(b, m.loc(path), gate.getType(), c.activation,
                                  gate);
  return m.apply(at + ".down_proj",
                 arith::MulFOp::create(b, m.loc(path), gate, up));
}

Value DecoderBuilder::mlp(int64_t layer, Value x, const Stream &stream) {
  if (c.isRouted(layer))
    return routedMlp(layer, x, stream);
  std::string path = inLayer(layer, "mlp");
  if (!c.family->fusedProjections)
    return denseMlp(path, x);
  Value both = m.apply(path + ".gate_up_proj", x);
  Value gate = columns(both, 0, c.intermediate);
  Value up = columns(both, c.intermediate, c.intermediate);
  gate = nn::ActivationOp::create(b, m.loc(path), gate.getType(), c.activation,
                                  gate);
  return m.apply(path + ".down_proj",
                 arith::MulFOp::create(b, m.loc(path), gate, up));
}
