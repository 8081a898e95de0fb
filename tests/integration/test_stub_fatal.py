#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A dying kernel under the stub, with and without a debugger; and what the owner's policy forbids."""

import os
import textwrap
import threading
import time
import unittest

import stubvm
from debugger import gdb
from process import wait_for

SURVIVE = "sysctl.kernel.panic_on_oops=0"
# What each CPU has to show: registers that are not nothing, and a way back to where it began.
ALL_CPUS = '''
    cpus = {}
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda one: one.num):
        thread.switch()
        cpus[thread.num] = [value("$pc") % (1 << 64), value("$sp") % (1 << 64), backtrace()]
    result("cpus", cpus)
'''


class Fatal(unittest.TestCase):
    """What the tests below share."""

    append = ""
    died = 0

    def start(self, **rest):
        self.guest = stubvm.StubGuest(append=self.append, **rest)
        self.addCleanup(self.guest.close)
        self.specimen = self.guest.symbols_command("specimen")
        return self.guest.relay()

    def die(self, agent, line):
        """gdb attached and the guest running; then the line for the guest's console."""
        self.died += 1
        attached = f"{self.guest.dir}/attached{self.died}"

        def trouble():
            wait_for(lambda: os.path.exists(attached), "gdb to attach", 60)
            self.guest.send(line)

        thread = threading.Thread(target=trouble)
        thread.start()
        try:
            return self.look(agent, f'''
                open({attached!r}, "w").close()
                result("stop", run("continue"))
            ''')
        finally:
            thread.join()

    def look(self, agent, body):
        body = f"run({self.specimen!r})\n{textwrap.dedent(body)}\n" + textwrap.dedent(f'''
            result("frames", backtrace())
            result("last", run("monitor lastpanic"))
            ''') + textwrap.dedent(ALL_CPUS)
        return gdb(self.guest.elf, agent.target, body, timeout=90)

    def check_cpus(self, seen):
        """All four have registers and a backtrace that ends where kernel stacks begin."""
        self.assertEqual(len(seen["cpus"]), 4)
        for pc, sp, frames in seen["cpus"].values():
            self.assertNotEqual(pc, 0)
            self.assertNotEqual(sp, 0)
            if pc >> 47:
                self.assertGreater(len(frames), 1, frames)


class Survivor(Fatal):
    """A kernel that goes on after an oops."""

    append = SURVIVE

    def check(self, seen, function, text):
        self.assertIn(function, seen["frames"])
        self.assertRegex(seen["last"], text)
        self.check_cpus(seen)
        self.guest.check_alive()
        self.assertEqual(self.guest.hash(), self.guest.before)

    def test_attached(self):
        """BUG and a page fault stop where they happened; after detach only the culprit is dead."""
        agent = self.start()
        with self.subTest("bug"):
            seen = self.die(agent, "trouble bug")
            self.assertIn("SIGILL", seen["stop"])
            self.assertRegex(seen["stop"], "kernel oops: invalid opcode.* in init")
            self.assertEqual(seen["frames"][0], "specimen_bug")
            self.check(seen, "specimen_bug", r"invalid opcode[^\n]*\non CPU \d at specimen_bug")
        with self.subTest("oops"):
            seen = self.die(agent, "trouble oops")
            self.assertIn("SIGSEGV", seen["stop"])
            self.assertIn("kernel oops: page fault", seen["stop"])
            self.assertEqual(seen["frames"][0], "specimen_oops")
            self.check(seen, "specimen_oops", r"page fault[^\n]*\non CPU \d at specimen_oops")

    def test_nobody_there(self):
        """An oops without a debugger: the machine waits for one, who finds everything in place."""
        agent = self.start()
        self.guest.send("trouble oops")
        self.guest.wait_stopped()
        seen = self.look(agent, 'result("program", run("info program"))')
        self.assertIn("SIGSEGV", seen["program"])
        self.check(seen, "specimen_oops", r"page fault[^\n]*\non CPU \d at specimen_oops")

    def test_on_panic_ignore(self):
        """A policy that says so: an oops without a debugger stops nothing; with one it does."""
        self.start(load=False)
        self.guest.load(stubvm.POLICY.replace("on-panic stop", "on-panic ignore"))
        self.guest.before = self.guest.hash()
        self.guest.send("trouble oops")
        self.guest.console.wait_for(r"BUG: kernel NULL pointer")
        self.guest.check_alive()
        seen = self.die(self.guest.agents[0], "trouble oops")
        self.assertIn("SIGSEGV", seen["stop"])
        self.check(seen, "specimen_oops", "page fault")


class Panic(Fatal):
    """panic(): stopped at its entry, while all CPUs run; afterwards the guest dies as it would have."""

    def check(self, seen):
        self.assertEqual(seen["frames"][0], "panic")
        self.assertIn("write_sysrq_trigger", seen["frames"])
        self.assertRegex(seen["last"],
                         r"Kernel panic - not syncing: sysrq triggered crash\non CPU \d at panic")
        self.check_cpus(seen)
        self.guest.console.wait_for(r"end Kernel panic - not syncing: sysrq triggered crash")

    def test_attached(self):
        """sysrq c: SIGABRT and panic's message before panic has done anything."""
        seen = self.die(self.start(), "sysrq c")
        self.assertIn("SIGABRT", seen["stop"])
        self.assertIn("Kernel panic - not syncing: sysrq triggered crash", seen["stop"])
        self.check(seen)

    def test_nobody_there(self):
        """The same without a debugger: the panic waits."""
        agent = self.start()
        self.guest.send("sysrq c")
        self.guest.wait_stopped()
        self.assertNotIn("end Kernel panic", self.guest.console.text())
        self.check(self.look(agent, ""))

    def test_oops_then_panic(self):
        """oops=panic: first the oops is told, then the panic that it leads to."""
        agent = self.start()
        seen = self.die(agent, "trouble bug")
        self.assertIn("SIGILL", seen["stop"])
        self.assertEqual(seen["frames"][0], "specimen_bug")
        self.guest.wait_stopped()
        seen = self.look(agent, "")
        self.assertEqual(seen["frames"][0], "panic")
        # Nothing tells gdb how to unwind the kernel's entry code to what was interrupted.
        self.assertIn("exc_invalid_op", seen["frames"])
        self.assertRegex(seen["last"], "Kernel panic - not syncing: Fatal exception")
        self.check_cpus(seen)


class Policy(unittest.TestCase):
    """The guest owner's word."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(load=False)
        cls.addClassCleanup(cls.guest.close)
        cls.guest.before = cls.guest.hash()

    def tearDown(self):
        """Nothing is left of a stub that was unloaded, or never loaded."""
        self.guest.check_whole()

    def test_refused(self):
        """No policy, a bad one, a channel that is not there: not loaded, and the log says why."""
        head = "cvmdbg-policy 1;allow regs.read"
        for policy, why in (("", r"there is no policy= of the guest's owner"),
                            ("allow run", r'policy line 1, column 1: a policy begins with "cvmdbg-policy 1"'),
                            ("cvmdbg-policy 2", r"policy line 1, column 15: only version 1"),
                            (f"{head} everything", r"policy line 2, column 17: allow: unknown right"),
                            (f"{head};be nice", r"policy line 3, column 1: unknown word"),
                            (f"{head};channel sealed", r"policy line 3, column \d+: a sealed channel .* needs a debugger"),
                            (f"{head};idle-timeout x", r"policy line 3, column 14: idle-timeout: not a number")):
            with self.subTest(policy=policy):
                mark = self.guest.console.mark()
                with self.assertRaisesRegex(AssertionError, "failed load: Invalid argument"):
                    self.guest.load(policy)
                self.guest.console.wait_for(r"cvmdbg_stub: not loaded: " + why, mark)

    def test_rights(self):
        """Who may only look can look, stop and run, and is refused everything else."""
        self.guest.load("cvmdbg-policy 1;allow regs.read mem.read run;channel plain;on-panic stop")
        leaf = self.guest.module_symbols("specimen")["specimen_leaf"]
        try:
            with self.guest.relay() as agent, stubvm.Client(agent.target) as client:
                self.only_look(client, leaf)
        finally:
            self.guest.ask("unload")

    def only_look(self, client, leaf):
        registers = client.request("g")
        other = b"%02x" % (int(registers[:2], 16) ^ 1) + registers[2:]
        code = client.memory(leaf, 16)
        self.assertEqual(len(code), 16)
        for packet in (f"M{leaf:x},1:cc", b"X%x,1:\x90" % leaf, b"G" + other, "P10=" + "00" * 8,
                       f"Z0,{leaf:x},1", f"Z1,{leaf:x},1", f"Z2,{leaf:x},8",
                       "qRcmd," + b"lastpanic".hex()):
            reply = client.request(packet)
            self.assertEqual(reply[:1], b"E", f"{packet}: {reply}")
        self.assertEqual(client.request("g"), registers)
        self.assertEqual(client.memory(leaf, 16), code)
        client.send("vCont;c")
        self.guest.check_alive()
        self.assertEqual(client.interrupt()[:1], b"T")
        client.demand("D")


if __name__ == "__main__":
    unittest.main()
