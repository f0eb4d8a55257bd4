// What a plan chose, why, and what more would be worth: as a table and as JSON with the keys that others read.
// RUN: allot explain %s | FileCheck %s --match-full-lines --strict-whitespace --check-prefix=TABLE
// RUN: allot explain %s --json | FileCheck %s --check-prefix=JSON
// The same as bytecode, and valid JSON.
// RUN: allot-opt %s --emit-bytecode -o %t.mlirbc
// RUN: allot explain %s > %t.text && allot explain %t.mlirbc | cmp - %t.text
// RUN: allot explain %s --json | %python -c "import json, sys; d = json.load(sys.stdin); assert list(d)[:7] == ['budget_bytes', 'bytes', 'bpw', 'objective', 'bound', 'gap', 'items'], list(d); assert [list(i)[:5] for i in d['items']] == [['name', 'choice', 'bytes', 'predicted_loss', 'origin']] * 3"

//      TABLE:site   choice     bits        bytes        loss  origin                reason
// TABLE-NEXT:embed  stored   16.000           80   0.000e+00  kept as stored        only option
// TABLE-NEXT:q      int4      4.000           20   5.000e-01  measured sensitivity  better int8: +20 bytes, -2.50e-01 nats
// TABLE-NEXT:k      int8      8.000           10   1.250e-01  by hand
// TABLE-EMPTY:
// TABLE-NEXT:option matrices      weights        bytes         loss
// TABLE-NEXT:int4          1           40           20    5.000e-01
// TABLE-NEXT:stored        1           40           80    0.000e+00
// TABLE-NEXT:int8          1           10           10    1.250e-01
// TABLE-EMPTY:
// TABLE-NEXT:budget                 130 bytes  11.5556 bits per weight
// TABLE-NEXT:taken                  120 bytes  10.6667 bits per weight
// TABLE-NEXT:of it fixed             10 bytes  0.8889 bits per weight
// TABLE-NEXT:predicted loss 6.250000e-01 nats per token, at least 5.000000e-01 (gap 2.00e-01), by hand
// 0.25 nats for 20 bytes of q; 0.875 for 5 bytes of k, which is less than 7.5 for 10 bytes of q.
// TABLE-NEXT:one more MiB would lower the loss by at most 1.311e+04 nats
// TABLE-NEXT:one MiB less would raise the loss by at least 1.835e+05 nats
//  TABLE-NOT:{{.}}

//      JSON: {
// JSON-NEXT: "budget_bytes": 130,
// JSON-NEXT: "bytes": 120,
// JSON-NEXT: "bpw": 10.666666666666666,
// JSON-NEXT: "objective": 0.625,
// JSON-NEXT: "bound": 0.5,
// JSON-NEXT: "gap": 0.2{{0*1?}},
// JSON-NEXT: "items": [
// JSON-NEXT: {
// JSON-NEXT: "name": "embed",
// JSON-NEXT: "choice": "stored",
// JSON-NEXT: "bytes": 80,
// JSON-NEXT: "predicted_loss": 0,
// JSON-NEXT: "origin": "kept as stored"
// JSON-NEXT: },
// JSON-NEXT: {
// JSON-NEXT: "name": "q",
// JSON-NEXT: "choice": "int4",
// JSON-NEXT: "bytes": 20,
// JSON-NEXT: "predicted_loss": 0.5,
// JSON-NEXT: "origin": "measured sensitivity"
// JSON-NEXT: },
// JSON-NEXT: {
// JSON-NEXT: "name": "k",
// JSON-NEXT: "choice": "int8",
// JSON-NEXT: "bytes": 10,
// JSON-NEXT: "predicted_loss": 0.125,
// JSON-NEXT: "origin": "by hand"
// JSON-NEXT: }
// JSON-NEXT: ],
// JSON-NEXT: "solver": "hand",
// JSON-NEXT: "resources": [
// JSON-NEXT: {
// JSON-NEXT: "name": "bytes",
// JSON-NEXT: "budget": 130,
// JSON-NEXT: "taken": 120,
// JSON-NEXT: "fixed": 10
// JSON-NEXT: }
// JSON-NEXT: ]
// JSON-NEXT: }
plan.problem @p resources ["bytes"] fixed [10] weights 90 model "" {
  plan.budget "bytes" 130
  plan.item "embed" weights 40 origin "kept as stored" {
    plan.option "stored" costs [80] loss 0.0
  }
  plan.item "q" weights 40 origin "measured sensitivity" {
    plan.option "int4" costs [20] loss 0.5
    plan.option "int8" costs [40] loss 0.25
    plan.option "int2" costs [10] loss 8.0
  }
  plan.item "k" weights 10 origin "by hand" {
    plan.option "int4" costs [5] loss 1.0
    plan.option "int8" costs [10] loss 0.125
  }
}
plan.solution @s of @p objective 0.625 bound 0.5 gap 0.2 costs [120] solver "hand" {
  plan.choice "k" takes "int8"
  plan.choice "q" takes "int4" {reason = "better int8: +20 bytes, -2.50e-01 nats"}
  plan.choice "embed" takes "stored" {reason = "only option"}
}
