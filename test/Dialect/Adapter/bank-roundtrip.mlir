// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s

#f16 = #format.float<f16>

// CHECK-LABEL: func.func @maps
func.func @maps(%a: !adapter.map<64x32, f32>, %b: !adapter.map<3x64x32, f32>, %i: tensor<i64>, %j: tensor<i32>) {
  // CHECK: %[[B:.*]] = adapter.bank %{{.*}}, %{{.*}}, %{{.*}} : !adapter.map<64x32, f32>, !adapter.map<3x64x32, f32>, !adapter.map<64x32, f32>
  %bank = adapter.bank %a, %b, %a : !adapter.map<64x32, f32>, !adapter.map<3x64x32, f32>, !adapter.map<64x32, f32>
  // CHECK: adapter.select %[[B]][4] : !adapter.map<5x64x32, f32>
  %s = adapter.select %bank[4] : !adapter.map<5x64x32, f32>
  // CHECK: adapter.select %[[B]] at %{{.*}} : !adapter.map<5x64x32, f32>, tensor<i64>
  %t = adapter.select %bank at %i : !adapter.map<5x64x32, f32>, tensor<i64>
  // CHECK: adapter.select %[[B]] at %{{.*}} : !adapter.map<5x64x32, f32>, tensor<i32>
  %u = adapter.select %bank at %j : !adapter.map<5x64x32, f32>, tensor<i32>
  return
}

// CHECK-LABEL: func.func @apply
func.func @apply(%b: !adapter.map<3x64x32, f32>, %m: !adapter.map<64x32, f32>, %x: tensor<?x5x32xf32>, %y: tensor<32xf32>, %ids: tensor<?x5xi32>, %two: tensor<?x5x2xi64>, %w: tensor<?x5x2xf32>,
                 %one: tensor<i64>, %bias: tensor<64xf32>) {
  // CHECK: adapter.apply %{{.*}}, %{{.*}} ids(%{{.*}} : tensor<?x5xi32>) : !adapter.map<3x64x32, f32>, tensor<?x5x32xf32> -> tensor<?x5x64xf32>
  %a = adapter.apply %b, %x ids(%ids : tensor<?x5xi32>) : !adapter.map<3x64x32, f32>, tensor<?x5x32xf32> -> tensor<?x5x64xf32>
  // CHECK: adapter.apply %{{.*}}, %{{.*}} ids(%{{.*}} : tensor<?x5x2xi64>) weights(%{{.*}} : tensor<?x5x2xf32>) otherwise(%{{.*}} : !adapter.map<64x32, f32>) bias %{{.*}} {evaluate = #adapter<evaluation factored>, site = "q"} : !adapter.map<3x64x32, f32>, tensor<?x5x32xf32>, tensor<64xf32> -> tensor<?x5x64xf32>
  %c = adapter.apply %b, %x ids(%two : tensor<?x5x2xi64>) weights(%w : tensor<?x5x2xf32>) otherwise(%m : !adapter.map<64x32, f32>) bias %bias {evaluate = #adapter<evaluation factored>, site = "q"}
    : !adapter.map<3x64x32, f32>, tensor<?x5x32xf32>, tensor<64xf32> -> tensor<?x5x64xf32>
  // CHECK: adapter.apply %{{.*}}, %{{.*}} ids(%{{.*}} : tensor<i64>) : !adapter.map<3x64x32, f32>, tensor<32xf32> -> tensor<64xf32>
  %d = adapter.apply %b, %y ids(%one : tensor<i64>) : !adapter.map<3x64x32, f32>, tensor<32xf32> -> tensor<64xf32>
  return
}

// CHECK-LABEL: func.func @kernels
func.func @kernels(%x: tensor<?x32xf32>, %q: tensor<?x64xf32>, %ids: tensor<?xi32>, %o: tensor<?xi32>, %p: tensor<?xi32>, %f: tensor<4xi32>, %w: tensor<?xf32>, %i: tensor<?x64xf32>,
                   %B: tensor<64x4xf32, #f16>, %A: tensor<4x32xf32, #f16>, %C: tensor<64x9xf32, #f16>, %D: tensor<9x32xf32, #f16>, %v: tensor<64xf32>, %s: tensor<64xi32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: %[[G:.*]]:3 = adapter.group_rows ins(%{{.*}} : tensor<?xi32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<?xi32>, tensor<4xi32>) -> tensor<?xi32>, tensor<?xi32>, tensor<4xi32>
  %order, %places, %offsets = adapter.group_rows ins(%ids : tensor<?xi32>) outs(%o, %p, %f : tensor<?xi32>, tensor<?xi32>, tensor<4xi32>) -> tensor<?xi32>, tensor<?xi32>, tensor<4xi32>
  // CHECK: adapter.grouped_lowrank ins(%{{.*}} : tensor<?x32xf32>) groups(%[[G]]#0, %[[G]]#2 : tensor<?xi32>, tensor<4xi32>) factors({{.*}}) members([0, 2]) scales([2.000000e+00, 1.000000e+00]) weights(%{{.*}} : tensor<?xf32>) accumulate outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
  %y = adapter.grouped_lowrank ins(%x : tensor<?x32xf32>) groups(%order, %offsets : tensor<?xi32>, tensor<4xi32>)
    factors(%B, %A, %C, %D : tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>, tensor<64x9xf32, #f16>, tensor<9x32xf32, #f16>) members([0, 2]) scales([2.0, 1.0]) weights(%w : tensor<?xf32>)
    accumulate outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: adapter.grouped_diagonal ins(%{{.*}} : tensor<?x64xf32>) ids(%{{.*}} : tensor<?xi32>) terms members([0, 0, 2]) vectors([0, -1, 0]) sources([-1, 0, -1]) scales([1.000000e+00, 2.000000e+00, 1.000000e+00]) of(%{{.*}} : tensor<64xf32>) from(%{{.*}} : tensor<64xi32>) outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
  %z = adapter.grouped_diagonal ins(%q : tensor<?x64xf32>) ids(%ids : tensor<?xi32>) terms members([0, 0, 2]) vectors([0, -1, 0]) sources([-1, 0, -1]) scales([1.0, 2.0, 1.0])
    of(%v : tensor<64xf32>) from(%s : tensor<64xi32>) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @buffers
func.func @buffers(%x: memref<?x32xf32>, %ids: memref<?xi32>, %o: memref<?xi32>, %p: memref<?xi32>, %f: memref<2xi32>, %i: memref<?x64xf32>, %B: memref<?xi8>, %A: memref<?xi8>) {
  // CHECK: adapter.group_rows ins(%{{.*}} : memref<?xi32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : memref<?xi32>, memref<?xi32>, memref<2xi32>)
  adapter.group_rows ins(%ids : memref<?xi32>) outs(%o, %p, %f : memref<?xi32>, memref<?xi32>, memref<2xi32>)
  // CHECK: adapter.grouped_lowrank {{.*}} {stored = [
  adapter.grouped_lowrank ins(%x : memref<?x32xf32>) groups(%o, %f : memref<?xi32>, memref<2xi32>) factors(%B, %A : memref<?xi8>, memref<?xi8>) members([0]) scales([1.0])
    outs(%i : memref<?x64xf32>) {stored = [tensor<64x4xf32, #f16>, tensor<4x32xf32, #f16>]}
  return
}

// CHECK-LABEL: func.func @grouped_linear
func.func @grouped_linear(%x: tensor<?x32xf32>, %o: tensor<?xi32>, %f: tensor<3xi32>, %w: tensor<?xf32>, %i: tensor<?x64xf32>, %W: tensor<64x32xf32, #format.q8_0>,
                          %xm: memref<?x32xf32>, %om: memref<?xi32>, %fm: memref<3xi32>, %im: memref<?x64xf32>, %Wm: memref<?xi8>) {
  // CHECK: adapter.grouped_linear ins(%{{.*}} : tensor<?x32xf32>) groups(%{{.*}}, %{{.*}} : tensor<?xi32>, tensor<3xi32>) matrices(%{{.*}}, %{{.*}} : tensor<64x32xf32, #format.q8_0>, tensor<64x32xf32, #format.q8_0>) members([0, 1]) scales([1.000000e+00, 5.000000e-01]) weights(%{{.*}} : tensor<?xf32>) arithmetic i8 accumulate outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
  %y = adapter.grouped_linear ins(%x : tensor<?x32xf32>) groups(%o, %f : tensor<?xi32>, tensor<3xi32>) matrices(%W, %W : tensor<64x32xf32, #format.q8_0>, tensor<64x32xf32, #format.q8_0>) members([0, 1]) scales([1.0, 0.5])
    weights(%w : tensor<?xf32>) arithmetic i8 accumulate outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: adapter.grouped_linear ins(%{{.*}} : memref<?x32xf32>) groups({{.*}}) matrices(%{{.*}} : memref<?xi8>) members([1]) scales([1.000000e+00]) outs(%{{.*}} : memref<?x64xf32>) {stored = [tensor<64x32xf32, #format.q8_0>]}
  adapter.grouped_linear ins(%xm : memref<?x32xf32>) groups(%om, %fm : memref<?xi32>, memref<3xi32>) matrices(%Wm : memref<?xi8>) members([1]) scales([1.0]) outs(%im : memref<?x64xf32>) {stored = [tensor<64x32xf32, #format.q8_0>]}
  return
}
