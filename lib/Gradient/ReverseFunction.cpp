//===- ReverseFunction.cpp - gradient-reverse -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Gradient/Passes.h"
#include "allot/Gradient/Reverse.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace allot::gradient {
#define GEN_PASS_DEF_GRADIENTREVERSE
#include "allot/Gradient/Passes.h.inc"
} // namespace allot::gradient

using namespace mlir;
using namespace allot;
using namespace allot::gradient;

namespace {

bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.getEncoding() &&
         isa<FloatType>(tensor.getElementType());
}

/// The results of a function that is being made, with their names.
class Results {
public:
  explicit Results(MLIRContext *context) : builder(context) {}

  void add(Value value, StringAttr name, StringRef suffix = "") {
    values.push_back(value);
    NamedAttrList attributes;
    if (name)
      attributes.append("allot.name",
                        builder.getStringAttr(name.getValue() + suffix));
    names.push_back(attributes.getDictionary(builder.getContext()));
  }
  void finish(func::FuncOp function) {
    function.getBody().front().getTerminator()->setOperands(values);
    function.setType(builder.getFunctionType(
        function.getArgumentTypes(), ValueRange(ArrayRef(values)).getTypes()));
    function.setAllResultAttrs(names);
  }

private:
  Builder builder;
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> names;
};

/// The taps at the top of a function whose names end as asked for. One inside
/// of another op is an error.
FailureOr<SmallVector<nn::TapOp>> tapsOf(func::FuncOp function,
                                         ArrayRef<std::string> suffixes) {
  SmallVector<nn::TapOp> taps;
  WalkResult walked = function.walk([&](nn::TapOp tap) {
    if (llvm::none_of(suffixes, [&](StringRef suffix) {
          return tap.getName().ends_with(suffix);
        }))
      return WalkResult::advance();
    if (tap->getParentOp() != function) {
      tap.emitOpError() << "is inside of another op, where no gradient of "
                        << function.getName() << " reaches it";
      return WalkResult::interrupt();
    }
    taps.push_back(tap);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  return taps;
}

/// Erases ops of a block whose results nobody uses.
void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op) || (isa<nn::TapOp>(op) && op.use_empty()))
      op.erase();
}

} // namespace

FailureOr<func::FuncOp>
gradient::buildReverseFunction(func::FuncOp function,
                               const ReverseOptions &options) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "has several blocks and has no reverse "
                                   "function";
  func::FuncOp reverse = function.clone();
  auto discard = [&]() -> LogicalResult {
    reverse.erase();
    return failure();
  };
  auto gradients = tapsOf(reverse, options.gradients),
       values = tapsOf(reverse, options.values);
  if (failed(gradients) || failed(values))
    return discard();
  Block &body = reverse.getBody().front();
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  SmallVector<Value> inputs;
  for (BlockArgument argument : body.getArguments())
    if (isFloatTensor(argument.getType()))
      inputs.push_back(argument);
  size_t arguments = inputs.size();
  for (nn::TapOp tap : *gradients)
    if (isFloatTensor(tap.getResult().getType()))
      inputs.push_back(tap.getResult());

  Builder names(function.getContext());
  SmallVector<Value> outputs, outputGradients;
  for (auto [index, output] : llvm::enumerate(terminator.getOperands())) {
    if (!isFloatTensor(output.getType()))
      continue;
    NamedAttrList attributes;
    if (auto name =
            function.getResultAttrOfType<StringAttr>(index, "allot.name"))
      attributes.append("allot.name",
                        names.getStringAttr(name.getValue() + ".gradient"));
    if (failed(reverse.insertArgument(
            reverse.getNumArguments(), output.getType(),
            attributes.getDictionary(function.getContext()), output.getLoc())))
      return discard();
    outputs.push_back(output);
    outputGradients.push_back(body.getArguments().back());
  }
  if (inputs.empty() || outputs.empty()) {
    reverse.erase();
    return func::FuncOp();
  }
  reverse.setName((function.getName() + ".reverse").str());
  // In the module from here on, so that errors and lookups find it.
  SymbolTable symbols(function->getParentOfType<ModuleOp>());
  if (symbols.lookup(reverse.getName())) {
    function.emitError() << "has no reverse function: there is a symbol @"
                         << reverse.getName() << " already";
    return discard();
  }
  symbols.insert(reverse, std::next(Block::iterator(function)));

  OpBuilder builder(terminator);
  auto found = buildReverse(builder, body, outputs, outputGradients, inputs);
  if (failed(found))
    return discard();
  for (auto [input, gradient] : llvm::zip_equal(inputs, *found))
    if (!gradient)
      gradient = vjp::buildZeros(builder, input.getLoc(), input);
  Results results(function.getContext());
  for (auto [input, gradient] :
       llvm::zip(ArrayRef(inputs).take_front(arguments), *found))
    results.add(gradient,
                reverse.getArgAttrOfType<StringAttr>(
                    cast<BlockArgument>(input).getArgNumber(), "allot.name"),
                ".gradient");
  for (auto [input, gradient] :
       llvm::zip_equal(ArrayRef(inputs).drop_front(arguments),
                       ArrayRef(*found).drop_front(arguments)))
    results.add(gradient, input.getDefiningOp<nn::TapOp>().getNameAttr(),
                ".gradient");
  for (nn::TapOp tap : *values)
    results.add(tap.getX(), tap.getNameAttr());
  results.finish(reverse);
  eraseDead(body);
  return reverse;
}

namespace {
struct GradientReverse : gradient::impl::GradientReverseBase<GradientReverse> {
  using GradientReverseBase::GradientReverseBase;

  void runOnOperation() override {
    ReverseOptions options;
    options.gradients.assign(gradients.begin(), gradients.end());
    options.values.assign(values.begin(), values.end());
    SmallVector<func::FuncOp> chosen;
    for (StringRef name : functions) {
      auto function = getOperation().lookupSymbol<func::FuncOp>(name);
      if (!function || function.isExternal()) {
        getOperation().emitError()
            << "gradient-reverse: there is no function @" << name;
        return signalPassFailure();
      }
      chosen.push_back(function);
    }
    if (functions.empty())
      for (auto function : getOperation().getOps<func::FuncOp>())
        if (function.isPublic() && !function.isExternal())
          chosen.push_back(function);
    for (func::FuncOp function : chosen)
      if (failed(buildReverseFunction(function, options)))
        return signalPassFailure();
  }
};
} // namespace
