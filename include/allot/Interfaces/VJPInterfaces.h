//===- VJPInterfaces.h - ops that gradients flow through --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_VJPINTERFACES_H
#define ALLOT_INTERFACES_VJPINTERFACES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallBitVector.h"

#include "allot/Interfaces/VJPInterfaces.h.inc"

#endif // ALLOT_INTERFACES_VJPINTERFACES_H
