//===- Statistics.cpp - measured statistics of a model ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Statistics.h"
#include "allot/Support/Error.h"
#include <cmath>
#include <numeric>

using namespace allot;
using namespace allot::analysis;

llvm::Expected<std::shared_ptr<const Statistics>>
Statistics::open(llvm::StringRef path) {
  auto file = archive::SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  auto result = std::make_shared<Statistics>();
  result->file = *file;
  return std::shared_ptr<const Statistics>(std::move(result));
}

std::string Statistics::model() const {
  return file->metadata().lookup("model");
}

std::vector<llvm::StringRef> Statistics::tensorNames() const {
  std::vector<llvm::StringRef> names;
  for (const archive::TensorEntry &entry : file->tensors())
    names.push_back(entry.name);
  return names;
}

bool Statistics::hasInput(llvm::StringRef site) const {
  return file->find((site + ".input_second_moment").str()) ||
         file->find((site + ".input_moment_matrix").str()) ||
         file->metadata().contains(("input_moment_matrix." + site).str());
}
bool Statistics::hasOutputGradient(llvm::StringRef site) const {
  return file->find((site + ".output_grad_second_moment").str());
}

/// Reads a tensor and checks its shape.
static llvm::Expected<std::vector<float>>
readShaped(const archive::SafetensorsFile &file, llvm::StringRef name,
           llvm::ArrayRef<int64_t> shape) {
  auto entry = file.get(name);
  if (!entry)
    return entry.takeError();
  if (llvm::ArrayRef<int64_t>((*entry)->shape) != shape)
    return support::tensorError(
        file.path(), name,
        "has shape " + support::shapeString((*entry)->shape) + ", expected " +
            support::shapeString(shape));
  return file.readFloat(**entry);
}

llvm::Expected<std::shared_ptr<const InputMoment>>
Statistics::inputMoment(llvm::StringRef site, int64_t columns) const {
  std::string owner =
      file->metadata().lookup(("input_moment_matrix." + site).str());
  if (owner.empty())
    owner = site.str();
  std::string matrix = owner + ".input_moment_matrix";
  bool full = file->find(matrix);
  std::string name = full ? matrix : (site + ".input_second_moment").str();
  if (kept && keptName == name && kept->columns() == columns)
    return kept;
  auto values = full ? readShaped(*file, name, {columns, columns})
                     : readShaped(*file, name, {columns});
  if (!values)
    return values.takeError();
  auto moment = full ? InputMoment::fromMatrix(*values, columns)
                     : InputMoment::fromDiagonal(*values);
  if (!moment)
    return support::tensorError(file->path(), name,
                                llvm::toString(moment.takeError()));
  kept = std::make_shared<const InputMoment>(std::move(*moment));
  keptName = name;
  return kept;
}

llvm::Expected<std::vector<Perturbation>>
Statistics::perturbations(llvm::StringRef site) const {
  std::vector<Perturbation> result;
  std::string name = (site + ".sensitivity").str();
  const archive::TensorEntry *entry = file->find(name);
  if (!entry)
    return result;
  if (entry->shape.size() != 2 || entry->shape[1] != 2)
    return support::tensorError(
        file->path(), name,
        "has shape " + support::shapeString(entry->shape) + ", expected Nx2");
  auto values = file->readFloat(*entry);
  if (!values)
    return values.takeError();
  for (size_t i = 0; i + 1 < values->size(); i += 2) {
    Perturbation p{(*values)[i], (*values)[i + 1]};
    if (!std::isfinite(p.error) || !std::isfinite(p.divergence) || p.error <= 0)
      return support::tensorError(
          file->path(), name,
          "row " + llvm::Twine(i / 2) +
              " is not a positive error with a finite divergence");
    result.push_back(p);
  }
  return result;
}

/// One finite number per row, none negative.
static llvm::Expected<std::vector<float>>
readPerRow(const archive::SafetensorsFile &file, llvm::StringRef name,
           int64_t rows) {
  auto values = readShaped(file, name, {rows});
  if (!values)
    return values.takeError();
  for (float v : *values)
    if (!std::isfinite(v) || v < 0.0f)
      return support::tensorError(file.path(), name,
                                  "holds a negative or non-finite number");
  return values;
}

llvm::Expected<std::vector<float>>
Statistics::outputGradient(llvm::StringRef site, int64_t rows) const {
  return readPerRow(*file, (site + ".output_grad_second_moment").str(), rows);
}

llvm::Expected<std::vector<float>>
Statistics::rowImportance(llvm::StringRef site, int64_t rows) const {
  std::string name = (site + ".row_importance").str();
  if (!file->find(name))
    return std::vector<float>();
  return readPerRow(*file, name, rows);
}

llvm::Expected<SiteLoss> SiteLoss::get(const Statistics &statistics,
                                       llvm::StringRef site, int64_t rows) {
  auto measured = statistics.perturbations(site);
  if (!measured)
    return measured.takeError();
  SiteLoss result;
  result.rows = rows;
  if (measured->empty()) {
    auto gradient = statistics.outputGradient(site, rows);
    if (!gradient)
      return gradient.takeError();
    double mean = 0.0;
    for (float v : *gradient)
      mean += v / static_cast<double>(rows);
    result.source = "gradient";
    result.points = {{0.0, std::log(std::max(0.5 * mean, 1e-30))}};
    if (mean > 0.0) {
      result.rowWeights = std::move(*gradient);
      for (float &v : result.rowWeights)
        v = static_cast<float>(v / mean);
    }
    return result;
  }
  result.source = "measured";
  // A divergence below what f32 logits resolve counts as that much.
  static constexpr double kFloor = 1e-7;
  llvm::sort(*measured, [](const Perturbation &a, const Perturbation &b) {
    return a.error < b.error;
  });
  for (const Perturbation &p : *measured) {
    Point point{std::log(p.error), std::log(std::max(p.divergence, kFloor))};
    // Points that lie together say nothing about a slope; a larger error is not
    // taken to harm less.
    if (!result.points.empty()) {
      if (point.error - result.points.back().error < 0.2)
        continue;
      point.loss = std::max(point.loss, result.points.back().loss);
    }
    result.points.push_back(point);
  }
  return result;
}

double SiteLoss::total(llvm::ArrayRef<double> errors) const {
  auto samples = static_cast<int64_t>(errors.size());
  double sum = 0.0, weights = 0.0;
  for (int64_t i = 0; i < samples; ++i) {
    double weight =
        rowWeights.empty() ? 1.0 : rowWeights[sampledRow(i, samples, rows)];
    sum += weight * errors[i];
    weights += weight;
  }
  // The mean over the sample, weighted as the whole is: steadier than a plain
  // sum where few rows carry most of the weight.
  return weights > 0.0 ? static_cast<double>(rows) * sum / weights : 0.0;
}

double SiteLoss::predict(double weightedError) const {
  if (weightedError <= 0.0)
    return 0.0;
  double x = std::log(weightedError);
  // Below the smallest measured error the loss is proportional to the error.
  if (x <= points.front().error || points.size() == 1)
    return std::exp(points.front().loss + x - points.front().error);
  size_t i = 1;
  while (i + 1 < points.size() && x > points[i].error)
    ++i;
  const Point &low = points[i - 1], &high = points[i];
  double slope = (high.loss - low.loss) / (high.error - low.error);
  if (x <= high.error)
    return std::exp(low.loss + slope * (x - low.error));
  // Beyond what was measured a steep rise, or a flat one, need not go on.
  return std::exp(high.loss +
                  std::clamp(slope, 0.7, 1.5) * (x - high.error));
}
