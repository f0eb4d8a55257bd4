// Which solver is taken, that all of them find the same, and what is written into the problem.
// RUN: split-file %s %t

// RUN: allot-opt %t/one.mlir --plan-solve=remarks -o %t/auto 2>&1 | FileCheck %s --check-prefix=ONE
// ONE: one.mlir:1:1: remark: solved by knapsack (one budget): optimal after
// RUN: allot-opt %t/one.mlir --plan-solve='remarks solver=cbc' -o %t/cbc 2>&1 | FileCheck %s --check-prefix=ASKED
// ASKED: one.mlir:1:1: remark: solved by cbc (as asked): optimal after
// RUN: allot-opt %t/one.mlir --plan-solve='solver=knapsack' | diff - %t/auto
// RUN: allot-opt %t/one.mlir --plan-solve='solver=brute-force' -o %t/brute
// Nothing is told that was not asked for.
// RUN: allot-opt %t/one.mlir --plan-solve='solver=cbc' 2>&1 | diff - %t/cbc
// RUN: FileCheck %s --check-prefix=SOLVED < %t/auto
// RUN: FileCheck %s --check-prefix=SOLVED < %t/cbc
// RUN: FileCheck %s --check-prefix=SOLVED < %t/brute
// SOLVED: plan.solution @p.solution of @p objective 5.500000e+00 bound {{5.5|5.49999999999}}{{.*}} costs [100] solver "{{knapsack|cbc|brute-force}}"
// SOLVED-NEXT: plan.choice "a" takes "medium"
// SOLVED-NEXT: plan.choice "b" takes "large"

// Two budgets: 22 of bytes, 20 of flops with the fixed ones. The order of the resources is no matter: bytes are bytes.
// RUN: allot-opt %t/two.mlir --plan-solve='remarks budget=22B,flops=0.02k' -o %t/auto 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: two.mlir:1:1: remark: solved by cbc (2 budgets): optimal after
// RUN: FileCheck %s --check-prefix=TWO < %t/auto
// RUN: allot-opt %t/two.mlir --plan-solve='budget=flops=20,bytes=22 solver=brute-force' | FileCheck %s --check-prefix=TWO
// TWO-DAG: plan.budget "bytes" 22
// TWO-DAG: plan.budget "flops" 20
// TWO: plan.solution {{.*}} objective 5.000000e+00 {{.*}} costs [20, 17] solver "{{cbc|brute-force}}"
// TWO-NEXT: plan.choice "a" takes "small" {reason = "better large: {{.*}}+3 flops,{{.*}}
// TWO-NEXT: plan.choice "b" takes "large"
// The same again, from what was solved already.
// RUN: allot-opt %t/auto --plan-solve='budget=22B,flops=0.02k' | diff - %t/auto

// Ties by what groups capture: q and k of each layer. Without them every q is large.
// RUN: allot-opt %t/layers.mlir --plan-solve='budget=40 ties=layers\.(\d)\.[qk]' -o %t/tied
// RUN: FileCheck %s --check-prefix=TIED < %t/tied
// TIED: plan.tie ["layers.0.q", "layers.0.k"]{{$}}
// TIED-NEXT: plan.tie ["layers.1.q", "layers.1.k"]{{$}}
// TIED-NEXT: }
// TIED-NEXT: plan.solution {{.*}} costs [40] solver "knapsack"
// TIED-NEXT: plan.choice "layers.0.q" takes "large" {reason = "tied to layers.0.k;
// TIED-NEXT: plan.choice "layers.0.k" takes "large"
// TIED-NEXT: plan.choice "layers.1.q" takes "small"
// TIED-NEXT: plan.choice "layers.1.k" takes "small"
// RUN: allot-opt %t/layers.mlir --plan-solve='budget=40' | FileCheck %s --check-prefix=FREE
// FREE: plan.choice "layers.0.q" takes "large"
// FREE-NEXT: plan.choice "layers.0.k" takes "small"
// FREE-NEXT: plan.choice "layers.1.q" takes "large"
// FREE-NEXT: plan.choice "layers.1.k" takes "small"
// Solving again adds no tie twice, and CBC does it as well.
// RUN: allot-opt %t/tied --plan-solve='budget=40 ties=layers\.(\d)\.[qk]' | diff - %t/tied
// RUN: allot-opt %t/tied --plan-solve=solver=cbc | grep -v plan.solution > %t/cbc
// RUN: grep -v plan.solution %t/tied | diff - %t/cbc

// Ties whose sharing saves, too many of them for a knapsack: 24 codebooks of 10 bytes, shared for 30 by all or none.
// RUN: %python -c "print('plan.problem @p resources [\"bytes\"] fixed [0] weights 0 model \"\" {\n plan.budget \"bytes\" 35'); [print(f'plan.item \"{i}\" weights 0 origin \"\" {{\n plan.option \"int2\" costs [1] loss 4.0\n plan.option \"book\" costs [10] loss 1.0\n}}') for i in range(24)]; print('plan.tie [' + ', '.join(f'\"{i}\"' for i in range(24)) + '] optional {\n plan.sharing \"book\" costs [-210] loss 0.5\n}\n}')" > %t/shared.mlir
// RUN: allot-opt %t/shared.mlir --plan-solve=remarks -o %t/solved 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: remark: solved by cbc (optional ties join too many combinations for a knapsack): optimal
// RUN: FileCheck %s --check-prefix=SHARED < %t/solved
// SHARED: objective 2.450000e+01 {{.*}} costs [30] solver "cbc"
// SHARED-COUNT-24: takes "book"
// One byte less than sharing costs: one of 10 bytes is bought, the others are cheap.
// RUN: allot-opt %t/shared.mlir --plan-solve=budget=29 | FileCheck %s --check-prefix=ALONE
// ALONE: objective 9.600000e+01 {{.*}} costs [24]
// The least possible with sharing is 24, not 30 and not 240.
// RUN: not allot-opt %t/shared.mlir --plan-solve=budget=23 2>&1 | FileCheck %s --check-prefix=LEAST
// LEAST: error: the budget of 23 bytes cannot be met: the least possible is 24 bytes

//--- one.mlir
plan.problem @p resources ["bytes"] fixed [10] weights 100 model "" {
  plan.budget "bytes" 100
  plan.item "a" weights 40 origin "by hand" {
    plan.option "small" costs [10] loss 8.0
    plan.option "medium" costs [30] loss 3.0
    plan.option "large" costs [50] loss 1.0
  }
  plan.item "b" weights 40 origin "by hand" {
    plan.option "small" costs [10] loss 4.0
    plan.option "large" costs [40] loss 0.5
  }
  plan.item "c" weights 20 origin "by hand" {
    plan.option "small" costs [20] loss 2.0
    plan.option "large" costs [30] loss 1.875
  }
}

//--- two.mlir
plan.problem @p resources ["flops", "bytes"] fixed [5, 2] weights 0 model "" {
  plan.item "a" weights 0 origin "" {
    plan.option "small" costs [6, 5] loss 4.0
    plan.option "large" costs [9, 10] loss 1.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "small" costs [7, 5] loss 7.0
    plan.option "large" costs [9, 10] loss 1.0
  }
}

//--- layers.mlir
plan.problem @p resources ["bytes"] fixed [0] weights 0 model "" {
  plan.item "layers.0.q" weights 0 origin "" {
    plan.option "small" costs [5] loss 8.0
    plan.option "large" costs [10] loss 0.0
  }
  plan.item "layers.0.k" weights 0 origin "" {
    plan.option "small" costs [5] loss 2.0
    plan.option "large" costs [10] loss 0.0
  }
  plan.item "layers.1.q" weights 0 origin "" {
    plan.option "small" costs [5] loss 7.0
    plan.option "large" costs [10] loss 0.0
  }
  plan.item "layers.1.k" weights 0 origin "" {
    plan.option "small" costs [5] loss 2.0
    plan.option "large" costs [10] loss 0.0
  }
  plan.item "layers.0.o" weights 0 origin "" {
    plan.option "all" costs [10] loss 0.0
  }
}
