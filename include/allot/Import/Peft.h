//===- Peft.h - adapters as PEFT saves them ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads folders with `adapter_config.json` and `adapter_model.safetensors`.
// Options that would change the map and are not supported are refused by name;
// so is every tensor that no option explains.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_PEFT_H
#define ALLOT_IMPORT_PEFT_H

#include "allot/Import/Import.h"
#include "allot/Import/WeightSource.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace allot::importer {

enum class ModuleKind {
  /// Weight `[out, in]`.
  Linear,
  /// Weight stored transposed, `[in, out]`.
  Conv1D,
  /// Table `[rows, dim]`, read by row.
  Embedding,
  /// Weight `[dim]` and maybe a bias.
  Norm,
  /// All of an attention block: no parameters of its own, `in` numbers go in.
  Attention,
  /// All of a language model: no parameters of its own, tokens are embedded as
  /// `in` numbers.
  Model,
  /// A vector `[out]` that has no module of its own: it is stored under the
  /// path
  /// itself.
  Vector,
  /// Weight `[out, in, taps]` of a convolution over positions.
  Convolution,
  /// Something that no adapter can be put on.
  Other
};

/// A module of the base model, to which adapters refer by its path.
struct ModuleInfo {
  std::string path;
  ModuleKind kind = ModuleKind::Linear;
  /// Of an embedding: `out` rows of size `in`; of a norm `out` numbers.
  int64_t out = 0, in = 0;
  bool hasBias = false;
  /// The output head, which `all-linear` leaves out.
  bool isHead = false;
  /// Path of the module whose weight this one shares; empty: its own.
  std::string tiedTo = "";
  /// Path of the module of the checkpoint that has its parameters, where layers
  /// are repeated; empty: its own.
  std::string storedAs = "";
  /// Its place in the model, which some adapters count by.
  int64_t order = 0;
  /// Of an attention block: how many heads its keys and values have.
  int64_t heads = 0;
  /// What the checkpoint calls its parameters; no weight name: the tensor is
  /// called as the module is.
  std::string weightName = "weight", biasName = "bias";
  /// The shape that the checkpoint gives the weight, where the program takes
  /// the same numbers as `[out, in]`; empty: that which the kind has.
  std::vector<int64_t> storedShape = {};
  /// Of a matrix that is part of a parameter of several experts: the path of
  /// their module, the name of the parameter in it, which of how many, and its
  /// place among the parameters of the module.
  std::string expertsPath = "", parameter = "";
  int64_t expert = 0, experts = 0, parameterOrder = 0;
  /// Of a convolution: how many positions it sees.
  int64_t taps = 0;
};

/// The modules by their place in the model.
std::vector<const ModuleInfo *>
inModelOrder(llvm::ArrayRef<ModuleInfo> modules);

class FormBuilder;

/// What one adapter does to one module: an expression over its map and stored
/// tensors.
struct AdapterForm {
  /// A stored tensor, by the name that the expression has for it. One that is
  /// `shared` belongs to the adapter, else to the module.
  struct Part {
    std::string name;
    StoredTensor tensor;
    bool shared = false;
  };

  std::string adapter;
  std::vector<Part> parts;
  /// Everything besides the tensors that the expression depends on: goes into
  /// the digest of the model.
  std::string key;
  /// The map of the module as the adapter changes it, from the map before
  /// (`OUT x IN`; of an embedding `rows x dim`). Null: it stays.
  std::function<mlir::Value(FormBuilder &, mlir::Value)> map;
  /// The output, of a module that the adapter makes something other than a
  /// linear map of: from its input and its output before, both with their
  /// leading dimensions as rows, and the `arguments`. Null: it stays.
  std::function<mlir::Value(FormBuilder &, mlir::Value, mlir::Value,
                            llvm::ArrayRef<mlir::Value>)>
      apply;
  /// Further arguments of the function that the module is in: one i32 number
  /// for each sequence.
  std::vector<std::string> arguments;
  /// It is on an attention block, whose queries see a part `prompt`, too, times
  /// a part `gate`.
  bool attends = false;
  /// A part that comes before every sequence: of a model, rows before the
  /// embedded tokens; of an attention block, keys and values of all layers.
  std::string prepends;
  /// The bias, from the bias before (null where there is none). Null: it stays.
  std::function<mlir::Value(FormBuilder &, mlir::Value)> bias;
};

/// What adapters do to one module.
struct ModuleAdaptation {
  /// In the order of the adapters; each meets what those before it made.
  std::vector<AdapterForm> forms;
  /// Replacements of the stored parameters, and by which adapter.
  std::optional<StoredTensor> weight, bias;
  std::string weightAdapter, biasAdapter;
};

/// By module path.
using Adaptations = std::map<std::string, ModuleAdaptation>;

/// Reads adapters (with distinct names) for a model of these modules. The kinds
/// that are known: lib/Import/Tuners.
/// `layer_replication`: of each layer of the model as the adapters change it
/// the one of the checkpoint, of `layers`, whose parameters it has. Empty where
/// no adapter says so.
llvm::Expected<std::vector<int64_t>>
readLayerSources(llvm::ArrayRef<AdapterSource> adapters, int64_t layers);

llvm::Expected<Adaptations> readAdapters(llvm::ArrayRef<AdapterSource> adapters,
                                         llvm::ArrayRef<ModuleInfo> modules);

} // namespace allot::importer

#endif // ALLOT_IMPORT_PEFT_H
