//===- Eval.cpp - allot eval --------------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/Runtime/Generation.h"
#include "allot/Runtime/Scoring.h"
#include "allot/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using archive::DType;
using runtime::Entry;
using runtime::Program;
using runtime::Tensor;

namespace {

class EvalCommand : public Subcommand {
public:
  EvalCommand()
      : Subcommand("eval", "Measure likelihood of tokens, and divergence from "
                           "another program") {}

  llvm::Error run() override {
    ProgramFlags::Wanted wanted;
    wanted.entries = {"logits"};
    auto printed = flags.printed(program, wanted);
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    auto file = archive::SafetensorsFile::open(tokens);
    if (!file)
      return file.takeError();
    auto ids = readTokens(**file);
    if (!ids)
      return ids.takeError();
    if (ids->shape()[1] < 2)
      return support::fileError(tokens,
                                "rows have one token, wanted two or more");
    auto range = parseRows(rows, ids->shape()[0]);
    if (!range)
      return range.takeError();
    auto adapters = readAdapters(**file, ids->shape()[0]);
    if (!adapters)
      return adapters.takeError();
    support::Progress progress(llvm::errs());
    auto measured = flags.load(program, wanted, &progress);
    if (!measured)
      return measured.takeError();
    std::unique_ptr<Program> base;
    if (!against.empty()) {
      wanted.exactActivations = true;
      auto loaded = flags.load(against, wanted, &progress);
      if (!loaded)
        return loaded.takeError();
      base = std::move(*loaded);
    }
    return evaluate(**measured, base.get(), *ids, *adapters, range->first,
                    range->second, progress);
  }

private:
  /// Logits [T, vocab] of one row, which has this adapter of the bank, if any.
  llvm::Expected<Tensor> logitsOf(Program &source, const Tensor &row,
                                  llvm::ArrayRef<int32_t> adapter) {
    auto entry = source.get("logits");
    if (!entry)
      return entry.takeError();
    const runtime::Parameter *input = (*entry)->input("input_ids"),
                             *output = (*entry)->output("logits");
    if (!input || !output || output->dtype != DType::F32 ||
        output->shape.size() != 3)
      return support::fileError(
          source.path(), "entry 'logits' does not take input_ids [batch, T] "
                         "and give logits [batch, T, vocabulary]");
    Tensor argument = row;
    if (input->dtype == DType::I64) {
      auto wide = Tensor::create("input_ids", DType::I64, row.shape());
      if (!wide)
        return wide;
      llvm::copy(row.values<int32_t>(), wide->values<int64_t>().begin());
      argument = *wide;
    }
    argument.setName("input_ids");
    auto inputs = runtime::adapterInput(source, **entry, adapter, 1);
    if (!inputs)
      return inputs.takeError();
    inputs->push_back(argument);
    auto results = source.run(**entry, *inputs);
    if (!results)
      return results.takeError();
    for (Tensor &result : *results)
      if (result.name() == "logits") {
        if (result.shape()[1] != row.shape()[1])
          return support::fileError(
              source.path(),
              "entry 'logits' gives " + support::shapeString(result.shape()) +
                  " for " + support::shapeString(row.shape()) + " tokens");
        return result.reshaped({result.shape()[1], result.shape()[2]});
      }
    llvm_unreachable("an entry gives all of its outputs");
  }

  llvm::Error evaluate(Program &measured, Program *base, const Tensor &ids,
                       llvm::ArrayRef<int32_t> adapters, int64_t begin,
                       int64_t end, support::Progress &progress) {
    int64_t length = ids.shape()[1], count = end - begin;
    auto logp = Tensor::create("logp", DType::F32, {count, length - 1}),
         top1 = Tensor::create("top1", DType::I32, {count, length - 1});
    if (!logp || !top1)
      return llvm::joinErrors(logp.takeError(), top1.takeError());
    runtime::Summary summary;
    {
      support::ProgressStep step(&progress, "evaluating", count);
      for (int64_t r = begin; r < end; ++r) {
        Tensor row =
            Tensor::adopt("input_ids", DType::I32, {1, length}, ids.storage(),
                          ids.bytes().data() + r * length * sizeof(int32_t));
        llvm::ArrayRef<int32_t> adapter =
            adapters.empty() ? adapters : adapters.slice(r, 1);
        auto logits = logitsOf(measured, row, adapter);
        if (!logits)
          return logits.takeError();
        int64_t vocab = logits->shape()[1];
        llvm::ArrayRef<float> baseValues;
        Tensor baseLogits;
        if (base) {
          // One without a bank is measured as it is.
          auto entry = base->get("logits");
          bool chooses = entry && (*entry)->input("adapter");
          if (!entry)
            return entry.takeError();
          auto other = logitsOf(*base, row,
                                chooses ? adapter : llvm::ArrayRef<int32_t>());
          if (!other)
            return other.takeError();
          if (other->shape()[1] != vocab)
            return support::fileError(
                against, "has a vocabulary of " +
                             llvm::Twine(other->shape()[1]) + " tokens, " +
                             program + " one of " + llvm::Twine(vocab));
          baseLogits = *other;
          baseValues = baseLogits.values<float>();
        }
        llvm::ArrayRef<int32_t> next =
            llvm::ArrayRef<int32_t>(row.values<int32_t>()).drop_front();
        for (int32_t id : next)
          if (id < 0 || id >= vocab)
            return support::fileError(
                tokens, "row " + llvm::Twine(r) + " holds id " +
                            llvm::Twine(id) + ", the vocabulary has " +
                            llvm::Twine(vocab) + " tokens");
        runtime::Scores scores =
            runtime::score(logits->values<float>(), vocab, next, baseValues);
        llvm::copy(scores.logp,
                   logp->values<float>().begin() + (r - begin) * (length - 1));
        llvm::copy(scores.top1, top1->values<int32_t>().begin() +
                                    (r - begin) * (length - 1));
        summary.add(scores);
        step.advance(1, llvm::formatv("nll {0:f4}", summary.nll().mean).str());
      }
    }
    if (!logprobs.empty())
      if (llvm::Error error = runtime::writeTensors(logprobs, {*logp, *top1}))
        return error;
    if (json)
      printJson(summary, measured, base);
    else
      printText(summary, measured.stats());
    return llvm::Error::success();
  }

  static std::optional<double>
  bitsPerWeight(const runtime::ProgramStats &stats) {
    if (stats.numWeights <= 0)
      return std::nullopt;
    return 8.0 * double(stats.weightBytes) / double(stats.numWeights);
  }

  static void printJson(const runtime::Summary &summary,
                        const Program &measured, const Program *base) {
    const runtime::ProgramStats &stats = measured.stats();
    llvm::json::OStream os(llvm::outs(), 1);
    auto number = [&](llvm::StringRef key, std::optional<double> value) {
      os.attribute(key, value ? llvm::json::Value(*value)
                              : llvm::json::Value(nullptr));
    };
    auto kl = summary.kl(), agreement = summary.agreement();
    auto errorOf = [](const std::optional<runtime::Estimate> &estimate) {
      return estimate ? estimate->standardError : std::nullopt;
    };
    os.object([&] {
      number("nll", summary.nll().mean);
      number("perplexity", summary.perplexity().mean);
      os.attribute("tokens", int64_t(summary.tokens()));
      number("kl", kl ? std::optional<double>(kl->mean) : std::nullopt);
      number("kl_p99", summary.klQuantile(0.99));
      number("top1_agreement",
             agreement ? std::optional<double>(agreement->mean) : std::nullopt);
      os.attributeObject("stderr", [&] {
        number("nll", summary.nll().standardError);
        number("perplexity", summary.perplexity().standardError);
        number("kl", errorOf(kl));
        number("top1_agreement", errorOf(agreement));
      });
      os.attribute("bytes", int64_t(stats.weightBytes));
      number("bpw", bitsPerWeight(stats));
      printOrigin(os, measured.origin());
      if (base) {
        auto text = base->origin().model;
        os.attribute("against_model", text.empty() ? llvm::json::Value(nullptr)
                                                   : llvm::json::Value(text));
        os.attribute("against_plan",
                     base->origin().plan
                         ? llvm::json::Value(base->origin().plan->digest)
                         : llvm::json::Value(nullptr));
      }
    });
    llvm::outs() << "\n";
  }

  static void printText(const runtime::Summary &summary,
                        const runtime::ProgramStats &stats) {
    llvm::raw_ostream &os = llvm::outs();
    auto line = [&](llvm::StringRef name, const runtime::Estimate &estimate) {
      os << llvm::formatv("{0,-16} {1:f6}", name, estimate.mean);
      if (estimate.standardError)
        os << llvm::formatv(" +- {0:f6}", *estimate.standardError);
      os << "\n";
    };
    os << llvm::formatv("{0,-16} {1}\n", "tokens", summary.tokens());
    line("nll", summary.nll());
    line("perplexity", summary.perplexity());
    if (auto kl = summary.kl()) {
      line("kl", *kl);
      os << llvm::formatv("{0,-16} {1:f6}\n", "kl_p99",
                          *summary.klQuantile(0.99));
      line("top1_agreement", *summary.agreement());
    }
    os << llvm::formatv("{0,-16} {1}\n", "bytes", stats.weightBytes);
    if (auto bits = bitsPerWeight(stats))
      os << llvm::formatv("{0,-16} {1:f4}\n", "bpw", *bits);
  }

  cl::opt<std::string> program{cl::Positional, cl::Required,
                               cl::desc("PROGRAM (.mlir, .mlirbc or a "
                                        "compiled folder)"),
                               cl::sub(command), cl::cat(category)};
  cl::opt<std::string> tokens{
      "tokens",
      cl::Required,
      cl::desc("Sequences: tensor `tokens` or `input_ids` [rows, T] "
               "(safetensors); each token but the first of a row is predicted "
               "from those before it; `adapter` [rows], of a program with a "
               "bank the adapter of each row or -1"),
      cl::value_desc("file"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> against{
      "against",
      cl::desc(
          "Base program, run with f32 activations: adds KL(base || program) "
          "per token in nats and the share of equal most probable tokens"),
      cl::value_desc("program"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> rows{
      "rows",
      cl::desc(
          "Rows to take: a:b means a to b - 1, counted from 0 (default: all)"),
      cl::value_desc("a:b"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> logprobs{
      "logprobs",
      cl::desc(
          "Write `logp` (f32) and `top1` (i32), [rows, T - 1] (safetensors)"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::opt<bool> json{
      "json",
      cl::desc("Print JSON: nll, perplexity, tokens, kl, kl_p99, "
               "top1_agreement, stderr{...} (over rows), bytes, bpw, and what was "
               "measured: model, plan (digests), predicted_loss, solver, "
               "against_model, against_plan"),
      cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeEvalCommand() {
  return std::make_unique<EvalCommand>();
}
