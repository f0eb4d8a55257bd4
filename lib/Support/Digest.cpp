//===- Digest.cpp - fingerprints of weights -----------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/Digest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/Endian.h"

namespace allot::support {

struct Digest::Impl {
  llvm::BLAKE3 hasher;
};

Digest::Digest() : impl(std::make_unique<Impl>()) {}
Digest::~Digest() = default;

Digest &Digest::update(llvm::ArrayRef<uint8_t> bytes) {
  impl->hasher.update(bytes);
  return *this;
}

Digest &Digest::update(llvm::StringRef text) {
  impl->hasher.update(text);
  return *this;
}

Digest &Digest::update(uint64_t value) {
  uint8_t bytes[8];
  llvm::support::endian::write64le(bytes, value);
  return update(llvm::ArrayRef<uint8_t>(bytes));
}

std::string Digest::hex(unsigned digits) const {
  llvm::BLAKE3Result<> result = impl->hasher.final();
  return llvm::toHex(llvm::ArrayRef<uint8_t>(result), /*LowerCase=*/true)
      .substr(0, digits);
}

std::string digestHex(llvm::ArrayRef<uint8_t> bytes, unsigned digits) {
  return Digest().update(bytes).hex(digits);
}

} // namespace allot::support
