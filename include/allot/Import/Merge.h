//===- Merge.h - weights with their adapters merged in ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_IMPORT_MERGE_H
#define ALLOT_IMPORT_MERGE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace allot::support {
class Progress;
}

namespace allot::importer {

/// On an `adapter.apply`: the adapter that makes something other than a linear
/// map of the module, which the map of the op does not say.
inline constexpr llvm::StringLiteral beyondMapAttr = "allot.beyond_map";

/// On a module whose layers are repeated: of each layer the one of the
/// checkpoint whose parameters it has. No checkpoint says such a thing.
inline constexpr llvm::StringLiteral layerSourcesAttr = "allot.layer_sources";

/// On a global: the name of the tensor in the checkpoint where it is not that
/// of the site with `.weight` or `.bias`, and its shape where the program takes
/// the same numbers in another.
inline constexpr llvm::StringLiteral storedNameAttr = "allot.stored_name",
                                     storedShapeAttr = "allot.stored_shape";

/// On a module: parameters of a checkpoint that hold a matrix of each expert,
/// and of how many. `X.P` holds what is called `X.N.P` in the module.
inline constexpr llvm::StringLiteral expertParametersAttr =
    "allot.expert_parameters";

/// Writes all weights of `module` to a safetensors file, f32, one tensor at a
/// time, named and laid out as in the checkpoint (`SITE.weight`, `SITE.bias`).
/// Where a matrix or a bias is an expression, its value is written: sums are
/// accumulated in double precision. `folder` is that of the module's file.
/// Errors name the file and the tensor or site; nothing is left behind then.
/// The context must know the codecs (registerAllExtensions).
llvm::Error mergeWeights(mlir::ModuleOp module, llvm::StringRef folder,
                         llvm::StringRef outputPath,
                         support::Progress *progress = nullptr);

} // namespace allot::importer

#endif // ALLOT_IMPORT_MERGE_H
