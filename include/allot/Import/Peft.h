//===- Peft.h - adapters as PEFT saves them ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads folders with `adapter_config.json` and `adapter_model.safetensors`.
// Options that would change the map and are not supported are refused by name;
// so is every tensor that no option explains.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_PEFT_H
#define ALLOT_IMPORT_PEFT_H

#include "allot/Archive/Json.h"
#include "allot/Import/Import.h"
#include "allot/Import/WeightSource.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace allot::importer {

enum class ModuleKind {
  /// Weight `[out, in]`.
  Linear,
  /// Weight stored transposed, `[in, out]`.
  Conv1D,
  /// Table `[rows, dim]`, read by row.
  Embedding,
  /// Weight `[dim]` and maybe a bias.
  Norm,
  /// Something that no adapter can be put on.
  Other
};

/// A module of the base model, to which adapters refer by its path.
struct ModuleInfo {
  std::string path;
  ModuleKind kind = ModuleKind::Linear;
  /// Of an embedding: `out` rows of size `in`; of a norm `out` numbers.
  int64_t out = 0, in = 0;
  bool hasBias = false;
  /// The output head, which `all-linear` leaves out.
  bool isHead = false;
  /// Path of the module whose weight this one shares; empty: its own.
  std::string tiedTo = "";
};

/// One adapter's part in one module: `scale * B A`, B `[OUT, r]`, A `[r, IN]`;
/// of an embedding the transposed, `scale * (B A)^T`, B `[dim, r]`,
/// A `[r, rows]`.
struct LowRankTerm {
  std::string adapter;
  StoredTensor b, a;
  double scale = 1;
  /// Added to the bias, times `scale`.
  std::optional<StoredTensor> bias;
};

/// What adapters do to one module.
struct ModuleAdaptation {
  std::vector<LowRankTerm> terms;
  /// Replacements of the stored parameters, and by which adapter.
  std::optional<StoredTensor> weight, bias;
  std::string weightAdapter, biasAdapter;
};

/// By module path.
using Adaptations = std::map<std::string, ModuleAdaptation>;

/// Reads adapters (with distinct names) for a model of these modules.
/// Source of the method: LoRA, Hu et al. 2021; rank-stabilised scale
/// alpha / sqrt(r): Kalajdzievski 2023.
llvm::Expected<Adaptations> readAdapters(llvm::ArrayRef<AdapterSource> adapters,
                                         llvm::ArrayRef<ModuleInfo> modules);

/// A regular expression of a configuration: Python's syntax as far as
/// ECMAScript has it. Patterns whose evaluation could exhaust the machine
/// (length, nesting, repetition) are refused.
class Pattern {
public:
  /// Errors name the field.
  static llvm::Expected<Pattern> compile(const archive::JsonField &field,
                                         llvm::StringRef text);
  /// Whether the whole of `text` matches; the first group goes to `group`.
  bool matches(llvm::StringRef text, std::string *group = nullptr) const;

  ~Pattern();
  Pattern(Pattern &&);
  Pattern &operator=(Pattern &&);

private:
  Pattern();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// The configuration of a LoRA adapter, resolved for modules by their paths.
class LoraConfig {
public:
  static llvm::Expected<LoraConfig> read(const archive::JsonDocument &document);

  /// Whether the adapter is put on `module`.
  bool targets(const ModuleInfo &module) const;
  /// Whether the adapter brings its own copy of `module`.
  bool saves(llvm::StringRef path) const;
  int64_t rank(const ModuleInfo &module) const;
  /// alpha / r or alpha / sqrt(r).
  double scale(const ModuleInfo &module) const;

  /// `bias`: which biases of the base model are replaced.
  enum class Bias { None, All, AdaptedOnly };
  Bias bias = Bias::None;
  /// `lora_bias`: B has a bias of its own.
  bool termBias = false;
  /// `ensure_weight_tying`: what is done to one of two modules that share a
  /// weight is done to the other. The files hold both.
  bool keepTied = false;

private:
  struct Rule {
    Pattern pattern;
    double value;
  };
  static llvm::Expected<std::vector<Rule>>
  readRules(const archive::JsonField &field, llvm::StringRef text,
            bool integral);
  llvm::Error readTargets(const archive::JsonDocument &document);
  /// `target_parameters` names the weight of `module`.
  bool targetsParameter(const ModuleInfo &module) const;
  /// What keys of `rank_pattern` and `alpha_pattern` are matched against.
  std::string patternKey(const ModuleInfo &module) const;

  int64_t defaultRank = 8;
  double defaultAlpha = 8;
  bool rankStabilised = false;
  std::vector<Rule> rankRules, alphaRules;
  bool allLinear = false;
  std::optional<Pattern> targetPattern, excludePattern;
  std::vector<std::string> targetNames, excludeNames;
  std::vector<std::string> saveNames, parameterNames;
  std::optional<std::vector<int64_t>> layerIndices;
  std::vector<Pattern> layerPatterns;
};

} // namespace allot::importer

#endif // ALLOT_IMPORT_PEFT_H
