// RUN: allot-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{unknown way 'fastest', expected factored, merged, pair, joined, split, distributed or switch}}
func.func private @unknown() attributes {way = #adapter.way<fastest>}

// -----

// expected-error@+1 {{the way `merged` has 0 sizes and 0 parts, but got 0 and 1 (A60)}}
func.func private @merged_part() attributes {way = #adapter.way<merged [pair]>}

// -----

// expected-error@+1 {{the way `split` has 2 sizes and 2 parts, but got 1 and 2 (A60)}}
func.func private @split_sizes() attributes {way = #adapter.way<split 2 [merged, pair]>}

// -----

// expected-error@+1 {{the way `split` has 1 sizes and 0 parts, but got 0 and 0 (A60)}}
func.func private @split_nothing() attributes {way = #adapter.way<split>}

// -----

// expected-error@+1 {{the sizes of a way are positive (A60)}}
func.func private @split_zero() attributes {way = #adapter.way<split 0, 2 [merged, pair]>}

// -----

// expected-error@+1 {{the way `distributed` has 0 sizes and 1 parts, but got 0 and 0 (A60)}}
func.func private @distributed() attributes {way = #adapter.way<distributed>}

// -----

// expected-error@+1 {{the way `switch` has 1 sizes and 2 parts, but got 1 and 1 (A60)}}
func.func private @switch() attributes {way = #adapter.way<switch 4 [merged]>}

// -----

// expected-error@+1 {{the way `factored` has 0 sizes and 0 parts, but got 1 and 0 (A60)}}
func.func private @factored_size() attributes {way = #adapter.way<factored 3>}
