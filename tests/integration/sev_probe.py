#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Asks the SEV host what an agent may ask. Prints one JSON object.

sev_probe.py PID RAM KNOB            everything; the guest is stopped, KNOB is the address of a word
sev_probe.py PID RAM --write GPA HEX changes bytes in one page of the guest, whatever it is doing

Runs under `sevsim exec` beside a tiny guest. PID is QEMU's, RAM the path of guest RAM; addresses are
guest physical. An answer is [errno or 0, firmware code afterwards]; the code is preset to 0xffffffff.
Knows Linux's ABI and the tiny guest's layout, nothing of sevsim.
"""

import ctypes
import json
import mmap
import os
import resource
import struct
import sys

from vm import Tiny

KVM_CREATE_VM, KVM_ENABLE_CAP, KVM_MEMORY_ENCRYPT_OP = 0xae01, 0x4068aea3, 0xc008aeba
CAP_VM_COPY_ENC_CONTEXT_FROM = 197
GUEST_STATUS, DBG_DECRYPT, DBG_ENCRYPT, NO_SUCH_ID = 16, 17, 18, 99
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
CAPABILITY_VERSION_3, CAP_IPC_LOCK = 0x20080522, 14
PAGE = 4096
PRIVATE, SHARED, SCRATCH = Tiny.bulk[0], Tiny.shared[0], Tiny.bulk[0] + (1 << 20)
LIBC = ctypes.CDLL(None, use_errno=True)


def ioctl(fd, request, arg):
    """Result, or the negative error number."""
    result = LIBC.ioctl(fd, ctypes.c_ulong(request), arg)
    return result if result >= 0 else -ctypes.get_errno()


def descriptor(pid, link):
    folder = f"/proc/{pid}/fd"
    return next(int(fd) for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}") == link)


def sev(vm_fd, command, parameters):
    data = ctypes.create_string_buffer(parameters, len(parameters))
    cmd = ctypes.create_string_buffer(
        struct.pack("<IIQII", command, 0, ctypes.addressof(data), 0xffffffff, 0), 24)
    result = ioctl(vm_fd, KVM_MEMORY_ENCRYPT_OP, cmd)
    return [-result, struct.unpack_from("<I", cmd.raw, 16)[0]], data.raw


def debug(vm_fd, command, src, dst, length):
    return sev(vm_fd, command, struct.pack("<QQII", src, dst, length, 0))[0]


def new_page():
    page = mmap.mmap(-1, PAGE)
    return page, ctypes.addressof(ctypes.c_char.from_buffer(page))


def drop_ipc_lock():
    """Whether the capability was there; it is not any more."""
    header = ctypes.create_string_buffer(struct.pack("<Ii", CAPABILITY_VERSION_3, 0), 8)
    sets = ctypes.create_string_buffer(24)
    assert LIBC.capget(header, sets) == 0
    words = list(struct.unpack("<6I", sets.raw))
    had = bool(words[0] >> CAP_IPC_LOCK & 1)
    words[0] &= ~(1 << CAP_IPC_LOCK)
    assert LIBC.capset(header, struct.pack("<6I", *words)) == 0
    return had


class Agent:
    """A mirror VM without an encryption context yet, and guest RAM."""

    def __init__(self, pid, ram_path):
        self.number = descriptor(pid, "/dev/sev")
        self.device, self.kvm = os.open("/dev/sev", os.O_RDWR), os.open("/dev/kvm", os.O_RDWR)
        pidfd = LIBC.syscall(SYS_PIDFD_OPEN, pid, 0)
        self.guest = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, descriptor(pid, "anon_inode:kvm-vm"), 0)
        self.mirror = ioctl(self.kvm, KVM_CREATE_VM, None)
        self.mapping = mmap.mmap(os.open(ram_path, os.O_RDWR), Tiny.memory)
        self.ram = ctypes.addressof(ctypes.c_char.from_buffer(self.mapping))
        self.buffer, self.plain = new_page()

    def copy_context(self, source):
        return -ioctl(self.mirror, KVM_ENABLE_CAP, struct.pack(
            "<II4Q64x", CAP_VM_COPY_ENC_CONTEXT_FROM, 0, source, 0, 0, 0))

    def decrypt(self, gpa, length=PAGE):
        """Into the buffer."""
        return debug(self.mirror, DBG_DECRYPT, self.ram + gpa, self.plain, length)

    def encrypt(self, gpa, length=PAGE):
        return debug(self.mirror, DBG_ENCRYPT, self.plain, self.ram + gpa, length)

    def write(self, gpa, data):
        """As an agent should: the whole page."""
        page, offset = gpa & -PAGE, gpa % PAGE
        self.decrypt(page)
        self.buffer[offset:offset + len(data)] = data
        return self.encrypt(page)


def ask_without_context(agent, out):
    out["before_cap"] = agent.decrypt(PRIVATE)
    out["before_cap_unknown"] = sev(agent.mirror, NO_SUCH_ID, bytes(24))[0]
    out["cap_not_a_vm"] = agent.copy_context(agent.kvm)
    out["cap"] = agent.copy_context(agent.guest)
    out["cap_again"] = agent.copy_context(agent.guest)
    out["foreign"] = debug(agent.guest, DBG_DECRYPT, agent.ram + PRIVATE, agent.plain, PAGE)


def ask_wrongly(agent, out):
    """Before and after the device is where KVM looks for it."""
    hole_object, hole = new_page()
    frozen_object, frozen = new_page()
    LIBC.munmap(ctypes.c_void_p(hole), PAGE)
    LIBC.mprotect(ctypes.c_void_p(frozen), PAGE, mmap.PROT_READ)

    out["no_device"] = agent.decrypt(PRIVATE)
    out["no_device_unmapped"] = debug(agent.mirror, DBG_DECRYPT, hole, agent.plain, PAGE)
    out["no_device_zero_length"] = agent.decrypt(PRIVATE, 0)
    os.dup2(agent.device, agent.number)
    out["zero_length"] = agent.decrypt(PRIVATE, 0)
    out["unmapped"] = debug(agent.mirror, DBG_DECRYPT, hole, agent.plain, PAGE)
    out["read_only"] = debug(agent.mirror, DBG_DECRYPT, agent.ram + PRIVATE, frozen, PAGE)
    out["read_only_source"] = debug(agent.mirror, DBG_DECRYPT, frozen, agent.plain, PAGE)
    del hole_object, frozen_object  # which kept the two mapped


def ask_unaligned(agent, out):
    agent.decrypt(SCRATCH)
    out["block_before"] = agent.buffer[:32].hex()
    agent.buffer[:9] = b"Z" * 9
    out["unaligned"] = agent.encrypt(SCRATCH + 8, 9)
    agent.decrypt(SCRATCH)
    out["block_after"] = agent.buffer[:32].hex()

    # A page that lies 16 bytes further in its destination than in its source.
    agent.buffer[:] = b"Z" * PAGE
    out["shifted"] = agent.encrypt(SCRATCH + PAGE + 16)
    agent.decrypt(SCRATCH + PAGE)
    out["shifted_page"] = agent.buffer[:].hex()
    agent.decrypt(SCRATCH + 2 * PAGE)
    out["shifted_tail"] = agent.buffer[:16].hex()


def ask_under_limits(agent, out):
    """RLIMIT_MEMLOCK; a debug command pins two pages."""
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (PAGE, hard))
    out["one_page_as_started"] = agent.decrypt(PRIVATE)
    out["had_ipc_lock"] = drop_ipc_lock()
    out["one_page"] = agent.decrypt(PRIVATE)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (2 * PAGE, hard))
    out["two_pages"] = agent.decrypt(PRIVATE)


def ask_everything(agent, knob):
    out = {}
    ask_without_context(agent, out)
    ask_wrongly(agent, out)
    out["status"], status = sev(agent.mirror, GUEST_STATUS, bytes(12))
    out["status_words"] = struct.unpack("<3I", status)
    agent.buffer[:] = bytes(PAGE)
    for name, gpa in (("private", PRIVATE), ("shared", SHARED)):
        out[name] = agent.decrypt(gpa)
        out[f"{name}_bytes"] = agent.buffer[:].hex()
    ask_unaligned(agent, out)
    out["knob"] = agent.write(knob, struct.pack("<Q", 4711))
    ask_under_limits(agent, out)
    return out


def main():
    agent = Agent(int(sys.argv[1]), sys.argv[2])
    if sys.argv[3] == "--write":
        os.dup2(agent.device, agent.number)
        agent.copy_context(agent.guest)
        out = {"write": agent.write(int(sys.argv[4], 0), bytes.fromhex(sys.argv[5]))}
    else:
        out = ask_everything(agent, int(sys.argv[3], 0))
    print(json.dumps(out))


main()
