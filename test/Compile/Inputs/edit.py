# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A copy of a compiled folder with a changed manifest.

    edit.py FOLDER COPY PATH=JSON ...     PATH such as program.weights.table.0.bytes; JSON empty: the member is removed; a PATH that ends in
                                          .+ appends to a list
"""

import json
import os
import shutil
import sys

source, copy, *changes = sys.argv[1:]
shutil.rmtree(copy, ignore_errors=True)
shutil.copytree(source, copy)
path = os.path.join(copy, "manifest.json")
with open(path) as f:
    manifest = json.load(f)
for change in changes:
    where, value = change.split("=", 1)
    *steps, last = where.split(".")
    at = manifest
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if last == "+":
        at.append(json.loads(value))
        continue
    last = int(last) if isinstance(at, list) else last
    if value:
        at[last] = json.loads(value)
    else:
        del at[last]
with open(path, "w") as f:
    json.dump(manifest, f)
