//===- PlanReport.h - a plan as a page to read ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_PLANREPORT_H
#define ALLOT_REPORT_PLANREPORT_H

#include "allot/Report/Curve.h"
#include "allot/Report/Measurements.h"
#include "llvm/Support/raw_ostream.h"
#include <array>

namespace allot::report {

/// What happens to the adapters of a matrix.
enum class AdapterUse { None, Stored, Rounded, Merged };

/// An item of a plan with what it takes. Losses are in nats per token.
struct PlannedItem {
  std::string name, choice, origin, reason;
  /// The matrix, and the rows of it (in order of importance) where the item is
  /// a part.
  std::string site;
  std::optional<std::pair<int64_t, int64_t>> rows;
  int64_t weights = 0, cost = 0, rank = 0;
  double loss = 0;
  AdapterUse adapters = AdapterUse::None;
  /// Cost of the option that leaves it as it is stored; absent without one.
  std::optional<int64_t> storedCost;
};

/// A choice of one option for all items.
struct UniformPoint {
  std::string name;
  int64_t cost = 0;
  double loss = 0;
};

/// What a plan takes of a resource that the page is not about.
struct OtherResource {
  std::string name;
  std::optional<int64_t> budget;
  int64_t taken = 0;
};

/// Everything that the page tells. Costs are of `resource`, fixed costs
/// included where they are totals.
struct PlanReport {
  /// The plan's file, without folder.
  std::string file;
  std::string model, resource, solver;
  std::optional<int64_t> budget;
  int64_t cost = 0, fixed = 0, weights = 0;
  double loss = 0, bound = 0, gap = 0;
  std::vector<OtherResource> others;
  std::vector<PlannedItem> items;
  std::vector<CurvePoint> curve;
  std::vector<UniformPoint> uniform;
  /// Loss per unit of the resource: what the next unit takes off at most, and
  /// what one less adds at least.
  std::optional<double> priceBetter, priceWorse;
  std::vector<MeasuredLoss> measured;
  std::vector<MeasuredTime> times;

  bool inBytes() const { return resource == "bytes"; }
  /// Bits per weight of a cost; absent where that means nothing.
  std::optional<double> bitsPerWeight(int64_t amount) const {
    if (weights <= 0 || !inBytes())
      return std::nullopt;
    return 8.0 * double(amount) / double(weights);
  }
  /// The total with everything as it is stored; absent where some item cannot
  /// be left so.
  std::optional<int64_t> storedCost() const;
};

/// The name of an item taken apart: `model.layers.3.mlp.up_proj` is layer 3 of
/// `mlp.up_proj` in `model.layers`. Without a number there is no layer.
struct SiteName {
  std::string stack, kind;
  std::optional<unsigned> layer;
};
SiteName parseSiteName(llvm::StringRef site);

/// Writes one HTML page that needs nothing but itself: no scripts, styles,
/// fonts or pictures from elsewhere. It is well-formed XML as well, and the
/// same report gives the same bytes.
void writePage(llvm::raw_ostream &os, const PlanReport &report);

} // namespace allot::report

#endif // ALLOT_REPORT_PLANREPORT_H
