//===- LeafOps.cpp - assembly and result types of leaves -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafTypes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::adapter::typing;

static RankedTensorType staticTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getElementType().isF32()
             ? tensor
             : RankedTensorType();
}

static MapType makeMap(EmitError emitError, Type like,
                       ArrayRef<int64_t> shape) {
  return MapType::getChecked(emitError, like.getContext(), shape,
                             Type(Float32Type::get(like.getContext())));
}

int64_t typing::triangleSize(int64_t entries) {
  // n (n - 1) / 2 = entries; the root is near enough, also of large numbers.
  int64_t n = int64_t(std::sqrt(2.0 * double(entries))) - 1;
  while (n * (n - 1) / 2 < entries)
    ++n;
  return n >= 2 && n * (n - 1) / 2 == entries ? n : 0;
}

MapType typing::inferMapOfTriangle(EmitError emitError, Type type) {
  RankedTensorType vector = staticTensor(type);
  if (!vector || vector.getRank() < 1 || vector.getRank() > 2) {
    emitError() << "the upper triangle is a static f32 tensor of rank 1 or 2, "
                   "but got "
                << type << " (A32)";
    return {};
  }
  int64_t entries = vector.getShape().back(),
          n = entries < (int64_t(1) << 40) ? triangleSize(entries) : 0;
  if (!n) {
    emitError() << entries
                << " is no n (n - 1) / 2, the number of entries above the "
                   "diagonal of an n x n matrix (A32)";
    return {};
  }
  SmallVector<int64_t> shape(vector.getShape().drop_back());
  shape.append({n, n});
  return makeMap(emitError, type, shape);
}

MapType typing::inferMapOfReflections(EmitError emitError, Type type) {
  RankedTensorType matrix = staticTensor(type);
  if (!matrix || matrix.getRank() != 2 || matrix.getDimSize(1) < 1) {
    emitError() << "the directions are columns of a static f32 matrix, but got "
                << type << " (A33)";
    return {};
  }
  int64_t n = matrix.getDimSize(0);
  return makeMap(emitError, type, {n, n});
}

MapType typing::inferMapOfCirculants(EmitError emitError, Type type) {
  RankedTensorType kernels = staticTensor(type);
  if (!kernels || kernels.getRank() != 3) {
    emitError() << "the blocks are rows of a static f32 tensor of rank 3, but "
                   "got "
                << type << " (A34)";
    return {};
  }
  int64_t out = 0, in = 0, block = kernels.getDimSize(2);
  if (llvm::MulOverflow(kernels.getDimSize(0), block, out) ||
      llvm::MulOverflow(kernels.getDimSize(1), block, in)) {
    emitError() << "the matrix of the blocks is too large (A34)";
    return {};
  }
  return makeMap(emitError, type, {out, in});
}

MapType typing::inferMapOfNetwork(EmitError emitError, StringRef text,
                                  TypeRange cores) {
  FailureOr<Network> network = parseNetwork(emitError, text, cores);
  if (failed(network))
    return {};
  SmallVector<int64_t> shape;
  for (ArrayRef<unsigned> modes : {network->out, network->in}) {
    int64_t size = 1;
    for (unsigned mode : modes)
      if (llvm::MulOverflow(size, network->sizes[mode], size)) {
        emitError() << "the matrix of the network is too large (A46)";
        return {};
      }
    shape.push_back(size);
  }
  return makeMap(emitError, cores.front(), shape);
}

LogicalResult typing::checkOperands(Operation *op,
                                    ArrayRef<DenseMatrix> operands) {
  if (failed(typing::checkCount(op, operands)))
    return failure();
  for (auto [index, operand] : llvm::enumerate(operands)) {
    Type type = op->getOperand(index).getType();
    ArrayRef<int64_t> shape = isa<MapType>(type)
                                  ? cast<MapType>(type).getShape()
                                  : cast<RankedTensorType>(type).getShape();
    uint64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    if (operand.values.size() != count)
      return op->emitOpError()
             << "operand " << index << " is evaluated with "
             << operand.values.size() << " numbers, but has " << count;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Assembly: the result type is not written, it follows
//===----------------------------------------------------------------------===//

template <typename Infer>
static ParseResult parseInferred(OpAsmParser &parser, Type operand,
                                 Type &result, Infer infer) {
  SMLoc loc = parser.getNameLoc();
  result = infer([&] { return parser.emitError(loc); }, operand);
  return success(static_cast<bool>(result));
}

static ParseResult parseMapOfTriangle(OpAsmParser &parser, Type vector,
                                      Type &result) {
  return parseInferred(parser, vector, result, inferMapOfTriangle);
}
static void printMapOfTriangle(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapOfReflections(OpAsmParser &parser, Type matrix,
                                         Type &result) {
  return parseInferred(parser, matrix, result, inferMapOfReflections);
}
static void printMapOfReflections(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapOfCirculants(OpAsmParser &parser, Type kernels,
                                        Type &result) {
  return parseInferred(parser, kernels, result, inferMapOfCirculants);
}
static void printMapOfCirculants(OpAsmPrinter &, Operation *, Type, Type) {}

static ParseResult parseMapOfNetwork(OpAsmParser &parser, StringAttr network,
                                     ArrayRef<Type> cores, Type &result) {
  SMLoc loc = parser.getNameLoc();
  result = inferMapOfNetwork([&] { return parser.emitError(loc); },
                             network.getValue(), cores);
  return success(static_cast<bool>(result));
}
static void printMapOfNetwork(OpAsmPrinter &, Operation *, StringAttr,
                              TypeRange, Type) {}

#define GET_OP_CLASSES
#include "allot/Dialect/Adapter/IR/LeafOps.cpp.inc"
