//===- WeightSource.cpp - the tensors of a checkpoint -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/WeightSource.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/Json.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace allot;
using namespace allot::importer;
using archive::SafetensorsFile;

WeightSource::~WeightSource() = default;

StoredTensor importer::storedTensor(const SafetensorsFile &file,
                                    const archive::TensorEntry &entry,
                                    llvm::StringRef digest) {
  StoredTensor stored;
  stored.path = file.path().str();
  stored.digest = digest.str();
  stored.tensor = entry.name;
  stored.type = archive::dtypeName(entry.dtype).str();
  stored.shape = entry.shape;
  stored.offset = entry.offset;
  stored.bytes = entry.bytes;
  return stored;
}

llvm::Expected<StoredTensor> WeightSource::get(llvm::StringRef name,
                                               llvm::ArrayRef<int64_t> shape,
                                               llvm::StringRef expectedBy) {
  auto stored = find(name);
  if (!stored)
    return stored.takeError();
  if (llvm::ArrayRef<int64_t>(stored->shape) != shape)
    return support::tensorError(
        stored->path, stored->tensor,
        "has shape " + support::shapeString(stored->shape) + ", " + expectedBy +
            " needs " + support::shapeString(shape));
  used.insert(name);
  return stored;
}

//===----------------------------------------------------------------------===//
// Safetensors
//===----------------------------------------------------------------------===//

namespace {

/// One file of a checkpoint, with its digest.
struct OpenFile {
  std::shared_ptr<const SafetensorsFile> file;
  std::string digest;
};

llvm::Expected<OpenFile> openFile(llvm::StringRef path) {
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  return OpenFile{*file, archive::fileDigest(**file)};
}

class FileWeights : public WeightSource {
public:
  explicit FileWeights(OpenFile opened) : opened(std::move(opened)) {}

  bool has(llvm::StringRef name) const override {
    return opened.file->find(name);
  }
  llvm::Error checkAllUsed(
      llvm::function_ref<bool(llvm::StringRef)> ignore) const override {
    for (const archive::TensorEntry &entry : opened.file->tensors())
      if (!used.contains(entry.name) && !ignore(entry.name))
        return support::tensorError(opened.file->path(), entry.name,
                                    "the model has no such parameter");
    return llvm::Error::success();
  }

  llvm::Expected<StoredTensor> find(llvm::StringRef name) override {
    auto entry = opened.file->get(name);
    if (!entry)
      return entry.takeError();
    return storedTensor(*opened.file, **entry, opened.digest);
  }

private:
  OpenFile opened;
};

/// A checkpoint in shards, by its index.
class ShardedWeights : public WeightSource {
public:
  static llvm::Expected<std::unique_ptr<WeightSource>>
  open(llvm::StringRef directory, llvm::StringRef indexPath);

  bool has(llvm::StringRef name) const override { return where.count(name); }
  llvm::Error checkAllUsed(
      llvm::function_ref<bool(llvm::StringRef)> ignore) const override {
    for (const std::string &name : names)
      if (!used.contains(name) && !ignore(name))
        return support::tensorError(index->path(), name,
                                    "the model has no such parameter");
    return llvm::Error::success();
  }

  llvm::Expected<StoredTensor> find(llvm::StringRef name) override;

private:
  std::string directory;
  std::shared_ptr<const archive::JsonDocument> index;
  /// Tensor name -> shard name.
  llvm::StringMap<std::string> where;
  std::vector<std::string> names;
  llvm::StringMap<OpenFile> shards;
};

} // namespace

/// Whether a path from a file may be followed: relative, without `..`.
static bool staysInside(llvm::StringRef path) {
  if (path.empty() || llvm::sys::path::is_absolute(path) ||
      path.contains('\0') || path.contains('\\'))
    return false;
  for (auto it = llvm::sys::path::begin(path), end = llvm::sys::path::end(path);
       it != end; ++it)
    if (*it == "..")
      return false;
  return true;
}

llvm::Expected<std::unique_ptr<WeightSource>>
ShardedWeights::open(llvm::StringRef directory, llvm::StringRef indexPath) {
  auto index = archive::JsonDocument::open(indexPath);
  if (!index)
    return index.takeError();
  auto source = std::make_unique<ShardedWeights>();
  source->directory = directory.str();
  source->index = *index;
  auto members = (**index)["weight_map"].members();
  if (!members)
    return members.takeError();
  for (auto &[name, field] : *members) {
    auto shard = field.string();
    if (!shard)
      return shard.takeError();
    if (!staysInside(*shard))
      return field.error("shard " + support::quoted(*shard) +
                         " leaves the folder of the checkpoint");
    source->where[name] = shard->str();
    source->names.push_back(name.str());
  }
  return source;
}

llvm::Expected<StoredTensor> ShardedWeights::find(llvm::StringRef name) {
  auto shardName = where.find(name);
  if (shardName == where.end())
    return support::tensorError(index->path(), name, "is missing");
  OpenFile &shard = shards[shardName->second];
  if (!shard.file) {
    llvm::SmallString<256> path(directory);
    llvm::sys::path::append(path, shardName->second);
    if (!llvm::sys::fs::exists(path))
      return (*index)["weight_map"][name].error(
          "shard " + support::quoted(shardName->second) + " does not exist");
    auto opened = openFile(path);
    if (!opened)
      return opened.takeError();
    shard = *opened;
  }
  auto entry = shard.file->get(name);
  if (!entry)
    return entry.takeError();
  return storedTensor(*shard.file, **entry, shard.digest);
}

llvm::Expected<std::unique_ptr<WeightSource>>
importer::openFolderWeights(llvm::StringRef directory) {
  llvm::SmallString<256> single(directory), index(directory);
  llvm::sys::path::append(single, "model.safetensors");
  llvm::sys::path::append(index, "model.safetensors.index.json");
  if (!llvm::sys::fs::exists(single) && llvm::sys::fs::exists(index))
    return ShardedWeights::open(directory, index);
  if (!llvm::sys::fs::exists(single))
    return support::fileError(directory,
                              "the folder has neither model.safetensors nor "
                              "model.safetensors.index.json");
  auto opened = openFile(single);
  if (!opened)
    return opened.takeError();
  return std::make_unique<FileWeights>(std::move(*opened));
}

std::unique_ptr<WeightSource>
importer::openFileWeights(std::shared_ptr<const SafetensorsFile> file) {
  std::string digest = archive::fileDigest(*file);
  return std::make_unique<FileWeights>(
      OpenFile{std::move(file), std::move(digest)});
}
