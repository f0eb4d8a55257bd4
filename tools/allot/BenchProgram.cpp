//===- BenchProgram.cpp - allot bench program -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Runtime/Generation.h"
#include "allot/Runtime/Manifest.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using archive::DType;
using runtime::Tensor;

namespace {

/// What one run of an entry reads and computes, as far as the weight table
/// tells.
struct Work {
  uint64_t bytes = 0;
  /// Weights that each token meets, and that the last token of a row meets.
  double perToken = 0, perRow = 0;
  std::string format;
};

/// Matrices are met by every token, the head by the last one alone. An
/// embedding beside a head of its own is looked up, not read.
Work workOf(runtime::Program &program) {
  Work work;
  runtime::WeightStore *store = program.weights();
  if (!store) {
    work.bytes = program.stats().weightBytes;
    work.perToken = double(program.stats().numWeights);
    work.format = "stored";
    return work;
  }
  int64_t vocab = program.integer("allot.vocab").value_or(-1);
  llvm::MapVector<llvm::StringRef, uint64_t> formats;
  std::vector<std::string> names;
  struct Table {
    uint64_t bytes = 0;
    int64_t rows = 0;
    double weights = 0;
  };
  // By name; the ranges of rows of one matrix, `SITE[a:b]`, together.
  llvm::MapVector<llvm::StringRef, Table> matrices;
  names.reserve(store->weights().size());
  for (auto [i, weight] : llvm::enumerate(store->weights())) {
    uint64_t bytes = store->bytes(i).size();
    FormatAttrInterface format = format::getFormat(weight.type);
    names.push_back(format ? format.getShortName() : "f32");
    formats[names.back()] += bytes;
    auto shape = weight.type.getShape();
    if (shape.size() < 2) {
      work.bytes += bytes;
      continue;
    }
    Table &matrix = matrices[llvm::StringRef(weight.global).split('[').first];
    matrix.bytes += bytes;
    matrix.rows += shape[0];
    matrix.weights += double(weight.type.getNumElements());
  }
  std::vector<Table> tables;
  for (const auto &[name, matrix] : matrices) {
    if (matrix.rows == vocab) {
      tables.push_back(matrix);
      continue;
    }
    work.bytes += matrix.bytes;
    work.perToken += matrix.weights;
  }
  // Of two tables one is looked up; they have the same size but for formats.
  if (!tables.empty()) {
    work.bytes += tables.back().bytes;
    work.perRow = tables.back().weights;
  }
  auto byBytes = formats.takeVector();
  llvm::sort(byBytes, [](const auto &a, const auto &b) {
    return std::pair(b.second, a.first) < std::pair(a.second, b.first);
  });
  for (const auto &[name, bytes] : byBytes)
    if (work.format.empty() || bytes * 100 >= store->tableBytes())
      work.format += (work.format.empty() ? "" : "+") + name.str();
  return work;
}

/// A prompt and what follows it, one run at a time.
class Conversation {
public:
  Conversation(runtime::Program &program, const runtime::Entry &prefill,
               const runtime::Entry &decode)
      : program(program), prefill(prefill), decode(decode) {}

  llvm::Error begin(int64_t length, int64_t capacity) {
    auto made = runtime::makeCache(program, prefill, 1, capacity);
    auto tokens = Tensor::create("tokens", DType::I32, {1, length}),
         one = Tensor::create("tokens", DType::I32, {1, 1}),
         counts = Tensor::create("count", DType::I32, {1}),
         pasts = Tensor::create("past", DType::I32, {1});
    for (auto *tensor : {&made, &tokens, &one, &counts, &pasts})
      if (!*tensor)
        return tensor->takeError();
    cache = *made;
    if (!program.parts().empty()) {
      auto times = Tensor::create(runtime::kPartTimes.str(), DType::I64,
                                  {1 + int64_t(program.parts().size())});
      if (!times)
        return times.takeError();
      partTimes = *times;
    }
    prompt = *tokens;
    next = *one;
    count = *counts;
    past = *pasts;
    // Any tokens do: which ones they are changes the way of routed layers
    // alone.
    int64_t ids = prefill.input("tokens")->ids;
    uint32_t state = 1;
    for (int32_t &id : prompt.values<int32_t>()) {
      state = state * 1664525u + 1013904223u;
      id = ids > 0 ? int32_t(int64_t(state >> 8) % ids) : 0;
    }
    return llvm::Error::success();
  }

  /// Takes in the prompt, from an empty cache.
  llvm::Error runPrompt() {
    past.values<int32_t>()[0] = 0;
    count.values<int32_t>()[0] = int32_t(prompt.shape()[1]);
    return step(prefill, prompt);
  }
  /// Takes in the most probable token of the step before.
  llvm::Error runStep() {
    past.values<int32_t>()[0] += count.values<int32_t>()[0];
    count.values<int32_t>()[0] = 1;
    return step(decode, next);
  }
  /// Chooses the token for the next step; no part of what is measured.
  void choose() {
    auto values = logits.values<float>();
    next.values<int32_t>()[0] = int32_t(
        std::max_element(values.begin(), values.end()) - values.begin());
  }

  /// Nanoseconds of each part of the step before; empty where the program does
  /// not count them.
  std::vector<int64_t> parts() {
    if (program.parts().empty())
      return {};
    return partTimes.values<int64_t>().drop_front().vec();
  }

private:
  llvm::Error step(const runtime::Entry &entry, const Tensor &tokens) {
    llvm::SmallVector<Tensor, 5> inputs = {tokens, count, past, cache};
    if (!program.parts().empty()) {
      llvm::fill(partTimes.values<int64_t>(), 0);
      inputs.push_back(partTimes);
    }
    auto outputs = program.run(entry, inputs);
    if (!outputs)
      return outputs.takeError();
    for (Tensor &output : *outputs)
      if (output.name() == "logits")
        logits = output;
      else if (output.name() == "cache")
        cache = output;
    return llvm::Error::success();
  }

  runtime::Program &program;
  const runtime::Entry &prefill, &decode;
  Tensor cache, prompt, next, count, past, logits, partTimes;
};

} // namespace

ProgramFlags::Wanted tool::wantedOf(const ProgramBenchOptions &options) {
  ProgramFlags::Wanted wanted;
  wanted.entries = {"prefill", "decode"};
  wanted.timeParts = options.parts;
  return wanted;
}

llvm::Expected<std::vector<BenchRow>>
tool::benchProgram(llvm::StringRef path, const ProgramBenchOptions &options,
                   const ProgramFlags &flags) {
  support::Progress progress(llvm::errs());
  auto loaded = flags.load(path, wantedOf(options), &progress);
  if (!loaded)
    return loaded.takeError();
  runtime::Program &program = **loaded;
  auto prefill = program.get("prefill"), decode = program.get("decode");
  if (!prefill || !decode)
    return llvm::joinErrors(prefill.takeError(), decode.takeError());
  auto sampler = Sampler::create(options.threads);
  if (!sampler)
    return sampler.takeError();
  // Disturbed samples may ask for as many again.
  unsigned mostSteps = 2 * options.steps;
  Conversation conversation(program, **prefill, **decode);
  if (llvm::Error error =
          conversation.begin(options.prompt, int64_t(options.prompt) +
                                                 Sampler::warmUp + mostSteps))
    return std::move(error);

  Work work = workOf(program);
  auto rowFor = [&](const char *phase, int64_t n) {
    BenchRow row;
    row.name = (llvm::sys::path::stem(path) + "_" + phase).str();
    row.origin = program.origin();
    row.phase = phase;
    row.parts = program.parts().vec();
    row.format = work.format;
    const runtime::Manifest *manifest = program.manifest();
    row.activations = manifest ? manifest->activations : activationsName(flags);
    row.target = manifest ? manifest->kernels : targetName(flags);
    row.n = n;
    row.threads = options.threads;
    row.bytes = work.bytes;
    row.flops = 2 * (double(n) * work.perToken + work.perRow);
    return row;
  };
  std::vector<BenchRow> rows = {rowFor("prefill", options.prompt),
                                rowFor("decode", 1)};
  support::ProgressStep step(&progress, "measuring", 0);
  BenchRow *first = &rows[0], *second = &rows[1];
  auto sample = [&](BenchRow &row,
                    llvm::function_ref<llvm::Error()> work) -> llvm::Error {
    if (llvm::Error error = sampler->sample(row, work))
      return error;
    row.samples.back().parts = conversation.parts();
    return llvm::Error::success();
  };
  if (llvm::Error error =
          sampler->repeat(first, options.repeat, 3 * options.repeat, [&] {
            step.advance(1, "prefill");
            return sample(*first, [&] { return conversation.runPrompt(); });
          }))
    return std::move(error);
  if (llvm::Error error =
          sampler->repeat(second, options.steps, mostSteps, [&] {
            step.advance(1, "decode");
            conversation.choose();
            return sample(*second, [&] { return conversation.runStep(); });
          }))
    return std::move(error);
  return rows;
}
