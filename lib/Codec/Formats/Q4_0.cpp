//===- Q4_0.cpp - codec of GGUF's 4-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace allot;
using namespace allot::codec;

namespace {
struct Layout {
  static constexpr int64_t bytes = 18;

  static void read(const uint8_t *from, uint8_t *codes, float &scale, float &) {
    scale = loadF16(from);
    for (int j = 0; j < 16; ++j) {
      codes[j] = from[2 + j] & 15;
      codes[j + 16] = from[2 + j] >> 4;
    }
  }

  static void write(const uint8_t *codes, float scale, float, uint8_t *to) {
    storeF16(scale, to);
    for (int j = 0; j < 16; ++j)
      to[2 + j] = uint8_t(codes[j] | codes[j + 16] << 4);
  }
};
} // namespace

void codec::attachQ4_0Codec(mlir::MLIRContext &context) {
  format::Q4_0Attr::attachInterface<BlockCodec<Layout, format::Q4_0Attr>>(
      context);
}
