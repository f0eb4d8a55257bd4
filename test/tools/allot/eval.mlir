// A model of four tokens whose logits for the next token are 3 for the same token and 0 else: log-probabilities are 3 - log(e^3 + 3) = -0.139206 and -3.13921.
// RUN: %tensors write %t.tokens "input_ids:I64:3x3=0,0,0,1,1,2,3,3,3"
// RUN: allot eval %s --tokens %t.tokens --rows 0:2 --json --logprobs %t.lp | FileCheck %s --check-prefix=JSON
// JSON: "nll": 0.8892
// JSON: "perplexity": 2.433
// JSON: "tokens": 4
// JSON: "kl": null
// JSON: "top1_agreement": null
// JSON: "nll": 0.{{7499|75}}
// JSON: "bytes": 0
// JSON: "bpw": 0,
// JSON-NEXT: "model": null,
// JSON-NEXT: "plan": null,
// JSON-NEXT: "predicted_loss": null,
// JSON-NEXT: "solver": null
// JSON-NEXT: }
// A program with a plan, against one without.
// RUN: sed 's/^module attributes {/module attributes {allot.model_digest = "cafe", allot.plan = {digest = "f00d", predicted_loss = 0.5 : f64, solver = "knapsack"}, /' %s > %t.planned.mlir
// RUN: allot eval %t.planned.mlir --tokens %t.tokens --against %s --json | FileCheck %s --check-prefix=PLANNED
// PLANNED: "model": "cafe",
// PLANNED-NEXT: "plan": "f00d",
// PLANNED-NEXT: "predicted_loss": 0.5,
// PLANNED-NEXT: "solver": "knapsack",
// PLANNED-NEXT: "against_model": null,
// PLANNED-NEXT: "against_plan": null
// RUN: %tensors print %t.lp | FileCheck %s --check-prefix=LOGP
// LOGP: logp F32 2x2 -0.139206 -0.139206 -0.139206 -3.13921
// LOGP: top1 I32 2x2 0 0 1 1

// Against itself nothing diverges; against a flat model KL(flat || this) = log(e^3 + 3) - 3/4 - log 4 = 1.0029 everywhere.
// RUN: allot eval %s --tokens %t.tokens --against %s | FileCheck %s --check-prefix=SELF
// SELF: kl 0.000000
// SELF: top1_agreement 1.000000
// RUN: sed 's/dense<3.0>/dense<0.0>/' %s > %t.flat.mlir
// RUN: allot eval %s --tokens %t.tokens --against %t.flat.mlir | FileCheck %s --check-prefix=FLAT
// FLAT: tokens 6
// FLAT: kl 1.0029
// FLAT: kl_p99 1.0029

// RUN: not allot eval %s --tokens %t.tokens --rows 2:5 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: --rows: '2:5' is no range of rows within 0:3
// RUN: %tensors write %t.tokens "tokens:I32:1x2=0,4"
// RUN: not allot eval %s --tokens %t.tokens 2>&1 | FileCheck %s --check-prefix=IDS
// IDS: error: {{.*}} id 4
// RUN: %tensors write %t.tokens "tokens:I32:2x1=0,1"
// RUN: not allot eval %s --tokens %t.tokens 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: rows have one token
// RUN: %tensors write %t.tokens "words:I32:2x1=0,1"
// RUN: not allot eval %s --tokens %t.tokens 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: tensor 'tokens'

module attributes {allot.weights = 16 : i64} {
  func.func @logits(%ids: tensor<?x?xi32> {allot.name = "input_ids"}) -> (tensor<?x?x4xf32> {allot.name = "logits"}) attributes {allot.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %high = arith.constant dense<3.0> : tensor<1xf32>
    %b = tensor.dim %ids, %c0 : tensor<?x?xi32>
    %t = tensor.dim %ids, %c1 : tensor<?x?xi32>
    %e = tensor.empty(%b, %t) : tensor<?x?x4xf32>
    %zero = arith.constant 0.0 : f32
    %h = tensor.extract %high[%c0] : tensor<1xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(b, t, v) -> (b, t)>, affine_map<(b, t, v) -> (b, t, v)>], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%ids : tensor<?x?xi32>) outs(%e : tensor<?x?x4xf32>) {
      ^bb0(%id: i32, %old: f32):
        %v = linalg.index 2 : index
        %i = arith.index_cast %v : index to i32
        %same = arith.cmpi eq, %i, %id : i32
        %x = arith.select %same, %h, %zero : f32
        linalg.yield %x : f32
    } -> tensor<?x?x4xf32>
    return %y : tensor<?x?x4xf32>
  }
}
