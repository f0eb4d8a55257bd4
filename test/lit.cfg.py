# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The test suite: text that allot-opt and allot transform (.mlir, .test), blocks of the documentation (.md), GoogleTest programs (unit/)."""

import os
import sys

import lit.formats
import lit.util

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import docs_format
import sanitizers

config.name = "Allot"
config.test_format = docs_format.ShOrDocs(execute_external=True)
config.suffixes = [".mlir", ".test", ".md"]
config.excludes = ["Inputs", "CMakeLists.txt", "unit", "Consumer", "Subdirectory"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.allot_binary_dir, "test")

tools = [os.path.join(config.allot_binary_dir, "bin"), config.llvm_tools_dir]
config.environment["PATH"] = os.pathsep.join(tools + [os.environ.get("PATH", "")])
# Two threads at most, so that tests side by side do not fight for cores; waiting threads sleep.
config.environment["OMP_NUM_THREADS"] = "2"
config.environment["OMP_WAIT_POLICY"] = "passive"
config.environment["OPENBLAS_NUM_THREADS"] = "1"

if sys.platform.startswith("linux"):
    config.available_features.add("system-linux")
if config.sanitize:
    config.available_features.add("sanitizer")
    sanitizers.configure(config)

config.substitutions.append(("%tensors", f'"{config.python}" "{config.allot_source_dir}/test/Inputs/tensors.py"'))
config.substitutions.append(("%python", '"' + config.python + '"'))
config.substitutions.append(("%allot_source", config.allot_source_dir))
config.substitutions.append(("%allot_binary", config.allot_binary_dir))
config.substitutions.append(("%llvm_prefix", config.llvm_prefix))
config.substitutions.append(("%cmake", config.cmake))
config.substitutions.append(("%cxx", config.cxx))
config.substitutions.append(("%cc", config.cc))
