//===- BankKernels.cpp - what kernels of banks compute ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTypes.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Interfaces/DestinationStyleEffects.h"
#include "allot/Interfaces/FormatInterfaces.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;

/// Fails unless `value` is a vector of `element` numbers (of `size`, where that
/// is known).
static LogicalResult checkVector(Operation *op, StringRef what, Value value,
                                 Type element, int64_t size, StringRef label) {
  auto type = cast<ShapedType>(value.getType());
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (type.hasRank() && type.getRank() == 1 &&
      type.getElementType() == element && agree(type.getDimSize(0), size) &&
      !(tensor && tensor.getEncoding()))
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError()
                                  << what << " is a vector of ";
  if (!ShapedType::isDynamic(size))
    diagnostic << size << " ";
  return diagnostic << element << " numbers, but got " << type << " (" << label
                    << ")";
}

/// (A66), (A68): a member and a finite scale for each of `count` terms.
static LogicalResult checkTerms(Operation *op, size_t count,
                                ArrayRef<int64_t> members,
                                ArrayRef<double> scales, StringRef label) {
  if (members.size() != count || scales.size() != count)
    return op->emitOpError()
           << "has " << count << " terms, but " << members.size()
           << " members and " << scales.size() << " scales (" << label << ")";
  if (!llvm::is_sorted(members) || (count && members.front() < 0))
    return op->emitOpError()
           << "members are numbers from 0 that do not fall (" << label << ")";
  for (double scale : scales)
    if (!std::isfinite(scale))
      return op->emitOpError() << "scales are finite (" << label << ")";
  return success();
}

//===----------------------------------------------------------------------===//
// GroupRowsOp
//===----------------------------------------------------------------------===//

void GroupRowsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (A64)
LogicalResult GroupRowsOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  Type i32 = IntegerType::get(getContext(), 32);
  auto ids = cast<ShapedType>(getIds().getType());
  if (failed(checkVector(*this, "ids", getIds(), i32, ShapedType::kDynamic,
                         "A64")))
    return failure();
  int64_t places = ids.getDimSize(0);
  if (failed(checkVector(*this, "order", getOrder(), i32, places, "A64")) ||
      failed(checkVector(*this, "places", getPlaces(), i32, places, "A64")) ||
      failed(checkVector(*this, "offsets", getOffsets(), i32,
                         ShapedType::kDynamic, "A64")))
    return failure();
  auto offsets = cast<ShapedType>(getOffsets().getType());
  if (offsets.isDynamicDim(0) || offsets.getDimSize(0) < 1)
    return emitOpError()
           << "offsets is static, of at least one number, but got " << offsets
           << " (A64)";
  if (getNumResults() != 0 && getNumResults() != 3)
    return emitOpError() << "has three results on tensors (A64)";
  return success();
}

/// (A66), (A70): order, offsets and weights of rows in groups, for terms of
/// these members.
static LogicalResult checkGroups(Operation *op, Value order, Value offsets,
                                 Value weights, ArrayRef<int64_t> members,
                                 StringRef what, StringRef label) {
  Type i32 = IntegerType::get(op->getContext(), 32);
  Type f32 = Float32Type::get(op->getContext());
  int64_t any = ShapedType::kDynamic;
  if (failed(checkVector(op, "order", order, i32, any, label)) ||
      failed(checkVector(op, "offsets", offsets, i32, any, label)) ||
      (weights && failed(checkVector(
                      op, "weights", weights, f32,
                      cast<ShapedType>(order.getType()).getDimSize(0), label))))
    return failure();
  int64_t numbers = cast<ShapedType>(offsets.getType()).getDimSize(0);
  if (!ShapedType::isDynamic(numbers) && members.back() >= numbers - 1)
    return op->emitOpError() << "has a " << what << " of member "
                             << members.back() << ", but offsets of "
                             << numbers - 1 << " members (" << label << ")";
  return success();
}

//===----------------------------------------------------------------------===//
// GroupedLinearOp
//===----------------------------------------------------------------------===//

RankedTensorType GroupedLinearOp::getStoredType(unsigned index) {
  if (std::optional<ArrayAttr> stored = getStored())
    return cast<RankedTensorType>(cast<TypeAttr>((*stored)[index]).getValue());
  return cast<RankedTensorType>(getMatrices()[index].getType());
}

void GroupedLinearOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             getAccumulate(), effects);
}

LogicalResult GroupedLinearOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  // (A70)
  size_t count = getMatrices().size();
  if (count == 0)
    return emitOpError() << "has at least one matrix (A70)";
  if (failed(checkTerms(*this, count, getMembers(), getScales(), "A70")) ||
      failed(checkGroups(*this, getOrder(), getOffsets(), getWeights(),
                         getMembers(), "matrix", "A70")))
    return failure();
  // (A69)
  std::optional<ArrayAttr> stored = getStored();
  if (stored && stored->size() != count)
    return emitOpError() << "`stored` has " << stored->size()
                         << " types, but there are " << count
                         << " matrices (A69)";
  RankedTensorType first;
  for (auto [i, matrix] : llvm::enumerate(getMatrices())) {
    RankedTensorType type = storedType(
        *this, "matrix " + std::to_string(i), matrix.getType(),
        stored ? cast<TypeAttr>((*stored)[i]).getValue() : Type(), "A69");
    if (!type)
      return failure();
    if (!first)
      first = type;
    if (type.getRank() != 2 || type != first)
      return emitOpError() << "matrices are of one shape and format, but "
                           << "matrix " << i << " is " << type
                           << " and the first one " << first << " (A69)";
  }
  return checkApplied(*this, getX().getType(), getInit().getType(),
                      first.getDimSize(1), first.getDimSize(0), "A69");
}

//===----------------------------------------------------------------------===//
// GroupedLowRankOp
//===----------------------------------------------------------------------===//

RankedTensorType GroupedLowRankOp::getStoredType(unsigned index) {
  if (std::optional<ArrayAttr> stored = getStored())
    return cast<RankedTensorType>(cast<TypeAttr>((*stored)[index]).getValue());
  return cast<RankedTensorType>(getFactors()[index].getType());
}

void GroupedLowRankOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             getAccumulate(), effects);
}

LogicalResult GroupedLowRankOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  // (A66)
  unsigned terms = getNumTerms();
  if (terms == 0 || getFactors().size() % 2 != 0)
    return emitOpError() << "factors are pairs of B and A, but got "
                         << getFactors().size() << " (A66)";
  if (failed(checkTerms(*this, terms, getMembers(), getScales(), "A66")) ||
      failed(checkGroups(*this, getOrder(), getOffsets(), getWeights(),
                         getMembers(), "pair", "A66")))
    return failure();
  // (A65)
  std::optional<ArrayAttr> stored = getStored();
  if (stored && stored->size() != getFactors().size())
    return emitOpError() << "`stored` has " << stored->size()
                         << " types, but there are " << getFactors().size()
                         << " factors (A65)";
  SmallVector<RankedTensorType> types;
  for (auto [i, factor] : llvm::enumerate(getFactors())) {
    std::string name =
        (i % 2 ? "factor A " : "factor B ") + std::to_string(i / 2);
    RankedTensorType type = storedType(
        *this, name, factor.getType(),
        stored ? cast<TypeAttr>((*stored)[i]).getValue() : Type(), "A65");
    if (!type)
      return failure();
    if (cast<FormatAttrInterface>(type.getEncoding()).getCodeGrid().bits)
      return emitOpError() << name
                           << " is stored as numbers without codes, but got "
                           << type << " (A65)";
    if (i >= 2 && type.getEncoding() != types[i % 2].getEncoding())
      return emitOpError() << "all B have one format, and all A, but " << name
                           << " is " << type << " (A65)";
    types.push_back(type);
  }
  int64_t out = types[0].getDimSize(0), in = types[1].getDimSize(1);
  for (unsigned t = 0; t < terms; ++t) {
    RankedTensorType b = types[2 * t], a = types[2 * t + 1];
    if (b.getDimSize(0) != out || a.getDimSize(1) != in ||
        b.getDimSize(1) != a.getDimSize(0))
      return emitOpError() << "the factors of pair " << t << " are " << b
                           << " and " << a << ", which do not make a map of "
                           << out << "x" << in << " (A65)";
  }
  return checkApplied(*this, getX().getType(), getInit().getType(), in, out,
                      "A65");
}

//===----------------------------------------------------------------------===//
// GroupedDiagonalOp
//===----------------------------------------------------------------------===//

void GroupedDiagonalOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             getAccumulate(), effects);
}

LogicalResult GroupedDiagonalOp::verify() {
  if (failed(checkOneWorld(*this)))
    return failure();
  // (A68)
  size_t terms = getMembers().size();
  if (terms == 0)
    return emitOpError() << "has at least one term (A68)";
  if (failed(checkTerms(*this, terms, getMembers(), getScales(), "A68")))
    return failure();
  if (getVectorOf().size() != terms || getSourcesOf().size() != terms)
    return emitOpError() << "has " << terms << " terms, but "
                         << getVectorOf().size() << " vectors and "
                         << getSourcesOf().size() << " sources (A68)";
  auto inside = [](ArrayRef<int64_t> numbers, size_t count) {
    return llvm::all_of(numbers, [&](int64_t number) {
      return number >= -1 && number < int64_t(count);
    });
  };
  if (!inside(getVectorOf(), getVectors().size()) ||
      !inside(getSourcesOf(), getSources().size()))
    return emitOpError() << "vectors and sources are -1 or one of "
                         << getVectors().size() << " and "
                         << getSources().size() << " (A68)";
  // (A67)
  auto x = cast<ShapedType>(getX().getType());
  if (!x.hasRank() || x.getRank() < 1 ||
      ShapedType::isDynamic(x.getShape().back()))
    return emitOpError() << "x has a rank of at least 1 and a known last "
                            "dimension, but got "
                         << x << " (A67)";
  int64_t n = x.getShape().back();
  ArrayRef<int64_t> leading = x.getShape().drop_back();
  if (failed(checkRows(*this, "x", x, leading, n, "A67")) ||
      failed(
          checkRows(*this, "the init", getInit().getType(), leading, n, "A67")))
    return failure();
  Type i32 = IntegerType::get(getContext(), 32);
  Type f32 = Float32Type::get(getContext());
  if (failed(checkVector(*this, "ids", getIds(), i32, ShapedType::kDynamic,
                         "A67")) ||
      (getWeights() &&
       failed(checkVector(*this, "weights", getWeights(), f32,
                          cast<ShapedType>(getIds().getType()).getDimSize(0),
                          "A67"))))
    return failure();
  for (Value vector : getVectors())
    if (failed(checkVector(*this, "a diagonal", vector, f32, n, "A67")))
      return failure();
  for (Value sources : getSources())
    if (failed(checkVector(*this, "a list of sources", sources, i32, n, "A67")))
      return failure();
  return success();
}
