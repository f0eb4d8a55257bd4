//===- BareModel.cpp - bare safetensors files -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Containers.h"
#include "allot/Archive/Json.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Import/AdapterConfig.h"
#include "allot/Import/Merge.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include <map>

using namespace allot;
using namespace allot::importer;
using archive::JsonField;
using archive::SafetensorsFile;
using mlir::RankedTensorType;
using mlir::Value;

namespace {

/// Experts whose matrices are stored in two parameters: gate above up, and
/// down; each as a linear layer's, or transposed.
struct BareExperts {
  int64_t count = 0, hidden = 0, width = 0;
  bool transposed = false;
};
constexpr llvm::StringLiteral gateUp = "gate_up_proj", down = "down_proj";

std::string partPath(llvm::StringRef experts, int64_t expert,
                     llvm::StringRef parameter) {
  return (experts + "." + llvm::Twine(expert) + "." + parameter).str();
}

/// The modules of a bare file, and what a decoder's configuration would say.
struct BareModules {
  std::vector<ModuleInfo> modules;
  /// Path of a module -> path of the module whose weight it shares.
  llvm::StringMap<std::string> tiedTo;
  llvm::StringMap<double> epsilon;
  /// Modules that are all experts of a layer, by path.
  std::map<std::string, BareExperts> experts;
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

/// Each matrix of each expert is a module.
static llvm::Error readExperts(const ModuleInfo &module, const JsonField &field,
                               BareModules &bare, const SafetensorsFile &file) {
  constexpr int64_t most = 1 << 16;
  auto count = field["experts"].integer(1, most);
  if (!count)
    return count.takeError();
  auto hidden = field["hidden"].integer(1, 1 << 30);
  if (!hidden)
    return hidden.takeError();
  auto width = field["intermediate"].integer(1, 1 << 29);
  if (!width)
    return width.takeError();
  auto layout = field["layout"].string();
  if (!layout)
    return layout.takeError();
  if (*layout != "eoi" && *layout != "eio")
    return field["layout"].error("must be eoi or eio");
  BareExperts experts{*count, *hidden, *width, *layout == "eio"};
  for (llvm::StringRef name : {gateUp, down}) {
    ModuleInfo part;
    part.kind = experts.transposed ? ModuleKind::Conv1D : ModuleKind::Linear;
    part.out = name == gateUp ? 2 * *width : *hidden;
    part.in = name == gateUp ? *hidden : *width;
    llvm::SmallVector<int64_t> shape{*count, part.out, part.in};
    if (experts.transposed)
      std::swap(shape[1], shape[2]);
    auto tensor = file.get(module.path + "." + name.str());
    if (!tensor)
      return tensor.takeError();
    if (llvm::ArrayRef((*tensor)->shape) != llvm::ArrayRef(shape))
      return support::tensorError(
          file.path(), (*tensor)->name,
          "has shape " + support::shapeString((*tensor)->shape) + ", must be " +
              support::shapeString(shape));
    part.order = module.order;
    part.expertsPath = module.path;
    part.parameter = name.str();
    part.parameterOrder = name == gateUp ? 0 : 1;
    part.experts = *count;
    for (part.expert = 0; part.expert < *count; ++part.expert) {
      part.path = partPath(module.path, part.expert, name);
      bare.modules.push_back(part);
    }
  }
  bare.experts[module.path] = experts;
  return llvm::Error::success();
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
    return readExperts(module, field, bare, file);
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
    if (module.kind == ModuleKind::Other)
      continue;
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

/// The parameters of experts as matrices of their own.
class ExpertWeights : public WeightSource {
public:
  ExpertWeights(std::unique_ptr<WeightSource> weights,
                llvm::ArrayRef<ModuleInfo> modules)
      : weights(std::move(weights)) {
    for (const ModuleInfo &module : modules)
      if (module.experts)
        parts[module.path + ".weight"] = &module;
  }

  bool has(llvm::StringRef name) const override {
    return parts.count(name) || weights->has(name);
  }
  llvm::Error checkAllUsed(
      llvm::function_ref<bool(llvm::StringRef)> ignore) const override {
    return weights->checkAllUsed(ignore);
  }
  llvm::Expected<StoredTensor> find(llvm::StringRef name) override {
    const ModuleInfo *part = parts.lookup(name);
    if (!part)
      return weights->find(name);
    auto stored = weights->find(part->expertsPath + "." + part->parameter);
    if (!stored)
      return stored;
    // Shapes were checked, and experts are whole rows.
    stored->shape.erase(stored->shape.begin());
    stored->bytes /= part->experts;
    stored->offset += part->expert * stored->bytes;
    return stored;
  }

private:
  std::unique_ptr<WeightSource> weights;
  llvm::StringMap<const ModuleInfo *> parts;
};

/// `x` -> `y` of all experts of a layer, each over rows of its own: `[E, T,
/// hidden]`, down(silu(gate(x)) * up(x)).
static void buildExperts(ModuleBuilder &m, llvm::StringRef path,
                         const BareExperts &experts) {
  mlir::OpBuilder &b = m.builder();
  mlir::Location loc = m.loc(path);
  const int64_t any = mlir::ShapedType::kDynamic;
  auto floats = [&](llvm::ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, b.getF32Type());
  };
  auto all = floats({experts.count, any, experts.hidden});
  auto function = m.beginFunction(path, {{"x", all}}, {{"y", all}}, true);
  Value x = function.getArgument(0);
  mlir::OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  mlir::OpFoldResult rows = mlir::tensor::getMixedSize(b, loc, x, 1);
  llvm::SmallVector<mlir::OpFoldResult> ones(3, one);
  Value y = mlir::tensor::EmptyOp::create(
      b, loc, mlir::tensor::getMixedSizes(b, loc, x), b.getF32Type());
  for (int64_t n = 0; n < experts.count; ++n) {
    llvm::SmallVector<mlir::OpFoldResult> offsets{b.getIndexAttr(n), zero,
                                                  zero},
        sizes{one, rows, b.getIndexAttr(experts.hidden)};
    Value own = mlir::tensor::ExtractSliceOp::create(
        b, loc, floats({any, experts.hidden}), x, offsets, sizes, ones);
    Value both = m.apply(partPath(path, n, gateUp), own);
    auto half = [&](int64_t first) -> Value {
      return mlir::tensor::ExtractSliceOp::create(
          b, loc, floats({any, experts.width}), both,
          llvm::ArrayRef<mlir::OpFoldResult>{zero, b.getIndexAttr(first)},
          llvm::ArrayRef<mlir::OpFoldResult>{rows,
                                             b.getIndexAttr(experts.width)},
          llvm::ArrayRef<mlir::OpFoldResult>{one, one});
    };
    Value gate = half(0), up = half(experts.width);
    gate = nn::ActivationOp::create(b, loc, gate.getType(),
                                    nn::ActivationKind::SiLU, gate);
    Value out = m.apply(partPath(path, n, down),
                        mlir::arith::MulFOp::create(b, loc, gate, up));
    y = mlir::tensor::InsertSliceOp::create(b, loc, out, y, offsets, sizes,
                                            ones);
  }
  m.endFunction(y);
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
  if (m.hasBank() && !bare->experts.empty())
    for (auto &[path, adaptation] : *adaptations)
      for (const ModuleInfo &module : bare->modules)
        if (module.experts && module.path == path)
          return support::fileError(
              modulesFile, "experts cannot choose their adapter of a bank");
  auto weights =
      std::make_unique<ExpertWeights>(openFileWeights(*file), bare->modules);
  llvm::StringRef expectedBy = modulesFile.empty() ? checkpoint : modulesFile;

  m.setWeightSuffix(".weight");
  auto wanted = [&](const ModuleInfo &module) {
    return module.kind != ModuleKind::Other &&
           (adapters.empty() || adaptations->count(module.path) ||
            // All matrices of experts, if one is adapted.
            (module.experts && llvm::any_of(*adaptations, [&](const auto &one) {
               return llvm::StringRef(one.first).starts_with(
                   module.expertsPath + ".");
             })));
  };
  std::vector<const ModuleInfo *> functions;
  std::vector<std::string> experts;
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
    if (!module.experts)
      functions.push_back(&module);
    else if (module.expert == 0 && module.parameter == down)
      experts.push_back(module.expertsPath);
  }
  for (const ModuleInfo *module : functions) {
    auto adaptation = adaptations->find(module->path);
    buildFunction(m, *module, bare->epsilon.lookup(module->path),
                  adaptation == adaptations->end() ? nullptr
                                                   : &adaptation->second);
  }
  mlir::OpBuilder &b = m.builder();
  mlir::NamedAttrList parameters;
  for (const std::string &path : experts) {
    const BareExperts &of = bare->experts[path];
    buildExperts(m, path, of);
    for (llvm::StringRef name : {gateUp, down})
      parameters.set((path + "." + name).str(), b.getI64IntegerAttr(of.count));
  }
  if (!parameters.empty())
    m.module()->setAttr(expertParametersAttr,
                        parameters.getDictionary(b.getContext()));
  return llvm::Error::success();
}
