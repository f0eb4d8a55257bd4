//===- ModelSites.cpp - the matrices of a model and their inputs *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelSites.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "allot/Dialect/Routed/Transforms/Passes.h"
#include "allot/Support/Error.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace allot;
using namespace allot::profile;

llvm::Expected<std::unique_ptr<ModelSites>>
ModelSites::create(mlir::ModuleOp module, llvm::StringRef name,
                   llvm::StringRef folder) {
  auto model = std::make_unique<ModelSites>();
  model->module = module;
  model->name = name.str();
  model->folder = folder.str();
  std::string message;
  llvm::raw_string_ostream os(message);
  mlir::ScopedDiagnosticHandler handler(
      module.getContext(), [&](mlir::Diagnostic &diagnostic) {
        os << diagnostic.getLocation() << ": " << diagnostic << "\n";
        return mlir::success();
      });
  auto failed = [&](const llvm::Twine &what) {
    return support::fileError(
        name,
        message.empty() ? what : llvm::Twine(llvm::StringRef(message).rtrim()));
  };
  auto sites = analysis::collectSites(module);
  if (mlir::failed(sites) || sites->empty())
    return failed("has no matrices that can be planned");
  model->sites = std::move(*sites);
  if (auto digest =
          module->getAttrOfType<mlir::StringAttr>("allot.model_digest"))
    model->digest = digest.str();
  if (auto vocab = module->getAttrOfType<mlir::IntegerAttr>("allot.vocab"))
    model->vocab = std::clamp<int64_t>(vocab.getInt(), 0, int64_t(1) << 30);
  llvm::StringMap<std::string> names;
  // Of each bank the sites of its members.
  llvm::StringMap<std::map<int64_t, std::string>> banks;
  for (const analysis::Site &site : model->sites) {
    for (const std::string &alias : site.aliases)
      names[alias] = site.name;
    for (const auto &[bank, member] : site.banks)
      banks[bank][member] = site.name;
  }

  // Which matrices read the same value is what the instrumenting pass finds.
  mlir::OwningOpRef<mlir::ModuleOp> instrumented(module.clone());
  mlir::PassManager pm(module.getContext());
  pm.addPass(routed::createRoutedLower());
  pm.addPass(adapter::createAdapterInstrument());
  if (mlir::failed(pm.run(*instrumented)))
    return failed("cannot be instrumented");
  auto entry = instrumented->lookupSymbol<mlir::func::FuncOp>("logits");
  if (!entry)
    return failed("has no entry logits");
  entry->walk([&](nn::TapOp tap) {
    if (!tap.getSites())
      return;
    runtime::SharedInput input{tap.getName().str(), {}};
    for (auto site : tap.getSites()->getAsValueRange<mlir::StringAttr>())
      if (auto it = names.find(site);
          it != names.end() && !llvm::is_contained(input.sites, it->second))
        input.sites.push_back(it->second);
    // Members of the same number in banks that read the same rows.
    std::map<int64_t, runtime::SharedInput> byMember;
    for (auto bank : tap.getSites()->getAsValueRange<mlir::StringAttr>())
      if (auto it = banks.find(bank); it != banks.end())
        for (const auto &[member, site] : it->second) {
          runtime::SharedInput &own = byMember[member];
          own.output = input.output;
          own.ids = input.output + adapter::idsSuffix.str();
          own.member = member;
          own.sites.push_back(site);
        }
    if (byMember.empty() || !input.sites.empty())
      model->inputs.push_back(std::move(input));
    for (auto &[member, own] : byMember)
      model->inputs.push_back(std::move(own));
  });

  mlir::OwningOpRef<mlir::ModuleOp> cut(module.clone());
  auto parts =
      nn::splitAtTaps(cut->lookupSymbol<mlir::func::FuncOp>("logits"), kCuts);
  if (mlir::failed(parts))
    return failed("cannot be cut into parts");
  for (auto [k, part] : llvm::enumerate(*parts))
    part.walk([&, k = k](mlir::ml_program::GlobalLoadConstOp load) {
      model->firstPart.try_emplace(load.getGlobal().getLeafReference(), k);
    });
  model->gradients = gradientOptions(*parts, names);
  model->gradients.vocab = model->vocab;
  return model;
}
