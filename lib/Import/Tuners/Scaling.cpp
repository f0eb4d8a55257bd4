//===- Scaling.cpp - adapters that scale and turn outputs -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

// (IA)^3, Liu et al. 2022: outputs (with their bias) or inputs are scaled.
static llvm::Error readScales(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto scales = r.need(".ia3_l");
  if (!scales)
    return scales.takeError();
  // One row of inputs in feed-forward modules, one column of outputs else.
  bool inputs = (*scales)->shape.size() == 2 && (*scales)->shape[0] == 1 &&
                (*scales)->shape[1] == r.module.in;
  if (llvm::Error e = inputs ? r.add("ia3_l", **scales, {1, r.module.in})
                             : r.add("ia3_l", **scales, {r.module.out, 1}))
    return e;
  r.form.map = [=](FormBuilder &f, Value map) {
    Value diagonal = f.diagonal(f.stored("ia3_l"));
    return inputs ? f.compose({map, diagonal}) : f.compose({diagonal, map});
  };
  if (!inputs)
    r.form.bias = [](FormBuilder &f, Value bias) {
      return bias ? f.multiply(bias,
                               f.reshape(f.numbers("ia3_l"), {f.module.out}))
                  : bias;
    };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral scaleSuffixes[] = {".ia3_l"};
static constexpr llvm::StringLiteral scaleFields[] = {"feedforward_modules",
                                                      "init_ia3_weights"};

const Tuner importer::ia3Tuner = {"IA3",       scaleSuffixes, {},
                                  scaleFields, matrices,      readScales};

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

/// Outputs in groups of G; the first half of a group and the second are pairs.
struct Rotation {
  int64_t outputs, group;
  enum Variant { PerPair, PerOutput, PerOutputAndPart } variant;

  /// [outputs] factors of an output itself and of its partner.
  std::pair<Value, Value> factors(FormBuilder &f) const {
    Value theta = f.numbers("road_theta"), alpha = f.numbers("road_alpha");
    Value cosine =
        f.multiply(alpha, f.map(theta, [](auto &b, auto loc, Value x) {
          return mlir::math::CosOp::create(b, loc, x).getResult();
        }));
    Value sine = f.multiply(alpha, f.map(theta, [](auto &b, auto loc, Value x) {
      return mlir::math::SinOp::create(b, loc, x).getResult();
    }));
    int64_t groups = outputs / group, half = group / 2;
    auto arrange = [&](Value values, int64_t part) {
      if (variant == PerPair)
        return f.einsum("gi,h->ghi",
                        {f.reshape(values, {groups, half}), f.splat({2}, 1)});
      if (variant == PerOutputAndPart)
        values = f.slice(f.reshape(values, {groups, 2, group}), {0, part, 0},
                         {groups, 1, group});
      return f.reshape(values, {groups, 2, half});
    };
    // The first of a pair loses what the second gains.
    Value signs = f.constant({2}, {-1, 1});
    return {f.reshape(arrange(cosine, 0), {outputs}),
            f.reshape(f.einsum("ghi,h->ghi", {arrange(sine, 1), signs}),
                      {outputs})};
  }

  Value build(FormBuilder &f) const {
    auto [own, partner] = factors(f);
    llvm::SmallVector<int64_t> sources;
    for (int64_t i = 0; i < outputs; ++i)
      sources.push_back(i / group * group + (i + group / 2) % group);
    return f.sum({f.diagonal(own),
                  f.compose({f.diagonal(partner), f.permutation(sources)})});
  }
};

// RoAd, Liao et al. 2024: pairs of outputs (with their bias) are turned and
// scaled.
static llvm::Error readRotation(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto variant = r.config["variant"].stringOr("road_1");
  if (!variant)
    return variant.takeError();
  auto group = r.config["group_size"].integerOr(64, 2, 1 << 20);
  if (!group)
    return group.takeError();
  int64_t out = r.module.out;
  if (*group % 2 || out % *group)
    return r.fieldError("group_size", "groups of " + llvm::Twine(*group) +
                                          " do not divide the " +
                                          llvm::Twine(out) +
                                          " outputs of module '" +
                                          r.module.path + "' into pairs");
  Rotation rotation{out, *group, Rotation::PerPair};
  int64_t size = out / 2;
  if (*variant == "road_2") {
    rotation.variant = Rotation::PerOutput;
    size = out;
  } else if (*variant == "road_4") {
    rotation.variant = Rotation::PerOutputAndPart;
    size = 2 * out;
  } else if (*variant != "road_1") {
    return r.fieldError("variant", "must be road_1, road_2 or road_4");
  }
  for (llvm::StringRef part : {"road_theta", "road_alpha"}) {
    auto entry = r.addNeeded(part, ("." + part).str(), {size});
    if (!entry)
      return entry.takeError();
  }
  r.depends(*variant);
  r.depends(double(*group));
  r.form.map = [=](FormBuilder &f, Value map) {
    return f.compose({rotation.build(f), map});
  };
  r.form.bias = [=](FormBuilder &f, Value bias) {
    return bias ? f.applyTo(rotation.build(f), bias) : bias;
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral rotationSuffixes[] = {".road_theta",
                                                           ".road_alpha"};
static constexpr llvm::StringLiteral rotationFields[] = {"variant",
                                                         "group_size"};

const Tuner importer::roadTuner = {
    "ROAD", rotationSuffixes, {}, rotationFields, matrices, readRotation};
