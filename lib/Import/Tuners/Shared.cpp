//===- Shared.cpp - adapters on projections of all modules ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include <cmath>

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// A matrix of at least `rows` x `columns` that all modules share.
static llvm::Error addProjection(ModuleReader &r, llvm::StringRef name,
                                 int64_t rows, int64_t columns) {
  auto entry = r.addShared(name, {-1, -1});
  if (!entry)
    return entry.takeError();
  if ((*entry)->shape[0] >= rows && (*entry)->shape[1] >= columns)
    return llvm::Error::success();
  return r.error(**entry, "is too small for module '" + r.module.path +
                              "', which takes " + llvm::Twine(rows) + "x" +
                              llvm::Twine(columns));
}

namespace {

/// Projections that are not stored: A `ranks` x `in` and B `out` x `columns`,
/// filled one after the other by one generator.
struct Projections {
  int64_t seed = 0, ranks = 0, in = 0, out = 0, columns = 0;

  Value A(FormBuilder &f) const { return make(f, 0, ranks, in); }
  Value B(FormBuilder &f) const { return make(f, ranks * in, out, columns); }

private:
  /// What Kaiming's initialisation draws for a matrix that meets `inputs`.
  Value make(FormBuilder &f, int64_t skip, int64_t rows, int64_t inputs) const {
    auto type = mlir::RankedTensorType::get({rows, inputs}, f.b.getF32Type());
    double bound =
        std::sqrt(3.0) * (std::sqrt(2.0) / std::sqrt(double(inputs)));
    return adapter::SeededOp::create(f.b, f.loc, type,
                                     adapter::Generator::TorchUniform, seed,
                                     skip, llvm::APFloat(bound));
  }
};

} // namespace

/// What stands for projections that are not stored: they are as large as the
/// largest modules that the adapter is put on.
static llvm::Expected<Projections> readSeeded(ModuleReader &r, int64_t ranks,
                                              int64_t columns) {
  Projections result;
  auto seed = r.config["projection_prng_key"].integerOr(
      0, std::numeric_limits<int64_t>::min(),
      std::numeric_limits<int64_t>::max());
  if (!seed)
    return seed.takeError();
  result.seed = *seed;
  result.ranks = ranks;
  result.columns = columns;
  for (const ModuleInfo &one : r.modules)
    if (llvm::is_contained(matrices, one.kind) && r.config.targets(one)) {
      result.in = std::max(result.in, one.in);
      result.out = std::max(result.out, one.out);
    }
  if (result.in < r.module.in || result.out < r.module.out)
    return r.fieldError("save_projection",
                        "the size of projections that are not stored is not "
                        "known for module '" +
                            r.module.path + "'");
  for (int64_t number : {result.seed, result.in, result.out})
    r.depends(std::to_string(number));
  return result;
}

/// diag(lambda_b) B[:OUT] diag(lambda_d) A[:, :IN]; of `times` r ranks the
/// first r are used.
static llvm::Error readVectors(ModuleReader &r, const std::string &prefix,
                               int64_t times) {
  int64_t out = r.module.out, in = r.module.in;
  auto b = r.addNeeded("lambda_b", "." + prefix + "_lambda_b", {out});
  if (!b)
    return b.takeError();
  auto rank = r.rank("r", 256);
  if (!rank)
    return rank.takeError();
  auto d = r.addNeeded("lambda_d", "." + prefix + "_lambda_d", {times * *rank});
  if (!d)
    return d.takeError();
  auto saved = r.config["save_projection"].booleanOr(true);
  if (!saved)
    return saved.takeError();
  std::optional<Projections> seeded;
  if (!*saved && !r.shared.count(prefix + "_A") &&
      !r.shared.count(prefix + "_B")) {
    auto projections = readSeeded(r, times * *rank, *rank);
    if (!projections)
      return projections.takeError();
    seeded = *projections;
  } else {
    if (llvm::Error e = addProjection(r, prefix + "_A", times * *rank, in))
      return e;
    if (llvm::Error e = addProjection(r, prefix + "_B", out, *rank))
      return e;
  }
  r.depends(r.source.weight);
  r.form.map = [=, r = *rank, weight = r.source.weight](FormBuilder &f,
                                                        Value map) {
    Value B = seeded ? seeded->B(f) : f.numbers(prefix + "_B");
    Value A = seeded ? seeded->A(f) : f.numbers(prefix + "_A");
    B = f.slice(B, {0, 0}, {out, r});
    A = f.slice(A, {0, 0}, {r, in});
    Value gate = f.slice(f.numbers("lambda_d"), {0}, {r});
    Value delta =
        f.compose({f.diagonal(f.stored("lambda_b")), f.lowRank(B, A, gate)});
    return f.sum({map, f.scale(delta, weight)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral veraSuffixes[] = {".vera_lambda_b",
                                                       ".vera_lambda_d"};
static constexpr llvm::StringLiteral veraShared[] = {"vera_A", "vera_B"};
static constexpr llvm::StringLiteral veraFields[] = {
    "r",
    // Where the projections come from, and about training.
    "projection_prng_key", "save_projection", "d_initial", "vera_dropout"};

// VeRA, Kopiczko et al. 2023.
const Tuner importer::veraTuner = {
    "VERA",     veraSuffixes,
    veraShared, veraFields,
    matrices,   [](ModuleReader &r) { return readVectors(r, "vera", 1); }};

static constexpr llvm::StringLiteral pveraSuffixes[] = {".pvera_lambda_b",
                                                        ".pvera_lambda_d"};
static constexpr llvm::StringLiteral pveraShared[] = {"pvera_A", "pvera_B"};
static constexpr llvm::StringLiteral pveraFields[] = {
    "r", "projection_prng_key", "save_projection", "d_initial",
    "pvera_dropout"};

// PVeRA: the second half of the ranks is a variance, which inference leaves
// out.
const Tuner importer::pveraTuner = {
    "PVERA",     pveraSuffixes,
    pveraShared, pveraFields,
    matrices,    [](ModuleReader &r) { return readVectors(r, "pvera", 2); }};

// RandLoRA, Albert et al. 2025: s sum_n B_n diag(lambda_n) A diag(gamma_n),
// transposed where a module has more inputs than outputs. The two sides number
// their inner dimension differently; that is how the published code pairs them.
static llvm::Error readRandom(ModuleReader &r) {
  int64_t small = std::min(r.module.out, r.module.in);
  int64_t large = std::max(r.module.out, r.module.in);
  auto a = r.addSharedOrNeeded("randlora_A", {-1, 1, -1});
  if (!a)
    return a.takeError();
  int64_t rank = (*a)->shape[0];
  if (llvm::Error e = r.checkRank(rank, **a))
    return e;
  if ((*a)->shape[2] < small)
    return r.error(**a, "is too small for module '" + r.module.path + "'");
  auto gamma = r.addNeeded("randlora_gamma", ".randlora_gamma", {-1, small});
  if (!gamma)
    return gamma.takeError();
  int64_t bases = (*gamma)->shape[0];
  auto lambda =
      r.addNeeded("randlora_lambda", ".randlora_lambda", {rank, bases});
  if (!lambda)
    return lambda.takeError();
  auto b = r.addSharedOrNeeded("randlora_B", {-1, -1, rank});
  if (!b)
    return b.takeError();
  if ((*b)->shape[0] < large || (*b)->shape[1] < bases)
    return r.error(**b, "is too small for module '" + r.module.path + "'");
  auto alpha = r.alpha("randlora_alpha", 640);
  if (!alpha)
    return alpha.takeError();
  auto scale = r.scaled(*alpha / double(rank), "randlora_alpha");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value B = f.slice(f.numbers("randlora_B"), {0, 0, 0}, {large, bases, rank});
    Value A = f.slice(f.numbers("randlora_A"), {0, 0, 0}, {rank, 1, small});
    A = f.einsum("ri,rn,ni->rni",
                 {f.reshape(A, {rank, small}), f.numbers("randlora_lambda"),
                  f.numbers("randlora_gamma")});
    Value delta = f.lowRank(f.reshape(B, {large, bases * rank}),
                            f.reshape(A, {rank * bases, small}));
    if (f.module.in > f.module.out)
      delta = f.transpose(delta);
    return f.sum({map, f.scale(delta, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral randomSuffixes[] = {
    ".randlora_A", ".randlora_B", ".randlora_gamma", ".randlora_lambda"};
// The projections, which are stored with every module, too.
static constexpr llvm::StringLiteral randomShared[] = {"randlora_A",
                                                       "randlora_B"};
static constexpr llvm::StringLiteral randomFields[] = {
    "r", "randlora_alpha",
    // What the stored projections are, and about training.
    "projection_prng_key", "save_projection", "sparse", "very_sparse",
    "randlora_dropout"};

const Tuner importer::randLoraTuner = {"RANDLORA",   randomSuffixes,
                                       randomShared, randomFields,
                                       matrices,     readRandom};
