// The packaged stock mlir-opt loads the plugin. A plugin that fails to load still exits 0, so its effect is checked.
// The stock mlir-opt is not instrumented.
// UNSUPPORTED: sanitizer
// RUN: %llvm_prefix/bin/mlir-opt --load-dialect-plugin=%allot_binary/lib/AllotPlugin.so --load-pass-plugin=%allot_binary/lib/AllotPlugin.so --pass-pipeline='builtin.module(plan-solve)' %s | FileCheck %s

// CHECK: plan.solution
// CHECK: plan.choice "a" takes "large"
plan.problem @p resources ["bytes"] fixed [0] weights 100 model "" {
  plan.budget "bytes" 100
  plan.item "a" weights 100 origin "by hand" {
    plan.option "small" costs [50] loss 4.0
    plan.option "large" costs [100] loss 1.0
  }
}
