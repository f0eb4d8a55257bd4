//===- Profile.cpp - measuring a model --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Profile.h"
#include "allot/Analysis/Gram.h"
#include "allot/Codec/Codec.h"
#include "allot/Runtime/Generation.h"
#include "allot/Runtime/Scoring.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include <cmath>

using namespace allot;
using namespace allot::runtime;
using archive::DType;

//===----------------------------------------------------------------------===//
// Calibration tokens
//===----------------------------------------------------------------------===//

/// Draws from softmax(logits / temperature) by the inverse of its distribution
/// function.
static int32_t draw(llvm::ArrayRef<float> logits, double temperature,
                    double uniform) {
  float largest = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (float logit : logits)
    total += std::exp((logit - largest) / temperature);
  double left = uniform * total;
  for (size_t i = 0; i < logits.size(); ++i) {
    left -= std::exp((logits[i] - largest) / temperature);
    if (left < 0.0)
      return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) -
                              logits.begin());
}

llvm::Expected<Tensor> runtime::sampleTokens(Program &program,
                                             const SampleOptions &options) {
  std::optional<int64_t> vocab = program.integer("allot.vocab");
  if (!vocab)
    return support::fileError(program.path(),
                              "the module does not say its vocabulary "
                              "(allot.vocab): give calibration tokens");
  auto prompts = Tensor::create("tokens", DType::I32, {options.rows, 1});
  if (!prompts)
    return prompts.takeError();
  // One generator per row, so that rows do not depend on each other's order.
  std::vector<std::mt19937_64> generators;
  for (int64_t row = 0; row < options.rows; ++row) {
    generators.emplace_back(options.seed * 1000003 +
                            static_cast<uint64_t>(row));
    prompts->values<int32_t>()[row] = static_cast<int32_t>(
        generators.back()() % static_cast<uint64_t>(*vocab));
  }
  GenerationOptions generation;
  generation.steps = static_cast<unsigned>(options.length - 1);
  generation.progress = options.progress;
  generation.choose = [&](int64_t row, llvm::ArrayRef<float> logits) {
    double uniform = static_cast<double>(generators[row]() >> 11) * 0x1.0p-53;
    return draw(logits, options.temperature, uniform);
  };
  auto generated = generate(program, *prompts,
                            std::vector<int32_t>(options.rows, 1), generation);
  if (!generated)
    return generated.takeError();
  return generated->tokens;
}

void runtime::sampleLabels(llvm::ArrayRef<float> logits,
                           std::mt19937_64 &generator,
                           llvm::MutableArrayRef<int32_t> labels) {
  size_t vocab = logits.size() / labels.size();
  for (auto [i, label] : llvm::enumerate(labels))
    label = draw(logits.slice(i * vocab, vocab), 1.0,
                 static_cast<double>(generator() >> 11) * 0x1.0p-53);
}

//===----------------------------------------------------------------------===//
// Second moments
//===----------------------------------------------------------------------===//

llvm::Error TokenFrequencies::add(llvm::ArrayRef<int32_t> ids,
                                  llvm::ArrayRef<float> logits) {
  auto vocab = static_cast<int64_t>(probability.size());
  if (logits.size() != ids.size() * probability.size())
    return llvm::createStringError(
        "the model gives %zu logits for %zu tokens of a vocabulary of %lld",
        logits.size(), ids.size(), (long long)vocab);
  addProbabilities(logits, probability);
  for (int32_t id : ids)
    if (id >= 0 && id < vocab)
      ++count[id];
  tokens += static_cast<int64_t>(ids.size());
  return llvm::Error::success();
}

std::vector<float> TokenFrequencies::finish() const {
  std::vector<float> result(probability.size());
  double scale = 0.5 / static_cast<double>(std::max<int64_t>(1, tokens));
  for (size_t v = 0; v < result.size(); ++v)
    result[v] = static_cast<float>(
        scale * (probability[v] + static_cast<double>(count[v])));
  return result;
}

InputMoments::InputMoments(llvm::ArrayRef<SharedInput> inputs,
                           llvm::StringRef folder)
    : folder(folder.str()) {
  for (const SharedInput &input : inputs) {
    all.emplace_back();
    all.back().input = input;
  }
}

llvm::Error InputMoments::add(Program &program, const Tensor &tokens,
                              SeeLogits seeLogits,
                              support::Progress *progress) {
  auto entry = program.get("logits");
  if (!entry)
    return entry.takeError();
  int64_t rows = tokens.shape()[0], length = tokens.shape()[1];
  support::ProgressStep step(progress, "second moments", rows);
  for (int64_t row = 0; row < rows; ++row) {
    auto ids = Tensor::create("input_ids", DType::I32, {1, length});
    if (!ids)
      return ids.takeError();
    auto source = tokens.values<int32_t>().slice(row * length, length);
    std::copy(source.begin(), source.end(), ids->values<int32_t>().begin());
    auto outputs = program.run(**entry, {*ids});
    if (!outputs)
      return outputs.takeError();
    llvm::StringMap<const Tensor *> byName;
    for (const Tensor &output : *outputs)
      byName[output.name()] = &output;
    if (const Tensor *logits = byName.lookup("logits"); logits && seeLogits)
      if (llvm::Error error =
              seeLogits(row, ids->values<int32_t>(), logits->values<float>()))
        return error;
    for (Moment &moment : all) {
      const Tensor *x = byName.lookup(moment.input.output);
      if (!x)
        return support::fileError(program.path(),
                                  "entry logits has no output " +
                                      support::quoted(moment.input.output));
      if (!moment.file) {
        moment.columns = x->shape().back();
        uint64_t size = static_cast<uint64_t>(moment.columns) *
                        static_cast<uint64_t>(moment.columns);
        auto file = support::ScratchFile::create(folder, size * sizeof(float));
        if (!file)
          return file.takeError();
        moment.file = std::move(*file);
        moment.sum = {reinterpret_cast<float *>(moment.file->bytes().data()),
                      size};
      }
      llvm::ArrayRef<float> rows = x->values<float>();
      std::vector<float> own;
      if (!moment.input.ids.empty()) {
        const Tensor *members = byName.lookup(moment.input.ids);
        if (!members)
          return support::fileError(program.path(),
                                    "entry logits has no output " +
                                        support::quoted(moment.input.ids));
        for (auto [i, member] : llvm::enumerate(members->values<int32_t>()))
          if (member == moment.input.member)
            llvm::append_range(own,
                               rows.slice(i * moment.columns, moment.columns));
        rows = own;
      }
      analysis::addGram(rows, rows.size() / moment.columns, moment.columns,
                        moment.sum);
    }
    count += length;
    step.advance();
  }
  return llvm::Error::success();
}

void InputMoments::finish(Moment &moment, int64_t tokens) {
  int64_t n = moment.columns;
  float scale = 1.0f / static_cast<float>(tokens);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j)
      moment.sum[j * n + i] = moment.sum[i * n + j] *= scale;
}

//===----------------------------------------------------------------------===//
// Sensitivity
//===----------------------------------------------------------------------===//

namespace {
/// A program in parts: part k turns the value between part k - 1 and k into the
/// next one.
class Parts {
public:
  static llvm::Expected<Parts> find(Program &program) {
    Parts parts(program);
    for (unsigned k = 0;; ++k) {
      const Entry *entry = program.find("logits.part." + std::to_string(k));
      if (!entry)
        break;
      parts.entries.push_back(entry);
    }
    if (parts.entries.empty())
      return support::fileError(program.path(),
                                "the program is not cut into parts");
    return parts;
  }
  /// What leaves part `first` .. the last, given what enters it; the last is
  /// the logits.
  llvm::Expected<std::vector<Tensor>> run(const Tensor &ids, unsigned first,
                                          const Tensor *value) const {
    std::vector<Tensor> values;
    for (unsigned k = first; k < entries.size(); ++k) {
      const Entry &entry = *entries[k];
      std::vector<Tensor> inputs = {ids};
      if (k > 0)
        inputs.push_back(values.empty() ? *value : values.back());
      auto outputs = program.run(entry, inputs);
      if (!outputs)
        return outputs.takeError();
      values.push_back(outputs->front());
    }
    return values;
  }
  size_t size() const { return entries.size(); }

private:
  explicit Parts(Program &program) : program(program) {}
  Program &program;
  std::vector<const Entry *> entries;
};
} // namespace

/// Mean KL(base || changed) over all positions but the last of each row.
static double meanDivergence(const Tensor &base, const Tensor &changed,
                             const Tensor &ids) {
  int64_t rows = ids.shape()[0], length = ids.shape()[1],
          vocab = base.shape().back();
  double sum = 0.0;
  for (int64_t row = 0; row < rows; ++row) {
    auto part = [&](const Tensor &tensor) {
      return llvm::ArrayRef<float>(tensor.values<float>())
          .slice(row * length * vocab, length * vocab);
    };
    Scores scores = score(part(changed), vocab,
                          llvm::ArrayRef<int32_t>(ids.values<int32_t>())
                              .slice(row * length + 1, length - 1),
                          part(base));
    for (double kl : scores.kl)
      sum += kl;
  }
  return sum / static_cast<double>(rows * (length - 1));
}

/// Puts the numbers of `count` perturbed rows of a site, from the `first` on,
/// into its packed floats.
static void writeRows(FormatAttrInterface packed, llvm::ArrayRef<float> values,
                      const PerturbedSite &site, int64_t first, int64_t count,
                      llvm::MutableArrayRef<uint8_t> bytes) {
  auto codec = mlir::cast<FormatCodecInterface>(mlir::Attribute(packed));
  if (site.chosen.empty())
    return codec.writeFloats(values, site.rows, site.columns, first, count,
                             bytes);
  for (int64_t i = 0; i < count; ++i)
    codec.writeFloats(values.slice(i * site.columns, site.columns), site.rows,
                      site.columns, site.chosen[first + i], 1, bytes);
}

/// Writes the perturbed rows of a site as they are (`format` null) or as they
/// come back from a format; the weighted error of that. A few rows at a time.
static llvm::Expected<double> perturb(FormatAttrInterface packed,
                                      FormatAttrInterface format,
                                      const PerturbedSite &site,
                                      llvm::MutableArrayRef<uint8_t> bytes) {
  // Whole tiles of the packed layout, and some MiB.
  int64_t step = llvm::alignTo(
      std::max<int64_t>(1, (int64_t(1) << 20) / site.columns), 64);
  double total = 0.0;
  for (int64_t first = 0; first < site.count(); first += step) {
    int64_t count = std::min(step, site.count() - first);
    auto values = site.read(first, count);
    if (!values)
      return values.takeError();
    if (!format) {
      writeRows(packed, *values, site, first, count, bytes);
      continue;
    }
    auto encoded =
        codec::encodeRoundToNearest(format, *values, {count, site.columns});
    if (!encoded)
      return encoded.takeError();
    auto changed = codec::decode(format, *encoded, {count, site.columns});
    if (!changed)
      return changed.takeError();
    writeRows(packed, *changed, site, first, count, bytes);
    for (size_t i = 0; i < changed->size(); ++i)
      (*changed)[i] -= (*values)[i];
    auto error = site.error(*changed);
    if (!error)
      return error.takeError();
    total += *error;
  }
  return total;
}

llvm::Expected<Sensitivities> runtime::measureSensitivity(
    Program &program, const Tensor &tokens, llvm::ArrayRef<PerturbedSite> sites,
    llvm::ArrayRef<FormatAttrInterface> formats, support::Progress *progress) {
  auto parts = Parts::find(program);
  if (!parts)
    return parts.takeError();
  Tensor ids = tokens;
  ids.setName("input_ids");
  auto base = parts->run(ids, 0, nullptr);
  if (!base)
    return base.takeError();
  support::ProgressStep step(progress, "sensitivity", sites.size());
  Sensitivities result;
  for (const PerturbedSite &site : sites) {
    std::optional<unsigned> index = program.weights()->find(site.weight);
    if (!index)
      return support::fileError(program.path(),
                                "the program does not read @" + site.weight);
    auto packed = mlir::cast<FormatAttrInterface>(
        program.weights()->weights()[*index].type.getEncoding());
    auto bytes = program.weights()->writable(*index);
    if (!bytes)
      return bytes.takeError();
    if (packed.getCodeGrid().bits != 0)
      return support::fileError(
          program.path(), "@" + site.weight + " is kept as " +
                              packed.getShortName() +
                              ": a perturbed program needs weights-as=f32");
    result.emplace_back();
    for (FormatAttrInterface format : formats) {
      auto error = perturb(packed, format, site, *bytes);
      if (!error)
        return error.takeError();
      auto changedValues = parts->run(
          ids, site.firstPart,
          site.firstPart > 0 ? &(*base)[site.firstPart - 1] : nullptr);
      auto restored = perturb(packed, nullptr, site, *bytes);
      if (!restored)
        return llvm::joinErrors(restored.takeError(),
                                changedValues.takeError());
      if (!changedValues)
        return changedValues.takeError();
      result.back().emplace_back(
          *error, meanDivergence(base->back(), changedValues->back(), ids));
      if (result.back().back().second <= kLocalDivergence)
        break;
    }
    step.advance(1, site.name);
  }
  return result;
}
