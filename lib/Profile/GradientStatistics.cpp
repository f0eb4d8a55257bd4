//===- GradientStatistics.cpp - what gradients say of each matrix -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientStatistics.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Adapter/Transforms/Transforms.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "llvm/ADT/DenseSet.h"

using namespace allot;
using namespace allot::profile;

/// True if each position of what leaves a part depends on the same position of
/// what enters it alone: matrices, norms and functions, row by row. Weights and
/// tables do not count, they have no positions.
static bool isPositionwise(mlir::func::FuncOp part) {
  llvm::DenseSet<mlir::Value> positions;
  for (mlir::Value argument : part.getArguments())
    positions.insert(argument);
  for (mlir::Operation &op : part.getBody().front()) {
    if (op.hasTrait<mlir::OpTrait::IsTerminator>() ||
        llvm::none_of(op.getOperands(),
                      [&](mlir::Value v) { return positions.contains(v); }))
      continue;
    for (mlir::Value result : op.getResults())
      if (mlir::isa<mlir::TensorType>(result.getType())) {
        if (!op.hasTrait<mlir::OpTrait::Elementwise>() &&
            !mlir::isa<adapter::ApplyOp, nn::NormOp, nn::ActivationOp,
                       nn::TapOp>(op))
          return false;
        positions.insert(result);
      }
  }
  return true;
}

runtime::GradientOptions
profile::gradientOptions(llvm::ArrayRef<mlir::func::FuncOp> parts,
                         const llvm::StringMap<std::string> &sites) {
  runtime::GradientOptions options;
  for (auto [k, function] : llvm::enumerate(parts)) {
    mlir::func::FuncOp part = function;
    adapter::instrument(part, /*outputs=*/true);
    part.walk([&, k = k](nn::TapOp tap) {
      mlir::Operation *use = tap.getX().getDefiningOp();
      auto site = use ? use->getAttrOfType<mlir::StringAttr>("site")
                      : mlir::StringAttr();
      if (!tap.getSites() || !site ||
          !tap.getName().starts_with((site.getValue() + ".output").str()))
        return;
      auto found = sites.find(site.getValue());
      if (found == sites.end())
        return;
      runtime::MatrixUse made;
      made.part = k;
      made.site = found->second;
      made.gradient = (tap.getName() + ".gradient").str();
      if (auto apply = mlir::dyn_cast<adapter::ApplyOp>(use))
        made.input = apply.getX().getDefiningOp<nn::TapOp>().getName().str();
      options.uses.push_back(std::move(made));
    });
  }
  options.lastIsPositionwise = !parts.empty() && isPositionwise(parts.back());
  return options;
}

static std::vector<float> scaled(llvm::ArrayRef<double> values, double factor) {
  std::vector<float> result;
  for (double value : values)
    result.push_back(static_cast<float>(value * factor));
  return result;
}

static double sumOf(llvm::ArrayRef<double> values) {
  double sum = 0.0;
  for (double value : values)
    sum += value;
  return sum;
}

llvm::Expected<GradientStatistics>
profile::gradientStatistics(const runtime::Gradients &gradients,
                            llvm::ArrayRef<analysis::Site> sites,
                            const runtime::InputMoments &moments,
                            llvm::ArrayRef<float> importance, int64_t vocab) {
  GradientStatistics result;
  double perToken = 1.0 / static_cast<double>(gradients.tokens),
         perRow = 1.0 / static_cast<double>(gradients.rows),
         positions = static_cast<double>(gradients.tokens) * perRow - 1.0;
  llvm::StringMap<double> traces;
  for (const auto &moment : moments.moments()) {
    double trace = 0.0;
    for (int64_t i = 0; i < moment.columns; ++i)
      trace += moment.sum[i * moment.columns + i];
    for (const std::string &site : moment.input.sites)
      traces[site] = trace;
  }
  std::vector<int64_t> order = analysis::rowsByImportance(importance);
  for (const analysis::Site &site : sites) {
    auto found = gradients.sites.find(site.name);
    if (found == gradients.sites.end())
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "no gradient reaches %s",
                                     site.name.c_str());
    const runtime::SiteGradients &g = found->second;
    bool isApplied = !g.outputSquares.empty();
    double trace = traces.lookup(site.name);
    std::vector<double> curvature(site.rows);
    for (int64_t o = 0; isApplied && o < site.rows; ++o)
      curvature[o] = !g.fisherRows.empty() && trace > 0.0
                         ? positions * g.fisherRows[o] * perRow / trace
                         : g.outputSquares[o] * perToken;
    if (!g.lookupSquares.empty()) {
      double factor = 1.0;
      if (isApplied)
        factor = trace > 0.0 ? sumOf(g.lookupSquares) * perToken / trace : 0.0;
      bool isVocabulary = site.rows == vocab;
      for (int64_t o = 0; o < site.rows; ++o)
        curvature[o] +=
            factor * (isVocabulary ? double(importance[o])
                                   : 1.0 / static_cast<double>(site.rows));
      if (!isApplied)
        result.emplace_back(site.name + ".input_second_moment",
                            scaled(g.lookupSquares, perToken));
    }
    if (isApplied)
      result.emplace_back(site.name + ".output_grad_second_moment",
                          scaled(g.outputSquares, perToken));
    result.emplace_back(site.name + ".output_curvature",
                        scaled(curvature, 1.0));
    for (analysis::RowPart part : analysis::measuredRowParts(site, vocab)) {
      std::vector<float> values;
      for (int64_t rank = part.first; rank < part.end; ++rank)
        values.push_back(static_cast<float>(curvature[order[rank]]));
      result.emplace_back(analysis::rowPartName(site.name, part) +
                              ".output_curvature",
                          std::move(values));
    }
    if (!g.fisherRows.empty()) {
      result.emplace_back(site.name + ".fisher_rows",
                          scaled(g.fisherRows, perRow));
      result.emplace_back(site.name + ".fisher_cols",
                          scaled(g.fisherColumns, perRow));
    }
  }
  return result;
}
