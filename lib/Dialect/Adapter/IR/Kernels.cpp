//===- Kernels.cpp - what kernels compute: linear and lookup --------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTypes.h"
#include "allot/Interfaces/DestinationStyleEffects.h"
#include "allot/Interfaces/FormatInterfaces.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;

RankedTensorType typing::storedType(Operation *op, StringRef what, Type type,
                                    Type stored, StringRef label) {
  auto shaped = cast<ShapedType>(type);
  bool isBytes = shaped.hasRank() && shaped.getRank() == 1 &&
                 shaped.getElementType().isInteger(8);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    isBytes &= !tensor.getEncoding();
  if (isBytes && !stored) {
    op->emitOpError() << what
                      << " is bytes, so `stored` must give its encoded type ("
                      << label << ")";
    return {};
  }
  if (!isBytes && stored) {
    op->emitOpError() << "`stored` is only for operands that are bytes, but "
                      << what << " is " << type << " (" << label << ")";
    return {};
  }
  auto tensor = dyn_cast<RankedTensorType>(isBytes ? stored : type);
  if (!tensor || !isa_and_nonnull<FormatAttrInterface>(tensor.getEncoding()) ||
      !tensor.hasStaticShape() || tensor.getRank() != 2 ||
      !tensor.getElementType().isF32()) {
    op->emitOpError() << what
                      << " is a static f32 matrix with a format, or bytes with "
                         "such a type in `stored`, but got "
                      << (isBytes ? stored : type) << " (" << label << ")";
    return {};
  }
  return tensor;
}

bool typing::agree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult typing::checkRows(Operation *op, StringRef what, Type type,
                                ArrayRef<int64_t> leading, int64_t last,
                                StringRef label) {
  auto shaped = cast<ShapedType>(type);
  auto fail = [&](const Twine &why) {
    return op->emitOpError() << what << " " << why << ", but got " << type
                             << " (" << label << ")";
  };
  if (!shaped.hasRank() || !shaped.getElementType().isF32())
    return fail("is a ranked f32 tensor or memref");
  if (auto tensor = dyn_cast<RankedTensorType>(type);
      tensor && tensor.getEncoding())
    return fail("has no encoding");
  if (shaped.getRank() != static_cast<int64_t>(leading.size()) + 1)
    return fail("has rank " + Twine(leading.size() + 1));
  if (!agree(shaped.getShape().back(), last))
    return fail("ends in a dimension of " + Twine(last));
  for (size_t d = 0; d < leading.size(); ++d)
    if (!agree(shaped.getDimSize(d), leading[d]))
      return fail("has " + Twine(leading[d]) + " in dimension " + Twine(d));
  return success();
}

LogicalResult typing::checkApplied(Operation *op, Type x, Type init, int64_t in,
                                   int64_t out, StringRef label) {
  auto type = cast<ShapedType>(x);
  if (!type.hasRank() || type.getRank() < 1)
    return op->emitOpError() << "x has a rank of at least 1, but got " << type
                             << " (" << label << ")";
  ArrayRef<int64_t> leading = type.getShape().drop_back();
  return success(
      succeeded(checkRows(op, "x", x, leading, in, label)) &&
      succeeded(checkRows(op, "the init", init, leading, out, label)));
}

LogicalResult typing::checkOneWorld(Operation *op) {
  bool tensors = llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>);
  bool memrefs =
      llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>);
  if (tensors && memrefs)
    return op->emitOpError()
           << "takes tensors alone or memrefs alone, but got both";
  return success();
}

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

RankedTensorType LinearOp::getStoredType(unsigned index) {
  if (std::optional<ArrayAttr> stored = getStored())
    return cast<RankedTensorType>(cast<TypeAttr>((*stored)[index]).getValue());
  return cast<RankedTensorType>(
      (index == 0 ? getWeight() : getFactors()[index - 1]).getType());
}

int64_t LinearOp::getOut() { return getStoredType(0).getDimSize(0); }

int64_t LinearOp::getIn() { return getStoredType(0).getDimSize(1); }

void LinearOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

LogicalResult LinearOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  OperandRange factors = getFactors();
  if (factors.size() % 2 != 0)
    return emitOpError() << "factors come in pairs of B and A, but got "
                         << factors.size() << " (A15)";
  // (A15)
  if (getScales().size() != factors.size() / 2)
    return emitOpError() << "has " << factors.size() / 2
                         << " pairs of factors, but " << getScales().size()
                         << " scales (A15)";
  for (double scale : getScales())
    if (!std::isfinite(scale))
      return emitOpError() << "scales are finite, but got " << getScalesAttr()
                           << " (A15)";
  // (A16)
  std::optional<ArrayAttr> stored = getStored();
  if (stored && stored->size() != factors.size() + 1)
    return emitOpError() << "`stored` has " << stored->size()
                         << " types, but weight and factors are "
                         << factors.size() + 1 << " (A16)";
  auto storedAt = [&](unsigned index) {
    return stored ? cast<TypeAttr>((*stored)[index]).getValue() : Type();
  };
  RankedTensorType weight = storedType(
      *this, "the weight", getWeight().getType(), storedAt(0), "A16");
  if (!weight)
    return failure();
  // (A14)
  int64_t out = weight.getDimSize(0), in = weight.getDimSize(1);
  for (unsigned term = 0; term < factors.size() / 2; ++term) {
    std::string name = std::to_string(term);
    RankedTensorType b =
        storedType(*this, "factor B " + name, factors[2 * term].getType(),
                   storedAt(1 + 2 * term), "A16");
    RankedTensorType a = b ? storedType(*this, "factor A " + name,
                                        factors[2 * term + 1].getType(),
                                        storedAt(2 + 2 * term), "A16")
                           : RankedTensorType();
    if (!a)
      return failure();
    if (b.getDimSize(0) != out || a.getDimSize(1) != in ||
        b.getDimSize(1) != a.getDimSize(0))
      return emitOpError() << "the factors of term " << term << " are " << b
                           << " and " << a << ", which do not make a map of "
                           << out << "x" << in << " (A14)";
  }
  if (failed(checkApplied(*this, getX().getType(), getInit().getType(), in, out,
                          "A14")))
    return failure();
  ArrayRef<int64_t> leading =
      cast<ShapedType>(getX().getType()).getShape().drop_back();
  if (getMultiplier() &&
      failed(checkRows(*this, "the multiplier", getMultiplier().getType(),
                       leading, out, "A14")))
    return failure();
  if (getResidual() &&
      failed(checkRows(*this, "the residual", getResidual().getType(), leading,
                       out, "A14")))
    return failure();
  if (getBias() &&
      failed(checkRows(*this, "the bias", getBias().getType(), {}, out, "A14")))
    return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// LookupOp
//===----------------------------------------------------------------------===//

RankedTensorType LookupOp::getStoredType() {
  if (std::optional<RankedTensorType> stored = getStored())
    return *stored;
  return cast<RankedTensorType>(getTable().getType());
}

void LookupOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (A17)
LogicalResult LookupOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  std::optional<RankedTensorType> stored = getStored();
  RankedTensorType table = storedType(*this, "the table", getTable().getType(),
                                      stored ? Type(*stored) : Type(), "A17");
  if (!table)
    return failure();
  auto ids = cast<ShapedType>(getIds().getType());
  if (!ids.hasRank() || (!ids.getElementType().isSignlessInteger(32) &&
                         !ids.getElementType().isSignlessInteger(64)))
    return emitOpError()
           << "ids are a ranked tensor or memref of i32 or i64, but got " << ids
           << " (A17)";
  return checkRows(*this, "the init", getInit().getType(), ids.getShape(),
                   table.getDimSize(1), "A17");
}
