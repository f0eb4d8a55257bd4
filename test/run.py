#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs lit over the given suites and closes with one line `N passed, N failed`. Exit status 1 if anything failed or nothing ran. A test that fails is tried once more; those that
pass then are listed before the closing line."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lit", required=True)
parser.add_argument("--jobs", type=int, default=os.cpu_count())
parser.add_argument("suites", nargs="+")
options, rest = parser.parse_known_args()
with tempfile.TemporaryDirectory() as folder:
    report = os.path.join(folder, "report.json")
    run = subprocess.run([sys.executable, options.lit, "-v", "--no-progress-bar", f"-j{options.jobs}", "--max-retries-per-test", "1", "--output", report, *rest, *options.suites])
    tests = json.load(open(report))["tests"] if os.path.exists(report) else []
good = {"PASS", "XFAIL", "FLAKYPASS"}
skipped = {"UNSUPPORTED", "EXCLUDED", "SKIPPED"}
passed = sum(t["code"] in good for t in tests)
failed = sum(t["code"] not in good | skipped for t in tests)
if not tests or (run.returncode != 0 and failed == 0):
    failed += 1
# The ends of what failed, again, so that a log of which only the end is kept tells the reason.
for test in tests:
    if test["code"] not in good | skipped:
        print(f"-- {test['name']}", *test["output"].splitlines()[-25:], sep="\n")
for test in tests:
    if test["code"] == "FLAKYPASS":
        print(f"passed at the second try only: {test['name']}")
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
