//===- GradientStatistics.h - what gradients say of each matrix -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_PROFILE_GRADIENTSTATISTICS_H
#define ALLOT_LIB_PROFILE_GRADIENTSTATISTICS_H

#include "allot/Analysis/Sites.h"
#include "allot/Runtime/Gradients.h"
#include "allot/Runtime/Profile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace allot::profile {

/// What is measured of an entry that was cut into `parts`: one use for each
/// `apply` and `gather` with a site, whose statistics go to the name that
/// `sites` gives it. The parts are instrumented for it (adapter-instrument).
runtime::GradientOptions
gradientOptions(llvm::ArrayRef<mlir::func::FuncOp> parts,
                const llvm::StringMap<std::string> &sites);

/// Tensors of the statistics file, by name, in order.
using GradientStatistics =
    std::vector<std::pair<std::string, std::vector<float>>>;

/// The statistics of all sites; an error where a site has no gradients.
///
/// The curvature c_o of row o is that of the loss, per token and weighted error:
/// (T - 1) F_o / tr(H), with F_o the squares of the gradients of the row's
/// entries (fisher_rows) and T the length of a row of tokens. The mean of
/// g_o^2, which a Kronecker-factored Fisher matrix has in its place, is the
/// same if gradients and inputs are independent, and so are positions; a few
/// tokens with huge inputs and small gradients make it many times too large.
/// It is taken where there are no Fisher sums.
///
/// An embedding is read by lookups, which weigh an error d_o of row o by how
/// often its token is met, f_o, and by the squares G_j of the gradients of what
/// is looked up: 1/2 sum_o f_o sum_j G_j d_oj^2. Where nothing else reads it, G
/// takes the place of the second moment of an input, and f that of the
/// curvature. Where a head shares the table, its own H and c_o stay, and
/// c_o grows by f_o tr(G) / tr(H): the same loss for errors without
/// direction.
llvm::Expected<GradientStatistics>
gradientStatistics(const runtime::Gradients &gradients,
                   llvm::ArrayRef<analysis::Site> sites,
                   const runtime::InputMoments &moments,
                   llvm::ArrayRef<float> importance, int64_t vocab);

} // namespace allot::profile

#endif // ALLOT_LIB_PROFILE_GRADIENTSTATISTICS_H
