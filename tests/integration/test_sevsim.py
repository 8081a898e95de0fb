#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The emulated SEV host answers as Linux does: every claim is one of facts/sev-host.md.

What the agent's tests prove is worth what this emulation is worth, so it is tested by itself, with
sev_probe.py in the agent's place. The agent is not involved.
"""

import errno
import json
import os
import resource
import unittest

import vm
from process import run, wait_for
from rsp import Client

PAGE = 4096
NO_FIRMWARE_CALL = 0xffffffff
POLICY_FAILURE = 7
PRIVATE, SHARED, SCRATCH = vm.Tiny.bulk[0], vm.Tiny.shared[0], vm.Tiny.bulk[0] + (1 << 20)
PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sev_probe.py")

GUEST_STATUS, DBG_DECRYPT = 16, 17

# What gdb makes QEMU itself ask on its own VM (section 2 of the facts): DBG_DECRYPT within one page of
# QEMU's own, which KVM takes like any other; GUEST_STATUS overwrites the parameters with its answer.
IN_QEMU = """set $m = (unsigned long)mmap(0, 4096, 3, 0x22, -1, 0)
set *(unsigned int *)$m = {command}
set *(unsigned long *)($m + 8) = $m + 64
set *(unsigned long *)($m + 64) = $m + 1024
set *(unsigned long *)($m + 72) = $m + 2048
set *(unsigned int *)($m + 80) = 16
set *(unsigned int *)($m + 16) = 0xffffffff
set $r = (int)ioctl({fd}, 0xc008aeba, $m)
set $e = *(int *)((long (*)(void))__errno_location)()
printf "answer %d %d %u\\n", $r, $e, *(unsigned int *)($m + 16)
"""


def setUpModule():
    if vm.HARDWARE:
        raise unittest.SkipTest("the SEV host is a real one")


def symbol_pa(guest, name):
    return vm.symbols(guest.elf)[name] - vm.Tiny.kernel_va + vm.Tiny.kernel_pa


def run_probe(guest, *words):
    done = run([vm.SEVSIM, "exec", "--dir", guest.dir, "--", "/usr/bin/python3", PROBE, guest.pid,
                guest.ram_path(), *words])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def probe(guest):
    """What the probe saw while the guest was stopped; the guest runs on afterwards."""
    with guest.monitor() as monitor:
        monitor.execute("stop")
        seen = run_probe(guest, hex(symbol_pa(guest, "knob")))
        monitor.execute("cont")
    return seen


def descriptors(guest):
    """Number -> link, of QEMU."""
    folder = f"/proc/{guest.pid}/fd"
    return {fd: os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}


def ask_in_qemu(guest, command):
    """Result, errno and firmware code of a command of the VM's owner."""
    number = next(fd for fd, link in descriptors(guest).items() if "anon_inode:kvm-vm" in link)
    script = f"{guest.dir}/ask.gdb"
    with open(script, "w", encoding="utf-8") as file:
        file.write(IN_QEMU.format(fd=number, command=command))
    done = run(["gdb", "-nx", "-batch", "-p", guest.pid, "-x", script], 60)
    answers = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("answer ")]
    assert answers, done.stdout + done.stderr
    return [int(word) for word in answers[0]]


class Kernel(unittest.TestCase):
    """Linux 6.1; the other kernels below answer alike except where the two flags say so."""

    kernel, loses_tail, overruns = "6.1", True, True

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
        self.answers("before_cap_unknown", errno.EINVAL)
        self.assertEqual(self.seen["cap_not_a_vm"], errno.EBADF)
        self.assertEqual(self.seen["cap"], 0)
        self.assertEqual(self.seen["cap_again"], errno.EINVAL)

    def test_foreign_address_space(self):
        self.answers("foreign", errno.EIO)

    def test_device_at_the_right_number(self):
        self.answers("no_device", errno.EBADF)

    def test_pages_are_pinned_before_the_device_is_looked_for(self):
        self.answers("no_device_zero_length", errno.EINVAL)
        self.answers("no_device_unmapped", errno.ENOMEM)

    def test_bad_arguments(self):
        self.answers("zero_length", errno.EINVAL)
        self.answers("unmapped", errno.ENOMEM)

    def test_only_the_destination_must_be_writable(self):
        self.answers("read_only", errno.ENOMEM)
        self.answers("read_only_source", 0, 0)

    def test_locked_pages(self):
        """A mirror's count starts at zero; root is exempt as long as it has CAP_IPC_LOCK."""
        self.answers("one_page", errno.ENOMEM)
        self.answers("two_pages", 0, 0)
        if self.seen["had_ipc_lock"]:
            self.answers("one_page_as_started", 0, 0)

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

    def test_different_page_offsets(self):
        """Linux 6.1 takes the end of the source page for the end of the destination's."""
        self.answers("shifted", 0, 0)
        start, end = SCRATCH + PAGE, SCRATCH + 2 * PAGE
        self.assertEqual(bytes.fromhex(self.seen["shifted_page"]),
                         vm.Tiny.pattern(start, 16) + b"Z" * (PAGE - 16))
        self.assertEqual(bytes.fromhex(self.seen["shifted_tail"]),
                         vm.Tiny.pattern(end, 16) if self.overruns else b"Z" * 16)
        self.assertEqual(self.guest.stats()["violations"]["overrun"], int(self.overruns))

    def test_write_reaches_the_guest(self):
        self.answers("knob", 0, 0)
        self.guest.console.wait_for(r"^knob=4711\b", self.console_mark)


class Kernel612(Kernel):
    kernel, overruns = "6.12", False


class Kernel73(Kernel):
    kernel, loses_tail, overruns = "7.3", False, False


class Machine(unittest.TestCase):
    """What is around the debug commands."""

    def test_physical_mode_survives_a_write_back(self):
        """A page that somebody changed is written through QEMU's gdbstub, whose mode is shared."""
        spot = SHARED + PAGE
        with vm.Guest("tiny", sev="sev", gdbstub=True) as guest:
            with Client(guest.gdbstub, noack=False) as client, \
                    open(guest.ram_path(), "r+b", buffering=0) as ram:
                client.receive()
                self.assertEqual(client.memory(spot, 8), None)
                self.assertEqual(client.request("Qqemu.PhyMemMode:1"), b"OK")
                self.assertEqual(client.memory(spot, 8), vm.Tiny.pattern(spot, 8))
                ram.seek(spot)
                ram.write(b"changed!")
                client.send("c")
                self.assertEqual(client.interrupt()[:3], b"T02")
                self.assertEqual(client.memory(spot, 8), b"changed!")
                client.request("D")
            guest.check_alive()

    def test_encrypt_drops_translated_code(self):
        """In a guest that runs, which is counted as a violation: the new code is what runs."""
        returns_122 = "b87a000000c3"  # mov $122, %eax; ret
        with vm.Guest("tiny", sev="sev") as guest:
            last_work = symbol_pa(guest, "last_work")
            guest.beat()
            seen = run_probe(guest, "--write", hex(symbol_pa(guest, "leaf")), returns_122)
            self.assertEqual(seen["write"], [0, 0])
            wait_for(lambda: int.from_bytes(guest.plaintext(last_work, 8), "little") == 3 * 122,
                     "the changed code to run")
            self.assertEqual(guest.stats()["violations"]["encrypt_while_running"], 1)
            self.assertEqual(guest.stats()["stops"], 0)
            guest.beat()

    def test_statistics(self):
        with vm.Guest("tiny", sev="sev") as guest:
            self.assertEqual(guest.stats()["stops"], 0)
            with guest.monitor() as monitor:
                monitor.execute("stop")
                run_probe(guest, "--write", hex(SCRATCH), "5a")
                monitor.execute("cont")
                monitor.execute("stop")
                monitor.execute("cont")
            stats = guest.stats()
            for name, wanted in (("stops", 2), ("decrypted_bytes", PAGE), ("encrypted_bytes", PAGE),
                                 ("dbg_decrypt", 1), ("dbg_encrypt", 1), ("distinct_pages", 1)):
                self.assertEqual(stats[name], wanted, name)
            guest.control("stats", "reset")
            stats = guest.stats()
            for name in ("stops", "decrypted_bytes", "encrypted_bytes", "dbg_decrypt"):
                self.assertEqual(stats[name], 0, name)

    def test_a_descriptor_for_every_vcpu(self):
        for smp, wanted in (("2", 2), ("3", 3), ("cpus=3,sockets=3", 3)):
            with self.subTest(smp), vm.Guest("tiny", sev="sev", qemu=["-smp", smp]) as guest:
                links = descriptors(guest).values()
                self.assertEqual(sum("anon_inode:kvm-vcpu:" in link for link in links), wanted)

    def test_guest_ram_counts_as_locked_by_qemu(self):
        with vm.Guest("tiny", sev="sev") as guest:
            self.assertEqual(ask_in_qemu(guest, DBG_DECRYPT), [0, 0, 0])
        with vm.Guest("tiny", sev="sev", sevsim=["--memlock-limit"]) as guest:
            refused = [-1, errno.ENOMEM, NO_FIRMWARE_CALL]
            self.assertEqual(ask_in_qemu(guest, DBG_DECRYPT), refused)
            soft, hard = resource.prlimit(guest.pid, resource.RLIMIT_MEMLOCK)
            resource.prlimit(guest.pid, resource.RLIMIT_MEMLOCK,
                             (soft + PAGE, max(hard, soft + PAGE)))
            self.assertEqual(ask_in_qemu(guest, DBG_DECRYPT)[0], 0)


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
        for kind, answer in (("sev", [0, 0, 0]), ("snp", [-1, errno.EPERM, NO_FIRMWARE_CALL])):
            with self.subTest(kind), vm.Guest("tiny", sev=kind) as guest:
                self.assertEqual(ask_in_qemu(guest, GUEST_STATUS), answer)
                guest.check_alive()


if __name__ == "__main__":
    unittest.main()
