//===- Switch.cpp - Switch Transformers -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// T5 with experts in some feed-forward layers (Fedus et al. 2021): a token has
// the best one, times its probability; an expert takes the first tokens of a
// sequence up to its capacity, others get nothing from the layer.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "T5.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Interfaces/VJPBuild.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

namespace {

struct SwitchConfig {
  int64_t experts = 0, capacity = 0;
  bool routerBias = false;
  /// Every so many layers of the encoder and the decoder, from the second on,
  /// have experts; 1: all, 0: none.
  int64_t steps[2] = {0, 0};
};

class SwitchFeedForward : public T5FeedForward {
public:
  SwitchFeedForward(const T5Config &t5, const SwitchConfig &config)
      : t5(t5), c(config), dense(t5, "mlp") {}

  void addModules(const T5Place &place,
                  std::vector<ModuleInfo> &modules) const override;
  Value build(Blocks &blocks, const T5Place &place, Value x,
              bool taps) const override;

private:
  bool isRouted(const T5Place &place) const {
    int64_t step = c.steps[place.decoder];
    return step == 1 || (step > 1 && place.layer % step == 1);
  }
  static std::string router(const T5Place &place) {
    return place.path + ".mlp.router.classifier";
  }
  static std::string expert(const T5Place &place, int64_t number,
                            llvm::StringRef part) {
    return (place.path + ".mlp.experts.expert_" + llvm::Twine(number) + "." +
            part)
        .str();
  }
  void tap(Blocks &blocks, Value logits, Value assignment,
           const T5Place &place) const;

  const T5Config &t5;
  const SwitchConfig &c;
  T5DenseFeedForward dense;
};

} // namespace

void SwitchFeedForward::addModules(const T5Place &place,
                                   std::vector<ModuleInfo> &modules) const {
  if (!isRouted(place))
    return dense.addModules(place, modules);
  const auto linear = ModuleKind::Linear;
  modules.push_back(
      {router(place), linear, c.experts, t5.hidden, c.routerBias});
  for (int64_t n = 0; n < c.experts; ++n) {
    modules.push_back(
        {expert(place, n, "wi"), linear, t5.intermediate, t5.hidden});
    modules.push_back(
        {expert(place, n, "wo"), linear, t5.hidden, t5.intermediate});
  }
}

/// What was chosen, for whoever looks: rows as one dimension.
void SwitchFeedForward::tap(Blocks &blocks, Value logits, Value assignment,
                            const T5Place &place) const {
  mlir::OpBuilder &b = blocks.b;
  mlir::Location at = blocks.m.loc(router(place));
  std::string suffix =
      (place.decoder ? ".decoder." : ".encoder.") + std::to_string(place.layer);
  auto rows = [&](Value x, llvm::StringRef name) {
    blocks.tap(adapter::buildFolded(b, at, x, 1), name + suffix);
  };
  constexpr int64_t any = Blocks::any;
  auto unpack =
      routed::UnpackOp::create(b, at, blocks.ints({any, any, 1}),
                               blocks.floats({any, any, 1}), assignment);
  // Probabilities of what is kept are above 0.
  mlir::AffineMap all = b.getMultiDimIdentityMap(3);
  Value kept = vjp::buildStructured(
      b, at, {unpack.getWeights()}, {all, all},
      tensor::EmptyOp::create(b, at,
                              tensor::getMixedSizes(b, at, unpack.getWeights()),
                              b.getI32Type()),
      [](mlir::OpBuilder &nested, mlir::Location at,
         mlir::ValueRange args) -> Value {
        Value zero =
            arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(0));
        Value isKept = arith::CmpFOp::create(
            nested, at, arith::CmpFPredicate::OGT, args[0], zero);
        return arith::ExtUIOp::create(nested, at, nested.getI32Type(), isKept);
      });
  rows(logits, "router_logits");
  rows(unpack.getIds(), "router_ids");
  rows(unpack.getWeights(), "router_weights");
  rows(kept, "router_kept");
}

Value SwitchFeedForward::build(Blocks &blocks, const T5Place &place, Value x,
                               bool taps) const {
  if (!isRouted(place))
    return dense.build(blocks, place, x, taps);
  mlir::OpBuilder &b = blocks.b;
  ModuleBuilder &m = blocks.m;
  constexpr int64_t any = Blocks::any;
  Value logits = m.apply(router(place), x);
  auto policy =
      routed::TokenChoiceAttr::get(b.getContext(), /*k=*/1, /*groups=*/1,
                                   /*kept=*/1, routed::GroupScore::Largest);
  Value assignment = routed::SelectOp::create(
      b, m.loc(router(place)),
      routed::AssignmentType::get(b.getContext(), 1, c.experts), logits,
      Value(), policy, routed::Score::Softmax, routed::Weighting::Scores,
      llvm::APFloat(1.0), b.getI64IntegerAttr(c.capacity));
  if (taps)
    tap(blocks, logits, assignment, place);

  std::string path = place.path + ".mlp.experts";
  mlir::Location at = m.loc(path);
  // Weights are loaded outside: other uses share them.
  auto bank = [&](llvm::StringRef part) -> Value {
    llvm::SmallVector<Value> members;
    for (int64_t n = 0; n < c.experts; ++n)
      members.push_back(m.map(expert(place, n, part)));
    return adapter::BankOp::create(b, m.loc(path + "." + part.str()), members);
  };
  Value in = bank("wi"), out = bank("wo");
  llvm::SmallVector<int64_t> members;
  for (int64_t n = 0; n < c.experts; ++n)
    members.push_back(n);
  auto op = routed::ExpertsOp::create(
      b, at, x.getType(), x, assignment,
      b.getArrayAttr({b.getDenseI64ArrayAttr(members)}),
      b.getDenseI64ArrayAttr({}), b.getDenseI64ArrayAttr({}), 1);
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block *body = b.createBlock(
      &op.getBodies()[0], {},
      {blocks.floats({any, t5.hidden}), blocks.ints({any})}, {at, at});
  auto apply = [&](Value maps, Value rows, llvm::StringRef part) -> Value {
    std::string site = path + "." + part.str();
    int64_t size = mlir::cast<adapter::MapType>(maps.getType()).getOut();
    return adapter::ApplyOp::create(
        b, m.loc(site), blocks.floats({any, size}), maps, rows,
        body->getArgument(1), /*weights=*/Value(), /*otherwise=*/Value(),
        /*bias=*/Value(), b.getStringAttr(site), nullptr);
  };
  Value inner = apply(in, body->getArgument(0), "wi");
  inner = blocks.activation(path, t5.activation, inner);
  routed::YieldOp::create(b, at, apply(out, inner, "wo"));
  return op.getResult();
}

static llvm::Error readSwitch(const JsonDocument &config, T5Config &t5,
                              SwitchConfig &c) {
  FieldReader fields(config);
  // Twelve, not as many as the encoder has, where nothing is said.
  if (!config["num_decoder_layers"].exists())
    t5.decoderLayers = 12;
  // The library ties all tables or none.
  t5.ownTables = !t5.tied;
  c.experts = fields.sizeOr("num_experts", 8, 1 << 16);
  c.capacity = fields.sizeOr("expert_capacity", 64);
  c.routerBias = fields.flag("router_bias", false);
  JsonField type = config["router_dtype"];
  if (fields.take<llvm::StringRef>(type.stringOr("float32"), "float32") !=
      "float32")
    fields.keep(type.error("routers work in float32 alone"));
  JsonField act = config["dense_act_fn"];
  auto name = fields.take<llvm::StringRef>(act.stringOr("relu"), "relu");
  if (auto kind = activationKind(name))
    t5.activation = *kind;
  else
    fields.keep(
        act.error("activation " + support::quoted(name) + " is not supported"));
  for (auto [decoder, key] : llvm::enumerate(llvm::ArrayRef<llvm::StringRef>{
           "num_sparse_encoder_layers", "num_sparse_decoder_layers"})) {
    int64_t layers = decoder ? t5.decoderLayers : t5.encoderLayers;
    int64_t routed =
        fields.take<int64_t>(config[key].integerOr(3, 0, maxLayers));
    // As in the library, where no routed layers make a step that leaves one.
    c.steps[decoder] = routed ? layers / routed : layers;
  }
  return fields.finish();
}

llvm::Error importer::buildSwitch(ModuleBuilder &m, const JsonDocument &config,
                                  WeightSource &weights,
                                  llvm::ArrayRef<AdapterSource> adapters) {
  T5Config t5;
  if (llvm::Error error = readT5(config, t5))
    return error;
  SwitchConfig c;
  if (llvm::Error error = readSwitch(config, t5, c))
    return error;
  return buildT5Like(m, t5, SwitchFeedForward(t5, c), weights, adapters);
}
