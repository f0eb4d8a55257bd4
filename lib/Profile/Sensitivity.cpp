//===- Sensitivity.cpp - what perturbing each matrix does -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelSites.h"
#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Dialect/Format/IR/Format.h"

using namespace allot;
using namespace allot::profile;
using runtime::Tensor;

std::vector<int64_t> profile::sensitivityRows(int64_t rows,
                                              const ProfileOptions &options) {
  if (options.importance == Importance::Gradients)
    return {};
  int64_t count = std::clamp<int64_t>(options.sensitivityTokens / 128, 1,
                                      std::min<int64_t>(4, rows));
  std::vector<int64_t> chosen;
  for (int64_t i = 0; options.sensitivityTokens > 0 && i < count; ++i)
    chosen.push_back(i * rows / count);
  return chosen;
}

llvm::Regex profile::perturbedSites(const ProfileOptions &options) {
  return llvm::Regex(
      "^(" + (options.sites.empty() ? std::string(".*") : options.sites) +
      ")$");
}

std::vector<float> profile::tableMoment(const analysis::Site &site,
                                        const GradientStatistics &gradients) {
  for (const auto &[tensor, values] : gradients)
    if (tensor == site.name + ".input_second_moment")
      return values;
  return std::vector<float>(site.columns, 1.0f);
}

/// The beginnings of the rows on which matrices are perturbed.
static llvm::Expected<Tensor> chosenTokens(const Tensor &tokens,
                                           const ProfileOptions &options) {
  std::vector<int64_t> rows = sensitivityRows(tokens.shape()[0], options);
  auto count = static_cast<int64_t>(rows.size());
  int64_t length = std::min<int64_t>(
      tokens.shape()[1],
      std::max<int64_t>(2, options.sensitivityTokens / count));
  auto part = Tensor::create("input_ids", archive::DType::I32, {count, length});
  if (!part)
    return part.takeError();
  for (int64_t row = 0; row < count; ++row) {
    auto source =
        tokens.values<int32_t>().slice(rows[row] * tokens.shape()[1], length);
    std::copy(source.begin(), source.end(),
              part->values<int32_t>().begin() + row * length);
  }
  return part;
}

namespace {

/// Weighted errors of changes of matrices. Sites that share an input come one
/// after the other, so one factorisation at a time is kept.
class ChangeErrors {
public:
  ChangeErrors(const Measured &measured) : gradients(measured.gradients) {
    for (const auto &moment : measured.moments.moments())
      for (const std::string &site : moment.input.sites)
        momentOf[site] = &moment;
  }

  std::function<llvm::Expected<double>(llvm::ArrayRef<float>)>
  of(const analysis::Site &site) {
    int64_t columns = site.columns;
    if (const auto *moment = momentOf.lookup(site.name))
      return [this, moment, columns](llvm::ArrayRef<float> change) {
        return weighted(*moment, change, columns);
      };
    return [columns, table = tableMoment(site, gradients)](
               llvm::ArrayRef<float> change) -> llvm::Expected<double> {
      double sum = 0.0;
      for (auto [i, x] : llvm::enumerate(change))
        sum += double(table[i % columns]) * x * x;
      return sum;
    };
  }

private:
  using Moment = runtime::InputMoments::Moment;

  llvm::Expected<double> weighted(const Moment &moment,
                                  llvm::ArrayRef<float> change,
                                  int64_t columns) {
    if (kept != &moment) {
      auto made = analysis::InputMoment::fromMatrix(moment.sum, columns);
      if (!made)
        return made.takeError();
      factors = std::make_unique<analysis::InputMoment>(std::move(*made));
      kept = &moment;
    }
    return analysis::weightedError(
        change, static_cast<int64_t>(change.size()) / columns, columns,
        *factors);
  }

  const GradientStatistics &gradients;
  llvm::StringMap<const Moment *> momentOf;
  const Moment *kept = nullptr;
  std::unique_ptr<analysis::InputMoment> factors;
};

} // namespace

llvm::Error profile::perturb(const ModelSites &model, const Tensor &tokens,
                             LoadProgram load, const ProfileOptions &options,
                             Measured &measured) {
  if (options.sensitivityTokens == 0 ||
      options.importance == Importance::Gradients)
    return llvm::Error::success();
  std::vector<FormatAttrInterface> formats = options.formats;
  if (formats.empty())
    for (llvm::StringRef name : {"int3g64", "int4g64", "int5g64"})
      formats.push_back(
          format::getFormatByName(model.module->getContext(), name));
  auto part = chosenTokens(tokens, options);
  if (!part)
    return part.takeError();

  archive::StoredWeights weights(model.folder);
  ChangeErrors errors(measured);
  std::vector<runtime::PerturbedSite> perturbed;
  std::vector<int64_t> byFrequency =
      analysis::rowsByImportance(measured.tokenFrequencies);
  llvm::Regex wanted = perturbedSites(options);
  for (const analysis::Site &site : model.sites) {
    if (!wanted.match(site.name))
      continue;
    auto add = [&](std::string name, llvm::ArrayRef<int64_t> chosen) {
      runtime::PerturbedSite p{std::move(name),
                               site.name,
                               site.rows,
                               site.columns,
                               chosen.vec(),
                               model.firstPart.lookup(site.name),
                               {},
                               errors.of(site)};
      p.read = [&weights, &site,
                chosen](int64_t first,
                        int64_t count) -> llvm::Expected<std::vector<float>> {
        if (!chosen.empty())
          return weights.readRows(site.weight, chosen.slice(first, count));
        std::vector<float> values(count * site.columns);
        if (llvm::Error error =
                weights.readRows(site.weight, first, count, values))
          return std::move(error);
        return values;
      };
      perturbed.push_back(std::move(p));
    };
    add(site.name, {});
    for (analysis::RowPart rows : analysis::measuredRowParts(site, model.vocab))
      add(analysis::rowPartName(site.name, rows),
          llvm::ArrayRef(byFrequency).slice(rows.first, rows.count()));
  }

  pipelines::ProgramRequest request;
  request.entries = {"logits"};
  request.weightsAs = "f32";
  request.changesWeights = true;
  request.splitAt = kCuts.str();
  auto program = load(request);
  if (!program)
    return program.takeError();
  auto divergences = runtime::measureSensitivity(**program, *part, perturbed,
                                                 formats, options.progress);
  if (!divergences)
    return divergences.takeError();
  for (auto [site, values] : llvm::zip(perturbed, *divergences))
    measured.perturbations.emplace_back(site.name, std::move(values));
  return llvm::Error::success();
}
