#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The emulated SEV host answers as Linux does: every claim is one of facts/sev-host.md.

What the agent's tests prove is worth what this emulation is worth, so it is tested by itself, with
sev_probe.py in the agent's place. The agent is not involved.
"""

import errno
import json
import os
import unittest

import vm
from process import run

PAGE = 4096
NO_FIRMWARE_CALL = 0xffffffff
POLICY_FAILURE = 7
PRIVATE, SHARED = vm.Tiny.bulk[0], vm.Tiny.shared[0]
PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sev_probe.py")

# What gdb makes QEMU itself ask: GUEST_STATUS on its own VM (section 2 of the facts).
IN_QEMU = """set $m = (unsigned long)mmap(0, 4096, 3, 0x22, -1, 0)
set *(unsigned int *)$m = 16
set *(unsigned long *)($m + 8) = $m + 64
set *(unsigned int *)($m + 16) = 0xffffffff
set $r = (int)ioctl({fd}, 0xc008aeba, $m)
set $e = *(int *)((long (*)(void))__errno_location)()
printf "answer %d %d %u\\n", $r, $e, *(unsigned int *)($m + 16)
"""


def setUpModule():
    if vm.HARDWARE:
        raise unittest.SkipTest("the SEV host is a real one")


def knob_pa(guest):
    return vm.symbols(guest.elf)["knob"] - vm.Tiny.kernel_va + vm.Tiny.kernel_pa


def probe(guest):
    """What the probe saw while the guest was stopped; the guest runs on afterwards."""
    with guest.monitor() as monitor:
        monitor.execute("stop")
        done = run([vm.SEVSIM, "exec", "--dir", guest.dir, "--", "/usr/bin/python3", PROBE,
                    guest.pid, guest.ram_path(), hex(knob_pa(guest))])
        monitor.execute("cont")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Kernel(unittest.TestCase):
    """Linux 6.1; the other kernels below answer alike except where `loses_tail` says so."""

    kernel, loses_tail = "6.1", True

    @classmethod
    def setUpClass(cls):
        cls.guest = vm.Guest("tiny", sev="sev", sevsim=["--kernel", cls.kernel])
        cls.addClassCleanup(cls.guest.close)
        cls.console_mark = cls.guest.console.mark()
        cls.seen = probe(cls.guest)

    def answers(self, name, error, firmware=NO_FIRMWARE_CALL):
        self.assertEqual(self.seen[name], [error, firmware], name)

    def test_ram_is_ciphertext_while_stopped(self):
        with self.guest.monitor() as monitor:
            monitor.execute("stop")
            self.addCleanup(self.guest.check_alive)
            try:
                raw, truth = (read(PRIVATE, PAGE) for read in (self.guest.raw,
                                                               self.guest.plaintext))
                self.assertEqual(truth, vm.Tiny.pattern(PRIVATE, PAGE))
                for block in range(0, PAGE, 16):
                    self.assertNotEqual(raw[block:block + 16], truth[block:block + 16])
                self.assertEqual(self.guest.raw(SHARED, PAGE), vm.Tiny.pattern(SHARED, PAGE))
                self.assertEqual(self.guest.plaintext(SHARED, PAGE),
                                 vm.Tiny.pattern(SHARED, PAGE))
            finally:
                monitor.execute("cont")

    def test_mirror_needs_the_capability(self):
        self.answers("before_cap", errno.ENOTTY)
        self.assertEqual(self.seen["cap_not_a_vm"], errno.EBADF)
        self.assertEqual(self.seen["cap"], 0)
        self.assertEqual(self.seen["cap_again"], errno.EINVAL)

    def test_foreign_address_space(self):
        self.answers("foreign", errno.EIO)

    def test_device_at_the_right_number(self):
        self.answers("no_device", errno.EBADF)

    def test_bad_arguments(self):
        self.answers("zero_length", errno.EINVAL)
        self.answers("unmapped", errno.ENOMEM)

    def test_guest_status(self):
        self.answers("status", 0, 0)
        self.assertEqual(self.seen["status_words"][1:], [0, 3])

    def test_decrypt_private(self):
        self.answers("private", 0, 0)
        self.assertEqual(bytes.fromhex(self.seen["private_bytes"]),
                         self.guest.plaintext(PRIVATE, PAGE))

    def test_decrypt_shared_is_garbage_without_error(self):
        self.answers("shared", 0, 0)
        self.assertNotEqual(bytes.fromhex(self.seen["shared_bytes"]),
                            vm.Tiny.pattern(SHARED, PAGE))

    def test_unaligned_encrypt(self):
        """Nine bytes at offset 8 span 17; Linux 6.1 and 6.12 write 16 of them back."""
        self.answers("unaligned", 0, 0)
        before = bytes.fromhex(self.seen["block_before"])
        written = 8 if self.loses_tail else 9
        self.assertEqual(bytes.fromhex(self.seen["block_after"]),
                         before[:8] + b"Z" * written + before[8 + written:])

    def test_write_reaches_the_guest(self):
        self.answers("knob", 0, 0)
        self.guest.console.wait_for(r"^knob=4711\b", self.console_mark)


class Kernel612(Kernel):
    kernel = "6.12"


class Kernel73(Kernel):
    kernel, loses_tail = "7.3", False


class Refusals(unittest.TestCase):
    """What the guest's type or its policy forbids."""

    def test_policy_forbids_debugging(self):
        with vm.Guest("tiny", sev="sev", policy=1) as guest:
            seen = probe(guest)
            self.assertEqual(seen["status"], [0, 0])
            self.assertEqual(seen["status_words"][1], 1)
            for name in ("private", "shared", "unaligned", "knob"):
                self.assertEqual(seen[name], [errno.EIO, POLICY_FAILURE], name)
            self.assertEqual(seen["foreign"], [errno.EIO, NO_FIRMWARE_CALL])
            self.assertEqual(seen["zero_length"], [errno.EINVAL, NO_FIRMWARE_CALL])
            self.assertEqual(seen["private_bytes"], bytes(PAGE).hex())
            guest.check_alive()

    def test_snp_has_no_mirror(self):
        with vm.Guest("tiny", sev="snp") as guest:
            seen = probe(guest)
            self.assertEqual(seen["cap"], errno.EINVAL)
            self.assertEqual(seen["status"], [errno.ENOTTY, NO_FIRMWARE_CALL])
            self.assertEqual(seen["foreign"], [errno.EIO, NO_FIRMWARE_CALL])

    def test_snp_refuses_qemu_itself(self):
        """The owner of the VM asks, so nothing but the guest's type is in the way."""
        for kind, answer in (("sev", "answer 0 "), ("snp", f"answer -1 {errno.EPERM} 4294967295")):
            with self.subTest(kind), vm.Guest("tiny", sev=kind) as guest:
                fds = f"/proc/{guest.pid}/fd"
                number = next(fd for fd in os.listdir(fds)
                              if "anon_inode:kvm-vm" in os.readlink(f"{fds}/{fd}"))
                script = f"{guest.dir}/ask.gdb"
                with open(script, "w", encoding="utf-8") as file:
                    file.write(IN_QEMU.format(fd=number))
                done = run(["gdb", "-nx", "-batch", "-p", guest.pid, "-x", script], 60)
                self.assertIn(answer, done.stdout, done.stderr)
                guest.check_alive()


if __name__ == "__main__":
    unittest.main()
