//===- StatisticsFile.cpp - what was measured, as a file --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelSites.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Archive/Safetensors.h"
#include "llvm/ADT/StringSet.h"
#include <map>

using namespace allot;
using namespace allot::profile;
using archive::DType;

namespace {

/// Tensors in the order in which they are written: what each has, and a
/// function that gives its numbers when its turn comes.
class StatisticsFile {
public:
  using Values =
      std::function<void(llvm::function_ref<void(llvm::ArrayRef<float>)> give)>;

  void add(std::string name, std::vector<int64_t> shape, Values values) {
    specs.push_back({std::move(name), DType::F32,
                     llvm::SmallVector<int64_t>(shape.begin(), shape.end())});
    sources.push_back(std::move(values));
  }
  void add(std::string name, llvm::ArrayRef<float> values) {
    add(std::move(name), {static_cast<int64_t>(values.size())},
        [values](auto give) { give(values); });
  }

  llvm::Error write(llvm::StringRef path) {
    auto writer = archive::SafetensorsWriter::create(path, specs, metadata);
    if (!writer)
      return writer.takeError();
    for (auto [spec, values] : llvm::zip(specs, sources)) {
      llvm::Error error = llvm::Error::success();
      values([&, &spec = spec](llvm::ArrayRef<float> numbers) {
        error = llvm::joinErrors(std::move(error),
                                 (*writer)->writeFloat(spec.name, numbers));
      });
      if (error)
        return error;
    }
    return (*writer)->commit();
  }

  std::map<std::string, std::string> metadata;

private:
  std::vector<archive::TensorSpec> specs;
  std::vector<Values> sources;
};

} // namespace

llvm::Error profile::writeStatistics(const ModelSites &model,
                                     const Measured &measured,
                                     llvm::StringRef output) {
  StatisticsFile file;
  file.metadata = {{"producer", "allot profile"},
                   {"tokens", std::to_string(measured.moments.tokens())},
                   {"model", model.digest}};
  llvm::StringSet<> known;
  for (const auto &moment : measured.moments.moments()) {
    if (moment.input.sites.empty())
      continue;
    const std::string &owner = moment.input.sites.front();
    int64_t n = moment.columns;
    file.add(owner + ".input_moment_matrix", {n, n},
             [&moment](auto give) { give(moment.sum); });
    for (const std::string &site : moment.input.sites) {
      known.insert(site);
      file.add(site + ".input_second_moment", {n}, [&moment, n](auto give) {
        std::vector<float> diagonal(n);
        for (int64_t i = 0; i < n; ++i)
          diagonal[i] = moment.sum[i * n + i];
        give(diagonal);
      });
      if (site != owner)
        file.metadata["input_moment_matrix." + site] = owner;
    }
  }
  for (const auto &[tensor, values] : measured.gradients)
    if (llvm::StringRef site = tensor;
        site.consume_back(".input_second_moment"))
      known.insert(site);
  for (const analysis::Site &site : model.sites)
    if (!known.contains(site.name))
      file.add(site.name + ".input_second_moment", {site.columns},
               [&](auto give) { give(tableMoment(site, measured.gradients)); });
  for (const analysis::Site &site : model.sites)
    if (!analysis::measuredRowParts(site, model.vocab).empty())
      file.add(site.name + ".row_importance", {site.rows},
               [&](auto give) { give(measured.tokenFrequencies); });
  for (const auto &[site, pairs] : measured.perturbations)
    file.add(site + ".sensitivity", {static_cast<int64_t>(pairs.size()), 2},
             [&pairs = pairs](auto give) {
               std::vector<float> values;
               for (auto [error, divergence] : pairs) {
                 values.push_back(static_cast<float>(error));
                 values.push_back(static_cast<float>(divergence));
               }
               give(values);
             });
  for (const auto &[tensor, values] : measured.gradients)
    file.add(tensor, values);
  return file.write(output);
}
