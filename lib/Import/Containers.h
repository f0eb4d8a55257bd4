//===- Containers.h - importers of the kinds of checkpoints -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_CONTAINERS_H
#define ALLOT_LIB_IMPORT_CONTAINERS_H

#include "ModuleBuilder.h"
#include "allot/Import/ModelConfig.h"

namespace allot::importer {

/// Declares the weights of a decoder and builds its entries: `logits`,
/// `prefill`, `decode`. `expectedBy` says in errors where the configuration
/// comes from.
llvm::Error buildDecoder(ModuleBuilder &module, const ModelConfig &config,
                         WeightSource &weights,
                         llvm::ArrayRef<AdapterSource> adapters,
                         llvm::StringRef expectedBy);

/// Builds one function `x` -> `y` per adapted module of a bare safetensors
/// file (without adapters, per module). `modulesFile` may be empty.
llvm::Error buildBareModel(ModuleBuilder &module, llvm::StringRef checkpoint,
                           llvm::StringRef modulesFile,
                           llvm::ArrayRef<AdapterSource> adapters);

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_CONTAINERS_H
