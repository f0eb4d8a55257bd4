// Baselines: one option for all items that have a choice.
// RUN: allot-opt %s --plan-solve='uniform=int4 budget=1B' | FileCheck %s --check-prefix=INT4
// RUN: allot-opt %s --plan-solve='uniform=within budget=180' | FileCheck %s --check-prefix=WITHIN
// RUN: allot-opt %s --plan-solve='uniform=within budget=181' | FileCheck %s --check-prefix=SAME
// RUN: allot-opt %s --plan-solve='uniform=above budget=180' | FileCheck %s --check-prefix=ABOVE
// RUN: allot-opt %s --plan-solve='uniform=within' | FileCheck %s --check-prefix=FREE
// RUN: allot-opt %s --plan-solve='uniform=int3 budget=180' | FileCheck %s --check-prefix=INT3
// RUN: allot-opt %s --plan-solve='uniform=int4 pins=q=int8' | FileCheck %s --check-prefix=PINNED
// RUN: allot-opt %s --plan-solve='budget=180' | FileCheck %s --check-prefix=BEST

// Of an option there are five totals, by what happens to the adapters of k: int4 takes 5 + 16 (embed) + 40 + 40 and 20 for the adapter as it is, 10 for the rounded one, nothing merged.
// Merged is best here by bytes and worst by loss. A name is taken whatever the budget; the treatment of adapters then is the one of least loss.
// INT4: plan.budget "bytes" 1
// INT4: plan.solution @p.solution of @p objective 2.000000e+00 bound 0.000000e+00 gap 1.000000e+00 costs [121] solver "uniform int4" {
// INT4-NEXT: plan.choice "embed" takes "stored" {reason = "only option"}
// INT4-NEXT: plan.choice "q" takes "int4"
// INT4-NEXT: plan.choice "k" takes "int4+adapter"

// int8 takes 201 with the adapter, 191 rounded and 181 merged: none keeps within 180, but one byte more lets the merged one in.
// WITHIN: costs [121] solver "uniform int4"
// WITHIN: plan.choice "k" takes "int4+adapter"
// SAME: plan.solution @p.solution of @p objective 1.062500e+00 bound 0.000000e+00 gap 1.000000e+00 costs [181] solver "uniform int8"
// SAME: plan.choice "q" takes "int8"
// SAME: plan.choice "k" takes "int8+merged"

// ABOVE: costs [181] solver "uniform int8"
// ABOVE: plan.choice "k" takes "int8+merged"

// FREE: objective 0.000000e+00 {{.*}} costs [341] solver "uniform stored"
// FREE: plan.choice "q" takes "stored"
// FREE: plan.choice "k" takes "stored+adapter"

// Items that lack the option stay as they are.
// INT3: costs [201] solver "uniform int3"
// INT3: plan.choice "q" takes "int3"
// INT3: plan.choice "k" takes "stored+adapter"

// A pinned item takes its pin.
// PINNED: plan.pin "q" to "int8"
// PINNED: costs [161] solver "uniform int4"
// PINNED: plan.choice "q" takes "int8"
// PINNED: plan.choice "k" takes "int4+adapter"

// No uniform choice is better than the best of all, which has a bound.
// BEST: objective 1.015625{{.*}} bound 1.015625{{.*}} gap 0.000000e+00 costs [171] solver "knapsack"
// BEST: plan.choice "q" takes "int4"
// BEST: plan.choice "k" takes "int8+adapter-f16"
plan.problem @p resources ["bytes"] fixed [5] weights 240 model "" {
  plan.item "embed" weights 80 origin "kept as stored" {
    plan.option "stored" costs [16] loss 0.0
  }
  plan.item "q" weights 80 origin "by hand" {
    plan.option "stored" costs [160] loss 0.0
    plan.option "int3" costs [20] loss 9.0
    plan.option "int4" costs [40] loss 1.0
    plan.option "int8" costs [80] loss 0.0625
  }
  plan.item "k" weights 80 origin "by hand" {
    plan.option "stored+adapter" costs [160] loss 0.0
    plan.option "stored+adapter-f16" costs [150] loss 0.015625
    plan.option "int4+adapter" costs [60] loss 1.0
    plan.option "int4+adapter-f16" costs [50] loss 2.0
    plan.option "int4+merged" costs [40] loss 4.0
    plan.option "int8+adapter" costs [120] loss 0.0
    plan.option "int8+adapter-f16" costs [110] loss 0.015625
    plan.option "int8+merged" costs [80] loss 1.0
  }
}
