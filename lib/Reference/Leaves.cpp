//===- Leaves.cpp - evaluation of sparse, orthogonal and generated maps -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Maps.h"
#include "Values.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

/// A map that computes its vectors one at a time: `forward` gives y of x,
/// `backward` x of y, both zero before.
struct VectorMap : RefValue::Map {
  VectorMap(int64_t outputs, int64_t inputs) {
    out = outputs;
    in = inputs;
  }
  virtual void forward(const double *x, double *y) const = 0;
  virtual void backward(const double *y, double *x) const = 0;

  void apply(const double *x, int64_t n, double *y) const override {
    std::fill_n(y, n * out, 0.0);
#pragma omp parallel for
    for (int64_t t = 0; t < n; ++t)
      forward(x + t * in, y + t * out);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    std::fill_n(x, n * in, 0.0);
#pragma omp parallel for
    for (int64_t t = 0; t < n; ++t)
      backward(y + t * out, x + t * in);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::fill_n(values, int64_t(ids.size()) * in, 0.0);
#pragma omp parallel for
    for (size_t i = 0; i < ids.size(); ++i) {
      std::vector<double> unit(out, 0.0);
      unit[ids[i]] = 1.0;
      backward(unit.data(), values + i * in);
    }
  }
};

/// A matrix in double precision, for maps of which nothing smaller is known.
struct MatrixMap : VectorMap {
  MatrixMap(int64_t out, int64_t in)
      : VectorMap(out, in), values(out * in, 0.0) {}
  double &at(int64_t i, int64_t j) { return values[i * in + j]; }
  void forward(const double *x, double *y) const override {
    for (int64_t i = 0; i < out; ++i)
      for (int64_t j = 0; j < in; ++j)
        y[i] += values[i * in + j] * x[j];
  }
  void backward(const double *y, double *x) const override {
    for (int64_t i = 0; i < out; ++i)
      for (int64_t j = 0; j < in; ++j)
        x[j] += values[i * in + j] * y[i];
  }
  std::vector<double> values;
};

struct SparseMap : VectorMap {
  SparseMap(int64_t out, int64_t in, ArrayRef<float> indices,
            ArrayRef<float> entries)
      : VectorMap(out, in), values(entries.begin(), entries.end()) {
    auto inside = [](float index, int64_t size) {
      return int64_t(std::fmin(std::fmax(index, 0.0f), float(size - 1)));
    };
    for (size_t e = 0; e < values.size(); ++e) {
      rows.push_back(inside(indices[e], out));
      columns.push_back(inside(indices[values.size() + e], in));
    }
  }
  void forward(const double *x, double *y) const override {
    for (size_t e = 0; e < values.size(); ++e)
      y[rows[e]] += values[e] * x[columns[e]];
  }
  void backward(const double *y, double *x) const override {
    for (size_t e = 0; e < values.size(); ++e)
      x[columns[e]] += values[e] * y[rows[e]];
  }
  std::vector<int64_t> rows, columns;
  std::vector<double> values;
};

/// Reflections at the given directions, which have norm 1: the last one meets
/// the input first.
struct ReflectionMap : VectorMap {
  ReflectionMap(int64_t n, std::vector<std::vector<double>> d)
      : VectorMap(n, n), directions(std::move(d)) {}
  void reflect(const std::vector<double> &u, double *x) const {
    double product = 0;
    for (int64_t i = 0; i < in; ++i)
      product += u[i] * x[i];
    for (int64_t i = 0; i < in; ++i)
      x[i] -= 2 * product * u[i];
  }
  void forward(const double *x, double *y) const override {
    std::copy_n(x, in, y);
    for (const std::vector<double> &u : llvm::reverse(directions))
      reflect(u, y);
  }
  void backward(const double *y, double *x) const override {
    std::copy_n(y, in, x);
    for (const std::vector<double> &u : directions)
      reflect(u, x);
  }
  std::vector<std::vector<double>> directions;
};

struct CirculantMap : VectorMap {
  CirculantMap(ArrayRef<int64_t> shape, std::vector<float> kernels)
      : VectorMap(shape[0] * shape[2], shape[1] * shape[2]), blocks(shape[1]),
        size(shape[2]), kernels(std::move(kernels)) {}
  /// Calls `use` with each row, column and entry.
  template <typename Use>
  void visit(Use use) const {
    for (int64_t i = 0; i < out; ++i)
      for (int64_t q = 0; q < blocks; ++q) {
        const float *kernel = kernels.data() + (i / size * blocks + q) * size;
        for (int64_t m = 0; m < size; ++m)
          use(i, q * size + (i + m) % size, double(kernel[m]));
      }
  }
  void forward(const double *x, double *y) const override {
    visit([&](int64_t i, int64_t j, double entry) { y[i] += entry * x[j]; });
  }
  void backward(const double *y, double *x) const override {
    visit([&](int64_t i, int64_t j, double entry) { x[j] += entry * y[i]; });
  }
  int64_t blocks, size;
  std::vector<float> kernels;
};

struct FourierMap : VectorMap {
  FourierMap(int64_t n, bool sine) : VectorMap(n, n), table(n) {
    for (int64_t m = 0; m < n; ++m) {
      double angle = 2 * std::acos(-1.0) * double(m) / double(n);
      table[m] = sine ? std::sin(angle) : std::cos(angle);
    }
  }
  void forward(const double *x, double *y) const override {
    for (int64_t i = 0; i < in; ++i)
      for (int64_t j = 0; j < in; ++j)
        y[i] += table[i * j % in] * x[j];
  }
  void backward(const double *y, double *x) const override { forward(y, x); }
  std::vector<double> table;
};

/// From coefficients to points.
struct HaarMap : VectorMap {
  explicit HaarMap(int64_t points) : VectorMap(points, (points + 1) / 2 * 2) {}
  void forward(const double *x, double *y) const override {
    int64_t half = in / 2;
    for (int64_t i = 0; i < out; ++i)
      y[i] = (x[i / 2] + (i % 2 ? -x[half + i / 2] : x[half + i / 2])) /
             std::sqrt(2.0);
  }
  void backward(const double *y, double *x) const override {
    int64_t half = in / 2;
    for (int64_t i = 0; i < out; ++i) {
      x[i / 2] += y[i] / std::sqrt(2.0);
      x[half + i / 2] += (i % 2 ? -y[i] : y[i]) / std::sqrt(2.0);
    }
  }
};

void push(Operation *op, MapRef map, Results &results) {
  RefValue value;
  ArrayRef<int64_t> shape =
      cast<MapType>(op->getResult(0).getType()).getShape();
  value.shape.assign(shape.begin(), shape.end());
  value.map = std::move(map);
  results.push_back(std::move(value));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult sparse(SparseOp op, Values values, Results &results) {
  Operands operands(op, values);
  std::vector<float> indices, entries;
  if (failed(operands.decode(op.getIndices(), "the indices", indices)) ||
      failed(operands.decode(op.getValues(), "the values", entries)))
    return failure();
  MapType type = op.getResult().getType();
  push(op,
       std::make_shared<SparseMap>(type.getOut(), type.getIn(), indices,
                                   entries),
       results);
  return success();
}

LogicalResult skew(SkewOp op, Values values, Results &results) {
  std::vector<float> numbers;
  if (failed(
          Operands(op, values).decode(op.getVector(), "the triangle", numbers)))
    return failure();
  MapType type = op.getResult().getType();
  int64_t n = type.getIn(), members = type.isBank() ? type.getShape()[0] : 1;
  auto map = std::make_shared<MatrixMap>(members * n, n);
  auto next = numbers.begin();
  for (int64_t m = 0; m < members; ++m)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i + 1; j < n; ++j) {
        map->at(m * n + i, j) = *next;
        map->at(m * n + j, i) = -*next++;
      }
  push(op, map, results);
  return success();
}

using Matrix = std::vector<double>;

Matrix product(int64_t n, const Matrix &a, const Matrix &b) {
  Matrix result(n * n, 0.0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t l = 0; l < n; ++l)
      for (int64_t j = 0; j < n; ++j)
        result[i * n + j] += a[i * n + l] * b[l * n + j];
  return result;
}

/// The inverse of a matrix by elimination with pivots, column by column; false
/// where it is singular.
bool invert(int64_t n, Matrix a, Matrix &inverse) {
  inverse.assign(n * n, 0.0);
  for (int64_t i = 0; i < n; ++i)
    inverse[i * n + i] = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k]))
        pivot = i;
    double divisor = a[pivot * n + k];
    if (!(std::abs(divisor) > 0))
      return false;
    for (Matrix *m : {&a, &inverse}) {
      std::swap_ranges(m->begin() + k * n, m->begin() + (k + 1) * n,
                       m->begin() + pivot * n);
      for (int64_t j = 0; j < n; ++j)
        (*m)[k * n + j] /= divisor;
    }
    for (int64_t i = 0; i < n; ++i) {
      double factor = i == k ? 0.0 : a[i * n + k];
      for (int64_t j = 0; j < n; ++j) {
        a[i * n + j] -= factor * a[k * n + j];
        inverse[i * n + j] -= factor * inverse[k * n + j];
      }
    }
  }
  return true;
}

LogicalResult cayley(CayleyOp op, Values values, Results &results) {
  MapType type = op.getResult().getType();
  int64_t n = type.getIn(), members = type.isBank() ? type.getShape()[0] : 1;
  Matrix all(members * n * n);
  values[0].map->readRows(llvm::to_vector(llvm::seq<int64_t>(0, members * n)),
                          all.data());
  auto map = std::make_shared<MatrixMap>(members * n, n);
  for (int64_t m = 0; m < members; ++m) {
    Matrix k(all.begin() + m * n * n, all.begin() + (m + 1) * n * n),
        sum(n * n, 0.0);
    auto add = [&](const Matrix &term, double factor) {
      for (int64_t i = 0; i < n * n; ++i)
        sum[i] += factor * term[i];
    };
    Matrix identity(n * n, 0.0);
    for (int64_t i = 0; i < n; ++i)
      identity[i * n + i] = 1;
    if (op.getTerms()) {
      // Three terms are as four.
      uint64_t terms = *op.getTerms() == 3 ? 4 : *op.getTerms();
      Matrix power = identity;
      add(power, 1);
      for (uint64_t term = 2; term <= terms; ++term) {
        power = product(n, power, k);
        add(power, term == terms && terms > 2 ? 1 : 2);
      }
    } else {
      Matrix plus = identity, minus = identity, inverse;
      for (int64_t i = 0; i < n * n; ++i) {
        plus[i] += k[i];
        minus[i] -= k[i];
      }
      if (!invert(n, plus, inverse))
        return op.emitOpError()
               << "has a map K with a singular I + K: it is not skew-symmetric";
      add(product(n, minus, inverse), 1);
    }
    std::copy(sum.begin(), sum.end(), map->values.begin() + m * n * n);
  }
  push(op, map, results);
  return success();
}

LogicalResult householder(HouseholderOp op, Values values, Results &results) {
  std::vector<float> numbers;
  if (failed(Operands(op, values).decode(op.getU(), "the directions", numbers)))
    return failure();
  int64_t n = op.getU().getType().getDimSize(0),
          r = op.getU().getType().getDimSize(1);
  std::vector<std::vector<double>> directions;
  for (int64_t c = 0; c < r; ++c) {
    std::vector<double> u(n);
    for (int64_t i = 0; i < n; ++i)
      u[i] = numbers[i * r + c];
    // Twice is enough to be orthogonal in double precision.
    for (int round = 0; op.getOrthonormalize() && round < 2; ++round)
      for (const std::vector<double> &before : directions) {
        double dot =
            std::inner_product(u.begin(), u.end(), before.begin(), 0.0);
        for (int64_t i = 0; i < n; ++i)
          u[i] -= dot * before[i];
      }
    double norm =
        std::sqrt(std::inner_product(u.begin(), u.end(), u.begin(), 0.0));
    for (double &value : u)
      value /= norm;
    directions.push_back(std::move(u));
  }
  push(op, std::make_shared<ReflectionMap>(n, std::move(directions)), results);
  return success();
}

LogicalResult circulant(CirculantOp op, Values values, Results &results) {
  std::vector<float> kernels;
  if (failed(
          Operands(op, values).decode(op.getKernels(), "the blocks", kernels)))
    return failure();
  push(op,
       std::make_shared<CirculantMap>(op.getKernels().getType().getShape(),
                                      std::move(kernels)),
       results);
  return success();
}

LogicalResult fourier(FourierOp op, Values, Results &results) {
  push(op,
       std::make_shared<FourierMap>(op.getResult().getType().getIn(),
                                    op.getSine()),
       results);
  return success();
}

LogicalResult haar(HaarOp op, Values, Results &results) {
  MapType type = op.getResult().getType();
  MapRef map = std::make_shared<HaarMap>(op.getTransposed() ? type.getIn()
                                                            : type.getOut());
  push(op, op.getTransposed() ? makeTransposedMap(map) : map, results);
  return success();
}

} // namespace

void reference::registerLeafModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    SparseOp::attachInterface<Model<SparseOp, sparse>>(*context);
    SkewOp::attachInterface<Model<SkewOp, skew>>(*context);
    CayleyOp::attachInterface<Model<CayleyOp, cayley>>(*context);
    HouseholderOp::attachInterface<Model<HouseholderOp, householder>>(*context);
    CirculantOp::attachInterface<Model<CirculantOp, circulant>>(*context);
    FourierOp::attachInterface<Model<FourierOp, fourier>>(*context);
    HaarOp::attachInterface<Model<HaarOp, haar>>(*context);
  });
}
