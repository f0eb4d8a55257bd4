//===- RoutingInterfaces.h - what a routing policy answers ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_ROUTINGINTERFACES_H
#define ALLOT_INTERFACES_ROUTINGINTERFACES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"

namespace allot::kernel {
class Emitter;
} // namespace allot::kernel

#include "allot/Interfaces/RoutingAttrInterfaces.h.inc"

#endif // ALLOT_INTERFACES_ROUTINGINTERFACES_H
