//===- Leaf.h - sparse, orthogonal and generated maps -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_LEAF_H
#define ALLOT_DIALECT_ADAPTER_IR_LEAF_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/IR/Network.h"

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/LeafOps.h.inc"

#endif // ALLOT_DIALECT_ADAPTER_IR_LEAF_H
