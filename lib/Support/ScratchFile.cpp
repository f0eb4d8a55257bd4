//===- ScratchFile.cpp - numbers in a file instead of memory ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Support/ScratchFile.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace allot::support {

/// Takes the space of `size` bytes; an error number, or 0.
static int allocate(int fd, uint64_t size) {
#ifdef __linux__
  return ::posix_fallocate(fd, 0, off_t(size));
#else
  std::vector<char> zeros(1 << 16);
  for (uint64_t at = 0; at < size;) {
    ssize_t written =
        ::write(fd, zeros.data(), std::min<uint64_t>(zeros.size(), size - at));
    if (written < 0)
      return errno;
    at += uint64_t(written);
  }
  return 0;
#endif
}

llvm::Expected<std::unique_ptr<ScratchFile>>
ScratchFile::create(llvm::StringRef folder, uint64_t size) {
  llvm::SmallString<128> name(folder.empty() ? "." : folder);
  auto failed = [&](int code) {
    return fileError(folder.empty() ? "." : folder,
                     "no temporary file of " + llvm::Twine(size) +
                         " bytes: " + std::generic_category().message(code));
  };
  std::unique_ptr<ScratchFile> file(new ScratchFile);
  if (size == 0)
    return file;
  llvm::sys::path::append(name, ".allot-XXXXXX");
  // Terminated, in place: mkstemp fills in the name.
  (void)name.c_str();
  int fd = ::mkstemp(name.data());
  if (fd < 0)
    return failed(errno);
  ::unlink(name.c_str());
  int code = allocate(fd, size);
  void *mapped = MAP_FAILED;
  if (!code) {
    mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
      code = errno;
  }
  ::close(fd);
  if (code)
    return failed(code);
  file->data = {static_cast<uint8_t *>(mapped), size};
  return file;
}

ScratchFile::~ScratchFile() {
  if (!data.empty())
    ::munmap(data.data(), data.size());
}

} // namespace allot::support
