//===- BenchKernels.cpp - allot bench kernels -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BenchKernels.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

namespace {

/// Cases that differ in rank alone, the plain one first: measured in turn.
using Group = std::vector<KernelCase>;

class KernelBench {
public:
  KernelBench(const KernelBenchOptions &options, const ProgramFlags &flags)
      : options(options), flags(flags), context(registry()) {
    context.loadDialect<format::FormatDialect>();
  }

  llvm::Expected<std::vector<BenchRow>> run();

private:
  llvm::Expected<std::vector<Group>> chooseGroups();
  llvm::Error checkCases(llvm::ArrayRef<Group> groups);
  llvm::Error measure(llvm::MutableArrayRef<LoadedKernel> kernels,
                      Sampler &sampler);

  FormatAttrInterface formatOf(llvm::StringRef name) {
    return format::getFormatByName(&context, name);
  }

  const KernelBenchOptions &options;
  const ProgramFlags &flags;
  mlir::MLIRContext context;
};

llvm::Expected<std::pair<int64_t, int64_t>> parseShape(llvm::StringRef text) {
  auto [m, k] = text.split('x');
  std::pair<int64_t, int64_t> shape;
  if (m.getAsInteger(10, shape.first) || k.getAsInteger(10, shape.second) ||
      shape.first < 1 || shape.second < 1 || shape.first > (1 << 20) ||
      shape.second > (1 << 20) ||
      shape.first * shape.second > (int64_t(1) << 28))
    return llvm::createStringError(
        "--shape: %s is no shape: wanted OUTPUTSxINPUTS such as 4096x4096, at "
        "most 2^28 weights",
        support::quoted(text).c_str());
  return shape;
}

/// The default set, or the product of what was asked for.
llvm::Expected<std::vector<Group>> KernelBench::chooseGroups() {
  bool isDefault = options.formats.empty() && options.shapes.empty() &&
                   options.rows.empty() && options.ranks.empty() &&
                   options.banks.empty();
  auto orDefault = [](const auto &given, auto fallback) {
    return given.empty() ? fallback : given;
  };
  auto formats = orDefault(options.formats,
                           std::vector<std::string>{"int4g64", "int4g64zs8",
                                                    "int8g64", "f16", "f32"});
  auto rows = orDefault(options.rows, std::vector<int64_t>{1, 512});
  auto ranks = orDefault(options.ranks, std::vector<int64_t>{0});
  for (int64_t n : rows)
    if (n < 1 || n > 65536)
      return llvm::createStringError("--rows: wanted 1 to 65536");
  for (int64_t rank : ranks)
    if (rank < 0 || rank > 4096)
      return llvm::createStringError("--ranks: wanted 0 to 4096");

  std::vector<BankCase> banks;
  for (const std::string &text : options.banks) {
    auto bank = BankCase::parse(text);
    if (!bank)
      return bank.takeError();
    banks.push_back(*bank);
  }

  std::vector<Group> groups;
  auto add = [&](const std::string &format, std::pair<int64_t, int64_t> shape,
                 int64_t n, llvm::ArrayRef<int64_t> ranks) {
    Group group;
    // A low-rank term, or a bank, is told by what it adds.
    if (llvm::any_of(ranks, [](int64_t rank) { return rank > 0; }) ||
        !banks.empty())
      group.push_back({format, shape.first, shape.second, n, 0});
    for (int64_t rank : ranks)
      if (rank > 0 || group.empty())
        group.push_back({format, shape.first, shape.second, n, rank});
    for (const BankCase &bank : banks)
      group.push_back({format, shape.first, shape.second, n, 0, bank});
    groups.push_back(std::move(group));
  };
  for (const std::string &text :
       orDefault(options.shapes, std::vector<std::string>{"4096x4096"})) {
    auto shape = parseShape(text);
    if (!shape)
      return shape.takeError();
    for (int64_t n : rows)
      for (const std::string &format : formats)
        if (isDefault && format == formats.front())
          add(format, *shape, n, {0, 16});
        else
          add(format, *shape, n, ranks);
  }
  if (isDefault) {
    add(formats.front(), {2048, 2048}, 1, {0, 16});
    banks = {{64, 4, 64}, {64, 0, 0}};
    add(formats.front(), {4096, 4096}, 64, {0});
  }

  llvm::Regex regex(options.filter.empty() ? "." : options.filter);
  std::string problem;
  if (!regex.isValid(problem))
    return llvm::createStringError("--filter: %s", problem.c_str());
  llvm::erase_if(groups, [&](Group &group) {
    bool plain = regex.match(group.front().name());
    llvm::erase_if(group, [&](const KernelCase &c) {
      return (c.rank > 0 || c.bank.members > 0) && !regex.match(c.name());
    });
    return !plain && group.size() == 1;
  });
  if (groups.empty())
    return llvm::createStringError("--filter: no kernel's name matches %s",
                                   support::quoted(options.filter).c_str());
  return groups;
}

llvm::Error KernelBench::checkCases(llvm::ArrayRef<Group> groups) {
  for (const Group &group : groups) {
    for (const KernelCase &c : group)
      if (c.bank.members && !c.bank.low && c.m % 2)
        return llvm::createStringError(
            "--banks: rotations are of pairs of outputs, but the matrix has "
            "%lld",
            (long long)c.m);
    const KernelCase &c = group.front();
    FormatAttrInterface format = formatOf(c.format);
    if (!format)
      return llvm::createStringError(
          "--formats: %s is no storage format: wanted names such as int4g64, "
          "int4g64zs8, q8_0, f16",
          support::quoted(c.format).c_str());
    std::string reason;
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) {
                                            reason = diagnostic.str();
                                            return mlir::success();
                                          });
    if (mlir::failed(format.verifyShape({c.m, c.k}, [&] {
          return mlir::emitError(mlir::UnknownLoc::get(&context));
        })))
      return llvm::createStringError("--shape: %lldx%lld: %s", (long long)c.m,
                                     (long long)c.k, reason.c_str());
  }
  return llvm::Error::success();
}

llvm::Error KernelBench::measure(llvm::MutableArrayRef<LoadedKernel> kernels,
                                 Sampler &sampler) {
  std::vector<BenchRow *> rows;
  for (LoadedKernel &kernel : kernels)
    rows.push_back(&kernel.row);
  size_t turn = 0;
  auto round = [&]() -> llvm::Error {
    for (LoadedKernel &kernel : kernels) {
      const runtime::Entry *entry =
          kernel.entries[turn % kernel.entries.size()];
      if (llvm::Error error = sampler.sample(kernel.row, [&] {
            auto result = kernel.program->run(*entry, kernel.inputs);
            return result ? llvm::Error::success() : result.takeError();
          }))
        return error;
    }
    ++turn;
    return llvm::Error::success();
  };
  if (llvm::Error error =
          sampler.repeat(rows, options.repeat, 3 * options.repeat, round))
    return error;
  for (BenchRow *row : llvm::drop_begin(rows)) {
    std::vector<double> ratios;
    for (auto [mine, plain] :
         llvm::zip_equal(row->samples, rows.front()->samples))
      ratios.push_back(mine.seconds / plain.seconds);
    row->overPlain = runtime::median(ratios);
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<BenchRow>> KernelBench::run() {
  auto groups = chooseGroups();
  if (!groups)
    return groups.takeError();
  if (llvm::Error error = checkCases(*groups))
    return std::move(error);
  auto sampler = Sampler::create(options.threads);
  if (!sampler)
    return sampler.takeError();
  support::Progress progress(llvm::errs());
  support::ProgressStep step(&progress, "measuring", groups->size());
  std::vector<BenchRow> rows;
  for (const Group &group : *groups) {
    std::vector<LoadedKernel> kernels;
    for (const KernelCase &c : group) {
      auto kernel = loadKernel(c, options.threads, flags, context);
      if (!kernel)
        return kernel.takeError();
      kernels.push_back(std::move(*kernel));
    }
    if (llvm::Error error = measure(kernels, *sampler))
      return std::move(error);
    for (LoadedKernel &kernel : kernels)
      rows.push_back(std::move(kernel.row));
    step.advance(1, group.front().name());
  }
  return rows;
}

} // namespace

llvm::Expected<std::vector<BenchRow>>
tool::benchKernels(const KernelBenchOptions &options,
                   const ProgramFlags &flags) {
  return KernelBench(options, flags).run();
}
