#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The stub without an OS (stub/baremetal): docs/porting.md's session, over the ring and over a UART.

After everything the guest's own count says whether a stop has lost an instruction or run one twice.
"""

import unittest

import stubvm
import vm
from debugger import gdb

CPUS = 4


class Bare:
    """What vm.Guest asks of a specimen."""
    name = "bare"
    memory = 128 << 20
    ready = r"^bare: ready"
    elf = f"{vm.GUESTS}/stub-bare.elf"
    shared = None


vm.SPECIMENS["bare"] = Bare


class BareGuest(vm.Guest):
    """The bare-metal guest; offers what stubvm.StubAgent asks of a guest."""

    def __init__(self, link):
        self.link = link
        super().__init__("bare")

    def qemu_argv(self, ram, la57):
        argv = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-M", "q35",
                "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(CPUS),
                "-m", f"{self.memory >> 20}M", "-kernel", self.elf,
                "-serial", f"file:{self.dir}/serial"]
        if self.link == "ring":
            return argv + ["-object", f"memory-backend-file,id=ring,size={stubvm.RING_BYTES},"
                           f"mem-path={self.dir}/ring,share=on", "-device", "ivshmem-plain,memdev=ring"]
        return argv + ["-serial", f"unix:{self.dir}/ttyS1,server=on,wait=off"]

    @property
    def stub(self):
        return f"ring:{self.dir}/ring" if self.link == "ring" else f"unix:{self.dir}/ttyS1"

    def check_alive(self):
        self.console.wait_next(r"^bare: alive \d+")


class OverRing(unittest.TestCase):
    """One guest for all tests."""

    link = "ring"

    @classmethod
    def setUpClass(cls):
        cls.guest = BareGuest(cls.link)
        cls.addClassCleanup(cls.guest.close)
        cls.agent = stubvm.StubAgent(cls.guest, "relay", ())
        cls.guest.agents.append(cls.agent)
        cls.agent.wait_listening()

    def gdb(self, body):
        return gdb(self.guest.elf, self.agent.target, body)

    def tearDown(self):
        """CPUs that stand in demo_insns are between two rounds: three steps and leaves a round."""
        seen = self.gdb('''
            counts = []
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                if "demo_insns" in backtrace():
                    cpu = thread.num - 1
                    counts.append([value(f"demo[{cpu}].{name}") for name in ("rounds", "steps", "leaves")])
            result("counts", counts)
        ''')
        for rounds, steps, leaves in seen["counts"]:
            self.assertEqual((steps, leaves), (3 * rounds, 3 * rounds))
        self.guest.check_alive()

    def test_threads_break_finish_watch(self):
        """A conditional breakpoint on one CPU, its backtrace, finish with a value, a watchpoint."""
        seen = self.gdb('''
            result("threads", run("info threads"))
            run("break leaf if cpu == 2")
            run("continue")
            result("frames", backtrace())
            run("delete")
            result("finish", run("finish"))
            run("watch demo[1].last")
            result("watch", run("continue"))
            run("delete")
            run("hbreak step_one")
            result("hbreak", run("continue"))
        ''')
        self.assertEqual(seen["threads"].count("CPU#"), CPUS)
        self.assertEqual(seen["frames"][:4], ["leaf", "step_one", "work", "demo_run"])
        self.assertIn("Value returned", seen["finish"])
        self.assertIn("New value", seen["watch"])
        self.assertIn("Breakpoint", seen["hbreak"])

    def test_steps(self):
        """One stepi over each careful instruction ends right behind it, with the right flags."""
        seen = self.gdb('''
            for name in ("cpuid", "pushf", "popf", "cli", "hlt", "rdmsr"):
                run(f"tbreak demo_{name}")
                run("continue")
                before = value("$eflags")
                place = value("$pc")
                length = gdb.selected_inferior().architecture().disassemble(place)[0]["length"]
                run("stepi")
                result(name, value("$pc") - place - length)
                if name == "pushf":
                    result("pushed", value("*(unsigned long *)$rsp") ^ before)
                if name == "cli":
                    result("if", value("$eflags") & 0x200)
        ''')
        for name in ("cpuid", "pushf", "popf", "cli", "hlt", "rdmsr"):
            self.assertEqual(seen[name], 0, name)
        self.assertEqual((seen["pushed"], seen["if"]), (0, 0))

    def test_interrupts_off(self):
        """A CPU that spins with interrupts off is stopped by the others' NMI, like everybody."""
        seen = self.gdb('''
            run("set var demo_spin_irqs_off = 3")
            run("tbreak leaf if cpu == 0 && demo_spins > 0"); run("continue")
            run("thread 3")
            result("frames", backtrace())
            run("set var demo_spin_irqs_off = 0")
        ''')
        self.assertEqual(seen["frames"][0], "spin_irqs_off")

    def test_fault_and_refusals(self):
        """A fault is told with its signal; the stub's own code, devices and holes are refused."""
        seen = self.gdb('''
            run("set var demo_fault = 2")
            result("stop", run("continue"))
            result("frame", backtrace()[0])
            place = value("$pc")
            length = gdb.selected_inferior().architecture().disassemble(place)[0]["length"]
            run(f"set var $pc = {place + length}")
            result("device", fails("x/gx 0xffffc90000000000"))
            result("hole", fails("x/gx 0xdead000000"))
            run("break stub_trap")
            result("own", fails("stepi"))
            run("delete")
        ''')
        self.assertIn("SIGSEGV", seen["stop"])
        self.assertEqual(seen["frame"], "fault")
        self.assertIn("Cannot access", seen["device"])
        self.assertIn("Cannot access", seen["hole"])
        self.assertIn("Command aborted", seen["own"])


class OverSerial(OverRing):
    """The same over a UART."""

    link = "serial"


if __name__ == "__main__":
    unittest.main()
