//===- Structured.cpp - gradients of structured ops -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A structured op computes, at each point of its loops, results from elements
// of its operands. The gradient by an operand is again a structured op over the
// same loops, which adds at each point, to the element that was read there,
// what the reverse pass over the scalars of the body gives. Two kinds of ops
// have one: elementwise ones (all loops parallel, each point writes an element
// of its own), and sums (the body adds a term to the element that it writes).
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "allot/Gradient/Reverse.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace allot;
using namespace allot::gradient;

namespace {

/// What the body yields for one result.
struct Yielded {
  /// The value that is differentiated: the term of a sum, else all.
  Value value;
  /// The element that was there before is added to `value`.
  bool isSum = false;
};

/// True if `value` is computed from `from`, an argument of the body.
bool dependsOn(Value value, BlockArgument from) {
  llvm::DenseSet<Value> dependent{from};
  for (Operation &op : *from.getOwner())
    if (llvm::any_of(op.getOperands(),
                     [&](Value v) { return dependent.contains(v); }))
      dependent.insert(op.result_begin(), op.result_end());
  return dependent.contains(value);
}

std::optional<Yielded> classify(linalg::LinalgOp op, unsigned result) {
  Block *body = op.getBlock();
  Value yielded = body->getTerminator()->getOperand(result);
  BlockArgument before =
      op.getMatchingBlockArgument(op.getDpsInitOperand(result));
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  if (op.getNumParallelLoops() == op.getNumLoops() && map.isPermutation())
    return Yielded{yielded, false};
  auto sum = yielded.getDefiningOp<arith::AddFOp>();
  if (!sum || !before.hasOneUse())
    return std::nullopt;
  for (auto [side, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                             std::pair(sum.getRhs(), sum.getLhs())})
    if (side == before && !dependsOn(other, before))
      return Yielded{other, true};
  return std::nullopt;
}

class StructuredVJP {
public:
  StructuredVJP(linalg::LinalgOp op, Pullback p)
      : op(op), p(p), builder(p.builder), loc(op.getLoc()) {}

  LogicalResult run() {
    if (op.getBlock()->getNumArguments() != op->getNumOperands())
      return op.emitOpError()
             << "has no gradient: its body does not read all operands";
    for (unsigned r = 0; r < op.getNumDpsInits(); ++r) {
      std::optional<Yielded> kind = classify(op, r);
      if (p.results[r] && !kind)
        return op.emitOpError()
               << "has no gradient: it is neither elementwise nor a sum";
      yielded.push_back(kind.value_or(Yielded()));
    }
    for (OpOperand &operand : op->getOpOperands()) {
      unsigned index = operand.getOperandNumber();
      if (!p.wanted.test(index))
        continue;
      // What was there before a sum is in the result as it is.
      if (op.isDpsInit(&operand) &&
          yielded[index - op.getNumDpsInputs()].isSum) {
        p.operands[index] = p.results[index - op.getNumDpsInputs()];
        continue;
      }
      FailureOr<Value> gradient = build(operand);
      if (failed(gradient))
        return failure();
      p.operands[index] = *gradient;
    }
    return success();
  }

private:
  /// The structured op that makes the gradient of an operand.
  FailureOr<Value> build(OpOperand &operand) {
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    // Of each argument of the body the number of the input that it is; elements
    // that sums are added to are read by nobody.
    SmallVector<std::optional<unsigned>> argumentInputs;
    for (OpOperand &read : op->getOpOperands()) {
      bool isInit = op.isDpsInit(&read);
      unsigned index = read.getOperandNumber();
      bool isRead = !isInit || (!yielded[index - op.getNumDpsInputs()].isSum &&
                                op.payloadUsesValueFromOperand(&read));
      argumentInputs.push_back(isRead ? std::optional<unsigned>(inputs.size())
                                      : std::nullopt);
      if (isRead) {
        inputs.push_back(read.get());
        maps.push_back(op.getMatchingIndexingMap(&read));
      }
    }
    SmallVector<std::optional<unsigned>> resultInputs;
    for (auto [r, gradient] : llvm::enumerate(p.results)) {
      resultInputs.push_back(gradient ? std::optional<unsigned>(inputs.size())
                                      : std::nullopt);
      if (gradient) {
        inputs.push_back(gradient);
        maps.push_back(op.getMatchingIndexingMap(op.getDpsInitOperand(r)));
      }
    }
    maps.push_back(op.getMatchingIndexingMap(&operand));

    // A scalar operand counts as a tensor without dimensions.
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    Type element = getElementTypeOrSelf(operand.get().getType());
    Value init = vjp::buildFilled(
        builder, loc,
        type ? tensor::getMixedSizes(builder, loc, operand.get())
             : SmallVector<OpFoldResult>(),
        element, 0.0);
    LogicalResult built = success();
    Value gradient = vjp::buildStructured(
        builder, loc, inputs, maps, init,
        [&](OpBuilder &b, Location l, ValueRange arguments) -> Value {
          FailureOr<Value> term =
              buildTerm(b, operand.getOperandNumber(), arguments,
                        argumentInputs, resultInputs);
          built = term;
          if (failed(term) || !*term)
            return arguments.back();
          return arith::AddFOp::create(b, l, arguments.back(), *term);
        });
    if (failed(built))
      return failure();
    if (!type)
      gradient =
          tensor::ExtractOp::create(builder, loc, gradient, ValueRange{});
    return gradient;
  }

  /// The body again, and behind it the reverse pass to one of its arguments.
  FailureOr<Value> buildTerm(OpBuilder &b, unsigned wanted,
                             ValueRange arguments,
                             ArrayRef<std::optional<unsigned>> argumentInputs,
                             ArrayRef<std::optional<unsigned>> resultInputs) {
    IRMapping mapping;
    for (auto [argument, input] :
         llvm::zip_equal(op.getBlock()->getArguments(), argumentInputs))
      mapping.map(argument, input
                                ? arguments[*input]
                                : arith::ConstantOp::create(
                                      b, loc, b.getZeroAttr(argument.getType()))
                                      .getResult());
    // What is differentiated by must be an argument that is used.
    BlockArgument by = op.getBlock()->getArgument(wanted);
    if (!argumentInputs[wanted])
      return Value();
    for (Operation &nested : op.getBlock()->without_terminator())
      b.clone(nested, mapping);
    SmallVector<Value> outputs, gradients;
    for (auto [kind, input] : llvm::zip_equal(yielded, resultInputs))
      if (input) {
        outputs.push_back(mapping.lookupOrDefault(kind.value));
        gradients.push_back(arguments[*input]);
      }
    Block *body = b.getInsertionBlock();
    auto found = buildReverse(b, *body, outputs, gradients, mapping.lookup(by));
    if (failed(found))
      return failure();
    return found->front();
  }

  linalg::LinalgOp op;
  Pullback p;
  OpBuilder &builder;
  Location loc;
  SmallVector<Yielded> yielded;
};

template <typename OpT>
LogicalResult structured(OpT op, Pullback p) {
  return StructuredVJP(cast<linalg::LinalgOp>(op.getOperation()), p).run();
}

template <typename... OpTs>
void attachAll(MLIRContext *context) {
  (OpTs::template attachInterface<Model<OpTs, structured<OpTs>>>(*context),
   ...);
}

} // namespace

void gradient::registerStructuredModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachAll<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(context);
    context->loadDialect<arith::ArithDialect, tensor::TensorDialect>();
  });
}
