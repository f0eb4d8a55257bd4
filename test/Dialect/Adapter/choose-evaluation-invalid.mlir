// RUN: not allot-opt %s -adapter-choose-evaluation=evaluate=fastest 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not allot-opt %s -adapter-choose-evaluation=rows=0 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not allot-opt %s -adapter-choose-evaluation=most-rows=-1 2>&1 | FileCheck %s --check-prefix=MOST
// RUN: not allot-opt %s -adapter-choose-evaluation=growth=0.5 2>&1 | FileCheck %s --check-prefix=GROWTH
// RUN: not allot-opt %s -adapter-choose-evaluation=costs=watt=1 2>&1 | FileCheck %s --check-prefix=UNIT
// RUN: not allot-opt %s -adapter-choose-evaluation=costs=kernel=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not allot-opt %s -adapter-choose-evaluation=costs=kernel 2>&1 | FileCheck %s --check-prefix=EMPTY

// UNKNOWN: error: adapter-choose-evaluation: unknown evaluation 'fastest', expected auto, factored or merged
// ROWS: error: adapter-choose-evaluation: rows are 1 to 2^32, most-rows 0 to 2^32, but got 0 and 0
// MOST: error: adapter-choose-evaluation: rows are 1 to 2^32, most-rows 0 to 2^32, but got 1 and -1
// GROWTH: error: adapter-choose-evaluation: growth is at least 1, but got 5.000000e-01
// UNIT: error: adapter-choose-evaluation: no unit of work is called 'watt': wanted one of kernel, term, read-byte,
// NEGATIVE: error: adapter-choose-evaluation: the seconds of 'kernel' are a number of at least 0, but got '-1'
// EMPTY: error: adapter-choose-evaluation: the seconds of 'kernel' are a number of at least 0, but got ''

module {}
