// RUN: allot-opt %s -split-input-file --program-describe-entries -verify-diagnostics | FileCheck %s

// Ids are followed through reshapes and calls to the smallest table; names come from attributes or positions; private functions are left alone.
// CHECK-LABEL: func.func @f
// CHECK-SAME: allot.signature = {inputs = [{ids = 10 : i64, name = "input_ids", type = tensor<?x?xi32>}, {name = "arg1", type = tensor<4xf32>}],
// CHECK-SAME: outputs = [{name = "y", type = tensor<?x4xf32>}]}
func.func @f(%ids: tensor<?x?xi32> {allot.name = "input_ids"}, %bias: tensor<4xf32>) -> (tensor<?x4xf32> {allot.name = "y"}) {
  %flat = tensor.collapse_shape %ids [[0, 1]] : tensor<?x?xi32> into tensor<?xi32>
  %y = call @table(%flat) : (tensor<?xi32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
// CHECK: func.func private @table
// CHECK-NOT: allot.signature
func.func private @table(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
  %large = arith.constant dense<1.0> : tensor<20x4xf32>
  %small = arith.constant dense<2.0> : tensor<10x4xf32>
  %l = adapter.dense %large : tensor<20x4xf32>
  %s = adapter.dense %small : tensor<10x4xf32>
  %a = adapter.gather %l, %ids : !adapter.map<20x4, f32>, tensor<?xi32> -> tensor<?x4xf32>
  %b = adapter.gather %s, %ids : !adapter.map<10x4, f32>, tensor<?xi32> -> tensor<?x4xf32>
  %y = arith.addf %a, %b : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Ids of members, spread from sequences over their rows, may be -1: the smallest bank counts.
// CHECK-LABEL: func.func @bank
// CHECK-SAME: inputs = [{name = "x", type = tensor<?x3x4xf32>}, {members = 2 : i64, name = "ids", type = tensor<?xi32>}]
func.func @bank(%x: tensor<?x3x4xf32> {allot.name = "x"}, %ids: tensor<?xi32> {allot.name = "ids"}) -> (tensor<?x3x5xf32> {allot.name = "y"}) {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x3x4xf32>
  %init = tensor.empty(%n) : tensor<?x3xi32>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<?xi32>) outs(%init : tensor<?x3xi32>) {
  ^bb0(%id: i32, %out: i32):
    linalg.yield %id : i32
  } -> tensor<?x3xi32>
  %w = arith.constant dense<1.0> : tensor<2x5x4xf32>
  %bank = adapter.dense %w : tensor<2x5x4xf32>
  %larger = adapter.bank %bank, %bank : !adapter.map<2x5x4, f32>, !adapter.map<2x5x4, f32>
  %y = adapter.apply %bank, %x ids(%rows : tensor<?x3xi32>) : !adapter.map<2x5x4, f32>, tensor<?x3x4xf32> -> tensor<?x3x5xf32>
  %z = adapter.apply %larger, %x ids(%rows : tensor<?x3xi32>) : !adapter.map<4x5x4, f32>, tensor<?x3x4xf32> -> tensor<?x3x5xf32>
  %sum = arith.addf %y, %z : tensor<?x3x5xf32>
  return %sum : tensor<?x3x5xf32>
}

// -----

// What importers say of sizes, and of inputs that callers may leave out.
// CHECK-LABEL: func.func @optional
// CHECK-SAME: inputs = [{limits = array<i64: 0, 64>, name = "ids", sizes = ["batch", "length"], type = tensor<?x?xi32>}, {default = 1 : i64, name = "mask", sizes = ["batch", "length"], type = tensor<?x?xi32>}]
func.func @optional(%ids: tensor<?x?xi32> {allot.name = "ids", allot.sizes = ["batch", "length"], allot.limits = array<i64: 0, 64>},
                    %mask: tensor<?x?xi32> {allot.name = "mask", allot.sizes = ["batch", "length"], allot.default = 1 : i64}) { return }

// -----

// expected-error @+1 {{input 'x' of entry 'names': allot.sizes has a name for each dimension}}
func.func @names(%x: tensor<?x?xi32> {allot.name = "x", allot.sizes = ["batch"]}) { return }

// -----

// expected-error @+1 {{input 'x' of entry 'limits': allot.limits has a number for each dimension}}
func.func @limits(%x: tensor<?x?xi32> {allot.name = "x", allot.limits = array<i64: 3>}) { return }

// -----

// expected-error @+1 {{input 'y' of entry 'floats': allot.default is an integer, of an input of integers}}
func.func @floats(%x: tensor<2xi32> {allot.name = "x"}, %y: tensor<2xf32> {allot.name = "y", allot.default = 1 : i64}) { return }

// -----

// expected-error @+1 {{input 'y' of entry 'unknown': with allot.default its sizes are static, or named as some of the first input}}
func.func @unknown(%x: tensor<?xi32> {allot.name = "x", allot.sizes = ["batch"]}, %y: tensor<?xi32> {allot.name = "y", allot.sizes = ["length"], allot.default = 1 : i64}) { return }

// -----

// expected-error @+1 {{input 'x' of entry 'scalar' is no plain tensor of f32, f16, i32 or i64: 'f32'}}
func.func @scalar(%x: f32 {allot.name = "x"}) { return }

// -----

// expected-error @+1 {{output 'result0' of entry 'bytes' is no plain tensor of f32, f16, i32 or i64: 'tensor<4xi8>'}}
func.func @bytes() -> tensor<4xi8> {
  %c = arith.constant dense<1> : tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

// expected-error @+1 {{entry 'twice' has two inputs called 'x'}}
func.func @twice(%a: tensor<1xf32> {allot.name = "x"}, %b: tensor<1xf32> {allot.name = "x"}) { return }

// -----

func.func @dimension(%x: tensor<?x4xf32>) -> tensor<1xindex> {
  %c7 = arith.constant 7 : index
  // expected-error @+1 {{asks for dimension 7 of a tensor of rank 2}}
  %d = tensor.dim %x, %c7 : tensor<?x4xf32>
  %t = tensor.from_elements %d : tensor<1xindex>
  return %t : tensor<1xindex>
}
