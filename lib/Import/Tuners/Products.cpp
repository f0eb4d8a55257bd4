//===- Products.cpp - adapters that are products of maps --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Tuners.h"
#include "allot/Dialect/Adapter/IR/Structured.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

static Value hadamard(FormBuilder &f, Value a, Value b) {
  return adapter::HadamardOp::create(f.b, f.loc, a.getType(),
                                     mlir::ValueRange{a, b});
}

/// The scale alpha / r of the configuration.
static llvm::Expected<double> scaleOf(ModuleReader &r) {
  auto rank = r.rank();
  if (!rank)
    return rank.takeError();
  auto alpha = r.alpha("alpha", 8);
  if (!alpha)
    return alpha.takeError();
  auto scale = r.scaled(*alpha / double(*rank), "alpha");
  if (scale)
    r.depends(*scale);
  return scale;
}

//===----------------------------------------------------------------------===//
// Entry by entry
//===----------------------------------------------------------------------===//

// LoHa (FedPara), Hyeon-Woo et al. 2021: W + s (B1 A1) * (B2 A2).
static llvm::Error readHadamard(ModuleReader &r) {
  for (llvm::StringRef pair : {"hada_w1", "hada_w2"}) {
    std::string a = (pair + "_a").str(), b = (pair + "_b").str();
    auto left = r.addNeeded(a, "." + a, {r.module.out, -1});
    if (!left)
      return left.takeError();
    int64_t rank = (*left)->shape[1];
    if (llvm::Error e = r.checkRank(rank, **left))
      return e;
    auto right = r.addNeeded(b, "." + b, {rank, r.module.in});
    if (!right)
      return right.takeError();
  }
  auto scale = scaleOf(r);
  if (!scale)
    return scale.takeError();
  r.form.map = [s = *scale](FormBuilder &f, Value map) {
    Value product =
        hadamard(f, f.lowRank(f.stored("hada_w1_a"), f.stored("hada_w1_b")),
                 f.lowRank(f.stored("hada_w2_a"), f.stored("hada_w2_b")));
    return f.sum({map, f.scale(product, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral hadamardSuffixes[] = {
    ".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b"};
static constexpr llvm::StringLiteral hadamardFields[] = {
    "r", "alpha",
    // About training alone, or about convolutions.
    "rank_dropout", "module_dropout", "use_effective_conv2d"};

const Tuner importer::lohaTuner = {
    "LOHA", hadamardSuffixes, {}, hadamardFields, matrices, readHadamard};

// HiRA, Huang et al. 2025: W + W * (B A).
static llvm::Error readHighRank(ModuleReader &r) {
  auto a = r.addNeeded("hira_A", ".hira_A", {-1, r.module.in});
  if (!a)
    return a.takeError();
  auto b = r.addNeeded("hira_B", ".hira_B", {r.module.out, (*a)->shape[0]});
  if (!b)
    return b.takeError();
  auto scale = r.scaled(1.0, "r");
  if (!scale)
    return scale.takeError();
  r.depends(*scale);
  r.form.map = [s = *scale](FormBuilder &f, Value map) {
    Value factor = f.lowRank(f.stored("hira_B"), f.stored("hira_A"));
    return f.sum({map, f.scale(hadamard(f, f.frozen, factor), s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral hiraSuffixes[] = {".hira_A", ".hira_B"};
static constexpr llvm::StringLiteral hiraFields[] = {"r", "hira_dropout",
                                                     "init_hira_weights"};

const Tuner importer::hiraTuner = {"HIRA",     hiraSuffixes, {},
                                   hiraFields, matrices,     readHighRank};

//===----------------------------------------------------------------------===//
// Kronecker products
//===----------------------------------------------------------------------===//

/// One factor: a matrix, or a pair. Gives its shape.
static llvm::Expected<std::pair<int64_t, int64_t>>
addFactor(ModuleReader &r, const std::string &name) {
  if (const archive::TensorEntry *whole = r.find("." + name)) {
    if (llvm::Error e = r.add(name, *whole, {-1, -1}))
      return std::move(e);
    return std::pair(whole->shape[0], whole->shape[1]);
  }
  auto a = r.addNeeded(name + "_a", "." + name + "_a", {-1, -1});
  if (!a)
    return a.takeError();
  auto b = r.addNeeded(name + "_b", "." + name + "_b", {(*a)->shape[1], -1});
  if (!b)
    return b.takeError();
  return std::pair((*a)->shape[0], (*b)->shape[1]);
}

static Value buildFactor(FormBuilder &f, const std::string &name, bool whole) {
  return whole ? f.dense(f.stored(name))
               : f.lowRank(f.stored(name + "_a"), f.stored(name + "_b"));
}

// LoKr, Yeh et al. 2023: W + s W1 (x) W2.
static llvm::Error readKronecker(ModuleReader &r) {
  auto first = addFactor(r, "lokr_w1");
  if (!first)
    return first.takeError();
  auto second = addFactor(r, "lokr_w2");
  if (!second)
    return second.takeError();
  if (first->first * second->first != r.module.out ||
      first->second * second->second != r.module.in)
    return support::fileError(
        r.file.path(),
        "the Kronecker factors of module '" + r.module.path + "', " +
            support::shapeString({first->first, first->second}) + " and " +
            support::shapeString({second->first, second->second}) +
            ", do not make a matrix of " +
            support::shapeString({r.module.out, r.module.in}));
  auto scale = scaleOf(r);
  if (!scale)
    return scale.takeError();
  bool whole1 = r.find(".lokr_w1"), whole2 = r.find(".lokr_w2");
  r.form.map = [=, s = *scale](FormBuilder &f, Value map) {
    Value product =
        adapter::KronOp::create(f.b, f.loc, buildFactor(f, "lokr_w1", whole1),
                                buildFactor(f, "lokr_w2", whole2));
    return f.sum({map, f.scale(product, s)});
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral kroneckerSuffixes[] = {
    ".lokr_w1", ".lokr_w1_a", ".lokr_w1_b",
    ".lokr_w2", ".lokr_w2_a", ".lokr_w2_b"};
static constexpr llvm::StringLiteral kroneckerFields[] = {
    "r", "alpha",
    // What the tensors say, or about training alone.
    "decompose_both", "decompose_factor", "rank_dropout", "module_dropout",
    "rank_dropout_scale", "use_effective_conv2d"};

const Tuner importer::lokrTuner = {
    "LOKR", kroneckerSuffixes, {}, kroneckerFields, matrices, readKronecker};

//===----------------------------------------------------------------------===//
// Everything at once
//===----------------------------------------------------------------------===//

namespace {

/// How one of the paths of GLoRA is stored.
enum class Path { Absent, Pair, Whole };

} // namespace

static llvm::Expected<Path> addPath(ModuleReader &r, char letter,
                                    llvm::ArrayRef<int64_t> shape) {
  std::string name = std::string("glora_") + letter;
  if (const archive::TensorEntry *whole = r.find("." + name + ".X")) {
    // A column stands for all inputs, a number for all outputs.
    llvm::SmallVector<int64_t> small(shape);
    small.back() = 1;
    if (llvm::Error e = whole->shape == small
                            ? r.add(name + ".X", *whole, small)
                            : r.add(name + ".X", *whole, shape))
      return std::move(e);
    return Path::Whole;
  }
  // A path that is not there may be stored as zeros.
  if (const archive::TensorEntry *none = r.find("." + name + ".zeros")) {
    auto numbers = r.file.readFloat(*none);
    if (!numbers)
      return numbers.takeError();
    if (llvm::any_of(*numbers, [](float x) { return x != 0; }))
      return r.error(*none, "is not zero");
    return Path::Absent;
  }
  if (shape.size() != 2 ||
      (!r.find("." + name + ".Xd") && !r.find("." + name + ".Xu")))
    return Path::Absent;
  auto down = r.addNeeded(name + ".Xd", "." + name + ".Xd", {shape[0], -1});
  if (!down)
    return down.takeError();
  auto up = r.addNeeded(name + ".Xu", "." + name + ".Xu",
                        {(*down)->shape[1], shape[1]});
  if (!up)
    return up.takeError();
  return Path::Pair;
}

/// The map of a path of the shape of the weight.
static Value buildPath(FormBuilder &f, char letter, Path path) {
  std::string name = std::string("glora_") + letter;
  if (path == Path::Pair)
    return f.lowRank(f.stored(name + ".Xd"), f.stored(name + ".Xu"));
  Value whole = f.stored(name + ".X");
  if (shapeOf(whole)[1] == f.module.in)
    return f.dense(whole);
  return f.lowRank(whole, f.splat({1, f.module.in}, 1));
}

/// The numbers of a path of the shape of the bias.
static Value buildVector(FormBuilder &f, char letter) {
  Value numbers = f.numbers(std::string("glora_") + letter + ".X");
  return shapeOf(numbers)[0] == f.module.out
             ? numbers
             : f.einsum("k,o->o", {numbers, f.splat({f.module.out}, 1)});
}

// GLoRA, Chavan et al. 2023: W' = W + W * A + B, b' = b + b * D + E + W C.
static llvm::Error readGeneral(ModuleReader &r) {
  if (llvm::Error e = r.unweighted())
    return e;
  int64_t out = r.module.out, in = r.module.in;
  Path paths[5];
  for (auto [letter, shape] :
       {std::pair<char, llvm::SmallVector<int64_t>>{'A', {out, in}},
        {'B', {out, in}},
        {'C', {in, 1}},
        {'D', {out}},
        {'E', {out}}}) {
    auto path = addPath(r, letter, shape);
    if (!path)
      return path.takeError();
    paths[letter - 'A'] = *path;
  }
  Path a = paths[0], b = paths[1], c = paths[2], d = paths[3], e = paths[4];
  r.form.map = [=](FormBuilder &f, Value map) {
    llvm::SmallVector<Value> terms{map};
    if (a != Path::Absent)
      terms.push_back(hadamard(f, map, buildPath(f, 'A', a)));
    if (b != Path::Absent)
      terms.push_back(buildPath(f, 'B', b));
    return terms.size() > 1 ? f.sum(terms) : map;
  };
  r.form.bias = [=](FormBuilder &f, Value bias) {
    if (!bias)
      return bias;
    Value result = bias;
    if (d != Path::Absent)
      result = f.add(result, f.multiply(bias, buildVector(f, 'D')));
    if (e != Path::Absent)
      result = f.add(result, buildVector(f, 'E'));
    if (c == Path::Absent)
      return result;
    Value shift = c == Path::Whole
                      ? f.numbers("glora_C.X")
                      : f.einsum("ir,rj->ij", {f.numbers("glora_C.Xd"),
                                               f.numbers("glora_C.Xu")});
    return f.add(result, f.applyTo(f.frozen, f.reshape(shift, {in})));
  };
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral generalSuffixes[] = {
    ".glora_A.X",     ".glora_A.Xd",    ".glora_A.Xu",    ".glora_B.X",
    ".glora_B.Xd",    ".glora_B.Xu",    ".glora_C.X",     ".glora_C.Xd",
    ".glora_C.Xu",    ".glora_D.X",     ".glora_E.X",     ".glora_A.zeros",
    ".glora_B.zeros", ".glora_C.zeros", ".glora_D.zeros", ".glora_E.zeros"};
static constexpr llvm::StringLiteral generalFields[] = {
    // What the tensors say.
    "r", "config_A_B", "config_C", "config_D_E"};

const Tuner importer::gloraTuner = {
    "GLORA", generalSuffixes, {}, generalFields, matrices, readGeneral};
