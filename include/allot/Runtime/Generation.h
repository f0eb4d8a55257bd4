//===- Generation.h - continuing prompts ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_GENERATION_H
#define ALLOT_RUNTIME_GENERATION_H

#include "allot/Runtime/Program.h"
#include <functional>
#include <optional>

namespace allot::runtime {

struct GenerationOptions {
  /// Tokens to add to each row.
  unsigned steps = 0;
  /// Ids after which a row ends; the id itself is part of the result.
  std::vector<int32_t> stop;
  /// Chooses the next token of a row from its logits; null: the most probable
  /// one, the lowest id among equals.
  std::function<int32_t(int64_t row, llvm::ArrayRef<float> logits)> choose;
  /// Of a program with a bank of adapters: that of each row, or -1 for none.
  /// Empty: no row has one.
  std::vector<int32_t> adapters;
  /// Of an encoder-decoder: what each row's text begins with, i32 [batch, n].
  /// Absent: the token that the model says.
  std::optional<Tensor> begin;
  support::Progress *progress = nullptr;
};

/// Draws each token from softmax(logits / temperature), temperature > 0; the
/// same seed gives the same tokens for the same calls.
std::function<int32_t(int64_t row, llvm::ArrayRef<float> logits)>
sampler(double temperature, uint64_t seed);

struct Generated {
  /// i32 [batch, T + steps]: prompt, continuation, then zeros. Of an
  /// encoder-decoder the prompt is what its text begins with.
  Tensor tokens;
  /// i32 [batch]: tokens of each row, prompt included.
  Tensor lengths;
  double prefillSeconds = 0, decodeSeconds = 0;
  uint64_t decodeSteps = 0;
  /// New tokens of all rows per second of decoding.
  double tokensPerSecond() const;
};

/// The cache that the entry takes, zeros, for `batch` rows of `capacity`
/// tokens; an error where it is no entry for generation.
llvm::Expected<Tensor> makeCache(const Program &program, const Entry &entry,
                                 int64_t batch, int64_t capacity);

/// The input of an entry of a program with a bank of adapters: that of each of
/// `batch` rows, -1 where `adapters` is empty. Empty for a program without
/// bank, for which adapters are an error.
llvm::Expected<std::vector<Tensor>>
adapterInput(const Program &program, const Entry &entry,
             llvm::ArrayRef<int32_t> adapters, int64_t batch);

/// Continues `prompts` (i32 [batch, T], row b has `lengths[b]` tokens) with the
/// entries `prefill` and `decode` of `program` and a cache that is allocated
/// here, for T + steps tokens. The prompts of an encoder-decoder, whose
/// `prefill` takes `input_ids`, are what its encoder reads.
llvm::Expected<Generated> generate(Program &program, const Tensor &prompts,
                                   llvm::ArrayRef<int32_t> lengths,
                                   const GenerationOptions &options);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_GENERATION_H
