//===- ParallelizeLoops.cpp - what stands between kernels, in parallel -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/Emitter.h"
#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMPARALLELIZELOOPS
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;
using namespace allot;

namespace {

/// The dimension whose iterations threads share: the longest one known that is
/// parallel, else the first parallel one of unknown length. Dimensions of a few
/// iterations are left alone.
std::optional<unsigned> chooseDimension(linalg::LinalgOp op) {
  constexpr int64_t fewest = 16;
  std::optional<unsigned> best;
  int64_t longest = fewest - 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (kind != utils::IteratorType::parallel)
      continue;
    if (ShapedType::isDynamic(ranges[dim])) {
      if (!best)
        best = dim;
    } else if (ranges[dim] > longest) {
      longest = ranges[dim];
      best = dim;
    }
  }
  return best;
}

struct ProgramParallelizeLoops
    : pipelines::impl::ProgramParallelizeLoopsBase<ProgramParallelizeLoops> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      // Inside kernels threads are busy already.
      if (op.hasPureBufferSemantics() &&
          !op->getParentOfType<omp::ParallelOp>())
        ops.push_back(op);
    });
    if (!ops.empty())
      kernel::declareThreadFunctions(getOperation());
    for (linalg::LinalgOp op : ops)
      if (failed(lower(op)))
        return signalPassFailure();
  }

  LogicalResult lower(linalg::LinalgOp op) {
    IRRewriter rewriter(op);
    std::optional<unsigned> dim = chooseDimension(op);
    bool isAlwaysSmall =
        llvm::none_of(op.getStaticLoopRanges(), ShapedType::isDynamic) &&
        product(op.getStaticLoopRanges()) < minimum;
    if (!dim || isAlwaysSmall)
      return toLoops(rewriter, op, {});

    kernel::Emitter e(rewriter, op.getLoc());
    Value work = e.index(1);
    for (OpFoldResult size : getSizes(rewriter, op))
      work = e.mul(
          work, getValueOrCreateConstantIndexOp(rewriter, op.getLoc(), size));
    Value isLarge = e.less(e.index(int64_t(minimum) - 1), work);
    LogicalResult result = success();
    e.parallel(isLarge, [&] {
      Value thread = e.threadId(), threads = e.numThreads();
      Operation *here = e.index(0).getDefiningOp();
      rewriter.moveOpAfter(op, here);
      rewriter.setInsertionPoint(op);
      result = toLoops(rewriter, op, [&](ArrayRef<Operation *> loops) {
        auto loop = cast<scf::ForOp>(loops[*dim]);
        rewriter.setInsertionPoint(loop);
        kernel::Range share = e.share(
            e.sub(loop.getUpperBound(), loop.getLowerBound()), thread, threads);
        Value first = loop.getLowerBound();
        loop.setLowerBound(e.add(first, share.lo));
        loop.setUpperBound(e.add(first, share.hi));
      });
      rewriter.setInsertionPointToEnd(here->getBlock());
    });
    return result;
  }

  static int64_t product(ArrayRef<int64_t> sizes) {
    int64_t all = 1;
    for (int64_t size : sizes)
      all = llvm::SaturatingMultiply<uint64_t>(all, size);
    return all;
  }

  static SmallVector<OpFoldResult> getSizes(OpBuilder &builder,
                                            linalg::LinalgOp op) {
    SmallVector<OpFoldResult> sizes;
    for (Range range : op.createLoopRanges(builder, op.getLoc()))
      sizes.push_back(range.size);
    return sizes;
  }

  LogicalResult toLoops(RewriterBase &rewriter, linalg::LinalgOp op,
                        function_ref<void(ArrayRef<Operation *>)> share) {
    FailureOr<linalg::LinalgLoops> loops =
        linalg::linalgOpToLoops(rewriter, op);
    if (failed(loops))
      return op.emitOpError("does not become loops");
    if (share)
      share(*loops);
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace
