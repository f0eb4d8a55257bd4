//===- Codec.h - stored bytes to numbers and back -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Free functions over whole tensors, on all cores, a few rows at a time. A
// shape that the format cannot have, and bytes of another size than the format
// says, are errors. Messages name the format; the caller adds file and tensor.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_CODEC_CODEC_H
#define ALLOT_CODEC_CODEC_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace mlir {
class DialectRegistry;
}

namespace allot::codec {

/// Attaches FormatCodecInterface to every format.
void registerCodecExternalModels(mlir::DialectRegistry &registry);

/// The numbers of a tensor of `shape`, row-major. An error where `bytes` is not
/// as long as the format says.
llvm::Expected<std::vector<float>> decode(FormatAttrInterface format,
                                          llvm::ArrayRef<uint8_t> bytes,
                                          llvm::ArrayRef<int64_t> shape);

/// Writes the tensor `fromBytes` of format `from` to `out` in format `to`.
/// Formats that differ in layout alone (equal unpacked formats) keep their
/// codes and scales; otherwise `to` must round each number on its own (float
/// formats): other changes of format choose scales and are encoders' work, so
/// they are an error here. A finite number that `to` cannot hold is an error.
///
/// `rowInterleave` = D > 0 undoes the rotary order of `#format.stored`: row
/// h*D + 2i + s of `fromBytes` is row h*D + s*D/2 + i of `out`. A vector is
/// a column for this purpose (float formats only). D must divide the rows.
llvm::Error convert(FormatAttrInterface from, llvm::ArrayRef<uint8_t> fromBytes,
                    FormatAttrInterface to, llvm::ArrayRef<int64_t> shape,
                    int64_t rowInterleave, llvm::MutableArrayRef<uint8_t> out);

/// Rounds to nearest, as `format.encode` does: every block takes the scale that
/// holds its largest number (see chooseScales), float formats round to nearest
/// even. An error where `values` and shape disagree, or where an integer format
/// meets a number that is not finite or a finite number does not fit.
llvm::Expected<std::vector<uint8_t>>
encodeRoundToNearest(FormatAttrInterface format, llvm::ArrayRef<float> values,
                     llvm::ArrayRef<int64_t> shape);

/// The row of `fromBytes` that becomes row `row` under `rowInterleave`.
inline int64_t interleavedRow(int64_t row, int64_t rowInterleave) {
  if (rowInterleave == 0)
    return row;
  int64_t half = rowInterleave / 2, inHead = row % rowInterleave;
  return row - inHead + 2 * (inHead % half) + inHead / half;
}

} // namespace allot::codec

#endif // ALLOT_CODEC_CODEC_H
