#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What cannot be debugged is refused at once, with the reason and what to do; nothing is touched."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import vm
from debugger import gdb

SNP_API = ["--qemu-api", "9.1"]  # query-sev knows SNP since QEMU 9.1
NOT_DEBUGGABLE = 3
FAILED = 1
USAGE = 2


class Refusals(unittest.TestCase):
    """`serve` on guests and sockets that cannot work."""

    def refused(self, guest, code, *patterns, args=()):
        done = guest.cvmdbg("serve", "--listen", f"unix:{guest.dir}/refused", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        for pattern in patterns:
            self.assertRegex(done.stderr, pattern)
        self.assertLessEqual(len(done.stderr.strip().splitlines()), 3, done.stderr)
        guest.check_alive()

    def test_policy_forbids(self):
        for kind, policy, wanted in (("sev", 0x1, "policy=0x0"), ("sev-es", 0x5, "policy=0x4")):
            with self.subTest(type=kind), vm.Guest("tiny", sev=kind, policy=policy) as guest:
                self.refused(guest, NOT_DEBUGGABLE, "NODBG", wanted)

    def test_snp(self):
        for policy in (0x30000, 0xB0000):
            with self.subTest(policy=hex(policy)), vm.Guest("tiny", sev="snp", policy=policy, sevsim=SNP_API) as guest:
                self.refused(guest, NOT_DEBUGGABLE, "SNP", "stub")

    def test_unencrypted(self):
        with vm.Guest("tiny") as guest:
            self.refused(guest, NOT_DEBUGGABLE, "not.*encrypted|gdbstub")

    def test_second_agent(self):
        with vm.Guest("tiny", sev="sev") as guest:
            agent = guest.serve()
            done = guest.cvmdbg("serve", "--listen", f"unix:{guest.dir}/second")
            self.assertEqual(done.returncode, FAILED)
            self.assertRegex(done.stderr, r"another|one (client )?at a time")
            seen = gdb(guest.elf, agent.target, 'result("name", value("specimen.name"))')
            self.assertIn("tiny", seen["name"])

    def test_sev_device_closed_in_qemu(self):
        with vm.Guest("tiny", sev="sev", sevsim=["--close-sev"]) as guest:
            self.refused(guest, FAILED, "/dev/sev")

    def test_dead_psp(self):
        with vm.Guest("tiny", sev="sev") as guest:
            guest.fault(dead_psp=True)
            self.refused(guest, FAILED, "PSP|processor|firmware")

    def test_memlock(self):
        with vm.Guest("tiny", sev="sev", ram="anonymous", sevsim=["--memlock-limit"]) as guest:
            self.refused(guest, FAILED, "RLIMIT_MEMLOCK", args=("--access", "inject"))

    def test_mirror_needs_shared_memory(self):
        with vm.Guest("tiny", sev="sev", ram="anonymous") as guest:
            self.refused(guest, FAILED, "share=on|shared", args=("--access", "mirror"))


class WrongSockets(unittest.TestCase):
    """--qmp that leads nowhere."""

    def serve(self, path, binary=vm.CVMDBG, **kwargs):
        return subprocess.run([binary, "serve", "--qmp", path, "--listen", "unix:/tmp/never"],
                              capture_output=True, text=True, timeout=30, check=False, **kwargs)

    def test_no_such_socket(self):
        done = self.serve("/nonexistent/qmp")
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stderr, "/nonexistent/qmp.*No such file")

    def test_not_qmp(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
                server.listen()
                process = subprocess.Popen([vm.CVMDBG, "info", "--qmp", path],
                                           stderr=subprocess.PIPE, text=True)
                connection, _ = server.accept()
                connection.sendall(b"220 mail.example ESMTP\r\n")
                _, stderr = process.communicate(timeout=30)
                connection.close()
            self.assertEqual(process.returncode, FAILED)
            self.assertRegex(stderr, "not a QMP|not QMP")

    def test_busy_qmp(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
                server.listen()
                done = self.serve(path)
            self.assertEqual(done.returncode, FAILED)
            self.assertRegex(done.stderr, "one.*at a time|another client")

    def test_no_permission(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        with vm.Guest("tiny", sev="sev") as guest:
            os.chmod(guest.dir, 0o755)
            os.chmod(guest.qmp, 0o600)
            # Where the build lives may be closed to others.
            binary = shutil.copy(vm.CVMDBG, guest.dir)
            done = self.serve(guest.qmp, binary, user=65534, group=65534)
            self.assertEqual(done.returncode, FAILED)
            self.assertRegex(done.stderr, "Permission denied")

    def test_usage(self):
        for args in ([], ["serve"], ["serve", "--qmp"], ["frobnicate"], ["serve", "--qmp", "x", "--listen", "y"]):
            with self.subTest(args=args):
                done = subprocess.run([vm.CVMDBG, *args], capture_output=True, text=True, timeout=10,
                                      check=False)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertTrue(done.stderr)

    def test_help_and_version(self):
        for args in (["--help"], ["serve", "--help"], ["info", "--help"], ["--version"]):
            with self.subTest(args=args):
                done = subprocess.run([vm.CVMDBG, *args], capture_output=True, text=True, timeout=10,
                                      check=False)
                self.assertEqual(done.returncode, 0)
                self.assertIn("cvmdbg", done.stdout)


if __name__ == "__main__":
    unittest.main()
