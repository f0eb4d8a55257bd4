//===- Values.h - operands and results of evaluated ops ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_VALUES_H
#define ALLOT_LIB_REFERENCE_VALUES_H

#include "allot/Interfaces/ReferenceInterfaces.h"
#include "allot/Reference/Interpreter.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Value.h"

namespace allot::reference {

using Values = llvm::ArrayRef<RefValue>;
using Results = llvm::SmallVectorImpl<RefValue>;

/// One file per dialect, or group of its ops, attaches their models.
void registerAdapterModels(mlir::DialectRegistry &registry);
void registerStructuredMapModels(mlir::DialectRegistry &registry);
void registerBankModels(mlir::DialectRegistry &registry);
void registerLeafModels(mlir::DialectRegistry &registry);
void registerNetworkModels(mlir::DialectRegistry &registry);
void registerComputedModels(mlir::DialectRegistry &registry);
void registerFormatModels(mlir::DialectRegistry &registry);
void registerNNModels(mlir::DialectRegistry &registry);
void registerAttentionModels(mlir::DialectRegistry &registry);
void registerRoutedModels(mlir::DialectRegistry &registry);

/// Turns a function into a model of ReferenceOpInterface.
template <typename Op, llvm::LogicalResult (*evaluate)(Op, Values, Results &)>
struct Model : ReferenceOpInterface::ExternalModel<Model<Op, evaluate>, Op> {
  llvm::LogicalResult evaluateReference(mlir::Operation *op, Values operands, Results &results) const {
    return evaluate(llvm::cast<Op>(op), operands, results);
  }
};

/// The operands of an op that is being evaluated, by name. What is wrong with them is reported at the op.
class Operands {
public:
  Operands(mlir::Operation *op, Values values) : op(op), values(values) {}

  /// The value of an operand (any of them, if the op takes it more than once).
  const RefValue &at(mlir::Value operand) const;
  llvm::ArrayRef<int64_t> shape(mlir::Value operand) const { return at(operand).shape; }

  /// The elements of a tensor. Fails where nobody has written them, and on other kinds of values.
  llvm::LogicalResult read(mlir::Value operand, llvm::StringRef what, llvm::ArrayRef<float> &elements) const;
  llvm::LogicalResult read(mlir::Value operand, llvm::StringRef what, llvm::ArrayRef<int64_t> &elements) const;
  /// The numbers of a plain or encoded tensor.
  llvm::LogicalResult decode(mlir::Value operand, llvm::StringRef what, std::vector<float> &elements) const;
  llvm::LogicalResult expectShape(mlir::Value operand, llvm::StringRef what, llvm::ArrayRef<int64_t> shape) const;
  llvm::LogicalResult expectRank(mlir::Value operand, llvm::StringRef what, size_t rank) const;

private:
  mlir::Operation *op;
  Values values;
};

RefValue makeScalar(float value);
RefValue makeScalar(int64_t value);
/// A tensor that nobody has written yet.
RefValue makeUnwritten(llvm::ArrayRef<int64_t> shape);

/// Product of the dimensions; fails at the op where one is negative or the product does not fit.
llvm::FailureOr<int64_t> countElements(mlir::Operation *op, llvm::ArrayRef<int64_t> shape);

/// Fails at the op unless `value` can be a value of `type`: kind, rank, static dimensions, number of elements.
llvm::LogicalResult checkValue(mlir::Operation *op, const RefValue &value, mlir::Type type, const llvm::Twine &what);

/// `[2, 3]` as `2x3`.
std::string shapeText(llvm::ArrayRef<int64_t> shape);

/// The rows of a plain or encoded tensor, or null where it was never written.
std::shared_ptr<const RefValue::Encoded> rowsOf(const RefValue &value);

/// Rows and columns of a tensor: leading dimensions folded, a vector is one row.
std::pair<int64_t, int64_t> foldedShape(llvm::ArrayRef<int64_t> shape);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_VALUES_H
