//===- EvaluationsTest.cpp - every way gives the same -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random expressions over all map ops, some of their tensors arguments of the
// function, evaluated by the reference evaluation as they are and in every way
// that the chooser lists. A case that fails is made smaller as long as it
// fails, and printed with its seed.
//
//   ALLOT_CASES=5000 AdapterTests --gtest_filter=EvaluationsTest.*
//   ALLOT_SEED=1234 ALLOT_CASES=1 AdapterTests --gtest_filter=EvaluationsTest.*
//
//===----------------------------------------------------------------------===//

#include "../Reference/RandomMaps.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include <cstdlib>

using namespace allot;
using namespace allot::test;
using namespace mlir;

namespace {

unsigned fromEnvironment(const char *name, unsigned otherwise) {
  const char *text = std::getenv(name);
  unsigned value = otherwise;
  if (text && StringRef(text).getAsInteger(10, value))
    ADD_FAILURE() << name << " is no number: " << text;
  return value;
}

struct EvaluationsTest : RandomMaps {
  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF32Type());
  }

  /// @f(x, bias?, ..) that applies a random map. Some constants become
  /// arguments; `arguments` has their numbers.
  void makeCase(unsigned depth) {
    int64_t out = size() + random() % 5, in = size() + random() % 5,
            rows = 1 + random() % 4;
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "f",
                                         builder.getFunctionType({}, {}));
    Block *block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    arguments.clear();
    auto argument = [&](RankedTensorType type, std::vector<float> numbers) {
      arguments.push_back(floats(type.getShape(), std::move(numbers)));
      return block->addArgument(type, loc);
    };
    auto randomNumbers = [&](int64_t count) {
      std::vector<float> numbers(count);
      for (float &number : numbers)
        number = float(int(random() % 9) - 4);
      return numbers;
    };
    Value x = argument(type({rows, in}), randomNumbers(rows * in));
    Value bias =
        random() % 3 ? Value() : argument(type({out}), randomNumbers(out));
    Value top = makeTop(out, in, depth);
    Value y =
        adapter::ApplyOp::create(builder, loc, type({rows, out}), top, x, bias,
                                 StringAttr(), adapter::EvaluationAttr());
    func::ReturnOp::create(builder, loc, y);
    for (auto constant :
         llvm::make_early_inc_range(block->getOps<arith::ConstantOp>())) {
      auto numbers = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!numbers || !numbers.getElementType().isF32() || random() % 6)
        continue;
      auto values = numbers.getValues<float>();
      constant.replaceAllUsesWith(
          argument(cast<RankedTensorType>(constant.getType()),
                   {values.begin(), values.end()}));
      constant.erase();
    }
    function.setFunctionType(
        builder.getFunctionType(block->getArgumentTypes(), y.getType()));
    ASSERT_TRUE(succeeded(verify(*module)));
  }

  /// Often a sum, or a product of sums: what there are most ways for.
  Value makeTop(int64_t out, int64_t in, unsigned depth) {
    auto sum = [&](int64_t rows, int64_t columns, unsigned count) -> Value {
      SmallVector<Value> maps;
      for (unsigned i = 0; i < count; ++i)
        maps.push_back(map(rows, columns, depth - 1));
      return adapter::SumOp::create(builder, loc, maps.front().getType(), maps);
    };
    switch (random() % 5) {
    case 0:
      return sum(out, in, 2 + random() % 3);
    case 1: {
      int64_t between = random() % 2 ? out : size();
      Value outer = sum(out, between, 1 + random() % 2);
      return adapter::ComposeOp::create(
          builder, loc, ValueRange{outer, sum(between, in, 1 + random() % 2)});
    }
    case 2: {
      SmallVector<Value> maps;
      for (unsigned i = 0, n = 2 + random() % 2; i < n; ++i) {
        int64_t between = size();
        maps.push_back(map(out, between, depth - 1));
        out = between;
      }
      maps.push_back(map(out, in, depth - 1));
      return adapter::ComposeOp::create(builder, loc, maps);
    }
    default:
      return map(out, in, depth);
    }
  }

  static adapter::ApplyOp applyOf(ModuleOp module) {
    adapter::ApplyOp found;
    module.walk([&](adapter::ApplyOp op) { found = op; });
    return found;
  }

  std::optional<RefValue> evaluate(ModuleOp what) {
    auto created = reference::Interpreter::create(what, "");
    if (!created) {
      llvm::consumeError(created.takeError());
      return std::nullopt;
    }
    SmallVector<RefValue> results;
    if (failed((*created)->call("f", arguments, results)) ||
        results.size() != 1)
      return std::nullopt;
    return results.front();
  }

  OwningOpRef<ModuleOp> expand(ModuleOp what, adapter::WayAttr way,
                               bool hoisted) {
    OwningOpRef<ModuleOp> copy = what.clone();
    applyOf(*copy).setWayAttr(way);
    PassManager pm(&context);
    // What stays for loading is expanded after the rest.
    for (bool later : {hoisted, false}) {
      adapter::AdapterExpandOptions options;
      options.hoisted = later;
      pm.addPass(adapter::createAdapterExpand(options));
      pm.addPass(createCanonicalizerPass());
      pm.addPass(createCSEPass());
      pm.addPass(adapter::createAdapterFuseEpilogue());
    }
    if (failed(pm.run(*copy)))
      return {};
    return copy;
  }

  /// What is wrong with a way, or nothing.
  std::string problemOf(ModuleOp what, adapter::WayAttr way, bool hoisted) {
    std::optional<RefValue> expected = evaluate(what);
    if (!expected)
      return "";
    OwningOpRef<ModuleOp> expanded = expand(what, way, hoisted);
    if (!expanded)
      return "the passes fail";
    std::string problem;
    expanded->walk([&](Operation *op) {
      if (isa<LinearMapOpInterface>(op) || isa<adapter::ApplyOp>(op) ||
          isa<adapter::MaterializeOp>(op))
        problem = "left is " + op->getName().getStringRef().str();
    });
    if (!problem.empty())
      return problem;
    std::optional<RefValue> got = evaluate(*expanded);
    if (!got)
      return "the evaluation fails";
    if (got->shape != expected->shape)
      return "the shapes differ";
    double largest = 1;
    for (float value : *expected->floats)
      largest = std::max(largest, double(std::abs(value)));
    for (size_t i = 0; i < expected->floats->size(); ++i)
      if (!(std::abs(double((*got->floats)[i]) -
                     double((*expected->floats)[i])) <= 1e-5 * largest))
        return "element " + std::to_string(i) + " is " +
               std::to_string((*got->floats)[i]) + ", not " +
               std::to_string((*expected->floats)[i]);
    return "";
  }

  SmallVector<adapter::WayAttr> waysOf(ModuleOp what, bool hoisted) {
    adapter::ApplyOp op = applyOf(what);
    adapter::ChooseOptions options;
    options.hoisted = hoisted;
    options.table = table;
    return llvm::map_to_vector(
        adapter::listAlternatives(op, adapter::getNumRows(op, 1), options),
        [](const adapter::Alternative &alternative) {
          return alternative.way;
        });
  }

  bool failsIn(ModuleOp what, adapter::WayKind kind, bool hoisted) {
    for (adapter::WayAttr way : waysOf(what, hoisted))
      if (way.getKind() == kind && !problemOf(what, way, hoisted).empty())
        return true;
    return false;
  }

  /// Smaller modules: one map replaced by a part of it, or by an identity or
  /// zero; one operand of a sum or product left out.
  SmallVector<OwningOpRef<ModuleOp>> smaller(ModuleOp what) {
    SmallVector<OwningOpRef<ModuleOp>> result;
    unsigned count = 0;
    what.walk([&](LinearMapOpInterface) { ++count; });
    auto variant = [&](unsigned index,
                       llvm::function_ref<bool(LinearMapOpInterface)> change) {
      OwningOpRef<ModuleOp> copy = what.clone();
      unsigned at = 0;
      LinearMapOpInterface found;
      copy->walk([&](LinearMapOpInterface op) {
        if (at++ == index)
          found = op;
      });
      if (!change(found) || failed(verify(*copy)))
        return;
      for (bool changed = true; changed;) {
        changed = false;
        copy->walk([&](Operation *op) {
          if (isOpTriviallyDead(op)) {
            op->erase();
            changed = true;
          }
        });
      }
      result.push_back(std::move(copy));
    };
    for (unsigned i = count; i-- > 0;) {
      for (unsigned operand = 0; operand < 4; ++operand) {
        variant(i, [&](LinearMapOpInterface op) {
          if (operand >= op->getNumOperands() ||
              op->getOperand(operand).getType() != op->getResult(0).getType())
            return false;
          op->getResult(0).replaceAllUsesWith(op->getOperand(operand));
          return true;
        });
        variant(i, [&](LinearMapOpInterface op) {
          bool isVariadic =
              op->getNumOperands() > 1 &&
              isa<adapter::SumOp, adapter::HadamardOp>(op.getOperation());
          if (!isVariadic || operand >= op->getNumOperands())
            return false;
          op->eraseOperand(operand);
          return true;
        });
      }
      variant(i, [&](LinearMapOpInterface op) {
        auto type = cast<adapter::MapType>(op->getResult(0).getType());
        if (op->getNumOperands() == 0 || type.isBank())
          return false;
        builder.setInsertionPoint(op);
        Value simple =
            type.getOut() == type.getIn()
                ? adapter::IdentityOp::create(builder, loc, type.getOut())
                      .getResult()
                : adapter::ZeroOp::create(builder, loc, type.getOut(),
                                          type.getIn())
                      .getResult();
        op->getResult(0).replaceAllUsesWith(simple);
        return true;
      });
    }
    return result;
  }

  void reduce(adapter::WayKind kind, bool hoisted) {
    for (bool changed = true; changed;) {
      changed = false;
      for (OwningOpRef<ModuleOp> &candidate : smaller(*module))
        if (failsIn(*candidate, kind, hoisted)) {
          module = std::move(candidate);
          changed = true;
          break;
        }
    }
  }

  /// Machines on which all kinds of ways are worth it somewhere.
  void chooseTable() {
    for (unsigned i = 0; i < cost::numUnits; ++i) {
      std::string text = (cost::stringifyUnit(cost::Unit(i)) + "=1e-" +
                          std::to_string(4 + random() % 8))
                             .str();
      llvm::Error error = table.set(text);
      EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
    }
  }

  std::vector<RefValue> arguments;
  cost::CostTable table = cost::CostTable::forTarget("avx2");
};

// Applications to one x whose pairs of factors have some A in common.
TEST_F(EvaluationsTest, SharedProductsGiveTheSame) {
  unsigned first = fromEnvironment("ALLOT_SEED", 1),
           cases = fromEnvironment("ALLOT_CASES", 100);
  for (unsigned seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE("ALLOT_SEED=" + std::to_string(seed));
    random.seed(seed);
    int64_t in = size(), rows = 1 + random() % 3;
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "f",
                                         builder.getFunctionType({}, {}));
    Block *block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    Value x = block->addArgument(type({rows, in}), loc);
    std::vector<float> numbers(rows * in);
    for (float &number : numbers)
      number = float(int(random() % 9) - 4);
    arguments = {floats({rows, in}, numbers)};
    SmallVector<Value> factors, results;
    int64_t outs = 0;
    for (unsigned i = 0, n = 2 + random() % 3; i < n; ++i) {
      int64_t out = size();
      SmallVector<Value> terms;
      for (unsigned t = 0, pairs = random() % 3; t < pairs; ++t) {
        if (factors.empty() || random() % 2)
          factors.push_back(tensor({size(), in}));
        Value a = factors[random() % factors.size()];
        int64_t rank = cast<ShapedType>(a.getType()).getDimSize(0);
        Value pair =
            adapter::LowRankOp::create(builder, loc, tensor({out, rank}), a,
                                       random() % 3 ? Value() : tensor({rank}));
        terms.push_back(adapter::ScaleOp::create(
            builder, loc, pair,
            builder.getF64FloatAttr(random() % 2 ? 1 : -0.5)));
      }
      if (terms.empty() || random() % 3)
        terms.push_back(map(out, in, random() % 3));
      Value sum =
          adapter::SumOp::create(builder, loc, terms.front().getType(), terms);
      Value bias = random() % 2
                       ? Value()
                       : adapter::buildDecoded(builder, loc, tensor({out}));
      auto op = adapter::ApplyOp::create(builder, loc, type({rows, out}), sum,
                                         x, bias, StringAttr(),
                                         adapter::EvaluationAttr());
      op.setShare(random() % 2);
      results.push_back(op);
      outs += out;
    }
    // One result, side by side.
    Value whole = tensor::EmptyOp::create(
        builder, loc, ArrayRef<int64_t>{rows, outs}, builder.getF32Type());
    int64_t offset = 0;
    for (Value result : results) {
      int64_t out = cast<ShapedType>(result.getType()).getDimSize(1);
      whole = tensor::InsertSliceOp::create(
          builder, loc, result, whole,
          SmallVector<OpFoldResult>{builder.getIndexAttr(0),
                                    builder.getIndexAttr(offset)},
          SmallVector<OpFoldResult>{builder.getIndexAttr(rows),
                                    builder.getIndexAttr(out)},
          SmallVector<OpFoldResult>(2, builder.getIndexAttr(1)));
      offset += out;
    }
    func::ReturnOp::create(builder, loc, whole);
    function.setFunctionType(
        builder.getFunctionType(block->getArgumentTypes(), whole.getType()));
    ASSERT_TRUE(succeeded(verify(*module)));
    // The way of the last application; the others have theirs by default.
    std::string problem = problemOf(
        *module, adapter::WayAttr::get(&context, adapter::WayKind::Factored),
        random() % 2);
    ASSERT_EQ(problem, "") << [&] {
      std::string text;
      llvm::raw_string_ostream(text) << *module;
      return text;
    }();
  }
}

TEST_F(EvaluationsTest, EveryWayGivesTheSame) {
  unsigned first = fromEnvironment("ALLOT_SEED", 1),
           cases = fromEnvironment("ALLOT_CASES", 400), failures = 0;
  llvm::StringMap<unsigned> met;
  for (unsigned seed = first; seed < first + cases && failures < 3; ++seed) {
    random.seed(seed);
    makeCase(1 + random() % 4);
    bool hoisted = random() % 2;
    chooseTable();
    if (random() % 2) {
      PassManager pm(&context);
      pm.addPass(createCanonicalizerPass());
      ASSERT_TRUE(succeeded(pm.run(*module)));
      // One that folds away leaves nothing to choose.
      if (!applyOf(*module))
        continue;
    }
    for (adapter::WayAttr way : waysOf(*module, hoisted)) {
      ++met[stringifyWayKind(way.getKind())];
      std::string problem = problemOf(*module, way, hoisted), text;
      if (problem.empty())
        continue;
      ++failures;
      llvm::raw_string_ostream os(text);
      os << "ALLOT_SEED=" << seed << (hoisted ? " (hoisted)" : "") << ": "
         << way << ": " << problem << "\n";
      reduce(way.getKind(), hoisted);
      os << "reduced: " << *module;
      for (adapter::WayAttr other : waysOf(*module, hoisted))
        os << other << ": " << problemOf(*module, other, hoisted) << "\n";
      ADD_FAILURE() << text;
      break;
    }
  }
  if (cases < 400 || failures)
    return;
  for (const char *kind :
       {"factored", "merged", "pair", "joined", "split", "distributed"})
    EXPECT_GE(met[kind], 5u) << kind;
}

} // namespace
