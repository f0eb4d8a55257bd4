//===- GGUF.cpp - reading GGUF files --------------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every count and length of the file is compared with the bytes that are left
// before anything is allocated or skipped.
//===----------------------------------------------------------------------===//

#include "allot/Archive/GGUF.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace allot::archive {

using support::fileError;
using support::MappedFile;
using support::quoted;
using support::tensorError;

/// Bytes of one value of a type with a fixed size; 0 for strings, arrays and
/// unknown types.
static unsigned fixedBytes(GGUFType type) {
  switch (type) {
  case GGUFType::U8:
  case GGUFType::I8:
  case GGUFType::Bool:
    return 1;
  case GGUFType::U16:
  case GGUFType::I16:
    return 2;
  case GGUFType::U32:
  case GGUFType::I32:
  case GGUFType::F32:
    return 4;
  case GGUFType::U64:
  case GGUFType::I64:
  case GGUFType::F64:
    return 8;
  case GGUFType::String:
  case GGUFType::Array:
    return 0;
  }
  return 0;
}

template <typename T>
static T load(const uint8_t *at) {
  return llvm::support::endian::read<T, llvm::endianness::little>(at);
}

static llvm::StringRef text(llvm::ArrayRef<uint8_t> bytes) {
  return llvm::StringRef(reinterpret_cast<const char *>(bytes.data()),
                         bytes.size());
}

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

/// Reads header, metadata and tensor infos of one file, front to back.
class GGUFParser {
public:
  explicit GGUFParser(GGUFFile &file)
      : file(file), path(file.path()), bytes(file.file->bytes()) {}
  llvm::Error run();

private:
  uint64_t left() const { return bytes.size() - at; }
  llvm::Error take(uint64_t size, llvm::StringRef what,
                   llvm::ArrayRef<uint8_t> &result);
  template <typename T>
  llvm::Error take(T &value, llvm::StringRef what);
  llvm::Error takeString(llvm::StringRef what, llvm::StringRef &result);
  llvm::Error skipElements(GGUFType type, uint64_t count, llvm::StringRef what,
                           unsigned depth);
  llvm::Error header();
  llvm::Error value();
  llvm::Error tensor();
  llvm::Error alignment();
  llvm::Error placeTensors();

  GGUFFile &file;
  llvm::StringRef path;
  llvm::ArrayRef<uint8_t> bytes;
  uint64_t at = 0;
  uint64_t tensorCount = 0, valueCount = 0;
};

llvm::Error GGUFParser::take(uint64_t size, llvm::StringRef what,
                             llvm::ArrayRef<uint8_t> &result) {
  if (size > left())
    return fileError(path, what + " at byte " + llvm::Twine(at) +
                               " goes beyond the end of the file (" +
                               llvm::Twine(bytes.size()) +
                               " bytes): truncated");
  result = bytes.slice(at, size);
  at += size;
  return llvm::Error::success();
}

template <typename T>
llvm::Error GGUFParser::take(T &value, llvm::StringRef what) {
  llvm::ArrayRef<uint8_t> raw;
  if (llvm::Error error = take(sizeof(T), what, raw))
    return error;
  value = load<T>(raw.data());
  return llvm::Error::success();
}

llvm::Error GGUFParser::takeString(llvm::StringRef what,
                                   llvm::StringRef &result) {
  uint64_t length;
  if (llvm::Error error = take(length, what))
    return error;
  if (length > left())
    return fileError(path, what + ": string length " + llvm::Twine(length) +
                               " goes beyond the end of the file (" +
                               llvm::Twine(bytes.size()) + " bytes)");
  result = text(bytes.slice(at, length));
  at += length;
  return llvm::Error::success();
}

llvm::Error GGUFParser::skipElements(GGUFType type, uint64_t count,
                                     llvm::StringRef what, unsigned depth) {
  // The smallest bytes of one element bound the count, so the loops below end
  // with the file.
  unsigned fixed = fixedBytes(type);
  uint64_t smallest = fixed ? fixed : type == GGUFType::String ? 8 : 12;
  if (count > left() / smallest)
    return fileError(path, what + ": array of " + llvm::Twine(count) +
                               " elements goes beyond the end of the file (" +
                               llvm::Twine(bytes.size()) + " bytes)");
  if (fixed) {
    at += count * fixed;
    return llvm::Error::success();
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (type == GGUFType::String) {
      llvm::StringRef string;
      if (llvm::Error error = takeString(what, string))
        return error;
      continue;
    }
    if (depth == 4)
      return fileError(path, what + ": arrays are nested too deeply");
    uint32_t inner;
    uint64_t innerCount;
    if (llvm::Error error = take(inner, what))
      return error;
    if (llvm::Error error = take(innerCount, what))
      return error;
    if (inner > uint32_t(GGUFType::F64))
      return fileError(path, what + ": unknown type " + llvm::Twine(inner) +
                                 " of array elements");
    if (llvm::Error error =
            skipElements(GGUFType(inner), innerCount, what, depth + 1))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error GGUFParser::header() {
  llvm::StringRef magic =
      text(bytes.take_front(std::min<size_t>(4, bytes.size())));
  if (magic != "GGUF")
    return fileError(path, "is no GGUF file: the magic is " + quoted(magic) +
                               ", not 'GGUF'");
  at = 4;
  if (llvm::Error error = take(file.fileVersion, "version"))
    return error;
  if (file.fileVersion && (file.fileVersion & 0xffff) == 0)
    return fileError(path, "is a big-endian GGUF file, which is not supported");
  if (file.fileVersion != 2 && file.fileVersion != 3)
    return fileError(path, "GGUF version " + llvm::Twine(file.fileVersion) +
                               " is not supported (2 and 3 are)");
  if (llvm::Error error = take(tensorCount, "tensor count"))
    return error;
  if (llvm::Error error = take(valueCount, "metadata count"))
    return error;
  // Name length, dimensions, type, offset; key length, type, one byte.
  if (tensorCount > left() / 24)
    return fileError(path, "tensor count " + llvm::Twine(tensorCount) +
                               " does not fit a file of " +
                               llvm::Twine(bytes.size()) + " bytes");
  if (valueCount > left() / 13)
    return fileError(path, "metadata count " + llvm::Twine(valueCount) +
                               " does not fit a file of " +
                               llvm::Twine(bytes.size()) + " bytes");
  return llvm::Error::success();
}

llvm::Error GGUFParser::value() {
  llvm::StringRef key;
  if (llvm::Error error = takeString(
          "key of metadata entry " + std::to_string(file.values.size()), key))
    return error;
  GGUFValue value;
  value.key = key.str();
  std::string what = "key " + quoted(key);
  uint32_t type;
  if (llvm::Error error = take(type, what))
    return error;
  if (type > uint32_t(GGUFType::F64))
    return fileError(path, what + ": unknown value type " + llvm::Twine(type));
  value.type = value.elementType = GGUFType(type);

  if (value.type == GGUFType::String) {
    llvm::StringRef string;
    if (llvm::Error error = takeString(what, string))
      return error;
    value.bytes = llvm::ArrayRef<uint8_t>(
        reinterpret_cast<const uint8_t *>(string.data()), string.size());
  } else if (value.type == GGUFType::Array) {
    uint32_t element;
    if (llvm::Error error = take(element, what))
      return error;
    if (element > uint32_t(GGUFType::F64))
      return fileError(path, what + ": unknown type " + llvm::Twine(element) +
                                 " of array elements");
    value.elementType = GGUFType(element);
    if (llvm::Error error = take(value.count, what))
      return error;
    uint64_t begin = at;
    if (llvm::Error error =
            skipElements(value.elementType, value.count, what, 0))
      return error;
    value.bytes = bytes.slice(begin, at - begin);
  } else if (llvm::Error error =
                 take(fixedBytes(value.type), what, value.bytes)) {
    return error;
  }
  if (!file.valueIndex.try_emplace(value.key, unsigned(file.values.size()))
           .second)
    return fileError(path, what + " occurs twice");
  file.values.push_back(std::move(value));
  return llvm::Error::success();
}

llvm::Error GGUFParser::tensor() {
  llvm::StringRef name;
  std::string what = "tensor " + std::to_string(file.entries.size());
  if (llvm::Error error = takeString("name of " + what, name))
    return error;
  what = "tensor " + quoted(name);
  GGUFTensor tensor;
  tensor.name = name.str();
  uint32_t dimensions, type;
  if (llvm::Error error = take(dimensions, what))
    return error;
  if (dimensions > 4)
    return fileError(path, what + ": has " + llvm::Twine(dimensions) +
                               " dimensions, at most 4 are possible");
  for (uint32_t i = 0; i < dimensions; ++i) {
    uint64_t size;
    if (llvm::Error error = take(size, what))
      return error;
    if (size > uint64_t(std::numeric_limits<int64_t>::max()))
      return fileError(path, what + ": dimension " + llvm::Twine(size) +
                                 " is too large");
    tensor.shape.push_back(int64_t(size));
  }
  // The file names the fastest dimension first.
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  if (llvm::Error error = take(type, what))
    return error;
  if (llvm::Error error = take(tensor.offset, what))
    return error;
  tensor.type = findGGMLType(type);
  if (!tensor.type)
    return fileError(path, what + ": unknown type " + llvm::Twine(type));

  uint64_t elements;
  if (!support::elementCount(tensor.shape, elements) ||
      !support::multiplyChecked(elements / tensor.type->blockSize,
                                tensor.type->bytesPerBlock, tensor.bytes))
    return fileError(path, what + ": shape " +
                               support::shapeString(tensor.shape) +
                               " has more elements than fit 64 bits");
  uint64_t row = tensor.shape.empty() ? 1 : uint64_t(tensor.shape.back());
  if (row % tensor.type->blockSize)
    return fileError(path, what + ": rows of " + llvm::Twine(row) +
                               " elements are no multiple of the block of " +
                               tensor.type->name + ", " +
                               llvm::Twine(tensor.type->blockSize));
  if (!file.tensorIndex.try_emplace(name, unsigned(file.entries.size())).second)
    return fileError(path, what + " occurs twice");
  file.entries.push_back(std::move(tensor));
  return llvm::Error::success();
}

llvm::Error GGUFParser::alignment() {
  llvm::StringRef key = "general.alignment";
  llvm::Expected<uint64_t> align = file.getU64Or(key, 32);
  if (!align)
    return align.takeError();
  if (!llvm::isPowerOf2_64(*align) || *align > (1u << 20))
    return file.keyError(key, "alignment " + llvm::Twine(*align) +
                                  " is not a power of two up to 2^20");
  file.align = *align;
  return llvm::Error::success();
}

llvm::Error GGUFParser::placeTensors() {
  // Both are below the file's size plus 2^20.
  file.dataBegin = llvm::alignTo(at, file.align);
  if (file.entries.empty())
    return llvm::Error::success();
  uint64_t size =
      bytes.size() < file.dataBegin ? 0 : bytes.size() - file.dataBegin;
  std::vector<unsigned> order;
  for (auto [i, tensor] : llvm::enumerate(file.entries)) {
    if (tensor.offset % file.align)
      return tensorError(path, tensor.name,
                         "offset " + llvm::Twine(tensor.offset) +
                             " is no multiple of the alignment " +
                             llvm::Twine(file.align));
    if (tensor.offset > size || tensor.bytes > size - tensor.offset)
      return tensorError(
          path, tensor.name,
          "offset " + llvm::Twine(tensor.offset) + " with " +
              llvm::Twine(tensor.bytes) +
              " bytes goes beyond the data section of " + llvm::Twine(size) +
              " bytes: the file is truncated or shorter than its header says");
    if (tensor.bytes)
      order.push_back(unsigned(i));
  }
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::make_pair(file.entries[a].offset, a) <
           std::make_pair(file.entries[b].offset, b);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const GGUFTensor &before = file.entries[order[i - 1]],
                     &tensor = file.entries[order[i]];
    if (tensor.offset < before.offset + before.bytes)
      return tensorError(path, tensor.name,
                         "offset " + llvm::Twine(tensor.offset) +
                             " lies within tensor " + quoted(before.name));
  }
  for (GGUFTensor &tensor : file.entries) {
    tensor.offset += file.dataBegin;
    if (!tensor.bytes) // an empty tensor may lie past the last byte of a file
                       // that ends with its header
      tensor.offset = std::min<uint64_t>(tensor.offset, bytes.size());
  }
  return llvm::Error::success();
}

llvm::Error GGUFParser::run() {
  if (llvm::Error error = header())
    return error;
  for (uint64_t i = 0; i < valueCount; ++i)
    if (llvm::Error error = value())
      return error;
  for (uint64_t i = 0; i < tensorCount; ++i)
    if (llvm::Error error = tensor())
      return error;
  if (llvm::Error error = alignment())
    return error;
  return placeTensors();
}

llvm::Expected<std::shared_ptr<const GGUFFile>>
GGUFFile::open(llvm::StringRef path) {
  auto mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  return read(std::move(*mapped));
}

llvm::Expected<std::shared_ptr<const GGUFFile>>
GGUFFile::parse(llvm::MemoryBufferRef buffer) {
  return read(MappedFile::borrow(buffer));
}

llvm::Expected<std::shared_ptr<const GGUFFile>>
GGUFFile::read(std::shared_ptr<const MappedFile> mapped) {
  std::shared_ptr<GGUFFile> result(new GGUFFile);
  result->file = std::move(mapped);
  if (llvm::Error error = GGUFParser(*result).run())
    return error;
  return result;
}

//===----------------------------------------------------------------------===//
// Access
//===----------------------------------------------------------------------===//

const GGUFTensor *GGUFFile::find(llvm::StringRef name) const {
  auto found = tensorIndex.find(name);
  return found == tensorIndex.end() ? nullptr : &entries[found->second];
}

llvm::Expected<const GGUFTensor *> GGUFFile::get(llvm::StringRef name) const {
  if (const GGUFTensor *tensor = find(name))
    return tensor;
  return tensorError(path(), name, "is missing");
}

const GGUFValue *GGUFFile::value(llvm::StringRef key) const {
  auto found = valueIndex.find(key);
  return found == valueIndex.end() ? nullptr : &values[found->second];
}

llvm::Error GGUFFile::keyError(llvm::StringRef key,
                               const llvm::Twine &message) const {
  return fileError(path(), "key " + quoted(key) + ": " + message);
}

llvm::Expected<const GGUFValue *> GGUFFile::expect(llvm::StringRef key,
                                                   bool array) const {
  const GGUFValue *found = value(key);
  if (!found)
    return keyError(key, "is missing");
  if (found->isArray() != array)
    return keyError(key,
                    array ? "must be an array, is " + ggufTypeName(found->type)
                          : "must not be an array");
  return found;
}

/// An integer of any type, as sign and magnitude, so that U64 and I64 both fit.
struct AnyInteger {
  bool negative = false;
  uint64_t magnitude = 0;
};

static std::optional<AnyInteger> loadInteger(GGUFType type, const uint8_t *at) {
  auto signedValue = [](int64_t value) {
    return AnyInteger{value < 0,
                      value < 0 ? ~uint64_t(value) + 1 : uint64_t(value)};
  };
  switch (type) {
  case GGUFType::U8:
    return AnyInteger{false, *at};
  case GGUFType::U16:
    return AnyInteger{false, load<uint16_t>(at)};
  case GGUFType::U32:
    return AnyInteger{false, load<uint32_t>(at)};
  case GGUFType::U64:
    return AnyInteger{false, load<uint64_t>(at)};
  case GGUFType::I8:
    return signedValue(load<int8_t>(at));
  case GGUFType::I16:
    return signedValue(load<int16_t>(at));
  case GGUFType::I32:
    return signedValue(load<int32_t>(at));
  case GGUFType::I64:
    return signedValue(load<int64_t>(at));
  default:
    return std::nullopt;
  }
}

static bool isIntegerType(GGUFType type) {
  static constexpr uint8_t zeros[8] = {};
  return loadInteger(type, zeros).has_value();
}

/// The integer as int64_t, or nothing where it does not fit.
static std::optional<int64_t> toI64(AnyInteger value) {
  if (value.magnitude >
      uint64_t(std::numeric_limits<int64_t>::max()) + value.negative)
    return std::nullopt;
  return int64_t(value.negative ? ~value.magnitude + 1 : value.magnitude);
}

static std::optional<double> loadFloat(GGUFType type, const uint8_t *at) {
  if (type == GGUFType::F32)
    return double(load<float>(at));
  if (type == GGUFType::F64)
    return load<double>(at);
  return std::nullopt;
}

llvm::Expected<uint64_t> GGUFFile::getU64(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, false);
  if (!found)
    return found.takeError();
  std::optional<AnyInteger> number =
      loadInteger((*found)->type, (*found)->bytes.data());
  if (!number)
    return keyError(key,
                    "must be an integer, is " + ggufTypeName((*found)->type));
  if (number->negative)
    return keyError(key, "must not be negative, is -" +
                             llvm::Twine(number->magnitude));
  return number->magnitude;
}

llvm::Expected<uint32_t> GGUFFile::getU32(llvm::StringRef key) const {
  llvm::Expected<uint64_t> wide = getU64(key);
  if (!wide)
    return wide.takeError();
  if (*wide > std::numeric_limits<uint32_t>::max())
    return keyError(key,
                    "value " + llvm::Twine(*wide) + " does not fit 32 bits");
  return uint32_t(*wide);
}

llvm::Expected<int64_t> GGUFFile::getI64(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, false);
  if (!found)
    return found.takeError();
  std::optional<AnyInteger> number =
      loadInteger((*found)->type, (*found)->bytes.data());
  if (!number)
    return keyError(key,
                    "must be an integer, is " + ggufTypeName((*found)->type));
  std::optional<int64_t> result = toI64(*number);
  if (!result)
    return keyError(key, "value " + llvm::Twine(number->magnitude) +
                             " is too large");
  return *result;
}

llvm::Expected<double> GGUFFile::getF64(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, false);
  if (!found)
    return found.takeError();
  std::optional<double> number =
      loadFloat((*found)->type, (*found)->bytes.data());
  if (!number)
    return keyError(key, "must be floating point, is " +
                             ggufTypeName((*found)->type));
  return *number;
}

llvm::Expected<float> GGUFFile::getF32(llvm::StringRef key) const {
  llvm::Expected<double> wide = getF64(key);
  if (!wide)
    return wide.takeError();
  if (std::isfinite(*wide) &&
      std::fabs(*wide) > std::numeric_limits<float>::max())
    return keyError(key, "value does not fit a 32-bit float");
  return float(*wide);
}

llvm::Expected<bool> GGUFFile::getBool(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, false);
  if (!found)
    return found.takeError();
  if ((*found)->type != GGUFType::Bool)
    return keyError(key, "must be a bool, is " + ggufTypeName((*found)->type));
  return (*found)->bytes[0] != 0;
}

llvm::Expected<llvm::StringRef> GGUFFile::getString(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, false);
  if (!found)
    return found.takeError();
  if ((*found)->type != GGUFType::String)
    return keyError(key,
                    "must be a string, is " + ggufTypeName((*found)->type));
  return text((*found)->bytes);
}

llvm::Expected<std::vector<int64_t>>
GGUFFile::getI64Array(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, true);
  if (!found)
    return found.takeError();
  const GGUFValue &array = **found;
  if (!isIntegerType(array.elementType))
    return keyError(key, "must be an array of integers, not of " +
                             ggufTypeName(array.elementType));
  std::vector<int64_t> result(array.count);
  for (uint64_t i = 0; i < array.count; ++i) {
    auto number =
        *loadInteger(array.elementType,
                     array.bytes.data() + i * fixedBytes(array.elementType));
    std::optional<int64_t> element = toI64(number);
    if (!element)
      return keyError(key, "element " + llvm::Twine(i) + " is too large");
    result[i] = *element;
  }
  return result;
}

llvm::Expected<std::vector<double>>
GGUFFile::getF64Array(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, true);
  if (!found)
    return found.takeError();
  const GGUFValue &array = **found;
  if (array.elementType != GGUFType::F32 && array.elementType != GGUFType::F64)
    return keyError(key, "must be an array of floating point, not of " +
                             ggufTypeName(array.elementType));
  std::vector<double> result(array.count);
  for (uint64_t i = 0; i < array.count; ++i)
    result[i] =
        *loadFloat(array.elementType,
                   array.bytes.data() + i * fixedBytes(array.elementType));
  return result;
}

llvm::Expected<std::vector<bool>>
GGUFFile::getBoolArray(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, true);
  if (!found)
    return found.takeError();
  const GGUFValue &array = **found;
  if (array.elementType != GGUFType::Bool)
    return keyError(key, "must be an array of bools, not of " +
                             ggufTypeName(array.elementType));
  std::vector<bool> result(array.count);
  for (uint64_t i = 0; i < array.count; ++i)
    result[i] = array.bytes[i] != 0;
  return result;
}

llvm::Expected<std::vector<llvm::StringRef>>
GGUFFile::getStringArray(llvm::StringRef key) const {
  llvm::Expected<const GGUFValue *> found = expect(key, true);
  if (!found)
    return found.takeError();
  const GGUFValue &array = **found;
  if (array.elementType != GGUFType::String)
    return keyError(key, "must be an array of strings, not of " +
                             ggufTypeName(array.elementType));
  std::vector<llvm::StringRef> result;
  result.reserve(array.count);
  // Lengths were checked when the file was opened.
  for (const uint8_t *at = array.bytes.begin(); at != array.bytes.end();) {
    auto length = load<uint64_t>(at);
    result.push_back(text(llvm::ArrayRef<uint8_t>(at + 8, length)));
    at += 8 + length;
  }
  return result;
}

llvm::Expected<uint32_t> GGUFFile::getU32Or(llvm::StringRef key,
                                            uint32_t missing) const {
  return has(key) ? getU32(key) : llvm::Expected<uint32_t>(missing);
}

llvm::Expected<uint64_t> GGUFFile::getU64Or(llvm::StringRef key,
                                            uint64_t missing) const {
  return has(key) ? getU64(key) : llvm::Expected<uint64_t>(missing);
}

llvm::Expected<float> GGUFFile::getF32Or(llvm::StringRef key,
                                         float missing) const {
  return has(key) ? getF32(key) : llvm::Expected<float>(missing);
}

llvm::Expected<bool> GGUFFile::getBoolOr(llvm::StringRef key,
                                         bool missing) const {
  return has(key) ? getBool(key) : llvm::Expected<bool>(missing);
}

llvm::Expected<llvm::StringRef>
GGUFFile::getStringOr(llvm::StringRef key, llvm::StringRef missing) const {
  return has(key) ? getString(key) : llvm::Expected<llvm::StringRef>(missing);
}

} // namespace allot::archive
