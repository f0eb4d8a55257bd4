//===- ConfigRouted.cpp - experts in config.json ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

llvm::Error importer::readExperts(const JsonDocument &config,
                                  FieldReader &fields, ModelConfig &model) {
  const ExpertHabits *habits = model.family->experts;
  if (!habits || !llvm::is_contained(model.routed, true))
    return llvm::Error::success();
  constexpr int64_t maxExperts = 1 << 16;
  Experts &e = model.experts;
  e.habits = habits;
  auto sizeOf = [&](llvm::StringRef key, int64_t missing, int64_t most) {
    return missing ? fields.sizeOr(key, missing, most) : fields.size(key, most);
  };
  llvm::StringRef countKey = habits->countKey;
  if (!config[countKey].exists() && !habits->otherCountKey.empty() &&
      config[habits->otherCountKey].exists())
    countKey = habits->otherCountKey;
  e.count = sizeOf(countKey, habits->defaultCount, maxExperts);
  if (habits->identities) {
    // The literal null says that there are none.
    JsonField number = config["zero_expert_num"];
    e.identities = fields.take<int64_t>(number.integerOr(
        number.exists() ? 0 : habits->defaultIdentities, 0, maxExperts));
    JsonField kind = config["zero_expert_type"];
    if (fields.take<llvm::StringRef>(kind.stringOr("identity")) != "identity")
      fields.keep(kind.error("the only known type is identity"));
  }
  e.chosen = sizeOf(habits->chosenKey, habits->defaultChosen, maxExperts);
  e.width = sizeOf(habits->widthKey, habits->defaultWidth, maxSize);
  if (fields.failed())
    return llvm::Error::success();
  if (e.chosen > e.all())
    return config[habits->chosenKey].error("is " + llvm::Twine(e.chosen) +
                                           ", but there are " +
                                           llvm::Twine(e.all()) + " experts");
  if (habits->carriedRouter) {
    e.skips = 1;
    e.routerWidth = fields.sizeOr("router_hidden_size", 256);
    if (e.chosen != 1)
      return config[habits->chosenKey].error("must be 1, but got " +
                                             llvm::Twine(e.chosen));
  }
  if (habits->attention)
    e.queries = model.kvHeads * model.headDim;
  if (habits->normalizedIfAsked)
    e.normalized = fields.flag("norm_topk_prob", habits->defaultNormalized);
  if (habits->scaled)
    e.factor = fields.take<double>(
        config["routed_scaling_factor"].numberOr(habits->defaultFactor), 1.0);
  if (!std::isfinite(e.factor))
    return config["routed_scaling_factor"].error("must be a finite number");

  JsonField method = config["topk_method"];
  bool grouped = habits->groups == ExpertHabits::Groups::Always;
  if (habits->groups == ExpertHabits::Groups::IfAsked && !method.isNull()) {
    auto name = method.string();
    if (!name)
      return name.takeError();
    grouped = *name == "group_limited_greedy";
    if (!grouped && *name != "greedy")
      return method.error("the known methods are greedy and "
                          "group_limited_greedy");
  }
  if (grouped) {
    e.groups = sizeOf("n_group", habits->defaultGroups, maxExperts);
    e.kept = sizeOf("topk_group", habits->defaultKept, maxExperts);
    if (fields.failed())
      return llvm::Error::success();
    if (e.count % e.groups)
      return config["n_group"].error("is " + llvm::Twine(e.groups) +
                                     ", must divide the " +
                                     llvm::Twine(e.count) + " experts");
    int64_t perGroup = e.count / e.groups;
    if (e.kept > e.groups || e.kept * perGroup < e.chosen)
      return config["topk_group"].error("is " + llvm::Twine(e.kept) + ", of " +
                                        llvm::Twine(e.groups) + " groups of " +
                                        llvm::Twine(perGroup) +
                                        " experts, of which a token "
                                        "has " +
                                        llvm::Twine(e.chosen));
    if (habits->groupScore == routed::GroupScore::SumOfTwo && perGroup < 2)
      return config["n_group"].error(
          "leaves one expert to a group, which is judged by two");
  }

  switch (habits->shared) {
  case ExpertHabits::Shared::None:
    break;
  case ExpertHabits::Shared::Gated:
    e.shared = sizeOf("shared_expert_intermediate_size", habits->defaultShared,
                      maxSize);
    break;
  case ExpertHabits::Shared::Plain: {
    int64_t shared = fields.take<int64_t>(
        config["n_shared_experts"].integerOr(habits->defaultShared, 0, 1024));
    e.shared = shared * e.width;
    break;
  }
  }
  if (JsonField quantization = config["quantization_config"];
      habits->columns && !quantization.isNull()) {
    auto method = quantization["quant_method"].string();
    if (!method)
      return method.takeError();
    if (*method != "mxfp4")
      return quantization["quant_method"].error(
          "the known method of this family is mxfp4");
    e.packed = true;
    for (int64_t columns : {model.hidden, e.width})
      if (columns % 32)
        return quantization.error("blocks of 32 do not divide rows of " +
                                  llvm::Twine(columns));
  }
  if (habits->clampedGate) {
    e.limit = fields.positive(config["swiglu_limit"], 7.0);
    e.alpha = fields.positive(config["swiglu_alpha"], 1.702);
  }
  return llvm::Error::success();
}
