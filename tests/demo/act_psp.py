# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""First act: an encrypted VM, debugged from its host through the PSP."""

import os
import re
import signal
import subprocess
import time

from stage import Failed, answer, command, expect, heading, say, session, show

import rsp
import vm
from debugger import GDB, gdb_argv
from process import Program

INTERACTIVE = os.environ.get("INTERACTIVE", "") not in ("", "0")
NODE_NAME = "set-by-gdb"
IMAGE_BASE = 0xffffffff80000000


def hexdump(data, address):
    lines = []
    for offset in range(0, len(data), 16):
        row = data[offset:offset + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{address + offset:#011x}  {row.hex(' ')}  |{text}|")
    return "\n".join(lines)


def boot():
    heading("1. An encrypted VM: stock Debian kernel, KASLR on, 2 vCPUs, policy allows debugging")
    started = time.monotonic()
    if not vm.HARDWARE:
        say("The SEV host is emulated (tests/sevsim); QEMU, kernel, gdb and cvmdbg are real.")
    guest = vm.Guest("linux", sev="sev", gdbstub=True)
    try:
        # The names a user would see in the current directory.
        os.symlink("qmp", f"{guest.dir}/vm.qmp")
        os.symlink(os.path.abspath(guest.elf), f"{guest.dir}/vmlinux")
        command("cvmdbg info --qmp vm.qmp")
        info = guest.cvmdbg("info")
        show(info.stdout + info.stderr)
        if info.returncode != 0:
            raise Failed(f"cvmdbg info ended with {info.returncode}")
        say(f"guest console, {time.monotonic() - started:.1f} s after power-on:")
        show(guest.console.text().splitlines()[-1])
        return guest
    except BaseException:
        guest.close()
        raise


def serve(guest):
    heading("2. The agent on the host")
    command("cvmdbg serve --qmp vm.qmp --listen unix:vm.gdb &")
    agent = Program(guest.agent_argv("serve", "--qmp", "vm.qmp", "--listen", "unix:vm.gdb"),
                    f"{guest.dir}/agent.log", cwd=guest.dir)
    agent.close = agent.stop
    guest.agents.append(agent)
    agent.log.wait_for(r"cvmdbg: serving")
    show(agent.log.text())
    return agent


def three_ways(guest):
    """linux_banner seen raw, through QEMU's gdbstub, through cvmdbg."""
    heading("3. One guest address, three ways")
    lines = ["p &linux_banner", "p phys_base", "p linux_banner", "detach"]
    seen = session(guest, "vm.gdb", lines)
    virtual = int(expect(r"0x[0-9a-f]+", answer(seen, lines[0]), "gdb has no &linux_banner")[0], 16)
    base = int(expect(r"= (-?\d+)", answer(seen, lines[1]), "gdb cannot read phys_base")[1])
    physical = (virtual - IMAGE_BASE + base) % (1 << 64)
    linked = vm.symbols(guest.elf)["linux_banner"]
    say(f"linux_banner is at {virtual:#x} (moved by KASLR: {virtual - linked:#x}), "
        f"guest physical {physical:#x}.\n")

    say("raw guest RAM, as the host sees it (VM stopped):")
    # The agent holds QMP; connecting to QEMU's gdbstub stops a VM as well, D lets it go on.
    with rsp.Client(guest.gdbstub, noack=False) as stub:
        stub.receive()
        raw = guest.raw(physical, 48)
        stub.request("D")
    show(hexdump(raw, physical), "31")
    if b"Linux" in raw:
        raise Failed("raw guest RAM shows plaintext")

    say("QEMU's own gdbstub:")
    command(f"gdb vmlinux -ex 'target remote stub' -ex 'x/s {virtual:#x}'")
    line = f"x/s {virtual:#x}"
    stub = answer(session(guest, "stub", [line, "detach"]), line)
    show(stub, "31")
    if "Linux version" in stub:
        raise Failed("QEMU's gdbstub shows plaintext")
    expect(r"Cannot access memory", stub, "QEMU's gdbstub did not fail")

    say("gdb through cvmdbg:")
    command("gdb vmlinux -ex 'target remote vm.gdb' -ex 'p linux_banner'")
    banner = answer(seen, lines[2])
    show(banner, "32")
    expect(r'= .*"Linux version \d+\.\d+', banner, "gdb through cvmdbg shows no banner")


def debug(guest):
    """A breakpoint, a backtrace, steps, a write; all checked."""
    heading("4. Debugging the kernel")
    command("gdb vmlinux -ex 'target remote vm.gdb'")
    rename = f'set {{char[{len(NODE_NAME) + 1}]}} init_uts_ns.name.nodename = "{NODE_NAME}"'
    lines = ["break do_nanosleep", "continue", "bt", "info threads",
             "stepi", "stepi", "stepi", "x/2i $pc", "delete", rename, "detach"]
    seen = session(guest, "vm.gdb", lines)
    show(seen)
    expect(r"Breakpoint 1,.* do_nanosleep", answer(seen, "continue"), "the breakpoint did not hit")
    expect(r"^#[1-9]\d* .*do_syscall_64", answer(seen, "bt"), "bt does not reach do_syscall_64")
    threads = answer(seen, "info threads")
    if len(re.findall(r"^[* ] \d+ +", threads, re.MULTILINE)) != vm.VCPUS:
        raise Failed(f"info threads shows not {vm.VCPUS} vCPUs:\n{threads}")
    stop = expect(r"=> 0x[0-9a-f]+ <do_nanosleep(?:\+(\d+))?>", answer(seen, "x/2i $pc"),
                  "three steps did not stay in do_nanosleep")
    if not stop[1]:
        raise Failed("three steps did not move the program counter")

    heading("5. The guest goes on, and sees what was written")
    seen = guest.console.wait_next(rf"^alive \d+ .* node {NODE_NAME}\b")[0]
    say("guest console:")
    show(seen.strip(), "32")
    guest.check_alive()


def hand_over(guest):
    heading("4. Your turn")
    say(f"In {guest.dir}: vm.qmp, vm.gdb, vmlinux; the guest's console is the file `serial`.")
    say("Try: break do_nanosleep, continue, bt, info threads, p init_uts_ns.name, monitor help.")
    say("`detach` or `quit` leaves the guest running; this demo then ends it.\n")
    # gdb handles Ctrl-C; this program must survive it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    argv = [word for word in gdb_argv(None) if word not in ("-batch", "-nx")]
    subprocess.call([GDB, *argv[1:], "vmlinux", "-ex", "target remote vm.gdb"], cwd=guest.dir,
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    guest.check_alive()


def play():
    with boot() as guest:
        agent = serve(guest)
        three_ways(guest)
        if INTERACTIVE:
            hand_over(guest)
        else:
            debug(guest)
        status = agent.stop()
        if status not in (0, -signal.SIGTERM):
            raise Failed(f"cvmdbg serve ended with {status}:\n{agent.log.tail()}")
        guest.check_alive()
