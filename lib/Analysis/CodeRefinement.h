//===- CodeRefinement.h - codes and scales after feedback -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers the error d H d^T of rows that error feedback has rounded. The blocks
// of a row are visited one after the other; a visit sets each code of the block
// to the best one given all others (cyclic coordinate descent: Nair and Suggala
// 2024, CDQuant). In the last sweep it then sets the block's scale and offset
// to the least-squares fit given the codes, rounded to what is stored and kept
// only where the rounded ones are better, and the codes once more. No step
// raises the error of a row.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ANALYSIS_CODEREFINEMENT_H
#define ALLOT_LIB_ANALYSIS_CODEREFINEMENT_H

#include "RowTile.h"

namespace allot::analysis {

/// What all tiles share. `grid`, `moment` and `options` outlive it.
class CodeRefinement {
public:
  CodeRefinement(const CodeGrid &grid, const InputMoment &moment,
                 const EncodeOptions &options);

  /// Whether there is anything to do: a matrix, a grid of few bits, sweeps.
  bool applies() const { return !sums.empty(); }

  /// Refines tiles that hold codes, scales and offsets; sets their errors.
  /// Scales and offsets go to `blocks` too, codes do not.
  void refine(llvm::MutableArrayRef<RowTile> tiles, CodeBlocks &blocks) const;

private:
  struct Visit;
  static void visit(const Visit &visit, RowTile &tile, CodeBlocks &blocks);
  static void fitBlock(const Visit &visit, RowTile &tile, CodeBlocks &blocks);

  const CodeGrid &grid;
  const InputMoment &moment;
  const EncodeOptions &options;
  /// [columns]: 1 / H(c, c); sums of the rows of H within their block.
  std::vector<float> pivots, sums;
};

} // namespace allot::analysis

#endif // ALLOT_LIB_ANALYSIS_CODEREFINEMENT_H
