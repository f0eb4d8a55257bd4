//===- AdapterToKernel.cpp - conversion of adapter to kernels ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/AdapterToKernel/AdapterToKernel.h"
#include "JoinCalls.h"
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

/// Shapes the operands of one op as kernels take them, and undoes that after
/// the call.
class OperandShaper {
public:
  OperandShaper(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc) {}

  /// A contiguous buffer with `rank` dimensions of unknown size: leading
  /// dimensions fold, or are added. A copy where `value` is not contiguous;
  /// `isWritten`: the copy is copied back by `finish`.
  Value shape(Value value, int64_t rank, bool isWritten = false) {
    if (!value)
      return {};
    auto type = cast<MemRefType>(value.getType());
    if (!type.getLayout().isIdentity()) {
      Value copy = allocLike(value, type);
      if (isWritten)
        copiesBack.push_back({copy, value});
      else
        memref::CopyOp::create(builder, loc, value, copy);
      copies.push_back(copy);
      value = copy;
      type = cast<MemRefType>(copy.getType());
    }
    if (type.getRank() > rank)
      value = fold(value, rank);
    else if (type.getRank() < rank)
      value = unfold(value, rank);
    SmallVector<int64_t> sizes(rank, ShapedType::kDynamic);
    auto wanted =
        MemRefType::get(sizes, type.getElementType(),
                        MemRefLayoutAttrInterface(), type.getMemorySpace());
    if (value.getType() == wanted)
      return value;
    return memref::CastOp::create(builder, loc, wanted, value);
  }

  void finish() {
    for (auto [copy, target] : copiesBack)
      memref::CopyOp::create(builder, loc, copy, target);
    for (Value copy : copies)
      memref::DeallocOp::create(builder, loc, copy);
  }

private:
  Value allocLike(Value value, MemRefType type) {
    SmallVector<Value> sizes;
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(axis))
        sizes.push_back(memref::DimOp::create(builder, loc, value, axis));
    auto plain =
        MemRefType::get(type.getShape(), type.getElementType(),
                        MemRefLayoutAttrInterface(), type.getMemorySpace());
    return memref::AllocOp::create(builder, loc, plain, sizes,
                                   builder.getI64IntegerAttr(64));
  }

  Value fold(Value value, int64_t rank) {
    int64_t from = cast<MemRefType>(value.getType()).getRank();
    SmallVector<ReassociationIndices> groups(rank);
    for (int64_t axis = 0; axis < from; ++axis)
      groups[std::max<int64_t>(0, axis - (from - rank))].push_back(axis);
    return memref::CollapseShapeOp::create(builder, loc, value, groups);
  }

  /// A vector is one row; a scalar is never given.
  Value unfold(Value value, int64_t rank) {
    auto type = cast<MemRefType>(value.getType());
    SmallVector<int64_t> sizes(rank - type.getRank(), 1);
    llvm::append_range(sizes, type.getShape());
    SmallVector<OpFoldResult> dynamicSizes;
    for (int64_t axis = 0; axis < rank; ++axis) {
      int64_t of = axis - (rank - type.getRank());
      if (of >= 0 && type.isDynamicDim(of))
        dynamicSizes.push_back(
            memref::DimOp::create(builder, loc, value, of).getResult());
      else
        dynamicSizes.push_back(builder.getIndexAttr(sizes[axis]));
    }
    SmallVector<ReassociationIndices> groups(type.getRank());
    for (int64_t axis = 0; axis < rank; ++axis)
      groups[std::max<int64_t>(0, axis - (rank - type.getRank()))].push_back(
          axis);
    return memref::ExpandShapeOp::create(builder, loc, sizes, value, groups,
                                         dynamicSizes);
  }

  OpBuilder &builder;
  Location loc;
  SmallVector<std::pair<Value, Value>> copiesBack;
  SmallVector<Value> copies;
};

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

/// Operands are buffers, stored bytes contiguous; their element types were
/// verified with the op.
static LogicalResult verifyBuffers(Operation *op, ValueRange bytes) {
  for (Value value : op->getOperands())
    if (!isa<MemRefType>(value.getType()))
      return op->emitOpError("is on tensors still; bufferize it first");
  for (Value value : bytes) {
    auto type = cast<MemRefType>(value.getType());
    if (type.getRank() != 1 || !type.getElementType().isInteger(8) ||
        !type.getLayout().isIdentity())
      return op->emitOpError("takes stored bytes as memref<?xi8>, not ")
             << type;
  }
  return success();
}

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
    if (isa<adapter::LinearOp, adapter::LookupOp>(op))
      ops.push_back(op);
  });
  Kernels kernels(module, target);
  std::vector<LinearCall> calls;
  for (Operation *op : ops) {
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
