// RUN: allot-opt %s -nn-expose-taps=names=a -split-input-file -verify-diagnostics

func.func @nested(%x: tensor<8xf32>, %c: i1) -> tensor<8xf32> {
  %r = scf.if %c -> tensor<8xf32> {
    // expected-error@+1 {{cannot become a result of nested, because it is inside of another op}}
    %y = nn.tap %x "a.0" : tensor<8xf32>
    scf.yield %y : tensor<8xf32>
  } else {
    scf.yield %x : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}

// -----

// expected-error@+1 {{taps of called cannot become results, because another op calls it}}
func.func @called(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = nn.tap %x "a" : tensor<8xf32>
  return %y : tensor<8xf32>
}

func.func @caller(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-note@+1 {{used here}}
  %y = call @called(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// expected-error@+1 {{taps of blocks cannot become results, because its body has more than one block}}
func.func @blocks(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = nn.tap %x "a" : tensor<8xf32>
  cf.br ^end
^end:
  return %y : tensor<8xf32>
}
