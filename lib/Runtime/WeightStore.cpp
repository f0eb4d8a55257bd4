//===- WeightStore.cpp - the weights of a running program -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/WeightStore.h"
#include "allot/Codec/Codec.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/MathExtras.h"
#include <cstdlib>
#ifdef __linux__
#include <sys/mman.h>
#endif

using namespace mlir;
using namespace allot;
using namespace allot::runtime;

static constexpr uint64_t kAlignment = 64;
/// Weights are read once per token from end to end: large pages save a tenth of
/// that.
static constexpr uint64_t kLargePage = uint64_t(2) << 20;

static llvm::Error globalError(StringRef global, const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "weight @" + global + ": " + message);
}

WeightSources runtime::collectWeightSources(ModuleOp module) {
  WeightSources sources;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto stored = dyn_cast_or_null<format::StoredAttr>(
        global.getValue().value_or(Attribute()));
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (stored && type)
      sources[global.getSymName()] = {stored, type};
  }
  return sources;
}

WeightStore::~WeightStore() = default;

static std::shared_ptr<void> allocate(uint64_t bytes) {
  uint64_t alignment = bytes >= kLargePage ? kLargePage : kAlignment;
  void *data = std::aligned_alloc(
      alignment, llvm::alignTo(std::max<uint64_t>(bytes, 1), alignment));
#ifdef __linux__
  if (data && alignment == kLargePage)
    (void)madvise(data, llvm::alignTo(bytes, alignment), MADV_HUGEPAGE);
#endif
  return std::shared_ptr<void>(data, std::free);
}

llvm::Expected<std::unique_ptr<WeightStore>>
WeightStore::load(ArrayAttr wanted, const WeightSources &sources,
                  StringRef folder, support::Progress *progress) {
  std::unique_ptr<WeightStore> store(new WeightStore(folder));
  struct Conversion {
    unsigned index;
    ArrayRef<uint8_t> source;
    WeightSource from;
    uint64_t offset, bytes;
  };
  // First everything is checked and measured, then memory is taken once, then
  // it is filled.
  std::vector<Conversion> conversions;
  uint64_t arena = 0;
  for (auto [index, attribute] : llvm::enumerate(wanted)) {
    auto entry = dyn_cast<DictionaryAttr>(attribute);
    auto symbol =
        entry ? entry.getAs<FlatSymbolRefAttr>("global") : FlatSymbolRefAttr();
    auto typeAttr = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
    auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                         : RankedTensorType();
    if (!symbol || !type)
      return llvm::createStringError(
          "format.table: entry %u does not name a global and a tensor type",
          unsigned(index));
    StringRef name = symbol.getValue();
    auto found = sources.find(name);
    if (found == sources.end())
      return globalError(name,
                         "there is no such global with a #format.stored value");
    const WeightSource &source = found->second;
    auto from = format::getFormat(source.type), to = format::getFormat(type);
    if (!from || !to)
      return globalError(name, "is no encoded tensor");
    if (source.type.getShape() != type.getShape())
      return globalError(
          name, "has shape " + support::shapeString(source.type.getShape()) +
                    ", the table wants " +
                    support::shapeString(type.getShape()));
    auto bytes = store->files.bytes(source.stored);
    if (!bytes)
      return bytes.takeError();
    if (bytes->size() != format::getStoredBytes(source.type))
      return support::tensorError(
          source.stored.getFile().getValue(),
          source.stored.getTensor().getValue(),
          "holds " + Twine(bytes->size()) + " bytes, its format takes " +
              Twine(format::getStoredBytes(source.type)));
    store->entries.push_back({name.str(), type, bytes->size(), false});
    ByteMemRef memref;
    memref.size = int64_t(format::getStoredBytes(type));
    bool asStored =
        source.type == type && source.stored.getRowInterleave() == 0;
    if (asStored &&
        reinterpret_cast<uintptr_t>(bytes->data()) % kAlignment == 0) {
      store->entries.back().mapped = true;
      memref.allocated = memref.aligned = const_cast<uint8_t *>(bytes->data());
    } else {
      conversions.push_back(
          {unsigned(index), *bytes, source, arena, uint64_t(memref.size)});
      arena = llvm::alignTo(arena + memref.size, kAlignment);
    }
    store->table.push_back(memref);
  }

  auto memory = allocate(arena);
  if (!memory)
    return llvm::createStringError("no memory for %llu bytes of weights",
                                   (unsigned long long)arena);
  store->owned.push_back(memory);
  support::ProgressStep step(progress, "loading weights", conversions.size());
  for (const Conversion &c : conversions) {
    uint8_t *target = static_cast<uint8_t *>(memory.get()) + c.offset;
    const Weight &weight = store->entries[c.index];
    if (llvm::Error error = codec::convert(
            format::getFormat(c.from.type), c.source,
            format::getFormat(weight.type), weight.type.getShape(),
            c.from.stored.getRowInterleave(), {target, size_t(c.bytes)}))
      return support::tensorError(c.from.stored.getFile().getValue(),
                                  c.from.stored.getTensor().getValue(),
                                  llvm::toString(std::move(error)));
    store->table[c.index].allocated = store->table[c.index].aligned = target;
    step.advance(1, weight.global);
  }
  return store;
}

std::optional<unsigned> WeightStore::find(StringRef global) const {
  for (auto [i, entry] : llvm::enumerate(entries))
    if (entry.global == global)
      return unsigned(i);
  return std::nullopt;
}

llvm::Expected<MutableArrayRef<uint8_t>> WeightStore::writable(unsigned index) {
  ByteMemRef &memref = table[index];
  if (entries[index].mapped) {
    auto memory = allocate(memref.size);
    if (!memory)
      return globalError(entries[index].global,
                         "no memory for " + Twine(memref.size) + " bytes");
    std::memcpy(memory.get(), memref.aligned, memref.size);
    memref.allocated = memref.aligned = static_cast<uint8_t *>(memory.get());
    owned.push_back(memory);
    entries[index].mapped = false;
  }
  return MutableArrayRef<uint8_t>(memref.aligned, size_t(memref.size));
}

uint64_t WeightStore::tableBytes() const {
  uint64_t sum = 0;
  for (const ByteMemRef &memref : table)
    sum += memref.size;
  return sum;
}

uint64_t WeightStore::storedBytes() const {
  uint64_t sum = 0;
  llvm::StringSet<> seen;
  for (const Weight &entry : entries)
    if (seen.insert(entry.global).second)
      sum += entry.storedBytes;
  return sum;
}
