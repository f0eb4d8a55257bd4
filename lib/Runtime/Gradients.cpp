//===- Gradients.cpp - gradients of a model's loss --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Gradients.h"
#include "allot/Analysis/Fisher.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include <algorithm>
#include <cmath>

using namespace allot;
using namespace allot::runtime;
using archive::DType;

/// Tokens that go forth and back together: fewer would make the transposed
/// matrices, which each run of a part makes anew, weigh more.
static constexpr int64_t kTokensAtOnce = 1024;
/// Bytes of logits that are held at a time.
static constexpr int64_t kLogitBytes = int64_t(64) << 20;

namespace {

/// Tensors of one row of positions or more, [batch, T, ..], cut along both.
Tensor slice(const Tensor &tensor, int64_t first, int64_t count) {
  llvm::SmallVector<int64_t> shape(tensor.shape());
  int64_t width = 1;
  for (int64_t size : llvm::ArrayRef(shape).drop_front(2))
    width *= size;
  int64_t bytes = width * archive::dtypeBytes(tensor.dtype());
  shape[0] = 1, shape[1] = count;
  return Tensor::adopt(tensor.name(), tensor.dtype(), shape, tensor.storage(),
                       const_cast<uint8_t *>(tensor.bytes().data()) +
                           first * bytes);
}

class Measurement {
public:
  Measurement(Program &program, const GradientOptions &options)
      : program(program), options(options) {}

  llvm::Error findParts();
  llvm::Error add(const Tensor &ids, const Tensor &labels);
  llvm::Error finish(Gradients &result);

private:
  struct Part {
    const Entry *forth = nullptr, *back = nullptr;
    /// The input that the part before makes, and the gradient by its output.
    std::string value, gradient;
    llvm::SmallVector<const MatrixUse *> uses;
  };

  llvm::Expected<std::vector<Tensor>> run(const Entry &entry,
                                          llvm::ArrayRef<Tensor> given);
  llvm::Error addUses(const Part &part, llvm::ArrayRef<Tensor> results,
                      int64_t rowLength, bool wholeRows);
  llvm::Error addUse(const MatrixUse &use, llvm::ArrayRef<Tensor> results,
                     int64_t rowLength, bool wholeRows);
  llvm::Expected<Tensor> runLast(const Tensor &ids, const Tensor &labels,
                                 const Tensor &value);

  Program &program;
  const GradientOptions &options;
  std::vector<Part> parts;
  Gradients sums;
};

} // namespace

llvm::Error Measurement::findParts() {
  for (unsigned k = 0;; ++k) {
    std::string name = "logits.part." + std::to_string(k);
    Part part;
    part.forth = program.find(name);
    if (!part.forth)
      break;
    part.back = program.find(name + ".reverse");
    if (k > 0) {
      // Behind the arguments of the whole comes the value of the part before.
      part.value = part.forth->inputs.back().name;
      if (!part.back)
        return support::fileError(program.path(),
                                  "the program has no entry " +
                                      support::quoted(name + ".reverse"));
    }
    part.gradient = part.forth->outputs.front().name + ".gradient";
    parts.push_back(std::move(part));
  }
  if (parts.size() < 2)
    return support::fileError(program.path(),
                              "the program is not cut into parts");
  for (const MatrixUse &use : options.uses) {
    if (use.part >= parts.size() || !parts[use.part].back)
      return support::fileError(program.path(),
                                "nothing gives the gradient of " + use.site);
    parts[use.part].uses.push_back(&use);
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Tensor>>
Measurement::run(const Entry &entry, llvm::ArrayRef<Tensor> given) {
  std::vector<Tensor> inputs;
  for (const Tensor &tensor : given)
    if (entry.input(tensor.name()))
      inputs.push_back(tensor);
  return program.run(entry, inputs);
}

static const Tensor *named(llvm::ArrayRef<Tensor> tensors,
                           llvm::StringRef name) {
  auto it = llvm::find_if(
      tensors, [&](const Tensor &tensor) { return tensor.name() == name; });
  return it == tensors.end() ? nullptr : &*it;
}

/// Adds the squares of the columns of a matrix.
static void addSquares(llvm::ArrayRef<float> values,
                       std::vector<double> &columns) {
  for (size_t first = 0; first < values.size(); first += columns.size())
    for (size_t i = 0; i < columns.size(); ++i)
      columns[i] += double(values[first + i]) * values[first + i];
}

llvm::Error Measurement::addUse(const MatrixUse &use,
                                llvm::ArrayRef<Tensor> results,
                                int64_t rowLength, bool wholeRows) {
  const Tensor *gradient = named(results, use.gradient);
  const Tensor *input = use.input.empty() ? nullptr : named(results, use.input);
  if (!gradient || (!use.input.empty() && !input))
    return support::fileError(program.path(),
                              "nothing gives the gradient of " + use.site);
  SiteGradients &site = sums.sites[use.site];
  int64_t out = gradient->shape().back();
  auto g = gradient->values<float>();
  std::vector<double> &squares =
      input ? site.outputSquares : site.lookupSquares;
  squares.resize(out);
  addSquares(g, squares);
  if (!input || !wholeRows)
    return llvm::Error::success();
  int64_t in = input->shape().back();
  auto x = input->values<float>();
  site.fisherRows.resize(out);
  site.fisherColumns.resize(in);
  // The gradients are those of a sum over the positions, the matrix's of a
  // mean.
  double factor = 1.0 / (double(rowLength - 1) * double(rowLength - 1));
  for (size_t first = 0; first < g.size() / out; first += rowLength)
    analysis::addFisher(
        llvm::ArrayRef<float>(g).slice(first * out, rowLength * out),
        llvm::ArrayRef<float>(x).slice(first * in, rowLength * in), rowLength,
        factor, site.fisherRows, site.fisherColumns);
  return llvm::Error::success();
}

llvm::Error Measurement::addUses(const Part &part,
                                 llvm::ArrayRef<Tensor> results,
                                 int64_t rowLength, bool wholeRows) {
  for (const MatrixUse *use : part.uses)
    if (llvm::Error error = addUse(*use, results, rowLength, wholeRows))
      return error;
  return llvm::Error::success();
}

/// The gradient by what enters the last part, which makes logits inside: a few
/// positions at a time where it may be.
llvm::Expected<Tensor> Measurement::runLast(const Tensor &ids,
                                            const Tensor &labels,
                                            const Tensor &value) {
  const Part &last = parts.back();
  int64_t rows = ids.shape()[0], length = ids.shape()[1], all = rows * length;
  int64_t fit = std::max<int64_t>(
      16, kLogitBytes / std::max<int64_t>(1, 4 * options.vocab));
  int64_t chunk = all;
  if (options.lastIsPositionwise)
    chunk = fit >= length ? fit / length * length : fit;
  bool wholeRows = chunk % length == 0;
  auto gradient = Tensor::create((value.name() + ".gradient").str(), DType::F32,
                                 value.shape());
  if (!gradient)
    return gradient.takeError();
  int64_t width = value.numElements() / all;
  for (int64_t first = 0; first < all; first += chunk) {
    int64_t count = std::min(chunk, all - first);
    // All rows at once keep their shape, since such a part may look at it.
    auto part = [&](const Tensor &tensor) {
      return count == all ? tensor : slice(tensor, first, count);
    };
    auto ones = Tensor::create(last.gradient, DType::F32, part(labels).shape());
    if (!ones)
      return ones.takeError();
    llvm::fill(ones->values<float>(), 1.0f);
    std::vector<Tensor> given = {part(ids), part(labels), part(value), *ones};
    auto losses = run(*last.forth, given);
    if (!losses)
      return losses.takeError();
    for (float loss : losses->front().values<float>())
      sums.loss += loss;
    auto results = run(*last.back, given);
    if (!results)
      return results.takeError();
    const Tensor *back = named(*results, gradient->name());
    if (!back)
      return support::fileError(program.path(),
                                "the last part has no output " +
                                    support::quoted(gradient->name()));
    llvm::copy(back->values<float>(),
               gradient->values<float>().begin() + first * width);
    if (llvm::Error error = addUses(last, *results, length, wholeRows))
      return std::move(error);
  }
  return std::move(*gradient);
}

/// Forth and back for some rows.
llvm::Error Measurement::add(const Tensor &ids, const Tensor &labels) {
  int64_t rows = ids.shape()[0], length = ids.shape()[1];
  std::vector<Tensor> values;
  for (const Part &part : llvm::ArrayRef(parts).drop_back()) {
    std::vector<Tensor> given = {ids, labels};
    if (!values.empty())
      given.push_back(values.back());
    auto results = run(*part.forth, given);
    if (!results)
      return results.takeError();
    values.push_back(results->front());
  }
  auto gradient = runLast(ids, labels, values.back());
  if (!gradient)
    return gradient.takeError();
  for (size_t k = parts.size() - 1; k-- > 0;) {
    const Part &part = parts[k];
    values.pop_back();
    if (!part.back)
      break;
    std::vector<Tensor> given = {ids, labels, *gradient};
    if (k > 0)
      given.push_back(values.back());
    auto results = run(*part.back, given);
    if (!results)
      return results.takeError();
    if (llvm::Error error = addUses(part, *results, length, /*wholeRows=*/true))
      return error;
    if (k == 0)
      break;
    const Tensor *next = named(*results, part.value + ".gradient");
    if (!next)
      return support::fileError(program.path(),
                                "entry " + part.back->name + " has no output " +
                                    support::quoted(part.value + ".gradient"));
    *gradient = *next;
  }
  sums.tokens += rows * length;
  sums.rows += rows;
  return llvm::Error::success();
}

llvm::Error Measurement::finish(Gradients &result) {
  sums.loss /= double(std::max<int64_t>(1, sums.tokens - sums.rows));
  // What is not finite says nothing; better told here than planned with.
  for (const auto &site : sums.sites)
    for (const std::vector<double> *values :
         {&site.second.outputSquares, &site.second.lookupSquares,
          &site.second.fisherRows, &site.second.fisherColumns})
      if (!llvm::all_of(*values, [](double v) { return std::isfinite(v); }))
        return support::fileError(program.path(), "the gradients of " +
                                                      site.first() +
                                                      " are no finite numbers");
  result = std::move(sums);
  return llvm::Error::success();
}

llvm::Expected<Gradients>
runtime::measureGradients(Program &program, const Tensor &tokens,
                          const GradientOptions &options) {
  Measurement measurement(program, options);
  if (llvm::Error error = measurement.findParts())
    return std::move(error);
  int64_t rows = tokens.shape()[0], length = tokens.shape()[1];
  int64_t atOnce = std::max<int64_t>(1, kTokensAtOnce / length);
  support::ProgressStep step(options.progress, "gradients", rows);
  for (int64_t first = 0; first < rows; first += atOnce) {
    int64_t count = std::min(atOnce, rows - first);
    auto ids = Tensor::create("input_ids", DType::I32, {count, length});
    if (!ids)
      return ids.takeError();
    llvm::copy(llvm::ArrayRef<int32_t>(tokens.values<int32_t>())
                   .slice(first * length, count * length),
               ids->values<int32_t>().begin());
    auto labels = Tensor::create("labels", DType::I32, {count, length});
    if (!labels)
      return labels.takeError();
    auto to = labels->values<int32_t>();
    if (options.labels.numElements() == tokens.numElements())
      llvm::copy(llvm::ArrayRef<int32_t>(options.labels.values<int32_t>())
                     .slice(first * length, count * length),
                 to.begin());
    else
      llvm::copy(llvm::ArrayRef<int32_t>(ids->values<int32_t>()).drop_front(),
                 to.begin());
    // Nothing follows the last position of a row.
    for (int64_t row = 0; row < count; ++row)
      to[row * length + length - 1] = -1;
    if (llvm::Error error = measurement.add(*ids, *labels))
      return std::move(error);
    step.advance(count);
  }
  Gradients result;
  if (llvm::Error error = measurement.finish(result))
    return std::move(error);
  return result;
}
