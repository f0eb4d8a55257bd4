//===- Interpreter.h - reference evaluation of functions --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle of every lowering: functions at the tensor level, as importers make them and as maps are expanded, evaluated op by op with plain
// loops. Numbers are stored as f32, all sums are taken in f64. Nothing is shared with the lowerings but the codecs, which have tests of their own.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REFERENCE_INTERPRETER_H
#define ALLOT_REFERENCE_INTERPRETER_H

#include "allot/Interfaces/ReferenceInterfaces.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace allot::reference {

/// Attaches ReferenceOpInterface to the ops of the adapter, format and nn dialects. Formats must have their codecs
/// (codec::registerCodecExternalModels).
void registerReferenceExternalModels(mlir::DialectRegistry &registry);

/// A tensor of f32 or of integers; as many numbers as the shape has elements.
RefValue makeTensor(llvm::ArrayRef<int64_t> shape, std::vector<float> values);
RefValue makeTensor(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> values);

/// Evaluates functions of one module. The module must not change while its interpreter lives. Weights stay in their files: encoded
/// tensors are decoded a few rows at a time. Not thread-safe; uses all OpenMP threads.
class Interpreter {
public:
  /// Called with name and value of each `nn.tap` that is evaluated, in called functions too.
  using TapCallback = llvm::function_ref<void(llvm::StringRef name, const RefValue &value)>;

  /// `folder` is where the module's file lies: files of weights are relative to it. An error where a weight global has no static type or no value
  /// that can be read; files are opened when they are needed.
  static llvm::Expected<std::unique_ptr<Interpreter>> create(mlir::ModuleOp module, llvm::StringRef folder);
  ~Interpreter();

  /// Evaluates a function on its arguments. What goes wrong is reported as a diagnostic at the op: ops without a reference evaluation,
  /// shapes that do not agree at run time, ids out of range, weight files that are missing or changed.
  llvm::LogicalResult call(llvm::StringRef function, llvm::ArrayRef<RefValue> arguments, llvm::SmallVectorImpl<RefValue> &results,
                           TapCallback taps = nullptr);

private:
  struct Implementation;
  explicit Interpreter(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

} // namespace allot::reference

#endif // ALLOT_REFERENCE_INTERPRETER_H
