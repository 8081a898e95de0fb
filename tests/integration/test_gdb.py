#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""An unmodified gdb on an encrypted guest: a stock Debian kernel, KASLR on, by both routes."""

import unittest

import vm
from debugger import gdb

# Rarely called kernel functions: breakpoints that stay inserted but are not hit.
QUIET = ("vfs_truncate", "do_coredump", "path_mount", "do_sys_settimeofday64", "vfs_rename",
         "path_umount")
HOT = "__do_sys_newuname"  # the guest's init calls it at every heartbeat

CTRL_C_AFTER = """
import signal, threading
def ctrl_c_after(seconds):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
"""

NODENAME = """
def set_nodename(name):
    write(value("(long)&init_uts_ns.name.nodename"), name.encode() + b"\\0")
"""


class LinuxSession:
    """One guest and one agent for a class; every test attaches and detaches anew."""

    sev = "sev"
    ram = "memfd"
    access = "mirror"

    @classmethod
    def setUpClass(cls):
        cls.guest = vm.Guest("linux", sev=cls.sev, ram=cls.ram)
        cls.addClassCleanup(cls.guest.close)
        cls.agent = cls.guest.serve("--access", cls.access)

    def gdb(self, body, timeout=120):
        return gdb(self.guest.elf, self.agent.target, body, timeout=timeout)

    def tearDown(self):
        self.guest.check_alive()
        self.assertNotRegex(self.guest.console.text(), r"Oops|BUG:|int3:|Kernel panic|rcu.*stall")

    def test_linux_write_is_seen_in_the_guest(self):
        mark = self.guest.console.mark()
        self.gdb(NODENAME + "set_nodename('written-by-gdb')")
        self.guest.console.wait_for(r"^alive .*written-by-gdb", mark)


class PlainSev(LinuxSession):
    """What gdb can do on a plain SEV guest: everything."""

    def test_linux_symbols_follow_kaslr(self):
        seen = self.gdb("""
            result("banner", gdb.parse_and_eval("(char *)&linux_banner").string())
            result("slide", value("(unsigned long)&_text") - 0xffffffff81000000)
            """)
        self.assertRegex(seen["banner"], r"^Linux version 6\.")
        self.assertNotEqual(seen["slide"], 0)

    def test_linux_breakpoint_backtrace_threads_steps(self):
        seen = self.gdb(f"""
            stop_at("{HOT}")
            result("frames", backtrace())
            result("threads", run("info threads"))
            pcs = [value("$pc")]
            for _ in range(3):
                run("stepi")
                pcs.append(value("$pc"))
            result("pcs", pcs)
            run("finish")
            result("after", backtrace()[0])
            """)
        self.assertIn(HOT, seen["frames"][0])
        self.assertIn("do_syscall_64", seen["frames"])
        self.assertRegex(seen["threads"], r"CPU#0")
        self.assertRegex(seen["threads"], r"CPU#1")
        self.assertEqual(len(set(seen["pcs"])), 4)
        self.assertIn("syscall", seen["after"])

    def test_linux_watchpoint(self):
        seen = self.gdb("""
            result("set", run("watch -l jiffies_64"))
            result("hit", run("continue"))
            run("delete")
            """)
        self.assertIn("Hardware watchpoint", seen["set"])
        self.assertRegex(seen["hit"], r"Old value = \d+\s+New value = \d+")

    def test_linux_more_breakpoints_than_debug_registers(self):
        before = self.gdb(f"result('code', memory(value('(long)&{HOT}'), 16))")["code"]
        seen = self.gdb(f"""
            for place in {QUIET}:
                run("break " + place)
            run("break {HOT}")
            result("first", run("continue"))
            result("visible", memory(value("(long)&{HOT}"), 16))
            run("stepi")
            result("second", run("continue"))
            """)
        self.assertRegex(seen["first"], rf"Breakpoint 7, .*{HOT}")
        self.assertRegex(seen["second"], rf"Breakpoint 7, .*{HOT}")
        self.assertEqual(seen["visible"], before)
        after = self.gdb(f"result('code', memory(value('(long)&{HOT}'), 16))")["code"]
        self.assertEqual(after, before)

    def test_linux_ctrl_c_and_registers(self):
        seen = self.gdb(CTRL_C_AFTER + """
ctrl_c_after(1.5)
result("stop", run("continue"))
result("registers", run("info registers"))
result("code", run("x/4i $pc"))
result("cr3", value("$cr3"))
""")
        self.assertIn("SIGINT", seen["stop"])
        self.assertRegex(seen["registers"], r"rip\s+0x[0-9a-f]+")
        self.assertIn("=> 0x", seen["code"])
        self.assertNotEqual(seen["cr3"], 0)

    def test_linux_bad_addresses(self):
        seen = self.gdb("""
            result("errors", [fails("x/xb " + address) for address in
                              ("0x0000900000000000", "0xffffffffff000000", "0xfffff00000000000")])
            result("banner", gdb.parse_and_eval("(char *)&linux_banner").string())
            """)
        for error in seen["errors"]:
            self.assertIn("Cannot access memory", error)
        self.assertRegex(seen["banner"], r"^Linux version")

    def test_linux_monitor(self):
        seen = self.gdb("""
            for word in ("help", "policy", "stats", "phys 0x1000 16", "regions", "nonsense"):
                result(word.split()[0], run("monitor " + word))
            result("translate", run("monitor translate 0x%x" % value("(unsigned long)&linux_banner")))
            """)
        for word in ("policy", "stats", "translate", "phys", "regions"):
            self.assertIn(word, seen["help"])
        self.assertIn("NODBG", seen["policy"])
        self.assertIn("PSP", seen["stats"])
        self.assertRegex(seen["translate"], r"0x[0-9a-f]+")
        self.assertIn("help", seen["nonsense"])


class PlainSevMirror(PlainSev, unittest.TestCase):
    access = "mirror"


class PlainSevInject(PlainSev, unittest.TestCase):
    ram = "anonymous"
    access = "inject"


class SevEs(LinuxSession):
    """SEV-ES without a stub: memory, pause and continue; registers stay unavailable."""

    sev = "sev-es"

    def test_linux_memory_without_registers(self):
        seen = self.gdb("""
            result("banner", gdb.parse_and_eval("(char *)&linux_banner").string())
            result("rax", run("info registers rax"))
            result("threads", run("info threads"))
            """)
        self.assertRegex(seen["banner"], r"^Linux version 6\.")
        self.assertIn("<unavailable>", seen["rax"])
        self.assertIn("CPU#1", seen["threads"])

    def test_linux_pause_continue(self):
        seen = self.gdb(CTRL_C_AFTER + """
ticks = []
for _ in range(2):
    ctrl_c_after(1.0)
    run("continue")
    ticks.append(value("jiffies_64"))
result("ticks", ticks)
""")
        self.assertGreater(seen["ticks"][1], seen["ticks"][0])

    def test_linux_breakpoints_and_steps_are_refused(self):
        seen = self.gdb(f"""
            run("hbreak *(long)&{HOT}")
            result("continue", fails("continue"))
            run("delete")
            result("step", run("stepi"))
            result("banner", gdb.parse_and_eval("(char *)&linux_banner").string())
            """)
        self.assertRegex(seen["continue"], r"Cannot insert|Command aborted")
        self.assertIn("Remote failure", seen["step"])
        self.assertRegex(seen["banner"], r"^Linux version 6\.")


class SevEsMirror(SevEs, unittest.TestCase):
    access = "mirror"


class SevEsInject(SevEs, unittest.TestCase):
    ram = "anonymous"
    access = "inject"


if __name__ == "__main__":
    unittest.main()
