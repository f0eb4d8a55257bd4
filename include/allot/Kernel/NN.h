//===- NN.h - kernels of norms, rotary embedding, attention and cache -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function here finds or builds one private function of a module, written
// over vector, scf, memref, arith, math and omp. A key says what cannot be
// decided while the kernel runs; shapes, strides and scalars are arguments, so
// that a model has one kernel of each kind. The symbol is `kernel_<key>` and
// the unit attribute `allot.kernel` marks the function. A kernel splits its own
// work over an omp.parallel region when there is enough.
//
// Buffers are f32 (i32 for positions and counts). "Rows" means memref<?x?xf32>,
// identity layout.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_KERNEL_NN_H
#define ALLOT_KERNEL_NN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace allot::kernel {

/// Norm over the last dimension. Arguments: x rows, weight memref<?xf32>, bias
/// memref<?xf32> (with `bias`), result rows, epsilon f32.
struct NormKernel {
  bool layer = false; ///< layer norm, else RMS norm
  bool bias = false;  ///< layer norms only
  std::string key() const;
};

/// Rotary embedding. Arguments: x memref<?x?x?x?xf32> [batch, T, heads, D],
/// past memref<?xi32>, frequencies memref<?xf32> [R/2], result like x, scale
/// f32.
struct RopeKernel {
  bool neighbours = false; ///< 2i turns with 2i + 1, else i with i + R/2
  std::string key() const;
};

/// What the kernels of attention and of its gradients decide beforehand.
struct AttentionVariant {
  bool causal = false;
  bool softcap = false; ///< scores are capped
  bool total = false;   ///< keys are counted row by row
  bool mask = false;    ///< some keys are hidden from all queries of their row
  bool distances = false; ///< scores are raised by distance
  bool sinks = false;     ///< heads have one more score, of no key
  /// The types of the arguments that only some variants have, in their order.
  void appendTypes(llvm::SmallVectorImpl<mlir::Type> &types,
                   mlir::MLIRContext *context) const;

protected:
  std::string keyOf(const char *name) const;
};

/// Attention. Arguments: q memref<?x?x?x?xf32> [batch, T, Hq, D], k and v
/// memref<?x?x?x?xf32, strided<[?, ?, ?, 1], offset: ?>> [batch, S, Hkv, D or
/// Dv], past memref<?xi32>, total memref<?xi32> (with `total`), mask
/// memref<?x?xi32> [batch, S] (with `mask`), distances memref<?x?xf32> [Hq, 2 L
/// + 1] (with `distances`), sinks memref<?xf32> [Hq] (with `sinks`), result
/// [batch, T, Hq, Dv], scale f32, softcap f32 (with `softcap`), window index (a
/// large number where there is none). Keys at `total[b]` and later, and those
/// that causality and window hide from every query of a block, are never read.
struct AttentionKernel : AttentionVariant {
  std::string key() const { return keyOf("nn_attention"); }
};

/// Gradients of attention. Arguments: q, k, v, grad, past, total, mask,
/// distances, sinks as for attention (grad like its result), then the gradients
/// of q, k and v, in the layout of theirs without strides, scale f32, softcap
/// f32 (with `softcap`), window index. Keys that come after all that a query
/// sees are never read.
struct AttentionGradKernel : AttentionVariant {
  std::string key() const { return keyOf("nn_attention_grad"); }
};

/// Writes new keys or values into a cache. Arguments: source
/// memref<?x?x?x?xf32> [batch, T, heads, D], past and count memref<?xi32>,
/// cache memref<?x?x?x?x?x?xf32, strided<[?, ?, ?, ?, ?, 1], offset: ?>>, layer
/// index, slot index. Never writes outside the cache.
struct CacheUpdateKernel {
  std::string key() const;
};

/// What the window argument of an attention kernel is where there is no window.
constexpr int64_t kNoWindow = int64_t(1) << 62;

/// The kernel of this key in `module`, built at its end where there is none
/// yet.
mlir::func::FuncOp getOrCreateKernel(mlir::ModuleOp module,
                                     const NormKernel &kernel);
mlir::func::FuncOp getOrCreateKernel(mlir::ModuleOp module,
                                     const RopeKernel &kernel);
mlir::func::FuncOp getOrCreateKernel(mlir::ModuleOp module,
                                     const AttentionKernel &kernel);
mlir::func::FuncOp getOrCreateKernel(mlir::ModuleOp module,
                                     const AttentionGradKernel &kernel);
mlir::func::FuncOp getOrCreateKernel(mlir::ModuleOp module,
                                     const CacheUpdateKernel &kernel);

} // namespace allot::kernel

#endif // ALLOT_KERNEL_NN_H
