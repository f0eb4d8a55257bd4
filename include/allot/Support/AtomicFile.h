//===- AtomicFile.h - outputs that appear whole or not at all ------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outputs are written under a temporary name in the same folder and renamed
// when they are complete, so a failed or killed run never leaves half a file.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_ATOMICFILE_H
#define ALLOT_SUPPORT_ATOMICFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace llvm {
class raw_pwrite_stream;
}

namespace allot::support {

/// A file being written. `commit()` makes it visible under its name;
/// destruction without it discards the bytes. A link is followed; a target that
/// is no regular file (a pipe, `/dev/null`) gets the bytes copied on commit
/// instead of being replaced. Write errors (disk full) are kept and reported,
/// naming the target, by `commit()`, `write` and `check()`; the stream itself
/// never aborts. Not thread-safe.
class AtomicFile {
public:
  static llvm::Expected<std::unique_ptr<AtomicFile>>
  create(llvm::StringRef path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  /// Where to append. Buffered.
  llvm::raw_pwrite_stream &stream();
  /// Appends `bytes`.
  llvm::Error append(llvm::ArrayRef<uint8_t> bytes);
  /// Writes `bytes` at an absolute position within what was reserved or
  /// appended already.
  llvm::Error writeAt(uint64_t offset, llvm::ArrayRef<uint8_t> bytes);
  /// Extends the file to `size` bytes (zeros) and moves the end for `append`
  /// there. Where the file system can, this allocates the space, so a full disk
  /// is known before the work is done.
  llvm::Error reserve(uint64_t size);
  /// The first write error so far.
  llvm::Error check();
  /// Flushes (with `sync`, to the device) and closes: all that can fail for
  /// want of space. The bytes are then whole in `temporaryPath()`, and nothing
  /// more can be written. On failure nothing remains.
  llvm::Error prepare(bool sync = false);
  /// Prepares, unless that was done, and renames. Once only. On failure nothing
  /// remains.
  llvm::Error commit(bool sync = false);
  /// Commits files that belong together: all of them, or none where one cannot
  /// be. Only a process that dies between two renames leaves some replaced; all
  /// bytes have been written before the first.
  static llvm::Error commitTogether(llvm::ArrayRef<AtomicFile *> files);

  /// Where the bytes are until they are committed.
  llvm::StringRef temporaryPath() const;

  /// The name the file will have.
  llvm::StringRef path() const { return target; }

private:
  AtomicFile();
  struct Impl;
  std::string target;
  std::unique_ptr<Impl> impl;
};

/// Writes `bytes` to `path` at once, by AtomicFile.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes);

/// A folder of outputs, built beside its final name and renamed by `commit()`.
/// An existing target is replaced only when it is empty or holds a file called
/// `marker` (so a mistyped path never deletes somebody's files).
class AtomicFolder {
public:
  static llvm::Expected<std::unique_ptr<AtomicFolder>>
  create(llvm::StringRef path, llvm::StringRef marker);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder &) = delete;
  AtomicFolder &operator=(const AtomicFolder &) = delete;

  /// The folder to write into.
  llvm::StringRef temporaryPath() const { return temporary; }
  /// `temporaryPath()/name`.
  std::string file(llvm::StringRef name) const;
  llvm::StringRef path() const { return target; }
  llvm::Error commit();

private:
  AtomicFolder() = default;
  std::string target, temporary, marker;
  /// Of the temporary folder; tells others that somebody works on it.
  int lock = -1;
};

/// Removes from `folder` what killed processes left under temporary names of
/// AtomicFile and AtomicFolder: what no process holds any more, and was last
/// changed that long ago. Both do it before they write. Failures are ignored.
void removeStaleTemporaries(llvm::StringRef folder,
                            std::chrono::seconds age = std::chrono::hours(1));

} // namespace allot::support

#endif // ALLOT_SUPPORT_ATOMICFILE_H
