//===- GGUF.h - reading GGUF files ---------------------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GGUF versions 2 and 3, little endian: magic, version, counts, typed metadata,
// tensor infos, then (at a multiple of `general.alignment`) the data. Layout
// reference: the GGUF format description of the ggml project.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_GGUF_H
#define ALLOT_ARCHIVE_GGUF_H

#include "allot/Support/MappedFile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace allot::archive {

/// How a GGUF file stores numbers: `bytesPerBlock` bytes hold `blockSize`
/// consecutive elements of a row.
struct GGMLType {
  uint32_t id;
  const char *name;
  uint32_t blockSize;
  uint32_t bytesPerBlock;
};

/// Every type that a file may use, by rising id.
llvm::ArrayRef<GGMLType> ggmlTypes();
/// Null where there is no such type.
const GGMLType *findGGMLType(uint32_t id);
const GGMLType *findGGMLType(llvm::StringRef name);

/// Types of metadata values; the numbers are those of the format.
enum class GGUFType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64
};
llvm::StringRef ggufTypeName(GGUFType type);

/// One metadata value, still as bytes of the file.
struct GGUFValue {
  std::string key;
  GGUFType type = GGUFType::U8;
  /// Of an array: type and number of elements. Else `type` and 1.
  GGUFType elementType = GGUFType::U8;
  uint64_t count = 1;
  /// The scalar, the characters of the string, or the elements (strings with
  /// their lengths).
  llvm::ArrayRef<uint8_t> bytes;

  bool isArray() const { return type == GGUFType::Array; }
};

/// One tensor: `shape` is row-major (the file's `ne` reversed: rows before
/// columns), `offset` is absolute in the file, `bytes` = elements / blockSize x
/// bytesPerBlock.
struct GGUFTensor {
  std::string name;
  const GGMLType *type = nullptr;
  llvm::SmallVector<int64_t> shape;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// A GGUF file, checked whole when opened: after that every value and tensor
/// lies inside the file. Errors name the file and the tensor or key. StringRefs
/// point into the mapping.
class GGUFFile {
public:
  static llvm::Expected<std::shared_ptr<const GGUFFile>>
  open(llvm::StringRef path);
  /// Parses memory which the caller keeps alive; its identifier stands for the
  /// path in messages.
  static llvm::Expected<std::shared_ptr<const GGUFFile>>
  parse(llvm::MemoryBufferRef buffer);

  uint32_t version() const { return fileVersion; }
  uint64_t alignment() const { return align; }
  llvm::StringRef path() const { return file->path(); }
  uint64_t dataOffset() const { return dataBegin; }
  const std::shared_ptr<const support::MappedFile> &mapping() const {
    return file;
  }

  /// In the order of the file.
  llvm::ArrayRef<GGUFTensor> tensors() const { return entries; }
  const GGUFTensor *find(llvm::StringRef name) const;
  /// An error that names tensor and file where it is missing.
  llvm::Expected<const GGUFTensor *> get(llvm::StringRef name) const;
  llvm::ArrayRef<uint8_t> data(const GGUFTensor &tensor) const {
    return file->bytes().slice(tensor.offset, tensor.bytes);
  }

  /// In the order of the file.
  llvm::ArrayRef<GGUFValue> metadata() const { return values; }
  const GGUFValue *value(llvm::StringRef key) const;
  bool has(llvm::StringRef key) const { return value(key); }

  // Typed access. A missing key, another type or a value out of range is an
  // error naming file and key. Integers are accepted from any integer type,
  // floating point from F32 and F64 (NaN and infinity pass: the caller knows
  // what they mean).
  llvm::Expected<uint32_t> getU32(llvm::StringRef key) const;
  llvm::Expected<uint64_t> getU64(llvm::StringRef key) const;
  llvm::Expected<int64_t> getI64(llvm::StringRef key) const;
  llvm::Expected<float> getF32(llvm::StringRef key) const;
  llvm::Expected<double> getF64(llvm::StringRef key) const;
  llvm::Expected<bool> getBool(llvm::StringRef key) const;
  llvm::Expected<llvm::StringRef> getString(llvm::StringRef key) const;
  llvm::Expected<std::vector<int64_t>> getI64Array(llvm::StringRef key) const;
  llvm::Expected<std::vector<double>> getF64Array(llvm::StringRef key) const;
  llvm::Expected<std::vector<bool>> getBoolArray(llvm::StringRef key) const;
  llvm::Expected<std::vector<llvm::StringRef>>
  getStringArray(llvm::StringRef key) const;

  // The same with a value for a missing key; another type is still an error.
  llvm::Expected<uint32_t> getU32Or(llvm::StringRef key,
                                    uint32_t missing) const;
  llvm::Expected<uint64_t> getU64Or(llvm::StringRef key,
                                    uint64_t missing) const;
  llvm::Expected<float> getF32Or(llvm::StringRef key, float missing) const;
  llvm::Expected<bool> getBoolOr(llvm::StringRef key, bool missing) const;
  llvm::Expected<llvm::StringRef> getStringOr(llvm::StringRef key,
                                              llvm::StringRef missing) const;

  /// Error `FILE: key 'KEY': MESSAGE`, for checks of the caller.
  llvm::Error keyError(llvm::StringRef key, const llvm::Twine &message) const;

private:
  GGUFFile() = default;
  static llvm::Expected<std::shared_ptr<const GGUFFile>>
  read(std::shared_ptr<const support::MappedFile> file);
  friend class GGUFParser;

  llvm::Expected<const GGUFValue *> expect(llvm::StringRef key,
                                           bool array) const;

  std::shared_ptr<const support::MappedFile> file;
  std::vector<GGUFTensor> entries;
  std::vector<GGUFValue> values;
  llvm::StringMap<unsigned> tensorIndex, valueIndex;
  uint32_t fileVersion = 0;
  uint64_t align = 32, dataBegin = 0;
};

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_GGUF_H
