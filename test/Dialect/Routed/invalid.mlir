// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @r1(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{a row has from 1 to all of the experts, but got 3 of 2 (R1)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores : tensor<?x8xf32> -> !routed.assignment<3 of 2>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{k is from 1 to the number of experts, 8, but got 9 (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<9> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{k is from 1 to the number of experts, 8, but got 0 (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<0> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{3 groups do not divide 8 experts (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<2, groups = 3> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{of 2 groups 3 are kept (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<2, groups = 2, kept = 3> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{1 groups of 2 experts have no 3 to choose (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<3, groups = 4> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r2(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{groups of one expert have no two scores (R2)}}
  %a = routed.select softmax %l by #routed.token_choice<1, groups = 8, by = sum_of_two> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r3(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{takes either rows or a fraction (R3)}}
  %a = routed.select softmax %l by #routed.expert_choice<rows = 3, fraction = 0.5 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r3(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{the fraction is above 0 and at most 1, but got 2.000000e+00 (R3)}}
  %a = routed.select softmax %l by #routed.expert_choice<fraction = 2.0 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r4(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{experts a row are a finite number above 0, but got 0.000000e+00 (R4)}}
  %a = routed.select softmax %l by #routed.global_choice<0.0 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r4(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{a row has at most 8 experts, not 9.000000e+00 (R4)}}
  %a = routed.select softmax %l by #routed.global_choice<9.0 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r5(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{p is from 0 to 1, but got 1.500000e+00 (R5)}}
  %a = routed.select softmax %l by #routed.top_p<1.5 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r6(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{the threshold is a finite number (R6)}}
  %a = routed.select softmax %l by #routed.threshold<0x7FF0000000000000 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r7(%l: tensor<8xf32>) {
  // expected-error@+1 {{logits are [rows, E] or [batch, rows, E] of f32 with a known E, but got 'tensor<8xf32>' (R7)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores : tensor<8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r7(%l: tensor<?x?xf32>) {
  // expected-error@+1 {{logits are [rows, E] or [batch, rows, E] of f32 with a known E, but got 'tensor<?x?xf32>' (R7)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores : tensor<?x?xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r7(%l: tensor<?x8xf32>, %b: tensor<7xf32>) {
  // expected-error@+1 {{the numbers of the bias are [8] of 'f32', but got 'tensor<7xf32>' (R7)}}
  %a = routed.select softmax %l bias(%b : tensor<7xf32>) by #routed.token_choice<2> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r7(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{has logits of 8 experts, but its result is '!routed.assignment<2 of 9>' (R7)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores : tensor<?x8xf32> -> !routed.assignment<2 of 9>
  return
}

// -----

func.func @r8(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{gives a row up to 2 experts, but its result is '!routed.assignment<3 of 8>' (R8)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores : tensor<?x8xf32> -> !routed.assignment<3 of 8>
  return
}

// -----

func.func @r8(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{gives a row up to 8 experts, but its result is '!routed.assignment<3 of 8>' (R8)}}
  %a = routed.select softmax %l by #routed.top_p<0.5 : f64> weights scores : tensor<?x8xf32> -> !routed.assignment<3 of 8>
  return
}

// -----

func.func @r9(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{the factor is a finite number (R9)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores factor 0x7FF0000000000000 : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r9(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{the capacity is at least 1, but got 0 (R9)}}
  %a = routed.select softmax %l by #routed.token_choice<2> weights scores capacity 0 : tensor<?x8xf32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r10(%i: tensor<?x3xi32>) {
  // expected-error@+1 {{ids are [?, 2] of 'i32', but got 'tensor<?x3xi32>' (R10)}}
  %a = routed.assign %i : tensor<?x3xi32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r10(%i: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
  // expected-error@+1 {{weights are [?, 2] of 'f32', but got 'tensor<?x3xf32>' (R10)}}
  %a = routed.assign %i weights(%w : tensor<?x3xf32>) : tensor<?x2xi32> -> !routed.assignment<2 of 8>
  return
}

// -----

func.func @r11(%a: !routed.assignment<2 of 8>) {
  // expected-error@+1 {{ids are [?, 2] of 'i32', but got 'tensor<?x2xi64>' (R11)}}
  %i, %w = routed.unpack %a : !routed.assignment<2 of 8> -> tensor<?x2xi64>, tensor<?x2xf32>
  return
}

// -----

func.func @r12(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{expert 2 is in no class, no copy and no zero (R12)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> 
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r12(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{expert 1 is named twice (R12)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> copies [1, 2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r12(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{expert 3 is not one of the 3 (R12)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> zeros [3, 2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r12(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{a class is a list of at least one expert (R12)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> zeros [0, 1, 2]
    class [] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r13(%x: tensor<?x?xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{x is [rows.., H] of f32 with a known H, but got 'tensor<?x?xf32>' (R13)}}
  %y = routed.experts %x by %a : tensor<?x?xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> zeros [2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r13(%x: tensor<?x?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{the rows of the result are [?, ?, 4] of 'f32', but got 'tensor<?x4xf32>' (R13)}}
  %y = routed.experts %x by %a : tensor<?x?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> zeros [2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r13(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{a class takes 'tensor<?x4xf32>' and 'tensor<?xi32>' (R13)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x4xf32> zeros [2]
    class [0, 1] (%r: tensor<?x5xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x5xf32>
    }
  return
}

// -----

func.func @r13(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{a class yields 'tensor<?x5xf32>' (R13)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x5xf32> zeros [2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r14(%x: tensor<?x4xf32>, %a: !routed.assignment<2 of 3>) {
  // expected-error@+1 {{copies give what they get, but x is 'tensor<?x4xf32>' and the result 'tensor<?x5xf32>' (R14)}}
  %y = routed.experts %x by %a : tensor<?x4xf32>, !routed.assignment<2 of 3> -> tensor<?x5xf32> copies [2]
    class [0, 1] (%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
      routed.yield %r : tensor<?x4xf32>
    }
  return
}

// -----

func.func @r15(%l: tensor<?x8xf32>, %j: tensor<?x3xi32>, %v: tensor<?x2xf32>) {
  // expected-error@+1 {{ids are [?, 2] of 'i32', but got 'tensor<?x3xi32>' (R15)}}
  %i, %w = routed.choose softmax ins(%l : tensor<?x8xf32>) by #routed.token_choice<2> weights scores outs(%j, %v : tensor<?x3xi32>, tensor<?x2xf32>) -> tensor<?x3xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @r15(%l: tensor<?x8xf32>, %j: memref<?x2xi32>, %v: tensor<?x2xf32>) {
  // expected-error@+1 {{is on tensors or on memrefs, not both (R15)}}
  %i, %w = routed.choose softmax ins(%l : tensor<?x8xf32>) by #routed.token_choice<2> weights scores outs(%j, %v : memref<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}
