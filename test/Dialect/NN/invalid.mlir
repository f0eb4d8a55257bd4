// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @n1(%x: tensor<2x64xf32>, %w: tensor<32xf32>) {
  // expected-error@+1 {{the weight has 32 in dimension 0, but the last dimension of x has 64 (N1)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf32>, tensor<32xf32>) epsilon 1.0e-5 outs(%x : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n1(%x: tensor<2x64xf32>, %w: tensor<64xf32>, %init: tensor<3x64xf32>) {
  // expected-error@+1 {{x and the init have one shape, but got 'tensor<2x64xf32>' and 'tensor<3x64xf32>' (N1)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return
}

// -----

func.func @n1(%x: tensor<2x64xf16>, %w: tensor<64xf32>, %init: tensor<2x64xf32>) {
  // expected-error@+1 {{x holds f32 without encoding, but got 'tensor<2x64xf16>' (N1)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf16>, tensor<64xf32>) epsilon 1.0e-5 outs(%init : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n1(%x: tensor<2x64xf32>, %w: tensor<64xf32, #format.float<f32>>) {
  // expected-error@+1 {{the weight holds f32 without encoding and has rank 1, but got 'tensor<64xf32, #format.float<f32>>' (N1)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf32>, tensor<64xf32, #format.float<f32>>) epsilon 1.0e-5 outs(%x : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n1(%x: tensor<2x64xf32>, %w: memref<64xf32>) {
  // expected-error@+1 {{takes tensors alone or memrefs alone, but got both (N1)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf32>, memref<64xf32>) epsilon 1.0e-5 outs(%x : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n2(%x: tensor<2x64xf32>, %w: tensor<64xf32>) {
  // expected-error@+1 {{epsilon is finite and not negative, but got -1.000000e-05 : f64 (N2)}}
  %y = nn.norm rms ins(%x, %w : tensor<2x64xf32>, tensor<64xf32>) epsilon -1.0e-5 outs(%x : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n3(%x: tensor<2x64xf32>, %w: tensor<64xf32>) {
  // expected-error@+1 {{an rms norm has no bias (N3)}}
  %y = nn.norm rms ins(%x, %w, %w : tensor<2x64xf32>, tensor<64xf32>, tensor<64xf32>) epsilon 1.0e-5 outs(%x : tensor<2x64xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @n4(%q: tensor<2x3x4x16xf32>, %past: tensor<2xi32>, %freqs: tensor<9xf32>) {
  // expected-error@+1 {{9 frequencies turn 18 dimensions, but a head has 16 (N4)}}
  %r = nn.rope halves ins(%q, %past, %freqs : tensor<2x3x4x16xf32>, tensor<2xi32>, tensor<9xf32>) scale 1.0 outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n4(%q: tensor<2x3x4x16xf32>, %past: tensor<3xi32>, %freqs: tensor<8xf32>) {
  // expected-error@+1 {{past has one entry for each of the 2 rows of the batch, but is 'tensor<3xi32>' (N4)}}
  %r = nn.rope halves ins(%q, %past, %freqs : tensor<2x3x4x16xf32>, tensor<3xi32>, tensor<8xf32>) scale 1.0 outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n4(%q: tensor<2x3x64xf32>, %past: tensor<2xi32>, %freqs: tensor<8xf32>) {
  // expected-error@+1 {{x holds f32 without encoding and has rank 4, but got 'tensor<2x3x64xf32>' (N4)}}
  %r = nn.rope halves ins(%q, %past, %freqs : tensor<2x3x64xf32>, tensor<2xi32>, tensor<8xf32>) scale 1.0 outs(%q : tensor<2x3x64xf32>) -> tensor<2x3x64xf32>
  return
}

// -----

func.func @n5(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x3x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{the heads of k (3) divide the heads of q (4) without rest, but do not here (N5)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x3x16xf32>, tensor<2x5x3x16xf32>) past(%past : tensor<2xi32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n5(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{k has 8 in dimension 3, but q has 16 (N5)}}
  %a = nn.attention ins(%q, %k, %v : tensor<2x3x4x16xf32>, tensor<2x5x2x8xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n5(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %v: tensor<2x6x2x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{v has 6 in dimension 1, but k has 5 (N5)}}
  %a = nn.attention ins(%q, %k, %v : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x6x2x16xf32>) past(%past : tensor<2xi32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n5(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>, %total: tensor<2xi64>) {
  // expected-error@+1 {{total holds i32 without encoding and has rank 1, but got 'tensor<2xi64>' (N5)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) total(%total : tensor<2xi64>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n12(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>, %m: tensor<2x4xi32>) {
  // expected-error@+1 {{the mask has 4 in dimension 1, but k has 5 (N5)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) mask(%m : tensor<2x4xi32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n12(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>, %m: tensor<2x5xf32>) {
  // expected-error@+1 {{the mask holds i32 without encoding and has rank 2, but got 'tensor<2x5xf32>' (N5)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) mask(%m : tensor<2x5xf32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n12(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>, %m: tensor<2x9xf32>) {
  // expected-error@+1 {{distances has 2 in dimension 0, but q (its heads) has 4 (N5)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) distances(%m : tensor<2x9xf32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n12(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>, %m: tensor<4x8xf32>) {
  // expected-error@+1 {{distances go as far back as ahead, so their number is odd, but is 8 (N12)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) distances(%m : tensor<4x8xf32>) {scale = 1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n6(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{the window is positive, but got 0 (N6)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) {scale = 1.0 : f64, window = 0 : i64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n6(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{the softcap is positive and finite, but got -1.000000e+00 : f64 (N6)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) {scale = 1.0 : f64, softcap = -1.0 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n6(%q: tensor<2x3x4x16xf32>, %k: tensor<2x5x2x16xf32>, %past: tensor<2xi32>) {
  // expected-error@+1 {{the scale is finite, but got 0x7FF8000000000000 : f64 (N6)}}
  %a = nn.attention ins(%q, %k, %k : tensor<2x3x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x5x2x16xf32>) past(%past : tensor<2xi32>) {scale = 0x7FF8000000000000 : f64} outs(%q : tensor<2x3x4x16xf32>) -> tensor<2x3x4x16xf32>
  return
}

// -----

func.func @n7(%k: tensor<1x1x2x16xf32>, %past: tensor<1xi32>, %cache: tensor<3x2x1x9x2x16xf32>) {
  // expected-error@+1 {{layer 3 is outside of the cache, which has 3 (N7)}}
  %c = nn.cache_update ins(%k : tensor<1x1x2x16xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 3 slot 0 outs(%cache : tensor<3x2x1x9x2x16xf32>) -> tensor<3x2x1x9x2x16xf32>
  return
}

// -----

func.func @n7(%k: tensor<1x1x2x16xf32>, %past: tensor<1xi32>, %cache: tensor<3x2x1x9x2x16xf32>) {
  // expected-error@+1 {{slot -1 is outside of the cache, which has 2 (N7)}}
  %c = nn.cache_update ins(%k : tensor<1x1x2x16xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot -1 outs(%cache : tensor<3x2x1x9x2x16xf32>) -> tensor<3x2x1x9x2x16xf32>
  return
}

// -----

func.func @n7(%k: tensor<1x1x4x16xf32>, %past: tensor<1xi32>, %cache: tensor<3x2x1x9x2x16xf32>) {
  // expected-error@+1 {{the source has 4 in dimension 2, but the cache (heads) has 2 (N7)}}
  %c = nn.cache_update ins(%k : tensor<1x1x4x16xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot 0 outs(%cache : tensor<3x2x1x9x2x16xf32>) -> tensor<3x2x1x9x2x16xf32>
  return
}

// -----

func.func @n7(%k: tensor<1x1x2x17xf32>, %past: tensor<1xi32>, %cache: tensor<3x2x1x9x2x16xf32>) {
  // expected-error@+1 {{the source has heads of 17 numbers, but the cache holds 16 (N7)}}
  %c = nn.cache_update ins(%k : tensor<1x1x2x17xf32>) past(%past : tensor<1xi32>) count(%past : tensor<1xi32>) layer 0 slot 0 outs(%cache : tensor<3x2x1x9x2x16xf32>) -> tensor<3x2x1x9x2x16xf32>
  return
}

// -----

func.func @n8(%x: tensor<2xi32>) {
  // expected-error@+1 {{x holds f32 without encoding, but got 'tensor<2xi32>' (N8)}}
  %y = nn.activation silu %x : tensor<2xi32>
  return
}

// -----

func.func @n9(%x: tensor<2xf32>) {
  // expected-error@+1 {{the name of a tap is not empty (N9)}}
  %y = nn.tap %x "" : tensor<2xf32>
  return
}

// -----

func.func @n9(%x: tensor<2xf32>) {
  // expected-note@+1 {{first here}}
  %y = nn.tap %x "a" : tensor<2xf32>
  %z = nn.tap %x "b" : tensor<2xf32>
  // expected-error@+1 {{the name "a" is used twice in its function (N9)}}
  %w = nn.tap %x "a" : tensor<2xf32>
  return
}

// -----

func.func @n10(%q: tensor<1x1x4x16xf32>, %k: tensor<1x1x3x16xf32>, %past: tensor<1xi32>) {
  // expected-error@+1 {{the heads of k (3) divide the heads of q (4) without rest, but do not here (N10)}}
  %d:3 = nn.attention_grad ins(%q, %k, %k : tensor<1x1x4x16xf32>, tensor<1x1x3x16xf32>, tensor<1x1x3x16xf32>) grad(%q : tensor<1x1x4x16xf32>) past(%past : tensor<1xi32>)
    {scale = 1.0 : f64} outs(%q, %k, %k : tensor<1x1x4x16xf32>, tensor<1x1x3x16xf32>, tensor<1x1x3x16xf32>) -> tensor<1x1x4x16xf32>, tensor<1x1x3x16xf32>, tensor<1x1x3x16xf32>
  return
}

// -----

func.func @n10(%q: tensor<1x1x4x16xf32>, %g: tensor<1x1x4x8xf32>, %past: tensor<1xi32>) {
  // expected-error@+1 {{the gradient has 8 in dimension 3, but v has 16 (N10)}}
  %d:3 = nn.attention_grad ins(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) grad(%g : tensor<1x1x4x8xf32>) past(%past : tensor<1xi32>)
    {scale = 1.0 : f64} outs(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) -> tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>
  return
}

// -----

func.func @n10(%q: tensor<1x1x4x16xf32>, %past: tensor<1xi32>) {
  // expected-error@+1 {{gives three tensors, or writes three memrefs, but has 1 results (N10)}}
  %d = nn.attention_grad ins(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) grad(%q : tensor<1x1x4x16xf32>) past(%past : tensor<1xi32>)
    {scale = 1.0 : f64} outs(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) -> tensor<1x1x4x16xf32>
  return
}

// -----

func.func @n11(%x: tensor<3x8xf32>, %labels: tensor<2xi32>, %init: tensor<3xf32>) {
  // expected-error@+1 {{the labels has 2 in dimension 0, but the logits has 3 (N11)}}
  %l = nn.cross_entropy ins(%x, %labels : tensor<3x8xf32>, tensor<2xi32>) outs(%init : tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @n11(%x: tensor<3x8xf32>, %labels: tensor<3xi64>, %init: tensor<3xf32>) {
  // expected-error@+1 {{the labels holds i32 without encoding and has rank 1, but got 'tensor<3xi64>' (N11)}}
  %l = nn.cross_entropy ins(%x, %labels : tensor<3x8xf32>, tensor<3xi64>) outs(%init : tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @n13(%q: tensor<1x1x4x16xf32>, %past: tensor<1xi32>, %s: tensor<3xf32>) {
  // expected-error@+1 {{sinks has 3 in dimension 0, but q (its heads) has 4 (N5)}}
  %o = nn.attention ins(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) past(%past : tensor<1xi32>) sinks(%s : tensor<3xf32>) {scale = 1.0 : f64} outs(%q : tensor<1x1x4x16xf32>) -> tensor<1x1x4x16xf32>
  return
}

// -----

func.func @n13(%q: tensor<1x1x4x16xf32>, %past: tensor<1xi32>, %s: tensor<4xi32>) {
  // expected-error@+1 {{sinks holds f32 without encoding and has rank 1, but got 'tensor<4xi32>' (N5)}}
  %o = nn.attention ins(%q, %q, %q : tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x16xf32>) past(%past : tensor<1xi32>) sinks(%s : tensor<4xi32>) {scale = 1.0 : f64} outs(%q : tensor<1x1x4x16xf32>) -> tensor<1x1x4x16xf32>
  return
}
