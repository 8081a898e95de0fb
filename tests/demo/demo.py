#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""make demo: stock Debian kernels, debugged by an unmodified gdb, in three acts.

Shows each step as the commands a user would type and what came back, and checks it. Ends with
`demo: ok`, or with `demo: FAILED: why` and exit status 1. STUB=1 leaves the first out;
INTERACTIVE=1 hands the prompt over instead of the first act's scripted session.
"""

import os
import subprocess
import sys
import time

from stage import Failed, paint

import act_psp
import act_sealed
import act_stub

STUB = os.environ.get("STUB", "") not in ("", "0")


def main():
    started = time.monotonic()
    try:
        if not STUB:
            print(paint("1", "cvmdbg: an unmodified gdb on an encrypted VM"))
            act_psp.play()
        if STUB or not act_psp.INTERACTIVE:
            print(paint("1", "\ncvmdbg: a stock kernel debugged from inside, where a host cannot look"))
            act_stub.play()
            print(paint("1", "\ncvmdbg: a guest that only its owner debugs"))
            act_sealed.play()
    except (Failed, AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"\n{paint('31', 'demo: FAILED')}: {error}", flush=True)
        return 1
    print(f"\n{paint('32', 'demo: ok')} ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
