//===- DType.cpp - element types of plain tensors in files ---------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/DType.h"
#include "allot/Support/Half.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/SwapByteOrder.h"
#include <cstring>

namespace allot::archive {

// Tensors are handed out as bytes of the file, which are little endian in every
// format here.
static_assert(
    llvm::sys::IsLittleEndianHost,
    "Allot reads weight files in place and needs a little-endian host");

llvm::StringRef dtypeName(DType dtype) {
  switch (dtype) {
  case DType::F64:
    return "F64";
  case DType::F32:
    return "F32";
  case DType::F16:
    return "F16";
  case DType::BF16:
    return "BF16";
  case DType::F8_E4M3:
    return "F8_E4M3";
  case DType::F8_E5M2:
    return "F8_E5M2";
  case DType::I64:
    return "I64";
  case DType::I32:
    return "I32";
  case DType::I16:
    return "I16";
  case DType::I8:
    return "I8";
  case DType::U64:
    return "U64";
  case DType::U32:
    return "U32";
  case DType::U16:
    return "U16";
  case DType::U8:
    return "U8";
  case DType::BOOL:
    return "BOOL";
  }
  llvm_unreachable("unknown dtype");
}

std::optional<DType> parseDType(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<DType>>(name)
      .Case("F64", DType::F64)
      .Case("F32", DType::F32)
      .Case("F16", DType::F16)
      .Case("BF16", DType::BF16)
      .Case("F8_E4M3", DType::F8_E4M3)
      .Case("F8_E5M2", DType::F8_E5M2)
      .Case("I64", DType::I64)
      .Case("I32", DType::I32)
      .Case("I16", DType::I16)
      .Case("I8", DType::I8)
      .Case("U64", DType::U64)
      .Case("U32", DType::U32)
      .Case("U16", DType::U16)
      .Case("U8", DType::U8)
      .Case("BOOL", DType::BOOL)
      .Default(std::nullopt);
}

unsigned dtypeBytes(DType dtype) {
  switch (dtype) {
  case DType::F64:
  case DType::I64:
  case DType::U64:
    return 8;
  case DType::F32:
  case DType::I32:
  case DType::U32:
    return 4;
  case DType::F16:
  case DType::BF16:
  case DType::I16:
  case DType::U16:
    return 2;
  case DType::F8_E4M3:
  case DType::F8_E5M2:
  case DType::I8:
  case DType::U8:
  case DType::BOOL:
    return 1;
  }
  llvm_unreachable("unknown dtype");
}

bool isFloat(DType dtype) {
  switch (dtype) {
  case DType::F64:
  case DType::F32:
  case DType::F16:
  case DType::BF16:
  case DType::F8_E4M3:
  case DType::F8_E5M2:
    return true;
  default:
    return false;
  }
}

bool isInteger(DType dtype) { return !isFloat(dtype) && dtype != DType::BOOL; }

bool convertToFloat(DType dtype, llvm::ArrayRef<uint8_t> source,
                    llvm::MutableArrayRef<float> target) {
  size_t count = target.size();
  if (!isFloat(dtype) || source.size() / dtypeBytes(dtype) != count ||
      source.size() % dtypeBytes(dtype) != 0)
    return false;
  switch (dtype) {
  case DType::F64:
    for (size_t i = 0; i < count; ++i) {
      double value;
      std::memcpy(&value, source.data() + 8 * i, 8);
      target[i] = float(value);
    }
    break;
  case DType::F32:
    if (count)
      std::memcpy(target.data(), source.data(), 4 * count);
    break;
  case DType::F16:
    support::f16ToFloat(source.data(), target.data(), count);
    break;
  case DType::BF16:
    support::bf16ToFloat(source.data(), target.data(), count);
    break;
  case DType::F8_E4M3:
    for (size_t i = 0; i < count; ++i)
      target[i] = support::f8e4m3ToFloat(source[i]);
    break;
  case DType::F8_E5M2:
    for (size_t i = 0; i < count; ++i)
      target[i] = support::f8e5m2ToFloat(source[i]);
    break;
  default:
    llvm_unreachable("not floating point");
  }
  return true;
}

} // namespace allot::archive
