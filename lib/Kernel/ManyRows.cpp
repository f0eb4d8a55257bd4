//===- ManyRows.cpp - adapter.linear on many rows of x ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A panel is 16 rows of the weight. Its columns are decoded slab by slab into
// memory of the thread (bytes for integer arithmetic, floats for f32), where
// all rows of x meet them in register blocks of 16 rows x 4 or 6 rows of x. So
// a weight is decoded once, whatever its format costs to decode.
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

namespace {

constexpr int64_t panelTiles = 2;
constexpr int64_t panelRows = panelTiles * tileRows;

/// Rows of x in groups, column by column: [group][column][row of the group].
struct InterleavedFloats {
  int64_t rowGroup;
  Value rows, columns, groups, data;
  unsigned part = 0;
  /// Columns of a piece of work.
  static constexpr int64_t unit = 256;

  InterleavedFloats(Emitter &e, int64_t rowGroup, Value rows, Value columns)
      : rowGroup(rowGroup), rows(rows), columns(columns),
        groups(e.ceilDiv(rows, rowGroup)) {}

  void reserve(Arena &arena) {
    Emitter &e = arena.getEmitter();
    Value count = e.mul(e.mul(groups, columns), rowGroup);
    part = arena.reserve(e.builder.getF32Type(), count);
  }
  void bind(Arena &arena, Value buffer) { data = arena.get(buffer, part); }
  Value place(Emitter &e, Value group, Value column) const {
    return e.mul(e.add(e.mul(group, columns), column), rowGroup);
  }
  Value getNumItems(Emitter &e) const {
    return e.mul(groups, e.ceilDiv(columns, unit));
  }
  void fill(Emitter &e, Value x, kernel::Range items) const {
    Value units = e.ceilDiv(columns, unit);
    e.forLoop(items.lo, items.hi, 1, [&](Value item) {
      Value group = e.div(item, units);
      Value first = e.mul(e.rem(item, units), unit);
      Value last = e.min(e.add(first, unit), columns);
      Values bases;
      for (int64_t lane = 0; lane < rowGroup; ++lane)
        bases.push_back(
            e.mul(clampedRow(e, group, rowGroup, lane, rows), columns));
      e.forLoop(first, last, 1, [&](Value column) {
        Value to = place(e, group, column);
        for (int64_t lane = 0; lane < rowGroup; ++lane)
          e.store(e.load(x, e.add(bases[lane], column)), data, e.add(to, lane));
      });
    });
  }
};

/// One panel's slab, decoded for integer arithmetic.
struct CodePanel {
  const IntegerPlan &plan;
  int64_t slabBlocks;
  Value codes, scales, offsets;
  unsigned codesPart = 0, scalesPart = 0, offsetsPart = 0;

  CodePanel(const IntegerPlan &plan, int64_t slabBlocks)
      : plan(plan), slabBlocks(slabBlocks) {}

  void reserve(Arena &arena) {
    Emitter &e = arena.getEmitter();
    Type f32 = e.builder.getF32Type();
    codesPart = arena.reserve(e.builder.getI8Type(),
                              e.index(slabBlocks * plan.block * panelRows));
    scalesPart = arena.reserve(f32, e.index(slabBlocks * panelRows));
    if (plan.needsSum)
      offsetsPart = arena.reserve(f32, e.index(slabBlocks * panelRows));
  }
  void bind(Arena &arena, Value buffer) {
    codes = arena.get(buffer, codesPart);
    scales = arena.get(buffer, scalesPart);
    if (plan.needsSum)
      offsets = arena.get(buffer, offsetsPart);
  }
  /// 32 codes of group `group` of local block `block`, tile `r`.
  Value codeAt(Emitter &e, Value block, Value group, int64_t r) const {
    Value at = e.add(e.mul(block, plan.groups), group);
    return e.add(e.mul(at, panelTiles * 32), r * 32);
  }
  Value scaleAt(Emitter &e, Value block, int64_t r) const {
    return e.add(e.mul(block, panelRows), r * tileRows);
  }

  void decode(Emitter &e, const PackedMatrix &w, ArrayRef<Value> tiles,
              Value lo, Value hi) const {
    const TileFacts &facts = w.facts;
    e.forLoop(lo, hi, 1, [&](Value b) {
      Value local = e.sub(b, lo);
      for (size_t r = 0; r < tiles.size(); ++r) {
        Value tile = tiles[r];
        ScaleOffset so =
            w.format.emitScales(e.builder, e.loc, w.state, tile, b);
        e.storeVector(so.scale, scales, scaleAt(e, local, r));
        if (Value offset = plan.remainingOffset(e, facts, so))
          e.storeVector(offset, offsets, scaleAt(e, local, r));
        e.repeat(facts.stepsPerBlock, /*unroll=*/false, {},
                 [&](Value step, ValueRange) {
                   SmallVector<Value> raw = w.format.emitLoadStep(
                       e.builder, e.loc, w.state, tile, b, step);
                   for (int64_t part = 0; part < facts.groupsPerStep; ++part) {
                     Value group = e.add(step, part * facts.stepsPerBlock);
                     e.storeVector(
                         w.format.emitUnpack(e.builder, e.loc, raw, part),
                         codes, codeAt(e, local, group, r));
                   }
                   return Values();
                 });
      }
    });
  }
};

} // namespace

/// Sums of products of one block of the panel: panelTiles * rows vectors of
/// i32.
static Values emitBlockSums(Emitter &e, const KernelTarget &target,
                            const CodePanel &panel, const IntegerActivations &x,
                            Value place, Value local, int64_t rowGroup) {
  using Dot = IntegerPlan::Dot;
  const IntegerPlan &plan = panel.plan;
  int64_t pairs = panelTiles * rowGroup;
  bool narrow = plan.dot == Dot::BytesI16;
  VectorType type = narrow ? e.i16Vector() : e.i32Vector();
  Value byteMask = e.splatInt(255, e.i16Vector());
  Value ones = e.splatInt(1, e.i16Vector());

  auto group = [&](Value g, ValueRange args) {
    Values sums(args);
    Values codes, even, odd;
    for (int64_t r = 0; r < panelTiles; ++r) {
      codes.push_back(e.loadVector(e.i8Vector(), panel.codes,
                                   panel.codeAt(e, local, g, r)));
      if (plan.dot == Dot::PairsI32) {
        Value words = e.bitcast(codes[r], e.i16Vector());
        even.push_back(
            arith::AndIOp::create(e.builder, e.loc, words, byteMask));
        odd.push_back(e.shr(words, 8));
      }
    }
    // A broadcast is consumed at once by all rows of the panel.
    for (int64_t c = 0; c < rowGroup; ++c) {
      Value first = x.word(e, place, g, 0, c);
      for (int64_t r = 0; r < panelTiles; ++r) {
        Value &sum = sums[r * rowGroup + c];
        if (narrow)
          sum = e.add(sum, target.dotBytes(e, codes[r], first));
        else if (plan.dot == Dot::BytesI32)
          sum = target.dotBytesInto(e, sum, codes[r], first);
        else
          sum = e.add(sum, target.dotPairs(e, even[r], first));
      }
      if (plan.dot != Dot::PairsI32)
        continue;
      Value second = x.word(e, place, g, 1, c);
      for (int64_t r = 0; r < panelTiles; ++r) {
        Value &sum = sums[r * rowGroup + c];
        sum = e.add(sum, target.dotPairs(e, odd[r], second));
      }
    }
    return sums;
  };
  auto chunkSums = [&](Value chunk) {
    Values inits;
    for (int64_t i = 0; i < pairs; ++i)
      inits.push_back(
          plan.hasStart()
              ? e.bitcast(x.start(e, place, chunk, i % rowGroup), type)
              : e.splatInt(0, type));
    Value firstGroup = e.mul(chunk, plan.chunkGroups);
    Values sums = e.repeat(plan.chunkGroups, /*unroll=*/plan.chunkGroups <= 4,
                           inits, [&](Value g, ValueRange args) {
                             return group(e.add(firstGroup, g), args);
                           });
    if (narrow)
      for (Value &sum : sums)
        sum = target.dotPairs(e, sum, ones);
    return sums;
  };
  if (plan.chunks == 1)
    return chunkSums(e.index(0));
  return e.forLoop(e.index(0), e.index(plan.chunks), 1,
                   Values(pairs, e.splatInt(0, e.i32Vector())),
                   [&](Value chunk, ValueRange args) {
                     Values sums = chunkSums(chunk);
                     for (int64_t i = 0; i < pairs; ++i)
                       sums[i] = e.add(sums[i], args[i]);
                     return sums;
                   });
}

/// Adds the products of one slab of the panel with one group of rows to their
/// sums, in vectors of `width` rows of the weight: 12 of them in any case,
/// which hides the latency of an fma.
static void emitFloatSlab(Emitter &e, const TileFacts &facts,
                          const LinearDriver &driver,
                          const InterleavedFloats &floats, Value panel,
                          Value lo, Value hi, Value isFirst, Value group,
                          Value sums, int64_t width) {
  VectorType type = e.f32Vector(width);
  int64_t rowGroup = floats.rowGroup, parts = panelRows / width;
  Value sumBase = e.mul(group, rowGroup * panelRows);
  auto sumAt = [&](int64_t i) {
    return e.add(sumBase, (i % rowGroup) * panelRows + (i / rowGroup) * width);
  };
  Values inits(parts * rowGroup, e.splat(0.0, type));
  inits = e.ifElse(
      isFirst, ValueRange(inits).getTypes(), [&] { return inits; },
      [&] {
        Values before;
        for (int64_t i = 0; i < parts * rowGroup; ++i)
          before.push_back(e.loadVector(type, sums, sumAt(i)));
        return before;
      });
  Value first = e.mul(lo, facts.block);
  Value last = e.min(e.mul(hi, facts.block), driver.in);
  Value base = floats.place(e, group, first);
  Values acc = e.forLoop(
      e.index(0), e.sub(last, first), 1, inits, [&](Value k, ValueRange args) {
        Values next(args), w;
        for (int64_t r = 0; r < parts; ++r)
          w.push_back(
              e.loadVector(type, panel, e.add(e.mul(k, panelRows), r * width)));
        Value at = e.add(base, e.mul(k, rowGroup));
        for (int64_t c = 0; c < rowGroup; ++c) {
          Value x = e.loadSplat(type, floats.data, e.add(at, c));
          for (int64_t r = 0; r < parts; ++r) {
            Value &sum = next[r * rowGroup + c];
            sum = e.fma(w[r], x, sum);
          }
        }
        return next;
      });
  for (auto [i, value] : llvm::enumerate(acc))
    e.storeVector(value, sums, sumAt(i));
}

void allot::kernel::emitManyRows(LinearDriver &driver) {
  Emitter &e = driver.e;
  const LinearKernelSpec &spec = driver.spec;
  TileFacts facts = cast<FormatTileInterface>(spec.weight).getTileFacts();
  bool hasTerms = !spec.terms.empty();
  int64_t floatWidth = driver.target.hasWideFloats() ? panelRows : tileRows;
  int64_t rowGroup = driver.integer ? 4 : 6 * floatWidth / tileRows;
  // A slab of codes fills half of a first-level cache, as do floats.
  int64_t slabColumns = driver.integer ? 2048 : 256;
  int64_t slabBlocks = slabColumns / facts.block;

  std::optional<IntegerPlan> plan;
  std::optional<IntegerActivations> integers;
  std::optional<InterleavedFloats> floats;
  std::optional<FloatActivations> padded;
  std::optional<CodePanel> codes;
  Arena shared(e), own(e);
  if (driver.integer) {
    plan.emplace(facts, spec.getArithmetic(), driver.target);
    integers.emplace(e, *plan, rowGroup, driver.rows, driver.in);
    integers->reserve(shared);
    codes.emplace(*plan, slabBlocks);
    codes->reserve(own);
  } else {
    floats.emplace(e, rowGroup, driver.rows, driver.in);
    floats->reserve(shared);
  }
  if (driver.hasIntegerFactorA) {
    padded.emplace(e, maxBlock, /*withSums=*/false, driver.rows, driver.in);
    padded->reserve(shared);
  }
  driver.reserveTerms(shared);
  Type f32 = e.builder.getF32Type();
  unsigned panelPart = 0;
  if (!driver.integer)
    panelPart = own.reserve(f32, e.index(slabColumns * panelRows));
  Value groups = e.ceilDiv(driver.rows, rowGroup);
  unsigned accPart = own.reserve(f32, e.mul(groups, rowGroup * panelRows));

  Scratch sharedMemory = e.scratch(shared.getBytes());
  Value sharedBuffer = sharedMemory.bytes;
  e.parallel(driver.isLarge(), [&] {
    kernel::Range threads{e.threadId(), e.numThreads()};
    auto prepare = [&](auto &activations) {
      activations.bind(shared, sharedBuffer);
      Value items = activations.getNumItems(e);
      activations.fill(e, driver.x, e.share(items, threads.lo, threads.hi));
    };
    if (integers)
      prepare(*integers);
    if (floats)
      prepare(*floats);
    if (padded)
      prepare(*padded);
    driver.bindTerms(shared, sharedBuffer);
    driver.emitFactorsA(/*withCodes=*/false, nullptr, 4, threads);
    e.barrier();
    if (padded) {
      driver.emitFactorsA(/*withCodes=*/true, &*padded, 4, threads);
      e.barrier();
    }

    Scratch ownMemory = e.scratch(own.getBytes());
    Value ownBuffer = ownMemory.bytes;
    Value sums = own.get(ownBuffer, accPart);
    Value panel;
    if (driver.integer)
      codes->bind(own, ownBuffer);
    else
      panel = own.get(ownBuffer, panelPart);
    PackedMatrix weight = driver.weight();
    SmallVector<PackedMatrix> bs = driver.allFactorsB();
    Value blocks = weight.getBlocks(e);
    Value zero = e.splat(0.0, e.f32Vector());
    auto sumAt = [&](Value group, int64_t i) {
      Value base = e.mul(group, rowGroup * panelRows);
      return e.add(base,
                   (i % rowGroup) * panelRows + (i / rowGroup) * tileRows);
    };
    auto loadSums = [&](Value group) {
      Values acc;
      for (int64_t i = 0; i < panelTiles * rowGroup; ++i)
        acc.push_back(e.loadVector(e.f32Vector(), sums, sumAt(group, i)));
      return acc;
    };
    auto storeSums = [&](Value group, const Values &acc) {
      for (auto [i, value] : llvm::enumerate(acc))
        e.storeVector(value, sums, sumAt(group, i));
    };

    Value numPanels = e.ceilDiv(driver.tiles, panelTiles);
    kernel::Range share = e.share(numPanels, threads.lo, threads.hi);
    e.forLoop(share.lo, share.hi, 1, [&](Value p) {
      Value tile0 = e.mul(p, panelTiles), tile1 = e.add(tile0, 1);
      // The last panel may have one tile: it is decoded twice.
      Values tiles = {tile0, e.min(tile1, e.sub(driver.tiles, e.index(1)))};
      e.forLoop(e.index(0), blocks, slabBlocks, [&](Value lo) {
        Value hi = e.min(e.add(lo, slabBlocks), blocks);
        if (driver.integer)
          codes->decode(e, weight, tiles, lo, hi);
        else
          emitDecodePanel(e, weight, tiles, lo, hi, panel);
        Value isFirst = e.cmp(arith::CmpIPredicate::eq, lo, e.index(0));
        e.forLoop(e.index(0), groups, 1, [&](Value group) {
          if (!driver.integer) {
            emitFloatSlab(e, facts, driver, *floats, panel, lo, hi, isFirst,
                          group, sums, floatWidth);
            return;
          }
          Values inits(panelTiles * rowGroup, zero);
          inits = e.ifElse(
              isFirst, ValueRange(inits).getTypes(), [&] { return inits; },
              [&] { return loadSums(group); });
          Values acc =
              e.forLoop(lo, hi, 1, inits, [&](Value b, ValueRange args) {
                Value local = e.sub(b, lo);
                Value place = integers->place(e, group, b);
                Values products =
                    emitBlockSums(e, driver.target, *codes, *integers, place,
                                  local, rowGroup);
                Values next(args);
                for (int64_t r = 0; r < panelTiles; ++r) {
                  Value scale = e.loadVector(e.f32Vector(), codes->scales,
                                             codes->scaleAt(e, local, r));
                  Value offset;
                  if (plan->needsSum)
                    offset = e.loadVector(e.f32Vector(), codes->offsets,
                                          codes->scaleAt(e, local, r));
                  for (int64_t c = 0; c < rowGroup; ++c) {
                    int64_t i = r * rowGroup + c;
                    next[i] = integers->finishBlock(e, place, c, products[i],
                                                    scale, offset, next[i]);
                  }
                }
                return next;
              });
          storeSums(group, acc);
        });
      });

      Values rowScales;
      for (Value tile : tiles)
        if (Value s = weight.format.emitRowScale(e.builder, e.loc, weight.state,
                                                 tile))
          rowScales.push_back(s);
      if (hasTerms || !rowScales.empty())
        e.forLoop(e.index(0), groups, 1, [&](Value group) {
          Values acc = loadSums(group), rows;
          if (!rowScales.empty())
            for (auto [i, value] : llvm::enumerate(acc))
              value = e.mulf(value, rowScales[i / rowGroup]);
          for (int64_t lane = 0; lane < rowGroup; ++lane)
            rows.push_back(clampedRow(e, group, rowGroup, lane, driver.rows));
          storeSums(group, driver.emitFactorsB(bs, tiles, rows, acc));
        });
      e.forLoop(e.index(0), driver.rows, 1, [&](Value row) {
        Value at = e.mul(row, panelRows);
        auto finish = [&](Value tile, int64_t r) {
          driver.emitEpilogue(
              tile, row,
              e.loadVector(e.f32Vector(), sums, e.add(at, r * tileRows)));
        };
        finish(tile0, 0);
        e.ifThen(e.less(tile1, driver.tiles), [&] { finish(tile1, 1); });
      });
    });
    e.release(ownMemory);
  });
  e.release(sharedMemory);
}
