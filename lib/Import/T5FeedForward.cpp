//===- T5FeedForward.cpp - configuration and dense layers of T5 -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "T5.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;
using mlir::Value;

/// Distances of tables that are written out for each distance.
static constexpr int64_t maxDistance = 1 << 16;

llvm::Error importer::readT5(const JsonDocument &config, T5Config &t5) {
  if (llvm::Error error = refuseQuantized(config))
    return error;
  FieldReader fields(config);
  t5.modelType =
      fields.take<llvm::StringRef>(config["model_type"].string()).str();
  t5.vocab = fields.size("vocab_size");
  t5.hidden = fields.size("d_model");
  t5.headDim = fields.size("d_kv", maxHeadDim);
  t5.intermediate = fields.size("d_ff");
  t5.heads = fields.size("num_heads", 1 << 20);
  t5.encoderLayers = fields.size("num_layers", maxLayers);
  t5.decoderLayers =
      fields.sizeOr("num_decoder_layers", t5.encoderLayers, maxLayers);
  t5.buckets = fields.sizeOr("relative_attention_num_buckets", 32, 1 << 20);
  t5.farthest =
      fields.sizeOr("relative_attention_max_distance", 128, maxDistance);
  t5.epsilon = fields.positive(config["layer_norm_epsilon"], 1e-6);
  // Two spellings: the older flag says both whether the head is the embedding
  // and whether what it meets is scaled, the newer one the latter alone.
  t5.tied = fields.flag("tie_word_embeddings", true);
  t5.scaledOutput = fields.flag("scale_decoder_outputs", t5.tied);
  JsonField start = config["decoder_start_token_id"].isNull()
                        ? config["pad_token_id"]
                        : config["decoder_start_token_id"];
  t5.start = fields.take<int64_t>(start.integerOr(0, 0, t5.vocab - 1));
  if (!fields.flag("is_encoder_decoder", true))
    fields.keep(unsupported(config["is_encoder_decoder"]));
  if (fields.flag("is_decoder", false))
    fields.keep(unsupported(config["is_decoder"]));
  if (fields.failed())
    return fields.finish();
  // Half of the rows of the encoder's table are for keys ahead; half of what is
  // left for distances one by one, and there must be some beyond.
  if (t5.buckets < 4)
    return config["relative_attention_num_buckets"].error("must be at least 4");
  if (t5.farthest <= t5.buckets / 2)
    return config["relative_attention_max_distance"].error(
        "must be larger than half of relative_attention_num_buckets (" +
        llvm::Twine(t5.buckets) + ")");
  return fields.finish();
}

/// `feed_forward_proj`, such as `relu` or `gated-gelu`.
static llvm::Error readFeedForward(const JsonDocument &config, T5Config &t5) {
  FieldReader fields(config);
  JsonField field = config["feed_forward_proj"];
  auto name = fields.take<llvm::StringRef>(field.stringOr("relu"), "relu");
  llvm::StringRef function = name;
  t5.gated = function.consume_front("gated-");
  // This one means the tanh form.
  if (name == "gated-gelu")
    function = "gelu_new";
  auto kind = activationKind(function);
  if (!kind)
    fields.keep(field.error("activation " + support::quoted(function) +
                            " is not supported"));
  else
    t5.activation = *kind;
  return fields.finish();
}

std::vector<int32_t>
importer::relativeBuckets(int64_t buckets, int64_t farthest, bool twoSided) {
  int64_t side = twoSided ? buckets / 2 : buckets, exact = side / 2;
  // In single precision, where a quotient of logarithms decides.
  const float range = float(std::log(double(farthest) / double(exact)));
  std::vector<int32_t> rows;
  for (int64_t distance = -farthest; distance <= farthest; ++distance) {
    int64_t row = twoSided && distance > 0 ? side : 0;
    int64_t away =
        twoSided ? std::abs(distance) : std::max<int64_t>(0, -distance);
    if (away >= exact) {
      float share = std::log(float(away) / float(exact)) / range;
      away = std::min(side - 1, exact + int64_t(share * float(side - exact)));
    }
    rows.push_back(int32_t(row + away));
  }
  return rows;
}

T5FeedForward::~T5FeedForward() = default;

void T5DenseFeedForward::addModules(const T5Place &place,
                                    std::vector<ModuleInfo> &modules) const {
  auto add = [&](llvm::StringRef part, int64_t out, int64_t in) {
    modules.push_back({(place.path + "." + name + "." + part).str(),
                       ModuleKind::Linear, out, in});
  };
  if (c.gated) {
    add("wi_0", c.intermediate, c.hidden);
    add("wi_1", c.intermediate, c.hidden);
  } else {
    add("wi", c.intermediate, c.hidden);
  }
  add("wo", c.hidden, c.intermediate);
}

Value T5DenseFeedForward::build(Blocks &blocks, const T5Place &place, Value x,
                                bool) const {
  std::string path = place.path + "." + name;
  auto apply = [&](llvm::StringRef part, Value in) {
    return blocks.m.apply((path + "." + part).str(), in);
  };
  Value y =
      blocks.activation(path, c.activation, apply(c.gated ? "wi_0" : "wi", x));
  if (c.gated)
    y = mlir::arith::MulFOp::create(blocks.b, blocks.m.loc(path), y,
                                    apply("wi_1", x));
  return apply("wo", y);
}

llvm::Error importer::buildT5(ModuleBuilder &m, const JsonDocument &config,
                              WeightSource &weights,
                              llvm::ArrayRef<AdapterSource> adapters) {
  T5Config t5;
  if (llvm::Error error = readT5(config, t5))
    return error;
  if (llvm::Error error = readFeedForward(config, t5))
    return error;
  T5DenseFeedForward feedForward(t5, "DenseReluDense");
  return buildT5Like(m, t5, feedForward, weights, adapters);
}
