//===- Fuzz.h - what the fuzzing harnesses share ----------------- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each harness is one function of libFuzzer, and runs its parser on any bytes:
// it must come back with an error or a result, and every number of a result
// must be readable. See docs/Testing.md.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_FUZZ_FUZZ_H
#define ALLOT_TEST_FUZZ_FUZZ_H

#include "allot/Archive/Json.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace allot::fuzz {

inline llvm::StringRef text(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}
inline llvm::MemoryBufferRef buffer(const uint8_t *data, size_t size) {
  return {text(data, size), "input"};
}

/// The value, if there is one; else reads the error through, as a caller that
/// prints it does.
template <typename T>
std::optional<T> take(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  llvm::toString(value.takeError());
  return std::nullopt;
}
inline bool passed(llvm::Error error) {
  bool good = !error;
  llvm::toString(std::move(error));
  return good;
}

/// A folder of this process in the temporary directory, removed at its end.
class Folder {
public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  /// The path of a file in it.
  std::string file(llvm::StringRef name) const;
  /// Writes such a file; its folders are made.
  std::string write(llvm::StringRef name, llvm::StringRef bytes) const;
  /// Removes everything in it.
  void empty() const;

private:
  std::string path;
};

/// Calls every accessor on `field` and all that is below it.
void readAll(const archive::JsonField &field);

} // namespace allot::fuzz

#endif // ALLOT_TEST_FUZZ_FUZZ_H
