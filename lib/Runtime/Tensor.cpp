//===- Tensor.cpp - named values that go in and out of a program -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Tensor.h"
#include "allot/Support/Error.h"
#include "llvm/Support/MathExtras.h"
#include <cstdlib>
#ifdef __linux__
#include <sys/mman.h>
#endif

using namespace allot;
using namespace allot::runtime;
using archive::DType;

/// Zeros that cost nothing until they are touched; null where memory is short.
static std::shared_ptr<void> allocateZeros(uint64_t bytes) {
#ifdef __linux__
  // A cache of keys and values is read from end to end for each token: large
  // pages save the walks through page tables, and prefetchers stop at the end
  // of a page.
  constexpr uint64_t largePage = uint64_t(2) << 20;
  if (bytes >= 2 * largePage && bytes <= UINT64_MAX - 2 * largePage) {
    uint64_t size = llvm::alignTo(bytes, largePage) + largePage;
    void *mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
      return nullptr;
    void *data = reinterpret_cast<void *>(
        llvm::alignTo(reinterpret_cast<uintptr_t>(mapped), largePage));
    (void)madvise(data, llvm::alignTo(bytes, largePage), MADV_HUGEPAGE);
    return std::shared_ptr<void>(data, [=](void *) { munmap(mapped, size); });
  }
#endif
  return std::shared_ptr<void>(std::calloc(bytes ? bytes : 1, 1), std::free);
}

llvm::Expected<Tensor> Tensor::create(llvm::StringRef name, DType dtype,
                                      llvm::ArrayRef<int64_t> shape) {
  uint64_t count = 0, bytes = 0;
  if (!support::elementCount(shape, count) ||
      !support::multiplyChecked(count, archive::dtypeBytes(dtype), bytes))
    return llvm::createStringError("tensor %s: %s elements are too many",
                                   support::quoted(name).c_str(),
                                   support::shapeString(shape).c_str());
  std::shared_ptr<void> data = allocateZeros(bytes);
  if (!data)
    return llvm::createStringError("tensor %s: no memory for %llu bytes",
                                   support::quoted(name).c_str(),
                                   (unsigned long long)bytes);
  auto *pointer = static_cast<uint8_t *>(data.get());
  return adopt(name, dtype, shape, std::move(data), pointer);
}

Tensor Tensor::adopt(llvm::StringRef name, DType dtype,
                     llvm::ArrayRef<int64_t> shape, std::shared_ptr<void> owner,
                     uint8_t *data) {
  Tensor tensor;
  tensor.label = name.str();
  tensor.type = dtype;
  tensor.dims.assign(shape.begin(), shape.end());
  tensor.elements = 1;
  for (int64_t d : shape)
    tensor.elements *= d;
  tensor.owner = std::move(owner);
  tensor.pointer = data;
  return tensor;
}

Tensor Tensor::reshaped(llvm::ArrayRef<int64_t> shape) const {
  return adopt(label, type, shape, owner, pointer);
}

llvm::Expected<Tensor> Tensor::read(const archive::SafetensorsFile &file,
                                    llvm::StringRef name, DType dtype) {
  auto entry = file.get(name);
  if (!entry)
    return entry.takeError();
  auto tensor = create(name, dtype, (*entry)->shape);
  if (!tensor)
    return tensor.takeError();
  auto copy = [&](auto values) -> llvm::Error {
    if (!values)
      return values.takeError();
    using T = typename std::decay_t<decltype(*values)>::value_type;
    std::copy(values->begin(), values->end(),
              tensor->template values<T>().begin());
    return llvm::Error::success();
  };
  if ((*entry)->dtype == dtype) {
    llvm::ArrayRef<uint8_t> bytes = file.data(**entry);
    std::copy(bytes.begin(), bytes.end(), tensor->bytes().begin());
    return tensor;
  }
  llvm::Error error = llvm::Error::success();
  if (dtype == DType::F32)
    error = llvm::joinErrors(std::move(error), copy(file.readFloat(**entry)));
  else if (dtype == DType::I32)
    error = llvm::joinErrors(std::move(error), copy(file.readInt32(**entry)));
  else if (dtype == DType::I64)
    error = llvm::joinErrors(std::move(error), copy(file.readInt64(**entry)));
  else
    error = llvm::joinErrors(
        std::move(error),
        support::tensorError(file.path(), name,
                             "is " + archive::dtypeName((*entry)->dtype) +
                                 ", wanted " + archive::dtypeName(dtype)));
  if (error)
    return std::move(error);
  return tensor;
}

llvm::Error runtime::writeTensors(llvm::StringRef path,
                                  llvm::ArrayRef<Tensor> tensors) {
  std::vector<archive::TensorSpec> specs;
  for (const Tensor &t : tensors)
    specs.push_back(
        {t.name().str(), t.dtype(), llvm::SmallVector<int64_t>(t.shape())});
  auto writer = archive::SafetensorsWriter::create(path, specs);
  if (!writer)
    return writer.takeError();
  for (const Tensor &t : tensors)
    if (llvm::Error error = (*writer)->write(t.name(), t.bytes()))
      return error;
  return (*writer)->commit();
}
