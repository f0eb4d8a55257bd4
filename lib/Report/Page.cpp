//===- Page.cpp - a plan as a page to read ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <cmath>

using namespace allot::report;
using namespace allot::report::detail;

//===----------------------------------------------------------------------===//
// What sections share
//===----------------------------------------------------------------------===//

void Page::section(llvm::StringRef id, llvm::StringRef title,
                   llvm::function_ref<void()> body) {
  markup.element("section", {{"aria-labelledby", id}}, [&] {
    markup.element("h2", {{"id", id}}, title);
    markup.newline();
    body();
  });
  markup.newline();
}

void Page::table(llvm::StringRef caption, llvm::ArrayRef<Column> columns,
                 llvm::ArrayRef<std::vector<TableCell>> rows) {
  auto kind = [&](size_t c) { return columns[c].isNumber ? "number" : "word"; };
  markup.element("div", {{"class", "table"}}, [&] {
    markup.element("table", {{"class", "sortable"}}, [&] {
      markup.element("caption", {}, caption);
      markup.element("thead", {}, [&] {
        markup.element("tr", {}, [&] {
          for (size_t c = 0; c < columns.size(); ++c)
            markup.element("th", {{"scope", "col"}, {"class", kind(c)}},
                           columns[c].title);
        });
      });
      markup.newline();
      markup.element("tbody", {}, [&] {
        for (const std::vector<TableCell> &row : rows) {
          markup.element("tr", {}, [&] {
            for (size_t c = 0; c < columns.size(); ++c) {
              llvm::SmallVector<Attribute, 3> attributes = {{"class", kind(c)}};
              if (row[c].key) {
                // Every digit counts in an order.
                std::string key;
                llvm::raw_string_ostream(key)
                    << llvm::format("%.9g", *row[c].key);
                attributes.push_back({"data-key", key});
              }
              if (c == 0)
                attributes.push_back({"scope", "row"});
              markup.element(c == 0 ? "th" : "td", attributes, row[c].text);
            }
          });
          markup.newline();
        }
      });
    });
  });
  markup.newline();
}

void Page::foldedTable(llvm::StringRef summary, llvm::ArrayRef<Column> columns,
                       llvm::ArrayRef<std::vector<TableCell>> rows) {
  markup.element("details", {}, [&] {
    markup.element("summary", {}, "As a table: " + summary.str());
    table(summary, columns, rows);
  });
  markup.newline();
}

std::string Page::amount(int64_t cost) const {
  std::string text = grouped(cost) + " " + report.resource;
  if (report.inBytes() && cost >= 1024)
    text += " (" + sizeText(cost) + ")";
  return text;
}

double Page::costPlace(int64_t cost) const {
  return report.bitsPerWeight(cost).value_or(double(cost));
}

std::string Page::costUnit() const {
  return report.bitsPerWeight(0) ? "bits per weight" : report.resource;
}

const MeasuredLoss *Page::ownMeasurement() const {
  for (const MeasuredLoss &measured : report.measured)
    if (measured.isSubject)
      return &measured;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The beginning
//===----------------------------------------------------------------------===//

void Page::writeHead() {
  markup.element("head", {}, [&] {
    markup.empty("meta", {{"charset", "utf-8"}});
    markup.empty("meta", {{"name", "viewport"},
                          {"content", "width=device-width, initial-scale=1"}});
    // The page may not fetch anything, whatever is written in it.
    markup.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                          {"content", "default-src 'none'; style-src "
                                      "'unsafe-inline'; script-src "
                                      "'unsafe-inline'"}});
    markup.empty("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
    markup.element("title", {}, report.file + ": what was decided and why");
    markup.newline();
    markup.element("style", {}, [&] { markup.raw(styleSheet()); });
  });
  markup.newline();
}

/// The storage that most weights take, and how much it is.
static std::string mostUsed(const PlanReport &report) {
  llvm::MapVector<llvm::StringRef, std::pair<int64_t, int64_t>> uses;
  for (const PlannedItem &item : report.items) {
    auto &use = uses[item.choice];
    ++use.first;
    use.second += item.weights;
  }
  auto most = llvm::max_element(uses, [](const auto &a, const auto &b) {
    return std::pair(a.second.second, a.second.first) <
           std::pair(b.second.second, b.second.first);
  });
  return std::to_string(uses.size()) +
         (uses.size() == 1 ? " treatment is" : " different treatments are") +
         " used; the most frequent by weights is " + most->first.str() +
         ", taken by " + std::to_string(most->second.first) + " of " +
         std::to_string(report.items.size()) + " parts";
}

void Page::writeSummary() {
  std::string text = "This plan stores ";
  text += report.weights > 0
              ? "the " + grouped(report.weights) + " weights of a model in "
              : "a model in ";
  text += amount(report.cost);
  if (auto bits = report.bitsPerWeight(report.cost))
    text += ", " + number(*bits) + " bits per weight";
  if (report.budget) {
    text += report.cost <= *report.budget
                ? ", within a budget of " + amount(*report.budget)
                : ", above its budget of " + amount(*report.budget);
  }
  text += ".";
  for (const OtherResource &other : report.others) {
    text += " It takes " + grouped(other.taken) + " " + other.name;
    if (other.budget)
      text += " of at most " + grouped(*other.budget);
    text += ".";
  }
  if (auto stored = report.storedCost(); stored && *stored != report.cost) {
    text += " Left as they were, they take " + amount(*stored);
    if (auto bits = report.bitsPerWeight(*stored))
      text += ", " + number(*bits) + " bits per weight";
    text += ": the plan keeps " +
            percent(double(report.cost) / double(*stored)) + " of that.";
  }
  if (!report.items.empty())
    text += " " + mostUsed(report) + ".";
  text += " This is predicted to move the answers of the model by " +
          number(report.loss) + " nats per token. ";
  if (report.bound <= 0 && report.loss > 0)
    text += "The choice was not optimised (" + report.solver +
            "), so nothing is known about how near the best it is.";
  else if (report.gap <= 1e-9)
    text += "No other choice within the budget is predicted to do better: the "
            "plan is proven to be the best one under these predictions.";
  else
    text += "No choice within the budget is predicted to move them by less "
            "than " +
            number(report.bound) + ", so the plan is within " +
            percent(report.gap) + " of the best one under these predictions.";
  if (const MeasuredLoss *own = ownMeasurement()) {
    text += " Measured on " + grouped(own->tokens) +
            " tokens the applied plan moves them by " + number(own->divergence);
    if (own->standardError)
      text += " ± " + number(*own->standardError, 2);
    text += " nats per token";
    if (own->agreement)
      text += ", and " + percent(*own->agreement) +
              " of the most probable next tokens stay the same";
    text += ".";
  }
  markup.element("p", {{"class", "lead"}}, text);
  markup.newline();
}

void Page::writeFigures() {
  auto figure = [&](llvm::StringRef name, const std::string &value,
                    const std::string &note) {
    markup.element("div", {{"class", "figure"}}, [&] {
      markup.element("dt", {}, name);
      markup.element("dd", {{"class", "value"}}, value);
      if (!note.empty())
        markup.element("dd", {{"class", "note"}}, note);
    });
    markup.newline();
  };
  markup.element("dl", {{"class", "figures"}}, [&] {
    markup.newline();
    figure("size",
           report.inBytes() ? sizeText(report.cost)
                            : grouped(report.cost) + " " + report.resource,
           report.budget
               ? percent(double(report.cost) /
                         double(std::max<int64_t>(*report.budget, 1))) +
                     " of the budget"
               : "no budget was set");
    if (auto bits = report.bitsPerWeight(report.cost)) {
      auto stored = report.storedCost();
      figure("bits per weight", number(*bits),
             stored ? number(*report.bitsPerWeight(*stored)) + " as stored"
                    : "");
    }
    figure("predicted loss", number(report.loss), "nats per token");
    figure("proven gap",
           report.bound <= 0 && report.loss > 0 ? std::string("unknown")
                                                : percent(report.gap),
           "to the best possible plan");
    if (const MeasuredLoss *own = ownMeasurement())
      figure("measured loss", number(own->divergence),
             own->standardError
                 ? "± " + number(*own->standardError, 2) + " nats per token"
                 : "nats per token");
  });
  markup.newline();
}

void Page::writeWords() {
  section("words", "What the words mean", [&] {
    markup.element("dl", {{"class", "words"}}, [&] {
      auto word = [&](llvm::StringRef name, llvm::StringRef meaning) {
        markup.element("dt", {}, name);
        markup.element("dd", {}, meaning);
        markup.newline();
      };
      word(
          "matrix, part",
          "A model is mostly a list of matrices of numbers, its weights. Each "
          "matrix is decided about on its own; the table of token vectors (the "
          "embedding) is cut into parts, frequent tokens first.");
      word("bits per weight",
           "Eight times the bytes that the running program reads, divided by "
           "the number of weights of the original model. Scales, padding, "
           "adapters and everything else that is stored beside the weights is "
           "counted.");
      word("loss, nats per token",
           "How far the answers of the smaller model are from those of the "
           "original: the Kullback-Leibler divergence between the two "
           "predictions of the next token, averaged over tokens. 0 means the "
           "same answers. A nat is 1.44 bits of information.");
      word("predicted loss",
           "The sum of what each matrix is expected to add, from measurements "
           "in which one matrix at a time was rounded. It serves to compare "
           "choices; what a whole plan really does has to be measured.");
      word("bound and gap",
           "The bound is a loss that provably no choice within the budget can "
           "fall below, under the same predictions. The gap is how far above "
           "it this plan is, as a part of its loss: 0 % means best possible.");
      word("uniform",
           "The usual way: one storage format for all matrices alike.");
      word("price",
           "What one more byte would be worth: by how much the predicted loss "
           "would fall, or rise for one byte less.");
      word("storage names",
           "int4g32zs8 reads: integers of 4 bits, groups of 32 that share a "
           "scale, with zero points (z), scales of 8 bits (s8). stored means "
           "left as it was; +rN a low-rank correction of rank N beside it; "
           "+merged an adapter that was added before rounding; +adapter one "
           "that is kept beside, -rN with N of its ranks.");
    });
  });
}

//===----------------------------------------------------------------------===//
// The curve
//===----------------------------------------------------------------------===//

/// Uniform choices that no other beats in cost and loss.
static std::vector<bool> isOnFront(llvm::ArrayRef<UniformPoint> points) {
  std::vector<bool> front;
  for (const UniformPoint &point : points)
    front.push_back(llvm::none_of(points, [&](const UniformPoint &other) {
      return other.cost <= point.cost && other.loss <= point.loss &&
             (other.cost < point.cost || other.loss < point.loss);
    }));
  return front;
}

void Page::writeCurve() {
  section("curve", "What other budgets would give", [&] {
    bool isFlat = llvm::all_of(report.curve, [&](const auto &point) {
      return point.loss == report.curve.front().loss;
    });
    if (report.curve.size() < 2 || isFlat) {
      paragraph(!report.budget ? "The plan has no budget, so there is no curve "
                                 "around it to draw."
                : report.cost > *report.budget
                    ? "The plan is above its budget, so there is no curve "
                      "around it to draw."
                : report.curve.empty()
                    ? "More than one resource has a budget, so there is no "
                      "single curve of budgets to draw."
                    : "No other budget would change anything.");
      return;
    }
    std::string text =
        "The line is the least predicted loss that each budget allows: every "
        "point on it is the whole problem solved again (bounds are in the "
        "table). Grey marks are uniform choices, one format for everything. "
        "The vertical axis is logarithmic.";
    if (!report.measured.empty())
      text += " What was measured stands beside it.";
    if (report.priceBetter || report.priceWorse) {
      double unit = report.inBytes() ? 1048576.0 : 1.0;
      std::string per = report.inBytes() ? "MiB" : "unit of " + report.resource;
      // A plan that is not the best may be bettered for nothing.
      auto isFinite = [](std::optional<double> price) {
        return price && std::isfinite(*price);
      };
      bool better = isFinite(report.priceBetter),
           worse = isFinite(report.priceWorse);
      if (better || worse)
        text += " At the chosen budget";
      if (better)
        text += " one more " + per + " would lower the loss by at most " +
                number(*report.priceBetter * unit) + " nats per token";
      if (better && worse)
        text += ";";
      if (worse)
        text += " one " + per + " less would raise it by at least " +
                number(*report.priceWorse * unit);
      if (better || worse)
        text +=
            " (the price of a change of one part, scaled to one " + per + ").";
      if (report.priceBetter && !better)
        text += " A part of this plan could be bettered at no cost.";
    }
    paragraph(text);

    XYChart chart;
    chart.caption = {"budget-curve", "Predicted loss by budget", ""};
    chart.xLabel = report.bitsPerWeight(0) ? "size, bits per weight"
                                           : "size, " + report.resource;
    chart.yLabel = "loss, nats per token";
    Series line{
        "best for each budget (predicted)", "plan", Shape::None, true, {}};
    double lowX = costPlace(report.cost + 0), highX = lowX, lowY = 0, highY = 0;
    auto include = [&](double x, double y) {
      lowX = std::min(lowX, x);
      highX = std::max(highX, x);
      if (y <= 0)
        return;
      lowY = lowY > 0 ? std::min(lowY, y) : y;
      highY = std::max(highY, y);
    };
    std::vector<std::vector<TableCell>> rows;
    for (const CurvePoint &point : report.curve) {
      double x = costPlace(point.budget);
      include(x, point.loss);
      line.marks.push_back({x, point.loss, std::nullopt, "", ""});
      rows.push_back({{grouped(point.budget), double(point.budget)},
                      {number(costPlace(point.budget), 4), x},
                      {number(point.loss), point.loss},
                      {number(point.bound), point.bound}});
    }
    double leftEnd = lowX, rightEnd = highX;
    Series uniform{"uniform (predicted)", "minor", Shape::Square, false, {}};
    std::vector<bool> front = isOnFront(report.uniform);
    for (size_t i = 0; i < report.uniform.size(); ++i) {
      const UniformPoint &point = report.uniform[i];
      double x = costPlace(point.cost);
      if (x < leftEnd || x > rightEnd)
        continue;
      if (front[i])
        include(x, point.loss);
      uniform.marks.push_back(
          {x, point.loss, std::nullopt, front[i] ? point.name : "",
           "uniform " + point.name + ": " + number(x) + " " + costUnit() +
               ", predicted " + number(point.loss)});
    }
    // Allocations for other budgets make a curve of their own beside the
    // predicted one; uniform choices stay points.
    Series measured{"measured allocations (bars: one standard error)",
                    "measured",
                    Shape::Diamond,
                    true,
                    {}},
        measuredUniform{
            "measured uniform", "measured", Shape::Square, false, {}};
    for (const MeasuredLoss &point : report.measured) {
      // Of other resources nobody measured how much a program takes.
      if (!report.inBytes() || point.divergence <= 0)
        continue;
      double x = point.bitsPerWeight && report.bitsPerWeight(0)
                     ? *point.bitsPerWeight
                     : costPlace(point.bytes);
      include(x, point.divergence);
      std::string text = point.label + ": measured " + number(point.divergence);
      if (point.predicted)
        text += ", predicted " + number(*point.predicted);
      (point.isPlanned() ? measured : measuredUniform)
          .marks.push_back(
              {x, point.divergence, point.standardError, point.label, text});
    }
    llvm::sort(measured.marks, [](const Mark &a, const Mark &b) {
      return std::tie(a.x, a.y) < std::tie(b.x, b.y);
    });
    Series chosen{"this plan (predicted)", "chosen", Shape::Circle, false, {}};
    include(costPlace(report.cost), report.loss);
    chosen.marks.push_back({costPlace(report.cost), report.loss, std::nullopt,
                            "", "this plan: " + number(report.loss)});
    chart.x = Axis::linear(lowX, highX).rounded(8);
    chart.y = Axis::logarithmic(lowY, highY).rounded(6);
    if (report.budget)
      chart.rule = XYChart::Rule{costPlace(*report.budget), "budget"};
    chart.series.push_back(std::move(line));
    if (!uniform.marks.empty())
      chart.series.push_back(std::move(uniform));
    for (Series *series : {&measured, &measuredUniform})
      if (!series->marks.empty())
        chart.series.push_back(std::move(*series));
    chart.series.push_back(std::move(chosen));
    chart.caption.description =
        "The predicted loss falls from " + number(report.curve.front().loss) +
        " at " + number(leftEnd) + " " + costUnit() + " to " +
        number(report.curve.back().loss) + " at " + number(rightEnd) +
        "; this plan is at " + number(costPlace(report.cost)) + " with " +
        number(report.loss) + " nats per token.";
    draw(markup, chart);
    std::string unit = costUnit();
    std::string resource = "budget, " + report.resource;
    foldedTable(
        "least predicted loss by budget",
        {{resource, true}, {unit, true}, {"loss", true}, {"bound", true}},
        rows);
    std::vector<std::vector<TableCell>> others;
    for (const UniformPoint &point : report.uniform)
      others.push_back(
          {point.name,
           {grouped(point.cost), double(point.cost)},
           {number(costPlace(point.cost), 4), costPlace(point.cost)},
           {number(point.loss), point.loss}});
    if (!others.empty())
      foldedTable("uniform choices",
                  {{"storage"},
                   {report.resource, true},
                   {unit, true},
                   {"predicted loss", true}},
                  others);
  });
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

void Page::writeItems() {
  section("items", "Every decision", [&] {
    paragraph("One row per part, with what it would have cost to decide "
              "otherwise. Where scripts are allowed, a click on the head of a "
              "column sorts by it.");
    std::vector<std::vector<TableCell>> rows;
    for (const PlannedItem &item : report.items) {
      bool hasBits = item.weights > 0 && report.inBytes();
      double bits =
          hasBits ? 8.0 * double(item.cost) / double(item.weights) : 0;
      rows.push_back(
          {item.name,
           item.choice,
           hasBits ? TableCell(number(bits, 3), bits) : TableCell("-", 0),
           {std::to_string(item.rank), double(item.rank)},
           {grouped(item.cost), double(item.cost)},
           {number(item.loss), item.loss},
           item.reason,
           item.origin});
    }
    table("all parts of the model, in its order",
          {{"part"},
           {"stored as"},
           {"bits", true},
           {"rank", true},
           {report.resource, true},
           {"predicted loss", true},
           {"why"},
           {"where the prediction comes from"}},
          rows);
  });
}

void Page::write() {
  markup.raw("<!DOCTYPE html>\n");
  markup.element(
      "html", {{"xmlns", "http://www.w3.org/1999/xhtml"}, {"lang", "en"}}, [&] {
        writeHead();
        markup.element("body", {}, [&] {
          markup.element("header", {}, [&] {
            markup.element("h1", {}, "What was decided, and why");
            markup.element("p", {{"class", "file"}}, report.file);
          });
          markup.newline();
          markup.element("main", {}, [&] {
            writeSummary();
            writeFigures();
            writeCurve();
            writeMeasured();
            writeMatrices();
            writeTimes();
            writeItems();
            writeWords();
          });
          markup.element("footer", {}, [&] {
            paragraph("Made by allot explain from " + report.file +
                      (report.model.empty()
                           ? std::string()
                           : ", a plan for the model with the digest " +
                                 report.model) +
                      ". Solver: " + report.solver + ".");
          });
          markup.element("script", {}, [&] { markup.raw(sortScript()); });
        });
      });
  markup.newline();
}

void allot::report::writePage(llvm::raw_ostream &os, const PlanReport &report) {
  Page(os, report).write();
}
