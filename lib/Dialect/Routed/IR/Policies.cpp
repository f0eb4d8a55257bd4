//===- Policies.cpp - facts about routing policies --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Routed/IR/Routed.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::routed;
using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// TokenChoice
//===----------------------------------------------------------------------===//

int64_t TokenChoiceAttr::getMostPerRow(int64_t) const { return getK(); }
bool TokenChoiceAttr::isPerRow() const { return true; }

// (R2)
LogicalResult TokenChoiceAttr::verifyExperts(int64_t experts,
                                             EmitError emitError) const {
  int64_t k = getK(), groups = getGroups(), kept = getKept();
  if (k < 1 || k > experts)
    return emitError() << "k is from 1 to the number of experts, " << experts
                       << ", but got " << k << " (R2)";
  if (groups < 1 || experts % groups != 0)
    return emitError() << groups << " groups do not divide " << experts
                       << " experts (R2)";
  if (kept < 1 || kept > groups)
    return emitError() << "of " << groups << " groups " << kept
                       << " are kept (R2)";
  if (kept * (experts / groups) < k)
    return emitError() << kept << " groups of " << experts / groups
                       << " experts have no " << k << " to choose (R2)";
  if (getBy() == GroupScore::SumOfTwo && experts / groups < 2)
    return emitError() << "groups of one expert have no two scores (R2)";
  return success();
}

//===----------------------------------------------------------------------===//
// ExpertChoice
//===----------------------------------------------------------------------===//

int64_t ExpertChoiceAttr::getMostPerRow(int64_t experts) const {
  return experts;
}
bool ExpertChoiceAttr::isPerRow() const { return false; }
LogicalResult ExpertChoiceAttr::verifyExperts(int64_t, EmitError) const {
  return success();
}

// (R3)
LogicalResult ExpertChoiceAttr::verify(EmitError emitError, int64_t rows,
                                       FloatAttr fraction) {
  if ((rows != 0) == bool(fraction))
    return emitError() << "takes either rows or a fraction (R3)";
  if (rows < 0)
    return emitError() << "rows are at least 1, but got " << rows << " (R3)";
  if (!fraction)
    return success();
  double value = fraction.getValueAsDouble();
  if (!(value > 0 && value <= 1))
    return emitError() << "the fraction is above 0 and at most 1, but got "
                       << value << " (R3)";
  return success();
}

//===----------------------------------------------------------------------===//
// GlobalChoice
//===----------------------------------------------------------------------===//

int64_t GlobalChoiceAttr::getMostPerRow(int64_t experts) const {
  return experts;
}
bool GlobalChoiceAttr::isPerRow() const { return false; }

// (R4)
LogicalResult GlobalChoiceAttr::verifyExperts(int64_t experts,
                                              EmitError emitError) const {
  double value = getPerRow().getValueAsDouble();
  if (value <= double(experts))
    return success();
  return emitError() << "a row has at most " << experts << " experts, not "
                     << value << " (R4)";
}
LogicalResult GlobalChoiceAttr::verify(EmitError emitError, FloatAttr perRow) {
  double value = perRow.getValueAsDouble();
  if (std::isfinite(value) && value > 0)
    return success();
  return emitError() << "experts a row are a finite number above 0, but got "
                     << value << " (R4)";
}

//===----------------------------------------------------------------------===//
// TopP, Threshold
//===----------------------------------------------------------------------===//

int64_t TopPAttr::getMostPerRow(int64_t experts) const { return experts; }
bool TopPAttr::isPerRow() const { return true; }
LogicalResult TopPAttr::verifyExperts(int64_t, EmitError) const {
  return success();
}

// (R5)
LogicalResult TopPAttr::verify(EmitError emitError, FloatAttr p) {
  double value = p.getValueAsDouble();
  if (value >= 0 && value <= 1)
    return success();
  return emitError() << "p is from 0 to 1, but got " << value << " (R5)";
}

int64_t ThresholdAttr::getMostPerRow(int64_t experts) const { return experts; }
bool ThresholdAttr::isPerRow() const { return true; }
LogicalResult ThresholdAttr::verifyExperts(int64_t, EmitError) const {
  return success();
}

// (R6)
LogicalResult ThresholdAttr::verify(EmitError emitError, FloatAttr least) {
  if (std::isfinite(least.getValueAsDouble()))
    return success();
  return emitError() << "the threshold is a finite number (R6)";
}
