//===- FormBuilder.h - adapters as expressions ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the forms of adapters are built with. Everything was checked when the
// adapter was read, so that nothing fails here.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_FORMBUILDER_H
#define ALLOT_LIB_IMPORT_FORMBUILDER_H

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Import/Peft.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace allot::importer {

class FormBuilder {
public:
  using Load = llvm::function_ref<mlir::Value(llvm::StringRef part)>;

  /// `load` gives the stored tensor of a part; `frozen` is the map of the
  /// module without any adapter.
  FormBuilder(mlir::OpBuilder &builder, mlir::Location loc,
              const ModuleInfo &module, mlir::Value frozen, Load load)
      : b(builder), loc(loc), module(module), frozen(frozen), load(load) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  const ModuleInfo &module;
  mlir::Value frozen;

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  /// A part as it is stored.
  mlir::Value stored(llvm::StringRef part) { return load(part); }
  /// The numbers of a part.
  mlir::Value numbers(llvm::StringRef part);
  /// A constant f32 tensor.
  mlir::Value constant(llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<float> values);
  mlir::Value splat(llvm::ArrayRef<int64_t> shape, double value);
  mlir::Value reshape(mlir::Value tensor, llvm::ArrayRef<int64_t> shape);
  mlir::Value permute(mlir::Value tensor, llvm::ArrayRef<int64_t> order);
  mlir::Value slice(mlir::Value tensor, llvm::ArrayRef<int64_t> offsets,
                    llvm::ArrayRef<int64_t> sizes);
  /// `count` times the rows of a tensor, one after the other: entry i of the
  /// first dimension is entry i mod N.
  mlir::Value repeat(mlir::Value tensor, int64_t count);
  /// Entries of the first dimension of a table, by whole numbers: result[i...,
  /// j...] = table[indices[i...], j...]. A number outside of the table stands
  /// for the nearest one inside.
  mlir::Value lookup(mlir::Value table, mlir::Value indices);
  /// `tensor.empty` of f32.
  mlir::Value empty(llvm::ArrayRef<mlir::OpFoldResult> sizes);
  /// Sum of products by index letters: "ij,jk->ik" is a product of matrices.
  mlir::Value einsum(llvm::StringRef spec, mlir::ValueRange inputs);
  /// The first left (columns) or right (rows) singular vectors of a matrix.
  mlir::Value singularVectors(mlir::Value matrix, bool right, int64_t count);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value multiply(mlir::Value x, mlir::Value y);
  mlir::Value multiply(mlir::Value x, double factor);
  /// function(x), number by number; `function` builds it for one f32.
  mlir::Value map(mlir::Value x,
                  llvm::function_ref<mlir::Value(mlir::OpBuilder &,
                                                 mlir::Location, mlir::Value)>
                      function);

  //===--------------------------------------------------------------------===//
  // Maps
  //===--------------------------------------------------------------------===//

  mlir::Value dense(mlir::Value tensor);
  mlir::Value lowRank(mlir::Value B, mlir::Value A, mlir::Value gate = {});
  /// The diagonal of a tensor with as many numbers, in their order.
  mlir::Value diagonal(mlir::Value tensor);
  /// y[i] = x[sources[i]].
  mlir::Value permutation(llvm::ArrayRef<int64_t> sources);
  /// y[i] = x[i mod inputs].
  mlir::Value cycle(int64_t outputs, int64_t inputs);
  mlir::Value scale(mlir::Value map, double factor);
  /// Of two or more maps; a first one that is a sum grows.
  mlir::Value sum(llvm::ArrayRef<mlir::Value> maps);
  /// The last map meets the input first.
  mlir::Value compose(llvm::ArrayRef<mlir::Value> maps);
  mlir::Value transpose(mlir::Value map);
  /// The dense matrix of a map.
  mlir::Value materialize(mlir::Value map);
  /// map(v) of a vector.
  mlir::Value applyTo(mlir::Value map, mlir::Value vector);

private:
  Load load;
};

/// OUT and IN of a map.
inline int64_t outOf(mlir::Value map) {
  return mlir::cast<adapter::MapType>(map.getType()).getOut();
}
inline int64_t inOf(mlir::Value map) {
  return mlir::cast<adapter::MapType>(map.getType()).getIn();
}
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_FORMBUILDER_H
