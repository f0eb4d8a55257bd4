//===- Network.cpp - tensor networks and the order of contracting them -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/NetworkNumbers.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <optional>
#include <vector>

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

class NetworkParser {
public:
  NetworkParser(EmitError emitError, StringRef text)
      : emitError(emitError), text(text) {}

  FailureOr<Network> parse(TypeRange cores);

private:
  LogicalResult parseModes(StringRef group, Modes &modes);
  LogicalResult checkSizes(TypeRange cores);
  LogicalResult checkPlaces();
  InFlightDiagnostic fail() {
    return emitError() << "network \"" << text << "\": ";
  }

  EmitError emitError;
  StringRef text;
  Network network;
};

} // namespace

/// Names are a letter and digits behind it, if any. (A43)
LogicalResult NetworkParser::parseModes(StringRef group, Modes &modes) {
  while (!group.empty()) {
    if (!llvm::isAlpha(group.front()))
      return fail() << "expected a letter, but got '" << group.take_front()
                    << "' (A43)";
    size_t length = 1;
    while (length < group.size() && llvm::isDigit(group[length]))
      ++length;
    StringRef name = group.take_front(length);
    group = group.drop_front(length);
    auto known = llvm::find(network.names, name);
    unsigned mode = known - network.names.begin();
    if (known == network.names.end()) {
      network.names.push_back(name.str());
      network.sizes.push_back(0);
    }
    if (llvm::is_contained(modes, mode))
      return fail() << "mode '" << name << "' is twice in one group (A45)";
    modes.push_back(mode);
  }
  return success();
}

/// (A44)
LogicalResult NetworkParser::checkSizes(TypeRange cores) {
  for (auto [index, type] : llvm::enumerate(cores)) {
    auto shape = cast<RankedTensorType>(type).getShape();
    for (auto [mode, size] : llvm::zip_equal(network.cores[index], shape)) {
      int64_t &known = network.sizes[mode];
      if (known && known != size)
        return fail() << "mode '" << network.names[mode] << "' is " << known
                      << " and, in core " << index << ", " << size << " (A44)";
      known = size;
    }
  }
  return success();
}

/// (A45)
LogicalResult NetworkParser::checkPlaces() {
  for (unsigned mode = 0; mode < network.names.size(); ++mode) {
    auto has = [&](ArrayRef<unsigned> modes) {
      return llvm::is_contained(modes, mode);
    };
    int64_t inCores = llvm::count_if(network.cores, has);
    bool isOut = has(network.out), isIn = has(network.in);
    StringRef name = network.names[mode];
    if (isOut && isIn)
      return fail() << "mode '" << name
                    << "' is one of the outputs and of the inputs (A45)";
    if (inCores == 0)
      return fail() << "mode '" << name << "' is in no core (A45)";
    if (inCores == 1 && !isOut && !isIn)
      return fail() << "mode '" << name
                    << "' is in one core alone, and neither of the outputs nor "
                       "of the inputs (A45)";
  }
  return success();
}

FailureOr<Network> NetworkParser::parse(TypeRange cores) {
  if (cores.empty() || cores.size() > 64)
    return emitError() << "a network has 1 to 64 cores, but got "
                       << cores.size() << " (A42)",
           failure();
  for (auto [index, type] : llvm::enumerate(cores)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() || tensor.getRank() < 1 ||
        !tensor.getElementType().isF32() || tensor.getNumElements() < 1)
      return emitError() << "core " << index
                         << " is a static f32 tensor of rank 1 or more, but "
                            "got "
                         << type << " (A42)",
             failure();
  }
  auto [left, right] = text.split("->");
  auto [out, in] = right.split('|');
  if (!text.contains("->") || !right.contains('|'))
    return fail() << "expected cores '->' outputs '|' inputs (A43)", failure();
  SmallVector<StringRef> groups;
  left.split(groups, ',');
  if (groups.size() != cores.size())
    return fail() << "has modes of " << groups.size() << " cores, but got "
                  << cores.size() << " (A43)",
           failure();
  for (auto [index, group] : llvm::enumerate(groups)) {
    if (failed(parseModes(group, network.cores.emplace_back())))
      return failure();
    int64_t rank = cast<RankedTensorType>(cores[index]).getRank();
    if (int64_t(network.cores.back().size()) != rank)
      return fail() << "names " << network.cores.back().size()
                    << " modes of core " << index << ", which has " << rank
                    << " (A43)",
             failure();
  }
  if (failed(parseModes(out, network.out)) ||
      failed(parseModes(in, network.in)))
    return failure();
  if (network.out.empty() || network.in.empty())
    return fail() << "has no modes of the "
                  << (network.out.empty() ? "outputs" : "inputs") << " (A43)",
           failure();
  if (failed(checkSizes(cores)) || failed(checkPlaces()))
    return failure();
  return network;
}

FailureOr<Network> adapter::parseNetwork(EmitError emitError, StringRef text,
                                         TypeRange cores) {
  return NetworkParser(emitError, text).parse(cores);
}

std::string adapter::transposedNetwork(StringRef text) {
  auto [left, right] = text.split("->");
  auto [out, in] = right.split('|');
  return (left + "->" + in + "|" + out).str();
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

uint64_t adapter::countPoints(ArrayRef<unsigned> modes,
                              ArrayRef<int64_t> sizes) {
  uint64_t points = 1;
  for (unsigned mode : modes)
    points = llvm::SaturatingMultiply(points, uint64_t(sizes[mode]));
  return points;
}

static Modes unite(ArrayRef<unsigned> left, ArrayRef<unsigned> right) {
  Modes all(left);
  for (unsigned mode : right)
    if (!llvm::is_contained(all, mode))
      all.push_back(mode);
  return all;
}

static uint64_t costOfStep(ArrayRef<unsigned> left, ArrayRef<unsigned> right,
                           size_t kept, ArrayRef<int64_t> sizes) {
  Modes all = unite(left, right);
  return llvm::SaturatingMultiply(countPoints(all, sizes),
                                  uint64_t(all.size() > kept ? 2 : 1));
}

namespace {

/// The modes that the contraction of a set of tensors keeps: those of a tensor
/// inside that the result has, or one outside.
template <typename IsInside>
Modes keptModes(ArrayRef<Modes> tensors, ArrayRef<unsigned> result,
                IsInside isInside) {
  Modes inside, outside(result);
  for (auto [index, modes] : llvm::enumerate(tensors))
    (isInside(index) ? inside : outside) =
        unite(isInside(index) ? inside : outside, modes);
  llvm::erase_if(inside, [&](unsigned mode) {
    return !llvm::is_contained(outside, mode);
  });
  return inside;
}

/// The best way to contract each subset of the tensors, by subset.
class OptimalPlanner {
public:
  OptimalPlanner(ArrayRef<Modes> tensors, ArrayRef<unsigned> result,
                 ArrayRef<int64_t> sizes)
      : tensors(tensors), sizes(sizes), best(size_t(1) << tensors.size()) {
    for (unsigned set = 1; set < best.size(); ++set)
      best[set].kept = llvm::isPowerOf2_32(set)
                           ? tensors[llvm::Log2_32(set)]
                           : keptModes(tensors, result, [&](unsigned index) {
                               return set >> index & 1;
                             });
    // Subsets of a set have smaller numbers.
    for (unsigned set = 1; set < best.size(); ++set)
      if (!llvm::isPowerOf2_32(set))
        choose(set);
  }

  ContractionPlan plan() {
    emit(best.size() - 1);
    return std::move(result);
  }

private:
  struct Way {
    uint64_t cost = 0;
    unsigned left = 0;
    Modes kept;
  };

  void choose(unsigned set) {
    Way &way = best[set];
    way.cost = std::numeric_limits<uint64_t>::max();
    // Each split once: the left part has the tensor with the lowest number.
    unsigned lowest = set & -set;
    for (unsigned left = (set - 1) & set; left; left = (left - 1) & set) {
      if (!(left & lowest))
        continue;
      const Way &a = best[left], &b = best[set ^ left];
      uint64_t cost = llvm::SaturatingAdd(
          llvm::SaturatingAdd(a.cost, b.cost),
          costOfStep(a.kept, b.kept, way.kept.size(), sizes));
      if (way.left == 0 || cost < way.cost) {
        way.cost = cost;
        way.left = left;
      }
    }
  }

  unsigned emit(unsigned set) {
    if (llvm::isPowerOf2_32(set))
      return llvm::Log2_32(set);
    unsigned left = emit(best[set].left), right = emit(set ^ best[set].left);
    result.steps.push_back({left, right, best[set].kept});
    return tensors.size() + result.steps.size() - 1;
  }

  ArrayRef<Modes> tensors;
  ArrayRef<int64_t> sizes;
  std::vector<Way> best;
  ContractionPlan result;
};

} // namespace

static ContractionPlan planGreedily(ArrayRef<Modes> tensors,
                                    ArrayRef<unsigned> result,
                                    ArrayRef<int64_t> sizes) {
  ContractionPlan plan;
  SmallVector<Modes> all(tensors);
  SmallVector<unsigned> left = llvm::to_vector(
      llvm::seq<unsigned>(0, static_cast<unsigned>(tensors.size())));
  // How many of those that are left have a mode, and the result.
  SmallVector<unsigned> uses(sizes.size(), 0);
  auto count = [&](ArrayRef<unsigned> modes, int change) {
    for (unsigned mode : modes)
      uses[mode] += change;
  };
  count(result, 1);
  for (const Modes &modes : tensors)
    count(modes, 1);
  while (left.size() > 1) {
    std::optional<ContractionPlan::Step> best;
    uint64_t bestCost = 0;
    for (size_t place = 0; place < left.size(); ++place)
      for (unsigned j : ArrayRef(left).drop_front(place + 1)) {
        unsigned i = left[place];
        Modes kept = unite(all[i], all[j]);
        llvm::erase_if(kept, [&](unsigned mode) {
          return uses[mode] <= unsigned(llvm::is_contained(all[i], mode)) +
                                   unsigned(llvm::is_contained(all[j], mode));
        });
        uint64_t cost = costOfStep(all[i], all[j], kept.size(), sizes);
        if (best && cost >= bestCost)
          continue;
        best = ContractionPlan::Step{i, j, std::move(kept)};
        bestCost = cost;
      }
    count(all[best->left], -1);
    count(all[best->right], -1);
    count(best->kept, 1);
    llvm::erase_if(
        left, [&](unsigned k) { return k == best->left || k == best->right; });
    left.push_back(all.size());
    all.push_back(best->kept);
    plan.steps.push_back(std::move(*best));
  }
  return plan;
}

ContractionPlan adapter::planContraction(ArrayRef<Modes> tensors,
                                         ArrayRef<unsigned> result,
                                         ArrayRef<int64_t> sizes) {
  return tensors.size() <= kOptimalTensors
             ? OptimalPlanner(tensors, result, sizes).plan()
             : planGreedily(tensors, result, sizes);
}

uint64_t adapter::countFlops(const ContractionPlan &plan,
                             ArrayRef<Modes> tensors, ArrayRef<int64_t> sizes) {
  SmallVector<Modes> all(tensors);
  uint64_t flops = 0;
  for (const ContractionPlan::Step &step : plan.steps) {
    flops =
        llvm::SaturatingAdd(flops, costOfStep(all[step.left], all[step.right],
                                              step.kept.size(), sizes));
    all.push_back(step.kept);
  }
  return flops;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

ModeTensor adapter::contractNumbers(const ModeTensor &a, const ModeTensor &b,
                                    ArrayRef<unsigned> kept,
                                    ArrayRef<int64_t> sizes) {
  Modes all = unite(a.modes, b.modes);
  ModeTensor result;
  for (unsigned mode : all)
    if (llvm::is_contained(kept, mode))
      result.modes.push_back(mode);
  result.values.assign(countPoints(result.modes, sizes), 0.0);
  // By how much the place in a tensor moves with each mode.
  auto stepsIn = [&](ArrayRef<unsigned> modes) {
    SmallVector<int64_t> steps(all.size(), 0);
    int64_t step = 1;
    for (unsigned mode : llvm::reverse(modes)) {
      steps[llvm::find(all, mode) - all.begin()] = step;
      step *= sizes[mode];
    }
    return steps;
  };
  SmallVector<int64_t> inA = stepsIn(a.modes), inB = stepsIn(b.modes),
                       inResult = stepsIn(result.modes), at(all.size(), 0);
  int64_t i = 0, j = 0, k = 0;
  for (uint64_t left = countPoints(all, sizes); left > 0; --left) {
    result.values[k] += a.values[i] * b.values[j];
    for (size_t d = all.size(); d-- > 0;) {
      int64_t back = ++at[d] == sizes[all[d]] ? at[d] : 0;
      i += inA[d] * (1 - back);
      j += inB[d] * (1 - back);
      k += inResult[d] * (1 - back);
      if (!back)
        break;
      at[d] = 0;
    }
  }
  return result;
}

ModeTensor adapter::reorderNumbers(const ModeTensor &tensor,
                                   ArrayRef<unsigned> order,
                                   ArrayRef<int64_t> sizes) {
  if (ArrayRef(tensor.modes) == order)
    return tensor;
  SmallVector<int64_t> steps(order.size());
  int64_t step = 1;
  for (unsigned mode : llvm::reverse(tensor.modes)) {
    steps[llvm::find(order, mode) - order.begin()] = step;
    step *= sizes[mode];
  }
  ModeTensor result{Modes(order), std::vector<double>(tensor.values.size())};
  for (size_t place = 0; place < result.values.size(); ++place) {
    int64_t rest = place, source = 0;
    for (size_t d = order.size(); d-- > 0;) {
      source += rest % sizes[order[d]] * steps[d];
      rest /= sizes[order[d]];
    }
    result.values[place] = tensor.values[source];
  }
  return result;
}
