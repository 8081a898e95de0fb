#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Raw packets to a live agent on the tiny guest: edges, faults, hostile input, PSP commands counted."""

import os
import signal
import unittest

import rsp
import vm
from debugger import gdb
from process import wait_for

PAGE = 4096
FIRMWARE_CODES = 0x29  # uapi/psp-sev.h: the codes of the legacy and RMP commands
BULK = vm.Tiny.direct_va + vm.Tiny.bulk[0]  # private pattern, never written


class Session(unittest.TestCase):
    """One guest for all tests; each has a client of its own."""

    ram, access = "memfd", "mirror"

    @classmethod
    def setUpClass(cls):
        cls.guest = vm.Guest("tiny", sev="sev", ram=cls.ram)
        cls.addClassCleanup(cls.guest.close)
        cls.symbols = vm.symbols(cls.guest.elf)
        cls.agent = cls.guest.serve("--access", cls.access)

    def client(self, **kwargs):
        client = rsp.Client(self.agent.target, **kwargs)
        self.addCleanup(client.socket.close)
        return client

    def tearDown(self):
        self.guest.fault(clear=True)

    def test_edges_of_pages(self):
        """Private, shared, hole, private, MMIO, hole, private, private: exact, short at each edge."""
        edges, layout = vm.Tiny.edges_va, vm.Tiny.edges_pa
        pattern = vm.Tiny.pattern
        with self.client() as client:
            self.assertEqual(client.memory(edges + PAGE - 8, 16),
                             pattern(layout[0] + PAGE - 8, 8) + pattern(layout[1], 8))
            self.assertEqual(client.memory(edges + 2 * PAGE - 4, 16),
                             pattern(layout[1] + PAGE - 4, 4))
            self.assertEqual(client.request(f"m{edges + 2 * PAGE:x},8")[:1], b"E")
            self.assertEqual(client.memory(edges + 4 * PAGE - 4, 16),
                             pattern(layout[3] + PAGE - 4, 4))
            self.assertEqual(client.request(f"m{edges + 4 * PAGE:x},8")[:1], b"E")
            self.assertEqual(client.memory(edges + 6 * PAGE, 2 * PAGE),
                             pattern(layout[6], PAGE) + pattern(layout[7], PAGE))
            self.assertEqual(client.request("D"), b"OK")

    def test_unmapped_noncanonical_mmio(self):
        with self.client() as client:
            for addr in (0x900000000000, 0xFFFF7FFFFFFFFFFF, 0xFFFFFFFFFFFFFFF8, 0xFEE00000,
                         0xFFFFFFF000002010, 0xFFFFFF8000004010):
                reply = client.request(f"m{addr:x},8")
                self.assertEqual(reply[:1], b"E", hex(addr))
                reply = client.request(f"M{addr:x},1:00")
                self.assertEqual(reply[:1], b"E", hex(addr))
            self.assertEqual(client.request("D"), b"OK")

    def test_psp_commands_are_distinct_pages(self):
        """Registers, code and a backtrace of one stop: no page is decrypted twice."""
        with self.client() as client:
            client.request("?")
            self.guest.control("stats", "reset")
            registers = client.request("g")
            pc = int.from_bytes(bytes.fromhex(registers[256:272].decode()), "little")
            sp = int.from_bytes(bytes.fromhex(registers[112:128].decode()), "little")
            for _ in range(3):
                for offset in range(16):
                    client.memory(pc + offset, 1)
                client.memory(sp, 64)
                client.request("g")
            stats = self.guest.stats()
            self.assertEqual(stats["dbg_decrypt"], stats["distinct_pages"], stats)
            self.assertGreater(stats["dbg_decrypt"], 0)
            self.assertFalse(any(stats["violations"].values()), stats)
            client.request("D")

    def test_garbage_then_work(self):
        with self.client(noack=False) as client:
            client.send_raw(b"\x00\xff+++---garbage$no#00$}#7d$" + b"A" * 300000 + b"#00")
            client.send_raw(b"$m#zz$")
            client.send_raw(b"#00")
            client.pending = b""
            reply = None
            client.send("qC")
            for _ in range(20):
                reply = client.receive()
                if reply.startswith(b"QC"):
                    break
            self.assertRegex(reply, b"QC")
            client.send("D")

    def test_oversized_packet(self):
        with self.client() as client:
            client.send_raw(b"$" + b"a" * 0x40000 + b"#00")
            self.assertEqual(client.receive()[:1], b"E")
            self.assertEqual(client.request("qC")[:2], b"QC")
            client.request("D")

    def test_client_vanishes_and_guest_goes_on(self):
        symbols = self.symbols
        for _ in range(5):
            client = self.client()
            client.request("?")
            client.request(f"Z0,{symbols['leaf']:x},1")
            client.send("vCont;c")
            client.socket.close()
            self.guest.check_alive()

    def test_seven_software_breakpoints(self):
        """Four in debug registers, the rest planted: all hit, none visible, none left."""
        names = ["main0", "print", "gate_set", "on_fault", "leaf", "work", "tick"]
        with self.client() as client:
            client.request("qSupported:swbreak+;hwbreak+;multiprocess+")
            before = [client.memory(self.symbols[name], 16) for name in names]
            for name in names:
                self.assertEqual(client.request(f"Z0,{self.symbols[name]:x},1"), b"OK", name)
            self.assertEqual([client.memory(self.symbols[name], 16) for name in names], before)
            for expected in ("tick", "work", "leaf"):
                reply = client.request("vCont;c")
                self.assertRegex(reply, rb"^T05.*swbreak")
                pc = int.from_bytes(bytes.fromhex(client.request("g")[256:272].decode()), "little")
                while pc != self.symbols[expected]:
                    client.request(f"z0,{pc:x},1")
                    client.request("vCont;s:p1.1")
                    client.request(f"Z0,{pc:x},1")
                    reply = client.request("vCont;c")
                    pc = int.from_bytes(bytes.fromhex(client.request("g")[256:272].decode()),
                                        "little")
                client.request(f"z0,{pc:x},1")
            for name in names:
                self.assertEqual(client.request(f"z0,{self.symbols[name]:x},1"), b"OK", name)
            self.assertEqual(client.request("D"), b"OK")
        self.guest.check_alive()

    def test_firmware_errors_are_told(self):
        with self.client() as client:
            client.request("?")
            client.memory(self.symbols["specimen"], 8)
            for code in range(1, FIRMWARE_CODES):
                self.guest.fault(command="dbg_decrypt", after=0, count=-1, errno="EIO", fw=code)
                reply = client.request(f"m{BULK + 0x10000 * code:x},8")
                self.assertEqual(reply[:1], b"E", code)
                self.guest.fault(clear=True)
                self.assertEqual(len(client.memory(BULK + 0x10000 * code, 8)), 8)
            client.request("D")
        for words in ("POLICY_FAILURE (7)", "INVALID_GUEST (16)", "relaunch"):
            self.assertIn(words, self.agent.log.text())

    def test_read_only(self):
        self.agent.close()
        type(self).agent = self.guest.serve("--access", self.access, "--read-only")
        try:
            with self.client() as client:
                client.request("?")
                addr = self.symbols["scribble"]
                for packet in (f"M{addr:x},1:00", f"X{addr:x},1:a", f"Z0,{addr:x},1", "P0=0000000000000000"):
                    self.assertEqual(client.request(packet)[:1], b"E", packet)
                self.assertEqual(len(client.memory(addr, 8)), 8)
                client.request("D")
        finally:
            self.agent.close()
            type(self).agent = self.guest.serve("--access", self.access)

    def test_log_is_a_remotelogfile(self):
        self.agent.close()
        log = os.path.join(self.guest.dir, "log")
        type(self).agent = self.guest.serve("--access", self.access, "--log", log)
        with self.client() as client:
            client.request("qC")
            client.request("D")
        self.agent.close()
        type(self).agent = self.guest.serve("--access", self.access)
        with open(log, encoding="ascii") as file:
            text = file.read()
        self.assertRegex(text, r"(?m)^w .*\$qC#b4")
        self.assertRegex(text, r"(?m)^r .*\$QC")


class SessionInject(Session):
    """The same through the other route."""

    ram, access = "anonymous", "inject"


class Endings(unittest.TestCase):
    """How sessions end."""

    def test_qemu_dies_mid_read(self):
        for ram in ("memfd", "anonymous"):
            with self.subTest(ram=ram), vm.Guest("tiny", sev="sev", ram=ram) as guest:
                agent = guest.serve()
                with rsp.Client(agent.target) as client:
                    client.request("?")
                    guest.fault(kill_qemu_after=2)
                    try:
                        for page in range(64):
                            client.request(f"m{BULK + page * PAGE:x},8")
                    except (EOFError, OSError):
                        pass
                code = agent.program.wait()
                self.assertNotIn(code, (0, -signal.SIGSEGV, -signal.SIGABRT))
                self.assertRegex(agent.log.text(), r"QEMU|gone|ended")

    def test_once_and_sigterm(self):
        with vm.Guest("tiny", sev="sev") as guest:
            agent = guest.serve("--once")
            with rsp.Client(agent.target) as client:
                client.request("?")
                client.request("D")
            self.assertEqual(agent.program.wait(), 0)
            self.assertFalse(os.path.exists(agent.target))
            agent = guest.serve()
            with rsp.Client(agent.target) as client:
                client.request("?")
                agent.program.signal(signal.SIGTERM)
                self.assertEqual(agent.program.wait(), 0)
            guest.check_alive()

    def test_inject_into_a_sandboxed_qemu(self):
        """libvirt's sandbox kills QEMU for a forbidden clone; ours asks for nothing forbidden."""
        sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
        with vm.Guest("tiny", sev="sev", ram="anonymous", qemu=["-sandbox", sandbox]) as guest:
            with guest.serve("--access", "inject") as agent, rsp.Client(agent.target) as client:
                client.request("?")
                self.assertEqual(client.memory(BULK, 64), vm.Tiny.pattern(vm.Tiny.bulk[0], 64))
                client.request("D")
            guest.check_alive()

    @staticmethod
    def keeper_of(agent):
        """PID of the agent's keeper, or None while there is none."""
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii") as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name == "cvmdbg-keeper" and int(rest.split()[1]) == agent.pid:
                return int(entry)
        return None

    def test_keeper_killed(self):
        """The agent starts another keeper, which then survives the agent and cleans up."""
        with vm.Guest("tiny", sev="sev") as guest:
            symbols = vm.symbols(guest.elf)
            agent = guest.serve()
            with rsp.Client(agent.target) as client:
                client.request("?")
                for name in ("leaf", "work", "tick", "main0", "gate_set", "spin1"):
                    self.assertEqual(client.request(f"Z0,{symbols[name]:x},1"), b"OK")
                first = wait_for(lambda: self.keeper_of(agent), "the keeper")
                os.kill(first, signal.SIGKILL)
                wait_for(lambda: self.keeper_of(agent) not in (None, first), "another keeper")
                client.request("g")
                agent.program.signal(signal.SIGKILL)
                agent.program.wait()
            guest.wait_unlocked()
            guest.check_alive()

    def test_stdio_under_gdb(self):
        with vm.Guest("tiny", sev="sev") as guest:
            command = guest.agent_argv("serve", "--qmp", guest.qmp, "--listen", "stdio")
            seen = gdb(guest.elf, "| " + " ".join(command), """
                stop_at("leaf")
                result("frames", backtrace())
                """)
            self.assertEqual(seen["frames"][:3], ["leaf", "work", "tick"])
            guest.check_alive()

    def test_kill_packet_detaches(self):
        with vm.Guest("tiny", sev="sev") as guest:
            agent = guest.serve()
            with rsp.Client(agent.target) as client:
                client.request("?")
                client.send("k")
            guest.check_alive()


if __name__ == "__main__":
    unittest.main()
