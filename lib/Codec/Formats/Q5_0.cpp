//===- Q5_0.cpp - codec of GGUF's 5-bit blocks with a scale -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

using namespace allot;
using namespace allot::codec;

namespace {
struct Layout {
  static constexpr int64_t bytes = 22;

  static void read(const uint8_t *from, uint8_t *codes, float &scale, float &) {
    scale = loadF16(from);
    readFiveBits(from + 2, codes);
  }

  static void write(const uint8_t *codes, float scale, float, uint8_t *to) {
    storeF16(scale, to);
    writeFiveBits(codes, to + 2);
  }
};
} // namespace

void codec::attachQ5_0Codec(mlir::MLIRContext &context) {
  format::Q5_0Attr::attachInterface<BlockCodec<Layout, format::Q5_0Attr>>(
      context);
}
