//===- Grid.h - the numbers that a block can hold -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all encoders of integer formats share: sizes of CodeBlocks, the rounding
// of scales to the type in which they are stored, offsets, and codes for given
// scales. An encoder chooses scales (and zero points or minima), rounds them
// here, and only then computes codes, so that what it minimises is what is
// stored.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CODEC_GRID_H
#define ALLOT_CODEC_GRID_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace allot::codec {

/// Sets the sizes of `blocks` for `rows` x `columns` numbers on `grid` (vectors
/// that the grid does not use become empty). New elements are zero; what was
/// there stays.
void resizeBlocks(const CodeGrid &grid, int64_t rows, int64_t columns,
                  CodeBlocks &blocks);

/// `scale` as it is stored with scales of f32 or f16 (round to nearest even;
/// infinite where it is too large), or as powers of two: the one that makes the
/// largest number of a block lie within 2/3 to 4/3 of the largest code. A scale
/// of ScaleKind::U8 depends on its row: see roundScalesOfRow.
float roundScale(const CodeGrid &grid, float scale);

/// The scales of one row as they are stored, in place. With ScaleKind::U8 the
/// row scale is the largest scale rounded to f16 and every scale becomes
/// rowScale * code / 255 with a code in [1, 255] (`codes` has as many entries
/// as `scales`); scales are not negative. With other kinds `codes` is not
/// touched and the row scale is 1.
void roundScalesOfRow(const CodeGrid &grid, llvm::MutableArrayRef<float> scales,
                      llvm::MutableArrayRef<uint8_t> codes, float &rowScale);

/// Completes blocks whose scales are final: scales out of scale codes and row
/// scales (ScaleKind::U8), offsets out of zero points or the grid's constant;
/// minima (OffsetKind::Minimum) are rounded to f16.
void finishBlocks(const CodeGrid &grid, CodeBlocks &blocks);

/// Chooses the scales, zero points and minima that hold the largest numbers of
/// each block, as they are stored, and finishes them. `values` is `rows` x
/// `columns`, all finite. Symmetric grids: scale = max |w| / (maxCode -
/// zeroPoint); where the grid has one more code below zero than above, the
/// scale takes the sign that puts the largest number there. Zero points: the
/// range is widened to hold 0, z = -min / scale rounded to 255ths of maxCode.
void chooseScales(const CodeGrid &grid, llvm::ArrayRef<float> values,
                  int64_t rows, int64_t columns, CodeBlocks &blocks);

/// The code of a codebook that is nearest to `code` (NaN becomes one of them);
/// ties go to the one that is nearer to the zero point.
uint8_t nearestInBook(const CodeGrid &grid, float code);

/// The nearest code of each number, given finished scales and offsets, in
/// [minCode, maxCode]; ties go to even codes, or as nearestInBook says. Padding
/// gets code 0. A block of scale 0 gets its zero point.
void roundToCodes(const CodeGrid &grid, llvm::ArrayRef<float> values,
                  CodeBlocks &blocks);

/// The numbers that `blocks` stand for: `out` is rows x columns. A number is
/// scale * (code - zero point), rounded once to f32, or scale * code + minimum.
void decodeBlocks(const CodeGrid &grid, const CodeBlocks &blocks,
                  llvm::MutableArrayRef<float> out);

} // namespace allot::codec

#endif // ALLOT_CODEC_GRID_H
