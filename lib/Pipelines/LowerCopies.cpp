//===- LowerCopies.cpp - strided copies as loops ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMLOWERCOPIES
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;

namespace {

bool isContiguous(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  return type && type.getLayout().isIdentity();
}

struct ProgramLowerCopies
    : allot::pipelines::impl::ProgramLowerCopiesBase<ProgramLowerCopies> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp copy) {
      if (isa<MemRefType>(copy.getSource().getType()) &&
          isa<MemRefType>(copy.getTarget().getType()) &&
          !(isContiguous(copy.getSource()) && isContiguous(copy.getTarget())))
        copies.push_back(copy);
    });
    for (memref::CopyOp copy : copies) {
      OpBuilder builder(copy);
      linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(),
                               copy.getTarget());
      copy.erase();
    }
  }
};

} // namespace
