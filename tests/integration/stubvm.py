# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Guests that debug themselves: a stock Debian kernel with the stub's module in it.

    with stubvm.StubGuest() as guest:             # 4 vCPUs, a ring, the module loaded
        with guest.relay() as agent:              # cvmdbg relay
            seen = debugger.gdb(guest.elf, agent.target, "...")
        guest.check_whole()

The guest obeys lines on its console (tests/guest/stub/init.c); its text is compared with what it was
before the first debugger came.
"""

import re
import socket
import threading
import time

import rsp
import vm
from process import CVMDBG, Program, Timeout, is_listening, run, wait_for

POLICY = ("cvmdbg-policy 1;allow regs.read regs.write mem.read mem.write run points monitor;"
          "channel plain;on-panic stop;idle-timeout 20")
RING_BYTES = 1 << 20
TEXT_LINK = 0xffffffff81000000


class StubLinux:
    """What vm.Guest asks of a specimen."""
    name = "stub"
    memory = 512 << 20
    ready = r"^cvmdbg-guest: ready"
    elf = f"{vm.GUESTS}/vmlinux"
    shared = None


vm.SPECIMENS["stub"] = StubLinux


class StubGuest(vm.Guest):
    """A guest with the stub.

    kind     "cloud", "generic" (6.1) or "next" (a newer series)
    smp      vCPUs
    link     "ring", "serial" (a UART behind a socket), "pty" (behind a terminal) or None (no device: to
             be hot-plugged)
    load     load the module at once, with POLICY
    """

    def __init__(self, kind="cloud", smp=4, link="ring", load=True, append="", **rest):
        self.kind, self.smp, self.link, self.append = kind, smp, link, append
        self.unbound = False
        self.folder = f"{vm.GUESTS}/{kind}"
        super().__init__("stub", **rest)
        try:
            self.console_in = socket.socket(socket.AF_UNIX)
            self.console_in.connect(f"{self.dir}/console")
            threading.Thread(target=self.drain, daemon=True).start()
            if load:
                self.load()
                self.before = self.hash()
        except BaseException:
            self.close()
            raise

    def qemu_argv(self, ram, la57):
        argv = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
                "-smp", str(self.smp), "-m", f"{self.memory >> 20}M", "-machine", "pc,memory-backend=ram",
                "-object", f"memory-backend-memfd,id=ram,size={self.memory},share=on",
                "-accel", "tcg,thread=multi", "-cpu", "max,la57=off",
                "-chardev", f"socket,id=console,path={self.dir}/console,server=on,wait=off,"
                f"logfile={self.dir}/serial", "-serial", "chardev:console",
                "-kernel", f"{self.folder}/vmlinuz", "-initrd", f"{self.folder}/stub.gz",
                "-append", f"console=ttyS0 quiet panic=0 oops=panic {self.append}"]
        self.ring = f"{self.dir}/ring"
        if self.link == "ring":
            argv += ["-object", f"memory-backend-file,id=ring,mem-path={self.ring},size={RING_BYTES},"
                     "share=on", "-device", "ivshmem-plain,memdev=ring"]
        if self.uart:
            backend = {"serial": f"socket,path={self.dir}/ttyS1,server=on,wait=off", "pty": "pty"}
            argv += ["-chardev", f"{backend[self.link]},id=stub", "-serial", "chardev:stub"]
        return argv

    def drain(self):
        """What the guest prints is in the log; QEMU blocks when nobody takes it from the socket."""
        try:
            while self.console_in.recv(65536):
                pass
        except OSError:
            pass

    # --- the guest's own words ---

    def ask(self, line, timeout=30.0):
        """A line for the console; returns what the guest printed until it was done."""
        mark = len(self.console.text())
        self.console_in.sendall(line.encode() + b"\n")
        word = re.escape(line.split()[0])

        def answer():
            text = self.console.text()[mark:]
            return text if re.search(rf"^(done|failed) {word}\b.*\n", text, re.MULTILINE) else None

        text = wait_for(answer, f"the guest to answer {line!r}", timeout)
        if re.search(rf"^failed {word}", text, re.MULTILINE):
            raise AssertionError(text)
        return text

    def send(self, line):
        """A line whose answer is not waited for."""
        self.console_in.sendall(line.encode() + b"\n")

    def load(self, policy=POLICY, extra=""):
        serial = "serial=0x2f8" if self.uart else ""
        if serial and not self.unbound:
            self.ask("unbind 2f8")
            self.unbound = True
        self.ask(f'load policy="{policy}" {serial} {extra}')

    def symbols_command(self, module):
        """gdb's add-symbol-file line for "specimen" or "cvmdbg_stub"."""
        found = re.findall(r"^section (\S+) (0x[0-9a-f]+)", self.ask(f"sections {module}"), re.MULTILINE)
        places = " ".join(f"-s {name} {address}" for name, address in found)
        return f"add-symbol-file {self.folder}/{module}.ko {places}"

    def module_symbols(self, module):
        """Name -> address of what lies in the module's .text, .data and .bss."""
        base = {name: int(address, 16) for name, address in
                re.findall(r"^section (\S+) (0x[0-9a-f]+)", self.ask(f"sections {module}"), re.MULTILINE)}
        found = {}
        for line in run(["objdump", "-t", f"{self.folder}/{module}.ko"]).stdout.splitlines():
            row = line.split()
            if len(row) >= 5 and row[-3] in base:
                found[row[-1]] = base[row[-3]] + int(row[0], 16)
        return found

    def hash(self):
        return re.search(r"^hash ([0-9a-f]+)", self.ask("hash"), re.MULTILINE)[1]

    def check_whole(self):
        """The guest runs, and its text is what it was before any debugger came."""
        self.check_alive()
        after = self.hash()
        assert after == self.before, f"kernel text differs: {after}, was {self.before}"
        assert "BUG:" not in self.console.text(), self.console.tail()

    def wait_stopped(self):
        """The guest is silent for longer than it ever is by itself."""
        def silent():
            mark = self.console.mark()
            time.sleep(1)
            return self.console.mark() == mark

        wait_for(silent, "the guest to stop", 30)

    # --- the host's side ---

    @property
    def uart(self):
        return self.link in ("serial", "pty")

    @property
    def stub(self):
        """What --stub takes."""
        if self.link == "serial":
            return f"unix:{self.dir}/ttyS1"
        if self.link == "pty":
            with self.monitor() as qmp:
                backends = {row["label"]: row["filename"] for row in qmp.execute("query-chardev")}
            return backends["stub"].replace("pty:", "serial:")
        return f"ring:{self.ring}"

    def start(self, command, *words):
        agent = StubAgent(self, command, words)
        self.agents.append(agent)
        agent.wait_listening()
        return agent

    def relay(self, *words):
        return self.start("relay", *words)

    def serve_stub(self, *words):
        return self.start("serve", *words)

    def close(self):
        if getattr(self, "console_in", None):
            self.console_in.close()
        super().close()


class Client(rsp.Client):
    """A debugger's packets: connected, the machine is stopped."""

    def __init__(self, address, **rest):
        super().__init__(address, **rest)
        self.request("qSupported:swbreak+;hwbreak+;multiprocess+")
        self.stop = self.request("?")

    def slide(self):
        """What KASLR adds to the addresses of the kernel's ELF file."""
        return int(re.search(rb"TextSeg=([0-9a-f]+)", self.request("qOffsets"))[1], 16) - TEXT_LINK

    def demand(self, packet):
        reply = self.request(packet)
        assert reply == b"OK", f"{packet}: {reply}"

    def go(self, packet="vCont;c"):
        self.stop = self.request(packet)
        return self.stop

    @property
    def thread(self):
        """Number of the CPU that has stopped, beginning with 1."""
        return int(re.search(rb"thread:p1\.([0-9a-f]+)", self.stop)[1], 16)

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.request("g")[256:272].decode()), "little")

    def pass_over(self, addr):
        """Step the stopped CPU off its breakpoint as gdb does."""
        thread = self.thread
        self.demand(f"z0,{addr:x},1")
        self.go(f"vCont;s:p1.{thread:x}")
        self.demand(f"Z0,{addr:x},1")


class StubAgent:
    """A running `cvmdbg relay` or `cvmdbg serve --stub`."""

    def __init__(self, guest, command, words):
        self.target = f"{guest.dir}/gdb{len(guest.agents)}"
        argv = [CVMDBG, command, "--stub", guest.stub, "--listen", f"unix:{self.target}", *words]
        self.program = Program(argv, f"{self.target}.log")
        self.pid = self.program.pid
        self.log = self.program.log

    def wait_listening(self, timeout=30.0):
        def listening():
            if not self.program.is_running():
                raise AssertionError(f"cvmdbg ended with {self.program.wait()}\n{self.log.tail()}")
            return is_listening(self.target)

        try:
            wait_for(listening, f"cvmdbg to listen on {self.target}", timeout)
        except Timeout as error:
            raise Timeout(f"{error}\n{self.log.tail()}") from None

    def close(self):
        return self.program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
