//===- Explain.cpp - allot explain ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExplainPage.h"
#include "Modules.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

/// A row of the table.
struct Row {
  llvm::StringRef name, choice, origin, reason;
  int64_t weights = 0, bytes = 0;
  double loss = 0;
};

struct Report {
  explicit Report(ExplainedPlan &plan) : plan(plan) {
    weights = plan.weights();
    resource = plan.resource().name;
    for (auto &[item, choice, taken] : plan.items) {
      Row row;
      row.name = item.getName();
      row.choice = choice.getOption();
      row.origin = item.getOrigin();
      row.reason = choice.getReason().value_or("");
      row.weights = static_cast<int64_t>(item.getWeights());
      row.bytes = plan.costOf(taken);
      row.loss = taken.getLoss().convertToDouble();
      rows.push_back(row);
    }
  }

  std::optional<double> bitsPerWeight(int64_t amount) const {
    if (weights <= 0 || resource != "bytes")
      return std::nullopt;
    return 8.0 * static_cast<double>(amount) / static_cast<double>(weights);
  }

  ExplainedPlan &plan;
  int64_t weights = 0;
  llvm::StringRef resource;
  std::vector<Row> rows;
};

void printJson(const Report &report) {
  llvm::json::OStream os(llvm::outs(), 1);
  os.object([&] {
    auto budget = [](std::optional<int64_t> amount) {
      return amount ? llvm::json::Value(*amount) : llvm::json::Value(nullptr);
    };
    const ExplainedPlan::Resource &main = report.plan.resource();
    os.attribute("budget_bytes", budget(main.budget));
    os.attribute("bytes", main.taken);
    std::optional<double> bpw = report.bitsPerWeight(main.taken);
    os.attribute("bpw",
                 bpw ? llvm::json::Value(*bpw) : llvm::json::Value(nullptr));
    os.attribute("objective", report.plan.answer.objective);
    os.attribute("bound", report.plan.answer.bound);
    os.attribute("gap", report.plan.answer.gap);
    os.attributeArray("items", [&] {
      for (const Row &row : report.rows)
        os.object([&] {
          os.attribute("name", row.name);
          os.attribute("choice", row.choice);
          os.attribute("bytes", row.bytes);
          os.attribute("predicted_loss", row.loss);
          os.attribute("origin", row.origin);
        });
    });
    os.attribute("solver", report.plan.solution.getSolver());
    os.attributeArray("resources", [&] {
      for (const ExplainedPlan::Resource &total : report.plan.resources)
        os.object([&] {
          os.attribute("name", total.name);
          os.attribute("budget", budget(total.budget));
          os.attribute("taken", total.taken);
          os.attribute("fixed", total.fixed);
        });
    });
  });
  llvm::outs() << "\n";
}

void printAmount(llvm::StringRef label, int64_t amount, const Report &report) {
  llvm::outs() << llvm::formatv("{0,-11} {1,14} {2}", label, amount,
                                report.resource);
  if (std::optional<double> bpw = report.bitsPerWeight(amount))
    llvm::outs() << llvm::formatv("  {0:f4} bits per weight", *bpw);
  llvm::outs() << "\n";
}

/// How much each option is used.
void printUse(const Report &report) {
  struct Use {
    int64_t items = 0, weights = 0, bytes = 0;
    double loss = 0;
  };
  llvm::MapVector<llvm::StringRef, Use> uses;
  for (const Row &row : report.rows) {
    Use &use = uses[row.choice];
    ++use.items;
    use.weights += row.weights;
    use.bytes += row.bytes;
    use.loss += row.loss;
  }
  auto sorted = uses.takeVector();
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::make_pair(-a.second.weights, a.first) <
           std::make_pair(-b.second.weights, b.first);
  });
  size_t width = 6;
  for (const auto &[name, use] : sorted)
    width = std::max(width, name.size());
  llvm::outs() << "\n"
               << llvm::left_justify("option", width)
               << llvm::formatv(" {0,8} {1,12} {2,12} {3,12}\n", "matrices",
                                "weights", report.resource, "loss");
  for (const auto &[name, use] : sorted)
    llvm::outs() << llvm::left_justify(name, width)
                 << llvm::formatv(" {0,8} {1,12} {2,12} {3,12:e3}\n", use.items,
                                  use.weights, use.bytes, use.loss);
}

/// What the budget is worth at the margin.
void printPrices(const Report &report) {
  bool inBytes = report.resource == "bytes";
  double unit = inBytes ? 1048576.0 : 1.0;
  llvm::StringRef per = inBytes ? "MiB" : "unit";
  auto [better, worse] = report.plan.prices;
  if (better)
    llvm::outs() << llvm::formatv(
        "one more {0} would lower the loss by at most {1:e3} nats\n", per,
        *better * unit);
  if (worse)
    llvm::outs() << llvm::formatv(
        "one {0} less would raise the loss by at least {1:e3} nats\n", per,
        *worse * unit);
}

void printText(const Report &report) {
  size_t name = 4, choice = 6, origin = 6;
  for (const Row &row : report.rows) {
    name = std::max(name, row.name.size());
    choice = std::max(choice, row.choice.size());
    origin = std::max(origin, row.origin.size());
  }
  llvm::outs() << llvm::left_justify("site", name) << "  "
               << llvm::left_justify("choice", choice)
               << llvm::formatv("  {0,7} {1,12} {2,11}  ", "bits",
                                report.resource, "loss")
               << llvm::left_justify("origin", origin) << "  reason\n";
  for (const Row &row : report.rows) {
    std::string bits =
        row.weights > 0 && report.resource == "bytes"
            ? llvm::formatv("{0:f3}", 8.0 * static_cast<double>(row.bytes) /
                                          static_cast<double>(row.weights))
                  .str()
            : "-";
    llvm::outs() << llvm::left_justify(row.name, name) << "  "
                 << llvm::left_justify(row.choice, choice)
                 << llvm::formatv("  {0,7} {1,12} {2,11:e3}  ", bits, row.bytes,
                                  row.loss)
                 << row.origin;
    if (!row.reason.empty())
      llvm::outs().indent(origin - row.origin.size() + 2) << row.reason;
    llvm::outs() << "\n";
  }
  printUse(report);
  llvm::outs() << "\n";
  const ExplainedPlan::Resource &main = report.plan.resource();
  if (main.budget)
    printAmount("budget", *main.budget, report);
  printAmount("taken", main.taken, report);
  if (main.fixed)
    printAmount("of it fixed", main.fixed, report);
  if (main.budget && main.taken > *main.budget)
    llvm::outs() << "this is " << main.taken - *main.budget << " "
                 << report.resource << " over the budget\n";
  for (const ExplainedPlan::Resource &total : report.plan.resources) {
    if (total.name == report.resource)
      continue;
    llvm::outs() << llvm::formatv("{0,-11} {1,14} {2}", "taken", total.taken,
                                  total.name);
    if (total.budget)
      llvm::outs() << " of at most " << *total.budget;
    llvm::outs() << "\n";
  }
  const allocation::Solution &answer = report.plan.answer;
  llvm::outs() << llvm::formatv(
      "predicted loss {0:e6} nats per token, at least {1:e6} (gap {2:e2}), by "
      "{3}\n",
      answer.objective, answer.bound, answer.gap,
      report.plan.solution.getSolver());
  printPrices(report);
}

class ExplainCommand : public Subcommand {
public:
  ExplainCommand()
      : Subcommand("explain", "Tell what a plan chose and why, without solving "
                              "it again") {}

  llvm::Error run() override {
    // Options that would be ignored are a mistake.
    if (!html.getNumOccurrences())
      for (const cl::Option *option :
           {static_cast<const cl::Option *>(std::addressof(measured)),
            static_cast<const cl::Option *>(std::addressof(times)),
            static_cast<const cl::Option *>(std::addressof(force))})
        if (option->getNumOccurrences())
          return llvm::createStringError("--%s is for the page of --html",
                                         option->ArgStr.str().c_str());
    auto module = LoadedModule::read(input);
    if (!module)
      return module.takeError();
    auto solutions =
        llvm::to_vector((*module)->get().getOps<plan::SolutionOp>());
    if (solutions.size() != 1)
      return support::fileError(input, "expected one plan.solution, found " +
                                           llvm::Twine(solutions.size()));
    auto plan = ExplainedPlan::read(input, solutions.front());
    if (!plan)
      return plan.takeError();
    bool page = html.getNumOccurrences() > 0;
    if (page) {
      PageOptions wanted;
      wanted.output = html;
      wanted.measured.assign(measured.begin(), measured.end());
      wanted.times.assign(times.begin(), times.end());
      wanted.force = force;
      if (llvm::Error error = writePlanPage(input, *plan, wanted))
        return error;
    }
    Report report(*plan);
    if (json)
      printJson(report);
    else if (!page)
      printText(report);
    return llvm::Error::success();
  }

private:
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<plan: .mlir or .mlirbc>"),
                             cl::sub(command), cl::cat(category)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(command),
                     cl::cat(category)};
  cl::opt<std::string> html{
      "html",
      cl::desc("Write a page to read instead of printing a table: what was "
               "decided and why in words and pictures, what other budgets "
               "would give, and measurements beside predictions. It needs no "
               "other file"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::list<std::string> measured{
      "measured",
      cl::desc("For the page: what `allot eval PROGRAM --against MODEL --json` "
               "wrote, of this or any other plan for the model. Repeatable"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::list<std::string> times{
      "bench",
      cl::desc("For the page: what `allot bench program PROGRAM --json` wrote. "
               "Repeatable"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::opt<bool> force{"force", cl::desc("Take measurements of another model"),
                      cl::sub(command), cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeExplainCommand() {
  return std::make_unique<ExplainCommand>();
}
