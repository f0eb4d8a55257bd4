//===- Structured.cpp - assembly and types of structured maps ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapTypes.h"
#include "StructuredBuild.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

/// The type of a map of out x in, or null after an error.
static MapType mapOf(EmitError emitError, MapType like, int64_t out,
                     int64_t in) {
  return MapType::getChecked(emitError, like.getContext(),
                             ArrayRef<int64_t>{out, in}, like.getElementType());
}

/// (A21)
static MapType inferMapOfKron(EmitError emitError, Type aType, Type bType) {
  auto a = dyn_cast<MapType>(aType), b = dyn_cast<MapType>(bType);
  for (auto [name, map, type] : {std::tuple("a", a, aType), {"b", b, bType}})
    if (!map || map.isBank()) {
      emitError() << name << " of a Kronecker product is a single map, but got "
                  << type << " (A21)";
      return {};
    }
  auto out = llvm::checkedMul(a.getOut(), b.getOut()),
       in = llvm::checkedMul(a.getIn(), b.getIn());
  if (!out || !in) {
    emitError() << "the Kronecker product of " << a << " and " << b
                << " is too large (A21)";
    return {};
  }
  return mapOf(emitError, a, *out, *in);
}

/// (A23)
static MapType inferMapOfBlocks(EmitError emitError, TypeRange types) {
  if (types.empty()) {
    emitError() << "a block diagonal has at least one map (A23)";
    return {};
  }
  int64_t out = 0, in = 0;
  for (auto [index, type] : llvm::enumerate(types)) {
    auto map = dyn_cast<MapType>(type);
    if (!map) {
      emitError() << "block " << index << " is no map, but " << type
                  << " (A23)";
      return {};
    }
    // Members times outputs, or inputs, fit: the product of all dimensions
    // does.
    int64_t members = structured::numMembers(map);
    if (llvm::AddOverflow(out, members * map.getOut(), out) ||
        llvm::AddOverflow(in, members * map.getIn(), in)) {
      emitError() << "the block diagonal is too large (A23)";
      return {};
    }
  }
  return mapOf(emitError, cast<MapType>(types.front()), out, in);
}

/// The range that an attribute of `slice` gives along an axis: all where there
/// is none. Fails, with an error, where it is none of the map. (A28)
static LogicalResult inferRange(EmitError emitError, MapType map, unsigned axis,
                                DenseI64ArrayAttr attr, int64_t &size) {
  size = map.getShape()[axis];
  if (!attr)
    return success();
  ArrayRef<int64_t> range = attr.asArrayRef();
  StringRef what = axis == 0 ? "rows" : "columns";
  if (range.size() != 2)
    return emitError() << what << " are an offset and a size, but got "
                       << range.size() << " numbers (A28)";
  if (!structured::isInside(map, axis, range[0], range[1]))
    return emitError() << what << " [" << range[0] << ", " << range[1]
                       << "] are an offset and a positive size inside of "
                       << size << " " << what << " (A28)";
  size = range[1];
  return success();
}

/// (A27), (A28)
static MapType inferMapOfSlice(EmitError emitError, Type type,
                               DenseI64ArrayAttr rows,
                               DenseI64ArrayAttr columns) {
  auto map = dyn_cast<MapType>(type);
  if (!map || map.isBank()) {
    emitError() << "a single map is sliced, but got " << type << " (A27)";
    return {};
  }
  int64_t out, in;
  if (failed(inferRange(emitError, map, 0, rows, out)) ||
      failed(inferRange(emitError, map, 1, columns, in)))
    return {};
  return mapOf(emitError, map, out, in);
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// Runs `infer` with errors at the op.
template <typename Infer>
static ParseResult parseInferred(OpAsmParser &parser, Type &result,
                                 Infer infer) {
  SMLoc loc = parser.getNameLoc();
  result = infer([&] { return parser.emitError(loc); });
  return success(static_cast<bool>(result));
}

static ParseResult parseMapOfKron(OpAsmParser &parser, Type a, Type b,
                                  Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfKron(emitError, a, b);
  });
}
static void printMapOfKron(OpAsmPrinter &, Operation *, Type, Type, Type) {}

static ParseResult parseMapOfBlocks(OpAsmParser &parser, ArrayRef<Type> maps,
                                    Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfBlocks(emitError, maps);
  });
}
static void printMapOfBlocks(OpAsmPrinter &, Operation *, TypeRange, Type) {}

static ParseResult parseMapOfSlice(OpAsmParser &parser, Type map,
                                   DenseI64ArrayAttr rows,
                                   DenseI64ArrayAttr columns, Type &result) {
  return parseInferred(parser, result, [&](EmitError emitError) {
    return inferMapOfSlice(emitError, map, rows, columns);
  });
}
static void printMapOfSlice(OpAsmPrinter &, Operation *, Type,
                            DenseI64ArrayAttr, DenseI64ArrayAttr, Type) {}

/// `rows` or `columns`.
static ParseResult parseAxis(OpAsmParser &parser, IntegerAttr &axis) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword != "rows" && keyword != "columns")
    return parser.emitError(loc) << "expected 'rows' or 'columns'";
  axis = parser.getBuilder().getI64IntegerAttr(keyword == "columns");
  return success();
}
static void printAxis(OpAsmPrinter &printer, Operation *, IntegerAttr axis) {
  printer << (axis.getInt() == 0 ? "rows" : "columns");
}

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/StructuredOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Builders and verifiers
//===----------------------------------------------------------------------===//

static MapType single(OpBuilder &builder, int64_t out, int64_t in) {
  return MapType::get(builder.getContext(), {out, in}, builder.getF32Type());
}

void IdentityOp::build(OpBuilder &builder, OperationState &state,
                       int64_t size) {
  build(builder, state, single(builder, size, size));
}

// (A20)
LogicalResult IdentityOp::verify() {
  MapType type = getResult().getType();
  if (type.isBank() || type.getOut() != type.getIn())
    return emitOpError() << "is a single square map, but the result is " << type
                         << " (A20)";
  return success();
}

void ZeroOp::build(OpBuilder &builder, OperationState &state, int64_t out,
                   int64_t in) {
  build(builder, state, single(builder, out, in));
}

void KronOp::build(OpBuilder &builder, OperationState &state, Value a,
                   Value b) {
  auto aType = cast<MapType>(a.getType()), bType = cast<MapType>(b.getType());
  build(builder, state,
        single(builder, aType.getOut() * bType.getOut(),
               aType.getIn() * bType.getIn()),
        a, b);
}

// (A21)
LogicalResult KronOp::verify() {
  return checkResult(*this,
                     inferMapOfKron([&] { return emitOpError(); },
                                    getA().getType(), getB().getType()),
                     "A21");
}

// (A22) SameOperandsAndResultType checks the types.
LogicalResult HadamardOp::verify() {
  if (getMaps().empty())
    return emitOpError() << "a product has at least one map (A22)";
  return success();
}

void BlockDiagonalOp::build(OpBuilder &builder, OperationState &state,
                            ValueRange maps) {
  int64_t out = 0, in = 0;
  for (Value map : maps) {
    auto type = cast<MapType>(map.getType());
    out += structured::numMembers(type) * type.getOut();
    in += structured::numMembers(type) * type.getIn();
  }
  build(builder, state, single(builder, out, in), maps);
}

// (A23)
LogicalResult BlockDiagonalOp::verify() {
  return checkResult(
      *this,
      inferMapOfBlocks([&] { return emitOpError(); }, getMaps().getTypes()),
      "A23");
}

void NormalizeOp::build(OpBuilder &builder, OperationState &state, int64_t axis,
                        Value map, double floor) {
  build(builder, state, map.getType(), builder.getI64IntegerAttr(axis), map,
        builder.getF64FloatAttr(floor));
}

LogicalResult NormalizeOp::verify() {
  // (A24)
  if (getAxis() != 0 && getAxis() != 1)
    return emitOpError() << "axis is 0 (rows) or 1 (columns), but got "
                         << int64_t(getAxis()) << " (A24)";
  // (A25) The floor, and one over it, are numbers in f32.
  double floor = getFloor().convertToDouble();
  if (!(floor >= 0x1p-126 && floor <= std::numeric_limits<float>::max()))
    return emitOpError()
           << "the floor is a number from 2^-126 to the largest f32, but got "
           << getFloorAttr() << " (A25)";
  // (A26)
  if (getMap().getType().isBank())
    return emitOpError() << "normalizes a single map, but got "
                         << getMap().getType() << " (A26)";
  return success();
}

void SliceOp::build(OpBuilder &builder, OperationState &state, Value map,
                    int64_t rowOffset, int64_t rowSize, int64_t columnOffset,
                    int64_t columnSize) {
  auto type = cast<MapType>(map.getType());
  auto range = [&](int64_t offset, int64_t size, int64_t all) {
    return offset == 0 && size == all
               ? DenseI64ArrayAttr()
               : builder.getDenseI64ArrayAttr({offset, size});
  };
  build(builder, state, single(builder, rowSize, columnSize), map,
        range(rowOffset, rowSize, type.getOut()),
        range(columnOffset, columnSize, type.getIn()));
}

void SliceOp::build(OpBuilder &builder, OperationState &state, Value map,
                    unsigned axis, int64_t offset, int64_t size) {
  auto type = cast<MapType>(map.getType());
  if (axis == 0)
    build(builder, state, map, offset, size, 0, type.getIn());
  else
    build(builder, state, map, 0, type.getOut(), offset, size);
}

// (A27), (A28), (A29)
LogicalResult SliceOp::verify() {
  return checkResult(*this,
                     inferMapOfSlice([&] { return emitOpError(); },
                                     getMap().getType(), getRowsAttr(),
                                     getColumnsAttr()),
                     "A29");
}

std::pair<int64_t, int64_t> SliceOp::getRange(unsigned axis) {
  std::optional<ArrayRef<int64_t>> range = axis == 0 ? getRows() : getColumns();
  return range ? std::pair((*range)[0], (*range)[1])
               : std::pair(int64_t(0), getMap().getType().getShape()[axis]);
}
