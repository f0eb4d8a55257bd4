//===- Tensor.h - named values that go in and out of a program --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_TENSOR_H
#define ALLOT_RUNTIME_TENSOR_H

#include "allot/Archive/Safetensors.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace allot::runtime {

/// A dense row-major tensor. Copies share the bytes.
class Tensor {
public:
  Tensor() = default;
  /// Zeros. An error where the size overflows or memory is short.
  static llvm::Expected<Tensor> create(llvm::StringRef name,
                                       archive::DType dtype,
                                       llvm::ArrayRef<int64_t> shape);
  /// Bytes that `owner` keeps alive; as many as dtype and shape say.
  static Tensor adopt(llvm::StringRef name, archive::DType dtype,
                      llvm::ArrayRef<int64_t> shape,
                      std::shared_ptr<void> owner, uint8_t *data);
  /// A tensor of a file, converted to `dtype`: floating point is widened or
  /// rounded, integers must fit. Between floating point and integers nothing is
  /// converted.
  static llvm::Expected<Tensor> read(const archive::SafetensorsFile &file,
                                     llvm::StringRef name,
                                     archive::DType dtype);

  llvm::StringRef name() const { return label; }
  void setName(llvm::StringRef name) { label = name.str(); }
  archive::DType dtype() const { return type; }
  llvm::ArrayRef<int64_t> shape() const { return dims; }
  uint64_t numElements() const { return elements; }
  uint64_t numBytes() const { return elements * archive::dtypeBytes(type); }
  llvm::MutableArrayRef<uint8_t> bytes() const {
    return {pointer, size_t(numBytes())};
  }
  /// The elements; T must be the type that `dtype()` names.
  template <typename T>
  llvm::MutableArrayRef<T> values() const {
    return {reinterpret_cast<T *>(pointer), size_t(elements)};
  }
  /// The same bytes under another shape of as many elements.
  Tensor reshaped(llvm::ArrayRef<int64_t> shape) const;
  const std::shared_ptr<void> &storage() const { return owner; }

private:
  std::string label;
  archive::DType type = archive::DType::F32;
  llvm::SmallVector<int64_t, 6> dims;
  uint64_t elements = 0;
  std::shared_ptr<void> owner;
  uint8_t *pointer = nullptr;
};

/// Writes tensors, in this order, to a safetensors file that appears whole or
/// not at all.
llvm::Error writeTensors(llvm::StringRef path, llvm::ArrayRef<Tensor> tensors);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_TENSOR_H
