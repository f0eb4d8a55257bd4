//===- NNToKernel.cpp - nn ops on buffers to calls of kernels ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Conversion/NNToKernel/NNToKernel.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Kernel/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace allot::conversion {
#define GEN_PASS_DEF_CONVERTNNTOKERNEL
#include "allot/Conversion/NNToKernel/Passes.h.inc"
} // namespace allot::conversion

using namespace mlir;
using namespace allot;

namespace {

/// The elements of the last dimension lie side by side.
bool hasUnitStride(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         !strides.empty() && strides.back() == 1;
}

/// Makes the arguments of one call: buffers in the types that kernels take,
/// copied where a layout does not fit, and what has to be done after it.
class CallBuilder {
public:
  explicit CallBuilder(Operation *op) : op(op), b(op), loc(op->getLoc()) {}

  void addInput(Value buffer, bool strided = false) {
    arguments.push_back(fit(buffer, strided, /*written=*/false));
  }
  void addOutput(Value buffer) {
    arguments.push_back(fit(buffer, /*strided=*/false, /*written=*/true));
  }
  void addRows(Value buffer, bool written) {
    arguments.push_back(rows(contiguous(buffer, written)));
  }
  void addFloat(double value) {
    arguments.push_back(arith::ConstantOp::create(
        b, loc, b.getF32FloatAttr(static_cast<float>(value))));
  }
  void addIndex(int64_t value) {
    arguments.push_back(arith::ConstantIndexOp::create(b, loc, value));
  }

  void finish(func::FuncOp kernel) {
    func::CallOp::create(b, loc, kernel, arguments);
    for (auto [from, to] : copiesBack)
      linalg::CopyOp::create(b, loc, from, to);
    for (Value buffer : temporaries)
      memref::DeallocOp::create(b, loc, buffer);
    op->erase();
  }

private:
  static MemRefType kernelType(MemRefType type, bool strided) {
    SmallVector<int64_t> shape(type.getRank(), ShapedType::kDynamic);
    if (!strided)
      return MemRefType::get(shape, type.getElementType());
    SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
    strides.back() = 1;
    return MemRefType::get(shape, type.getElementType(),
                           StridedLayoutAttr::get(type.getContext(),
                                                  ShapedType::kDynamic,
                                                  strides));
  }

  /// The buffer in row-major order without gaps: itself or a copy.
  Value contiguous(Value buffer, bool written) {
    auto type = cast<MemRefType>(buffer.getType());
    if (type.getLayout().isIdentity())
      return buffer;
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        sizes.push_back(memref::DimOp::create(b, loc, buffer, i));
    Value copy = memref::AllocOp::create(
        b, loc, MemRefType::get(type.getShape(), type.getElementType()), sizes,
        b.getI64IntegerAttr(64));
    temporaries.push_back(copy);
    if (written)
      copiesBack.push_back({copy, buffer});
    else
      linalg::CopyOp::create(b, loc, buffer, copy);
    return copy;
  }

  Value fit(Value buffer, bool strided, bool written) {
    auto type = cast<MemRefType>(buffer.getType());
    // A cast would also take a stride that is not known to be what the kernel
    // needs, and trust the program.
    if (!type.getLayout().isIdentity() && !(strided && hasUnitStride(type)))
      buffer = contiguous(buffer, written);
    return castTo(buffer, kernelType(type, strided));
  }

  Value castTo(Value buffer, MemRefType wanted) {
    if (buffer.getType() == wanted)
      return buffer;
    return memref::CastOp::create(b, loc, wanted, buffer);
  }

  /// All dimensions but the last folded into one.
  Value rows(Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    int64_t rank = type.getRank();
    if (rank == 1) {
      SmallVector<ReassociationIndices> groups = {{0, 1}};
      SmallVector<OpFoldResult> sizes = {
          b.getIndexAttr(1), memref::getMixedSize(b, loc, buffer, 0)};
      buffer = memref::ExpandShapeOp::create(
          b, loc, ArrayRef<int64_t>{1, type.getDimSize(0)}, buffer, groups,
          sizes);
    } else if (rank > 2) {
      SmallVector<ReassociationIndices> groups(2);
      for (int64_t i = 0; i + 1 < rank; ++i)
        groups[0].push_back(i);
      groups[1].push_back(rank - 1);
      buffer = memref::CollapseShapeOp::create(b, loc, buffer, groups);
    }
    return castTo(buffer, kernelType(cast<MemRefType>(buffer.getType()),
                                     /*strided=*/false));
  }

  Operation *op;
  OpBuilder b;
  Location loc;
  SmallVector<Value> arguments;
  SmallVector<std::pair<Value, Value>> copiesBack;
  SmallVector<Value> temporaries;
};

LogicalResult convert(ModuleOp module, nn::NormOp op) {
  kernel::NormKernel key;
  key.layer = op.getKind() == nn::NormKind::Layer;
  key.bias = static_cast<bool>(op.getBias());
  CallBuilder call(op);
  call.addRows(op.getX(), /*written=*/false);
  call.addInput(op.getWeight());
  if (op.getBias())
    call.addInput(op.getBias());
  call.addRows(op.getInit(), /*written=*/true);
  call.addFloat(op.getEpsilon().convertToDouble());
  call.finish(kernel::getOrCreateKernel(module, key));
  return success();
}

LogicalResult convert(ModuleOp module, nn::RopeOp op) {
  kernel::RopeKernel key;
  key.neighbours = op.getLayout() == nn::RotaryLayout::Neighbours;
  CallBuilder call(op);
  call.addInput(op.getX());
  call.addInput(op.getPast());
  call.addInput(op.getFrequencies());
  call.addOutput(op.getInit());
  call.addFloat(op.getScale().convertToDouble());
  call.finish(kernel::getOrCreateKernel(module, key));
  return success();
}

/// Attention and its gradients, which also read the gradient of the result.
template <typename Kernel, typename Op>
LogicalResult convertAttention(ModuleOp module, Op op, ValueRange gradient,
                               ValueRange results) {
  Kernel key;
  key.causal = op.getCausal();
  key.softcap = op.getSoftcap().has_value();
  key.total = static_cast<bool>(op.getTotal());
  key.mask = static_cast<bool>(op.getMask());
  key.distances = static_cast<bool>(op.getDistances());
  key.sinks = static_cast<bool>(op.getSinks());
  CallBuilder call(op);
  call.addInput(op.getQ());
  call.addInput(op.getK(), /*strided=*/true);
  call.addInput(op.getV(), /*strided=*/true);
  for (Value value : gradient)
    call.addInput(value);
  call.addInput(op.getPast());
  if (op.getTotal())
    call.addInput(op.getTotal());
  if (op.getMask())
    call.addInput(op.getMask());
  if (op.getDistances())
    call.addInput(op.getDistances());
  if (op.getSinks())
    call.addInput(op.getSinks());
  for (Value result : results)
    call.addOutput(result);
  call.addFloat(op.getScale().convertToDouble());
  if (op.getSoftcap())
    call.addFloat(op.getSoftcap()->convertToDouble());
  call.addIndex(std::min<int64_t>(op.getWindow().value_or(kernel::kNoWindow),
                                  kernel::kNoWindow));
  call.finish(kernel::getOrCreateKernel(module, key));
  return success();
}

LogicalResult convert(ModuleOp module, nn::AttentionOp op) {
  return convertAttention<kernel::AttentionKernel>(module, op, {},
                                                   op.getInit());
}

LogicalResult convert(ModuleOp module, nn::AttentionGradOp op) {
  Value results[] = {op.getQInit(), op.getKInit(), op.getVInit()};
  return convertAttention<kernel::AttentionGradKernel>(module, op, op.getGrad(),
                                                       results);
}

LogicalResult convert(ModuleOp module, nn::CacheUpdateOp op) {
  auto cache = cast<MemRefType>(op.getInit().getType());
  if (!hasUnitStride(cache))
    return op.emitOpError()
           << "has a cache whose last dimension is not contiguous, " << cache
           << ", which a kernel cannot update in place";
  CallBuilder call(op);
  call.addInput(op.getSource());
  call.addInput(op.getPast());
  call.addInput(op.getCount());
  call.addInput(op.getInit(), /*strided=*/true);
  call.addIndex(op.getLayer());
  call.addIndex(op.getSlot());
  call.finish(kernel::getOrCreateKernel(module, kernel::CacheUpdateKernel()));
  return success();
}

/// Kernels know buffers of f32 and, for positions and counts, i32.
LogicalResult checkOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return op->emitOpError() << "operand #" << operand.getOperandNumber()
                               << " is " << operand.get().getType()
                               << ", not a ranked memref: kernels work on "
                                  "buffers, so bufferization has to come first";
    if (!type.getElementType().isF32() && !type.getElementType().isInteger(32))
      return op->emitOpError()
             << "operand #" << operand.getOperandNumber() << " is " << type
             << ": kernels know f32 and i32 only";
    if (!isa<StridedLayoutAttr>(type.getLayout()) &&
        !type.getLayout().isIdentity())
      return op->emitOpError()
             << "operand #" << operand.getOperandNumber() << " is " << type
             << ": kernels know strided layouts only";
  }
  return success();
}

struct ConvertNNToKernel
    : conversion::impl::ConvertNNToKernelBase<ConvertNNToKernel> {
  void runOnOperation() override {
    if (failed(conversion::convertNNToKernel(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult conversion::convertNNToKernel(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<nn::NormOp, nn::RopeOp, nn::AttentionOp, nn::AttentionGradOp,
            nn::CacheUpdateOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (failed(checkOperands(op)))
      return failure();
    LogicalResult result =
        TypeSwitch<Operation *, LogicalResult>(op)
            .Case<nn::NormOp, nn::RopeOp, nn::AttentionOp, nn::AttentionGradOp,
                  nn::CacheUpdateOp>(
                [&](auto typed) { return convert(module, typed); })
            .Default([](Operation *) { return success(); });
    if (failed(result))
      return failure();
  }
  return success();
}
