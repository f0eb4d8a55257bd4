//===- Peft.cpp - adapters as PEFT saves them -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Peft.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::SafetensorsFile;
using archive::TensorEntry;
using support::quoted;
using support::shapeString;

namespace {

/// What a tensor of an adapter is, by the end of its name.
enum class Role {
  A,
  B,
  TermBias,
  EmbeddingA,
  EmbeddingB,
  BaseWeight,
  BaseBias,
  Weight,
  Bias
};

struct RoleName {
  llvm::StringLiteral suffix;
  Role role;
};

} // namespace

// Longer suffixes first: `.weight` ends several of them.
static constexpr RoleName roleNames[] = {
    {".lora_A.weight", Role::A},
    {".lora_B.weight", Role::B},
    {".lora_B.bias", Role::TermBias},
    {".lora_embedding_A", Role::EmbeddingA},
    {".lora_embedding_B", Role::EmbeddingB},
    {".base_layer.weight", Role::BaseWeight},
    {".base_layer.bias", Role::BaseBias},
    {".weight", Role::Weight},
    {".bias", Role::Bias}};

static llvm::StringRef suffixOf(Role role) {
  for (const RoleName &name : roleNames)
    if (name.role == role)
      return name.suffix;
  return {};
}

static constexpr llvm::StringLiteral prefix = "base_model.model.";

namespace {

/// Reads one adapter folder into the adaptations of all.
class AdapterReader {
public:
  AdapterReader(const AdapterSource &source, llvm::ArrayRef<ModuleInfo> modules,
                Adaptations &adaptations)
      : source(source), modules(modules), adaptations(adaptations) {}

  llvm::Error read();

private:
  using Roles = std::map<Role, const TensorEntry *>;

  /// What the options say of a module, or of the modules that share its weight
  /// where these are treated alike.
  bool targets(const ModuleInfo &module) const {
    return withTied(
        module, [&](const ModuleInfo &one) { return config->targets(one); });
  }
  bool saves(const ModuleInfo &module) const {
    return withTied(
        module, [&](const ModuleInfo &one) { return config->saves(one.path); });
  }
  bool withTied(const ModuleInfo &module,
                llvm::function_ref<bool(const ModuleInfo &)> says) const {
    if (says(module))
      return true;
    auto owner = [](const ModuleInfo &one) -> llvm::StringRef {
      return one.tiedTo.empty() ? one.path : one.tiedTo;
    };
    return config->keepTied &&
           llvm::any_of(modules, [&](const ModuleInfo &other) {
             return owner(other) == owner(module) && says(other);
           });
  }

  llvm::Error sortTensors();
  llvm::Error checkFinite(const TensorEntry &entry) const;
  llvm::Error readModule(const ModuleInfo &module);
  llvm::Error readTerm(const ModuleInfo &module, const Roles &roles);
  llvm::Error replace(const ModuleInfo &module, const TensorEntry &entry,
                      bool bias, llvm::ArrayRef<int64_t> shape);
  bool replacesBias(const ModuleInfo &module, bool adapted) const {
    return module.hasBias &&
           (config->bias == LoraConfig::Bias::All ||
            (adapted && config->bias == LoraConfig::Bias::AdaptedOnly));
  }
  llvm::Error error(const TensorEntry &entry, const llvm::Twine &what) const {
    return support::tensorError(file->path(), entry.name, what);
  }
  llvm::Expected<const TensorEntry *>
  need(const ModuleInfo &module, const Roles &roles, Role role) const {
    auto found = roles.find(role);
    if (found != roles.end())
      return found->second;
    return support::tensorError(
        file->path(), prefix.str() + module.path + suffixOf(role).str(),
        "is missing");
  }

  const AdapterSource &source;
  llvm::ArrayRef<ModuleInfo> modules;
  Adaptations &adaptations;
  std::optional<LoraConfig> config;
  std::string configPath;
  std::shared_ptr<const SafetensorsFile> file;
  std::string digest;
  /// Tensors by module path.
  std::map<std::string, Roles> tensors;
};

} // namespace

llvm::Error AdapterReader::checkFinite(const TensorEntry &entry) const {
  auto values = file->readFloat(entry);
  if (!values)
    return values.takeError();
  for (auto [i, value] : llvm::enumerate(*values))
    if (!std::isfinite(value))
      return error(entry, "element " + llvm::Twine(i) + " is " +
                              (std::isnan(value) ? "NaN" : "infinite"));
  return llvm::Error::success();
}

/// Assigns every tensor to a module and a role; what fits nowhere is an error.
llvm::Error AdapterReader::sortTensors() {
  llvm::StringMap<const ModuleInfo *> byPath;
  for (const ModuleInfo &module : modules)
    byPath[module.path] = &module;
  for (const TensorEntry &entry : file->tensors()) {
    llvm::StringRef name = entry.name;
    if (!name.consume_front(prefix))
      return error(entry, "the name does not begin with " + prefix);
    const RoleName *role = llvm::find_if(
        roleNames, [&](const RoleName &r) { return name.ends_with(r.suffix); });
    if (role == std::end(roleNames))
      return error(entry, "nothing of this name belongs to a LoRA adapter");
    llvm::StringRef path = name.drop_back(role->suffix.size());
    const ModuleInfo *module = byPath.lookup(path);
    if (!module)
      return error(entry, "the base model has no module " + quoted(path));

    bool adapted = targets(*module), saved = saves(*module);
    bool allowed = false;
    switch (role->role) {
    case Role::A:
    case Role::B:
      allowed = adapted && (module->kind == ModuleKind::Linear ||
                            module->kind == ModuleKind::Conv1D);
      break;
    case Role::TermBias:
      allowed = adapted && config->termBias;
      break;
    case Role::EmbeddingA:
    case Role::EmbeddingB:
      allowed = adapted && module->kind == ModuleKind::Embedding;
      break;
    case Role::BaseWeight:
      // The frozen weight, which is saved along with adapted embeddings and
      // heads. It is that of the base model, which the caller gives.
      allowed = adapted;
      break;
    case Role::BaseBias:
      allowed = adapted && replacesBias(*module, true);
      break;
    case Role::Weight:
      allowed = saved;
      break;
    case Role::Bias:
      allowed = (saved && module->hasBias) ||
                (!adapted && replacesBias(*module, false));
      break;
    }
    if (!allowed)
      return error(entry, "no option of " +
                              llvm::sys::path::filename(configPath) +
                              " puts such a tensor on module " + quoted(path));
    if (role->role == Role::BaseWeight) {
      llvm::ArrayRef<int64_t> shape = entry.shape;
      if (shape.size() != 2 || shape[0] * shape[1] != module->out * module->in)
        return error(entry, "has shape " + shapeString(shape) +
                                ", the base model's weight is " +
                                shapeString({module->out, module->in}));
      continue;
    }
    if (llvm::Error e = checkFinite(entry))
      return e;
    tensors[path.str()][role->role] = &entry;
  }
  return llvm::Error::success();
}

llvm::Error AdapterReader::readTerm(const ModuleInfo &module,
                                    const Roles &roles) {
  bool embedding = module.kind == ModuleKind::Embedding;
  auto a = need(module, roles, embedding ? Role::EmbeddingA : Role::A);
  if (!a)
    return a.takeError();
  auto b = need(module, roles, embedding ? Role::EmbeddingB : Role::B);
  if (!b)
    return b.takeError();
  // An embedding [rows, dim] takes the transposed product.
  int64_t out = embedding ? module.in : module.out;
  int64_t in = embedding ? module.out : module.in;
  if ((*a)->shape.size() != 2 || (*a)->shape[1] != in)
    return error(**a, "has shape " + shapeString((*a)->shape) +
                          ", must be RANKx" + llvm::Twine(in));
  int64_t rank = (*a)->shape[0];
  int64_t configured = config->rank(module);
  if (rank != configured)
    return support::fieldError(configPath, "r",
                               "rank " + llvm::Twine(configured) +
                                   " of module " + quoted(module.path) +
                                   " differs from that of tensor " +
                                   quoted((*a)->name) + ", which has shape " +
                                   shapeString((*a)->shape));
  llvm::SmallVector<int64_t> wanted{out, rank};
  if ((*b)->shape != wanted)
    return error(**b, "has shape " + shapeString((*b)->shape) + ", must be " +
                          shapeString(wanted));
  LowRankTerm term;
  term.adapter = source.name;
  term.a = storedTensor(*file, **a, digest);
  term.b = storedTensor(*file, **b, digest);
  term.scale = source.weight * config->scale(module);
  if (!std::isfinite(term.scale))
    return support::fieldError(configPath, "lora_alpha",
                               "the scale of module " + quoted(module.path) +
                                   " is not finite");
  if (config->termBias && !embedding) {
    auto bias = need(module, roles, Role::TermBias);
    if (!bias)
      return bias.takeError();
    if ((*bias)->shape != llvm::SmallVector<int64_t>{out})
      return error(**bias, "has shape " + shapeString((*bias)->shape) +
                               ", must be " + llvm::Twine(out));
    term.bias = storedTensor(*file, **bias, digest);
  }
  adaptations[module.path].terms.push_back(std::move(term));
  return llvm::Error::success();
}

/// Lets a stored parameter stand for the base model's own.
llvm::Error AdapterReader::replace(const ModuleInfo &module,
                                   const TensorEntry &entry, bool bias,
                                   llvm::ArrayRef<int64_t> shape) {
  if (llvm::ArrayRef<int64_t>(entry.shape) != shape)
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

llvm::Error AdapterReader::readModule(const ModuleInfo &module) {
  auto found = tensors.find(module.path);
  static const Roles none;
  const Roles &roles = found == tensors.end() ? none : found->second;
  bool adapted = targets(module);
  if (adapted &&
      (module.kind == ModuleKind::Linear || module.kind == ModuleKind::Conv1D ||
       module.kind == ModuleKind::Embedding))
    if (llvm::Error e = readTerm(module, roles))
      return e;

  bool saved = saves(module);
  if (saved) {
    auto weight = need(module, roles, Role::Weight);
    if (!weight)
      return weight.takeError();
    llvm::SmallVector<int64_t> shape{module.out, module.in};
    if (module.kind == ModuleKind::Conv1D)
      std::swap(shape[0], shape[1]);
    if (module.kind == ModuleKind::Norm)
      shape.pop_back();
    if (llvm::Error e = replace(module, **weight, false, shape))
      return e;
  }
  if ((saved && module.hasBias) || replacesBias(module, adapted)) {
    auto bias =
        need(module, roles, adapted && !saved ? Role::BaseBias : Role::Bias);
    if (!bias)
      return bias.takeError();
    return replace(module, **bias, true, {module.out});
  }
  return llvm::Error::success();
}

llvm::Error AdapterReader::read() {
  llvm::SmallString<256> path(source.directory);
  llvm::sys::path::append(path, "adapter_config.json");
  configPath = path.str().str();
  auto document = archive::JsonDocument::open(path);
  if (!document)
    return document.takeError();
  auto read = LoraConfig::read(**document);
  if (!read)
    return read.takeError();
  config = std::move(*read);
  if (llvm::none_of(modules, [&](const ModuleInfo &module) {
        return config->targets(module) && module.kind != ModuleKind::Norm &&
               module.kind != ModuleKind::Other;
      }))
    return support::fieldError(configPath, "target_modules",
                               "no module of the base model matches");

  path = source.directory;
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

llvm::Expected<Adaptations>
importer::readAdapters(llvm::ArrayRef<AdapterSource> adapters,
                       llvm::ArrayRef<ModuleInfo> modules) {
  Adaptations adaptations;
  for (const AdapterSource &source : adapters)
    if (llvm::Error e = AdapterReader(source, modules, adaptations).read())
      return std::move(e);
  return adaptations;
}
