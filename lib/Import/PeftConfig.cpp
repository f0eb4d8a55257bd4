//===- PeftConfig.cpp - adapter_config.json ----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/AdapterConfig.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

/// Fields that every kind of adapter may have. The second half says nothing
/// about the map of a trained adapter: how it was trained, and where its base
/// came from (which the caller gives).
static constexpr llvm::StringLiteral commonFields[] = {
    "peft_type", "target_modules", "exclude_modules", "modules_to_save",
    "layers_to_transform", "layers_pattern", "target_parameters", "bias",
    "rank_pattern", "alpha_pattern", "ensure_weight_tying",
    "trainable_token_indices",
    // Ignored.
    "auto_mapping", "base_model_name_or_path", "revision", "task_type",
    "inference_mode", "peft_version", "fan_in_fan_out", "runtime_config",
    "model_type", "init_weights"};

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

std::vector<std::string> importer::keysInOrder(llvm::StringRef text,
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

/// A list of which ranks survived pruning. The tensors hold only these.
static bool isMask(const JsonField &field) {
  return field.isArray() &&
         llvm::all_of(*field.raw()->getAsArray(), [](const auto &element) {
           return element.getAsBoolean().has_value();
         });
}

template <typename T>
llvm::Error AdapterConfig::readRules(const JsonField &field,
                                     llvm::StringRef text,
                                     std::vector<Rule<T>> &rules) {
  if (field.isNull())
    return llvm::Error::success();
  if (!field.isObject())
    return field.error("must be an object");
  for (const std::string &key : keysInOrder(text, field.path())) {
    JsonField entry = field[key];
    if (isMask(entry))
      continue;
    T value;
    if constexpr (std::is_integral_v<T>) {
      auto number = entry.integer(1, 1 << 20);
      if (!number)
        return number.takeError();
      value = *number;
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
  return llvm::Error::success();
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

llvm::Error AdapterConfig::readTargets(bool named) {
  // Parameters by their names. Of a linear layer that is another way to name
  // the layer; those of experts have three dimensions.
  JsonField parameters = (*this)["target_parameters"];
  if (!parameters.isNull()) {
    auto names = parameters.strings();
    if (!names)
      return names.takeError();
    for (llvm::StringRef name : *names)
      parameterNames.push_back(name.str());
  }
  JsonField targets = (*this)["target_modules"];
  if (targets.isNull() && parameterNames.empty() && named)
    return targets.error("is missing: it must name the adapted modules");
  for (llvm::StringRef field : {"target_modules", "target_parameters",
                                "exclude_modules", "layers_to_transform"})
    if (!named && !(*this)[field].isNull())
      return (*this)[field].error(
          "an adapter of this type is on the whole model");
  if (targets.isString() && *targets.raw()->getAsString() == "all-linear")
    allLinear = true;
  else if (llvm::Error e = readNames(targets, targetPattern, targetNames))
    return e;
  if (llvm::Error e =
          readNames((*this)["exclude_modules"], excludePattern, excludeNames))
    return e;
  JsonField saved = (*this)["modules_to_save"];
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
  return readLayers();
}

llvm::Error AdapterConfig::readLayers() {
  JsonField indices = (*this)["layers_to_transform"];
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

  JsonField stems = (*this)["layers_pattern"];
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

llvm::Expected<AdapterConfig>
AdapterConfig::read(std::shared_ptr<const JsonDocument> document,
                    llvm::ArrayRef<llvm::StringLiteral> ownFields, bool named) {
  AdapterConfig config;
  config.document = document;
  auto members = document->root().members();
  if (!members)
    return members.takeError();
  for (auto &[key, field] : *members)
    if (!llvm::is_contained(commonFields, key) &&
        !llvm::is_contained(ownFields, key) && !isDefault(*field.raw()))
      return field.error("this option is not supported");

  auto keepTied = config["ensure_weight_tying"].booleanOr(false);
  if (!keepTied)
    return keepTied.takeError();
  config.keepTied = *keepTied;
  // Written `lora_only` in a LoRA adapter, `oft_only` in an OFT adapter, ...
  auto bias = config["bias"].stringOr("none");
  if (!bias)
    return bias.takeError();
  if (*bias == "all")
    config.bias = Bias::All;
  else if (bias->ends_with("_only"))
    config.bias = Bias::AdaptedOnly;
  else if (*bias != "none")
    return config["bias"].error("must be none, all or METHOD_only");

  auto file = support::MappedFile::open(document->path());
  if (!file)
    return file.takeError();
  llvm::StringRef text = llvm::toStringRef((*file)->bytes());
  // Some kinds have other things than ranks there.
  if (!llvm::is_contained(ownFields, "rank_pattern"))
    if (llvm::Error e =
            readRules(config["rank_pattern"], text, config.rankRules))
      return std::move(e);
  if (llvm::Error e =
          readRules(config["alpha_pattern"], text, config.alphaRules))
    return std::move(e);
  if (llvm::Error e = config.readTargets(named))
    return std::move(e);
  return config;
}

/// `path` is `name` or ends in `.name`.
static bool endsInName(llvm::StringRef path, llvm::StringRef name) {
  return path == name || (path.consume_back(name) && path.ends_with("."));
}

/// The path of the parameter that a module is, or is part of.
static std::string parameterOf(const ModuleInfo &module) {
  return module.experts ? module.expertsPath + "." + module.parameter
                        : module.path + ".weight";
}

/// `name` is a run of whole components of `path`.
static bool hasComponents(llvm::StringRef path, llvm::StringRef name) {
  return (("." + path + ".").str()).find(("." + name + ".").str()) !=
         std::string::npos;
}

llvm::StringRef
AdapterConfig::unknownParameter(llvm::ArrayRef<ModuleInfo> modules) const {
  for (const std::string &name : parameterNames)
    if (!llvm::StringRef(name).ends_with(".weight") &&
        llvm::none_of(modules, [&](const ModuleInfo &module) {
          return module.experts && endsInName(parameterOf(module), name);
        }))
      return name;
  return "";
}

bool AdapterConfig::saves(llvm::StringRef path) const {
  return llvm::any_of(
      saveNames, [&](const std::string &name) { return path.ends_with(name); });
}

bool AdapterConfig::targets(const ModuleInfo &module) const {
  llvm::StringRef path = module.path;
  auto named = [&](const std::vector<std::string> &names) {
    return llvm::any_of(
        names, [&](const std::string &name) { return endsInName(path, name); });
  };
  // Parameters are found by their names alone.
  if (targetsParameter(module))
    return true;
  // A parameter of experts is no module.
  if (module.experts)
    return false;
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

std::optional<JsonField>
AdapterConfig::tokenRows(const ModuleInfo &module,
                         llvm::ArrayRef<ModuleInfo> modules) const {
  JsonField rows = (*this)["trainable_token_indices"];
  if (rows.isNull())
    return std::nullopt;
  if (!rows.isObject()) {
    if (module.kind == ModuleKind::Embedding &&
        llvm::none_of(modules, [&](const ModuleInfo &other) {
          return other.kind == module.kind && other.order < module.order;
        }))
      return rows;
    return std::nullopt;
  }
  for (const auto &entry : *rows.raw()->getAsObject())
    if (endsInName(module.path, entry.first))
      return rows[entry.first];
  return std::nullopt;
}

bool AdapterConfig::targetsParameter(const ModuleInfo &module) const {
  return (module.kind == ModuleKind::Linear || module.experts) &&
         llvm::any_of(parameterNames, [&](const std::string &name) {
           return endsInName(parameterOf(module), name);
         });
}

std::string AdapterConfig::patternKey(const ModuleInfo &module) const {
  return targetsParameter(module) ? parameterOf(module) : module.path;
}

std::optional<int64_t> AdapterConfig::rankRule(const ModuleInfo &module) const {
  std::string key = patternKey(module);
  for (const auto &rule : rankRules)
    if (rule.pattern.matches(key))
      return rule.value;
  return std::nullopt;
}

std::optional<double> AdapterConfig::alphaRule(const ModuleInfo &module) const {
  std::string key = patternKey(module);
  for (const auto &rule : alphaRules)
    if (rule.pattern.matches(key))
      return rule.value;
  return std::nullopt;
}
