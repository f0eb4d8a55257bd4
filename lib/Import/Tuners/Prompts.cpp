//===- Prompts.cpp - prompts that attention sees ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"

using namespace allot;
using namespace allot::importer;

/// The last `adapter_layers` modules of which the path ends in the name.
static bool isPrompted(const AdapterConfig &config, const ModuleInfo &module,
                       llvm::ArrayRef<ModuleInfo> modules) {
  archive::JsonField name = config["target_modules"];
  archive::JsonField layers = config["adapter_layers"];
  if (!name.isString() || !layers.isNumber())
    return false;
  auto isNamed = [&](const ModuleInfo &one) {
    llvm::StringRef path = one.path;
    return one.kind == ModuleKind::Attention &&
           path.consume_back(*name.raw()->getAsString()) &&
           (path.empty() || path.ends_with("."));
  };
  if (!isNamed(module))
    return false;
  int64_t after = 0;
  for (const ModuleInfo &other : llvm::reverse(modules)) {
    if (other.path == module.path)
      break;
    after += isNamed(other);
  }
  return double(after) < *layers.raw()->getAsNumber();
}

// LLaMA-Adapter, Zhang et al. 2023: queries see the keys and values of a
// prompt, too, by a softmax of their own, times a gate.
static llvm::Error readPrompt(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto layers = r.config["adapter_layers"].integer(1, 1 << 20);
  if (!layers)
    return layers.takeError();
  int64_t found = llvm::count_if(r.modules, [](const ModuleInfo &module) {
    return module.kind == ModuleKind::Attention;
  });
  if (*layers > found)
    return r.fieldError("adapter_layers", "is " + llvm::Twine(*layers) +
                                              ", the model has " +
                                              llvm::Twine(found) + " layers");
  auto length = r.config["adapter_len"].integer(1, 1 << 20);
  if (!length)
    return length.takeError();
  auto prompt =
      r.addNeeded("prompt", ".adaption_prompt", {1, *length, r.module.in});
  if (!prompt)
    return prompt.takeError();
  auto gate = r.addNeeded("gate", ".adaption_gate", {1});
  if (!gate)
    return gate.takeError();
  r.form.attends = true;
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral suffixes[] = {".adaption_prompt",
                                                   ".adaption_gate"};
static constexpr llvm::StringLiteral fields[] = {"adapter_layers",
                                                 "adapter_len"};
static constexpr ModuleKind kinds[] = {ModuleKind::Attention};

const Tuner importer::adaptionPromptTuner = {
    "ADAPTION_PROMPT",   suffixes,  {}, fields, kinds, readPrompt,
    /*keepsTied=*/false, isPrompted};
