//===- Network.cpp - changes computed from the frozen weight ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PEANuT, Zhong et al. 2024: W + s B h^T, h a small network of the columns of
// the frozen W: h = f(A w), encoders h = f(E h), and as many decoders
// h = f(D h) + what the encoder across had been given.
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/ModelConfig.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// Depths that anybody has trained are far below this.
static constexpr int64_t maxDepth = 64;

static llvm::Error readNetwork(ModuleReader &r) {
  int64_t out = r.module.out;
  auto rank = r.rank("r", 32);
  if (!rank)
    return rank.takeError();
  auto depth = r.config["depth"].integerOr(0, 0, maxDepth);
  if (!depth)
    return depth.takeError();
  auto name = r.config["act_fn"].stringOr("relu");
  if (!name)
    return name.takeError();
  std::optional<nn::ActivationKind> function = activationKind(*name);
  if (!function)
    return r.fieldError("act_fn",
                        "activation '" + *name + "' is not supported");
  auto factor = r.config["scaling"].numberOr(1.0);
  if (!factor)
    return factor.takeError();
  auto scale = r.scaled(*factor, "scaling");
  if (!scale)
    return scale.takeError();

  auto a = r.addNeeded("peanut_A", ".peanut_A.weight", {*rank, out});
  if (!a)
    return a.takeError();
  auto b = r.addNeeded("peanut_B", ".peanut_B.weight", {out, *rank});
  if (!b)
    return b.takeError();
  for (int64_t i = 0; i < *depth; ++i)
    for (const char *kind : {"peanut_encoders.", "peanut_decoders."}) {
      std::string part = kind + std::to_string(i);
      auto layer = r.addNeeded(part, "." + part + ".weight", {*rank, *rank});
      if (!layer)
        return layer.takeError();
    }
  r.depends(*name);
  r.depends(double(*depth));
  r.depends(*scale);
  r.form.map = [function = *function, depth = *depth,
                scale = *scale](FormBuilder &f, Value map) {
    auto activated = [&](Value x) -> Value {
      return nn::ActivationOp::create(f.b, f.loc, x.getType(), function, x);
    };
    auto layer = [&](const char *kind, int64_t i, Value h) {
      Value weight = f.numbers(kind + std::to_string(i));
      return activated(f.einsum("ir,sr->is", {h, weight}));
    };
    Value h = activated(f.einsum(
        "oi,ro->ir", {f.materialize(f.frozen), f.numbers("peanut_A")}));
    llvm::SmallVector<Value> given;
    for (int64_t i = 0; i < depth; ++i) {
      given.push_back(h);
      h = layer("peanut_encoders.", i, h);
    }
    for (int64_t i = 0; i < depth; ++i)
      h = f.add(layer("peanut_decoders.", i, h), given.pop_back_val());
    Value delta = f.lowRank(f.stored("peanut_B"), f.permute(h, {1, 0}));
    return f.sum({map, f.scale(delta, scale)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {
    ".peanut_A.weight", ".peanut_B.weight", ".peanut_encoders.*.weight",
    ".peanut_decoders.*.weight"};
static constexpr llvm::StringLiteral fields[] = {"r", "depth", "act_fn",
                                                 "scaling"};
static constexpr ModuleKind kinds[] = {ModuleKind::Linear};

const Tuner importer::peanutTuner = {"PEANUT", suffixes, {},
                                     fields,   kinds,    readNetwork};
