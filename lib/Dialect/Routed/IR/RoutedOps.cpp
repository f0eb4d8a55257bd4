//===- RoutedOps.cpp - which tokens meet which maps -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Routed/IR/Routed.h"
#include "allot/Interfaces/DestinationStyleEffects.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace allot;
using namespace allot::routed;

#define GET_OP_CLASSES
#include "allot/Dialect/Routed/IR/RoutedOps.cpp.inc"

/// Whether `type` is [`rows`.., `last`] of `element`, as far as sizes are
/// known.
static bool isRowsOf(Type type, ArrayRef<int64_t> rows, int64_t last,
                     Type element) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasRank() || shaped.getElementType() != element)
    return false;
  SmallVector<int64_t> wanted(rows);
  wanted.push_back(last);
  return succeeded(verifyCompatibleShape(shaped.getShape(), wanted));
}

/// Errors unless `value` is [`rows`.., `last`] of `element`.
static LogicalResult checkRowsOf(Operation *op, StringRef what, Type type,
                                 ArrayRef<int64_t> rows, int64_t last,
                                 Type element, StringRef label) {
  if (isRowsOf(type, rows, last, element))
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError() << what << " are [";
  for (int64_t size : rows)
    diagnostic << (ShapedType::isDynamic(size) ? std::string("?")
                                               : std::to_string(size))
               << ", ";
  return diagnostic << last << "] of " << element << ", but got " << type
                    << " (" << label << ")";
}

/// (R7), (R9); gives the number of experts.
template <typename OpT>
static FailureOr<int64_t> checkSelection(OpT op, StringRef label) {
  Type f32 = Float32Type::get(op.getContext());
  auto logits = cast<ShapedType>(op.getLogits().getType());
  if (!logits.hasRank() || (logits.getRank() != 2 && logits.getRank() != 3) ||
      logits.getElementType() != f32 ||
      ShapedType::isDynamic(logits.getShape().back()))
    return op.emitOpError()
           << "logits are [rows, E] or [batch, rows, E] of f32 with a known E, "
              "but got "
           << logits << " (" << label << ")";
  int64_t experts = logits.getShape().back();
  if (op.getBias() &&
      failed(checkRowsOf(op, "the numbers of the bias", op.getBias().getType(),
                         {}, experts, f32, label)))
    return failure();
  double factor = op.getFactor().convertToDouble();
  if (!std::isfinite(factor))
    return op.emitOpError() << "the factor is a finite number (R9)";
  if (op.getCapacity() && int64_t(*op.getCapacity()) < 1)
    return op.emitOpError() << "the capacity is at least 1, but got "
                            << int64_t(*op.getCapacity()) << " (R9)";
  if (failed(op.getPolicy().verifyExperts(experts,
                                          [&] { return op.emitOpError(); })))
    return failure();
  return experts;
}

//===----------------------------------------------------------------------===//
// SelectOp, AssignOp, UnpackOp
//===----------------------------------------------------------------------===//

LogicalResult SelectOp::verify() {
  FailureOr<int64_t> experts = checkSelection(*this, "R7");
  if (failed(experts))
    return failure();
  AssignmentType type = getType();
  if (type.getExperts() != *experts)
    return emitOpError() << "has logits of " << *experts
                         << " experts, but its result is " << type << " (R7)";
  // (R8)
  int64_t most = getPolicy().getMostPerRow(*experts);
  if (type.getMost() != most)
    return emitOpError() << "gives a row up to " << most
                         << " experts, but its result is " << type << " (R8)";
  return success();
}

/// (R10), (R11)
static LogicalResult checkLists(Operation *op, AssignmentType type, Type ids,
                                Type weights, StringRef label) {
  Builder b(op->getContext());
  auto list = cast<RankedTensorType>(ids);
  if (list.getRank() < 2)
    return op->emitOpError() << "ids are [rows.., " << type.getMost()
                             << "], but got " << list << " (" << label << ")";
  ArrayRef<int64_t> rows = list.getShape().drop_back();
  if (failed(checkRowsOf(op, "ids", ids, rows, type.getMost(), b.getI32Type(),
                         label)) ||
      (weights && failed(checkRowsOf(op, "weights", weights, rows,
                                     type.getMost(), b.getF32Type(), label))))
    return failure();
  return success();
}

LogicalResult AssignOp::verify() {
  return checkLists(*this, getType(), getIds().getType(),
                    getWeights() ? getWeights().getType() : Type(), "R10");
}

LogicalResult UnpackOp::verify() {
  return checkLists(*this, getAssignment().getType(), getIds().getType(),
                    getWeights().getType(), "R11");
}

LogicalResult UnpackOp::fold(FoldAdaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  auto assign = getAssignment().getDefiningOp<AssignOp>();
  if (!assign || !assign.getWeights() ||
      assign.getIds().getType() != getIds().getType() ||
      assign.getWeights().getType() != getWeights().getType())
    return failure();
  results.assign({assign.getIds(), assign.getWeights()});
  return success();
}

//===----------------------------------------------------------------------===//
// ExpertsOp
//===----------------------------------------------------------------------===//

ArrayRef<int64_t> ExpertsOp::getClassMembers(unsigned index) {
  return cast<DenseI64ArrayAttr>(getClasses()[index]).asArrayRef();
}

static ParseResult parseNumbers(OpAsmParser &parser,
                                SmallVectorImpl<int64_t> &numbers) {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(numbers.emplace_back());
  });
}

ParseResult ExpertsOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand x, assignment;
  Type xType, assignmentType, resultType;
  Builder &b = parser.getBuilder();
  if (parser.parseOperand(x) || parser.parseKeyword("by") ||
      parser.parseOperand(assignment) || parser.parseColonType(xType) ||
      parser.parseComma() || parser.parseType(assignmentType) ||
      parser.parseArrow() || parser.parseType(resultType) ||
      parser.resolveOperand(x, xType, result.operands) ||
      parser.resolveOperand(assignment, assignmentType, result.operands))
    return failure();
  result.addTypes(resultType);
  SmallVector<int64_t> copies, zeros;
  if (succeeded(parser.parseOptionalKeyword("copies")) &&
      parseNumbers(parser, copies))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("zeros")) &&
      parseNumbers(parser, zeros))
    return failure();
  SmallVector<Attribute> classes;
  while (succeeded(parser.parseOptionalKeyword("class"))) {
    SmallVector<int64_t> members;
    SmallVector<OpAsmParser::Argument> arguments;
    if (parseNumbers(parser, members) ||
        parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                                 /*allowType=*/true) ||
        parser.parseRegion(*result.addRegion(), arguments))
      return failure();
    classes.push_back(b.getDenseI64ArrayAttr(members));
  }
  if (parser.parseOptionalAttrDict(result.attributes))
    return failure();
  OperationName name = result.name;
  result.addAttribute(getClassesAttrName(name), b.getArrayAttr(classes));
  result.addAttribute(getCopiesAttrName(name), b.getDenseI64ArrayAttr(copies));
  result.addAttribute(getZerosAttrName(name), b.getDenseI64ArrayAttr(zeros));
  return success();
}

void ExpertsOp::print(OpAsmPrinter &p) {
  auto numbers = [&](ArrayRef<int64_t> list) {
    p << "[";
    llvm::interleaveComma(list, p);
    p << "]";
  };
  p << " " << getX() << " by " << getAssignment() << " : " << getX().getType()
    << ", " << getAssignment().getType() << " -> " << getResult().getType();
  if (!getCopies().empty()) {
    p << " copies ";
    numbers(getCopies());
  }
  if (!getZeros().empty()) {
    p << " zeros ";
    numbers(getZeros());
  }
  for (auto [index, body] : llvm::enumerate(getBodies())) {
    p.printNewline();
    p << "  class ";
    numbers(getClassMembers(index));
    p << " (";
    llvm::interleaveComma(body.getArguments(), p, [&](BlockArgument argument) {
      p.printRegionArgument(argument);
    });
    p << ") ";
    p.printRegion(body, /*printEntryBlockArgs=*/false);
  }
  p.printOptionalAttrDict(
      (*this)->getAttrs(),
      {getClassesAttrName(), getCopiesAttrName(), getZerosAttrName()});
}

LogicalResult ExpertsOp::verify() {
  // (R12)
  int64_t experts = getAssignment().getType().getExperts();
  if (getClasses().size() != getBodies().size())
    return emitOpError() << "has " << getBodies().size() << " bodies for "
                         << getClasses().size() << " classes (R12)";
  SmallVector<bool> known(experts, false);
  auto take = [&](ArrayRef<int64_t> numbers) -> LogicalResult {
    for (int64_t number : numbers) {
      if (number < 0 || number >= experts)
        return emitOpError() << "expert " << number << " is not one of the "
                             << experts << " (R12)";
      if (known[number])
        return emitOpError() << "expert " << number << " is named twice (R12)";
      known[number] = true;
    }
    return success();
  };
  for (Attribute attribute : getClasses()) {
    auto members = dyn_cast<DenseI64ArrayAttr>(attribute);
    if (!members || members.empty())
      return emitOpError() << "a class is a list of at least one expert (R12)";
    if (failed(take(members.asArrayRef())))
      return failure();
  }
  if (failed(take(getCopies())) || failed(take(getZeros())))
    return failure();
  if (auto missing = llvm::find(known, false); missing != known.end())
    return emitOpError() << "expert " << missing - known.begin()
                         << " is in no class, no copy and no zero (R12)";
  // (R13)
  auto x = cast<RankedTensorType>(getX().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  Type f32 = Float32Type::get(getContext());
  if (x.getRank() < 2 || ShapedType::isDynamic(x.getShape().back()) ||
      x.getElementType() != f32)
    return emitOpError() << "x is [rows.., H] of f32 with a known H, but got "
                         << x << " (R13)";
  if (ShapedType::isDynamic(result.getShape().back()))
    return emitOpError() << "the last dimension of the result is not known, "
                         << result << " (R13)";
  if (failed(checkRowsOf(*this, "the rows of the result", result,
                         x.getShape().drop_back(), result.getShape().back(),
                         f32, "R13")))
    return failure();
  // (R14)
  if (!getCopies().empty() && x.getShape().back() != result.getShape().back())
    return emitOpError() << "copies give what they get, but x is " << x
                         << " and the result " << result << " (R14)";
  return success();
}

LogicalResult ExpertsOp::verifyRegions() {
  auto x = cast<RankedTensorType>(getX().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  Builder b(getContext());
  int64_t any = ShapedType::kDynamic;
  auto in = RankedTensorType::get({any, x.getShape().back()}, b.getF32Type());
  auto out =
      RankedTensorType::get({any, result.getShape().back()}, b.getF32Type());
  auto ids = RankedTensorType::get({any}, b.getI32Type());
  for (Region &body : getBodies()) {
    Block &block = body.front();
    if (block.getArgumentTypes() != ArrayRef<Type>{in, ids})
      return emitOpError() << "a class takes " << in << " and " << ids
                           << " (R13)";
    auto yield = dyn_cast<YieldOp>(block.getTerminator());
    if (!yield || yield.getValue().getType() != out)
      return emitOpError() << "a class yields " << out << " (R13)";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ChooseOp
//===----------------------------------------------------------------------===//

void ChooseOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationStyleEffects(cast<DestinationStyleOpInterface>(getOperation()),
                             /*readsInits=*/false, effects);
}

// (R15)
LogicalResult ChooseOp::verify() {
  FailureOr<int64_t> experts = checkSelection(*this, "R15");
  if (failed(experts))
    return failure();
  bool onTensors = isa<RankedTensorType>(getLogits().getType());
  for (Value operand : getOperands())
    if (isa<RankedTensorType>(operand.getType()) != onTensors)
      return emitOpError() << "is on tensors or on memrefs, not both (R15)";
  if (getNumResults() != (onTensors ? 2u : 0u))
    return emitOpError() << "has two results on tensors, none on memrefs (R15)";
  Builder b(getContext());
  ArrayRef<int64_t> rows =
      cast<ShapedType>(getLogits().getType()).getShape().drop_back();
  int64_t most = getPolicy().getMostPerRow(*experts);
  if (failed(checkRowsOf(*this, "ids", getIds().getType(), rows, most,
                         b.getI32Type(), "R15")) ||
      failed(checkRowsOf(*this, "weights", getWeights().getType(), rows, most,
                         b.getF32Type(), "R15")))
    return failure();
  for (auto [result, init] :
       llvm::zip_equal(getResults(), getDpsInits().take_back(getNumResults())))
    if (result.getType() != init.getType())
      return emitOpError() << "a result is " << result.getType()
                           << ", its destination " << init.getType()
                           << " (R15)";
  return success();
}
