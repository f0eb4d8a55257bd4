//===- Digest.h - fingerprints of weights --------------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// BLAKE3, as a prefix in hexadecimal: 32 digits (128 bits) tell changed weights
// from unchanged ones and are short enough to be read in the IR.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_DIGEST_H
#define ALLOT_SUPPORT_DIGEST_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <memory>
#include <string>

namespace allot::support {

/// Digest of bytes that come in pieces.
class Digest {
public:
  Digest();
  ~Digest();
  Digest(const Digest &) = delete;
  Digest &operator=(const Digest &) = delete;

  Digest &update(llvm::ArrayRef<uint8_t> bytes);
  Digest &update(llvm::StringRef text);
  /// The eight bytes of `value`, lowest first.
  Digest &update(uint64_t value);
  /// The first `digits` (at most 64) hexadecimal digits of the digest of
  /// everything so far; more may follow.
  std::string hex(unsigned digits = 32) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Digest of `bytes` at once.
std::string digestHex(llvm::ArrayRef<uint8_t> bytes, unsigned digits = 32);

} // namespace allot::support

#endif // ALLOT_SUPPORT_DIGEST_H
