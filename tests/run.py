#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Runs test programs that speak TAP and adds their results up.

Usage: run.py [--jobs N] [--save FILE] NAME=COMMAND...

Each COMMAND is split like a shell would and run with CMOCKA_MESSAGE_OUTPUT=TAP. "ok", "not ok" and
"# SKIP" lines are counted; a program that ends with an error without having reported one, or that
reports nothing at all, counts as one failure. The last line is `N passed, N failed, N skipped`.
The output of a program is shown only when something in it failed; all of it goes to --save.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import time

TIMEOUT_S = 1500
RESULT = re.compile(r"^(ok|not ok)\b(.*)$")


class Outcome:
    """What one program reported."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0
        self.text = ""

    def count(self, status):
        for line in self.text.splitlines():
            found = RESULT.match(line)
            if not found:
                continue
            if re.search(r"#\s*skip", found.group(2), re.IGNORECASE):
                self.skipped += 1
            elif found.group(1) == "ok":
                self.passed += 1
            else:
                self.failed += 1
        if status != 0 and self.failed == 0:
            self.text += f"\n{self.name}: ended with status {status}\n"
            self.failed += 1
        if self.passed + self.failed + self.skipped == 0:
            self.text += f"\n{self.name}: reported no test\n"
            self.failed += 1

    def line(self):
        verdict = "FAIL" if self.failed else "ok"
        extra = f", {self.failed} failed" if self.failed else ""
        extra += f", {self.skipped} skipped" if self.skipped else ""
        return f"  {verdict:<5}{self.name:<36}{self.passed:>5} passed{extra}  ({self.seconds:.1f} s)"


def run(name, command):
    outcome = Outcome(name)
    started = time.monotonic()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run(shlex.split(command), stdin=subprocess.DEVNULL, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT_S, check=False)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        status, output = f"timeout after {TIMEOUT_S} s", error.stdout or b""
    except OSError as error:
        status, output = str(error), b""
    outcome.text = output.decode(errors="replace")
    outcome.seconds = time.monotonic() - started
    outcome.count(status)
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--save")
    parser.add_argument("tests", nargs="+", metavar="NAME=COMMAND")
    args = parser.parse_args()

    outcomes = []
    save = open(args.save, "w", encoding="utf-8") if args.save else None
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = [pool.submit(run, *test.split("=", 1)) for test in args.tests]
        for future in concurrent.futures.as_completed(futures):
            outcome = future.result()
            outcomes.append(outcome)
            if outcome.failed:
                print(outcome.text)
            print(outcome.line(), flush=True)
            if save:
                save.write(f"# program {outcome.name}\n{outcome.text}\n")
                save.flush()

    passed, failed, skipped = (sum(getattr(o, kind) for o in outcomes)
                               for kind in ("passed", "failed", "skipped"))
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
