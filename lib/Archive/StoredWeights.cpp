//===- StoredWeights.cpp - the numbers behind weight globals ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Archive/StoredWeights.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Codec/Codec.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace allot;
using namespace allot::archive;

std::string archive::resolveStoredPath(StringRef folder, StringRef file) {
  if (llvm::sys::path::is_absolute(file) || folder.empty())
    return file.str();
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/false);
  return path.str().str();
}

std::string archive::moduleFolder(ModuleOp module) {
  auto location = module.getLoc()->findInstanceOf<FileLineColLoc>();
  return location
             ? llvm::sys::path::parent_path(location.getFilename().getValue())
                   .str()
             : std::string();
}

std::pair<int64_t, int64_t> archive::matrixShape(RankedTensorType type) {
  if (type.getRank() <= 1)
    return {type.getNumElements(), 1};
  int64_t columns = type.getShape().back();
  return {type.getNumElements() / columns, columns};
}

llvm::Expected<ArrayRef<uint8_t>>
StoredWeights::bytes(format::StoredAttr stored) {
  std::string path = resolveStoredPath(folder, stored.getFile().getValue());
  auto [it, isNew] = files.try_emplace(path);
  if (isNew) {
    auto mapping = support::MappedFile::open(path);
    if (!mapping) {
      files.erase(it);
      return mapping.takeError();
    }
    auto digest = fileDigest(path);
    if (!digest) {
      files.erase(it);
      return digest.takeError();
    }
    it->second = {*mapping, *digest};
  }
  const File &file = it->second;
  if (file.digest != stored.getDigest().getValue())
    return support::tensorError(
        path, stored.getTensor().getValue(),
        "the file has changed since the module was made: its digest is " +
            file.digest + ", the module says " + stored.getDigest().getValue());
  auto part = [&](uint64_t offset,
                  uint64_t size) -> llvm::Expected<ArrayRef<uint8_t>> {
    uint64_t end = 0;
    if (__builtin_add_overflow(offset, size, &end) ||
        end > file.mapping->size())
      return support::tensorError(path, stored.getTensor().getValue(),
                                  "the module places it beyond the end of the "
                                  "file");
    return file.mapping->bytes().slice(offset, size);
  };
  auto first = part(stored.getOffset(), stored.getBytes());
  if (!first || !stored.getRestBytes())
    return first;
  auto rest = part(stored.getRestOffset(), stored.getRestBytes());
  if (!rest)
    return rest;
  // Formats take their bytes in one piece.
  std::vector<uint8_t> &whole = joined[stored];
  if (whole.empty()) {
    whole.assign(first->begin(), first->end());
    whole.insert(whole.end(), rest->begin(), rest->end());
  }
  return ArrayRef<uint8_t>(whole);
}

llvm::Expected<ArrayRef<uint8_t>>
StoredWeights::bytes(ml_program::GlobalOp global) {
  auto stored = dyn_cast_or_null<format::StoredAttr>(
      global.getValue().value_or(Attribute()));
  auto type = dyn_cast<RankedTensorType>(global.getType());
  if (!stored || !type)
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "weight @%s has no #format.stored value",
                                   global.getSymName().str().c_str());
  auto data = bytes(stored);
  if (!data)
    return data.takeError();
  if (data->size() != format::getStoredBytes(type))
    return support::tensorError(
        stored.getFile().getValue(), stored.getTensor().getValue(),
        "holds " + Twine(data->size()) + " bytes, @" + global.getSymName() +
            " takes " + Twine(format::getStoredBytes(type)));
  return data;
}

bool archive::holdsWeightsOf(ModuleOp module, StringRef folder,
                             StringRef path) {
  llvm::StringSet<> files;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto stored = dyn_cast_if_present<format::StoredAttr>(
            global.getValue().value_or(Attribute())))
      if (StringRef file = stored.getFile().getValue();
          files.insert(file).second &&
          llvm::sys::fs::equivalent(resolveStoredPath(folder, file), path))
        return true;
  return false;
}

llvm::Error StoredWeights::readRows(ml_program::GlobalOp global, int64_t first,
                                    int64_t count, MutableArrayRef<float> out) {
  auto data = bytes(global);
  if (!data)
    return data.takeError();
  auto type = cast<RankedTensorType>(global.getType());
  auto codec = dyn_cast_or_null<FormatCodecInterface>(type.getEncoding());
  if (!codec)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "weight @%s has no storage format that can be decoded",
        global.getSymName().str().c_str());
  auto [rows, columns] = matrixShape(type);
  int64_t interleave =
      cast<format::StoredAttr>(*global.getValue()).getRowInterleave();
  if (type.getRank() == 1 && interleave == 0 && first == 0 && count == rows) {
    // Blocks of a vector run along it: it is stored as one row.
    codec.decodeRows(*data, 1, rows, 0, 1, out);
    return llvm::Error::success();
  }
  if (interleave == 0) {
    codec.decodeRows(*data, rows, columns, first, count, out);
    return llvm::Error::success();
  }
  for (int64_t r = 0; r < count; ++r)
    codec.decodeRows(*data, rows, columns,
                     codec::interleavedRow(first + r, interleave), 1,
                     out.slice(r * columns, columns));
  return llvm::Error::success();
}

llvm::Expected<std::vector<float>>
StoredWeights::readRows(ml_program::GlobalOp global, ArrayRef<int64_t> rows) {
  int64_t columns =
      matrixShape(cast<RankedTensorType>(global.getType())).second;
  std::vector<float> values(rows.size() * columns);
  for (auto [i, row] : llvm::enumerate(rows))
    if (llvm::Error error =
            readRows(global, row, 1,
                     MutableArrayRef(values).slice(i * columns, columns)))
      return std::move(error);
  return values;
}

llvm::Expected<std::vector<float>>
StoredWeights::read(ml_program::GlobalOp global) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  if (!type || !type.hasStaticShape())
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "@%s is not a static tensor",
                                   global.getSymName().str().c_str());
  std::vector<float> values(type.getNumElements());
  if (llvm::Error error = readRows(global, 0, matrixShape(type).first, values))
    return error;
  return values;
}

void StoredWeights::dropPages() const {
  for (const auto &file : files)
    file.second.mapping->dropPages();
}
