//===- MappedFile.h - a file, read-only in memory ------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_MAPPEDFILE_H
#define ALLOT_SUPPORT_MAPPEDFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <memory>
#include <string>

namespace llvm {
class MemoryBuffer;
}

namespace allot::support {

/// The bytes of one regular file, mapped (small files are read). Whoever keeps
/// pointers into `bytes()` keeps the shared_ptr. The file must not shrink while
/// it is mapped; our own writers replace files, they never rewrite them.
class MappedFile {
public:
  /// Opens `path`. Fails, naming the file, where it is missing, unreadable or
  /// not a regular file.
  static llvm::Expected<std::shared_ptr<const MappedFile>>
  open(llvm::StringRef path);
  /// A view of memory that the caller keeps alive, under a name for messages.
  static std::shared_ptr<const MappedFile> borrow(llvm::MemoryBufferRef buffer);

  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  llvm::ArrayRef<uint8_t> bytes() const { return data; }
  uint64_t size() const { return data.size(); }
  llvm::StringRef path() const { return name; }
  llvm::MemoryBufferRef buffer() const;

  /// Tells the system that the pages of this mapping are not needed for now
  /// (they are read again on demand), so that streaming over a large file does
  /// not fill memory.
  void dropPages() const;

private:
  MappedFile();
  std::string name;
  std::unique_ptr<llvm::MemoryBuffer> owned;
  llvm::ArrayRef<uint8_t> data;
};

} // namespace allot::support

#endif // ALLOT_SUPPORT_MAPPEDFILE_H
