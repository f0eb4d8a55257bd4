# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Full disks and killed processes, in every command that writes.

    faults.py --allot build/bin/allot --disk build/test/Faults/AllotFaultyDisk.so --inputs test --work FOLDER [--tries N] [--only REGEX] [--seed S]

After each try there must be, under each name that is written, the old file or the new one, to the byte. A command that fails by itself must end with status 1 and a
message that names the file, and leave nothing else; one that is killed may leave files with a temporary name (.allot-*.tmp), which must not disturb the next run. Files that
belong together (module and archive) are both old or both new, unless the process was killed.

Kinds of faults: those of FaultyDisk.cpp (full, io, short, kill, part) at every operation on a file; `size`, a limit on the size of files; `time`, killed after a random time;
`tmpfs`, a small file system that is really full (where the system lets us mount one). `stdout`: standard output on a full disk. --tries 0 tries everything; else as many of them, spread evenly.
"""

import argparse
import collections
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Inputs"))
import tensors

TEMPORARY = re.compile(r"^\.allot-([0-9a-f]+\.tmp|\w{6})$")


class Case:
    """One command line. `outputs`: name -> what is there before, the bytes of a file or a folder as name -> bytes. `starts`: it starts other programs, which meet the
    faults as well."""

    def __init__(self, name, argv, outputs, together=False, starts=False):
        self.name, self.argv, self.outputs, self.together, self.starts = name, argv, outputs, together, starts


def write(path, content):
    if isinstance(content, dict):
        os.mkdir(path)
        for name, inner in content.items():
            write(os.path.join(path, name), inner)
    else:
        with open(path, "wb") as f:
            f.write(content)


def read(path):
    if os.path.isdir(path) and not os.path.islink(path):
        return {name: read(os.path.join(path, name)) for name in os.listdir(path)}
    with open(path, "rb") as f:
        return f.read()


def sizes(content):
    return [size for inner in content.values() for size in sizes(inner)] if isinstance(content, dict) else [len(content)]


class Bench:
    def __init__(self, options):
        self.o = options
        self.allot = os.path.abspath(options.allot)
        self.disk = os.path.abspath(options.disk)
        self.work = os.path.realpath(options.work)
        self.out = os.path.join(self.work, "out")
        self.counts = collections.Counter()
        self.failures = []

    # Running

    def run(self, argv, env=None, limit=None, kill_after=None, stdout=subprocess.DEVNULL):
        def prepare():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        # Messages through a pipe: a file of ours would meet the limit as well.
        process = subprocess.Popen([self.allot, *argv], cwd=self.work, env={**os.environ, **(env or {})}, stdout=stdout, stderr=subprocess.PIPE, preexec_fn=prepare)
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        _, message = process.communicate(timeout=300)
        return process.returncode, message.decode(errors="replace")

    def faulty(self, case):
        env = {"LD_PRELOAD": self.disk, "FAULT_FOLDER": self.out}
        if case.starts:
            env["FAULT_SHARED"] = os.path.join(self.work, "shared")
            with open(env["FAULT_SHARED"], "wb") as f:
                f.write(bytes(16))
        return env

    def must(self, argv):
        status, message = self.run(argv)
        if status:
            sys.exit(f"cannot prepare: allot {' '.join(argv)}: {status}: {message}")

    def fill(self, case, old):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        for name, content in case.outputs.items():
            if old:
                write(os.path.join(self.out, name), content)

    def found(self):
        return read(self.out)

    # Preparing

    def prepare(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.out)
        self.stdout = []
        cases = [Case("in-place", ["-o", "out/f"], {"f": b"before"})] if self.o.self_test else self.commands()
        for case in cases:
            self.measure(case)
        return cases

    def commands(self):
        inputs = os.path.abspath(self.o.inputs)
        model = os.path.join(inputs, "Import/Inputs/models/llama_tied_llama3")
        tensors.write(os.path.join(self.work, "ids"), {}, {}, ["tokens:I32:2x6=0..11"])
        tensors.write(os.path.join(self.work, "input"), {}, {}, ["input_ids:I32:1x4=1,2,3,4"])
        self.must(["import", model, "-o", "m.mlir"])
        profile = ["profile", "m.mlir", "--tokens", "ids", "--sensitivity-tokens", "8", "--perturb", "int3g64"]
        self.must([*profile, "-o", "stats"])
        plan = ["plan", "m.mlir", "--stats", "stats", "--formats", "int8g32,int4g32,int3g32"]
        for bits in 4, 6:
            self.must([*plan, "--budget", f"{bits}.9bpw", "-o", f"plan{bits}.mlir"])
            self.must(["apply", "m.mlir", "--plan", f"plan{bits}.mlir", "-o", f"out/a.mlir", "--archive", f"out/w"])
            if bits == 4:
                pair = self.found()
        # The old folder is that of another entry.
        compile = ["compile", "m.mlir", "-o", "out/p.allot", "--entries"]
        self.fill(Case("", [], {}), old=False)
        self.must([*compile, "decode"])
        folder = self.found()
        old = b"the file that was there before\n" * 3
        files = lambda *names: {name: old for name in names}
        cases = [
            Case("import", ["import", model, "-o", "out/m.mlir"], files("m.mlir")),
            Case("import-bytecode", ["import", model, "-o", "out/m.mlirbc"], files("m.mlirbc")),
            Case("merge", ["merge", "m.mlir", "-o", "out/w"], files("w")),
            Case("profile", [*profile, "--save-tokens", "out/ids", "-o", "out/stats"], files("ids", "stats")),
            Case("plan", [*plan, "--budget", "4.9bpw", "-o", "out/p.mlir"], files("p.mlir")),
            # The old pair is that of another plan.
            Case("apply", ["apply", "m.mlir", "--plan", "plan6.mlir", "-o", "out/a.mlir", "--archive", "out/w"], pair, together=True),
            Case("run", ["run", "m.mlir", "--reference", "--entry", "logits", "--inputs", "input", "--outputs", "out/y"], files("y")),
            Case("run-lowered", ["run", "m.mlir", "--entry", "logits", "--inputs", "input", "--outputs", "out/y", "--emit-lowered", "out/l.mlir"], files("y", "l.mlir")),
            Case("generate", ["generate", "m.mlir", "--reference", "--tokens", "ids", "--steps", "2", "--outputs", "out/y"], files("y")),
            Case("eval", ["eval", "m.mlir", "--reference", "--tokens", "ids", "--json", "--logprobs", "out/y"], files("y")),
        ]
        cases.append(Case("compile", [*compile, "logits"], folder, starts=True))
        help_of = lambda command: subprocess.run([self.allot, command, "--help"], capture_output=True, text=True).stdout
        if "--html" in help_of("explain"):
            cases.append(Case("explain", ["explain", "plan4.mlir", "--html", "out/r.html"], files("r.html")))
        self.stdout = [["import", model, "-o", "-"], [*plan, "--budget", "4.9bpw", "-o", "-"], ["explain", "plan4.mlir"], ["explain", "plan4.mlir", "--json"],
                       ["eval", "m.mlir", "--reference", "--tokens", "ids", "--json"], ["run", "m.mlir", "--print-pipeline", "--inputs", "input", "--outputs", "out/y"],
                       ["bench", "kernels", "--shape", "64x64", "--formats", "int4g64", "--rows", "1", "--repeat", "1", "--json"]]
        return [case for case in cases if re.search(self.o.only, case.name)]

    def measure(self, case):
        """How long it takes, its operations, and what comes out: the same every time."""
        self.fill(case, old=True)
        log = os.path.join(self.work, "operations")
        if os.path.exists(log):
            os.remove(log)
        begin = time.time()
        status, message = self.run(case.argv, {**self.faulty(case), "FAULT_AT": "0", "FAULT_COUNT": log})
        case.seconds = time.time() - begin
        if status or not os.path.exists(log):
            sys.exit(f"{case.name}: {status}: {message or 'no operation was seen'}")
        with open(log) as f:
            case.operations = f.read().split()
        case.new = self.found()
        if set(case.new) != set(case.outputs):
            sys.exit(f"{case.name}: wrote {sorted(case.new)}, expected {sorted(case.outputs)}")

    # Trying

    def check(self, case, what, before, status, message, killed):
        """What is wrong after a try, or nothing."""
        after = self.found()
        temporary = [name for name in after if TEMPORARY.match(name)]
        other = sorted(set(after) - set(case.outputs) - set(temporary))
        if other:
            return f"left {other}"
        states = set()
        for name in case.outputs:
            if after.get(name) == case.new[name]:
                states.add("new")
            elif after.get(name) == before.get(name):
                states.add("old")
            else:
                return f"{name} is neither the old file nor the new one"
        if killed:
            return None
        if status == 0 and states != {"new"}:
            return "says that it is done, and wrote nothing"
        if status not in (0, 1):
            return f"ended with {status}: {message[-300:]}"
        if temporary:
            return f"left {temporary}"
        if status == 1 and "error: " not in message:
            return f"failed without a message: {message[-300:]}"
        if status == 1 and not any(name in message for name in ("out: ", *case.outputs)):
            return f"does not name the file: {message[-300:]}"
        if status == 1 and case.together and len(states) > 1:
            return "replaced one of two files that belong together"
        if status == 1 and "old" not in states:
            return "failed, and replaced the files"
        return None

    def attempt(self, case, kind, at, old):
        what = f"{case.name}: {kind} {at}{'' if old else ', nothing there before'}"
        self.fill(case, old)
        before = self.found()
        env, limit, after = None, None, None
        if kind == "size":
            limit = at
        elif kind == "time":
            after = at
        elif kind != "tmpfs":
            env = {**self.faulty(case), "FAULT_AT": str(at), "FAULT_KIND": kind}
        status, message = self.run(case.argv, env, limit, after)
        killed = kind in ("time", "kill", "part") and status == -signal.SIGKILL
        wrong = self.check(case, what, before, status, message, killed)
        # Killed may be a program that the command has started: then it fails.
        if not wrong and kind in ("kill", "part") and not killed and not (case.starts and status == 1):
            wrong = f"was to be killed, ended with {status}"
        if not wrong and killed:
            # What is left does not disturb the next run.
            status, message = self.run(case.argv)
            wrong = self.check(case, what, before, status, message, killed=True) or (f"run again: {status}: {message}" if status else None)
        self.count(kind, what, wrong, "killed" if killed else "failed" if status else "done")

    def count(self, kind, what, wrong, outcome):
        self.counts[kind, outcome] += 1
        if wrong:
            self.failures.append(f"{what}: {wrong}")
            print("FAILED", self.failures[-1], flush=True)

    def attempts(self, cases, rng):
        """All faults there are, as (case, kind, at, old)."""
        for case in cases:
            n = len(case.operations)
            for kind in "full", "io", "short", "kill", "part":
                for at in range(1, n + 1):
                    yield case, kind, at, at % 4 != 0
            for size in sorted({0, 1, *(max(0, size - 1) for size in sizes(case.new)), *(size // 2 for size in sizes(case.new))}):
                yield case, "size", size, True
            for i in range(20):
                yield case, "time", round(rng.uniform(0, 1.1 * case.seconds), 3), i % 4 != 0

    def try_stdout(self):
        for argv in self.stdout:
            with open("/dev/full", "wb") as full:
                status, message = self.run(argv, stdout=full)
            wrong = None if status == 1 and "error: " in message else f"ended with {status}: {message[-300:]}"
            self.count("stdout", " ".join(argv), wrong, "failed" if status else "done")

    def try_tmpfs(self, cases):
        """Runs inside a mount namespace of its own."""
        for case in cases:
            whole, before = sum(sizes(case.new)), sum(sizes(case.outputs))
            for part in 0.1, 0.5, 0.9:
                size = max(2, int((before + part * whole) // 4096)) * 4096
                # Not on itself: the folder is emptied, not removed, between tries.
                shutil.rmtree(self.out, ignore_errors=True)
                os.makedirs(self.out)
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.out], check=True)
                for name, content in case.outputs.items():
                    write(os.path.join(self.out, name), content)
                old = self.found()
                status, message = self.run(case.argv)
                wrong = self.check(case, "", old, status, message, killed=False)
                self.count("tmpfs", f"{case.name}: file system of {size} bytes", wrong, "failed" if status else "done")
                subprocess.run(["umount", self.out], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--allot", required=True)
    parser.add_argument("--disk", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--tries", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--self-test", action="store_true", help="--allot is a program that writes in place: the test must fail")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.environ.get("ALLOT_FAULTS_INSIDE") != "1":
        # A mount namespace of its own, if the system has them for us.
        for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
            probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
            if probe.returncode == 0:
                os.environ["ALLOT_FAULTS_INSIDE"] = "1"
                os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    bench = Bench(options)
    cases = bench.prepare()
    rng = random.Random(options.seed)
    all_attempts = list(bench.attempts(cases, rng))
    chosen = all_attempts
    if options.tries and options.tries < len(all_attempts):
        step = len(all_attempts) / options.tries
        chosen = [all_attempts[int((i + rng.random()) * step)] for i in range(options.tries)]
    for attempt in chosen:
        bench.attempt(*attempt)
    bench.try_stdout()
    if os.environ.get("ALLOT_FAULTS_INSIDE") == "1":
        bench.try_tmpfs(cases if len(chosen) == len(all_attempts) else cases[::4])
    else:
        print("SKIPPED tmpfs: this system gives us no mount namespace")
    for case in cases:
        print(f"{case.name}: {len(case.operations)} operations, {case.seconds:.2f} s")
    for (kind, outcome), n in sorted(bench.counts.items()):
        print(f"{kind}: {n} {outcome}")
    print(f"{sum(bench.counts.values())} tries of {len(all_attempts)} and {len(bench.stdout)} on standard output, {len(bench.failures)} wrong")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
