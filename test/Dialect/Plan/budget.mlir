// Budgets as people write them. They are rounded down to bytes and replace the one in the problem, where there is one.
// RUN: allot-opt %s --plan-solve='budget=700' | FileCheck %s -DLIMIT=700
// RUN: allot-opt %s --plan-solve='budget=700B' | FileCheck %s -DLIMIT=700
// RUN: allot-opt %s --plan-solve='budget=.75kB' | FileCheck %s -DLIMIT=750
// RUN: allot-opt %s --plan-solve='budget=1.5kB' | FileCheck %s -DLIMIT=1500
// RUN: allot-opt %s --plan-solve='budget=1.5KiB' | FileCheck %s -DLIMIT=1536
// RUN: allot-opt %s --plan-solve='budget=0.0010009MB' | FileCheck %s -DLIMIT=1000
// RUN: allot-opt %s --plan-solve='budget=0.001MiB' | FileCheck %s -DLIMIT=1048
// RUN: allot-opt %s --plan-solve='budget=2.GB' | FileCheck %s -DLIMIT=2000000000
// RUN: allot-opt %s --plan-solve='budget=1GiB' | FileCheck %s -DLIMIT=1073741824
// RUN: allot-opt %s --plan-solve='budget=999999999999999999' | FileCheck %s -DLIMIT=999999999999999999
// 1001 weights: 5.6 x 1001 / 8 = 700.7, 8 x 1001 / 8 = 1001.
// RUN: allot-opt %s --plan-solve='budget=5.6bpw' | FileCheck %s -DLIMIT=700
// RUN: allot-opt %s --plan-solve='budget=8bpw' | FileCheck %s -DLIMIT=1001
// RUN: allot-opt %s --plan-solve='budget=0000008.000000000bpw' | FileCheck %s -DLIMIT=1001
// Without the option the problem's own budget holds.
// RUN: allot-opt %s --plan-solve | FileCheck %s --check-prefix=OWN

// The other resource keeps its budget.
// CHECK: plan.problem @p
// CHECK-NEXT: plan.budget "bytes" [[LIMIT]]{{$}}
// CHECK-NOT: plan.budget "bytes"
// CHECK: plan.budget "microseconds" 9
// CHECK-NOT: plan.budget
// CHECK: plan.solution @p.solution
// OWN: plan.problem @p
// OWN-NEXT: plan.item
// OWN: plan.budget "bytes" 600
// OWN: plan.budget "microseconds" 9
// OWN: costs [600, 0]
plan.problem @p resources ["bytes", "microseconds"] fixed [0, 0] weights 1001 model "" {
  plan.item "a" weights 1001 origin "by hand" {
    plan.option "small" costs [600, 0] loss 1.0
    plan.option "large" costs [700, 0] loss 0.0
  }
  plan.budget "bytes" 600
  plan.budget "microseconds" 9
}
