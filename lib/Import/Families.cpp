//===- Families.cpp - the table of model families ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "ExpertHabits.h"
#include "allot/Import/ModelConfig.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace allot;
using namespace allot::importer;

using Bias = Family::AttentionBias;
using HeadNorms = Family::HeadNorms;
using Norms = Family::Norms;
using Rotary = Family::Rotary;
using Routed = Family::Routed;
using Window = Family::Window;

// Mistral has no architecture of its own in GGUF: it goes by `llama`, with a
// sliding window in the metadata where it has one.
static const Family table[] = {
    {.modelType = "llama",
     .ggufArchitecture = "llama",
     .attentionBias = Bias::FromConfig,
     .mlpBiasFromConfig = true,
     .ggufPermuted = true},
    {.modelType = "mistral",
     .ggufArchitecture = "",
     .window = Window::AllLayers,
     .ggufPermuted = true,
     .defaultKvHeads = 8,
     .defaultWindow = 4096},
    {.modelType = "qwen2",
     .ggufArchitecture = "qwen2",
     .attentionBias = Bias::QueryKeyValue,
     .window = Window::FromLayer,
     .defaultKvHeads = 32,
     .defaultWindow = 4096},
    {.modelType = "qwen3",
     .ggufArchitecture = "qwen3",
     .attentionBias = Bias::FromConfig,
     .headNorms = HeadNorms::PerHead,
     .window = Window::FromLayer,
     .defaultKvHeads = 32,
     .defaultHeadDim = 128,
     .defaultWindow = 4096},
    {.modelType = "smollm3",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .mlpBiasFromConfig = true,
     .window = Window::Unrotated,
     .someUnrotated = true,
     .defaultKvHeads = 4,
     .defaultTheta = 2000000,
     .defaultTied = true},
    {.modelType = "phi3",
     .ggufArchitecture = "",
     .fusedProjections = true,
     .partialRotary = true,
     .window = Window::AllLayers,
     .defaultEpsilon = 1e-5},
    {.modelType = "olmo2",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .headNorms = HeadNorms::Whole,
     .norms = Norms::After,
     .defaultEpsilon = 1e-5},
    {.modelType = "gemma2",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .norms = Norms::Around,
     .normsLessOne = true,
     .scaledEmbedding = true,
     .window = Window::Pattern,
     .scaledLogits = true,
     .defaultKvHeads = 4,
     .defaultHeadDim = 256,
     .defaultWindow = 4096,
     .defaultPattern = 2,
     .defaultAttentionCap = 50,
     .defaultLogitCap = 30,
     .defaultTied = true,
     .activationKey = "hidden_activation",
     .defaultActivation = "gelu_pytorch_tanh"},
    {.modelType = "gemma3_text",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .headNorms = HeadNorms::PerHead,
     .norms = Norms::Around,
     .normsLessOne = true,
     .scaledEmbedding = true,
     .window = Window::Pattern,
     .ownWindowAngles = true,
     .scaledLogits = true,
     .defaultKvHeads = 4,
     .defaultHeadDim = 256,
     .defaultWindow = 4096,
     .defaultPattern = 6,
     .defaultTheta = 1000000,
     .defaultTied = true,
     .activationKey = "hidden_activation",
     .defaultActivation = "gelu_pytorch_tanh"},
    {.modelType = "granite",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .mlpBiasFromConfig = true,
     .multipliers = true},
    {.modelType = "granitemoe",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .multipliers = true,
     .routed = Routed::AllLayers,
     .experts = &graniteExperts},
    {.modelType = "mixtral",
     .ggufArchitecture = "",
     .routed = Routed::AllLayers,
     .experts = &mixtralExperts,
     .window = Window::AllLayers,
     .ggufPermuted = true,
     .defaultKvHeads = 8,
     .defaultEpsilon = 1e-5,
     .defaultTheta = 1000000},
    {.modelType = "qwen2_moe",
     .ggufArchitecture = "qwen2moe",
     .attentionBias = Bias::QueryKeyValueFromConfig,
     .routed = Routed::Step,
     .experts = &qwen2Experts,
     .window = Window::EvenBelowLayer,
     .defaultKvHeads = 16,
     .defaultWindow = 4096},
    {.modelType = "qwen3_moe",
     .ggufArchitecture = "qwen3moe",
     .attentionBias = Bias::FromConfig,
     .headNorms = HeadNorms::PerHead,
     .routed = Routed::Step,
     .experts = &qwen3Experts,
     .window = Window::AllIfAsked,
     .defaultKvHeads = 4,
     .defaultWindow = 4096},
    {.modelType = "olmoe",
     .ggufArchitecture = "olmoe",
     .attentionBias = Bias::FromConfig,
     .headNorms = HeadNorms::Whole,
     .clipped = true,
     .routed = Routed::AllLayers,
     .experts = &olmoeExperts,
     .defaultEpsilon = 1e-5},
    {.modelType = "gpt_oss",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .defaultAttentionBias = true,
     .sinks = true,
     .routed = Routed::AllLayers,
     .experts = &gptOssExperts,
     .window = Window::Pattern,
     .defaultKvHeads = 8,
     .defaultHeadDim = 64,
     .defaultWindow = 128,
     .defaultPattern = 2,
     .defaultEpsilon = 1e-5,
     .defaultTheta = 150000},
    {.modelType = "deepseek_v2",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .mlpBiasFromConfig = true,
     .latentAttention = true,
     .rotary = Rotary::Neighbours,
     .routed = Routed::FromLayer,
     .experts = &deepseek2Experts,
     .defaultQueryRank = 1536,
     .defaultLatentRank = 512},
    {.modelType = "deepseek_v3",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .latentAttention = true,
     .rotary = Rotary::FromConfig,
     .routed = Routed::FromLayer,
     .experts = &deepseek3Experts,
     .defaultKvHeads = 128,
     .defaultQueryRank = 1536,
     .defaultLatentRank = 512,
     .defaultFirstRouted = 3},
    {.modelType = "longcat_flash",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .latentAttention = true,
     .scaledLatents = true,
     .shortcut = true,
     .rotary = Rotary::Neighbours,
     .routed = Routed::AllLayers,
     .experts = &longcatExperts,
     .defaultQueryRank = 1536,
     .defaultLatentRank = 512,
     .defaultEpsilon = 1e-5,
     .defaultTheta = 10000000,
     .layersKey = "num_layers",
     .intermediateKey = "ffn_hidden_size"},
    {.modelType = "jetmoe",
     .ggufArchitecture = "",
     .routed = Routed::AllLayers,
     .experts = &jetmoeExperts,
     .defaultKvHeads = 16,
     .defaultHeadDim = 128,
     .blockEpsilon = 1e-6,
     .defaultTied = true,
     .headDimKey = "kv_channels",
     .activationKey = "activation_function"},
    {.modelType = "zaya",
     .ggufArchitecture = "",
     .attentionBias = Bias::FromConfig,
     .convolved = true,
     .affineResiduals = true,
     .headBiasFromConfig = true,
     .routed = Routed::AllLayers,
     .experts = &zayaExperts,
     .partialRotary = true,
     .defaultPartial = 0.5,
     .window = Window::ByType,
     .ownWindowAngles = true,
     .fullType = "hybrid",
     .windowType = "hybrid_sliding",
     .defaultKvHeads = 2,
     .defaultHeadDim = 128,
     .defaultEpsilon = 1e-5,
     .defaultTheta = 5000000,
     .defaultTied = true,
     .intermediateKey = "moe_intermediate_size"},
};

llvm::ArrayRef<Family> importer::families() { return table; }

const Family *importer::findFamily(llvm::StringRef modelType) {
  const Family *found = llvm::find_if(
      table, [&](const Family &f) { return f.modelType == modelType; });
  return found == std::end(table) ? nullptr : found;
}

const Family *importer::findGGUFFamily(llvm::StringRef architecture) {
  const Family *found = llvm::find_if(table, [&](const Family &f) {
    return !f.ggufArchitecture.empty() && f.ggufArchitecture == architecture;
  });
  return found == std::end(table) ? nullptr : found;
}

std::string importer::knownModelTypes() {
  std::string list;
  for (const Family &family : table)
    list += (list.empty() ? "" : ", ") + family.modelType.str();
  for (const Architecture &other : architectures())
    list += ", " + other.modelType.str();
  return list;
}

std::string importer::knownGGUFArchitectures() {
  std::string list;
  for (const Family &family : table)
    if (!family.ggufArchitecture.empty())
      list += (list.empty() ? "" : ", ") + family.ggufArchitecture.str();
  return list;
}

std::vector<float> importer::rotaryFrequencies(double theta, int64_t dim) {
  // In single precision where the reference library is: a difference of one
  // unit in the last place grows with the position.
  std::vector<float> frequencies(dim / 2);
  for (int64_t i = 0; i < dim / 2; ++i) {
    float exponent = float(2 * i) / float(dim);
    frequencies[i] = 1.0f / float(std::pow(theta, double(exponent)));
  }
  return frequencies;
}

void importer::scaleLlama3(std::vector<float> &frequencies,
                           const Llama3Scaling &s) {
  const double pi = 3.14159265358979323846;
  double longest = s.originalContext / s.lowFactor;
  double shortest = s.originalContext / s.highFactor;
  for (float &frequency : frequencies) {
    double wavelength = 2 * pi / frequency;
    if (wavelength < shortest)
      continue;
    if (wavelength > longest) {
      frequency = float(frequency / s.factor);
      continue;
    }
    double smooth = (s.originalContext / wavelength - s.lowFactor) /
                    (s.highFactor - s.lowFactor);
    frequency = float((1 - smooth) * frequency / s.factor + smooth * frequency);
  }
}

void importer::scaleYarn(std::vector<float> &frequencies, double theta,
                         const YarnScaling &s) {
  const double pi = 3.14159265358979323846;
  double dim = 2.0 * double(frequencies.size());
  // The dimension that turns so many times within the original context.
  auto dimensionOf = [&](double turns) {
    return dim * std::log(s.originalContext / (turns * 2 * pi)) /
           (2 * std::log(theta));
  };
  double low = dimensionOf(s.betaFast), high = dimensionOf(s.betaSlow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high)
    high += 0.001;
  for (auto [i, frequency] : llvm::enumerate(frequencies)) {
    double divided = std::clamp((double(i) - low) / (high - low), 0.0, 1.0);
    frequency =
        float(frequency / s.factor * divided + frequency * (1 - divided));
  }
}

double importer::yarnAttentionFactor(double factor, double m) {
  return factor <= 1 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
}
