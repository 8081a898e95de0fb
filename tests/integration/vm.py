# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The vocabulary of the integration tests: guests, and the agent beside them.

    with vm.Guest("tiny", sev="sev") as guest:    # an encrypted VM on the emulated SEV host
        with guest.serve() as agent:              # cvmdbg serve
            seen = debugger.gdb(guest.elf, agent.target, "result('pc', value('$pc'))")
        guest.check_alive()

With CVMDBG_HW=sev or sev-es an encrypted guest is launched under KVM on the real thing, without
sevsim.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import tempfile

from process import (B, CVMDBG, GUESTS, SEVSIM, Log, Program, Timeout, is_alive, is_listening, run,
                     wait_for)

__all__ = ["B", "CVMDBG", "GUESTS", "SEVSIM", "Guest", "Linux", "Qmp", "Tiny", "symbols"]

HARDWARE = os.environ.get("CVMDBG_HW")
CBIT = os.environ.get("CVMDBG_CBIT", "51")  # CPUID 0x8000001f, EBX bits 5:0
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"

# Launch policies that allow debugging (facts/sev-host.md): NODBG clear; SNP bits 17 and 19.
POLICY = {"sev": 0x0, "sev-es": 0x4, "snp": 0xb0000}
VCPUS = 2


class Tiny:
    """tests/guest/tiny: bare metal, up in less than a second. Its layout.h, for tests."""
    name = "tiny"
    memory = 32 << 20
    ready = r"^tiny: ready"
    elf = f"{GUESTS}/tiny.elf"
    bulk = (0x400000, 8 << 20)
    kernel_pa = 0x1400000
    kernel_va = 0xffffffff81000000
    shared = (0x1800000, 2 << 20)
    direct_va = 0xffff888000000000
    gib_va = 0x40000000
    la57_va = 0xff11000000000000
    lapic_pa = 0xfee00000
    # Eight 4 KiB pages: private, shared, hole, private, MMIO, hole, private, private.
    edges_va = 0xffffc90000000000
    edges_pa = (0x405000, 0x1800000, None, 0x405000, 0xfed00000, None, 0xbff000, 0x405000)

    @staticmethod
    def boot(la57):
        return ["-kernel", Tiny.elf, "-append", "la57" if la57 else "-"]

    @staticmethod
    def pattern(gpa, length):
        """What the guest wrote to [gpa, gpa + length) of the bulk or the shared range."""
        base = 0x5348415200000000 if gpa >= Tiny.shared[0] else 0x5052495600000000
        start = gpa & ~7
        words = range(start, gpa + length, 8)
        data = struct.pack(f"<{len(words)}Q", *(word + base for word in words))
        return data[gpa - start:gpa - start + length]


class Linux:
    """A stock Debian kernel, KASLR on, with tests/guest/linux as its only program."""
    name = "linux"
    memory = 256 << 20
    ready = r"^cvmdbg-guest: ready"
    elf = f"{GUESTS}/vmlinux"
    shared = None

    @staticmethod
    def boot(la57):
        # The stock kernel uses five levels whenever the CPU has them.
        del la57
        return ["-kernel", f"{GUESTS}/vmlinuz", "-initrd", f"{GUESTS}/initramfs.gz",
                "-append", "console=ttyS0 quiet panic=0"]


SPECIMENS = {"tiny": Tiny, "linux": Linux}


class Qmp:
    """A QMP session. QEMU serves one client at a time: close it before the agent connects."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.events = []
        self.receive()
        self.execute("qmp_capabilities")

    def receive(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("QMP: QEMU closed the connection")
        return json.loads(line)

    def execute(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            reply = self.receive()
            if "event" in reply:
                self.events.append(reply)
            elif "error" in reply:
                raise RuntimeError(f"QMP: {command}: {reply['error']['desc']}")
            else:
                return reply["return"]

    def hmp(self, line):
        return self.execute("human-monitor-command", **{"command-line": line})

    def status(self):
        return self.execute("query-status")["status"]

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def symbols(elf):
    """Name -> address of every symbol (sensible for the tiny guest, which is not relocated)."""
    rows = (line.split() for line in run(["nm", elf]).stdout.splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


class Guest:
    """A running VM. Boots on creation, ends with close() or its `with` block.

    specimen  "tiny" or "linux"
    sev       None (not encrypted: the twin for comparisons), "sev", "sev-es" or "snp"
    policy    launch policy; by default one that allows debugging
    ram       "memfd" (shared, so the mirror route works) or "anonymous"
    la57      five page-table levels
    gdbstub   open QEMU's gdbstub at launch, at self.gdbstub
    memory    bytes of RAM; by default what the specimen needs
    sevsim, qemu   more arguments for the two
    """

    def __init__(self, specimen="tiny", sev=None, policy=None, ram="memfd", la57=False,
                 gdbstub=False, memory=None, sevsim=(), qemu=()):
        self.specimen = SPECIMENS[specimen]
        self.sev = HARDWARE if HARDWARE and sev else sev
        self.policy = POLICY.get(self.sev) if policy is None else policy
        self.emulated = self.sev is not None and not HARDWARE
        self.elf = self.specimen.elf
        self.memory = memory or self.specimen.memory
        # Short: the path of a unix socket has 107 characters at most.
        self.dir = tempfile.mkdtemp(prefix="cvm-", dir="/tmp")
        self.qmp = f"{self.dir}/qmp"
        self.gdbstub = f"{self.dir}/stub" if gdbstub else None
        self.agents = []
        self.program = None
        self.pid = 0
        try:
            self.launch(ram, la57, list(sevsim), list(qemu))
        except BaseException:
            self.close()
            raise

    def launch(self, ram, la57, sevsim, qemu):
        argv = self.qemu_argv(ram, la57) + qemu
        if self.emulated:
            argv = self.sevsim_argv() + sevsim + ["--"] + argv
        else:
            argv += ["-qmp", f"unix:{self.qmp},server=on,wait=off"]
            if self.gdbstub:
                argv += ["-gdb", f"unix:{self.gdbstub},server=on,wait=off"]
        self.program = Program(argv, f"{self.dir}/host.log")
        self.console = Log(f"{self.dir}/serial", self.program.is_running)
        try:
            if self.emulated:
                self.pid = int(self.program.log.wait_for(r"^sevsim: ready .*\bpid=(\d+)")[1])
            else:
                self.pid = self.program.pid
            self.console.wait_for(self.specimen.ready, timeout=60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.program.log.tail()}") from None

    def qemu_argv(self, ram, la57):
        size = self.memory
        argv = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
                "-smp", str(VCPUS), "-m", f"{size >> 20}M", "-serial", f"file:{self.dir}/serial"]
        machine = "q35"
        if ram == "memfd":
            argv += ["-object", f"memory-backend-memfd,id=ram,size={size},share=on"]
            machine += ",memory-backend=ram"
        if HARDWARE and self.sev:
            machine += ",accel=kvm,confidential-guest-support=sev0"
            argv += ["-object", f"sev-guest,id=sev0,cbitpos={CBIT},reduced-phys-bits=1,"
                     f"policy={self.policy:#x}", "-cpu", "host",
                     "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}"]
        else:
            argv += ["-accel", "tcg", "-cpu", "max" if la57 else "max,la57=off"]
        return argv + ["-machine", machine] + self.specimen.boot(la57)

    def sevsim_argv(self):
        argv = [SEVSIM, "run", "--type", self.sev, "--policy", f"{self.policy:#x}",
                "--dir", self.dir]
        if self.specimen.shared:
            argv += ["--shared", "{:#x}+{:#x}".format(*self.specimen.shared)]
        if self.gdbstub:
            argv += ["--gdb", f"unix:{self.gdbstub}"]
        return argv

    # --- the guest itself ---

    def monitor(self):
        """A QMP session for a `with` block."""
        return Qmp(self.qmp)

    def beat(self, timeout=20.0):
        """Wait for a heartbeat that begins after this call; return its number."""
        return int(self.console.wait_next(r"^alive (\d+)", timeout)[1])

    def check_alive(self):
        """The guest goes on, and nothing was left in it."""
        self.console.wait_next(r"^alive \d+")
        beat = self.console.wait_next(r"^alive \d+")[0]
        assert "CHANGED" not in beat, f"the guest's text differs from what it was: {beat}"
        assert "UNEXPECTED" not in self.console.text(), self.console.tail()

    def check_silent(self, seconds=0.5):
        """The guest is stopped: no heartbeat in a time in which several were due."""
        try:
            self.console.wait_next(r"^alive", seconds)
        except Timeout:
            return
        raise AssertionError("the guest runs")

    def vmcoreinfo(self):
        """Physical address of the VMCOREINFO note, as the guest announced it."""
        return int(self.console.wait_for(r"^vmcoreinfo: (0x[0-9a-f]+)")[1], 16)

    def ram_path(self):
        """Guest RAM as a file that the host's user may read: QEMU's descriptor of the memfd."""
        fds = f"/proc/{self.pid}/fd"
        for fd in os.listdir(fds):
            if os.readlink(f"{fds}/{fd}").startswith("/memfd:memory-backend-memfd"):
                return f"{fds}/{fd}"
        raise AssertionError("no memfd among QEMU's descriptors")

    def raw(self, gpa, length):
        """Guest RAM as the host sees it: ciphertext where a stopped guest is encrypted."""
        with open(self.ram_path(), "rb") as file:
            file.seek(gpa)
            return file.read(length)

    # --- the emulated SEV host ---

    def control(self, *words):
        """`sevsim ctl` with these words; return its JSON."""
        done = run([SEVSIM, "ctl", "--dir", self.dir, *words])
        assert done.returncode == 0, f"sevsim ctl {' '.join(words)}: {done.stderr or done.stdout}"
        return json.loads(done.stdout)

    def stats(self):
        return self.control("stats")

    def fault(self, **spec):
        return self.control("fault", json.dumps(spec))

    def plaintext(self, gpa, length):
        """The truth about guest memory, from sevsim and not from the agent."""
        return bytes.fromhex(self.control("plaintext", f"{gpa:#x}", str(length))["hex"])

    # --- the agent ---

    def agent_argv(self, *words):
        argv = [CVMDBG, *words]
        return [SEVSIM, "exec", "--dir", self.dir, "--", *argv] if self.emulated else argv

    def cvmdbg(self, command, *words, timeout=60.0):
        """Run `cvmdbg COMMAND --qmp ...` to its end; return subprocess.CompletedProcess."""
        return run(self.agent_argv(command, "--qmp", self.qmp, *words), timeout)

    def info(self):
        """`cvmdbg info --json`, decoded."""
        done = self.cvmdbg("info", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_agent(self, *words):
        """Start `cvmdbg serve`; it may not listen yet."""
        agent = Agent(self, f"{self.dir}/gdb{len(self.agents)}", words)
        self.agents.append(agent)
        return agent

    def serve(self, *words):
        """Start `cvmdbg serve` and wait until it listens."""
        agent = self.start_agent(*words)
        agent.wait_listening()
        return agent

    def wait_unlocked(self, timeout=20.0):
        """Wait until no agent and no keeper holds the VM: the lock is on /proc/PID/mem."""
        def unlocked():
            with open(f"/proc/{self.pid}/mem", "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
            return True

        wait_for(unlocked, "the agent to let go of the VM", timeout)

    # --- the end ---

    def close(self):
        for agent in self.agents:
            agent.close()
        if self.program:
            self.program.stop()
        if self.pid and is_alive(self.pid):
            os.kill(self.pid, 9)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Agent:
    """A running `cvmdbg serve`; target is its socket, which is what gdb's `target remote` takes."""

    def __init__(self, guest, target, words):
        self.target = target
        argv = guest.agent_argv("serve", "--qmp", guest.qmp, "--listen", f"unix:{target}", *words)
        self.program = Program(argv, f"{target}.log")
        self.pid = self.program.pid
        self.log = self.program.log

    def wait_listening(self, timeout=30.0):
        def listening():
            if not self.program.is_running():
                raise AssertionError(f"cvmdbg serve ended with {self.program.wait()}\n"
                                     f"{self.log.tail()}")
            return is_listening(self.target)

        try:
            wait_for(listening, f"cvmdbg to listen on {self.target}", timeout)
        except Timeout as error:
            raise Timeout(f"{error}\n{self.log.tail()}") from None

    def close(self):
        """End it the polite way; return the exit status."""
        return self.program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
