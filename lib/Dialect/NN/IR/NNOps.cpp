//===- NNOps.cpp - verifiers and effects ----------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Interfaces/DestinationStyleEffects.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::nn;

#define GET_OP_CLASSES
#include "allot/Dialect/NN/IR/NNOps.cpp.inc"

static bool agree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

static std::string dimensionName(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

/// The constraint on shapes and element types of an op, as numbered in its
/// description.
static StringRef shapeLabel(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<NormOp>([](auto) { return " (N1)"; })
      .Case<RopeOp>([](auto) { return " (N4)"; })
      .Case<AttentionOp>([](auto) { return " (N5)"; })
      .Case<CacheUpdateOp>([](auto) { return " (N7)"; })
      .Case<AttentionGradOp>([](auto) { return " (N10)"; })
      .Case<CrossEntropyOp>([](auto) { return " (N11)"; })
      .Case<ActivationOp>([](auto) { return " (N8)"; })
      .Default([](Operation *) { return ""; });
}

/// Fails unless `type` is ranked with elements of the kind (f32, or i32 where
/// `integers`) and no encoding.
static LogicalResult checkElements(Operation *op, StringRef what, Type type,
                                   int64_t rank, bool integers = false) {
  auto shaped = cast<ShapedType>(type);
  Type elementType = shaped.getElementType();
  bool right =
      integers ? elementType.isSignlessInteger(32) : elementType.isF32();
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    right &= !tensor.getEncoding();
  if (!right || !shaped.hasRank() || (rank >= 0 && shaped.getRank() != rank)) {
    InFlightDiagnostic diagnostic =
        op->emitOpError() << what << " holds " << (integers ? "i32" : "f32")
                          << " without encoding";
    if (rank >= 0)
      diagnostic << " and has rank " << rank;
    return diagnostic << ", but got " << type << shapeLabel(op);
  }
  return success();
}

/// Fails unless dimension `d` of `type` has the size that `reference` gives it.
static LogicalResult checkDimension(Operation *op, StringRef what, Type type,
                                    int64_t d, int64_t size,
                                    StringRef reference) {
  if (agree(cast<ShapedType>(type).getDimSize(d), size))
    return success();
  return op->emitOpError() << what << " has "
                           << cast<ShapedType>(type).getDimSize(d)
                           << " in dimension " << d << ", but " << reference
                           << " has " << size << shapeLabel(op);
}

/// Fails unless `type` is a vector of `size` i32 numbers, one for each row of
/// the batch.
static LogicalResult checkPerRow(Operation *op, StringRef what, Type type,
                                 int64_t batch) {
  if (failed(checkElements(op, what, type, 1, /*integers=*/true)))
    return failure();
  if (!agree(cast<ShapedType>(type).getDimSize(0), batch))
    return op->emitOpError()
           << what << " has one entry for each of the " << dimensionName(batch)
           << " rows of the batch, but is " << type << shapeLabel(op);
  return success();
}

/// Fails unless the op is all on tensors or all on memrefs.
static LogicalResult checkOneWorld(Operation *op) {
  bool tensors = llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>);
  bool memrefs =
      llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>);
  if (tensors && memrefs)
    return op->emitOpError()
           << "takes tensors alone or memrefs alone, but got both"
           << shapeLabel(op);
  return success();
}

/// Fails unless the init has the shape of x.
static LogicalResult checkSameShape(Operation *op, Type x, Type init) {
  auto a = cast<ShapedType>(x), b = cast<ShapedType>(init);
  if (a.getRank() == b.getRank() &&
      llvm::all_of(llvm::zip(a.getShape(), b.getShape()), [](auto pair) {
        return agree(std::get<0>(pair), std::get<1>(pair));
      }))
    return success();
  return op->emitOpError() << "x and the init have one shape, but got " << x
                           << " and " << init << shapeLabel(op);
}

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

void NormOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

LogicalResult NormOp::verify() {
  // (N1)
  Type x = getX().getType(), init = getInit().getType(),
       weight = getWeight().getType();
  if (failed(checkOneWorld(*this)) ||
      failed(checkElements(*this, "x", x, -1)) ||
      failed(checkElements(*this, "the init", init, -1)) ||
      failed(checkSameShape(*this, x, init)) ||
      failed(checkElements(*this, "the weight", weight, 1)))
    return failure();
  auto shaped = cast<ShapedType>(x);
  if (shaped.getRank() < 1)
    return emitOpError() << "x has at least one dimension, but got " << x
                         << " (N1)";
  int64_t size = shaped.getShape().back();
  if (failed(checkDimension(*this, "the weight", weight, 0, size,
                            "the last dimension of x")))
    return failure();
  if (Value bias = getBias()) {
    // (N3)
    if (getKind() != NormKind::Layer)
      return emitOpError() << "an rms norm has no bias (N3)";
    if (failed(checkElements(*this, "the bias", bias.getType(), 1)) ||
        failed(checkDimension(*this, "the bias", bias.getType(), 0, size,
                              "the last dimension of x")))
      return failure();
  }
  // (N2)
  if (!getEpsilon().isFinite() ||
      (getEpsilon().isNegative() && !getEpsilon().isZero()))
    return emitOpError() << "epsilon is finite and not negative, but got "
                         << getEpsilonAttr() << " (N2)";
  return success();
}

//===----------------------------------------------------------------------===//
// RopeOp
//===----------------------------------------------------------------------===//

void RopeOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (N4)
LogicalResult RopeOp::verify() {
  Type x = getX().getType(), init = getInit().getType(),
       frequencies = getFrequencies().getType();
  if (failed(checkOneWorld(*this)) || failed(checkElements(*this, "x", x, 4)) ||
      failed(checkElements(*this, "the init", init, 4)) ||
      failed(checkSameShape(*this, x, init)) ||
      failed(checkElements(*this, "the frequencies", frequencies, 1)) ||
      failed(checkPerRow(*this, "past", getPast().getType(),
                         cast<ShapedType>(x).getDimSize(0))))
    return failure();
  int64_t pairs = cast<ShapedType>(frequencies).getDimSize(0),
          size = cast<ShapedType>(x).getDimSize(3);
  if (!ShapedType::isDynamic(pairs) && !ShapedType::isDynamic(size) &&
      pairs > size / 2)
    return emitOpError() << pairs << " frequencies turn " << 2 * pairs
                         << " dimensions, but a head has " << size << " (N4)";
  if (!getScale().isFinite())
    return emitOpError() << "the scale is finite, but got " << getScaleAttr()
                         << " (N4)";
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

void AttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

/// What the two ops of attention share: `out` is the result, or its gradient.
template <typename OpT>
static LogicalResult verifyAttention(OpT op, Value out, StringRef outName,
                                     StringRef label) {
  Type q = op.getQ().getType(), k = op.getK().getType(),
       v = op.getV().getType(), init = out.getType();
  if (failed(checkOneWorld(op)) || failed(checkElements(op, "q", q, 4)) ||
      failed(checkElements(op, "k", k, 4)) ||
      failed(checkElements(op, "v", v, 4)) ||
      failed(checkElements(op, outName, init, 4)))
    return failure();
  ArrayRef<int64_t> qs = cast<ShapedType>(q).getShape(),
                    ks = cast<ShapedType>(k).getShape(),
                    vs = cast<ShapedType>(v).getShape();
  if (failed(checkDimension(op, "k", k, 0, qs[0], "q")) ||
      failed(checkDimension(op, "k", k, 3, qs[3], "q")) ||
      failed(checkDimension(op, "v", v, 0, qs[0], "q")) ||
      failed(checkDimension(op, "v", v, 1, ks[1], "k")) ||
      failed(checkDimension(op, "v", v, 2, ks[2], "k")) ||
      failed(checkDimension(op, outName, init, 0, qs[0], "q")) ||
      failed(checkDimension(op, outName, init, 1, qs[1], "q")) ||
      failed(checkDimension(op, outName, init, 2, qs[2], "q")) ||
      failed(checkDimension(op, outName, init, 3, vs[3], "v")))
    return failure();
  if (!ShapedType::isDynamic(qs[2]) && !ShapedType::isDynamic(ks[2]) &&
      (ks[2] == 0 || qs[2] % ks[2] != 0))
    return op.emitOpError()
           << "the heads of k (" << ks[2] << ") divide the heads of q ("
           << qs[2] << ") without rest, but do not here" << shapeLabel(op);
  if (failed(checkPerRow(op, "past", op.getPast().getType(), qs[0])))
    return failure();
  if (op.getTotal() &&
      failed(checkPerRow(op, "total", op.getTotal().getType(), qs[0])))
    return failure();
  // (N12)
  if (Value mask = op.getMask())
    if (failed(checkElements(op, "the mask", mask.getType(), 2,
                             /*integers=*/true)) ||
        failed(checkDimension(op, "the mask", mask.getType(), 0, qs[0], "q")) ||
        failed(checkDimension(op, "the mask", mask.getType(), 1, ks[1], "k")))
      return failure();
  if (Value distances = op.getDistances()) {
    Type type = distances.getType();
    if (failed(checkElements(op, "distances", type, 2)) ||
        failed(
            checkDimension(op, "distances", type, 0, qs[2], "q (its heads)")))
      return failure();
    if (int64_t count = cast<ShapedType>(type).getDimSize(1);
        !ShapedType::isDynamic(count) && count % 2 == 0)
      return op.emitOpError() << "distances go as far back as ahead, so their "
                                 "number is odd, but is "
                              << count << " (N12)";
  }
  // (N13)
  if (Value sinks = op.getSinks())
    if (failed(checkElements(op, "sinks", sinks.getType(), 1)) ||
        failed(checkDimension(op, "sinks", sinks.getType(), 0, qs[2],
                              "q (its heads)")))
      return failure();
  if (IntegerAttr window = op.getWindowAttr(); window && window.getInt() <= 0)
    return op.emitOpError()
           << "the window is positive, but got " << window.getInt() << label;
  if (FloatAttr softcap = op.getSoftcapAttr();
      softcap && !(softcap.getValueAsDouble() > 0 &&
                   std::isfinite(softcap.getValueAsDouble())))
    return op.emitOpError() << "the softcap is positive and finite, but got "
                            << softcap << label;
  if (!op.getScale().isFinite())
    return op.emitOpError()
           << "the scale is finite, but got " << op.getScaleAttr() << label;
  return success();
}

// (N5), (N6)
LogicalResult AttentionOp::verify() {
  return verifyAttention(*this, getInit(), "the init", " (N6)");
}

//===----------------------------------------------------------------------===//
// AttentionGradOp
//===----------------------------------------------------------------------===//

void AttentionGradOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (N10)
LogicalResult AttentionGradOp::verify() {
  if (failed(verifyAttention(*this, getGrad(), "the gradient", " (N10)")))
    return failure();
  bool tensors = isa<TensorType>(getQ().getType());
  if (getResults().size() != (tensors ? 3u : 0u))
    return emitOpError() << "gives three tensors, or writes three memrefs, but "
                            "has "
                         << getResults().size() << " results (N10)";
  for (auto [name, x, init] :
       {std::tuple<StringRef, Value, Value>("q", getQ(), getQInit()),
        {"k", getK(), getKInit()},
        {"v", getV(), getVInit()}})
    if (failed(checkElements(*this, ("the init of " + name).str(),
                             init.getType(), 4)) ||
        failed(checkSameShape(*this, x.getType(), init.getType())))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// CrossEntropyOp
//===----------------------------------------------------------------------===//

void CrossEntropyOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (N11)
LogicalResult CrossEntropyOp::verify() {
  Type logits = getLogits().getType(), labels = getLabels().getType(),
       init = getInit().getType();
  if (failed(checkOneWorld(*this)) ||
      failed(checkElements(*this, "the logits", logits, -1)))
    return failure();
  int64_t rank = cast<ShapedType>(logits).getRank();
  if (rank < 1)
    return emitOpError() << "the logits have at least one dimension, but got "
                         << logits << " (N11)";
  if (failed(checkElements(*this, "the labels", labels, rank - 1,
                           /*integers=*/true)) ||
      failed(checkElements(*this, "the init", init, rank - 1)))
    return failure();
  for (int64_t d = 0; d + 1 < rank; ++d) {
    int64_t size = cast<ShapedType>(logits).getDimSize(d);
    if (failed(checkDimension(*this, "the labels", labels, d, size,
                              "the logits")) ||
        failed(checkDimension(*this, "the init", init, d, size, "the logits")))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// CacheUpdateOp
//===----------------------------------------------------------------------===//

void CacheUpdateOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // The rest of the cache stays as it is.
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/true, effects);
}

// (N7)
LogicalResult CacheUpdateOp::verify() {
  Type source = getSource().getType(), cache = getInit().getType();
  if (failed(checkOneWorld(*this)) ||
      failed(checkElements(*this, "the source", source, 4)) ||
      failed(checkElements(*this, "the cache", cache, 6)))
    return failure();
  ArrayRef<int64_t> cs = cast<ShapedType>(cache).getShape();
  if (failed(checkDimension(*this, "the source", source, 0, cs[2],
                            "the cache (batch)")) ||
      failed(checkDimension(*this, "the source", source, 2, cs[4],
                            "the cache (heads)")) ||
      failed(checkPerRow(*this, "past", getPast().getType(), cs[2])) ||
      failed(checkPerRow(*this, "count", getCount().getType(), cs[2])))
    return failure();
  // Keys and values may differ in size.
  int64_t size = cast<ShapedType>(source).getDimSize(3);
  if (!ShapedType::isDynamic(size) && !ShapedType::isDynamic(cs[5]) &&
      size > cs[5])
    return emitOpError() << "the source has heads of " << size
                         << " numbers, but the cache holds " << cs[5]
                         << " (N7)";
  auto inside = [&](StringRef what, int64_t index,
                    int64_t size) -> LogicalResult {
    if (index >= 0 && (ShapedType::isDynamic(size) || index < size))
      return success();
    return emitOpError() << what << " " << index
                         << " is outside of the cache, which has "
                         << dimensionName(size) << " (N7)";
  };
  if (failed(inside("layer", getLayerAttr().getInt(), cs[0])) ||
      failed(inside("slot", getSlotAttr().getInt(), cs[1])))
    return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// ActivationOp and TapOp
//===----------------------------------------------------------------------===//

// (N8)
LogicalResult ActivationOp::verify() {
  return checkElements(*this, "x", getX().getType(), -1);
}

// (N9)
LogicalResult TapOp::verify() {
  if (getName().empty())
    return emitOpError() << "the name of a tap is not empty (N9)";
  // The first tap of a function answers for all, so that the cost stays linear
  // in their number.
  auto function = (*this)->getParentOfType<FunctionOpInterface>();
  if (!function)
    return success();
  llvm::StringMap<TapOp> seen;
  WalkResult result = function->walk([&](TapOp tap) {
    if (seen.empty() && tap != *this)
      return WalkResult::interrupt();
    auto [entry, isNew] = seen.try_emplace(tap.getName(), tap);
    if (isNew)
      return WalkResult::advance();
    InFlightDiagnostic diagnostic = tap.emitOpError()
                                    << "the name \"" << tap.getName()
                                    << "\" is used twice in its function (N9)";
    diagnostic.attachNote(entry->second.getLoc()) << "first here";
    return WalkResult::interrupt();
  });
  bool isFirst = !seen.empty();
  return success(!isFirst || !result.wasInterrupted());
}
