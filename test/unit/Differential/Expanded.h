//===- Expanded.h - programs that are expanded but on tensors ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_TEST_UNIT_DIFFERENTIAL_EXPANDED_H
#define ALLOT_TEST_UNIT_DIFFERENTIAL_EXPANDED_H

#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Pipelines/Pipelines.h"
#include "mlir/Transforms/Passes.h"

namespace allot::test {

/// Maps expanded as `evaluate` says, fused and packed: what the reference evaluation still runs.
inline void buildExpanded(mlir::OpPassManager &pm, const pipelines::LoweringOptions &lowering, llvm::StringRef evaluate) {
  pipelines::buildPreparePipeline(pm, lowering);
  adapter::AdapterExpandOptions options;
  options.evaluate = evaluate.str();
  pm.addPass(adapter::createAdapterExpand(options));
  pm.addPass(mlir::createCanonicalizerPass());
  pm.addPass(mlir::createCSEPass());
  pm.addPass(adapter::createAdapterFuseEpilogue());
  pm.addPass(format::createFormatPack());
}

} // namespace allot::test

#endif // ALLOT_TEST_UNIT_DIFFERENTIAL_EXPANDED_H
