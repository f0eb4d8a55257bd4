//===- Error.h - errors that name file and tensor ------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every error of the file layer reads `FILE: tensor 'NAME': what is wrong`.
// Names come from untrusted files, so they are escaped and cut before they
// reach a terminal.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_ERROR_H
#define ALLOT_SUPPORT_ERROR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace allot::support {

/// `text` in single quotes, with control characters escaped and cut to about
/// `limit` bytes.
std::string quoted(llvm::StringRef text, size_t limit = 200);

/// `[2, 3]` as `2x3`; a scalar (no dimensions) is `scalar`.
std::string shapeString(llvm::ArrayRef<int64_t> shape);

/// Error `FILE: MESSAGE`.
llvm::Error fileError(llvm::StringRef file, const llvm::Twine &message);

/// Error `FILE: tensor 'TENSOR': MESSAGE`.
llvm::Error tensorError(llvm::StringRef file, llvm::StringRef tensor,
                        const llvm::Twine &message);

/// Error `FILE: field 'FIELD': MESSAGE`.
llvm::Error fieldError(llvm::StringRef file, llvm::StringRef field,
                       const llvm::Twine &message);

/// `a * b`, or false where the product does not fit.
inline bool multiplyChecked(uint64_t a, uint64_t b, uint64_t &result) {
  return !__builtin_mul_overflow(a, b, &result);
}

/// Product of the dimensions, or false where one is negative or the product
/// exceeds 2^63 - 1.
bool elementCount(llvm::ArrayRef<int64_t> shape, uint64_t &count);

} // namespace allot::support

#endif // ALLOT_SUPPORT_ERROR_H
