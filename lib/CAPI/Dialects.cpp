//===- Dialects.cpp - the dialects nn and plan in C -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common.h"
#include "allot-c/Dialect/NN.h"
#include "allot-c/Dialect/Plan.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "mlir/CAPI/Registration.h"

using namespace mlir;
using allot::plan::ChoiceOp;
using allot::plan::SolutionOp;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(NN, nn, allot::nn::NNDialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Plan, plan, allot::plan::PlanDialect)

static SolutionOp solution(MlirOperation operation) {
  return cast<SolutionOp>(unwrap(operation));
}

bool allotOperationIsAPlanSolution(MlirOperation operation) {
  return isa<SolutionOp>(unwrap(operation));
}

MlirOperation allotPlanGetSolution(MlirModule plan) {
  if (mlirModuleIsNull(plan))
    return wrap(static_cast<Operation *>(nullptr));
  auto solutions = llvm::to_vector(unwrap(plan).getOps<SolutionOp>());
  if (solutions.size() == 1)
    return wrap(solutions.front().getOperation());
  emitError(unwrap(plan).getLoc())
      << "expected one plan.solution, found " << solutions.size();
  return wrap(static_cast<Operation *>(nullptr));
}

double allotPlanSolutionGetObjective(MlirOperation operation) {
  return solution(operation).getObjective().convertToDouble();
}
double allotPlanSolutionGetBound(MlirOperation operation) {
  return solution(operation).getBound().convertToDouble();
}
int64_t allotPlanSolutionGetCost(MlirOperation operation, intptr_t index) {
  ArrayRef<int64_t> costs = solution(operation).getCosts();
  return index >= 0 && size_t(index) < costs.size() ? costs[index] : -1;
}

void allotPlanSolutionForEachChoice(MlirOperation operation,
                                    AllotPlanChoiceCallback callback,
                                    void *userData) {
  for (ChoiceOp choice : solution(operation).getBody().getOps<ChoiceOp>())
    callback(wrap(choice.getItem()), wrap(choice.getOption()), userData);
}
