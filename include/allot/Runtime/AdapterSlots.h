//===- AdapterSlots.h - other adapters in a loaded program ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_ADAPTERSLOTS_H
#define ALLOT_RUNTIME_ADAPTERSLOTS_H

#include "allot/Runtime/Program.h"

namespace allot::runtime {

/// Puts an adapter into a slot of a loaded program, which then runs on without
/// being compiled again: its tensors are written over those of the adapter
/// `name` of the bank. `of` is the module that the program was loaded from.
/// `with` is an import of the same model with the new adapter alone, under any
/// name; names of its weight files are relative to `folder`. A null module
/// empties the slot.
///
/// What fits is of the slot's class: at every site pairs of factors alone, at
/// most as many as the slot has there and none of a rank above the slot's;
/// where the adapter has less, the slot has zeros. Pairs may differ in scale
/// and in the type of their numbers, which are rounded to that of the slot.
/// Anything else is an error that names the site, and changes nothing.
///
/// No run may be going on meanwhile.
llvm::Error replaceAdapter(Program &program, mlir::ModuleOp of,
                           llvm::StringRef name, mlir::ModuleOp with,
                           llvm::StringRef folder);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_ADAPTERSLOTS_H
