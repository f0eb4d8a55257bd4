//===- RandomProgram.cpp - small models of random shape ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomProgram.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cmath>
#include <numeric>

using namespace allot;
using namespace allot::test;
using std::to_string;

static std::string printed(mlir::Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

RandomProgram::RandomProgram(mlir::MLIRContext &context, unsigned seed) : context(context), random(seed) {
  layers = between(1, 2);
  keyHeads = between(1, 3);
  heads = keyHeads * between(1, 3);
  headSize = 2 * between(1, 13);
  // Sizes of which some fill blocks of 32 columns, tiles of 8 rows and vectors, and most do not.
  hidden = oneIn(2) ? 32 * between(1, 3) : between(5, 90);
  inner = oneIn(2) ? 64 * between(1, 2) : between(3, 130);
  vocab = between(9, 70);
  isWide = seed % 5 == 3;
  if (isWide) {
    hidden += 192;
    inner += 192;
  }
  for (unsigned &index : palette)
    index = random();
}

FormatAttrInterface RandomProgram::format(int64_t columns) {
  static const char *const names[] = {"f32",     "f16",      "bf16",       "int2g32",   "int3g64z", "int4g32",  "int4g64s8",
                                      "int4g128zs8", "int5g32s32", "int6g64z", "int7g128", "int8g32", "q4_0",    "q4_1", "q8_0", "q5_0", "q5_1", "mxfp4", "mxfp4split"};
  // The last seven have whole blocks alone. A few formats per program: each needs kernels of its own.
  std::string name = names[palette[random() % palette.size()] % (std::size(names) - (columns % 32 ? 7 : 0))];
  return format::getFormatByName(&context, name);
}

std::string RandomProgram::make(const std::string &text) {
  std::string name = fresh();
  line(name + " = " + text);
  return name;
}

std::string RandomProgram::load(llvm::ArrayRef<int64_t> shape, double deviation, double center, int64_t rowInterleave) {
  int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  std::normal_distribution<double> normal(center, deviation);
  std::vector<float> values(count);
  for (float &value : values)
    value = float(normal(random));
  FormatAttrInterface chosen = format(shape.back());
  if (shape.size() == 1)
    chosen = format::getFormatByName(&context, oneIn(2) ? "f32" : "bf16");
  return store(shape, values, chosen, rowInterleave);
}

std::string RandomProgram::store(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<float> values, FormatAttrInterface chosen, int64_t rowInterleave) {
  Weight weight;
  weight.symbol = "w." + to_string(weights.size());
  weight.rowInterleave = rowInterleave;
  for (int64_t d : shape)
    weight.type += to_string(d) + "x";
  weight.type = "tensor<" + weight.type + "f32, " + printed(chosen) + ">";
  auto bytes = codec::encodeRoundToNearest(chosen, values, shape);
  if (!bytes)
    ADD_FAILURE() << llvm::toString(bytes.takeError());
  else
    weight.bytes = std::move(*bytes);
  weights.push_back(weight);
  return make("ml_program.global_load_const @" + weight.symbol + " : " + weight.type);
}

std::string RandomProgram::vector(int64_t size, double center) {
  std::string stored = load({size}, 0.2, center);
  return make("format.decode " + stored + " : " + weights.back().type + " -> tensor<" + to_string(size) + "xf32>");
}

std::string RandomProgram::leaf(int64_t n) {
  std::string of = mapType(n, n);
  auto scaled = [&](const std::string &map, double factor) { return make("adapter.scale " + map + " by " + to_string(factor) + " : " + of); };
  // Those that take n^3 operations in the reference evaluation are kept small.
  switch (random() % (n > 64 ? 4 : 6)) {
  case 0: {
    int64_t count = between(1, 60);
    std::vector<float> places(2 * count);
    for (float &place : places)
      place = float(random() % n);
    mlir::Builder builder(&context);
    auto indexFormat = format::IndexAttr::get(&context, oneIn(2) ? builder.getI32Type() : builder.getI64Type());
    std::string indices = store({2, count}, places, mlir::cast<FormatAttrInterface>(mlir::Attribute(indexFormat)), 0), type = weights.back().type;
    std::string values = load({count}, 0.5);
    return make("adapter.sparse " + indices + ", " + values + " : " + type + ", " + weights.back().type + " -> " + of);
  }
  case 1: {
    int64_t block = between(1, n);
    while (n % block)
      --block;
    std::string kernels = load({n / block, n / block, block}, 1 / std::sqrt(double(n)));
    return make("adapter.circulant " + kernels + " : " + weights.back().type);
  }
  case 2: {
    if (oneIn(2))
      return scaled(make(std::string("adapter.fourier ") + (oneIn(2) ? "cos" : "sin") + " : " + of), 1 / std::sqrt(double(n)));
    int64_t even = (n + 1) / 2 * 2;
    std::string analysis = make("adapter.haar transposed : " + mapType(even, n)), synthesis = make("adapter.haar : " + mapType(n, even));
    std::string order;
    for (int64_t i = 0; i < even; ++i)
      order += (i ? ", " : "") + to_string(even - 1 - i);
    std::string turned = make("adapter.permutation [" + order + "] : " + mapType(even, even));
    return make("adapter.compose " + synthesis + ", " + turned + ", " + analysis + " : " + mapType(n, even) + ", " + mapType(even, even) + ", " + mapType(even, n));
  }
  case 3: {
    std::string u = load({n, between(1, 6)}, 1);
    return make("adapter.householder " + u + " : " + weights.back().type);
  }
  case 4: {
    std::string u = load({n, between(1, std::min<int64_t>(n, 4))}, 1);
    return make("adapter.householder " + u + " orthonormalize : " + weights.back().type);
  }
  default: {
    if (n < 2)
      return leaf(n);
    std::string skew = make("adapter.skew " + load({n * (n - 1) / 2}, 0.1) + " : " + weights.back().type);
    if (oneIn(4))
      return skew;
    return make("adapter.cayley " + skew + (oneIn(2) ? " terms " + to_string(between(1, 6)) : "") + " : " + of);
  }
  }
}

std::string RandomProgram::map(int64_t out, int64_t in, unsigned depth) {
  auto dense = [&](int64_t rows, int64_t columns, double deviation) {
    std::string stored = load({rows, columns}, deviation, 0, rows % headSize == 0 && oneIn(3) ? headSize : 0);
    return make("adapter.dense " + stored + " : " + weights.back().type);
  };
  double deviation = 1 / std::sqrt(double(in));
  if (depth == 0)
    return dense(out, in, deviation);
  std::string of = mapType(out, in);
  if (oneIn(3)) {
    // A computed map before or behind a stored one; a square one perhaps alone, beside it.
    std::string inside = map(out, in, 0);
    if (out == in && oneIn(2))
      return make("adapter.sum " + inside + ", " + leaf(in) + " : " + of);
    if (oneIn(2))
      return make("adapter.compose " + inside + ", " + leaf(in) + " : " + of + ", " + mapType(in, in));
    return make("adapter.compose " + leaf(out) + ", " + inside + " : " + mapType(out, out) + ", " + of);
  }
  switch (random() % 12) {
  case 0: {
    // LoRA, perhaps twice, perhaps with a gate.
    std::string terms = map(out, in, 0);
    for (int64_t i = 0, n = between(1, 2); i < n; ++i) {
      int64_t rank = between(1, 20);
      std::string b = load({out, rank}, 0.3), bType = weights.back().type;
      std::string a = load({rank, in}, deviation), aType = weights.back().type;
      bool gated = oneIn(3);
      std::string gate = gated ? vector(rank, 1) : "";
      std::string low = make("adapter.lowrank " + b + ", " + a + (gated ? " gate " + gate : "") + " : " + bType + ", " + aType +
                             (gated ? ", tensor<" + to_string(rank) + "xf32>" : ""));
      terms += ", " + make("adapter.scale " + low + " by 0.5 : " + of);
    }
    return make("adapter.sum " + terms + " : " + of);
  }
  case 1: {
    std::string inside = map(out, in, 0);
    std::string outer = make("adapter.diagonal " + vector(out, 1) + " : tensor<" + to_string(out) + "xf32>");
    return make("adapter.compose " + outer + ", " + inside + " : " + mapType(out, out) + ", " + of);
  }
  case 2: {
    std::string transposed = dense(in, out, deviation);
    return make("adapter.transpose " + transposed + " : " + mapType(in, out));
  }
  case 3: {
    std::vector<int64_t> sources(in);
    std::iota(sources.begin(), sources.end(), 0);
    std::shuffle(sources.begin(), sources.end(), random);
    std::string list;
    for (int64_t source : sources)
      list += (list.empty() ? "" : ", ") + to_string(source);
    std::string permutation = make("adapter.permutation [" + list + "] : " + mapType(in, in));
    std::string inside = map(out, in, 0);
    return make("adapter.compose " + inside + ", " + permutation + " : " + of + ", " + mapType(in, in));
  }
  case 4: {
    int64_t middle = between(1, 40);
    std::string first = map(middle, in, 0), second = map(out, middle, 0);
    return make("adapter.compose " + second + ", " + first + " : " + mapType(out, middle) + ", " + mapType(middle, in));
  }
  case 5: {
    // Parts below or beside each other; rows perhaps in a stored order.
    int64_t dim = random() % 2, whole = dim == 0 ? out : in, first = between(1, whole - 1), rest = whole - first;
    std::string a = dim == 0 ? map(first, in, 0) : map(out, first, 0), b = dim == 0 ? map(rest, in, 0) : map(out, rest, 0);
    std::string both = make("adapter.concat dim(" + to_string(dim) + ") " + a + ", " + b + " : " + (dim == 0 ? mapType(first, in) : mapType(out, first)) + ", " +
                            (dim == 0 ? mapType(rest, in) : mapType(out, rest)));
    if (oneIn(3))
      return both;
    std::vector<float> positions(out);
    std::iota(positions.begin(), positions.end(), 0.0f);
    std::shuffle(positions.begin(), positions.end(), random);
    std::string order = store({out}, positions, format::getFormatByName(&context, "f32"), 0);
    return make("adapter.reorder " + both + " by " + order + " : " + of + ", " + weights.back().type);
  }
  case 6: {
    // A sum with a Kronecker product, small or large factor first.
    int64_t o = divisor(out), i = divisor(in);
    std::string a = dense(o, i, 1), b = dense(out / o, in / i, deviation);
    std::string product = make("adapter.kron " + a + ", " + b + " : " + mapType(o, i) + ", " + mapType(out / o, in / i));
    std::string base = map(out, in, 0);
    return make("adapter.sum " + base + ", " + product + " : " + of);
  }
  case 7: {
    // Two pairs of factors entry by entry; or factors that scale the entries of a matrix.
    auto factors = [&](double size) {
      int64_t rank = between(1, 4);
      std::string b = load({out, rank}, 1), bType = weights.back().type;
      std::string a = load({rank, in}, size), aType = weights.back().type;
      return make("adapter.lowrank " + b + ", " + a + " : " + bType + ", " + aType);
    };
    std::string left = factors(1), right = oneIn(2) ? factors(deviation) : dense(out, in, deviation);
    return make("adapter.hadamard " + left + ", " + right + " : " + of);
  }
  case 8: {
    // Blocks of the outputs are mixed; the first ones are stored together, the last one may be larger.
    int64_t members = between(1, out), size = out / members, rest = out - members * size;
    std::string bank = load({members, size, size}, 1 / std::sqrt(double(size))), bankType = "!adapter.map<" + to_string(members) + "x" + to_string(size) + "x" + to_string(size) + ", f32>";
    bank = make("adapter.dense " + bank + " : " + weights.back().type);
    if (oneIn(2))
      bank = make("adapter.transpose " + bank + " : " + bankType);
    std::string last = rest ? ", " + make("adapter.identity : " + mapType(rest, rest)) : "";
    std::string blocks = make("adapter.block_diagonal " + bank + last + " : " + bankType + (rest ? ", " + mapType(rest, rest) : ""));
    std::string inside = map(out, in, 0);
    return make("adapter.compose " + blocks + ", " + inside + " : " + mapType(out, out) + ", " + of);
  }
  case 9: {
    // Directions and magnitudes.
    std::string inside = map(out, in, 0);
    if (oneIn(2))
      return make("adapter.normalize columns " + inside + " floor 1.0e-3 : " + of);
    std::string rows = make("adapter.normalize rows " + inside + " : " + of);
    std::string outer = make("adapter.diagonal " + vector(out, 1) + " : tensor<" + to_string(out) + "xf32>");
    return make("adapter.compose " + outer + ", " + rows + " : " + mapType(out, out) + ", " + of);
  }
  case 10: {
    int64_t row = between(0, 3), column = between(0, 3), rows = out + row + between(0, 2), columns = in + column + between(0, 2);
    std::string whole = map(rows, columns, 0);
    return make("adapter.slice " + whole + " rows [" + to_string(row) + ", " + to_string(out) + "] columns [" + to_string(column) + ", " + to_string(in) +
                "] : " + mapType(rows, columns));
  }
  default:
    return map(out, in, 0);
  }
}

int64_t RandomProgram::divisor(int64_t whole) {
  int64_t result = between(1, whole);
  while (whole % result)
    --result;
  return result;
}

std::string RandomProgram::apply(const std::string &x, int64_t out, int64_t in, bool plain) {
  std::string of = map(out, in, plain ? 0 : 1);
  bool biased = oneIn(2);
  std::string bias = biased ? vector(out, 0) : "";
  return make("adapter.apply " + of + ", " + x + (biased ? " bias " + bias : "") + " : " + mapType(out, in) + ", " + type(in) +
              (biased ? ", tensor<" + to_string(out) + "xf32>" : "") + " -> " + type(out));
}

std::string RandomProgram::norm(const std::string &x, const std::string &of, int64_t size, const std::string &dims, bool layerNorm) {
  std::string weight = vector(size, 1), bias = layerNorm ? vector(size, 0) : "";
  std::string init = make("tensor.empty(" + dims + ") : " + of), vectorType = "tensor<" + to_string(size) + "xf32>";
  return make(std::string("nn.norm ") + (layerNorm ? "layer" : "rms") + " ins(" + x + ", " + weight + (layerNorm ? ", " + bias : "") + " : " + of + ", " +
              vectorType + (layerNorm ? ", " + vectorType : "") + ") epsilon 1.0e-5 outs(" + init + " : " + of + ") -> " + of);
}

std::string RandomProgram::attention(const std::string &x, int64_t layer) {
  int64_t rotary = oneIn(2) ? headSize : 2 * between(1, headSize / 2);
  std::string frequencies;
  for (int64_t i = 0; i < rotary / 2; ++i)
    frequencies += (i ? ", " : "") + to_string(std::pow(100.0, -2.0 * double(i) / double(rotary)));
  std::string table = make("arith.constant dense<[" + frequencies + "]> : tensor<" + to_string(rotary / 2) + "xf32>");
  const char *layout = oneIn(2) ? "halves" : "neighbours";
  bool normed = oneIn(3), plain = oneIn(2) || isWide;
  auto project = [&](int64_t count) {
    std::string y = apply(x, count * headSize, hidden, plain);
    return make("tensor.expand_shape " + y + " [[0], [1], [2, 3]] output_shape [%B, %T, " + to_string(count) + ", " + to_string(headSize) +
                "] : " + type(count * headSize) + " into " + headType(count));
  };
  auto turn = [&](std::string y, int64_t count) {
    std::string of = headType(count);
    if (normed)
      y = norm(y, of, headSize, "%B, %T", false);
    std::string init = make("tensor.empty(%B, %T) : " + of);
    return make(std::string("nn.rope ") + layout + " ins(" + y + ", %past, " + table + " : " + of + ", tensor<?xi32>, tensor<" + to_string(rotary / 2) +
                "xf32>) scale 1.25 outs(" + init + " : " + of + ") -> " + of);
  };
  std::string stored = cacheType();
  auto remember = [&](const std::string &fresh, int64_t slot) {
    cache = make("nn.cache_update ins(" + fresh + " : " + headType(keyHeads) + ") past(%past : tensor<?xi32>) count(%count : tensor<?xi32>) layer " + to_string(layer) +
                 " slot " + to_string(slot) + " outs(" + cache + " : " + stored + ") -> " + stored);
    std::string capacity = make("tensor.dim " + cache + ", %c3 : " + stored);
    return make("tensor.extract_slice " + cache + "[" + to_string(layer) + ", " + to_string(slot) + ", 0, 0, 0, 0] [1, 1, %B, " + capacity + ", " +
                to_string(keyHeads) + ", " + to_string(headSize) + "] [1, 1, 1, 1, 1, 1] : " + stored + " to " + headType(keyHeads));
  };
  std::string q = turn(project(heads), heads), k = turn(project(keyHeads), keyHeads), v = project(keyHeads);
  k = remember(k, 0);
  v = remember(v, 1);
  std::string options = "causal, scale = " + to_string(1.0 / std::sqrt(double(headSize))) + " : f64";
  if (oneIn(3))
    options += ", window = " + to_string(between(1, 6)) + " : i64";
  if (oneIn(3))
    options += ", softcap = 2.0 : f64";
  std::string of = headType(heads), keyType = headType(keyHeads), init = make("tensor.empty(%B, %T) : " + of);
  std::string more;
  if (oneIn(4)) {
    std::string capacity = make("tensor.dim " + cache + ", %c3 : " + stored);
    std::string modulus = to_string(between(2, 5));
    more += " mask(" +
            make("tensor.generate %B, " + capacity + " {\n  ^bb0(%i: index, %j: index):\n    %m = arith.constant " + modulus +
                 " : index\n    %ij = arith.addi %i, %j : index\n    %r = arith.remsi %ij, %m : index\n    %n = arith.index_cast %r : index to i32\n    tensor.yield %n : i32\n  } : tensor<?x?xi32>") +
            " : tensor<?x?xi32>)";
  }
  if (oneIn(4)) {
    int64_t count = 2 * between(0, 6) + 1;
    std::string rows;
    for (int64_t h = 0; h < heads; ++h) {
      rows += h ? "], [" : "";
      for (int64_t d = 0; d < count; ++d)
        rows += (d ? ", " : "") + to_string(double(between(0, 40)) / 20.0 - 1.0);
    }
    std::string ofTable = "tensor<" + to_string(heads) + "x" + to_string(count) + "xf32>";
    more += " distances(" + make("arith.constant dense<[[" + rows + "]]> : " + ofTable) + " : " + ofTable + ")";
  }
  if (oneIn(3)) {
    std::string scores;
    for (int64_t h = 0; h < heads; ++h)
      scores += (h ? ", " : "") + to_string(double(between(0, 80)) / 20.0 - 2.0);
    std::string ofHeads = "tensor<" + to_string(heads) + "xf32>";
    more += " sinks(" + make("arith.constant dense<[" + scores + "]> : " + ofHeads) + " : " + ofHeads + ")";
  }
  std::string out = make("nn.attention ins(" + q + ", " + k + ", " + v + " : " + of + ", " + keyType + ", " + keyType +
                         ") past(%past : tensor<?xi32>) total(%total : tensor<?xi32>)" + more + " {" + options + "} outs(" + init + " : " + of + ") -> " + of);
  out = make("tensor.collapse_shape " + out + " [[0], [1], [2, 3]] : " + of + " into " + type(heads * headSize));
  return apply(out, hidden, heads * headSize);
}

std::string RandomProgram::mlp(const std::string &x) {
  static const char *const kinds[] = {"silu", "gelu", "gelu_tanh", "relu"};
  std::string of = type(inner), gate = apply(x, inner, hidden, isWide), up = apply(x, inner, hidden, isWide);
  gate = make(std::string("nn.activation ") + kinds[random() % 4] + " " + gate + " : " + of);
  return apply(make("arith.mulf " + gate + ", " + up + " : " + of), hidden, inner);
}

std::string RandomProgram::cacheType() const {
  return "tensor<" + to_string(layers) + "x2x?x?x" + to_string(keyHeads) + "x" + to_string(headSize) + "xf32>";
}

void RandomProgram::buildBody() {
  cache = "%cache";
  line("%c0 = arith.constant 0 : index");
  line("%c1 = arith.constant 1 : index");
  line("%c3 = arith.constant 3 : index");
  line("%B = tensor.dim %tokens, %c0 : tensor<?x?xi32>");
  line("%T = tensor.dim %tokens, %c1 : tensor<?x?xi32>");
  line("%total = arith.addi %past, %count : tensor<?xi32>");
  // The embedding is the head too, with or without an adapter.
  std::string table = map(vocab, hidden, oneIn(2) ? 1 : 0), of = type(hidden);
  std::string x = make("adapter.gather " + table + ", %tokens : " + mapType(vocab, hidden) + ", tensor<?x?xi32> -> " + of);
  for (int64_t layer = 0; layer < layers; ++layer) {
    std::string in = norm(x, of, hidden, "%B, %T", oneIn(3));
    x = make("arith.addf " + x + ", " + attention(in, layer) + " : " + of);
    in = norm(x, of, hidden, "%B, %T", oneIn(3));
    x = make("arith.addf " + x + ", " + mlp(in) + " : " + of);
  }
  x = norm(x, of, hidden, "%B, %T", false);
  std::string logits = make("adapter.apply " + table + ", " + x + " : " + mapType(vocab, hidden) + ", " + of + " -> " + type(vocab));
  line("return " + logits + ", " + cache + " : " + type(vocab) + ", " + cacheType());
}

llvm::Expected<std::string> RandomProgram::write(llvm::StringRef folder) {
  buildBody();
  auto argument = [](const std::string &name, const std::string &of, const std::string &more = "") {
    return "%" + name + ": " + of + " {allot.name = \"" + name + "\"" + more + "}";
  };
  return writeAround(folder, "@step(" + argument("tokens", "tensor<?x?xi32>") + ", " + argument("count", "tensor<?xi32>") + ", " + argument("past", "tensor<?xi32>") + ", " +
                                 argument("cache", cacheType(), ", bufferization.writable = true") + ") -> (" + type(vocab) + " {allot.name = \"logits\"}, " + cacheType() +
                                 " {allot.name = \"cache\"})");
}

llvm::Expected<std::string> RandomProgram::writeAround(llvm::StringRef folder, const std::string &signature) {
  std::string path = (folder + "/weights.safetensors").str();
  std::vector<archive::TensorSpec> specs;
  for (const Weight &weight : weights)
    specs.push_back({weight.symbol, archive::DType::U8, {int64_t(weight.bytes.size())}});
  auto writer = archive::SafetensorsWriter::create(path, specs);
  if (!writer)
    return writer.takeError();
  for (const Weight &weight : weights)
    if (llvm::Error error = (*writer)->write(weight.symbol, weight.bytes))
      return std::move(error);
  if (llvm::Error error = (*writer)->commit())
    return std::move(error);
  auto digest = archive::fileDigest(path);
  if (!digest)
    return digest.takeError();

  std::string text = "module {\n";
  for (const Weight &weight : weights) {
    const archive::TensorEntry *entry = (*writer)->find(weight.symbol);
    text += "  ml_program.global private @" + weight.symbol + "(#format.stored<\"weights.safetensors\", tensor = \"" + weight.symbol +
            "\", offset = " + to_string(entry->offset) + ", bytes = " + to_string(weight.bytes.size()) + ", digest = \"" + *digest + "\"" +
            (weight.rowInterleave ? ", row_interleave = " + to_string(weight.rowInterleave) : "") + ">) : " + weight.type + "\n";
  }
  text += "  func.func " + signature + " attributes {allot.entry} {\n" + body + "  }\n}\n";
  return text;
}
