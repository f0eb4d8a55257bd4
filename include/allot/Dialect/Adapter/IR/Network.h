//===- Network.h - tensor networks and the order of contracting them -*- C++
//-*-=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the text of `adapter.contract` says, and how a network is contracted two
// tensors at a time.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_NETWORK_H
#define ALLOT_DIALECT_ADAPTER_IR_NETWORK_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeRange.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace allot::adapter {

/// Modes, by number, in the order of a tensor's dimensions.
using Modes = llvm::SmallVector<unsigned>;

struct Network {
  llvm::SmallVector<Modes> cores;
  Modes out, in;
  /// Name and size of each mode.
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<int64_t> sizes;
};

/// Reads `ar,rb->a|b`: the modes of each core, then those of the outputs and of
/// the inputs, the slowest first. (A42), (A43), (A44), (A45)
llvm::FailureOr<Network>
parseNetwork(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
             llvm::StringRef text, mlir::TypeRange cores);

/// The text with outputs and inputs exchanged.
std::string transposedNetwork(llvm::StringRef text);

/// The order in which tensors are contracted: each step takes two of those that
/// are there, by number, and makes the next one. What is made keeps the modes
/// in `kept`; the others are summed over.
struct ContractionPlan {
  struct Step {
    unsigned left, right;
    Modes kept;
  };
  llvm::SmallVector<Step> steps;
};

/// The most tensors for which the cheapest of all orders is found, by dynamic
/// programming over their subsets in O(3^n); with more of them each step is the
/// cheapest one.
inline constexpr unsigned kOptimalTensors = 10;

/// The order that makes a tensor of the modes `result` in the fewest
/// operations.
ContractionPlan planContraction(llvm::ArrayRef<Modes> tensors,
                                llvm::ArrayRef<unsigned> result,
                                llvm::ArrayRef<int64_t> sizes);

/// Operations of a plan: a product for each point of a step, and a sum where it
/// sums.
uint64_t countFlops(const ContractionPlan &plan, llvm::ArrayRef<Modes> tensors,
                    llvm::ArrayRef<int64_t> sizes);

} // namespace allot::adapter

#endif // ALLOT_DIALECT_ADAPTER_IR_NETWORK_H
