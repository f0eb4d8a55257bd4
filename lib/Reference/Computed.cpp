//===- Computed.cpp - evaluation of what is computed at loading -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decompositions call LAPACK, whose signs they are defined by, through the
// Fortran interface. Matrices there are stored by columns.
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Computed.h"
#include "Values.h"
#include <algorithm>
#include <cmath>
#include <random>

extern "C" {
void sgesdd_(const char *, const int *, const int *, float *, const int *,
             float *, float *, const int *, float *, const int *, float *,
             const int *, int *, int *);
void sgeqrf_(const int *, const int *, float *, const int *, float *, float *,
             const int *, int *);
void sorgqr_(const int *, const int *, const int *, float *, const int *,
             const float *, float *, const int *, int *);
void dgesv_(const int *, const int *, double *, const int *, int *, double *,
            const int *, int *);
}

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

/// A matrix by columns.
template <typename T>
struct Columns {
  Columns(int rows, int columns)
      : rows(rows), columns(columns), values(size_t(rows) * columns) {}
  /// Of numbers by rows.
  Columns(ArrayRef<int64_t> shape, ArrayRef<float> numbers)
      : Columns(int(shape[0]), int(shape[1])) {
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        at(i, j) = numbers[size_t(i) * columns + j];
  }
  T &at(int i, int j) { return values[size_t(j) * rows + i]; }
  T *data() { return values.data(); }
  int rows, columns;
  std::vector<T> values;
};

/// The first rows and columns, by rows, as a tensor of this type.
template <typename T>
void push(Columns<T> &matrix, Type type, Results &results) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  std::vector<float> numbers;
  numbers.reserve(shape[0] * shape[1]);
  for (int64_t i = 0; i < shape[0]; ++i)
    for (int64_t j = 0; j < shape[1]; ++j)
      numbers.push_back(float(matrix.at(int(i), int(j))));
  results.push_back(makeTensor(shape, std::move(numbers)));
}

FailureOr<Columns<float>> readMatrix(Operation *op, const Operands &operands,
                                     Value value) {
  ArrayRef<float> numbers;
  if (failed(operands.read(value, "the matrix", numbers)))
    return failure();
  if (!llvm::all_of(numbers, [](float x) { return std::isfinite(x); }))
    return op->emitOpError() << "meets a matrix with numbers that are not "
                                "finite";
  return Columns<float>(operands.shape(value), numbers);
}

/// LAPACK gives sizes of workspaces as floats, which may be rounded down.
int workspaceSize(float asked) {
  double size = std::ceil(double(asked) * (1 + 1e-6));
  return int(std::min(std::max(size, 1.0), double(INT32_MAX)));
}

LogicalResult seeded(SeededOp op, Values, Results &results) {
  ArrayRef<int64_t> shape = op.getResult().getType().getShape();
  FailureOr<int64_t> count = countElements(op, shape);
  if (failed(count))
    return failure();
  std::vector<float> numbers(*count);
  std::mt19937 generator(static_cast<uint32_t>(op.getSeed()));
  generator.discard(op.getSkip());
  auto bound = float(op.getBound().convertToDouble());
  float width = bound - -bound;
  for (float &number : numbers) {
    auto unit = float(generator() & ((1u << 24) - 1)) * 0x1p-24f;
    number = std::fma(unit, width, -bound);
  }
  results.push_back(makeTensor(shape, std::move(numbers)));
  return success();
}

LogicalResult singularVectors(SingularVectorsOp op, Values values,
                              Results &results) {
  auto matrix = readMatrix(op, Operands(op, values), op.getMatrix());
  if (failed(matrix))
    return failure();
  int m = matrix->rows, n = matrix->columns, k = std::min(m, n);
  Columns<float> left(m, k), right(k, n);
  std::vector<float> singular(k), work(1);
  std::vector<int> integers(size_t(8) * k);
  int info = 0;
  for (int size : {-1, 0}) {
    if (size == 0) {
      size = workspaceSize(work[0]);
      work.resize(size);
    }
    sgesdd_("S", &m, &n, matrix->data(), &m, singular.data(), left.data(), &m,
            right.data(), &k, work.data(), &size, integers.data(), &info);
    if (info != 0)
      return op->emitOpError()
             << "the singular value decomposition does not converge";
  }
  push(op.getRight() ? right : left, op.getResult().getType(), results);
  return success();
}

LogicalResult orthonormalFactor(OrthonormalFactorOp op, Values values,
                                Results &results) {
  auto matrix = readMatrix(op, Operands(op, values), op.getMatrix());
  if (failed(matrix))
    return failure();
  int m = matrix->rows, n = matrix->columns, info = 0, query = -1;
  std::vector<float> reflections(n), work(1);
  sgeqrf_(&m, &n, matrix->data(), &m, reflections.data(), work.data(), &query,
          &info);
  int size = std::max(n, workspaceSize(work[0]));
  sorgqr_(&m, &n, &n, matrix->data(), &m, reflections.data(), work.data(),
          &query, &info);
  size = std::max(size, workspaceSize(work[0]));
  work.resize(size);
  sgeqrf_(&m, &n, matrix->data(), &m, reflections.data(), work.data(), &size,
          &info);
  if (info == 0)
    sorgqr_(&m, &n, &n, matrix->data(), &m, reflections.data(), work.data(),
            &size, &info);
  if (info != 0)
    return op->emitOpError() << "the orthonormal factor cannot be computed";
  push(*matrix, op.getResult().getType(), results);
  return success();
}

LogicalResult solve(SolveOp op, Values values, Results &results) {
  Operands operands(op, values);
  auto a = readMatrix(op, operands, op.getA());
  auto b = readMatrix(op, operands, op.getB());
  if (failed(a) || failed(b))
    return failure();
  std::vector<double> matrix(a->values.begin(), a->values.end());
  Columns<double> x(b->rows, b->columns);
  std::copy(b->values.begin(), b->values.end(), x.values.begin());
  int n = a->rows, count = b->columns, info = 0;
  std::vector<int> pivots(n);
  dgesv_(&n, &count, matrix.data(), &n, pivots.data(), x.data(), &n, &info);
  if (info != 0)
    return op->emitOpError() << "the matrix is singular";
  push(x, op.getResult().getType(), results);
  return success();
}

// The order of entries of one magnitude is that of the algorithms, as PyTorch
// calls them.
LogicalResult extremeEntries(ExtremeEntriesOp op, Values values,
                             Results &results) {
  Operands operands(op, values);
  ArrayRef<float> numbers;
  if (failed(operands.read(op.getMatrix(), "the matrix", numbers)))
    return failure();
  using Entry = std::pair<float, int64_t>;
  std::vector<Entry> entries;
  entries.reserve(numbers.size());
  for (auto [place, number] : llvm::enumerate(numbers)) {
    if (std::isnan(number))
      return op->emitOpError() << "meets a matrix with a number that is NaN";
    entries.push_back({std::abs(number), int64_t(place)});
  }
  ArrayRef<int64_t> shape = op.getResult().getType().getShape();
  int64_t count = shape[1], columns = operands.shape(op.getMatrix())[1];
  auto select = [&](auto before) {
    auto last = entries.begin() + count;
    if (count <= int64_t(entries.size()) / 64) {
      std::partial_sort(entries.begin(), last, entries.end(), before);
    } else {
      std::nth_element(entries.begin(), last - 1, entries.end(), before);
      std::sort(entries.begin(), last - 1, before);
    }
  };
  if (op.getSmallest())
    select([](const Entry &x, const Entry &y) { return x.first < y.first; });
  else
    select([](const Entry &x, const Entry &y) { return x.first > y.first; });
  std::vector<float> places(2 * count);
  for (int64_t i = 0; i < count; ++i) {
    places[i] = float(entries[i].second / columns);
    places[count + i] = float(entries[i].second % columns);
  }
  results.push_back(makeTensor(shape, std::move(places)));
  return success();
}

} // namespace

void reference::registerComputedModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    SeededOp::attachInterface<Model<SeededOp, seeded>>(*context);
    SingularVectorsOp::attachInterface<
        Model<SingularVectorsOp, singularVectors>>(*context);
    OrthonormalFactorOp::attachInterface<
        Model<OrthonormalFactorOp, orthonormalFactor>>(*context);
    SolveOp::attachInterface<Model<SolveOp, solve>>(*context);
    ExtremeEntriesOp::attachInterface<Model<ExtremeEntriesOp, extremeEntries>>(
        *context);
  });
}
