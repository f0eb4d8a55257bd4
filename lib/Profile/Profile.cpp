//===- Profile.cpp - statistics of a model ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Profile/Profile.h"
#include "ModelSites.h"
#include "allot/Support/Error.h"
#include "llvm/Support/Path.h"
#include <random>

using namespace allot;
using namespace allot::profile;
using runtime::InputMoments;
using runtime::Tensor;

Profiler::Profiler(std::unique_ptr<ModelSites> model)
    : model(std::move(model)) {}
Profiler::~Profiler() = default;

llvm::Expected<std::unique_ptr<Profiler>>
Profiler::create(mlir::ModuleOp module, llvm::StringRef name,
                 llvm::StringRef folder) {
  auto model = ModelSites::create(module, name, folder);
  if (!model)
    return model.takeError();
  return std::unique_ptr<Profiler>(new Profiler(std::move(*model)));
}

llvm::Expected<Tensor>
profile::sampleTokens(LoadProgram load, const runtime::SampleOptions &options) {
  pipelines::ProgramRequest request;
  request.entries = {"prefill", "decode"};
  auto program = load(request);
  if (!program)
    return program.takeError();
  return runtime::sampleTokens(**program, options);
}

llvm::Expected<Tensor> profile::calibrationRows(const Tensor &tokens,
                                                int64_t first, int64_t last) {
  int64_t length = tokens.shape()[1];
  if (length < 2 || first >= last)
    return llvm::createStringError(
        "calibration needs at least one row of two tokens");
  auto chosen =
      Tensor::create("tokens", archive::DType::I32, {last - first, length});
  if (!chosen)
    return chosen.takeError();
  auto source =
      tokens.values<int32_t>().slice(first * length, chosen->numElements());
  std::copy(source.begin(), source.end(), chosen->values<int32_t>().begin());
  return chosen;
}

static llvm::Expected<GradientStatistics>
differentiate(ModelSites &model, const Measured &measured, const Tensor &tokens,
              LoadProgram load, const ProfileOptions &options) {
  if (options.importance == Importance::Perturbation)
    return GradientStatistics();
  pipelines::ProgramRequest request;
  request.entries = {"logits"};
  request.splitAt = kCuts.str();
  request.gradients = true;
  auto program = load(request);
  if (!program)
    return program.takeError();
  model.gradients.progress = options.progress;
  auto gradients =
      runtime::measureGradients(**program, tokens, model.gradients);
  if (!gradients)
    return gradients.takeError();
  return gradientStatistics(*gradients, model.sites, measured.moments,
                            measured.tokenFrequencies, model.vocab);
}

llvm::Error Profiler::run(const Tensor &tokens, llvm::StringRef output,
                          LoadProgram load, const ProfileOptions &options) {
  if (archive::holdsWeightsOf(model->module, model->folder, output))
    return support::fileError(output, "would replace weights of the model");
  if (std::string problem; !perturbedSites(options).isValid(problem))
    return llvm::createStringError("no regular expression of matrices: %s",
                                   problem.c_str());
  // Which tokens are rare is settled by other rows than those that tell what it
  // costs to store them badly: a text has words that no other has.
  int64_t rows = tokens.shape()[0];
  std::vector<int64_t> heldOut = sensitivityRows(rows, options);
  if (static_cast<int64_t>(heldOut.size()) == rows)
    heldOut.clear();
  InputMoments moments(model->inputs, llvm::sys::path::parent_path(output));
  runtime::TokenFrequencies frequencies(model->vocab);
  model->gradients.labels = Tensor();
  if (options.labels == Labels::Model &&
      options.importance != Importance::Perturbation) {
    if (model->vocab == 0)
      return support::fileError(model->name,
                                "does not say its vocabulary (allot.vocab), "
                                "from which labels are drawn");
    auto made = Tensor::create("labels", archive::DType::I32, tokens.shape());
    if (!made)
      return made.takeError();
    model->gradients.labels = *made;
  }
  std::mt19937_64 generator(options.seed);
  auto see = [&](int64_t row, llvm::ArrayRef<int32_t> ids,
                 llvm::ArrayRef<float> logits) -> llvm::Error {
    if (!llvm::is_contained(heldOut, row))
      if (llvm::Error error = frequencies.add(ids, logits))
        return error;
    if (Tensor &labels = model->gradients.labels; labels.numElements() > 0)
      runtime::sampleLabels(
          logits, generator,
          labels.values<int32_t>().slice(row * ids.size(), ids.size()));
    return llvm::Error::success();
  };
  {
    pipelines::ProgramRequest request;
    request.entries = {"logits"};
    request.instrument = true;
    for (const runtime::SharedInput &input : model->inputs)
      for (const std::string &tap : {input.output, input.ids})
        if (!tap.empty() && !llvm::is_contained(request.taps, tap))
          request.taps.push_back(tap);
    auto program = load(request);
    if (!program)
      return program.takeError();
    if (llvm::Error error = moments.add(
            **program, tokens,
            model->vocab > 0 ? InputMoments::SeeLogits(see) : nullptr,
            options.progress))
      return error;
  }
  for (auto &moment : moments.mutableMoments())
    InputMoments::finish(moment, moments.tokens());
  smoothMoments(moments.mutableMoments());
  Measured measured{moments, frequencies.finish(), {}, {}};
  auto gradients = differentiate(*model, measured, tokens, load, options);
  if (!gradients)
    return gradients.takeError();
  measured.gradients = std::move(*gradients);
  if (llvm::Error error = perturb(*model, tokens, load, options, measured))
    return error;
  smoothSensitivities(*model, measured);
  return writeStatistics(*model, measured, output);
}
