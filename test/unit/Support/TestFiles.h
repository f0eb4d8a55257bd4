//===- TestFiles.h - files and errors in unit tests ----------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_UNIT_TESTFILES_H
#define ALLOT_UNIT_TESTFILES_H

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <string>

namespace allot::test {

/// A folder of its own for each test, removed with everything in it.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code code =
        llvm::sys::fs::createUniqueDirectory("allot-test", folder);
    EXPECT_FALSE(code) << code.message();
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name = {}) const {
    llvm::SmallString<128> result(folder);
    llvm::sys::path::append(result, name);
    return std::string(result);
  }

  std::string write(llvm::StringRef name, llvm::StringRef bytes) const {
    std::error_code code;
    llvm::raw_fd_ostream os(path(name), code);
    EXPECT_FALSE(code) << code.message();
    os << bytes;
    return path(name);
  }

  /// Everything in the folder, hidden files too.
  unsigned entries() const {
    std::error_code code;
    unsigned count = 0;
    for (llvm::sys::fs::directory_iterator it(folder, code), end;
         it != end && !code; it.increment(code))
      ++count;
    return count;
  }

private:
  llvm::SmallString<128> folder;
};

inline std::string slurp(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  EXPECT_TRUE(bool(buffer)) << path.str();
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// The message of an error; empty for success.
inline std::string message(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : std::string();
}

template <typename T>
std::string message(llvm::Expected<T> value) {
  return message(value.takeError());
}

/// Expects an error whose message has all of `parts`.
template <typename Result>
void expectError(Result &&result, std::initializer_list<const char *> parts) {
  std::string text = message(std::forward<Result>(result));
  EXPECT_FALSE(text.empty()) << "no error";
  for (const char *part : parts)
    EXPECT_NE(text.find(part), std::string::npos)
        << "no '" << part << "' in: " << text;
}

/// The value; a failure of the test where there is an error.
template <typename T>
T take(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  return T();
}

inline void expectSuccess(llvm::Error error) {
  std::string text = message(std::move(error));
  EXPECT_EQ(text, "");
}

} // namespace allot::test

#endif // ALLOT_UNIT_TESTFILES_H
