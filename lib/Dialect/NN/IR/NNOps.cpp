//===- NNOps.cpp - constraints and effects of nn ops ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/DestinationStyleEffects.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::nn;

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

void NormOp::getEffects(Effects &effects) {
  getDestinationStyleEffects(*this, /*readsInits=*/false, effects);
}
void RopeOp::getEffects(Effects &effects) {
  getDestinationStyleEffects(*this, /*readsInits=*/false, effects);
}
void AttentionOp::getEffects(Effects &effects) {
  getDestinationStyleEffects(*this, /*readsInits=*/false, effects);
}
void CacheUpdateOp::getEffects(Effects &effects) {
  getDestinationStyleEffects(*this, /*readsInits=*/true, effects);
}

//===----------------------------------------------------------------------===//
// What the verifiers share
//===----------------------------------------------------------------------===//

static ShapedType shaped(Value value) {
  return cast<ShapedType>(value.getType());
}

/// Two sizes agree, as far as they are known.
static bool agree(int64_t a, int64_t b) {
  return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b);
}

static LogicalResult verifyKind(Operation *op, Value value, StringRef name,
                                int64_t rank, bool isFloat,
                                StringRef constraint) {
  ShapedType type = shaped(value);
  Type element = type.getElementType();
  if (!type.hasRank() || (rank >= 0 && type.getRank() != rank) ||
      !(isFloat ? element.isF32() : element.isInteger(32))) {
    InFlightDiagnostic error = op->emitOpError(name)
                               << " is " << value.getType() << ", expected ";
    if (rank >= 0)
      error << "rank " << rank << " of ";
    return error << (isFloat ? "f32" : "i32") << " (" << constraint << ")";
  }
  return success();
}

static LogicalResult verifySameShape(Operation *op, Value a, Value b,
                                     StringRef what, StringRef constraint) {
  ShapedType x = shaped(a), y = shaped(b);
  bool same = x.getRank() == y.getRank();
  for (int64_t i = 0; same && i < x.getRank(); ++i)
    same = agree(x.getDimSize(i), y.getDimSize(i));
  if (!same)
    return op->emitOpError(what) << " disagree in shape: " << a.getType()
                                 << " and " << b.getType() << " (" << constraint
                                 << ")";
  return success();
}

static LogicalResult verifyDim(Operation *op, Value a, int64_t i, Value b,
                               int64_t j, StringRef what,
                               StringRef constraint) {
  int64_t x = shaped(a).getDimSize(i), y = shaped(b).getDimSize(j);
  if (!agree(x, y))
    return op->emitOpError(what)
           << " disagree: " << x << " and " << y << " (" << constraint << ")";
  return success();
}

/// All operands are tensors and there is a result of the init's type, or all
/// are memrefs and there is none.
template <typename Op>
static LogicalResult verifyForm(Op op) {
  bool tensors = isa<RankedTensorType>(op.getInit().getType());
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) != tensors)
      return op->emitOpError("mixes tensors and memrefs");
  if (tensors != static_cast<bool>(op.getResult()))
    return op->emitOpError(tensors ? "on tensors needs a result"
                                   : "on memrefs has no result");
  if (tensors && op.getResult().getType() != op.getInit().getType())
    return op->emitOpError("has the result ")
           << op.getResult().getType() << ", its init is "
           << op.getInit().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult NormOp::verify() {
  if (failed(verifyForm(*this)) ||
      failed(verifyKind(*this, getX(), "x", -1, true, "N1")) ||
      failed(verifyKind(*this, getInit(), "init", -1, true, "N1")) ||
      failed(verifyKind(*this, getWeight(), "weight", 1, true, "N1")) ||
      failed(verifySameShape(*this, getX(), getInit(), "x and init", "N1")))
    return failure();
  int64_t last = shaped(getX()).getRank() - 1;
  if (last < 0)
    return emitOpError("x has rank 0, expected at least 1 (N1)");
  if (failed(verifyDim(*this, getX(), last, getWeight(), 0,
                       "the last dimension of x and the weight", "N1")))
    return failure();
  if (Value bias = getBias()) {
    if (getKind() != NormKind::Layer)
      return emitOpError("has a bias, but only a layer norm has one (N3)");
    if (failed(verifyKind(*this, bias, "bias", 1, true, "N1")) ||
        failed(verifyDim(*this, getX(), last, bias, 0,
                         "the last dimension of x and the bias", "N1")))
      return failure();
  }
  double epsilon = getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return emitOpError("epsilon is ")
           << epsilon << ", expected a finite number that is not negative (N2)";
  return success();
}

LogicalResult RopeOp::verify() {
  if (failed(verifyForm(*this)) ||
      failed(verifyKind(*this, getX(), "x", 4, true, "N4")) ||
      failed(verifyKind(*this, getInit(), "init", 4, true, "N4")) ||
      failed(verifySameShape(*this, getX(), getInit(), "x and init", "N4")) ||
      failed(verifyKind(*this, getPast(), "past", 1, false, "N4")) ||
      failed(verifyKind(*this, getFrequencies(), "frequencies", 1, true,
                        "N4")) ||
      failed(verifyDim(*this, getX(), 0, getPast(), 0,
                       "batch of x and entries of past", "N4")))
    return failure();
  int64_t head = shaped(getX()).getDimSize(3);
  int64_t half = shaped(getFrequencies()).getDimSize(0);
  if (!ShapedType::isDynamic(head) && !ShapedType::isDynamic(half) &&
      2 * half > head)
    return emitOpError("has ") << half << " frequencies for heads of " << head
                               << ", at most half as many turn (N4)";
  if (!std::isfinite(getScale().convertToDouble()))
    return emitOpError("scale is not finite (N4)");
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyForm(*this)))
    return failure();
  for (auto [value, name] :
       {std::pair<Value, StringRef>{getQ(), "q"}, {getK(), "k"}, {getV(), "v"},
        {getInit(), "init"}})
    if (failed(verifyKind(*this, value, name, 4, true, "N5")))
      return failure();
  if (failed(verifyKind(*this, getPast(), "past", 1, false, "N5")) ||
      failed(verifyDim(*this, getQ(), 0, getPast(), 0,
                       "batch of q and entries of past", "N5")) ||
      failed(verifyDim(*this, getQ(), 0, getK(), 0, "batches of q and k",
                       "N5")) ||
      failed(verifyDim(*this, getQ(), 0, getV(), 0, "batches of q and v",
                       "N5")) ||
      failed(verifyDim(*this, getK(), 1, getV(), 1, "keys of k and v", "N5")) ||
      failed(verifyDim(*this, getK(), 2, getV(), 2, "heads of k and v",
                       "N5")) ||
      failed(verifyDim(*this, getQ(), 3, getK(), 3, "head sizes of q and k",
                       "N5")) ||
      failed(verifyDim(*this, getV(), 3, getInit(), 3,
                       "head sizes of v and result", "N5")))
    return failure();
  for (int64_t i = 0; i < 3; ++i)
    if (failed(verifyDim(*this, getQ(), i, getInit(), i,
                         "shapes of q and result", "N5")))
      return failure();
  if (Value total = getTotal())
    if (failed(verifyKind(*this, total, "total", 1, false, "N5")) ||
        failed(verifyDim(*this, getQ(), 0, total, 0,
                         "batch of q and entries of total", "N5")))
      return failure();
  int64_t queries = shaped(getQ()).getDimSize(2);
  int64_t keys = shaped(getK()).getDimSize(2);
  if (!ShapedType::isDynamic(queries) && !ShapedType::isDynamic(keys) &&
      (keys == 0 || queries % keys != 0))
    return emitOpError("has ") << keys << " key heads, which do not divide "
                               << queries << " query heads (N5)";
  if (getWindow() && *getWindow() <= 0)
    return emitOpError("window is ") << *getWindow()
                                     << ", expected a positive number (N6)";
  if (auto cap = getSoftcap(); cap && !(cap->convertToDouble() > 0))
    return emitOpError("softcap is ") << cap->convertToDouble()
                                      << ", expected a positive number (N6)";
  if (!std::isfinite(getScale().convertToDouble()))
    return emitOpError("scale is not finite (N5)");
  return success();
}

LogicalResult CacheUpdateOp::verify() {
  if (failed(verifyForm(*this)) ||
      failed(verifyKind(*this, getSource(), "source", 4, true, "N7")) ||
      failed(verifyKind(*this, getInit(), "cache", 6, true, "N7")) ||
      failed(verifyKind(*this, getPast(), "past", 1, false, "N7")) ||
      failed(verifyKind(*this, getCount(), "count", 1, false, "N7")) ||
      failed(verifyDim(*this, getSource(), 0, getPast(), 0,
                       "batch of source and entries of past", "N7")) ||
      failed(verifyDim(*this, getSource(), 0, getCount(), 0,
                       "batch of source and entries of count", "N7")) ||
      failed(verifyDim(*this, getSource(), 0, getInit(), 2,
                       "batches of source and cache", "N7")) ||
      failed(verifyDim(*this, getSource(), 2, getInit(), 4,
                       "heads of source and cache", "N7")) ||
      failed(verifyDim(*this, getSource(), 3, getInit(), 5,
                       "head sizes of source and cache", "N7")))
    return failure();
  ShapedType cache = shaped(getInit());
  auto inside = [&](uint64_t index, int64_t dim, StringRef name) -> LogicalResult {
    int64_t size = cache.getDimSize(dim);
    if (static_cast<int64_t>(index) < 0 ||
        (!ShapedType::isDynamic(size) && static_cast<int64_t>(index) >= size))
      return emitOpError(name) << " " << static_cast<int64_t>(index)
                               << " lies outside the cache, which has " << size
                               << " (N7)";
    return success();
  };
  if (failed(inside(getLayer(), 0, "layer")) ||
      failed(inside(getSlot(), 1, "slot")))
    return failure();
  return success();
}

LogicalResult ActivationOp::verify() {
  if (!shaped(getX()).getElementType().isF32())
    return emitOpError("works on f32, got ") << getX().getType() << " (N8)";
  return success();
}

LogicalResult TapOp::verify() {
  if (getName().empty())
    return emitOpError("has no name (N9)");
  auto function = (*this)->getParentOfType<FunctionOpInterface>();
  if (!function)
    return success();
  TapOp other;
  function->walk([&](TapOp tap) {
    if (tap == *this)
      return WalkResult::interrupt(); // earlier taps only: each pair once
    if (tap.getName() == getName())
      other = tap;
    return WalkResult::advance();
  });
  if (other) {
    InFlightDiagnostic error =
        emitOpError("is a second one named '") << getName() << "' (N9)";
    error.attachNote(other.getLoc()) << "the first is here";
    return error;
  }
  return success();
}
