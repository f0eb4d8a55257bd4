//===- AdapterOps.cpp - assembly and result types of map ops --------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

/// A static f32 tensor of one of the ranks, or null after an error that names
/// it.
static RankedTensorType staticTensor(EmitError emitError, StringRef what,
                                     Type type, unsigned lowestRank,
                                     unsigned highestRank, StringRef label) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.hasStaticShape() && tensor.getElementType().isF32() &&
      tensor.getRank() >= lowestRank && tensor.getRank() <= highestRank)
    return tensor;
  InFlightDiagnostic diagnostic =
      emitError() << what << " is a static f32 tensor of rank " << lowestRank;
  if (highestRank != lowestRank)
    diagnostic << " or " << highestRank;
  diagnostic << ", but got " << type << " (" << label << ")";
  return {};
}

MapType typing::inferMapOfTensor(EmitError emitError, Type type) {
  auto tensor = staticTensor(emitError, "the matrix", type, 2, 3, "A3");
  if (!tensor)
    return {};
  return MapType::getChecked(emitError, type.getContext(), tensor.getShape(),
                             tensor.getElementType());
}

MapType typing::inferMapOfFactors(EmitError emitError, Type bType, Type aType) {
  auto b = staticTensor(emitError, "factor B", bType, 2, 2, "A4");
  auto a = b ? staticTensor(emitError, "factor A", aType, 2, 2, "A4")
             : RankedTensorType();
  if (!a)
    return {};
  if (b.getDimSize(1) != a.getDimSize(0)) {
    emitError() << "the factors disagree in rank: B has " << b.getDimSize(1)
                << " columns, A has " << a.getDimSize(0) << " rows (A4)";
    return {};
  }
  if (b.getDimSize(1) == 0) {
    emitError() << "the rank of the factors is positive, but got 0 (A4)";
    return {};
  }
  return MapType::getChecked(
      emitError, bType.getContext(),
      ArrayRef<int64_t>{b.getDimSize(0), a.getDimSize(1)}, b.getElementType());
}

MapType typing::inferMapOfVector(EmitError emitError, Type type) {
  auto vector = staticTensor(emitError, "the diagonal", type, 1, 1, "A5");
  if (!vector)
    return {};
  int64_t n = vector.getDimSize(0);
  return MapType::getChecked(emitError, type.getContext(),
                             ArrayRef<int64_t>{n, n}, vector.getElementType());
}

MapType typing::inferMapOfChain(EmitError emitError, TypeRange types) {
  if (types.empty()) {
    emitError() << "a composition has at least one map (A8)";
    return {};
  }
  SmallVector<MapType> maps;
  for (auto [index, type] : llvm::enumerate(types)) {
    auto map = dyn_cast<MapType>(type);
    if (!map || map.isBank()) {
      emitError() << "map " << index << " of the composition is " << type
                  << ", but must be a single map (A8)";
      return {};
    }
    if (index && maps.back().getIn() != map.getOut()) {
      emitError() << "map " << (index - 1) << " of the composition takes "
                  << maps.back().getIn() << " inputs, but map " << index
                  << " gives " << map.getOut() << " outputs (A8)";
      return {};
    }
    maps.push_back(map);
  }
  return MapType::getChecked(
      emitError, maps.front().getContext(),
      ArrayRef<int64_t>{maps.front().getOut(), maps.back().getIn()},
      maps.front().getElementType());
}

MapType typing::inferMapOfParts(EmitError emitError, int64_t dim,
                                TypeRange types) {
  if (dim != 0 && dim != 1) {
    emitError() << "maps are concatenated along dimension 0 or 1, but got "
                << dim << " (A18)";
    return {};
  }
  if (types.empty()) {
    emitError() << "a concatenation has at least one map (A18)";
    return {};
  }
  SmallVector<int64_t> shape;
  for (auto [index, type] : llvm::enumerate(types)) {
    auto map = dyn_cast<MapType>(type);
    if (!map || map.isBank()) {
      emitError() << "map " << index << " of the concatenation is " << type
                  << ", but must be a single map (A18)";
      return {};
    }
    if (shape.empty()) {
      shape.assign(map.getShape().begin(), map.getShape().end());
      continue;
    }
    if (map.getShape()[1 - dim] != shape[1 - dim]) {
      emitError() << "map " << index << " of the concatenation has "
                  << map.getShape()[1 - dim]
                  << (dim == 0 ? " inputs" : " outputs") << ", but map 0 has "
                  << shape[1 - dim] << " (A18)";
      return {};
    }
    if (llvm::AddOverflow(shape[dim], map.getShape()[dim], shape[dim])) {
      emitError() << "the concatenation is too large (A18)";
      return {};
    }
  }
  return MapType::getChecked(emitError, types.front().getContext(),
                             ArrayRef<int64_t>(shape),
                             cast<MapType>(types.front()).getElementType());
}

MapType typing::inferMapTransposed(EmitError emitError, Type type) {
  auto map = dyn_cast<MapType>(type);
  if (!map) {
    emitError() << "a map can be transposed, but got " << type << " (A10)";
    return {};
  }
  // Of a bank each member.
  SmallVector<int64_t> shape(map.getShape());
  std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
  return MapType::getChecked(emitError, type.getContext(),
                             ArrayRef<int64_t>(shape), map.getElementType());
}

LogicalResult typing::checkCount(Operation *op,
                                 ArrayRef<DenseMatrix> operands) {
  if (operands.size() != op->getNumOperands())
    return op->emitOpError() << "is evaluated with " << operands.size()
                             << " operands, but has " << op->getNumOperands();
  return success();
}

LogicalResult typing::checkResult(Operation *op, MapType expected,
                                  StringRef label) {
  if (!expected)
    return failure();
  Type result = op->getResult(0).getType();
  if (result != expected)
    return op->emitOpError()
           << "the operands make " << expected << ", but the result is "
           << result << " (" << label << ")";
  return success();
}

//===----------------------------------------------------------------------===//
// Assembly: the result type is not written, it follows
//===----------------------------------------------------------------------===//

/// Runs `infer` with errors at the op.
template <typename Infer>
static ParseResult parseInferred(OpAsmParser &parser, Type &result,
                                 Infer infer) {
  SMLoc loc = parser.getNameLoc();
  result = infer([&] { return parser.emitError(loc); });
  return success(static_cast<bool>(result));
}

static ParseResult parseMapOfTensor(OpAsmParser &parser, Type tensor,
                                    Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfTensor(emitError, tensor);
  });
}
static void printMapOfTensor(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapOfFactors(OpAsmParser &parser, Type b, Type a,
                                     Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfFactors(emitError, b, a);
  });
}
static void printMapOfFactors(OpAsmPrinter &, Operation *, Type, Type, Type) {}

static ParseResult parseMapOfVector(OpAsmParser &parser, Type vector,
                                    Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfVector(emitError, vector);
  });
}
static void printMapOfVector(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapOfChain(OpAsmParser &parser, ArrayRef<Type> maps,
                                   Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfChain(emitError, maps);
  });
}
static void printMapOfChain(OpAsmPrinter &, Operation *, TypeRange, Type) {}

static ParseResult parseMapOfParts(OpAsmParser &parser, IntegerAttr dim,
                                   ArrayRef<Type> maps, Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfParts(emitError, dim.getInt(), maps);
  });
}
static void printMapOfParts(OpAsmPrinter &, Operation *, IntegerAttr, TypeRange,
                            Type) {}

static ParseResult parseMapLike(OpAsmParser &, Type map, Type &result) {
  result = map;
  return success();
}
static void printMapLike(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapTransposed(OpAsmParser &parser, Type map,
                                      Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapTransposed(emitError, map);
  });
}
static void printMapTransposed(OpAsmPrinter &, Operation *, Type, Type) {}

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/AdapterOps.cpp.inc"
