//===- Architectures.h - models outside of the table of families -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is not in the table of families of Llama-like decoders (ModelConfig.h):
// older decoders, encoders, image classifiers, encoder-decoders. Each reads its
// own config.json.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_ARCHITECTURES_H
#define ALLOT_LIB_IMPORT_ARCHITECTURES_H

#include "ModuleBuilder.h"
#include "allot/Archive/Json.h"

namespace allot::importer {

struct Architecture {
  /// `model_type` of config.json.
  llvm::StringLiteral modelType;
  llvm::Error (*build)(ModuleBuilder &module,
                       const archive::JsonDocument &config,
                       WeightSource &weights,
                       llvm::ArrayRef<AdapterSource> adapters);
};

llvm::ArrayRef<Architecture> architectures();
/// Null where there is none.
const Architecture *findArchitecture(llvm::StringRef modelType);

/// GPT-2 (Radford et al. 2019): entries `logits`, `prefill`, `decode`.
llvm::Error buildGpt2(ModuleBuilder &module,
                      const archive::JsonDocument &config,
                      WeightSource &weights,
                      llvm::ArrayRef<AdapterSource> adapters);

/// BERT (Devlin et al. 2018): entry `encode`.
llvm::Error buildBert(ModuleBuilder &module,
                      const archive::JsonDocument &config,
                      WeightSource &weights,
                      llvm::ArrayRef<AdapterSource> adapters);

/// ViT (Dosovitskiy et al. 2020) with a classifier: entry `logits`.
llvm::Error buildVit(ModuleBuilder &module, const archive::JsonDocument &config,
                     WeightSource &weights,
                     llvm::ArrayRef<AdapterSource> adapters);

/// T5 and T5 v1.1 (Raffel et al. 2020): entries `logits`, `prefill`, `decode`.
llvm::Error buildT5(ModuleBuilder &module, const archive::JsonDocument &config,
                    WeightSource &weights,
                    llvm::ArrayRef<AdapterSource> adapters);

/// Switch Transformers (Fedus et al. 2021): the same entries.
llvm::Error buildSwitch(ModuleBuilder &module,
                        const archive::JsonDocument &config,
                        WeightSource &weights,
                        llvm::ArrayRef<AdapterSource> adapters);

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_ARCHITECTURES_H
