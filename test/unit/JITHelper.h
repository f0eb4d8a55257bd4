//===- JITHelper.h - run the kernels of a module in a test ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_JITHELPER_H
#define ALLOT_TEST_UNIT_JITHELPER_H

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <array>
#include <memory>
#include <vector>

namespace allot::test {

/// Machine code of the functions of a module that have the attribute
/// `llvm.emit_c_interface`.
class CompiledKernels {
public:
  /// Parses `source`, runs the passes that `convert` adds (ours: from ops on
  /// buffers to kernels), lowers the rest with stock passes and compiles it as
  /// programs are compiled: -O3 for this processor, the loop unroller off.
  static llvm::Expected<std::unique_ptr<CompiledKernels>>
  create(llvm::StringRef source, mlir::MLIRContext &context,
         llvm::function_ref<void(mlir::OpPassManager &)> convert);
  /// The same for a module that has its kernels already; changes it.
  static llvm::Expected<std::unique_ptr<CompiledKernels>>
  create(mlir::ModuleOp module);

  /// Calls `name`. Arguments are Buffers, or scalars of the type that the
  /// function takes.
  template <typename... Args>
  llvm::Error call(llvm::StringRef name, Args &&...args) {
    std::vector<void *> pointers;
    pointers.reserve(sizeof...(Args));
    Holder holders[] = {hold(args)...};
    for (Holder &holder : holders)
      pointers.push_back(holder.isBuffer ? static_cast<void *>(&holder.address)
                                         : holder.address);
    return engine->invokePacked(("_mlir_ciface_" + name).str(), pointers);
  }

  /// Calls `name`; each argument points to a pointer to a descriptor, or to a
  /// scalar.
  llvm::Error callPacked(llvm::StringRef name, std::vector<void *> arguments) {
    return engine->invokePacked(("_mlir_ciface_" + name).str(), arguments);
  }

private:
  struct Holder {
    void *address;
    bool isBuffer;
  };
  template <typename T>
  static auto hold(T &value) -> decltype(value.descriptor(), Holder()) {
    return {&value.descriptor(), true};
  }
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  static Holder hold(T &value) {
    return {const_cast<std::remove_const_t<T> *>(&value), false};
  }

  std::unique_ptr<mlir::ExecutionEngine> engine;
};

/// The dialects and translations that `CompiledKernels` needs.
void registerForJIT(mlir::DialectRegistry &registry);

/// A row-major buffer as kernels see it.
template <typename T, int N>
class Buffer {
public:
  explicit Buffer(std::array<int64_t, N> sizes, T fill = T()) {
    int64_t count = 1;
    for (int i = N - 1; i >= 0; --i) {
      desc.sizes[i] = sizes[i];
      desc.strides[i] = count;
      count *= sizes[i];
    }
    values.assign(static_cast<size_t>(count) + 1, fill);
    desc.basePtr = desc.data = values.data();
    desc.offset = 0;
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  /// A part of memory that another buffer owns.
  Buffer(T *data, std::array<int64_t, N> sizes,
         std::array<int64_t, N> strides) {
    desc.basePtr = desc.data = data;
    desc.offset = 0;
    for (int i = 0; i < N; ++i)
      desc.sizes[i] = sizes[i], desc.strides[i] = strides[i];
  }

  template <typename... Indices>
  T &operator()(Indices... indices) {
    static_assert(sizeof...(Indices) == N, "one index per dimension");
    int64_t at[] = {static_cast<int64_t>(indices)...}, position = desc.offset;
    for (int i = 0; i < N; ++i)
      position += at[i] * desc.strides[i];
    return desc.data[position];
  }
  int64_t size(int i) const { return desc.sizes[i]; }
  int64_t count() const { return static_cast<int64_t>(values.size()) - 1; }
  T *data() { return desc.data; }
  StridedMemRefType<T, N> &descriptor() { return desc; }

private:
  std::vector<T> values;
  StridedMemRefType<T, N> desc;
};

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_JITHELPER_H
