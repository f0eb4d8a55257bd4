//===- CInterface.cpp - the functions of a compiled library -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"
#include "Loader/Loader.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace allot;
using namespace allot::runtime;

namespace {

/// Builds the constants of Loader.h: structs and arrays of words, a word being
/// a pointer or an integer of 64 bits.
class Description {
public:
  Description(llvm::Module &module, const Manifest &manifest)
      : module(module), context(module.getContext()), manifest(manifest),
        word(llvm::Type::getInt64Ty(context)),
        pointer(llvm::PointerType::getUnqual(context)) {}

  llvm::GlobalVariable *build(llvm::ArrayRef<uint64_t> checksums) {
    llvm::SmallVector<llvm::Constant *> features, entries, weights;
    for (const std::string &feature : manifest.target.features)
      features.push_back(text(feature));
    for (const Entry &entry : manifest.entries)
      append(entries, describe(entry));
    for (auto [weight, checksum] : llvm::zip_equal(manifest.weights, checksums))
      append(weights, {text(weight.global), number(weight.offset),
                       number(weight.bytes), number(checksum)});
    entryTable = array(entries);
    return global({number(ALLOT_LOADER_VERSION), text(manifest.name),
                   text(manifest.programDigest()), text(manifest.target.cpu),
                   number(features.size()), array(features),
                   text(manifest.weightFile.name),
                   number(manifest.weightFile.bytes),
                   number(manifest.weights.size()), array(weights),
                   number(manifest.entries.size()), entryTable});
  }

  /// The address of the description of entry `index`.
  llvm::Constant *entry(size_t index) {
    return llvm::ConstantExpr::getInBoundsGetElementPtr(
        llvm::Type::getInt8Ty(context), entryTable,
        number(index * sizeof(allot_entry)));
  }

private:
  using Words = llvm::SmallVector<llvm::Constant *>;
  static void append(Words &all, const Words &more) {
    all.append(more.begin(), more.end());
  }

  Words describe(const Entry &entry) {
    Words parameters;
    llvm::StringMap<int64_t> sizes;
    for (const Parameter &input : entry.inputs)
      append(parameters, describe(input, -1, sizes));
    for (auto [output, alias] : llvm::zip_equal(entry.outputs, entry.aliases))
      append(parameters, describe(output, alias, sizes));
    auto index = [&](llvm::StringRef name) {
      return number(hasCache(entry) ? entry.input(name) - entry.inputs.data()
                                    : -1);
    };
    return {text(entry.name),
            module.getFunction(entrySymbol(entry.name)),
            number(entry.takesWeights),
            number(entry.inputs.size()),
            number(entry.outputs.size()),
            array(parameters),
            index("tokens"),
            index("count"),
            index("past"),
            index("cache")};
  }

  /// `names` numbers the names of sizes from 1 on.
  Words describe(const Parameter &parameter, int64_t alias,
                 llvm::StringMap<int64_t> &names) {
    Words sizes, limits, same;
    for (int64_t d : parameter.shape)
      sizes.push_back(number(mlir::ShapedType::isDynamic(d) ? -1 : d));
    for (int64_t limit : parameter.limits)
      limits.push_back(number(limit));
    for (llvm::StringRef size : parameter.sizes)
      same.push_back(number(
          size.empty()
              ? 0
              : names.try_emplace(size, names.size() + 1).first->second));
    return {text(parameter.name),
            number(archive::dtypeBytes(parameter.dtype)),
            number(parameter.shape.size()),
            array(sizes),
            number(parameter.ids > 0 ? parameter.ids : -parameter.members),
            number(alias),
            array(limits),
            array(same)};
  }

  llvm::Constant *number(int64_t value) {
    return llvm::ConstantInt::getSigned(word, value);
  }
  llvm::Constant *text(llvm::StringRef value) {
    return constant(llvm::ConstantDataArray::getString(context, value));
  }
  llvm::Constant *array(const Words &words) {
    if (words.empty())
      return llvm::ConstantPointerNull::get(pointer);
    return global(words);
  }
  /// Words one after the other in memory.
  llvm::GlobalVariable *global(const Words &words) {
    return constant(llvm::ConstantStruct::getAnon(context, words));
  }
  llvm::GlobalVariable *constant(llvm::Constant *value) {
    return new llvm::GlobalVariable(module, value->getType(), true,
                                    llvm::GlobalValue::PrivateLinkage, value);
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
  const Manifest &manifest;
  llvm::Type *word;
  llvm::PointerType *pointer;
  llvm::Constant *entryTable = nullptr;
};

/// Adds functions that call those of the loader.
class Functions {
public:
  explicit Functions(llvm::Module &module)
      : module(module), context(module.getContext()),
        pointer(llvm::PointerType::getUnqual(context)),
        word(llvm::Type::getInt64Ty(context)),
        integer(llvm::Type::getInt32Ty(context)),
        none(llvm::Type::getVoidTy(context)) {}

  /// `result NAME(parameters)` returns `result LOADER(first, parameters)`.
  void forward(const std::string &name, llvm::StringRef loader,
               llvm::Type *result, llvm::ArrayRef<llvm::Type *> parameters,
               llvm::Constant *first) {
    llvm::SmallVector<llvm::Type *> all(parameters);
    if (first)
      all.insert(all.begin(), first->getType());
    llvm::FunctionCallee callee = module.getOrInsertFunction(
        loader, llvm::FunctionType::get(result, all, false));
    llvm::cast<llvm::Function>(callee.getCallee())
        ->setVisibility(llvm::GlobalValue::HiddenVisibility);
    auto *function = llvm::Function::Create(
        llvm::FunctionType::get(result, parameters, false),
        llvm::GlobalValue::ExternalLinkage, name, module);
    llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
    llvm::SmallVector<llvm::Value *> arguments;
    if (first)
      arguments.push_back(first);
    for (llvm::Argument &argument : function->args())
      arguments.push_back(&argument);
    llvm::Value *value = builder.CreateCall(callee, arguments);
    if (result->isVoidTy())
      builder.CreateRetVoid();
    else
      builder.CreateRet(value);
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::Type *pointer, *word, *integer, *none;
};

} // namespace

void runtime::addCInterface(llvm::Module &module, const Manifest &manifest,
                            const CNames &names,
                            llvm::ArrayRef<uint64_t> checksums) {
  // Only the functions of the header are seen from outside, whatever functions
  // of the model are called.
  for (llvm::GlobalValue &value : module.global_values())
    if (!value.isDeclaration() && !value.hasLocalLinkage())
      value.setVisibility(llvm::GlobalValue::HiddenVisibility);
  auto claim = [&](const std::string &name) {
    if (llvm::GlobalValue *taken = module.getNamedValue(name))
      taken->setName("_" + name);
    return name;
  };
  Description description(module, manifest);
  llvm::GlobalVariable *constant = description.build(checksums);
  constant->setLinkage(llvm::GlobalValue::ExternalLinkage);
  // A private constant is near by nature, one that is seen from outside is not.
  constant->setDSOLocal(false);
  constant->setName(claim(CNames::descriptionSymbol(manifest.name)));

  Functions add(module);
  llvm::Type *p = add.pointer;
  add.forward(claim(names.of("open")), "allot_loader_open", p, {p, p, add.word},
              constant);
  add.forward(claim(names.of("close")), "allot_loader_close", add.none, {p},
              nullptr);
  add.forward(claim(names.of("set_threads")), "allot_loader_set_threads",
              add.none, {p, add.integer}, nullptr);
  if (llvm::any_of(manifest.entries, hasCache))
    add.forward(claim(names.of("cache_bytes")), "allot_loader_cache_bytes",
                add.word, {add.word, add.word}, constant);
  for (auto [i, entry, entryNames] :
       llvm::enumerate(manifest.entries, names.entries)) {
    add.forward(claim(entryNames.function), "allot_loader_run", add.integer,
                {p, p, p, add.word}, description.entry(i));
    if (llvm::any_of(entry.aliases, [](int64_t alias) { return alias < 0; }))
      add.forward(claim(entryNames.function + "_free"), "allot_loader_free",
                  add.none, {p}, description.entry(i));
  }
}
