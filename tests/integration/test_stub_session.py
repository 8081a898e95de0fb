#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Real gdb on a stock kernel with the stub in it, over the ring: the whole debugger."""

import re
import textwrap
import threading
import time
import unittest

import rsp
import stubvm
from debugger import gdb


class Session(unittest.TestCase):
    """One guest with 4 vCPUs under load; each test has a session of its own."""

    smp, words = 4, ("relay",)

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(smp=cls.smp)
        cls.addClassCleanup(cls.guest.close)
        cls.guest.ask("busy 2")
        cls.specimen = cls.guest.symbols_command("specimen")
        cls.agent = cls.guest.start(*cls.words)

    def tearDown(self):
        self.guest.check_whole()

    def gdb(self, body, timeout=60):
        body = f"run({self.specimen!r})\n{textwrap.dedent(body)}"
        return gdb(self.guest.elf, self.agent.target, body, timeout)

    def gdb_while(self, word, body, timeout=60):
        """gdb with a specimen's function called over and over in the guest."""
        stop = threading.Event()

        def again():
            while not stop.wait(0.3):
                self.guest.send(f"trouble {word}")

        thread = threading.Thread(target=again)
        thread.start()
        try:
            return self.gdb(body, timeout)
        finally:
            stop.set()
            thread.join()

    def test_threads_and_registers(self):
        """Every vCPU is a thread with a name, control registers, segment bases and vector registers."""
        seen = self.gdb('''
            result("threads", run("info threads"))
            for number in range(1, len(gdb.selected_inferior().threads()) + 1):
                run(f"thread {number}")
                result(f"pc{number}", value("$pc"))
                result(f"cr3{number}", value("$cr3"))
                result(f"gs{number}", value("$gs_base") % (1 << 64))
                run("p $xmm0")
            result("cr0", value("(unsigned long)$cr0"))
            result("efer", value("(unsigned long)$efer"))
            result("ymm", run("p $ymm0"))
        ''')
        self.assertEqual(len(re.findall(r"CPU#\d ", seen["threads"])), self.smp)
        self.assertTrue(seen["cr0"] & 1 << 31 and seen["efer"] & 1 << 10)
        for number in range(1, self.smp + 1):
            self.assertNotEqual(seen[f"pc{number}"], 0)
            self.assertEqual(seen[f"cr3{number}"] % (1 << 64) >> 48, 0)
        kernel = [seen[f"gs{n}"] for n in range(1, self.smp + 1) if seen[f"gs{n}"] >> 47]
        self.assertEqual(len(set(kernel)), len(kernel), "each CPU has its own per-CPU area")
        self.assertIn("v8_float", seen["ymm"])

    def test_conditional_breakpoint_in_a_syscall(self):
        """A condition is evaluated at each hit; the backtrace reaches user space's entry."""
        seen = self.gdb('''
            run("break __do_sys_getppid if $_gdb_setting(\\"height\\") >= 0 && $rsp != 0")
            result("stop", run("continue"))
            result("frames", backtrace())
            run("delete")
        ''')
        self.assertIn("Breakpoint", seen["stop"])
        self.assertIn("do_syscall_64", seen["frames"])

    def test_breakpoint_at_a_patch_site(self):
        """A function's first instruction belongs to ftrace: the stop is reported there all the same."""
        seen = self.gdb('''
            run("break *vfs_write")
            run("continue")
            result("pc", value("$pc - (unsigned long)&vfs_write"))
            result("code", memory(value("(unsigned long)&vfs_write"), 6))
            run("stepi")
            result("after", value("$pc - (unsigned long)&vfs_write"))
            run("delete")
        ''')
        self.assertEqual(seen["pc"], 0)
        self.assertEqual(seen["code"][:10], "0f1f440000")
        self.assertNotEqual(seen["code"][10:], "cc")
        self.assertGreater(seen["after"], 0)

    def test_module_step_and_finish(self):
        """Symbols of a module: break in it, backtrace, step, next, finish with its value."""
        seen = self.gdb_while("leaf", '''
            run("break specimen_leaf")
            run("continue")
            result("frames", backtrace())
            result("n", value("n"))
            run("delete")
            result("finish", run("finish"))
            result("where", gdb.newest_frame().name())
            run("next")
            run("step")
        ''')
        self.assertEqual(seen["frames"][:2], ["specimen_leaf", "specimen_step_one"])
        self.assertEqual(seen["n"], 1)
        self.assertIn("Value returned", seen["finish"])
        self.assertEqual(seen["where"], "specimen_step_one")

    def test_watchpoint(self):
        """A hardware watchpoint stops behind the write, with old and new value."""
        seen = self.gdb_while("watch", '''
            result("set", run("watch specimen_watched"))
            result("stop", run("continue"))
            result("frame", gdb.newest_frame().name())
            result("again", run("continue"))
            run("delete")
        ''')
        self.assertIn("Hardware watchpoint", seen["set"])
        self.assertRegex(seen["stop"], r"Old value = (\d+)\s+New value = (\d+)")
        self.assertEqual(seen["frame"], "specimen_watch")
        self.assertIn("New value", seen["again"])

    def test_hardware_breakpoint(self):
        """hbreak stops before its instruction and goes on from there."""
        seen = self.gdb_while("leaf", '''
            run("hbreak specimen_leaf")
            result("stop", run("continue"))
            result("pc", value("$pc - (unsigned long)&specimen_leaf"))
            result("next", run("continue"))
            run("delete")
        ''')
        self.assertIn("Breakpoint", seen["stop"])
        self.assertLess(seen["pc"], 16)
        self.assertIn("Breakpoint", seen["next"])

    def test_steps_of_special_instructions(self):
        """PUSHF stores the flags that were there, CLI and STI act, CPUID takes exactly one step."""
        seen = self.gdb_while("insns", '''
            run("break *specimen_pushf")
            run("continue")
            run("delete")
            before = value("$eflags")
            run("stepi")
            result("pushed", value("*(unsigned long *)$rsp") ^ before)
            result("flags", value("$eflags") ^ before)
            run("stepi")
            result("at", value("$pc == &specimen_cli"))
            run("stepi")
            result("cli", value("$eflags") & 0x200)
            run("stepi"); run("stepi")
            result("popf", (value("$eflags") ^ before) & 0x300)
            result("at_cpuid", value("$pc == &specimen_cpuid"))
            run("stepi")
            result("behind", value("$pc - (unsigned long)&specimen_cpuid"))
        ''')
        self.assertEqual(seen["pushed"], 0)
        self.assertEqual(seen["flags"], 0)
        self.assertEqual(seen["at"], 1)
        self.assertEqual(seen["cli"], 0)
        self.assertEqual(seen["popf"], 0)
        self.assertEqual(seen["at_cpuid"], 1)
        self.assertEqual(seen["behind"], 2)

    def test_range_step_is_one_round_trip(self):
        """A line of a hundred instructions: one vCont;r, one stop reply."""
        seen = self.gdb_while("long", '''
            run("break specimen_long_line")
            run("continue")
            run("delete")
            run("set debug remote 1")
            log = run("next")
            run("set debug remote 0")
            result("log", log)
        ''')
        ranges = re.findall(r"Sending packet: \$vCont;r(\w+),(\w+)", seen["log"])
        lengths = [int(end, 16) - int(start, 16) for start, end in ranges]
        self.assertEqual(sum(length >= 300 for length in lengths), 1, seen["log"])
        self.assertNotIn("$vCont;s", seen["log"])

    def test_memory_everywhere(self):
        """Kernel, module, vmalloc, per-CPU and user addresses; device memory and holes are refused."""
        seen = self.gdb('''
            result("banner", gdb.parse_and_eval("(char *)linux_banner").string()[:14])
            run("break __do_sys_getppid"); run("continue"); run("delete")
            place = "($gs_base + ((unsigned long)&current_task - (unsigned long)&__per_cpu_start))"
            task = f"((struct task_struct *)*(unsigned long *){place})"
            result("task", value(task + "->pid"))
            result("stack", len(memory(value("$rsp"), 64)))
            result("user", len(memory(value(f"(unsigned long){task}->mm->start_stack"), 16)))
            result("hole", fails("x/gx 0xffff700000000000"))
            result("null", fails("x/gx 0"))
            result("lapic", run("monitor phys 0xfee00000 16"))
            result("phys", run("monitor phys 0x100000 16"))
        ''')
        self.assertEqual(seen["banner"], "Linux version ")
        self.assertGreater(seen["task"], 0)
        self.assertEqual((seen["stack"], seen["user"]), (128, 32))
        self.assertIn("Cannot access", seen["hole"])
        self.assertIn("Cannot access", seen["null"])
        self.assertIn("is not RAM", seen["lapic"])
        self.assertRegex(seen["phys"], r"0x0000000000100000: ")

    def test_registers_are_written(self):
        """A register changed by gdb is what the function goes on with."""
        seen = self.gdb_while("leaf", '''
            run("break *specimen_leaf"); run("continue"); run("delete")
            before = value("specimen_count")
            run("set $rdi = 1000")
            run("finish")
            result("difference", value("specimen_count") - before)
            result("cr3", fails("set $cr3 = 0"))
        ''')
        self.assertEqual(seen["difference"], 1000)
        self.assertTrue(seen["cr3"])

    def test_monitor(self):
        """The words that gdb cannot ask by packets."""
        seen = self.gdb('''
            for word in ("help", "status", "cpus", "tasks", "lastpanic", "nonsense"):
                result(word, run(f"monitor {word}"))
        ''')
        self.assertIn("monitor tasks", seen["help"])
        self.assertIn("software breakpoints 0", seen["status"])
        self.assertEqual(len(re.findall(r"^CPU#", seen["cpus"], re.MULTILINE)), self.smp)
        self.assertRegex(seen["tasks"], r"\b1\b.*init")
        self.assertIn("no such command", seen["nonsense"])

    def test_interrupt_and_go_on(self):
        """Ctrl-C stops the running guest, again and again; a clock that stood still does no harm."""
        with rsp.Client(self.agent.target) as client:
            for _ in range(5):
                client.send("vCont;c")
                time.sleep(0.1)
                self.assertRegex(client.interrupt(), rb"^T02")
            time.sleep(3)
            self.assertEqual(client.request("D"), b"OK")
        self.guest.check_alive()
        self.assertNotIn("stall", self.guest.console.text())
        self.assertNotIn("lockup", self.guest.console.text())


class OneCpu(Session):
    """The same on a single vCPU, where nobody can help."""
    smp = 1


class Served(Session):
    """Through `cvmdbg serve --stub`: the agent's RSP client in between."""
    words = ("serve",)


if __name__ == "__main__":
    unittest.main()
