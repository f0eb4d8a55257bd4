//===- Candidates.cpp - what may be chosen for a site -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// Tables of more rows than this are never compensated: the factors of a tall
/// table cost more than the bits they replace.
static constexpr int64_t kCompensatedRows = 8192;

/// Some formats want whole blocks, which not every matrix has.
static bool canHave(FormatAttrInterface format, ArrayRef<int64_t> shape) {
  return succeeded(
      format.verifyShape(shape, [] { return InFlightDiagnostic(); }));
}

static std::vector<AdapterTreatment> treatments(const analysis::Site &site,
                                                const Choices &choices) {
  if (site.adapters.empty())
    return {AdapterTreatment()};
  AdapterTreatment stored, merged;
  stored.suffix = "+adapter";
  merged.suffix = "+merged";
  merged.merged = true;
  std::vector<AdapterTreatment> result = {stored};
  for (ml_program::GlobalOp global : site.adapterWeights) {
    auto type = cast<RankedTensorType>(global.getType());
    result[0].bytes +=
        packedBytes(format::getFormat(type), type.getShape(), choices.tileRows);
  }
  for (FormatAttrInterface format : choices.adapterFormats) {
    AdapterTreatment rounded;
    rounded.suffix = "+adapter-" + format.getShortName();
    rounded.format = format;
    bool fits = true;
    for (ml_program::GlobalOp global : site.adapterWeights) {
      auto shape = cast<RankedTensorType>(global.getType()).getShape();
      fits &= canHave(format, shape);
      rounded.bytes += packedBytes(format, shape, choices.tileRows);
    }
    // What loses something must cost less.
    uint64_t most = result[0].bytes;
    if (fits && rounded.bytes < most) {
      most = rounded.bytes;
      result.push_back(rounded);
    }
    for (int64_t rank : choices.adapterRanks) {
      if (rank == 0 || rank > std::min(site.rows, site.columns) ||
          !canHave(format, {site.rows, rank}) ||
          !canHave(format, {rank, site.columns}))
        continue;
      AdapterTreatment shortened;
      shortened.rank = rank;
      shortened.suffix =
          "+adapter-r" + std::to_string(rank) + "-" + format.getShortName();
      shortened.format = format;
      shortened.bytes =
          packedBytes(format, {site.rows, rank}, choices.tileRows) +
          packedBytes(format, {rank, site.columns}, choices.tileRows);
      if (shortened.bytes < most)
        result.push_back(shortened);
    }
  }
  if (llvm::is_contained(choices.adapterRanks, 0)) {
    AdapterTreatment dropped;
    dropped.rank = 0;
    dropped.suffix = "+adapter-r0";
    result.push_back(dropped);
  }
  result.push_back(merged);
  return result;
}

static bool isAllowed(const Choices &choices, const std::string &site,
                      const std::string &part, const std::string &option) {
  bool restricted = false;
  for (const auto &[siteRegex, optionRegex] : choices.allow) {
    if (!std::regex_match(site, siteRegex) &&
        !std::regex_match(part, siteRegex))
      continue;
    restricted = true;
    if (std::regex_match(option, optionRegex))
      return true;
  }
  return !restricted;
}

std::vector<Candidate> plan::enumerate(const analysis::Site &site,
                                       std::optional<analysis::RowPart> part,
                                       const Choices &choices) {
  int64_t rows = part ? part->count() : site.rows;
  std::string partName =
      part ? analysis::rowPartName(site.name, *part) : site.name;
  std::vector<Candidate> result;
  std::vector<AdapterTreatment> adapters = treatments(site, choices);
  auto add = [&](StringRef name, uint64_t bytes, FormatAttrInterface format,
                 int64_t rank) {
    for (const AdapterTreatment &adapter : adapters) {
      if (adapter.merged && !format)
        continue; // merging needs an encoding
      Candidate c;
      c.name = name.str() + adapter.suffix;
      if (!isAllowed(choices, site.name, partName, c.name))
        continue;
      c.bytes = bytes + adapter.bytes;
      c.format = format;
      c.rank = rank;
      c.adapter = adapter;
      result.push_back(std::move(c));
    }
  };
  auto type = cast<RankedTensorType>(site.weight.getType());
  add("stored",
      part ? packedBytes(format::getFormat(type), {rows, site.columns},
                         choices.tileRows)
           : packedBytes(format::getFormat(type), type.getShape(),
                         choices.tileRows),
      nullptr, 0);
  for (FormatAttrInterface format : choices.formats) {
    if (!canHave(format, {rows, site.columns}))
      continue;
    uint64_t bytes =
        packedBytes(format, {rows, site.columns}, choices.tileRows);
    bool compensated = !part && choices.compensated.contains(format) &&
                       rows <= kCompensatedRows;
    for (int64_t rank : choices.ranks) {
      std::string name = format.getShortName();
      if (rank == 0) {
        add(name, bytes, format, 0);
      } else if (compensated && rank <= std::min(site.rows, site.columns)) {
        add(name + "+r" + std::to_string(rank),
            bytes +
                packedBytes(choices.factorFormat, {site.rows, rank},
                            choices.tileRows) +
                packedBytes(choices.factorFormat, {rank, site.columns},
                            choices.tileRows),
            format, rank);
      }
    }
  }
  return result;
}
