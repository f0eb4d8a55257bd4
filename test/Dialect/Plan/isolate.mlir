// What is no plan goes, users before what they use, and so do the module's attributes.
// RUN: allot-opt %s --plan-isolate | FileCheck %s
// RUN: allot-opt %s --plan-isolate | allot-opt --plan-isolate | FileCheck %s
// RUN: allot-opt %s --plan-solve --plan-isolate | FileCheck %s --check-prefix=SOLVED

// CHECK: {{^}}module {{{$}}
// CHECK-NEXT: plan.problem @"p of m" resources ["bytes"] fixed [0] weights 3 model "digest" attributes {note = "kept"} {
// CHECK-NEXT: plan.item "w" weights 3 origin "kept as stored" {
// CHECK-NEXT: plan.option "stored" costs [12] loss 0.000000e+00
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: plan.solution @s of @"p of m"
// CHECK-NEXT: plan.choice "w" takes "stored"
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NOT: {{.}}
// SOLVED: {{^}}module {{{$}}
// SOLVED-NEXT: plan.problem
// SOLVED: plan.solution @"p of m.solution"
// SOLVED: plan.solution @s
// SOLVED-NOT: func
module attributes {allot.model_digest = "digest", allot.weights = 3 : i64} {
  func.func @uses(%x: tensor<?x3xf32>) -> tensor<?x1xf32> {
    %w = ml_program.global_load_const @w : tensor<1x3xf32, #format.float<f32>>
    %m = adapter.dense %w : tensor<1x3xf32, #format.float<f32>>
    %y = adapter.apply %m, %x {site = "w"} : !adapter.map<1x3, f32>, tensor<?x3xf32> -> tensor<?x1xf32>
    return %y : tensor<?x1xf32>
  }
  ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 64, bytes = 12, digest = "">) : tensor<1x3xf32, #format.float<f32>>
  plan.problem @"p of m" resources ["bytes"] fixed [0] weights 3 model "digest" attributes {note = "kept"} {
    plan.item "w" weights 3 origin "kept as stored" {
      plan.option "stored" costs [12] loss 0.0
    }
  }
  func.func private @between()
  plan.solution @s of @"p of m" objective 0.0 bound 0.0 gap 0.0 costs [12] solver "by hand" {
    plan.choice "w" takes "stored"
  }
  func.func @calls() {
    func.call @between() : () -> ()
    return
  }
}
