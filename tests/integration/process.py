# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Programs and waiting: what every integration test does before it does anything interesting.

Nothing here sleeps and hopes: each wait has a condition, a deadline and a name that is printed when
the deadline passes. A program started here dies with its starter, whatever happens to that.
Which binaries are tested: CVMDBG, SEVSIM and GUESTS, by default those below $B (`build`).
"""

import ctypes
import os
import re
import signal
import subprocess
import time

B = os.path.abspath(os.environ.get("B", "build"))
CVMDBG = os.environ.get("CVMDBG", f"{B}/cvmdbg")
SEVSIM = os.environ.get("SEVSIM", f"{B}/sevsim")
GUESTS = os.environ.get("GUESTS", f"{B}/guest")

PR_SET_PDEATHSIG = 1
SO_ACCEPTCON = 0x10000
POLL_S = 0.005
LIBC = ctypes.CDLL(None)

# Machines differ; one knob stretches every deadline (CI under load, emulated hosts).
PATIENCE = float(os.environ.get("PATIENCE", "1"))


class Timeout(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition, what, timeout=20.0):
    """Wait until condition() returns something true and return that."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Timeout(f"waited {timeout * PATIENCE:.0f} s for {what}")
        time.sleep(POLL_S)


def is_listening(path):
    """Does somebody listen on this unix socket? Asks the kernel: connecting would be noticed."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
        for line in table:
            field = line.split(maxsplit=7)
            if field[-1].strip() == path and int(field[3], 16) & SO_ACCEPTCON:
                return True
    return False


def is_alive(pid):
    """Does the process run? A zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Log:
    """A file that somebody else appends text to: a serial console, a program's output."""

    def __init__(self, path, still_written=lambda: True):
        self.path = path
        self.still_written = still_written

    def text(self, since=0):
        try:
            with open(self.path, "rb") as file:
                file.seek(since)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def mark(self):
        """A position for `since`: the end of what was written so far."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def wait_for(self, pattern, since=0, timeout=20.0):
        """Wait for a whole line in which the regular expression is found; return the match."""
        expression = re.compile(pattern + r".*\n", re.MULTILINE)

        def found():
            written = self.still_written()
            match = expression.search(self.text(since))
            if not match and not written:
                raise AssertionError(f"the writer of {self.path} ended before {pattern!r}\n"
                                     f"{self.tail()}")
            return match

        try:
            return wait_for(found, f"{pattern!r} in {self.path}", timeout)
        except Timeout as error:
            raise Timeout(f"{error}\n{self.tail()}") from None

    def wait_next(self, pattern, timeout=20.0):
        """The same for what is written after this call."""
        return self.wait_for(pattern, self.mark(), timeout)

    def tail(self, lines=15):
        return "".join(f"    {line}\n" for line in self.text().splitlines()[-lines:])


class Program:
    """A program in the background, leader of its own process group, its output in a file."""

    def __init__(self, argv, log, **options):
        self.argv = [str(word) for word in argv]
        with open(log, "ab") as output:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, start_new_session=True,
                                            preexec_fn=die_with_parent, **options)
        self.pid = self.process.pid
        self.log = Log(log, self.is_running)

    def is_running(self):
        return self.process.returncode is None and is_alive(self.pid)

    def signal(self, number):
        """Signal this one process, the children not."""
        if self.is_running():
            self.process.send_signal(number)

    def wait(self, timeout=20.0):
        """Wait for the end; return the exit status (negative: signal)."""
        wait_for(lambda: not self.is_running(), f"the end of {self.argv[0]}", timeout)
        return self.process.wait()

    def stop(self, timeout=5.0):
        """Ask to end, insist after the timeout; nothing of the group is left. Return the status."""
        if self.process.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                wait_for(lambda: not self.is_running(), "", timeout)
            except Timeout:
                pass
            # Not reaped yet, so the number of the group is still its own.
            os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait()


def run(argv, timeout=60.0, merge=False, **options):
    """Run a program to its end; return subprocess.CompletedProcess with text.

    merge: stderr goes into stdout, in the order in which it was printed.
    """
    return subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT if merge else subprocess.PIPE,
                          encoding="utf-8", errors="replace", timeout=timeout * PATIENCE,
                          preexec_fn=die_with_parent, **options)
