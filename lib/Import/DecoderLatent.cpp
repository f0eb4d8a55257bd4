//===- DecoderLatent.cpp - attention over latent vectors --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Multi-head latent attention (DeepSeek-AI 2024, DeepSeek-V2). Keys and values
// are expanded before they are cached, so the cache has the shape of every
// other family's; the shorter latent vectors would have to be expanded again in
// every step, or the expansion moved into queries and outputs.
//
//===----------------------------------------------------------------------===//

#include "DecoderBuilder.h"
#include "allot/Dialect/Adapter/IR/AdapterBuild.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace allot;
using namespace allot::importer;
using mlir::RankedTensorType;
using mlir::Value;

DecoderBuilder::Heads DecoderBuilder::projectLatent(int64_t layer, Value x,
                                                    const Stream &stream,
                                                    int64_t part) {
  const LatentAttention &l = c.latent;
  auto path = [&](llvm::StringRef name) {
    return attentionPath(c, layer, part) + "." + name.str();
  };
  auto normed = [&](llvm::StringRef name, Value latent) {
    return norm(path(name), latent, stream, LatentAttention::epsilon);
  };
  Value q;
  if (l.queryRank)
    q = m.apply(path("q_b_proj"),
                normed("q_a_layernorm", m.apply(path("q_a_proj"), x)));
  else
    q = m.apply(path("q_proj"), x);
  q = heads(adapter::buildScaled(b, m.loc(), q, l.queryScale), c.heads,
            c.headDim, stream);
  q = intoColumns(rope(layer, columns(q, l.plain, l.rotated), stream), q,
                  l.plain);

  Value both = m.apply(path("kv_a_proj_with_mqa"), x);
  Value latent = normed("kv_a_layernorm", columns(both, 0, l.rank));
  latent = adapter::buildScaled(b, m.loc(), latent, l.scale);
  Value expanded = heads(m.apply(path("kv_b_proj"), latent), c.heads,
                         l.plain + c.valueDim, stream);
  // One rotated part for all heads.
  Value turned =
      rope(layer, heads(columns(both, l.rank, l.rotated), 1, l.rotated, stream),
           stream);
  Value single = mlir::tensor::CollapseShapeOp::create(
      b, m.loc(), floats({any, any, l.rotated}), turned,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}});
  Value shared = mlir::linalg::BroadcastOp::create(
                     b, m.loc(), single,
                     empty(floats({any, any, c.heads, l.rotated}), stream),
                     llvm::ArrayRef<int64_t>{2})
                     ->getResult(0);
  Value k = empty(floats({any, any, c.heads, c.headDim}), stream);
  k = intoColumns(columns(expanded, 0, l.plain), k, 0);
  k = intoColumns(shared, k, l.plain);
  return {q, k, columns(expanded, l.plain, c.valueDim)};
}
