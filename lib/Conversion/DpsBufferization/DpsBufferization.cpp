//===- DpsBufferization.cpp - bufferization of our ops that write destinations
//-*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/DpsBufferization.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace allot;

LogicalResult conversion::bufferizeDestinationStyle(
    DestinationStyleOpInterface op, RewriterBase &rewriter,
    const bufferization::BufferizationOptions &options,
    bufferization::BufferizationState &state) {
  if (op.hasPureBufferSemantics())
    return success();
  for (OpOperand &operand : op->getOpOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        type && type.getEncoding())
      return op->emitOpError()
             << "operand #" << operand.getOperandNumber()
             << " is an encoded tensor, " << type
             << ": run format-lower-storage before bufferization, which would "
                "drop the encoding";
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (!isa<TensorType>(operand.getType())) {
      operands.push_back(operand);
      continue;
    }
    FailureOr<Value> buffer =
        bufferization::getBuffer(rewriter, operand, options, state);
    if (failed(buffer))
      return failure();
    operands.push_back(*buffer);
  }
  SmallVector<Value> results;
  for (OpResult result : op->getOpResults())
    results.push_back(
        operands[op.getTiedOpOperand(result)->getOperandNumber()]);
  clone(rewriter, op, /*newResultTypes=*/TypeRange{}, operands);
  bufferization::replaceOpWithBufferizedValues(rewriter, op, results);
  return success();
}

void conversion::registerBufferizationExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::NormOp::attachInterface<
        DpsBufferization<nn::NormOp, /*ReadsInit=*/false>>(*context);
    nn::RopeOp::attachInterface<
        DpsBufferization<nn::RopeOp, /*ReadsInit=*/false>>(*context);
    nn::AttentionOp::attachInterface<
        DpsBufferization<nn::AttentionOp, /*ReadsInit=*/false>>(*context);
    nn::AttentionGradOp::attachInterface<
        DpsBufferization<nn::AttentionGradOp, /*ReadsInit=*/false>>(*context);
    nn::CacheUpdateOp::attachInterface<
        DpsBufferization<nn::CacheUpdateOp, /*ReadsInit=*/true>>(*context);
    context->loadDialect<memref::MemRefDialect>();
  });
  registry.addExtension(+[](MLIRContext *context, routed::RoutedDialect *) {
    routed::ChooseOp::attachInterface<
        DpsBufferization<routed::ChooseOp, /*ReadsInit=*/false>>(*context);
    context->loadDialect<memref::MemRefDialect>();
  });
  registry.addExtension(+[](MLIRContext *context, adapter::AdapterDialect *) {
    adapter::LinearOp::attachInterface<
        DpsBufferization<adapter::LinearOp, /*ReadsInit=*/false>>(*context);
    adapter::LookupOp::attachInterface<
        DpsBufferization<adapter::LookupOp, /*ReadsInit=*/false>>(*context);
    adapter::GroupRowsOp::attachInterface<
        DpsBufferization<adapter::GroupRowsOp, /*ReadsInit=*/false>>(*context);
    adapter::GroupedLinearOp::attachInterface<
        DpsBufferization<adapter::GroupedLinearOp, /*ReadsInit=*/true>>(
        *context);
    adapter::GroupedLowRankOp::attachInterface<
        DpsBufferization<adapter::GroupedLowRankOp, /*ReadsInit=*/true>>(
        *context);
    adapter::GroupedDiagonalOp::attachInterface<
        DpsBufferization<adapter::GroupedDiagonalOp, /*ReadsInit=*/true>>(
        *context);
    context->loadDialect<memref::MemRefDialect>();
  });
}
