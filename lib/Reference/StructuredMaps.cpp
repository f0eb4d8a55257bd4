//===- StructuredMaps.cpp - maps of known structure -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluation of identity, zero, Kronecker and entrywise products, block
// diagonals, normalized maps and parts of maps, in double precision.
//
//===----------------------------------------------------------------------===//

#include "Maps.h"
#include "Values.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

using Vectors = std::vector<double>;

/// Rows that are read together: bounds the memory that entries take.
constexpr int64_t chunkRows = 256;

/// Calls `use(first id, n, entries)` for all rows of a map, a few at a time.
template <typename Use>
void forEachChunk(const RefValue::Map &map, Use use) {
  Vectors rows;
  for (int64_t first = 0; first < map.out; first += chunkRows) {
    int64_t n = std::min(chunkRows, map.out - first);
    SmallVector<int64_t> ids = llvm::to_vector(llvm::seq(first, first + n));
    rows.resize(n * map.in);
    map.readRows(ids, rows.data());
    use(first, n, rows.data());
  }
}

struct ZeroMap : RefValue::Map {
  ZeroMap(int64_t outputs, int64_t inputs) {
    out = outputs;
    in = inputs;
  }
  void apply(const double *, int64_t n, double *y) const override {
    std::fill_n(y, n * out, 0.0);
  }
  void applyTransposed(const double *, int64_t n, double *x) const override {
    std::fill_n(x, n * in, 0.0);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::fill_n(values, ids.size() * in, 0.0);
  }
};

/// Entry (o1 O2 + o2, i1 I2 + i2) is a[o1, i1] b[o2, i2].
struct KronMap : RefValue::Map {
  KronMap(MapRef left, MapRef right) : a(std::move(left)), b(std::move(right)) {
    out = a->out * b->out;
    in = a->in * b->in;
  }

  /// [n, p, q] as [n, q, p].
  static Vectors swapped(const Vectors &x, int64_t n, int64_t p, int64_t q) {
    Vectors y(x.size());
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < p; ++i)
        for (int64_t j = 0; j < q; ++j)
          y[(t * q + j) * p + i] = x[(t * p + i) * q + j];
    return y;
  }

  void apply(const double *x, int64_t n, double *y) const override {
    Vectors z(n * a->in * b->out);
    b->apply(x, n * a->in, z.data());
    z = swapped(z, n, a->in, b->out);
    Vectors w(n * b->out * a->out);
    a->apply(z.data(), n * b->out, w.data());
    llvm::copy(swapped(w, n, b->out, a->out), y);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    Vectors z(n * a->out * b->in);
    b->applyTransposed(y, n * a->out, z.data());
    z = swapped(z, n, a->out, b->in);
    Vectors w(n * b->in * a->in);
    a->applyTransposed(z.data(), n * b->in, w.data());
    llvm::copy(swapped(w, n, b->in, a->in), x);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    SmallVector<int64_t> aIds, bIds;
    for (int64_t id : ids) {
      aIds.push_back(id / b->out);
      bIds.push_back(id % b->out);
    }
    Vectors aRows(ids.size() * a->in), bRows(ids.size() * b->in);
    a->readRows(aIds, aRows.data());
    b->readRows(bIds, bRows.data());
    for (size_t t = 0; t < ids.size(); ++t)
      for (int64_t i = 0; i < in; ++i)
        values[t * in + i] =
            aRows[t * a->in + i / b->in] * bRows[t * b->in + i % b->in];
  }
  MapRef a, b;
};

/// A map that is known by its rows.
struct RowsMap : RefValue::Map {
  void apply(const double *x, int64_t n, double *y) const override {
    forEachChunk(*this, [&](int64_t first, int64_t count, const double *rows) {
      for (int64_t t = 0; t < n; ++t)
        for (int64_t r = 0; r < count; ++r)
          y[t * out + first + r] = std::inner_product(
              rows + r * in, rows + (r + 1) * in, x + t * in, 0.0);
    });
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    std::fill_n(x, n * in, 0.0);
    forEachChunk(*this, [&](int64_t first, int64_t count, const double *rows) {
      for (int64_t t = 0; t < n; ++t)
        for (int64_t r = 0; r < count; ++r)
          for (int64_t i = 0; i < in; ++i)
            x[t * in + i] += y[t * out + first + r] * rows[r * in + i];
    });
  }
};

struct HadamardMap : RowsMap {
  explicit HadamardMap(std::vector<MapRef> m) : maps(std::move(m)) {
    out = maps.front()->out;
    in = maps.front()->in;
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    maps.front()->readRows(ids, values);
    Vectors rows(ids.size() * in);
    for (const MapRef &map : ArrayRef(maps).drop_front()) {
      map->readRows(ids, rows.data());
      for (size_t i = 0; i < rows.size(); ++i)
        values[i] *= rows[i];
    }
  }
  std::vector<MapRef> maps;
};

/// Rows and columns [offset, offset + size) of a map.
struct SlicedMap : RefValue::Map {
  SlicedMap(MapRef m, int64_t row, int64_t rows, int64_t column,
            int64_t columns)
      : map(std::move(m)), row(row), column(column) {
    out = rows;
    in = columns;
  }
  /// Vectors of `size` at `offset` of zeros of `whole`; and back.
  static Vectors padded(const double *x, int64_t n, int64_t offset,
                        int64_t size, int64_t whole) {
    Vectors y(n * whole, 0.0);
    for (int64_t t = 0; t < n; ++t)
      std::copy_n(x + t * size, size, y.data() + t * whole + offset);
    return y;
  }
  static void take(const Vectors &x, int64_t n, int64_t offset, int64_t size,
                   int64_t whole, double *y) {
    for (int64_t t = 0; t < n; ++t)
      std::copy_n(x.data() + t * whole + offset, size, y + t * size);
  }
  void apply(const double *x, int64_t n, double *y) const override {
    Vectors from = padded(x, n, column, in, map->in), to(n * map->out);
    map->apply(from.data(), n, to.data());
    take(to, n, row, out, map->out, y);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    Vectors from = padded(y, n, row, out, map->out), to(n * map->in);
    map->applyTransposed(from.data(), n, to.data());
    take(to, n, column, in, map->in, x);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    SmallVector<int64_t> moved;
    for (int64_t id : ids)
      moved.push_back(id + row);
    Vectors rows(ids.size() * map->in);
    map->readRows(moved, rows.data());
    take(rows, ids.size(), column, in, map->in, values);
  }
  MapRef map;
  int64_t row, column;
};

struct BlockDiagonalMap : RefValue::Map {
  explicit BlockDiagonalMap(std::vector<MapRef> m) : maps(std::move(m)) {
    for (const MapRef &map : maps) {
      out += map->out;
      in += map->in;
    }
  }
  void apply(const double *x, int64_t n, double *y) const override {
    each([&](const RefValue::Map &map, int64_t row, int64_t column) {
      Vectors from(n * map.in), to(n * map.out);
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(x + t * in + column, map.in, from.data() + t * map.in);
      map.apply(from.data(), n, to.data());
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(to.data() + t * map.out, map.out, y + t * out + row);
    });
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    each([&](const RefValue::Map &map, int64_t row, int64_t column) {
      Vectors from(n * map.out), to(n * map.in);
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(y + t * out + row, map.out, from.data() + t * map.out);
      map.applyTransposed(from.data(), n, to.data());
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(to.data() + t * map.in, map.in, x + t * in + column);
    });
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::fill_n(values, ids.size() * in, 0.0);
    each([&](const RefValue::Map &map, int64_t row, int64_t column) {
      for (auto [place, id] : llvm::enumerate(ids))
        if (id >= row && id < row + map.out)
          map.readRows({id - row}, values + place * in + column);
    });
  }

  template <typename Use>
  void each(Use use) const {
    int64_t row = 0, column = 0;
    for (const MapRef &map : maps) {
      use(*map, row, column);
      row += map->out;
      column += map->in;
    }
  }
  std::vector<MapRef> maps;
};

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

LogicalResult give(Type type, MapRef map, Results &results) {
  RefValue value;
  value.shape.assign(cast<MapType>(type).getShape());
  value.map = std::move(map);
  results.push_back(value);
  return success();
}

LogicalResult identity(IdentityOp op, Values, Results &results) {
  MapType type = op.getResult().getType();
  return give(
      type,
      makePermutationMap(llvm::to_vector(llvm::seq<int64_t>(0, type.getOut()))),
      results);
}

LogicalResult zero(ZeroOp op, Values, Results &results) {
  MapType type = op.getResult().getType();
  auto [out, in] = foldedShape(type.getShape());
  return give(type, std::make_shared<ZeroMap>(out, in), results);
}

LogicalResult kron(KronOp op, Values values, Results &results) {
  return give(op.getResult().getType(),
              std::make_shared<KronMap>(values[0].map, values[1].map), results);
}

LogicalResult hadamard(HadamardOp op, Values values, Results &results) {
  std::vector<MapRef> maps;
  for (const RefValue &value : values)
    maps.push_back(value.map);
  return give(op.getResult().getType(),
              std::make_shared<HadamardMap>(std::move(maps)), results);
}

LogicalResult blockDiagonal(BlockDiagonalOp op, Values values,
                            Results &results) {
  std::vector<MapRef> maps;
  for (const RefValue &value : values)
    llvm::append_range(maps, membersOf(value));
  return give(op.getResult().getType(),
              std::make_shared<BlockDiagonalMap>(std::move(maps)), results);
}

LogicalResult normalize(NormalizeOp op, Values values, Results &results) {
  const MapRef &map = values[0].map;
  bool byRows = op.getAxis() == 0;
  Vectors factors(byRows ? map->out : map->in, 0.0);
  forEachChunk(*map, [&](int64_t first, int64_t n, const double *rows) {
    for (int64_t r = 0; r < n; ++r)
      for (int64_t i = 0; i < map->in; ++i)
        factors[byRows ? first + r : i] +=
            rows[r * map->in + i] * rows[r * map->in + i];
  });
  double floor = op.getFloor().convertToDouble();
  for (double &factor : factors)
    factor = 1 / std::max(std::sqrt(factor), floor);
  MapRef diagonal = makeDiagonalMap(std::move(factors));
  return give(op.getResult().getType(),
              byRows ? makeComposedMap({diagonal, map})
                     : makeComposedMap({map, diagonal}),
              results);
}

LogicalResult slice(SliceOp op, Values values, Results &results) {
  auto [row, rows] = op.getRange(0);
  auto [column, columns] = op.getRange(1);
  return give(
      op.getResult().getType(),
      std::make_shared<SlicedMap>(values[0].map, row, rows, column, columns),
      results);
}

} // namespace

std::vector<MapRef> reference::membersOf(const RefValue &value) {
  if (value.shape.size() != 3)
    return {value.map};
  std::vector<MapRef> members;
  int64_t out = value.shape[1], in = value.shape[2];
  for (int64_t k = 0; k < value.shape[0]; ++k)
    members.push_back(
        std::make_shared<SlicedMap>(value.map, k * out, out, 0, in));
  return members;
}

void reference::registerStructuredMapModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    IdentityOp::attachInterface<Model<IdentityOp, identity>>(*context);
    ZeroOp::attachInterface<Model<ZeroOp, zero>>(*context);
    KronOp::attachInterface<Model<KronOp, kron>>(*context);
    HadamardOp::attachInterface<Model<HadamardOp, hadamard>>(*context);
    BlockDiagonalOp::attachInterface<Model<BlockDiagonalOp, blockDiagonal>>(
        *context);
    NormalizeOp::attachInterface<Model<NormalizeOp, normalize>>(*context);
    SliceOp::attachInterface<Model<SliceOp, slice>>(*context);
  });
}
