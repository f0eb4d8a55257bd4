//===- ReferenceInterfaces.h - reference evaluation -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_REFERENCEINTERFACES_H
#define ALLOT_INTERFACES_REFERENCEINTERFACES_H

#include "mlir/IR/OpDefinition.h"
#include <memory>
#include <vector>

namespace allot {

/// A value of the reference evaluation. A tensor has a shape and floats, integers (a scalar is of rank 0; booleans are 0 and 1), or neither
/// where nobody wrote it yet (`tensor.empty`). Encoded weights and maps are handles. Values are immutable: copies share their numbers.
struct RefValue {
  /// An encoded weight, decoded a few rows at a time. Leading dimensions are folded into rows; a vector is one row. Thread-safe.
  struct Encoded {
    virtual ~Encoded() = default;
    /// Decodes rows [first, first + n) into out (f32).
    virtual void decodeRows(int64_t first, int64_t n, float *out) const = 0;
  };
  /// A linear map, OUT x IN, as functions in double precision: expressions are composed lazily, so no large dense matrix is kept. The
  /// matrices of a bank stand one below the other.
  struct Map {
    int64_t out = 0, in = 0;
    virtual ~Map() = default;
    /// y [rows x OUT] = x [rows x IN] times the transposed matrix.
    virtual void apply(const double *x, int64_t rows, double *y) const = 0;
    /// x [rows x IN] = y [rows x OUT] times the matrix.
    virtual void applyTransposed(const double *y, int64_t rows, double *x) const = 0;
    /// Rows `ids` of the matrix, `values` [|ids| x IN].
    virtual void readRows(llvm::ArrayRef<int64_t> ids, double *values) const = 0;
  };

  llvm::SmallVector<int64_t> shape;
  std::shared_ptr<const std::vector<float>> floats;
  std::shared_ptr<const std::vector<int64_t>> ints;
  std::shared_ptr<const Encoded> encoded;
  std::shared_ptr<const Map> map;

  int64_t numElements() const {
    int64_t n = 1;
    for (int64_t d : shape)
      n *= d;
    return n;
  }
};

} // namespace allot

#include "allot/Interfaces/ReferenceInterfaces.h.inc"

#endif // ALLOT_INTERFACES_REFERENCEINTERFACES_H
