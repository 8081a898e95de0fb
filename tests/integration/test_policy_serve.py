#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""`serve --policy` and `--audit` on the PSP route: what a live agent refuses, says and writes down."""

import datetime
import hashlib
import json
import os
import stat
import unittest

import rsp
import vm
from debugger import gdb
from process import wait_for

ALL = "regs.read regs.write mem.read mem.write run points monitor"


def policy(guest, *lines, name="policy"):
    """Write a policy file; return its path."""
    path = f"{guest.dir}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(["cvmdbg-policy 1", "channel plain", *lines, ""]))
    return path


def audit(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class PolicyServe(unittest.TestCase):
    """One guest, an agent a test."""

    @classmethod
    def setUpClass(cls):
        cls.guest = vm.Guest("tiny", sev="sev")
        cls.symbols = vm.symbols(cls.guest.elf)

    @classmethod
    def tearDownClass(cls):
        cls.guest.close()

    def serve(self, *words):
        agent = self.guest.serve(*words)
        self.addCleanup(self.guest.wait_unlocked)
        self.addCleanup(agent.close)
        return agent

    def test_rights(self):
        agent = self.serve("--policy", policy(self.guest, "allow mem.read monitor"))
        name = self.symbols["specimen"]
        with rsp.Client(agent.target) as client:
            self.assertEqual(len(client.memory(name, 16)), 16)
            self.assertIn(b"error-message+", client.request("qSupported:error-message+"))
            for request, right in ((f"M{name:x},1:00", b"mem.write"), (f"Z0,{name:x},1", b"points"),
                                   ("vCont;c", b"run"), ("P0=0000000000000000", b"regs.write")):
                self.assertEqual(client.request(request),
                                 b"E.not permitted: the policy does not allow " + right)
            self.assertNotIn(b"1", client.request("p0"))
        agent.log.wait_for("5 requests were refused")
        for right in ("mem.write", "points", "run", "regs.write", "regs.read"):
            agent.log.wait_for(f"refused: {right}")
        self.guest.check_alive()

    def test_read_only_narrows(self):
        agent = self.serve("--read-only", "--policy", policy(self.guest, f"allow {ALL}"))
        with rsp.Client(agent.target) as client:
            self.assertEqual(client.request(f"M{self.symbols['specimen']:x},1:00"), b"E01")
            self.assertEqual(len(client.memory(self.symbols["specimen"], 4)), 4)

    def test_denied_memory(self):
        first = self.symbols["specimen"]
        agent = self.serve("--policy", policy(self.guest, f"allow {ALL}",
                                              f"deny mem {first:#x}-{first + 16:#x}"))
        with rsp.Client(agent.target) as client:
            gpa = int(client.monitor(f"translate {first:#x}").split("physical ")[1].split(",")[0], 16)
            for request in (f"m{first:x},4", f"x{first:x},4", f"M{first:x},1:00", f"qCRC:{first:x},4",
                            f"qSearch:memory:{first:x};10;a", f"Z0,{first:x},1", f"Z2,{first:x},4"):
                self.assertEqual(client.request(request), b"E80", request)
            self.assertIn("policy denies", client.monitor(f"phys {gpa:#x}"))
            self.assertEqual(client.request("Qqemu.PhyMemMode:1"), b"OK")
            self.assertEqual(client.request(f"m{gpa:x},4"), b"E80")
            self.assertEqual(client.request("Qqemu.PhyMemMode:0"), b"OK")
            page = first & ~0xfff
            self.assertEqual(len(client.memory(page - 16, 16)), 16)
            self.assertEqual(len(client.request(f"m{page - 16:x},40")), 32, "not cut at the page")
        agent.log.wait_for("refused: .*policy denies")
        self.guest.check_alive()

    def test_real_gdb_without_registers(self):
        agent = self.serve("--policy", policy(self.guest, "allow mem.read"))
        seen = gdb(self.guest.elf, agent.target,
                   'result("name", value("specimen.name"));'
                   'result("write", fails("set var specimen.name[0] = 1"))')
        self.assertIn("tiny", seen["name"])
        # By the memory map gdb knows that it need not ask.
        self.assertIn("Cannot access memory", seen["write"])

    def test_audit(self):
        path, file = f"{self.guest.dir}/audit", policy(self.guest, "allow mem.read")
        agent = self.serve("--policy", file, "--audit", path)
        for _ in range(2):
            with rsp.Client(agent.target) as client:
                for _ in range(3):
                    self.assertEqual(client.request("vCont;c"), b"E01")
        wait_for(lambda: len(audit(path)) == 6, "the audit log")
        lines = audit(path)
        self.assertEqual([line["event"] for line in lines], ["attach", "refused", "detach"] * 2)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(file, "rb") as text:
            digest = hashlib.sha256(text.read()).hexdigest()
        for line in lines:
            self.assertEqual(line["policy"], digest)
            self.assertEqual(line["peer"], {"uid": os.getuid(), "pid": os.getpid()})
            datetime.datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        self.assertEqual(lines[0]["rights"], "mem.read")
        self.assertEqual(lines[1]["why"], "run")
        self.assertEqual(lines[2]["refused"], 3)

    def test_nobody_is_let_in_unaudited(self):
        agent = self.serve("--audit", "/dev/full")
        with self.assertRaises((ConnectionError, EOFError, AssertionError)):
            rsp.Client(agent.target).request("?")
        agent.log.wait_for("client refused: writing the audit log: No space")
        self.guest.check_alive()

    def test_what_does_not_bind_is_said(self):
        path = f"{self.guest.dir}/sealed"
        with open(path, "w", encoding="ascii") as file:
            file.write("cvmdbg-policy 1\nallow mem.read\non-panic dump\n"
                       "dump-recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n")
        self.serve("--policy", path).log.wait_for("bind the stub in the guest")

    def test_bad_policy(self):
        done = self.guest.cvmdbg("serve", "--listen", f"unix:{self.guest.dir}/never", "--policy",
                                 policy(self.guest, "allow everything", name="bad"))
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"bad:3:7: allow: unknown right")
        self.guest.check_alive()


if __name__ == "__main__":
    unittest.main()
