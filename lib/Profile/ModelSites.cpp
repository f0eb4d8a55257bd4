//===- ModelSites.cpp - the matrices of a model and their inputs *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelSites.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/NN/Transforms/Transforms.h"
#include "allot/Support/Error.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

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
  for (const analysis::Site &site : model->sites)
    for (const std::string &alias : site.aliases)
      names[alias] = site.name;

  // Which matrices read the same value is what the instrumenting pass finds.
  mlir::OwningOpRef<mlir::ModuleOp> instrumented(module.clone());
  mlir::PassManager pm(module.getContext());
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
    model->inputs.push_back(std::move(input));
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
