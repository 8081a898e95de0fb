#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Asks the SEV host what an agent may ask: sev_probe.py PID RAM KNOB. Prints one JSON object.

Runs under `sevsim exec` beside a stopped tiny guest. PID is QEMU's, RAM the path of guest RAM, KNOB
the guest physical address of a word to change. An answer is [errno or 0, firmware code afterwards];
the code is preset to 0xffffffff. Knows Linux's ABI and the tiny guest's layout, nothing of sevsim.
"""

import ctypes
import json
import mmap
import os
import struct
import sys

from vm import Tiny

KVM_CREATE_VM, KVM_ENABLE_CAP, KVM_MEMORY_ENCRYPT_OP = 0xae01, 0x4068aea3, 0xc008aeba
CAP_VM_COPY_ENC_CONTEXT_FROM = 197
GUEST_STATUS, DBG_DECRYPT, DBG_ENCRYPT = 16, 17, 18
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
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


def main():
    pid, ram_path, knob = int(sys.argv[1]), sys.argv[2], int(sys.argv[3], 0)
    number = descriptor(pid, "/dev/sev")
    device, kvm = os.open("/dev/sev", os.O_RDWR), os.open("/dev/kvm", os.O_RDWR)
    pidfd = LIBC.syscall(SYS_PIDFD_OPEN, pid, 0)
    guest = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, descriptor(pid, "anon_inode:kvm-vm"), 0)
    mirror = ioctl(kvm, KVM_CREATE_VM, None)
    mapping = mmap.mmap(os.open(ram_path, os.O_RDWR), Tiny.memory)
    ram = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    buffer = mmap.mmap(-1, PAGE)
    plain = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    hole = mmap.mmap(-1, PAGE)
    unmapped = ctypes.addressof(ctypes.c_char.from_buffer(hole))
    LIBC.munmap(ctypes.c_void_p(unmapped), PAGE)
    out = {}

    def decrypt(gpa):
        answer = debug(mirror, DBG_DECRYPT, ram + gpa, plain, PAGE)
        return answer, buffer[:].hex()

    def copy_context(source):
        return -ioctl(mirror, KVM_ENABLE_CAP, struct.pack(
            "<II4Q64x", CAP_VM_COPY_ENC_CONTEXT_FROM, 0, source, 0, 0, 0))

    out["before_cap"] = debug(mirror, DBG_DECRYPT, ram + PRIVATE, plain, PAGE)
    out["cap_not_a_vm"] = copy_context(kvm)
    out["cap"] = copy_context(guest)
    out["cap_again"] = copy_context(guest)
    out["foreign"] = debug(guest, DBG_DECRYPT, ram + PRIVATE, plain, PAGE)
    out["no_device"] = debug(mirror, DBG_DECRYPT, ram + PRIVATE, plain, PAGE)
    os.dup2(device, number)
    out["status"], status = sev(mirror, GUEST_STATUS, bytes(12))
    out["status_words"] = struct.unpack("<3I", status)
    out["zero_length"] = debug(mirror, DBG_DECRYPT, ram + PRIVATE, plain, 0)
    out["unmapped"] = debug(mirror, DBG_DECRYPT, unmapped, plain, PAGE)
    out["private"], out["private_bytes"] = decrypt(PRIVATE)
    out["shared"], out["shared_bytes"] = decrypt(SHARED)

    decrypt(SCRATCH)
    out["block_before"] = buffer[:32].hex()
    buffer[:9] = b"Z" * 9
    out["unaligned"] = debug(mirror, DBG_ENCRYPT, plain, ram + SCRATCH + 8, 9)
    decrypt(SCRATCH)
    out["block_after"] = buffer[:32].hex()

    page, offset = knob & -PAGE, knob % PAGE
    decrypt(page)
    buffer[offset:offset + 8] = struct.pack("<Q", 4711)
    out["knob"] = debug(mirror, DBG_ENCRYPT, plain, ram + page, PAGE)
    print(json.dumps(out))


main()
