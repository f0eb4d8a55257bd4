# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails unless the rows of the first `tokens` are those of the others, one by one: what `tensors.py print` says of several files."""

import sys

tokens = [line.split() for line in sys.stdin if line.startswith("tokens ")]
rows, width = map(int, tokens[0][2].split("x"))
together = tokens[0][3:]
for row in range(rows):
    mine, alone = together[row * width : (row + 1) * width], tokens[1 + row][3:]
    if mine != alone:
        sys.exit(f"row {row}: {mine} together, {alone} alone")
if len({tuple(t[3:]) for t in tokens[1:]}) == 1:
    sys.exit("all adapters continue alike: nothing was tested")
