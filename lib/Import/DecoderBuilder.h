//===- DecoderBuilder.h - programs of Llama-like models ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One set of building blocks for every family: what differs is in ModelConfig.
// A block is built by one function for both uses, over a whole sequence and
// over new tokens behind a cache. The blocks are in sources by subject:
// attention, prompts of adapters, MLP.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_DECODERBUILDER_H
#define ALLOT_LIB_IMPORT_DECODERBUILDER_H

#include "ModuleBuilder.h"
#include "allot/Import/ModelConfig.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <optional>

namespace allot::importer {

constexpr llvm::StringLiteral modelPath = "model",
                              embeddingPath = "model.embed_tokens",
                              normPath = "model.norm", headPath = "lm_head";

/// The path of a module of a layer.
inline std::string inLayer(int64_t layer, llvm::StringRef module) {
  return ("model.layers." + llvm::Twine(layer) + "." + module).str();
}

/// The path of an attention block of a layer that may have several.
inline std::string attentionPath(const ModelConfig &config, int64_t layer,
                                 int64_t part = 0) {
  std::string path = inLayer(layer, "self_attn");
  return config.attentions() == 1 ? path : path + "." + std::to_string(part);
}

/// The modules of a model, as adapters see them, in the order of the program.
std::vector<ModuleInfo> modulesOf(const ModelConfig &config);

/// Tensors of published files that a program does not need: tables that are
/// computed, the second copy of a tied head, and layers beyond the configured
/// ones.
bool isIgnored(const ModelConfig &config, llvm::StringRef name);

/// Adds a module `(path, kind, out, in, bias)`.
using AddModule =
    llvm::function_ref<void(std::string, ModuleKind, int64_t, int64_t, bool)>;

/// The router and the experts of a routed layer.
void addExpertModules(const ModelConfig &config, int64_t layer, AddModule add);
/// A router that is an MLP.
void addCarriedRouter(const ModelConfig &config, int64_t layer, AddModule add);
/// Those of routed attention.
void addAttentionExperts(const ModelConfig &config, int64_t layer,
                         AddModule add);

class DecoderBuilder {
public:
  /// `prepending`: the adapter that puts something before every sequence.
  DecoderBuilder(ModuleBuilder &module, const ModelConfig &config,
                 llvm::StringRef prepending)
      : m(module), b(module.builder()), c(config), prepending(prepending) {}

  void buildLogits();
  void buildForward();
  /// An entry that calls the shared body.
  void buildStep(llvm::StringRef name);

private:
  /// What a block needs to know of the sequences it works on. The cache, count
  /// and total are null where whole sequences are run without one.
  struct Stream {
    mlir::Value batch, length, past, count, total, cache;
  };

  Stream begin(mlir::Value tokens);
  mlir::Value block(int64_t layer, mlir::Value x, Stream &stream);
  /// Queries, keys and values of a layer, by heads.
  struct Heads {
    mlir::Value q, k, v;
  };
  Heads project(int64_t layer, mlir::Value x, const Stream &stream);
  Heads projectConvolved(int64_t layer, mlir::Value x, Stream &stream);
  mlir::Value withHistory(mlir::Value fresh, int64_t count, mlir::Value missing,
                          int64_t row, int64_t slot, Stream &stream);
  mlir::Value rows(mlir::Value x, int64_t first, mlir::Value count);
  mlir::Value convolved(const std::string &path, mlir::Value x, int64_t taps,
                        mlir::Value length, const Stream &stream);
  mlir::Value unit(mlir::Value x, mlir::Value factors);
  Heads projectLatent(int64_t layer, mlir::Value x, const Stream &stream,
                      int64_t part);
  /// `part`: which attention block of the layer.
  mlir::Value attention(int64_t layer, mlir::Value x, Stream &stream,
                        int64_t part = 0);
  /// What queries `[batch, T, heads, size]` of an attention block with this
  /// path and row of the cache see.
  mlir::Value attend(int64_t layer, llvm::StringRef path, int64_t row,
                     Heads heads, Stream &stream);
  mlir::Value routedAttention(int64_t layer, mlir::Value x, Stream &stream);
  mlir::Value shortcutBlock(int64_t layer, mlir::Value x, Stream &stream);
  mlir::Value onEveryRow(mlir::Value x, const Stream &stream);
  mlir::Value prepend(mlir::Value prompt, mlir::Value x, const Stream &stream);
  mlir::Value prefixHeads(int64_t layer, int64_t slot, mlir::Value prefix);
  void setPast(Stream &stream, int64_t past);
  mlir::Value promptHeads(llvm::StringRef path, mlir::Value prompt,
                          const Stream &stream);
  mlir::Value seePrompt(int64_t layer, mlir::Value q,
                        const ModuleBuilder::Prompt &prompt,
                        const Stream &stream);
  mlir::Value mlp(int64_t layer, mlir::Value x, const Stream &stream);
  mlir::Value denseMlp(llvm::StringRef path, mlir::Value x);
  /// With the epsilon of the model, or one of its own.
  mlir::Value norm(llvm::StringRef path, mlir::Value x, const Stream &stream,
                   std::optional<double> epsilon = std::nullopt);
  /// (x + bias) * scale, of vectors with this prefix of their names.
  mlir::Value affine(const std::string &prefix, mlir::Value x);
  mlir::Value residual(llvm::StringRef path, mlir::Value x, mlir::Value y);
  mlir::Value logits(mlir::Value x);
  // Mixtures of experts.
  mlir::Value routedMlp(int64_t layer, mlir::Value x, const Stream &stream);
  struct Choice {
    mlir::Value assignment, ids, weights;
  };
  /// By the logits of a router. `suffix` names what is tapped.
  Choice choose(llvm::StringRef router, mlir::Value logits, mlir::Value bias,
                llvm::StringRef suffix);
  mlir::Value carriedRouter(int64_t layer, mlir::Value x, const Stream &stream);
  mlir::Value tapSkipped(mlir::Value ids, mlir::Value weights,
                         llvm::StringRef suffix);
  mlir::Value withLowLast(mlir::Value bias);
  mlir::Value assign(int64_t layer, mlir::Value logits);
  mlir::Value experts(int64_t layer, mlir::Value x, mlir::Value assignment);
  mlir::Value sharedExpert(int64_t layer, mlir::Value x);
  mlir::Value bankOf(int64_t layer, llvm::StringRef projection);
  mlir::Value biasesOf(int64_t layer, llvm::StringRef projection);
  mlir::Value applyExperts(mlir::Value bank, mlir::Value rows, mlir::Value ids,
                           mlir::Value biases, llvm::StringRef site);
  mlir::Value clampedGate(mlir::Value both);
  void tapRows(mlir::Value x, const llvm::Twine &name);
  mlir::Value rope(int64_t layer, mlir::Value x, const Stream &stream);
  mlir::Value columns(mlir::Value x, int64_t first, int64_t count);
  mlir::Value intoColumns(mlir::Value part, mlir::Value whole, int64_t first);
  mlir::Value clamped(mlir::Value x);
  mlir::Value filled(mlir::Value x, double number);
  mlir::Value softcapped(mlir::Value x, double cap);
  mlir::Value embedded(mlir::Value tokens);
  mlir::Value lastPositions(mlir::Value x, const Stream &stream);
  mlir::Value heads(mlir::Value x, int64_t count, int64_t size,
                    const Stream &stream);
  void intoCache(int64_t row, int64_t slot, mlir::Value fresh, Stream &stream);
  mlir::Value fromCache(int64_t row, int64_t slot, Stream &stream);

  /// `tensor.empty`; the dynamic dimensions are batch and length.
  mlir::Value empty(mlir::RankedTensorType type, const Stream &stream) {
    llvm::SmallVector<mlir::Value> sizes{stream.batch, stream.length};
    sizes.truncate(type.getNumDynamicDims());
    return mlir::tensor::EmptyOp::create(b, m.loc(), type.getShape(),
                                         type.getElementType(), sizes);
  }
  mlir::RankedTensorType floats(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, b.getF32Type());
  }
  mlir::RankedTensorType ints(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, b.getI32Type());
  }
  llvm::SmallVector<Port> stepArguments() {
    return withChoice({{"tokens", ints({any, any})},
                       {"count", ints({any})},
                       {"past", ints({any})},
                       {"cache", cacheType()}});
  }
  /// With the adapter of each sequence behind the others, where there is a bank
  /// of them.
  llvm::SmallVector<Port> withChoice(llvm::SmallVector<Port> ports) {
    if (m.hasBank())
      ports.push_back({ModuleBuilder::choiceName, ints({any})});
    return ports;
  }
  void choose(mlir::func::FuncOp function, const Stream &stream);
  llvm::SmallVector<Port> stepResults() {
    return {{"logits", floats({any, c.vocab})}, {"cache", cacheType()}};
  }
  mlir::RankedTensorType cacheType() {
    return floats(
        {c.layers * c.cacheRows(), 2, any, any, c.kvHeads, c.cacheDim()});
  }

  static constexpr int64_t any = mlir::ShapedType::kDynamic;
  ModuleBuilder &m;
  mlir::OpBuilder &b;
  const ModelConfig &c;
  llvm::StringRef prepending;
  /// Of the function being built; the second ones are those of layers with a
  /// window, where they have their own.
  mlir::Value frequencies, windowFrequencies;
  /// What the router of the layer before passes on; null in the first layer.
  mlir::Value routerState;
};

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_DECODERBUILDER_H
