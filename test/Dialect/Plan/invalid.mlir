// RUN: allot-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{names resource 'bytes' twice (P1)}}
plan.problem @p resources ["bytes", "bytes"] fixed [0, 0] weights 10 model "" {
}

// -----

// expected-error@+1 {{has 0 resources and 0 fixed costs, expected one or more of each, and as many (P1)}}
plan.problem @p resources [] fixed [] weights 10 model "" {
}

// -----

// expected-error@+1 {{has 1 resources and 2 fixed costs, expected one or more of each, and as many (P1)}}
plan.problem @p resources ["bytes"] fixed [0, 0] weights 10 model "" {
}

// -----

// expected-error@+1 {{has a resource without a name (P1)}}
plan.problem @p resources ["bytes", ""] fixed [0, 0] weights 10 model "" {
}

// -----

// expected-error@+1 {{has -1 weights, expected none or more (P1)}}
plan.problem @p resources ["bytes"] fixed [0] weights -1 model "" {
}

// -----

// expected-error@+1 {{has fixed cost -1, expected 0 to 2^61 (P8)}}
plan.problem @p resources ["bytes"] fixed [-1] weights 10 model "" {
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'arith.constant' op does not belong into a plan.problem (P2)}}
  %0 = arith.constant 0 : i32
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.option' op expects parent op 'plan.item'}}
  plan.option "x" costs [1] loss 0.0
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  // expected-error@+1 {{'plan.item' op named 'a' appears twice (P3)}}
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op has no name (P3)}}
  plan.item "" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.budget' op is for an unknown resource 'microseconds' (P4)}}
  plan.budget "microseconds" 5
}

// -----

plan.problem @p resources ["bytes", "microseconds"] fixed [0, 0] weights 10 model "" {
  plan.budget "bytes" 5
  plan.budget "microseconds" 5
  // expected-error@+1 {{'plan.budget' op is a second one for 'bytes' (P4)}}
  plan.budget "bytes" 6
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  // expected-error@+1 {{'plan.tie' op names an unknown item 'b' (P5)}}
  plan.tie ["a", "b"]
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.pin' op names an unknown item 'a' (P5)}}
  plan.pin "a" to "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // A pin may stand before its item.
  // expected-error@+1 {{'plan.pin' op names an option 'y' that item 'a' has not (P5)}}
  plan.pin "a" to "y"
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.budget' op has the negative limit -1 (P6)}}
  plan.budget "bytes" -1
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op 'a' has no option (P7)}}
  plan.item "a" weights 10 origin "" {
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    // expected-error@+1 {{'plan.option' op named 'x' appears twice (P7)}}
    plan.option "x" costs [2] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has no name (P7)}}
    plan.option "" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op 'a' has -10 weights, expected none or more (P7)}}
  plan.item "a" weights -10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    // expected-error@+1 {{'arith.constant' op does not belong into a plan.item (P7)}}
    %0 = arith.constant 0 : i32
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has 2 costs, the problem has 1 resources (P8)}}
    plan.option "x" costs [1, 2] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes", "microseconds"] fixed [0, 0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has 0 costs, the problem has 2 resources (P8)}}
    plan.option "x" costs [] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has cost -1, expected 0 to 2^61 (P8)}}
    plan.option "x" costs [-1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has cost 2305843009213693953, expected 0 to 2^61 (P8)}}
    plan.option "x" costs [2305843009213693953] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the loss -1.0}}
    plan.option "x" costs [1] loss -1.0e-02
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{expected a finite number that is not negative (P9)}}
    plan.option "x" costs [1] loss 0x7FF0000000000000
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the loss nan, expected a finite number that is not negative (P9)}}
    plan.option "x" costs [1] loss 0x7FF8000000000000
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the negative rank -1 (P10)}}
    plan.option "x" costs [1] loss 0.0 {format = #format.q4_0, rank = -1 : i64, factor_format = #format.float<f16>}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has rank 4 but no factor_format or no format (P10)}}
    plan.option "x" costs [1] loss 0.0 {format = #format.q4_0, rank = 4 : i64}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has rank 4 but no factor_format or no format (P10)}}
    plan.option "x" costs [1] loss 0.0 {rank = 4 : i64, factor_format = #format.float<f16>}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the format "int4g64", expected a storage format that is not packed (P10)}}
    plan.option "x" costs [1] loss 0.0 {format = "int4g64"}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the format #format.packed<#format.q4_0, rows = 8>, expected a storage format that is not packed (P10)}}
    plan.option "x" costs [1] loss 0.0 {format = #format.packed<#format.q4_0, rows = 8>}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the factor_format f16, expected a storage format that is not packed (P10)}}
    plan.option "x" costs [1] loss 0.0 {format = #format.q4_0, rank = 4 : i64, factor_format = f16}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has the adapter_format 7 : i32, expected a storage format that is not packed (P10)}}
    plan.option "x" costs [1] loss 0.0 {adapter_format = 7 : i32}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op is merged: it needs a format and takes no adapter_format (P10)}}
    plan.option "x" costs [1] loss 0.0 {merged}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op is merged: it needs a format and takes no adapter_format (P10)}}
    plan.option "x" costs [1] loss 0.0 {merged, format = #format.q4_0, adapter_format = #format.float<f16>}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has a negative adapter_rank -1 (P16)}}
    plan.option "x" costs [1] loss 0.0 {adapter_rank = -1}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op has adapter_rank 2 but no adapter_format (P16)}}
    plan.option "x" costs [1] loss 0.0 {adapter_rank = 2}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    // expected-error@+1 {{'plan.option' op is merged: nothing is left that could have an adapter_rank (P16)}}
    plan.option "x" costs [1] loss 0.0 {merged, format = #format.q4_0, adapter_rank = 0}
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  // expected-error@+1 {{'plan.tie' op names 'a' twice (P11)}}
  plan.tie ["a", "b", "a"]
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  // expected-error@+1 {{'plan.tie' op needs two or more items (P11)}}
  plan.tie ["a"]
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  // expected-error@+1 {{'plan.tie' op needs two or more items (P11)}}
  plan.tie []
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{'plan.option' op expects parent op 'plan.item'}}
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{'arith.constant' op does not belong into a plan.tie (P14)}}
    %0 = arith.constant 0 : i32
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    plan.sharing "x" costs [1] loss 0.0
    // expected-error@+1 {{'plan.sharing' op for 'x' appears twice (P14)}}
    plan.sharing "x" costs [2] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{'plan.sharing' op is for option 'y' that item 'b' has not (P14)}}
    plan.sharing "y" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{'plan.sharing' op has 2 costs, the problem has 1 resources (P14)}}
    plan.sharing "x" costs [1, 1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{'plan.sharing' op has cost -2305843009213693953, expected -2^61 to 2^61 (P14)}}
    plan.sharing "x" costs [-2305843009213693953] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
    plan.option "y" costs [2] loss 0.0
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
  plan.tie ["a", "b"] {
    // expected-error@+1 {{expected a finite number that is not negative (P14)}}
    plan.sharing "x" costs [1] loss -1.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op has rows that are no range [first, end) (P15)}}
  plan.item "a[0:16]" rows [8, 8] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op has rows that are no range [first, end) (P15)}}
  plan.item "a[0:16]" rows [-8, 8] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op has rows that are no range [first, end) (P15)}}
  plan.item "a[0:16]" rows [8] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op has rows that are no range [first, end) (P15)}}
  plan.item "a[0:16]" rows [0, 8, 16] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{'plan.item' op 'a[0:16]' is about rows [0:8], which its name does not end with (P15)}}
  plan.item "a[0:16]" rows [0, 8] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [0] weights 10 model "" {
  // expected-error@+1 {{which its name does not end with (P15)}}
  plan.item "[0:16]" rows [0, 16] weights 10 origin "" {
    plan.option "x" costs [1] loss 0.0
  }
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op refers to no plan.problem @q}}
plan.solution @s of @q objective 0.0 bound 0.0 gap 0.0 costs [0] solver "" {
}

// -----

func.func private @p()
// expected-error@+1 {{'plan.solution' op refers to no plan.problem @p}}
plan.solution @s of @p objective 0.0 bound 0.0 gap 0.0 costs [0] solver "" {
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op chooses nothing for 'b' (P12)}}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
  // expected-error@+1 {{'plan.choice' op chooses for 'a' a second time (P12)}}
  plan.choice "a" takes "y"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
  // expected-error@+1 {{'plan.choice' op names an unknown item 'c' (P12)}}
  plan.choice "c" takes "y"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  // expected-error@+1 {{'plan.choice' op takes 'y', an option that 'b' has not (P12)}}
  plan.choice "b" takes "y"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// The fixed costs count.
// expected-error@+1 {{'plan.solution' op states costs [12], its choices cost [112] (P12)}}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [12] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// So does sharing: 100 + 1 + 10 - 4.
// expected-error@+1 {{'plan.solution' op states costs [111], its choices cost [107] (P12)}}
plan.solution @s of @p objective 0.875 bound 0.5 gap 0.42857142857 costs [111] solver "" {
  plan.choice "a" takes "x"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op states costs [112, 0], its choices cost [112] (P12)}}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112, 0] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{losses of its choices add up to}}
plan.solution @s of @p objective 0.75 bound 0.5 gap 0.33333333333 costs [107] solver "" {
  plan.choice "a" takes "x"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0.0 costs [112] solver "" {
  // expected-error@+1 {{'arith.constant' op does not belong into a plan.solution (P12)}}
  %0 = arith.constant 0 : i32
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op has an objective, bound or gap that is no number, or a negative gap (P13)}}
plan.solution @s of @p objective 0.5 bound 0.5 gap -1.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op has an objective, bound or gap that is no number, or a negative gap (P13)}}
plan.solution @s of @p objective 0x7FF8000000000000 bound 0.5 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op has an objective, bound or gap that is no number, or a negative gap (P13)}}
plan.solution @s of @p objective 0.5 bound 0xFFF0000000000000 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op has an objective, bound or gap that is no number, or a negative gap (P13)}}
plan.solution @s of @p objective 0.5 bound 0.5 gap 0x7FF0000000000000 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{above its objective}}
plan.solution @s of @p objective 0.5 bound 0.75 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

plan.problem @p resources ["bytes"] fixed [100] weights 10 model "" {
  plan.item "a" weights 10 origin "" {
    plan.option "x" costs [1] loss 0.5
    plan.option "y" costs [2] loss 0.25
  }
  plan.item "b" weights 10 origin "" {
    plan.option "x" costs [10] loss 0.25
  }
  plan.tie ["a", "b"] optional {
    plan.sharing "x" costs [-4] loss 0.125
  }
}
// expected-error@+1 {{'plan.solution' op states the gap}}
plan.solution @s of @p objective 0.5 bound 0.25 gap 0.0 costs [112] solver "" {
  plan.choice "a" takes "y"
  plan.choice "b" takes "x"
}

// -----

// expected-error@+1 {{'plan.budget' op expects parent op 'plan.problem'}}
plan.budget "bytes" 1

// -----

// expected-error@+1 {{'plan.item' op expects parent op 'plan.problem'}}
plan.item "a" weights 10 origin "" {
  plan.option "x" costs [1] loss 0.0
}

// -----

// expected-error@+1 {{'plan.option' op expects parent op 'plan.item'}}
plan.option "x" costs [1] loss 0.0

// -----

// expected-error@+1 {{'plan.tie' op expects parent op 'plan.problem'}}
plan.tie ["a", "b"]

// -----

// expected-error@+1 {{'plan.sharing' op expects parent op 'plan.tie'}}
plan.sharing "x" costs [1] loss 0.0

// -----

// expected-error@+1 {{'plan.pin' op expects parent op 'plan.problem'}}
plan.pin "a" to "x"

// -----

// expected-error@+1 {{'plan.choice' op expects parent op 'plan.solution'}}
plan.choice "a" takes "x"

// -----

// expected-error@+1 {{expected valid '@'-identifier for symbol name}}
plan.problem resources ["bytes"] fixed [0] weights 10 model "" {
}

// -----

// expected-error@+2 {{expected integer value}}
// expected-error@+1 {{expected ']'}}
plan.problem @p resources ["bytes"] fixed [0.5] weights 10 model "" {
}
