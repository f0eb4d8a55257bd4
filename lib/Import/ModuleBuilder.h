//===- ModuleBuilder.h - weights and maps of imported modules ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What importers of all containers share. First all weights are declared, which
// may fail; then functions are built over them, which cannot.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_MODULEBUILDER_H
#define ALLOT_LIB_IMPORT_MODULEBUILDER_H

#include "allot/Import/Peft.h"
#include "allot/Import/WeightSource.h"
#include "allot/Support/Digest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include <optional>

namespace allot::importer {

/// An argument or result of a function, by the name that callers use.
struct Port {
  llvm::StringRef name;
  mlir::Type type;
  /// Of an argument of an entry: names of its sizes (those of one name agree),
  /// the largest sizes (0: any), what it is where a caller leaves it out.
  llvm::SmallVector<llvm::StringRef> sizes = {};
  llvm::SmallVector<int64_t> limits = {};
  std::optional<int64_t> otherwise = std::nullopt;
};

class ModuleBuilder {
public:
  ModuleBuilder(mlir::MLIRContext &context, llvm::StringRef outputDirectory);

  /// The symbol of a weight is the path of its module followed by this:
  /// nothing, or `.weight` where functions are called as the modules are.
  void setWeightSuffix(llvm::StringRef suffix) { weightSuffix = suffix.str(); }

  /// Adapters, by name, are members of a bank of which each sequence has one.
  void setBank(std::vector<std::string> names);
  bool hasBank() const { return !bankNames.empty(); }
  /// The argument that says which one a sequence has, -1 for none.
  static constexpr llvm::StringLiteral choiceName = "adapter";
  /// Of the function being built: the member of each sequence `[batch]`, and of
  /// each of its tokens `[batch, T]` (null where there is no such input).
  void setChoice(mlir::Value ofSequences, mlir::Value ofTokens);
  /// Fails where an adapter does more to a module than change the map of a
  /// linear layer.
  llvm::Error checkBank(const Adaptations &adaptations,
                        llvm::ArrayRef<ModuleInfo> modules) const;

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  /// Declares the parameters of `module` and of what adapters add to it.
  /// The module whose weight it shares must have been added before.
  /// `expectedBy` says in errors who wants a shape.
  llvm::Error addModule(const ModuleInfo &module, WeightSource &weights,
                        const Adaptations &adaptations,
                        llvm::StringRef expectedBy);

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  /// Starts a function; the builder then stands in its body. Entries carry the
  /// names of their ports.
  mlir::func::FuncOp beginFunction(llvm::StringRef name,
                                   llvm::ArrayRef<Port> arguments,
                                   llvm::ArrayRef<Port> results, bool entry);
  void endFunction(mlir::ValueRange results);

  /// The map of a module, and its bias (null where there is none).
  mlir::Value map(llvm::StringRef path);
  mlir::Value bias(llvm::StringRef path);
  /// `map(x) + bias`, and what adapters make of that; leading dimensions of x
  /// are rows. `arguments` has those that adapters ask for, by name.
  mlir::Value apply(llvm::StringRef path, mlir::Value x,
                    const llvm::StringMap<mlir::Value> &arguments = {});
  /// A prompt `[length, hidden]` that an attention block sees, and a gate
  /// `[1]`.
  struct Prompt {
    llvm::StringRef adapter;
    mlir::Value tokens, gate;
  };
  llvm::SmallVector<Prompt> prompts(llvm::StringRef path);
  /// What an adapter puts before every sequence, `[length, numbers]`; null
  /// where none does.
  mlir::Value prepended(llvm::StringRef path);
  /// Says that what gives `y` cannot be merged: it does more than its map.
  void markBeyondMap(mlir::Value y, llvm::StringRef adapter);
  /// Rows `ids` of the map of an embedding.
  mlir::Value gather(llvm::StringRef path, mlir::Value ids);
  /// The weight of a norm, or of a module of another kind that is no map,
  /// decoded.
  mlir::Value norm(llvm::StringRef path);

  mlir::OpBuilder &builder() { return b; }
  mlir::Location loc() const { return mlir::UnknownLoc::get(b.getContext()); }
  mlir::Location loc(llvm::StringRef site) const;
  mlir::ModuleOp module() { return *root; }

  /// Adds to what the model's digest is of.
  void digest(llvm::StringRef text) { fingerprint.update(text).update(0); }

  /// Sets digest and number of weights, verifies, and gives the module away.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> finish();

private:
  struct Site {
    ModuleInfo info;
    std::string weight, bias;
    const ModuleAdaptation *adaptation = nullptr;
  };

  /// The symbol of a tensor of an adapter.
  std::string partSymbol(const ModuleInfo &module, const AdapterForm &form,
                         llvm::StringRef part) const;
  /// The map of a module without adapters.
  mlir::Value frozenMap(const Site &site);
  /// The maps that the adapters of the bank make of a module; null where none
  /// changes it.
  mlir::Value bankOf(const Site &site);
  /// The biases of all members and, last, the module's own, `[members + 1,
  /// OUT]`; null where no adapter changes the bias.
  mlir::Value biasesOf(const Site &site);
  mlir::Value withApplied(const Site &site, mlir::Value x, mlir::Value y,
                          const llvm::StringMap<mlir::Value> &arguments);
  mlir::Value withForm(const Site &site, const AdapterForm &form,
                       mlir::Value frozen,
                       llvm::function_ref<mlir::Value(FormBuilder &)> build);
  llvm::Error addWeight(llvm::StringRef symbol, const StoredTensor &stored,
                        bool base);
  llvm::Expected<mlir::RankedTensorType> typeOf(const StoredTensor &stored);
  std::string relativePath(llvm::StringRef path);
  mlir::Value load(llvm::StringRef symbol);
  mlir::Value vector(llvm::StringRef symbol);

  mlir::OpBuilder b;
  mlir::OwningOpRef<mlir::ModuleOp> root;
  std::string outputDirectory, weightSuffix;
  std::vector<std::string> bankNames;
  mlir::Value choiceOfSequences, choiceOfTokens;
  llvm::StringMap<std::string> relativePaths;
  llvm::StringMap<mlir::Attribute> formats;
  llvm::StringMap<mlir::ml_program::GlobalOp> globals;
  mlir::Operation *lastGlobal = nullptr;
  llvm::StringMap<Site> sites;
  /// Where layers are repeated: the symbols of parameters by their names in the
  /// checkpoint.
  llvm::StringMap<std::string> repeated;
  /// Of the function being built: what has been loaded, decoded and composed.
  llvm::StringMap<mlir::Value> loaded, decoded, maps;
  support::Digest fingerprint;
  int64_t weights = 0;
};

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_MODULEBUILDER_H
