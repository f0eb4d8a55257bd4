//===- InitAllPasses.h - registration of all passes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INITALLPASSES_H
#define ALLOT_INITALLPASSES_H

namespace allot {

/// Registers the passes and pipelines of Allot.
void registerAllPasses();

} // namespace allot

#endif // ALLOT_INITALLPASSES_H
