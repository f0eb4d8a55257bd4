//===- Reference.cpp - entries by the reference evaluation ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Reference/Interpreter.h"
#include "Diagnostics.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Runtime/Program.h"
#include "allot/Support/Half.h"
#include <omp.h>

using namespace allot;
using namespace allot::runtime;
using archive::DType;

static RefValue valueOf(const Tensor &tensor) {
  llvm::ArrayRef<int64_t> shape = tensor.shape();
  switch (tensor.dtype()) {
  case DType::I32: {
    auto values = tensor.values<int32_t>();
    return reference::makeTensor(shape, std::vector<int64_t>(values.begin(), values.end()));
  }
  case DType::I64: {
    auto values = tensor.values<int64_t>();
    return reference::makeTensor(shape, std::vector<int64_t>(values.begin(), values.end()));
  }
  case DType::F16: {
    std::vector<float> values(tensor.numElements());
    support::f16ToFloat(tensor.bytes().data(), values.data(), values.size());
    return reference::makeTensor(shape, std::move(values));
  }
  default: {
    auto values = tensor.values<float>();
    return reference::makeTensor(shape, std::vector<float>(values.begin(), values.end()));
  }
  }
}

static llvm::Expected<Tensor> tensorOf(const RefValue &value, const Parameter &parameter) {
  if (!value.floats && !value.ints)
    return llvm::createStringError("output " + support::quoted(parameter.name) + " is never written");
  auto tensor = Tensor::create(parameter.name, parameter.dtype, value.shape);
  if (!tensor)
    return tensor.takeError();
  if (parameter.dtype == DType::I32)
    llvm::copy(*value.ints, tensor->values<int32_t>().begin());
  else if (parameter.dtype == DType::I64)
    llvm::copy(*value.ints, tensor->values<int64_t>().begin());
  else if (parameter.dtype == DType::F16)
    support::floatToF16(value.floats->data(), tensor->bytes().data(), value.floats->size());
  else
    llvm::copy(*value.floats, tensor->values<float>().begin());
  return tensor;
}

llvm::Expected<std::vector<Tensor>> Program::runReference(const Entry &entry, llvm::ArrayRef<const Tensor *> inputs) {
  llvm::SmallVector<RefValue> arguments, results;
  for (const Tensor *input : inputs)
    arguments.push_back(valueOf(*input));
  if (omp_get_max_threads() != int(threads))
    omp_set_num_threads(int(threads));
  Diagnostics diagnostics(context.get());
  if (mlir::failed(interpreter->call(entry.name, arguments, results)))
    return diagnostics.error(file, "the reference evaluation failed");
  std::vector<Tensor> outputs;
  for (auto [result, parameter] : llvm::zip_equal(results, entry.outputs)) {
    auto output = tensorOf(result, parameter);
    if (!output)
      return support::fileError(file, "entry " + support::quoted(entry.name) + ": " + llvm::toString(output.takeError()));
    outputs.push_back(std::move(*output));
  }
  return outputs;
}
