#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The stub on other stock kernels than the one with debug symbols, by raw packets."""

import struct
import threading
import unittest

import stubvm


class Kernels(unittest.TestCase):
    """6.1 for real hardware and a newer series, with one and with four vCPUs."""

    def test_generic_smp(self):
        """6.1, the flavour for hardware."""
        self.whole_cycle("generic", 4)

    def test_generic_up(self):
        """The same with one vCPU: nobody is called, the thread that listens has no CPU of its own."""
        self.whole_cycle("generic", 1)

    def test_next_smp(self):
        """A newer series: other tables, IBT, an int3 without an owner is fatal, vpanic."""
        self.whole_cycle("next", 4)

    def test_next_up(self):
        """The same with one vCPU."""
        self.whole_cycle("next", 1)

    def whole_cycle(self, kind, smp):
        """A session, unload, load, a session; the text is the same in the end."""
        with stubvm.StubGuest(kind, smp=smp) as guest:
            symbols = guest.module_symbols("specimen")
            with self.subTest("session"):
                self.session(guest, symbols, smp)
                guest.check_whole()
            with self.subTest("again"):
                guest.ask("unload")
                guest.check_alive()
                guest.load()
                self.session(guest, symbols, smp)
                guest.check_whole()
            with self.subTest("panic"):
                self.panic(guest)

    def session(self, guest, symbols, smp):
        with guest.relay() as agent, stubvm.Client(agent.target) as client:
            self.check_threads(client, smp)
            self.check_memory(client, symbols)
            self.check_breakpoint(guest, client, symbols)
            client.send("vCont;c")
            guest.check_alive()
            self.assertEqual(client.interrupt()[:3], b"T02")
            client.demand("D")
            guest.check_alive()

    def check_threads(self, client, smp):
        """Each vCPU is a thread with a program counter."""
        threads = client.request("qfThreadInfo")
        self.assertEqual(threads, b"m" + b",".join(b"p1.%x" % n for n in range(1, smp + 1)))
        for number in range(1, smp + 1):
            client.demand(f"Hgp1.{number:x}")
            self.assertNotEqual(client.pc(), 0)

    def check_memory(self, client, symbols):
        """The specimen's data is read and written; read-only text of the kernel is read."""
        counter = symbols["specimen_watched"]
        client.demand(f"M{counter:x},8:" + struct.pack("<Q", 0x123456789ABCDEF).hex())
        self.assertEqual(struct.unpack("<Q", client.memory(counter, 8))[0], 0x123456789ABCDEF)
        text = stubvm.TEXT_LINK + client.slide()
        self.assertEqual(len(client.memory(text, 2048)), 2048)

    def check_breakpoint(self, guest, client, symbols):
        """Hit at the function's address, by the CPU that steps from there instruction by instruction."""
        leaf = symbols["specimen_leaf"]
        code = client.memory(leaf, 16)
        client.demand(f"Z0,{leaf:x},1")
        self.assertEqual(client.memory(leaf, 16), code, "breakpoints are not seen in memory")
        for _ in range(2):
            self.run_into(guest, client, leaf)
        client.demand(f"Hgp1.{client.thread:x}")
        before = client.pc()
        self.assertEqual(before, leaf)
        client.demand(f"z0,{leaf:x},1")
        for _ in range(3):
            thread = client.thread
            client.go(f"vCont;s:p1.{thread:x}")
            self.assertEqual(client.stop[:3], b"T05")
            self.assertEqual(client.thread, thread)
            after = client.pc()
            self.assertTrue(before < after <= leaf + 64, f"{before:x} to {after:x}")
            before = after

    def run_into(self, guest, client, leaf):
        """Over the breakpoint if the CPU stands on it, and to the next one."""
        client.demand(f"Hgp1.{client.thread:x}")
        if client.pc() == leaf:
            client.pass_over(leaf)
        timer = threading.Timer(0.5, guest.send, ["trouble leaf"])
        timer.start()
        client.go()
        timer.join()
        self.assertIn(b"swbreak", client.stop)

    def panic(self, guest):
        """The last word of a guest: panic stops, with its message."""
        with guest.relay() as agent, stubvm.Client(agent.target) as client:
            client.send("vCont;c")
            guest.send("sysrq c")
            said = b""
            while (reply := client.receive())[:1] == b"O":
                said += bytes.fromhex(reply[1:].decode())
            self.assertEqual(reply[:3], b"T06")
            self.assertIn(b"not syncing: sysrq triggered crash", said)
            self.assertRegex(client.monitor("lastpanic"), "at v?panic")
            client.demand("D")
        guest.console.wait_for("end Kernel panic")


if __name__ == "__main__":
    unittest.main()
