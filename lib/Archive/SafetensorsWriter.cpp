//===- SafetensorsWriter.cpp - writing safetensors files -----------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/Safetensors.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "allot/Support/Half.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <limits>

namespace allot::archive {

using support::fileError;
using support::quoted;
using support::tensorError;

static constexpr uint64_t dataAlignment = 64;
static constexpr uint64_t maxHeaderBytes = 100000000;

SafetensorsWriter::SafetensorsWriter() = default;
SafetensorsWriter::~SafetensorsWriter() = default;

/// The largest power of two, up to 64, that divides `bytes`: a tensor that
/// follows only such sizes starts there.
static uint64_t alignmentOf(uint64_t bytes) {
  return bytes ? std::min(dataAlignment, bytes & (~bytes + 1)) : dataAlignment;
}

/// The header, padded so that the data section is aligned. Offsets of `entries`
/// count from the data section.
static std::string
makeHeader(llvm::ArrayRef<TensorEntry> entries,
           const std::map<std::string, std::string> &metadata) {
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    llvm::json::OStream json(os);
    json.object([&] {
      if (!metadata.empty())
        json.attributeObject("__metadata__", [&] {
          for (const auto &[key, value] : metadata)
            json.attribute(key, value);
        });
      for (const TensorEntry &entry : entries)
        json.attributeObject(entry.name, [&] {
          json.attribute("dtype", dtypeName(entry.dtype));
          json.attributeArray("shape", [&] {
            for (int64_t size : entry.shape)
              json.value(size);
          });
          json.attributeArray("data_offsets", [&] {
            json.value(entry.offset);
            json.value(entry.offset + entry.bytes);
          });
        });
    });
  }
  text.resize(llvm::alignTo(8 + text.size(), dataAlignment) - 8, ' ');
  return text;
}

llvm::Expected<std::unique_ptr<SafetensorsWriter>>
SafetensorsWriter::create(llvm::StringRef path,
                          llvm::ArrayRef<TensorSpec> tensors,
                          const std::map<std::string, std::string> &metadata) {
  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter);
  for (const auto &[key, value] : metadata)
    if (!llvm::json::isUTF8(key) || !llvm::json::isUTF8(value))
      return fileError(path, "metadata " + quoted(key) + " is not UTF-8");

  uint64_t size = 0;
  for (const TensorSpec &spec : tensors) {
    TensorEntry entry;
    entry.name = spec.name;
    entry.dtype = spec.dtype;
    entry.shape = spec.shape;
    if (spec.name == "__metadata__" || !llvm::json::isUTF8(spec.name))
      return tensorError(path, spec.name,
                         "this name cannot be written to a safetensors file");
    uint64_t elements;
    if (!support::elementCount(spec.shape, elements) ||
        !support::multiplyChecked(elements, dtypeBytes(spec.dtype),
                                  entry.bytes) ||
        entry.bytes > uint64_t(std::numeric_limits<int64_t>::max()) -
                          maxHeaderBytes - size)
      return tensorError(path, spec.name,
                         "shape " + support::shapeString(spec.shape) +
                             " is too large");
    size += entry.bytes;
    writer->entries.push_back(std::move(entry));
  }
  std::vector<TensorEntry> declared = std::move(writer->entries);
  writer->entries.clear();
  for (uint64_t alignment = dataAlignment; alignment; alignment /= 2)
    for (const TensorEntry &entry : declared)
      if (alignmentOf(entry.bytes) == alignment)
        writer->entries.push_back(entry);
  uint64_t offset = 0;
  for (auto [i, entry] : llvm::enumerate(writer->entries)) {
    entry.offset = offset;
    offset += entry.bytes;
    if (!writer->index.try_emplace(entry.name, unsigned(i)).second)
      return tensorError(path, entry.name, "is declared twice");
  }

  std::string header = makeHeader(writer->entries, metadata);
  if (header.size() > maxHeaderBytes)
    return fileError(
        path, "the header would have " + llvm::Twine(header.size()) +
                  " bytes, above the limit of " + llvm::Twine(maxHeaderBytes));
  writer->dataBegin = 8 + header.size();
  writer->total = writer->dataBegin + size;
  for (TensorEntry &entry : writer->entries)
    entry.offset += writer->dataBegin;
  writer->written.resize(writer->entries.size());

  auto file = support::AtomicFile::create(path);
  if (!file)
    return file.takeError();
  writer->file = std::move(*file);
  char length[8];
  llvm::support::endian::write64le(length, header.size());
  writer->file->stream().write(length, 8);
  writer->file->stream() << header;
  if (llvm::Error error = writer->file->reserve(writer->total))
    return error;
  return writer;
}

const TensorEntry *SafetensorsWriter::find(llvm::StringRef name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : &entries[found->second];
}

llvm::Expected<const TensorEntry *>
SafetensorsWriter::expect(llvm::StringRef name, DType dtype,
                          uint64_t elements) const {
  const TensorEntry *entry = find(name);
  if (!entry)
    return tensorError(file->path(), name, "was not declared");
  if (entry->dtype != dtype)
    return tensorError(file->path(), name,
                       "was declared as " + dtypeName(entry->dtype) +
                           ", is written as " + dtypeName(dtype));
  if (entry->numElements() != elements)
    return tensorError(file->path(), name,
                       "was declared as " + support::shapeString(entry->shape) +
                           ", is written with " + llvm::Twine(elements) +
                           " elements");
  return entry;
}

llvm::Error SafetensorsWriter::write(llvm::StringRef name, uint64_t offset,
                                     llvm::ArrayRef<uint8_t> bytes) {
  auto found = index.find(name);
  if (found == index.end())
    return tensorError(file->path(), name, "was not declared");
  const TensorEntry &entry = entries[found->second];
  if (offset > entry.bytes || bytes.size() > entry.bytes - offset)
    return tensorError(file->path(), name,
                       "write of " + llvm::Twine(bytes.size()) + " bytes at " +
                           llvm::Twine(offset) + " goes beyond its " +
                           llvm::Twine(entry.bytes) + " bytes");
  if (bytes.empty())
    return llvm::Error::success();

  // Note the part as written, joined with its neighbours.
  std::map<uint64_t, uint64_t> &parts = written[found->second];
  uint64_t begin = offset, end = offset + bytes.size();
  auto after = parts.lower_bound(begin);
  auto before = after == parts.begin() ? parts.end() : std::prev(after);
  if ((after != parts.end() && after->first < end) ||
      (before != parts.end() && before->second > begin))
    return tensorError(file->path(), name,
                       "bytes " + llvm::Twine(begin) + " to " +
                           llvm::Twine(end) + " are written twice");
  if (llvm::Error error = file->writeAt(entry.offset + offset, bytes))
    return error;
  if (after != parts.end() && after->first == end) {
    end = after->second;
    parts.erase(after);
  }
  if (before != parts.end() && before->second == begin)
    before->second = end;
  else
    parts[begin] = end;
  return llvm::Error::success();
}

llvm::Error SafetensorsWriter::write(llvm::StringRef name,
                                     llvm::ArrayRef<uint8_t> bytes) {
  const TensorEntry *entry = find(name);
  if (entry && entry->bytes != bytes.size())
    return tensorError(file->path(), name,
                       "has " + llvm::Twine(entry->bytes) +
                           " bytes, is written with " +
                           llvm::Twine(bytes.size()));
  return write(name, 0, bytes);
}

template <typename T>
static llvm::ArrayRef<uint8_t> bytesOf(llvm::ArrayRef<T> values) {
  return llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(values.data()),
      values.size() * sizeof(T));
}

llvm::Error SafetensorsWriter::writeFloat(llvm::StringRef name,
                                          llvm::ArrayRef<float> values) {
  const TensorEntry *declared = find(name);
  DType dtype = declared ? declared->dtype : DType::F32;
  bool half = dtype == DType::F16 || dtype == DType::BF16;
  llvm::Expected<const TensorEntry *> entry =
      expect(name, half ? dtype : DType::F32, values.size());
  if (!entry)
    return entry.takeError();
  if (!half)
    return write(name, bytesOf(values));
  // In pieces: a large tensor need not be in memory twice.
  std::vector<uint16_t> piece(std::min<size_t>(values.size(), 1 << 16));
  for (size_t at = 0; at < values.size(); at += piece.size()) {
    size_t count = std::min(piece.size(), values.size() - at);
    if (dtype == DType::F16)
      support::floatToF16(values.data() + at, piece.data(), count);
    else
      support::floatToBF16(values.data() + at, piece.data(), count);
    if (llvm::Error error =
            write(name, 2 * at,
                  bytesOf(llvm::ArrayRef<uint16_t>(piece.data(), count))))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error SafetensorsWriter::writeInt32(llvm::StringRef name,
                                          llvm::ArrayRef<int32_t> values) {
  llvm::Expected<const TensorEntry *> entry =
      expect(name, DType::I32, values.size());
  return entry ? write(name, bytesOf(values)) : entry.takeError();
}

llvm::Error SafetensorsWriter::writeInt64(llvm::StringRef name,
                                          llvm::ArrayRef<int64_t> values) {
  llvm::Expected<const TensorEntry *> entry =
      expect(name, DType::I64, values.size());
  return entry ? write(name, bytesOf(values)) : entry.takeError();
}

llvm::Error SafetensorsWriter::checkWhole() const {
  for (auto [i, entry] : llvm::enumerate(entries)) {
    const std::map<uint64_t, uint64_t> &parts = written[i];
    bool whole =
        entry.bytes == 0 || (parts.size() == 1 && parts.begin()->first == 0 &&
                             parts.begin()->second == entry.bytes);
    if (!whole)
      return tensorError(file->path(), entry.name, "was not written in full");
  }
  return llvm::Error::success();
}

llvm::Error SafetensorsWriter::commit(bool sync) {
  if (llvm::Error error = checkWhole())
    return error;
  return file->commit(sync);
}

llvm::Expected<std::unique_ptr<support::AtomicFile>>
SafetensorsWriter::finish() {
  if (llvm::Error error = checkWhole())
    return std::move(error);
  if (llvm::Error error = file->prepare())
    return std::move(error);
  return std::move(file);
}

} // namespace allot::archive
