//===- MapsTest.cpp - gradients of map expressions --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientTest.h"

using namespace allot;
using namespace allot::test;

namespace {

/// A random expression whose leaves are arguments of the function.
class MapGradient : public GradientTest {
protected:
  int64_t size() { return 1 + random() % 5; }
  std::string argument(llvm::ArrayRef<int64_t> shape) {
    std::string name = "%a" + std::to_string(types.size()), type = "tensor<";
    for (int64_t d : shape)
      type += std::to_string(d) + "x";
    types.push_back(type + "f32>");
    arguments.push_back(normal(shape));
    return name;
  }
  std::string let(const std::string &op) {
    std::string name = "%m" + std::to_string(lets++);
    body += "  " + name + " = " + op + "\n";
    return name;
  }
  static std::string type(int64_t out, int64_t in) {
    return "!adapter.map<" + std::to_string(out) + "x" + std::to_string(in) +
           ", f32>";
  }

  std::string map(int64_t out, int64_t in, unsigned depth) {
    if (out == in && random() % 4 == 0) {
      std::string v = argument({out});
      return let("adapter.diagonal " + v + " : " + types.back());
    }
    if (out == in && random() % 8 == 0)
      return let("adapter.identity : " + type(out, in));
    if (random() % 16 == 0)
      return let("adapter.zero : " + type(out, in));
    switch (random() % (depth == 0 ? 2 : 11)) {
    case 0: {
      std::string w = argument({out, in});
      return let("adapter.dense " + w + " : " + types.back());
    }
    case 1: {
      int64_t rank = size();
      std::string b = argument({out, rank}), bType = types.back();
      std::string a = argument({rank, in}), aType = types.back();
      if (random() % 2)
        return let("adapter.lowrank " + b + ", " + a + " : " + bType + ", " +
                   aType);
      std::string gate = argument({rank});
      return let("adapter.lowrank " + b + ", " + a + " gate " + gate + " : " +
                 bType + ", " + aType + ", " + types.back());
    }
    case 2: {
      std::string left = map(out, in, depth - 1),
                  right = map(out, in, depth - 1);
      return let("adapter.sum " + left + ", " + right + ", " + left + " : " +
                 type(out, in));
    }
    case 3: {
      int64_t first = size(), second = size();
      std::string a = map(out, first, depth - 1),
                  b = map(first, second, depth - 1),
                  c = map(second, in, depth - 1);
      return let("adapter.compose " + a + ", " + b + ", " + c + " : " +
                 type(out, first) + ", " + type(first, second) + ", " +
                 type(second, in));
    }
    case 4: {
      std::string m = map(out, in, depth - 1);
      return let("adapter.scale " + m + " by -0.75 : " + type(out, in));
    }
    case 5: {
      int64_t dim = random() % 2, whole = dim == 0 ? out : in;
      if (whole < 2)
        return map(out, in, depth - 1);
      int64_t first = 1 + random() % (whole - 1);
      int64_t o1 = dim == 0 ? first : out, o2 = dim == 0 ? whole - first : out;
      int64_t i1 = dim == 1 ? first : in, i2 = dim == 1 ? whole - first : in;
      std::string a = map(o1, i1, depth - 1), b = map(o2, i2, depth - 1);
      return let("adapter.concat dim(" + std::to_string(dim) + ") " + a + ", " +
                 b + " : " + type(o1, i1) + ", " + type(o2, i2));
    }
    case 6: {
      std::string m = map(out, in, depth - 1);
      std::string places;
      for (int64_t i = 0; i < out; ++i)
        places += (i ? ", " : "") + std::to_string((i + 1) % out) + ".0";
      std::string p = let("arith.constant dense<[" + places + "]> : tensor<" +
                          std::to_string(out) + "xf32>");
      return let("adapter.reorder " + m + " by " + p + " : " + type(out, in) +
                 ", tensor<" + std::to_string(out) + "xf32>");
    }
    case 7: {
      int64_t o = out % 2 ? out : 2, i = in % 2 ? 1 : 2;
      std::string a = map(o, i, depth - 1), b = map(out / o, in / i, depth - 1);
      return let("adapter.kron " + a + ", " + b + " : " + type(o, i) + ", " +
                 type(out / o, in / i));
    }
    case 8: {
      std::string left = map(out, in, depth - 1),
                  right = map(out, in, depth - 1);
      return let("adapter.hadamard " + left + ", " + right + ", " + left +
                 " : " + type(out, in));
    }
    case 9: {
      if (out < 3 || in < 3)
        return map(out, in, depth - 1);
      // Two of the bank before what is left.
      std::string w = argument({2, 1, 1}), bank = "!adapter.map<2x1x1, f32>";
      std::string b = let("adapter.dense " + w + " : " + types.back());
      std::string t = let("adapter.transpose " + b + " : " + bank);
      std::string rest = map(out - 2, in - 2, depth - 1);
      return let("adapter.block_diagonal " + t + ", " + rest + " : " + bank +
                 ", " + type(out - 2, in - 2));
    }
    default: {
      std::string m = map(in, out, depth - 1);
      return let("adapter.transpose " + m + " : " + type(in, out));
    }
    }
  }

  std::string function(const std::string &extra, const std::string &results,
                       const std::string &resultTypes) {
    std::string text = "func.func @f(";
    for (size_t i = 0; i < types.size(); ++i)
      text += (i ? ", %a" : "%a") + std::to_string(i) + ": " + types[i];
    return text + ") -> (" + resultTypes + ") {\n" + body + extra +
           "  return " + results + " : " + resultTypes + "\n}";
  }

  std::vector<std::string> types;
  std::vector<RefValue> arguments;
  std::string body;
  unsigned lets = 0;
};

TEST_F(MapGradient, RandomExpressions) {
  for (unsigned seed = 0; seed < 24; ++seed) {
    random.seed(seed);
    types.clear(), arguments.clear(), body.clear();
    int64_t out = size(), in = size();
    std::string o = std::to_string(out), i = std::to_string(in);
    std::string m = map(out, in, 2);
    std::string x = "%x", bias = argument({out}), biasType = types.back();
    types.push_back("tensor<?x3x" + i + "xf32>");
    x = "%a" + std::to_string(types.size() - 1);
    arguments.push_back(normal({2, 3, in}));
    types.push_back("tensor<?x2xi32>");
    std::vector<int64_t> ids;
    for (int k = 0; k < 4; ++k)
      ids.push_back(random() % out);
    arguments.push_back(ints({2, 2}, ids));
    std::string t = type(out, in), rows = "tensor<?x2x" + i + "xf32>",
                y = "tensor<?x3x" + o + "xf32>",
                w = "tensor<" + o + "x" + i + "xf32>";
    std::string uses = "  %y = adapter.apply " + m + ", " + x + " bias " +
                       bias + " : " + t + ", tensor<?x3x" + i + "xf32>, " +
                       biasType + " -> " + y + "\n  %e = adapter.gather " + m +
                       ", %a" + std::to_string(types.size() - 1) + " : " + t +
                       ", tensor<?x2xi32> -> " + rows +
                       "\n  %w = adapter.materialize " + m + " : " + t +
                       " -> " + w + "\n";
    check(function(uses, "%y, %e, %w", y + ", " + rows + ", " + w), arguments,
          1e-3);
  }
}

TEST_F(MapGradient, PermutedInputs) {
  check(
      R"(func.func @f(%w: tensor<2x3xf32>, %x: tensor<?x3xf32>) -> tensor<?x2xf32> {
    %d = adapter.dense %w : tensor<2x3xf32>
    %p = adapter.permutation [2, 0, 1] : !adapter.map<3x3, f32>
    %c = adapter.compose %d, %p : !adapter.map<2x3, f32>, !adapter.map<3x3, f32>
    %y = adapter.apply %c, %x : !adapter.map<2x3, f32>, tensor<?x3xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
      {normal({2, 3}), normal({4, 3})});
}

TEST_F(MapGradient, Banks) {
  // By the members, by x, by the bias; rows of two members each, and of one or
  // none.
  check(
      R"(func.func @f(%w: tensor<2x3x4xf32>, %v: tensor<3x4xf32>, %x: tensor<?x4xf32>, %b: tensor<3xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>) {
    %ids = arith.constant dense<[[0, 2], [1, 1], [-1, 0]]> : tensor<3x2xi32>
    %some = arith.constant dense<[2, -1, 0]> : tensor<3xi64>
    %weights = arith.constant dense<[[0.5, 2.0], [1.0, -1.5], [1.0, 3.0]]> : tensor<3x2xf32>
    %p = adapter.dense %w : tensor<2x3x4xf32>
    %q = adapter.dense %v : tensor<3x4xf32>
    %bank = adapter.bank %p, %q : !adapter.map<2x3x4, f32>, !adapter.map<3x4, f32>
    %i = tensor.cast %ids : tensor<3x2xi32> to tensor<?x2xi32>
    %s = tensor.cast %some : tensor<3xi64> to tensor<?xi64>
    %k = tensor.cast %weights : tensor<3x2xf32> to tensor<?x2xf32>
    %y = adapter.apply %bank, %x ids(%i : tensor<?x2xi32>) weights(%k : tensor<?x2xf32>) bias %b : !adapter.map<3x3x4, f32>, tensor<?x4xf32>, tensor<3xf32> -> tensor<?x3xf32>
    %z = adapter.apply %bank, %x ids(%s : tensor<?xi64>) : !adapter.map<3x3x4, f32>, tensor<?x4xf32> -> tensor<?x3xf32>
    return %y, %z : tensor<?x3xf32>, tensor<?x3xf32>
  })",
      {normal({2, 3, 4}), normal({3, 4}), normal({3, 4}), normal({3})});
}

TEST_F(MapGradient, SelectedMembers) {
  check(
      R"(func.func @f(%w: tensor<3x2x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %two = arith.constant dense<2> : tensor<i32>
    %bank = adapter.dense %w : tensor<3x2x4xf32>
    %a = adapter.select %bank[1] : !adapter.map<3x2x4, f32>
    %b = adapter.select %bank at %two : !adapter.map<3x2x4, f32>, tensor<i32>
    %m = adapter.sum %a, %b, %b : !adapter.map<2x4, f32>
    %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
      {normal({3, 2, 4}), normal({5, 4})});
}

TEST_F(MapGradient, EncodedWeightsPassGradientsOn) {
  // The weight is encoded and no argument: the gradient by x alone.
  check(R"(func.func @f(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = arith.constant dense<[[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -1.0, 2.0]]> : tensor<2x4xf32>
    %q = format.encode %w : tensor<2x4xf32> -> tensor<2x4xf32, #format.int<8, block = [1, 32], scale = f16>>
    %m = adapter.dense %q : tensor<2x4xf32, #format.int<8, block = [1, 32], scale = f16>>
    %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
        {normal({3, 4})});
}

TEST_F(MapGradient, RoundingHasNone) {
  expectNone(
      R"(func.func @f(%w: tensor<2x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %q = format.encode %w : tensor<2x4xf32> -> tensor<2x4xf32, #format.float<f16>>
    %m = adapter.dense %q : tensor<2x4xf32, #format.float<f16>>
    %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
      "'adapter.dense' op has no gradient by its tensor, which is "
      "encoded");
}

TEST_F(MapGradient, ComputedLeaves) {
  for (int round = 0; round < 20; ++round) {
    types.clear();
    arguments.clear();
    body.clear();
    lets = 0;
    std::string m, of = type(4, 4);
    int64_t members = round % 2 ? 0 : 1;
    auto skew = [&] {
      llvm::SmallVector<int64_t> shape{6};
      if (members)
        shape = {2, 1};
      std::string v = argument(shape);
      return let("adapter.skew " + v + " : " + types.back());
    };
    auto single = [&](const std::string &bank) {
      return members ? let("adapter.block_diagonal " + bank +
                           " : !adapter.map<2x2x2, f32>")
                     : bank;
    };
    switch (round / 4) {
    case 0: {
      std::string places = let("arith.constant dense<[[0.0, 3.0, 1.0, 3.0, "
                               "9.0], [1.0, 2.0, 0.0, 2.0, 3.0]]> : "
                               "tensor<2x5xf32>");
      std::string v = argument({5});
      m = let("adapter.sparse " + places + ", " + v +
              " : tensor<2x5xf32>, tensor<5xf32> -> " + of);
      break;
    }
    case 1: {
      std::string k = round % 2 ? argument({2, 2, 2}) : argument({1, 1, 4});
      m = let("adapter.circulant " + k + " : " + types.back());
      break;
    }
    case 2:
      m = single(skew());
      break;
    default: {
      std::string terms =
          round < 15 ? "" : " terms " + std::to_string(round - 14);
      std::string k = skew();
      m = single(let("adapter.cayley " + k + terms + " : " +
                     (members ? "!adapter.map<2x2x2, f32>" : of)));
    }
    }
    // Those that nothing is stored of hand gradients on.
    std::string c = let("adapter.fourier cos : " + of),
                w = let("adapter.haar : " + of);
    std::string all = let("adapter.compose " + c + ", " + m + ", " + w + " : " +
                          of + ", " + of + ", " + of);
    std::string x = argument({3, 4}), type = types.back();
    check(function("  %y = adapter.apply " + all + ", " + x + " : " + of +
                       ", " + type + " -> " + type + "\n",
                   "%y", type),
          arguments);
  }
}

TEST_F(MapGradient, Networks) {
  // A train; one mode in all cores; one core; a mode of the outputs in two.
  const std::pair<const char *, std::vector<std::vector<int64_t>>> networks[] =
      {{"ar,rbs,sct,td->ab|cd", {{2, 2}, {2, 3, 2}, {2, 1, 3}, {3, 4}}},
       {"ra,rb,cr,dr->ab|cd", {{2, 3}, {2, 2}, {2, 2}, {2, 2}}},
       {"cadb->ab|cd", {{2, 3, 2, 2}}},
       {"ab,acr,dr->ab|cd", {{3, 2}, {3, 2, 2}, {2, 2}}}};
  for (auto &[text, shapes] : networks) {
    SCOPED_TRACE(text);
    types.clear(), arguments.clear(), body.clear();
    std::string cores, coreTypes;
    for (const std::vector<int64_t> &shape : shapes) {
      cores += (cores.empty() ? "" : ", ") + argument(shape);
      coreTypes += (coreTypes.empty() ? "" : ", ") + types.back();
    }
    std::string m = let(std::string("adapter.contract \"") + text + "\" " +
                        cores + " : " + coreTypes);
    std::string x = argument({3, 4}), of = type(6, 4);
    check(function("  %y = adapter.apply " + m + ", " + x + " : " + of +
                       ", tensor<3x4xf32> -> tensor<3x6xf32>\n",
                   "%y", "tensor<3x6xf32>"),
          arguments);
  }
}

TEST_F(MapGradient, CoreThatIsTwiceInANetwork) {
  check(
      R"(func.func @f(%w: tensor<2x2x2xf32>, %x: tensor<3x4xf32>) -> tensor<3x4xf32> {
    %m = adapter.contract "rap,pbq,qcs,sdr->ab|cd" %w, %w, %w, %w : tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>
    %y = adapter.apply %m, %x : !adapter.map<4x4, f32>, tensor<3x4xf32> -> tensor<3x4xf32>
    return %y : tensor<3x4xf32>
  })",
      {normal({2, 2, 2}), normal({3, 4})});
}

TEST_F(MapGradient, EncodedCoresHaveNone) {
  expectNone(
      R"(func.func @f(%v: tensor<2x2xf32>, %w: tensor<2x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %q = format.encode %w : tensor<2x4xf32> -> tensor<2x4xf32, #format.float<f16>>
    %m = adapter.contract "ra,rb->a|b" %v, %q : tensor<2x2xf32>, tensor<2x4xf32, #format.float<f16>>
    %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
      "'adapter.contract' op has no gradient by its cores, which is "
      "encoded");
}

TEST_F(MapGradient, IndicesHaveNone) {
  expectNone(
      R"(func.func @f(%i: tensor<2x5xf32>, %v: tensor<5xf32>, %x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %m = adapter.sparse %i, %v : tensor<2x5xf32>, tensor<5xf32> -> !adapter.map<2x4, f32>
    %y = adapter.apply %m, %x : !adapter.map<2x4, f32>, tensor<?x4xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })",
      "'adapter.sparse' op has no gradient by its indices");
}

} // namespace
