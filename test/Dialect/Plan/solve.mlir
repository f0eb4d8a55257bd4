// Problems small enough to be solved on paper.
// RUN: allot-opt %s --plan-solve > %t.solved
// RUN: FileCheck %s < %t.solved
// The same bytes every time, and from what was solved already.
// RUN: allot-opt %s --plan-solve | cmp - %t.solved
// RUN: allot-opt %t.solved --plan-solve | cmp - %t.solved

// 90 bytes are left for choices. Of the 12 choices those of 90 bytes are (large, small, large) with 1 + 4 + 1.875 and (medium, large, small) with 3 + 0.5 + 2.
// CHECK-LABEL: plan.problem @knapsack
// CHECK: plan.solution @knapsack.solution of @knapsack objective 5.500000e+00 bound 5.500000e+00 gap 0.000000e+00 costs [100] solver "knapsack" {
// CHECK-NEXT: plan.choice "a" takes "medium" {reason = "better large: +20 bytes, -2.00e+00 nats (1.05e+05 per MiB); cheaper small: -20 bytes, +5.00e+00 nats (2.62e+05 per MiB)"}
// CHECK-NEXT: plan.choice "b" takes "large" {reason = "nothing better; cheaper small: -30 bytes, +3.50e+00 nats (1.22e+05 per MiB)"}
// CHECK-NEXT: plan.choice "c" takes "small" {reason = "better large: +10 bytes, -1.25e-01 nats (1.31e+04 per MiB); nothing cheaper"}
// CHECK-NEXT: plan.choice "d" takes "small" {reason = "only option"}
// CHECK-NEXT: }
plan.problem @knapsack resources ["bytes"] fixed [10] weights 100 model "" {
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
  plan.item "d" weights 0 origin "by hand" {
    plan.option "small" costs [0] loss 0.0
  }
}

// What is best per byte first (b, 0.5 a byte) leaves no room for a; taking a alone is better.
// CHECK-LABEL: plan.problem @greedy
// CHECK: plan.solution @greedy.solution of @greedy objective 1.000000e+00 bound 1.000000e+00 gap 0.000000e+00 costs [10] solver "knapsack"
// CHECK-NEXT: plan.choice "a" takes "large"
// CHECK-NEXT: plan.choice "b" takes "none"
plan.problem @greedy resources ["bytes"] fixed [0] weights 0 model "" {
  plan.budget "bytes" 10
  plan.item "a" weights 0 origin "" {
    plan.option "none" costs [0] loss 4.0
    plan.option "large" costs [10] loss 0.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "none" costs [0] loss 1.0
    plan.option "large" costs [2] loss 0.0
  }
}

// Without a budget everything is best, and of equal losses the cheaper one.
// CHECK-LABEL: plan.problem @free
// CHECK: plan.solution @free.solution of @free objective 0.000000e+00 bound 0.000000e+00 gap 0.000000e+00 costs [7] solver
// CHECK-NEXT: plan.choice "a" takes "cheap" {reason = "nothing better; cheaper bad: -6 bytes, +1.00e+00 nats
plan.problem @free resources ["bytes"] fixed [0] weights 0 model "" {
  plan.item "a" weights 0 origin "" {
    plan.option "dear" costs [9] loss 0.0
    plan.option "bad" costs [1] loss 1.0
    plan.option "cheap" costs [7] loss 0.0
  }
}

// A pin holds though it is no good; reasons tell its price.
// CHECK-LABEL: plan.problem @pinned
// CHECK: plan.solution @pinned.solution of @pinned objective 8.500000e+00 bound 8.500000e+00 gap 0.000000e+00 costs [50] solver "knapsack"
// CHECK-NEXT: plan.choice "a" takes "small" {reason = "pinned; better medium: +20 bytes, -5.00e+00 nats (2.62e+05 per MiB); nothing cheaper"}
// CHECK-NEXT: plan.choice "b" takes "large"
plan.problem @pinned resources ["bytes"] fixed [0] weights 0 model "" {
  plan.budget "bytes" 90
  plan.pin "a" to "small"
  plan.item "a" weights 0 origin "" {
    plan.option "small" costs [10] loss 8.0
    plan.option "medium" costs [30] loss 3.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "small" costs [10] loss 4.0
    plan.option "large" costs [40] loss 0.5
  }
}

// Tied items take options of one name: x of both needs 60 bytes even with the cheapest c; y of both leaves room for the better c.
// CHECK-LABEL: plan.problem @tied
// CHECK: plan.solution @tied.solution of @tied objective 5.000000e+00 bound 5.000000e+00 gap 0.000000e+00 costs [50] solver "knapsack"
// CHECK-NEXT: plan.choice "a" takes "y" {reason = "tied to b; better x: +20 bytes, -4.00e+00 nats
// CHECK-NEXT: plan.choice "b" takes "y" {reason = "tied to a; better x: +20 bytes, -4.00e+00 nats
// CHECK-NEXT: plan.choice "c" takes "x"
plan.problem @tied resources ["bytes"] fixed [0] weights 0 model "" {
  plan.budget "bytes" 59
  plan.item "a" weights 0 origin "" {
    plan.option "x" costs [20] loss 0.5
    plan.option "y" costs [10] loss 2.5
    plan.option "only a" costs [1] loss 0.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "only b" costs [1] loss 0.0
    plan.option "y" costs [20] loss 2.5
    plan.option "x" costs [30] loss 0.5
  }
  plan.item "c" weights 0 origin "" {
    plan.option "x" costs [20] loss 0.0
    plan.option "y" costs [10] loss 9.0
  }
  plan.tie ["a", "b"]
}

// One pin binds all that is tied to it.
// CHECK-LABEL: plan.problem @tied_and_pinned
// CHECK: costs [3] solver
// CHECK-NEXT: plan.choice "a" takes "x" {reason = "tied to b;
// CHECK-NEXT: plan.choice "b" takes "x" {reason = "pinned; tied to a; tied to c;
// CHECK-NEXT: plan.choice "c" takes "x" {reason = "tied to b;
plan.problem @tied_and_pinned resources ["bytes"] fixed [0] weights 0 model "" {
  plan.item "a" weights 0 origin "" {
    plan.option "x" costs [1] loss 1.0
    plan.option "y" costs [1] loss 0.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "x" costs [1] loss 1.0
    plan.option "y" costs [1] loss 0.0
  }
  plan.item "c" weights 0 origin "" {
    plan.option "x" costs [1] loss 1.0
    plan.option "y" costs [1] loss 0.0
  }
  plan.tie ["a", "b"]
  plan.tie ["b", "c"]
  plan.pin "b" to "x"
}

// An optional tie pays where both take "int4": 10 + 10 - 6 fits into 14 and costs 1 + 1 + 0.25; apart nothing is better than int2 with int4, 5 + 1 in 12 bytes.
// CHECK-LABEL: plan.problem @shared
// CHECK: plan.solution @shared.solution of @shared objective 2.250000e+00 bound 2.250000e+00 gap 0.000000e+00 costs [14] solver "knapsack"
// CHECK-NEXT: plan.choice "a" takes "int4"
// CHECK-NEXT: plan.choice "b" takes "int4"
plan.problem @shared resources ["bytes"] fixed [0] weights 0 model "" {
  plan.budget "bytes" 14
  plan.item "a" weights 0 origin "" {
    plan.option "int2" costs [2] loss 5.0
    plan.option "int4" costs [10] loss 1.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "int2" costs [2] loss 5.0
    plan.option "int4" costs [10] loss 1.0
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "int4" costs [-6] loss 0.25
  }
}

// Two budgets. By bytes alone both would be large (22 bytes, objective 2), but that takes 13 microseconds; with small for one of them it is 10 or 11.
// CHECK-LABEL: plan.problem @two_budgets
// CHECK: plan.solution @two_budgets.solution of @two_budgets objective 5.000000e+00 bound {{5.000000e\+00|4.99999999999.*}} gap {{.*}} costs [17, 10] solver "cbc"
// CHECK-NEXT: plan.choice "a" takes "small" {reason = "better large: +5 bytes, +3 microseconds, -3.00e+00 nats (6.29e+05 per MiB); nothing cheaper"}
// CHECK-NEXT: plan.choice "b" takes "large"
plan.problem @two_budgets resources ["bytes", "microseconds"] fixed [2, 1] weights 0 model "" {
  plan.budget "microseconds" 10
  plan.budget "bytes" 22
  plan.item "a" weights 0 origin "" {
    plan.option "small" costs [5, 3] loss 4.0
    plan.option "large" costs [10, 6] loss 1.0
  }
  plan.item "b" weights 0 origin "" {
    plan.option "small" costs [5, 4] loss 7.0
    plan.option "large" costs [10, 6] loss 1.0
  }
}

// A budget of the second resource alone; the first is reported.
// CHECK-LABEL: plan.problem @second_budget
// CHECK: plan.solution @second_budget.solution of @second_budget objective 1.000000e+00 bound 1.000000e+00 gap 0.000000e+00 costs [1000, 4] solver "knapsack"
// CHECK-NEXT: plan.choice "a" takes "fast" {reason = "better slow: +1 microseconds, -1.00e+00 nats (1.00e+00 per unit); nothing cheaper"}
plan.problem @second_budget resources ["bytes", "microseconds"] fixed [0, 0] weights 0 model "" {
  plan.budget "microseconds" 4
  plan.item "a" weights 0 origin "" {
    plan.option "slow" costs [10, 5] loss 0.0
    plan.option "fast" costs [1000, 4] loss 1.0
  }
}

// The budget that holds the fixed costs and the cheapest choice to the byte.
// CHECK-LABEL: plan.problem @exact
// CHECK: plan.solution @exact.solution of @exact objective 1.000000e+00 {{.*}} costs [9]
plan.problem @exact resources ["bytes"] fixed [4] weights 0 model "" {
  plan.budget "bytes" 9
  plan.item "a" weights 0 origin "" {
    plan.option "small" costs [5] loss 1.0
    plan.option "large" costs [6] loss 0.0
  }
}

// Nothing to choose is solved too.
// CHECK-LABEL: plan.problem @nothing
// CHECK: plan.solution @nothing.solution of @nothing objective 0.000000e+00 bound 0.000000e+00 gap 0.000000e+00 costs [4]
plan.problem @nothing resources ["bytes"] fixed [4] weights 0 model "" {
}
