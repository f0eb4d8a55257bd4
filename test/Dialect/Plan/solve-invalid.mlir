// What plan-solve refuses, and how it says so.
// RUN: split-file %s %t

// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=384' 2>&1 | FileCheck %s --check-prefix=LEAST
// LEAST: problem.mlir:2:1: error: the budget of 384 bytes (3.0720 bpw) cannot be met: the least possible is 385 bytes (3.0800 bpw), of which no choice changes 85
// RUN: allot-opt %t/problem.mlir --plan-solve='budget=385' -o /dev/null
// Below the fixed costs.
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=0' 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: problem.mlir:2:1: error: the budget of 0 bytes (0.0000 bpw) cannot be met: the least possible is 385 bytes (3.0800 bpw), of which no choice changes 85
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=0 uniform=within' 2>&1 | FileCheck %s --check-prefix=ZERO
// Pins count into what is possible.
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=3.08bpw pins=a=large' 2>&1 | FileCheck %s --check-prefix=PINNED
// PINNED: error: the budget of 385 bytes (3.0800 bpw) cannot be met: the least possible is 685 bytes (5.4800 bpw), of which no choice changes 85

// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=bpw' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=.' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=-3' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=3e5' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=1.2.3' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=5bits' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=5TiB' 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: problem.mlir:2:1: error: budget '{{.*}}': expected a number with bpw, B, kB, MB, GB, KiB, MiB, GiB or no unit
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=2147483649GiB' 2>&1 | FileCheck %s --check-prefix=LARGE
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=99999999999999999GiB' 2>&1 | FileCheck %s --check-prefix=LARGE
// LARGE: error: budget '{{.*}}': is more than 2^61
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=0.1234567890123456789012bpw' 2>&1 | FileCheck %s --check-prefix=DIGITS
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001bpw' 2>&1 | FileCheck %s --check-prefix=DIGITS
// DIGITS: error: budget '0.{{[0-9]*}}bpw': has too many digits

// Units are for bytes, and bits per weight need weights.
// RUN: not allot-opt %t/time.mlir --plan-solve='budget=3kB' 2>&1 | FileCheck %s --check-prefix=UNIT
// UNIT: time.mlir:1:1: error: budget '3kB': 'microseconds' is not counted in bytes: expected a number with k, M, G, T or no unit
// RUN: not allot-opt %t/weightless.mlir --plan-solve='budget=3bpw' 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: weightless.mlir:1:1: error: budget '3bpw': the problem does not say how many weights the model has

// RUN: not allot-opt %t/problem.mlir --plan-solve='pins=a' 2>&1 | FileCheck %s --check-prefix=PIN-FORM
// PIN-FORM: problem.mlir:2:1: error: bad pin 'a': expected SITE=OPTION
// RUN: not allot-opt %t/problem.mlir --plan-solve='pins=a=' 2>&1 | FileCheck %s --check-prefix=NO-OPTION
// NO-OPTION: error: bad pin 'a=': expected SITE=OPTION
// RUN: not allot-opt %t/problem.mlir --plan-solve='pins=c=small' 2>&1 | FileCheck %s --check-prefix=PIN-ITEM
// PIN-ITEM: problem.mlir:2:1: error: cannot pin 'c': there is no such item
// RUN: not allot-opt %t/problem.mlir --plan-solve='pins=a=huge' 2>&1 | FileCheck %s --check-prefix=PIN-OPTION
// PIN-OPTION: problem.mlir:3:3: error: cannot pin 'a' to 'huge': it has no such option, but small, large

// RUN: not allot-opt %t/problem.mlir --plan-solve='uniform=int4' 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: problem.mlir:2:1: error: there is no uniform choice 'int4'
// RUN: not allot-opt %t/problem.mlir --plan-solve='uniform=above' 2>&1 | FileCheck %s --check-prefix=ABOVE
// ABOVE: error: no uniform choice is above the budget
// RUN: not allot-opt %t/problem.mlir --plan-solve='uniform=within budget=384' 2>&1 | FileCheck %s --check-prefix=WITHIN
// WITHIN: error: no uniform choice keeps within the budget

// What solvers cannot do: 2^23 choices are too many to look at, two budgets are too many for the knapsack, and so are 2^21 combinations of optional ties.
// RUN: %python -c "print('plan.problem @p resources [\"bytes\", \"us\"] fixed [0, 0] weights 0 model \"\" {\n plan.budget \"bytes\" 90\n plan.budget \"us\" 90'); [print(f'plan.item \"{i}\" weights 0 origin \"\" {{\n plan.option \"x\" costs [1, 2] loss 0.0\n plan.option \"y\" costs [2, 1] loss 0.0\n}}') for i in range(23)]; print('}')" > %t/many.mlir
// RUN: not allot-opt %t/many.mlir --plan-solve=solver=brute-force 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: many.mlir:1:1: error: the problem has more than 4194304 choices; too many to look at every one
// RUN: sed '/plan.budget "us"/d; $d' %t/many.mlir > %t/tie.mlir && echo 'plan.tie ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"] optional }' >> %t/tie.mlir
// RUN: not allot-opt %t/many.mlir --plan-solve=solver=knapsack 2>&1 | FileCheck %s --check-prefix=TWO
// TWO: many.mlir:1:1: error: resources 'bytes' and 'us' both have a budget; the knapsack solver takes one
// RUN: not allot-opt %t/tie.mlir --plan-solve=solver=knapsack 2>&1 | FileCheck %s --check-prefix=TIE
// TIE: tie.mlir:1:1: error: ties: the items tied to '0' have more than 1048576 combinations of options; too many for the knapsack solver
// Nothing at all is too many for CBC.
// RUN: allot-opt %t/many.mlir --plan-solve -o /dev/null && allot-opt %t/tie.mlir --plan-solve -o /dev/null

// RUN: not allot-opt %t/problem.mlir --plan-solve=solver=simplex 2>&1 | FileCheck %s --check-prefix=SOLVER
// SOLVER: problem.mlir:2:1: error: unknown solver 'simplex': expected auto, knapsack, cbc or brute-force
// RUN: not allot-opt %t/problem.mlir --plan-solve='solver=cbc uniform=small' 2>&1 | FileCheck %s --check-prefix=UNSOLVED
// UNSOLVED: problem.mlir:2:1: error: a uniform choice is not solved: it takes no solver
// RUN: not allot-opt %t/problem.mlir --plan-solve='solver=cbc gap=-1' 2>&1 | FileCheck %s --check-prefix=GAP
// RUN: not allot-opt %t/problem.mlir --plan-solve='solver=cbc gap=nan' 2>&1 | FileCheck %s --check-prefix=GAP
// RUN: not allot-opt %t/problem.mlir --plan-solve='solver=cbc max-nodes=0' 2>&1 | FileCheck %s --check-prefix=GAP
// GAP: problem.mlir:2:1: error: max-nodes must be positive and gap between 0 and 1

// Budgets of resources that are not there, twice, too large, and that cannot be met: each alone, and together.
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=flops=3' 2>&1 | FileCheck %s --check-prefix=RESOURCE
// RESOURCE: problem.mlir:2:1: error: budget 'flops=3': there is no resource 'flops', but bytes
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=500,bytes=600' 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: problem.mlir:2:1: error: budget 'bytes=600': is a second one for 'bytes'
// RUN: not allot-opt %t/problem.mlir --plan-solve='budget=bytes=' 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not allot-opt %t/many.mlir --plan-solve='budget=us=2305844T' 2>&1 | FileCheck %s --check-prefix=LARGE
// RUN: not allot-opt %t/many.mlir --plan-solve='budget=us=22' 2>&1 | FileCheck %s --check-prefix=SECOND
// RUN: not allot-opt %t/many.mlir --plan-solve='budget=us=22 solver=cbc' 2>&1 | FileCheck %s --check-prefix=SECOND
// SECOND: many.mlir:1:1: error: the budget of 22 us cannot be met: the least possible is 23 us
// Every choice takes 3 of both together.
// RUN: not allot-opt %t/many.mlir --plan-solve='budget=30,us=30' 2>&1 | FileCheck %s --check-prefix=TOGETHER
// TOGETHER: many.mlir:1:1: error: the budgets cannot be met together, though each of them can alone: of 30 bytes, the least possible is 23 bytes, and 39 bytes within the other budgets; of 30 us, the least possible is 23 us, and 39 us within the other budgets
// Fixed costs are part of what is told.
// RUN: sed 's/fixed .0, 0./fixed [100, 7]/' %t/many.mlir > %t/fixed.mlir
// RUN: not allot-opt %t/fixed.mlir --plan-solve='budget=130,us=37' 2>&1 | FileCheck %s --check-prefix=FIXED
// FIXED: error: the budgets cannot be met together, though each of them can alone: of 130 bytes, the least possible is 123 bytes, and 139 bytes within the other budgets; of 37 us, the least possible is 30 us, and 46 us within the other budgets
// RUN: not allot-opt %t/fixed.mlir --plan-solve='budget=200,us=6' 2>&1 | FileCheck %s --check-prefix=BELOW
// BELOW: error: the budget of 6 us cannot be met: the least possible is 30 us, of which no choice changes 7

// Ties by regular expressions.
// RUN: not allot-opt %t/many.mlir --plan-solve='ties=(0' 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: many.mlir:1:1: error: tie '(0': bad regular expression
// RUN: not allot-opt %t/many.mlir --plan-solve='ties=x.*' 2>&1 | FileCheck %s --check-prefix=NO-MATCH
// NO-MATCH: many.mlir:1:1: error: tie 'x.*': matches no item
// RUN: not allot-opt %t/many.mlir --plan-solve='ties=(.*)' 2>&1 | FileCheck %s --check-prefix=LOOSE
// LOOSE: many.mlir:1:1: error: tie '(.*)': ties nothing: no two items that match agree in what its groups capture
// RUN: not allot-opt %t/unlike.mlir --plan-solve='ties=.*' 2>&1 | FileCheck %s --check-prefix=UNLIKE
// UNLIKE: unlike.mlir:1:1: error: ties: the tied items 'a', 'b' have no permitted option name in common

// RUN: allot-opt %t/broken.mlir --plan-solve --split-input-file --verify-diagnostics

//--- problem.mlir
// A line, so that locations tell something.
plan.problem @p resources ["bytes"] fixed [85] weights 1000 model "" {
  plan.item "a" weights 600 origin "by hand" {
    plan.option "small" costs [300] loss 1.0e-01
    plan.option "large" costs [600] loss 1.0e-03
  }
}

//--- unlike.mlir
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 5 origin "" {
    plan.option "int4" costs [1] loss 0.0
  }
  plan.item "b" weights 5 origin "" {
    plan.option "int8" costs [1] loss 0.0
  }
}

//--- time.mlir
plan.problem @p resources ["microseconds"] fixed [0] weights 10 model "" {
}

//--- weightless.mlir
plan.problem @p resources ["bytes"] fixed [0] weights 0 model "" {
}

//--- broken.mlir
// expected-error@-1 {{has no plan.problem to solve}}
func.func private @f()

// -----

// expected-error@+1 {{the budget of 9 microseconds cannot be met: the least possible is 10 microseconds, of which no choice changes 4}}
plan.problem @p resources ["bytes", "microseconds"] fixed [0, 4] weights 10 model "" {
  plan.budget "microseconds" 9
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1, 8] loss 0.0
    plan.option "y" costs [5, 6] loss 0.0
  }
}

// -----

// Each of two budgets can be met, both cannot.
// expected-error@+1 {{the budgets cannot be met together, though each of them can alone}}
plan.problem @p resources ["bytes", "microseconds"] fixed [0, 0] weights 10 model "" {
  plan.budget "bytes" 4
  plan.budget "microseconds" 7
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1, 8] loss 0.0
    plan.option "y" costs [5, 6] loss 0.0
  }
}

// -----

// expected-error@+1 {{item 'a' is pinned to both 'x' and 'y'}}
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [5] loss 0.0
  }
  plan.pin "a" to "x"
  plan.pin "a" to "y"
}

// -----

// expected-error@+1 {{ties: the tied items 'a', 'b' have no permitted option name in common}}
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "y" costs [1] loss 0.0
  }
  plan.tie ["a", "b"]
}

// -----

// expected-error@+1 {{resource 'bytes' saves more than the items pay (2)}}
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    plan.sharing "x" costs [-3] loss 0.0
  }
}

// -----

// expected-error@+1 {{the sum of the costs of resource 'bytes' exceeds 2^61}}
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [2305843009213693952] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

// expected-error@+1 {{'loss': the sum of the losses is too large}}
plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 1.0e+308
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
}
// expected-error@+1 {{stands where the solution of @p belongs}}
func.func private @p.solution()
