// What of a method's file, or of the program written for it, does not fit is an error at the op.
// RUN: allot-opt %s -split-input-file -verify-diagnostics

// A mask of another size than the weight.
func.func @mask(%w: tensor<24x64xf32>, %mask: tensor<64x24xf32, #format.index<i1>>) {
  %base = adapter.dense %w : tensor<24x64xf32>
  %m = adapter.dense %mask : tensor<64x24xf32, #format.index<i1>>
  // expected-error@+1 {{expects different type than prior uses: '!adapter.map<24x64, f32>' vs '!adapter.map<64x24, f32>'}}
  %kept = adapter.hadamard %base, %m : !adapter.map<24x64, f32>
  return
}
// expected-note@-5 {{prior use here}}

// -----

// Gates of a circuit that disagree about an axis.
func.func @circuit(%g: tensor<3x4x3x4xf32>, %h: tensor<4x4x4x3xf32>) {
  // expected-error@+1 {{network "debc,fgae->dfg|abc": mode 'e' is 4 and, in core 1, 3 (A44)}}
  %m = adapter.contract "debc,fgae->dfg|abc" %g, %h : tensor<3x4x3x4xf32>, tensor<4x4x4x3xf32>
  return
}

// -----

// A preference of another length than the ranks.
func.func @preference(%b: tensor<24x9xf32>, %a: tensor<9x64xf32>, %p: tensor<3xf32>) {
  // expected-error@+1 {{the gate}}
  %m = adapter.lowrank %b, %a gate %p : tensor<24x9xf32>, tensor<9x64xf32>, tensor<3xf32>
  return
}

// -----

// A shuffle that forgets an output.
func.func @shuffle() {
  // expected-error@+1 {{permutation}}
  %m = adapter.permutation [0, 2, 2, 3] : !adapter.map<4x4, f32>
  return
}

// -----

// Pruned heads beside rows that are no whole weight any more.
func.func @heads(%w: tensor<24x64xf32>, %b: tensor<24x4xf32>, %a: tensor<4x64xf32>) {
  %base = adapter.dense %w : tensor<24x64xf32>
  %low = adapter.lowrank %b, %a : tensor<24x4xf32>, tensor<4x64xf32>
  %kept = adapter.slice %base rows [0, 16] : !adapter.map<24x64, f32>
  // expected-error@+1 {{op requires the same type for all operands and results}}
  %m = "adapter.sum"(%kept, %low) : (!adapter.map<16x64, f32>, !adapter.map<24x64, f32>) -> !adapter.map<24x64, f32>
  return
}
