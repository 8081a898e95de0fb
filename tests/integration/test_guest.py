# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Are the guests good specimens? Both in plain QEMU, debugged through QEMU's own gdbstub; then
on the emulated SEV host, without the agent: what every other integration test builds on."""

import os
import re
import unittest

import rsp
import vm
from debugger import gdb, lldb
from vm import Tiny


class TinyGuest(unittest.TestCase):
    """The bare-metal guest."""

    def tiny(self, **options):
        return self.enterContext(vm.Guest("tiny", gdbstub=True, **options))

    def test_console(self):
        guest = self.tiny()
        self.assertRegex(guest.console.text(), r"tiny: levels 4\n")
        self.assertRegex(guest.console.text(), r"shared: 0x1800000\+0x200000\n")
        guest.check_alive()

    def test_five_levels(self):
        guest = self.tiny(la57=True)
        self.assertRegex(guest.console.text(), r"tiny: levels 5\n")
        seen = gdb(guest.elf, guest.gdbstub, f"""
            result("top", memory({Tiny.la57_va + Tiny.bulk[0]:#x}, 64))
            result("kernel", value("specimen.numbers[3]"))""")
        self.assertEqual(seen["top"], Tiny.pattern(Tiny.bulk[0], 64).hex())
        self.assertEqual(seen["kernel"], 1000)

    def test_anonymous_ram(self):
        self.tiny(ram="anonymous").check_alive()

    def test_breakpoint_backtrace_finish(self):
        guest = self.tiny()
        seen = gdb(guest.elf, guest.gdbstub, """
            stop_at("leaf")
            result("frames", backtrace())
            result("n", value("n"))
            run("finish")
            result("returned", value("$"))
            result("caller", backtrace()[0])
            result("threads", run("info threads"))
            run("thread 2")
            result("other", backtrace())""")
        self.assertEqual(seen["frames"], ["leaf", "work", "tick", "main0", "start_c", "start64"])
        self.assertEqual(seen["returned"], seen["n"] * 3 + 1)
        self.assertEqual(seen["caller"], "work")
        self.assertEqual(seen["threads"].count("CPU#"), 2)
        self.assertIn("spin1", seen["other"])
        guest.check_alive()

    def test_hardware_breakpoint_and_steps(self):
        guest = self.tiny()
        seen = gdb(guest.elf, guest.gdbstub, """
            stop_at("work", "thbreak")
            before = value("$pc")
            run("stepi 5")
            result("moved", value("$pc") != before)
            run("next")
            result("frame", backtrace()[0])""")
        self.assertTrue(seen["moved"])
        self.assertEqual(seen["frame"], "work")
        guest.check_alive()

    def test_watchpoint(self):
        guest = self.tiny()
        seen = gdb(guest.elf, guest.gdbstub, """
            before = value("counter")
            run("watch counter")
            run("continue")
            result("step", value("counter") - before)
            result("frame", backtrace()[0])""")
        self.assertEqual(seen["step"], 1)
        self.assertEqual(seen["frame"], "tick")
        guest.check_alive()

    def test_changed_variable_is_reported(self):
        guest = self.tiny()
        gdb(guest.elf, guest.gdbstub, 'run("set var knob = 4711")')
        guest.console.wait_for(r"^knob=4711$")

    def test_changed_text_is_reported(self):
        guest = self.tiny()
        byte = "*(unsigned char *)start64"        # not executed any more
        seen = gdb(guest.elf, guest.gdbstub, f"""
            result("was", value("{byte}"))
            run("set var {byte} = 0xcc")""")
        guest.console.wait_for(r"text: CHANGED")
        with self.assertRaises(AssertionError):
            guest.check_alive()
        gdb(guest.elf, guest.gdbstub, f'run("set var {byte} = {seen["was"]}")')
        guest.console.wait_next(r"text: ok")

    def test_stray_breakpoint_is_reported(self):
        guest = self.tiny()
        gdb(guest.elf, guest.gdbstub, 'run("set var *(unsigned char *)leaf = 0xcc")')
        guest.console.wait_for(r"UNEXPECTED BREAKPOINT")

    def test_address_space(self):
        """Each kind of mapping that layout.h promises, and that the holes are holes."""
        guest = self.tiny()
        edge = Tiny.edges_va
        # A guest stopped before gdb comes: QEMU 7.2 then sends no unasked stop reply.
        with guest.monitor() as qmp:
            qmp.execute("stop")
        with rsp.Client(guest.gdbstub, noack=False) as stub:
            for index, gpa in enumerate(Tiny.edges_pa):
                address = edge + index * 4096
                if gpa is None:
                    self.assertIsNone(stub.memory(address, 8), f"{address:#x}")
                elif gpa < Tiny.memory:
                    self.assertEqual(stub.memory(address, 8), Tiny.pattern(gpa, 8), f"{address:#x}")
            self.assertEqual(stub.memory(edge + 0xff8, 16),
                             Tiny.pattern(0x405ff8, 8) + Tiny.pattern(0x1800000, 8))
            for base in 0, Tiny.direct_va, Tiny.gib_va:
                self.assertEqual(stub.memory(base + 0x500000, 8), Tiny.pattern(0x500000, 8))
            self.assertIsNone(stub.memory(Tiny.memory, 8))
            self.assertEqual(stub.request("D;1"), b"OK")
        self.assertEqual(guest.raw(Tiny.bulk[0], 64), Tiny.pattern(Tiny.bulk[0], 64))
        guest.check_alive()

    def test_vmcoreinfo(self):
        guest = self.tiny()
        note = guest.raw(guest.vmcoreinfo(), 4096)
        self.assertEqual(note[12:22], b"VMCOREINFO")
        text = note[24:24 + int.from_bytes(note[4:8], "little")].decode()
        fields = dict(line.split("=") for line in text.splitlines())
        top = int(fields["SYMBOL(init_top_pgt)"], 16)
        table = guest.raw(top - 0xffffffff80000000 + int(fields["NUMBER(phys_base)"]), 4096)
        self.assertNotEqual(table[511 * 8:], bytes(8))

    def test_lldb(self):
        guest = self.tiny()
        # QEMU 7.2 greets a client that stopped the VM with a T02, which LLDB cannot bear.
        with guest.monitor() as qmp:
            qmp.execute("stop")
        output = lldb(guest.elf, guest.gdbstub, ["breakpoint set --name leaf", "continue", "bt"])
        self.assertRegex(output, r"frame #1: .*work")


class LinuxGuest(unittest.TestCase):
    """The stock kernel."""

    def test_console_and_node_name(self):
        guest = self.enterContext(vm.Guest("linux"))
        self.assertGreater(guest.vmcoreinfo(), 0)
        guest.console.wait_for(r"^alive \d+ uptime \S+ node guest")
        guest.check_alive()

    def test_two_runs_differ_by_kaslr(self):
        seen = set()
        for _ in range(2):
            with vm.Guest("linux") as guest:
                note = guest.raw(guest.vmcoreinfo(), 4096)
                seen.add(re.search(rb"KERNELOFFSET=(\w+)", note)[1])
        self.assertGreater(len(seen), 1)


@unittest.skipUnless(os.path.exists(vm.SEVSIM), "sevsim is not built")
class UnderSevsim(unittest.TestCase):
    """The emulated host runs the guests and keeps its promises while they are stopped."""

    def check(self, specimen, sev, ram="memfd"):
        guest = self.enterContext(vm.Guest(specimen, sev=sev, ram=ram))
        guest.check_alive()
        with guest.monitor() as qmp:
            self.assertTrue(qmp.execute("query-sev")["enabled"])
            qmp.execute("stop")
            guest.check_silent()
            if ram == "memfd" and specimen == "tiny":
                gpa = Tiny.bulk[0]
                self.assertNotEqual(guest.raw(gpa, 64), Tiny.pattern(gpa, 64))
                gpa = Tiny.shared[0]
                self.assertEqual(guest.raw(gpa, 64), Tiny.pattern(gpa, 64))
            qmp.execute("cont")
        guest.check_alive()

    def test_tiny_sev(self):
        self.check("tiny", "sev")

    def test_tiny_sev_anonymous(self):
        self.check("tiny", "sev", "anonymous")

    def test_tiny_sev_es(self):
        self.check("tiny", "sev-es")

    def test_tiny_snp(self):
        self.check("tiny", "snp")

    def test_linux_sev(self):
        self.check("linux", "sev")


if __name__ == "__main__":
    unittest.main()
