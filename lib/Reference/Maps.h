//===- Maps.h - linear maps as functions ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The maps of expressions, in double precision. Combinators hold their operands; only leaves hold numbers, and those of encoded matrices are
// decoded a few rows at a time, by all threads.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_REFERENCE_MAPS_H
#define ALLOT_LIB_REFERENCE_MAPS_H

#include "allot/Interfaces/ReferenceInterfaces.h"

namespace allot::reference {

using MapRef = std::shared_ptr<const RefValue::Map>;

/// The matrix `rows`.
MapRef makeDenseMap(std::shared_ptr<const RefValue::Encoded> rows, int64_t out, int64_t in);
/// diag(values).
MapRef makeDiagonalMap(std::vector<double> values);
/// y[i] = x[sources[i]].
MapRef makePermutationMap(llvm::ArrayRef<int64_t> sources);
MapRef makeSumMap(std::vector<MapRef> maps);
/// The last map meets the input first.
MapRef makeComposedMap(std::vector<MapRef> maps);
MapRef makeScaledMap(MapRef map, double factor);
MapRef makeTransposedMap(MapRef map);
/// Outputs (dim 0) or inputs (dim 1) one after the other.
MapRef makeConcatMap(int64_t dim, std::vector<MapRef> maps);
/// y[i] = map(x)[positions[i]].
MapRef makeReorderedMap(MapRef map, std::vector<int64_t> positions);
/// The maps of a bank, or the one that is none.
std::vector<MapRef> membersOf(const RefValue &value);

} // namespace allot::reference

#endif // ALLOT_LIB_REFERENCE_MAPS_H
