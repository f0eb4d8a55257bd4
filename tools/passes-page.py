#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints docs/Passes.md, made from the definitions of the passes. Usage: passes-page.py MLIR_TBLGEN LLVM_INCLUDE > docs/Passes.md"""

import glob
import os
import re
import subprocess
import sys

tblgen, include = sys.argv[1:3]
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
print("<!-- Made by tools/passes-page.py from the Passes.td files: do not edit. -->\n# Passes\n")
for path in sorted(glob.glob(os.path.join(root, "include/allot/**/Passes.td"), recursive=True)):
    run = subprocess.run([tblgen, "-gen-pass-doc", "-I", os.path.join(root, "include"), "-I", include, path], capture_output=True, text=True, check=True)
    name = os.path.relpath(os.path.dirname(path), os.path.join(root, "include/allot")).replace("Dialect/", "").replace("/Transforms", "")
    # Fragments in descriptions are not whole modules, so they are not marked as ones that tests run.
    text = re.sub(r"^```mlir$", "```", run.stdout, flags=re.M)
    text = re.sub(r"^<!--.*?-->\n", "", text, flags=re.M)
    print(f"## {name}\n\n{text.strip()}\n")
