//===- ComputedOps.td - tensors computed when weights are loaded -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_ADAPTER_IR_COMPUTEDOPS_TD
#define ALLOT_DIALECT_ADAPTER_IR_COMPUTEDOPS_TD

include "allot/Dialect/Adapter/IR/AdapterBase.td"
include "allot/Dialect/Adapter/IR/ComputedEnums.td"

/// Has a reference evaluation and no code.
def Adapter_EvaluatedAtLoad : NativeOpTrait<"EvaluatedAtLoad"> {
  let cppNamespace = "::allot::adapter";
}
class Adapter_ComputedOp<string mnem> : Adapter_Op<mnem, [Pure, Adapter_EvaluatedAtLoad]> {
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

def Adapter_SeededOp : Adapter_ComputedOp<"seeded"> {
  let summary = "Numbers of a generator, from a seed";
  let description = [{
    ```mlir
    %a = adapter.seeded torch_uniform seed 4 skip 288 bound 3.5355339059327379E-1 : tensor<6x48xf32>
    ```
    A constant that nobody stores: numbers `skip`, `skip` + 1, ... of the generator that begins with `seed`, by rows. Tensors that one generator filled one after the other have one seed.

    `torch_uniform`: the 32-bit outputs u of MT19937, initialised by `init_genrand` with the seed modulo 2^32, one for each number; (u mod 2^24) 2^-24 (bound - -bound) + -bound in f32, by a
    fused multiply-add.
    It is what PyTorch's CPU generator gives for `uniform_(-bound, bound)`.

    (A37) the result is a static f32 tensor without encoding; `skip` is not negative, and it and the number of elements make at most 2^40; `bound` is positive and twice it a finite f32. Source of the use: VeRA,
    Kopiczko et al. 2023.
  }];
  let arguments = (ins Adapter_Generator:$generator, I64Attr:$seed, DefaultValuedAttr<I64Attr, "0">:$skip, F64Attr:$bound);
  let assemblyFormat = "$generator `seed` $seed (`skip` $skip^)? `bound` $bound attr-dict `:` type($result)";
}

def Adapter_SingularVectorsOp : Adapter_ComputedOp<"singular_vectors"> {
  let summary = "The first singular vectors of a matrix";
  let description = [{
    ```mlir
    %u = adapter.singular_vectors left %w : tensor<36x48xf32> -> tensor<36x6xf32>
    %v = adapter.singular_vectors right %w : tensor<36x48xf32> -> tensor<6x48xf32>
    ```
    With W = U diag(s) V^T, s falling: the first columns of U, or the first rows of V^T, as many as the result has. Left and right ones of one matrix belong together, so that V^T = diag(1/s) U^T W.
    Signs, and vectors of equal singular values, are those of LAPACK's `gesdd` in f32; what must not depend on them uses U and V in pairs.

    (A38) both are static f32 matrices without encoding; W has fewer than 2^31 elements and not more than 2^14 rows or not more than 2^14 columns; the result has the rows (`left`) or the columns (`right`)
    of W, and at most as many vectors as W has rows and as it has columns.
  }];
  let arguments = (ins UnitAttr:$right, AnyRankedTensor:$matrix);
  let assemblyFormat = "(`right` $right^):(`left`)? $matrix attr-dict `:` type($matrix) `->` type($result)";
}

def Adapter_OrthonormalFactorOp : Adapter_ComputedOp<"orthonormal_factor"> {
  let summary = "Q of P = Q R";
  let description = [{
    ```mlir
    %q = adapter.orthonormal_factor %p : tensor<24x4xf32>
    ```
    The orthonormal columns Q of the factorisation P = Q R with an upper triangular R, with the signs of Householder reflections as LAPACK's `geqrf` and `orgqr` make them (R[i, i] has the sign
    opposite to that of the entry which the reflection meets). (A39) P is a static f32 matrix without encoding, of fewer than 2^31 elements and at least as many rows as columns; the result has its type.
  }];
  let arguments = (ins AnyRankedTensor:$matrix);
  let assemblyFormat = "$matrix attr-dict `:` type($matrix) `` custom<SameAs>(ref(type($matrix)), type($result))";
}

def Adapter_SolveOp : Adapter_ComputedOp<"solve"> {
  let summary = "A^-1 B";
  let description = [{
    ```mlir
    %x = adapter.solve %a, %b : tensor<48x48xf32>, tensor<48x36xf32>
    ```
    X with A X = B, by elimination with row pivots in f64. A singular A is an error when the weights are loaded. (A40) both are static f32 matrices without encoding, of fewer than 2^31 elements; A is
    square with as many rows as B; the result has the type of B.
  }];
  let arguments = (ins AnyRankedTensor:$a, AnyRankedTensor:$b);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `` custom<SameAs>(ref(type($b)), type($result))";
}

def Adapter_ExtremeEntriesOp : Adapter_ComputedOp<"extreme_entries"> {
  let summary = "The places of the entries of largest or smallest magnitude";
  let description = [{
    ```mlir
    %p = adapter.extreme_entries largest %w : tensor<36x48xf32> -> tensor<2x86xf32>
    ```
    Rows and columns of the N entries of W whose magnitude is largest, the largest one first, or smallest, the smallest one first: what `sparse` takes. Entries of one magnitude stand in the
    order that PyTorch's `topk` leaves them in on processors: that of `std::partial_sort` where 64 N is at most the number of entries, else of `std::nth_element` and `std::sort`.

    (A41) W is a static f32 matrix without encoding, of fewer than 2^31 elements and at most 2^24 rows and columns; the result is 2 x N f32 without encoding, N at least 1 and at most the number of
    elements of W. Source of the use: Super-Tuning.
  }];
  let arguments = (ins UnitAttr:$smallest, AnyRankedTensor:$matrix);
  let assemblyFormat = "(`smallest` $smallest^):(`largest`)? $matrix attr-dict `:` type($matrix) `->` type($result)";
}

#endif // ALLOT_DIALECT_ADAPTER_IR_COMPUTEDOPS_TD
