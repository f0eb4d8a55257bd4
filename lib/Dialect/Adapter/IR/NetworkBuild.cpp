//===- NetworkBuild.cpp - code that contracts tensor networks ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NetworkBuild.h"
#include "LeafBuild.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using leaf::Emit;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Sizes of the first `leading` dimensions of a tensor, then these.
static SmallVector<OpFoldResult> mixedSizes(OpBuilder &b, Location loc,
                                            Value value, int64_t leading,
                                            ArrayRef<int64_t> others) {
  SmallVector<OpFoldResult> all = tensor::getMixedSizes(b, loc, value);
  all.truncate(leading);
  llvm::append_range(all, getAsIndexOpFoldResult(b.getContext(), others));
  return all;
}

/// Each of the first `alone` dimensions alone, the others in one group.
static SmallVector<ReassociationIndices> groupsOf(int64_t alone, int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < alone; ++d)
    groups.push_back({d});
  groups.push_back(llvm::to_vector<2>(llvm::seq(alone, rank)));
  return groups;
}

SmallVector<int64_t> NetworkBuilder::sizesOf(ArrayRef<unsigned> modes) const {
  return llvm::map_to_vector(modes, [&](unsigned mode) { return sizes[mode]; });
}

NetworkTensor NetworkBuilder::split(Value x, ArrayRef<unsigned> modes) {
  int64_t leading = typeOf(x).getRank() - 1;
  NetworkTensor result{x, Modes(modes), leading, /*isRows=*/true};
  if (modes.size() == 1)
    return result;
  SmallVector<int64_t> shape(typeOf(x).getShape().drop_back()),
      split = sizesOf(modes);
  llvm::append_range(shape, split);
  result.value = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, b.getF32Type()), x,
      groupsOf(leading, shape.size()), mixedSizes(b, loc, x, leading, split));
  return result;
}

Value NetworkBuilder::merge(const NetworkTensor &tensor, int64_t count) {
  int64_t rank = typeOf(tensor.value).getRank();
  if (count == 1)
    return tensor.value;
  return tensor::CollapseShapeOp::create(b, loc, tensor.value,
                                         groupsOf(rank - count, rank));
}

NetworkTensor NetworkBuilder::permute(NetworkTensor tensor,
                                      ArrayRef<unsigned> order) {
  if (ArrayRef(tensor.modes) == order)
    return tensor;
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, tensor.leading));
  for (unsigned mode : order)
    permutation.push_back(tensor.leading + (llvm::find(tensor.modes, mode) -
                                            tensor.modes.begin()));
  Value init = tensor::EmptyOp::create(
      b, loc, mixedSizes(b, loc, tensor.value, tensor.leading, sizesOf(order)),
      b.getF32Type());
  Value turned =
      linalg::TransposeOp::create(b, loc, tensor.value, init, permutation)
          ->getResult(0);
  return {turned, Modes(order), tensor.leading, tensor.isRows};
}

/// Rows through a core: its matrix is applied to the modes that are summed
/// over.
NetworkTensor NetworkBuilder::contractByMap(NetworkTensor rows,
                                            NetworkTensor core,
                                            ArrayRef<unsigned> summed,
                                            ArrayRef<unsigned> made) {
  Modes order;
  for (unsigned mode : rows.modes)
    if (!llvm::is_contained(summed, mode))
      order.push_back(mode);
  int64_t others = order.size();
  llvm::append_range(order, summed);
  Value x = merge(permute(std::move(rows), order), summed.size());

  Modes asMatrix(made);
  llvm::append_range(asMatrix, summed);
  core = permute(core, asMatrix);
  Value matrix = core.value;
  if (asMatrix.size() > 2) {
    SmallVector<ReassociationIndices> groups(2);
    for (int64_t d = 0, rank = asMatrix.size(); d < rank; ++d)
      groups[d < int64_t(made.size()) ? 0 : 1].push_back(d);
    matrix = tensor::CollapseShapeOp::create(b, loc, matrix, groups);
  }
  Value map = DenseOp::create(b, loc, buildEncoded(b, loc, matrix));
  Value y = buildApplied(b, loc, map, x);

  NetworkTensor result = split(y, made);
  result.leading -= others;
  result.modes.assign(order.begin(), order.begin() + others);
  llvm::append_range(result.modes, made);
  return result;
}

NetworkTensor NetworkBuilder::contractTwo(NetworkTensor left,
                                          NetworkTensor right,
                                          ArrayRef<unsigned> kept) {
  if (right.isRows)
    std::swap(left, right);
  Modes summed, made;
  bool isBatched = false;
  for (unsigned mode : left.modes)
    if (!llvm::is_contained(kept, mode))
      summed.push_back(mode);
    else if (llvm::is_contained(right.modes, mode))
      isBatched = true;
  for (unsigned mode : right.modes)
    if (!llvm::is_contained(left.modes, mode))
      made.push_back(mode);
  if (left.isRows && !isBatched && !summed.empty() && !made.empty())
    return contractByMap(std::move(left), std::move(right), summed, made);

  // One loop over all: rows, modes of the result, those that are summed over.
  Modes result;
  for (unsigned mode : left.modes)
    if (llvm::is_contained(kept, mode))
      result.push_back(mode);
  llvm::append_range(result, made);
  auto loopsOf = [&](ArrayRef<unsigned> modes, int64_t leading) {
    SmallVector<unsigned> loops =
        llvm::to_vector(llvm::seq<unsigned>(0, unsigned(leading)));
    for (unsigned mode : modes) {
      auto place = llvm::find(result, mode);
      loops.push_back(left.leading +
                      (place != result.end()
                           ? place - result.begin()
                           : int64_t(result.size()) +
                                 (llvm::find(summed, mode) - summed.begin())));
    }
    return loops;
  };
  SmallVector<unsigned> reductions = loopsOf(summed, 0);
  Value init = tensor::EmptyOp::create(
      b, loc, mixedSizes(b, loc, left.value, left.leading, sizesOf(result)),
      b.getF32Type());
  // What is added to its destination must not be fused into a loop that runs
  // over it again: without a sum the product is written as it is.
  if (!summed.empty())
    init = leaf::buildZeros(b, loc, init);
  Value product =
      leaf::buildLoops(b, loc, {left.value, right.value}, init,
                       {loopsOf(left.modes, left.leading),
                        loopsOf(right.modes, 0), loopsOf(result, left.leading)},
                       reductions, [&](const Emit &e, ValueRange a) {
                         Value term = e.mul(a[0], a[1]);
                         return summed.empty() ? term : e.add(a[2], term);
                       });
  return {product, result, left.leading, left.isRows};
}

NetworkTensor NetworkBuilder::contract(SmallVector<NetworkTensor> tensors,
                                       const ContractionPlan &plan,
                                       ArrayRef<unsigned> result) {
  for (const ContractionPlan::Step &step : plan.steps)
    tensors.push_back(
        contractTwo(tensors[step.left], tensors[step.right], step.kept));
  return permute(tensors.back(), result);
}
