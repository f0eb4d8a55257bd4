//===- ScratchFile.h - numbers in a file instead of memory ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_SCRATCHFILE_H
#define ALLOT_SUPPORT_SCRATCHFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>

namespace allot::support {

/// Bytes in a file without a name, mapped: the system may write them to disk
/// where memory is short, and they are gone with the process. For intermediate
/// results that are too large to be kept in memory beside a model.
class ScratchFile {
public:
  /// `size` zeros in `folder` (empty: the current one). All space is taken
  /// here, so that a full disk is an error and not a signal later.
  static llvm::Expected<std::unique_ptr<ScratchFile>>
  create(llvm::StringRef folder, uint64_t size);
  ~ScratchFile();
  ScratchFile(const ScratchFile &) = delete;
  ScratchFile &operator=(const ScratchFile &) = delete;

  llvm::MutableArrayRef<uint8_t> bytes() { return data; }

private:
  ScratchFile() = default;
  llvm::MutableArrayRef<uint8_t> data;
};

} // namespace allot::support

#endif // ALLOT_SUPPORT_SCRATCHFILE_H
