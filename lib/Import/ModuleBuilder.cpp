//===- ModuleBuilder.cpp - weights and maps of imported modules -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "FormBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Import/Merge.h"
#include "allot/Interfaces/VJPBuild.h"
#include "allot/Support/Error.h"
#include "allot/Support/RelativePath.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

namespace {

/// Keeps the diagnostics of a scope as text.
class DiagnosticText {
public:
  explicit DiagnosticText(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          llvm::raw_string_ostream os(text);
          os << (text.empty() ? "" : "; ") << diagnostic.str();
          return mlir::success();
        }) {}
  llvm::StringRef str() const { return text; }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace

ModuleBuilder::ModuleBuilder(mlir::MLIRContext &context,
                             llvm::StringRef outputDirectory)
    : b(&context),
      root(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))),
      outputDirectory(outputDirectory.empty() ? "." : outputDirectory.str()) {
  b.setInsertionPointToEnd(root->getBody());
}

mlir::Location ModuleBuilder::loc(llvm::StringRef site) const {
  return mlir::NameLoc::get(mlir::StringAttr::get(b.getContext(), site));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The path from the output folder to a file.
std::string ModuleBuilder::relativePath(llvm::StringRef path) {
  std::string &result = relativePaths[path];
  if (result.empty())
    result = support::relativePath(outputDirectory, path);
  return result;
}

/// The type of a weight: its numbers are stored in the format that has the
/// name which the file gives, if there is one. So a new format can be imported
/// without a word here.
llvm::Expected<mlir::RankedTensorType>
ModuleBuilder::typeOf(const StoredTensor &stored) {
  auto [known, isNew] = formats.try_emplace(stored.type);
  if (isNew) {
    DiagnosticText silence(b.getContext());
    std::string name = llvm::StringRef(stored.type).lower();
    // Files call whole numbers u8 or bool that are ui8 and i1 in types.
    std::string whole = name == "bool"             ? "i1"
                        : name.substr(0, 1) == "u" ? "ui" + name.substr(1)
                                                   : name;
    for (const std::string &text :
         {"#format.float<" + name + ">", "#format." + name,
          "#format.index<" + whole + ">"}) {
      mlir::Attribute format = mlir::parseAttribute(text, b.getContext());
      if (format && mlir::isa<FormatAttrInterface>(format)) {
        known->second = format;
        break;
      }
    }
  }
  if (!known->second)
    return support::tensorError(stored.path, stored.tensor,
                                "is stored as " + stored.type +
                                    ", which is not supported for weights");
  auto format = mlir::cast<FormatAttrInterface>(known->second);
  {
    DiagnosticText why(b.getContext());
    auto emitError = [&] { return mlir::emitError(loc()); };
    bool empty = llvm::any_of(stored.shape, [](int64_t d) { return d < 1; });
    if (empty || mlir::failed(format.verifyShape(stored.shape, emitError)))
      return support::tensorError(
          stored.path, stored.tensor,
          "cannot have shape " + support::shapeString(stored.shape) +
              (why.str().empty() ? "" : ": " + why.str()));
  }
  uint64_t bytes = format.getStorageBytes(stored.shape);
  if (bytes != stored.bytes + stored.restBytes)
    return support::tensorError(
        stored.path, stored.tensor,
        "has " + llvm::Twine(stored.bytes + stored.restBytes) +
            " bytes, its type takes " + llvm::Twine(bytes));
  return mlir::RankedTensorType::get(stored.shape, b.getF32Type(),
                                     known->second);
}

llvm::Error ModuleBuilder::addWeight(llvm::StringRef symbol,
                                     const StoredTensor &stored, bool base) {
  if (globals.count(symbol))
    return support::tensorError(stored.path, stored.tensor,
                                "the name " + support::quoted(symbol) +
                                    " is taken by another tensor");
  auto type = typeOf(stored);
  if (!type)
    return type.takeError();
  if (stored.rowInterleave && stored.shape[0] % stored.rowInterleave)
    return support::tensorError(stored.path, stored.tensor,
                                "has " + llvm::Twine(stored.shape[0]) +
                                    " rows, heads have " +
                                    llvm::Twine(stored.rowInterleave));
  auto value = format::StoredAttr::get(
      b.getContext(), b.getStringAttr(relativePath(stored.path)),
      b.getStringAttr(stored.tensor), stored.offset, stored.bytes,
      b.getStringAttr(stored.digest), stored.rowInterleave, stored.restBytes,
      stored.restOffset);
  mlir::OpBuilder::InsertionGuard guard(b);
  if (lastGlobal)
    b.setInsertionPointAfter(lastGlobal);
  else
    b.setInsertionPointToStart(root->getBody());
  auto global = mlir::ml_program::GlobalOp::create(
      b, loc(symbol), b.getStringAttr(symbol), mlir::TypeAttr::get(*type),
      /*is_mutable=*/mlir::UnitAttr(), value, b.getStringAttr("private"));
  lastGlobal = global;
  globals[symbol] = global;

  std::string typeText;
  llvm::raw_string_ostream(typeText) << *type;
  digest(symbol);
  digest(typeText);
  digest(stored.digest);
  digest(stored.tensor);
  if (base)
    weights += type->getNumElements();
  return llvm::Error::success();
}

llvm::Error ModuleBuilder::addModule(const ModuleInfo &module,
                                     WeightSource &source,
                                     const Adaptations &adaptations,
                                     llvm::StringRef expectedBy) {
  llvm::StringRef tiedTo = module.tiedTo;
  Site site;
  site.info = module;
  auto adaptation = adaptations.find(module.path);
  if (adaptation != adaptations.end())
    site.adaptation = &adaptation->second;
  auto replacement = [&](std::optional<StoredTensor> ModuleAdaptation::*slot)
      -> const StoredTensor * {
    if (!site.adaptation || !(site.adaptation->*slot))
      return nullptr;
    return &*(site.adaptation->*slot);
  };

  const StoredTensor *ownWeight = replacement(&ModuleAdaptation::weight);
  // A tied module has a weight of its own only where an adapter made one: its
  // own, or one for the other, which leaves the frozen table to this.
  bool shared = !tiedTo.empty() && !ownWeight &&
                !(sites.lookup(tiedTo).adaptation &&
                  sites.lookup(tiedTo).adaptation->weight);
  std::string parameter =
      module.kind == ModuleKind::Vector || module.weightName.empty()
          ? ""
          : "." + module.weightName;
  // Parameters that are repeated in other layers are declared once.
  llvm::StringRef storedAs = module.storedAs;
  auto declared = [&](llvm::StringRef name, std::string &symbol,
                      std::string own) {
    symbol = std::move(own);
    if (storedAs.empty())
      return false;
    auto [known, isNew] = repeated.try_emplace((storedAs + name).str(), symbol);
    symbol = known->second;
    return !isNew;
  };
  if (module.kind == ModuleKind::Attention ||
      module.kind == ModuleKind::Model) {
    // No parameters of its own.
  } else if (shared) {
    site.weight = sites.lookup(tiedTo).weight;
  } else if (ownWeight ||
             !declared(parameter, site.weight, module.path + weightSuffix)) {
    site.weight = module.path + weightSuffix;
    StoredTensor stored;
    if (ownWeight) {
      stored = *ownWeight;
    } else {
      llvm::SmallVector<int64_t> shape{module.out, module.in};
      if (module.kind == ModuleKind::Conv1D)
        std::swap(shape[0], shape[1]);
      if (module.kind == ModuleKind::Norm || module.kind == ModuleKind::Vector)
        shape.pop_back();
      if (module.kind == ModuleKind::Convolution)
        shape.push_back(module.taps);
      std::string owner = !tiedTo.empty()     ? module.tiedTo
                          : !storedAs.empty() ? module.storedAs
                                              : module.path;
      auto found = source.get(owner + parameter,
                              module.storedShape.empty()
                                  ? llvm::ArrayRef(shape)
                                  : llvm::ArrayRef(module.storedShape),
                              expectedBy);
      if (!found)
        return found.takeError();
      stored = std::move(*found);
      if (!module.storedShape.empty())
        stored.shape = shape;
    }
    if (llvm::Error e = addWeight(site.weight, stored, /*base=*/true))
      return e;
    // What merging needs to write the tensor as it was.
    if (!ownWeight && (parameter != ".weight" || !module.storedShape.empty())) {
      mlir::Operation *global = lastGlobal;
      global->setAttr(storedNameAttr, b.getStringAttr(stored.tensor));
      if (!module.storedShape.empty())
        global->setAttr(storedShapeAttr,
                        b.getDenseI64ArrayAttr(module.storedShape));
    }
  }

  const StoredTensor *ownBias = replacement(&ModuleAdaptation::bias);
  if (module.hasBias &&
      (ownBias || !declared(".bias", site.bias, module.path + ".bias"))) {
    site.bias = module.path + ".bias";
    StoredTensor stored;
    if (ownBias) {
      stored = *ownBias;
    } else {
      std::string owner = storedAs.empty() ? module.path : module.storedAs;
      auto found =
          source.get(owner + "." + module.biasName, {module.out}, expectedBy);
      if (!found)
        return found.takeError();
      stored = std::move(*found);
    }
    if (llvm::Error e = addWeight(site.bias, stored, /*base=*/true))
      return e;
    if (!ownBias && module.biasName != "bias")
      lastGlobal->setAttr(storedNameAttr, b.getStringAttr(stored.tensor));
  }

  if (site.adaptation)
    for (const AdapterForm &form : site.adaptation->forms) {
      for (const AdapterForm::Part &part : form.parts) {
        std::string symbol = partSymbol(module, form, part.name);
        // What modules share is declared once.
        if (part.shared && globals.count(symbol))
          continue;
        if (llvm::Error e = addWeight(symbol, part.tensor, /*base=*/false))
          return e;
      }
      digest(form.key);
    }
  sites[module.path] = std::move(site);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

mlir::func::FuncOp ModuleBuilder::beginFunction(llvm::StringRef name,
                                                llvm::ArrayRef<Port> arguments,
                                                llvm::ArrayRef<Port> results,
                                                bool entry) {
  loaded.clear();
  decoded.clear();
  maps.clear();
  llvm::SmallVector<mlir::Type> inputs, outputs;
  for (const Port &port : arguments)
    inputs.push_back(port.type);
  for (const Port &port : results)
    outputs.push_back(port.type);
  b.setInsertionPointToEnd(root->getBody());
  auto function = mlir::func::FuncOp::create(
      b, loc(name), name, b.getFunctionType(inputs, outputs));
  if (entry) {
    function->setAttr("allot.entry", b.getUnitAttr());
    for (auto [i, port] : llvm::enumerate(arguments)) {
      function.setArgAttr(i, "allot.name", b.getStringAttr(port.name));
      if (!port.sizes.empty())
        function.setArgAttr(i, "allot.sizes", b.getStrArrayAttr(port.sizes));
      if (!port.limits.empty())
        function.setArgAttr(i, "allot.limits",
                            b.getDenseI64ArrayAttr(port.limits));
      if (port.otherwise)
        function.setArgAttr(i, "allot.default",
                            b.getI64IntegerAttr(*port.otherwise));
    }
    for (auto [i, port] : llvm::enumerate(results))
      function.setResultAttr(i, "allot.name", b.getStringAttr(port.name));
  } else {
    function.setPrivate();
  }
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void ModuleBuilder::endFunction(mlir::ValueRange results) {
  mlir::func::ReturnOp::create(b, loc(), results);
  b.setInsertionPointToEnd(root->getBody());
}

Value ModuleBuilder::load(llvm::StringRef symbol) {
  Value &value = loaded[symbol];
  if (!value) {
    mlir::ml_program::GlobalOp global = globals.lookup(symbol);
    value = mlir::ml_program::GlobalLoadConstOp::create(
        b, loc(symbol), global.getType(),
        mlir::FlatSymbolRefAttr::get(b.getContext(), symbol));
  }
  return value;
}

Value ModuleBuilder::vector(llvm::StringRef symbol) {
  Value &value = decoded[symbol];
  if (!value) {
    Value stored = load(symbol);
    auto type = mlir::cast<mlir::RankedTensorType>(stored.getType());
    value = format::DecodeOp::create(b, loc(symbol),
                                     format::withFormat(type, nullptr), stored);
  }
  return value;
}

Value ModuleBuilder::norm(llvm::StringRef path) {
  return vector(sites.find(path)->second.weight);
}

std::string ModuleBuilder::partSymbol(const ModuleInfo &module,
                                      const AdapterForm &form,
                                      llvm::StringRef part) const {
  for (const AdapterForm::Part &known : form.parts)
    if (known.name == part && known.shared)
      return (part + "." + form.adapter).str();
  return (module.path + "." + part + "." + form.adapter).str();
}

Value ModuleBuilder::withForm(const Site &site, const AdapterForm &form,
                              Value frozen,
                              llvm::function_ref<Value(FormBuilder &)> build) {
  auto loadPart = [&](llvm::StringRef part) {
    return load(partSymbol(site.info, form, part));
  };
  FormBuilder builder(b, loc(site.info.path), site.info, frozen, loadPart);
  return build(builder);
}

Value ModuleBuilder::frozenMap(const Site &site) {
  // One dense map for all that share a weight.
  Value &dense = maps[("dense " + site.weight)];
  if (!dense)
    dense = adapter::DenseOp::create(b, loc(site.weight), load(site.weight));
  if (site.info.kind != ModuleKind::Conv1D)
    return dense;
  Value &turned = maps["frozen " + site.info.path];
  if (!turned)
    turned = adapter::TransposeOp::create(b, loc(site.info.path), dense);
  return turned;
}

Value ModuleBuilder::map(llvm::StringRef path) {
  if (Value known = maps.lookup(path))
    return known;
  const Site &site = sites.find(path)->second;
  Value frozen = frozenMap(site), value = frozen;
  if (site.adaptation && !hasBank())
    for (const AdapterForm &form : site.adaptation->forms)
      if (form.map)
        value = withForm(site, form, frozen, [&](FormBuilder &builder) {
          return form.map(builder, value);
        });
  return maps[path] = value;
}

void ModuleBuilder::setBank(std::vector<std::string> names) {
  bankNames = std::move(names);
  llvm::SmallVector<llvm::StringRef> members(bankNames.begin(),
                                             bankNames.end());
  (*root)->setAttr("allot.adapters", b.getStrArrayAttr(members));
  for (llvm::StringRef name : members)
    digest(name);
}

void ModuleBuilder::setChoice(Value ofSequences, Value ofTokens) {
  choiceOfSequences = ofSequences;
  choiceOfTokens = ofTokens;
}

llvm::Error ModuleBuilder::checkBank(const Adaptations &adaptations,
                                     llvm::ArrayRef<ModuleInfo> modules) const {
  for (const ModuleInfo &module : modules) {
    auto found = adaptations.find(module.path);
    if (found == adaptations.end())
      continue;
    const ModuleAdaptation &adaptation = found->second;
    auto refuse = [&](llvm::StringRef adapter, llvm::StringRef what) {
      return llvm::createStringError(
          "adapter %s %s of module %s: in a bank adapters change the maps of "
          "linear layers alone",
          support::quoted(adapter).c_str(), what.str().c_str(),
          support::quoted(module.path).c_str());
    };
    if (adaptation.weight || adaptation.bias)
      return refuse(adaptation.weight ? adaptation.weightAdapter
                                      : adaptation.biasAdapter,
                    "replaces a parameter");
    for (const AdapterForm &form : adaptation.forms) {
      if (form.bias && !form.map)
        return refuse(form.adapter, "changes the bias alone");
      if (form.apply || form.attends || !form.prepends.empty())
        return refuse(form.adapter, "changes more than the map");
      if (module.kind != ModuleKind::Linear &&
          module.kind != ModuleKind::Conv1D)
        return refuse(form.adapter, "changes the table");
    }
  }
  return llvm::Error::success();
}

Value ModuleBuilder::bankOf(const Site &site) {
  if (!site.adaptation || !hasBank())
    return Value();
  std::string key = "bank " + site.info.path;
  if (Value known = maps.lookup(key))
    return known;
  Value frozen = frozenMap(site);
  llvm::SmallVector<Value> members;
  bool changed = false;
  for (llvm::StringRef name : bankNames) {
    Value member = frozen;
    for (const AdapterForm &form : site.adaptation->forms)
      if (form.map && form.adapter == name)
        member = withForm(site, form, frozen, [&](FormBuilder &builder) {
          return form.map(builder, member);
        });
    changed |= member != frozen;
    members.push_back(member);
  }
  if (!changed)
    return Value();
  return maps[key] = adapter::BankOp::create(b, loc(site.info.path), members);
}

Value ModuleBuilder::biasesOf(const Site &site) {
  if (llvm::none_of(site.adaptation->forms,
                    [](const AdapterForm &form) { return bool(form.bias); }))
    return Value();
  std::string key = "biases " + site.info.path;
  if (Value known = maps.lookup(key))
    return known;
  mlir::Location at = loc(site.info.path);
  Value plain = site.bias.empty() ? Value() : vector(site.bias);
  llvm::SmallVector<Value> biases;
  for (llvm::StringRef name : bankNames) {
    Value own = plain;
    for (const AdapterForm &form : site.adaptation->forms)
      if (form.bias && form.adapter == name)
        own = withForm(site, form, frozenMap(site), [&](FormBuilder &builder) {
          return form.bias(builder, own);
        });
    biases.push_back(own);
  }
  biases.push_back(plain);
  if (llvm::all_equal(biases))
    return Value();
  auto number = [&](int64_t n) -> mlir::OpFoldResult {
    return b.getIndexAttr(n);
  };
  int64_t out = site.info.out;
  Value zero = mlir::arith::ConstantOp::create(b, at, b.getF32FloatAttr(0));
  auto type = mlir::RankedTensorType::get({int64_t(biases.size()), out},
                                          b.getF32Type());
  Value all =
      mlir::tensor::SplatOp::create(b, at, type, zero, mlir::ValueRange());
  for (auto [row, own] : llvm::enumerate(biases))
    if (own)
      all = mlir::tensor::InsertSliceOp::create(
          b, at, own, all,
          llvm::ArrayRef<mlir::OpFoldResult>{number(row), number(0)},
          llvm::ArrayRef<mlir::OpFoldResult>{number(1), number(out)},
          llvm::ArrayRef<mlir::OpFoldResult>{number(1), number(1)});
  Value encoded = adapter::buildEncoded(b, at, all);
  return maps[key] = adapter::DenseOp::create(b, at, encoded);
}

Value ModuleBuilder::bias(llvm::StringRef path) {
  const Site &site = sites.find(path)->second;
  Value value = site.bias.empty() ? Value() : vector(site.bias);
  if (!site.adaptation)
    return value;
  for (const AdapterForm &form : site.adaptation->forms)
    if (form.bias)
      value = withForm(site, form, frozenMap(site), [&](FormBuilder &builder) {
        return form.bias(builder, value);
      });
  return value;
}

Value ModuleBuilder::apply(llvm::StringRef path, Value x,
                           const llvm::StringMap<Value> &arguments) {
  auto type = mlir::cast<mlir::RankedTensorType>(x.getType());
  Value applied = map(path);
  llvm::SmallVector<int64_t> shape(type.getShape());
  shape.back() = mlir::cast<adapter::MapType>(applied.getType()).getOut();
  if (Value bank = bankOf(sites.find(path)->second)) {
    Value ids = type.getRank() > 2 ? choiceOfTokens : choiceOfSequences;
    Value biases = biasesOf(sites.find(path)->second);
    Value y = adapter::ApplyOp::create(
        b, loc(path), mlir::RankedTensorType::get(shape, type.getElementType()),
        bank, x, ids, /*weights=*/Value(), /*otherwise=*/applied,
        biases ? Value() : bias(path), b.getStringAttr(path), nullptr);
    if (!biases)
      return y;
    // Whoever has no adapter has the last of them.
    int32_t last = int32_t(bankNames.size());
    auto all = b.getMultiDimIdentityMap(type.getRank() - 1);
    ids = vjp::buildStructured(
        b, loc(path), {ids}, {all, all},
        mlir::tensor::EmptyOp::create(
            b, loc(path), mlir::tensor::getMixedSizes(b, loc(path), ids),
            b.getI32Type()),
        [&](mlir::OpBuilder &nested, mlir::Location at,
            mlir::ValueRange id) -> Value {
          auto number = [&](int32_t n) -> Value {
            return mlir::arith::ConstantOp::create(nested, at,
                                                   nested.getI32IntegerAttr(n));
          };
          Value none = mlir::arith::CmpIOp::create(
              nested, at, mlir::arith::CmpIPredicate::slt, id[0], number(0));
          return mlir::arith::SelectOp::create(nested, at, none, number(last),
                                               id[0]);
        });
    return mlir::arith::AddFOp::create(
        b, loc(path), y, adapter::buildGathered(b, loc(path), biases, ids));
  }
  Value y = adapter::ApplyOp::create(
      b, loc(path), mlir::RankedTensorType::get(shape, type.getElementType()),
      applied, x, bias(path), b.getStringAttr(path), nullptr);
  const Site &site = sites.find(path)->second;
  return site.adaptation ? withApplied(site, x, y, arguments) : y;
}

Value ModuleBuilder::gather(llvm::StringRef path, Value ids) {
  auto type = mlir::cast<mlir::RankedTensorType>(ids.getType());
  Value table = map(path);
  llvm::SmallVector<int64_t> shape(type.getShape());
  shape.push_back(mlir::cast<adapter::MapType>(table.getType()).getIn());
  return adapter::GatherOp::create(
      b, loc(path), mlir::RankedTensorType::get(shape, b.getF32Type()), table,
      ids, b.getStringAttr(path));
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> ModuleBuilder::finish() {
  (*root)->setAttr("allot.model_digest", b.getStringAttr(fingerprint.hex()));
  (*root)->setAttr("allot.weights", b.getI64IntegerAttr(weights));
  DiagnosticText why(b.getContext());
  if (mlir::failed(mlir::verify(*root)))
    return llvm::createStringError("the imported module is not valid: " +
                                   why.str());
  return std::move(root);
}
