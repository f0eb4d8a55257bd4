//===- Decoder.cpp - entries of Llama-like models ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"
#include "Containers.h"
#include "DecoderBuilder.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/Merge.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

DecoderBuilder::Stream DecoderBuilder::begin(Value tokens) {
  Stream stream;
  routerState = Value();
  stream.batch = tensor::DimOp::create(b, m.loc(), tokens, 0);
  stream.length = tensor::DimOp::create(b, m.loc(), tokens, 1);
  auto table = [&](llvm::ArrayRef<float> angles) -> Value {
    auto type = floats({int64_t(angles.size())});
    return arith::ConstantOp::create(
        b, m.loc(), mlir::DenseElementsAttr::get(type, angles));
  };
  frequencies = table(c.frequencies);
  windowFrequencies =
      c.windowFrequencies.empty() ? frequencies : table(c.windowFrequencies);
  return stream;
}

/// Gives every token the adapter of its sequence.
void DecoderBuilder::choose(mlir::func::FuncOp function, const Stream &stream) {
  if (!m.hasBank())
    return;
  Value ofSequences = function.getArgument(function.getNumArguments() - 1);
  Value ofTokens = mlir::linalg::BroadcastOp::create(
                       b, m.loc(), ofSequences, empty(ints({any, any}), stream),
                       llvm::ArrayRef<int64_t>{1})
                       ->getResult(0);
  m.setChoice(ofSequences, ofTokens);
}

/// [batch, T, H] at the last real position of each row: [batch, H]. A row
/// without new tokens takes its first position, whose result nobody uses.
Value DecoderBuilder::lastPositions(Value x, const Stream &stream) {
  return Blocks(m).atLast(x, stream.count);
}

void DecoderBuilder::setPast(Stream &stream, int64_t past) {
  stream.past = Blocks(m).perRow(stream.batch, past);
}

void DecoderBuilder::buildLogits() {
  auto function =
      m.beginFunction("logits", withChoice({{"input_ids", ints({any, any})}}),
                      {{"logits", floats({any, any, c.vocab})}},
                      /*entry=*/true);
  Value tokens = function.getArgument(0);
  Stream stream = begin(tokens);
  choose(function, stream);
  auto lengthOf = [](Value prompt) {
    return mlir::cast<RankedTensorType>(prompt.getType()).getDimSize(0);
  };
  // Positions go on behind what comes before: keys that are given have theirs
  // in them, embedded rows get one as tokens do.
  Value prefix = m.prepended(inLayer(0, "self_attn"));
  setPast(stream, prefix ? lengthOf(prefix) : 0);
  auto tap = [&](Value x, const llvm::Twine &name) -> Value {
    return nn::TapOp::create(b, m.loc(), x, name.str());
  };
  Value x = embedded(tokens);
  if (Value prompt = m.prepended(modelPath)) {
    m.markBeyondMap(x, prepending);
    x = prepend(prompt, x, stream);
    stream.length = tensor::DimOp::create(b, m.loc(), x, 1);
  }
  x = tap(x, "hidden_states.0");
  for (int64_t layer = 0; layer < c.layers; ++layer)
    x = tap(block(layer, x, stream), "hidden_states." + llvm::Twine(layer + 1));
  x = tap(norm(normPath, x, stream), "last_hidden_state");
  m.endFunction(logits(x));
}

void DecoderBuilder::buildForward() {
  auto function = m.beginFunction("forward", stepArguments(), stepResults(),
                                  /*entry=*/false);
  Value tokens = function.getArgument(0);
  Stream stream = begin(tokens);
  choose(function, stream);
  stream.count = function.getArgument(1);
  stream.past = function.getArgument(2);
  stream.cache = function.getArgument(3);
  stream.total = arith::AddIOp::create(b, m.loc(), stream.past, stream.count);
  Value x = embedded(tokens);
  for (int64_t layer = 0; layer < c.layers; ++layer)
    x = block(layer, x, stream);
  x = norm(normPath, lastPositions(x, stream), stream);
  m.endFunction({logits(x), stream.cache});
}

void DecoderBuilder::buildStep(llvm::StringRef name) {
  auto function =
      m.beginFunction(name, stepArguments(), stepResults(), /*entry=*/true);
  function.setArgAttr(3, "bufferization.writable", b.getBoolAttr(true));
  auto call = mlir::func::CallOp::create(
      b, m.loc(), "forward", function.getResultTypes(),
      mlir::ValueRange(function.getArguments()));
  m.endFunction(call.getResults());
}

/// The model with its layers repeated as adapters want it.
static llvm::Expected<ModelConfig>
withRepeatedLayers(const ModelConfig &config,
                   llvm::ArrayRef<AdapterSource> adapters) {
  auto sources = readLayerSources(adapters, config.layers);
  if (!sources)
    return sources.takeError();
  ModelConfig repeated = config;
  if (sources->empty())
    return repeated;
  repeated.layers = sources->size();
  repeated.windows.clear();
  repeated.unrotated.clear();
  repeated.routed.clear();
  for (int64_t source : *sources) {
    repeated.windows.push_back(config.windows[source]);
    if (!config.unrotated.empty())
      repeated.unrotated.push_back(config.unrotated[source]);
    if (!config.routed.empty())
      repeated.routed.push_back(config.routed[source]);
  }
  repeated.layerSources = std::move(*sources);
  return repeated;
}

llvm::Error importer::buildDecoder(ModuleBuilder &m, const ModelConfig &plain,
                                   WeightSource &weights,
                                   llvm::ArrayRef<AdapterSource> adapters,
                                   llvm::StringRef expectedBy) {
  auto withLayers = withRepeatedLayers(plain, adapters);
  if (!withLayers)
    return withLayers.takeError();
  const ModelConfig &config = *withLayers;
  std::vector<ModuleInfo> modules = modulesOf(config);
  auto adaptations = readAdapters(adapters, modules);
  if (!adaptations)
    return adaptations.takeError();
  if (m.hasBank())
    if (llvm::Error e = m.checkBank(*adaptations, modules))
      return e;
  llvm::StringRef prepending;
  for (auto &[path, adaptation] : *adaptations)
    for (const AdapterForm &form : adaptation.forms) {
      if (!form.prepends.empty() && !prepending.empty() &&
          prepending != form.adapter)
        return support::fileError(
            expectedBy, "adapters '" + prepending + "' and '" + form.adapter +
                            "' both put a prompt before the tokens");
      if (!form.prepends.empty())
        prepending = form.adapter;
      // Keys and values are given by heads of one size.
      if (!form.prepends.empty() && config.valueDim != config.headDim &&
          llvm::StringRef(path).ends_with(".self_attn"))
        return support::fileError(
            expectedBy,
            "adapter '" + form.adapter +
                "' cannot be put on a model whose keys and values differ in "
                "size");
      // Prompts are projected and attended to as in Llama.
      if (form.attends &&
          (config.family->headNorms != Family::HeadNorms::None ||
           config.family->fusedProjections || config.family->scaledLogits ||
           config.family->multipliers || config.latent.rank || config.clip ||
           config.family->sinks))
        return support::fileError(
            expectedBy, "adapter '" + form.adapter +
                            "' cannot be put on a model that normalises or "
                            "clips heads, scales scores, has sinks or latent "
                            "attention, or fuses projections");
      if (llvm::Error e = refuseArguments(form, expectedBy))
        return e;
    }
  if (llvm::Error e = addModules(
          m, modules, weights, *adaptations, expectedBy,
          [&](llvm::StringRef name) { return isIgnored(config, name); }))
    return e;

  mlir::OpBuilder &b = m.builder();
  auto number = [&](int64_t value) { return b.getI64IntegerAttr(value); };
  llvm::SmallVector<mlir::NamedAttribute> facts{
      b.getNamedAttr("family", b.getStringAttr(config.family->modelType)),
      b.getNamedAttr("layers", number(config.layers)),
      b.getNamedAttr("hidden", number(config.hidden)),
      b.getNamedAttr("intermediate", number(config.intermediate)),
      b.getNamedAttr("heads", number(config.heads)),
      b.getNamedAttr("kv_heads", number(config.kvHeads)),
      b.getNamedAttr("head_dim", number(config.headDim)),
      b.getNamedAttr("vocab", number(config.vocab)),
      b.getNamedAttr("context", number(config.context)),
      b.getNamedAttr("tied", b.getBoolAttr(config.tied))};
  auto dictionary = b.getDictionaryAttr(facts);
  m.module()->setAttr("allot.config", dictionary);
  m.module()->setAttr("allot.vocab", number(config.vocab));
  if (!config.layerSources.empty()) {
    m.module()->setAttr(layerSourcesAttr,
                        b.getDenseI64ArrayAttr(config.layerSources));
    for (int64_t source : config.layerSources)
      m.digest(std::to_string(source));
  }

  DecoderBuilder decoder(m, config, prepending);
  decoder.buildLogits();
  // What comes before a sequence is in no cache: no steps behind one.
  if (!prepending.empty())
    return llvm::Error::success();
  decoder.buildForward();
  decoder.buildStep("prefill");
  decoder.buildStep("decode");
  return llvm::Error::success();
}
