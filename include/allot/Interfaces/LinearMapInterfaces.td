//===- LinearMapInterfaces.td - ops that make linear maps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_LINEARMAPINTERFACES_TD
#define ALLOT_INTERFACES_LINEARMAPINTERFACES_TD

include "mlir/IR/OpBase.td"

def LinearMapOpInterface : OpInterface<"LinearMapOpInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    An op whose one result is an `!adapter.map`: a linear map that nobody has multiplied out yet. Operand maps are given by value; their own
    interface is reached through their defining op.
  }];
  let methods = [
    InterfaceMethod<[{Exact cost of applying this map alone (without its operand maps) to `rows` rows: bytes read, floating-point operations.}],
      "::allot::MapCost", "getOwnCost", (ins "int64_t":$rows)>,
    InterfaceMethod<[{Builds `map(x)`, x and result of shape `[..., IN]` and `[..., OUT]`, out of applications of the operand maps and upstream ops.
      Returns null where the op is a leaf that kernels apply as it is.}],
      "::mlir::Value", "buildApplication", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$x)>,
    InterfaceMethod<[{Builds the dense f32 tensor `[OUT, IN]` of the map, out of materializations of its operand maps and upstream ops.}],
      "::mlir::Value", "buildMaterialization", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<[{Reference evaluation in double precision: the dense matrix of the result from those of the operands (tensors and maps alike, vectors
      as N x 1), by plain loops.}],
      "::llvm::LogicalResult", "evaluateDense", (ins "::llvm::ArrayRef<::allot::DenseMatrix>":$operands, "::allot::DenseMatrix &":$result)>,
    InterfaceMethod<[{Builds the map with rows (`axis` 0, outputs) or columns (`axis` 1, inputs) `[offset, offset + size)` alone; null if the op cannot
      be sliced there.}],
      "::mlir::Value", "buildSlice", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "unsigned":$axis, "int64_t":$offset,
        "int64_t":$size), "", "return {};">,
    InterfaceMethod<[{The ranks of inner axes that may be shortened, outermost first; empty if there is none.}],
      "::llvm::SmallVector<int64_t>", "getRankAxes", (ins), "", "return {};">,
    InterfaceMethod<[{Builds the transposed map; null if the op knows none. With `structureOnly` only where no number of a tensor must be moved
      for it (what a canonicalization may do), else leaves may transpose their tensors.}],
      "::mlir::Value", "buildTransposed", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "bool":$structureOnly), "", "return {};">,
    InterfaceMethod<[{Builds rows `ids` of the map, `[ids..., IN]`, out of gathers and applications of other maps; null where the op is a leaf whose rows
      kernels look up.}],
      "::mlir::Value", "buildGather", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$ids)>,
    InterfaceMethod<[{Adds what `scale` times this map is made of to `terms`: stored matrices and pairs of factors, which one kernel applies together, and maps
      that are applied on their own (what an op is unless it says otherwise).}],
      "void", "collectTerms", (ins "double":$scale, "::allot::MapTerms &":$terms), "",
      "terms.others.push_back({$_op->getResult(0), scale});">,
    InterfaceMethod<[{An upper bound of the rank of this map, of a bank that of each member, from bounds of its operand maps in order; the largest number where
      the op knows none. (`adapter::getRankBound` asks a whole expression, and knows that no rank exceeds a side.)}],
      "int64_t", "getRankBound", (ins "::llvm::ArrayRef<int64_t>":$operands), "", "return ::std::numeric_limits<int64_t>::max();">,
    InterfaceMethod<[{Builds tensors B `[OUT, r]` and A `[r, IN]`, plain or encoded, with this map = B A and r its rank bound; nulls where the op knows none.}],
      "::allot::MapFactors", "buildFactors", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc), "", "return {};">,
    InterfaceMethod<[{The maps that this map applies one after the other, the last one first; empty where it is no chain.}],
      "::llvm::SmallVector<::mlir::Value>", "getChain", (ins), "", "return {};">,
    InterfaceMethod<[{Builds the same map as a sum, where the op is one that is multiplied out; null where it is not.}],
      "::mlir::Value", "buildDistributed", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc), "", "return {};">,
    InterfaceMethod<[{Builds member `index` of this bank as a map of its own; null where the op gives its members by their matrices alone.}],
      "::mlir::Value", "buildMember", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "int64_t":$index), "", "return {};">,
    InterfaceMethod<[{Adds monomials that this (square) map is the sum of, with their vectors built; fails, perhaps after it built some, where it is no short sum of
      such.}],
      "::llvm::LogicalResult", "buildMonomials", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
        "::llvm::SmallVectorImpl<::allot::MapMonomial> &":$monomials), "", "return ::mlir::failure();">
  ];
}

def AllocatableOpInterface : OpInterface<"AllocatableOpInterface"> {
  let cppNamespace = "::allot";
  let description = [{
    An op at which something may be chosen under a budget: the storage format of a tensor, a rank, whether an adapter is merged.
  }];
  let methods = [
    InterfaceMethod<[{The axes that may be chosen here: `format`, `rank`, `merged`.}],
      "::llvm::SmallVector<::llvm::StringRef>", "getAllocationAxes", (ins)>,
    InterfaceMethod<[{Number of weights that the choice is about.}], "int64_t", "getNumWeights", (ins)>,
    InterfaceMethod<[{Bytes that this op's own tensors take as they are stored now.}], "uint64_t", "getStoredBytes", (ins)>
  ];
}

#endif // ALLOT_INTERFACES_LINEARMAPINTERFACES_TD
