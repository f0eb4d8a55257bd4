//===- Q5_1.cpp - codec of GGUF's 5-bit blocks with a minimum -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace allot;
using namespace allot::codec;

namespace {
struct Layout {
  static constexpr int64_t bytes = 24;

  static void read(const uint8_t *from, uint8_t *codes, float &scale,
                   float &minimum) {
    scale = loadF16(from);
    minimum = loadF16(from + 2);
    readFiveBits(from + 4, codes);
  }

  static void write(const uint8_t *codes, float scale, float minimum,
                    uint8_t *to) {
    storeF16(scale, to);
    storeF16(minimum, to + 2);
    writeFiveBits(codes, to + 4);
  }
};
} // namespace

void codec::attachQ5_1Codec(mlir::MLIRContext &context) {
  format::Q5_1Attr::attachInterface<BlockCodec<Layout, format::Q5_1Attr>>(
      context);
}
