#!/usr/bin/env bash
# The allocation tables of docs/Results.md: allocated against uniform at the same budgets. Usage: allocation.sh BIN MODEL.mlir STATS EVAL.safetensors WORKDIR [ROWS]
# BUDGETS (3.0 3.5 4.0) and KINDS (allocated within above, tied: allocated with the ties of the regular expression TIE, or names of formats: uniform, whatever the budget) can be set in the environment. BIN holds allot and allot-opt. Writes one line per program: budget, kind, choice, bytes, bits per weight, predicted loss, KL, its standard error.
set -euo pipefail
bin=$1 model=$2 stats=$3 tokens=$4 work=$5 rows=${6:-16:64}
mkdir -p "$work"
# One problem for allocations, one without ranges of rows for uniform choices.
for split in true false; do
  [ -f "$work/problem-$split.mlir" ] || "$bin/allot" plan "$model" --stats "$stats" --split-rows=$split --budget 100bpw -o "$work/problem-$split.mlir"
done
measure() { # name plan
  "$bin/allot" apply "$model" --plan "$2" --stats "$stats" -o "$work/$1.mlir" --archive "$work/$1.safetensors"
  "$bin/allot" eval "$work/$1.mlir" --tokens "$tokens" --rows "$rows" --against "$model" --json >"$work/$1.json"
  "$bin/allot" explain "$2" --json >"$work/$1.plan.json"
  rm -f "$work/$1.safetensors"
}
for budget in ${BUDGETS:-3.0 3.5 4.0}; do
  for kind in ${KINDS:-allocated within above}; do
    uniform= problem="$work/problem-true.mlir"
    [ "$kind" = tied ] && uniform=" ties=$TIE"
    [ "$kind" = allocated ] || [ "$kind" = tied ] || { uniform=" uniform=$kind" problem="$work/problem-false.mlir"; }
    "$bin/allot-opt" "$problem" --pass-pipeline="builtin.module(plan-solve{budget=${budget}bpw$uniform})" -o "$work/$budget-$kind.plan.mlir"
    measure "$budget-$kind" "$work/$budget-$kind.plan.mlir"
    python3 - "$work/$budget-$kind" "$budget" "$kind" <<'PY'
import collections, json, sys
e, p = json.load(open(sys.argv[1] + ".json")), json.load(open(sys.argv[1] + ".plan.json"))
choice = collections.Counter(i["choice"] for i in p["items"]).most_common(1)[0]
print(f"{sys.argv[2]} {sys.argv[3]:10} {choice[0]}x{choice[1]} {e['bytes']} {e['bpw']:.4f} predicted {p['objective']:.4f} KL {e['kl']:.4f} +- {e['stderr']['kl']:.4f} gap {p['gap']:.1e}", flush=True)
PY
  done
done
