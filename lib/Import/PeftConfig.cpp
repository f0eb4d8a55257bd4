//===- PeftConfig.cpp - adapter_config.json of LoRA -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Peft.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

/// Fields that LoraConfig reads, and fields that say nothing about the map of
/// a trained adapter: how it was trained and initialised, and where its base
/// came from (which the caller gives).
static constexpr llvm::StringLiteral readFields[] = {"peft_type",
                                                     "r",
                                                     "lora_alpha",
                                                     "use_rslora",
                                                     "rank_pattern",
                                                     "alpha_pattern",
                                                     "target_modules",
                                                     "exclude_modules",
                                                     "modules_to_save",
                                                     "layers_to_transform",
                                                     "layers_pattern",
                                                     "target_parameters",
                                                     "bias",
                                                     "lora_bias",
                                                     "ensure_weight_tying",
                                                     "init_lora_weights"};
static constexpr llvm::StringLiteral ignoredFields[] = {
    "auto_mapping",   "base_model_name_or_path",
    "revision",       "task_type",
    "inference_mode", "peft_version",
    "lora_dropout",   "fan_in_fan_out",
    "loftq_config",   "eva_config",
    "corda_config",   "lora_ga_config",
    "megatron_core",  "qalora_group_size",
    "runtime_config", "model_type"};

/// Whether a value is what an option that was never touched has.
static bool isDefault(const llvm::json::Value &value) {
  switch (value.kind()) {
  case llvm::json::Value::Null:
    return true;
  case llvm::json::Value::Boolean:
    return !*value.getAsBoolean();
  case llvm::json::Value::Number:
    return *value.getAsNumber() == 0;
  case llvm::json::Value::String:
    return value.getAsString()->empty();
  case llvm::json::Value::Array:
    return value.getAsArray()->empty();
  case llvm::json::Value::Object:
    return value.getAsObject()->empty();
  }
  return false;
}

/// The keys of the object `field` (a member of the outermost object) in the
/// order of the text, which decides between patterns and which a parsed object
/// does not keep. The text has been parsed, so it is well-formed.
static std::vector<std::string> keysInOrder(llvm::StringRef text,
                                            llvm::StringRef field) {
  std::vector<std::string> keys;
  unsigned depth = 0;
  bool keyNext = false, inField = false;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '{' || c == '[') {
      ++depth;
      keyNext = c == '{';
    } else if (c == '}' || c == ']') {
      --depth;
      keyNext = false;
    } else if (c == ',') {
      // After a comma inside an array no key follows; strings there are
      // skipped all the same, since a key is only taken before a colon.
      keyNext = true;
    } else if (c == '"') {
      size_t end = at + 1;
      while (end < text.size() && text[end] != '"')
        end += text[end] == '\\' ? 2 : 1;
      llvm::StringRef token = text.slice(at, end + 1);
      at = end;
      bool isKey =
          keyNext && text.substr(end + 1).ltrim(" \t\r\n").starts_with(":");
      keyNext = false;
      if (!isKey)
        continue;
      auto decoded = llvm::json::parse(token);
      if (!decoded) {
        llvm::consumeError(decoded.takeError());
        continue;
      }
      std::string key = decoded->getAsString().value_or("").str();
      if (depth == 1)
        inField = key == field;
      else if (depth == 2 && inField)
        keys.push_back(key);
    }
  }
  return keys;
}

llvm::Expected<std::vector<LoraConfig::Rule>>
LoraConfig::readRules(const JsonField &field, llvm::StringRef text,
                      bool integral) {
  std::vector<Rule> rules;
  if (field.isNull())
    return rules;
  if (!field.isObject())
    return field.error("must be an object");
  for (const std::string &key : keysInOrder(text, field.path())) {
    JsonField entry = field[key];
    double value;
    if (integral) {
      auto number = entry.integer(1, 1 << 20);
      if (!number)
        return number.takeError();
      value = double(*number);
    } else {
      auto number = entry.number();
      if (!number)
        return number.takeError();
      value = *number;
    }
    // A key is a path, the end of a path, or a pattern for either.
    auto pattern = Pattern::compile(entry, "(?:.*\\.)?(?:" + key + ")");
    if (!pattern)
      return pattern.takeError();
    rules.push_back({std::move(*pattern), value});
  }
  return rules;
}

static llvm::Error readNames(const JsonField &field,
                             std::optional<Pattern> &pattern,
                             std::vector<std::string> &names) {
  if (field.isNull())
    return llvm::Error::success();
  if (field.isString()) {
    auto compiled = Pattern::compile(field, *field.raw()->getAsString());
    if (!compiled)
      return compiled.takeError();
    pattern = std::move(*compiled);
    return llvm::Error::success();
  }
  auto list = field.strings();
  if (!list)
    return list.takeError();
  for (llvm::StringRef name : *list)
    names.push_back(name.str());
  return llvm::Error::success();
}

llvm::Error LoraConfig::readTargets(const JsonDocument &document) {
  // Parameters by their names. Of a linear layer that is another way to name
  // the layer; the 3-D parameters of experts are another matter.
  JsonField parameters = document["target_parameters"];
  if (!parameters.isNull()) {
    auto names = parameters.strings();
    if (!names)
      return names.takeError();
    for (llvm::StringRef name : *names) {
      if (!name.ends_with(".weight"))
        return parameters.error("parameter " + support::quoted(name) +
                                " is not supported: only weights of linear "
                                "layers can be adapted");
      parameterNames.push_back(name.str());
    }
  }
  JsonField targets = document["target_modules"];
  if (targets.isNull() && parameterNames.empty())
    return targets.error("is missing: it must name the adapted modules");
  if (targets.isString() && *targets.raw()->getAsString() == "all-linear")
    allLinear = true;
  else if (llvm::Error e = readNames(targets, targetPattern, targetNames))
    return e;
  if (llvm::Error e =
          readNames(document["exclude_modules"], excludePattern, excludeNames))
    return e;
  JsonField saved = document["modules_to_save"];
  if (!saved.isNull()) {
    auto names = saved.strings();
    if (!names)
      return names.takeError();
    for (llvm::StringRef name : *names)
      if (name.empty())
        return saved.error("has an empty name");
      else
        saveNames.push_back(name.str());
  }

  JsonField indices = document["layers_to_transform"];
  if (indices.isArray()) {
    auto list = indices.integers();
    if (!list)
      return list.takeError();
    if (!list->empty())
      layerIndices = std::move(*list);
  } else if (!indices.isNull()) {
    auto index = indices.integer();
    if (!index)
      return index.takeError();
    layerIndices = std::vector<int64_t>{*index};
  }
  if (layerIndices && (targetPattern || allLinear))
    return indices.error("cannot be used where target_modules is a string");

  JsonField stems = document["layers_pattern"];
  std::vector<llvm::StringRef> list;
  if (!stems.isNull() &&
      !(stems.isString() && stems.raw()->getAsString()->empty())) {
    auto names = stems.strings();
    if (!names)
      return names.takeError();
    list = *names;
  }
  if (list.empty())
    list.push_back("[^.]*");
  for (llvm::StringRef stem : list) {
    auto pattern = Pattern::compile(
        stems, (".*\\.(?:" + stem + ")\\.([0-9]+)\\..*").str());
    if (!pattern)
      return pattern.takeError();
    layerPatterns.push_back(std::move(*pattern));
  }
  return llvm::Error::success();
}

llvm::Expected<LoraConfig> LoraConfig::read(const JsonDocument &document) {
  LoraConfig config;
  auto type = document["peft_type"].string();
  if (!type)
    return type.takeError();
  if (*type != "LORA")
    return document["peft_type"].error("adapter type " +
                                       support::quoted(*type) +
                                       " is not supported (known: LORA)");
  auto members = document.root().members();
  if (!members)
    return members.takeError();
  for (auto &[key, field] : *members)
    if (!llvm::is_contained(readFields, key) &&
        !llvm::is_contained(ignoredFields, key) && !isDefault(*field.raw()))
      return field.error("this option is not supported");

  // These ways to start change the frozen weights with which the adapter was
  // trained; the files do not hold the change.
  JsonField init = document["init_lora_weights"];
  if (init.isString()) {
    llvm::StringRef name = *init.raw()->getAsString();
    if (name != "gaussian" && name != "eva" && name != "orthogonal")
      return init.error("initialisation " + support::quoted(name) +
                        " is not supported: it changes the base weights");
  } else if (!init.isNull() && !init.isBool()) {
    return init.error("must be a boolean or a string");
  }

  auto rank = document["r"].integerOr(8, 1, 1 << 20);
  if (!rank)
    return rank.takeError();
  config.defaultRank = *rank;
  auto alpha = document["lora_alpha"].numberOr(8);
  if (!alpha)
    return alpha.takeError();
  config.defaultAlpha = *alpha;
  auto stabilised = document["use_rslora"].booleanOr(false);
  if (!stabilised)
    return stabilised.takeError();
  config.rankStabilised = *stabilised;
  auto keepTied = document["ensure_weight_tying"].booleanOr(false);
  if (!keepTied)
    return keepTied.takeError();
  config.keepTied = *keepTied;
  auto termBias = document["lora_bias"].booleanOr(false);
  if (!termBias)
    return termBias.takeError();
  config.termBias = *termBias;
  auto bias = document["bias"].stringOr("none");
  if (!bias)
    return bias.takeError();
  if (*bias == "all")
    config.bias = Bias::All;
  else if (*bias == "lora_only")
    config.bias = Bias::AdaptedOnly;
  else if (*bias != "none")
    return document["bias"].error("must be none, all or lora_only");

  auto file = support::MappedFile::open(document.path());
  if (!file)
    return file.takeError();
  llvm::StringRef text = llvm::toStringRef((*file)->bytes());
  auto rankRules = readRules(document["rank_pattern"], text, true);
  if (!rankRules)
    return rankRules.takeError();
  config.rankRules = std::move(*rankRules);
  auto alphaRules = readRules(document["alpha_pattern"], text, false);
  if (!alphaRules)
    return alphaRules.takeError();
  config.alphaRules = std::move(*alphaRules);
  if (llvm::Error e = config.readTargets(document))
    return std::move(e);
  return config;
}

/// `path` is `name` or ends in `.name`.
static bool endsInName(llvm::StringRef path, llvm::StringRef name) {
  return path == name || (path.consume_back(name) && path.ends_with("."));
}

/// `name` is a run of whole components of `path`.
static bool hasComponents(llvm::StringRef path, llvm::StringRef name) {
  return (("." + path + ".").str()).find(("." + name + ".").str()) !=
         std::string::npos;
}

bool LoraConfig::saves(llvm::StringRef path) const {
  return llvm::any_of(
      saveNames, [&](const std::string &name) { return path.ends_with(name); });
}

bool LoraConfig::targets(const ModuleInfo &module) const {
  llvm::StringRef path = module.path;
  auto named = [&](const std::vector<std::string> &names) {
    return llvm::any_of(
        names, [&](const std::string &name) { return endsInName(path, name); });
  };
  // Parameters are found by their names alone.
  if (targetsParameter(module))
    return true;
  if (excludePattern ? excludePattern->matches(path) : named(excludeNames))
    return false;
  if (llvm::any_of(saveNames, [&](const std::string &name) {
        return hasComponents(path, name);
      }))
    return false;
  if (allLinear)
    return (module.kind == ModuleKind::Linear ||
            module.kind == ModuleKind::Conv1D) &&
           !module.isHead;
  if (targetPattern)
    return targetPattern->matches(path);
  // A name in full needs no layer.
  if (llvm::is_contained(targetNames, path))
    return true;
  if (!named(targetNames))
    return false;
  if (!layerIndices)
    return true;
  for (const Pattern &pattern : layerPatterns) {
    std::string group;
    if (!pattern.matches(path, &group))
      continue;
    int64_t index;
    return !llvm::StringRef(group).getAsInteger(10, index) &&
           llvm::is_contained(*layerIndices, index);
  }
  return false;
}

bool LoraConfig::targetsParameter(const ModuleInfo &module) const {
  return module.kind == ModuleKind::Linear &&
         llvm::any_of(parameterNames, [&](const std::string &name) {
           return endsInName(module.path + ".weight", name);
         });
}

std::string LoraConfig::patternKey(const ModuleInfo &module) const {
  return targetsParameter(module) ? module.path + ".weight" : module.path;
}

int64_t LoraConfig::rank(const ModuleInfo &module) const {
  std::string key = patternKey(module);
  for (const Rule &rule : rankRules)
    if (rule.pattern.matches(key))
      return int64_t(rule.value);
  return defaultRank;
}

double LoraConfig::scale(const ModuleInfo &module) const {
  std::string key = patternKey(module);
  double alpha = defaultAlpha;
  for (const Rule &rule : alphaRules)
    if (rule.pattern.matches(key)) {
      alpha = rule.value;
      break;
    }
  double r = double(rank(module));
  return alpha / (rankStabilised ? std::sqrt(r) : r);
}
