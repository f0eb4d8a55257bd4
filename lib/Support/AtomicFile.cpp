//===- AtomicFile.cpp - outputs that appear whole or not at all ---*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#if LLVM_ON_UNIX
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#ifdef __linux__
#include <fcntl.h>
#include <stdio.h>
#endif

namespace allot::support {

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

/// A name in `folder` that no other process picks. Not
/// sys::fs::createUniqueFile: that replaces `%` anywhere in the path, also in
/// folders of the user.
static llvm::SmallString<128> temporaryName(llvm::StringRef folder) {
  llvm::SmallString<128> name(folder);
  uint64_t random = (uint64_t(llvm::sys::Process::GetRandomNumber()) << 32) ^
                    llvm::sys::Process::GetRandomNumber() ^
                    (uint64_t(llvm::sys::Process::getProcessId()) << 16);
  path::append(name, ".allot-" + llvm::utohexstr(random, /*LowerCase=*/true) +
                         ".tmp");
  return name;
}

/// Tells removeStaleTemporaries of other processes that this one is at work,
/// until the file is closed or the process ends.
static void hold(int fd) {
#if LLVM_ON_UNIX
  if (fd >= 0)
    (void)::flock(fd, LOCK_EX | LOCK_NB);
#endif
}

static bool isTemporaryName(llvm::StringRef name) {
  return name.consume_front(".allot-") && name.consume_back(".tmp") &&
         !name.empty() && llvm::all_of(name, llvm::isHexDigit);
}

void removeStaleTemporaries(llvm::StringRef folder, std::chrono::seconds age) {
#if LLVM_ON_UNIX
  std::error_code code;
  fs::directory_iterator at(folder.empty() ? "." : folder, code,
                            /*follow_symlinks=*/false),
      end;
  for (; !code && at != end; at.increment(code)) {
    const std::string &name = at->path();
    if (!isTemporaryName(path::filename(name)))
      continue;
    int fd =
        ::open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
      continue;
    // The time of the last change of anything, also of its names.
    struct stat status;
    bool stale = ::fstat(fd, &status) == 0 &&
                 std::time(nullptr) - status.st_ctime >= age.count() &&
                 ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (stale && S_ISREG(status.st_mode))
      fs::remove(name);
    else if (stale && S_ISDIR(status.st_mode))
      fs::remove_directories(name);
    ::close(fd);
  }
#endif
}

/// The name behind a link; the name itself where there is nothing yet.
static std::string resolve(llvm::StringRef name) {
  llvm::SmallString<128> real;
  if (!fs::real_path(name, real))
    return std::string(real);
  return name.str();
}

struct AtomicFile::Impl {
  /// The file that gets the bytes in the end: the target, or what it links to.
  std::string final;
  llvm::SmallString<128> temporary;
  int fd = -1;
  /// Keeps the mode bits of a file that is replaced.
  std::optional<fs::perms> permissions;
  /// The target exists and is no regular file.
  bool copy = false;
  bool done = false;
  std::unique_ptr<llvm::raw_fd_ostream> os;
  std::error_code error;

  /// Takes over the error state of the stream, which would otherwise abort in
  /// its destructor.
  std::error_code collect() {
    if (os && os->has_error()) {
      if (!error)
        error = os->error();
      os->clear_error();
    }
    return error;
  }

  /// Flushes and closes, keeping the first error.
  void close() {
    if (os) {
      os->flush();
      collect();
      os.reset();
    }
    if (fd >= 0) {
      std::error_code code = llvm::sys::Process::SafelyCloseFileDescriptor(fd);
      if (code && !error)
        error = code;
      fd = -1;
    }
  }

  void discard() {
    close();
    if (!done)
      fs::remove(temporary);
    llvm::sys::DontRemoveFileOnSignal(temporary);
    done = true;
  }

  /// Copies the finished temporary file into a pipe or device.
  std::error_code copyToTarget() {
    auto buffer = llvm::MemoryBuffer::getFile(temporary, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    if (!buffer)
      return buffer.getError();
    int out = -1;
    if (std::error_code code =
            fs::openFileForWrite(final, out, fs::CD_OpenExisting))
      return code;
    llvm::raw_fd_ostream stream(out, /*shouldClose=*/true);
    stream << (*buffer)->getBuffer();
    stream.close();
    std::error_code code = stream.error();
    stream.clear_error();
    return code;
  }
};

AtomicFile::AtomicFile() : impl(std::make_unique<Impl>()) {}
AtomicFile::~AtomicFile() {
  if (!impl->done)
    impl->discard();
}

static llvm::Error writeError(llvm::StringRef target, std::error_code code) {
  return fileError(target, "cannot be written: " + code.message());
}

llvm::Expected<std::unique_ptr<AtomicFile>>
AtomicFile::create(llvm::StringRef target) {
  if (target.empty())
    return fileError("output", "the file name is empty");
  std::unique_ptr<AtomicFile> file(new AtomicFile);
  Impl &impl = *file->impl;
  impl.done = true; // nothing to discard yet
  file->target = target.str();
  impl.final = target.str();

  llvm::SmallString<128> folder;
  fs::file_status status;
  std::error_code code = fs::status(target, status);
  if (!code && fs::exists(status)) {
    if (fs::is_directory(status))
      return fileError(target, "cannot be written: it is a folder");
    if (std::error_code denied = fs::access(target, fs::AccessMode::Write))
      return writeError(target, denied);
    impl.copy = !fs::is_regular_file(status);
    if (impl.copy) {
      path::system_temp_directory(/*ErasedOnReboot=*/true, folder);
    } else {
      impl.permissions = status.permissions();
      impl.final = resolve(target);
    }
  }
  if (!impl.copy)
    folder = path::parent_path(impl.final);

  removeStaleTemporaries(folder);
  for (int attempt = 0;; ++attempt) {
    impl.temporary = temporaryName(folder);
    code = fs::openFile(impl.temporary, impl.fd, fs::CD_CreateNew,
                        fs::FA_Read | fs::FA_Write, fs::OF_None);
    if (!code)
      break;
    impl.fd = -1;
    if (code != std::errc::file_exists || attempt == 16)
      return writeError(target, code);
  }
  impl.done = false;
  hold(impl.fd);
  // Interrupted by Ctrl-C, the program should not leave its temporary file.
  llvm::sys::RemoveFileOnSignal(impl.temporary);
  impl.os =
      std::make_unique<llvm::raw_fd_ostream>(impl.fd, /*shouldClose=*/false);
  return file;
}

llvm::raw_pwrite_stream &AtomicFile::stream() { return *impl->os; }

llvm::Error AtomicFile::check() {
  if (std::error_code code = impl->collect())
    return writeError(target, code);
  return llvm::Error::success();
}

llvm::Error AtomicFile::append(llvm::ArrayRef<uint8_t> bytes) {
  impl->os->write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  return check();
}

llvm::Error AtomicFile::writeAt(uint64_t offset,
                                llvm::ArrayRef<uint8_t> bytes) {
  uint64_t end = impl->os->tell();
  if (offset > end || bytes.size() > end - offset)
    return fileError(target, "write of " + llvm::Twine(bytes.size()) +
                                 " bytes at " + llvm::Twine(offset) +
                                 " goes beyond the " + llvm::Twine(end) +
                                 " bytes reserved");
  impl->os->pwrite(reinterpret_cast<const char *>(bytes.data()), bytes.size(),
                   offset);
  return check();
}

llvm::Error AtomicFile::reserve(uint64_t size) {
  impl->os->flush();
  if (llvm::Error error = check())
    return error;
  if (size < impl->os->tell())
    return fileError(target, "cannot reserve less than what is written");
#if defined(__linux__)
  // Space and not only a size, where the file system can.
  if (uint64_t before = impl->os->tell(); size > before)
    if (::fallocate(impl->fd, 0, off_t(before), off_t(size - before)) != 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
      impl->error = std::error_code(errno, std::generic_category());
      return writeError(target, impl->error);
    }
#endif
  if (std::error_code code = fs::resize_file(impl->fd, size)) {
    impl->error = code;
    return writeError(target, code);
  }
  impl->os->seek(size);
  return check();
}

llvm::StringRef AtomicFile::temporaryPath() const { return impl->temporary; }

llvm::Error AtomicFile::prepare(bool sync) {
  if (impl->done)
    return fileError(target, "was committed already");
  if (!impl->os)
    return llvm::Error::success();
  impl->os->flush();
  impl->collect();
#if LLVM_ON_UNIX
  if (sync && !impl->error && ::fsync(impl->fd) != 0)
    impl->error = std::error_code(errno, std::generic_category());
#endif
  impl->close();
  if (!impl->error)
    return llvm::Error::success();
  impl->discard();
  return writeError(target, impl->error);
}

llvm::Error AtomicFile::commit(bool sync) {
  if (llvm::Error error = prepare(sync))
    return error;
  if (!impl->error) {
    if (impl->copy) {
      impl->error = impl->copyToTarget();
    } else {
      // A failure to keep the mode is no reason to lose the result.
      if (impl->permissions)
        (void)fs::setPermissions(impl->temporary, *impl->permissions);
      impl->error = fs::rename(impl->temporary, impl->final);
      if (!impl->error) {
        llvm::sys::DontRemoveFileOnSignal(impl->temporary);
        impl->done = true;
      }
    }
  }
  std::error_code code = impl->error;
  if (!impl->done)
    impl->discard();
  if (code)
    return writeError(target, code);
  return llvm::Error::success();
}

llvm::Error AtomicFile::commitTogether(llvm::ArrayRef<AtomicFile *> files) {
  for (AtomicFile *file : files)
    if (llvm::Error error = file->prepare())
      return error;
  // What is replaced keeps a second name until all are in their places.
  struct Replaced {
    std::string final;
    llvm::SmallString<128> kept;
  };
  std::vector<Replaced> replaced;
  auto forget = [](llvm::StringRef kept) {
    if (kept.empty())
      return;
    fs::remove(kept);
    llvm::sys::DontRemoveFileOnSignal(kept);
  };
  llvm::Error failure = llvm::Error::success();
  for (AtomicFile *file : files) {
    Replaced old{file->impl->final, {}};
    bool existed = fs::exists(old.final), last = file == files.back();
    if (existed && !last && !file->impl->copy) {
      old.kept = temporaryName(path::parent_path(old.final));
      llvm::sys::RemoveFileOnSignal(old.kept);
      if (fs::create_hard_link(old.final, old.kept)) {
        // No second name on this file system: what is replaced stays replaced.
        forget(old.kept);
        old.kept.clear();
      }
    }
    if (llvm::Error error = file->commit()) {
      failure = llvm::joinErrors(std::move(failure), std::move(error));
      forget(old.kept);
      break;
    }
    if (!file->impl->copy && (!existed || !old.kept.empty()))
      replaced.push_back(std::move(old));
  }
  for (Replaced &old : replaced) {
    if (failure && old.kept.empty()) {
      fs::remove(old.final);
    } else if (failure) {
      std::error_code code = fs::rename(old.kept, old.final);
      llvm::sys::DontRemoveFileOnSignal(old.kept);
      if (code)
        failure = llvm::joinErrors(
            std::move(failure),
            fileError(old.final, "was replaced; what it was before is in " +
                                     llvm::Twine(old.kept)));
    } else {
      forget(old.kept);
    }
  }
  return failure;
}

llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes) {
  auto file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  (*file)->stream() << bytes;
  return (*file)->commit();
}

//===----------------------------------------------------------------------===//
// AtomicFolder
//===----------------------------------------------------------------------===//

/// May the folder `target` be replaced: is it missing, empty, or one of ours?
static llvm::Error mayReplace(llvm::StringRef target, llvm::StringRef marker) {
  fs::file_status status;
  if (fs::status(target, status) || !fs::exists(status))
    return llvm::Error::success();
  if (!fs::is_directory(status))
    return fileError(target, "cannot be written: it exists and is no folder");
  llvm::SmallString<128> mark(target);
  path::append(mark, marker);
  if (fs::exists(mark))
    return llvm::Error::success();
  std::error_code code;
  if (fs::directory_iterator(target, code) != fs::directory_iterator() || code)
    return fileError(target,
                     "is not replaced: the folder is not empty and has no " +
                         quoted(marker));
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<AtomicFolder>>
AtomicFolder::create(llvm::StringRef target, llvm::StringRef marker) {
  while (target.size() > 1 && path::is_separator(target.back()))
    target = target.drop_back();
  if (target.empty())
    return fileError("output", "the folder name is empty");
  std::unique_ptr<AtomicFolder> folder(new AtomicFolder);
  folder->target = resolve(target);
  folder->marker = marker.str();
  if (llvm::Error error = mayReplace(folder->target, marker))
    return error;
  removeStaleTemporaries(path::parent_path(folder->target));
  for (int attempt = 0;; ++attempt) {
    llvm::SmallString<128> name =
        temporaryName(path::parent_path(folder->target));
    std::error_code code =
        fs::create_directory(name, /*IgnoreExisting=*/false, fs::all_all);
    if (!code) {
      folder->temporary = std::string(name);
#if LLVM_ON_UNIX
      folder->lock =
          ::open(folder->temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
#endif
      hold(folder->lock);
      return folder;
    }
    if (code != std::errc::file_exists || attempt == 16)
      return writeError(target, code);
  }
}

AtomicFolder::~AtomicFolder() {
  if (!temporary.empty())
    fs::remove_directories(temporary);
#if LLVM_ON_UNIX
  if (lock >= 0)
    ::close(lock);
#endif
}

std::string AtomicFolder::file(llvm::StringRef name) const {
  llvm::SmallString<128> result(temporary);
  path::append(result, name);
  return std::string(result);
}

/// Exchanges what two names mean, in one step; false where the system cannot.
static bool exchangeNames(const std::string &a, const std::string &b) {
#if defined(__linux__) && defined(RENAME_EXCHANGE)
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(),
                     RENAME_EXCHANGE) == 0;
#else
  return false;
#endif
}

llvm::Error AtomicFolder::commit() {
  if (temporary.empty())
    return fileError(target, "was committed already");
  if (llvm::Error error = mayReplace(target, marker))
    return error;
  // rename(2) does not replace a folder that has files. Best is an exchange, so
  // that at any time there is a whole folder; else the old one steps aside
  // first.
  if (fs::exists(target) && exchangeNames(temporary, target)) {
    fs::remove_directories(temporary);
    temporary.clear();
    return llvm::Error::success();
  }
  llvm::SmallString<128> old;
  if (fs::exists(target)) {
    old = temporaryName(path::parent_path(target));
    if (std::error_code code = fs::rename(target, old))
      return writeError(target, code);
  }
  if (std::error_code code = fs::rename(temporary, target)) {
    if (!old.empty())
      (void)fs::rename(old, target);
    return writeError(target, code);
  }
  temporary.clear();
  if (!old.empty())
    fs::remove_directories(old);
  return llvm::Error::success();
}

} // namespace allot::support
