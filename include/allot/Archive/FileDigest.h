//===- FileDigest.h - fingerprints of weight files -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_FILEDIGEST_H
#define ALLOT_ARCHIVE_FILEDIGEST_H

#include "allot/Archive/GGUF.h"
#include "allot/Archive/Safetensors.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace allot::archive {

/// The digest that `#format.stored` keeps of a weight file: of its size, of all bytes before its data section (the header of a
/// safetensors file; metadata and table of tensors of a GGUF file), and of 256 samples of 16 bytes spread over the data (all of it where it is not more). It
/// finds files that were exchanged, cut, trained further or written again without reading the weights whole; a few numbers changed in place go unseen.
std::string fileDigest(const SafetensorsFile &file);
std::string fileDigest(const GGUFFile &file);

/// The same by path; the first bytes of the file tell its kind. Opening checks the file whole, so errors are those of the readers.
llvm::Expected<std::string> fileDigest(llvm::StringRef path);

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_FILEDIGEST_H
