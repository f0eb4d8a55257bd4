//===- Importance.cpp - what errors of a matrix are predicted to cost -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Importance.h"
#include <algorithm>
#include <cmath>

using namespace allot;
using namespace allot::analysis;

namespace {

/// A curve through measured perturbations.
class MeasuredImportance : public ImportanceModel {
public:
  MeasuredImportance(std::vector<Perturbation> measured, int64_t rows)
      : rows(rows) {
    // A divergence below what f32 logits resolve counts as that much.
    static constexpr double kFloor = 1e-7;
    llvm::sort(measured, [](const Perturbation &a, const Perturbation &b) {
      return a.error < b.error;
    });
    for (const Perturbation &p : measured) {
      Point point{std::log(p.error), std::log(std::max(p.divergence, kFloor))};
      // Points that lie together say nothing about a slope; a larger error is
      // not taken to harm less.
      if (!points.empty()) {
        if (point.error - points.back().error < 0.2)
          continue;
        point.loss = std::max(point.loss, points.back().loss);
      }
      points.push_back(point);
    }
  }

  double total(llvm::ArrayRef<double> errors) const override {
    double sum = 0.0;
    for (double error : errors)
      sum += error;
    return errors.empty() ? 0.0
                          : static_cast<double>(rows) * sum / errors.size();
  }

  double predict(double weightedError) const override {
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
    return std::exp(high.loss + std::clamp(slope, 0.7, 1.5) * (x - high.error));
  }

  llvm::StringRef origin() const override { return "measured"; }

private:
  int64_t rows;
  /// Logarithms of measured errors and losses, both rising; one point or more.
  struct Point {
    double error, loss;
  };
  llvm::SmallVector<Point, 3> points;
};

/// Half of the errors of the outputs, weighted by the curvature of the loss.
class GradientImportance : public ImportanceModel {
public:
  explicit GradientImportance(std::vector<float> curvature)
      : curvature(std::move(curvature)) {
    for (float c : this->curvature)
      mean += c / static_cast<double>(this->curvature.size());
  }

  // The mean over the sample, weighted as the whole is: steadier than a plain
  // sum where few rows carry most of the weight.
  double total(llvm::ArrayRef<double> errors) const override {
    auto rows = static_cast<int64_t>(curvature.size()),
         samples = static_cast<int64_t>(errors.size());
    double sum = 0.0, weights = 0.0;
    for (int64_t i = 0; i < samples; ++i) {
      double weight = curvature[sampledRow(i, samples, rows)];
      sum += weight * errors[i];
      weights += weight;
    }
    return weights > 0.0 ? static_cast<double>(rows) * sum / weights : 0.0;
  }

  double predict(double weightedError) const override {
    return 0.5 * mean * weightedError;
  }

  llvm::StringRef origin() const override { return "gradient"; }

private:
  std::vector<float> curvature;
  double mean = 0.0;
};

} // namespace

llvm::Expected<std::unique_ptr<ImportanceModel>>
analysis::createImportanceModel(const Statistics &statistics,
                                llvm::StringRef site, int64_t rows) {
  auto measured = statistics.perturbations(site);
  if (!measured)
    return measured.takeError();
  if (!measured->empty())
    return std::make_unique<MeasuredImportance>(std::move(*measured), rows);
  auto curvature = statistics.outputCurvature(site, rows);
  if (!curvature)
    return curvature.takeError();
  return std::make_unique<GradientImportance>(std::move(*curvature));
}
