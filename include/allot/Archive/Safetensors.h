//===- Safetensors.h - reading and writing safetensors files -------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The format: eight bytes with the length of the header (little endian), the
// header (JSON: name -> dtype, shape, data_offsets; `__metadata__`: strings),
// then the data section, which the tensors fill without overlap or hole. Layout
// reference: the format description of the safetensors project.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_SAFETENSORS_H
#define ALLOT_ARCHIVE_SAFETENSORS_H

#include "allot/Archive/DType.h"
#include "allot/Support/MappedFile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace allot::support {
class AtomicFile;
}

namespace allot::archive {

/// One tensor of a file: `bytes` = product of `shape` x dtypeBytes(dtype),
/// row-major, at `offset` from the start of the file (absolute). No alignment
/// is promised.
struct TensorEntry {
  std::string name;
  DType dtype = DType::F32;
  llvm::SmallVector<int64_t> shape;
  uint64_t offset = 0;
  uint64_t bytes = 0;

  uint64_t numElements() const { return bytes / dtypeBytes(dtype); }
};

/// A safetensors file, checked whole when opened: after that every entry lies
/// inside the file. Reading maps the file and touches the header alone. Errors
/// name the file, the tensor and the defect.
class SafetensorsFile {
public:
  static llvm::Expected<std::shared_ptr<const SafetensorsFile>>
  open(llvm::StringRef path);
  /// Parses memory which the caller keeps alive; its identifier stands for the
  /// path in messages.
  static llvm::Expected<std::shared_ptr<const SafetensorsFile>>
  parse(llvm::MemoryBufferRef buffer);

  /// The tensor called `name`, or null.
  const TensorEntry *find(llvm::StringRef name) const;
  /// The tensor called `name`; an error that names it and the file where it is
  /// missing.
  llvm::Expected<const TensorEntry *> get(llvm::StringRef name) const;
  /// In the order of their data (empty tensors at the same place by name).
  llvm::ArrayRef<TensorEntry> tensors() const { return entries; }
  llvm::ArrayRef<uint8_t> data(const TensorEntry &entry) const {
    return file->bytes().slice(entry.offset, entry.bytes);
  }
  const llvm::StringMap<std::string> &metadata() const { return meta; }
  llvm::StringRef path() const { return file->path(); }
  /// Where the data section begins.
  uint64_t dataOffset() const { return dataBegin; }
  const std::shared_ptr<const support::MappedFile> &mapping() const {
    return file;
  }

  /// A whole floating-point tensor as float (F64 is rounded). Integers and BOOL
  /// are an error.
  llvm::Expected<std::vector<float>> readFloat(const TensorEntry &entry) const;
  /// A whole integer or BOOL tensor, any width; a U64 above 2^63 - 1 is an
  /// error.
  llvm::Expected<std::vector<int64_t>>
  readInt64(const TensorEntry &entry) const;
  /// As readInt64; a value outside int32 is an error.
  llvm::Expected<std::vector<int32_t>>
  readInt32(const TensorEntry &entry) const;
  // The same by name.
  llvm::Expected<std::vector<float>> readFloat(llvm::StringRef name) const;
  llvm::Expected<std::vector<int64_t>> readInt64(llvm::StringRef name) const;
  llvm::Expected<std::vector<int32_t>> readInt32(llvm::StringRef name) const;

private:
  SafetensorsFile() = default;
  static llvm::Expected<std::shared_ptr<const SafetensorsFile>>
  read(std::shared_ptr<const support::MappedFile> file);

  std::shared_ptr<const support::MappedFile> file;
  std::vector<TensorEntry> entries;
  llvm::StringMap<unsigned> index;
  llvm::StringMap<std::string> meta;
  uint64_t dataBegin = 0;
};

/// Declaration of a tensor to be written.
struct TensorSpec {
  std::string name;
  DType dtype = DType::F32;
  llvm::SmallVector<int64_t> shape;
};

/// Writes a safetensors file whose tensors are known beforehand and whose bytes
/// come in any order, in pieces. The data section starts at a multiple of 64.
/// Tensors are laid out by falling alignment of their size, else as declared,
/// so each tensor starts at a multiple of the largest power of two (up to 64)
/// that divides its size: at least of its element size. The same specs and
/// bytes give the same file. Not thread-safe.
class SafetensorsWriter {
public:
  /// Starts `path` under a temporary name. Fails on names that are repeated,
  /// reserved or not UTF-8, and on sizes that overflow.
  static llvm::Expected<std::unique_ptr<SafetensorsWriter>>
  create(llvm::StringRef path, llvm::ArrayRef<TensorSpec> tensors,
         const std::map<std::string, std::string> &metadata = {});
  ~SafetensorsWriter();

  /// Writes `bytes` at `offset` within tensor `name`. A part may be written
  /// once only.
  llvm::Error write(llvm::StringRef name, uint64_t offset,
                    llvm::ArrayRef<uint8_t> bytes);
  /// Writes a whole tensor.
  llvm::Error write(llvm::StringRef name, llvm::ArrayRef<uint8_t> bytes);
  /// Writes a whole tensor of dtype F32, F16 or BF16 (rounding to nearest
  /// even).
  llvm::Error writeFloat(llvm::StringRef name, llvm::ArrayRef<float> values);
  /// Writes a whole tensor of dtype I32.
  llvm::Error writeInt32(llvm::StringRef name, llvm::ArrayRef<int32_t> values);
  /// Writes a whole tensor of dtype I64.
  llvm::Error writeInt64(llvm::StringRef name, llvm::ArrayRef<int64_t> values);

  /// Declared tensors with the offsets they will have in the file.
  llvm::ArrayRef<TensorEntry> tensors() const { return entries; }
  const TensorEntry *find(llvm::StringRef name) const;
  /// Size of the file and of its header.
  uint64_t fileBytes() const { return total; }
  uint64_t headerBytes() const { return dataBegin; }

  /// Finishes the file. An error, and no file, where a tensor was not written
  /// in full.
  llvm::Error commit(bool sync = false);
  /// As commit, but the file still has to be committed, together with others.
  llvm::Expected<std::unique_ptr<support::AtomicFile>> finish();

private:
  SafetensorsWriter();
  llvm::Expected<const TensorEntry *> expect(llvm::StringRef name, DType dtype,
                                             uint64_t elements) const;
  llvm::Error checkWhole() const;

  std::unique_ptr<support::AtomicFile> file;
  std::vector<TensorEntry> entries;
  llvm::StringMap<unsigned> index;
  /// Per tensor: begin -> end of the parts written, adjacent ones joined.
  std::vector<std::map<uint64_t, uint64_t>> written;
  uint64_t dataBegin = 0, total = 0;
};

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_SAFETENSORS_H
