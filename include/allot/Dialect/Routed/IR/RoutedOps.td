//===- RoutedOps.td - which tokens meet which maps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ROUTED_IR_ROUTEDOPS_TD
#define ALLOT_DIALECT_ROUTED_IR_ROUTEDOPS_TD

include "allot/Interfaces/RoutingInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Routed_Dialect : Dialect {
  let name = "routed";
  let cppNamespace = "::allot::routed";
  let summary = "Which tokens meet which maps";
  let description = [{
    A routed layer is a weighted relation between rows (tokens) and experts. `select` makes it from scores by a policy, `assign` from ids and weights; `experts` runs a region on the rows of
    each class of experts and adds up what they give, by weight. A row of weight 0 does not meet its expert.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = [];
}

//===----------------------------------------------------------------------===//
// Type
//===----------------------------------------------------------------------===//

def Routed_AssignmentType : TypeDef<Routed_Dialect, "Assignment"> {
  let mnemonic = "assignment";
  let summary = "A weighted relation between rows and experts";
  let description = [{
    `!routed.assignment<2 of 8>`: every row has at most 2 of 8 experts, each with a weight.

    (R1) 1 <= most <= experts.
  }];
  let parameters = (ins "int64_t":$most, "int64_t":$experts);
  let assemblyFormat = "`<` $most `of` $experts `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

class Routed_PolicyAttr<string name, string mnem> : AttrDef<Routed_Dialect, name, [DeclareAttrInterfaceMethods<RoutingPolicyAttrInterface>]> {
  let mnemonic = mnem;
}

def Routed_GroupScore : I32EnumAttr<"GroupScore", "what a group of experts is judged by", [
    I32EnumAttrCase<"Largest", 0, "largest">, I32EnumAttrCase<"SumOfTwo", 1, "sum_of_two">]> {
  let cppNamespace = "::allot::routed";
  let genSpecializedAttr = 0;
}

def Routed_TokenChoiceAttr : Routed_PolicyAttr<"TokenChoice", "token_choice"> {
  let summary = "Each row chooses its best k experts";
  let description = [{
    `#routed.token_choice<2>`; `#routed.token_choice<4, groups = 8, kept = 3, by = sum_of_two>` chooses among the experts of the best 3 of 8 groups (equal runs of experts) only, judged by their
    largest score or by the sum of their two largest. Source: Shazeer et al. 2017; groups: DeepSeek-AI 2024.

    (R2) k >= 1; 1 <= kept <= groups; the groups divide the experts and the kept ones have at least k.
  }];
  let parameters = (ins "int64_t":$k, DefaultValuedParameter<"int64_t", "1">:$groups, DefaultValuedParameter<"int64_t", "1">:$kept,
    DefaultValuedParameter<"::allot::routed::GroupScore", "::allot::routed::GroupScore::Largest">:$by);
  let assemblyFormat = "`<` $k (`,` struct($groups, $kept, $by)^)? `>`";
}

def Routed_ExpertChoiceAttr : Routed_PolicyAttr<"ExpertChoice", "expert_choice"> {
  let summary = "Each expert chooses its best rows of the sequence";
  let description = [{
    `#routed.expert_choice<rows = 16>` takes so many rows (all, of a shorter sequence), `#routed.expert_choice<fraction = 0.5>` this part of them, rounded down, but at least one. Source: Zhou et al. 2022; with one
    expert and a residual it is Mixture-of-Depths (Raposo et al. 2024).

    (R3) either rows >= 1 or 0 < fraction <= 1.
  }];
  let parameters = (ins OptionalParameter<"int64_t", "0">:$rows, OptionalParameter<"::mlir::FloatAttr">:$fraction);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Routed_GlobalChoiceAttr : Routed_PolicyAttr<"GlobalChoice", "global_choice"> {
  let summary = "The best pairs of the whole sequence";
  let description = [{
    `#routed.global_choice<2.0 : f64>`: of all pairs of a row and an expert the best ones, on average so many a row (rounded down, at least one pair).

    (R4) a finite number above 0, at most the number of experts.
  }];
  let parameters = (ins "::mlir::FloatAttr":$perRow);
  let assemblyFormat = "`<` $perRow `>`";
  let genVerifyDecl = 1;
}

def Routed_TopPAttr : Routed_PolicyAttr<"TopP", "top_p"> {
  let summary = "The smallest set of experts whose scores add up to p";
  let description = [{
    `#routed.top_p<0.6 : f64>`: each row takes experts in the order of their scores until the sum is p or more; at least one. Source: Huang et al. 2024.

    (R5) 0 <= p <= 1.
  }];
  let parameters = (ins "::mlir::FloatAttr":$p);
  let assemblyFormat = "`<` $p `>`";
  let genVerifyDecl = 1;
}

def Routed_ThresholdAttr : Routed_PolicyAttr<"Threshold", "threshold"> {
  let summary = "All experts whose score is high enough";
  let description = [{
    `#routed.threshold<0.5 : f64>`: a row has the experts whose score is at least so much: none, some or all.

    (R6) a finite number.
  }];
  let parameters = (ins "::mlir::FloatAttr":$least);
  let assemblyFormat = "`<` $least `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

def Routed_Score : I32EnumAttr<"Score", "function of the logits of a row", [
    I32EnumAttrCase<"Logits", 0, "logits">, I32EnumAttrCase<"Softmax", 1, "softmax">, I32EnumAttrCase<"Sigmoid", 2, "sigmoid">]> {
  let cppNamespace = "::allot::routed";
  let genSpecializedAttr = 0;
}
def Routed_Weighting : I32EnumAttr<"Weighting", "what chosen experts are weighted by", [
    I32EnumAttrCase<"Scores", 0, "scores">, I32EnumAttrCase<"Normalized", 1, "normalized">, I32EnumAttrCase<"Softmax", 2, "softmax">, I32EnumAttrCase<"Ones", 3, "ones">]> {
  let cppNamespace = "::allot::routed";
  let genSpecializedAttr = 0;
}

class Routed_Op<string mnem, list<Trait> traits = []> : Op<Routed_Dialect, mnem, traits>;

defvar SelectionAttrs = (ins RoutingPolicyAttrInterface:$policy, EnumAttr<Routed_Dialect, Routed_Score, "score">:$score,
  EnumAttr<Routed_Dialect, Routed_Weighting, "weighting">:$weighting, DefaultValuedAttr<F64Attr, "1.0">:$factor, OptionalAttr<I64Attr>:$capacity);

def Routed_SelectOp : Routed_Op<"select", [Pure]> {
  let summary = "Scores become an assignment, by a policy";
  let description = [{
    The logits of a row become scores by `softmax` over all experts or `sigmoid`, or are the scores (`logits`). The policy chooses by scores plus `bias`, if there is one. The weights are the scores without it (`scores`),
    these over the sum of the chosen ones of the row (`normalized`), a `softmax` over the logits of the chosen ones, or `ones`, times `factor`. With a `capacity` an expert takes no more rows of a sequence than that, in
    the order of the rows; a pair beyond it keeps its id and has weight 0.

    ```mlir
    %a = routed.select softmax %logits bias(%b : tensor<8xf32>) by #routed.token_choice<2> weights normalized factor 2.5 : tensor<?x?x8xf32> -> !routed.assignment<2 of 8>
    ```
    Logits are `[rows, E]`, which are one sequence, or `[batch, rows, E]`, sequences on their own. A NaN among them is an error of the caller, which the reference evaluation reports; compiled code gives the row weights of NaN.

    (R7) logits have rank 2 or 3 and a known last dimension E, that of the type; bias has E numbers. (R8) `most` is what the policy says. (R9) the factor is finite, the capacity >= 1.
  }];
  let arguments = !con((ins AnyRankedTensor:$logits, Optional<AnyRankedTensor>:$bias), SelectionAttrs);
  let results = (outs Routed_AssignmentType:$result);
  let assemblyFormat = [{ $score $logits (`bias` `(` $bias^ `:` type($bias) `)`)? `by` $policy `weights` $weighting (`factor` $factor^)? (`capacity` $capacity^)? attr-dict
                          `:` type($logits) `->` qualified(type($result)) }];
  let hasVerifier = 1;
}

def Routed_AssignOp : Routed_Op<"assign", [Pure]> {
  let summary = "An assignment from ids and weights";
  let description = [{
    For each row the ids of its experts, -1 for none, and their weights (1 where none are given): a constant policy, an assignment that is known from elsewhere.

    ```mlir
    %a = routed.assign %ids weights(%w : tensor<?x?x2xf32>) : tensor<?x?x2xi32> -> !routed.assignment<2 of 8>
    ```
    (R10) ids are i32 and weights f32, `[rows.., most]`. An id that is no expert is an error of the caller.
  }];
  let arguments = (ins AnyRankedTensor:$ids, Optional<AnyRankedTensor>:$weights);
  let results = (outs Routed_AssignmentType:$result);
  let assemblyFormat = "$ids (`weights` `(` $weights^ `:` type($weights) `)`)? attr-dict `:` type($ids) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Routed_UnpackOp : Routed_Op<"unpack", [Pure]> {
  let summary = "Ids and weights of an assignment";
  let description = [{
    For each row the ids of its experts in ascending order (as they were given, of an `assign`), -1 behind them, and their weights, 0 behind them.

    ```mlir
    %ids, %w = routed.unpack %a : !routed.assignment<2 of 8> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
    ```
    (R11) the results are i32 and f32, `[rows.., most]`.
  }];
  let arguments = (ins Routed_AssignmentType:$assignment);
  let results = (outs AnyRankedTensor:$ids, AnyRankedTensor:$weights);
  let assemblyFormat = "$assignment attr-dict `:` qualified(type($assignment)) `->` type($ids) `,` type($weights)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Routed_ExpertsOp : Routed_Op<"experts", [RecursiveMemoryEffects]> {
  let summary = "Rows meet their experts";
  let description = [{
    `y[row] = sum over the experts e of the row of weight * expert_e(x[row])`. Experts are grouped in classes that run the same code: each class has a region, whose first argument holds the rows that have one of
    its experts, sorted by expert, and whose second one the number of the expert in the class, for each of them. `copies` are experts that give their input, `zeros` give nothing; neither costs anything. A class that no row has may run on no rows.

    ```mlir
    %y = routed.experts %x by %a : tensor<?x?x64xf32>, !routed.assignment<2 of 10> -> tensor<?x?x64xf32> copies [8] zeros [9]
      class [0, 1, 2, 3, 4, 5, 6, 7] (%rows: tensor<?x64xf32>, %ids: tensor<?xi32>) {
        %h = adapter.apply %up, %rows ids(%ids : tensor<?xi32>) : !adapter.map<8x96x64, f32>, tensor<?x64xf32> -> tensor<?x96xf32>
        %r = adapter.apply %down, %h ids(%ids : tensor<?xi32>) : !adapter.map<8x64x96, f32>, tensor<?x96xf32> -> tensor<?x64xf32>
        routed.yield %r : tensor<?x64xf32>
      }
    ```
    (R12) every expert is in one class, a copy, or a zero. (R13) x is `[rows.., H]` and the result `[rows.., OUT]` of f32 with the same rows; regions take `[?, H]` and `[?]` of i32 and give `[?, OUT]`. (R14) copies need H = OUT.
  }];
  let arguments = (ins AnyRankedTensor:$x, Routed_AssignmentType:$assignment, ArrayAttr:$classes, DenseI64ArrayAttr:$copies, DenseI64ArrayAttr:$zeros);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The experts of class `index`, in the order of their numbers in it.
    ::llvm::ArrayRef<int64_t> getClassMembers(unsigned index);
  }];
}

def Routed_YieldOp : Routed_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"ExpertsOp">]> {
  let summary = "What the experts of a class give";
  let description = [{
    ```mlir
    routed.yield %r : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Routed_ChooseOp : Routed_Op<"choose", [DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "The kernel of a selection";
  let description = [{
    What `select` becomes: ids and weights are written, on tensors or, after bufferization, on memrefs.

    ```mlir
    %ids, %w = routed.choose softmax ins(%logits : tensor<?x?x8xf32>) by #routed.token_choice<2> weights normalized outs(%i, %v : tensor<?x?x2xi32>, tensor<?x?x2xf32>) -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
    ```
    (R15) logits and bias as in `select`; ids are i32 and weights f32, `[rows.., most]`.
  }];
  let arguments = !con((ins AnyShaped:$logits, Optional<AnyShaped>:$bias, AnyShaped:$ids, AnyShaped:$weights), SelectionAttrs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{ $score `ins` `(` $logits `:` type($logits) `)` (`bias` `(` $bias^ `:` type($bias) `)`)? `by` $policy `weights` $weighting (`factor` $factor^)? (`capacity` $capacity^)?
                          `outs` `(` $ids `,` $weights `:` type($ids) `,` type($weights) `)` attr-dict (`->` type($results)^)? }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2); }
  }];
}

#endif // ALLOT_DIALECT_ROUTED_IR_ROUTEDOPS_TD
