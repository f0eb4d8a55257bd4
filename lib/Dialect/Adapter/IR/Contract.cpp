//===- Contract.cpp - tensor networks as maps -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafBuild.h"
#include "LeafTypes.h"
#include "NetworkBuild.h"
#include "allot/Dialect/Adapter/IR/NetworkNumbers.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

/// What is contracted before x meets it is shared by all rows of a call: the
/// order is the best one for this many of them.
static constexpr int64_t kPlannedRows = 64;

void ContractOp::build(OpBuilder &builder, OperationState &state,
                       StringRef network, ValueRange cores) {
  MapType type = typing::inferMapOfNetwork([] { return InFlightDiagnostic(); },
                                           network, TypeRange(cores));
  // The verifier says what is wrong.
  if (!type)
    type = MapType::get(builder.getContext(), {0, 0}, builder.getF32Type());
  build(builder, state, type, builder.getStringAttr(network), cores);
}

LogicalResult ContractOp::verify() {
  return typing::checkResult(
      *this,
      typing::inferMapOfNetwork([&] { return emitOpError(); }, getNetwork(),
                                getCores().getTypes()),
      "A46");
}

// The text was verified.
Network ContractOp::getModes() {
  return *parseNetwork([] { return InFlightDiagnostic(); }, getNetwork(),
                       getCores().getTypes());
}

namespace {

/// The cores and x, or another tensor, to be contracted: `rows` is a mode of
/// its own behind those of the network.
struct Task {
  explicit Task(ContractOp op) : network(op.getModes()) {
    tensors.assign(network.cores.begin(), network.cores.end());
    sizes = network.sizes;
  }

  /// Of x to outputs, for this many rows.
  ContractionPlan planApplication() {
    unsigned rows = sizes.size();
    sizes.push_back(kPlannedRows);
    tensors.push_back(network.in);
    tensors.back().push_back(rows);
    result = network.out;
    result.push_back(rows);
    return planContraction(tensors, result, sizes);
  }

  Network network;
  SmallVector<Modes> tensors;
  Modes result;
  SmallVector<int64_t> sizes;
};

} // namespace

MapCost ContractOp::getOwnCost(int64_t rows) {
  Task task(*this);
  ContractionPlan plan = task.planApplication();
  task.sizes.back() = rows;
  MapCost cost{0, countFlops(plan, task.tensors, task.sizes)};
  llvm::SetVector<Value> stored(getCores().begin(), getCores().end());
  for (Value core : stored)
    cost.bytesRead +=
        format::getStoredBytes(cast<RankedTensorType>(core.getType()));
  // What rows meet and is made of cores is read as well.
  unsigned isOfRows = task.sizes.size() - 1;
  size_t given = task.tensors.size();
  for (const ContractionPlan::Step &step : plan.steps)
    for (unsigned made : {step.left, step.right})
      if (llvm::is_contained(step.kept, isOfRows) && made >= given &&
          !llvm::is_contained(plan.steps[made - given].kept, isOfRows))
        cost.bytesRead +=
            sizeof(float) *
            countPoints(plan.steps[made - given].kept, task.sizes);
  return cost;
}

/// The cores' plain numbers.
static SmallVector<NetworkTensor> decodeCores(ContractOp op,
                                              const Network &network,
                                              OpBuilder &builder,
                                              Location loc) {
  SmallVector<NetworkTensor> tensors;
  for (auto [core, modes] : llvm::zip_equal(op.getCores(), network.cores))
    tensors.push_back({buildDecoded(builder, loc, core), modes});
  return tensors;
}

Value ContractOp::buildApplication(OpBuilder &builder, Location loc, Value x) {
  Task task(*this);
  ContractionPlan plan = task.planApplication();
  unsigned rows = task.sizes.size() - 1;
  for (ContractionPlan::Step &step : plan.steps)
    llvm::erase(step.kept, rows);
  NetworkBuilder network(builder, loc, task.network.sizes);
  SmallVector<NetworkTensor> tensors =
      decodeCores(*this, task.network, builder, loc);
  tensors.push_back(network.split(x, task.network.in));
  NetworkTensor y =
      network.contract(std::move(tensors), plan, task.network.out);
  return network.merge(y, y.modes.size());
}

/// A matrix of outputs and inputs.
static Value mergeMatrix(OpBuilder &builder, Location loc, Value value,
                         int64_t outModes) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  if (rank == 2)
    return value;
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t d = 0; d < rank; ++d)
    groups[d < outModes ? 0 : 1].push_back(d);
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

Value ContractOp::buildMaterialization(OpBuilder &builder, Location loc) {
  Network network = getModes();
  Modes result = network.out;
  llvm::append_range(result, network.in);
  NetworkBuilder build(builder, loc, network.sizes);
  NetworkTensor matrix = build.contract(
      decodeCores(*this, network, builder, loc),
      planContraction(network.cores, result, network.sizes), result);
  return mergeMatrix(builder, loc, matrix.value, network.out.size());
}

LogicalResult ContractOp::evaluateDense(ArrayRef<DenseMatrix> operands,
                                        DenseMatrix &result) {
  if (failed(typing::checkOperands(*this, operands)))
    return failure();
  Network network = getModes();
  Modes both = network.out;
  llvm::append_range(both, network.in);
  std::vector<ModeTensor> tensors;
  for (auto [core, modes] : llvm::zip_equal(operands, network.cores))
    tensors.push_back({modes, core.values});
  for (const ContractionPlan::Step &step :
       planContraction(network.cores, both, network.sizes).steps) {
    ModeTensor product = contractNumbers(
        tensors[step.left], tensors[step.right], step.kept, network.sizes);
    tensors[step.left].values.clear();
    tensors[step.right].values.clear();
    tensors.push_back(std::move(product));
  }
  MapType type = getResult().getType();
  result.rows = type.getOut();
  result.columns = type.getIn();
  result.values = reorderNumbers(tensors.back(), both, network.sizes).values;
  return success();
}

Value ContractOp::buildTransposed(OpBuilder &builder, Location loc, bool) {
  return ContractOp::create(builder, loc, transposedNetwork(getNetwork()),
                            getCores());
}

// Whole slices of the slowest mode: those of the cores that have it.
Value ContractOp::buildSlice(OpBuilder &builder, Location loc, unsigned axis,
                             int64_t offset, int64_t size) {
  int64_t extent = getResult().getType().getShape()[axis];
  if (offset < 0 || size < 1 || offset > extent - size)
    return {};
  Network network = getModes();
  unsigned mode = (axis == 0 ? network.out : network.in).front();
  int64_t step = extent / network.sizes[mode];
  if (offset % step || size % step)
    return {};
  SmallVector<Value> cores(getCores());
  for (auto [core, modes] : llvm::zip_equal(cores, network.cores)) {
    auto found = llvm::find(modes, mode);
    if (found == modes.end())
      continue;
    core = buildDecoded(builder, loc, core);
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(
        builder.getContext(),
        cast<RankedTensorType>(core.getType()).getShape());
    SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
        strides(sizes.size(), builder.getIndexAttr(1));
    offsets[found - modes.begin()] = builder.getIndexAttr(offset / step);
    sizes[found - modes.begin()] = builder.getIndexAttr(size / step);
    core = tensor::ExtractSliceOp::create(builder, loc, core, offsets, sizes,
                                          strides);
  }
  return ContractOp::create(builder, loc, getNetwork(), cores);
}

Value ContractOp::buildGather(OpBuilder &builder, Location loc, Value ids) {
  return buildGatherOfMaterialized(builder, loc, getResult(), ids);
}

// A core that is a matrix of outputs and inputs is one; two with a mode between
// them are a pair of factors.
void ContractOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *) {
  patterns.add(+[](ContractOp op, PatternRewriter &rewriter) -> LogicalResult {
    Network network = op.getModes();
    if (network.out.size() != 1 || network.in.size() != 1)
      return failure();
    unsigned out = network.out[0], in = network.in[0];
    using Pair = ArrayRef<unsigned>;
    if (network.cores.size() == 1) {
      if (Pair(network.cores[0]) == Pair({out, in}))
        rewriter.replaceOpWithNewOp<DenseOp>(op, op.getCores()[0]);
      else
        rewriter.replaceOpWithNewOp<TransposeOp>(
            op, DenseOp::create(rewriter, op.getLoc(), op.getCores()[0]));
      return success();
    }
    if (network.cores.size() != 2 || network.sizes.size() != 3)
      return failure();
    for (unsigned b : {0, 1}) {
      const Modes &left = network.cores[b], &right = network.cores[1 - b];
      if (left.size() == 2 && right.size() == 2 && left[0] == out &&
          right[1] == in && left[1] == right[0]) {
        rewriter.replaceOpWithNewOp<LowRankOp>(op, op.getCores()[b],
                                               op.getCores()[1 - b], Value());
        return success();
      }
    }
    return failure();
  });
}

// By a core: the gradient and all other cores contracted to its modes.
LogicalResult ContractOp::buildVJP(OpBuilder &builder, ArrayRef<Value> results,
                                   const llvm::SmallBitVector &wanted,
                                   MutableArrayRef<Value> operands) {
  Location loc = getLoc();
  Network network = getModes();
  NetworkBuilder build(builder, loc, network.sizes);
  Modes both = network.out;
  llvm::append_range(both, network.in);
  for (unsigned k = 0; k < getCores().size(); ++k) {
    if (failed(leaf::refuseEncoded(*this, wanted, getCoresMutable()[k],
                                   "its cores")))
      return failure();
    if (!wanted.test(k))
      continue;
    SmallVector<NetworkTensor> tensors =
        decodeCores(*this, network, builder, loc);
    SmallVector<Modes> modes = network.cores;
    SmallVector<int64_t> shape;
    for (unsigned mode : both)
      shape.push_back(network.sizes[mode]);
    Value gradient = results[0];
    if (both.size() > 2) {
      SmallVector<ReassociationIndices> groups(2);
      for (size_t d = 0; d < both.size(); ++d)
        groups[d < network.out.size() ? 0 : 1].push_back(d);
      gradient = tensor::ExpandShapeOp::create(
          builder, loc, RankedTensorType::get(shape, builder.getF32Type()),
          gradient, groups);
    }
    tensors[k] = {gradient, both};
    modes[k] = both;
    operands[k] =
        build
            .contract(std::move(tensors),
                      planContraction(modes, network.cores[k], network.sizes),
                      network.cores[k])
            .value;
  }
  return success();
}
