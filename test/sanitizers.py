# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the tests run when they are compiled with sanitizers (preset `sanitizer`)."""

import os


def configure(config):
    # LLVM's bump allocator marks memory in headers, compiled with the sanitizer here, and would not unmark it in the packaged libraries, which are compiled without.
    config.environment["ASAN_OPTIONS"] = "allow_user_poisoning=0"
    config.environment["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "leaks.txt")
    config.environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    symbolizer = os.path.join(getattr(config, "llvm_tools_dir", "/usr/lib/llvm-22/bin"), "llvm-symbolizer")
    if os.path.exists(symbolizer):
        config.environment["ASAN_SYMBOLIZER_PATH"] = symbolizer
