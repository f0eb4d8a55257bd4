//===- Maps.cpp - linear maps as functions ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Maps.h"
#include "mlir/Support/LLVM.h"
#include <algorithm>
#include <omp.h>

using namespace mlir;
using namespace allot;
using namespace allot::reference;

namespace {

struct MapBase : RefValue::Map {
  MapBase(int64_t outputs, int64_t inputs) {
    out = outputs;
    in = inputs;
  }
  /// By unit vectors, a few at a time.
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    constexpr size_t step = 32;
    std::vector<double> units;
    for (size_t first = 0; first < ids.size(); first += step) {
      ArrayRef<int64_t> chunk = ids.slice(first, std::min(step, ids.size() - first));
      units.assign(chunk.size() * out, 0.0);
      for (auto [i, id] : llvm::enumerate(chunk))
        units[i * out + id] = 1.0;
      applyTransposed(units.data(), chunk.size(), values + first * in);
    }
  }
};

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

struct MatrixMap : MapBase {
  /// Rows that are decoded together; a multiple of four, which `dots` takes at once.
  static constexpr int64_t blockRows = 16;

  MatrixMap(std::shared_ptr<const RefValue::Encoded> rows, int64_t out, int64_t in) : MapBase(out, in), rows(std::move(rows)) {}

  /// `block` is `[blockRows x in]`, zero behind the last row.
  void decodeBlock(int64_t first, int64_t n, std::vector<float> &narrow, std::vector<double> &block) const {
    narrow.resize(blockRows * in);
    block.assign(blockRows * in, 0.0);
    rows->decodeRows(first, n, narrow.data());
    std::copy_n(narrow.begin(), n * in, block.begin());
  }

  /// Four dot products with one vector.
  static void dots(const double *x, const double *w, int64_t k, double sums[4]) {
    const double *w0 = w, *w1 = w + k, *w2 = w + 2 * k, *w3 = w + 3 * k;
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < k; ++i) {
      s0 += x[i] * w0[i];
      s1 += x[i] * w1[i];
      s2 += x[i] * w2[i];
      s3 += x[i] * w3[i];
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  }

  void apply(const double *x, int64_t n, double *y) const override {
#pragma omp parallel
    {
      std::vector<float> narrow;
      std::vector<double> block;
#pragma omp for schedule(dynamic)
      for (int64_t first = 0; first < out; first += blockRows) {
        int64_t count = std::min(blockRows, out - first);
        decodeBlock(first, count, narrow, block);
        for (int64_t t = 0; t < n; ++t)
          for (int64_t r = 0; r < count; r += 4) {
            double sums[4];
            dots(x + t * in, block.data() + r * in, in, sums);
            std::copy_n(sums, std::min<int64_t>(4, count - r), y + t * out + first + r);
          }
      }
    }
  }

  void applyTransposed(const double *y, int64_t n, double *x) const override {
    std::fill_n(x, n * in, 0.0);
#pragma omp parallel
    {
      std::vector<float> narrow;
      std::vector<double> block, partial(n * in, 0.0);
#pragma omp for schedule(static)
      for (int64_t first = 0; first < out; first += blockRows) {
        int64_t count = std::min(blockRows, out - first);
        decodeBlock(first, count, narrow, block);
        for (int64_t t = 0; t < n; ++t)
          for (int64_t r = 0; r < count; ++r)
            if (double factor = y[t * out + first + r]; factor != 0.0)
              for (int64_t i = 0; i < in; ++i)
                partial[t * in + i] += factor * block[r * in + i];
      }
      // One thread after the other, in their order, so that a sum does not depend on who is first.
#pragma omp for ordered schedule(static, 1)
      for (int thread = 0; thread < omp_get_num_threads(); ++thread) {
#pragma omp ordered
        for (int64_t i = 0; i < n * in; ++i)
          x[i] += partial[i];
      }
    }
  }

  void readRows(ArrayRef<int64_t> ids, double *values) const override {
#pragma omp parallel
    {
      std::vector<float> narrow(in);
#pragma omp for
      for (size_t i = 0; i < ids.size(); ++i) {
        rows->decodeRows(ids[i], 1, narrow.data());
        std::copy(narrow.begin(), narrow.end(), values + i * in);
      }
    }
  }

  std::shared_ptr<const RefValue::Encoded> rows;
};

struct DiagonalMap : MapBase {
  explicit DiagonalMap(std::vector<double> v) : MapBase(v.size(), v.size()), values(std::move(v)) {}
  void apply(const double *x, int64_t n, double *y) const override {
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < in; ++i)
        y[t * in + i] = values[i] * x[t * in + i];
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override { apply(y, n, x); }
  std::vector<double> values;
};

struct PermutationMap : MapBase {
  explicit PermutationMap(ArrayRef<int64_t> s) : MapBase(s.size(), s.size()), sources(s) {}
  void apply(const double *x, int64_t n, double *y) const override {
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < in; ++i)
        y[t * in + i] = x[t * in + sources[i]];
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < in; ++i)
        x[t * in + sources[i]] = y[t * in + i];
  }
  std::vector<int64_t> sources;
};

//===----------------------------------------------------------------------===//
// Combinators
//===----------------------------------------------------------------------===//

struct SumMap : MapBase {
  explicit SumMap(std::vector<MapRef> m) : MapBase(m.front()->out, m.front()->in), maps(std::move(m)) {}
  /// The first map writes, the others are added.
  template <typename Use> void accumulate(int64_t count, double *result, Use use) const {
    use(*maps.front(), result);
    std::vector<double> term(count);
    for (const MapRef &map : ArrayRef(maps).drop_front()) {
      use(*map, term.data());
      for (int64_t i = 0; i < count; ++i)
        result[i] += term[i];
    }
  }
  void apply(const double *x, int64_t n, double *y) const override {
    accumulate(n * out, y, [&](const Map &map, double *to) { map.apply(x, n, to); });
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    accumulate(n * in, x, [&](const Map &map, double *to) { map.applyTransposed(y, n, to); });
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    accumulate(ids.size() * in, values, [&](const Map &map, double *to) { map.readRows(ids, to); });
  }
  std::vector<MapRef> maps;
};

struct ComposedMap : MapBase {
  explicit ComposedMap(std::vector<MapRef> m) : MapBase(m.front()->out, m.back()->in), maps(std::move(m)) {}
  void apply(const double *x, int64_t n, double *y) const override {
    std::vector<double> from(x, x + n * in), to;
    for (const MapRef &map : llvm::reverse(maps)) {
      to.resize(n * map->out);
      map->apply(from.data(), n, to.data());
      std::swap(from, to);
    }
    std::copy(from.begin(), from.end(), y);
  }
  /// Rows of the composition of all maps but the first, given the rows of the first.
  void finishRows(std::vector<double> from, int64_t n, double *x) const {
    std::vector<double> to;
    for (const MapRef &map : ArrayRef(maps).drop_front()) {
      to.resize(n * map->in);
      map->applyTransposed(from.data(), n, to.data());
      std::swap(from, to);
    }
    std::copy(from.begin(), from.end(), x);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    std::vector<double> from(n * maps.front()->in);
    maps.front()->applyTransposed(y, n, from.data());
    finishRows(std::move(from), n, x);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::vector<double> from(ids.size() * maps.front()->in);
    maps.front()->readRows(ids, from.data());
    finishRows(std::move(from), ids.size(), values);
  }
  std::vector<MapRef> maps;
};

struct ScaledMap : MapBase {
  ScaledMap(MapRef m, double factor) : MapBase(m->out, m->in), map(std::move(m)), factor(factor) {}
  void scale(double *values, int64_t count) const {
    for (int64_t i = 0; i < count; ++i)
      values[i] *= factor;
  }
  void apply(const double *x, int64_t n, double *y) const override {
    map->apply(x, n, y);
    scale(y, n * out);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    map->applyTransposed(y, n, x);
    scale(x, n * in);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    map->readRows(ids, values);
    scale(values, ids.size() * in);
  }
  MapRef map;
  double factor;
};

struct TransposedMap : MapBase {
  explicit TransposedMap(MapRef m) : MapBase(m->in, m->out), map(std::move(m)) {}
  void apply(const double *x, int64_t n, double *y) const override { map->applyTransposed(x, n, y); }
  void applyTransposed(const double *y, int64_t n, double *x) const override { map->apply(y, n, x); }
  MapRef map;
};

struct ConcatMap : MapBase {
  ConcatMap(int64_t dim, std::vector<MapRef> m) : MapBase(0, 0), dim(dim), maps(std::move(m)) {
    out = maps.front()->out, in = maps.front()->in;
    for (const MapRef &map : ArrayRef(maps).drop_front())
      (dim == 0 ? out : in) += dim == 0 ? map->out : map->in;
  }
  /// Maps of the shared side each give all of it, and are added; on the other side each has its part of the vectors.
  template <typename Use> void split(const double *from, int64_t n, int64_t whole, double *to, int64_t width, ArrayRef<int64_t> sizes, Use use) const {
    std::fill_n(to, n * width, 0.0);
    std::vector<double> part, result(n * width);
    int64_t offset = 0;
    for (auto [map, size] : llvm::zip(maps, sizes)) {
      part.resize(n * size);
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(from + t * whole + offset, size, part.data() + t * size);
      use(*map, part.data(), result.data());
      for (int64_t i = 0; i < n * width; ++i)
        to[i] += result[i];
      offset += size;
    }
  }
  template <typename Use> void join(int64_t n, int64_t whole, double *to, ArrayRef<int64_t> sizes, Use use) const {
    std::vector<double> part;
    int64_t offset = 0;
    for (auto [map, size] : llvm::zip(maps, sizes)) {
      part.resize(n * size);
      use(*map, part.data());
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(part.data() + t * size, size, to + t * whole + offset);
      offset += size;
    }
  }
  SmallVector<int64_t> sizes() const {
    SmallVector<int64_t> result;
    for (const MapRef &map : maps)
      result.push_back(dim == 0 ? map->out : map->in);
    return result;
  }
  void apply(const double *x, int64_t n, double *y) const override {
    if (dim == 0)
      join(n, out, y, sizes(), [&](const Map &map, double *to) { map.apply(x, n, to); });
    else
      split(x, n, in, y, out, sizes(), [&](const Map &map, const double *from, double *to) { map.apply(from, n, to); });
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    if (dim == 1)
      join(n, in, x, sizes(), [&](const Map &map, double *to) { map.applyTransposed(y, n, to); });
    else
      split(y, n, out, x, in, sizes(), [&](const Map &map, const double *from, double *to) { map.applyTransposed(from, n, to); });
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    if (dim == 1)
      return join(ids.size(), in, values, sizes(), [&](const Map &map, double *to) { map.readRows(ids, to); });
    int64_t offset = 0;
    std::vector<double> rows;
    for (const MapRef &map : maps) {
      SmallVector<int64_t> own, places;
      for (auto [place, id] : llvm::enumerate(ids))
        if (id >= offset && id < offset + map->out) {
          own.push_back(id - offset);
          places.push_back(place);
        }
      rows.resize(own.size() * in);
      if (!own.empty())
        map->readRows(own, rows.data());
      for (auto [i, place] : llvm::enumerate(places))
        std::copy_n(rows.data() + i * in, in, values + place * in);
      offset += map->out;
    }
  }
  int64_t dim;
  std::vector<MapRef> maps;
};

struct ReorderedMap : MapBase {
  ReorderedMap(MapRef m, std::vector<int64_t> p) : MapBase(m->out, m->in), map(std::move(m)), positions(std::move(p)) {}
  void apply(const double *x, int64_t n, double *y) const override {
    std::vector<double> from(n * out);
    map->apply(x, n, from.data());
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < out; ++i)
        y[t * out + i] = from[t * out + positions[i]];
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    std::vector<double> from(n * out, 0.0);
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < out; ++i)
        from[t * out + positions[i]] += y[t * out + i];
    map->applyTransposed(from.data(), n, x);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::vector<int64_t> moved;
    for (int64_t id : ids)
      moved.push_back(positions[id]);
    map->readRows(moved, values);
  }
  MapRef map;
  std::vector<int64_t> positions;
};

} // namespace

MapRef reference::makeDenseMap(std::shared_ptr<const RefValue::Encoded> rows, int64_t out, int64_t in) {
  return std::make_shared<MatrixMap>(std::move(rows), out, in);
}
MapRef reference::makeDiagonalMap(std::vector<double> values) { return std::make_shared<DiagonalMap>(std::move(values)); }
MapRef reference::makePermutationMap(ArrayRef<int64_t> sources) { return std::make_shared<PermutationMap>(sources); }
MapRef reference::makeSumMap(std::vector<MapRef> maps) { return std::make_shared<SumMap>(std::move(maps)); }
MapRef reference::makeComposedMap(std::vector<MapRef> maps) { return std::make_shared<ComposedMap>(std::move(maps)); }
MapRef reference::makeScaledMap(MapRef map, double factor) { return std::make_shared<ScaledMap>(std::move(map), factor); }
MapRef reference::makeConcatMap(int64_t dim, std::vector<MapRef> maps) { return std::make_shared<ConcatMap>(dim, std::move(maps)); }
MapRef reference::makeReorderedMap(MapRef map, std::vector<int64_t> positions) { return std::make_shared<ReorderedMap>(std::move(map), std::move(positions)); }
MapRef reference::makeTransposedMap(MapRef map) { return std::make_shared<TransposedMap>(std::move(map)); }
