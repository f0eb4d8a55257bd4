// Nothing of the dialect folds and nothing in it is dead: problems and answers are text that people wrote, and stay as they are.
// RUN: allot-opt %s > %t.before
// RUN: allot-opt %s --canonicalize --cse --symbol-dce --inline --sccp > %t.after
// RUN: cmp %t.before %t.after
// RUN: FileCheck %s < %t.after

// CHECK: plan.problem @twice
// CHECK: plan.budget "bytes" 10
// CHECK: plan.item "unused"
// CHECK: plan.option "x" costs [1] loss 0.000000e+00
// CHECK: plan.option "y" costs [1] loss 0.000000e+00
// CHECK: plan.tie ["unused", "b"] {
// CHECK: plan.sharing "x" costs [0] loss 0.000000e+00
// CHECK: plan.tie ["unused", "b"] {
// CHECK: plan.sharing "x" costs [0] loss 0.000000e+00
// CHECK: plan.pin "unused" to "x"
// CHECK: plan.pin "unused" to "x"
plan.problem @twice resources ["bytes"] fixed [0] weights 10 model "" {
  plan.budget "bytes" 10
  plan.item "unused" weights 10 origin "by hand" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [1] loss 0.0
  }
  plan.item "b" weights 10 origin "by hand" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["unused", "b"] {
    plan.sharing "x" costs [0] loss 0.0
  }
  plan.tie ["unused", "b"] {
    plan.sharing "x" costs [0] loss 0.0
  }
  plan.pin "unused" to "x"
  plan.pin "unused" to "x"
}

// CHECK: plan.problem @same
// CHECK: plan.problem @again
plan.problem @same resources ["bytes"] fixed [0] weights 0 model "" {
}
plan.problem @again resources ["bytes"] fixed [0] weights 0 model "" {
}

// CHECK: plan.solution @a of @same
// CHECK: plan.solution @b of @same
plan.solution @a of @same objective 0.0 bound 0.0 gap 0.0 costs [0] solver "" {
}
plan.solution @b of @same objective 0.0 bound 0.0 gap 0.0 costs [0] solver "" {
}
