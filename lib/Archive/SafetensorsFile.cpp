//===- SafetensorsFile.cpp - reading safetensors files -------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/Json.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <limits>
#include <tuple>

namespace allot::archive {

using support::fileError;
using support::MappedFile;
using support::quoted;
using support::tensorError;

/// The limit of the reference implementation; the longest header seen in
/// practice is far below a hundredth of it.
static constexpr uint64_t maxHeaderBytes = 100000000;

/// The entry of one tensor, with `offset` counted from the data section. All
/// that one entry alone can tell is checked.
static llvm::Expected<TensorEntry> parseEntry(llvm::StringRef path,
                                              llvm::StringRef name,
                                              const llvm::json::Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return tensorError(path, name, "its entry in the header is not an object");
  TensorEntry entry;
  entry.name = name.str();

  std::optional<llvm::StringRef> dtype = object->getString("dtype");
  if (!dtype)
    return tensorError(path, name, "has no field dtype that is a string");
  std::optional<DType> known = parseDType(*dtype);
  if (!known)
    return tensorError(path, name, "unknown dtype " + quoted(*dtype, 40));
  entry.dtype = *known;

  const llvm::json::Array *shape = object->getArray("shape");
  if (!shape)
    return tensorError(path, name, "has no field shape that is a list");
  for (const llvm::json::Value &size : *shape) {
    std::optional<uint64_t> number = size.getAsUINT64();
    if (!number || *number > uint64_t(std::numeric_limits<int64_t>::max()))
      return tensorError(path, name,
                         "a dimension of its shape is not a natural number");
    entry.shape.push_back(int64_t(*number));
  }
  uint64_t elements;
  if (!support::elementCount(entry.shape, elements) ||
      !support::multiplyChecked(elements, dtypeBytes(entry.dtype), entry.bytes))
    return tensorError(path, name,
                       "shape " + support::shapeString(entry.shape) +
                           " has more elements than fit 64 bits");

  const llvm::json::Array *offsets = object->getArray("data_offsets");
  if (!offsets || offsets->size() != 2)
    return tensorError(
        path, name, "has no field data_offsets that is a list of two numbers");
  std::optional<uint64_t> begin = (*offsets)[0].getAsUINT64(),
                          end = (*offsets)[1].getAsUINT64();
  if (!begin || !end || *begin > *end)
    return tensorError(path, name, "data_offsets are not a begin and an end");
  if (*end - *begin != entry.bytes)
    return tensorError(
        path, name,
        "data_offsets span " + llvm::Twine(*end - *begin) +
            " bytes, but shape " + support::shapeString(entry.shape) + " of " +
            dtypeName(entry.dtype) + " needs " + llvm::Twine(entry.bytes));
  entry.offset = *begin;
  return entry;
}

/// The tensors, sorted by offset, must fill `size` bytes without overlap or
/// hole.
static llvm::Error checkLayout(llvm::StringRef path,
                               llvm::ArrayRef<TensorEntry> entries,
                               uint64_t size) {
  // Too short a file is the usual accident, so it is told before all else.
  for (const TensorEntry &entry : entries) {
    uint64_t end =
        entry.offset +
        entry.bytes; // both come from one pair of offsets, so this cannot wrap
    if (end > size)
      return tensorError(
          path, entry.name,
          "ends at byte " + llvm::Twine(end) +
              " of the data section, which has " + llvm::Twine(size) +
              ": the file is truncated or shorter than its header says");
  }
  uint64_t filled = 0;
  llvm::StringRef before;
  for (const TensorEntry &entry : entries) {
    if (entry.offset < filled)
      return tensorError(path, entry.name,
                         "its data_offsets overlap those of tensor " +
                             quoted(before));
    if (entry.offset > filled)
      return tensorError(path, entry.name,
                         "a hole of " + llvm::Twine(entry.offset - filled) +
                             " bytes precedes its data_offsets");
    filled = entry.offset + entry.bytes;
    before = entry.name;
  }
  if (filled != size)
    return fileError(path, "the data section has " +
                               llvm::Twine(size - filled) +
                               " bytes that belong to no tensor");
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<const SafetensorsFile>>
SafetensorsFile::open(llvm::StringRef path) {
  auto mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  return read(std::move(*mapped));
}

llvm::Expected<std::shared_ptr<const SafetensorsFile>>
SafetensorsFile::parse(llvm::MemoryBufferRef buffer) {
  return read(MappedFile::borrow(buffer));
}

llvm::Expected<std::shared_ptr<const SafetensorsFile>>
SafetensorsFile::read(std::shared_ptr<const MappedFile> mapped) {
  std::shared_ptr<SafetensorsFile> result(new SafetensorsFile);
  result->file = std::move(mapped);
  llvm::StringRef path = result->path();
  llvm::ArrayRef<uint8_t> bytes = result->file->bytes();

  if (bytes.size() < 8)
    return fileError(
        path,
        "has " + llvm::Twine(bytes.size()) +
            " bytes, too few for the header length of a safetensors file");
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  if (length > bytes.size() - 8)
    return fileError(path, "header length " + llvm::Twine(length) +
                               " goes beyond the end of the file (" +
                               llvm::Twine(bytes.size()) + " bytes)");
  if (length > maxHeaderBytes)
    return fileError(path, "header length " + llvm::Twine(length) +
                               " is above the limit of " +
                               llvm::Twine(maxHeaderBytes));
  llvm::StringRef text(reinterpret_cast<const char *>(bytes.data()) + 8,
                       length);
  llvm::Expected<llvm::json::Value> header = parseJson(text, path, "header");
  if (!header)
    return header.takeError();
  const llvm::json::Object *object = header->getAsObject();
  if (!object)
    return fileError(path, "header is JSON but not an object");

  for (const auto &member : *object) {
    llvm::StringRef name = member.first;
    if (name == "__metadata__") {
      const llvm::json::Object *strings = member.second.getAsObject();
      if (!strings)
        return fileError(path, "__metadata__ in the header is not an object");
      for (const auto &entry : *strings) {
        llvm::StringRef key = entry.first;
        std::optional<llvm::StringRef> value = entry.second.getAsString();
        if (!value)
          return fileError(path, "__metadata__ " + quoted(key) +
                                     " in the header is not a string");
        result->meta[key] = value->str();
      }
      continue;
    }
    llvm::Expected<TensorEntry> entry = parseEntry(path, name, member.second);
    if (!entry)
      return entry.takeError();
    result->entries.push_back(std::move(*entry));
  }

  llvm::sort(result->entries, [](const TensorEntry &a, const TensorEntry &b) {
    return std::tie(a.offset, a.bytes, a.name) <
           std::tie(b.offset, b.bytes, b.name);
  });
  result->dataBegin = 8 + length;
  if (llvm::Error error =
          checkLayout(path, result->entries, bytes.size() - result->dataBegin))
    return error;
  for (auto [i, entry] : llvm::enumerate(result->entries)) {
    entry.offset += result->dataBegin;
    result->index[entry.name] = unsigned(i);
  }
  return result;
}

const TensorEntry *SafetensorsFile::find(llvm::StringRef name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : &entries[found->second];
}

llvm::Expected<const TensorEntry *>
SafetensorsFile::get(llvm::StringRef name) const {
  if (const TensorEntry *entry = find(name))
    return entry;
  return tensorError(path(), name, "is missing");
}

//===----------------------------------------------------------------------===//
// Whole tensors
//===----------------------------------------------------------------------===//

llvm::Expected<std::vector<float>>
SafetensorsFile::readFloat(const TensorEntry &entry) const {
  if (!isFloat(entry.dtype))
    return tensorError(path(), entry.name,
                       "must be floating point, is " + dtypeName(entry.dtype));
  std::vector<float> values(entry.numElements());
  convertToFloat(entry.dtype, data(entry), values);
  return values;
}

/// Element `i` of `bytes` read as T.
template <typename T>
static T element(llvm::ArrayRef<uint8_t> bytes, size_t i) {
  return llvm::support::endian::read<T, llvm::endianness::little>(
      bytes.data() + sizeof(T) * i);
}

template <typename T>
static void widen(llvm::ArrayRef<uint8_t> bytes, std::vector<int64_t> &values) {
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = int64_t(element<T>(bytes, i));
}

llvm::Expected<std::vector<int64_t>>
SafetensorsFile::readInt64(const TensorEntry &entry) const {
  if (isFloat(entry.dtype))
    return tensorError(path(), entry.name,
                       "must hold integers, is " + dtypeName(entry.dtype));
  std::vector<int64_t> values(entry.numElements());
  llvm::ArrayRef<uint8_t> bytes = data(entry);
  switch (entry.dtype) {
  case DType::I64:
    widen<int64_t>(bytes, values);
    break;
  case DType::U64:
    for (size_t i = 0; i < values.size(); ++i) {
      auto value = element<uint64_t>(bytes, i);
      if (value > uint64_t(std::numeric_limits<int64_t>::max()))
        return tensorError(path(), entry.name,
                           "value " + llvm::Twine(value) + " at index " +
                               llvm::Twine(i) + " is too large");
      values[i] = int64_t(value);
    }
    break;
  case DType::I32:
    widen<int32_t>(bytes, values);
    break;
  case DType::U32:
    widen<uint32_t>(bytes, values);
    break;
  case DType::I16:
    widen<int16_t>(bytes, values);
    break;
  case DType::U16:
    widen<uint16_t>(bytes, values);
    break;
  case DType::I8:
    widen<int8_t>(bytes, values);
    break;
  case DType::U8:
    widen<uint8_t>(bytes, values);
    break;
  default: // BOOL
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = bytes[i] != 0;
    break;
  }
  return values;
}

llvm::Expected<std::vector<int32_t>>
SafetensorsFile::readInt32(const TensorEntry &entry) const {
  llvm::Expected<std::vector<int64_t>> wide = readInt64(entry);
  if (!wide)
    return wide.takeError();
  std::vector<int32_t> values(wide->size());
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t value = (*wide)[i];
    if (value < std::numeric_limits<int32_t>::min() ||
        value > std::numeric_limits<int32_t>::max())
      return tensorError(path(), entry.name,
                         "value " + llvm::Twine(value) + " at index " +
                             llvm::Twine(i) + " does not fit 32 bits");
    values[i] = int32_t(value);
  }
  return values;
}

llvm::Expected<std::vector<float>>
SafetensorsFile::readFloat(llvm::StringRef name) const {
  llvm::Expected<const TensorEntry *> entry = get(name);
  if (!entry)
    return entry.takeError();
  return readFloat(**entry);
}

llvm::Expected<std::vector<int64_t>>
SafetensorsFile::readInt64(llvm::StringRef name) const {
  llvm::Expected<const TensorEntry *> entry = get(name);
  if (!entry)
    return entry.takeError();
  return readInt64(**entry);
}

llvm::Expected<std::vector<int32_t>>
SafetensorsFile::readInt32(llvm::StringRef name) const {
  llvm::Expected<const TensorEntry *> entry = get(name);
  if (!entry)
    return entry.takeError();
  return readInt32(**entry);
}

} // namespace allot::archive
