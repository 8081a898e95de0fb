#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The owner's `cvmdbg connect` against a host that attacks: it sits between, in Python, and tampers.

The stub is the shipped core in a toy machine behind a socket (tests/interop/sealed_stub.c). Whatever
the host does, the owner's client ends with a reason or goes on right; it never hangs, and nothing
that crosses the host is readable.
"""

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import rsp
from debugger import gdb_commands, lldb
from process import B, CVMDBG, Program, is_listening, wait_for

STUB = f"{B}/interop/sealed_stub"
TO_STUB, TO_OWNER = "to stub", "to owner"
# Of protocol/link.h: 20 s for a handshake.
PATIENCE_S = 30
TEXT, PLAIN = 0xffffffff81000000, 0xffff888000010000


def frames(data):
    """The complete frames at the start of data, and what is left: '$' is escaped inside of them."""
    found = re.findall(rb"\$[^#]*#..", data, re.DOTALL)
    return found, data[sum(map(len, found)):] if found and data.startswith(found[0]) else data


def body(frame):
    return rsp.Client.unescape(frame[1:-3])


def framed(data):
    escaped = b"".join(b"}" + bytes([c ^ 0x20]) if c in b"#$}*" else bytes([c]) for c in data)
    return b"$" + escaped + b"#%02x" % (sum(escaped) % 256)


class Host:
    """Between owner and stub. tamper(direction, number, frame): the frames that go on instead."""

    def __init__(self, path, stub, tamper):
        self.path, self.stub, self.tamper = path, stub, tamper
        self.seen = {TO_STUB: b"", TO_OWNER: b""}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                owner = self.listener.accept()[0]
            except OSError:
                return
            with owner:
                self.carry(owner)

    def carry(self, owner):
        with socket.socket(socket.AF_UNIX) as stub:
            if self.stub:
                stub.connect(self.stub)
            ways = {owner: (stub, TO_STUB), stub: (owner, TO_OWNER)}
            left, count = {TO_STUB: b"", TO_OWNER: b""}, {TO_STUB: 0, TO_OWNER: 0}
            while True:
                sources = list(ways) if self.stub else [owner]
                for source in select.select(sources, [], [])[0]:
                    sink, way = ways[source]
                    try:
                        data = source.recv(65536)
                        if not data:
                            return
                        self.seen[way] += data
                        whole, left[way] = frames(left[way] + data)
                        for frame in whole:
                            for out in self.tamper(way, count[way], frame):
                                # What the host makes up for the other side comes with a direction.
                                to, out = out if isinstance(out, tuple) else (way, out)
                                (sink if to == way else source).sendall(out)
                            count[way] += 1
                    except (OSError, EOFError):
                        return

    def close(self):
        self.listener.close()


def honest(_way, _number, frame):
    return [frame]


class Owner:
    """`cvmdbg connect` on stdio, and a very small debugger."""

    def __init__(self, *words):
        self.process = subprocess.Popen([CVMDBG, "connect", *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.data = b""

    def say(self, packet):
        try:
            self.process.stdin.write(framed(packet.encode()))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def ask(self, packet, timeout=PATIENCE_S):
        """The reply's text; None when the client has ended first."""
        self.say(packet)
        deadline = time.monotonic() + timeout
        while not re.search(rb"\$[^#]*#..", self.data, re.DOTALL):
            if not select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]:
                raise AssertionError(f"{packet}: neither an answer nor an end")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.data += data
        start, end = self.data.index(b"$"), self.data.index(b"#") + 3
        reply, self.data = self.data[start:end], self.data[end:]
        return body(reply)

    def end(self, timeout=PATIENCE_S):
        """Closes its input; exit status and what it said."""
        try:
            _, said = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, said.decode()

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class HostileBase(unittest.TestCase):
    """Keys, a policy and a sealed stub."""

    evidence = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="cvm-")
        cls.key, public = cls.make_key("owner")
        cls.policy = cls.make_policy("policy", public)
        cls.stub, cls.stub_key = cls.start_stub("stub", cls.policy)

    @classmethod
    def tearDownClass(cls):
        for process in getattr(cls, "stubs", []):
            process.kill()
            process.wait()
            process.stdout.close()
        shutil.rmtree(cls.dir)

    @classmethod
    def make_key(cls, name):
        path = f"{cls.dir}/{name}.txt"
        subprocess.run([CVMDBG, "keygen", "-o", path], check=True, capture_output=True)
        return path, subprocess.run([CVMDBG, "keygen", "-y", path], check=True, text=True,
                                    capture_output=True).stdout.strip()

    @classmethod
    def make_policy(cls, name, public):
        path = f"{cls.dir}/{name}"
        with open(path, "w", encoding="ascii") as file:
            file.write(f"cvmdbg-policy 1\ndebugger {public}\n"
                       "allow regs.read regs.write mem.read mem.write run points monitor\n")
        return path

    @classmethod
    def start_stub(cls, name, policy, *words):
        path = f"{cls.dir}/{name}"
        process = subprocess.Popen([STUB, path, policy, *words], stdout=subprocess.PIPE, text=True)
        cls.stubs = [*getattr(cls, "stubs", []), process]
        return path, process.stdout.readline().split()[1]

    def host(self, tamper=honest, stub=None):
        path = f"{self.dir}/host-{time.monotonic_ns()}"
        host = Host(path, self.stub if stub is None else stub, tamper)
        self.addCleanup(host.close)
        return host

    def words(self, host, key=None, policy=None, stub_key=None):
        return ("--key", key or self.key, "--policy", policy or self.policy,
                "--stub-key", stub_key or self.stub_key, f"unix:{host.path}")

    def owner(self, *words):
        owner = Owner(*words)
        self.addCleanup(owner.close)
        return owner

    def check_refused(self, host, reason, status=3, **other):
        """The owner's client ends by itself, with a status and a reason."""
        owner = self.owner(*self.words(host, **other))
        self.assertIsNone(owner.ask("?"))
        found, said = owner.end()
        self.assertEqual(found, status, said)
        self.assertRegex(said, reason)
        return said

    def check_sound(self):
        """The stub serves the next one who is honest."""
        owner = self.owner(*self.words(self.host()))
        self.assertRegex(owner.ask("?"), rb"^T02")
        self.assertEqual(owner.ask("D"), b"OK")
        self.assertEqual(owner.end()[0], 0)


class Handshake(HostileBase):
    """Before there is a session."""

    # Our own patience, or that of a stub that hears nothing it understands.
    NOBODY = "nobody has answered within 20 s|the stub is gone"

    def test_honest(self):
        self.check_sound()

    def test_flips(self):
        """Every byte of each of the three messages, one flipped bit at a time."""
        for way, number, step in ((TO_STUB, 0, 1), (TO_OWNER, 0, 1), (TO_STUB, 1, 1)):
            length, at = 1, 0
            while at < length:
                sizes = []

                def tamper(direction, count, frame, way=way, number=number, at=at, sizes=sizes):
                    if (direction, count) != (way, number):
                        return [frame]
                    data = bytearray(body(frame))
                    sizes.append(len(data))
                    data[at] ^= 1 << at % 8
                    return [framed(data)]

                owner = self.owner(*self.words(self.host(tamper)))
                # Dropped and begun anew, or refused; what was changed never counts.
                reply = owner.ask("?")
                self.assertTrue(reply is None or reply.startswith(b"T02"), reply)
                if reply is None:
                    status, said = owner.end()
                    self.assertEqual(status, 3)
                    self.assertRegex(said, "refused|broken|nobody", f"{way} {number} byte {at}")
                else:
                    owner.ask("D")
                owner.close()
                self.assertTrue(sizes)
                length, at = sizes[0], at + step + length // 24
        self.check_sound()

    def test_silence(self):
        """Nobody answers, and everything is dropped: it gives up in time."""
        started = time.monotonic()
        self.check_refused(self.host(lambda *_: []), self.NOBODY, 1)
        self.assertLess(time.monotonic() - started, PATIENCE_S)
        # No stub at all behind the socket.
        self.check_refused(self.host(lambda *_: [], stub=""), "nobody has answered within 20 s", 1)

    def test_closed(self):
        def tamper(*_):
            raise EOFError
        owner = self.owner(*self.words(self.host(tamper)))
        self.assertIsNone(owner.ask("?"))
        status, said = owner.end()
        self.assertEqual(status, 1)
        self.assertIn("the stub is gone", said)

    def test_other_stub(self):
        """Somebody with a key of his own and the right policy answers in the stub's place."""
        other, _ = self.start_stub("impostor", self.policy)
        self.check_refused(self.host(stub=other), r"refused: .*(stub|guest).*key")

    def test_other_policy(self):
        """The guest's policy is another one: both hashes are told."""
        _, public = self.make_key("second")
        other, key = self.start_stub("swapped", self.make_policy("other", public))
        said = self.check_refused(self.host(stub=other), "refused: .*policy", stub_key=key)
        self.assertRegex(said, r"the guest's policy +[0-9a-f]{64}")
        self.assertRegex(said, r"yours +[0-9a-f]{64}")

    def test_other_key(self):
        stranger, _ = self.make_key("stranger")
        self.check_refused(self.host(), "this key is no debugger of the guest's policy", key=stranger)
        self.check_sound()

    def test_downgrade(self):
        """A plain stub, or a host that says there is none but a plain one: nothing is said in clear."""
        def tamper(way, _number, _frame):
            return [(TO_OWNER, b"+" + framed(b"T02thread:p1.1;") + framed(b"OK"))] \
                if way == TO_STUB else []
        host = self.host(tamper)
        self.check_refused(host, self.NOBODY, 1)
        for frame in frames(host.seen[TO_STUB])[0]:
            self.assertEqual(body(frame)[:1], b"1")

    def test_lengths(self):
        """Frames of all sizes, endless ones among them, in place of the stub's first answer."""
        endless = b"$2" + b"x" * 200000
        for data in (framed(b""), framed(b"2"), framed(b"2" + bytes(40)), framed(b"2" + bytes(20000)),
                     framed(b"2\x01" + bytes(25000)), endless, framed(b"r" + bytes(18000)),
                     framed(b"3" + bytes(64)), b"#" * 4000, os.urandom(100000)):
            with self.subTest(data=data[:24], length=len(data)):
                sent = []

                def tamper(way, _number, frame, data=data, sent=sent):
                    if way == TO_OWNER and not sent:
                        sent.append(True)
                        return [data, frame]
                    return [frame]

                owner = self.owner(*self.words(self.host(tamper)))
                reply = owner.ask("?")
                if reply is None:
                    self.assertEqual(owner.end()[0], 3)
                else:
                    self.assertRegex(reply, rb"^T02")
                    owner.ask("D")
                owner.close()
        self.check_sound()


class Session(HostileBase):
    """Inside one."""

    def check_breaks(self, tamper):
        """After a sound start the tampering ends the session, told as what it is."""
        state = {"on": False}
        host = self.host(lambda way, number, frame:
                         tamper(way, number, frame) if state["on"] else [frame])
        owner = self.owner(*self.words(host))
        self.assertRegex(owner.ask("?"), rb"^T02")
        state["on"] = True
        for _ in range(3):
            if owner.ask(f"m{PLAIN:x},40") is None:
                break
        else:
            self.fail("the session has survived")
        status, said = owner.end()
        # Who notices first: the owner's end, or the stub, which hangs up.
        self.assertRegex(said, "link has broken" if status == 3 else "the stub is gone")
        self.check_sound()

    @staticmethod
    def only(way, change):
        return lambda direction, _number, frame: change(frame) if direction == way else [frame]

    def test_flip(self):
        def change(frame):
            data = bytearray(body(frame))
            data[len(data) // 2] ^= 0x10
            return [framed(data)]
        self.check_breaks(self.only(TO_OWNER, change))
        self.check_breaks(self.only(TO_STUB, change))

    def test_truncate(self):
        self.check_breaks(self.only(TO_OWNER, lambda frame: [framed(body(frame)[:-9])]))
        self.check_breaks(self.only(TO_STUB, lambda frame: [framed(body(frame)[:-9])]))

    def test_lengthen(self):
        self.check_breaks(self.only(TO_OWNER, lambda frame: [framed(body(frame) + bytes(30000))]))

    def test_replay(self):
        self.check_breaks(self.only(TO_OWNER, lambda frame: [frame, frame]))
        self.check_breaks(self.only(TO_STUB, lambda frame: [frame, frame]))

    def test_reflect(self):
        self.check_breaks(lambda way, _number, frame: [(TO_OWNER, frame)] if way == TO_STUB else [])

    def test_drop_and_reorder(self):
        """A record that is withheld: the next one shows it. Two that have changed places, too."""
        for change in (lambda held: held[1:], lambda held: held[::-1]):
            held = []

            def tamper(way, _number, frame, held=held, change=change):
                if way != TO_STUB:
                    return [frame]
                held.append(frame)
                return change(held[:2]) if len(held) == 2 else [] if len(held) < 2 else [frame]

            state = {"on": False}
            host = self.host(lambda *a, tamper=tamper, state=state: tamper(*a) if state["on"] else [a[2]])
            owner = self.owner(*self.words(host))
            self.assertRegex(owner.ask("?"), rb"^T02")
            state["on"] = True
            owner.say(f"m{PLAIN:x},40")
            time.sleep(0.1)
            self.assertIsNone(owner.ask(f"m{PLAIN:x},40"))
            self.assertIn(owner.end()[0], (1, 3))
            self.check_sound()

    def test_splice(self):
        """Records of an earlier session with the same keys, in place of this one's."""
        old = []

        def record(way, _number, frame):
            if way == TO_OWNER and body(frame)[:1] == b"r":
                old.append(frame)
            return [frame]

        owner = self.owner(*self.words(self.host(record)))
        for packet in ("?", f"m{PLAIN:x},40", "D"):
            owner.ask(packet)
        owner.end()
        self.assertGreaterEqual(len(old), 3)
        self.check_breaks(self.only(TO_OWNER, lambda frame: [old.pop() if old else frame]))

    def test_plain_inside(self):
        self.check_breaks(self.only(TO_OWNER, lambda frame: [framed(b"OK"), frame]))

    def test_cut(self):
        """The host hangs up in the middle."""
        def tamper(*_):
            raise EOFError
        self.check_breaks(tamper)


class Seen(HostileBase):
    """What the host has seen of a whole session."""

    WORDS = (b"qSupported", b"vCont", b"swbreak", b"PacketSize", b"T05", b"thread:p1", b"qRcmd",
             b"cvmdbg-policy", b"regs.read")

    def check_opaque(self, host, *secrets):
        seen = host.seen[TO_STUB] + host.seen[TO_OWNER]
        bodies = b"".join(map(body, frames(host.seen[TO_STUB])[0] + frames(host.seen[TO_OWNER])[0]))
        self.assertGreater(len(bodies), 2000)
        for needle in (*self.WORDS, *secrets):
            for form in (needle, needle.hex().encode(), needle[::-1]):
                self.assertNotIn(form, seen)
                self.assertNotIn(form, bodies)

    def test_gdb(self):
        host = self.host()
        words = " ".join(self.words(host))
        out = gdb_commands(None, ["set architecture i386:x86-64", f"target remote | {CVMDBG} connect {words}",
                                  "info threads", f"x/8xg {PLAIN:#x}", f"x/2i {TEXT:#x}", "info registers",
                                  "stepi", f"hbreak *{TEXT:#x}", "continue", "delete", "detach"])
        memory = re.findall(rf"{PLAIN:#x}:\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)", out)
        self.assertTrue(memory, out)
        self.assertIn("detached", out)
        rip = re.search(r"rip\s+0x([0-9a-f]+)", out)[1]
        cr3 = re.search(r"cr3\s+0x([0-9a-f]+)", out)[1]
        self.check_opaque(host, *(int(word, 16).to_bytes(8, "little") for word in memory[0]),
                          int(rip, 16).to_bytes(8, "little"), int(cr3, 16).to_bytes(8, "little"))

    def test_lldb(self):
        host, target = self.host(), f"{self.dir}/owner.gdb"
        program = Program([CVMDBG, "connect", *self.words(host)[:-1], "--listen", f"unix:{target}",
                           f"unix:{host.path}"], f"{self.dir}/listen.log")
        self.addCleanup(program.stop)
        wait_for(lambda: is_listening(target), "cvmdbg connect to listen")
        out = lldb(None, target, ["thread list", "register read rip",
                                  f"memory read --size 8 --format x --count 2 {PLAIN:#x}", "detach"])
        self.assertRegex(out, r"thread #2")
        word = re.search(rf"{PLAIN:#x}: 0x([0-9a-f]+)", out)[1]
        self.check_opaque(host, int(word, 16).to_bytes(8, "little"))


class Guest(HostileBase):
    """The guest itself attacks its owner's client: evidence that is none."""

    def check_evidence(self, evidence, reason, *words):
        path = f"{self.dir}/evidence"
        with open(path, "wb") as file:
            file.write(evidence)
        stub, key = self.start_stub(f"liar-{time.monotonic_ns()}", self.policy, path)
        host = self.host(stub=stub)
        owner = self.owner("--key", self.key, "--policy", self.policy,
                           *(words or ("--stub-key", key)), f"unix:{host.path}")
        reply = owner.ask("?")
        if reason is None:
            self.assertRegex(reply, rb"^T02")
            return
        self.assertIsNone(reply)
        status, said = owner.end()
        self.assertEqual(status, 3, said)
        self.assertRegex(said, reason)

    def test_evidence(self):
        cert = f"{self.dir}/ark.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null",
                        "-out", cert, "-subj", "/CN=ARK"], check=True, capture_output=True)
        trust = ("--ark", cert, "--ask", cert)
        self.check_evidence(b"", "evidence.*missing|no evidence", *trust)
        for data in (b"x", bytes(16384), os.urandom(16384), b"\xff" * 1184, b"\0" * 1184):
            self.check_evidence(data, "refused: ", *trust)
        # The key was pinned: what else the guest says does not matter.
        self.check_evidence(os.urandom(5000), None)


if __name__ == "__main__":
    unittest.main()
