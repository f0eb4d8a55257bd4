//===- Pack.cpp - weights in the layout that kernels read -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Dialect/Format/Transforms/Transforms.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace allot::format {
#define GEN_PASS_DEF_FORMATPACK
#include "allot/Dialect/Format/Transforms/Passes.h.inc"
} // namespace allot::format

using namespace mlir;
using namespace allot;

Value format::packWeight(OpBuilder &builder, Location loc, Value weight,
                         const PackOptions &options) {
  auto type = cast<RankedTensorType>(weight.getType());
  FormatAttrInterface from = getFormat(type);
  FormatAttrInterface base = options.as ? options.as : from;
  RankedTensorType packed =
      withFormat(type, base.getPackedFormat(options.tileRows));
  if (packed == type)
    return weight;
  if (from.getUnpackedFormat() == getFormat(packed).getUnpackedFormat())
    return PackOp::create(builder, loc, packed, weight);
  Value plain =
      DecodeOp::create(builder, loc, withFormat(type, nullptr), weight);
  return EncodeOp::create(builder, loc, packed, plain);
}

/// Packs the operands among `operands` that are encoded.
static LogicalResult packOperands(PatternRewriter &rewriter, Operation *op,
                                  MutableOperandRange operands,
                                  const format::PackOptions &options) {
  bool changed = false;
  for (OpOperand &operand : operands) {
    if (!format::getFormat(operand.get().getType()))
      continue;
    Value packed =
        format::packWeight(rewriter, op->getLoc(), operand.get(), options);
    if (packed == operand.get())
      continue;
    rewriter.modifyOpInPlace(op, [&] { operand.set(packed); });
    changed = true;
  }
  return success(changed);
}

namespace {
struct PackLinear : OpRewritePattern<adapter::LinearOp> {
  PackLinear(MLIRContext *context, const format::PackOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(adapter::LinearOp op,
                                PatternRewriter &rewriter) const override {
    LogicalResult weight = packOperands(
        rewriter, op, MutableOperandRange(op.getWeightMutable()), options);
    LogicalResult factors =
        packOperands(rewriter, op, op.getFactorsMutable(), options);
    return success(succeeded(weight) || succeeded(factors));
  }

  format::PackOptions options;
};

struct PackLookup : OpRewritePattern<adapter::LookupOp> {
  PackLookup(MLIRContext *context, const format::PackOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(adapter::LookupOp op,
                                PatternRewriter &rewriter) const override {
    return packOperands(rewriter, op, MutableOperandRange(op.getTableMutable()),
                        options);
  }

  format::PackOptions options;
};

struct PackGroupedLinear : OpRewritePattern<adapter::GroupedLinearOp> {
  PackGroupedLinear(MLIRContext *context, const format::PackOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(adapter::GroupedLinearOp op,
                                PatternRewriter &rewriter) const override {
    return packOperands(rewriter, op, op.getMatricesMutable(), options);
  }

  format::PackOptions options;
};

struct PackGroupedLowRank : OpRewritePattern<adapter::GroupedLowRankOp> {
  PackGroupedLowRank(MLIRContext *context, const format::PackOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(adapter::GroupedLowRankOp op,
                                PatternRewriter &rewriter) const override {
    return packOperands(rewriter, op, op.getFactorsMutable(), options);
  }

  format::PackOptions options;
};

struct FormatPack : format::impl::FormatPackBase<FormatPack> {
  using FormatPackBase::FormatPackBase;

  void runOnOperation() override {
    format::PackOptions options;
    options.tileRows = tileRows;
    if (tileRows != 8 && tileRows != 16) {
      getOperation()->emitError("format-pack: tile-rows is 8 or 16, not ")
          << int64_t(tileRows);
      return signalPassFailure();
    }
    if (!as.empty()) {
      options.as = format::getFormatByName(&getContext(), as);
      if (!options.as || options.as.getCodeGrid().bits) {
        getOperation()->emitError("format-pack: '")
            << as << "' is not the name of a float format";
        return signalPassFailure();
      }
    }
    RewritePatternSet patterns(&getContext());
    format::populatePackPatterns(patterns, options);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void format::populatePackPatterns(RewritePatternSet &patterns,
                                  const PackOptions &options) {
  patterns.add<PackLinear, PackLookup, PackGroupedLinear, PackGroupedLowRank>(
      patterns.getContext(), options);
}
