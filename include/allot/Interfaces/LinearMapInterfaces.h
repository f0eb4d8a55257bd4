//===- LinearMapInterfaces.h - ops that make linear maps --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_LINEARMAPINTERFACES_H
#define ALLOT_INTERFACES_LINEARMAPINTERFACES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallVector.h"
#include <limits>
#include <vector>

namespace allot {

/// Cost of applying a map.
struct MapCost {
  uint64_t bytesRead = 0;
  uint64_t flops = 0;
  MapCost &operator+=(const MapCost &other) {
    bytesRead += other.bytesRead;
    flops += other.flops;
    return *this;
  }
};

/// A dense matrix of the reference evaluation, row-major.
struct DenseMatrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;
  DenseMatrix() = default;
  DenseMatrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(rows * columns, 0.0) {}
  double &operator()(int64_t r, int64_t c) { return values[r * columns + c]; }
  double operator()(int64_t r, int64_t c) const {
    return values[r * columns + c];
  }
};

/// A map as a sum of terms, as kernels take them: matrices, pairs of factors,
/// and maps that are neither.
struct MapTerms {
  struct Matrix {
    mlir::Value tensor;
    double scale = 1;
  };
  /// scale * B diag(gate) A; the gate may be null.
  struct Factors {
    mlir::Value b, a, gate;
    double scale = 1;
  };
  struct Other {
    mlir::Value map;
    double scale = 1;
  };
  llvm::SmallVector<Matrix, 1> matrices;
  llvm::SmallVector<Factors, 2> factors;
  llvm::SmallVector<Other, 0> others;
};

/// A map as a product B A of tensors; nulls for none.
struct MapFactors {
  mlir::Value b, a;
  explicit operator bool() const { return b && a; }
};

/// y[i] = scale * vector[i] * x[sources[i]]: a matrix with one entry in each
/// row, applied entry by entry.
struct MapMonomial {
  double scale = 1;
  /// A plain f32 vector; null: all 1.
  mlir::Value vector;
  /// Empty: sources[i] = i.
  llvm::SmallVector<int64_t> sources;
};

} // namespace allot

#include "allot/Interfaces/LinearMapInterfaces.h.inc"

#endif // ALLOT_INTERFACES_LINEARMAPINTERFACES_H
