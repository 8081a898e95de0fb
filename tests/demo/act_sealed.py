# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Third act: the guest's owner debugs over a host that only carries ciphertext.

There is no SNP here, so no report vouches for the guest: its owner reads the stub's key on the guest's
own console instead.
"""

import os
import re
import subprocess

from act_stub import happening
from stage import Failed, answer, command, expect, heading, say, session, show

import stubvm

from process import CVMDBG, Program, run

POLICY = """\
cvmdbg-policy 1
debugger {owner}
allow regs.read mem.read run points monitor
deny mem phys:0x100000-0x101000
idle-timeout 20
"""


def user(guest, *words):
    """A command of cvmdbg, shown with what it says."""
    command("cvmdbg " + " ".join(words))
    done = run([CVMDBG, *words], cwd=guest.dir, merge=True)
    show(done.stdout)
    if done.returncode:
        raise Failed(f"cvmdbg {words[0]} ended with {done.returncode}")
    return done.stdout


def boot():
    heading("10. The owner's key and policy; the module takes the policy and makes a key of its own")
    guest = stubvm.StubGuest(smp=2, load=False)
    try:
        os.symlink(os.path.abspath(guest.elf), f"{guest.dir}/vmlinux")
        user(guest, "keygen", "-o", "owner.txt")
        owner = user(guest, "keygen", "-y", "owner.txt").strip()
        text = POLICY.format(owner=owner)
        with open(f"{guest.dir}/policy.txt", "w", encoding="utf-8") as file:
            # The guest's console takes one line, so the demo's policy is one.
            file.write(text.strip().replace("\n", ";"))
        command("cat policy.txt")
        show(text)
        user(guest, "policy", "show", "policy.txt")
        say("in the guest:")
        command("cvmdbg-load -p policy.txt; cat /dev/cvmdbg")
        with open(f"{guest.dir}/policy.txt", encoding="utf-8") as file:
            guest.load(file.read())
        guest.before = guest.hash()
        said = guest.ask("identity")
        show("\n".join(re.findall(r"^(?:stub-key|policy-hash|report-data) \w+", said, re.MULTILINE)))
        return guest, re.search(r"^stub-key (\w+)", said, re.MULTILINE)[1]
    except BaseException:
        guest.close()
        raise


def relay(guest):
    heading("11. The host carries bytes and has no key")
    os.symlink(guest.ring, f"{guest.dir}/vm.ring")
    command("cvmdbg relay --stub ring:vm.ring --listen unix:vm.gdb &")
    agent = Program([CVMDBG, "relay", "--stub", "ring:vm.ring", "--listen", "unix:vm.gdb"],
                    f"{guest.dir}/agent.log", cwd=guest.dir)
    agent.close = agent.stop
    guest.agents.append(agent)
    agent.log.wait_for(r"cvmdbg: relaying")


def connect_line(key, stub_key):
    return f"cvmdbg connect --key {key} --policy policy.txt --stub-key {stub_key} unix:vm.gdb"


def debug(guest, stub_key):
    heading("12. The owner's gdb")
    line = connect_line("owner.txt", stub_key)
    command(f"gdb vmlinux -ex 'target remote | {line}'")
    lines = ["monitor status", "break vfs_write", "continue", "bt 4", "delete",
             "print init_uts_ns.name.release", "monitor phys 0x100000 16",
             "set var jiffies = 0", "detach"]
    with happening(guest, "trouble leaf"):
        seen = session(guest, f"| {line.replace('cvmdbg', CVMDBG, 1)}", lines)
    show(seen)
    expect("channel sealed", answer(seen, "monitor status"), "the channel is not sealed")
    expect(r"Breakpoint 1, .*vfs_write", answer(seen, "continue"), "the breakpoint did not hit")
    expect("policy denies", answer(seen, "monitor phys 0x100000 16"), "denied memory was shown")
    expect(r"[Cc]annot access memory|not permitted", answer(seen, "set var jiffies = 0"),
           "a write was not refused")
    guest.check_whole()


def refuse(guest, stub_key):
    heading("13. Anybody else")
    user(guest, "keygen", "-o", "other.txt")
    line = connect_line("other.txt", stub_key)
    command(line)
    with subprocess.Popen([CVMDBG, *line.split()[1:]], cwd=guest.dir, stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        program.wait(30)
        said = program.stderr.read()
    show(said)
    expect("is no debugger of the guest's policy", said, "a stranger was let in")
    guest.check_whole()
    say("nothing was served, and the machine did not stop for it.")


def play():
    guest, stub_key = boot()
    with guest:
        relay(guest)
        debug(guest, stub_key)
        refuse(guest, stub_key)
