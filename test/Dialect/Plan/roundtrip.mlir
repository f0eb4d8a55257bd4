// RUN: allot-opt %s | FileCheck %s
// RUN: allot-opt %s | allot-opt | FileCheck %s
// RUN: allot-opt %s --emit-bytecode | allot-opt | FileCheck %s
// RUN: allot-opt %s --mlir-print-op-generic | allot-opt | FileCheck %s

// The least that a problem is: a resource, and nothing to choose.
// CHECK-LABEL: plan.problem @empty resources ["bytes"] fixed [0] weights 0 model ""
// CHECK-NEXT: }
plan.problem @empty resources ["bytes"] fixed [0] weights 0 model "" {
}

// Every op and every attribute.
// CHECK-LABEL: plan.problem @all resources ["bytes", "microseconds"] fixed [960, 7] weights 4608 model "85f5e26e" attributes {encoder = "feedback", statistics = "../stats.safetensors"} {
plan.problem @all resources ["bytes", "microseconds"] fixed [960, 7] weights 4608 model "85f5e26e"
    attributes {encoder = "feedback", statistics = "../stats.safetensors"} {
  // CHECK-NEXT: plan.budget "bytes" 9000
  // CHECK-NEXT: plan.budget "microseconds" 0
  plan.budget "bytes" 9000
  plan.budget "microseconds" 0
  // CHECK-NEXT: plan.item "model.layers.0.self_attn.q_proj" weights 2304 origin "measured sensitivity, feedback encoder" {
  plan.item "model.layers.0.self_attn.q_proj" weights 2304 origin "measured sensitivity, feedback encoder" {
    // CHECK-NEXT: plan.option "stored" costs [9216, 5] loss 0.000000e+00{{$}}
    plan.option "stored" costs [9216, 5] loss 0.0
    // CHECK-NEXT: plan.option "int4g32" costs [1728, 2] loss 1.000000e-02 {format = #format.int<4, block = [1, 32], scale = f16>}
    plan.option "int4g32" costs [1728, 2] loss 1.0e-02 {format = #format.int<4, block = [1, 32], scale = f16>}
    // CHECK-NEXT: plan.option "int3g64zs8+r16" costs [4300, 3] loss 1.250000e-03 {factor_format = #format.float<f16>, format = #format.int<3, block = [1, 64], scale = ui8, zero_point>, rank = 16 : i64}
    plan.option "int3g64zs8+r16" costs [4300, 3] loss 1.25e-03
      {format = #format.int<3, block = [1, 64], scale = ui8, zero_point>, rank = 16 : i64, factor_format = #format.float<f16>}
    // A factor format without a rank says nothing, and is kept.
    // CHECK-NEXT: plan.option "q8_0" costs [2448, 0] loss 1.000000e-04 {factor_format = #format.float<bf16>, format = #format.q8_0, rank = 0 : i64}
    plan.option "q8_0" costs [2448, 0] loss 1.0e-04 {format = #format.q8_0, rank = 0 : i64, factor_format = #format.float<bf16>}
  }
  // CHECK: plan.item "model.layers.0.self_attn.k_proj" weights 2304 origin "by hand" {
  plan.item "model.layers.0.self_attn.k_proj" weights 2304 origin "by hand" {
    // CHECK-NEXT: plan.option "stored+adapter" costs [9856, 0] loss 0.000000e+00{{$}}
    plan.option "stored+adapter" costs [9856, 0] loss 0.0
    // CHECK-NEXT: plan.option "stored+adapter-f16" costs [9536, 0] loss 1.000000e-03 {adapter_format = #format.float<f16>}
    plan.option "stored+adapter-f16" costs [9536, 0] loss 1.0e-03 {adapter_format = #format.float<f16>}
    // CHECK-NEXT: plan.option "stored+adapter-r8-f16" costs [9376, 0] loss 2.000000e-03 {adapter_format = #format.float<f16>, adapter_rank = 8 : i64}
    plan.option "stored+adapter-r8-f16" costs [9376, 0] loss 2.0e-03 {adapter_rank = 8, adapter_format = #format.float<f16>}
    // CHECK-NEXT: plan.option "stored+adapter-r0" costs [9216, 0] loss 3.000000e-03 {adapter_rank = 0 : i64}
    plan.option "stored+adapter-r0" costs [9216, 0] loss 3.0e-03 {adapter_rank = 0}
    // CHECK-NEXT: plan.option "int4g32+merged" costs [1728, 0] loss 2.000000e-02 {format = #format.int<4, block = [1, 32], scale = f16>, merged}
    plan.option "int4g32+merged" costs [1728, 0] loss 2.0e-02 {format = #format.int<4, block = [1, 32], scale = f16>, merged}
    // CHECK-NEXT: plan.option "int4g32" costs [1728, 0] loss 3.000000e-02
    plan.option "int4g32" costs [1728, 0] loss 3.0e-02
  }
  // A range of rows.
  // CHECK: plan.item "lm_head[0:128]" rows [0, 128] weights 0 origin "by hand" {
  plan.item "lm_head[0:128]" rows [0, 128] weights 0 origin "by hand" {
    plan.option "int4g32" costs [0, 0] loss 0.0
  }
  // CHECK: plan.item "model.embed_tokens" weights 0 origin "" {
  plan.item "model.embed_tokens" weights 0 origin "" {
    plan.option "int4g32" costs [0, 0] loss 0.0
  }
  // CHECK: plan.tie ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"]{{$}}
  plan.tie ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"]
  // CHECK-NEXT: plan.tie ["model.embed_tokens", "model.layers.0.self_attn.k_proj"] optional {
  // CHECK-NEXT: plan.sharing "int4g32" costs [-20, 3] loss 1.000000e-03
  // CHECK-NEXT: }
  plan.tie ["model.embed_tokens", "model.layers.0.self_attn.k_proj"] optional {
    plan.sharing "int4g32" costs [-20, 3] loss 1.0e-03
  }
  // CHECK-NEXT: plan.pin "model.layers.0.self_attn.q_proj" to "int4g32"
  plan.pin "model.layers.0.self_attn.q_proj" to "int4g32"
}

// Discardable attributes stay, the reason of a choice is optional.
// 960 + 1728 + 1728 + 0 - 20, 7 + 2 + 0 + 0 + 3; 0.01 + 0.03 + 0 + 0.001.
// CHECK-LABEL: plan.solution @all.solution of @all objective 4.100000e-02 bound 4.000000e-02 gap 0.02439024{{[0-9]*}} costs [4396, 12] solver "by hand" attributes {note = "kept"} {
plan.solution @all.solution of @all objective 4.1e-02 bound 4.0e-02 gap 0.024390243902439 costs [4396, 12] solver "by hand" attributes {note = "kept"} {
  // CHECK-NEXT: plan.choice "model.layers.0.self_attn.q_proj" takes "int4g32" {reason = "pinned"}
  plan.choice "model.layers.0.self_attn.q_proj" takes "int4g32" {reason = "pinned"}
  // CHECK-NEXT: plan.choice "lm_head[0:128]" takes "int4g32"{{$}}
  plan.choice "lm_head[0:128]" takes "int4g32"
  // CHECK-NEXT: plan.choice "model.embed_tokens" takes "int4g32"{{$}}
  plan.choice "model.embed_tokens" takes "int4g32"
  // CHECK-NEXT: plan.choice "model.layers.0.self_attn.k_proj" takes "int4g32" {byte = 3 : i8}
  plan.choice "model.layers.0.self_attn.k_proj" takes "int4g32" {byte = 3 : i8}
}

// A solution of a problem without items, before it in the file.
// CHECK-LABEL: plan.solution @"of nothing" of @later objective 0.000000e+00 bound 0.000000e+00 gap 0.000000e+00 costs [5] solver "" {
plan.solution @"of nothing" of @later objective 0.0 bound 0.0 gap 0.0 costs [5] solver "" {
}
plan.problem @later resources ["\22quoted\22 \C3\A9"] fixed [5] weights 9223372036854775807 model "" {
}
// CHECK: plan.problem @later resources ["\22quoted\22 \C3\A9"] fixed [5] weights 9223372036854775807 model ""
