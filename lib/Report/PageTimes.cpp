//===- PageTimes.cpp - where the time goes ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <map>
#include <set>

using namespace allot::report;
using namespace allot::report::detail;

void Page::writeTimes() {
  if (report.times.empty() && !(report.inBytes() && !report.items.empty()))
    return;
  section("times", "Where the time goes", [&] {
    if (report.times.empty())
      paragraph("No speed was measured. allot bench program PROGRAM --json "
                "measures it; allot explain --bench takes what that writes.");
    else {
      paragraph("A model reads its prompt at once (prefill), which is limited "
                "by arithmetic, and then writes one token after the other "
                "(decode), for each of which all weights are read from memory. "
                "The share of a plain read says how near decoding comes to "
                "what memory gives.");
      BarChart chart;
      chart.caption = {"times-per-token", "Time per token",
                       "One bar per program and phase, in milliseconds per "
                       "token."};
      std::vector<std::vector<TableCell>> rows;
      for (const MeasuredTime &time : report.times) {
        double perToken =
            1e3 * time.seconds / double(std::max<int64_t>(time.tokens, 1));
        std::string name = time.label + ", " + time.phase;
        chart.bars.push_back({name, perToken,
                              number(perToken) + " ms, " +
                                  number(time.tokensPerSecond) +
                                  " tokens per second",
                              time.isSubject ? "chosen" : "minor"});
        rows.push_back({name,
                        {grouped(time.tokens), double(time.tokens)},
                        {number(1e3 * time.seconds), time.seconds},
                        {number(perToken), perToken},
                        {number(time.tokensPerSecond), time.tokensPerSecond},
                        {percent(time.ofRead), time.ofRead},
                        {number(time.readGBs), time.readGBs},
                        time.activations,
                        {std::to_string(time.threads), double(time.threads)},
                        time.target});
      }
      draw(markup, chart);
      table("measured speed",
            {{"program, phase"},
             {"tokens at once", true},
             {"ms", true},
             {"ms per token", true},
             {"tokens per second", true},
             {"of a plain read", true},
             {"plain read, GB/s", true},
             {"activations"},
             {"threads", true},
             {"processor"}},
            rows);
      unsigned runs = 0;
      for (const MeasuredTime &time : report.times)
        if (time.parts)
          writeRun(time, runs++);
      if (!runs)
        paragraph("allot bench program --parts also measures which parts of "
                  "the model the time goes to.");
    }
    writeShares();
  });
}

/// The bytes of a kind of matrix, or of several that run as one (`a.q+k`: those
/// of `a.q` and `a.k`); absent where one is not in the plan.
static std::optional<int64_t>
bytesOf(llvm::StringRef kind, const std::map<std::string, int64_t> &bytes) {
  int64_t sum = 0;
  llvm::StringRef module = kind.split('+').first.rsplit('.').first;
  llvm::SmallVector<llvm::StringRef, 4> names;
  kind.split(names, '+');
  for (llvm::StringRef name : names) {
    bool isWhole = name.contains('.') || names.size() == 1;
    auto found = bytes.find(isWhole ? name.str() : (module + "." + name).str());
    if (found == bytes.end())
      return std::nullopt;
    sum += found->second;
  }
  return sum;
}

/// One run taken apart: by kind of part, and by layer.
void Page::writeRun(const MeasuredTime &time, unsigned index) {
  const PartTimes &run = *time.parts;
  std::string name = time.label + ", " + time.phase,
              suffix = "-" + std::to_string(index);
  auto milliseconds = [](double seconds) {
    return number(1e3 * seconds) + " ms";
  };
  auto share = [&](double seconds) {
    return run.seconds > 0 ? seconds / run.seconds : 0;
  };
  markup.element("h3", {}, "Inside of " + name);
  paragraph(
      (time.tokens == 1 ? std::string("One token")
                        : "One run over " + grouped(time.tokens) + " tokens") +
      " takes " + milliseconds(run.seconds) + " (mean of " +
      std::to_string(run.runs) +
      " runs, in which the program looked at the clock behind every part). "
      "Matrices are called after what they do; what is not in any part, such "
      "as preparing a run, is the rest. Together they are the whole time.");

  // Bytes of the matrices tell how fast each kind is read, where every matrix
  // is read once for one token.
  std::map<std::string, int64_t> bytes;
  if (time.isSubject && time.tokens == 1 && report.inBytes())
    for (const PlannedItem &item : report.items)
      bytes[parseSiteName(item.site).kind] += item.cost;
  BarChart chart;
  chart.caption = {"run" + suffix, "Time by kind of part: " + name,
                   "One bar per kind of part, over all layers."};
  std::vector<std::vector<TableCell>> rows;
  auto add = [&](const std::string &kind, double seconds, unsigned parts,
                 bool isMatrix) {
    chart.bars.push_back(
        {kind, std::max(seconds, 0.0),
         milliseconds(seconds) + ", " + percent(share(seconds)),
         isMatrix ? "plan" : "minor"});
    std::vector<TableCell> row = {
        kind,
        {number(1e3 * seconds), seconds},
        {percent(share(seconds)), seconds},
        parts ? TableCell(std::to_string(parts), parts) : TableCell("-", 0)};
    if (!bytes.empty()) {
      auto found = isMatrix ? bytesOf(kind, bytes) : std::nullopt;
      if (found && seconds > 0) {
        double read = double(*found);
        row.push_back({grouped(*found), read});
        row.push_back({number(read / seconds / 1e9), read / seconds});
      } else {
        row.insert(row.end(), {TableCell("-", -1), TableCell("-", -1)});
      }
    }
    rows.push_back(std::move(row));
  };
  for (const KindTime &kind : byKind(run.parts))
    add(kind.kind, kind.seconds, kind.parts, kind.isMatrix);
  add("rest", run.rest, 0, false);
  draw(markup, chart);
  std::vector<Column> columns = {
      {"part"}, {"ms", true}, {"share", true}, {"places", true}};
  if (!bytes.empty())
    columns.insert(columns.end(), {{"bytes", true}, {"GB/s", true}});
  foldedTable("time by kind of part, " + name, columns, rows);
  writeLayers(time, suffix);
}

/// Kinds of parts by layers, one picture per stack of layers.
void Page::writeLayers(const MeasuredTime &time, llvm::StringRef suffix) {
  struct Stack {
    llvm::MapVector<std::string, std::map<unsigned, double>,
                    std::map<std::string, unsigned>>
        kinds;
    std::set<unsigned> layers;
    double most = 0;
  };
  llvm::MapVector<std::string, Stack, std::map<std::string, unsigned>> stacks;
  for (const PartTime &part : time.parts->parts) {
    SiteName name = parseSiteName(part.site);
    if (!name.layer)
      continue;
    Stack &stack = stacks[name.stack];
    stack.layers.insert(*name.layer);
    double &sum = stack.kinds[kindOf(part)][*name.layer];
    sum += part.seconds;
    stack.most = std::max(stack.most, sum);
  }
  unsigned index = 0;
  for (auto &[stackName, stack] : stacks) {
    if (stack.most <= 0)
      continue;
    auto shade = [&, most = stack.most](double seconds) {
      return unsigned(double(kNumShades - 1) * seconds / most);
    };
    GridChart chart;
    chart.caption = {"layers" + suffix.str() + "-" + std::to_string(index++),
                     "Time by layer: " + time.label + ", " + time.phase,
                     "Kinds of parts by layer, in microseconds."};
    chart.columnLabel = "layer of " + stackName + ", microseconds";
    for (unsigned i = 0; i < kNumShades; i += 2)
      chart.legend.push_back(
          {(i ? "from " : "under ") +
               number(1e6 * stack.most * std::max(i, 1u) / (kNumShades - 1), 2),
           i});
    chart.legend.back().text += " microseconds";
    std::map<unsigned, size_t> column;
    for (unsigned layer : stack.layers) {
      column[layer] = chart.columns.size();
      chart.columns.push_back(std::to_string(layer));
    }
    for (auto &[kind, layers] : stack.kinds) {
      chart.rows.push_back(kind);
      auto &row = chart.cells.emplace_back(chart.columns.size());
      for (auto [layer, seconds] : layers)
        row[column[layer]] =
            Cell{number(1e6 * seconds, 2),
                 kind + ", layer " + std::to_string(layer) + ": " +
                     number(1e6 * seconds) + " microseconds",
                 shade(seconds)};
    }
    draw(markup, chart);
  }
}

/// Bytes by kind of matrix: what one step of decoding reads.
void Page::writeShares() {
  if (!report.inBytes() || report.items.empty() || report.cost <= 0)
    return;
  llvm::MapVector<llvm::StringRef, int64_t> bytes;
  std::vector<SiteName> names;
  names.reserve(report.items.size());
  for (const PlannedItem &item : report.items)
    names.push_back(parseSiteName(item.site));
  for (auto [item, name] : llvm::zip_equal(report.items, names))
    bytes[name.kind] += item.cost;
  paragraph("While tokens are generated the time is mostly that of reading "
            "the weights, so a matrix costs time by its bytes. These are the "
            "bytes by kind of matrix, not times: they say where time can be "
            "saved by storing less.");
  auto sorted = bytes.takeVector();
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::pair(b.second, a.first) < std::pair(a.second, b.first);
  });
  BarChart chart;
  chart.caption = {"shares", "Bytes by kind of matrix",
                   "One bar per kind of matrix, over all layers."};
  constexpr size_t most = 20;
  int64_t rest = 0;
  auto add = [&](const std::string &name, int64_t value) {
    chart.bars.push_back(
        {name, double(value),
         sizeText(value) + ", " + percent(double(value) / double(report.cost)),
         "plan"});
  };
  for (size_t i = 0; i < sorted.size(); ++i)
    if (i < most)
      add(sorted[i].first.str(), sorted[i].second);
    else
      rest += sorted[i].second;
  if (rest > 0)
    add("others", rest);
  if (report.fixed > 0)
    add("no matrix (norms and the like)", report.fixed);
  draw(markup, chart);
  std::vector<std::vector<TableCell>> rows;
  for (const auto &[name, value] : sorted)
    rows.push_back(
        {name.str(),
         {grouped(value), double(value)},
         {percent(double(value) / double(report.cost)), double(value)}});
  foldedTable("bytes by kind of matrix",
              {{"kind"}, {"bytes", true}, {"share", true}}, rows);
}
