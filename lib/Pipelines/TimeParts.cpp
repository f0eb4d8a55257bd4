//===- TimeParts.cpp - programs that measure themselves ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Pipelines/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace allot::pipelines {
#define GEN_PASS_DEF_PROGRAMTIMEPARTS
#include "allot/Pipelines/Passes.h.inc"
} // namespace allot::pipelines

using namespace mlir;

namespace {

constexpr StringLiteral kInput = "part_times";

/// What stands under one mark: an op of the imported model, and where it was.
struct Part {
  StringRef op;
  SmallVector<StringRef> sites;
};

/// What program-name-parts wrote into a location. Fused ones are of the last op
/// in them, and of the ops of that name before it.
Part partOf(Location loc) {
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused)
    return {};
  auto name = dyn_cast_or_null<DictionaryAttr>(fused.getMetadata());
  auto op = name ? name.getAs<StringAttr>("op") : StringAttr();
  auto site = name ? name.getAs<StringAttr>("site") : StringAttr();
  if (op && site)
    return {op.getValue(), {site.getValue()}};
  Part all;
  for (Location child : llvm::reverse(fused.getLocations())) {
    Part part = partOf(child);
    if (all.op.empty())
      all.op = part.op;
    if (!part.op.empty() && part.op == all.op)
      for (StringRef other : part.sites)
        if (!llvm::is_contained(all.sites, other))
          all.sites.insert(all.sites.begin(), other);
  }
  return all;
}

/// `a.b.q` and `a.b.k` together are `a.b.q+k`.
std::string joined(ArrayRef<StringRef> sites) {
  std::string text;
  StringRef module;
  for (StringRef site : sites) {
    StringRef here = site.rsplit('.').first;
    bool isSame = !text.empty() && here == module && site.contains('.');
    text += (text.empty() ? "" : "+") +
            (isSame ? site.rsplit('.').second : site).str();
    module = here;
  }
  return text;
}

/// Functions that the marks call.
class Clock {
public:
  explicit Clock(ModuleOp module, SymbolTable &symbols)
      : b(module.getContext()), loc(UnknownLoc::get(module.getContext())) {
    times = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    clock = add(symbols, "clock_gettime", {b.getI32Type(), pointer},
                {b.getI32Type()});
    now = add(symbols, "part_clock", {}, {b.getI64Type()});
    start = add(symbols, "part_start", {times}, {});
    mark = add(symbols, "part_mark", {times, b.getIndexType()}, {});
    buildNow(pointer);
    buildStart();
    buildMark();
  }

  MemRefType times;
  func::FuncOp start, mark;

private:
  func::FuncOp add(SymbolTable &symbols, StringRef name, TypeRange inputs,
                   TypeRange results) {
    auto function =
        func::FuncOp::create(loc, name, b.getFunctionType(inputs, results));
    function.setPrivate();
    symbols.insert(function);
    return function;
  }

  /// Nanoseconds of a clock that never goes back: seconds and nanoseconds of
  /// the C library's `clock_gettime`.
  void buildNow(Type pointer) {
    b.setInsertionPointToStart(now.addEntryBlock());
    Value pair =
        memref::AllocaOp::create(b, loc, MemRefType::get({2}, b.getI64Type()));
    Value address = arith::IndexCastOp::create(
        b, loc, b.getI64Type(),
        memref::ExtractAlignedPointerAsIndexOp::create(b, loc, pair));
    constexpr int32_t monotonic = 1;
    Value which =
        arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(monotonic));
    func::CallOp::create(
        b, loc, clock,
        ValueRange{which, LLVM::IntToPtrOp::create(b, loc, pointer, address)});
    auto load = [&](int64_t index) -> Value {
      return memref::LoadOp::create(
          b, loc, pair,
          ValueRange{arith::ConstantIndexOp::create(b, loc, index)});
    };
    Value billion =
        arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(1000000000));
    Value whole = arith::MulIOp::create(b, loc, load(0), billion);
    Value all = arith::AddIOp::create(b, loc, whole, load(1));
    func::ReturnOp::create(b, loc, all);
  }

  Value callNow() { return func::CallOp::create(b, loc, now).getResult(0); }
  /// The time of the last mark stands first.
  Value lastPlace() { return arith::ConstantIndexOp::create(b, loc, 0); }

  void buildStart() {
    Block *block = start.addEntryBlock();
    b.setInsertionPointToStart(block);
    memref::StoreOp::create(b, loc, callNow(), block->getArgument(0),
                            ValueRange{lastPlace()});
    func::ReturnOp::create(b, loc);
  }

  void buildMark() {
    Block *block = mark.addEntryBlock();
    b.setInsertionPointToStart(block);
    Value buffer = block->getArgument(0), part = block->getArgument(1),
          time = callNow(), last = lastPlace();
    Value before = memref::LoadOp::create(b, loc, buffer, ValueRange{last});
    Value sum = memref::LoadOp::create(b, loc, buffer, ValueRange{part});
    Value passed = arith::SubIOp::create(b, loc, time, before);
    memref::StoreOp::create(b, loc, arith::AddIOp::create(b, loc, sum, passed),
                            buffer, ValueRange{part});
    memref::StoreOp::create(b, loc, time, buffer, ValueRange{last});
    func::ReturnOp::create(b, loc);
  }

  OpBuilder b;
  Location loc;
  func::FuncOp clock, now;
};

struct ProgramTimeParts
    : allot::pipelines::impl::ProgramTimePartsBase<ProgramTimeParts> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    // Kernels came later, and are parts of their own.
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->removeAttr("allot.timed") && !function.isExternal())
        functions.push_back(function);
    if (symbols.lookup("clock_gettime")) {
      module.emitError("has a symbol 'clock_gettime': the clock of parts needs "
                       "the C library's");
      return signalPassFailure();
    }
    Clock clock(module, symbols);
    llvm::SmallPtrSet<Operation *, 8> timed(functions.begin(), functions.end());
    for (func::FuncOp function : functions)
      if (failed(function.insertArgument(function.getNumArguments(),
                                         clock.times, {}, function.getLoc())))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      timeOps(function, clock, symbols, timed);
    for (func::FuncOp function : functions)
      if (function.isPublic() && failed(describe(function, clock)))
        return signalPassFailure();
    SmallVector<Attribute> names;
    Builder b(&getContext());
    for (const auto &entry : parts)
      names.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("op", b.getStringAttr(entry.first.second)),
           b.getNamedAttr("site", b.getStringAttr(entry.first.first))}));
    module->setAttr("allot.parts", b.getArrayAttr(names));
  }

  /// Does work of its own, whose time is told: it writes into memory, or nobody
  /// knows what it does. What chooses or repeats is told by what is in it.
  static bool isWork(Operation *op) {
    if (isa<RegionBranchOpInterface>(op) ||
        op->hasTrait<OpTrait::IsTerminator>())
      return false;
    if (auto effects = dyn_cast<MemoryEffectOpInterface>(op))
      return effects.hasEffect<MemoryEffects::Write>();
    return !isMemoryEffectFree(op);
  }

  void timeOps(func::FuncOp function, Clock &clock, SymbolTable &symbols,
               const llvm::SmallPtrSetImpl<Operation *> &timed) {
    Value times = function.getArguments().back();
    SmallVector<Operation *> marked;
    SmallVector<func::CallOp> calls;
    // Marks may not stand where more than one thread runs: ops with such
    // regions are told as a whole.
    function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto call = dyn_cast<func::CallOp>(op);
          call && timed.contains(symbols.lookup(call.getCallee()))) {
        calls.push_back(call);
        return WalkResult::advance();
      }
      if (!isWork(op))
        return WalkResult::advance();
      marked.push_back(op);
      return WalkResult::skip();
    });
    // The called function goes on with the same times.
    for (func::CallOp call : calls)
      call.getOperandsMutable().append(times);
    OpBuilder b(&getContext());
    for (Operation *op : marked) {
      Part named = partOf(op->getLoc());
      std::pair key(
          joined(named.sites),
          (named.op.empty() ? op->getName().getStringRef() : named.op).str());
      unsigned part = parts.try_emplace(key, parts.size()).first->second;
      b.setInsertionPointAfter(op);
      Location loc = op->getLoc();
      func::CallOp::create(
          b, loc, clock.mark,
          ValueRange{times, arith::ConstantIndexOp::create(b, loc, 1 + part)});
    }
  }

  /// Starts the clock of an entry, and tells of its new input.
  LogicalResult describe(func::FuncOp function, Clock &clock) {
    auto signature = function->getAttrOfType<DictionaryAttr>("allot.signature");
    auto inputs =
        signature ? signature.getAs<ArrayAttr>("inputs") : ArrayAttr();
    if (!inputs)
      return function.emitError()
             << "entry '" << function.getName()
             << "' has no description (program-describe-entries)";
    OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
    func::CallOp::create(b, function.getLoc(), clock.start,
                         ValueRange{function.getArguments().back()});
    auto name = b.getStringAttr(kInput);
    for (Attribute input : inputs)
      if (auto fields = dyn_cast<DictionaryAttr>(input);
          fields && fields.get("name") == name)
        return function.emitError() << "entry '" << function.getName()
                                    << "' has an input '" << kInput << "'";
    SmallVector<Attribute> all = llvm::to_vector(inputs);
    auto type =
        RankedTensorType::get({int64_t(1 + parts.size())}, b.getI64Type());
    all.push_back(
        b.getDictionaryAttr({b.getNamedAttr("name", name),
                             b.getNamedAttr("type", TypeAttr::get(type))}));
    NamedAttrList fields(signature);
    fields.set("inputs", b.getArrayAttr(all));
    function->setAttr("allot.signature", fields.getDictionary(&getContext()));
    return success();
  }

  /// Site and op to number, in program order.
  llvm::MapVector<std::pair<std::string, std::string>, unsigned,
                  std::map<std::pair<std::string, std::string>, unsigned>>
      parts;
};

} // namespace
