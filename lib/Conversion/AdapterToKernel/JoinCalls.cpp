//===- JoinCalls.cpp - kernels that share a team ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JoinCalls.h"
#include "allot/Kernel/Emitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::conversion;
using namespace allot::kernel;

namespace {
/// The memory that a buffer lies in.
struct Root {
  Value memory;
  /// The buffer is all of it, in its order.
  bool isWhole = true;
};
} // namespace

static Root getRoot(Value buffer) {
  Root root{buffer};
  while (auto view = root.memory.getDefiningOp<ViewLikeOpInterface>()) {
    root.isWhole &=
        isa<memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(
            view.getOperation());
    root.memory = view.getViewSource();
  }
  return root;
}

static bool isAllocated(Value memory) {
  return memory.getDefiningOp<memref::AllocOp>() ||
         memory.getDefiningOp<memref::AllocaOp>();
}

static bool isArgument(Value memory) {
  auto argument = dyn_cast<BlockArgument>(memory);
  return argument &&
         isa<FunctionOpInterface>(argument.getOwner()->getParentOp()) &&
         argument.getOwner()->isEntryBlock();
}

static bool mayOverlap(Value a, Value b) {
  if (!a || !b)
    return false;
  Value x = getRoot(a).memory, y = getRoot(b).memory;
  if (x == y)
    return true;
  bool known = (isAllocated(x) && (isAllocated(y) || isArgument(y))) ||
               (isArgument(x) && isAllocated(y));
  return !known;
}

/// Whether `b` may run beside `a`, which stood before it: each thread puts out
/// the same columns of both.
static bool areIndependent(const LinearCall &a, const LinearCall &b) {
  const LinearKernelOperands &p = a.operands, &q = b.operands;
  if (mayOverlap(p.y, q.x) || mayOverlap(p.y, q.bias) || mayOverlap(p.y, q.y))
    return false;
  for (Value read : {p.x, p.bias, p.multiplier, p.residual})
    if (mayOverlap(read, q.y))
      return false;
  // Read column by column: what the thread itself has put out.
  for (Value read : {q.multiplier, q.residual}) {
    if (!mayOverlap(p.y, read))
      continue;
    Root put = getRoot(p.y), taken = getRoot(read);
    if (put.memory != taken.memory || !put.isWhole || !taken.isWhole ||
        a.out != b.out)
      return false;
  }
  return true;
}

/// Whether calls may move over `op`, down.
static bool mayStandBetween(Operation &op) {
  if (isMemoryEffectFree(&op))
    return true;
  auto interface = dyn_cast<MemoryEffectOpInterface>(op);
  return interface && interface.onlyHasEffect<MemoryEffects::Allocate>();
}

static void join(ArrayRef<LinearCall> group) {
  func::CallOp last = group.back().call;
  OpBuilder builder(last);
  Emitter e(builder, builder.getFusedLoc(llvm::map_to_vector(
                         group, [](const LinearCall &member) -> Location {
                           return member.call->getLoc();
                         })));
  Value oneRow = e.cmp(arith::CmpIPredicate::eq,
                       e.dim(group.front().operands.x, 0), e.index(1));
  auto call = [&](const LinearCall &member, func::FuncOp callee) {
    func::CallOp::create(builder, member.call->getLoc(), callee,
                         member.operands.flatten());
  };
  (void)e.ifElse(
      oneRow, {},
      [&] {
        e.parallel({}, [&] {
          for (const LinearCall &member : group)
            call(member, member.kernel.shareOfOne);
        });
        return Emitter::Values();
      },
      [&] {
        for (const LinearCall &member : group)
          call(member, member.kernel.function);
        return Emitter::Values();
      });
  for (const LinearCall &member : group)
    member.call->erase();
}

void allot::conversion::joinCalls(ArrayRef<LinearCall> calls) {
  while (!calls.empty()) {
    size_t size = 1;
    auto joins = [&](const LinearCall &next) {
      const LinearCall &before = calls[size - 1];
      if (next.call->getBlock() != before.call->getBlock())
        return false;
      for (Operation *op = before.call->getNextNode(); op != next.call;
           op = op->getNextNode())
        if (!op || !mayStandBetween(*op))
          return false;
      return next.kernel.shareOfOne &&
             getRoot(next.operands.x).memory ==
                 getRoot(before.operands.x).memory &&
             next.in == before.in &&
             llvm::all_of(calls.take_front(size), [&](const LinearCall &a) {
               return areIndependent(a, next);
             });
    };
    if (calls.front().kernel.shareOfOne)
      while (size < calls.size() && joins(calls[size]))
        ++size;
    ArrayRef<LinearCall> group = calls.take_front(size);
    calls = calls.drop_front(size);
    int64_t products = 0;
    for (const LinearCall &member : group)
      products += member.in * member.out;
    if (size > 1 && products > worthTeam)
      join(group);
  }
}
