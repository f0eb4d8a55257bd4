//===- Panels.h - slabs of a weight that many rows meet -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to the library: the two inner loops of emitManyRows, over codes and
// over floats, and the memory that they read.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_KERNEL_PANELS_H
#define ALLOT_LIB_KERNEL_PANELS_H

#include "LinearParts.h"

namespace allot::kernel {

/// Rows of x in groups, column by column: [slab][group][column of the slab][row
/// of the group], so that all groups of a slab are met in the order of memory.
struct InterleavedFloats {
  int64_t rowGroup, slab;
  mlir::Value rows, columns, groups, data;
  unsigned part = 0;

  InterleavedFloats(Emitter &e, int64_t rowGroup, int64_t slab,
                    mlir::Value rows, mlir::Value columns)
      : rowGroup(rowGroup), slab(slab), rows(rows), columns(columns),
        groups(e.ceilDiv(rows, rowGroup)) {}

  void reserve(Arena &arena);
  void bind(Arena &arena, mlir::Value buffer) {
    data = arena.get(buffer, part);
  }
  /// Place of the group in the slab of columns [first, last).
  mlir::Value place(Emitter &e, mlir::Value group, mlir::Value first,
                    mlir::Value last) const;
  mlir::Value getNumItems(Emitter &e) const {
    return e.mul(groups, e.ceilDiv(columns, slab));
  }
  void fill(Emitter &e, const RowSource &x, kernel::Range items) const;
};

/// A decoded slab of a panel, `[column][row]` floats, and the sums of the panel
/// so far, `[row of x][row]`. A vector holds `width` rows.
struct FloatPanel {
  int64_t rows, width;
  mlir::Value values, sums;
};

/// Adds the products of columns [first, last) of the panel with one group of
/// rows to their sums, which lie at `sumBase`; they start at zero with
/// `isFirst`. Panel rows times rows of the group are 12 vectors or more, which
/// hides the latency of an fma.
void emitFloatSlab(Emitter &e, const FloatPanel &panel,
                   const InterleavedFloats &x, mlir::Value first,
                   mlir::Value last, mlir::Value isFirst, mlir::Value group,
                   mlir::Value sumBase);

/// Tiles of a panel of codes.
inline constexpr int64_t codeTiles = 2;

/// One panel's slab, decoded for integer arithmetic.
struct CodePanel {
  const IntegerPlan &plan;
  int64_t slabBlocks;
  mlir::Value codes, scales, offsets;
  unsigned codesPart = 0, scalesPart = 0, offsetsPart = 0;

  CodePanel(const IntegerPlan &plan, int64_t slabBlocks)
      : plan(plan), slabBlocks(slabBlocks) {}

  void reserve(Arena &arena);
  void bind(Arena &arena, mlir::Value buffer);
  /// 32 codes of group `group` of local block `block`, tile `r`.
  mlir::Value codeAt(Emitter &e, mlir::Value block, mlir::Value group,
                     int64_t r) const;
  mlir::Value scaleAt(Emitter &e, mlir::Value block, int64_t r) const;
  void decode(Emitter &e, const PackedMatrix &w,
              llvm::ArrayRef<mlir::Value> tiles, mlir::Value lo,
              mlir::Value hi) const;
};

/// Sums of products of one block of the panel with a group of `rowGroup` rows
/// of x at `place`: codeTiles * rowGroup vectors of i32.
Emitter::Values emitBlockSums(Emitter &e, const KernelTarget &target,
                              const CodePanel &panel,
                              const IntegerActivations &x, mlir::Value place,
                              mlir::Value local, int64_t rowGroup);

} // namespace allot::kernel

#endif // ALLOT_LIB_KERNEL_PANELS_H
