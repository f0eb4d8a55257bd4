//===- Prompts.cpp - prompts that attention sees ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Support/Error.h"

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

/// The rows that come before the tokens, `[tokens, width]`.
static llvm::Error readPrepended(ModuleReader &r, int64_t width) {
  if (llvm::Error e = r.unweighted())
    return e;
  auto submodules = r.config["num_transformer_submodules"].integerOr(1);
  if (!submodules)
    return submodules.takeError();
  if (*submodules != 1)
    return r.fieldError("num_transformer_submodules",
                        "is " + llvm::Twine(*submodules) +
                            ", decoders are one transformer");
  auto tokens = r.config["num_virtual_tokens"].integer(1, 1 << 20);
  if (!tokens)
    return tokens.takeError();
  static constexpr llvm::StringLiteral name = "prompt_embeddings";
  if (!r.shared.count(name))
    return support::tensorError(r.file.path(), name, "is missing");
  auto rows = r.addShared(name, {*tokens, width});
  if (!rows)
    return rows.takeError();
  r.form.prepends = name;
  r.depends(r.config["peft_type"].raw()->getAsString()->str());
  return llvm::Error::success();
}

/// An error where a field says something else than the model.
static llvm::Error checkField(ModuleReader &r, llvm::StringRef field,
                              int64_t ofModel) {
  auto value = r.config[field].integerOr(ofModel);
  if (!value)
    return value.takeError();
  if (*value != ofModel)
    return r.fieldError(field, "is " + llvm::Twine(*value) +
                                   ", of the model it is " +
                                   llvm::Twine(ofModel));
  return llvm::Error::success();
}

// Prompt tuning, Lester et al. 2021; P-tuning, Liu et al. 2021, whose network
// has been applied when the prompt is saved: rows before the embedded tokens.
static llvm::Error readEmbedded(ModuleReader &r) {
  if (llvm::Error e = checkField(r, "token_dim", r.module.in))
    return e;
  return readPrepended(r, r.module.in);
}

// Prefix tuning, Li and Liang 2021: keys and values before those of the tokens,
// for each layer keys, then values. They are used as they are: a projection has
// been applied when they are saved, and there is no rotation.
static llvm::Error readPrefix(ModuleReader &r) {
  int64_t layers = llvm::count_if(r.modules, [](const ModuleInfo &module) {
    return module.kind == ModuleKind::Attention;
  });
  int64_t width = 0;
  for (const ModuleInfo &module : r.modules)
    if (module.path == r.module.path + ".k_proj")
      width = module.out;
  if (llvm::Error e = checkField(r, "num_layers", layers))
    return e;
  if (llvm::Error e = checkField(r, "num_attention_heads", r.module.heads))
    return e;
  if (llvm::Error e = checkField(r, "token_dim", width))
    return e;
  return readPrepended(r, layers * 2 * width);
}

static constexpr llvm::StringLiteral embeddings[] = {"prompt_embeddings"};
// How the prompt was trained is no part of it.
static constexpr llvm::StringLiteral prependedFields[] = {
    "num_virtual_tokens",  "num_transformer_submodules",
    "token_dim",           "num_layers",
    "num_attention_heads", "prompt_tuning_init",
    "tokenizer_kwargs",    "prompt_tuning_init_text",
    "encoder_dropout",     "tokenizer_name_or_path",
    "encoder_num_layers",  "encoder_hidden_size",
    "prefix_projection",   "encoder_reparameterization_type"};
static constexpr ModuleKind models[] = {ModuleKind::Model};

const Tuner importer::promptTuner = {"PROMPT_TUNING",
                                     {},
                                     embeddings,
                                     prependedFields,
                                     models,
                                     readEmbedded,
                                     /*keepsTied=*/false,
                                     /*targets=*/nullptr,
                                     /*everywhere=*/true};

const Tuner importer::pTuner = {"P_TUNING",
                                {},
                                embeddings,
                                prependedFields,
                                models,
                                readEmbedded,
                                /*keepsTied=*/false,
                                /*targets=*/nullptr,
                                /*everywhere=*/true};

const Tuner importer::prefixTuner = {"PREFIX_TUNING",
                                     {},
                                     embeddings,
                                     prependedFields,
                                     kinds,
                                     readPrefix,
                                     /*keepsTied=*/false,
                                     /*targets=*/nullptr,
                                     /*everywhere=*/true};
