//===- DType.h - element types of plain tensors in files -----------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_DTYPE_H
#define ALLOT_ARCHIVE_DTYPE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace allot::archive {

/// The element types of the safetensors format.
enum class DType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8_E4M3,
  F8_E5M2,
  I64,
  I32,
  I16,
  I8,
  U64,
  U32,
  U16,
  U8,
  BOOL
};

/// The name used in headers (`F32`, `BF16`, ...).
llvm::StringRef dtypeName(DType dtype);
std::optional<DType> parseDType(llvm::StringRef name);
/// Bytes of one element.
unsigned dtypeBytes(DType dtype);
bool isFloat(DType dtype);
/// Integers, signed or not; BOOL is not one.
bool isInteger(DType dtype);

/// Widens (or, from F64, rounds) floating-point elements to float. `source`
/// holds exactly `target.size()` elements. Returns false, touching nothing,
/// where `dtype` is not floating point or the sizes disagree.
bool convertToFloat(DType dtype, llvm::ArrayRef<uint8_t> source,
                    llvm::MutableArrayRef<float> target);

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_DTYPE_H
