//===- Extractor.cpp - options of a site and what they lose -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extractor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

/// `count` evenly spread rows, with the adapters merged where asked for.
llvm::Expected<std::vector<float>>
Extractor::rowsOf(Context &context, int64_t count, bool merged) {
  const analysis::Site &site = context.site;
  std::vector<float> values(count * site.columns);
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = context.part.first +
                  analysis::sampledRow(i, count, context.part.count());
    if (!context.order.empty())
      row = context.order[row];
    MutableArrayRef<float> out =
        MutableArrayRef(values).slice(i * site.columns, site.columns);
    if (llvm::Error error = weights.readRows(site.weight, row, 1, out))
      return std::move(error);
    if (merged)
      for (int64_t c = 0; c < site.columns; ++c)
        out[c] += static_cast<float>(context.adapters(row, c));
  }
  return values;
}

/// The weighted error of rounding or shortening the adapters alone.
llvm::Expected<double>
Extractor::adapterError(Context &context, const AdapterTreatment &treatment) {
  const analysis::Site &site = context.site;
  std::vector<float> error(context.adapters.values.begin(),
                           context.adapters.values.end());
  if (!treatment.rank) {
    auto changed =
        plan::adapterMatrix(site, weights, symbols, [&](ml_program::GlobalOp) {
          return treatment.format;
        });
    if (!changed)
      return changed.takeError();
    for (size_t i = 0; i < error.size(); ++i)
      error[i] -= static_cast<float>(changed->values[i]);
  } else if (int64_t rank = *treatment.rank) {
    if (!context.factors)
      context.factors = plan::shortenAdapters(context.adapters, *context.moment,
                                              choices.adapterRanks.front());
    plan::Factors factors =
        plan::firstRanks(*context.factors, rank, site.rows, site.columns);
    auto b = plan::roundedTo(treatment.format, factors.b, {site.rows, rank});
    if (!b)
      return b.takeError();
    auto a = plan::roundedTo(treatment.format, factors.a, {rank, site.columns});
    if (!a)
      return a.takeError();
    for (int64_t row = 0; row < site.rows; ++row)
      for (int64_t k = 0; k < rank; ++k)
        for (int64_t column = 0; column < site.columns; ++column)
          error[row * site.columns + column] -=
              (*b)[row * rank + k] * (*a)[k * site.columns + column];
  }
  return context.loss->total(analysis::weightedRowErrors(
      error, site.rows, site.columns, *context.moment));
}

/// Encodes in `format` and predicts for all ranks, which `options` differ in.
llvm::Error Extractor::predictFormat(Context &context,
                                     FormatAttrInterface format, bool merged,
                                     ArrayRef<Candidate *> options,
                                     ArrayRef<double> adapterErrors) {
  const analysis::Site &site = context.site;
  SmallVector<int64_t> ranks;
  for (Candidate *c : options)
    ranks.push_back(c->rank);
  bool compensated = llvm::any_of(ranks, [](int64_t r) { return r > 0; });
  int64_t rows = context.part.count();
  int64_t count =
      compensated || estimateRows == 0 ? rows : std::min(rows, estimateRows);
  auto values = rowsOf(context, count, merged);
  if (!values)
    return values.takeError();
  auto encoded = plan::encodeMatrix(format, *values, count, site.columns,
                                    *context.moment, encoder);
  if (!encoded)
    return encoded.takeError();
  double error = context.loss->total(encoded->errors);
  std::vector<double> remaining(ranks.size(), 1.0);
  if (compensated)
    remaining = plan::compensateMatrix(*encoded, *values, count, site.columns,
                                       *context.moment, ranks)
                    .remaining;
  for (auto [c, part, adapterError] :
       llvm::zip(options, remaining, adapterErrors))
    c->loss = context.loss->predict(error * part + adapterError);
  return llvm::Error::success();
}

llvm::Error Extractor::predict(Context &context,
                               std::vector<Candidate> &options) {
  const analysis::Site &site = context.site;
  bool needsAdapters = llvm::any_of(options, [](const Candidate &c) {
    return c.adapter.merged || c.adapter.isChanged();
  });
  if (needsAdapters) {
    auto sum = plan::adapterMatrix(site, weights, symbols);
    if (!sum)
      return sum.takeError();
    context.adapters = std::move(*sum);
  }
  // Options that share an encoding are predicted together.
  struct Group {
    SmallVector<Candidate *> options;
    SmallVector<double> adapterErrors;
  };
  llvm::MapVector<std::pair<Attribute, unsigned>, Group> groups;
  llvm::StringMap<double> errors;
  for (Candidate &c : options) {
    Group &group = groups[{c.format, unsigned(c.adapter.merged)}];
    group.options.push_back(&c);
    auto [it, isNew] = errors.insert({c.adapter.suffix, 0.0});
    if (isNew && c.adapter.isChanged()) {
      auto measured = adapterError(context, c.adapter);
      if (!measured)
        return measured.takeError();
      it->second = *measured;
    }
    group.adapterErrors.push_back(it->second);
  }
  for (auto &[key, group] : groups) {
    Candidate &first = *group.options.front();
    if (!first.format) {
      for (auto [c, error] : llvm::zip(group.options, group.adapterErrors))
        c->loss = context.loss->predict(error);
      continue;
    }
    if (llvm::Error failure =
            predictFormat(context, first.format, first.adapter.merged,
                          group.options, group.adapterErrors))
      return failure;
  }
  return llvm::Error::success();
}

llvm::Expected<SmallVector<std::optional<analysis::RowPart>>>
Extractor::partsOf(const analysis::Site &site) {
  SmallVector<std::optional<analysis::RowPart>> result;
  // An adapter is added to the whole table.
  if (statistics && choices.splitRows && site.adapters.empty()) {
    auto stored = analysis::storedRowParts(
        *statistics, plan::statisticsName(*statistics, site), site.rows);
    if (!stored)
      return stored.takeError();
    result.append(stored->begin(), stored->end());
  }
  if (result.size() < 2)
    result.assign(1, std::nullopt);
  return result;
}

llvm::Expected<Extractor::Result>
Extractor::extract(const analysis::Site &site,
                   std::optional<analysis::RowPart> part) {
  Result result;
  result.part = part;
  result.options = plan::enumerate(site, part, choices);
  std::string name = part ? analysis::rowPartName(site.name, *part) : site.name;
  if (result.options.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "no option of %s is allowed", name.c_str());
  // What stays exactly as it is needs no statistics.
  if (llvm::all_of(result.options, [](const Candidate &c) {
        return !c.format && !c.adapter.isChanged();
      })) {
    result.origin = "kept as stored";
    return result;
  }
  if (!statistics)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "%s has options other than its stored form, which need statistics",
        name.c_str());
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  std::string measured = plan::statisticsName(*statistics, site);
  analysis::RowPart rows = part.value_or(analysis::RowPart{0, site.rows});
  auto loss = analysis::createImportanceModel(
      *statistics, part ? analysis::rowPartName(measured, *part) : measured,
      rows.count());
  if (!loss)
    return loss.takeError();
  std::vector<int64_t> order;
  if (part) {
    auto sorted = plan::rowOrder(statistics, site);
    if (!sorted)
      return sorted.takeError();
    order = std::move(*sorted);
  }
  Context context{
      site, rows, std::move(order), std::move(*moment), std::move(*loss),
      {},   {}};
  if (llvm::Error error = predict(context, result.options))
    return std::move(error);
  result.origin = (context.loss->origin() + " sensitivity, " +
                   plan::stringifyEncoder(encoder) + " encoder")
                      .str();
  weights.dropPages();
  return result;
}
