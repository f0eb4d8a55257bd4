//===- Q8_0.cpp - codec of GGUF's 8-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace allot;
using namespace allot::codec;

namespace {
/// Stored bytes are signed, codes are unsigned with zero point 128.
struct Layout {
  static constexpr int64_t bytes = 34;

  static void read(const uint8_t *from, uint8_t *codes, float &scale, float &) {
    scale = loadF16(from);
    for (int j = 0; j < 32; ++j)
      codes[j] = from[2 + j] ^ 0x80;
  }

  static void write(const uint8_t *codes, float scale, float, uint8_t *to) {
    storeF16(scale, to);
    for (int j = 0; j < 32; ++j)
      to[2 + j] = codes[j] ^ 0x80;
  }
};
} // namespace

void codec::attachQ8_0Codec(mlir::MLIRContext &context) {
  format::Q8_0Attr::attachInterface<BlockCodec<Layout, format::Q8_0Attr>>(
      context);
}
