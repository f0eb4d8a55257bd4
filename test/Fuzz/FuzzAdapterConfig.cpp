//===- FuzzAdapterConfig.cpp - adapter_config.json, with patterns ---- -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "allot/Import/AdapterConfig.h"

using namespace allot;
using namespace allot::fuzz;
using importer::ModuleInfo;
using importer::ModuleKind;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<ModuleInfo> modules = {
      {"model.layers.0.self_attn.q_proj", ModuleKind::Linear, 8, 8},
      {"model.layers.1.self_attn.v_proj", ModuleKind::Linear, 8, 8, true},
      {"model.layers.10.mlp.down_proj", ModuleKind::Conv1D, 8, 16},
      {"model.embed_tokens", ModuleKind::Embedding, 32, 8},
      {"lm_head", ModuleKind::Linear, 32, 8, false, true},
      {std::string(512, 'a'), ModuleKind::Linear, 8, 8}};
  static constexpr llvm::StringLiteral ownFields[] = {"r", "lora_alpha"};
  // The order of patterns is that of the text, which is read from the file.
  static const Folder folder;
  std::string path = folder.write("adapter_config.json", text(data, size));
  auto document = take(archive::JsonDocument::open(path));
  if (!document)
    return 0;
  // Of a kind that is on the whole model, too.
  (void)take(
      importer::AdapterConfig::read(*document, ownFields, /*named=*/false));
  auto config =
      take(importer::AdapterConfig::read(*document, ownFields, /*named=*/true));
  if (!config)
    return 0;
  for (const ModuleInfo &module : modules) {
    config->targets(module);
    config->saves(module.path);
    if (config->rankRule(module).value_or(1) < 1)
      __builtin_trap();
    config->alphaRule(module);
  }
  return 0;
}
