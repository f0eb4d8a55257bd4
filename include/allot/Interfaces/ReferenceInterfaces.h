//===- ReferenceInterfaces.h - reference evaluation -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_INTERFACES_REFERENCEINTERFACES_H
#define ALLOT_INTERFACES_REFERENCEINTERFACES_H

#include "mlir/IR/OpDefinition.h"
#include <memory>

namespace allot {

/// A value of the reference evaluation. A tensor has a shape and either floats or integers (an `index` scalar is an integer of rank 0);
/// a map is its dense matrix; an encoded weight is a handle that is decoded row by row.
struct RefValue {
  /// Encoded weight: decodes rows [first, first + n) into out (f32). Null for other values.
  struct Encoded {
    virtual ~Encoded() = default;
    virtual void decodeRows(int64_t first, int64_t n, float *out) const = 0;
  };
  llvm::SmallVector<int64_t> shape;
  std::shared_ptr<std::vector<float>> floats;
  std::shared_ptr<std::vector<int64_t>> ints;
  std::shared_ptr<const Encoded> encoded;
  /// For maps: y[rows x OUT] = map(x[rows x IN]); composed lazily, so that no large dense matrix is kept.
  std::shared_ptr<std::function<void(const double *x, int64_t rows, double *y)>> map;

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
