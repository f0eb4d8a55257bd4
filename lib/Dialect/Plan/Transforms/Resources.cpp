//===- Resources.cpp - what a token costs beside storage --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Resources.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

SiteUse plan::useOf(const analysis::Site &site) {
  SiteUse result;
  llvm::DenseMap<Operation *, int64_t> applications;
  for (Operation *use : site.uses)
    if (isa<adapter::ApplyOp>(use))
      result.applications =
          std::max(result.applications,
                   ++applications[use->getParentOfType<func::FuncOp>()]);
  auto base = cast<LinearMapOpInterface>(site.bases.front());
  result.adapterFlops = static_cast<int64_t>(
      adapter::getExpressionCost(site.maps.front(), 1).flops -
      base.getOwnCost(1).flops);
  return result;
}

static int64_t flops(const analysis::Site &site, const SiteUse &use,
                     int64_t rows, const Candidate &option) {
  // A pair of factors is a summand.
  auto pair = [&](int64_t rank) {
    return rank > 0 ? 2 * rank * (rows + site.columns) + rows : 0;
  };
  int64_t once = 2 * rows * site.columns + pair(option.rank);
  if (option.adapter.rank)
    once += pair(*option.adapter.rank);
  else if (!option.adapter.merged)
    once += use.adapterFlops;
  return use.applications * once;
}

static int64_t bytesRead(const analysis::Site &, const SiteUse &use, int64_t,
                         const Candidate &option) {
  return use.applications * static_cast<int64_t>(option.bytes);
}

static constexpr TokenResource kResources[] = {
    {"flops", flops, [](int64_t) { return int64_t(0); },
     [](const SiteUse &, int64_t) { return int64_t(0); }},
    {"bytes_read", bytesRead, [](int64_t bytes) { return bytes; },
     [](const SiteUse &use, int64_t bytes) {
       return use.applications * bytes;
     }},
};

const TokenResource *plan::findTokenResource(StringRef name) {
  const auto *found = llvm::find_if(
      kResources, [&](const TokenResource &r) { return r.name == name; });
  return found == std::end(kResources) ? nullptr : found;
}

std::string plan::tokenResourceNames() {
  std::string names = "bytes";
  for (const TokenResource &resource : kResources)
    names += ", " + resource.name.str();
  return names;
}
