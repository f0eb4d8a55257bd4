//===- FormBuilder.cpp - adapters as expressions ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace allot;
using namespace allot::importer;

static RankedTensorType typeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType());
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value FormBuilder::numbers(StringRef part) {
  return adapter::buildDecoded(b, loc, load(part));
}

Value FormBuilder::constant(ArrayRef<int64_t> shape, ArrayRef<float> values) {
  auto type = RankedTensorType::get(shape, b.getF32Type());
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(type, values));
}

Value FormBuilder::splat(ArrayRef<int64_t> shape, double value) {
  return constant(shape, {float(value)});
}

Value FormBuilder::reshape(Value tensor, ArrayRef<int64_t> shape) {
  RankedTensorType type = typeOf(tensor);
  if (type.getShape() == shape)
    return tensor;
  // By way of a vector: upstream reshapes group dimensions.
  if (type.getRank() > 1) {
    SmallVector<ReassociationIndices> all(1);
    llvm::append_range(all[0], llvm::seq<int64_t>(0, type.getRank()));
    tensor = tensor::CollapseShapeOp::create(b, loc, tensor, all);
  }
  if (shape.size() == 1)
    return tensor;
  SmallVector<ReassociationIndices> all(1);
  llvm::append_range(all[0], llvm::seq<int64_t>(0, shape.size()));
  return tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, b.getF32Type()), tensor, all);
}

Value FormBuilder::permute(Value tensor, ArrayRef<int64_t> order) {
  SmallVector<int64_t> shape;
  for (int64_t dim : order)
    shape.push_back(typeOf(tensor).getDimSize(dim));
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getF32Type());
  return linalg::TransposeOp::create(b, loc, tensor, init, order)->getResult(0);
}

Value FormBuilder::slice(Value tensor, ArrayRef<int64_t> offsets,
                         ArrayRef<int64_t> sizes) {
  if (typeOf(tensor).getShape() == sizes)
    return tensor;
  auto constants = [&](ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(b.getContext(), values);
  };
  SmallVector<int64_t> ones(sizes.size(), 1);
  return tensor::ExtractSliceOp::create(b, loc, tensor, constants(offsets),
                                        constants(sizes), constants(ones));
}

Value FormBuilder::repeat(Value tensor, int64_t count) {
  SmallVector<int64_t> shape(typeOf(tensor).getShape());
  int64_t period = shape[0];
  shape[0] = count;
  if (period == count)
    return tensor;
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getF32Type());
  int64_t rank = shape.size();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), ValueRange{}, init, ArrayRef{identity},
             loops,
             [&](OpBuilder &b, Location loc, ValueRange) {
               SmallVector<Value> indices;
               for (int64_t i = 0; i < rank; ++i)
                 indices.push_back(linalg::IndexOp::create(b, loc, i));
               Value size = arith::ConstantIndexOp::create(b, loc, period);
               indices[0] = arith::RemSIOp::create(b, loc, indices[0], size);
               Value value = tensor::ExtractOp::create(b, loc, tensor, indices);
               linalg::YieldOp::create(b, loc, value);
             })
      .getResult(0);
}

Value FormBuilder::lookup(Value table, Value indices) {
  SmallVector<int64_t> shape(typeOf(indices).getShape());
  int64_t outer = shape.size(), last = typeOf(table).getDimSize(0) - 1;
  llvm::append_range(shape, typeOf(table).getShape().drop_front());
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getF32Type());
  AffineMap identity = b.getMultiDimIdentityMap(shape.size());
  SmallVector<utils::IteratorType> loops(shape.size(),
                                         utils::IteratorType::parallel);
  auto bound = [&](OpBuilder &b, int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  };
  return linalg::GenericOp::create(
             b, loc, init.getType(), indices, init,
             ArrayRef{identity.getMajorSubMap(outer), identity}, loops,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               Value at = values[0];
               at = arith::MaximumFOp::create(b, loc, at, bound(b, 0));
               at = arith::MinimumFOp::create(b, loc, at, bound(b, last));
               at = arith::FPToSIOp::create(b, loc, b.getI64Type(), at);
               at = arith::IndexCastOp::create(b, loc, b.getIndexType(), at);
               SmallVector<Value> place{at};
               for (int64_t i = outer, e = shape.size(); i < e; ++i)
                 place.push_back(linalg::IndexOp::create(b, loc, i));
               Value value = tensor::ExtractOp::create(b, loc, table, place);
               linalg::YieldOp::create(b, loc, value);
             })
      .getResult(0);
}

Value FormBuilder::empty(ArrayRef<OpFoldResult> sizes) {
  return tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
}

Value FormBuilder::einsum(StringRef spec, ValueRange inputs) {
  auto [sources, target] = spec.split("->");
  // Loops: the letters of the result, then those that are summed over.
  std::string letters = target.str();
  for (char letter : sources)
    if (letter != ',' && letters.find(letter) == std::string::npos)
      letters += letter;
  SmallVector<OpFoldResult> sizes(letters.size());
  auto mapOf = [&](StringRef indices) {
    SmallVector<unsigned> loops;
    for (char letter : indices)
      loops.push_back(letters.find(letter));
    return AffineMap::getMultiDimMapWithTargets(letters.size(), loops,
                                                b.getContext());
  };
  SmallVector<AffineMap> maps;
  SmallVector<StringRef> operands;
  sources.split(operands, ',');
  for (auto [indices, input] : llvm::zip_equal(operands, inputs)) {
    maps.push_back(mapOf(indices));
    for (auto [dim, letter] : llvm::enumerate(indices))
      if (size_t at = letters.find(letter); at < target.size() && !sizes[at])
        sizes[at] = tensor::getMixedSize(b, loc, input, dim);
  }
  maps.push_back(mapOf(target));
  Value init = empty(ArrayRef(sizes).take_front(target.size()));
  // Without a sum the product is written as it is: a result that is added to
  // its destination must not be fused into a loop that runs over it again.
  bool sums = letters.size() > target.size();
  if (sums) {
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  }
  SmallVector<utils::IteratorType> loops(letters.size(),
                                         utils::IteratorType::reduction);
  std::fill_n(loops.begin(), target.size(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, maps, loops,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               Value product = values[0];
               for (Value value : values.drop_front().drop_back())
                 product = arith::MulFOp::create(b, loc, product, value);
               if (sums)
                 product =
                     arith::AddFOp::create(b, loc, values.back(), product);
               linalg::YieldOp::create(b, loc, product);
             })
      .getResult(0);
}

Value FormBuilder::singularVectors(Value matrix, bool right, int64_t count) {
  SmallVector<int64_t> shape(typeOf(matrix).getShape());
  shape[right ? 0 : 1] = count;
  return adapter::SingularVectorsOp::create(
      b, loc, RankedTensorType::get(shape, b.getF32Type()), right, matrix);
}

Value FormBuilder::add(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}

Value FormBuilder::multiply(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}

Value FormBuilder::multiply(Value x, double factor) {
  return factor == 1.0 ? x : multiply(x, splat(shapeOf(x), factor));
}

Value FormBuilder::map(
    Value x, llvm::function_ref<Value(OpBuilder &, Location, Value)> function) {
  RankedTensorType type = typeOf(x);
  Value init = empty(tensor::getMixedSizes(b, loc, x));
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, x, init, ArrayRef{identity, identity}, loops,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc, function(b, loc, values[0]));
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

Value FormBuilder::dense(Value tensor) {
  return adapter::DenseOp::create(b, loc, tensor);
}

Value FormBuilder::lowRank(Value B, Value A, Value gate) {
  return adapter::LowRankOp::create(b, loc, B, A, gate);
}

Value FormBuilder::diagonal(Value tensor) {
  int64_t size = typeOf(tensor).getNumElements();
  if (typeOf(tensor).getRank() != 1)
    tensor = reshape(adapter::buildDecoded(b, loc, tensor), {size});
  return adapter::DiagonalOp::create(b, loc, tensor);
}

Value FormBuilder::permutation(ArrayRef<int64_t> sources) {
  return adapter::PermutationOp::create(b, loc, sources);
}

Value FormBuilder::cycle(int64_t outputs, int64_t inputs) {
  auto same = llvm::to_vector(llvm::seq<int64_t>(0, inputs));
  SmallVector<Value> parts(outputs / inputs, permutation(same));
  if (int64_t rest = outputs % inputs) {
    SmallVector<float> ones(rest * inputs, 0.0f);
    for (int64_t i = 0; i < rest; ++i)
      ones[i * inputs + i] = 1.0f;
    parts.push_back(dense(constant({rest, inputs}, ones)));
  }
  return adapter::ConcatOp::create(b, loc, 0, parts);
}

Value FormBuilder::scale(Value map, double factor) {
  return factor == 1.0 ? map
                       : adapter::ScaleOp::create(b, loc, map.getType(), map,
                                                  b.getF64FloatAttr(factor))
                             .getResult();
}

Value FormBuilder::sum(ArrayRef<Value> maps) {
  SmallVector<Value> terms;
  auto first = maps.front().getDefiningOp<adapter::SumOp>();
  if (first)
    llvm::append_range(terms, first.getMaps());
  else
    terms.push_back(maps.front());
  llvm::append_range(terms, maps.drop_front());
  Value result = adapter::SumOp::create(b, loc, maps.front().getType(), terms);
  if (first && first->use_empty())
    first->erase();
  return result;
}

Value FormBuilder::compose(ArrayRef<Value> maps) {
  return adapter::ComposeOp::create(b, loc, maps);
}

Value FormBuilder::transpose(Value map) {
  return adapter::TransposeOp::create(b, loc, map);
}

Value FormBuilder::materialize(Value map) {
  return adapter::buildMaterialized(b, loc, map);
}

Value FormBuilder::applyTo(Value map, Value vector) {
  int64_t size = typeOf(vector).getDimSize(0);
  Value row = reshape(adapter::buildDecoded(b, loc, vector), {1, size});
  return reshape(adapter::buildApplied(b, loc, map, row), {outOf(map)});
}
