//===- Decomposed.cpp - adapters in bases of the frozen weight --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files of these kinds hold numbers in a basis that is not stored: it is
// computed from the frozen weight, when the weights are loaded.
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Computed.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// The shape of a tensor without numbers.
static constexpr int64_t nothing[] = {0};

//===----------------------------------------------------------------------===//
// The lower singular values trained
//===----------------------------------------------------------------------===//

// OSF: of W = U diag(s) V^T the first singular triples stay, the others are
// stored. What stays is U_high (U_high^T W), for any signs.
static llvm::Error readLowTriples(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  int64_t out = r.module.out, in = r.module.in, all = std::min(out, in);
  auto u = r.addNeeded("U_low", ".osf_svd_params.U_low", {out, -1});
  if (!u)
    return u.takeError();
  int64_t low = (*u)->shape[1];
  if (low > all)
    return r.error(**u, "has shape " + support::shapeString((*u)->shape) +
                            ", but module '" + r.module.path + "' has " +
                            llvm::Twine(all) + " singular values");
  auto s = r.addNeeded("S_low", ".osf_svd_params.S_low", {low});
  if (!s)
    return s.takeError();
  auto v = r.addNeeded("V_low", ".osf_svd_params.V_low", {low, in});
  if (!v)
    return v.takeError();
  r.form.map = [=, high = all - low](FormBuilder &f, Value map) {
    Value trained =
        f.lowRank(f.stored("U_low"), f.stored("V_low"), f.stored("S_low"));
    if (!high)
      return trained;
    Value weight = f.materialize(map);
    Value U = f.singularVectors(weight, /*right=*/false, high);
    Value A = f.einsum("or,oi->ri", {U, weight});
    return f.sum({f.lowRank(U, A), trained});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral tripleSuffixes[] = {
    ".osf_svd_params.U_low", ".osf_svd_params.S_low", ".osf_svd_params.V_low"};
static constexpr llvm::StringLiteral tripleFields[] = {
    // What the tensors say (ranks may be shares there), or what is ignored.
    "effective_rank", "rank_pattern", "target_svd_config"};
static constexpr ModuleKind linears[] = {ModuleKind::Linear};

const Tuner importer::osfTuner = {"OSF",        tripleSuffixes, {},
                                  tripleFields, linears,        readLowTriples};

//===----------------------------------------------------------------------===//
// A turn between the first singular vectors
//===----------------------------------------------------------------------===//

/// x to the power 1/2 or -1/2 of the square roots of `squares`.
static Value rootOfNorms(FormBuilder &f, Value squares, bool inverse) {
  return f.map(squares, [&](auto &b, auto loc, Value square) -> Value {
    auto number = [&](double value) {
      return mlir::arith::ConstantOp::create(b, loc,
                                             b.getF32FloatAttr(float(value)));
    };
    Value root = mlir::math::SqrtOp::create(
        b, loc, mlir::math::SqrtOp::create(b, loc, square));
    if (!inverse)
      return root;
    // A singular value of zero leaves nothing to divide.
    root = mlir::arith::MaximumFOp::create(b, loc, root, number(1e-18));
    return mlir::arith::DivFOp::create(b, loc, number(1), root);
  });
}

namespace {
/// What the turn is made of.
struct Turn {
  int64_t rank;
  bool orthogonal, before, after;
  std::optional<int64_t> terms;
  std::optional<double> limit;
  /// Each side has the root of the singular values; else the left side all.
  bool balanced;
  double weight;
};
} // namespace

/// diag(b) C diag(a).
static Value buildTurn(FormBuilder &f, const Turn &t) {
  llvm::SmallVector<Value> chain;
  if (t.after)
    chain.push_back(f.diagonal(f.stored("vector_b")));
  if (!t.orthogonal) {
    chain.push_back(f.dense(f.stored("turn")));
  } else if (t.rank > 1) {
    int64_t entries = t.rank * (t.rank - 1) / 2;
    Value triangle = f.stored("turn");
    if (t.limit)
      triangle = f.reshape(
          limitSkew(f, f.reshape(f.numbers("turn"), {1, entries}), *t.limit),
          {entries});
    Value skew = adapter::SkewOp::create(f.b, f.loc, triangle);
    Value turn = adapter::CayleyOp::create(f.b, f.loc, skew, t.terms);
    // (I + K) (I - K)^-1, which is what the series stands for, too.
    chain.push_back(t.terms ? turn : f.transpose(turn));
  }
  if (t.before)
    chain.push_back(f.diagonal(f.stored("vector_a")));
  if (chain.empty())
    return adapter::IdentityOp::create(f.b, f.loc, t.rank);
  return chain.size() == 1 ? chain.front() : f.compose(chain);
}

/// Reads what the turn is made of.
static llvm::Expected<Turn> readTurn(ModuleReader &r) {
  auto boolean = [&](llvm::StringRef field, bool missing,
                     bool &value) -> llvm::Error {
    auto read = r.config[field].booleanOr(missing);
    if (!read)
      return read.takeError();
    value = *read;
    return llvm::Error::success();
  };
  Turn t{};
  bool series = false;
  if (llvm::Error e = boolean("psoft_orth", true, t.orthogonal))
    return std::move(e);
  if (llvm::Error e = boolean("psoft_mag_a", true, t.before))
    return std::move(e);
  if (llvm::Error e = boolean("psoft_mag_b", true, t.after))
    return std::move(e);
  if (llvm::Error e = boolean("use_cayley_neumann", false, series))
    return std::move(e);
  auto terms = r.config["num_cayley_neumann_terms"].integerOr(5, 1, 128);
  if (!terms)
    return terms.takeError();
  if (series)
    t.terms = *terms;
  if (series && !r.config["cayley_neumann_eps"].isNull()) {
    auto limit = r.config["cayley_neumann_eps"].number();
    if (!limit)
      return limit.takeError();
    t.limit = *limit;
  }
  auto sides = r.config["ab_svd_init"].stringOr("psoft_init");
  if (!sides)
    return sides.takeError();
  t.balanced = *sides == "pissa_init";
  if (!t.balanced && *sides != "psoft_init")
    return r.fieldError("ab_svd_init",
                        "'" + *sides +
                            "' is not supported (known: pissa_init, "
                            "psoft_init)");
  auto method = r.config["psoft_svd"].stringOr("full");
  if (!method)
    return method.takeError();
  if (*method != "full")
    return r.fieldError("psoft_svd",
                        "'" + *method +
                            "' is not supported (known: full): it begins with "
                            "random numbers");
  auto rank = r.rank("r", 32);
  if (!rank)
    return rank.takeError();
  t.rank = *rank;
  if (t.rank > std::min(r.module.out, r.module.in))
    return r.fieldError("r", "module '" + r.module.path +
                                 "' has fewer singular values");
  return t;
}

// PSOFT: W + U_r diag(s) (R - I) V_r^T, R = diag(b) C diag(a); (W V_r) has the
// singular values. With balanced sides R - I stands between their roots.
static llvm::Error readTurned(ModuleReader &r) {
  auto turn = readTurn(r);
  if (!turn)
    return turn.takeError();
  Turn t = *turn;
  auto entry = r.need(".psoft_R.weight");
  if (!entry)
    return entry.takeError();
  // A turn of one dimension has nothing to store.
  int64_t entries = t.rank * (t.rank - 1) / 2;
  bool isEmpty = t.orthogonal && t.rank == 1;
  if (isEmpty && !llvm::equal((*entry)->shape, nothing))
    return r.error(**entry, "must be empty for a rank of 1");
  if (!isEmpty)
    if (llvm::Error e = t.orthogonal ? r.add("turn", **entry, {entries})
                                     : r.add("turn", **entry, {t.rank, t.rank}))
      return e;
  if (t.after) {
    auto b = r.addNeeded("vector_b", ".psoft_R.vector_b", {t.rank});
    if (!b)
      return b.takeError();
  }
  if (t.before) {
    auto a = r.addNeeded("vector_a", ".psoft_R.vector_a", {t.rank});
    if (!a)
      return a.takeError();
  }
  auto weight = r.scaled(1.0, "psoft_alpha");
  if (!weight)
    return weight.takeError();
  t.weight = *weight;
  for (double number : {double(t.rank), double(t.orthogonal), double(t.after),
                        double(t.before), double(t.terms.value_or(0)),
                        t.limit.value_or(-1), double(t.balanced), t.weight})
    r.depends(number);
  r.form.map = [t](FormBuilder &f, Value map) {
    Value frozen = f.materialize(map);
    Value V = f.singularVectors(frozen, /*right=*/true, t.rank);
    Value scaled = f.einsum("oi,ri->or", {frozen, V});
    Value identity = adapter::IdentityOp::create(f.b, f.loc, t.rank);
    Value change = f.sum({buildTurn(f, t), f.scale(identity, -1)});
    llvm::SmallVector<Value> chain{f.dense(scaled), change, f.dense(V)};
    if (t.balanced) {
      Value squares = f.einsum("or,or->r", {scaled, scaled});
      chain.insert(chain.begin() + 2,
                   f.diagonal(rootOfNorms(f, squares, /*inverse=*/false)));
      chain.insert(chain.begin() + 1,
                   f.diagonal(rootOfNorms(f, squares, /*inverse=*/true)));
    }
    return f.sum({map, f.scale(f.compose(chain), t.weight)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral turnSuffixes[] = {
    ".psoft_R.weight", ".psoft_R.vector_a", ".psoft_R.vector_b"};
static constexpr llvm::StringLiteral turnFields[] = {
    "r", "psoft_orth", "psoft_mag_a", "psoft_mag_b", "use_cayley_neumann",
    "num_cayley_neumann_terms", "cayley_neumann_eps", "ab_svd_init",
    "psoft_svd",
    // What cancels, is of the other decomposition, or about training alone.
    "psoft_alpha", "psoft_svd_lowrank_niter", "random_seed", "psoft_dropout"};

const Tuner importer::psoftTuner = {"PSOFT",    turnSuffixes, {},
                                    turnFields, matrices,     readTurned};

//===----------------------------------------------------------------------===//
// A basis of inputs for modules of one name
//===----------------------------------------------------------------------===//

/// Modules of one category have one basis: the last two names of the path, or
/// the last where the one before is a number.
static std::string categoryOf(llvm::StringRef path) {
  llvm::SmallVector<llvm::StringRef> names;
  path.split(names, '.');
  size_t count = names.size();
  auto isNumber = [](llvm::StringRef name) {
    return !name.empty() && llvm::all_of(name, llvm::isDigit);
  };
  if (count == 1 || isNumber(names[count - 2]))
    return names.back().str();
  if (count >= 3 && names[count - 3] == "attention" &&
      names[count - 2] == "output" && names.back() == "dense")
    return "attention_output";
  return (names[count - 2] + "_" + names.back()).str();
}

/// The places of the trained entries of an `in` x `in` matrix.
static llvm::Error addPlaces(ModuleReader &r, const std::string &part,
                             const std::string &category, int64_t count) {
  auto size = r.needShared("frod_s_size." + category);
  if (!size)
    return size.takeError();
  auto sizes = r.integers(**size);
  if (!sizes)
    return sizes.takeError();
  int64_t in = r.module.in;
  if (*sizes != std::vector<int64_t>{in, in})
    return r.error(**size, "is no square of the " + llvm::Twine(in) +
                               " inputs of module '" + r.module.path + "'");
  auto places = r.needShared(part);
  if (!places)
    return places.takeError();
  if (llvm::Error e = r.add(part, **places, {2, count}, /*whole=*/true))
    return e;
  auto numbers = r.integers(**places);
  if (!numbers)
    return numbers.takeError();
  for (auto [i, number] : llvm::enumerate(*numbers))
    if (number < 0 || number >= in)
      return r.error(
          **places, "element " + llvm::Twine(i) + " is " + llvm::Twine(number) +
                        ", must be at least 0 and below " + llvm::Twine(in));
  return llvm::Error::success();
}

// FRoD: W = U diag(s) V^T with columns of U of length 1 for a given V; the
// adapter has another diagonal and entries beside it.
static llvm::Error readBasis(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  int64_t in = r.module.in;
  std::string category = categoryOf(r.module.path);
  std::string basis = "frod_V." + category,
              places = "frod_s_indices." + category;
  if (!r.shared.count(basis)) {
    auto saved = r.config["save_projection"].booleanOr(true);
    if (!saved)
      return saved.takeError();
    if (!*saved)
      return r.fieldError("save_projection",
                          "a basis that is not stored is not supported: it "
                          "depends on signs of one library's decompositions");
  }
  auto V = r.addShared(basis, {in, in});
  if (!V)
    return V.takeError();
  auto diagonal = r.addNeeded("frod_lambda_l", ".frod_lambda_l", {in});
  if (!diagonal)
    return diagonal.takeError();
  auto values = r.need(".frod_lambda_s_values");
  if (!values)
    return values.takeError();
  bool hasValues = !llvm::equal((*values)->shape, nothing);
  if (hasValues) {
    if (llvm::Error e = r.add("frod_lambda_s_values", **values, {-1}))
      return e;
    if (llvm::Error e = addPlaces(r, places, category, (*values)->shape[0]))
      return e;
  }
  r.form.map = [=](FormBuilder &f, Value map) {
    // V^-1 W^T is the transpose of U diag(s).
    Value V = f.numbers(basis);
    Value weight = f.permute(f.materialize(map), {1, 0});
    Value rows =
        adapter::SolveOp::create(f.b, f.loc, weight.getType(), V, weight);
    Value U = f.transpose(adapter::NormalizeOp::create(
        f.b, f.loc, 0, f.dense(rows), /*floor=*/1e-12));
    Value middle = f.diagonal(f.stored("frod_lambda_l"));
    if (hasValues)
      middle = f.sum({middle, adapter::SparseOp::create(
                                  f.b, f.loc, f.stored(places),
                                  f.stored("frod_lambda_s_values"), in, in)});
    return f.compose({U, middle, f.transpose(f.dense(f.stored(basis)))});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral basisSuffixes[] = {
    ".frod_lambda_l", ".frod_lambda_s_values"};
static constexpr llvm::StringLiteral basisShared[] = {
    "frod_V", "frod_s_indices", "frod_s_size"};
static constexpr llvm::StringLiteral basisFields[] = {
    "save_projection",
    // Where the stored basis and places come from, and about training.
    "projection_prng_key", "sparse_rate", "regularization_alpha",
    "frod_dropout", "progressbar", "runtime_offload_base_weight"};

const Tuner importer::frodTuner = {"FROD",      basisSuffixes, basisShared,
                                   basisFields, matrices,      readBasis};
