#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The kinds of tests that the kernel's own debugger plays on itself (drivers/misc/kgdbts.c), in words of
our own, on the stub over the ring.

A row is a transcript: packets, and what their replies have to match. While it is played the guest
calls the row's function over and over. What both sides of an entry may name:

    {at:x}      address of the row's function or variable       {le}    the same as `p` shows it
    {thread:x}  the CPU that has stopped last
"""

import re
import threading
import time
import unittest

import stubvm
import vm

PLANT, LIFT = ("Z0,{at:x},1", "OK$"), ("z0,{at:x},1", "OK$")
GO = ("vCont;c", "T05.*swbreak")
STEP = ("vCont;s:p1.{thread:x}", "T05.*thread:p1.{thread:x};")
STOPPED = ("Hgp1.{thread:x}", "OK$")
HERE, ELSEWHERE = ("p10", "{le}$"), ("p10", "(?!{le})[0-9a-f]{{16}}$")
CLEAN = ("m{at:x},1", "(?!cc)")
DETACH = ("D", "OK$")
HIT = [GO, STOPPED, HERE, CLEAN]
# What gdb does with a breakpoint that stays: off it without its int3, which is put back behind it.
OVER = [LIFT, STEP, ELSEWHERE, PLANT]
HITS = 40


def hardware(kind, length, stop):
    """A debug register's row: hit twice, taken away, and hit no more by the step that follows."""
    hit = [("vCont;c", stop), STOPPED]
    plant, lift = (f"Z{kind},{{at:x}},{length}", "OK$"), (f"z{kind},{{at:x}},{length}", "OK$")
    return [plant, *hit, lift, STEP, plant, *hit, lift, STEP, DETACH]


# Name, function or variable, what the guest is told to do ("busy" makes processes), transcript.
ROWS = (
    ("plant_and_detach", "specimen_leaf", "trouble leaf", [PLANT, DETACH]),
    ("plant_twice", "specimen_leaf", "trouble leaf", [PLANT, PLANT, LIFT, CLEAN, DETACH]),
    ("sw_breakpoint", "specimen_leaf", "trouble leaf", [PLANT, *HIT, LIFT, DETACH]),
    ("hit_and_detach", "specimen_leaf", "trouble leaf", [PLANT, *HIT, DETACH]),
    ("bad_read", "specimen_leaf", "trouble leaf",
     [("m0,8", "E[0-9a-f]{{2}}$"), ("m{at:x},8", "[0-9a-f]{{16}}$"), DETACH]),
    ("bad_write", "specimen_leaf", "trouble leaf",
     [("M0,1:00", "E[0-9a-f]{{2}}$"), ("Z0,0,1", "E[0-9a-f]{{2}}$"), DETACH]),
    ("singlestep_break", "specimen_leaf", "trouble leaf",
     [PLANT, *HIT, *OVER, *HIT, LIFT, *[STEP] * 100, DETACH]),
    ("kernel_clone", "kernel_clone", "busy 2", [PLANT, *[*HIT, *OVER] * HITS, LIFT, DETACH]),
    ("sys_open", "do_sys_openat2", "trouble leaf", [PLANT, *[*HIT, *OVER] * 10, LIFT, DETACH]),
    ("concurrent_steps", "kernel_clone", "busy 4",
     [PLANT, *[*HIT, LIFT, *[STEP] * 10, PLANT] * 10, LIFT, DETACH]),
    ("hw_breakpoint", "specimen_leaf", "trouble leaf", hardware(1, 1, "T05.*hwbreak")),
    ("hw_write_break", "specimen_watched", "trouble watch", hardware(2, 8, "T05.*;watch:0*{at:x};")),
    ("hw_access_break", "specimen_watched", "trouble watch", hardware(4, 8, "T05.*awatch:0*{at:x};")),
)


class Kgdbts(unittest.TestCase):
    """One guest with 4 vCPUs; ROWS become its tests."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest()
        cls.addClassCleanup(cls.guest.close)
        cls.agent = cls.guest.relay()
        cls.kernel = vm.symbols(cls.guest.elf)
        cls.module = cls.guest.module_symbols("specimen")

    def tearDown(self):
        self.guest.ask("busy 0")
        self.guest.check_whole()
        self.assertNotRegex(self.guest.console.text(), "(?i)lockup|stall|NMI watchdog")

    def address(self, client, name):
        return self.module[name] if name in self.module else self.kernel[name] + client.slide()

    def play(self, name, word, transcript):
        done = threading.Event()

        def again():
            while not done.wait(0.3):
                self.guest.send(word)

        self.guest.send(word)
        thread = threading.Thread(target=again)
        with stubvm.Client(self.agent.target, timeout=30) as client:
            at = self.address(client, name)
            known = {"at": at, "le": at.to_bytes(8, "little").hex(), "thread": client.thread}
            if word.startswith("trouble"):
                thread.start()
            try:
                for number, (packet, expected) in enumerate(transcript):
                    packet, expected = packet.format(**known), expected.format(**known)
                    reply = client.request(packet).decode()
                    self.assertRegex(reply, f"^{expected}", f"entry {number}: {packet}")
                    stopped = re.search(r"^T.*thread:p1\.([0-9a-f]+)", reply)
                    known["thread"] = int(stopped[1], 16) if stopped else known["thread"]
            finally:
                done.set()
                if thread.is_alive():
                    thread.join()

    def test_nothing_left(self):
        """Breakpoints that a debugger has left behind are gone for the next one."""
        leaf = self.module["specimen_leaf"]
        with stubvm.Client(self.agent.target) as client:
            client.demand(f"Z0,{leaf:x},1")
            client.demand(f"Z1,{leaf:x},1")
        self.guest.check_alive()
        with stubvm.Client(self.agent.target) as client:
            self.assertIn("software breakpoints 0", client.monitor("status"))
            client.demand("D")

    def test_nmi_sleep(self):
        """A CPU that spins with interrupts off is rounded up; a long stop angers no watchdog."""
        spin = self.module["specimen_spin"]
        # Not where the stub's thread is: that it comes by NMI then is test_stub_hostile.py's.
        self.guest.ask("pin cvmdbg 1")
        self.guest.ask("pin init 3")
        time.sleep(0.5)
        self.guest.send("trouble spin")
        time.sleep(0.5)
        with stubvm.Client(self.agent.target) as client:
            where = []
            for cpu in range(1, self.guest.smp + 1):
                client.demand(f"Hgp1.{cpu:x}")
                where.append(client.pc())
            self.assertTrue(any(spin <= pc < spin + 256 for pc in where), [hex(pc) for pc in where])
            time.sleep(4)
            client.demand(f"M{self.module['specimen_release']:x},8:{1:02x}{'00' * 7}")
            client.demand("D")
        self.guest.check_alive()


def as_test(name, symbol, word, transcript):
    def test(self):
        self.play(symbol, word, transcript)

    test.__doc__ = f"{name}: {symbol}, {len(transcript)} packets"
    return test


for row in ROWS:
    setattr(Kgdbts, f"test_{row[0]}", as_test(*row))


if __name__ == "__main__":
    unittest.main()
