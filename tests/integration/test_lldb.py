#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A full lldb session on every debuggable guest type."""

import unittest

import vm
from debugger import lldb

class Lldb(unittest.TestCase):
    """The tiny guest, driven by lldb-19."""

    def session(self, guest, *commands):
        with guest.serve() as agent:
            out = lldb(guest.elf, agent.target, commands, timeout=120)
        guest.check_alive()
        return out

    def test_sev(self):
        for ram in ("memfd", "anonymous"):
            with self.subTest(ram=ram), vm.Guest("tiny", sev="sev", ram=ram) as guest:
                out = self.session(guest,
                                   "breakpoint set --name leaf", "continue", "bt", "thread list",
                                   "register read rip rsp cr3", "memory read --size 8 --format x --count 4 `&specimen`",
                                   "expression knob = 7", "thread step-inst", "thread step-inst",
                                   "breakpoint delete -f", "watchpoint set variable counter", "continue",
                                   "watchpoint delete -f", "memory region `&counter`", "p specimen.name")
                self.assertRegex(out, r"stop reason = breakpoint 1\.1")
                self.assertRegex(out, r"frame #1: .*work")
                self.assertRegex(out, r"frame #2: .*tick")
                self.assertRegex(out, r"thread #2")
                self.assertRegex(out, r"stop reason = (instruction step into|trace)")
                self.assertRegex(out, r"stop reason = watchpoint 1")
                self.assertRegex(out, r'"tiny')
                guest.console.wait_for(r"knob=7")

    def test_sev_es(self):
        for ram in ("memfd", "anonymous"):
            with self.subTest(ram=ram), vm.Guest("linux", sev="sev-es", ram=ram) as guest:
                self.es_session(guest)

    def es_session(self, guest):
        out = self.session(guest, "memory read --format s `&linux_banner`", "thread list")
        self.assertRegex(out, r"Linux version 6\.")
        self.assertRegex(out, r"thread #2")


if __name__ == "__main__":
    unittest.main()
