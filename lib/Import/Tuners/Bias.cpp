//===- Bias.cpp - adapters of biases and norms ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

// BEFT: something is added to the bias.
static llvm::Error readBias(ModuleReader &r) {
  auto entry = r.addNeeded("beft_bias", ".beft_bias", {1, r.module.out});
  if (!entry)
    return entry.takeError();
  r.depends(r.source.weight);
  r.form.bias = [weight = r.source.weight](FormBuilder &f, Value bias) {
    Value own =
        f.multiply(f.reshape(f.numbers("beft_bias"), {f.module.out}), weight);
    return bias ? f.add(bias, own) : own;
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral biasSuffixes[] = {".beft_bias"};

const Tuner importer::beftTuner = {"BEFT", biasSuffixes, {},
                                   {},     matrices,     readBias};

// Tuning of norms, Zhao et al. 2023: whole weights and biases.
static llvm::Error readNorm(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto weight = r.need(".ln_tuning_layers.weight");
  if (!weight)
    return weight.takeError();
  r.weight = *weight;
  r.bias = r.module.hasBias ? r.find(".ln_tuning_layers.bias") : nullptr;
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral normSuffixes[] = {
    ".ln_tuning_layers.weight", ".ln_tuning_layers.bias"};

const Tuner importer::normTuner = {"LN_TUNING", normSuffixes, {},
                                   {},          norms,        readNorm};
