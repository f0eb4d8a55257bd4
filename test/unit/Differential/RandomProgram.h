//===- RandomProgram.h - small models of random shape -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_DIFFERENTIAL_RANDOMPROGRAM_H
#define ALLOT_TEST_UNIT_DIFFERENTIAL_RANDOMPROGRAM_H

#include "allot/Interfaces/FormatInterfaces.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"
#include <array>
#include <random>
#include <string>
#include <vector>

namespace allot::test {

/// A decoder as importers make it, written as text over weights in a file: odd sizes, a format per weight, maps of every kind, all options of
/// the nn ops. The same seed gives the same program.
class RandomProgram {
public:
  RandomProgram(mlir::MLIRContext &context, unsigned seed);

  /// Writes the weights to `weights.safetensors` in `folder` and gives the text of the module. Its entry @step takes tokens, count, past and
  /// cache, and gives logits of all positions and the cache.
  llvm::Expected<std::string> write(llvm::StringRef folder);

  /// The same with an entry @bank that takes x, ids, a number of rows and, where `weighted`, weights of `perRow` members a row, and gives y: a bank of `members` maps of bankOut x bankIn of all
  /// kinds, which perhaps share a matrix.
  llvm::Expected<std::string> writeBank(llvm::StringRef folder, int64_t members);
  int64_t bankOut, bankIn, perRow = 1;
  bool weighted = false;

  int64_t vocab, layers, keyHeads, headSize;
  /// Matrices are so large that those on one row share a team.
  bool isWide;

private:
  struct Weight {
    std::string symbol, type;
    std::vector<uint8_t> bytes;
    int64_t rowInterleave = 0;
  };

  int64_t between(int64_t low, int64_t high) { return low + int64_t(random() % uint64_t(high - low + 1)); }
  bool oneIn(unsigned n) { return random() % n == 0; }
  int64_t divisor(int64_t whole);
  FormatAttrInterface format(int64_t columns);

  /// Makes a weight with values around `center`, and gives the SSA value that loads it.
  std::string load(llvm::ArrayRef<int64_t> shape, double deviation, double center = 0, int64_t rowInterleave = 0);
  /// Makes a weight of these values in this format.
  std::string store(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<float> values, FormatAttrInterface chosen, int64_t rowInterleave);
  /// A plain vector that is stored.
  std::string vector(int64_t size, double center);
  std::string fresh() { return "%v" + std::to_string(next++); }
  /// A map OUT x IN, an expression of any kind.
  std::string map(int64_t out, int64_t in, unsigned depth = 1);
  /// A map N x N whose numbers are computed or sparse.
  std::string leaf(int64_t n);
  std::string apply(const std::string &x, int64_t out, int64_t in, bool plain = false);
  std::string norm(const std::string &x, const std::string &type, int64_t size, const std::string &dims, bool layerNorm);
  void buildBody();
  /// A change of a weight; with `square` one of the kinds that go entry by entry.
  std::string delta(bool square);
  std::string rotation();
  /// Stores the weights and gives the module of the function that `body` is.
  llvm::Expected<std::string> writeAround(llvm::StringRef folder, const std::string &signature);
  std::string attention(const std::string &x, int64_t layer);
  std::string mlp(const std::string &x);
  std::string cacheType() const;
  std::string type(int64_t last) const { return "tensor<?x?x" + std::to_string(last) + "xf32>"; }
  std::string headType(int64_t heads) const { return "tensor<?x?x" + std::to_string(heads) + "x" + std::to_string(headSize) + "xf32>"; }
  std::string mapType(int64_t out, int64_t in) const { return "!adapter.map<" + std::to_string(out) + "x" + std::to_string(in) + ", f32>"; }
  void line(const std::string &text) { body += "    " + text + "\n"; }
  /// `%fresh = text`.
  std::string make(const std::string &text);

  mlir::MLIRContext &context;
  std::mt19937 random;
  std::array<unsigned, 3> palette;
  std::vector<Weight> weights;
  std::string body, cache;
  unsigned next = 0;
  int64_t hidden, heads, inner;
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_DIFFERENTIAL_RANDOMPROGRAM_H
