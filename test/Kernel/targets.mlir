// What processors answer: intrinsics where there are some, upstream arithmetic elsewhere.
// RUN: allot-opt %s --convert-adapter-to-kernel | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: allot-opt %s --convert-adapter-to-kernel=target=+avx2,+fma,+f16c,+sse4.2 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: allot-opt %s --convert-adapter-to-kernel=target=avx512vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: allot-opt %s --convert-adapter-to-kernel=target=+avx2,+fma,+f16c,+avx512vnni,+avx512vl | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: allot-opt %s --convert-adapter-to-kernel=target=+avx2,-fma | FileCheck %s --check-prefixes=CHECK,GENERIC
// RUN: allot-opt %s --convert-adapter-to-kernel=target=generic | FileCheck %s --check-prefixes=CHECK,GENERIC

#q4 = #format.packed<#format.q4_0, rows = 8>
#q8 = #format.packed<#format.q8_0, rows = 8>

func.func @f(%w: memref<?xi8>, %x: memref<?x32xf32>, %y: memref<?x8xf32>) {
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) arithmetic i8 outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #q4>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) arithmetic i8 outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #q8>]}
  adapter.linear weight(%w : memref<?xi8>) ins(%x : memref<?x32xf32>) arithmetic i16 outs(%y : memref<?x8xf32>) {stored = [tensor<8x32xf32, #q4>]}
  return
}

// Four-bit codes and bytes: sums of a block fit 16 bits.
// CHECK-LABEL: func.func private @linear_q4_0_i8_one(
// AVX2-COUNT-8: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%{{.*}}, %{{.*}}) : (vector<32xi8>, vector<32xi8>) -> vector<16xi16>
// AVX2-NOT: pmadd.ub.sw
// AVX2: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// AVX2-NOT: pmadd
// VNNI-COUNT-8: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"(%{{.*}}, %{{.*}}, %{{.*}}) : (vector<8xi32>, vector<32xi8>, vector<32xi8>) -> vector<8xi32>
// VNNI-NOT: vpdpbusd
// GENERIC-NOT: llvm.call_intrinsic
// GENERIC: vector.deinterleave
// CHECK-LABEL: func.func private @linear_q4_0_i8_few(

// Codes of eight bits would saturate: they are widened.
// CHECK-LABEL: func.func private @linear_q8_0_i8_one(
// AVX2-NOT: pmadd.ub.sw
// AVX2-COUNT-16: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// VNNI-COUNT-8: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"
// CHECK-LABEL: func.func private @linear_q8_0_i8_few(

// CHECK-LABEL: func.func private @linear_q4_0_i16_one(
// AVX2-COUNT-16: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// VNNI-COUNT-16: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// VNNI-NOT: vpdpbusd
// CHECK-LABEL: func.func private @linear_q4_0_i16_few(
