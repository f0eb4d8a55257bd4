//===- Sparse.cpp - adapters of few entries ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <random>

using namespace allot;
using namespace allot::importer;
using archive::TensorEntry;
using mlir::Value;

static Value sparse(FormBuilder &f, Value indices, Value values, int64_t out,
                    int64_t in) {
  return adapter::SparseOp::create(f.b, f.loc, indices, values, out, in);
}

/// Checks that places are in [0, bound) and differ, where `of` gives the place
/// of entry i.
static llvm::Error checkPlaces(const ModuleReader &r, const TensorEntry &entry,
                               llvm::ArrayRef<double> places, double bound) {
  llvm::DenseSet<int64_t> seen;
  for (auto [i, place] : llvm::enumerate(places)) {
    if (place < 0 || place >= bound)
      return r.error(entry, "entry " + llvm::Twine(i) +
                                " is not a place in the weight of module '" +
                                r.module.path + "'");
    if (!seen.insert(int64_t(place)).second)
      return r.error(entry, "entry " + llvm::Twine(i) + " is there twice");
  }
  return llvm::Error::success();
}

/// Positions are kept as f32, which holds whole numbers up to this.
static constexpr int64_t kExact = int64_t(1) << 24;

//===----------------------------------------------------------------------===//
// Stored places
//===----------------------------------------------------------------------===//

// SHiRA, Bhardwaj et al. 2024: W + a sparse matrix.
static llvm::Error readEntries(ModuleReader &r) {
  auto values = r.addNeeded("shira_weight", ".shira_weight", {-1});
  if (!values)
    return values.takeError();
  int64_t count = (*values)->shape[0];
  auto indices = r.addIndices("shira_indices", ".shira_indices", {2, count},
                              std::max(r.module.out, r.module.in));
  if (!indices)
    return indices.takeError();
  auto numbers = r.integers(**indices);
  if (!numbers)
    return numbers.takeError();
  std::vector<double> places;
  for (int64_t i = 0; i < count; ++i) {
    double row = double((*numbers)[i]), column = double((*numbers)[count + i]);
    bool inside = column >= 0 && column < double(r.module.in);
    places.push_back(inside ? row * double(r.module.in) + column : -1);
  }
  if (llvm::Error e = checkPlaces(r, **indices, places,
                                  double(r.module.out) * double(r.module.in)))
    return e;
  auto scale = r.scaled(1.0, "r");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [s = *scale](FormBuilder &f, Value map) {
    Value delta = sparse(f, f.stored("shira_indices"), f.stored("shira_weight"),
                         f.module.out, f.module.in);
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral shiraSuffixes[] = {".shira_indices",
                                                        ".shira_weight"};
static constexpr llvm::StringLiteral shiraFields[] = {
    // What the tensors say.
    "r", "mask_type", "random_seed"};

const Tuner importer::shiraTuner = {"SHIRA",     shiraSuffixes, {},
                                    shiraFields, matrices,      readEntries};

/// Row and column, [2, n], of flat places: exact, since places are less than
/// 2^24.
static Value splitPlaces(FormBuilder &f, Value flat) {
  double in = double(f.module.in);
  Value rows = f.map(flat, [&](auto &b, auto loc, Value place) -> Value {
    Value columns =
        mlir::arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(in)));
    Value quotient = mlir::arith::DivFOp::create(b, loc, place, columns);
    return mlir::math::FloorOp::create(b, loc, quotient);
  });
  Value columns = f.add(flat, f.multiply(rows, -in));
  return f.add(f.einsum("n,k->kn", {rows, f.constant({2}, {1, 0})}),
               f.einsum("n,k->kn", {columns, f.constant({2}, {0, 1})}));
}

/// Checks the flat places that are stored.
static llvm::Error readPlaces(ModuleReader &r, int64_t count) {
  auto indices = r.addIndices("supertuning_indices", ".supertuning_indices",
                              {count}, r.module.out * r.module.in);
  if (!indices)
    return indices.takeError();
  auto numbers = r.integers(**indices);
  if (!numbers)
    return numbers.takeError();
  if (r.module.out * r.module.in > kExact)
    return r.error(**indices, "has flat places in a weight of more than 2^24 "
                              "entries, which is not supported");
  std::vector<double> places(numbers->begin(), numbers->end());
  return checkPlaces(r, **indices, places, double(r.module.out * r.module.in));
}

// Super: the entries of largest magnitude, alone or with LoRA beside them. They
// are stored as flat places, or are those of the frozen weight in the order of
// their magnitude.
static llvm::Error readFlat(ModuleReader &r) {
  auto values = r.addNeeded("supertuning_values", ".supertuning_values", {-1});
  if (!values)
    return values.takeError();
  int64_t count = (*values)->shape[0], size = r.module.out * r.module.in;
  auto kept = r.config["save_precomputed_indices"].booleanOr(true);
  auto largest = r.config["select_top"].booleanOr(true);
  if (!kept)
    return kept.takeError();
  if (!largest)
    return largest.takeError();
  bool stored = *kept || r.find(".supertuning_indices");
  if (stored) {
    if (llvm::Error e = readPlaces(r, count))
      return e;
  } else if (count < 1 || count > size) {
    return r.error(**values, "has " + llvm::Twine(count) +
                                 " numbers, but the weight of module '" +
                                 r.module.path + "' has " + llvm::Twine(size));
  } else if (size > INT32_MAX || std::max(r.module.out, r.module.in) > kExact) {
    return r.error(**values, "is spread over a weight of " + llvm::Twine(size) +
                                 " entries, which is not supported");
  }
  auto rank = r.config["r"].integerOr(0, 0, 1 << 20);
  if (!rank)
    return rank.takeError();
  double lowScale = 0;
  if (*rank) {
    auto a =
        r.addNeeded("lora_A", ".supertuning_lora_A.weight", {-1, r.module.in});
    if (!a)
      return a.takeError();
    if (llvm::Error e = r.checkRank((*a)->shape[0], **a))
      return e;
    auto b = r.addNeeded("lora_B", ".supertuning_lora_B.weight",
                         {r.module.out, (*a)->shape[0]});
    if (!b)
      return b.takeError();
    auto alpha = r.alpha("lora_alpha", double(*rank));
    if (!alpha)
      return alpha.takeError();
    lowScale = *alpha / double((*a)->shape[0]);
  }
  auto scale = r.scaled(1.0, "lora_alpha");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.depends(lowScale);
  r.depends(stored ? "stored" : *largest ? "largest" : "smallest");
  r.form.map = [=, s = *scale, largest = *largest](FormBuilder &f, Value map) {
    Value places;
    if (stored)
      places = splitPlaces(f, f.numbers("supertuning_indices"));
    else
      places = adapter::ExtremeEntriesOp::create(
          f.b, f.loc, mlir::RankedTensorType::get({2, count}, f.b.getF32Type()),
          !largest, f.materialize(f.frozen));
    Value delta = sparse(f, places, f.stored("supertuning_values"),
                         f.module.out, f.module.in);
    llvm::SmallVector<Value> terms{map, f.scale(delta, s)};
    if (lowScale != 0)
      terms.push_back(f.scale(f.lowRank(f.stored("lora_B"), f.stored("lora_A")),
                              lowScale * s));
    return f.sum(terms);
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral flatSuffixes[] = {
    ".supertuning_indices", ".supertuning_values", ".supertuning_lora_A.weight",
    ".supertuning_lora_B.weight"};
static constexpr llvm::StringLiteral flatFields[] = {
    "r", "lora_alpha", "save_precomputed_indices", "select_top",
    // What the tensors say, or about training alone.
    "sparsity", "lora_dropout"};

const Tuner importer::supertuningTuner = {
    "SUPERTUNING", flatSuffixes, {}, flatFields, matrices, readFlat};

//===----------------------------------------------------------------------===//
// Places drawn from a seed
//===----------------------------------------------------------------------===//

/// The first `count` numbers of a random permutation of `size`, as torch's
/// generator for processors draws it (Fisher and Yates, MT19937).
static std::vector<int64_t> firstOfPermutation(uint32_t seed, int64_t size,
                                               int64_t count) {
  std::mt19937 generator(seed);
  // Only places that were exchanged differ from their number.
  llvm::DenseMap<int64_t, int64_t> moved;
  auto at = [&](int64_t place) {
    auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i) {
    int64_t other =
        i + 1 < size ? i + int64_t(uint64_t(generator()) % uint64_t(size - i))
                     : i;
    int64_t here = at(i);
    result.push_back(at(other));
    moved[other] = here;
  }
  return result;
}

namespace {

/// A spectrum at places of the weight that a seed draws.
struct Spectrum {
  double scale;
  std::vector<int64_t> places;
};

} // namespace

static llvm::Expected<Spectrum> readSpectrum(ModuleReader &r,
                                             const std::string &part) {
  auto values = r.addNeeded(part, "." + part, {-1});
  if (!values)
    return values.takeError();
  int64_t count = (*values)->shape[0], size = r.module.out * r.module.in;
  if (count > size)
    return r.error(**values, "has more numbers than the weight of module '" +
                                 r.module.path + "'");
  // Beyond, the generator draws with more bits.
  if (size >= int64_t(std::numeric_limits<uint32_t>::max()) / 20)
    return r.error(**values, "is spread over a weight of " + llvm::Twine(size) +
                                 " entries, which is not supported");
  auto seed = r.config["random_loc_seed"].integerOr(777);
  if (!seed)
    return seed.takeError();
  auto scaling =
      r.config["scaling"].numberOr(part == "fourierft_spectrum" ? 150.0 : 25.0);
  if (!scaling)
    return scaling.takeError();
  auto scale = r.scaled(*scaling, "scaling");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.depends(double(*seed));
  return Spectrum{*scale, firstOfPermutation(uint32_t(*seed), size, count)};
}

/// Rows and columns as a constant.
static Value placesOf(FormBuilder &f,
                      llvm::ArrayRef<std::pair<int64_t, int64_t>> places) {
  llvm::SmallVector<float> numbers;
  for (auto [row, column] : places)
    numbers.push_back(float(row));
  for (auto [row, column] : places)
    numbers.push_back(float(column));
  return f.constant({2, int64_t(places.size())}, numbers);
}

static llvm::SmallVector<std::pair<int64_t, int64_t>>
rowsAndColumns(llvm::ArrayRef<int64_t> places, int64_t columns) {
  llvm::SmallVector<std::pair<int64_t, int64_t>> result;
  for (int64_t place : places)
    result.push_back({place / columns, place % columns});
  return result;
}

// FourierFT, Gao et al. 2024: W + s Re(F^-1(D)), D sparse.
static llvm::Error readFourier(ModuleReader &r) {
  auto spectrum = readSpectrum(r, "fourierft_spectrum");
  if (!spectrum)
    return spectrum.takeError();
  r.form.map = [spectrum = *spectrum](FormBuilder &f, Value map) {
    int64_t out = f.module.out, in = f.module.in;
    Value sparseMap =
        sparse(f, placesOf(f, rowsAndColumns(spectrum.places, in)),
               f.stored("fourierft_spectrum"), out, in);
    // cos(a + b) = cos a cos b - sin a sin b.
    auto part = [&](bool sine) {
      return f.compose({adapter::FourierOp::create(f.b, f.loc, out, sine),
                        sparseMap,
                        adapter::FourierOp::create(f.b, f.loc, in, sine)});
    };
    Value delta = f.sum({part(false), f.scale(part(true), -1)});
    return f.sum(
        {map, f.scale(delta, spectrum.scale / (double(out) * double(in)))});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral fourierSuffixes[] = {
    ".fourierft_spectrum"};
static constexpr llvm::StringLiteral fourierFields[] = {
    "random_loc_seed", "scaling",
    // What the tensor says, and the form of layers, which a module has.
    "n_frequency", "n_frequency_pattern", "ifft2_norm"};

const Tuner importer::fourierTuner = {
    "FOURIERFT", fourierSuffixes, {}, fourierFields, matrices, readFourier};

// WaveFT, Bilican et al. 2025: W + s D, or s times the inverse wavelet
// transform of D.
static llvm::Error readWavelet(ModuleReader &r) {
  auto spectrum = readSpectrum(r, "waveft_spectrum");
  if (!spectrum)
    return spectrum.takeError();
  auto transformed = r.config["use_idwt"].booleanOr(true);
  if (!transformed)
    return transformed.takeError();
  auto family = r.config["wavelet_family"].stringOr("db1");
  if (!family)
    return family.takeError();
  if (*transformed && *family != "db1")
    return r.fieldError("wavelet_family", "wavelet " +
                                              support::quoted(*family) +
                                              " is not supported (known: db1)");
  r.depends(double(*transformed));
  r.form.map = [spectrum = *spectrum,
                transformed = *transformed](FormBuilder &f, Value map) {
    int64_t out = f.module.out, in = f.module.in;
    auto places = rowsAndColumns(spectrum.places, in);
    Value values = f.stored("waveft_spectrum");
    if (!transformed)
      return f.sum(
          {map, f.scale(sparse(f, placesOf(f, places), values, out, in),
                        spectrum.scale)});
    // The top right quadrant has the details along the outputs, the bottom
    // left one those along the inputs: they change places.
    int64_t halfOut = (out + 1) / 2, halfIn = (in + 1) / 2;
    for (auto &[row, column] : places) {
      bool low = row >= halfOut, right = column >= halfIn;
      if (low == right)
        continue;
      row += low ? -halfOut : halfOut;
      column += right ? -halfIn : halfIn;
    }
    Value coefficients =
        sparse(f, placesOf(f, places), values, 2 * halfOut, 2 * halfIn);
    Value delta =
        f.compose({adapter::HaarOp::create(f.b, f.loc, out), coefficients,
                   f.transpose(adapter::HaarOp::create(f.b, f.loc, in))});
    return f.sum({map, f.scale(delta, spectrum.scale)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral waveletSuffixes[] = {".waveft_spectrum"};
static constexpr llvm::StringLiteral waveletFields[] = {
    "random_loc_seed", "scaling", "use_idwt", "wavelet_family",
    // What the tensor says.
    "n_frequency", "n_frequency_pattern", "proportional_parameters"};

const Tuner importer::waveletTuner = {
    "WAVEFT", waveletSuffixes, {}, waveletFields, matrices, readWavelet};
