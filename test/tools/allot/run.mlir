// Entries by name and bare functions, with conversions and folded dimensions.
// RUN: %tensors write %t.x "x:F64:2x2=1,2,3,4" "b:F32:2=10,20"
// RUN: allot run %s --entry add --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s --check-prefix=ENTRY
// ENTRY: y F32 2x2 11 22 13 24
// RUN: allot run %s --entry add --inputs %t.x --outputs %t.y --reference && %tensors print %t.y | FileCheck %s --check-prefix=ENTRY
// RUN: allot run %s --entry add --inputs %t.x --outputs %t.y --outputs-also hidden_states,router && %tensors print %t.y | FileCheck %s --check-prefix=TAPS
// TAPS: hidden_states.0 F32 2x2 1 2 3 4
// TAPS: last_hidden_state F32 2x2 11 22 13 24
// TAPS: y F32 2x2 11 22 13 24

// RUN: cp %t.x %t.b
// RUN: %tensors write %t.x "add/x:F32:3x1x2=0..5" "add/b:F32:2=1,1" "m.0.double/x:F32:2=3,4"
// RUN: allot run %s --inputs %t.x --outputs %t.y && %tensors print %t.y | FileCheck %s --check-prefix=BARE
// BARE: add/y F32 3x1x2 1 2 3 4 5 6
// BARE: m.0.double/result0 F32 2 6 8

// RUN: not allot run %s --entry add --inputs %t.b --outputs %t.z --outputs-also words 2>&1 | FileCheck %s --check-prefix=WORDS && test ! -e %t.z
// WORDS: error: {{.*}}run.mlir: no inner value has a name that begins with 'words'

// Errors name what is wrong and leave no output.
// RUN: %tensors write %t.x "x:F32:2x3=0..5" "b:F32:2=1,1"
// RUN: rm -f %t.y && not allot run %s --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=SHAPE && test ! -e %t.y
// SHAPE: error: entry 'add', input 'x': has shape 2x3, wanted ?x2
// RUN: not allot run %s --entry sub --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=NONE && test ! -e %t.y
// NONE: error: {{.*}}run.mlir: no entry 'sub' (there are add, m.0.double, look)
// RUN: not allot run %s --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=NAMES
// NAMES: tensor 'x': is not called FUNCTION/ARGUMENT; or give --entry
// RUN: %tensors write %t.x "x:F32:1x2=0,1"
// RUN: not allot run %s --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: tensor 'b'
// RUN: %tensors write %t.x "add/x:F32:1x2=0,1" "add/b:F32:2=1,1" "add/c:F32:1=1"
// RUN: not allot run %s --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: tensor 'add/c': entry 'add' has no such input (there are x, b)
// RUN: %tensors write %t.x "x:F32:1x2=0,1" "b:F32:2=1,1" "mask:F32:2=1,1"
// RUN: not allot run %s --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=MASK
// MASK: tensor 'mask': entry 'add' has no such input (there are x, b)
// RUN: %tensors write %t.x "ids:I64:2=0,5"
// RUN: not allot run %s --entry look --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=IDS
// IDS: error: entry 'look', input 'ids': id 5 at place 1 is not in [0, 3)
// RUN: %tensors write %t.x "ids:I64:1=1099511627776"
// RUN: not allot run %s --entry look --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=WIDE
// WIDE: tensor 'ids'
// RUN: not allot run %t.none --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: {{.*}}.none: {{.*}}{{[Nn]}}o such file
// RUN: not allot run %s --entry add --inputs %t.none --outputs %t.y 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: echo "module {" > %t.broken && not allot run %t.broken --entry add --inputs %t.x --outputs %t.y 2>&1 | FileCheck %s --check-prefix=PARSE
// PARSE: error: {{.*}}.broken:1:{{[0-9]+}}:
// RUN: not allot run %s --entry add --inputs %t.x 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: error: --outputs is missing

func.func @add(%x: tensor<?x2xf32> {allot.name = "x"}, %b: tensor<2xf32> {allot.name = "b"}) -> (tensor<?x2xf32> {allot.name = "y"}) {
  %c0 = arith.constant 0 : index
  %h = nn.tap %x "hidden_states.0" : tensor<?x2xf32>
  %d = tensor.dim %h, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%d) : tensor<?x2xf32>
  %w = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<?x2xf32>) dimensions = [0]
  %s = arith.addf %h, %w : tensor<?x2xf32>
  %l = nn.tap %s "last_hidden_state" : tensor<?x2xf32>
  return %l : tensor<?x2xf32>
}
func.func @m.0.double(%x: tensor<?x2xf32> {allot.name = "x"}) -> tensor<?x2xf32> {
  %y = arith.addf %x, %x : tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
func.func @look(%ids: tensor<?xi32> {allot.name = "ids"}) -> (tensor<?x2xf32> {allot.name = "y"}) {
  %t = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %m = adapter.dense %t : tensor<3x2xf32>
  %y = adapter.gather %m, %ids : !adapter.map<3x2, f32>, tensor<?xi32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
