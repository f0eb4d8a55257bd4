//===- Peft.cpp - adapters as PEFT saves them -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Peft.h"
#include "Tuners.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::SafetensorsFile;
using archive::TensorEntry;
using support::quoted;
using support::shapeString;

// Tensors that any kind of adapter may bring.
static constexpr llvm::StringLiteral
    baseWeight = ".base_layer.weight",
    baseBias = ".base_layer.bias", ownWeight = ".weight", ownBias = ".bias",
    tokenRows = ".token_adapter.trainable_tokens_delta";
static constexpr llvm::StringLiteral commonSuffixes[] = {
    baseWeight, baseBias, ownWeight, ownBias, tokenRows};

static constexpr llvm::StringLiteral prefix = "base_model.model.";
static constexpr llvm::StringLiteral sharedPrefix = "base_model.";

namespace {

/// Reads one adapter folder into the adaptations of all.
class AdapterReader {
public:
  AdapterReader(const AdapterSource &source, llvm::ArrayRef<ModuleInfo> modules,
                Adaptations &adaptations)
      : source(source), modules(modules), adaptations(adaptations) {}

  llvm::Error read();

private:
  bool canTarget(const ModuleInfo &module) const {
    return llvm::is_contained(tuner->kinds, module.kind) &&
           (!module.experts || tuner->onExperts);
  }
  /// What the options say of a module, or of the modules that share its weight
  /// where these are treated alike.
  bool targets(const ModuleInfo &module) const {
    if (tuner->everywhere)
      return canTarget(module);
    if (canTarget(module) && tuner->targets)
      return tuner->targets(*config, module, modules);
    return canTarget(module) && withTied(module, [&](const ModuleInfo &one) {
             return config->targets(one);
           });
  }
  bool saves(const ModuleInfo &module) const {
    return !module.experts && withTied(module, [&](const ModuleInfo &one) {
      return config->saves(one.path);
    });
  }
  bool withTied(const ModuleInfo &module,
                llvm::function_ref<bool(const ModuleInfo &)> says) const {
    return says(module) || ((config->keepTied || tuner->keepsTied) &&
                            llvm::any_of(modules, [&](const ModuleInfo &other) {
                              return sharesWeight(module, other) && says(other);
                            }));
  }
  static bool sharesWeight(const ModuleInfo &a, const ModuleInfo &b) {
    auto owner = [](const ModuleInfo &one) -> llvm::StringRef {
      return one.tiedTo.empty() ? one.path : one.tiedTo;
    };
    return owner(a) == owner(b);
  }
  /// The list of rows that are replaced in this module, or in one that shares
  /// its weight.
  std::optional<archive::JsonField> rowsOf(const ModuleInfo &module) const {
    if (auto rows = config->tokenRows(module, modules))
      return rows;
    for (const ModuleInfo &other : modules)
      if (sharesWeight(module, other))
        if (auto rows = config->tokenRows(other, modules))
          return rows;
    return std::nullopt;
  }

  /// The parts of the parameter of experts whose tensors are called so.
  std::vector<const ModuleInfo *> partsOf(llvm::StringRef path) const;
  llvm::Error sortForExperts(const TensorEntry &entry, llvm::StringRef path,
                             llvm::StringRef suffix);
  llvm::Error readConfig();
  llvm::Error sortTensors();
  llvm::Error sortShared(const TensorEntry &entry);
  llvm::Error checkFinite(const TensorEntry &entry) const;
  llvm::Error checkBaseWeight(const TensorEntry &entry,
                              const ModuleInfo &module) const;
  llvm::Error readModule(const ModuleInfo &module);
  llvm::Error readRows(const ModuleInfo &module, ModuleReader &reader,
                       bool adapted);
  llvm::Error replace(const ModuleInfo &module, const TensorEntry &entry,
                      bool bias);
  bool replacesBias(const ModuleInfo &module, bool adapted) const {
    return module.hasBias &&
           (config->bias == AdapterConfig::Bias::All ||
            (adapted && config->bias == AdapterConfig::Bias::AdaptedOnly));
  }
  llvm::Error error(const TensorEntry &entry, const llvm::Twine &what) const {
    return support::tensorError(file->path(), entry.name, what);
  }
  llvm::Error unexplained(const TensorEntry &entry,
                          const ModuleInfo &module) const {
    return error(entry,
                 "no option of " + llvm::sys::path::filename(config->path()) +
                     " puts such a tensor on module " + quoted(module.path));
  }

  const AdapterSource &source;
  llvm::ArrayRef<ModuleInfo> modules;
  Adaptations &adaptations;
  const Tuner *tuner = nullptr;
  std::optional<AdapterConfig> config;
  std::shared_ptr<const SafetensorsFile> file;
  std::string digest;
  /// Tensors by module path.
  llvm::StringMap<AdapterTensors> tensors;
  AdapterTensors shared;
  std::any memory;
};

} // namespace

llvm::Error AdapterReader::checkFinite(const TensorEntry &entry) const {
  if (!archive::isFloat(entry.dtype))
    return llvm::Error::success();
  auto values = file->readFloat(entry);
  if (!values)
    return values.takeError();
  for (auto [i, value] : llvm::enumerate(*values))
    if (!std::isfinite(value))
      return error(entry, "element " + llvm::Twine(i) + " is " +
                              (std::isnan(value) ? "NaN" : "infinite"));
  return llvm::Error::success();
}

llvm::Error AdapterReader::checkBaseWeight(const TensorEntry &entry,
                                           const ModuleInfo &module) const {
  // The frozen weight, which is saved along with adapted embeddings and heads.
  // It is that of the base model, which the caller gives.
  llvm::ArrayRef<int64_t> shape = entry.shape;
  if (shape.size() != 2 || shape[0] * shape[1] != module.out * module.in)
    return error(entry, "has shape " + shapeString(shape) +
                            ", the base model's weight is " +
                            shapeString({module.out, module.in}));
  return llvm::Error::success();
}

/// A tensor of the adapter as a whole.
llvm::Error AdapterReader::sortShared(const TensorEntry &entry) {
  llvm::StringRef name = entry.name;
  name.consume_front(sharedPrefix);
  for (llvm::StringRef known : tuner->shared) {
    llvm::StringRef rest = name;
    if (!rest.consume_front(known) || !(rest.empty() || rest.starts_with(".")))
      continue;
    shared[name] = &entry;
    return checkFinite(entry);
  }
  return error(entry, "the name does not begin with " + prefix);
}

/// The end of `name` that is `suffix`, where `*` stands for a number; empty
/// where there is none.
static llvm::StringRef endLike(llvm::StringRef name, llvm::StringRef suffix) {
  llvm::StringRef rest = name;
  auto [head, tail] = suffix.split('*');
  if (tail.empty())
    return name.ends_with(suffix) ? name.take_back(suffix.size()) : "";
  if (!rest.consume_back(tail))
    return "";
  llvm::StringRef before = rest.rtrim("0123456789");
  if (before.size() == rest.size() || !before.consume_back(head))
    return "";
  return name.drop_front(before.size());
}

// Tensors are called after the module of the experts, not after the parameter:
// of several that are adapted, the last one in the order of the module has
// plain names, and those before it one `base_layer` more each.
std::vector<const ModuleInfo *>
AdapterReader::partsOf(llvm::StringRef path) const {
  int64_t depth = 0;
  while (path.consume_back(".base_layer"))
    ++depth;
  std::vector<int64_t> adapted;
  for (const ModuleInfo &module : modules)
    if (module.experts && module.expertsPath == path && targets(module) &&
        !llvm::is_contained(adapted, module.parameterOrder))
      adapted.push_back(module.parameterOrder);
  llvm::sort(adapted);
  std::vector<const ModuleInfo *> parts;
  if (depth >= int64_t(adapted.size()))
    return parts;
  int64_t order = adapted[adapted.size() - 1 - depth];
  for (const ModuleInfo &module : modules)
    if (module.experts && module.expertsPath == path &&
        module.parameterOrder == order)
      parts.push_back(&module);
  return parts;
}

llvm::Error AdapterReader::sortForExperts(const TensorEntry &entry,
                                          llvm::StringRef path,
                                          llvm::StringRef suffix) {
  std::vector<const ModuleInfo *> parts = partsOf(path);
  if (parts.empty())
    return error(entry, "no option of " +
                            llvm::sys::path::filename(config->path()) +
                            " puts such a tensor on " + quoted(path));
  if (llvm::Error e = checkFinite(entry))
    return e;
  for (const ModuleInfo *part : parts)
    tensors[part->path][suffix] = &entry;
  return llvm::Error::success();
}

/// Assigns every tensor to a module by its name; what fits nowhere is an error.
llvm::Error AdapterReader::sortTensors() {
  llvm::StringMap<const ModuleInfo *> byPath;
  llvm::StringSet<> experts;
  for (const ModuleInfo &module : modules) {
    byPath[module.path] = &module;
    if (module.experts)
      experts.insert(module.expertsPath);
  }
  for (const TensorEntry &entry : file->tensors()) {
    llvm::StringRef name = entry.name;
    if (!name.consume_front(prefix)) {
      if (llvm::Error e = sortShared(entry))
        return e;
      continue;
    }
    llvm::StringRef suffix;
    for (llvm::StringRef known : tuner->suffixes)
      if (suffix.empty())
        suffix = endLike(name, known);
    for (llvm::StringRef known : commonSuffixes)
      if (suffix.empty())
        suffix = endLike(name, known);
    if (suffix.empty())
      return error(entry,
                   "nothing of this name belongs to an adapter of type " +
                       tuner->type);
    llvm::StringRef path = name.drop_back(suffix.size());
    const ModuleInfo *module = byPath.lookup(path);
    llvm::StringRef owner = path;
    while (owner.consume_back(".base_layer")) {
    }
    if (experts.contains(owner) &&
        llvm::is_contained(tuner->suffixes, suffix)) {
      if (llvm::Error e = sortForExperts(entry, path, suffix))
        return e;
      continue;
    }
    // Parts of a parameter have no tensors of their own.
    if (!module || module->experts)
      return error(entry, "the base model has no module " + quoted(path));

    bool adapted = targets(*module), saved = saves(*module);
    bool allowed = adapted;
    if (suffix == baseBias)
      allowed = adapted && replacesBias(*module, true);
    else if (suffix == ownWeight)
      allowed = saved;
    else if (suffix == ownBias)
      allowed = (saved && module->hasBias) ||
                (!adapted && replacesBias(*module, false));
    else if (suffix == tokenRows)
      allowed = rowsOf(*module).has_value();
    if (!allowed)
      return unexplained(entry, *module);
    if (suffix == baseWeight) {
      if (llvm::Error e = checkBaseWeight(entry, *module))
        return e;
      continue;
    }
    if (llvm::Error e = checkFinite(entry))
      return e;
    tensors[path][suffix] = &entry;
  }
  return llvm::Error::success();
}

/// Lets a stored parameter stand for the base model's own.
llvm::Error AdapterReader::replace(const ModuleInfo &module,
                                   const TensorEntry &entry, bool bias) {
  llvm::SmallVector<int64_t> shape{module.out};
  if (!bias && module.kind != ModuleKind::Norm)
    shape.push_back(module.in);
  if (!bias && module.kind == ModuleKind::Conv1D)
    std::swap(shape[0], shape[1]);
  if (!archive::isFloat(entry.dtype))
    return error(entry,
                 "must hold floats, is " + archive::dtypeName(entry.dtype));
  if (entry.shape != shape)
    return error(entry, "has shape " + shapeString(entry.shape) + ", must be " +
                            shapeString(shape));
  ModuleAdaptation &adaptation = adaptations[module.path];
  auto &slot = bias ? adaptation.bias : adaptation.weight;
  std::string &owner = bias ? adaptation.biasAdapter : adaptation.weightAdapter;
  if (slot)
    return error(entry, "adapter " + quoted(owner) +
                            " replaces this parameter already");
  slot = storedTensor(*file, entry, digest);
  owner = source.name;
  return llvm::Error::success();
}

/// Reads the rows that are replaced in a table.
llvm::Error AdapterReader::readRows(const ModuleInfo &module,
                                    ModuleReader &reader, bool adapted) {
  auto field = rowsOf(module);
  // Modules that share the weight of a named one have rows of their own where
  // the library knew of the sharing.
  if (!field || (!config->tokenRows(module, modules) &&
                 !tensors[module.path].count(tokenRows)))
    return llvm::Error::success();
  if (module.kind != ModuleKind::Embedding && module.kind != ModuleKind::Linear)
    return field->error("module " + quoted(module.path) + " is no table");
  if (adapted || saves(module))
    return field->error("module " + quoted(module.path) +
                        " is adapted or saved already");
  reader.form = AdapterForm();
  reader.form.adapter = source.name;
  if (llvm::Error e = readTokenRows(reader, *field, tokenRows))
    return e;
  adaptations[module.path].forms.push_back(std::move(reader.form));
  return llvm::Error::success();
}

llvm::Error AdapterReader::readModule(const ModuleInfo &module) {
  const AdapterTensors &own = tensors[module.path];
  bool adapted = targets(module);
  llvm::DenseSet<const TensorEntry *> used;
  ModuleReader reader{module, modules, source, *config, *file, own,
                      shared, digest,  used,   memory,  {}};
  if (adapted) {
    reader.form.adapter = source.name;
    if (llvm::Error e = tuner->read(reader))
      return e;
    if (reader.form.map || reader.form.bias || reader.form.apply ||
        reader.form.attends || !reader.form.prepends.empty())
      adaptations[module.path].forms.push_back(std::move(reader.form));
    if (reader.weight)
      if (llvm::Error e = replace(module, *reader.weight, false))
        return e;
    if (reader.bias)
      if (llvm::Error e = replace(module, *reader.bias, true))
        return e;
  }
  if (llvm::Error e = readRows(module, reader, adapted))
    return e;

  bool saved = saves(module);
  if (saved) {
    auto weight = reader.need(ownWeight);
    if (!weight)
      return weight.takeError();
    if (llvm::Error e = replace(module, **weight, false))
      return e;
  }
  if ((saved && module.hasBias) || replacesBias(module, adapted)) {
    auto bias = reader.need(adapted && !saved ? baseBias : ownBias);
    if (!bias)
      return bias.takeError();
    if (llvm::Error e = replace(module, **bias, true))
      return e;
  }
  for (auto &tensor : own)
    if (!used.contains(tensor.second))
      return unexplained(*tensor.second, module);
  return llvm::Error::success();
}

/// Which kind of adapter it is, and its options.
llvm::Error AdapterReader::readConfig() {
  llvm::SmallString<256> path(source.directory);
  llvm::sys::path::append(path, "adapter_config.json");
  auto document = archive::JsonDocument::open(path);
  if (!document)
    return document.takeError();
  archive::JsonField field = (**document)["peft_type"];
  auto type = field.string();
  if (!type)
    return type.takeError();
  std::vector<llvm::StringRef> known;
  for (const Tuner *one : tuners()) {
    if (*type == one->type)
      tuner = one;
    known.push_back(one->type);
  }
  if (!tuner)
    return field.error("adapter type " + quoted(*type) +
                       " is not supported (known: " + llvm::join(known, ", ") +
                       ")");
  llvm::SmallVector<llvm::StringLiteral> fields(tuner->fields);
  // What whole models read before.
  if (llvm::any_of(modules, [](const ModuleInfo &module) {
        return !module.storedAs.empty();
      }))
    fields.push_back(replicationField);
  auto read = AdapterConfig::read(*document, fields, !tuner->everywhere);
  if (!read)
    return read.takeError();
  config = std::move(*read);
  if (llvm::none_of(
          modules, [&](const ModuleInfo &module) { return canTarget(module); }))
    return field.error("the base model has no module that an adapter of type " +
                       quoted(*type) + " can be put on");
  if (llvm::StringRef name = config->unknownParameter(modules); !name.empty())
    return support::fieldError(config->path(), "target_parameters",
                               "parameter " + quoted(name) +
                                   " is neither the weight of a linear layer "
                                   "nor one of experts");
  for (const ModuleInfo &module : modules)
    if (module.experts && !tuner->onExperts && config->targetsParameter(module))
      return support::fieldError(config->path(), "target_parameters",
                                 "an adapter of type " + quoted(*type) +
                                     " cannot be put on experts");
  if (llvm::none_of(modules,
                    [&](const ModuleInfo &module) { return targets(module); }))
    return support::fieldError(config->path(), "target_modules",
                               "no module of the base model matches");
  return llvm::Error::success();
}

llvm::Error AdapterReader::read() {
  if (llvm::Error e = readConfig())
    return e;
  llvm::SmallString<256> path(source.directory);
  llvm::sys::path::append(path, "adapter_model.safetensors");
  auto opened = SafetensorsFile::open(path);
  if (!opened)
    return opened.takeError();
  file = *opened;
  digest = archive::fileDigest(*file);
  if (llvm::Error e = sortTensors())
    return e;
  for (const ModuleInfo &module : modules)
    if (llvm::Error e = readModule(module))
      return e;
  return llvm::Error::success();
}

std::vector<const ModuleInfo *>
importer::inModelOrder(llvm::ArrayRef<ModuleInfo> modules) {
  std::vector<const ModuleInfo *> ordered;
  for (const ModuleInfo &module : modules)
    ordered.push_back(&module);
  llvm::stable_sort(ordered, [](const ModuleInfo *a, const ModuleInfo *b) {
    return a->order < b->order;
  });
  return ordered;
}

llvm::Expected<Adaptations>
importer::readAdapters(llvm::ArrayRef<AdapterSource> adapters,
                       llvm::ArrayRef<ModuleInfo> modules) {
  Adaptations adaptations;
  for (const AdapterSource &source : adapters)
    if (llvm::Error e = AdapterReader(source, modules, adaptations).read())
      return std::move(e);
  return adaptations;
}
