//===- BareModel.cpp - bare safetensors files -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Containers.h"
#include "allot/Archive/Json.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/AdapterConfig.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSwitch.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonField;
using archive::SafetensorsFile;
using mlir::RankedTensorType;
using mlir::Value;

namespace {

/// The modules of a bare file, and what a decoder's configuration would say.
struct BareModules {
  std::vector<ModuleInfo> modules;
  /// Path of a module -> path of the module whose weight it shares.
  llvm::StringMap<std::string> tiedTo;
  llvm::StringMap<double> epsilon;
};

} // namespace

/// Longest path of a module that patterns are matched against.
static constexpr size_t maxPath = 512;

/// Takes the sizes of a module from its weight, which has the shape that its
/// kind has.
static llvm::Error takeShape(ModuleInfo &module, const SafetensorsFile &file,
                             const archive::TensorEntry &weight) {
  size_t rank = module.kind == ModuleKind::Norm ? 1 : 2;
  if (weight.shape.size() != rank)
    return support::tensorError(file.path(), weight.name,
                                "has shape " +
                                    support::shapeString(weight.shape) +
                                    ", must have rank " + llvm::Twine(rank));
  module.out = weight.shape[0];
  module.in = rank == 2 ? weight.shape[1] : 1;
  if (module.kind == ModuleKind::Conv1D)
    std::swap(module.out, module.in);
  return llvm::Error::success();
}

/// Without a list every 2-D `weight` is a linear layer.
static llvm::Expected<BareModules> guessModules(const SafetensorsFile &file) {
  BareModules bare;
  for (const archive::TensorEntry &entry : file.tensors()) {
    llvm::StringRef path = entry.name;
    if (!path.consume_back(".weight") || entry.shape.size() != 2)
      continue;
    if (path.empty() || path.size() > maxPath)
      return support::tensorError(file.path(), entry.name,
                                  "is no usable name of a module");
    ModuleInfo module;
    module.path = path.str();
    module.hasBias = file.find((path + ".bias").str());
    if (llvm::Error e = takeShape(module, file, entry))
      return std::move(e);
    bare.modules.push_back(std::move(module));
  }
  if (bare.modules.empty())
    return support::fileError(file.path(),
                              "no tensor is a 2-D `weight` of a module");
  // In the order of names, not of data.
  llvm::sort(bare.modules, [](const ModuleInfo &a, const ModuleInfo &b) {
    return a.path < b.path;
  });
  return bare;
}

static llvm::Error readModule(ModuleInfo &module, const JsonField &field,
                              BareModules &bare, const SafetensorsFile &file) {
  if (module.path.empty() || module.path.size() > maxPath)
    return field.error("is no usable name of a module");
  auto kind = field["kind"].string();
  if (!kind)
    return kind.takeError();
  auto found = llvm::StringSwitch<std::optional<ModuleKind>>(*kind)
                   .Case("linear", ModuleKind::Linear)
                   .Case("conv1d", ModuleKind::Conv1D)
                   .Case("embedding", ModuleKind::Embedding)
                   .Case("layernorm", ModuleKind::Norm)
                   .Case("experts", ModuleKind::Other)
                   .Default(std::nullopt);
  if (!found)
    return field["kind"].error("kind " + support::quoted(*kind) +
                               " is not known (known: linear, conv1d, "
                               "embedding, layernorm, experts)");
  module.kind = *found;
  if (module.kind == ModuleKind::Other)
    return llvm::Error::success();
  auto epsilon = field["eps"].numberOr(1e-5);
  if (!epsilon)
    return epsilon.takeError();
  if (*epsilon < 0)
    return field["eps"].error("must not be negative");
  bare.epsilon[module.path] = *epsilon;

  std::string owner = module.path;
  auto tied = bare.tiedTo.find(module.path);
  if (tied != bare.tiedTo.end())
    owner = tied->second;
  auto weight = file.get(owner + ".weight");
  if (!weight)
    return weight.takeError();
  if (llvm::Error e = takeShape(module, file, **weight))
    return e;
  bool embedding = module.kind == ModuleKind::Embedding;
  bool norm = module.kind == ModuleKind::Norm;
  for (auto [key, size] : {std::pair(embedding ? "rows"
                                     : norm    ? "dim"
                                               : "out",
                                     module.out),
                           std::pair(embedding ? "dim" : "in", module.in)}) {
    if (norm && llvm::StringRef(key) == "in")
      continue;
    auto stated = field[key].integerOr(size);
    if (!stated)
      return stated.takeError();
    if (*stated != size)
      return field[key].error("is " + llvm::Twine(*stated) + ", tensor " +
                              support::quoted((*weight)->name) + " has shape " +
                              support::shapeString((*weight)->shape));
  }
  bool hasBias = file.find(module.path + ".bias");
  auto stated = field["bias"].booleanOr(hasBias);
  if (!stated)
    return stated.takeError();
  module.hasBias = *stated;
  return llvm::Error::success();
}

/// Reads which weights stand for which others: one step, no chains.
static llvm::Error readTied(const JsonField &tied, BareModules &bare) {
  if (tied.isNull())
    return llvm::Error::success();
  auto members = tied.members();
  if (!members)
    return members.takeError();
  for (auto &[name, field] : *members) {
    auto target = field.string();
    if (!target)
      return target.takeError();
    llvm::StringRef from = name, to = *target;
    if (!from.consume_back(".weight") || !to.consume_back(".weight"))
      return field.error("only weights can be tied");
    bare.tiedTo[from] = to.str();
  }
  for (auto &entry : bare.tiedTo)
    if (bare.tiedTo.count(entry.second))
      return tied.error(support::quoted(entry.second) +
                        " is tied to another weight itself");
  return llvm::Error::success();
}

static llvm::Expected<BareModules> readModules(llvm::StringRef modulesFile,
                                               const SafetensorsFile &file) {
  auto document = archive::JsonDocument::open(modulesFile);
  if (!document)
    return document.takeError();
  BareModules bare;
  if (llvm::Error e = readTied((**document)["tied"], bare))
    return std::move(e);
  auto members = (**document)["modules"].members();
  if (!members)
    return members.takeError();
  auto text = support::MappedFile::open(modulesFile);
  if (!text)
    return text.takeError();
  llvm::StringMap<int64_t> order;
  for (const std::string &path :
       keysInOrder(llvm::toStringRef((*text)->bytes()), "modules"))
    order.try_emplace(path, order.size());
  for (auto &[path, field] : *members) {
    ModuleInfo module;
    module.path = path.str();
    module.order = order.lookup(path);
    if (llvm::Error e = readModule(module, field, bare, file))
      return std::move(e);
    module.isHead = module.path == "lm_head";
    module.tiedTo = bare.tiedTo.lookup(module.path);
    bare.modules.push_back(std::move(module));
  }
  // Tied modules after those whose weight they share.
  llvm::sort(bare.modules, [&](const ModuleInfo &a, const ModuleInfo &b) {
    return std::pair(bare.tiedTo.count(a.path), llvm::StringRef(a.path)) <
           std::pair(bare.tiedTo.count(b.path), llvm::StringRef(b.path));
  });
  for (auto &entry : bare.tiedTo)
    if (llvm::none_of(bare.modules, [&](const ModuleInfo &module) {
          return module.path == entry.second;
        }))
      return (**document)["tied"].error(
          "names " + support::quoted(entry.second) + ", which is no module");
  return bare;
}

/// `x` -> `y` of one module; rows of x are independent.
/// Adapters may ask for further arguments.
static void buildFunction(ModuleBuilder &m, const ModuleInfo &module,
                          double epsilon, const ModuleAdaptation *adaptation) {
  mlir::OpBuilder &b = m.builder();
  const int64_t any = mlir::ShapedType::kDynamic;
  auto floats = [&](int64_t columns) {
    return RankedTensorType::get({any, columns}, b.getF32Type());
  };
  if (module.kind == ModuleKind::Embedding) {
    auto ids = RankedTensorType::get({any}, b.getI32Type());
    auto function = m.beginFunction(module.path, {{"x", ids}},
                                    {{"y", floats(module.in)}}, true);
    m.endFunction(m.gather(module.path, function.getArgument(0)));
    return;
  }
  int64_t in = module.kind == ModuleKind::Norm ? module.out : module.in;
  llvm::SmallVector<Port> ports{{"x", floats(in)}};
  if (adaptation)
    for (const AdapterForm &form : adaptation->forms)
      for (const std::string &name : form.arguments)
        if (llvm::none_of(ports, [&](const Port &p) { return p.name == name; }))
          ports.push_back({name, RankedTensorType::get({any}, b.getI32Type())});
  if (m.hasBank())
    ports.push_back({ModuleBuilder::choiceName,
                     RankedTensorType::get({any}, b.getI32Type())});
  auto function =
      m.beginFunction(module.path, ports, {{"y", floats(module.out)}}, true);
  Value x = function.getArgument(0);
  if (m.hasBank())
    m.setChoice(function.getArguments().back(), Value());
  if (module.kind != ModuleKind::Norm) {
    llvm::StringMap<Value> arguments;
    for (auto [port, value] : llvm::zip(ports, function.getArguments()))
      arguments[port.name] = value;
    m.endFunction(m.apply(module.path, x, arguments));
    return;
  }
  Value rows = mlir::tensor::DimOp::create(b, m.loc(), x, 0);
  Value init = mlir::tensor::EmptyOp::create(
      b, m.loc(), {any, in}, b.getF32Type(), mlir::ValueRange{rows});
  Value y =
      nn::NormOp::create(b, m.loc(module.path), x.getType(),
                         nn::NormKind::Layer, x, m.norm(module.path),
                         m.bias(module.path), llvm::APFloat(epsilon), init)
          .getResult();
  m.endFunction(y);
}

llvm::Error importer::buildBareModel(ModuleBuilder &m,
                                     llvm::StringRef checkpoint,
                                     llvm::StringRef modulesFile,
                                     llvm::ArrayRef<AdapterSource> adapters) {
  auto file = SafetensorsFile::open(checkpoint);
  if (!file)
    return file.takeError();
  auto bare = modulesFile.empty() ? guessModules(**file)
                                  : readModules(modulesFile, **file);
  if (!bare)
    return bare.takeError();
  auto adaptations = readAdapters(adapters, bare->modules);
  if (!adaptations)
    return adaptations.takeError();
  if (m.hasBank())
    if (llvm::Error e = m.checkBank(*adaptations, bare->modules))
      return e;
  std::unique_ptr<WeightSource> weights = openFileWeights(*file);
  llvm::StringRef expectedBy = modulesFile.empty() ? checkpoint : modulesFile;

  m.setWeightSuffix(".weight");
  auto wanted = [&](const ModuleInfo &module) {
    return module.kind != ModuleKind::Other &&
           (adapters.empty() || adaptations->count(module.path));
  };
  std::vector<const ModuleInfo *> functions;
  llvm::StringSet<> added;
  auto add = [&](const ModuleInfo &module) -> llvm::Error {
    if (!added.insert(module.path).second)
      return llvm::Error::success();
    return m.addModule(module, *weights, *adaptations, expectedBy);
  };
  for (const ModuleInfo &module : bare->modules) {
    if (!wanted(module))
      continue;
    auto adaptation = adaptations->find(module.path);
    bool replaced =
        adaptation != adaptations->end() && adaptation->second.weight;
    if (!module.tiedTo.empty() && !replaced)
      for (const ModuleInfo &owner : bare->modules)
        if (owner.path == module.tiedTo)
          if (llvm::Error e = add(owner))
            return e;
    if (llvm::Error e = add(module))
      return e;
    functions.push_back(&module);
  }
  for (const ModuleInfo *module : functions) {
    auto adaptation = adaptations->find(module->path);
    buildFunction(m, *module, bare->epsilon.lookup(module->path),
                  adaptation == adaptations->end() ? nullptr
                                                   : &adaptation->second);
  }
  return llvm::Error::success();
}
