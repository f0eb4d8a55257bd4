//===- FileDigest.cpp - fingerprints of weight files ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Archive/FileDigest.h"
#include "allot/Support/Digest.h"
#include "allot/Support/MappedFile.h"
#include <cstring>

using namespace allot;
using namespace allot::archive;

/// Places in the data section that are looked at, and how many bytes there.
static constexpr uint64_t kSamples = 256, kSampleBytes = 16;

static std::string digestOf(llvm::StringRef kind, const support::MappedFile &file, uint64_t dataOffset) {
  support::Digest digest;
  digest.update(kind).update(file.size()).update(file.bytes().take_front(dataOffset));
  llvm::ArrayRef<uint8_t> data = file.bytes().drop_front(dataOffset);
  if (data.size() <= kSamples * kSampleBytes)
    digest.update(data);
  else
    for (uint64_t i = 0; i < kSamples; ++i)
      digest.update(data.slice((data.size() - kSampleBytes) * i / (kSamples - 1), kSampleBytes));
  return digest.hex();
}

std::string archive::fileDigest(const SafetensorsFile &file) {
  return digestOf("safetensors", *file.mapping(), file.dataOffset());
}

std::string archive::fileDigest(const GGUFFile &file) {
  return digestOf("gguf", *file.mapping(), file.dataOffset());
}

llvm::Expected<std::string> archive::fileDigest(llvm::StringRef path) {
  bool gguf = false;
  {
    auto mapped = support::MappedFile::open(path);
    if (!mapped)
      return mapped.takeError();
    gguf = (*mapped)->size() >= 4 && std::memcmp((*mapped)->bytes().data(), "GGUF", 4) == 0;
  }
  if (gguf) {
    auto file = GGUFFile::open(path);
    if (!file)
      return file.takeError();
    return fileDigest(**file);
  }
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  return fileDigest(**file);
}
