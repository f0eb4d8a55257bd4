//===- Replay.cpp - a harness over a corpus, without libFuzzer --- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main function of the harnesses in an ordinary build: each argument is a
// file or a folder of files, and the harness runs over each file once, and over
// each of its beginnings. Ends with the number of inputs.
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <vector>

using namespace llvm::sys;

int main(int argc, char **argv) {
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      files.push_back(argv[i]);
      continue;
    }
    std::error_code code;
    for (fs::directory_iterator it(argv[i], code), end; !code && it != end;
         it.increment(code))
      files.push_back(it->path());
    if (code) {
      llvm::errs() << argv[i] << ": " << code.message() << "\n";
      return 1;
    }
  }
  std::sort(files.begin(), files.end());
  unsigned inputs = 0;
  for (const std::string &name : files) {
    auto file = llvm::MemoryBuffer::getFile(name, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
    if (!file) {
      llvm::errs() << name << ": " << file.getError().message() << "\n";
      return 1;
    }
    llvm::StringRef bytes = (*file)->getBuffer();
    // Cut off at 64 places at most: an odd distance meets every alignment.
    size_t step = (bytes.size() / 64) | 1;
    for (size_t length = 0; length < bytes.size(); length += step, ++inputs) {
      // An allocation of its own, so that a sanitizer sees the end.
      std::vector<uint8_t> part(bytes.begin(), bytes.begin() + length);
      LLVMFuzzerTestOneInput(part.data(), part.size());
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()),
                           bytes.size());
    ++inputs;
  }
  if (files.empty()) {
    llvm::errs() << "no input\n";
    return 1;
  }
  llvm::outs() << files.size() << " files, " << inputs << " inputs\n";
}
