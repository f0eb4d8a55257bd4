//===- DestinationStyleEffects.h - effects of kernels' ops ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_DESTINATIONSTYLEEFFECTS_H
#define ALLOT_INTERFACES_DESTINATIONSTYLEEFFECTS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace allot {

/// Memory effects of a destination-style op: none on tensors; on memrefs it
/// reads its inputs and writes its inits (and reads them first where it leaves
/// a part of them as it is, `readsInits`).
inline void getDestinationStyleEffects(
    mlir::DestinationStyleOpInterface op, bool readsInits,
    llvm::SmallVectorImpl<
        mlir::SideEffects::EffectInstance<mlir::MemoryEffects::Effect>>
        &effects) {
  for (mlir::OpOperand &operand : op->getOpOperands()) {
    if (!llvm::isa<mlir::BaseMemRefType>(operand.get().getType()))
      continue;
    bool isInit = op.isDpsInit(&operand);
    if (!isInit || readsInits)
      effects.emplace_back(mlir::MemoryEffects::Read::get(), &operand,
                           mlir::SideEffects::DefaultResource::get());
    if (isInit)
      effects.emplace_back(mlir::MemoryEffects::Write::get(), &operand,
                           mlir::SideEffects::DefaultResource::get());
  }
}

} // namespace allot

#endif // ALLOT_INTERFACES_DESTINATIONSTYLEEFFECTS_H
