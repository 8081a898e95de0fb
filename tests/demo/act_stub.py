# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Second act: the same debugger, served by a module inside the guest.

What SEV-ES and SNP guests need, whose registers no host can see. The guest is not encrypted here
(no machine without SEV can do that); the module does not depend on it.
"""

import contextlib
import os
import re
import threading
import time

from stage import Failed, answer, command, expect, heading, say, session, show

import stubvm

from process import CVMDBG, Program, run

VCPUS = 4


@contextlib.contextmanager
def happening(guest, line, every=0.5):
    """Something goes on in the guest while the debugger waits for it."""
    stop = threading.Event()

    def again():
        while not stop.wait(every):
            guest.send(line)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def boot():
    heading(f"6. A stock Debian kernel, KASLR on, {VCPUS} vCPUs, and a module with its owner's policy")
    guest = stubvm.StubGuest(smp=VCPUS, link=None, load=False, append="oops=panic")
    try:
        os.symlink("qmp", f"{guest.dir}/vm.qmp")
        os.symlink(os.path.abspath(guest.elf), f"{guest.dir}/vmlinux")
        say("in the guest:")
        command(f"insmod cvmdbg_stub.ko policy='{stubvm.POLICY}'")
        guest.load()
        guest.before = guest.hash()
        guest.ask("busy 2")
        return guest
    except BaseException:
        guest.close()
        raise


def connect(guest):
    heading("7. The host plugs a ring of shared memory and carries bytes; it needs no rights over the guest")
    command("cvmdbg attach-ring --qmp vm.qmp --ring vm.ring")
    done = run([CVMDBG, "attach-ring", "--qmp", "vm.qmp", "--ring", f"{guest.dir}/vm.ring"], cwd=guest.dir)
    show(done.stdout + done.stderr)
    if done.returncode:
        raise Failed(f"attach-ring ended with {done.returncode}")
    command("cvmdbg relay --stub ring:vm.ring --listen unix:vm.gdb &")
    agent = Program([CVMDBG, "relay", "--stub", "ring:vm.ring", "--listen", "unix:vm.gdb"],
                    f"{guest.dir}/agent.log", cwd=guest.dir)
    agent.close = agent.stop
    guest.agents.append(agent)
    agent.log.wait_for(r"cvmdbg: relaying")
    return agent


def debug(guest):
    heading("8. gdb, in the running kernel")
    command("gdb vmlinux -ex 'target remote vm.gdb'")
    symbols = guest.symbols_command("specimen")
    lines = ["info threads",
             "break vfs_write if count > 5 && count < 16", "continue", "bt 4", "delete",
             "watch specimen_watched", "continue", "delete",
             "break specimen_leaf", "continue", "bt 2", "delete", "stepi", "finish", "next",
             "monitor status", "detach"]
    with happening(guest, "trouble watch"), happening(guest, "trouble leaf", 0.7):
        seen = session(guest, "vm.gdb", lines, quietly=[symbols])
    show(seen)
    threads = answer(seen, "info threads")
    if len(re.findall(r"CPU#\d ", threads)) != VCPUS:
        raise Failed(f"info threads shows not {VCPUS} vCPUs:\n{threads}")
    expect(r"Breakpoint 1, .*vfs_write", answer(seen, "continue"), "the breakpoint did not hit")
    expect(r"Value returned is", answer(seen, "finish"), "finish did not finish")
    expect(r"Hardware watchpoint 2: specimen_watched\s+Old value = \d+\s+New value = \d+", seen,
           "the watchpoint did not hit")
    expect(r"#1 .*specimen_step_one", answer(seen, "bt 2"), "no backtrace through the module")
    guest.check_whole()
    say("the guest runs on; every byte of its kernel's text is what it was.")


@contextlib.contextmanager
def once_connected(guest, agent, line):
    """One line for the guest, when gdb has come and let it run."""
    mark = agent.log.mark()

    def then():
        agent.log.wait_for("client connected", mark)
        time.sleep(1)
        guest.send(line)

    thread = threading.Thread(target=then)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def panic(guest, agent):
    heading("9. A panic, caught before the machine is gone")
    lines = ["continue", "thread apply all bt 3", "detach"]
    say("in the guest:")
    command("echo c > /proc/sysrq-trigger")
    command("gdb vmlinux -ex 'target remote vm.gdb'")
    with once_connected(guest, agent, "sysrq c"):
        seen = session(guest, "vm.gdb", lines)
    show(seen)
    stop = answer(seen, "continue")
    expect(r"received signal SIG(ABRT|SEGV)", stop, "the panic was not caught")
    traces = answer(seen, "thread apply all bt 3")
    if len(re.findall(r"^Thread \d", traces, re.MULTILINE)) != VCPUS:
        raise Failed(f"not every CPU has a backtrace:\n{traces}")
    expect(r"sysrq_handle_crash|panic", seen, "nobody panics in the backtraces")


def play():
    with boot() as guest:
        agent = connect(guest)
        debug(guest)
        panic(guest, agent)
