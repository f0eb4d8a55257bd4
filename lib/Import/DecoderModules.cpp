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
  auto addLatent = [&](const std::string &prefix) {
    auto path = [&](llvm::StringRef name) { return prefix + "." + name.str(); };
    const LatentAttention &latent = c.latent;
    bool bias = c.outputBias;
    if (latent.queryRank) {
      add(path("q_a_proj"), linear, latent.queryRank, c.hidden, bias);
      add(path("q_a_layernorm"), norm, latent.queryRank, 1);
      add(path("q_b_proj"), linear, q, latent.queryRank);
    } else {
      add(path("q_proj"), linear, q, c.hidden);
    }
    add(path("kv_a_proj_with_mqa"), linear, latent.rank + latent.rotated,
        c.hidden, bias);
    add(path("kv_a_layernorm"), norm, latent.rank, 1);
    add(path("kv_b_proj"), linear, c.heads * (latent.plain + c.valueDim),
        latent.rank);
    add(path("o_proj"), linear, c.hidden, c.heads * c.valueDim, bias);
  };
  auto addMlp = [&](const std::string &prefix) {
    add(prefix + ".gate_proj", linear, c.intermediate, c.hidden, c.mlpBias);
    add(prefix + ".up_proj", linear, c.intermediate, c.hidden, c.mlpBias);
    add(prefix + ".down_proj", linear, c.hidden, c.intermediate, c.mlpBias);
  };
  auto addConvolved = [&](int64_t l) {
    auto path = [&](llvm::StringRef name) {
      return inLayer(l, ("self_attn.qkv_proj." + name).str());
    };
    bool bias = c.queryKeyValueBias;
    add(path("q_proj"), linear, q, c.hidden, bias);
    add(path("k_proj"), linear, kv, c.hidden, bias);
    add(path("v_proj_current"), linear, kv / 2, c.hidden, bias);
    add(path("v_proj_delayed"), linear, kv / 2, c.hidden, bias);
    add(path("conv_qk_depthwise"), ModuleKind::Convolution, q + kv, 1, true);
    modules.back().taps = c.convolved.first;
    add(path("conv_qk_grouped"), ModuleKind::Convolution, q + kv, c.headDim,
        true);
    modules.back().taps = c.convolved.second;
    add(inLayer(l, "self_attn.qk_norm.temp"), ModuleKind::Vector, c.kvHeads, 1);
  };
  auto addAffine = [&](const std::string &prefix) {
    for (llvm::StringRef part : {"hidden_states", "residual"})
      for (llvm::StringRef what : {"_bias", "_scale"})
        add(prefix + "." + part.str() + what.str(), ModuleKind::Vector,
            c.hidden, 1);
  };
  auto addShortcutLayer = [&](int64_t l) {
    for (int64_t part : {0, 1}) {
      std::string number = "." + std::to_string(part);
      add(inLayer(l, "input_layernorm" + number), norm, c.hidden, 1);
      addLatent(attentionPath(c, l, part));
      add(inLayer(l, "post_attention_layernorm" + number), norm, c.hidden, 1);
      if (part == 0)
        addExpertModules(c, l, add);
      addMlp(inLayer(l, "mlps" + number));
    }
  };
  add(modelPath.str(), ModuleKind::Model, c.vocab, c.hidden);
  add(embeddingPath.str(), ModuleKind::Embedding, c.vocab, c.hidden);
  if (f.affineResiduals)
    for (llvm::StringRef what : {"bias", "scale"})
      add((modelPath + ".input_hidden_states_" + what).str(),
          ModuleKind::Vector, c.hidden, 1);
  for (int64_t l = 0; l < c.layers; ++l) {
    if (f.shortcut) {
      addShortcutLayer(l);
      continue;
    }
    if (f.norms != Family::Norms::After)
      add(inLayer(l, "input_layernorm"), norm, c.hidden, 1);
    if (f.latentAttention) {
      addLatent(attentionPath(c, l));
    } else if (f.convolved) {
      addConvolved(l);
    } else if (c.experts.queries) {
      addAttentionExperts(c, l, add);
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
    if (!f.latentAttention && !c.experts.queries)
      add(inLayer(l, "self_attn.o_proj"), linear, c.hidden,
          c.heads * c.valueDim, c.outputBias);
    if (f.sinks)
      add(inLayer(l, "self_attn.sinks"), ModuleKind::Vector, c.heads, 1);
    if (!c.experts.queries && !f.convolved) {
      add(inLayer(l, "self_attn"), ModuleKind::Attention, c.hidden, c.hidden);
      modules.back().heads = c.kvHeads;
    }
    if (f.affineResiduals) {
      addAffine(inLayer(l, "post_attention_residual_scale"));
      addAffine(inLayer(l, "post_mlp_residual_scale"));
    }
    add(inLayer(l, "post_attention_layernorm"), norm, c.hidden, 1);
    if (f.norms == Family::Norms::Around)
      add(inLayer(l, "pre_feedforward_layernorm"), norm, c.hidden, 1);
    if (c.isRouted(l)) {
      addExpertModules(c, l, add);
    } else if (f.fusedProjections) {
      add(inLayer(l, "mlp.gate_up_proj"), linear, 2 * c.intermediate, c.hidden,
          c.mlpBias);
      add(inLayer(l, "mlp.down_proj"), linear, c.hidden, c.intermediate,
          c.mlpBias);
    } else {
      addMlp(inLayer(l, "mlp"));
    }
    if (f.norms != Family::Norms::Before)
      add(inLayer(l, "post_feedforward_layernorm"), norm, c.hidden, 1);
  }
  add(normPath.str(), norm, c.hidden, 1);
  add(headPath.str(), linear, c.vocab, c.hidden, c.headBias);
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
  const Experts &e = config.experts;
  // Layers that predict further tokens, beside the others.
  if (config.family->shortcut && name.starts_with("model.mtp."))
    return true;
  if (!name.consume_front("model.layers."))
    return false;
  uint64_t layer;
  auto [number, rest] = name.split('.');
  if (number.getAsInteger(10, layer))
    return false;
  // What is stored of experts that give their input.
  int64_t expert;
  if (e.habits && e.habits->identities) {
    if (rest == "mlp.router.classifier.bias")
      return true;
    if (rest.consume_front("mlp.experts.") &&
        !rest.split('.').first.getAsInteger(10, expert))
      return expert >= e.count && expert < e.count + e.identities;
  }
  if (!config.layerSources.empty())
    return !llvm::is_contained(config.layerSources, int64_t(layer));
  return layer >= uint64_t(config.layers);
}
