//===- MappedFile.cpp - a file, read-only in memory ---------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/MappedFile.h"
#include "allot/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace allot::support {

MappedFile::MappedFile() = default;
MappedFile::~MappedFile() = default;

llvm::Expected<std::shared_ptr<const MappedFile>>
MappedFile::open(llvm::StringRef path) {
  // Pipes and devices first: they may have no end, and cannot be read twice.
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return fileError(path, "cannot be opened: " + code.message());
  if (status.type() == llvm::sys::fs::file_type::directory_file)
    return fileError(path, "is a folder, not a file");
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return fileError(path, "is not a regular file");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fileError(path, "cannot be opened: " + buffer.getError().message());
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name = path.str();
  file->owned = std::move(*buffer);
  file->data = llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(file->owned->getBufferStart()),
      file->owned->getBufferSize());
  return file;
}

std::shared_ptr<const MappedFile>
MappedFile::borrow(llvm::MemoryBufferRef buffer) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name = buffer.getBufferIdentifier().str();
  file->data = llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(buffer.getBufferStart()),
      buffer.getBufferSize());
  return file;
}

llvm::MemoryBufferRef MappedFile::buffer() const {
  return llvm::MemoryBufferRef(
      llvm::StringRef(reinterpret_cast<const char *>(data.data()), data.size()),
      name);
}

void MappedFile::dropPages() const {
  if (owned)
    owned->dontNeedIfMmap();
}

} // namespace allot::support
