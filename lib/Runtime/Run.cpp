//===- Run.cpp - checks and calls of entries --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Program.h"
#include "allot/Support/Error.h"
#include "mlir/IR/BuiltinTypes.h"
#include <cstdlib>
#include <deque>
#include <omp.h>

using namespace allot;
using namespace allot::runtime;
using archive::DType;
using support::quoted;
using support::shapeString;

static llvm::Error inputError(const Entry &entry, llvm::StringRef input,
                              const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "entry " + quoted(entry.name) + ", input " +
                                     quoted(input) + ": " + message);
}

static std::string shapeOf(const Parameter &parameter) {
  std::string text;
  for (int64_t d : parameter.shape)
    text +=
        (text.empty() ? "" : "x") +
        (mlir::ShapedType::isDynamic(d) ? std::string("?") : std::to_string(d));
  return text.empty() ? "scalar" : text;
}

template <typename T>
static llvm::Error checkIds(const Entry &entry, const Tensor &tensor,
                            int64_t lowest, int64_t limit) {
  auto values = tensor.values<T>();
  for (size_t i = 0; i < values.size(); ++i)
    if (int64_t(values[i]) < lowest || int64_t(values[i]) >= limit)
      return inputError(entry, tensor.name(),
                        "id " + llvm::Twine(int64_t(values[i])) + " at place " +
                            llvm::Twine(i) + " is not in [" +
                            llvm::Twine(lowest) + ", " + llvm::Twine(limit) +
                            ")");
  return llvm::Error::success();
}

/// A limit of 0 is none.
static llvm::Error checkRange(const Entry &entry, const Tensor &tensor,
                              int64_t lowest, int64_t limit) {
  if (limit <= 0)
    return llvm::Error::success();
  return tensor.dtype() == DType::I64
             ? checkIds<int64_t>(entry, tensor, lowest, limit)
             : checkIds<int32_t>(entry, tensor, lowest, limit);
}

/// Of an entry with a cache: batch sizes agree, and every row's new tokens fit
/// behind those that it has.
static llvm::Error checkCache(const Entry &entry, const Tensor &tokens,
                              const Tensor &count, const Tensor &past,
                              const Tensor &cache) {
  int64_t batch = tokens.shape()[0], length = tokens.shape()[1],
          capacity = cache.shape()[3];
  for (const Tensor *tensor : {&count, &past})
    if (tensor->shape()[0] != batch)
      return inputError(entry, tensor->name(),
                        "has " + llvm::Twine(tensor->shape()[0]) +
                            " rows, there are " + llvm::Twine(batch) +
                            " rows of tokens");
  if (cache.shape()[2] != batch)
    return inputError(entry, cache.name(),
                      "has " + llvm::Twine(cache.shape()[2]) +
                          " rows, there are " + llvm::Twine(batch) +
                          " rows of tokens");
  for (int64_t b = 0; b < batch; ++b) {
    int64_t n = count.values<int32_t>()[b], before = past.values<int32_t>()[b];
    if (n < 1 || n > length)
      return inputError(entry, count.name(),
                        "row " + llvm::Twine(b) + " has " + llvm::Twine(n) +
                            " tokens, wanted 1 to " + llvm::Twine(length));
    if (before < 0 || before > capacity - n)
      return inputError(entry, past.name(),
                        "row " + llvm::Twine(b) + ": " + llvm::Twine(before) +
                            " tokens before " + llvm::Twine(n) +
                            " new ones do not fit into a cache of " +
                            llvm::Twine(capacity));
  }
  return llvm::Error::success();
}

/// An input that the caller leaves out: its default everywhere, in sizes that
/// are static or those of the first input.
static llvm::Expected<Tensor> defaultInput(const Parameter &first,
                                           const Tensor &given,
                                           const Parameter &parameter) {
  llvm::SmallVector<int64_t> shape(parameter.shape);
  for (auto [d, size] : llvm::enumerate(shape))
    if (mlir::ShapedType::isDynamic(size)) {
      auto named = d < parameter.sizes.size()
                       ? llvm::find(first.sizes, parameter.sizes[d])
                       : first.sizes.end();
      size_t place = named - first.sizes.begin();
      if (named == first.sizes.end() || place >= given.shape().size())
        return llvm::createStringError("input " + quoted(parameter.name) +
                                       " is missing");
      size = given.shape()[place];
    }
  auto made = Tensor::create(parameter.name, parameter.dtype, shape);
  if (!made)
    return made;
  if (parameter.dtype == DType::I64)
    llvm::fill(made->values<int64_t>(), *parameter.otherwise);
  else
    llvm::fill(made->values<int32_t>(), int32_t(*parameter.otherwise));
  return made;
}

llvm::Error Program::check(const Entry &entry,
                           llvm::ArrayRef<const Tensor *> inputs) const {
  llvm::StringMap<const Tensor *> byName;
  llvm::StringMap<std::pair<llvm::StringRef, int64_t>> sizes;
  for (auto [parameter, tensor] : llvm::zip_equal(entry.inputs, inputs)) {
    byName[parameter.name] = tensor;
    if (tensor->dtype() != parameter.dtype)
      return inputError(entry, parameter.name,
                        "is " + archive::dtypeName(tensor->dtype()) +
                            ", wanted " + archive::dtypeName(parameter.dtype));
    bool fits = tensor->shape().size() == parameter.shape.size();
    for (size_t i = 0; fits && i < parameter.shape.size(); ++i)
      fits = mlir::ShapedType::isDynamic(parameter.shape[i]) ||
             parameter.shape[i] == tensor->shape()[i];
    if (!fits)
      return inputError(entry, parameter.name,
                        "has shape " + shapeString(tensor->shape()) +
                            ", wanted " + shapeOf(parameter));
    for (auto [d, limit] : llvm::enumerate(parameter.limits))
      if (limit > 0 && tensor->shape()[d] > limit)
        return inputError(entry, parameter.name,
                          "has shape " + shapeString(tensor->shape()) +
                              ", dimension " + llvm::Twine(d) +
                              " has at most " + llvm::Twine(limit));
    for (auto [d, size] : llvm::enumerate(parameter.sizes)) {
      if (size.empty())
        continue;
      auto [known, isNew] =
          sizes.try_emplace(size, tensor->name(), tensor->shape()[d]);
      if (!isNew && known->second.second != tensor->shape()[d])
        return inputError(entry, parameter.name,
                          "has shape " + shapeString(tensor->shape()) +
                              ", but the " + size + " of " +
                              quoted(known->second.first) + " is " +
                              llvm::Twine(known->second.second));
    }
    if (tensor->numElements() == 0)
      return inputError(entry, parameter.name, "is empty");
    if (llvm::Error error = checkRange(entry, *tensor, 0, parameter.ids))
      return error;
    if (llvm::Error error = checkRange(entry, *tensor, -1, parameter.members))
      return error;
  }
  const Tensor *tokens = byName.lookup("tokens"),
               *count = byName.lookup("count"), *past = byName.lookup("past"),
               *cache = byName.lookup("cache");
  auto is = [](const Tensor *tensor, DType dtype, size_t rank) {
    return tensor && tensor->dtype() == dtype && tensor->shape().size() == rank;
  };
  if (is(tokens, DType::I32, 2) && is(count, DType::I32, 1) &&
      is(past, DType::I32, 1) && is(cache, DType::F32, 6))
    return checkCache(entry, *tokens, *count, *past, *cache);
  return llvm::Error::success();
}

llvm::Expected<std::vector<Tensor>> Program::run(const Entry &entry,
                                                 llvm::ArrayRef<Tensor> given) {
  std::vector<const Tensor *> inputs;
  std::deque<Tensor> defaults;
  for (const Parameter &parameter : entry.inputs) {
    auto it = llvm::find_if(given, [&](const Tensor &tensor) {
      return tensor.name() == parameter.name;
    });
    if (it != given.end()) {
      inputs.push_back(&*it);
      continue;
    }
    if (!parameter.otherwise || inputs.empty())
      return inputError(entry, parameter.name, "is missing");
    auto made = defaultInput(entry.inputs[0], *inputs[0], parameter);
    if (!made)
      return made.takeError();
    inputs.push_back(&defaults.emplace_back(std::move(*made)));
  }
  for (const Tensor &tensor : given)
    if (!entry.input(tensor.name()))
      return inputError(entry, tensor.name(), "there is no such input");
  if (llvm::Error error = check(entry, inputs))
    return std::move(error);
  return interpreter ? runReference(entry, inputs) : runCompiled(entry, inputs);
}

/// Appends the words of a memref descriptor: allocated and aligned pointer,
/// offset, sizes, strides.
static void appendDescriptor(std::vector<int64_t> &words, const void *data,
                             llvm::ArrayRef<int64_t> shape) {
  int64_t address = reinterpret_cast<int64_t>(data), stride = 1;
  words.insert(words.end(), {address, address, 0});
  words.insert(words.end(), shape.begin(), shape.end());
  words.resize(words.size() + shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    words[words.size() - 1 - i] = stride;
    stride *= shape[shape.size() - 1 - i];
  }
}

llvm::Expected<std::vector<Tensor>>
Program::runCompiled(const Entry &entry,
                     llvm::ArrayRef<const Tensor *> inputs) {
  auto function = functions.find(entry.name);
  if (function == functions.end())
    return support::fileError(file, "no entry " + quoted(entry.name));
  // Descriptors of inputs, room for descriptors of results.
  std::vector<int64_t> words, results;
  std::vector<size_t> begins;
  for (const Tensor *input : inputs) {
    begins.push_back(words.size());
    appendDescriptor(words, input->bytes().data(), input->shape());
  }
  for (auto [output, alias] : llvm::zip_equal(entry.outputs, entry.aliases))
    if (alias < 0)
      results.resize(results.size() + 3 + 2 * output.shape.size());
  llvm::ArrayRef<ByteMemRef> table = store->descriptors();
  std::vector<int64_t> tableWords;
  appendDescriptor(tableWords, table.data(), {int64_t(table.size())});
  std::vector<void *> arguments;
  if (!results.empty())
    arguments.push_back(results.data());
  if (entry.takesWeights)
    arguments.push_back(tableWords.data());
  for (size_t begin : begins)
    arguments.push_back(words.data() + begin);

  if (omp_get_max_threads() != int(threads))
    omp_set_num_threads(int(threads));
  function->second(arguments.data());

  std::vector<Tensor> outputs;
  size_t next = 0;
  for (auto [output, alias] : llvm::zip_equal(entry.outputs, entry.aliases)) {
    if (alias >= 0) {
      outputs.push_back(*inputs[alias]);
      outputs.back().setName(output.name);
      continue;
    }
    const int64_t *descriptor = results.data() + next;
    size_t rank = output.shape.size();
    next += 3 + 2 * rank;
    // Entries return buffers of malloc in identity layout, which are ours from
    // here on; one buffer may be several results.
    auto *allocated = reinterpret_cast<void *>(descriptor[0]);
    auto same = llvm::find_if(outputs, [&](const Tensor &earlier) {
      return earlier.storage().get() == allocated;
    });
    std::shared_ptr<void> owner =
        same == outputs.end() ? std::shared_ptr<void>(allocated, std::free)
                              : same->storage();
    auto *data = reinterpret_cast<uint8_t *>(descriptor[1]) +
                 descriptor[2] * archive::dtypeBytes(output.dtype);
    outputs.push_back(Tensor::adopt(output.name, output.dtype,
                                    {descriptor + 3, rank}, std::move(owner),
                                    data));
  }
  return outputs;
}
