#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The sealed journey on a stock kernel: the owner's gdb, `cvmdbg connect`, a relay on the host, the ring,
the module. What the host can see of it is captured and searched."""

import re
import socket
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest

import amd
import stubvm
from debugger import gdb
from process import CVMDBG, run

RIGHTS = "allow regs.read regs.write mem.read mem.write run points monitor"
LINE_DIGITS = 1000  # a UART that is not read loses characters
SECRET = b"the owner's secret: nobody else may see this"


def keygen(path):
    """A key made by age's own tool; returns its public half."""
    run(["age-keygen", "-o", path])
    return run(["age-keygen", "-y", path]).stdout.strip()


class Tap:
    """What stands between owner and relay, as any host could: keeps every byte of both ways."""

    def __init__(self, path, target):
        self.seen, self.target = [b"", b""], target
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            relay = socket.socket(socket.AF_UNIX)
            relay.connect(self.target)
            for way in ((client, relay, 0), (relay, client, 1)):
                threading.Thread(target=self.carry, args=way, daemon=True).start()

    def carry(self, source, sink, way):
        try:
            while data := source.recv(1 << 16):
                self.seen[way] += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Sealed(unittest.TestCase):
    """A guest whose policy names one debugger; the tests are that debugger, or are not."""

    link, smp, append, words = "ring", 2, "loglevel=7", ()
    more = "on-panic stop;idle-timeout 20"

    def setUp(self):
        self.dir = self.enterContext(tempfile.TemporaryDirectory(prefix="cvm-"))
        self.key = f"{self.dir}/owner.txt"
        self.owner = keygen(self.key)
        self.policy = f"{self.dir}/policy.txt"
        self.write_policy(f"cvmdbg-policy 1;debugger {self.owner};{RIGHTS};{self.more}")

    def write_policy(self, text):
        self.text = text
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(self.text)

    def start(self):
        self.guest = stubvm.StubGuest(smp=self.smp, link=self.link, append=self.append, load=False)
        self.addCleanup(self.guest.close)
        self.guest.load(self.text.replace("\n", "\\n"))
        self.guest.before = self.guest.hash()
        said = self.guest.ask("identity")
        self.stub_key = re.search(r"^stub-key ([0-9a-f]{64})", said, re.MULTILINE)[1]
        self.report_data = bytes.fromhex(re.search(r"^report-data (\w{128})\b", said, re.MULTILINE)[1])
        self.specimen = self.guest.symbols_command("specimen")
        words = ("--qmp", self.guest.qmp) if "--qmp" in self.words else ()
        self.agent = self.guest.relay(*words)
        self.tap = Tap(f"{self.dir}/tap", self.agent.target)
        self.addCleanup(self.tap.close)

    def connect_argv(self, key=None, policy=None, trust=None):
        return [CVMDBG, "connect", "--key", key or self.key, "--policy", policy or self.policy,
                *(trust or ("--stub-key", self.stub_key)), f"unix:{self.dir}/tap"]

    def gdb(self, body, **who):
        body = f"run({self.specimen!r})\n{textwrap.dedent(body)}"
        return gdb(self.guest.elf, "| " + " ".join(self.connect_argv(**who)), body)

    def refused(self, **who):
        """What connect says when nobody lets it in."""
        with subprocess.Popen(self.connect_argv(**who), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as program:
            program.wait(30)
            self.assertEqual(program.returncode, 3)
            return program.stderr.read()


class Journey(Sealed):
    """The owner's whole session, and what the host got of it."""

    def test_session(self):
        """Breakpoint, memory, step, a second session; nothing in clear crossed the host."""
        self.start()
        stop = threading.Event()

        def again():
            while not stop.wait(0.3):
                self.guest.send("trouble leaf")

        thread = threading.Thread(target=again)
        thread.start()
        try:
            seen = self.gdb(f'''
                result("threads", run("info threads"))
                write(value("&specimen_buffer"), {SECRET!r})
                result("back", memory(value("&specimen_buffer"), {len(SECRET)}))
                result("stop", stop_at("specimen_leaf"))
                result("frames", backtrace())
                result("pc", value("$pc") % (1 << 64))
                run("stepi")
                result("status", run("monitor status"))
            ''')
        finally:
            stop.set()
            thread.join()
        self.assertEqual(bytes.fromhex(seen["back"]), SECRET)
        self.assertEqual(seen["frames"][0], "specimen_leaf")
        self.assertIn("channel sealed", seen["status"])
        crossed = b"".join(self.tap.seen)
        self.assertGreater(len(crossed), 1000)
        with open(self.guest.ring, "rb") as ring:
            crossed += ring.read()
        pc = seen["pc"].to_bytes(8, "little")
        for word in (SECRET, SECRET.hex().encode(), pc, pc.hex().encode(), b"qSupported", b"vCont",
                     b"swbreak", b"specimen"):
            self.assertNotIn(word, crossed)
        self.gdb('result("pc", value("$pc"))')
        self.guest.console.wait_for(f"cvmdbg_stub: debugger {self.owner} attached")
        self.guest.check_whole()

    def test_refusals(self):
        """Another key, another policy, another stub: each is told apart, and the guest runs on."""
        self.start()
        other = f"{self.dir}/other.txt"
        stranger = keygen(other)
        self.assertIn("is no debugger of the guest's policy", self.refused(key=other))
        self.guest.console.wait_for(f"cvmdbg_stub: debugger {stranger} refused")
        changed = f"{self.dir}/changed.txt"
        with open(changed, "w", encoding="utf-8") as file:
            file.write(self.text + "\n")
        self.assertRegex(self.refused(policy=changed), "policy")
        self.assertRegex(self.refused(trust=("--stub-key", "42" * 32)), "stub's key")
        self.guest.check_whole()

    def test_plain_is_not_spoken(self):
        """A gdb that knows nothing of seals gets nothing, and stops nothing."""
        self.start()
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(f"{self.dir}/tap")
            plain.settimeout(3)
            plain.sendall(b"$qSupported#37$?#3f$g#67\x03")
            with self.assertRaises(TimeoutError):
                self.assertEqual(plain.recv(100), b"")
                raise TimeoutError
        self.guest.check_whole()

    def test_denied(self):
        """Ranges that the policy denies: by name, by alias, by physical address."""
        self.write_policy(f"# lines, as cvmdbg-load hands them over\ncvmdbg-policy 1\n\n"
                          f"debugger {self.owner}  # the owner\n{RIGHTS}\n"
                          "deny mem phys:0x100000-0x101000\n")
        self.start()
        seen = self.gdb('''
            base = value("page_offset_base")
            result("alias", fails(f"x/gx {base + 0x100800:#x}"))
            result("beside", memory(base + 0x101000, 8))
            result("phys", run("monitor phys 0x100000 16"))
            result("write", fails(f"set *(char *){base + 0x100010:#x} = 1"))
        ''')
        self.assertEqual(len(seen["beside"]), 16)
        self.assertIn("policy denies", seen["phys"])
        self.guest.check_whole()


class Attested(Sealed):
    """Evidence in the guest. There is no AMD hardware: the test is the PSP, with keys of its own."""

    def show(self, evidence):
        """What cvmdbg-attest does: hands the evidence to the module."""
        text = evidence.hex()
        for start in range(0, len(text), LINE_DIGITS):
            self.guest.ask(f"evidence {text[start:start + LINE_DIGITS]}")
        self.guest.ask("evidence")

    def test_evidence(self):
        """Nobody gets the owner's key shown but the stub of the measured guest with this policy."""
        self.start()
        chain = amd.Chain(self.dir)
        trust = ("--ark", chain.ark, "--measurement", "3e" * 48)
        self.assertIn("evidence missing", self.refused(trust=trust))
        table = chain.table("ask", "vcek")
        self.show(amd.evidence(chain.report(report_data=bytes(64)), table))
        self.assertIn("REPORT_DATA differs", self.refused(trust=trust))
        self.show(amd.evidence(chain.report(report_data=self.report_data, policy=0xb0000), table))
        self.assertRegex(self.refused(trust=trust), "(?i)debug")
        self.show(amd.evidence(chain.report(report_data=self.report_data), table))
        wrong = ("--ark", chain.ark, "--measurement", "00" * 48)
        self.assertIn("the measurement differs", self.refused(trust=wrong))
        old = (*trust, "--min-tcb", "snp=25")
        self.assertIn("--min-tcb wants 25", self.refused(trust=old))
        seen = self.gdb('result("pc", value("$pc"))', trust=trust)
        self.assertNotEqual(seen["pc"], 0)
        # A policy that was swapped, and a key that was: the report vouches for neither.
        self.guest.ask("unload")
        self.guest.load(self.text)
        self.show(amd.evidence(chain.report(report_data=self.report_data), table))
        self.assertIn("REPORT_DATA differs", self.refused(trust=trust))
        self.guest.check_whole()


class Dying(Sealed):
    """The handshake where no thread runs any more."""

    append = "loglevel=7 sysctl.kernel.panic_on_oops=0"

    def test_panic(self):
        """Nobody was there when the kernel died; the owner comes later."""
        self.start()
        self.guest.send("sysrq c")
        self.guest.wait_stopped()
        seen = self.gdb('''
            result("frames", backtrace())
            result("last", run("monitor lastpanic"))
        ''')
        self.assertEqual(seen["frames"][0], "panic")


class Spin(Sealed):
    """The only CPU spins with interrupts off: handshake and all in NMIs."""

    smp, words = 1, ("--qmp",)

    def test_spin(self):
        self.start()
        self.guest.send("trouble spin")
        time.sleep(0.5)
        seen = self.gdb('''
            result("frames", backtrace())
            write(value("&specimen_release"), b"\\1")
        ''')
        self.assertIn("specimen_spin", seen["frames"])
        self.guest.check_whole()


class Serial(Sealed):
    """The same over a UART."""

    link = "serial"

    def test_serial(self):
        self.start()
        seen = self.gdb('''
            result("frames", backtrace())
            result("version", memory(value("&linux_banner"), 13))
        ''')
        self.assertEqual(bytes.fromhex(seen["version"]), b"Linux version")
        self.guest.check_whole()


if __name__ == "__main__":
    unittest.main()
