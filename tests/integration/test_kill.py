#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""kill -9 of the agent at random moments: the guest goes on and nothing is left behind.

KILLS rounds a route, in each of which a client works the agent hard (breakpoints in hot code,
steps, writes, reads) until the kill. The tiny guest checks its own text and complains about every
trap that nobody took, so a forgotten int3 shows.
"""

import os
import random
import re
import signal
import threading
import time
import unittest

import rsp
import vm

KILLS = int(os.environ.get("KILLS", "100"))
TEXT_BYTES = 4096  # of the guest's image
WINDOW = 16384
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1 << 32)


def work(agent, symbols, rng):
    """Requests until the agent dies under us."""
    with rsp.Client(agent.target) as client:
        client.request("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+")
        hot = [symbols[name] for name in ("leaf", "work", "tick", "spin1")]
        while True:
            points = [hot[rng.randrange(4)] + 0 for _ in range(6)]
            points += [symbols["main0"], symbols["print"], symbols["counter"]]
            for point in points:
                client.request(f"Z0,{point:x},1")
            client.request(f"m{symbols['specimen']:x},40")
            client.request(f"M{symbols['scribble']:x},8:{rng.randbytes(8).hex()}")
            client.request("vCont;c")
            client.request("g")
            for point in points:
                client.request(f"z0,{point:x},1")
            client.request("vCont;s:p1.1")
            client.request("vCont;c", answer=False)
            time.sleep(rng.random() / 50)
            client.interrupt()


class Kill:
    """The rounds, for one route."""

    ram = access = None

    def leftovers(self, guest):
        """What a dead agent might leave in QEMU: a tracer, mappings, a stopped VM."""
        with open(f"/proc/{guest.pid}/status", encoding="ascii") as file:
            self.assertRegex(file.read(), r"TracerPid:\s+0\n")
        with guest.monitor() as qmp:
            self.assertEqual(qmp.status(), "running")
        with open(f"/proc/{guest.pid}/maps", encoding="ascii") as file:
            return len(re.findall(r"^\S+ rw-p 00000000 00:00 0 *$", file.read(), re.MULTILINE))

    @staticmethod
    def constant_memory(guest):
        """What the guest itself never writes: text, pattern, and the end of RAM (scratch pages)."""
        starts = [vm.Tiny.kernel_pa, vm.Tiny.memory - WINDOW, vm.Tiny.shared[0]]
        starts += range(vm.Tiny.bulk[0], sum(vm.Tiny.bulk), vm.Tiny.bulk[1] // 32)
        return [guest.plaintext(start, WINDOW if start != vm.Tiny.kernel_pa else TEXT_BYTES)
                for start in starts]

    def round(self, guest, symbols, rng):
        """One agent, put to work, killed."""
        agent = guest.start_agent("--access", self.access)
        killer = threading.Timer(rng.random() * 0.4, lambda: agent.program.signal(signal.SIGKILL))
        killer.start()
        try:
            agent.wait_listening()
            work(agent, symbols, rng)
        except (OSError, EOFError, AssertionError):
            pass
        killer.join()
        agent.program.wait()
        guest.wait_unlocked()

    def test_kill_at_random_moments(self):
        rng = random.Random(SEED)
        print(f"# SEED={SEED} KILLS={KILLS}")
        with vm.Guest("tiny", sev="sev", ram=self.ram) as guest:
            symbols = vm.symbols(guest.elf)
            before = self.constant_memory(guest)
            maps = self.leftovers(guest)
            for number in range(KILLS):
                self.round(guest, symbols, rng)
                self.assertLessEqual(abs(self.leftovers(guest) - maps), 2,
                                     f"round {number}: mappings were left")
                guest.beat()
            guest.check_alive()
            self.assertEqual(self.constant_memory(guest), before)
            violations = guest.stats()["violations"]
            self.assertFalse(any(violations.values()), violations)


class KillMirror(Kill, unittest.TestCase):
    ram, access = "memfd", "mirror"


class KillInject(Kill, unittest.TestCase):
    ram, access = "anonymous", "inject"


if __name__ == "__main__":
    unittest.main()
