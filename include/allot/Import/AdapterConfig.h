//===- AdapterConfig.h - adapter_config.json --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the configurations of all kinds of adapters have in common: which
// modules they are put on, and numbers by patterns of module paths.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_ADAPTERCONFIG_H
#define ALLOT_IMPORT_ADAPTERCONFIG_H

#include "allot/Archive/Json.h"
#include "allot/Import/Peft.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace allot::importer {

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

/// The keys of the object `field` (a member of the outermost object) in the
/// order of the text, which decides between patterns and which a parsed object
/// does not keep. The text has been parsed, so it is well-formed.
std::vector<std::string> keysInOrder(llvm::StringRef text,
                                     llvm::StringRef field);

/// The configuration of an adapter, resolved for modules by their paths.
class AdapterConfig {
public:
  /// Fields that no kind of adapter and `ownFields` (what this kind reads or
  /// may ignore) do not explain are refused, unless they have the value of an
  /// option that was never touched. `named`: it must say which modules are
  /// adapted.
  static llvm::Expected<AdapterConfig>
  read(std::shared_ptr<const archive::JsonDocument> document,
       llvm::ArrayRef<llvm::StringLiteral> ownFields, bool named);

  /// Whether the adapter is put on `module`.
  bool targets(const ModuleInfo &module) const;
  /// Whether the adapter brings its own copy of `module`.
  bool saves(llvm::StringRef path) const;
  /// `trainable_token_indices`: the list of the rows of `module` that are
  /// replaced, for the first table of the model or by the end of the path.
  std::optional<archive::JsonField>
  tokenRows(const ModuleInfo &module, llvm::ArrayRef<ModuleInfo> modules) const;
  /// The value of the first key of `rank_pattern` or `alpha_pattern` that
  /// matches the module.
  std::optional<int64_t> rankRule(const ModuleInfo &module) const;
  std::optional<double> alphaRule(const ModuleInfo &module) const;

  archive::JsonField operator[](llvm::StringRef key) const {
    return (*document)[key];
  }
  llvm::StringRef path() const { return document->path(); }

  /// `bias`: which biases of the base model are replaced.
  enum class Bias { None, All, AdaptedOnly };
  Bias bias = Bias::None;
  /// `ensure_weight_tying`: what is done to one of two modules that share a
  /// weight is done to the other. The files hold both.
  bool keepTied = false;

  /// The first of `target_parameters` that is no weight and no parameter of
  /// experts among `modules`; empty: there is none.
  llvm::StringRef unknownParameter(llvm::ArrayRef<ModuleInfo> modules) const;
  /// `target_parameters` names the weight of `module`.
  bool targetsParameter(const ModuleInfo &module) const;

private:
  template <typename T>
  struct Rule {
    Pattern pattern;
    T value;
  };
  template <typename T>
  static llvm::Error readRules(const archive::JsonField &field,
                               llvm::StringRef text,
                               std::vector<Rule<T>> &rules);
  llvm::Error readTargets(bool named);
  llvm::Error readLayers();
  /// What keys of `rank_pattern` and `alpha_pattern` are matched against.
  std::string patternKey(const ModuleInfo &module) const;

  std::shared_ptr<const archive::JsonDocument> document;
  std::vector<Rule<int64_t>> rankRules;
  std::vector<Rule<double>> alphaRules;
  bool allLinear = false;
  std::optional<Pattern> targetPattern, excludePattern;
  std::vector<std::string> targetNames, excludeNames;
  std::vector<std::string> saveNames, parameterNames;
  std::optional<std::vector<int64_t>> layerIndices;
  std::vector<Pattern> layerPatterns;
};

} // namespace allot::importer

#endif // ALLOT_IMPORT_ADAPTERCONFIG_H
