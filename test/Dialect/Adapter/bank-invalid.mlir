// RUN: allot-opt %s -split-input-file -verify-diagnostics

func.func @a61(%a: !adapter.map<64x32, f32>, %b: !adapter.map<64x33, f32>) {
  // expected-error@+1 {{the members of a bank have one shape, but map 1 is '!adapter.map<64x33, f32>' and map 0 is '!adapter.map<64x32, f32>' (A61)}}
  %bank = adapter.bank %a, %b : !adapter.map<64x32, f32>, !adapter.map<64x33, f32>
  return
}

// -----

func.func @a61() {
  // expected-error@+1 {{'adapter.bank' op a bank has at least one member (A61)}}
  %bank = "adapter.bank"() : () -> !adapter.map<1x64x32, f32>
  return
}

// -----

func.func @a61(%a: !adapter.map<64x32, f32>) {
  // expected-error@+1 {{the operands make '!adapter.map<1x64x32, f32>', but the result is '!adapter.map<2x64x32, f32>' (A61)}}
  %bank = "adapter.bank"(%a) : (!adapter.map<64x32, f32>) -> !adapter.map<2x64x32, f32>
  return
}

// -----

func.func @a62(%a: !adapter.map<64x32, f32>) {
  // expected-error@+1 {{a member is selected of a bank, but got '!adapter.map<64x32, f32>' (A62)}}
  %m = adapter.select %a[0] : !adapter.map<64x32, f32>
  return
}

// -----

func.func @a62(%a: !adapter.map<3x64x32, f32>) {
  // expected-error@+1 {{member 3 is not one of the 3 of the bank (A62)}}
  %m = adapter.select %a[3] : !adapter.map<3x64x32, f32>
  return
}

// -----

func.func @a62(%a: !adapter.map<3x64x32, f32>) {
  // expected-error@+1 {{member -1 is not one of the 3 of the bank (A62)}}
  %m = adapter.select %a[-1] : !adapter.map<3x64x32, f32>
  return
}

// -----

func.func @a62(%a: !adapter.map<3x64x32, f32>, %i: tensor<i32>) {
  // expected-error@+1 {{selects by a constant or by a tensor, one of them (A62)}}
  %m = adapter.select %a[1] at %i : !adapter.map<3x64x32, f32>, tensor<i32>
  return
}

// -----

func.func @a62(%a: !adapter.map<3x64x32, f32>, %i: tensor<1xi32>) {
  // expected-error@+1 {{the number of a member is a tensor of rank 0 of i32 or i64, but got 'tensor<1xi32>' (A62)}}
  %m = adapter.select %a at %i : !adapter.map<3x64x32, f32>, tensor<1xi32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %x: tensor<?x32xf32>) {
  // expected-error@+1 {{of a bank takes ids, and the map is '!adapter.map<3x64x32, f32>' (A63)}}
  %y = adapter.apply %b, %x : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<64x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{takes ids of a bank alone, and the map is '!adapter.map<64x32, f32>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?xi32>) : !adapter.map<64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<64x32, f32>, %x: tensor<?x32xf32>) {
  // expected-error@+1 {{weights and otherwise come with ids (A63)}}
  %y = adapter.apply %b, %x otherwise(%b : !adapter.map<64x32, f32>) : !adapter.map<64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?xi16>) {
  // expected-error@+1 {{ids are i32 or i64, but got 'tensor<?xi16>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?xi16>) : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?x2xi32>) {
  // expected-error@+1 {{ids have the leading dimensions of x, but got 'tensor<?x2xi32>' and 'tensor<?x32xf32>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?x2xi32>) : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error@+1 {{ids have the leading dimensions of x and one of the members of a row, but got 'tensor<?xi32>' and 'tensor<?x32xf32>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?xi32>) weights(%w : tensor<?xf32>) : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
  // expected-error@+1 {{weights are f32 numbers, one for each id of 'tensor<?x2xi32>', but got 'tensor<?x3xf32>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?x2xi32>) weights(%w : tensor<?x3xf32>) : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a63(%b: !adapter.map<3x64x32, f32>, %m: !adapter.map<32x32, f32>, %x: tensor<?x32xf32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{otherwise is a single map of 64x32, but got '!adapter.map<32x32, f32>' (A63)}}
  %y = adapter.apply %b, %x ids(%ids : tensor<?xi32>) otherwise(%m : !adapter.map<32x32, f32>) : !adapter.map<3x64x32, f32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @a64(%ids: tensor<?xi64>, %o: tensor<?xi32>, %f: tensor<4xi32>) {
  // expected-error@+1 {{ids is a vector of 'i32' numbers, but got 'tensor<?xi64>' (A64)}}
  %a, %b, %c = adapter.group_rows ins(%ids : tensor<?xi64>) outs(%o, %o, %f : tensor<?xi32>, tensor<?xi32>, tensor<4xi32>) -> tensor<?xi32>, tensor<?xi32>, tensor<4xi32>
  return
}

// -----

func.func @a64(%ids: tensor<7xi32>, %o: tensor<7xi32>, %p: tensor<6xi32>, %f: tensor<4xi32>) {
  // expected-error@+1 {{places is a vector of 7 'i32' numbers, but got 'tensor<6xi32>' (A64)}}
  %a, %b, %c = adapter.group_rows ins(%ids : tensor<7xi32>) outs(%o, %p, %f : tensor<7xi32>, tensor<6xi32>, tensor<4xi32>) -> tensor<7xi32>, tensor<6xi32>, tensor<4xi32>
  return
}

// -----

func.func @a64(%ids: tensor<7xi32>, %o: tensor<7xi32>, %f: tensor<?xi32>) {
  // expected-error@+1 {{offsets is static, of at least one number, but got 'tensor<?xi32>' (A64)}}
  %a, %b, %c = adapter.group_rows ins(%ids : tensor<7xi32>) outs(%o, %o, %f : tensor<7xi32>, tensor<7xi32>, tensor<?xi32>) -> tensor<7xi32>, tensor<7xi32>, tensor<?xi32>
  return
}

// -----

#f16 = #format.float<f16>
func.func @a65(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %B: tensor<64x4xf32, #f16>, %A: tensor<5x32xf32, #f16>) {
  // expected-error@+1 {{the factors of pair 0 are 'tensor<64x4xf32, #format.float<f16>>' and 'tensor<5x32xf32, #format.float<f16>>', which do not make a map of 64x32 (A65)}}
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) factors(%B, %A : tensor<64x4xf32, #f16>, tensor<5x32xf32, #f16>) members([0]) scales([1.0])
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a65(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %B: tensor<64x32xf32, #format.q8_0>, %A: tensor<32x32xf32, #format.q8_0>) {
  // expected-error@+1 {{factor B 0 is stored as numbers without codes, but got 'tensor<64x32xf32, #format.q8_0>' (A65)}}
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) factors(%B, %A : tensor<64x32xf32, #format.q8_0>, tensor<32x32xf32, #format.q8_0>) members([0])
    scales([1.0]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

#f16 = #format.float<f16>
#f32 = #format.float<f32>
func.func @a65(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %B: tensor<64x4xf32, #f16>, %A: tensor<4x32xf32, #f16>, %C: tensor<64x4xf32, #f32>) {
  // expected-error@+1 {{all B have one format, and all A, but factor B 1 is 'tensor<64x4xf32, #format.float<f32>>' (A65)}}
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>)
    factors(%B, %A, %C, %A : tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>, tensor<64x4xf32, #f32>, tensor<4x32xf32, #f16>) members([0, 1]) scales([1.0, 1.0])
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

#f16 = #format.float<f16>
func.func @a66(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %B: tensor<64x4xf32, #f16>, %A: tensor<4x32xf32, #f16>) {
  // expected-error@+1 {{has 1 terms, but 2 members and 1 scales (A66)}}
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) factors(%B, %A : tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>) members([0, 1]) scales([1.0])
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

#f16 = #format.float<f16>
func.func @a66(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %B: tensor<64x4xf32, #f16>, %A: tensor<4x32xf32, #f16>) {
  // expected-error@+1 {{has a pair of member 2, but offsets of 2 members (A66)}}
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) factors(%B, %A : tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>) members([2]) scales([1.0])
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a67(%x: tensor<?x64xf32>, %ids: tensor<?xi32>, %v: tensor<63xf32>, %i: tensor<?x64xf32>) {
  // expected-error@+1 {{a diagonal is a vector of 64 'f32' numbers, but got 'tensor<63xf32>' (A67)}}
  %z = adapter.grouped_diagonal ins(%x : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([0]) vectors([0]) sources([-1]) scales([1.0]) of(%v : tensor<63xf32>)
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a68(%x: tensor<?x64xf32>, %ids: tensor<?xi32>, %i: tensor<?x64xf32>) {
  // expected-error@+1 {{vectors and sources are -1 or one of 0 and 0 (A68)}}
  %z = adapter.grouped_diagonal ins(%x : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([0]) vectors([0]) sources([-1]) scales([1.0]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a68(%x: tensor<?x64xf32>, %ids: tensor<?xi32>, %i: tensor<?x64xf32>) {
  // expected-error@+1 {{members are numbers from 0 that do not fall (A68)}}
  %z = adapter.grouped_diagonal ins(%x : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([1, 0]) vectors([-1, -1]) sources([-1, -1]) scales([1.0, 1.0]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a68(%x: tensor<?x64xf32>, %ids: tensor<?xi32>, %i: tensor<?x64xf32>) {
  // expected-error@+1 {{has at least one term (A68)}}
  %z = adapter.grouped_diagonal ins(%x : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([]) vectors([]) sources([]) scales([]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a69(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %W: tensor<64x32xf32, #format.q8_0>, %V: tensor<64x32xf32, #format.float<f16>>) {
  // expected-error@+1 {{matrices are of one shape and format, but matrix 1 is 'tensor<64x32xf32, #format.float<f16>>' and the first one 'tensor<64x32xf32, #format.q8_0>' (A69)}}
  %y = adapter.grouped_linear ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) matrices(%W, %V : tensor<64x32xf32, #format.q8_0>, tensor<64x32xf32, #format.float<f16>>) members([0, 1]) scales([1.0, 1.0])
    outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a69(%x: tensor<?x31xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %W: tensor<64x32xf32, #format.q8_0>) {
  // expected-error@+1 {{(A69)}}
  %y = adapter.grouped_linear ins(%x : tensor<?x31xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) matrices(%W : tensor<64x32xf32, #format.q8_0>) members([0]) scales([1.0]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a70(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %W: tensor<64x32xf32, #format.q8_0>) {
  // expected-error@+1 {{has a matrix of member 2, but offsets of 2 members (A70)}}
  %y = adapter.grouped_linear ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) matrices(%W : tensor<64x32xf32, #format.q8_0>) members([2]) scales([1.0]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @a70(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %i: tensor<?x64xf32>, %W: tensor<64x32xf32, #format.q8_0>) {
  // expected-error@+1 {{has 1 terms, but 1 members and 0 scales (A70)}}
  %y = adapter.grouped_linear ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) matrices(%W : tensor<64x32xf32, #format.q8_0>) members([0]) scales([]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}
