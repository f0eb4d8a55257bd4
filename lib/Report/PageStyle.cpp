//===- PageStyle.cpp - colours and sorting ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageParts.h"

using namespace allot::report;

llvm::StringRef detail::styleSheet() {
  return R"css(
:root {
  --page: #fbfbfa; --card: #ffffff; --ink: #1c2024; --quiet: #5b6570; --edge: #dde1e6; --grid: #e9ecef;
  --plan: #2256c7; --chosen: #c2255c; --measured: #b65c02; --minor: #7b8794;
  --s0: #f1f5d8; --s1: #dcefc8; --s2: #b5dfc0; --s3: #86ccc0; --s4: #56b3c4; --s5: #3291c2; --s6: #2a6bae; --s7: #28458f; --s8: #1d2560;
  --t0: #1c2024; --t1: #1c2024; --t2: #1c2024; --t3: #1c2024; --t4: #10181f; --t5: #ffffff; --t6: #ffffff; --t7: #ffffff; --t8: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f24; --ink: #e7eaee; --quiet: #9da7b3; --edge: #343b43; --grid: #2a3037;
    --plan: #7aa8ff; --chosen: #ff7eab; --measured: #ffae57; --minor: #8a95a1;
    --s0: #232b54; --s1: #293f84; --s2: #2c609f; --s3: #3382b3; --s4: #4da3b9; --s5: #76bfb6; --s6: #a3d5b4; --s7: #cde8bb; --s8: #f0f5d2;
    --t0: #ffffff; --t1: #ffffff; --t2: #ffffff; --t3: #ffffff; --t4: #0c1216; --t5: #14171a; --t6: #14171a; --t7: #14171a; --t8: #14171a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 1010px; margin: 0 auto; padding: 0 22px; }
header { padding-top: 34px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.3rem; margin: 0 0 10px; }
h3 { font-size: 1.05rem; margin: 26px 0 6px; }
p { margin: 0 0 12px; max-width: 78ch; }
.file { color: var(--quiet); margin: 4px 0 18px; overflow-wrap: anywhere; }
.lead { font-size: 1.06rem; }
section { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 22px; margin: 22px 0; }
footer { color: var(--quiet); font-size: .9rem; padding-bottom: 40px; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 0; }
.figure { flex: 1 1 150px; background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 12px 16px; }
.figure dt { color: var(--quiet); font-size: .9rem; }
.figure dd { margin: 0; }
.figure .value { font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.figure .note { color: var(--quiet); font-size: .85rem; }
.words dt { font-weight: 600; margin-top: 10px; }
.words dd { margin: 0; max-width: 78ch; }
.picture { overflow-x: auto; margin: 12px 0; }
.picture svg { display: block; max-width: 100%; height: auto; min-width: 560px; font-family: inherit; }
svg text { fill: var(--ink); }
.label { font-size: 12px; }
.quiet { fill: var(--quiet); }
.strong { font-weight: 600; }
.axis-title { font-size: 12px; font-weight: 600; }
svg .axis-title { fill: var(--quiet); }
.grid { stroke: var(--grid); fill: none; }
.frame { stroke: var(--quiet); fill: none; }
.rule { stroke: var(--quiet); stroke-dasharray: 5 4; fill: none; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
.error { fill: none; stroke-width: 1.5; }
.mark { stroke: var(--card); stroke-width: 1.2; }
.line.series-plan { stroke: var(--plan); } .line.series-measured { stroke: var(--measured); stroke-width: 1.5; } .mark.series-plan, .bar.series-plan { fill: var(--plan); }
.mark.series-chosen, .bar.series-chosen { fill: var(--chosen); } .error.series-chosen { stroke: var(--chosen); }
.mark.series-measured, .bar.series-measured { fill: var(--measured); } .error.series-measured { stroke: var(--measured); }
.mark.series-minor, .bar.series-minor { fill: var(--minor); } .error.series-minor { stroke: var(--minor); }
svg .on-series-minor { fill: var(--quiet); } svg .on-series-measured { fill: var(--measured); font-weight: 600; } svg .on-series-chosen { fill: var(--chosen); font-weight: 600; }
.cell { stroke: var(--edge); stroke-width: .6; }
.shade-0 { fill: var(--s0); } .shade-1 { fill: var(--s1); } .shade-2 { fill: var(--s2); } .shade-3 { fill: var(--s3); } .shade-4 { fill: var(--s4); }
.shade-5 { fill: var(--s5); } .shade-6 { fill: var(--s6); } .shade-7 { fill: var(--s7); } .shade-8 { fill: var(--s8); }
svg .on-shade-0 { fill: var(--t0); } svg .on-shade-1 { fill: var(--t1); } svg .on-shade-2 { fill: var(--t2); } svg .on-shade-3 { fill: var(--t3); } svg .on-shade-4 { fill: var(--t4); }
svg .on-shade-5 { fill: var(--t5); } svg .on-shade-6 { fill: var(--t6); } svg .on-shade-7 { fill: var(--t7); } svg .on-shade-8 { fill: var(--t8); }
.table { overflow: auto; max-height: 640px; margin: 12px 0; border: 1px solid var(--edge); border-radius: 8px; }
table { border-collapse: collapse; font-size: .84rem; width: 100%; }
caption { text-align: left; color: var(--quiet); padding: 8px 10px; }
th, td { padding: 4px 10px; border-top: 1px solid var(--grid); text-align: left; vertical-align: top; }
thead th { line-height: 1.25; vertical-align: bottom; position: sticky; top: 0; background: var(--card); border-bottom: 1px solid var(--edge); }
tbody th { font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; } td.number { white-space: nowrap; } td.word { min-width: 7em; max-width: 40em; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
th[aria-sort="ascending"] button::after { content: " \25B2"; } th[aria-sort="descending"] button::after { content: " \25BC"; }
summary { cursor: pointer; color: var(--quiet); }
@media print { .table { max-height: none; } section { break-inside: avoid-page; } body { background: none; } }
)css";
}

llvm::StringRef detail::sortScript() {
  return R"js(
document.querySelectorAll("table.sortable").forEach(function (table) {
  var heads = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0];
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var rows = Array.from(body.rows).map(function (row) {
        var cell = row.cells[column], key = cell.getAttribute("data-key");
        return { row: row, key: key === null ? cell.textContent : Number(key) };
      });
      rows.sort(function (a, b) {
        var order = typeof a.key === "number" ? a.key - b.key : a.key.localeCompare(b.key, undefined, { numeric: true });
        return down ? -order : order;
      });
      rows.forEach(function (entry) { body.appendChild(entry.row); });
    });
  });
});
)js";
}
