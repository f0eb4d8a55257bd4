//===- Interpreter.cpp - reference evaluation of functions ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Reference/Interpreter.h"
#include "Routed.h"
#include "Upstream.h"
#include "allot/Archive/StoredWeights.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/NN/IR/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include <new>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

namespace {

/// Calls deeper than this are a recursion that does not end.
constexpr unsigned maxDepth = 64;

/// A weight in its file. Keeps the mapping of the file alive.
struct StoredRows : RefValue::Encoded {
  void decodeRows(int64_t first, int64_t n, float *out) const override {
    if (interleave == 0)
      return codec.decodeRows(bytes, rows, columns, first, n, MutableArrayRef<float>(out, n * columns));
    for (int64_t r = 0; r < n; ++r)
      codec.decodeRows(bytes, rows, columns, codec::interleavedRow(first + r, interleave), 1, MutableArrayRef<float>(out + r * columns, columns));
  }
  std::shared_ptr<archive::StoredWeights> files;
  FormatCodecInterface codec;
  ArrayRef<uint8_t> bytes;
  int64_t rows = 0, columns = 0, interleave = 0;
};

/// A vector, decoded as a whole.
struct StoredVector : RefValue::Encoded {
  void decodeRows(int64_t, int64_t n, float *out) const override {
    if (n > 0)
      std::copy(values.begin(), values.end(), out);
  }
  std::vector<float> values;
};

/// The values that nobody needs behind each op of a block.
using Deaths = llvm::DenseMap<Operation *, SmallVector<Value>>;

/// What the ops of a block may read.
using Scope = llvm::DenseMap<Value, RefValue>;

} // namespace

struct Interpreter::Implementation {
  Implementation(ModuleOp module, StringRef folder) : module(module), symbols(module), files(std::make_shared<archive::StoredWeights>(folder)) {}

  LogicalResult call(func::FuncOp function, Values arguments, Results &results, TapCallback taps, unsigned depth);
  LogicalResult run(Block &block, Scope &scope, Results &results, TapCallback taps, unsigned depth);
  LogicalResult loop(scf::ForOp op, Values operands, Scope &scope, Results &results, TapCallback taps, unsigned depth);
  LogicalResult evaluate(Operation *op, Values operands, Scope &scope, Results &results, TapCallback taps, unsigned depth);
  LogicalResult load(Operation *op, StringRef name, Results &results);
  FailureOr<RefValue> open(Operation *op, ml_program::GlobalOp global);
  const Deaths &deathsIn(Block &block);

  ModuleOp module;
  SymbolTable symbols;
  std::shared_ptr<archive::StoredWeights> files;
  llvm::StringMap<RefValue> loaded;
  /// Calls nest while the table of the caller is in use: tables must not move.
  DenseMap<Block *, std::unique_ptr<Deaths>> deaths;
};

const Deaths &Interpreter::Implementation::deathsIn(Block &block) {
  std::unique_ptr<Deaths> &known = deaths[&block];
  if (known)
    return *known;
  known = std::make_unique<Deaths>();
  DenseMap<Value, Operation *> lastUser;
  for (Operation &op : block) {
    for (Value result : op.getResults())
      lastUser[result] = &op;
    // Uses in nested regions are uses of the op that holds them.
    op.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (operand.getParentBlock() == &block)
          lastUser[operand] = &op;
    });
  }
  for (auto [value, op] : lastUser)
    (*known)[op].push_back(value);
  return *known;
}

FailureOr<RefValue> Interpreter::Implementation::open(Operation *op, ml_program::GlobalOp global) {
  auto type = cast<RankedTensorType>(global.getType());
  Attribute value = *global.getValue();
  if (!isa<format::StoredAttr>(value))
    return evaluateConstant(op, value);
  RefValue result = makeUnwritten(type.getShape());
  if (type.getRank() <= 1) {
    // Blocks run along a vector, and its numbers may be permuted: it is small, so all of it is decoded.
    llvm::Expected<std::vector<float>> values = files->read(global);
    if (!values)
      return op->emitOpError() << llvm::toString(values.takeError());
    auto vector = std::make_shared<StoredVector>();
    vector->values = std::move(*values);
    result.encoded = std::move(vector);
    return result;
  }
  llvm::Expected<ArrayRef<uint8_t>> bytes = files->bytes(global);
  if (!bytes)
    return op->emitOpError() << llvm::toString(bytes.takeError());
  auto rows = std::make_shared<StoredRows>();
  rows->files = files;
  rows->codec = cast<FormatCodecInterface>(type.getEncoding());
  rows->bytes = *bytes;
  std::tie(rows->rows, rows->columns) = foldedShape(type.getShape());
  rows->interleave = cast<format::StoredAttr>(value).getRowInterleave();
  if (rows->interleave > 0 && rows->rows % rows->interleave != 0)
    return op->emitOpError() << "@" << global.getSymName() << " has " << rows->rows << " rows, which row_interleave = " << rows->interleave
                             << " does not divide";
  result.encoded = std::move(rows);
  return result;
}

LogicalResult Interpreter::Implementation::load(Operation *op, StringRef name, Results &results) {
  auto it = loaded.find(name);
  if (it == loaded.end()) {
    auto global = symbols.lookup<ml_program::GlobalOp>(name);
    if (!global)
      return op->emitOpError() << "there is no global @" << name;
    if (global.getIsMutable())
      return op->emitOpError() << "@" << name << " is mutable, which has no reference evaluation";
    FailureOr<RefValue> value = open(op, global);
    if (failed(value))
      return failure();
    it = loaded.try_emplace(name, std::move(*value)).first;
  }
  results.push_back(it->second);
  return success();
}

/// The body finds values from outside in the scope; its own ones are gone when it ends.
LogicalResult Interpreter::Implementation::loop(scf::ForOp op, Values operands, Scope &scope, Results &results, TapCallback taps, unsigned depth) {
  int64_t bounds[3];
  for (auto [bound, value] : llvm::zip(bounds, operands)) {
    if (!value.ints || value.ints->size() != 1)
      return op.emitOpError() << "has a bound that is no number";
    bound = value.ints->front();
  }
  auto [first, end, step] = bounds;
  if (step <= 0)
    return op.emitOpError() << "has a step of " << step;
  SmallVector<RefValue> carried(operands.drop_front(3)), next;
  Block &body = *op.getBody();
  for (int64_t i = first; i < end; i += step) {
    scope[op.getInductionVar()] = makeScalar(i);
    for (auto [argument, value] : llvm::zip_equal(op.getRegionIterArgs(), carried))
      scope[argument] = std::move(value);
    next.clear();
    if (failed(run(body, scope, next, taps, depth)))
      return failure();
    std::swap(carried, next);
    if (i > INT64_MAX - step)
      break;
  }
  for (Value argument : body.getArguments())
    scope.erase(argument);
  results.append(carried.begin(), carried.end());
  return success();
}

LogicalResult Interpreter::Implementation::evaluate(Operation *op, Values operands, Scope &scope, Results &results, TapCallback taps,
                                                    unsigned depth) {
  if (auto callOp = dyn_cast<func::CallOp>(op)) {
    auto callee = symbols.lookup<func::FuncOp>(callOp.getCallee());
    if (!callee)
      return op->emitOpError() << "there is no function @" << callOp.getCallee();
    if (depth >= maxDepth)
      return op->emitOpError() << "calls are nested more than " << maxDepth << " deep";
    return call(callee, operands, results, taps, depth + 1);
  }
  if (auto loadOp = dyn_cast<ml_program::GlobalLoadConstOp>(op))
    return load(op, loadOp.getGlobal().getLeafReference(), results);
  if (auto tap = dyn_cast<nn::TapOp>(op); tap && taps)
    taps(tap.getName(), operands[0]);
  if (auto interface = dyn_cast<ReferenceOpInterface>(op))
    return interface.evaluateReference(operands, results);
  if (auto forOp = dyn_cast<scf::ForOp>(op))
    return loop(forOp, operands, scope, results, taps, depth);
  if (auto experts = dyn_cast<routed::ExpertsOp>(op))
    return evaluateExperts(
        experts, operands,
        [&](Block &body, Values arguments, Results &made) {
          for (auto [argument, value] : llvm::zip_equal(body.getArguments(), arguments))
            scope[argument] = value;
          LogicalResult result = run(body, scope, made, taps, depth);
          for (Value argument : body.getArguments())
            scope.erase(argument);
          return result;
        },
        results);
  if (UpstreamFunction function = lookupUpstreamFunction(op)) {
    auto environment = [&](Value value) -> const RefValue * {
      auto it = scope.find(value);
      return it == scope.end() ? nullptr : &it->second;
    };
    return function(op, operands, environment, results);
  }
  return op->emitOpError() << "has no reference evaluation";
}

LogicalResult Interpreter::Implementation::call(func::FuncOp function, Values arguments, Results &results, TapCallback taps, unsigned depth) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return function.emitOpError() << (function.isExternal() ? "has no body" : "has control flow between blocks") << ", so it cannot be evaluated";
  if (arguments.size() != function.getNumArguments())
    return function.emitOpError() << "is evaluated with " << arguments.size() << " arguments, but has " << function.getNumArguments();
  Block &block = function.getBody().front();
  Scope scope;
  for (auto [index, argument, value] : llvm::enumerate(block.getArguments(), arguments)) {
    if (failed(checkValue(function, value, argument.getType(), "argument " + Twine(index))))
      return failure();
    scope.try_emplace(argument, value);
  }
  return run(block, scope, results, taps, depth);
}

/// Evaluates the ops of a block, up to what it gives to the op around it.
LogicalResult Interpreter::Implementation::run(Block &block, Scope &scope, Results &results, TapCallback taps, unsigned depth) {
  const Deaths &dying = deathsIn(block);
  SmallVector<RefValue> operands, made;
  for (Operation &op : block) {
    operands.clear();
    made.clear();
    for (Value operand : op.getOperands())
      operands.push_back(scope.lookup(operand));
    if (isa<func::ReturnOp, scf::YieldOp, routed::YieldOp>(op)) {
      results.append(operands.begin(), operands.end());
      return success();
    }
    try {
      if (failed(evaluate(&op, operands, scope, made, taps, depth)))
        return failure();
    } catch (const std::bad_alloc &) {
      return op.emitOpError() << "needs more memory than there is";
    }
    if (made.size() != op.getNumResults())
      return op.emitOpError() << "was evaluated to " << made.size() << " results, but has " << op.getNumResults();
    for (auto [result, value] : llvm::zip_equal(op.getResults(), made)) {
      if (failed(checkValue(&op, value, result.getType(), "the result at run time")))
        return failure();
      scope[result] = std::move(value);
    }
    operands.clear();
    auto dead = dying.find(&op);
    if (dead != dying.end())
      for (Value value : dead->second)
        scope.erase(value);
  }
  return block.getParentOp()->emitOpError() << "does not return, so it cannot be evaluated";
}

//===----------------------------------------------------------------------===//
// Interface
//===----------------------------------------------------------------------===//

Interpreter::Interpreter(std::unique_ptr<Implementation> implementation) : implementation(std::move(implementation)) {}
Interpreter::~Interpreter() = default;

llvm::Expected<std::unique_ptr<Interpreter>> Interpreter::create(ModuleOp module, StringRef folder) {
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    // One that changes is refused where it is read; all others have values.
    if (global.getIsMutable())
      continue;
    auto fail = [&](const Twine &message) {
      return llvm::createStringError(llvm::inconvertibleErrorCode(), "weight @" + global.getSymName() + " " + message);
    };
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || !type.hasStaticShape())
      return fail("is no tensor of static shape");
    Attribute value = *global.getValue();
    if (bool(type.getEncoding()) != isa<format::StoredAttr>(value))
      return fail(type.getEncoding() ? "is encoded, but its value is not #format.stored" : "is stored in a file, but its type has no format");
    if (type.getEncoding() && !isa<FormatCodecInterface>(type.getEncoding()))
      return fail("has an encoding that nothing decodes");
  }
  return std::unique_ptr<Interpreter>(new Interpreter(std::make_unique<Implementation>(module, folder)));
}

LogicalResult Interpreter::call(StringRef name, ArrayRef<RefValue> arguments, SmallVectorImpl<RefValue> &results, TapCallback taps) {
  auto function = implementation->symbols.lookup<func::FuncOp>(name);
  if (!function)
    return implementation->module.emitOpError() << "has no function @" << name << " to evaluate";
  return implementation->call(function, arguments, results, taps, 0);
}

void reference::registerReferenceExternalModels(DialectRegistry &registry) {
  registerAdapterModels(registry);
  registerStructuredMapModels(registry);
  registerBankModels(registry);
  registerLeafModels(registry);
  registerNetworkModels(registry);
  registerComputedModels(registry);
  registerFormatModels(registry);
  registerNNModels(registry);
  registerAttentionModels(registry);
  registerRoutedModels(registry);
}
