//===- ScalarProgram.h - bodies of ops on elements --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_SCALARPROGRAM_H
#define ALLOT_LIB_REFERENCE_SCALARPROGRAM_H

#include "Elementwise.h"
#include "Values.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

namespace allot::reference {

/// Finds the value of an operand of a nested op that is defined outside, or null.
using Environment = llvm::function_ref<const RefValue *(mlir::Value)>;

/// The body of a `linalg` op or of `tensor.generate`: straight-line code on scalars in double precision, which may read elements of tensors
/// from outside. Made once, run per element.
class ScalarProgram {
public:
  /// Fails with an error at the op that has no evaluation. Values from outside must outlive the program.
  static llvm::FailureOr<ScalarProgram> create(mlir::Block &body, Environment environment);

  /// Runs the body on its block arguments, at a point of the iteration space (`linalg.index`).
  llvm::LogicalResult run(llvm::ArrayRef<Scalar> arguments, llvm::ArrayRef<int64_t> point, llvm::MutableArrayRef<Scalar> results);

private:
  struct Step {
    mlir::Operation *op = nullptr;
    /// Of an elementwise op; null for `linalg.index` and `tensor.extract`.
    ScalarFunction function = nullptr;
    /// Of `tensor.extract`.
    const RefValue *tensor = nullptr;
    llvm::SmallVector<unsigned, 3> operands;
    unsigned result = 0;
  };
  llvm::LogicalResult addStep(mlir::Operation &op, Environment environment);
  llvm::FailureOr<unsigned> slotOf(mlir::Operation &user, mlir::Value value, Environment environment);
  llvm::LogicalResult extract(const Step &step);

  llvm::DenseMap<mlir::Value, unsigned> slots;
  std::vector<Scalar> registers;
  std::vector<Step> steps;
  llvm::SmallVector<unsigned, 2> yielded;
};

/// Element `index` of a tensor that was written.
inline Scalar elementOf(const RefValue &value, int64_t index) {
  Scalar s;
  if (value.floats)
    s.f = (*value.floats)[index];
  else
    s.i = (*value.ints)[index];
  return s;
}

/// A tensor of scalars: floats or integers, as the element type says.
RefValue makeTensorOf(mlir::Type elementType, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Scalar> elements);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_SCALARPROGRAM_H
