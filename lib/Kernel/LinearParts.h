//===- LinearParts.h - what the drivers of adapter.linear share -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to the library. Rows of a weight lie in the lanes of vectors, tile by
// tile; rows of x are met by broadcasts. R tiles times C rows of x are worked
// on together; their accumulators are kept as `acc[r * C + c]`.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_KERNEL_LINEARPARTS_H
#define ALLOT_LIB_KERNEL_LINEARPARTS_H

#include "allot/Kernel/LinearKernel.h"

namespace allot::kernel {

/// Rows of a tile: lanes of a vector of floats.
inline constexpr int64_t tileRows = 8;
/// Blocks of all formats divide this number of columns.
inline constexpr int64_t maxBlock = 128;

/// A packed matrix inside a kernel.
struct PackedMatrix {
  PackedMatrix(Emitter &e, mlir::Attribute attr, mlir::Value bytes,
               mlir::Value rows, mlir::Value columns);

  FormatTileInterface format;
  TileFacts facts;
  TileState state;
  mlir::Value rows, columns, tiles;

  bool isInteger() const { return facts.codeBits != 0; }
  /// Blocks of columns (columns, of a float format).
  mlir::Value getBlocks(Emitter &e) const {
    return e.ceilDiv(columns, facts.block);
  }
};

/// A vector of floats in memory, padded with zeros to whole blocks of the
/// matrix that it meets; `sums` (or null) has the sums of its blocks.
struct FloatVector {
  mlir::Value data, base;
  mlir::Value sums, sumBase;
};

/// The rows of x that a kernel meets: all in their order, or those that a list
/// of places names, of which each row has `perRow`.
struct RowSource {
  /// x as one dimension, and the length of a row.
  mlir::Value data, columns;
  /// Places of the rows from `first` on; null: all rows.
  mlir::Value order, first, perRow;

  /// The place of number `row` of the list.
  mlir::Value placeOf(Emitter &e, mlir::Value row) const;
  /// The row of x (and y) that number `row` is.
  mlir::Value rowOf(Emitter &e, mlir::Value row) const;
  /// Where it begins in `data`.
  mlir::Value base(Emitter &e, mlir::Value row) const {
    return e.mul(rowOf(e, row), columns);
  }
};

/// Emits acc += M x in f32 for some tiles of M and some vectors x: codes are
/// summed as floats, scale and offset meet the sum of a block.
Emitter::Values emitFloatDot(Emitter &e, const PackedMatrix &m,
                             llvm::ArrayRef<mlir::Value> tiles,
                             llvm::ArrayRef<FloatVector> xs,
                             llvm::ArrayRef<mlir::Value> acc);

/// Emits the decoding of blocks [lo, hi) (columns, of a float format) of some
/// tiles into `panel`: [column - lo * block][tiles][8] floats, without the row
/// scale.
void emitDecodePanel(Emitter &e, const PackedMatrix &m,
                     llvm::ArrayRef<mlir::Value> tiles, mlir::Value lo,
                     mlir::Value hi, mlir::Value panel);

/// How codes meet integer activations; follows from the format's facts.
struct IntegerPlan {
  enum class Dot {
    /// u8 x s8, sums of pairs kept in i16 as long as they fit.
    BytesI16,
    /// u8 x s8, sums of four in i32 (one instruction).
    BytesI32,
    /// i16 x i16, sums of pairs in i32.
    PairsI32
  };
  Dot dot = Dot::BytesI16;
  /// Columns of a block, groups of four columns in it, 32-bit words of x for
  /// a group.
  int64_t block = 0, groups = 0, words = 1;
  /// Groups whose sums fit i16 together, and their number in a block.
  int64_t chunkGroups = 0, chunks = 1;
  /// Subtracted from codes by the accumulator's start value.
  int64_t center = 0;
  /// Offsets are not -center * scale: the sum of x is needed.
  bool needsSum = false;
  /// x is rounded to [-level, level].
  int64_t level = 127;

  IntegerPlan(const TileFacts &facts, adapter::Arithmetic arithmetic,
              const KernelTarget &target);
  bool hasStart() const { return center != 0; }
  /// What remains of the offset once `center` is subtracted from codes; null
  /// for nothing.
  mlir::Value remainingOffset(Emitter &e, const TileFacts &facts,
                              const ScaleOffset &scales) const;
};

/// x rounded to integers, a scale for each (row, block of the weight): scale =
/// max |x| / level, q = round to nearest even of x * (level / max |x|). Rows of
/// x are interleaved in groups of `rowGroup`, the last of which repeats the
/// last row.
class IntegerActivations {
public:
  IntegerActivations(Emitter &e, const IntegerPlan &plan, int64_t rowGroup,
                     mlir::Value rows, mlir::Value columns);

  void reserve(Arena &arena);
  void bind(Arena &arena, mlir::Value buffer);
  /// Independent pieces of work of `fill`.
  mlir::Value getNumItems(Emitter &e) const;
  void fill(Emitter &e, const RowSource &x, Range items) const;

  /// Place of (row group, block): the other accessors take it.
  mlir::Value place(Emitter &e, mlir::Value group, mlir::Value block) const;
  mlir::Value word(Emitter &e, mlir::Value place, mlir::Value group,
                   int64_t word, int64_t row) const;
  mlir::Value start(Emitter &e, mlir::Value place, int64_t chunk,
                    int64_t row) const;
  mlir::Value start(Emitter &e, mlir::Value place, mlir::Value chunk,
                    int64_t row) const;
  /// acc += scale * sx * sum (+ offset * sx * sum of q), of row `row`.
  mlir::Value finishBlock(Emitter &e, mlir::Value place, int64_t row,
                          mlir::Value sum, mlir::Value scale,
                          mlir::Value offset, mlir::Value acc) const;

private:
  const IntegerPlan &plan;
  int64_t rowGroup;
  mlir::Value rows, columns, blocks, rowGroups;
  unsigned wordsPart = 0, scalesPart = 0, sumsPart = 0, startsPart = 0;
  mlir::Value words, scales, sums, starts;

  void fillBlock(Emitter &e, const RowSource &x, mlir::Value row,
                 mlir::Value block, mlir::Value place, mlir::Value lane) const;
  mlir::VectorType wordType(Emitter &e) const;
};

/// Rows of x padded with zeros, and the sums of their units (blocks of the
/// weight).
class FloatActivations {
public:
  FloatActivations(Emitter &e, int64_t unit, bool withSums, mlir::Value rows,
                   mlir::Value columns);
  void reserve(Arena &arena);
  void bind(Arena &arena, mlir::Value buffer);
  mlir::Value getNumItems(Emitter &e) const;
  void fill(Emitter &e, const RowSource &x, Range items) const;
  FloatVector get(Emitter &e, mlir::Value row) const;

private:
  int64_t unit;
  bool withSums;
  mlir::Value rows, columns, units;
  unsigned dataPart = 0, sumsPart = 0;
  mlir::Value data, sums;
};

/// Emits acc += W x for one tile and a row group, in integers.
Emitter::Values emitIntegerDot(Emitter &e, const KernelTarget &target,
                               const IntegerPlan &plan, const PackedMatrix &w,
                               mlir::Value tile, const IntegerActivations &x,
                               mlir::Value rowGroup,
                               llvm::ArrayRef<mlir::Value> acc);

/// What both drivers know: the arguments, the low-rank terms, the epilogue.
struct LinearDriver {
  LinearDriver(Emitter &e, const LinearKernelSpec &spec,
               const KernelTarget &target, LinearKernelOperands args);

  Emitter &e;
  const LinearKernelSpec &spec;
  const KernelTarget &target;
  LinearKernelOperands args;
  mlir::Value rows, in, out, tiles;
  RowSource x;
  bool integer;
  bool hasIntegerFactorA;

  /// False where one thread does the work as fast.
  mlir::Value isLarge() {
    return e.less(e.index(worthTeam), e.mul(e.mul(rows, in), out));
  }
  PackedMatrix weight();
  PackedMatrix factorA(unsigned term);
  PackedMatrix factorB(unsigned term);

  // z = s A x of all terms, [row][term][rank, padded].
  void reserveTerms(Arena &arena);
  void bindTerms(Arena &arena, mlir::Value buffer);
  /// This thread's share of z for the terms whose A has codes, or has not,
  /// `rowGroup` rows at a time; `padded` holds x for those with codes.
  void emitFactorsA(bool withCodes, const FloatActivations *padded,
                    int64_t rowGroup, Range threads);
  /// acc += B z.
  Emitter::Values emitFactorsB(llvm::ArrayRef<PackedMatrix> bs,
                               llvm::ArrayRef<mlir::Value> tiles,
                               llvm::ArrayRef<mlir::Value> rows,
                               Emitter::Values acc);
  llvm::SmallVector<PackedMatrix> allFactorsB();
  /// Bias, activation, multiplier, residual; stores y. Of listed rows: adds to
  /// y, by weight.
  void emitEpilogue(mlir::Value tile, mlir::Value row, mlir::Value acc);

private:
  mlir::Value zStride, z;
  llvm::SmallVector<mlir::Value> zOffsets;
  unsigned zPart = 0;
};

/// Row `group * size + lane` of x, or the last row where there are fewer.
mlir::Value clampedRow(Emitter &e, mlir::Value group, int64_t size,
                       int64_t lane, mlir::Value rows);

/// The weight is met where it lies, `rowGroup` rows of x at a time.
/// `insideTeam`: this is run by all threads of a team, and is the share of one,
/// without waiting for the others; not for kernels with low-rank terms.
void emitFewRows(LinearDriver &driver, int64_t rowGroup,
                 bool insideTeam = false);
/// The weight is decoded once, 16 rows at a time, then met by all rows of x.
void emitManyRows(LinearDriver &driver);

/// A private function of the operands of a kernel, whose body `emit` makes.
mlir::func::FuncOp
buildLinearDriver(mlir::ModuleOp module, const LinearKernelSpec &spec,
                  const KernelTarget &target, const llvm::Twine &name,
                  llvm::function_ref<void(LinearDriver &)> emit);

/// Rows from which on a weight is decoded once for all of them.
inline constexpr int64_t manyRows = 12;

} // namespace allot::kernel

#endif // ALLOT_LIB_KERNEL_LINEARPARTS_H
