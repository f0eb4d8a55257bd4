//===- FewRows.cpp - adapter.linear on few rows of x ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row tiles of the weight are split over the threads in contiguous ranges, rows
// of x are inside: a tile is read from memory once. With one row this is bound
// by memory.
//
//===----------------------------------------------------------------------===//

#include "LinearParts.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using Values = Emitter::Values;

void allot::kernel::emitFewRows(LinearDriver &driver, int64_t rowGroup,
                                bool insideTeam) {
  Emitter &e = driver.e;
  const LinearKernelSpec &spec = driver.spec;
  TileFacts facts = cast<FormatTileInterface>(spec.weight).getTileFacts();
  bool weightHasCodes = facts.codeBits != 0;
  bool hasTerms = !spec.terms.empty();
  assert(!(insideTeam && hasTerms) && "threads meet between A and B");

  std::optional<IntegerPlan> plan;
  std::optional<IntegerActivations> integers;
  std::optional<FloatActivations> floats;
  if (driver.integer) {
    plan.emplace(facts, spec.getArithmetic(), driver.target);
    integers.emplace(e, *plan, rowGroup, driver.rows, driver.in);
  }
  bool floatsForWeight = !driver.integer && weightHasCodes;
  if (floatsForWeight || driver.hasIntegerFactorA)
    floats.emplace(e, floatsForWeight ? facts.block : maxBlock,
                   /*withSums=*/floatsForWeight, driver.rows, driver.in);
  bool prepares = integers || floats;

  Arena prepared(e), terms(e);
  if (integers)
    integers->reserve(prepared);
  if (floats)
    floats->reserve(prepared);
  driver.reserveTerms(terms);

  // A short x is prepared by every thread for itself, which is faster than
  // waiting for each other.
  Value one = e.integer(1, 1), zero = e.index(0);
  Value together =
      insideTeam ? e.integer(0, 1)
      : hasTerms ? one
                 : e.less(e.index(1 << 14), e.mul(driver.rows, driver.in));
  Value sharedBytes = e.select(together, prepared.getBytes(), zero);
  Value ownBytes = e.select(together, zero, prepared.getBytes());
  std::optional<Scratch> shared, z;
  if (prepares && !insideTeam)
    shared = e.scratch(sharedBytes);
  if (hasTerms)
    z = e.scratch(terms.getBytes());

  auto share = [&] {
    kernel::Range threads{e.threadId(), e.numThreads()};
    std::optional<Scratch> own;
    if (prepares) {
      own = e.scratch(ownBytes);
      Value buffer =
          shared ? e.select(together, shared->bytes, own->bytes) : own->bytes;
      auto prepare = [&](auto &activations) {
        activations.bind(prepared, buffer);
        Value items = activations.getNumItems(e);
        kernel::Range part = e.share(items, threads.lo, threads.hi);
        activations.fill(e, driver.x,
                         {e.select(together, part.lo, zero),
                          e.select(together, part.hi, items)});
      };
      if (integers)
        prepare(*integers);
      if (floats)
        prepare(*floats);
    }
    if (hasTerms) {
      driver.bindTerms(terms, z->bytes);
      driver.emitFactorsA(/*withCodes=*/false, nullptr, rowGroup, threads);
      if (driver.hasIntegerFactorA) {
        e.barrier();
        driver.emitFactorsA(/*withCodes=*/true, &*floats, rowGroup, threads);
      }
      e.barrier();
    } else if (shared) {
      e.ifThen(together, [&] { e.barrier(); });
    }

    PackedMatrix weight = driver.weight();
    SmallVector<PackedMatrix> bs = driver.allFactorsB();
    Value groups = e.ceilDiv(driver.rows, rowGroup);
    kernel::Range tiles = e.share(driver.tiles, threads.lo, threads.hi);
    e.forLoop(tiles.lo, tiles.hi, 1, [&](Value tile) {
      e.forLoop(zero, groups, 1, [&](Value group) {
        Values acc(rowGroup, e.splat(0.0, e.f32Vector()));
        SmallVector<Value> rows;
        for (int64_t lane = 0; lane < rowGroup; ++lane)
          rows.push_back(clampedRow(e, group, rowGroup, lane, driver.rows));
        if (driver.integer) {
          acc = emitIntegerDot(e, driver.target, *plan, weight, tile, *integers,
                               group, acc);
        } else {
          SmallVector<FloatVector> xs;
          for (Value row : rows)
            xs.push_back(floatsForWeight ? floats->get(e, row)
                                         : FloatVector{driver.x.data,
                                                       driver.x.base(e, row),
                                                       {},
                                                       {}});
          acc = emitFloatDot(e, weight, {tile}, xs, acc);
        }
        acc = driver.emitFactorsB(bs, {tile}, rows, acc);
        for (int64_t lane = 0; lane < rowGroup; ++lane) {
          // A repeated row must not be stored: its residual may be y.
          Value row = e.add(e.mul(group, rowGroup), lane);
          if (lane == 0)
            driver.emitEpilogue(tile, row, acc[0]);
          else
            e.ifThen(e.less(row, driver.rows),
                     [&] { driver.emitEpilogue(tile, row, acc[lane]); });
        }
      });
    });
    if (own)
      e.release(*own);
  };
  if (insideTeam)
    share();
  else
    e.parallel(driver.isLarge(), share);
  if (shared)
    e.release(*shared);
  if (z)
    e.release(*z);
}
