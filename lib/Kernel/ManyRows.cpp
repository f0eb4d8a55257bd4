//===- ManyRows.cpp - adapter.linear on many rows of x ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A panel is 16 rows of the weight, or 32 where vectors of 16 floats are fast.
// Its columns are decoded slab by slab into memory of the thread (bytes for
// integer arithmetic, floats for f32), where all rows of x meet them in
// register blocks of 16 rows x 4 or 6 rows of x, or 32 x 12. So a weight is
// decoded once, whatever its format costs to decode.
//
//===----------------------------------------------------------------------===//

#include "Panels.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

void allot::kernel::emitManyRows(LinearDriver &driver) {
  Emitter &e = driver.e;
  const LinearKernelSpec &spec = driver.spec;
  TileFacts facts = cast<FormatTileInterface>(spec.weight).getTileFacts();
  bool hasTerms = !spec.terms.empty();
  // Two loads of the weight and 12 of x are 24 products of wide vectors: with
  // one row of vectors loads would be as many as products.
  bool wide = !driver.integer && driver.target.hasWideFloats();
  int64_t floatWidth = wide ? 2 * tileRows : tileRows;
  int64_t panelTiles = wide ? 4 : codeTiles, panelRows = panelTiles * tileRows;
  int64_t rowGroup = driver.integer ? 4 : wide ? 12 : 6;
  // A slab of codes fills half of a first-level cache, as do floats.
  int64_t slabColumns = driver.integer ? 2048 : 4096 / panelRows;
  int64_t slabBlocks = slabColumns / facts.block;
  // Panels that meet a slab of x one after the other, while it and their sums
  // are in a second-level cache. Bytes of x are a quarter of floats.
  int64_t stripPanels = driver.integer ? 1 : 4;

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
    floats.emplace(e, rowGroup, slabBlocks * facts.block, driver.rows,
                   driver.in);
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
  Value panelSums = e.mul(groups, rowGroup * panelRows);
  unsigned accPart = own.reserve(f32, e.mul(panelSums, stripPanels));

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
    FloatPanel panel{panelRows, floatWidth, {}, sums};
    if (driver.integer)
      codes->bind(own, ownBuffer);
    else
      panel.values = own.get(ownBuffer, panelPart);
    PackedMatrix weight = driver.weight();
    SmallVector<PackedMatrix> bs = driver.allFactorsB();
    Value blocks = weight.getBlocks(e);
    Value zero = e.splat(0.0, e.f32Vector());
    // Sums of `codeTiles` tiles of a panel of the strip, from its tile `first`
    // on: as many as registers hold.
    auto groupSums = [&](Value panelOfStrip, Value group) {
      return e.add(e.mul(panelOfStrip, panelSums),
                   e.mul(group, rowGroup * panelRows));
    };
    auto sumAt = [&](Value base, int64_t first, int64_t i) {
      return e.add(base, (i % rowGroup) * panelRows +
                             (first + i / rowGroup) * tileRows);
    };
    auto loadSums = [&](Value base, int64_t first) {
      Values acc;
      for (int64_t i = 0; i < codeTiles * rowGroup; ++i)
        acc.push_back(e.loadVector(e.f32Vector(), sums, sumAt(base, first, i)));
      return acc;
    };
    auto storeSums = [&](Value base, int64_t first, const Values &acc) {
      for (auto [i, value] : llvm::enumerate(acc))
        e.storeVector(value, sums, sumAt(base, first, i));
    };

    Value numPanels = e.ceilDiv(driver.tiles, panelTiles);
    kernel::Range share = e.share(numPanels, threads.lo, threads.hi);
    auto tilesOf = [&](Value p) {
      // The last panel may have fewer tiles: its last one is decoded again.
      Value tile0 = e.mul(p, panelTiles);
      Values tiles{tile0};
      for (int64_t r = 1; r < panelTiles; ++r)
        tiles.push_back(
            e.min(e.add(tile0, r), e.sub(driver.tiles, e.index(1))));
      return tiles;
    };
    e.forLoop(share.lo, share.hi, stripPanels, [&](Value p0) {
      Value numStrip = e.min(e.sub(share.hi, p0), e.index(stripPanels));
      e.forLoop(e.index(0), blocks, slabBlocks, [&](Value lo) {
        Value hi = e.min(e.add(lo, slabBlocks), blocks);
        Value isFirst = e.cmp(arith::CmpIPredicate::eq, lo, e.index(0));
        Value first = e.mul(lo, facts.block);
        Value last = e.min(e.mul(hi, facts.block), driver.in);
        e.forLoop(e.index(0), numStrip, 1, [&](Value q) {
          Values tiles = tilesOf(e.add(p0, q));
          if (driver.integer)
            codes->decode(e, weight, tiles, lo, hi);
          else
            emitDecodePanel(e, weight, tiles, lo, hi, panel.values);
          e.forLoop(e.index(0), groups, 1, [&](Value group) {
            Value sumBase = groupSums(q, group);
            if (!driver.integer) {
              emitFloatSlab(e, panel, *floats, first, last, isFirst, group,
                            sumBase);
              return;
            }
            Values inits(codeTiles * rowGroup, zero);
            inits = e.ifElse(
                isFirst, ValueRange(inits).getTypes(), [&] { return inits; },
                [&] { return loadSums(sumBase, 0); });
            Values acc =
                e.forLoop(lo, hi, 1, inits, [&](Value b, ValueRange args) {
                  Value local = e.sub(b, lo);
                  Value place = integers->place(e, group, b);
                  Values products =
                      emitBlockSums(e, driver.target, *codes, *integers, place,
                                    local, rowGroup);
                  Values next(args);
                  for (int64_t r = 0; r < codeTiles; ++r) {
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
            storeSums(sumBase, 0, acc);
          });
        });
      });

      e.forLoop(e.index(0), numStrip, 1, [&](Value q) {
        Values tiles = tilesOf(e.add(p0, q)), rowScales;
        for (Value tile : tiles)
          if (Value s = weight.format.emitRowScale(e.builder, e.loc,
                                                   weight.state, tile))
            rowScales.push_back(s);
        if (hasTerms || !rowScales.empty())
          e.forLoop(e.index(0), groups, 1, [&](Value group) {
            Value sumBase = groupSums(q, group);
            Values rows;
            for (int64_t lane = 0; lane < rowGroup; ++lane)
              rows.push_back(clampedRow(e, group, rowGroup, lane, driver.rows));
            for (int64_t first = 0; first < panelTiles; first += codeTiles) {
              Values acc = loadSums(sumBase, first);
              if (!rowScales.empty())
                for (auto [i, value] : llvm::enumerate(acc))
                  value = e.mulf(value, rowScales[first + i / rowGroup]);
              ArrayRef<Value> some = ArrayRef(tiles).slice(first, codeTiles);
              storeSums(sumBase, first,
                        driver.emitFactorsB(bs, some, rows, acc));
            }
          });
        e.forLoop(e.index(0), driver.rows, 1, [&](Value row) {
          Value at = e.add(e.mul(q, panelSums), e.mul(row, panelRows));
          auto finish = [&](Value tile, int64_t r) {
            driver.emitEpilogue(
                tile, row,
                e.loadVector(e.f32Vector(), sums, e.add(at, r * tileRows)));
          };
          finish(tiles[0], 0);
          for (int64_t r = 1; r < panelTiles; ++r) {
            Value tile = e.add(tiles[0], r);
            e.ifThen(e.less(tile, driver.tiles), [&] { finish(tile, r); });
          }
        });
      });
    });
    e.release(ownMemory);
  });
  e.release(sharedMemory);
}
