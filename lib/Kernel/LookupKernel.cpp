//===- LookupKernel.cpp - the kernel of adapter.lookup ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes the whole tile in which a row lies, then takes the row out: eight
// times the work of a row, which is small beside anything that follows it.
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/LookupKernel.h"
#include "LinearParts.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

LogicalResult
allot::kernel::verifyLookup(Attribute format,
                            function_ref<InFlightDiagnostic()> emitError) {
  LinearKernelSpec spec;
  spec.weight = format;
  return spec.verify(emitError);
}

static void emitLookup(Emitter &e, Attribute format, Value bytes, Value ids,
                       Value out, Value tableRows) {
  Value count = e.dim(out, 0), columns = e.dim(out, 1);
  Value last = e.sub(tableRows, e.index(1));
  Value flat = e.flatten(out);
  Value isLarge = e.less(e.index(1 << 14), e.mul(count, columns));
  e.parallel(isLarge, [&] {
    kernel::Range share = e.share(count, e.threadId(), e.numThreads());
    PackedMatrix table(e, format, bytes, tableRows, columns);
    Arena arena(e);
    unsigned part = arena.reserve(
        e.builder.getF32Type(), e.mul(e.alignTo(columns, maxBlock), tileRows));
    Scratch memory = e.scratch(arena.getBytes());
    Value buffer = memory.bytes;
    Value panel = arena.get(buffer, part);
    e.forLoop(share.lo, share.hi, 1, [&](Value i) {
      Value id = arith::IndexCastOp::create(
          e.builder, e.loc, e.builder.getIndexType(), e.load(ids, i));
      id = e.min(id, last);
      Value tile = e.div(id, tileRows), lane = e.rem(id, tileRows);
      emitDecodePanel(e, table, {tile}, e.index(0), table.getBlocks(e), panel);
      Value rowScale =
          table.format.emitRowScale(e.builder, e.loc, table.state, tile);
      Value factor;
      if (rowScale)
        factor = vector::ExtractOp::create(e.builder, e.loc, rowScale,
                                           OpFoldResult(lane));
      Value to = e.mul(i, columns);
      e.forLoop(e.index(0), columns, 1, [&](Value k) {
        Value value = e.load(panel, e.add(e.mul(k, tileRows), lane));
        if (factor)
          value = e.mulf(value, factor);
        e.store(value, flat, e.add(to, k));
      });
    });
    e.release(memory);
  });
}

func::FuncOp allot::kernel::buildLookupKernel(ModuleOp module, Attribute format,
                                              IntegerType idType) {
  declareThreadFunctions(module);
  OpBuilder b(module.getContext());
  Location loc = b.getUnknownLoc();
  int64_t dynamic = ShapedType::kDynamic;
  auto type = b.getFunctionType(
      {MemRefType::get(dynamic, b.getI8Type()),
       MemRefType::get(dynamic, idType),
       MemRefType::get({dynamic, dynamic}, b.getF32Type()), b.getIndexType()},
      {});
  std::string name =
      "lookup_" + cast<FormatAttrInterface>(format).getShortName();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  auto func = func::FuncOp::create(loc, name, type);
  func.setPrivate();
  SymbolTable(module).insert(func);
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  Emitter e(b, loc);
  emitLookup(e, format, entry->getArgument(0), entry->getArgument(1),
             entry->getArgument(2), entry->getArgument(3));
  func::ReturnOp::create(b, loc);
  return func;
}
