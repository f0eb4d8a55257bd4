//===- ExpertHabits.cpp - experts by family ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpertHabits.h"

using namespace allot;
using namespace allot::importer;
using routed::GroupScore;
using routed::Score;
using routed::Weighting;
using Groups = ExpertHabits::Groups;
using Shared = ExpertHabits::Shared;

const ExpertHabits importer::mixtralExperts = {.block = "block_sparse_moe",
                                               .gate = "w1",
                                               .up = "w3",
                                               .down = "w2",
                                               .countKey = "num_local_experts",
                                               .widthKey = "intermediate_size",
                                               .defaultCount = 8,
                                               .defaultChosen = 2,
                                               .defaultWidth = 14336};

const ExpertHabits importer::qwen2Experts = {.otherCountKey =
                                                 "num_local_experts",
                                             .defaultCount = 60,
                                             .defaultChosen = 4,
                                             .defaultWidth = 1408,
                                             .normalizedIfAsked = true,
                                             .shared = Shared::Gated,
                                             .defaultShared = 5632};

const ExpertHabits importer::qwen3Experts = {.otherCountKey =
                                                 "num_local_experts",
                                             .defaultCount = 128,
                                             .defaultChosen = 8,
                                             .defaultWidth = 768,
                                             .normalizedIfAsked = true,
                                             .normalizedInGGUF = true};

const ExpertHabits importer::olmoeExperts = {.otherCountKey =
                                                 "num_local_experts",
                                             .widthKey = "intermediate_size",
                                             .defaultCount = 64,
                                             .defaultChosen = 8,
                                             .defaultWidth = 2048,
                                             .normalizedIfAsked = true};

// The library never normalises here, whatever `norm_topk_prob` says.
const ExpertHabits importer::deepseek2Experts = {.countKey = "n_routed_experts",
                                                 .otherCountKey =
                                                     "num_local_experts",
                                                 .defaultCount = 64,
                                                 .defaultWidth = 1407,
                                                 .weighting = Weighting::Scores,
                                                 .scaled = true,
                                                 .groups = Groups::IfAsked,
                                                 .shared = Shared::Plain,
                                                 .defaultShared = 2};

const ExpertHabits importer::deepseek3Experts = {
    .correction = "gate.e_score_correction_bias",
    .countKey = "n_routed_experts",
    .otherCountKey = "num_local_experts",
    .defaultCount = 256,
    .defaultChosen = 8,
    .defaultWidth = 2048,
    .score = Score::Sigmoid,
    .normalizedIfAsked = true,
    .defaultNormalized = true,
    .scaled = true,
    .defaultFactor = 2.5,
    .groups = Groups::Always,
    .groupScore = GroupScore::SumOfTwo,
    .defaultGroups = 8,
    .defaultKept = 4,
    .shared = Shared::Plain,
    .defaultShared = 1};

const ExpertHabits importer::gptOssExperts = {.router = "router",
                                              .routerBias = true,
                                              .gate = "gate_up_proj",
                                              .up = "",
                                              .columns = true,
                                              .countKey = "num_local_experts",
                                              .widthKey = "intermediate_size",
                                              .defaultCount = 128,
                                              .defaultChosen = 4,
                                              .defaultWidth = 2880,
                                              .score = Score::Logits,
                                              .weighting = Weighting::Softmax,
                                              .clampedGate = true};

const ExpertHabits importer::graniteExperts = {.block = "block_sparse_moe",
                                               .router = "router.layer",
                                               .allGateUp = "input_linear",
                                               .allDown = "output_linear",
                                               .countKey = "num_local_experts",
                                               .widthKey = "intermediate_size",
                                               .defaultCount = 8,
                                               .defaultChosen = 2,
                                               .score = Score::Logits,
                                               .weighting = Weighting::Softmax};

const ExpertHabits importer::jetmoeExperts = {.router = "router.layer",
                                              .allGateUp = "input_linear",
                                              .allDown = "output_linear",
                                              .countKey = "num_local_experts",
                                              .widthKey = "intermediate_size",
                                              .defaultCount = 8,
                                              .defaultChosen = 2,
                                              .defaultWidth = 5632,
                                              .score = Score::Logits,
                                              .weighting = Weighting::Softmax,
                                              .attention = true,
                                              .outputBias = true};

// The router has no bias in the library, even where `router_bias` says that the
// file holds one.
const ExpertHabits importer::longcatExperts = {
    .router = "router.classifier",
    .correction = "router.e_score_correction_bias",
    .countKey = "n_routed_experts",
    .otherCountKey = "num_local_experts",
    .chosenKey = "moe_topk",
    .widthKey = "expert_ffn_hidden_size",
    .defaultCount = 512,
    .defaultChosen = 12,
    .defaultWidth = 2048,
    .weighting = Weighting::Scores,
    .scaled = true,
    .defaultFactor = 6,
    .identities = true,
    .defaultIdentities = 256};

const ExpertHabits importer::zayaExperts = {.correction =
                                                "gate.balancing_biases",
                                            .defaultCount = 16,
                                            .defaultChosen = 1,
                                            .defaultWidth = 2048,
                                            .weighting = Weighting::Scores,
                                            .carriedRouter = true};
