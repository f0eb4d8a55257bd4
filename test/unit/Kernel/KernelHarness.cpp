//===- KernelHarness.cpp - one adapter.linear, compiled and by hand -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"
#include "allot/Conversion/AdapterToKernel/AdapterToKernel.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Kernel/PackedTile.h"
#include "llvm/TargetParser/Host.h"
#include <cmath>

using namespace allot;
using namespace allot::test;

KernelContext::KernelContext() {
  mlir::DialectRegistry registry;
  registerForJIT(registry);
  registry.insert<adapter::AdapterDialect, format::FormatDialect>();
  codec::registerCodecExternalModels(registry);
  kernel::registerTileExternalModels(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<adapter::AdapterDialect, format::FormatDialect>();
}

FormatAttrInterface KernelContext::packed(llvm::StringRef shortName) {
  FormatAttrInterface inner = format::getFormatByName(&context, shortName);
  EXPECT_TRUE(inner) << shortName.str();
  return llvm::cast<FormatAttrInterface>(inner.getPackedFormat(8));
}

bool test::hostHasAVX2() {
  auto features = llvm::sys::getHostCPUFeatures();
  return features["avx2"] && features["fma"] && features["f16c"];
}

bool test::hostHasVNNI() {
  auto features = llvm::sys::getHostCPUFeatures();
  return hostHasAVX2() && features["avx512vnni"] && features["avx512vl"];
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

RandomMatrix::RandomMatrix(FormatAttrInterface format, int64_t rows,
                           int64_t columns, std::mt19937 &random)
    : format(format), rows(rows), columns(columns) {
  int64_t shape[] = {rows, columns};
  auto codec = llvm::cast<FormatCodecInterface>(mlir::Attribute(format));
  std::vector<float> decoded(rows * columns);
  CodeGrid grid = format.getCodeGrid();
  if (grid.bits) {
    blocks = randomBlocks(format, shape, random);
    bytes = store(format, shape, blocks);
  } else {
    bytes.assign(format.getStorageBytes(shape), 0);
    codec.writeFloats(randomValues(rows * columns, random), rows, columns, 0,
                      rows, bytes);
  }
  codec.decodeRows(bytes, rows, columns, 0, rows, decoded);
  values.assign(decoded.begin(), decoded.end());
  for (double value : values)
    magnitudes.push_back(std::abs(value));
  if (!grid.bits)
    return;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < columns; ++k) {
      int64_t block = r * blocks.blocksPerRow() + k / blocks.block;
      double code = blocks.codes[r * blocks.paddedColumns() + k];
      magnitudes[r * columns + k] = std::abs(blocks.scales[block] * code) +
                                    std::abs(blocks.offsets[block]);
    }
}

std::string RandomMatrix::text() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  mlir::Attribute(format).print(os);
  return text;
}

std::string RandomMatrix::typeText() const {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
         "xf32, " + text() + ">";
}

//===----------------------------------------------------------------------===//
// Source
//===----------------------------------------------------------------------===//

std::string test::linearFunction(llvm::StringRef name,
                                 const LinearVariant &variant,
                                 const RandomMatrix &weight,
                                 llvm::ArrayRef<RandomMatrix> factors) {
  std::string args = "%w: memref<?xi8>, %x: memref<?x?xf32>";
  std::string stored = weight.typeText(), names, types, scales;
  for (size_t i = 0; i < factors.size(); ++i) {
    std::string factor = "%f" + std::to_string(i);
    args += ", " + factor + ": memref<?xi8>";
    names += (i ? ", " : "") + factor;
    types += std::string(i ? ", " : "") + "memref<?xi8>";
    stored += ", " + factors[i].typeText();
  }
  for (const LinearTerm &term : variant.terms)
    scales += (scales.empty() ? "" : ", ") + std::to_string(term.scale);
  std::string op = "adapter.linear weight(%w : memref<?xi8>) ins(%x : "
                   "memref<?x?xf32>)";
  if (!factors.empty())
    op += " factors(" + names + " : " + types + ") scales([" + scales + "])";
  if (variant.bias) {
    args += ", %bias: memref<?xf32>";
    op += " bias(%bias : memref<?xf32>)";
  }
  op +=
      " activation " + variant.activation + " arithmetic " + variant.arithmetic;
  if (variant.multiplier) {
    args += ", %m: memref<?x?xf32>";
    op += " multiplier(%m : memref<?x?xf32>)";
  }
  if (variant.residual) {
    args += ", %r: memref<?x?xf32>";
    op += " residual(%r : memref<?x?xf32>)";
  }
  args += ", %y: memref<?x?xf32>";
  op += " outs(%y : memref<?x?xf32>) {stored = [" + stored + "]}";
  return "func.func @" + name.str() + "(" + args +
         ") attributes {llvm.emit_c_interface} {\n  " + op + "\n  return\n}\n";
}

llvm::Expected<std::unique_ptr<CompiledKernels>>
test::compileLinear(KernelContext &kernels, llvm::StringRef source,
                    llvm::StringRef target) {
  return CompiledKernels::create(
      source, kernels.context, [&](mlir::OpPassManager &pm) {
        conversion::ConvertAdapterToKernelOptions options;
        options.target = target.str();
        pm.addPass(conversion::createConvertAdapterToKernel(options));
      });
}

//===----------------------------------------------------------------------===//
// Reference
//===----------------------------------------------------------------------===//

namespace {

/// A number and how far a kernel may be from it.
struct Bounded {
  double value = 0, error = 0;
};

/// Relative to the sum of magnitudes: rounding of products and partial sums.
constexpr double sumTolerance = 2e-6;

double activate(const std::string &name, double v) {
  if (name == "silu")
    return v / (1 + std::exp(-v));
  if (name == "gelu")
    return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
  if (name == "gelu_tanh")
    return 0.5 * v *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  if (name == "relu")
    return std::max(v, 0.0);
  return v;
}

/// W x in floats.
Bounded dot(const RandomMatrix &w, int64_t row, const double *x) {
  Bounded sum;
  for (int64_t k = 0; k < w.columns; ++k) {
    sum.value += w.values[row * w.columns + k] * x[k];
    sum.error += w.magnitudes[row * w.columns + k] * std::abs(x[k]);
  }
  sum.error *= sumTolerance;
  return sum;
}

/// x as integer kernels round it: per block of the weight, scale max |x| /
/// level. The numbers are exact products of the float scale and integers.
std::vector<double> quantize(const std::vector<float> &x, int64_t block,
                             float level) {
  std::vector<double> rounded(x.size());
  for (size_t first = 0; first < x.size(); first += block) {
    size_t last = std::min<size_t>(x.size(), first + block);
    float largest = 0;
    for (size_t k = first; k < last; ++k)
      largest = std::max(largest, std::abs(x[k]));
    if (!(largest > 1e-30f))
      continue;
    float scale = largest / level, inverse = level / largest;
    for (size_t k = first; k < last; ++k)
      rounded[k] = double(scale) * std::nearbyint(x[k] * inverse);
  }
  return rounded;
}

} // namespace

void test::checkLinear(KernelContext &kernels, const LinearVariant &variant,
                       llvm::ArrayRef<LinearShape> shapes, unsigned seed,
                       llvm::StringRef target) {
  SCOPED_TRACE(variant.weight + " " + variant.arithmetic + " " +
               variant.activation + " seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<RandomMatrix> weights;
  std::vector<std::vector<RandomMatrix>> factors;
  std::string source;
  for (auto [i, shape] : llvm::enumerate(shapes)) {
    weights.emplace_back(kernels.packed(variant.weight), shape.out, shape.in,
                         random);
    factors.emplace_back();
    for (const LinearTerm &term : variant.terms) {
      factors.back().emplace_back(kernels.packed(term.b), shape.out, term.rank,
                                  random);
      factors.back().emplace_back(kernels.packed(term.a), term.rank, shape.in,
                                  random);
    }
    source += linearFunction("f" + std::to_string(i), variant, weights.back(),
                             factors.back());
  }
  auto compiled = compileLinear(kernels, source, target);
  ASSERT_TRUE(bool(compiled)) << messageOf(compiled.takeError());

  for (auto [i, shape] : llvm::enumerate(shapes)) {
    auto [out, in, rows] = shape;
    SCOPED_TRACE(std::to_string(out) + " x " + std::to_string(in) + ", rows " +
                 std::to_string(rows));
    const RandomMatrix &w = weights[i];
    std::vector<RandomMatrix> &fs = factors[i];
    std::normal_distribution<float> normal(0.1f, 1.0f);
    Buffer<float, 2> x({rows, in}), m({rows, out}), r({rows, out}),
        y({rows, out}, NAN);
    Buffer<float, 1> bias({out});
    for (int64_t n = 0; n < rows * in; ++n)
      x.data()[n] = normal(random);
    if (rows > 1) // a row of zeros must not divide by zero
      std::fill(x.data(), x.data() + in, 0.0f);
    for (auto *b : {&m, &r})
      for (int64_t n = 0; n < rows * out; ++n)
        b->data()[n] = normal(random);
    for (int64_t n = 0; n < out; ++n)
      bias(n) = normal(random);
    std::vector<float> residual(r.data(), r.data() + rows * out);

    auto bytesOf = [](const std::vector<uint8_t> &bytes) {
      return Buffer<int8_t, 1>(
          reinterpret_cast<int8_t *>(const_cast<uint8_t *>(bytes.data())),
          {int64_t(bytes.size())}, {1});
    };
    // Arguments in the order of the function.
    Buffer<int8_t, 1> weightBytes = bytesOf(w.bytes);
    std::vector<std::unique_ptr<Buffer<int8_t, 1>>> factorBytes;
    std::vector<void *> args;
    std::vector<void *> descriptors;
    auto push = [&](auto &buffer) {
      descriptors.push_back(&buffer.descriptor());
    };
    push(weightBytes);
    push(x);
    for (RandomMatrix &f : fs) {
      factorBytes.push_back(std::make_unique<Buffer<int8_t, 1>>(
          reinterpret_cast<int8_t *>(f.bytes.data()),
          std::array<int64_t, 1>{int64_t(f.bytes.size())},
          std::array<int64_t, 1>{1}));
      push(*factorBytes.back());
    }
    if (variant.bias)
      push(bias);
    if (variant.multiplier)
      push(m);
    if (variant.residual)
      push(r);
    Buffer<float, 2> &result = variant.inPlace ? r : y;
    push(result);
    for (void *&descriptor : descriptors)
      args.push_back(&descriptor);
    llvm::Error error = (*compiled)->callPacked("f" + std::to_string(i), args);
    ASSERT_FALSE(bool(error)) << messageOf(std::move(error));

    double worst = 0;
    for (int64_t n = 0; n < rows; ++n) {
      std::vector<float> row(x.data() + n * in, x.data() + (n + 1) * in);
      std::vector<double> exact(row.begin(), row.end()), forWeight = exact;
      bool integer = w.format.getCodeGrid().bits != 0;
      if (integer && variant.arithmetic != "f32")
        forWeight = quantize(row, w.format.getBlockSize(),
                             variant.arithmetic == "i8" ? 127 : 32767);
      std::vector<std::vector<Bounded>> zs;
      for (size_t t = 0; t < variant.terms.size(); ++t) {
        zs.emplace_back();
        for (int64_t q = 0; q < variant.terms[t].rank; ++q)
          zs.back().push_back(dot(fs[2 * t + 1], q, exact.data()));
      }
      for (int64_t o = 0; o < out; ++o) {
        Bounded v = dot(w, o, forWeight.data());
        for (size_t t = 0; t < variant.terms.size(); ++t) {
          double s = variant.terms[t].scale;
          const RandomMatrix &b = fs[2 * t];
          for (int64_t q = 0; q < b.columns; ++q) {
            double f = b.values[o * b.columns + q];
            double bound = b.magnitudes[o * b.columns + q];
            v.value += s * f * zs[t][q].value;
            v.error +=
                std::abs(s) * bound *
                (zs[t][q].error + sumTolerance * std::abs(zs[t][q].value));
          }
        }
        if (variant.bias)
          v.value += bias(o);
        double expected = activate(variant.activation, v.value);
        // No activation is steeper than 1.2; its polynomial and the sums of
        // the epilogue round too.
        double tolerance = 1.2 * v.error + 2e-6 * (1 + std::abs(v.value));
        if (variant.multiplier) {
          expected *= m(n, o);
          tolerance *= std::abs(m(n, o));
        }
        if (variant.residual) {
          expected += residual[n * out + o];
          tolerance += 1e-6 * std::abs(residual[n * out + o]);
        }
        tolerance += 1e-6;
        double off = std::abs(result(n, o) - expected);
        worst = std::max(worst, off / tolerance);
        if (!(off <= tolerance)) {
          ADD_FAILURE() << "row " << n << ", output " << o << ": "
                        << result(n, o) << " instead of " << expected << " +- "
                        << tolerance;
          return;
        }
      }
    }
    ::testing::Test::RecordProperty("worst", std::to_string(worst));
  }
}
