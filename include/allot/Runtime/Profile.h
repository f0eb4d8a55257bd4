//===- Profile.h - measuring a model ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the statistics file of Analysis/Statistics.h: second moments of what
// each matrix reads, and how much the model's answers move when one matrix is
// perturbed (the sensitivity that allocation weighs errors with).
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_PROFILE_H
#define ALLOT_RUNTIME_PROFILE_H

#include "allot/Runtime/Program.h"
#include "allot/Support/ScratchFile.h"
#include <random>
#include <vector>

namespace allot::runtime {

struct SampleOptions {
  int64_t rows = 16;
  /// Tokens per row, the random first one included.
  int64_t length = 256;
  double temperature = 1.0;
  uint64_t seed = 1;
  support::Progress *progress = nullptr;
};

/// Calibration tokens out of the model itself: each row starts with a token
/// drawn evenly from the vocabulary and goes on by sampling from the model's
/// own distribution, so that no text is needed (source of the idea: Liu et al.
/// 2023, LLM-QAT). i32 `tokens` [rows, length]. The same seed gives the same
/// tokens on the same machine. Needs the entries `prefill` and `decode`.
llvm::Expected<Tensor> sampleTokens(Program &program,
                                    const SampleOptions &options);

/// Draws one label for each position of `logits` [positions, vocab] from the
/// distribution that they give.
void sampleLabels(llvm::ArrayRef<float> logits, std::mt19937_64 &generator,
                  llvm::MutableArrayRef<int32_t> labels);

/// How often each token is met: the mean of its share of the tokens that were
/// read and the probability that the model gave it, over all positions. What
/// the rows of an embedding and of a head matter, up to a factor.
class TokenFrequencies {
public:
  explicit TokenFrequencies(int64_t vocab) : probability(vocab), count(vocab) {}
  /// `ids` is one row of tokens, `logits` [.., vocab] what the model says at
  /// each.
  llvm::Error add(llvm::ArrayRef<int32_t> ids, llvm::ArrayRef<float> logits);
  /// [vocab], sums to 1.
  std::vector<float> finish() const;

private:
  std::vector<double> probability;
  std::vector<int64_t> count;
  int64_t tokens = 0;
};

/// One value of the program that several sites read.
struct SharedInput {
  /// Name of the output of the entry `logits` that holds it, [batch, T,
  /// columns].
  std::string output;
  /// The sites that read it; their statistics are stored under the first.
  std::vector<std::string> sites;
  /// Where they are members of banks: the output that holds the number of the
  /// member of each row, and theirs; empty: all rows are theirs.
  std::string ids = "";
  int64_t member = 0;
};

/// Second moments of shared inputs over all tokens seen so far.
class InputMoments {
public:
  /// The sums are in a scratch file in `folder`: of a model of many layers they
  /// are larger than its weights.
  InputMoments(llvm::ArrayRef<SharedInput> inputs, llvm::StringRef folder);

  /// What is done with the logits [T, vocab] of a row of tokens.
  using SeeLogits = llvm::function_ref<llvm::Error(
      int64_t row, llvm::ArrayRef<int32_t> ids, llvm::ArrayRef<float> logits)>;

  /// Runs the entry `logits`, whose outputs include the inputs, on rows of
  /// tokens (one row at a time) and adds what is seen. `seeLogits` may be null.
  llvm::Error add(Program &program, const Tensor &tokens, SeeLogits seeLogits,
                  support::Progress *progress);

  struct Moment {
    SharedInput input;
    int64_t columns = 0;
    /// Sum over tokens of x_i x_j, [columns, columns], the upper triangle.
    llvm::MutableArrayRef<float> sum;
    std::unique_ptr<support::ScratchFile> file;
  };
  llvm::ArrayRef<Moment> moments() const { return all; }
  int64_t tokens() const { return count; }
  /// The mean, both triangles.
  static void finish(Moment &moment, int64_t tokens);
  llvm::MutableArrayRef<Moment> mutableMoments() { return all; }

private:
  std::vector<Moment> all;
  std::string folder;
  int64_t count = 0;
};

/// A matrix, or some of its rows, that is perturbed.
struct PerturbedSite {
  /// What the result is stored under.
  std::string name;
  /// The global that holds the matrix.
  std::string weight;
  int64_t rows = 0, columns = 0;
  /// The rows that are perturbed; empty: all.
  std::vector<int64_t> chosen;
  /// The first part of the program that reads it.
  unsigned firstPart = 0;
  /// How many they are.
  int64_t count() const {
    return chosen.empty() ? rows : static_cast<int64_t>(chosen.size());
  }
  /// The numbers of `count` of those rows from the `first` on, read when their
  /// turn comes: a few at a time, since the table of an embedding is large.
  std::function<llvm::Expected<std::vector<float>>(int64_t first,
                                                   int64_t count)>
      read;
  /// Weighted error tr(D H D^T) of a change D of some rows.
  std::function<llvm::Expected<double>(llvm::ArrayRef<float> change)> error;
};

/// Per site and format: {weighted error, KL in nats per token}.
using Sensitivities = std::vector<std::vector<std::pair<double, double>>>;

/// A divergence above this, in nats per token, is no longer proportional to the
/// error that caused it: what is small beside the whole answers differently.
inline constexpr double kLocalDivergence = 0.05;

/// Measures KL(model || model with one matrix rounded to nearest in one of
/// `formats`) on `tokens`, for one site and format after the other, coarse
/// formats first; finer ones only as long as the divergence exceeds
/// `kLocalDivergence`. `program` keeps its weights as packed f32
/// (`weights-as=f32`), which is where a rounded matrix is put for one run, and
/// is cut into the entries `logits.part.<k>` (nn-split-at-taps), of which those
/// before the first that reads the matrix need not run again. Cost: for each
/// site and format, what lies behind the site, over all tokens: on average
/// about half a run of the model.
llvm::Expected<Sensitivities> measureSensitivity(
    Program &program, const Tensor &tokens, llvm::ArrayRef<PerturbedSite> sites,
    llvm::ArrayRef<FormatAttrInterface> formats, support::Progress *progress);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_PROFILE_H
