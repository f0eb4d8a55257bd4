//===- Plan.h - allocation problems and solutions -----------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_C_DIALECT_PLAN_H
#define ALLOT_C_DIALECT_PLAN_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Plan, plan);

/// Whether an operation is a `plan.solution`. The functions below take such
/// operations alone, verified ones.
MLIR_CAPI_EXPORTED bool allotOperationIsAPlanSolution(MlirOperation operation);

/// The one solution of a module; null, with a diagnostic, where there is none
/// or more than one.
MLIR_CAPI_EXPORTED MlirOperation allotPlanGetSolution(MlirModule plan);

/// Sum of the predicted losses, in nats per token, and the number that no
/// choice within the budget is better than.
MLIR_CAPI_EXPORTED double allotPlanSolutionGetObjective(MlirOperation solution);
MLIR_CAPI_EXPORTED double allotPlanSolutionGetBound(MlirOperation solution);

/// What the choice takes of resource `index`, fixed costs included; resource 0
/// is bytes. -1 where there is no such resource.
MLIR_CAPI_EXPORTED int64_t allotPlanSolutionGetCost(MlirOperation solution,
                                                    intptr_t index);

/// Calls `callback` for every choice, in order: the item (a site of the model)
/// and the option that it takes. The strings live as long as the context.
typedef void (*AllotPlanChoiceCallback)(MlirStringRef item,
                                        MlirStringRef option, void *userData);
MLIR_CAPI_EXPORTED void allotPlanSolutionForEachChoice(
    MlirOperation solution, AllotPlanChoiceCallback callback, void *userData);

#ifdef __cplusplus
}
#endif

#endif // ALLOT_C_DIALECT_PLAN_H
