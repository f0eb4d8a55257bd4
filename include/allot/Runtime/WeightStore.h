//===- WeightStore.h - the weights of a running program ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_WEIGHTSTORE_H
#define ALLOT_RUNTIME_WEIGHTSTORE_H

#include "allot/Archive/StoredWeights.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace allot::support {
class Progress;
}

namespace allot::runtime {

/// The weight globals of a module before it is lowered, by symbol: where each
/// is stored, and in which encoding.
struct WeightSource {
  format::StoredAttr stored;
  mlir::RankedTensorType type;
};
using WeightSources = llvm::StringMap<WeightSource>;

/// Collects the weight globals of `module`; globals without a `#format.stored`
/// value are left out.
WeightSources collectWeightSources(mlir::ModuleOp module);

/// A memref<?xi8> as compiled code sees it.
struct ByteMemRef {
  uint8_t *allocated = nullptr;
  uint8_t *aligned = nullptr;
  int64_t offset = 0;
  int64_t size = 0;
  int64_t stride = 1;
};

/// The weight table of a lowered program: entry i holds the bytes of the global
/// and in the encoding that entry i of `format.table` names. Bytes that lie in
/// their file as wanted are used where they are mapped; others are converted
/// once, on all cores, into memory of this store.
class WeightStore {
public:
  /// `table` is the module attribute `format.table`, `folder` that of the
  /// module's file. Errors name file and tensor, or the global.
  static llvm::Expected<std::unique_ptr<WeightStore>>
  load(mlir::ArrayAttr table, const WeightSources &sources,
       llvm::StringRef folder, support::Progress *progress = nullptr);
  ~WeightStore();
  WeightStore(const WeightStore &) = delete;
  WeightStore &operator=(const WeightStore &) = delete;

  struct Weight {
    std::string global;
    mlir::RankedTensorType type;
    uint64_t storedBytes = 0;
    bool mapped = false;
  };
  /// The same bytes one entry after the other, in the order of the table, for a
  /// file: `write` gets each once. Memory holds one entry at a time.
  static llvm::Error
  pack(mlir::ArrayAttr table, const WeightSources &sources,
       llvm::StringRef folder,
       llvm::function_ref<llvm::Error(const Weight &, llvm::ArrayRef<uint8_t>)>
           write,
       support::Progress *progress = nullptr);
  /// A store whose entries lie packed in a mapped file, at these offsets, which
  /// the caller has checked.
  static std::unique_ptr<WeightStore>
  map(std::shared_ptr<const support::MappedFile> file,
      llvm::ArrayRef<Weight> weights, llvm::ArrayRef<uint64_t> offsets);

  /// In the order of the table.
  llvm::ArrayRef<Weight> weights() const { return entries; }
  llvm::ArrayRef<uint8_t> bytes(unsigned index) const {
    return {table[index].aligned, size_t(table[index].size)};
  }
  /// The first entry that holds this global.
  std::optional<unsigned> find(llvm::StringRef global) const;
  /// The bytes of an entry, to be changed by the caller; mapped bytes are
  /// copied first. A running program sees the change from its next run on.
  llvm::Expected<llvm::MutableArrayRef<uint8_t>> writable(unsigned index);

  /// The table itself, a memref<?xmemref<?xi8>> of one descriptor per entry.
  llvm::ArrayRef<ByteMemRef> descriptors() const { return table; }
  /// Bytes that the program reads: the sum over the table.
  uint64_t tableBytes() const;
  /// Bytes that the same globals take in their files.
  uint64_t storedBytes() const;

private:
  struct Wanted;
  static llvm::Expected<Wanted> resolve(mlir::Attribute attribute,
                                        unsigned index,
                                        const WeightSources &sources,
                                        archive::StoredWeights &files);
  explicit WeightStore(llvm::StringRef folder) : files(folder) {}
  archive::StoredWeights files;
  std::shared_ptr<const support::MappedFile> mapping;
  std::vector<Weight> entries;
  std::vector<ByteMemRef> table;
  std::vector<std::shared_ptr<void>> owned;
};

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_WEIGHTSTORE_H
