# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A lit format for shell tests that also runs the examples of the documentation.

Every block of a .md file fenced as ```mlir must be a module that `allot-opt` reads, verifies and prints; a block fenced as ```mlir-invalid must be
refused. A .md file without such blocks passes."""

import os
import re
import subprocess

import lit.formats
import lit.Test


class ShOrDocs(lit.formats.ShTest):
    def execute(self, test, litConfig):
        path = test.getSourcePath()
        if not path.endswith(".md"):
            return super().execute(test, litConfig)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        problems = []
        for match in re.finditer(r"^```(mlir|mlir-invalid)\n(.*?)^```", text, re.S | re.M):
            line = text.count("\n", 0, match.start()) + 2
            run = subprocess.run(["allot-opt", "-"], input=match.group(2), capture_output=True, text=True, env=test.config.environment)
            if (run.returncode == 0) != (match.group(1) == "mlir"):
                problems.append(f"{path}:{line}: exit status {run.returncode}\n{run.stderr}")
        if problems:
            return lit.Test.FAIL, "\n".join(problems)
        return lit.Test.PASS, ""
