//===- WeightTable.h - entries of the weight table, and their bytes -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_FORMAT_TRANSFORMS_WEIGHTTABLE_H
#define ALLOT_LIB_DIALECT_FORMAT_TRANSFORMS_WEIGHTTABLE_H

#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace allot::format {

/// `tensor<?xi8>`: the bytes of an encoded tensor.
mlir::RankedTensorType getBytesType(mlir::MLIRContext *context);
/// `memref<?xmemref<?xi8>>`.
mlir::MemRefType getTableType(mlir::MLIRContext *context);

/// Every global whose value is `#format.stored` has a format, and the size that
/// its type says; emits an error at each that has not.
llvm::LogicalResult verifyStoredGlobals(mlir::ModuleOp module);

/// What a program wants of its globals, in the order of the first wish.
class WeightTable {
public:
  explicit WeightTable(mlir::ModuleOp module) : symbols(module) {}

  /// The index of `load`'s global as `type`.
  llvm::FailureOr<unsigned> getEntry(mlir::ml_program::GlobalLoadConstOp load,
                                     mlir::RankedTensorType type);

  /// The value of `format.table`.
  mlir::ArrayAttr getAttr(mlir::MLIRContext *context) const;

private:
  using Key = std::pair<mlir::Attribute, mlir::Type>;
  mlir::SymbolTable symbols;
  llvm::MapVector<Key, unsigned> entries;
  /// Of the globals that are computed.
  llvm::DenseMap<mlir::Attribute, ComputedAttr> programs;
};

/// The entries that one function reads: loaded at its beginning, once each.
class FunctionWeights {
public:
  /// `function` has the table as its first argument.
  FunctionWeights(mlir::func::FuncOp function, WeightTable &table);

  /// The bytes of `load`'s global as `type`, `tensor<?xi8>`.
  llvm::FailureOr<mlir::Value>
  getBytes(mlir::ml_program::GlobalLoadConstOp load,
           mlir::RankedTensorType type);
  /// The numbers of `load`'s global as a plain tensor.
  llvm::FailureOr<mlir::Value>
  getNumbers(mlir::ml_program::GlobalLoadConstOp load);
  /// The bytes of `source` (plain f32, computed) in the float format of `type`
  /// (f32, packed or not): a buffer of the function, written after `source`.
  mlir::Value storeComputed(mlir::Value source, mlir::RankedTensorType type);

private:
  void goToBeginning();
  llvm::FailureOr<mlir::Value>
  getBuffer(mlir::ml_program::GlobalLoadConstOp load,
            mlir::RankedTensorType type);

  mlir::func::FuncOp function;
  WeightTable &table;
  mlir::OpBuilder builder;
  /// The op after which the next load goes.
  mlir::Operation *last = nullptr;
  llvm::DenseMap<unsigned, mlir::Value> buffers, bytes, numbers;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Type>, mlir::Value> computed;
};

} // namespace allot::format

#endif // ALLOT_LIB_DIALECT_FORMAT_TRANSFORMS_WEIGHTTABLE_H
