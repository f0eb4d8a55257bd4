//===- DpsBufferization.h - bufferization of our ops that write destinations -*-
//C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `nn.norm`, `nn.rope`, `nn.attention`, `nn.cache_update`, `adapter.linear` and
// `adapter.lookup` bufferize alike: tensor operands become their buffers, the
// op loses its result, and the result is replaced by the buffer of the init.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CONVERSION_DPSBUFFERIZATION_H
#define ALLOT_CONVERSION_DPSBUFFERIZATION_H

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

namespace allot::conversion {

/// What `bufferize` does for every op of this shape. An op with encoded tensors
/// is an error: they must be bytes before.
llvm::LogicalResult bufferizeDestinationStyle(
    mlir::DestinationStyleOpInterface op, mlir::RewriterBase &rewriter,
    const mlir::bufferization::BufferizationOptions &options,
    mlir::bufferization::BufferizationState &state);

/// The model of one op. `ReadsInit` says whether what the init holds before
/// matters: no for an op that writes all of it, so that an init which is
/// `tensor.empty` costs nothing; yes for one that writes a part.
template <typename OpTy, bool ReadsInit>
struct DpsBufferization
    : mlir::bufferization::DstBufferizableOpInterfaceExternalModel<
          DpsBufferization<OpTy, ReadsInit>, OpTy> {
  bool
  bufferizesToMemoryRead(mlir::Operation *op, mlir::OpOperand &operand,
                         const mlir::bufferization::AnalysisState &) const {
    return ReadsInit ||
           !mlir::cast<mlir::DestinationStyleOpInterface>(op).isDpsInit(
               &operand);
  }
  llvm::LogicalResult
  bufferize(mlir::Operation *op, mlir::RewriterBase &rewriter,
            const mlir::bufferization::BufferizationOptions &options,
            mlir::bufferization::BufferizationState &state) const {
    return bufferizeDestinationStyle(
        mlir::cast<mlir::DestinationStyleOpInterface>(op), rewriter, options,
        state);
  }
};

/// Attaches the models of the ops named above.
void registerBufferizationExternalModels(mlir::DialectRegistry &registry);

} // namespace allot::conversion

#endif // ALLOT_CONVERSION_DPSBUFFERIZATION_H
