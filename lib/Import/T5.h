//===- T5.h - encoder-decoders of T5 and its kin ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything of T5 but its feed-forward layers, which the caller gives: models
// with experts in their place are the same around them.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_T5_H
#define ALLOT_LIB_IMPORT_T5_H

#include "Blocks.h"
#include "ConfigFields.h"

namespace allot::importer {

struct T5Config {
  /// Of the table of families of models, for messages and facts.
  std::string modelType;
  int64_t encoderLayers = 0, decoderLayers = 0;
  int64_t hidden = 0, intermediate = 0, heads = 0, headDim = 0, vocab = 0;
  /// Of the tables of relative positions: rows, and the distance from which on
  /// all are alike.
  int64_t buckets = 0, farthest = 0;
  double epsilon = 0;
  nn::ActivationKind activation = nn::ActivationKind::ReLU;
  /// The feed-forward layer multiplies two projections.
  bool gated = false;
  /// The head is the embedding table; the stream is divided by the root of the
  /// hidden size before it.
  bool tied = true, scaledOutput = true;
  /// Each stack has an embedding table of its own, `encoder.embed_tokens` and
  /// `decoder.embed_tokens`, in the place of the `shared` one.
  bool ownTables = false;
  /// The token that generated text begins with.
  int64_t start = 0;
};

/// Where a feed-forward layer is.
struct T5Place {
  bool decoder = false;
  int64_t layer = 0;
  /// The path of the layer around it, such as `encoder.block.0.layer.1`.
  std::string path;
};

/// The feed-forward layers of both stacks: without the norm before and the sum
/// behind.
class T5FeedForward {
public:
  virtual ~T5FeedForward();
  virtual void addModules(const T5Place &place,
                          std::vector<ModuleInfo> &modules) const = 0;
  /// From the normed stream `[batch, T, hidden]` to what is added to it. Taps
  /// are for whole sequences (`taps`), not for steps behind a cache.
  virtual mlir::Value build(Blocks &blocks, const T5Place &place, mlir::Value x,
                            bool taps) const = 0;
};

/// wo(act(wi x)), or wo(act(wi_0 x) * wi_1 x), in modules called
/// `PATH.name.wi` and so on.
class T5DenseFeedForward : public T5FeedForward {
public:
  T5DenseFeedForward(const T5Config &config, llvm::StringRef name)
      : c(config), name(name.str()) {}
  void addModules(const T5Place &place,
                  std::vector<ModuleInfo> &modules) const override;
  mlir::Value build(Blocks &blocks, const T5Place &place, mlir::Value x,
                    bool taps) const override;

private:
  const T5Config &c;
  std::string name;
};

/// All but what only the feed-forward layers need.
llvm::Error readT5(const archive::JsonDocument &config, T5Config &t5);

/// Declares the weights and builds the entries `logits`, `prefill`, `decode`.
llvm::Error buildT5Like(ModuleBuilder &module, const T5Config &config,
                        const T5FeedForward &feedForward, WeightSource &weights,
                        llvm::ArrayRef<AdapterSource> adapters);

/// The rows of the table of relative positions for the distances -farthest ..
/// farthest of a key from its query; one-sided tables have none for keys ahead,
/// which are never seen, and give the first. Computed in single precision, as
/// the reference library does.
std::vector<int32_t> relativeBuckets(int64_t buckets, int64_t farthest,
                                     bool twoSided);

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_T5_H
