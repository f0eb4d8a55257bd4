//===- DecoderModules.cpp - modules of Llama-like models --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"

using namespace allot;
using namespace allot::importer;

std::vector<ModuleInfo> importer::modulesOf(const ModelConfig &c) {
  std::vector<ModuleInfo> modules;
  auto add = [&](std::string path, ModuleKind kind, int64_t out, int64_t in,
                 bool bias = false) {
    modules.push_back({std::move(path), kind, out, in, bias, false});
    ModuleInfo &module = modules.back();
    llvm::StringRef rest = module.path;
    if (!c.layerSources.empty() && rest.consume_front("model.layers.")) {
      auto [layer, name] = rest.split('.');
      module.storedAs = inLayer(c.layerSources[std::stoll(layer.str())], name);
    }
  };
  const auto linear = ModuleKind::Linear, norm = ModuleKind::Norm;
  const Family &f = *c.family;
  int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim;
  add(modelPath.str(), ModuleKind::Model, c.vocab, c.hidden);
  add(embeddingPath.str(), ModuleKind::Embedding, c.vocab, c.hidden);
  for (int64_t l = 0; l < c.layers; ++l) {
    if (f.norms != Family::Norms::After)
      add(inLayer(l, "input_layernorm"), norm, c.hidden, 1);
    if (f.latentAttention) {
      const LatentAttention &latent = c.latent;
      bool bias = c.outputBias;
      if (latent.queryRank) {
        add(inLayer(l, "self_attn.q_a_proj"), linear, latent.queryRank,
            c.hidden, bias);
        add(inLayer(l, "self_attn.q_a_layernorm"), norm, latent.queryRank, 1);
        add(inLayer(l, "self_attn.q_b_proj"), linear, q, latent.queryRank);
      } else {
        add(inLayer(l, "self_attn.q_proj"), linear, q, c.hidden);
      }
      add(inLayer(l, "self_attn.kv_a_proj_with_mqa"), linear,
          latent.rank + latent.rotated, c.hidden, bias);
      add(inLayer(l, "self_attn.kv_a_layernorm"), norm, latent.rank, 1);
      add(inLayer(l, "self_attn.kv_b_proj"), linear,
          c.heads * (latent.plain + c.valueDim), latent.rank);
    } else if (f.fusedProjections) {
      add(inLayer(l, "self_attn.qkv_proj"), linear, q + 2 * kv, c.hidden,
          c.queryKeyValueBias);
    } else {
      add(inLayer(l, "self_attn.q_proj"), linear, q, c.hidden,
          c.queryKeyValueBias);
      add(inLayer(l, "self_attn.k_proj"), linear, kv, c.hidden,
          c.queryKeyValueBias);
      add(inLayer(l, "self_attn.v_proj"), linear, kv, c.hidden,
          c.queryKeyValueBias);
    }
    if (f.headNorms != Family::HeadNorms::None) {
      bool whole = f.headNorms == Family::HeadNorms::Whole;
      add(inLayer(l, "self_attn.q_norm"), norm, whole ? q : c.headDim, 1);
      add(inLayer(l, "self_attn.k_norm"), norm, whole ? kv : c.headDim, 1);
    }
    add(inLayer(l, "self_attn.o_proj"), linear, c.hidden, c.heads * c.valueDim,
        c.outputBias);
    if (f.sinks)
      add(inLayer(l, "self_attn.sinks"), ModuleKind::Vector, c.heads, 1);
    add(inLayer(l, "self_attn"), ModuleKind::Attention, c.hidden, c.hidden);
    modules.back().heads = c.kvHeads;
    add(inLayer(l, "post_attention_layernorm"), norm, c.hidden, 1);
    if (f.norms == Family::Norms::Around)
      add(inLayer(l, "pre_feedforward_layernorm"), norm, c.hidden, 1);
    if (c.isRouted(l)) {
      addExpertModules(c, l, add);
    } else if (f.fusedProjections) {
      add(inLayer(l, "mlp.gate_up_proj"), linear, 2 * c.intermediate, c.hidden,
          c.mlpBias);
    } else {
      add(inLayer(l, "mlp.gate_proj"), linear, c.intermediate, c.hidden,
          c.mlpBias);
      add(inLayer(l, "mlp.up_proj"), linear, c.intermediate, c.hidden,
          c.mlpBias);
    }
    if (!c.isRouted(l))
      add(inLayer(l, "mlp.down_proj"), linear, c.hidden, c.intermediate,
          c.mlpBias);
    if (f.norms != Family::Norms::Before)
      add(inLayer(l, "post_feedforward_layernorm"), norm, c.hidden, 1);
  }
  add(normPath.str(), norm, c.hidden, 1);
  add(headPath.str(), linear, c.vocab, c.hidden);
  modules.back().isHead = true;
  if (c.tied)
    modules.back().tiedTo = embeddingPath.str();
  return modules;
}

bool importer::isIgnored(const ModelConfig &config, llvm::StringRef name) {
  if (name.ends_with(".rotary_emb.inv_freq"))
    return true;
  if (name == "lm_head.weight")
    return config.tied;
  if (!name.consume_front("model.layers."))
    return false;
  uint64_t layer;
  if (name.split('.').first.getAsInteger(10, layer))
    return false;
  if (!config.layerSources.empty())
    return !llvm::is_contained(config.layerSources, int64_t(layer));
  return layer >= uint64_t(config.layers);
}
