//===- Q4_1.cpp - codec of GGUF's 4-bit blocks with scale and minimum -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace allot;
using namespace allot::codec;

namespace {
struct Layout {
  static constexpr int64_t bytes = 20;

  static void read(const uint8_t *from, uint8_t *codes, float &scale,
                   float &minimum) {
    scale = loadF16(from);
    minimum = loadF16(from + 2);
    for (int j = 0; j < 16; ++j) {
      codes[j] = from[4 + j] & 15;
      codes[j + 16] = from[4 + j] >> 4;
    }
  }

  static void write(const uint8_t *codes, float scale, float minimum,
                    uint8_t *to) {
    storeF16(scale, to);
    storeF16(minimum, to + 2);
    for (int j = 0; j < 16; ++j)
      to[4 + j] = uint8_t(codes[j] | codes[j + 16] << 4);
  }
};
} // namespace

void codec::attachQ4_1Codec(mlir::MLIRContext &context) {
  format::Q4_1Attr::attachInterface<BlockCodec<Layout, format::Q4_1Attr>>(
      context);
}
