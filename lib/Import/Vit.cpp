//===- Vit.cpp - programs of vision transformers ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Patches do not overlap, so their convolution is one linear map on the numbers
// of a patch.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "Blocks.h"
#include "ConfigFields.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;
using mlir::OpFoldResult;
using mlir::Value;
namespace tensor = mlir::tensor;

namespace {

struct VitConfig {
  int64_t layers = 0, hidden = 0, intermediate = 0, heads = 0;
  int64_t channels = 0, labels = 0;
  /// Height and width of images and of patches.
  std::array<int64_t, 2> image{}, patch{};
  double epsilon = 0;
  nn::ActivationKind activation = nn::ActivationKind::GELU;
  bool bias = true;

  int64_t down() const { return image[0] / patch[0]; }
  int64_t across() const { return image[1] / patch[1]; }
  int64_t patches() const { return down() * across(); }
  int64_t perPatch() const { return channels * patch[0] * patch[1]; }
};

constexpr llvm::StringLiteral classPath = "vit.embeddings.cls_token",
                              placesPath = "vit.embeddings.position_embeddings",
                              patchPath =
                                  "vit.embeddings.patch_embeddings.projection",
                              normPath = "vit.layernorm",
                              headPath = "classifier";

} // namespace

static std::string inLayer(int64_t layer, llvm::StringRef path) {
  return ("vit.encoder.layer." + llvm::Twine(layer) + "." + path).str();
}

/// Height and width: a list of two, or one number for both.
static std::array<int64_t, 2> readPair(JsonField field, int64_t missing,
                                       FieldReader &fields) {
  if (!field.isArray()) {
    int64_t side =
        fields.take<int64_t>(field.integerOr(missing, 1, 1 << 15), 1);
    return {side, side};
  }
  auto sides = fields.take(field.integers());
  if (sides.size() == 2 &&
      llvm::all_of(sides, [](int64_t n) { return n >= 1 && n <= 1 << 15; }))
    return {sides[0], sides[1]};
  fields.keep(field.error("must be a size, or a height and a width"));
  return {1, 1};
}

static llvm::Error read(const JsonDocument &config, VitConfig &vit) {
  if (llvm::Error error = refuseQuantized(config))
    return error;
  FieldReader fields(config);
  vit.layers = fields.sizeOr("num_hidden_layers", 12, maxLayers);
  vit.hidden = fields.sizeOr("hidden_size", 768);
  vit.intermediate = fields.sizeOr("intermediate_size", 3072);
  vit.heads = fields.sizeOr("num_attention_heads", 12, 1 << 20);
  vit.channels = fields.sizeOr("num_channels", 3, 1 << 15);
  vit.image = readPair(config["image_size"], 224, fields);
  vit.patch = readPair(config["patch_size"], 16, fields);
  vit.epsilon = fields.positive(config["layer_norm_eps"], 1e-12);
  vit.bias = fields.flag("qkv_bias", true);
  if (auto kind = fields.activation(config["hidden_act"], "gelu"))
    vit.activation = *kind;
  // As many labels as have names, two where nobody says.
  vit.labels = fields.sizeOr("num_labels", 2);
  if (!config["id2label"].isNull())
    vit.labels = int64_t(fields.take(config["id2label"].members()).size());
  if (fields.failed())
    return fields.finish();
  if (vit.labels < 1)
    return config["id2label"].error("a classifier has at least one label");
  if (vit.hidden % vit.heads)
    return config["num_attention_heads"].error("must divide hidden_size (" +
                                               llvm::Twine(vit.hidden) + ")");
  if (vit.down() < 1 || vit.across() < 1)
    return config["patch_size"].error(
        "a patch of " + llvm::Twine(vit.patch[0]) + "x" +
        llvm::Twine(vit.patch[1]) + " is larger than an image of " +
        llvm::Twine(vit.image[0]) + "x" + llvm::Twine(vit.image[1]));
  return fields.finish();
}

static std::vector<ModuleInfo> modulesOf(const VitConfig &c) {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in,
                 bool bias = true) {
    modules.push_back({std::move(path), kind, out, in, bias});
  };
  const auto linear = ModuleKind::Linear, norm = ModuleKind::Norm,
             other = ModuleKind::Other;
  int64_t h = c.hidden;
  // Parameters of the module around, not of modules of their own.
  for (auto [path, rows] : {std::pair(classPath, int64_t(1)),
                            std::pair(placesPath, c.patches() + 1)}) {
    add(path.str(), other, rows, h, false);
    modules.back().weightName = "";
    modules.back().storedShape = {1, rows, h};
  }
  add(patchPath.str(), linear, h, c.perPatch());
  modules.back().storedShape = {h, c.channels, c.patch[0], c.patch[1]};
  for (int64_t l = 0; l < c.layers; ++l) {
    add(inLayer(l, "layernorm_before"), norm, h, 1);
    for (llvm::StringRef name : {"query", "key", "value"})
      add(inLayer(l, ("attention.attention." + name).str()), linear, h, h,
          c.bias);
    add(inLayer(l, "attention.output.dense"), linear, h, h);
    add(inLayer(l, "layernorm_after"), norm, h, 1);
    add(inLayer(l, "intermediate.dense"), linear, c.intermediate, h);
    add(inLayer(l, "output.dense"), linear, h, c.intermediate);
  }
  add(normPath.str(), norm, h, 1);
  add(headPath.str(), linear, c.labels, h);
  modules.back().isHead = true;
  return modules;
}

/// The numbers of each patch, `[batch, patches, channels * height * width]`, in
/// the order of the weights of the convolution.
static Value patchesOf(Blocks &blocks, const VitConfig &c, Value pixels) {
  mlir::OpBuilder &b = blocks.b;
  mlir::Location loc = blocks.m.loc(patchPath);
  constexpr int64_t any = Blocks::any;
  Value batch = blocks.size(pixels, 0);
  auto sizes = [&](llvm::ArrayRef<int64_t> shape) {
    llvm::SmallVector<OpFoldResult> result{batch};
    for (int64_t size : shape.drop_front())
      result.push_back(b.getIndexAttr(size));
    return result;
  };
  // What is left over below and at the right belongs to no patch.
  int64_t used[] = {any, c.channels, c.down() * c.patch[0],
                    c.across() * c.patch[1]};
  if (used[2] != c.image[0] || used[3] != c.image[1])
    pixels = tensor::ExtractSliceOp::create(
        b, loc, blocks.floats(used), pixels,
        llvm::SmallVector<OpFoldResult>(4, b.getIndexAttr(0)), sizes(used),
        llvm::SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
  int64_t split[] = {any,        c.channels, c.down(),
                     c.patch[0], c.across(), c.patch[1]};
  Value tiles = tensor::ExpandShapeOp::create(
      b, loc, blocks.floats(split), pixels,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}, {4, 5}},
      sizes(split));
  int64_t turned[] = {any,        c.down(),   c.across(),
                      c.channels, c.patch[0], c.patch[1]};
  Value init = tensor::EmptyOp::create(b, loc, turned, b.getF32Type(),
                                       mlir::ValueRange{batch});
  tiles = mlir::linalg::TransposeOp::create(
              b, loc, tiles, init, llvm::ArrayRef<int64_t>{0, 2, 4, 1, 3, 5})
              ->getResult(0);
  return tensor::CollapseShapeOp::create(
      b, loc, blocks.floats({any, c.patches(), c.perPatch()}), tiles,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1, 2}, {3, 4, 5}});
}

/// The class token, then the patches, with what stands for their places.
static Value embedded(Blocks &blocks, const VitConfig &c, Value pixels) {
  mlir::OpBuilder &b = blocks.b;
  ModuleBuilder &m = blocks.m;
  Value batch = blocks.size(pixels, 0);
  Value patches = m.apply(patchPath, patchesOf(blocks, c, pixels));
  auto all = blocks.floats({Blocks::any, c.patches() + 1, c.hidden});
  Value x = tensor::EmptyOp::create(b, m.loc(), all.getShape(), b.getF32Type(),
                                    mlir::ValueRange{batch});
  auto insert = [&](Value part, int64_t at, int64_t count) {
    llvm::SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)),
        strides(3, b.getIndexAttr(1));
    offsets[1] = b.getIndexAttr(at);
    llvm::SmallVector<OpFoldResult> sizes{batch, b.getIndexAttr(count),
                                          b.getIndexAttr(c.hidden)};
    x = tensor::InsertSliceOp::create(b, m.loc(), part, x, offsets, sizes,
                                      strides);
  };
  insert(blocks.onEveryRow(m.norm(classPath), batch), 0, 1);
  insert(patches, 1, c.patches());
  return blocks.add("vit.embeddings", x,
                    blocks.onEveryRow(m.norm(placesPath), batch));
}

static void buildLogits(ModuleBuilder &m, const VitConfig &c) {
  Blocks blocks(m);
  constexpr int64_t any = Blocks::any;
  auto function = m.beginFunction(
      "logits",
      {{"pixel_values",
        blocks.floats({any, c.channels, c.image[0], c.image[1]})}},
      {{"logits", blocks.floats({any, c.labels})}}, /*entry=*/true);
  Value pixels = function.getArgument(0);
  Value x = blocks.tap(embedded(blocks, c, pixels), "hidden_states.0");
  Blocks::Attention how;
  how.past = blocks.perRow(blocks.size(pixels, 0), 0);
  how.scale = 1.0 / std::sqrt(double(c.hidden / c.heads));
  for (int64_t l = 0; l < c.layers; ++l) {
    Value in = blocks.layerNorm(inLayer(l, "layernorm_before"), x, c.epsilon);
    auto heads = [&](llvm::StringRef name) {
      return blocks.heads(
          m.apply(inLayer(l, ("attention.attention." + name).str()), in),
          c.heads);
    };
    Value y = blocks.attend(inLayer(l, "attention.attention"), heads("query"),
                            heads("key"), heads("value"), how);
    y = m.apply(inLayer(l, "attention.output.dense"), y);
    x = blocks.add(inLayer(l, "attention"), x, y);
    in = blocks.layerNorm(inLayer(l, "layernorm_after"), x, c.epsilon);
    y = blocks.activation(inLayer(l, "intermediate"), c.activation,
                          m.apply(inLayer(l, "intermediate.dense"), in));
    y = m.apply(inLayer(l, "output.dense"), y);
    x = blocks.add(inLayer(l, "output"), x, y);
    x = blocks.tap(x, "hidden_states." + llvm::Twine(l + 1));
  }
  x = blocks.tap(blocks.layerNorm(normPath, x, c.epsilon), "last_hidden_state");
  m.endFunction(m.apply(headPath, blocks.atPlace(x, 0)));
}

llvm::Error importer::buildVit(ModuleBuilder &m, const JsonDocument &config,
                               WeightSource &weights,
                               llvm::ArrayRef<AdapterSource> adapters) {
  VitConfig vit;
  if (llvm::Error error = read(config, vit))
    return error;
  Adaptations adaptations;
  // A pooler is there for models without a classifier.
  if (llvm::Error error = declareModules(
          m, modulesOf(vit), weights, adapters, adaptations, "config.json",
          [](llvm::StringRef name) { return name.starts_with("vit.pooler."); }))
    return error;
  setFacts(m, "vit",
           {{"layers", vit.layers},
            {"hidden", vit.hidden},
            {"intermediate", vit.intermediate},
            {"heads", vit.heads},
            {"labels", vit.labels}});
  buildLogits(m, vit);
  return llvm::Error::success();
}
