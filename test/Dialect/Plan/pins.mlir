// The option `pins` writes pins into the problem, in place of those of the same item; what it wrote holds when the problem is solved again.
// RUN: allot-opt %s --plan-solve | FileCheck %s --check-prefix=OWN
// RUN: allot-opt %s --plan-solve='pins=a=large,b=x=y' > %t.pinned
// RUN: FileCheck %s < %t.pinned
// RUN: allot-opt %t.pinned --plan-solve | cmp - %t.pinned
// A later pin wins.
// RUN: allot-opt %s --plan-solve='pins=a=large,a=medium' | FileCheck %s --check-prefix=LATER

// OWN: costs [40] solver
// OWN: plan.choice "a" takes "small" {reason = "pinned;
// OWN: plan.choice "b" takes "large"

// CHECK: plan.item "b"
// CHECK-NOT: plan.pin "a" to "small"
// CHECK: plan.pin "a" to "large"
// CHECK-NEXT: plan.pin "b" to "x=y"
// CHECK: costs [33] solver
// CHECK: plan.choice "a" takes "large" {reason = "pinned; nothing better;
// CHECK: plan.choice "b" takes "x=y" {reason = "pinned;
// CHECK-NOT: plan.solution

// LATER: plan.item "b"
// LATER-NEXT: plan.option
// LATER-NEXT: plan.option
// LATER-NEXT: }
// LATER-NEXT: plan.pin "a" to "medium"
// LATER-NEXT: }
// LATER-NEXT: plan.solution
// LATER-NEXT: plan.choice "a" takes "medium"
plan.problem @p resources ["bytes"] fixed [0] weights 100 model "" {
  plan.pin "a" to "small"
  plan.item "a" weights 50 origin "by hand" {
    plan.option "small" costs [10] loss 1.0
    plan.option "medium" costs [20] loss 0.5
    plan.option "large" costs [30] loss 0.0
  }
  plan.item "b" weights 50 origin "by hand" {
    plan.option "x=y" costs [3] loss 1.0
    plan.option "large" costs [30] loss 0.0
  }
}

// The older answer goes.
plan.solution @p.solution of @p objective 0.0 bound 0.0 gap 0.0 costs [60] solver "by hand" {
  plan.choice "a" takes "large"
  plan.choice "b" takes "large"
}
