//===- ConfigFields.h - reading fields of config.json -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// config.json is read into one ModelConfig by sources by subject: sizes and
// activations, layers, rotary angles.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_CONFIGFIELDS_H
#define ALLOT_LIB_IMPORT_CONFIGFIELDS_H

#include "allot/Import/ModelConfig.h"
#include <cmath>
#include <optional>

namespace allot::importer {

// Bounds on counts and sizes: far beyond any model, small enough that no
// product of two of them overflows.
constexpr int64_t maxLayers = 1 << 16, maxSize = int64_t(1) << 30;

/// Reads fields one after another and keeps the first error, so that a
/// configuration reads as a list of its fields.
class FieldReader {
public:
  explicit FieldReader(const archive::JsonDocument &document)
      : document(document) {}
  ~FieldReader() { llvm::consumeError(std::move(failure)); }

  template <typename T>
  T take(llvm::Expected<T> value, T otherwise = {}) {
    if (value)
      return *value;
    keep(value.takeError());
    return otherwise;
  }
  void keep(llvm::Error error) {
    if (failure)
      llvm::consumeError(std::move(error));
    else
      failure = std::move(error);
  }
  int64_t size(llvm::StringRef key, int64_t high = maxSize) {
    return take<int64_t>(document[key].integer(1, high));
  }
  int64_t sizeOr(llvm::StringRef key, int64_t missing, int64_t high = maxSize) {
    return take<int64_t>(document[key].integerOr(missing, 1, high));
  }
  bool flag(llvm::StringRef key, bool missing) {
    return take<bool>(document[key].booleanOr(missing));
  }
  /// An activation by its name; none where there was an error.
  std::optional<nn::ActivationKind> activation(archive::JsonField field,
                                               llvm::StringRef missing) {
    auto name = take<llvm::StringRef>(field.stringOr(missing), missing);
    auto kind = activationKind(name);
    if (!kind)
      keep(field.error("activation '" + name + "' is not supported"));
    return kind;
  }
  double positive(archive::JsonField field, double missing) {
    double value = take<double>(field.numberOr(missing), missing);
    if (!(value > 0) || !std::isfinite(value))
      keep(field.error("must be a positive number"));
    return value;
  }
  bool failed() { return bool(failure); }
  llvm::Error finish() { return std::move(failure); }

private:
  const archive::JsonDocument &document;
  llvm::Error failure = llvm::Error::success();
};

inline llvm::Error unsupported(archive::JsonField field) {
  return field.error("this option is not supported");
}

/// Weights that are stored in a way that only another library knows.
inline llvm::Error refuseQuantized(const archive::JsonDocument &config) {
  for (llvm::StringRef key : {"quantization_config", "compression_config"})
    if (!config[key].isNull())
      return unsupported(config[key]);
  return llvm::Error::success();
}

/// `rope_parameters`, or `rope_theta` and `rope_scaling` at top level. Families
/// whose windows have their own angles: an object each, or
/// `rope_local_base_freq` beside.
llvm::Error readRope(const archive::JsonDocument &config, FieldReader &fields,
                     ModelConfig &model);

/// Which layers do not rotate: those that `no_rope_layers` gives a 0, or every
/// `no_rope_layer_interval`-th.
llvm::Error readUnrotated(const archive::JsonDocument &config,
                          FieldReader &fields, ModelConfig &model);

/// Which layers attend to a window: `layer_types` where given, else by the
/// habit of the family.
llvm::Error readWindows(const archive::JsonDocument &config,
                        FieldReader &fields, ModelConfig &model);

/// Which layers are mixtures of experts.
llvm::Error readRoutedLayers(const archive::JsonDocument &config,
                             FieldReader &fields, ModelConfig &model);

/// How many experts, how they are chosen and how wide they are, where some
/// layer is routed.
llvm::Error readExperts(const archive::JsonDocument &config,
                        FieldReader &fields, ModelConfig &model);

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_CONFIGFIELDS_H
