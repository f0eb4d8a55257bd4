//===- Bench.cpp - allot bench ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "BenchEvaluations.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <thread>

using namespace allot;
using namespace allot::tool;

std::string tool::targetName(const ProgramFlags &flags) {
  return flags.reference ? "reference" : runtime::hostKernelTarget();
}

namespace {

class BenchCommand : public Subcommand {
public:
  BenchCommand()
      : Subcommand("bench", "Measure the speed of kernels or of a program "
                            "against memory and arithmetic, or of ways to "
                            "evaluate maps against each other") {}

  llvm::Error run() override {
    bool kernels = what == "kernels";
    bool evaluations = what == "evaluations";
    if (!kernels && !evaluations && what != "program")
      return llvm::createStringError("nothing is called %s to bench: wanted "
                                     "kernels, program PROG or evaluations "
                                     "MODULE",
                                     support::quoted(what).c_str());
    if (kernels != program.empty())
      return llvm::createStringError(
          kernels       ? "bench kernels takes no program: wanted is "
                          "`bench program PROG`?"
          : evaluations ? "bench evaluations: the module is missing (.mlir or "
                          ".mlirbc)"
                        : "bench program: the program is missing (.mlir, "
                          ".mlirbc or a compiled folder)");
    if (llvm::Error error = checkOptions())
      return error;
    unsigned threads = flags.threads
                           ? unsigned(flags.threads)
                           : std::max(1u, std::thread::hardware_concurrency());
    ProgramBenchOptions ofProgram{prompt, steps, repeat, threads, parts};
    if (evaluations)
      return runEvaluations(threads);
    auto printed = flags.printed(program, kernels ? ProgramFlags::Wanted()
                                                  : wantedOf(ofProgram));
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    auto rows = [&] {
      if (!kernels)
        return benchProgram(program, ofProgram, flags);
      KernelBenchOptions options;
      options.formats.assign(formats.begin(), formats.end());
      options.shapes.assign(shapes.begin(), shapes.end());
      options.rows.assign(this->rows.begin(), this->rows.end());
      options.ranks.assign(ranks.begin(), ranks.end());
      options.banks.assign(banks.begin(), banks.end());
      options.filter = filter;
      options.repeat = repeat;
      options.threads = threads;
      return benchKernels(options, flags);
    }();
    if (!rows)
      return rows.takeError();
    if (json) {
      printJson(*rows);
    } else {
      printTable(*rows);
      printParts(*rows);
    }
    return llvm::Error::success();
  }

private:
  llvm::Error runEvaluations(unsigned threads) {
    EvaluationBenchOptions options;
    options.rows.assign(this->rows.begin(), this->rows.end());
    if (options.rows.empty())
      options.rows = {1, 512};
    for (int64_t n : options.rows)
      if (n < 1 || n > 65536)
        return llvm::createStringError("--rows: wanted 1 to 65536");
    options.costs.assign(costs.begin(), costs.end());
    options.repeat = repeat;
    options.threads = threads;
    auto measured = benchEvaluations(program, options, flags);
    if (!measured)
      return measured.takeError();
    if (json)
      printJson(*measured);
    else
      printTable(*measured);
    return llvm::Error::success();
  }

  /// An option that would be ignored is a mistake.
  llvm::Error checkOptions() {
    // Lists of options have an operator & of their own.
    const std::pair<const cl::Option *, std::vector<llvm::StringRef>> owners[] =
        {{std::addressof(prompt), {"program"}},
         {std::addressof(steps), {"program"}},
         {std::addressof(parts), {"program"}},
         {std::addressof(formats), {"kernels"}},
         {std::addressof(shapes), {"kernels"}},
         {std::addressof(rows), {"kernels", "evaluations"}},
         {std::addressof(ranks), {"kernels"}},
         {std::addressof(banks), {"kernels"}},
         {std::addressof(filter), {"kernels"}},
         {std::addressof(costs), {"evaluations"}}};
    for (const auto &[option, owner] : owners)
      if (option->getNumOccurrences() &&
          !llvm::is_contained(owner, llvm::StringRef(what)))
        return llvm::createStringError("--%s is an option of bench %s",
                                       option->ArgStr.str().c_str(),
                                       llvm::join(owner, " and ").c_str());
    if (what == "evaluations" &&
        (flags.reference || flags.evaluate.getNumOccurrences() ||
         flags.printPipeline))
      return llvm::createStringError(
          "bench evaluations compiles every evaluation: --reference, "
          "--evaluate and --print-pipeline make no sense");
    if (parts && flags.reference)
      return llvm::createStringError("--parts: the reference evaluation has no "
                                     "parts to measure");
    for (auto [value, name] :
         {std::pair<unsigned, const char *>{prompt, "prompt"},
          {steps, "steps"},
          {repeat, "repeat"}})
      if (value < 1 || value > 1000000)
        return llvm::createStringError("--%s: wanted 1 to 1000000", name);
    return llvm::Error::success();
  }

  cl::opt<std::string> what{
      cl::Positional, cl::Required,
      cl::desc("kernels | program PROGRAM (.mlir or .mlirbc) | evaluations "
               "MODULE (functions that apply one map each to one input)"),
      cl::sub(command), cl::cat(category)};
  cl::opt<std::string> program{cl::Positional, cl::desc(""), cl::sub(command),
                               cl::cat(category)};
  cl::list<std::string> formats{
      "formats",
      cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("kernels: storage formats, such as int4g64,q8_0,f16 (default: "
               "int4g64, int4g64zs8, int8g64, f16, f32)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> shapes{
      "shape",
      cl::CommaSeparated,
      cl::value_desc("MxK"),
      cl::desc("kernels: outputs x inputs of matrices (default: 4096x4096)"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<int64_t> rows{"rows",
                         cl::CommaSeparated,
                         cl::value_desc("n,..."),
                         cl::desc("kernels, evaluations: vectors that meet a "
                                  "matrix at once (default: 1,512)"),
                         cl::sub(command),
                         cl::cat(category)};
  cl::list<int64_t> ranks{
      "ranks",
      cl::CommaSeparated,
      cl::value_desc("r,..."),
      cl::desc(
          "kernels: ranks of a low-rank term with factors in f16 (default: "
          "0; 16 too in the default set, on int4g64, also at 2048x2048). "
          "The same kernel without the term is measured in turn"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> banks{
      "banks",
      cl::CommaSeparated,
      cl::value_desc("b,..."),
      cl::desc(
          "kernels: adapters of which each vector meets another one: 64r4-64 "
          "(64 pairs of factors in f16 of ranks 4 to 64), 64rotation (64 "
          "magnitudes and rotations of pairs of outputs). The default set has "
          "both, with 64 vectors. The same kernel without adapters is measured "
          "in turn"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> filter{
      "filter", cl::value_desc("regex"),
      cl::desc("kernels: only those whose names match, such as n1$"),
      cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> prompt{
      "prompt",
      cl::init(128),
      cl::value_desc("N"),
      cl::desc("program: tokens of the prompt (default: 128)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> steps{
      "steps",
      cl::init(32),
      cl::value_desc("N"),
      cl::desc("program: steps of decoding to measure (default: 32)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> repeat{
      "repeat",
      cl::init(21),
      cl::value_desc("N"),
      cl::desc("Samples of each kernel, or of the prefill (default: 21)"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> parts{
      "parts",
      cl::desc("program: also measure where the time goes, part by part. The "
               "program gets marks between its parts for that, which take some "
               "25 ns each"),
      cl::sub(command), cl::cat(category)};
  cl::list<std::string> costs{
      "costs",
      cl::CommaSeparated,
      cl::value_desc("unit=seconds,..."),
      cl::desc("evaluations: constants of the cost model, instead of those of "
               "this processor's class"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> json{
      "json",
      cl::desc(
          "Print JSON: a list of name, format, activations, block, m, k, "
          "n, rank, experts, threads, target, bytes, flops, seconds, "
          "of_read, of_peak, read_gbs, peak_gflops, spread, samples, "
          "dropped; of programs also phase, tokens_per_second, model, plan, "
          "predicted_loss, solver, with --parts also parts{seconds, rest, "
          "runs, list[{site, op, seconds}]}; of kernels with a low-rank "
          "term or a bank (experts: its members) also over_plain. Of "
          "evaluations: name, m, k, n, over_best, "
          "ways[{way, predicted, seconds, spread, work}]"),
      cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeBenchCommand() {
  return std::make_unique<BenchCommand>();
}
