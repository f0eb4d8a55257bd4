//===- Structured.h - maps of known structure -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Identity and zero; Kronecker and entrywise products, block diagonals,
// normalized maps and parts of maps.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_STRUCTURED_H
#define ALLOT_DIALECT_ADAPTER_IR_STRUCTURED_H

#include "allot/Dialect/Adapter/IR/Adapter.h"

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/StructuredOps.h.inc"

#endif // ALLOT_DIALECT_ADAPTER_IR_STRUCTURED_H
