//===- WeightStore.cpp - the weights of a running program -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/WeightStore.h"
#include "allot/Codec/Codec.h"
#include "allot/Reference/ValueProgram.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Parser/Parser.h"
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

/// One entry of the table, checked: where its bytes come from.
struct WeightStore::Wanted {
  std::string global;
  RankedTensorType type;
  WeightSource from;
  ArrayRef<uint8_t> source;
  /// Not null: it is computed.
  format::ComputedAttr program;
  StringRef folder;

  uint64_t bytes() const { return format::getStoredBytes(type); }
  /// Its file holds the bytes as they are wanted.
  bool isAsStored() const {
    return !program && from.type == type && from.stored.getRowInterleave() == 0;
  }
  /// Bytes of the numbers before they were encoded for this program.
  uint64_t sourceBytes() const {
    return program ? format::getStoredBytes(from.type) : source.size();
  }
  llvm::Error fill(MutableArrayRef<uint8_t> target) const {
    if (program)
      return compute(target);
    if (isAsStored()) {
      std::memcpy(target.data(), source.data(), target.size());
      return llvm::Error::success();
    }
    if (llvm::Error error = codec::convert(
            format::getFormat(from.type), source, format::getFormat(type),
            type.getShape(), from.stored.getRowInterleave(), target))
      return support::tensorError(from.stored.getFile().getValue(),
                                  from.stored.getTensor().getValue(),
                                  llvm::toString(std::move(error)));
    return llvm::Error::success();
  }
  llvm::Error compute(MutableArrayRef<uint8_t> target) const {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        program.getProgram(), ParserConfig(program.getContext()), global);
    if (!module)
      return globalError(global, "its program does not parse");
    auto numbers = reference::evaluateValue(*module, folder);
    if (!numbers)
      return globalError(global, llvm::toString(numbers.takeError()));
    ArrayRef bytes(reinterpret_cast<const uint8_t *>(numbers->data()),
                   numbers->size() * sizeof(float));
    if (bytes.size() != sourceBytes())
      return globalError(global, "its program gives " + Twine(numbers->size()) +
                                     " numbers");
    if (llvm::Error error = codec::convert(
            format::getFormat(from.type), bytes, format::getFormat(type),
            type.getShape(), /*rowInterleave=*/0, target))
      return globalError(global, llvm::toString(std::move(error)));
    return llvm::Error::success();
  }
};

llvm::Expected<WeightStore::Wanted>
WeightStore::resolve(Attribute attribute, unsigned index,
                     const WeightSources &sources,
                     archive::StoredWeights &files) {
  auto entry = dyn_cast<DictionaryAttr>(attribute);
  auto symbol =
      entry ? entry.getAs<FlatSymbolRefAttr>("global") : FlatSymbolRefAttr();
  auto typeAttr = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
  auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                       : RankedTensorType();
  if (!symbol || !type)
    return llvm::createStringError(
        "format.table: entry %u does not name a global and a tensor type",
        index);
  StringRef name = symbol.getValue();
  if (auto program = entry.getAs<format::ComputedAttr>("value")) {
    if (!format::getFormat(type))
      return globalError(name, "is no encoded tensor");
    MLIRContext *context = type.getContext();
    Attribute exact =
        format::FloatAttr::get(context, Float32Type::get(context));
    return Wanted{name.str(),
                  type,
                  {format::StoredAttr(), format::withFormat(type, exact)},
                  {},
                  program,
                  files.path()};
  }
  auto found = sources.find(name);
  if (found == sources.end())
    return globalError(name,
                       "there is no such global with a #format.stored value");
  const WeightSource &source = found->second;
  if (!format::getFormat(source.type) || !format::getFormat(type))
    return globalError(name, "is no encoded tensor");
  if (source.type.getShape() != type.getShape())
    return globalError(
        name, "has shape " + support::shapeString(source.type.getShape()) +
                  ", the table wants " + support::shapeString(type.getShape()));
  auto bytes = files.bytes(source.stored);
  if (!bytes)
    return bytes.takeError();
  if (bytes->size() != format::getStoredBytes(source.type))
    return support::tensorError(source.stored.getFile().getValue(),
                                source.stored.getTensor().getValue(),
                                "holds " + Twine(bytes->size()) +
                                    " bytes, its format takes " +
                                    Twine(format::getStoredBytes(source.type)));
  return Wanted{name.str(), type, source, *bytes, {}, {}};
}

llvm::Expected<std::unique_ptr<WeightStore>>
WeightStore::load(ArrayAttr wanted, const WeightSources &sources,
                  StringRef folder, support::Progress *progress) {
  std::unique_ptr<WeightStore> store(new WeightStore(folder));
  struct Conversion {
    unsigned index;
    Wanted weight;
    uint64_t offset;
  };
  // First everything is checked and measured, then memory is taken once, then
  // it is filled.
  std::vector<Conversion> conversions;
  uint64_t arena = 0;
  for (auto [index, attribute] : llvm::enumerate(wanted)) {
    auto weight = resolve(attribute, unsigned(index), sources, store->files);
    if (!weight)
      return weight.takeError();
    store->entries.push_back(
        {weight->global, weight->type, weight->sourceBytes(), false});
    ByteMemRef memref;
    memref.size = int64_t(weight->bytes());
    const uint8_t *data = weight->source.data();
    if (weight->isAsStored() &&
        reinterpret_cast<uintptr_t>(data) % kAlignment == 0) {
      store->entries.back().mapped = true;
      memref.allocated = memref.aligned = const_cast<uint8_t *>(data);
    } else {
      conversions.push_back({unsigned(index), std::move(*weight), arena});
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
    ByteMemRef &memref = store->table[c.index];
    if (llvm::Error error = c.weight.fill({target, size_t(memref.size)}))
      return std::move(error);
    memref.allocated = memref.aligned = target;
    step.advance(1, c.weight.global);
  }
  return store;
}

llvm::Error WeightStore::pack(
    ArrayAttr wanted, const WeightSources &sources, StringRef folder,
    llvm::function_ref<llvm::Error(const Weight &, ArrayRef<uint8_t>)> write,
    support::Progress *progress) {
  archive::StoredWeights files(folder);
  std::vector<Wanted> all;
  for (auto [index, attribute] : llvm::enumerate(wanted)) {
    auto weight = resolve(attribute, unsigned(index), sources, files);
    if (!weight)
      return weight.takeError();
    all.push_back(std::move(*weight));
  }
  support::ProgressStep step(progress, "packing weights", all.size());
  std::vector<uint8_t> packed;
  for (const Wanted &weight : all) {
    ArrayRef<uint8_t> bytes = weight.source;
    if (!weight.isAsStored()) {
      packed.resize(weight.bytes());
      if (llvm::Error error = weight.fill(packed))
        return error;
      bytes = packed;
    }
    if (llvm::Error error = write(
            {weight.global, weight.type, weight.sourceBytes(), false}, bytes))
      return error;
    files.dropPages();
    step.advance(1, weight.global);
  }
  return llvm::Error::success();
}

std::unique_ptr<WeightStore>
WeightStore::map(std::shared_ptr<const support::MappedFile> file,
                 ArrayRef<Weight> weights, ArrayRef<uint64_t> offsets) {
  std::unique_ptr<WeightStore> store(new WeightStore(""));
  const uint8_t *begin = file->bytes().data();
  if (reinterpret_cast<uintptr_t>(begin) % kAlignment) {
    // A small file is read, not mapped.
    auto memory = allocate(file->size());
    std::memcpy(memory.get(), begin, file->size());
    begin = static_cast<const uint8_t *>(memory.get());
    store->owned.push_back(std::move(memory));
  }
  for (auto [weight, offset] : llvm::zip_equal(weights, offsets)) {
    store->entries.push_back(weight);
    store->entries.back().mapped = true;
    ByteMemRef memref;
    memref.size = int64_t(format::getStoredBytes(weight.type));
    memref.allocated = memref.aligned = const_cast<uint8_t *>(begin) + offset;
    store->table.push_back(memref);
  }
  store->mapping = std::move(file);
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
