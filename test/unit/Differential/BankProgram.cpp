//===- BankProgram.cpp - banks of random maps -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomProgram.h"
#include "allot/Dialect/Format/IR/Format.h"
#include <cmath>
#include <numeric>

using namespace allot;
using namespace allot::test;
using std::to_string;

/// Magnitudes and a rotation of pairs, as a sum of a diagonal and one that is permuted.
std::string RandomProgram::rotation() {
  int64_t n = bankOut;
  std::string of = mapType(n, n), vectorType = "tensor<" + to_string(n) + "xf32>";
  auto diagonal = [&](double center) { return make("adapter.diagonal " + vector(n, center) + " : " + vectorType); };
  switch (random() % 4) {
  case 0:
    return diagonal(1);
  case 1:
    return make("adapter.identity : " + of);
  case 2:
    return make("adapter.scale " + diagonal(0.5) + " by -1.5 : " + of);
  default: {
    std::string sources;
    for (int64_t i = 0; i < n; ++i)
      sources += (i ? ", " : "") + to_string((i ^ 1) < n ? i ^ 1 : i);
    std::string swap = make("adapter.permutation [" + sources + "] : " + of);
    std::string turned = oneIn(2) ? make("adapter.compose " + diagonal(0) + ", " + swap + " : " + of + ", " + of)
                                  : make("adapter.compose " + swap + ", " + diagonal(0) + " : " + of + ", " + of);
    return make("adapter.sum " + diagonal(1) + ", " + turned + " : " + of);
  }
  }
}

std::string RandomProgram::delta(bool square) {
  std::string of = mapType(bankOut, bankIn);
  if (square && oneIn(3))
    return rotation();
  switch (random() % 6) {
  case 0:
    return map(bankOut, bankIn, 1);
  case 1:
    return make("adapter.zero : " + of);
  default: {
    static const char *const floats[] = {"f32", "f16", "bf16", "f16", "f16", "int8g32"};
    int64_t rank = between(1, 40);
    bool gated = oneIn(4);
    auto factor = [&](int64_t rows, int64_t columns, double deviation) {
      std::normal_distribution<double> normal(0, deviation);
      std::vector<float> values(rows * columns);
      for (float &value : values)
        value = float(normal(random));
      return store({rows, columns}, values, format::getFormatByName(&context, floats[random() % 6]), 0);
    };
    std::string b = factor(bankOut, rank, 0.3), bType = weights.back().type;
    std::string a = factor(rank, bankIn, 1 / std::sqrt(double(bankIn))), aType = weights.back().type;
    std::string gate = gated ? vector(rank, 1) : "";
    std::string low = make("adapter.lowrank " + b + ", " + a + (gated ? " gate " + gate : "") + " : " + bType + ", " + aType +
                           (gated ? ", tensor<" + to_string(rank) + "xf32>" : ""));
    return make("adapter.scale " + low + " by 0.5 : " + of);
  }
  }
}

llvm::Expected<std::string> RandomProgram::writeBank(llvm::StringRef folder, int64_t members) {
  bankIn = hidden;
  bankOut = oneIn(2) ? hidden : inner;
  bool square = bankOut == bankIn;
  weighted = oneIn(3);
  perRow = weighted ? between(1, 3) : 1;
  std::string of = mapType(bankOut, bankIn), inside = mapType(bankOut, bankOut);
  std::string base = map(bankOut, bankIn, 0);
  // What the members share: nothing, a summand, or what meets the input first.
  unsigned shares = random() % 3;
  std::string list, types;
  for (int64_t m = 0; m < members; ++m) {
    std::string member;
    if (shares == 1)
      member = oneIn(6) ? base : make("adapter.sum " + base + ", " + delta(square) + " : " + of);
    else if (shares == 2)
      member = oneIn(6) ? base : make("adapter.compose " + rotation() + ", " + base + " : " + inside + ", " + of);
    else
      member = oneIn(6) ? make("adapter.sum " + delta(square) + ", " + delta(square) + " : " + of) : delta(square);
    list += (m ? ", " : "") + member;
    types += (m ? ", " : "") + of;
  }
  std::string bank = make("adapter.bank " + list + " : " + types), bankType = "!adapter.map<" + to_string(members) + "x" + to_string(bankOut) + "x" + to_string(bankIn) + ", f32>";
  bool hasOtherwise = oneIn(2), hasBias = oneIn(3);
  std::string otherwise = !hasOtherwise ? "" : oneIn(4) ? map(bankOut, bankIn, 1) : base;
  std::string bias = hasBias ? vector(bankOut, 0) : "", biasType = hasBias ? ", tensor<" + to_string(bankOut) + "xf32>" : "";
  std::string idType = "tensor<?" + (weighted ? "x" + to_string(perRow) : std::string()) + "x" + (oneIn(2) ? "i32>" : "i64>");
  std::string weightType = "tensor<?x" + to_string(perRow) + "xf32>";
  std::string xType = "tensor<?x" + to_string(bankIn) + "xf32>", yType = "tensor<?x" + to_string(bankOut) + "xf32>";
  // The first `rows` rows, perhaps none (inputs are never empty); zeros behind them.
  line("%zero = arith.constant 0 : index");
  std::string size = make("tensor.extract %rows[%zero] : tensor<1xi32>");
  size = make("arith.index_cast " + size + " : i32 to index");
  std::string all = make("tensor.dim %x, %zero : " + xType);
  auto first = [&](const std::string &name, const std::string &type, int64_t columns) {
    bool isVector = columns == 0;
    std::string sizes = isVector ? size : size + ", " + to_string(columns), zeros = isVector ? "0" : "0, 0", ones = isVector ? "1" : "1, 1";
    return make("tensor.extract_slice " + name + "[" + zeros + "] [" + sizes + "] [" + ones + "] : " + type + " to " + type);
  };
  std::string x = first("%x", xType, bankIn), ids = first("%ids", idType, weighted ? perRow : 0), some = weighted ? first("%weights", weightType, perRow) : "";
  std::string y = make("adapter.apply " + bank + ", " + x + " ids(" + ids + " : " + idType + ")" + (weighted ? " weights(" + some + " : " + weightType + ")" : "") +
                       (hasOtherwise ? " otherwise(" + otherwise + " : " + of + ")" : "") + (hasBias ? " bias " + bias : "") + " : " + bankType + ", " + xType + biasType + " -> " + yType);
  std::string none = make("arith.constant 0.0 : f32"), whole = make("tensor.splat " + none + "[" + all + "] : " + yType);
  y = make("tensor.insert_slice " + y + " into " + whole + "[0, 0] [" + size + ", " + to_string(bankOut) + "] [1, 1] : " + yType + " into " + yType);
  line("return " + y + " : " + yType);
  return writeAround(folder, "@bank(%x: " + xType + " {allot.name = \"x\"}, %ids: " + idType + " {allot.name = \"ids\"}, %rows: tensor<1xi32> {allot.name = \"rows\"}" +
                                 (weighted ? ", %weights: " + weightType + " {allot.name = \"weights\"}" : "") + ") -> (" + yType + " {allot.name = \"y\"})");
}
