//===- NNOps.td - what stands around the maps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_NN_IR_NNOPS_TD
#define ALLOT_DIALECT_NN_IR_NNOPS_TD

include "allot/Interfaces/VJPInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::allot::nn";
  let summary = "What stands around the maps";
  let description = [{
    Attention, rotary embedding, norms, the loss, the key/value cache and taps. All but `tap` and `activation` are destination-style: on tensors they return their result, after
    bufferization they write memrefs. f32 throughout.
  }];
  let useDefaultAttributePrinterParser = 1;
}

def NN_RotaryLayout : I32EnumAttr<"RotaryLayout", "which dimensions of a head turn together", [
    I32EnumAttrCase<"Halves", 0, "halves">, I32EnumAttrCase<"Neighbours", 1, "neighbours">]> {
  let cppNamespace = "::allot::nn";
  let genSpecializedAttr = 0;
}
def NN_NormKind : I32EnumAttr<"NormKind", "kind of a norm", [I32EnumAttrCase<"RMS", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]> {
  let cppNamespace = "::allot::nn";
  let genSpecializedAttr = 0;
}
def NN_ActivationKind : I32EnumAttr<"ActivationKind", "elementwise function", [
    I32EnumAttrCase<"SiLU", 1, "silu">, I32EnumAttrCase<"GELU", 2, "gelu">, I32EnumAttrCase<"GELUTanh", 3, "gelu_tanh">, I32EnumAttrCase<"ReLU", 4, "relu">]> {
  let cppNamespace = "::allot::nn";
  let genSpecializedAttr = 0;
}

class NN_Op<string mnem, list<Trait> traits = []> : Op<NN_Dialect, mnem, traits>;
class NN_DpsOp<string mnem, list<Trait> traits = []>
    : NN_Op<mnem, !listconcat([DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>], traits)> {
  let results = (outs Optional<AnyRankedTensor>:$result);
  let hasVerifier = 1;
}
defvar VJP = DeclareOpInterfaceMethods<VJPOpInterface>;
defvar Inits = [{ ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); } }];

def NN_NormOp : NN_DpsOp<"norm", [VJP]> {
  let summary = "RMS or layer norm over the last dimension";
  let description = [{
    rms: `y = x / sqrt(mean(x^2) + epsilon) * weight`; layer: `y = (x - mean) / sqrt(var + epsilon) * weight + bias`.

    ```mlir
    %y = nn.norm rms ins(%x, %w : tensor<?x?x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%init : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    ```
    (N1) x and result have one shape; weight (and bias) have the size of the last dimension. (N2) epsilon is finite and not negative. (N3) only a layer norm has a bias.
  }];
  let arguments = (ins EnumAttr<NN_Dialect, NN_NormKind, "norm_kind">:$kind, AnyShaped:$x, AnyShaped:$weight, Optional<AnyShaped>:$bias, F64Attr:$epsilon, AnyShaped:$init);
  let assemblyFormat = [{ $kind `ins` `(` $x `,` $weight (`,` $bias^)? `:` type($x) `,` type($weight) (`,` type($bias)^)? `)` `epsilon` $epsilon
                          `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)? }];
  let extraClassDeclaration = Inits;
}

def NN_RopeOp : NN_DpsOp<"rope", [VJP]> {
  let summary = "Rotary position embedding";
  let description = [{
    x `[batch, T, heads, D]`; position of token t of row b is `past[b] + t`; frequencies `[R/2]` are angles per position, R <= D the rotary size; the other
    dimensions pass through. `halves`: dimension i turns with i + R/2, `neighbours`: 2i with 2i + 1. Cosine and sine are multiplied by `scale`.
    Source: Su et al. 2021, RoFormer.

    ```mlir
    %y = nn.rope halves ins(%x, %past, %freqs : tensor<?x?x4x16xf32>, tensor<?xi32>, tensor<8xf32>) scale 1.0 outs(%init : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
    ```
    (N4) x has rank 4, the result its shape; past has batch entries (i32); 2 * |frequencies| <= D; the scale is finite.
  }];
  let arguments = (ins EnumAttr<NN_Dialect, NN_RotaryLayout, "rotary_layout">:$layout, AnyShaped:$x, AnyShaped:$past, AnyShaped:$frequencies, F64Attr:$scale, AnyShaped:$init);
  let assemblyFormat = [{ $layout `ins` `(` $x `,` $past `,` $frequencies `:` type($x) `,` type($past) `,` type($frequencies) `)` `scale` $scale
                          `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)? }];
  let extraClassDeclaration = Inits;
}

def NN_AttentionOp : NN_DpsOp<"attention", [AttrSizedOperandSegments, VJP]> {
  let summary = "Scaled dot-product attention with grouped queries";
  let description = [{
    q `[batch, T, Hq, D]`, k `[batch, S, Hkv, D]`, v `[batch, S, Hkv, Dv]` -> `[batch, T, Hq, Dv]`. Query head h reads key head h * Hkv / Hq. Query t of row b has
    position `past[b] + t` and sees keys j with `j < total[b]`; with `causal` only j <= its position; with `window` W only j > position - W. `total[b]` is the
    number of keys of row b (default S). Where there is a `mask` `[batch, S]` (i32), a key is seen only if its entry is not 0. Scores are multiplied by `scale`; with `softcap` c they become
    c * tanh(score / c) before the mask. With `distances` `[Hq, 2 L + 1]` the score of a key at distance d = j - position is then raised by `distances[h, min(max(d, -L), L) + L]`, which has no gradient
    (relative positions as in Raffel et al. 2020, T5, for which L is the distance from which on all are alike). Where there are `sinks` `[Hq]`, each head
    has one more score in its softmax, as it is, for a value of zeros: the weights of the keys then sum to less than 1 (Xiao et al. 2023, StreamingLLM; OpenAI 2025, gpt-oss). A query that sees no key gives zeros.

    ```mlir
    %o = nn.attention ins(%q, %k, %v : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) total(%total : tensor<?xi32>)
           {causal, scale = 2.5e-01 : f64} outs(%init : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
    %e = nn.attention ins(%q, %k, %v : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) mask(%mask : tensor<?x?xi32>)
           distances(%table : tensor<4x257xf32>) {scale = 1.0 : f64} outs(%init : tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
    ```
    (N5) ranks are 4, batch agrees, Hkv divides Hq, D of q and k agree, result is `[batch, T, Hq, Dv]`; past and total have batch entries (i32).
    (N6) window and softcap are positive, the scale is finite. (N12) the mask is `[batch, S]` (i32); distances are f32, a row for each head of q, and odd in number.
    (N13) sinks are f32, one for each head of q.
  }];
  let arguments = (ins AnyShaped:$q, AnyShaped:$k, AnyShaped:$v, AnyShaped:$past, Optional<AnyShaped>:$total, Optional<AnyShaped>:$mask, Optional<AnyShaped>:$distances, Optional<AnyShaped>:$sinks, AnyShaped:$init,
                       UnitAttr:$causal, F64Attr:$scale, OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let assemblyFormat = [{ `ins` `(` $q `,` $k `,` $v `:` type($q) `,` type($k) `,` type($v) `)` `past` `(` $past `:` type($past) `)`
                          (`total` `(` $total^ `:` type($total) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? (`distances` `(` $distances^ `:` type($distances) `)`)?
                          (`sinks` `(` $sinks^ `:` type($sinks) `)`)? attr-dict `outs` `(` $init `:` type($init) `)` (`->` type($result)^)? }];
  let builders = [
    // Without mask, distances and sinks.
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$v, "::mlir::Value":$past, "::mlir::Value":$total, "::mlir::Value":$init, "bool":$causal,
                   "::llvm::APFloat":$scale, "::mlir::IntegerAttr":$window, "::mlir::FloatAttr":$softcap),
      [{ build($_builder, $_state, result, q, k, v, past, total, ::mlir::Value(), ::mlir::Value(), ::mlir::Value(), init, causal, scale, window, softcap); }]>
  ];
  let extraClassDeclaration = Inits;
}

def NN_AttentionGradOp : NN_Op<"attention_grad", [AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Gradients of attention by its queries, keys and values";
  let description = [{
    What `nn.attention` with the same operands and attributes turns into on the way back: `grad` `[batch, T, Hq, Dv]` is the gradient of its result, the results are those of q, k and v.
    With p the weights of a query, s its scores before the mask and u = grad . v_j: dv_j += p_j grad; ds_j = p_j (u_j - sum_i p_i u_i), times 1 - tanh^2 where there is a softcap; dq += scale ds_j k_j; dk_j +=
    scale ds_j q. The weights are computed again, so nothing is kept from the way forth; the gradient of sinks is none of the results. Source of the form: Dao et al. 2022 (FlashAttention), appendix B.

    ```mlir
    %dq, %dk, %dv = nn.attention_grad ins(%q, %k, %v : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) grad(%g : tensor<?x?x4x16xf32>) past(%past : tensor<?xi32>)
      {causal, scale = 2.5e-01 : f64} outs(%q, %k, %v : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>)
      -> tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
    ```
    (N10) as N5, N6, N12 and N13, with `grad` in place of the result; the inits have the shapes of q, k and v.
  }];
  let arguments = (ins AnyShaped:$q, AnyShaped:$k, AnyShaped:$v, AnyShaped:$grad, AnyShaped:$past, Optional<AnyShaped>:$total, Optional<AnyShaped>:$mask, Optional<AnyShaped>:$distances, Optional<AnyShaped>:$sinks, AnyShaped:$qInit, AnyShaped:$kInit, AnyShaped:$vInit,
                       UnitAttr:$causal, F64Attr:$scale, OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{ `ins` `(` $q `,` $k `,` $v `:` type($q) `,` type($k) `,` type($v) `)` `grad` `(` $grad `:` type($grad) `)` `past` `(` $past `:` type($past) `)`
                          (`total` `(` $total^ `:` type($total) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? (`distances` `(` $distances^ `:` type($distances) `)`)?
                          (`sinks` `(` $sinks^ `:` type($sinks) `)`)? attr-dict `outs` `(` $qInit `,` $kInit `,` $vInit `:` type($qInit) `,` type($kInit) `,` type($vInit) `)`
                          (`->` type($results)^)? }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return {getOperation(), getQInitMutable().getOperandNumber(), 3}; }
  }];
}

def NN_CrossEntropyOp : NN_DpsOp<"cross_entropy", [VJP]> {
  let summary = "Negative logarithm of the probability of a label";
  let description = [{
    logits `[..., V]`, labels `[...]` (i32) -> `[...]`: `log(sum_v exp(logits[..., v])) - logits[..., label]`, in nats. A label outside [0, V) counts as none and gives zero: positions that nothing follows.

    ```mlir
    %l = nn.cross_entropy ins(%logits, %labels : tensor<?x?x100xf32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    ```
    (N11) labels and result have the shape of the logits without its last dimension; the logits are f32, the labels i32.
  }];
  let arguments = (ins AnyShaped:$logits, AnyShaped:$labels, AnyShaped:$init);
  let assemblyFormat = [{ `ins` `(` $logits `,` $labels `:` type($logits) `,` type($labels) `)` `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)? }];
  let extraClassDeclaration = Inits;
}

def NN_CacheUpdateOp : NN_DpsOp<"cache_update"> {
  let summary = "Writes new keys or values into a cache";
  let description = [{
    `cache[layer, slot, b, past[b] + t, h, d] = new[b, t, h, d]` for t < count[b]; the rest of the cache stays. The cache is `[layer, k/v, batch, capacity, heads, dim]`, owned by the
    caller. Writes beyond the capacity are an error of the caller and are checked before a program runs.

    ```mlir
    %c = nn.cache_update ins(%k : tensor<?x?x2x16xf32>) past(%past : tensor<?xi32>) count(%count : tensor<?xi32>) layer 3 slot 0
           outs(%cache : tensor<30x2x?x?x2x16xf32>) -> tensor<30x2x?x?x2x16xf32>
    ```
    (N7) new has rank 4 and agrees with the cache in batch and heads; its heads fit into the cache's, of which the rest stays; layer and slot lie inside.
  }];
  let arguments = (ins AnyShaped:$source, AnyShaped:$past, AnyShaped:$count, I64Attr:$layer, I64Attr:$slot, AnyShaped:$init);
  let assemblyFormat = [{ `ins` `(` $source `:` type($source) `)` `past` `(` $past `:` type($past) `)` `count` `(` $count `:` type($count) `)` `layer` $layer `slot` $slot
                          `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)? }];
  let extraClassDeclaration = Inits;
}

def NN_ActivationOp : NN_Op<"activation", [Pure, SameOperandsAndResultType, VJP]> {
  let summary = "An elementwise function";
  let description = [{
    `silu`: x * sigmoid(x); `gelu`: exact, x * Phi(x); `gelu_tanh`: the tanh form; `relu`.

    ```mlir
    %y = nn.activation silu %x : tensor<?x64xf32>
    ```
    (N8) f32 tensors.
  }];
  let arguments = (ins EnumAttr<NN_Dialect, NN_ActivationKind, "activation_kind">:$kind, AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$kind $x attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_TapOp : NN_Op<"tap", [SameOperandsAndResultType, VJP]> {
  let summary = "A named value that a caller may ask for";
  let description = [{
    The identity. `nn-expose-taps` makes the values of chosen names results of their function; `nn-strip-taps` removes them. `sites` lists the matrices whose
    common input this is (made by `adapter-instrument`).

    ```mlir
    %y = nn.tap %x "hidden_states.0" : tensor<?x?x64xf32>
    %z = nn.tap %y "q_proj.input" sites ["q_proj", "k_proj"] : tensor<?x?x64xf32>
    ```
    (N9) the name is not empty and used once in its function.
  }];
  let arguments = (ins AnyRankedTensor:$x, StrAttr:$name, OptionalAttr<StrArrayAttr>:$sites);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x $name (`sites` $sites^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "::llvm::StringRef":$name), [{ build($_builder, $_state, x.getType(), x, $_builder.getStringAttr(name), ::mlir::ArrayAttr()); }]>,
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$x, "::llvm::StringRef":$name), [{ build($_builder, $_state, type, x, $_builder.getStringAttr(name), ::mlir::ArrayAttr()); }]>
  ];
}

#endif // ALLOT_DIALECT_NN_IR_NNOPS_TD
