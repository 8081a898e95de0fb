#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The stub over a 16550 UART instead of the ring: the core of a session."""

import signal
import threading
import unittest

import rsp
import stubvm
from debugger import gdb


class Served:
    """`cvmdbg serve --stub` on the line itself: the agent's RSP client in between, no relay."""

    def test_served(self):
        """gdb through the agent: banner, a breakpoint in a module, its CPU, a step; twice."""
        self.guest.ask("busy 1")
        with self.guest.serve_stub() as agent:
            for _ in range(2):
                seen = gdb(self.guest.elf, agent.target, '''
                    result("threads", len(gdb.selected_inferior().threads()))
                    result("banner", gdb.parse_and_eval("(char *)linux_banner").string())
                    result("stop", stop_at("__do_sys_getppid"))
                    result("at", gdb.newest_frame().name())
                    pc = value("$pc")
                    run("stepi")
                    result("step", value("$pc") - pc)
                    result("status", run("monitor status"))
                ''', timeout=120)
                self.assertEqual(seen["threads"], self.guest.smp)
                self.assertIn("Linux version", seen["banner"])
                self.assertIn("breakpoint 1", seen["stop"])
                self.assertEqual(seen["at"], "__do_sys_getppid")
                self.assertTrue(0 < seen["step"] < 16, seen["step"])
                self.assertIn("software breakpoints", seen["status"])
        self.guest.ask("busy 0")

    def test_served_packets(self):
        """Ctrl-C, a write, a client that goes without a word: the guest runs on."""
        watched = self.symbols["specimen_watched"]
        with self.guest.serve_stub() as agent:
            with stubvm.Client(agent.target) as client:
                client.demand(f"M{watched:x},4:12345678")
                client.send("vCont;c")
                self.guest.check_alive()
                self.assertEqual(client.interrupt()[:3], b"T02")
            self.guest.check_alive()
            with stubvm.Client(agent.target) as client:
                self.assertEqual(client.memory(watched, 4), b"\x12\x34\x56\x78")
                client.demand("D")


class Serial(Served, unittest.TestCase):
    """One guest whose second UART is the stub's; its other end is a socket."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(link="serial")
        cls.addClassCleanup(cls.guest.close)
        cls.symbols = cls.guest.module_symbols("specimen")

    def tearDown(self):
        self.guest.check_whole()

    def test_gdb(self):
        """gdb attaches, sees every CPU, breaks in a system call, steps and leaves."""
        self.guest.ask("busy 1")
        with self.guest.relay() as agent:
            seen = gdb(self.guest.elf, agent.target, '''
                result("threads", len(gdb.selected_inferior().threads()))
                result("banner", gdb.parse_and_eval("(char *)linux_banner").string())
                stop_at("__do_sys_getppid")
                result("frames", backtrace())
                pc = value("$pc")
                run("stepi")
                result("step", value("$pc") - pc)
            ''', timeout=120)
        self.guest.ask("busy 0")
        self.assertEqual(seen["threads"], 4)
        self.assertIn("Linux version", seen["banner"])
        self.assertIn("do_syscall_64", seen["frames"])
        self.assertTrue(0 < seen["step"] < 16, seen["step"])

    def test_packets(self):
        """Registers, 4 KiB at once, a write, a breakpoint, a step, Ctrl-C, detach, and all of it again."""
        leaf, watched = self.symbols["specimen_leaf"], self.symbols["specimen_watched"]
        with self.guest.relay() as agent:
            for _ in range(2):
                with stubvm.Client(agent.target) as client:
                    self.assertNotEqual(client.pc(), 0)
                    text = stubvm.TEXT_LINK + client.slide()
                    self.assertEqual(self.memory(client, text, 4096), self.memory(client, text, 4096))
                    client.demand(f"M{watched:x},4:12345678")
                    self.assertEqual(client.memory(watched, 4), b"\x12\x34\x56\x78")
                    self.breakpoint(client, leaf)
                    client.send("vCont;c")
                    self.guest.check_alive()
                    self.assertEqual(client.interrupt()[:3], b"T02")
                    client.demand("D")
                self.guest.check_alive()

    def memory(self, client, address, length):
        """Replies may be shorter than was asked for."""
        data = b""
        while len(data) < length:
            part = client.memory(address + len(data), length - len(data))
            self.assertTrue(part)
            data += part
        return data

    def breakpoint(self, client, leaf):
        client.demand(f"Z0,{leaf:x},1")
        timer = threading.Timer(0.5, self.guest.send, ["trouble leaf"])
        timer.start()
        client.go()
        timer.join()
        self.assertIn(b"swbreak", client.stop)
        client.demand(f"Hgp1.{client.thread:x}")
        self.assertEqual(client.pc(), leaf)
        client.demand(f"z0,{leaf:x},1")
        client.go(f"vCont;s:p1.{client.thread:x}")
        self.assertEqual(client.stop[:3], b"T05")
        self.assertTrue(leaf < client.pc() < leaf + 64)

    def test_relay_killed(self):
        """kill -9 of the relay while the guest stands still: it goes on by itself; the next one attaches."""
        leaf = self.symbols["specimen_leaf"]
        agent = self.guest.relay()
        with stubvm.Client(agent.target) as client:
            client.demand(f"Z0,{leaf:x},1")
            agent.program.signal(signal.SIGKILL)
            agent.program.wait()
        # Nobody hangs up on a UART: the idle time of the policy does.
        self.guest.console.wait_next(r"^alive", 40)
        self.guest.check_whole()
        with self.guest.relay() as agent, rsp.Client(agent.target) as client:
            self.assertEqual(client.request("?")[:1], b"T")
            self.assertNotEqual(client.memory(leaf, 1), b"\xcc")
            client.request("D")

    def test_closed(self):
        """A client that goes without a word: the guest runs again at once, long before the idle time."""
        with self.guest.relay() as agent:
            for _ in range(3):
                with stubvm.Client(agent.target) as client:
                    client.demand(f"Z0,{self.symbols['specimen_leaf']:x},1")
                self.guest.console.wait_next(r"^alive", 8)
                self.guest.check_whole()

    def test_noise(self):
        """Bytes that are no packets, from a client that has gone mad, do not stop the next one."""
        with self.guest.relay() as agent:
            with stubvm.Client(agent.target) as client:
                client.send_raw(b"\x00\xff\x11\x13++--$no#00" + b"B" * 1000 + b"$")
            self.guest.check_alive()
            with stubvm.Client(agent.target) as client:
                self.assertNotEqual(client.pc(), 0)
                client.demand("D")


class Terminal(Served, unittest.TestCase):
    """The same behind a terminal, as a UART on a cable is: `--stub serial:/dev/pts/N`."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(link="pty", smp=2)
        cls.addClassCleanup(cls.guest.close)
        cls.symbols = cls.guest.module_symbols("specimen")

    def tearDown(self):
        self.guest.check_whole()


if __name__ == "__main__":
    unittest.main()
