//===- Gradients.h - gradients of a model's loss ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the gradients of the loss say about each matrix of a model, by one pass
// back over a program that is cut into parts: the values between the parts are
// kept from the way forth, everything inside of a part is computed again.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_RUNTIME_GRADIENTS_H
#define ALLOT_RUNTIME_GRADIENTS_H

#include "allot/Runtime/Program.h"

namespace allot::runtime {

/// One use of a matrix in a part of the program.
struct MatrixUse {
  /// The part, and the site whose statistics it adds to.
  unsigned part = 0;
  std::string site;
  /// Results of the part's reverse function: the gradient by what the matrix
  /// gives, [batch, T, out], and what it reads, [batch, T, in]. A lookup (rows
  /// of the matrix by id) reads nothing: empty.
  std::string gradient, input;
};

struct GradientOptions {
  std::vector<MatrixUse> uses;
  /// The last part works on each position alone, so that it may be run on a few
  /// of them at a time.
  bool lastIsPositionwise = false;
  /// Size of the vocabulary: with the former, what decides how many.
  int64_t vocab = 0;
  /// i32, like the tokens: what stands at a position is taken for the token
  /// behind it. Empty: the tokens that do follow.
  Tensor labels;
  support::Progress *progress = nullptr;
};

/// Sums over all tokens, with L the sum over the positions of a row of -log of
/// the probability of the next token.
struct SiteGradients {
  /// Of applications: sum over tokens of (dL/dy_o)^2, [out]; empty without any.
  std::vector<double> outputSquares;
  /// Of lookups: sum over tokens of (dL/dy_j)^2, [in]; empty without any.
  std::vector<double> lookupSquares;
  /// Of applications, with the mean in place of the sum over the positions of a
  /// row: sum over rows of (dL/dW_oi)^2, summed over i, [out], and over o,
  /// [in]. Empty where the rows are so long that only a few positions of the
  /// matrix's outputs are held at a time.
  std::vector<double> fisherRows, fisherColumns;
};

struct Gradients {
  llvm::StringMap<SiteGradients> sites;
  int64_t tokens = 0, rows = 0;
  /// Mean -log probability of the next token.
  double loss = 0.0;
};

/// `program` has the entries `logits.part.<k>` and `logits.part.<k>.reverse`
/// that the pipeline option `gradients` makes, the last of which gives the
/// loss. `tokens` are i32 [rows, T], T at least 2; some rows at a time go forth
/// and back (about 1024 tokens). Memory: the values between the parts for
/// those, the inside of one part, and 64 MiB of logits.
llvm::Expected<Gradients> measureGradients(Program &program,
                                           const Tensor &tokens,
                                           const GradientOptions &options);

} // namespace allot::runtime

#endif // ALLOT_RUNTIME_GRADIENTS_H
