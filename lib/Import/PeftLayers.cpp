//===- PeftLayers.cpp - layers that adapters repeat -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tuners.h"
#include "llvm/Support/Path.h"

using namespace allot;
using namespace allot::importer;

/// More layers than any model has.
static constexpr int64_t maxLayers = 4096;

/// Ranges [first, end) of layers, one after the other.
static llvm::Expected<std::vector<int64_t>>
readRanges(const archive::JsonField &field, int64_t layers) {
  std::vector<int64_t> sources;
  auto ranges = field.elements();
  if (!ranges)
    return ranges.takeError();
  for (const archive::JsonField &range : *ranges) {
    auto bounds = range.integers();
    if (!bounds)
      return bounds.takeError();
    if (bounds->size() != 2 || (*bounds)[0] < 0 ||
        (*bounds)[1] <= (*bounds)[0] || (*bounds)[1] > layers)
      return range.error("must be two numbers, a layer and one after it, of " +
                         llvm::Twine(layers) + " layers");
    for (int64_t layer = (*bounds)[0]; layer < (*bounds)[1]; ++layer)
      sources.push_back(layer);
    if (int64_t(sources.size()) > maxLayers)
      return field.error("makes more than " + llvm::Twine(maxLayers) +
                         " layers");
  }
  if (sources.empty())
    return field.error("names no layer");
  return sources;
}

llvm::Expected<std::vector<int64_t>>
importer::readLayerSources(llvm::ArrayRef<AdapterSource> adapters,
                           int64_t layers) {
  std::optional<std::vector<int64_t>> all;
  for (const AdapterSource &source : adapters) {
    llvm::SmallString<256> path(source.directory);
    llvm::sys::path::append(path, "adapter_config.json");
    auto document = archive::JsonDocument::open(path);
    if (!document)
      return document.takeError();
    archive::JsonField field = (**document)[replicationField];
    std::vector<int64_t> own;
    bool isEmpty = field.isNull() ||
                   (field.isArray() && field.raw()->getAsArray()->empty());
    if (!isEmpty) {
      auto sources = readRanges(field, layers);
      if (!sources)
        return sources.takeError();
      own = std::move(*sources);
    }
    if (all && *all != own)
      return field.error("the layers are not those of the adapters before");
    all = std::move(own);
  }
  return all.value_or(std::vector<int64_t>());
}
