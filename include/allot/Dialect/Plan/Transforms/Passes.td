//===- Passes.td - passes that plan -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
#define ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanExtract : Pass<"plan-extract", "::mlir::ModuleOp"> {
  let summary = "Makes an allocation problem of a model and its statistics";
  let description = [{
    Every site (a stored matrix with the adapters added to it) becomes a `plan.item`. Options: kept as stored; every format of `formats`, with low-rank compensation of
    the encoding error of every rank of `ranks`; each of them with the adapter merged before encoding, kept as it is, rounded to one of `adapter-formats`, or replaced by the pair of
    factors of a rank of `adapter-ranks` that is nearest to it under the second moment of the inputs, where that takes fewer bytes. Costs are exact bytes of the
    packed layout with `tile-rows`. The loss of an option is the site's measured (or gradient) sensitivity at the weighted error that the encoder makes; the
    encoder itself is run, on `estimate-rows` evenly spread rows of each matrix (0: all).

    A table that is looked up by token and whose ranges of rows were measured apart (`SITE[a:b].sensitivity` in the statistics) becomes one item per range, unless
    `split-rows` is off: frequent tokens get more bits than rare ones.

    `resources` adds others to `bytes`, which follow from shapes alone: `flops`, floating-point operations per token (factors evaluated as factors), and `bytes_read`, what
    applying all maps to one token reads (rows that are looked up are not counted).

    A site with no other option than `stored` needs no statistics. Statistics of another model are an error unless `force` is set.

    An option is named by its storage (`stored` or the format's short name, `+rN` for compensation of rank N), and for a site with adapters what happens to them:
    `+adapter` (kept as they are), `+adapter-f16` (rounded), `+adapter-r8-f16` (shortened; `-r0`: left out) or `+merged`.

    Example: `plan-extract{stats=stats.safetensors formats=int3g64zs8,int4g64zs8 ranks=0,16}`.
  }];
  let options = [
    Option<"stats", "stats", "std::string", "\"\"", "statistics file (safetensors)">,
    Option<"statsName", "stats-name", "std::string", "\"\"", "name of the statistics in the problem (default: their path)">,
    Option<"folder", "folder", "std::string", "\"\"", "folder that weight files are relative to (default: that of the module's file)">,
    ListOption<"formats", "formats", "std::string", "short names of the formats to choose from (default: fourteen of 2 to 8 bits)">,
    ListOption<"ranks", "ranks", "int64_t", "ranks of low-rank compensation (default: none)">,
    ListOption<"compensatedFormats", "compensated-formats", "std::string", "formats that may be compensated (default: those of at most 3 bits)">,
    Option<"factorFormat", "factor-format", "std::string", "\"f16\"", "format of compensation factors">,
    ListOption<"adapterFormats", "adapter-formats", "std::string", "formats of adapters that stay factored (default: f16)">,
    ListOption<"adapterRanks", "adapter-ranks", "int64_t", "ranks that adapters may be shortened to, 0 to leave them out (default: 0, 2, 4, 8, 16, 32)">,
    ListOption<"allow", "allow", "std::string", "regular expressions `SITE=OPTION`: only options that match are kept for the sites that match">,
    Option<"encoder", "encoder", "std::string", "\"feedback\"", "`feedback`, or `nearest` (plain rounding)">,
    Option<"estimateRows", "estimate-rows", "int64_t", "256", "rows of each matrix on which the encoder is tried; 0 for all">,
    Option<"tileRows", "tile-rows", "int64_t", "8", "row tile of the packed layout">,
    ListOption<"resources", "resources", "std::string", "resources beside bytes: flops, bytes_read (per token)">,
    Option<"splitRows", "split-rows", "bool", "true", "plan ranges of rows apart where they were measured apart">,
    Option<"force", "force", "bool", "false", "take statistics of another model">
  ];
  let dependentDialects = ["::allot::plan::PlanDialect", "::allot::format::FormatDialect"];
}

def PlanSolve : Pass<"plan-solve", "::mlir::ModuleOp"> {
  let summary = "Solves the allocation problems of a module";
  let description = [{
    Adds a `plan.solution @"NAME.solution"` after every `plan.problem @NAME`, replacing an older one. `solver` is `knapsack` (exact, at most one budget), `cbc` (branch and
    cut, everything that a problem can have; ends at `max-nodes` nodes or a relative gap of `gap`), `brute-force` (every choice, for a handful of items), or `auto`: the knapsack
    where it serves, else CBC (see Allocation/Solvers.h). With `remarks` a remark tells which it was, and why. Budgets that cannot be met are an error that states the least possible totals.

    `budget` sets budgets: `3.5bpw` (bits per weight of the base model, rounded down to bytes), `60MiB`, `1000000B` of the resource `bytes` (the first one where none is called that), or
    `RESOURCE=AMOUNT`. `pins` adds pins: `SITE=OPTION`. `ties` adds ties: the items that match a regular expression, and agree in all that its groups capture, take options
    of one name. All of them are written into the problem.

    `uniform` chooses one option for all items instead: `within` is the best one within the budget, `above` the smallest one above it, both among the options that all items
    offer which have a choice at all; a name is that option, whatever the budget, and items that lack it take `stored`. Options are compared without what they say
    about adapters (`+adapter...`, `+merged`), which is then one treatment for all adapters too. Pins and required ties hold.

    Example: `plan-solve{budget=3.5bpw,flops=300M ties=.*layers\.(\d+)\.self_attn\.[qkv]_proj.*}`.
  }];
  let options = [
    ListOption<"budgets", "budget", "std::string", "budgets: 3.5bpw, 60MiB, 1000000B of `bytes`, or RESOURCE=AMOUNT">,
    ListOption<"pins", "pins", "std::string", "SITE=OPTION">,
    ListOption<"ties", "ties", "std::string", "regular expressions: items that match one and agree in what its groups capture take options of one name">,
    Option<"solver", "solver", "std::string", "\"auto\"", "auto, knapsack, cbc or brute-force">,
    Option<"maxNodes", "max-nodes", "uint64_t", "10000", "cbc: nodes of the search tree, at most">,
    Option<"gap", "gap", "double", "0.0", "cbc: relative gap at which the search may stop">,
    Option<"remarks", "remarks", "bool", "false", "tell which solver was taken, and why">,
    Option<"uniform", "uniform", "std::string", "\"\"", "option name, `within` or `above`">
  ];
  let dependentDialects = ["::allot::plan::PlanDialect"];
}

def PlanIsolate : Pass<"plan-isolate", "::mlir::ModuleOp"> {
  let summary = "Keeps problems and solutions alone";
  let description = [{
    Erases everything but `plan` ops from a module, and the module's attributes.
  }];
}

def PlanApply : Pass<"plan-apply", "::mlir::ModuleOp"> {
  let summary = "Encodes the weights of a model as a solution says";
  let description = [{
    Reads the one `plan.solution` of `plan`, writes all weights of the model into `archive` (safetensors; chosen formats in the packed layout, others as they are stored, packed too), one tensor at a time,
    and rewrites the module: globals get their new encodings and values in the archive, compensation becomes a `lowrank` summand, merged adapters disappear. The encoder is that of the
    problem, with the statistics that it names unless others are given. The archive is as long as the plan's costs and its own header. The module attribute
    `allot.plan` gets a digest of the solution, its predicted loss and its solver, so that measurements of the result tell what they are of. Nothing is
    written where anything is wrong.

    Example: `plan-apply{plan=plan.mlir stats=stats.safetensors archive=weights.safetensors}`.
  }];
  let options = [
    Option<"plan", "plan", "std::string", "\"\"", "file with problem and solution">,
    Option<"stats", "stats", "std::string", "\"\"", "statistics file for error feedback (default: that of the problem)">,
    Option<"archive", "archive", "std::string", "\"\"", "file to write">,
    Option<"archiveName", "archive-name", "std::string", "\"\"", "name of the archive in the module (default: its path)">,
    Option<"folder", "folder", "std::string", "\"\"", "folder that weight files are relative to (default: that of the module's file)">,
    Option<"encoder", "encoder", "std::string", "\"\"", "`feedback`, or `nearest` (plain rounding); default: that of the problem, else feedback">,
    Option<"tileRows", "tile-rows", "int64_t", "8", "row tile of the packed layout">,
    Option<"force", "force", "bool", "false", "take a plan or statistics of another model">
  ];
  let dependentDialects = ["::allot::adapter::AdapterDialect", "::allot::format::FormatDialect", "::allot::plan::PlanDialect"];
}

#endif // ALLOT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
