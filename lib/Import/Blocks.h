//===- Blocks.h - what programs of all kinds of models are made of -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values are `[batch, T, ...]`; sizes may be static. Decoders of the table of
// families have blocks of their own (DecoderBuilder.h).
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_BLOCKS_H
#define ALLOT_LIB_IMPORT_BLOCKS_H

#include "ModuleBuilder.h"
#include "allot/Dialect/NN/IR/NN.h"

namespace allot::importer {

/// Declares the weights of a model with adapters put on them. Adapters that do
/// more than change modules are refused, and so are banks, and tensors that
/// nobody asked for, unless they are `ignored`. `adaptations` gets what the
/// adapters do, and outlives the building of functions.
llvm::Error declareModules(ModuleBuilder &module,
                           llvm::ArrayRef<ModuleInfo> modules,
                           WeightSource &weights,
                           llvm::ArrayRef<AdapterSource> adapters,
                           Adaptations &adaptations, llvm::StringRef expectedBy,
                           llvm::function_ref<bool(llvm::StringRef)> ignored);

/// Fails where an adapter takes an argument, which whole models do not have.
llvm::Error refuseArguments(const AdapterForm &form,
                            llvm::StringRef expectedBy);

/// Declares the parameters of modules and of what adapters add to them, and
/// fails where a tensor is left that is neither replaced by an adapter nor
/// `ignored`.
llvm::Error addModules(ModuleBuilder &module,
                       llvm::ArrayRef<ModuleInfo> modules,
                       WeightSource &weights, const Adaptations &adaptations,
                       llvm::StringRef expectedBy,
                       llvm::function_ref<bool(llvm::StringRef)> ignored);

/// Notes on the module what kind of model it is (`allot.config`, and
/// `allot.vocab` where there is one).
void setFacts(ModuleBuilder &module, llvm::StringRef family,
              llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> facts);

class Blocks {
public:
  explicit Blocks(ModuleBuilder &module) : m(module), b(module.builder()) {}

  static constexpr int64_t any = mlir::ShapedType::kDynamic;
  mlir::RankedTensorType floats(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, b.getF32Type());
  }
  mlir::RankedTensorType ints(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, b.getI32Type());
  }

  mlir::Value size(mlir::Value x, int64_t dimension);
  /// `tensor.empty` of a type whose dynamic sizes are the first ones of x.
  mlir::Value emptyLike(mlir::RankedTensorType type, mlir::Value x);
  mlir::Value tap(mlir::Value x, const llvm::Twine &name);
  mlir::Value add(llvm::StringRef path, mlir::Value x, mlir::Value y);
  mlir::Value activation(llvm::StringRef path, nn::ActivationKind kind,
                         mlir::Value x);
  /// Layer norm with the parameters of a module, or RMS norm.
  mlir::Value layerNorm(llvm::StringRef path, mlir::Value x, double epsilon);
  mlir::Value rmsNorm(llvm::StringRef path, mlir::Value x, double epsilon);

  /// i32 `[batch, T]` of tokens like these: places from `past` (null: 0) on,
  /// at most `most`, which only tokens that do not count can exceed.
  mlir::Value positions(mlir::Value tokens, mlir::Value past, int64_t most);
  /// The same number for each row of a batch, i32 `[batch]`.
  mlir::Value perRow(mlir::Value batch, int64_t number);
  /// `[batch, ...]` with x for each row.
  mlir::Value onEveryRow(mlir::Value x, mlir::Value batch);

  /// What a block of attention sees, and how.
  struct Attention {
    mlir::Value past, total, mask, distances;
    bool causal = false;
    double scale = 1;
  };
  /// `[batch, T, heads * size]` as `[batch, T, heads, size]`, and back.
  mlir::Value heads(mlir::Value x, int64_t count);
  mlir::Value joined(mlir::Value heads);
  /// Attention of heads; the result with its heads joined.
  mlir::Value attend(llvm::StringRef path, mlir::Value q, mlir::Value k,
                     mlir::Value v, const Attention &how);

  /// Columns [first, first + count) of x `[batch, T, n]`.
  mlir::Value columns(mlir::Value x, int64_t first, int64_t count);
  /// x `[batch, T, n]` at place `at` of each row: `[batch, n]`.
  mlir::Value atPlace(mlir::Value x, int64_t at);
  /// x at the last of the `count[b]` tokens of each row: `[batch, n]`. A row
  /// without tokens takes its first place, whose result nobody uses.
  mlir::Value atLast(mlir::Value x, mlir::Value count);

  /// Of caches `[layer, k/v, batch, capacity, heads, size]`: all keys (slot 0)
  /// or values (1) of a layer.
  mlir::Value ofCache(mlir::Value cache, int64_t layer, int64_t slot);

  ModuleBuilder &m;
  mlir::OpBuilder &b;
};

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_BLOCKS_H
