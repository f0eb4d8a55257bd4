//===- ScaleSearch.h - scales and zero points of a tile ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_ANALYSIS_SCALESEARCH_H
#define ALLOT_LIB_ANALYSIS_SCALESEARCH_H

#include "RowTile.h"

namespace allot::analysis {

/// Finds the scales and offsets of a tile's blocks that have the least squared
/// error weighted by the diagonal of the moment, rounds them to what is stored
/// and puts them into `blocks` and the tile. See EncodeOptions::candidates.
void chooseScales(const CodeGrid &grid, const InputMoment &moment,
                  int candidates, RowTile &tile, CodeBlocks &blocks);

/// Puts `scale` and `offset` of block `b` of one lane's row into `blocks`, as
/// near as they can be stored, and sets both to what is stored. With
/// ScaleKind::U8 the scale is a part of the row scale that `blocks` holds;
/// `scale` is stored already where `keepScale` is set.
void storeBlock(const CodeGrid &grid, int64_t row, int64_t b, bool keepScale,
                float &scale, float &offset, CodeBlocks &blocks);

} // namespace allot::analysis

#endif // ALLOT_LIB_ANALYSIS_SCALESEARCH_H
