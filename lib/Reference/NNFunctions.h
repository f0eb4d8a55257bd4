//===- NNFunctions.h - elementwise functions --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_NNFUNCTIONS_H
#define ALLOT_LIB_REFERENCE_NNFUNCTIONS_H

#include <cmath>

namespace allot::reference {

/// x * sigmoid(x).
inline double silu(double x) { return x / (1.0 + std::exp(-x)); }
/// x * Phi(x), Phi the normal distribution function.
inline double gelu(double x) { return 0.5 * x * std::erfc(-x * 0.70710678118654752440); }
/// The tanh form of Hendrycks and Gimpel 2016.
inline double geluTanh(double x) { return 0.5 * x * (1.0 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))); }
inline double relu(double x) { return x > 0.0 || std::isnan(x) ? x : 0.0; }

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_NNFUNCTIONS_H
