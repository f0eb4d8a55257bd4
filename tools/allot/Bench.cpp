//===- Bench.cpp - allot bench ------------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Bench.h"
#include "Driver.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Support/Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <thread>

using namespace allot;
using namespace allot::tool;
using runtime::BenchRow;

namespace {

void printJson(llvm::ArrayRef<BenchRow> rows) {
  llvm::json::OStream os(llvm::outs(), 1);
  os.array([&] {
    for (const BenchRow &row : rows)
      os.object([&] {
        os.attribute("name", row.name);
        if (!row.phase.empty()) {
          os.attribute("phase", row.phase);
          os.attribute("tokens_per_second", row.tokensPerSecond);
        }
        os.attribute("format", row.format);
        os.attribute("block", row.block);
        os.attribute("m", row.m);
        os.attribute("k", row.k);
        os.attribute("n", row.n);
        os.attribute("rank", row.rank);
        os.attribute("experts", row.experts);
        os.attribute("threads", row.threads);
        os.attribute("target", row.target);
        os.attribute("bytes", row.bytes);
        os.attribute("flops", row.flops);
        os.attribute("seconds", row.pairing.seconds);
        os.attribute("of_read", row.pairing.ofRead);
        os.attribute("of_peak", row.pairing.ofPeak);
        os.attribute("read_gbs", row.pairing.readGBs);
        os.attribute("peak_gflops", row.pairing.peakGFlops);
        os.attribute("spread", row.pairing.spread);
        os.attribute("activations", row.activations);
      });
  });
  llvm::outs() << "\n";
}

void printHeader(size_t width) {
  llvm::outs() << llvm::left_justify("", width)
               << "        MB        us   of read   of peak  read GB/s  peak "
                  "GFLOP/s  spread   token/s\n";
}

void printRow(const BenchRow &row, size_t width) {
  const runtime::Pairing &p = row.pairing;
  llvm::outs()
      << llvm::left_justify(row.name, width)
      << llvm::format(
             " %9.2f %9.1f   %5.1f %%   %5.1f %%  %9.1f  %12.1f  %4.0f %%",
             double(row.bytes) * 1e-6, p.seconds * 1e6, 100 * p.ofRead,
             100 * p.ofPeak, p.readGBs, p.peakGFlops, 100 * p.spread);
  if (!row.phase.empty())
    llvm::outs() << llvm::format(" %9.1f", row.tokensPerSecond);
  llvm::outs() << "\n";
  llvm::outs().flush();
}

void warn(const BenchRow &row) {
  if (row.pairing.undisturbed < row.pairing.samples)
    llvm::errs() << "note: " << row.name << ": the machine is busy: only "
                 << row.pairing.undisturbed << " of " << row.pairing.samples
                 << " samples were undisturbed, all of them count\n";
}

class BenchCommand : public Subcommand {
public:
  BenchCommand()
      : Subcommand(
            "bench",
            "Measure kernels or a program against a read of the same bytes") {}

  llvm::Error run() override {
    if (samples == 0 || samples > 100000)
      return llvm::createStringError("--samples: wanted 1 to 100000");
    if (what == "kernels") {
      if (!program.empty())
        return llvm::createStringError(
            "bench kernels takes no program, there is %s",
            support::quoted(program).c_str());
      return benchKernels();
    }
    if (what != "program")
      return llvm::createStringError("bench: wanted kernels or program, not %s",
                                     support::quoted(what).c_str());
    if (program.empty())
      return llvm::createStringError("bench program: the PROGRAM is missing");
    return benchProgram();
  }

private:
  runtime::BenchOptions benchOptions() const {
    runtime::BenchOptions options;
    options.threads = flags.threads
                          ? unsigned(flags.threads)
                          : std::max(1u, std::thread::hardware_concurrency());
    options.samples = samples;
    return options;
  }

  llvm::Error benchKernels() {
    llvm::Regex wanted(filter);
    std::string reason;
    if (!wanted.isValid(reason))
      return llvm::createStringError("--filter: %s", reason.c_str());
    if (flags.threads > 1024)
      return llvm::createStringError("--threads: %u are too many",
                                     unsigned(flags.threads));
    std::vector<runtime::KernelCase> cases = runtime::standardKernelCases();
    llvm::erase_if(cases, [&](const runtime::KernelCase &c) {
      return !wanted.match(c.name());
    });
    if (cases.empty())
      return llvm::createStringError(
          "--filter: no kernel has a name that %s matches",
          support::quoted(filter).c_str());
    runtime::KernelBench bench(
        registry(),
        [](mlir::OpPassManager &pm, llvm::StringRef activations) {
          pipelines::LoweringOptions lowering;
          lowering.activations = activations.str();
          lowering.target = runtime::hostKernelTarget();
          pipelines::buildLowerToLLVMPipeline(pm, lowering);
        },
        benchOptions());
    size_t width = 0;
    for (const runtime::KernelCase &c : cases)
      width = std::max(width, c.name().size());
    if (!json)
      printHeader(width);
    std::vector<BenchRow> rows;
    for (const runtime::KernelCase &c : cases) {
      auto row = bench.run(c);
      if (!row)
        return row.takeError();
      warn(*row);
      if (!json)
        printRow(*row, width);
      rows.push_back(std::move(*row));
    }
    if (json)
      printJson(rows);
    return llvm::Error::success();
  }

  llvm::Error benchProgram() {
    ProgramFlags::Wanted wanted;
    wanted.entries = {"prefill", "decode"};
    if (flags.printed(wanted))
      return llvm::Error::success();
    if (flags.reference)
      return llvm::createStringError(
          "--reference: plain loops are no program to measure");
    if (tokens == 0 || tokens > 100000 || prefill == 0 || prefill > 100000)
      return llvm::createStringError("--tokens, --prefill: wanted 1 to 100000");
    support::Progress progress(llvm::errs());
    auto loaded = flags.load(program, wanted, &progress);
    if (!loaded)
      return loaded.takeError();
    static constexpr const char *activationNames[] = {"f32", "i16", "i8"};
    runtime::ProgramBenchOptions options;
    options.bench = benchOptions();
    options.bench.patience = 10;
    options.tokens = tokens;
    options.prefill = prefill;
    options.activations =
        activationNames[unsigned(Activations(flags.activations))];
    auto rows = runtime::benchProgram(**loaded, options);
    if (!rows)
      return rows.takeError();
    for (const BenchRow &row : *rows)
      warn(row);
    if (json) {
      printJson(*rows);
      return llvm::Error::success();
    }
    size_t width = 0;
    for (const BenchRow &row : *rows)
      width = std::max(width, row.name.size());
    printHeader(width);
    for (const BenchRow &row : *rows)
      printRow(row, width);
    return llvm::Error::success();
  }

  cl::opt<std::string> what{cl::Positional, cl::Required,
                            cl::desc("kernels|program"), cl::sub(command),
                            cl::cat(category)};
  cl::opt<std::string> program{cl::Positional,
                               cl::desc("[PROGRAM (.mlir or .mlirbc)]"),
                               cl::sub(command), cl::cat(category)};
  cl::opt<std::string> filter{
      "filter", cl::desc("Only kernels whose name this matches"),
      cl::value_desc("regex"), cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> samples{
      "samples",
      cl::desc("Samples of each kernel and of prefill (default 25)"),
      cl::value_desc("N"),
      cl::init(25),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> tokens{"tokens",
                           cl::desc("Tokens to generate (default 64)"),
                           cl::value_desc("N"),
                           cl::init(64),
                           cl::sub(command),
                           cl::cat(category)};
  cl::opt<unsigned> prefill{
      "prefill",
      cl::desc("Tokens of the prompt in prefill (default 128)"),
      cl::value_desc("N"),
      cl::init(128),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> json{
      "json",
      cl::desc(
          "Print JSON, a list of: name, format, block, m, k, n, rank, experts, "
          "threads, target, bytes, flops, seconds, of_read, of_peak, read_gbs, "
          "peak_gflops, "
          "spread, activations; of programs also phase, tokens_per_second"),
      cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeBenchCommand() {
  return std::make_unique<BenchCommand>();
}
