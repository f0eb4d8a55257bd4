//===- Generation.cpp - continuing prompts ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Generation.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include <chrono>
#include <cmath>
#include <random>

using namespace allot;
using namespace allot::runtime;
using archive::DType;

double Generated::tokensPerSecond() const {
  return decodeSeconds > 0
             ? double(decodeSteps * tokens.shape()[0]) / decodeSeconds
             : 0;
}

namespace {

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int32_t mostProbable(int64_t, llvm::ArrayRef<float> logits) {
  return int32_t(std::max_element(logits.begin(), logits.end()) -
                 logits.begin());
}

} // namespace

llvm::Expected<Tensor> runtime::makeCache(const Program &program,
                                          const Entry &entry, int64_t batch,
                                          int64_t capacity) {
  const Parameter *cache = entry.input("cache");
  if (!cache || cache->shape.size() != 6 || cache->dtype != DType::F32 ||
      !entry.input("tokens") || !entry.input("count") || !entry.input("past") ||
      !entry.output("logits") || !entry.output("cache"))
    return support::fileError(
        program.path(), "entry " + support::quoted(entry.name) +
                            " is none for generation: it takes tokens, count, "
                            "past and cache and gives logits and cache");
  llvm::SmallVector<int64_t> shape(cache->shape);
  shape[2] = batch;
  shape[3] = capacity;
  for (int64_t d : shape)
    if (d < 0)
      return support::fileError(program.path(),
                                "entry " + support::quoted(entry.name) +
                                    ": the cache has an unknown dimension");
  return Tensor::create("cache", DType::F32, shape);
}

llvm::Expected<std::vector<Tensor>>
runtime::adapterInput(const Program &program, const Entry &entry,
                      llvm::ArrayRef<int32_t> adapters, int64_t batch) {
  std::vector<Tensor> inputs;
  if (!entry.input("adapter")) {
    if (adapters.empty())
      return inputs;
    return support::fileError(program.path(),
                              "entry " + support::quoted(entry.name) +
                                  " has no bank of adapters to choose from");
  }
  if (!adapters.empty() && int64_t(adapters.size()) != batch)
    return llvm::createStringError(
        "adapter: holds %zu numbers, there are %lld rows of tokens",
        adapters.size(), (long long)batch);
  auto tensor = Tensor::create("adapter", DType::I32, {batch});
  if (!tensor)
    return tensor.takeError();
  llvm::fill(tensor->values<int32_t>(), -1);
  llvm::copy(adapters, tensor->values<int32_t>().begin());
  inputs.push_back(std::move(*tensor));
  return inputs;
}

std::function<int32_t(int64_t, llvm::ArrayRef<float>)>
runtime::sampler(double temperature, uint64_t seed) {
  return [temperature, random = std::mt19937_64(seed),
          weights = std::vector<double>()](
             int64_t, llvm::ArrayRef<float> logits) mutable {
    float largest = *std::max_element(logits.begin(), logits.end());
    weights.resize(logits.size());
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      sum += weights[i] = std::exp((double(logits[i]) - largest) / temperature);
    // By hand: the distributions of the standard library differ between
    // implementations.
    double left = double(random() >> 11) * 0x1p-53 * sum;
    for (size_t i = 0; i < weights.size(); ++i)
      if ((left -= weights[i]) < 0)
        return int32_t(i);
    return mostProbable(0, logits);
  };
}

/// What the encoder of an encoder-decoder reads: the inputs `input_ids` and
/// `attention_mask` of its prefill.
static llvm::Expected<std::vector<Tensor>>
encoderInputs(const Tensor &prompts, llvm::ArrayRef<int32_t> lengths) {
  int64_t width = prompts.shape()[1];
  auto ids = Tensor::create("input_ids", DType::I32, prompts.shape());
  auto mask = Tensor::create("attention_mask", DType::I32, prompts.shape());
  if (!ids || !mask)
    return llvm::joinErrors(ids.takeError(), mask.takeError());
  llvm::ArrayRef<int32_t> given = prompts.values<int32_t>();
  for (size_t i = 0; i < given.size(); ++i) {
    bool real = int64_t(i) % width < lengths[i / width];
    mask->values<int32_t>()[i] = real;
    ids->values<int32_t>()[i] = real ? given[i] : 0;
  }
  return std::vector<Tensor>{std::move(*ids), std::move(*mask)};
}

/// What the text of an encoder-decoder begins with, `[batch, n]`.
static llvm::Expected<Tensor> beginning(const Program &program,
                                        const GenerationOptions &options,
                                        int64_t batch) {
  if (options.begin) {
    if (options.begin->shape()[0] != batch)
      return llvm::createStringError(
          "decoder_input_ids: has %lld rows, there are %lld rows of tokens",
          (long long)options.begin->shape()[0], (long long)batch);
    return *options.begin;
  }
  auto start = program.integer("allot.decoder_start");
  if (!start)
    return support::fileError(program.path(),
                              "does not say what generated text begins with "
                              "(allot.decoder_start)");
  auto made = Tensor::create("tokens", DType::I32, {batch, 1});
  if (made)
    llvm::fill(made->values<int32_t>(), int32_t(*start));
  return made;
}

llvm::Expected<Generated> runtime::generate(Program &program,
                                            const Tensor &given,
                                            llvm::ArrayRef<int32_t> ofGiven,
                                            const GenerationOptions &options) {
  auto prefill = program.get("prefill"), decode = program.get("decode");
  if (!prefill || !decode)
    return llvm::joinErrors(prefill.takeError(), decode.takeError());
  int64_t batch = given.shape()[0], most = given.shape()[1];
  for (int64_t b = 0; b < batch; ++b)
    if (ofGiven[b] < 1 || ofGiven[b] > most)
      return llvm::createStringError(
          "lengths: row %lld has %d tokens, wanted 1 to %lld", (long long)b,
          int(ofGiven[b]), (long long)most);
  // The prompts of an encoder-decoder go into its encoder; its text begins
  // anew.
  Tensor prompts = given;
  std::vector<int32_t> lengths = ofGiven;
  std::vector<Tensor> encoded;
  if ((*prefill)->input("input_ids")) {
    auto inputs = encoderInputs(given, ofGiven);
    if (!inputs)
      return inputs.takeError();
    encoded = std::move(*inputs);
    auto begin = beginning(program, options, batch);
    if (!begin)
      return begin.takeError();
    prompts = std::move(*begin);
    lengths.assign(batch, int32_t(prompts.shape()[1]));
  } else if (options.begin) {
    return support::fileError(program.path(),
                              "has no encoder: there are no decoder_input_ids");
  }
  int64_t width = prompts.shape()[1], total = width + int64_t(options.steps);
  auto cache = makeCache(program, **prefill, batch, total);
  if (!cache)
    return cache.takeError();
  auto tokens = Tensor::create("tokens", DType::I32, {batch, total});
  auto ends = Tensor::create("lengths", DType::I32, {batch});
  auto count = Tensor::create("count", DType::I32, {batch});
  auto past = Tensor::create("past", DType::I32, {batch});
  auto input = Tensor::create("tokens", DType::I32, {batch, width});
  auto next = Tensor::create("tokens", DType::I32, {batch, 1});
  for (auto *made : {&tokens, &ends, &count, &past, &input, &next})
    if (!*made)
      return made->takeError();
  auto all = tokens->values<int32_t>(), end = ends->values<int32_t>();
  for (int64_t b = 0; b < batch; ++b) {
    // What lies behind a shorter prompt is not looked at, and need not be a
    // token.
    for (int32_t t = 0; t < lengths[b]; ++t)
      input->values<int32_t>()[b * width + t] = all[b * total + t] =
          prompts.values<int32_t>()[b * width + t];
    count->values<int32_t>()[b] = end[b] = lengths[b];
  }

  auto adapters = adapterInput(program, **prefill, options.adapters, batch);
  if (!adapters)
    return adapters.takeError();

  Generated result;
  support::ProgressStep progress(options.progress, "generating", options.steps);
  auto choose = options.choose ? options.choose : mostProbable;
  std::vector<bool> ended(batch, false);
  Tensor currentCache = *cache;
  currentCache.setName("cache");
  for (unsigned step = 0; step < options.steps; ++step) {
    double begun = now();
    std::vector<Tensor> inputs{step == 0 ? *input : *next, *count, *past,
                               currentCache};
    llvm::append_range(inputs, *adapters);
    llvm::append_range(inputs, encoded);
    auto outputs = program.run(step == 0 ? **prefill : **decode, inputs);
    if (!outputs)
      return outputs.takeError();
    (step == 0 ? result.prefillSeconds : result.decodeSeconds) += now() - begun;
    result.decodeSteps += step > 0;
    Tensor logits;
    // From here on what the prefill made of the encoder stands for its tokens.
    for (const Tensor &output : *outputs)
      if (output.name() == "memory" && step == 0)
        encoded[0] = output;
    for (Tensor &output : *outputs)
      (output.name() == "cache"    ? currentCache
       : output.name() == "logits" ? logits
                                   : output) = output;
    if (logits.shape().size() != 2 || logits.shape()[0] != batch)
      return llvm::createStringError(
          "entry %s gives logits of shape %s, wanted one row per prompt",
          step == 0 ? "prefill" : "decode",
          support::shapeString(logits.shape()).c_str());
    int64_t vocab = logits.shape()[1];
    for (int64_t b = 0; b < batch; ++b) {
      int32_t id = choose(b, llvm::ArrayRef<float>(logits.values<float>())
                                 .slice(b * vocab, vocab));
      next->values<int32_t>()[b] = id;
      // A row that has ended is computed along with the others, always at the
      // place behind its end, and ignored.
      past->values<int32_t>()[b] = end[b];
      count->values<int32_t>()[b] = 1;
      if (ended[b])
        continue;
      all[b * total + end[b]++] = id;
      ended[b] = llvm::is_contained(options.stop, id);
    }
    progress.advance();
    if (llvm::all_of(ended, [](bool e) { return e; }))
      break;
  }
  result.tokens = *tokens;
  result.lengths = *ends;
  return result;
}
