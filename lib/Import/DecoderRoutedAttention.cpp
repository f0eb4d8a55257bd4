//===- DecoderRoutedAttention.cpp - experts in attention --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mixture of attention heads (Zhang et al. 2022; Shen et al. 2024, JetMoE): the
// experts of a row project its queries and what those see, each for itself, and
// share keys and values. The heads are those of the first expert of a row, of
// the second, and so on, each with the keys of all: heads of one key stand side
// by side here, as elsewhere.
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Interfaces/VJPBuild.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

static std::string inAttention(int64_t layer, const llvm::Twine &module) {
  return inLayer(layer, ("self_attention." + module).str());
}

static std::string inExpert(int64_t layer, int64_t expert,
                            llvm::StringRef projection) {
  return inAttention(layer,
                     "experts." + llvm::Twine(expert) + "." + projection);
}

void importer::addAttentionExperts(const ModelConfig &c, int64_t layer,
                                   AddModule add) {
  const Experts &e = c.experts;
  const auto linear = ModuleKind::Linear;
  add(inAttention(layer, "experts.router.layer"), linear, e.count, c.hidden,
      false);
  for (int64_t n = 0; n < e.count; ++n)
    add(inExpert(layer, n, "input_linear"), linear, e.queries, c.hidden, false);
  add(inAttention(layer, "kv_proj"), linear, 2 * e.queries, c.hidden, false);
  for (int64_t n = 0; n < e.count; ++n)
    add(inExpert(layer, n, "output_linear"), linear, c.hidden, e.queries,
        false);
  add(inAttention(layer, "experts.bias"), ModuleKind::Vector, c.hidden, 1,
      false);
}

Value DecoderBuilder::routedAttention(int64_t layer, Value x, Stream &stream) {
  const Experts &e = c.experts;
  std::string path = inAttention(layer, "experts");
  std::string router = path + ".router.layer";
  Choice choice = choose(router, m.apply(router, x), Value(),
                         "attn." + std::to_string(layer));
  // Each expert of a row on a row of its own: [batch, T, chosen, size].
  auto project = [&](llvm::StringRef projection, Value rows, int64_t size) {
    llvm::SmallVector<Value> members;
    for (int64_t n = 0; n < e.count; ++n)
      members.push_back(m.map(inExpert(layer, n, projection)));
    std::string site = path + "." + projection.str();
    Value bank = adapter::BankOp::create(b, m.loc(site), members);
    return adapter::ApplyOp::create(
               b, m.loc(site), floats({any, any, e.chosen, size}), bank, rows,
               choice.ids, /*weights=*/Value(), /*otherwise=*/Value(),
               /*bias=*/Value(), b.getStringAttr(site), nullptr)
        .getResult();
  };
  using Groups = llvm::SmallVector<mlir::ReassociationIndices>;
  // [batch, T, m, n, size] with m and n the other way round.
  auto swapped = [&](Value heads, int64_t first, int64_t second) -> Value {
    auto type = floats({any, any, second, first, c.headDim});
    return mlir::linalg::TransposeOp::create(
               b, m.loc(path), heads, empty(type, stream),
               llvm::ArrayRef<int64_t>{0, 1, 3, 2, 4})
        ->getResult(0);
  };
  auto apart = [&](Value x, int64_t first, int64_t second,
                   const Groups &groups) -> Value {
    llvm::SmallVector<mlir::OpFoldResult> sizes{
        stream.batch, stream.length, b.getIndexAttr(first),
        b.getIndexAttr(second), b.getIndexAttr(c.headDim)};
    return tensor::ExpandShapeOp::create(
        b, m.loc(path), floats({any, any, first, second, c.headDim}), x, groups,
        sizes);
  };
  auto together = [&](Value x, llvm::ArrayRef<int64_t> shape,
                      const Groups &groups) -> Value {
    return tensor::CollapseShapeOp::create(b, m.loc(path), floats(shape), x,
                                           groups);
  };
  const Groups inRow{{0}, {1}, {2}, {3, 4}}, inHeads{{0}, {1}, {2, 3}, {4}};

  Value rows = mlir::linalg::BroadcastOp::create(
                   b, m.loc(path), x,
                   empty(floats({any, any, e.chosen, c.hidden}), stream),
                   llvm::ArrayRef<int64_t>{2})
                   ->getResult(0);
  Value q = project("input_linear", rows, e.queries);
  q = swapped(apart(q, e.chosen, c.kvHeads, inRow), e.chosen, c.kvHeads);
  q = together(q, {any, any, c.heads, c.headDim}, inHeads);
  Value both = m.apply(inAttention(layer, "kv_proj"), x);
  Value k = heads(columns(both, 0, e.queries), c.kvHeads, c.headDim, stream);
  Value v =
      heads(columns(both, e.queries, e.queries), c.kvHeads, c.headDim, stream);
  Value out =
      attend(layer, inLayer(layer, "self_attention"), layer,
             {rope(layer, q, stream), rope(layer, k, stream), v}, stream);
  out = swapped(apart(out, c.kvHeads, e.chosen, inHeads), c.kvHeads, e.chosen);
  out = together(out, {any, any, e.chosen, e.queries}, inRow);
  out = project("output_linear", out, c.hidden);

  // The weighted sum over the experts of a row, and the bias once.
  mlir::AffineMap all = b.getMultiDimIdentityMap(4);
  auto sizes = tensor::getMixedSizes(b, m.loc(path), out);
  Value y = vjp::buildReduction(b, m.loc(path), {out, choice.weights},
                                {all, all.dropResult(3), all.dropResult(2)},
                                {sizes[0], sizes[1], sizes[3]},
                                [](mlir::OpBuilder &nested, mlir::Location at,
                                   mlir::ValueRange args) -> Value {
                                  return arith::MulFOp::create(
                                      nested, at, args[0], args[1]);
                                });
  return adapter::buildAddedVector(b, m.loc(path), y, m.norm(path + ".bias"));
}
