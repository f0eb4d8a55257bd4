//===- Sites.h - the matrices of a model, by name ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ANALYSIS_SITES_H
#define ALLOT_ANALYSIS_SITES_H

#include "allot/Archive/StoredWeights.h"
#include "allot/Interfaces/LinearMapInterfaces.h"
#include "mlir/IR/BuiltinOps.h"

namespace allot::analysis {

/// A matrix about which something can be chosen: the map expression of all uses
/// (`adapter.apply`, `adapter.gather`) that carry its name, and its parts. The
/// expression is the base, or a sum of the base and adapters.
struct Site {
  std::string name;
  /// What its uses call it (`site`), each once: the name, but for weights that
  /// several modules share.
  llvm::SmallVector<std::string> aliases;
  /// The banks of which it is a member, by what their uses call them, and its
  /// number there.
  llvm::SmallVector<std::pair<std::string, int64_t>> banks;
  /// The ops that apply it or look rows up in it.
  llvm::SmallVector<mlir::Operation *> uses;
  /// One map value per use (the same expression, built again per function).
  llvm::SmallVector<mlir::Value> maps;
  /// The op whose storage format can be chosen, per use.
  llvm::SmallVector<mlir::Operation *> bases;
  /// Where the base's tensor is stored (a handle: mutable, since op accessors
  /// are not const).
  mutable mlir::ml_program::GlobalOp weight;
  /// Summands beside the base (of the first use), and the globals they read.
  llvm::SmallVector<mlir::Value> adapters;
  llvm::SmallVector<mlir::ml_program::GlobalOp> adapterWeights;

  int64_t rows = 0, columns = 0;
};

/// The sites of a module, in the order of their weights' globals. Fails, with
/// an error at the op, where two uses of a name disagree or an expression has
/// no single base. Weights that several names share (a tied head) are one site
/// under the name of the global.
mlir::FailureOr<std::vector<Site>> collectSites(mlir::ModuleOp module);

/// The global that a tensor value was loaded from, or null.
mlir::ml_program::GlobalOp getLoadedGlobal(mlir::Value tensor,
                                           mlir::SymbolTable &symbols);

/// Gives the numbers of a weight, row-major.
using WeightReader = llvm::function_ref<llvm::Expected<std::vector<float>>(
    mlir::ml_program::GlobalOp)>;

/// The dense matrix of a map expression over stored weights, by the reference
/// evaluation of its ops.
llvm::Expected<DenseMatrix> evaluateMap(mlir::Value map, WeightReader read,
                                        mlir::SymbolTable &symbols);

} // namespace allot::analysis

#endif // ALLOT_ANALYSIS_SITES_H
