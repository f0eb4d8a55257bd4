//===- WeightSource.h - the tensors of a checkpoint -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_WEIGHTSOURCE_H
#define ALLOT_IMPORT_WEIGHTSOURCE_H

#include "allot/Archive/GGUF.h"
#include "allot/Archive/Safetensors.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace allot::importer {

/// Where the numbers of a weight are: what `#format.stored` will say, and its
/// logical shape.
struct StoredTensor {
  /// The file as it was opened, and its digest.
  std::string path, digest;
  /// The name in the file.
  std::string tensor;
  /// How the numbers are stored, by the name that the file format gives it
  /// (`F32`, `BF16`, `Q4_1`).
  std::string type;
  llvm::SmallVector<int64_t> shape;
  uint64_t offset = 0, bytes = 0;
  /// Not 0: rows are in GGUF's rotary order, heads of so many rows.
  int64_t rowInterleave = 0;
  /// Not 0: so many bytes at another place of the file follow.
  uint64_t restBytes = 0, restOffset = 0;
};

/// The entry of a safetensors file as a StoredTensor.
StoredTensor storedTensor(const archive::SafetensorsFile &file,
                          const archive::TensorEntry &entry,
                          llvm::StringRef digest);

/// The tensors of a checkpoint under their Hugging Face names, whatever the
/// container. Remembers what was asked for.
class WeightSource {
public:
  virtual ~WeightSource();

  /// The tensor called `name`, which must have `shape` (`expectedBy` says in
  /// the error who wants it so, such as `config.json`).
  llvm::Expected<StoredTensor> get(llvm::StringRef name,
                                   llvm::ArrayRef<int64_t> shape,
                                   llvm::StringRef expectedBy);
  virtual bool has(llvm::StringRef name) const = 0;

  /// An error that names the first tensor nobody asked for, unless `ignore`
  /// (given its Hugging Face name) says that it may be.
  virtual llvm::Error
  checkAllUsed(llvm::function_ref<bool(llvm::StringRef)> ignore) const = 0;

  /// The tensor of whatever shape, which is not remembered ..
  virtual llvm::Expected<StoredTensor> find(llvm::StringRef name) = 0;
  /// .. but for this.
  void remember(llvm::StringRef name) { used.insert(name); }

protected:
  llvm::StringSet<> used;
};

/// A folder with `model.safetensors`, or with `model.safetensors.index.json`
/// and shards. Shards are opened when they are needed; shard names that leave
/// the folder are refused when the folder is opened.
llvm::Expected<std::unique_ptr<WeightSource>>
openFolderWeights(llvm::StringRef directory);

/// One safetensors file.
std::unique_ptr<WeightSource>
openFileWeights(std::shared_ptr<const archive::SafetensorsFile> file);

/// A GGUF file. Rows of tensors whose name (as Hugging Face calls it) satisfies
/// `permuted` are in rotary order, heads of `headDim` rows.
std::unique_ptr<WeightSource>
openGGUFWeights(std::shared_ptr<const archive::GGUFFile> file, int64_t headDim,
                std::function<bool(llvm::StringRef)> permuted);

/// The Hugging Face name of a GGUF tensor of a decoder, or empty.
std::string huggingFaceName(llvm::StringRef ggufName);
/// The GGUF name of a Hugging Face parameter of a decoder, or empty.
std::string ggufName(llvm::StringRef huggingFaceName);

} // namespace allot::importer

#endif // ALLOT_IMPORT_WEIGHTSOURCE_H
