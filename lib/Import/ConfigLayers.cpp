//===- ConfigLayers.cpp - what differs by layer in config.json --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;
using archive::JsonDocument;
using archive::JsonField;

llvm::Error importer::readUnrotated(const JsonDocument &config,
                                    FieldReader &fields, ModelConfig &model) {
  if (!model.family->someUnrotated)
    return llvm::Error::success();
  model.unrotated.assign(model.layers, false);
  JsonField layers = config["no_rope_layers"];
  if (layers.isNull()) {
    int64_t interval = fields.sizeOr("no_rope_layer_interval", 4, maxLayers);
    for (int64_t layer = 0; layer < model.layers; ++layer)
      model.unrotated[layer] = (layer + 1) % interval == 0;
    return llvm::Error::success();
  }
  auto flags = layers.integers();
  if (!flags)
    return flags.takeError();
  if (int64_t(flags->size()) != model.layers)
    return layers.error("has " + llvm::Twine(flags->size()) +
                        " entries, num_hidden_layers is " +
                        llvm::Twine(model.layers));
  for (auto [layer, rotates] : llvm::enumerate(*flags)) {
    if (rotates != 0 && rotates != 1)
      return layers.error("entries are 0 or 1, but got " +
                          llvm::Twine(rotates));
    model.unrotated[layer] = rotates == 0;
  }
  return llvm::Error::success();
}

llvm::Error importer::readWindows(const JsonDocument &config,
                                  FieldReader &fields, ModelConfig &model) {
  model.windows.assign(model.layers, 0);
  const Family &family = *model.family;
  JsonField window = config["sliding_window"];
  bool has = window.exists() ? !window.isNull() : family.defaultWindow != 0;
  auto size = [&] {
    return window.exists() ? fields.size("sliding_window")
                           : family.defaultWindow;
  };
  bool all = family.window == Family::Window::AllLayers && has;
  bool some = family.window == Family::Window::FromLayer &&
              fields.flag("use_sliding_window", false) && has;
  JsonField types = config["layer_types"];
  if (!types.isNull()) {
    auto names = types.strings();
    if (!names)
      return names.takeError();
    if (int64_t(names->size()) != model.layers)
      return types.error("has " + llvm::Twine(names->size()) +
                         " entries, num_hidden_layers is " +
                         llvm::Twine(model.layers));
    for (auto [layer, name] : llvm::enumerate(*names)) {
      if (name == family.fullType)
        continue;
      if (name != family.windowType || family.window == Family::Window::None)
        return types.error("layer type " + support::quoted(name) +
                           " is not supported");
      model.windows[layer] = size();
    }
    return llvm::Error::success();
  }
  if (family.window == Family::Window::Unrotated) {
    if (fields.flag("use_sliding_window", false) && has)
      for (int64_t layer = 0; layer < model.layers; ++layer)
        model.windows[layer] = model.unrotated[layer] ? size() : 0;
    return llvm::Error::success();
  }
  if (family.window == Family::Window::AllIfAsked)
    all = fields.flag("use_sliding_window", false) && has;
  if (family.window == Family::Window::EvenBelowLayer) {
    bool asked = fields.flag("use_sliding_window", false) && has;
    int64_t end = fields.take<int64_t>(
        config["max_window_layers"].integerOr(28, 0, maxLayers));
    for (int64_t layer = 0; asked && layer < std::min(end, model.layers);
         layer += 2)
      model.windows[layer] = size();
    return llvm::Error::success();
  }
  if (family.window == Family::Window::Pattern) {
    llvm::StringRef key = config["_sliding_window_pattern"].exists()
                              ? "_sliding_window_pattern"
                              : "sliding_window_pattern";
    int64_t pattern = fields.sizeOr(key, family.defaultPattern, maxLayers);
    for (int64_t layer = 0; has && layer < model.layers; ++layer)
      model.windows[layer] = (layer + 1) % pattern ? size() : 0;
    return llvm::Error::success();
  }
  if (!all && !some)
    return llvm::Error::success();
  int64_t first =
      all ? 0
          : fields.take<int64_t>(
                config["max_window_layers"].integerOr(28, 0, maxLayers));
  for (int64_t layer = first; layer < model.layers; ++layer)
    model.windows[layer] = size();
  return llvm::Error::success();
}

llvm::Error importer::readRoutedLayers(const JsonDocument &config,
                                       FieldReader &fields,
                                       ModelConfig &model) {
  using Routed = Family::Routed;
  const Family &family = *model.family;
  model.routed.assign(model.layers, family.routed == Routed::AllLayers);
  if (family.routed == Routed::FromLayer) {
    int64_t first =
        fields.take<int64_t>(config["first_k_dense_replace"].integerOr(
            family.defaultFirstRouted, 0, maxLayers));
    for (int64_t layer = first; layer < model.layers; ++layer)
      model.routed[layer] = true;
  }
  if (family.routed == Routed::Step) {
    int64_t step = fields.sizeOr("decoder_sparse_step", 1, maxLayers);
    for (int64_t layer = 0; layer < model.layers; ++layer)
      model.routed[layer] = (layer + 1) % step == 0;
    JsonField dense = config["mlp_only_layers"];
    if (!dense.isNull()) {
      auto layers = dense.integers();
      if (!layers)
        return layers.takeError();
      for (int64_t layer : *layers)
        // The library ignores layers that there are not.
        if (layer >= 0 && layer < model.layers)
          model.routed[layer] = false;
    }
  }
  return llvm::Error::success();
}
