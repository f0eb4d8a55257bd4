//===- InitAllPasses.cpp - registration of all passes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/InitAllPasses.h"
#include "allot/Conversion/AdapterToKernel/AdapterToKernel.h"
#include "allot/Conversion/NNToKernel/NNToKernel.h"
#include "allot/Conversion/RoutedToKernel/RoutedToKernel.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "allot/Dialect/Format/Transforms/Passes.h"
#include "allot/Dialect/NN/Transforms/Passes.h"
#include "allot/Dialect/Plan/Transforms/Passes.h"
#include "allot/Dialect/Routed/Transforms/Passes.h"
#include "allot/Gradient/Passes.h"
#include "allot/Pipelines/Pipelines.h"

void allot::registerAllPasses() {
  adapter::registerAdapterPasses();
  format::registerFormatPasses();
  nn::registerNNPasses();
  plan::registerPlanPasses();
  routed::registerRoutedPasses();
  conversion::registerAdapterToKernelPasses();
  conversion::registerNNToKernelPasses();
  conversion::registerRoutedToKernelPasses();
  gradient::registerGradientPasses();
  pipelines::registerPipelines();
}
