//===- LinearKernel.cpp - the kernel of adapter.linear ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/LinearKernel.h"
#include "LinearParts.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

adapter::Arithmetic LinearKernelSpec::getArithmetic() const {
  auto tile = cast<FormatTileInterface>(weight);
  return tile.getTileFacts().codeBits ? arithmetic : adapter::Arithmetic::F32;
}

std::string LinearKernelSpec::getName() const {
  auto formatName = [](Attribute format) {
    return cast<FormatAttrInterface>(format).getShortName();
  };
  std::string name = "linear_" + formatName(weight) + "_";
  name += adapter::stringifyArithmetic(getArithmetic());
  for (const Term &term : terms)
    name += "_" + formatName(term.b) + formatName(term.a);
  if (bias)
    name += "_bias";
  if (activation != adapter::Activation::None)
    name += "_" + adapter::stringifyActivation(activation).str();
  if (multiplier)
    name += "_times";
  if (residual)
    name += "_plus";
  if (listed)
    name += weighted ? "_listed_weighted" : "_listed";
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

Attribute LinearKernelSpec::getKey(MLIRContext *context) const {
  Builder b(context);
  SmallVector<Attribute> parts = {weight};
  for (const Term &term : terms)
    llvm::append_values(parts, term.b, term.a);
  parts.push_back(
      b.getDenseI64ArrayAttr({bias, multiplier, residual, int64_t(activation),
                              int64_t(getArithmetic()), listed, weighted}));
  return b.getArrayAttr(parts);
}

LogicalResult
LinearKernelSpec::verify(function_ref<InFlightDiagnostic()> emitError) const {
  SmallVector<Attribute> formats = {weight};
  for (const Term &term : terms)
    llvm::append_values(formats, term.b, term.a);
  for (Attribute format : formats) {
    auto tile = dyn_cast_or_null<FormatTileInterface>(format);
    if (!tile)
      return emitError() << "no kernel reads the format " << format
                         << "; pack it first";
    if (tile.getTileFacts().tileRows != tileRows)
      return emitError() << "kernels read tiles of " << tileRows
                         << " rows, not " << format;
  }
  return success();
}

SmallVector<Value> LinearKernelOperands::flatten() const {
  SmallVector<Value> values = {weight, x};
  for (auto [vb, va] : llvm::zip_equal(b, a))
    llvm::append_values(values, vb, va);
  for (Value optional : {bias, multiplier, residual})
    if (optional)
      values.push_back(optional);
  values.push_back(y);
  llvm::append_range(values, ranks);
  llvm::append_range(values, scales);
  for (Value listed : {order, weights, first, count, perRow, factor})
    if (listed)
      values.push_back(listed);
  return values;
}

/// The arguments of a kernel, given to their places.
static LinearKernelOperands takeArguments(const LinearKernelSpec &spec,
                                          Block::BlockArgListType args) {
  LinearKernelOperands o;
  auto next = args.begin();
  o.weight = *next++;
  o.x = *next++;
  for (size_t i = 0; i < spec.terms.size(); ++i) {
    o.b.push_back(*next++);
    o.a.push_back(*next++);
  }
  if (spec.bias)
    o.bias = *next++;
  if (spec.multiplier)
    o.multiplier = *next++;
  if (spec.residual)
    o.residual = *next++;
  o.y = *next++;
  for (size_t i = 0; i < spec.terms.size(); ++i)
    o.ranks.push_back(*next++);
  for (size_t i = 0; i < spec.terms.size(); ++i)
    o.scales.push_back(*next++);
  if (spec.listed) {
    o.order = *next++;
    if (spec.weighted)
      o.weights = *next++;
    for (Value *number : {&o.first, &o.count, &o.perRow, &o.factor})
      *number = *next++;
  }
  return o;
}

static FunctionType getKernelType(const LinearKernelSpec &spec, Builder &b) {
  Type f32 = b.getF32Type();
  Type bytes = MemRefType::get(ShapedType::kDynamic, b.getI8Type());
  Type vector = MemRefType::get(ShapedType::kDynamic, f32);
  Type matrix =
      MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic}, f32);
  size_t terms = spec.terms.size();
  SmallVector<Type> types = {bytes, matrix};
  types.append(2 * terms, bytes);
  if (spec.bias)
    types.push_back(vector);
  types.append(size_t(spec.multiplier) + spec.residual + 1, matrix);
  types.append(terms, b.getIndexType());
  types.append(terms, f32);
  if (spec.listed) {
    types.push_back(MemRefType::get(ShapedType::kDynamic, b.getI32Type()));
    if (spec.weighted)
      types.push_back(vector);
    types.append(3, b.getIndexType());
    types.push_back(f32);
  }
  return b.getFunctionType(types, {});
}

func::FuncOp
allot::kernel::buildLinearDriver(ModuleOp module, const LinearKernelSpec &spec,
                                 const KernelTarget &target, const Twine &name,
                                 function_ref<void(LinearDriver &)> emit) {
  declareThreadFunctions(module);
  OpBuilder b(module.getContext());
  Location loc = b.getUnknownLoc();
  auto func = func::FuncOp::create(loc, name.str(), getKernelType(spec, b));
  func.setPrivate();
  SymbolTable(module).insert(func);
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Emitter e(b, loc);
  LinearDriver driver(e, spec, target,
                      takeArguments(spec, entry->getArguments()));
  emit(driver);
  func::ReturnOp::create(b, loc);
  return func;
}

LinearKernel allot::kernel::buildLinearKernel(ModuleOp module,
                                              const LinearKernelSpec &spec,
                                              const KernelTarget &target) {
  std::string name = spec.getName();
  auto driver = [&](StringRef suffix, function_ref<void(LinearDriver &)> emit) {
    return buildLinearDriver(module, spec, target, name + suffix, emit);
  };
  // With a low-rank term threads wait for z; it runs a team of its own.
  bool hasShare = spec.terms.empty();
  func::FuncOp one =
      driver("_one", [&](LinearDriver &d) { emitFewRows(d, 1, hasShare); });
  func::FuncOp few = driver("_few", [](LinearDriver &d) { emitFewRows(d, 4); });
  func::FuncOp many = driver("_many", emitManyRows);

  func::FuncOp all = driver("", [&](LinearDriver &d) {
    Emitter &e = d.e;
    const LinearKernelOperands &args = d.args;
    Value rows = d.rows;
    auto call = [&](func::FuncOp callee) {
      func::CallOp::create(e.builder, e.loc, callee, args.flatten());
      return Values();
    };
    // Where many rows share the decoding of a weight depends on its cost; see
    // docs of the drivers.
    e.ifThen(e.less(e.index(0), rows), [&] {
      (void)e.ifElse(
          e.less(rows, e.index(2)), {},
          [&] {
            if (!hasShare)
              return call(one);
            Value products = e.mul(e.dim(args.x, 1), e.dim(args.y, 1));
            e.parallel(e.less(e.index(worthTeam), products),
                       [&] { (void)call(one); });
            return Values();
          },
          [&] {
            return e.ifElse(
                e.less(rows, e.index(manyRows)), {}, [&] { return call(few); },
                [&] { return call(many); });
          });
    });
  });
  return {all, hasShare ? one : func::FuncOp()};
}
