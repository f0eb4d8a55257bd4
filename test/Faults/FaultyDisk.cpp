//===- FaultyDisk.cpp - a disk that fails at the n-th operation -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Preloaded (LD_PRELOAD), this stands between a program and what it does to the
// files in one folder: opening for writing, writing, changing the size,
// syncing, renaming, linking, making folders. Each of these is one operation.
//
//   FAULT_FOLDER  the folder, by its real path
//   FAULT_AT      the operation that fails, counted from 1; 0: none
//   FAULT_KIND    full: it and all behind it that need space fail with ENOSPC;
//                 io: it alone fails with EIO; short: a write stores half of
//                 its bytes, then the disk is full; kill: the process is killed
//                 before it; part: it is killed after half of the bytes of a
//                 write
//   FAULT_COUNT   a file that gets a line with the name of each operation
//   FAULT_SHARED  a file of 16 zero bytes, through which processes that the
//                 program starts (a linker) count on where it has got to
//
//===----------------------------------------------------------------------===//

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

template <typename F>
F *next(const char *name) {
  return reinterpret_cast<F *>(dlsym(RTLD_NEXT, name));
}

struct Plan {
  const char *folder = std::getenv("FAULT_FOLDER");
  const char *count = std::getenv("FAULT_COUNT");
  const char *kind = std::getenv("FAULT_KIND");
  long at = 0;
  struct State {
    long operations, full;
  } own = {0, 0}, *state = &own;
  std::mutex mutex;

  Plan() {
    if (const char *text = std::getenv("FAULT_AT"))
      at = std::atol(text);
    const char *shared = std::getenv("FAULT_SHARED");
    int fd =
        shared ? next<int(const char *, int, ...)>("open")(shared, O_RDWR) : -1;
    if (fd < 0)
      return;
    void *mapped =
        mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
      state = static_cast<State *>(mapped);
    close(fd);
  }
  bool is(const char *name) const { return kind && !std::strcmp(kind, name); }
};

Plan &plan() {
  static Plan *p = new Plan;
  return *p;
}

bool inFolder(const char *path) {
  const char *folder = plan().folder;
  if (!folder || !path)
    return false;
  char real[PATH_MAX];
  if (path[0] != '/') {
    if (!getcwd(real, sizeof(real)))
      return false;
    size_t length = std::strlen(real);
    if (length + std::strlen(path) + 2 > sizeof(real))
      return false;
    real[length] = '/';
    std::strcpy(real + length + 1, path);
    path = real;
  }
  size_t length = std::strlen(folder);
  return !std::strncmp(path, folder, length) && path[length] == '/';
}

bool inFolder(int fd) {
  if (!plan().folder)
    return false;
  char link[64], real[PATH_MAX];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, real, sizeof(real) - 1);
  if (length <= 0)
    return false;
  real[length] = 0;
  return inFolder(real);
}

/// What is to be done at an operation: 0, or an error number. `half`: a write
/// stores half of its bytes first. Does not come back where the process is
/// killed before it.
int operation(const char *name, bool needsSpace, bool *half = nullptr) {
  Plan &p = plan();
  std::lock_guard<std::mutex> lock(p.mutex);
  ++p.state->operations;
  if (p.count) {
    int fd = next<int(const char *, int, ...)>("open")(
        p.count, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
      dprintf(fd, "%s\n", name);
      close(fd);
    }
  }
  if (p.state->full && needsSpace)
    return ENOSPC;
  if (p.at == 0 || p.state->operations != p.at)
    return 0;
  if (p.is("kill") || (p.is("part") && !half))
    raise(SIGKILL);
  if (p.is("io"))
    return EIO;
  if (half && (p.is("short") || p.is("part")))
    *half = true;
  p.state->full = !p.is("part");
  return half && *half ? 0 : needsSpace ? ENOSPC : 0;
}

int failed(int error) {
  errno = error;
  return -1;
}

template <typename Write>
ssize_t writing(int fd, size_t size, const char *name, Write write) {
  if (!inFolder(fd))
    return write(size);
  bool half = false;
  if (int error = operation(name, true, &half))
    return failed(error);
  if (!half)
    return write(size);
  if (size / 2 == 0 && !plan().is("part"))
    return failed(ENOSPC);
  ssize_t result = write(size / 2);
  if (plan().is("part"))
    raise(SIGKILL);
  return result;
}

} // namespace

extern "C" {

ssize_t write(int fd, const void *data, size_t size) {
  static auto *real = next<ssize_t(int, const void *, size_t)>("write");
  return writing(fd, size, "write",
                 [&](size_t n) { return real(fd, data, n); });
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  static auto *real = next<ssize_t(int, const void *, size_t, off_t)>("pwrite");
  return writing(fd, size, "pwrite",
                 [&](size_t n) { return real(fd, data, n, offset); });
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  static auto *real =
      next<ssize_t(int, const void *, size_t, off64_t)>("pwrite64");
  return writing(fd, size, "pwrite64",
                 [&](size_t n) { return real(fd, data, n, offset); });
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  static auto *real = next<ssize_t(int, const struct iovec *, int)>("writev");
  return writing(fd, 2, "writev",
                 [&](size_t n) { return n == 2 ? real(fd, parts, count) : 0; });
}

#define OF_DESCRIPTOR(NAME, SPACE, PARAMETERS, ...)                            \
  int NAME PARAMETERS {                                                        \
    static auto *real = next<int PARAMETERS>(#NAME);                           \
    if (inFolder(fd))                                                          \
      if (int error = operation(#NAME, SPACE))                                 \
        return failed(error);                                                  \
    return real(__VA_ARGS__);                                                  \
  }
OF_DESCRIPTOR(ftruncate, true, (int fd, off_t size), fd, size)
OF_DESCRIPTOR(ftruncate64, true, (int fd, off64_t size), fd, size)
OF_DESCRIPTOR(fallocate, true, (int fd, int mode, off_t offset, off_t size), fd,
              mode, offset, size)
OF_DESCRIPTOR(fallocate64, true,
              (int fd, int mode, off64_t offset, off64_t size), fd, mode,
              offset, size)
OF_DESCRIPTOR(fsync, true, (int fd), fd)
OF_DESCRIPTOR(fdatasync, true, (int fd), fd)

// These give the error instead of setting it.
#define ALLOCATING(NAME, OFFSET)                                               \
  int NAME(int fd, OFFSET offset, OFFSET size) {                               \
    static auto *real = next<int(int, OFFSET, OFFSET)>(#NAME);                 \
    if (inFolder(fd))                                                          \
      if (int error = operation(#NAME, true))                                  \
        return error;                                                          \
    return real(fd, offset, size);                                             \
  }
ALLOCATING(posix_fallocate, off_t)
ALLOCATING(posix_fallocate64, off64_t)

#define OPENING(NAME)                                                          \
  int NAME(const char *path, int flags, ...) {                                 \
    static auto *real = next<int(const char *, int, ...)>(#NAME);              \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                  \
    va_end(rest);                                                              \
    if ((flags & O_ACCMODE) != O_RDONLY && inFolder(path))                     \
      if (int error = operation(#NAME, flags & O_CREAT))                       \
        return failed(error);                                                  \
    return real(path, flags, mode);                                            \
  }
OPENING(open)
OPENING(open64)

#define OF_PATH(NAME, PARAMETERS, ...)                                         \
  int NAME PARAMETERS {                                                        \
    static auto *real = next<int PARAMETERS>(#NAME);                           \
    if (inFolder(path))                                                        \
      if (int error = operation(#NAME, true))                                  \
        return failed(error);                                                  \
    return real(__VA_ARGS__);                                                  \
  }
OF_PATH(mkdir, (const char *path, mode_t mode), path, mode)

/// Taking the place of a file needs no space, so a disk that has been full for
/// a while does not keep it from happening.
int rename(const char *path, const char *target) {
  static auto *real = next<int(const char *, const char *)>("rename");
  if (inFolder(path)) {
    bool first = plan().state->operations + 1 == plan().at;
    if (int error = operation("rename", first || access(target, F_OK) != 0))
      return failed(error);
  }
  return real(path, target);
}

int renameat2(int from, const char *path, int to, const char *target,
              unsigned flags) {
  static auto *real =
      next<int(int, const char *, int, const char *, unsigned)>("renameat2");
  if (inFolder(path))
    if (int error = operation("renameat2", true))
      return failed(error);
  return real(from, path, to, target, flags);
}
OF_PATH(link, (const char *path, const char *target), path, target)

} // extern "C"
