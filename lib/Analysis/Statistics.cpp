//===- Statistics.cpp - measured statistics of a model ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Analysis/Statistics.h"
#include "allot/Support/Error.h"
#include <cmath>

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
Statistics::outputCurvature(llvm::StringRef site, int64_t rows) const {
  std::string name = (site + ".output_curvature").str();
  if (!file->find(name))
    name = (site + ".output_grad_second_moment").str();
  return readPerRow(*file, name, rows);
}

llvm::Expected<std::vector<float>>
Statistics::rowImportance(llvm::StringRef site, int64_t rows) const {
  std::string name = (site + ".row_importance").str();
  if (!file->find(name))
    return std::vector<float>();
  return readPerRow(*file, name, rows);
}
