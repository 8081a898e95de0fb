#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Debuggers that come, do something and go or are killed, over and over, while the guest works.

CYCLES says how often (500 is the promise of issue 3, the default is for every day), SEED which way.
"""

import collections
import os
import random
import signal
import time
import unittest

import stubvm
import vm
from debugger import gdb_argv
from process import Program

CYCLES = int(os.environ.get("CYCLES", "40"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
IDLE_S = 3
POLICY = stubvm.POLICY.replace("idle-timeout 20", f"idle-timeout {IDLE_S}")
BUSY = ("__do_sys_getppid", "do_mmap", "handle_mm_fault", "kernel_clone", "do_exit", "try_to_wake_up")
CHECK_EVERY = 10


class Cycles(unittest.TestCase):
    """One guest with 4 vCPUs, all of them busy."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(load=False)
        cls.addClassCleanup(cls.guest.close)
        cls.guest.load(POLICY)
        cls.guest.before = cls.guest.hash()
        cls.guest.ask("busy 4")
        cls.agent = cls.guest.relay()
        with stubvm.Client(cls.agent.target) as client:
            slide = client.slide()
            client.request("D")
        cls.kernel = {name: (address + slide) % (1 << 64)
                      for name, address in vm.symbols(cls.guest.elf).items()}

    # --- what debuggers do ---

    def look(self, client):
        for number in range(1, self.guest.smp + 1):
            client.request(f"Hgp1.{number:x}")
            client.memory(client.pc(), 64)
        client.monitor("status")

    def step(self, client):
        for _ in range(self.rng.randrange(1, 20)):
            client.go(f"vCont;s:p1.{self.rng.randrange(self.guest.smp) + 1:x}")

    def run_freely(self, client):
        client.send("vCont;c")
        time.sleep(self.rng.random() * 0.1)
        client.stop = client.interrupt()

    def hit(self, client):
        places = [self.kernel[name] for name in self.rng.sample(BUSY, 3)]
        for address in places:
            client.demand(f"Z0,{address:x},1")
        for _ in range(self.rng.randrange(1, 8)):
            client.go()
            here = client.pc()
            assert here in places, hex(here)
            client.pass_over(here)

    def watch(self, client):
        """A word that all CPUs write to, and code that all run."""
        client.demand(f"Z2,{self.kernel['total_forks']:x},8")
        client.demand(f"Z1,{self.kernel['do_exit']:x},1")
        for _ in range(self.rng.randrange(1, 4)):
            client.go()

    def plant(self, client):
        """Left behind with the machine running: hit or not, before or after the debugger is gone."""
        for name in BUSY:
            client.demand(f"Z0,{self.kernel[name]:x},1")
        client.send("vCont;c")

    # --- how they go ---

    def detach(self, client):
        """As gdb does; where the machine runs there is a stop first."""
        client.send_raw(b"\x03")
        client.send("D")
        while client.receive() != b"OK":
            pass

    def hang_up(self, client):
        client.socket.close()

    def hang_up_mid_packet(self, client):
        client.send_raw(b"$m" + b"0" * self.rng.randrange(4000))
        client.socket.close()

    def kill_packet(self, client):
        client.send("k")
        client.socket.close()

    def kill_relay(self, client):
        self.agent.program.signal(signal.SIGKILL)
        self.agent.program.wait()
        client.socket.close()
        type(self).agent = self.guest.relay()

    def kill_relay_and_wait(self, client):
        """Nobody comes: the guest helps itself."""
        self.agent.program.signal(signal.SIGKILL)
        self.agent.program.wait()
        client.socket.close()
        self.guest.beat(timeout=IDLE_S + 10)
        type(self).agent = self.guest.relay()

    def raw_cycle(self):
        what = self.rng.choice((self.look, self.step, self.run_freely, self.hit, self.watch, self.plant))
        how = self.rng.choices((self.detach, self.hang_up, self.hang_up_mid_packet, self.kill_packet,
                                self.kill_relay, self.kill_relay_and_wait), (4, 4, 4, 2, 4, 1))[0]
        self.told = f"{what.__name__}, {how.__name__}"
        client = stubvm.Client(self.agent.target)
        try:
            what(client)
            how(client)
        finally:
            client.socket.close()

    def gdb_cycle(self):
        """kill -9 of a real gdb at a random moment."""
        self.told = "gdb, kill -9"
        place = self.rng.choice(BUSY)
        gdb = Program(gdb_argv(self.guest.elf) +
                      ["-ex", f"target remote {self.agent.target}", "-ex", f"break {place}",
                       "-ex", "continue", "-ex", "bt", "-ex", "continue 1000"],
                      f"{self.guest.dir}/gdb.log")
        try:
            time.sleep(0.5 + self.rng.random() * 3)
            gdb.signal(signal.SIGKILL)
        finally:
            gdb.stop()

    def test_cycles(self):
        """After every cycle the guest runs, and after all of them its text is whole."""
        done = collections.Counter()
        for number in range(1, CYCLES + 1):
            self.rng = random.Random(SEED + number)
            try:
                if self.rng.randrange(20) == 0:
                    self.gdb_cycle()
                else:
                    self.raw_cycle()
                self.guest.beat(timeout=IDLE_S + 10)
                if number % CHECK_EVERY == 0:
                    self.guest.check_whole()
            except (AssertionError, EOFError, OSError) as error:
                raise AssertionError(f"cycle {number} of SEED={SEED} ({self.told}): {error}\n"
                                     f"{self.agent.log.tail()}") from error
            done[self.told] += 1
        self.guest.ask("busy 0")
        self.guest.check_whole()
        with stubvm.Client(self.agent.target) as client:
            self.assertIn("software breakpoints 0", client.monitor("status"))
            client.demand("D")
        print(f"# {sum(done.values())} cycles of {len(done)} kinds, SEED={SEED}")


if __name__ == "__main__":
    unittest.main()
