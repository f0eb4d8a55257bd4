//===- DecoderPrompts.cpp - what adapters put before sequences --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"
#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

/// Keys or values of a prompt, the same for the whole batch.
Value DecoderBuilder::promptHeads(llvm::StringRef path, Value prompt,
                                  const Stream &stream) {
  Value rows = adapter::buildApplied(b, m.loc(path), m.map(path), prompt);
  if (Value bias = m.bias(path))
    rows = adapter::buildAddedVector(b, m.loc(path), rows, bias);
  int64_t length = mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  auto type = floats({length, c.kvHeads, c.headDim});
  Value heads = tensor::ExpandShapeOp::create(
      b, m.loc(), type, rows,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1, 2}});
  return onEveryRow(heads, stream);
}

/// The same x for the whole batch.
Value DecoderBuilder::onEveryRow(Value x, const Stream &stream) {
  return Blocks(m).onEveryRow(x, stream.batch);
}

/// [length, ...] before each row of [batch, T, ...].
Value DecoderBuilder::prepend(Value prompt, Value x, const Stream &stream) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t length = mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  auto type = mlir::cast<RankedTensorType>(x.getType());
  Value before = arith::ConstantIndexOp::create(b, m.loc(), length);
  Value total = arith::AddIOp::create(b, m.loc(), stream.length, before);
  llvm::SmallVector<mlir::OpFoldResult> sizes{stream.batch, total};
  for (int64_t size : type.getShape().drop_front(2))
    sizes.push_back(b.getIndexAttr(size));
  llvm::SmallVector<mlir::OpFoldResult> offsets(type.getRank(), zero),
      strides(type.getRank(), one);
  Value whole =
      tensor::EmptyOp::create(b, m.loc(), type.getShape(), b.getF32Type(),
                              mlir::ValueRange{stream.batch, total});
  sizes[1] = b.getIndexAttr(length);
  whole = tensor::InsertSliceOp::create(b, m.loc(), onEveryRow(prompt, stream),
                                        whole, offsets, sizes, strides);
  offsets[1] = b.getIndexAttr(length);
  sizes[1] = stream.length;
  return tensor::InsertSliceOp::create(b, m.loc(), x, whole, offsets, sizes,
                                       strides);
}

/// Keys (slot 0) or values (1) of a layer among those of all layers.
Value DecoderBuilder::prefixHeads(int64_t layer, int64_t slot, Value prefix) {
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t length = mlir::cast<RankedTensorType>(prefix.getType()).getDimSize(0),
          width = c.kvHeads * c.headDim;
  Value rows = tensor::ExtractSliceOp::create(
      b, m.loc(), floats({length, width}), prefix,
      llvm::ArrayRef<mlir::OpFoldResult>{
          zero, b.getIndexAttr((2 * layer + slot) * width)},
      llvm::ArrayRef<mlir::OpFoldResult>{b.getIndexAttr(length),
                                         b.getIndexAttr(width)},
      llvm::ArrayRef<mlir::OpFoldResult>{one, one});
  return tensor::ExpandShapeOp::create(
      b, m.loc(), floats({length, c.kvHeads, c.headDim}), rows,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1, 2}});
}

/// What the queries of a layer see of a prompt, times its gate. Its keys have
/// no positions.
Value DecoderBuilder::seePrompt(int64_t layer, Value q,
                                const ModuleBuilder::Prompt &prompt,
                                const Stream &stream) {
  Value k =
      promptHeads(inLayer(layer, "self_attn.k_proj"), prompt.tokens, stream);
  Value v =
      promptHeads(inLayer(layer, "self_attn.v_proj"), prompt.tokens, stream);
  auto type = mlir::cast<RankedTensorType>(q.getType());
  Value seen =
      nn::AttentionOp::create(
          b, m.loc(inLayer(layer, "self_attn")), type, q, k, v, stream.past,
          Value(), empty(type, stream), /*causal=*/false,
          llvm::APFloat(1.0 / std::sqrt(double(c.headDim))), nullptr, nullptr)
          .getResult();
  Value zero = arith::ConstantIndexOp::create(b, m.loc(), 0);
  Value gate = tensor::ExtractOp::create(b, m.loc(), prompt.gate, zero);
  Value gates = tensor::SplatOp::create(
      b, m.loc(), type, gate, mlir::ValueRange{stream.batch, stream.length});
  return arith::MulFOp::create(b, m.loc(), seen, gates);
}
