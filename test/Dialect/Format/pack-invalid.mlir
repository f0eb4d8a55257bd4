// RUN: not allot-opt %s -format-pack=tile-rows=4 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not allot-opt %s -format-pack=as=int4g64 2>&1 | FileCheck %s --check-prefix=CODES
// RUN: not allot-opt %s -format-pack=as=f64 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// ROWS: error: format-pack: tile-rows is 8 or 16, not 4
// CODES: error: format-pack: 'int4g64' is not the name of a float format
// UNKNOWN: error: format-pack: 'f64' is not the name of a float format
func.func @nothing() {
  return
}
