//===- Error.cpp - errors that name file and tensor ---------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

namespace allot::support {

std::string quoted(llvm::StringRef text, size_t limit) {
  bool cut = text.size() > limit;
  // Invalid UTF-8 would garble a terminal; control characters could move its
  // cursor.
  std::string valid = llvm::json::fixUTF8(text.take_front(limit));
  std::string result = "'";
  for (unsigned char c : valid) {
    if (c < 0x20 || c == 0x7f) {
      result += "\\x";
      result += llvm::toHex(llvm::ArrayRef<uint8_t>(c), /*LowerCase=*/true);
    } else {
      result += char(c);
    }
  }
  result += cut ? "...'" : "'";
  return result;
}

std::string shapeString(llvm::ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string result;
  for (int64_t size : shape) {
    if (!result.empty())
      result += 'x';
    result += std::to_string(size);
  }
  return result;
}

llvm::Error fileError(llvm::StringRef file, const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 file + ": " + message);
}

llvm::Error tensorError(llvm::StringRef file, llvm::StringRef tensor,
                        const llvm::Twine &message) {
  return fileError(file, "tensor " + quoted(tensor) + ": " + message);
}

llvm::Error fieldError(llvm::StringRef file, llvm::StringRef field,
                       const llvm::Twine &message) {
  return fileError(file, "field " + quoted(field) + ": " + message);
}

bool elementCount(llvm::ArrayRef<int64_t> shape, uint64_t &count) {
  count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return false;
    if (size == 0)
      empty = true;
    else if (!multiplyChecked(count, uint64_t(size), count) ||
             count > uint64_t(std::numeric_limits<int64_t>::max()))
      return false;
  }
  if (empty)
    count = 0;
  return true;
}

} // namespace allot::support
