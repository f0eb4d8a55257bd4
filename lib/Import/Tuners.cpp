//===- Tuners.cpp - the kinds of adapters -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tuners.h"
#include "allot/Support/Error.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using archive::TensorEntry;
using support::quoted;
using support::shapeString;

llvm::ArrayRef<const Tuner *> importer::tuners() {
  static const Tuner *const all[] = {
      &loraTuner,    &adaLoraTuner, &tinyLoraTuner,
      &ia3Tuner,     &roadTuner,    &missTuner,
      &veraTuner,    &pveraTuner,   &randLoraTuner,
      &beftTuner,    &normTuner,    &vbLoraTuner,
      &uniLoraTuner, &tokensTuner,  &lohaTuner,
      &lokrTuner,    &hiraTuner,    &gloraTuner,
      &oftTuner,     &boftTuner,    &hraTuner,
      &c3aTuner,     &shiraTuner,   &supertuningTuner,
      &fourierTuner, &waveletTuner, &deloraTuner,
      &deftTuner,    &graLoraTuner, &peanutTuner,
      &lilyTuner,    &polyTuner,    &adaptionPromptTuner,
      &osfTuner,     &psoftTuner,   &frodTuner,
      &promptTuner,  &pTuner,       &prefixTuner};
  return all;
}

llvm::Error ModuleReader::error(const TensorEntry &entry,
                                const llvm::Twine &what) const {
  return support::tensorError(file.path(), entry.name, what);
}

llvm::Error ModuleReader::fieldError(llvm::StringRef field,
                                     const llvm::Twine &what) const {
  return support::fieldError(config.path(), field, what);
}

llvm::Expected<const TensorEntry *>
ModuleReader::need(llvm::StringRef suffix) const {
  if (const TensorEntry *entry = find(suffix))
    return entry;
  const std::string &path = module.experts ? module.expertsPath : module.path;
  return support::tensorError(
      file.path(), "base_model.model." + path + suffix.str(), "is missing");
}

llvm::Expected<const TensorEntry *>
ModuleReader::needShared(llvm::StringRef name) const {
  if (const TensorEntry *entry = shared.lookup(name))
    return entry;
  return support::tensorError(file.path(), ("base_model." + name).str(),
                              "is missing");
}

llvm::Error ModuleReader::add(llvm::StringRef part, const TensorEntry &entry,
                              llvm::ArrayRef<int64_t> shape, bool whole) {
  if (archive::isFloat(entry.dtype) == whole)
    return error(entry, "must hold " +
                            llvm::Twine(whole ? "integers" : "floats") +
                            ", is " + archive::dtypeName(entry.dtype));
  bool fits = entry.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = entry.shape[i] > 0 && (shape[i] < 0 || entry.shape[i] == shape[i]);
  if (!fits) {
    std::string wanted;
    for (int64_t size : shape)
      wanted += (wanted.empty() ? "" : "x") +
                (size < 0 ? std::string("ANY") : std::to_string(size));
    return error(entry, "has shape " + shapeString(entry.shape) + ", must be " +
                            wanted);
  }
  used.insert(&entry);
  bool isShared = llvm::any_of(
      shared, [&](const auto &one) { return one.second == &entry; });
  form.parts.push_back(
      {part.str(), storedTensor(file, entry, digest), isShared});
  return llvm::Error::success();
}

llvm::Expected<const TensorEntry *>
ModuleReader::addNeeded(llvm::StringRef part, llvm::StringRef suffix,
                        llvm::ArrayRef<int64_t> shape) {
  auto entry = need(suffix);
  if (!entry)
    return entry.takeError();
  if (llvm::Error e = add(part, **entry, shape))
    return std::move(e);
  return *entry;
}

llvm::Expected<const TensorEntry *>
ModuleReader::addIndices(llvm::StringRef part, llvm::StringRef suffix,
                         llvm::ArrayRef<int64_t> shape, int64_t limit) {
  auto entry = need(suffix);
  if (!entry)
    return entry.takeError();
  if (llvm::Error e = add(part, **entry, shape, /*whole=*/true))
    return std::move(e);
  auto values = file.readInt64(**entry);
  if (!values)
    return values.takeError();
  for (auto [i, value] : llvm::enumerate(*values))
    if (value < 0 || value >= limit)
      return error(**entry,
                   "element " + llvm::Twine(i) + " is " + llvm::Twine(value) +
                       ", must be at least 0 and below " + llvm::Twine(limit));
  return *entry;
}

llvm::Expected<const TensorEntry *>
ModuleReader::addShared(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) {
  auto entry = needShared(name);
  if (!entry)
    return entry.takeError();
  if (llvm::Error e = add(name, **entry, shape))
    return std::move(e);
  return *entry;
}

llvm::Expected<const TensorEntry *>
ModuleReader::addSharedOrNeeded(llvm::StringRef name,
                                llvm::ArrayRef<int64_t> shape) {
  std::string suffix = ("." + name).str();
  if (!shared.count(name))
    return addNeeded(name, suffix, shape);
  // A copy is no other tensor.
  (void)find(suffix);
  return addShared(name, shape);
}

llvm::Expected<std::vector<int64_t>>
ModuleReader::integers(const TensorEntry &entry) const {
  return file.readInt64(entry);
}

llvm::Expected<int64_t> ModuleReader::rank(llvm::StringRef field,
                                           int64_t missing) const {
  auto configured = config[field].integerOr(missing, 1, 1 << 20);
  if (!configured)
    return configured.takeError();
  return config.rankRule(module).value_or(*configured);
}

llvm::Expected<double> ModuleReader::alpha(llvm::StringRef field,
                                           double missing) const {
  auto configured = config[field].numberOr(missing);
  if (!configured)
    return configured.takeError();
  return config.alphaRule(module).value_or(*configured);
}

llvm::Error ModuleReader::checkRank(int64_t found, const TensorEntry &entry,
                                    llvm::StringRef field) const {
  auto configured = rank(field);
  if (!configured)
    return configured.takeError();
  if (found == *configured)
    return llvm::Error::success();
  return fieldError(field, "rank " + llvm::Twine(*configured) + " of module " +
                               quoted(module.path) +
                               " differs from that of tensor " +
                               quoted(entry.name) + ", which has shape " +
                               shapeString(entry.shape));
}

llvm::Expected<double> ModuleReader::scaled(double factor,
                                            llvm::StringRef field) const {
  double scale = source.weight * factor;
  if (!std::isfinite(scale))
    return fieldError(field, "the scale of module " + quoted(module.path) +
                                 " is not finite");
  return scale;
}

llvm::Error ModuleReader::unweighted() const {
  if (source.weight == 1.0)
    return llvm::Error::success();
  return support::fileError(source.directory,
                            "an adapter of this type cannot be weighted");
}

void ModuleReader::depends(double number) {
  form.key.append(reinterpret_cast<const char *>(&number), sizeof(number));
}

void ModuleReader::depends(llvm::StringRef text) {
  form.key += text;
  form.key += '\0';
}
