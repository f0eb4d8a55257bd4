//===- AdapterToKernel.cpp - conversion of adapter to kernels ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/AdapterToKernel/AdapterToKernel.h"
#include "GroupedToKernel.h"
#include "JoinCalls.h"
#include "OperandShaper.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Kernel/LinearKernel.h"
#include "allot/Kernel/LookupKernel.h"
#include <vector>

namespace allot::conversion {
#define GEN_PASS_DEF_CONVERTADAPTERTOKERNEL
#include "allot/Conversion/AdapterToKernel/Passes.h.inc"
} // namespace allot::conversion

using namespace mlir;
using namespace allot;
using namespace allot::conversion;
using namespace allot::kernel;

namespace {

/// Kernels that the module has got.
class Kernels {
public:
  Kernels(ModuleOp module, const KernelTarget &target)
      : module(module), target(target) {}

  LinearKernel getLinear(const LinearKernelSpec &spec) {
    LinearKernel &kernel = linears[spec.getKey(module.getContext())];
    if (!kernel.function)
      kernel = buildLinearKernel(module, spec, target);
    return kernel;
  }
  func::FuncOp getLookup(Attribute format, IntegerType idType) {
    Builder b(module.getContext());
    Attribute key = b.getArrayAttr({format, TypeAttr::get(idType)});
    func::FuncOp &function = lookups[key];
    if (!function)
      function = buildLookupKernel(module, format, idType);
    return function;
  }

private:
  ModuleOp module;
  const KernelTarget &target;
  DenseMap<Attribute, LinearKernel> linears;
  DenseMap<Attribute, func::FuncOp> lookups;
};

} // namespace

static LogicalResult convertLinear(adapter::LinearOp op, Kernels &kernels,
                                   std::vector<LinearCall> &calls) {
  SmallVector<Value> bytes = {op.getWeight()};
  llvm::append_range(bytes, op.getFactors());
  if (failed(verifyBuffers(op, bytes)))
    return failure();

  LinearKernelSpec spec;
  spec.weight = op.getStoredType(0).getEncoding();
  unsigned terms = op.getNumTerms();
  for (unsigned i = 0; i < terms; ++i)
    spec.terms.push_back({op.getStoredType(1 + 2 * i).getEncoding(),
                          op.getStoredType(2 + 2 * i).getEncoding()});
  spec.bias = !!op.getBias();
  spec.multiplier = !!op.getMultiplier();
  spec.residual = !!op.getResidual();
  spec.activation = op.getActivation();
  spec.arithmetic = op.getArithmetic();
  if (failed(spec.verify([&] { return op->emitOpError(); })))
    return failure();

  OpBuilder builder(op);
  Location loc = op.getLoc();
  OperandShaper shaper(builder, loc);
  LinearKernelOperands o;
  o.weight = shaper.shape(op.getWeight(), 1);
  o.x = shaper.shape(op.getX(), 2);
  for (unsigned i = 0; i < terms; ++i) {
    o.b.push_back(shaper.shape(op.getFactors()[2 * i], 1));
    o.a.push_back(shaper.shape(op.getFactors()[2 * i + 1], 1));
    int64_t rank = op.getStoredType(1 + 2 * i).getShape().back();
    o.ranks.push_back(arith::ConstantIndexOp::create(builder, loc, rank));
    o.scales.push_back(arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(float(op.getScales()[i]))));
  }
  o.bias = shaper.shape(op.getBias(), 1);
  o.multiplier = shaper.shape(op.getMultiplier(), 2);
  o.residual = shaper.shape(op.getResidual(), 2);
  o.y = shaper.shape(op.getInit(), 2, /*isWritten=*/true);
  LinearKernel kernel = kernels.getLinear(spec);
  auto call = func::CallOp::create(builder, loc, kernel.function, o.flatten());
  shaper.finish();
  ArrayRef<int64_t> shape = op.getStoredType(0).getShape();
  calls.push_back({call, kernel, o, shape[0], shape[1]});
  op.erase();
  return success();
}

static LogicalResult convertLookup(adapter::LookupOp op, Kernels &kernels) {
  if (failed(verifyBuffers(op, op.getTable())))
    return failure();
  auto idType = dyn_cast<IntegerType>(
      cast<MemRefType>(op.getIds().getType()).getElementType());
  if (!idType || (!idType.isInteger(32) && !idType.isInteger(64)))
    return op.emitOpError("has kernels for ids of i32 and i64 only");
  RankedTensorType stored = op.getStoredType();
  Attribute format = stored.getEncoding();
  if (failed(verifyLookup(format, [&] { return op->emitOpError(); })))
    return failure();

  OpBuilder builder(op);
  Location loc = op.getLoc();
  OperandShaper shaper(builder, loc);
  Value rows = arith::ConstantIndexOp::create(
      builder, loc, format::getMatrixShape(stored.getShape()).rows);
  Value table = shaper.shape(op.getTable(), 1);
  Value ids = shaper.shape(op.getIds(), 1);
  Value out = shaper.shape(op.getInit(), 2, /*isWritten=*/true);
  func::CallOp::create(builder, loc, kernels.getLookup(format, idType),
                       ValueRange{table, ids, out, rows});
  shaper.finish();
  op.erase();
  return success();
}

LogicalResult allot::conversion::convertAdapterToKernel(
    ModuleOp module, const KernelTarget &target, bool join) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<adapter::LinearOp, adapter::LookupOp>(op) || isGrouped(op))
      ops.push_back(op);
  });
  Kernels kernels(module, target);
  GroupedKernels grouped(module, target);
  std::vector<LinearCall> calls;
  for (Operation *op : ops) {
    if (isGrouped(op)) {
      if (failed(grouped.convert(op)))
        return failure();
      continue;
    }
    auto linear = dyn_cast<adapter::LinearOp>(op);
    if (failed(linear ? convertLinear(linear, kernels, calls)
                      : convertLookup(cast<adapter::LookupOp>(op), kernels)))
      return failure();
  }
  if (join)
    joinCalls(calls);
  return success();
}

namespace {
struct ConvertAdapterToKernelPass
    : public allot::conversion::impl::ConvertAdapterToKernelBase<
          ConvertAdapterToKernelPass> {
  using ConvertAdapterToKernelBase::ConvertAdapterToKernelBase;

  void runOnOperation() override {
    llvm::Expected<KernelTarget> parsed = KernelTarget::parse(target);
    if (!parsed) {
      getOperation().emitError(llvm::toString(parsed.takeError()));
      return signalPassFailure();
    }
    if (failed(convertAdapterToKernel(getOperation(), *parsed, join)))
      signalPassFailure();
  }
};
} // namespace
