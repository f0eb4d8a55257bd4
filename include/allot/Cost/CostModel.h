//===- CostModel.h - how long a piece of a program takes --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Work is counted exactly, from the ops that will run; seconds are counts times
// measured constants of a machine. Nothing is decided here.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_COST_COSTMODEL_H
#define ALLOT_COST_COSTMODEL_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>

namespace allot::cost {

/// Kinds of work, each with a time of its own for a unit of it.
enum class Unit : unsigned {
  /// Calls of kernels that apply stored matrices.
  Kernel,
  /// Pairs of factors in kernels (threads wait for A x).
  Term,
  /// Stored bytes that kernels read.
  ReadByte,
  /// Floating-point operations of kernels with one row; with 2 to 11, where a
  /// weight is decoded once for four rows; with more, in blocks.
  FlopOne,
  FlopFew,
  FlopMany,
  /// Weights with integer codes that are decoded, once for each group of rows.
  Decode,
  /// Loop nests and other ops that run on their own.
  Loop,
  /// Operations of loop nests in which neighbours are independent, and of such
  /// that add up along the innermost loop.
  Point,
  Sum,
  /// Bytes that loop nests and copies read and write.
  MoveByte,
};
inline constexpr unsigned numUnits = unsigned(Unit::MoveByte) + 1;

llvm::StringRef stringifyUnit(Unit unit);

/// Seconds for each unit.
class CostTable {
public:
  /// A table measured on processors like those of `target`, a name of the
  /// option `target` of `allot-lower-to-llvm`.
  static CostTable forTarget(llvm::StringRef target);

  /// Replaces entries by text such as `read-byte=1.1e-10`; an error names one
  /// that is unknown or no positive number.
  llvm::Error set(llvm::StringRef assignment);

  double operator[](Unit unit) const { return seconds[unsigned(unit)]; }

private:
  std::array<double, numUnits> seconds{};
};

/// Units of work.
struct Work {
  std::array<double, numUnits> counts{};

  double &operator[](Unit unit) { return counts[unsigned(unit)]; }
  double operator[](Unit unit) const { return counts[unsigned(unit)]; }
  Work &operator+=(const Work &other);
  double seconds(const CostTable &table) const;
};

/// The work of one op of static shapes, with what is in its regions: kernels
/// (`adapter.linear`, `adapter.lookup`), structured ops of linalg, loops of scf
/// with constant bounds, elementwise ops and copies. A kernel either waits for
/// memory or computes: what takes longer by the table is counted, the other is
/// not. Ops that only rename (reshapes, casts, constants) are none.
Work countWork(mlir::Operation *op, const CostTable &table);

} // namespace allot::cost

#endif // ALLOT_COST_COSTMODEL_H
