//===- PageMatrices.cpp - matrix by matrix ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <map>
#include <set>

using namespace allot::report;
using namespace allot::report::detail;

namespace {

/// Steps of bits per weight, scales included: the same colour means the same
/// in every report.
constexpr double kBitSteps[] = {2, 3, 4, 5, 6, 8.5, 12, 20};
constexpr int64_t kRankSteps[] = {4, 8, 16, 32, 64, 128};

unsigned bitShade(double bits) {
  return unsigned(
      llvm::count_if(kBitSteps, [&](double step) { return bits >= step; }));
}

unsigned rankShade(int64_t rank) {
  return 1 + unsigned(llvm::count_if(
                 kRankSteps, [&](int64_t step) { return rank > step; }));
}

double bitsOf(const PlannedItem &item) {
  return 8.0 * double(item.cost) / double(item.weights);
}

std::string rowsText(const PlannedItem &item) {
  return std::to_string(item.rows->first) + " to " +
         std::to_string(item.rows->second - 1);
}

llvm::StringRef useText(AdapterUse use) {
  switch (use) {
  case AdapterUse::None:
    return "no adapter";
  case AdapterUse::Stored:
    return "adapter beside, as stored";
  case AdapterUse::Rounded:
    return "adapter beside, rounded";
  case AdapterUse::Merged:
    return "adapter merged";
  }
  llvm_unreachable("all uses have a text");
}

/// Keys for the steps that occur: `under 2`, `2 to 3`, ..., `20 and more`.
std::vector<GridChart::Key> bitLegend(const PlanReport &report) {
  std::set<unsigned> used;
  for (const PlannedItem &item : report.items)
    if (item.weights > 0)
      used.insert(bitShade(bitsOf(item)));
  std::vector<GridChart::Key> legend;
  for (unsigned shade : used) {
    std::string text = shade == 0 ? "under " + coordinate(kBitSteps[0])
                       : shade == std::size(kBitSteps)
                           ? coordinate(kBitSteps[shade - 1]) + " and more"
                           : coordinate(kBitSteps[shade - 1]) + " to " +
                                 coordinate(kBitSteps[shade]);
    legend.push_back({text, shade});
  }
  if (!legend.empty())
    legend.back().text += " bits per weight";
  return legend;
}

} // namespace

void Page::grids(
    llvm::StringRef id, llvm::StringRef title, llvm::StringRef description,
    llvm::ArrayRef<GridChart::Key> legend,
    llvm::function_ref<std::optional<Cell>(const PlannedItem &)> cellOf) {
  struct Stack {
    llvm::MapVector<llvm::StringRef, std::vector<const PlannedItem *>> kinds;
    std::set<unsigned> layers;
  };
  llvm::MapVector<llvm::StringRef, Stack> stacks;
  std::vector<SiteName> names;
  names.reserve(report.items.size());
  for (const PlannedItem &item : report.items)
    names.push_back(parseSiteName(item.site));
  for (auto [item, name] : llvm::zip_equal(report.items, names)) {
    if (!name.layer || item.rows)
      continue;
    Stack &stack = stacks[name.stack];
    stack.kinds[name.kind].push_back(&item);
    stack.layers.insert(*name.layer);
  }
  unsigned number = 0;
  for (auto &[stackName, stack] : stacks) {
    GridChart chart;
    chart.caption = {id.str() + (number ? "-" + std::to_string(number) : ""),
                     title.str() + (stacks.size() > 1 ? " in " + stackName.str()
                                                      : std::string()),
                     description.str()};
    ++number;
    chart.columnLabel =
        stacks.size() > 1 ? "layer of " + stackName.str() : "layer";
    chart.legend = legend;
    llvm::DenseMap<unsigned, size_t> column;
    for (unsigned layer : stack.layers) {
      column[layer] = chart.columns.size();
      chart.columns.push_back(std::to_string(layer));
    }
    for (auto &[kind, items] : stack.kinds) {
      chart.rows.push_back(kind.str());
      auto &row = chart.cells.emplace_back(chart.columns.size());
      for (const PlannedItem *item : items)
        row[column[*parseSiteName(item->site).layer]] = cellOf(*item);
    }
    draw(markup, chart);
  }
}

void Page::writeBits() {
  markup.element("h3", {}, "Bits");
  paragraph("Each cell is a matrix: layers from left to right, what the matrix "
            "does from top to bottom. Numbers and colours are bits per weight, "
            "with everything that is stored beside the weights.");
  grids("bits", "Bits per weight of every matrix",
        "Layers by kind of matrix; the table at the end of the page has the "
        "same numbers.",
        bitLegend(report), [](const PlannedItem &item) -> std::optional<Cell> {
          if (item.weights <= 0)
            return std::nullopt;
          double bits = bitsOf(item);
          return Cell{number(bits, 2),
                      item.name + ": " + item.choice + ", " + number(bits) +
                          " bits per weight",
                      bitShade(bits)};
        });
}

/// Items that are no matrix of a layer: parts of rows, embeddings, heads.
void Page::writeParts() {
  struct Matrix {
    std::vector<const PlannedItem *> parts;
  };
  llvm::MapVector<llvm::StringRef, Matrix> matrices;
  for (const PlannedItem &item : report.items)
    if (item.weights > 0 && (item.rows || !parseSiteName(item.site).layer))
      matrices[item.site].parts.push_back(&item);
  if (matrices.empty())
    return;
  markup.element("h3", {}, "Outside of the layers");
  paragraph("The table of token vectors and what else stands alone. Where a "
            "matrix is cut by rows, the rows of the most frequent tokens come "
            "first.");
  unsigned index = 0;
  for (const auto &[site, matrix] : matrices) {
    BarChart chart;
    chart.caption = {"parts-" + std::to_string(index++),
                     "Bits per weight of " + site.str(),
                     "One bar per part: rows in order of importance, bits per "
                     "weight and what it is stored as."};
    for (const PlannedItem *item : matrix.parts)
      chart.bars.push_back(
          {item->rows ? "rows " + rowsText(*item) : site.str(), bitsOf(*item),
           number(bitsOf(*item)) + " bits, " + item->choice + ", " +
               (report.inBytes() ? sizeText(item->cost) : grouped(item->cost)),
           "plan"});
    if (matrix.parts.front()->rows)
      paragraph(site);
    draw(markup, chart);
  }
}

void Page::writeRanks() {
  markup.element("h3", {}, "Ranks");
  auto corrected = llvm::count_if(
      report.items, [](const PlannedItem &item) { return item.rank > 0; });
  if (!corrected) {
    paragraph("No matrix takes a low-rank correction of its rounding error: "
              "either none was offered, or at this budget the same bytes are "
              "worth more as bits.");
    return;
  }
  paragraph(std::to_string(corrected) + " of " +
            std::to_string(report.items.size()) +
            " parts are rounded and then corrected by a matrix of low rank; "
            "the number is its rank. Empty cells have none.");
  std::set<int64_t> ranks;
  for (const PlannedItem &item : report.items)
    if (item.rank > 0)
      ranks.insert(item.rank);
  std::vector<GridChart::Key> legend;
  for (int64_t rank : ranks)
    if (ranks.size() <= 8)
      legend.push_back({"rank " + std::to_string(rank), rankShade(rank)});
  grids("ranks", "Rank of the correction of every matrix",
        "Layers by kind of matrix; empty without a correction.", legend,
        [](const PlannedItem &item) -> std::optional<Cell> {
          if (item.rank <= 0)
            return std::nullopt;
          return Cell{std::to_string(item.rank), item.name + ": " + item.choice,
                      rankShade(item.rank)};
        });
}

void Page::writeAdapters() {
  std::map<AdapterUse, unsigned> uses;
  for (const PlannedItem &item : report.items)
    ++uses[item.adapters];
  if (uses.empty() || (uses.size() == 1 && uses.count(AdapterUse::None)))
    return;
  markup.element("h3", {}, "Adapters");
  std::string text = "An adapter is a trained change of a matrix. It can be "
                     "added to the matrix before that is rounded (merged), or "
                     "kept beside it and applied while running.";
  std::vector<GridChart::Key> legend;
  auto shade = [](AdapterUse use) { return 2 * unsigned(use); };
  for (auto [use, count] : uses) {
    text += " " + std::to_string(count) +
            (count == 1 ? " part: " : " parts: ") + useText(use).str() + ".";
    if (use != AdapterUse::None)
      legend.push_back({useText(use).str(), shade(use)});
  }
  paragraph(text);
  grids("adapters", "What happens to the adapter of every matrix",
        "Layers by kind of matrix; empty without an adapter.", legend,
        [&](const PlannedItem &item) -> std::optional<Cell> {
          if (item.adapters == AdapterUse::None)
            return std::nullopt;
          static constexpr const char *letters[] = {"", "S", "R", "M"};
          return Cell{letters[unsigned(item.adapters)],
                      item.name + ": " + useText(item.adapters).str(),
                      shade(item.adapters)};
        });
}

void Page::writeLosses() {
  double most = 0;
  for (const PlannedItem &item : report.items)
    most = std::max(most, item.loss);
  if (most <= 0)
    return;
  markup.element("h3", {}, "Predicted loss");
  paragraph("What each matrix is expected to add to the loss, as it is stored "
            "now: these are the numbers that the plan trades against bits. "
            "Shares are of the whole predicted loss.");
  // Three shades per factor of ten, from the largest down.
  auto shade = [&](double loss) {
    if (loss <= 0)
      return 0u;
    double below = 3 * std::log10(most / loss);
    return unsigned(std::max(0.0, double(kNumShades - 1) - below));
  };
  std::vector<GridChart::Key> legend;
  for (int i = 0; i < int(kNumShades); i += 2)
    legend.push_back(
        {(i == 0 ? "up to " : "from ") +
             percent(
                 most / report.loss *
                 std::pow(10.0, (i + (i == 0) - int(kNumShades) + 1) / 3.0)),
         unsigned(i)});
  grids("losses", "Predicted loss of every matrix",
        "Layers by kind of matrix, as shares of the whole predicted loss.",
        legend, [&](const PlannedItem &item) -> std::optional<Cell> {
          return Cell{"",
                      item.name + ": " + number(item.loss) +
                          " nats per token, " +
                          percent(item.loss / report.loss),
                      shade(item.loss)};
        });
}

/// How much each treatment is used.
void Page::writeUse() {
  struct Use {
    int64_t parts = 0, weights = 0, cost = 0;
    double loss = 0;
  };
  llvm::MapVector<llvm::StringRef, Use> uses;
  for (const PlannedItem &item : report.items) {
    Use &use = uses[item.choice];
    ++use.parts;
    use.weights += item.weights;
    use.cost += item.cost;
    use.loss += item.loss;
  }
  auto sorted = uses.takeVector();
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::pair(-a.second.weights, a.first) <
           std::pair(-b.second.weights, b.first);
  });
  std::vector<std::vector<TableCell>> rows;
  for (const auto &[name, use] : sorted)
    rows.push_back({name.str(),
                    {grouped(use.parts), double(use.parts)},
                    {grouped(use.weights), double(use.weights)},
                    {grouped(use.cost), double(use.cost)},
                    {number(use.loss), use.loss}});
  table("how much is stored in which way",
        {{"stored as"},
         {"parts", true},
         {"weights", true},
         {report.resource, true},
         {"predicted loss", true}},
        rows);
}

void Page::writeMatrices() {
  if (report.items.empty())
    return;
  section("matrices", "Matrix by matrix", [&] {
    if (report.inBytes() && report.weights > 0) {
      writeBits();
      writeParts();
    }
    writeRanks();
    writeAdapters();
    writeLosses();
    markup.element("h3", {}, "Kinds of storage");
    writeUse();
  });
}
