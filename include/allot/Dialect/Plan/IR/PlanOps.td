//===- PlanOps.td - allocation problems and their answers -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_DIALECT_PLAN_IR_PLANOPS_TD
#define ALLOT_DIALECT_PLAN_IR_PLANOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::allot::plan";
  let summary = "What may be chosen, at what cost, and what was chosen, why";
  let description = [{
    A `plan.problem` holds items, each with options that have costs per resource and a predicted loss; budgets, pins and ties restrict the choice. A
    `plan.solution` holds the choice, the bound and the origin of the numbers. Both are text: written by hand, dumped, diffed, edited and solved again.
  }];
}

class Plan_Op<string mnem, list<Trait> traits = []> : Op<Plan_Dialect, mnem, traits>;

def Plan_ProblemOp : Plan_Op<"problem", [Symbol, NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "An allocation problem";
  let description = [{
    Choose one option of every item such that no resource exceeds its budget and the sum of losses is least. `resources` names the costs, in
    the order in which options list them. `weights` is the number of weights of the base model, for bits per weight; `fixed` are costs that no choice changes (norms and the like).
    `model` is the digest of the model that the losses belong to; `statistics` (a path, relative to the folder of the plan's own file) and `encoder` say how they were
    predicted, so that `plan-apply` encodes in the same way.

    ```mlir
    plan.problem @p resources ["bytes"] fixed [128] weights 1000 model "" {
      plan.budget "bytes" 700
      plan.item "a" weights 600 origin "by hand" {
        plan.option "int4" costs [300] loss 1.0e-01
        plan.option "int8" costs [600] loss 1.0e-03
      }
      plan.pin "a" to "int4"
    }
    ```
    (P1) resources are named, once each, as many as `fixed`; weights is not negative. (P2) inside are budgets, items, ties and pins alone. (P3) item names are not empty and differ. (P4) budgets name known resources, once
    each. (P5) ties and pins name known items, pins known options.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$resources, DenseI64ArrayAttr:$fixed, I64Attr:$weights, StrAttr:$model,
                       OptionalAttr<StrAttr>:$statistics, OptionalAttr<StrAttr>:$encoder);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `resources` $resources `fixed` $fixed `weights` $weights `model` $model attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The item of this name, or null.
    ItemOp findItem(::llvm::StringRef name);
    /// The index of the resource of this name.
    ::std::optional<unsigned> findResource(::llvm::StringRef name);
  }];
}

def Plan_BudgetOp : Plan_Op<"budget", [HasParent<"ProblemOp">]> {
  let summary = "The most that a resource may cost, fixed costs included";
  let description = [{
    ```mlir
    plan.budget "bytes" 700
    ```
    (P6) the limit is not negative.
  }];
  let arguments = (ins StrAttr:$resource, I64Attr:$limit);
  let assemblyFormat = "$resource $limit attr-dict";
  let hasVerifier = 1;
}

def Plan_ItemOp : Plan_Op<"item", [HasParent<"ProblemOp">, NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "A matrix, an adapter or an expert about which something is chosen";
  let description = [{
    The name is a site. `origin` says where its losses come from. `rows` [first, end) says that the item is a range of rows of a matrix, in the
    order of importance that the statistics give them (else their own), whose other rows are other items; the name is then `SITE[first:end]`. (P7) at least one option, option names are not empty and differ; weights is not negative. (P15) rows are two
    numbers, 0 <= first < end, and stand at the end of the name.

    ```mlir
    plan.item "model.layers.0.mlp.up_proj" weights 600 origin "measured sensitivity, feedback encoder" {
      plan.option "stored" costs [600] loss 0.0
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<DenseI64ArrayAttr>:$rows, I64Attr:$weights, StrAttr:$origin);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name (`rows` $rows^)? `weights` $weights `origin` $origin attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The option of this name, or null.
    OptionOp findOption(::llvm::StringRef name);
    /// The matrix that the item is about: its name without a range of rows.
    ::llvm::StringRef getSite();
  }];
}

def Plan_OptionOp : Plan_Op<"option", [HasParent<"ItemOp">]> {
  let summary = "One way to store an item";
  let description = [{
    `costs` per resource, `loss` predicted in nats per token. What `plan-apply` does: `format` is the new storage format of the matrix (absent: kept as stored), `rank` the
    rank of the low-rank compensation of its encoding error, `factor_format` their format, `merged` says that the adapter is merged before encoding, `adapter_format` is the
    format of an adapter that stays factored, and `adapter_rank` says that the sum of the adapters is replaced by one pair of factors of that rank (0: by nothing).

    ```mlir
    plan.option "int4g64" costs [300] loss 1.0e-01 {format = #format.int<4, block = [1, 64], scale = f16>}
    ```
    (P8) as many costs as resources, none negative. (P9) the loss is finite and not negative. (P10) rank is not negative, and needs factor_format and format when
    positive; format, factor_format and adapter_format are formats that are not packed; merged comes with format and without adapter_format.
    (P16) adapter_rank is not negative, needs adapter_format when positive, and does not come with merged.
  }];
  let arguments = (ins StrAttr:$name, DenseI64ArrayAttr:$costs, F64Attr:$loss, OptionalAttr<AnyAttr>:$format, OptionalAttr<I64Attr>:$rank,
                       OptionalAttr<AnyAttr>:$factor_format, UnitAttr:$merged, OptionalAttr<AnyAttr>:$adapter_format,
                       OptionalAttr<I64Attr>:$adapter_rank);
  let assemblyFormat = "$name `costs` $costs `loss` $loss attr-dict";
  let hasVerifier = 1;
}

def Plan_TieOp : Plan_Op<"tie", [HasParent<"ProblemOp">, NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "Items that belong together";
  let description = [{
    The items must take options of one name; with `optional` they may. Where they do, the `plan.sharing` of that name, if there is one, is added to the
    totals once: what is stored once for all of them, or, negative, what they save, and the loss that sharing costs.

    ```mlir
    plan.tie ["a", "b"]
    plan.tie ["c", "d"] optional {
      plan.sharing "int4" costs [-20] loss 1.0e-03
    }
    ```
    (P11) two or more items, each once. (P14) inside are sharings alone, of different names, each an option that all items have; as many costs as resources; the
    loss is finite and not negative.
  }];
  let arguments = (ins StrArrayAttr:$items, UnitAttr:$isOptional);
  let regions = (region MaxSizedRegion<1>:$body);
  let assemblyFormat = "$items (`optional` $isOptional^)? attr-dict-with-keyword ($body^)?";
  let hasRegionVerifier = 1;
}

def Plan_SharingOp : Plan_Op<"sharing", [HasParent<"TieOp">]> {
  let summary = "What a tie adds to the totals when all its items take one option";
  let description = [{
    A negative cost is a saving; it is at most what the items themselves pay.

    ```mlir
    plan.sharing "int4" costs [-20] loss 1.0e-03
    ```
  }];
  let arguments = (ins StrAttr:$option, DenseI64ArrayAttr:$costs, F64Attr:$loss);
  let assemblyFormat = "$option `costs` $costs `loss` $loss attr-dict";
  let hasVerifier = 1;
}

def Plan_PinOp : Plan_Op<"pin", [HasParent<"ProblemOp">]> {
  let summary = "An option that must be taken";
  let description = [{
    ```mlir
    plan.pin "a" to "int4"
    ```
  }];
  let arguments = (ins StrAttr:$item, StrAttr:$option);
  let assemblyFormat = "$item `to` $option attr-dict";
}

def Plan_SolutionOp : Plan_Op<"solution", [Symbol, NoTerminator, NoRegionArguments, SingleBlock, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The answer to a problem";
  let description = [{
    `objective` is the sum of predicted losses of the choice, `bound` no choice within the budgets is better than, `gap` (objective - bound) / objective; `costs` per resource, fixed
    costs included. `solver` names the method; a choice that was not optimised (`uniform`) has the bound 0. A solution may exceed a budget or disregard a pin that was
    added after it was made; `plan-apply` and `allot explain` refuse the latter.

    ```mlir
    plan.solution @s of @p objective 1.0e-01 bound 1.0e-01 gap 0.0 costs [428] solver "knapsack" {
      plan.choice "a" takes "int4"
    }
    ```
    (P12) every item of the problem is chosen once, by a known option; costs are the sums of the chosen costs, the sharings of ties that hold and the fixed ones; the objective is
    the sum of losses (1e-9 relative). (P13) objective, bound and gap are finite, bound <= objective, gap >= 0 and what objective and bound
    give.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$problem, F64Attr:$objective, F64Attr:$bound, F64Attr:$gap, DenseI64ArrayAttr:$costs, StrAttr:$solver);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `of` $problem `objective` $objective `bound` $bound `gap` $gap `costs` $costs `solver` $solver attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Plan_ChoiceOp : Plan_Op<"choice", [HasParent<"SolutionOp">]> {
  let summary = "The option that an item takes";
  let description = [{
    `reason` explains it: what the next cheaper and the next better option would have cost per byte.
  }];
  let arguments = (ins StrAttr:$item, StrAttr:$option, OptionalAttr<StrAttr>:$reason);
  let assemblyFormat = "$item `takes` $option attr-dict";
}

#endif // ALLOT_DIALECT_PLAN_IR_PLANOPS_TD
