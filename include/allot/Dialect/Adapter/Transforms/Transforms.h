//===- Transforms.h - transforms of map expressions -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
#define ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H

#include "allot/Cost/CostModel.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include <functional>
#include <limits>

namespace allot::adapter {

/// What `adapter-instrument` appends to the name of the tap of rows that a bank
/// is applied to, for the tap of their ids.
inline constexpr llvm::StringLiteral idsSuffix = ".ids";

/// How uses of map expressions are expanded; see the pass `adapter-expand`.
struct ExpandOptions {
  /// Of an `apply` that has no way and asks for none: Factored or Merged.
  Evaluation evaluate = Evaluation::Factored;
  /// Matrices of weights alone are computed once, not at each call.
  bool hoisted = false;
};

/// True if the map and all maps that it is made of come from ops of the
/// algebra.
bool isExpandable(mlir::Value map);

/// Whether a value is computed from weights and constants alone.
bool dependsOnWeightsAlone(mlir::Value value);

/// The way of an `apply`: its own attribute, else what it or the options ask
/// for.
WayAttr getWay(ApplyOp op, const ExpandOptions &options);

/// True for a matrix that is left to be computed when weights are loaded.
bool staysForLoading(MaterializeOp op, const ExpandOptions &options);

/// Replaces one use of a map by ops that are nearer to kernels; what they use
/// may have to be expanded again. Fails, without having changed anything, where
/// the map is not expandable. A way that the map does not have is an error at
/// the op, which is then left with the way `factored`.
llvm::LogicalResult expandApply(mlir::RewriterBase &rewriter, ApplyOp op,
                                const ExpandOptions &options);
/// Expands the applications of a block that share products with factors, see
/// the attribute `share` of `apply`. An application whose way is not `factored`
/// or that has no pair of factors shares nothing and loses the attribute.
void expandShared(mlir::RewriterBase &rewriter, mlir::Block &block,
                  const ExpandOptions &options);
llvm::LogicalResult expandGather(mlir::RewriterBase &rewriter, GatherOp op);
llvm::LogicalResult expandMaterialize(mlir::RewriterBase &rewriter,
                                      MaterializeOp op);
void populateExpandPatterns(mlir::RewritePatternSet &patterns,
                            const ExpandOptions &options);

/// How ways are compared; see the pass `adapter-choose-evaluation`.
struct ChooseOptions {
  /// Rows of x where it does not say, at least 1.
  int64_t rows = 1;
  /// More of them that x may have where it does not say; 0: there are none.
  int64_t mostRows = 0;
  /// Matrices of weights alone are computed once, not at each call.
  bool hoisted = false;
  cost::CostTable table = cost::CostTable::forTarget("avx2");
  /// Ways that keep more than so many times the bytes of weights that
  /// `factored` keeps are not taken; at least 1.
  double growth = std::numeric_limits<double>::infinity();
  /// How many applications share a weight, of which each keeps a part; null:
  /// none do.
  std::function<unsigned(mlir::Value)> countUsers;
};

/// A way to evaluate an `apply`, and what it costs.
struct Alternative {
  WayAttr way;
  cost::Work work;
  double seconds = 0;
  /// Bytes of weights that are read, as they are stored or, of what is computed
  /// when weights are loaded, in f32; 0 where nothing is hoisted.
  double keptBytes = 0;
  /// Not to be taken, see `ChooseOptions::growth`.
  bool isTooLarge = false;
};

/// The ways to evaluate an `apply` of an expandable map for `rows` rows that
/// are worth comparing, the cheapest one that may be taken first: all differ in
/// how the whole map is evaluated, each with the best ways of its parts. Found
/// by dynamic programming over the expression: the best way of a map for a
/// number of rows is found once. Each alternative is expanded apart, and the
/// work of the ops that come out of it is counted. Polynomial in the size of
/// the expression.
llvm::SmallVector<Alternative> listAlternatives(ApplyOp op, int64_t rows,
                                                const ChooseOptions &options);

/// The work of an `apply` for `rows` rows in a way that its map has.
Alternative assessWay(ApplyOp op, WayAttr way, int64_t rows,
                      const ChooseOptions &options);

/// The work of applications to one x, each in the way that it has, which share
/// products with factors or do not.
Alternative assessTogether(llvm::ArrayRef<ApplyOp> ops, bool share,
                           int64_t rows, const ChooseOptions &options);

/// The number of rows of x: what its type says, else `unknown`.
int64_t getNumRows(ApplyOp op, int64_t unknown);

/// Patterns that take the only user of a kernel's result into the kernel where
/// it is the next step of its epilogue; see `adapter-fuse-epilogue`.
void populateFuseEpiloguePatterns(mlir::RewritePatternSet &patterns);

/// Makes the inputs of all `apply` with a site in a function taps, and, with
/// `outputs`, the results of these and of all `gather` with a site; see
/// `adapter-instrument`.
void instrument(mlir::func::FuncOp function, bool outputs = false);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_TRANSFORMS_TRANSFORMS_H
