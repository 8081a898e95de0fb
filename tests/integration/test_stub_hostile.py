#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A hostile host and a clumsy debugger: whatever they do, the guest runs on and its text is whole."""

import mmap
import random
import re
import signal
import struct
import threading
import time
import unittest

import stubvm
import vm
from debugger import gdb_argv, gdb_commands
from process import Program, wait_for

IDLE_S = 3
POLICY = stubvm.POLICY.replace("idle-timeout 20", f"idle-timeout {IDLE_S}")
SCRIBBLE_S = 1.5
STORM = 30

# protocol/ring.h
MAGIC, GUEST, HOST, DATA = 0x0, 0x40, 0x80, 0x1000
MAGIC_VALUE = 0x31474e5242445643
RING = 1 << 18  # of the two in a file of 1 MiB: the largest with DATA + 2 * RING in it
SESSION, PRODUCED, CONSUMED, BEAT, STOPPED = range(0, 20, 4)

# Nothing in these writes: what the policy allows a debugger is no attack.
PACKETS = [
    b"$", b"#", b"$#00", b"$$$$#00#00", b"+" * 5000, b"\x03" * 5000, b"$" + b"a" * 200000 + b"#00",
    b"$m0,ffffffffffffffff#00", b"$mffffffffffffffff,ffff#00", b"$m,#00", b"$mzz,1#00",
    b"$vCont;s:pffffffff.ffffffff#00", b"$vCont;#00", b"$vCont;r0,ffffffffffffffff#00",
    b"$Hg-1#00", b"$Hgp0.0#00", b"$Hgffffffffffffffffffff#00", b"$Tp1.ffff#00",
    b"$Z0,ffffffffffffffff,1#00", b"$Z2,0,ffffffff#00", b"$Z9,0,0#00", b"$z0,0,1#00",
    b"$pffffffff#00", b"$Pffffffff=00#00", b"$P10#00", b"$G00#00", b"$?" * 1000,
    b"$qXfer:features:read:target.xml:fffffffff,ffffffff#00", b"$qXfer:threads:read::-1,-1#00",
    b"$qRcmd,zz#00", b"$qRcmd," + b"41" * 4000 + b"#00", b"$qCRC:0,ffffffffffffffff#00",
    b"$qSearch:memory:0;ffffffffffffffff;00#00", b"$vMustReplyEmpty#00", b"$}#}}#7d",
]


# Kernel functions that run while a CPU is inside the stub.
CALLED = [
    "__irq_work_queue_local", "__module_address", "__module_text_address", "__rcu_read_lock",
    "__rcu_read_unlock", "_find_next_bit", "arch_irq_work_raise", "arch_touch_nmi_watchdog",
    "arch_within_kprobe_blacklist", "copy_from_kernel_nofault", "core_kernel_text",
    "default_send_IPI_self", "format_decode", "get_symbol_pos", "irq_work_queue",
    "jump_label_text_reserved", "kallsyms_lookup_buildid", "llist_add_batch", "lookup_address",
    "lookup_address_in_pgd", "memcmp", "memcpy", "memmove", "memset", "native_apic_wait_icr_idle",
    "native_read_msr", "number", "perf_bp_event", "pointer", "put_dec", "put_dec_trunc8",
    "reset_hung_task_detector", "snprintf", "sprint_symbol_no_offset", "static_call_text_reserved",
    "strcmp", "string", "strlen", "strscpy", "touch_softlockup_watchdog", "vsnprintf", "widen_string",
    "within_kprobe_blacklist",
]


class Ring:
    """The ring's file in the hands of somebody who keeps to no rule."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.produced = 0

    def get(self, offset):
        return struct.unpack_from("<I", self.memory, offset)[0]

    def put(self, offset, value):
        struct.pack_into("<I", self.memory, offset, value & 0xffffffff)

    def begin(self, number):
        """A session as the agent would begin it."""
        self.produced = 0
        self.put(HOST + PRODUCED, 0)
        self.put(HOST + CONSUMED, 0)
        self.put(HOST + SESSION, number)
        wait_for(lambda: self.get(GUEST + SESSION) == number and self.get(GUEST + STOPPED),
                 "the guest to take the session up")

    def send(self, data):
        for byte in data:
            self.memory[DATA + self.produced % RING] = byte
            self.produced += 1
        self.put(HOST + PRODUCED, self.produced)

    def end(self):
        """Order again: what an agent finds that comes now."""
        struct.pack_into("<Q", self.memory, MAGIC, MAGIC_VALUE)
        self.memory[HOST:HOST + 20] = bytes(20)
        self.wait_looked()

    def wait_looked(self):
        """Wait until the guest has seen what stands in the host's line now."""
        beat = self.get(GUEST + BEAT)
        wait_for(lambda: (self.get(GUEST + BEAT) - beat) % (1 << 32) >= 2, "the guest to look")

    def scribble(self, seed, keep=(), seconds=SCRIBBLE_S):
        """Write anything anywhere, but not where `keep` says."""
        rng = random.Random(seed)
        edges = (0, 1, RING - 1, RING, RING + 1, 0x7fffffff, 0x80000000, 0xffffffff)
        words = [offset for offset in range(0, 0xa0, 4) if offset not in keep]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            what = rng.randrange(6)
            if what == 0:
                self.put(rng.choice(words), rng.getrandbits(32))
            elif what == 1:
                self.put(HOST + rng.choice((PRODUCED, CONSUMED)), rng.choice(edges))
            elif what == 2:
                # Near the truth: a claim that could be true.
                mine, its = rng.choice(((PRODUCED, CONSUMED), (CONSUMED, PRODUCED)))
                self.put(HOST + mine, self.get(GUEST + its) + rng.choice(edges + (100, 5000)))
            elif what == 3:
                at = DATA + rng.randrange(2 * RING - 4096)
                self.memory[at:at + 4096] = rng.randbytes(4096)
            elif what == 4:
                text = rng.choice(PACKETS)[:8192]
                at = DATA + rng.randrange(RING - len(text))
                self.memory[at:at + len(text)] = text
            else:
                time.sleep(rng.random() * 0.01)


class Hostile(unittest.TestCase):
    """One guest with 4 vCPUs for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.guest = stubvm.StubGuest(load=False)
        cls.addClassCleanup(cls.guest.close)
        cls.without_stub = cls.guest.hash()
        cls.guest.load(POLICY)
        cls.guest.before = cls.guest.hash()
        cls.specimen = cls.guest.module_symbols("specimen")
        with cls.guest.relay() as agent, stubvm.Client(agent.target) as client:
            slide = client.slide()
            client.request("D")
        cls.kernel = {name: (address + slide) % (1 << 64)
                      for name, address in vm.symbols(cls.guest.elf).items()}

    def setUp(self):
        self.agent = self.guest.relay()
        self.addCleanup(self.guest.check_whole)
        self.addCleanup(self.agent.close)

    def client(self, agent=None):
        client = stubvm.Client((agent or self.agent).target)
        self.addCleanup(client.socket.close)
        return client

    def check_session(self):
        """A session from beginning to end, with all that it takes."""
        leaf = self.specimen["specimen_leaf"]
        with self.client() as client:
            code = client.memory(leaf, 16)
            client.demand(f"Z0,{leaf:x},1")
            self.assertEqual(client.memory(leaf, 16), code)
            client.send("vCont;c")
            self.guest.send("trouble leaf")
            client.stop = client.receive()
            self.assertIn(b"swbreak", client.stop)
            self.assertEqual(client.pc(), leaf)
            client.pass_over(leaf)
            self.assertNotEqual(client.pc(), leaf)
            self.assertEqual(client.request("D"), b"OK")

    # --- the host's memory ---

    def test_scribble_no_session(self):
        """Anything in the ring but a session: the guest never stops, and takes a session after."""
        ring = Ring(self.guest.ring)
        beat = self.guest.beat()
        ring.scribble(1, keep=(HOST + SESSION,), seconds=2 * SCRIBBLE_S)
        self.assertGreater(self.guest.beat() - beat, 2)
        ring.end()
        self.check_session()

    def test_scribble_stopped(self):
        """Anything in the ring while the machine is stopped for a session."""
        ring = Ring(self.guest.ring)
        ring.begin(4711)
        self.guest.check_silent()
        ring.scribble(2, keep=(HOST + SESSION,))
        ring.end()
        self.guest.check_alive()
        self.check_session()

    def test_scribble_sessions(self):
        """Sessions that begin and end at any time, with anything beside."""
        self.guest.ask("busy 4")
        ring = Ring(self.guest.ring)
        ring.scribble(3, seconds=2 * SCRIBBLE_S)
        ring.end()
        self.guest.check_alive()
        self.guest.ask("busy 0")
        self.check_session()

    def test_scribble_beside_relay(self):
        """Anything in the ring while relay uses it, the machine stopped and then running."""
        ring = Ring(self.guest.ring)
        for seed, order in ((4, None), (5, "vCont;c")):
            client = self.client()
            if order:
                client.send(order)
            ring.scribble(seed)
            client.socket.close()
            self.agent.log.wait_for(r"the guest runs")
            ring.end()
            self.guest.check_alive()
            self.check_session()

    def test_hostile_packets(self):
        """Packets that are none, read or not: the guest goes on when the session ends."""
        ring = Ring(self.guest.ring)
        for number, reads in ((1, False), (2, True)):
            ring.begin(number)
            for packet in PACKETS:
                ring.send(packet[:RING // 2])
                if reads:
                    ring.put(HOST + BEAT, ring.get(HOST + BEAT) + 1)
                    time.sleep(0.01)
                    ring.put(HOST + CONSUMED, ring.get(GUEST + PRODUCED))
            ring.end()
            self.guest.check_alive()
        self.check_session()

    def test_silent_host(self):
        """A session that nobody keeps alive ends by itself, and stays ended."""
        ring = Ring(self.guest.ring)
        ring.begin(815)
        mark = time.monotonic()
        self.guest.beat(timeout=IDLE_S + 10)
        self.assertGreater(time.monotonic() - mark, IDLE_S - 1)
        self.guest.check_alive()
        ring.end()
        self.check_session()

    # --- NMIs ---

    def storm(self, qmp, pause):
        for _ in range(STORM):
            qmp.execute("inject-nmi")
            time.sleep(pause)

    def test_nmi_while_running(self):
        """NMIs that nobody asked for, without a session: the kernel's matter, and it lives."""
        self.guest.ask("busy 4")
        with self.guest.monitor() as qmp:
            self.storm(qmp, 0.01)
            self.storm(qmp, 0)
        self.guest.ask("busy 0")
        self.check_session()

    def test_nmi_in_session(self):
        """NMIs while the machine is stopped, runs and steps in a session."""
        self.guest.ask("busy 4")
        mark = self.guest.console.mark()
        with self.client() as client, self.guest.monitor() as qmp:
            self.storm(qmp, 0.01)
            self.assertTrue(client.memory(self.specimen["specimen_leaf"], 8))
            thread = client.thread
            for _ in range(STORM):
                qmp.execute("inject-nmi")
                client.go(f"vCont;s:p1.{thread:x}")
                self.assertEqual(client.thread, thread)
            client.send("vCont;c")
            self.storm(qmp, 0.01)
            client.stop = client.interrupt()
            self.assertRegex(client.stop, rb"^T02")
            self.assertEqual(client.request("D"), b"OK")
        self.guest.ask("busy 0")
        self.assertNotIn("Uhhuh", self.guest.console.text(mark))

    # --- debuggers that vanish ---

    def vanish(self, kill, prepare=None):
        """Kill in the middle of a packet, a breakpoint planted, the machine stopped or not."""
        for running in (False, True):
            client = self.client()
            for name in ("specimen_leaf", "specimen_oops"):
                client.demand(f"Z0,{self.specimen[name]:x},1")
            if running:
                client.send("vCont;c")
            client.send_raw(b"$m1234")
            kill(client)
            self.guest.beat(timeout=IDLE_S + 10)
            self.guest.check_whole()

    def test_client_vanishes(self):
        """The connection breaks mid-packet: the guest runs at once."""
        mark = time.monotonic()
        self.vanish(lambda client: client.socket.close())
        self.assertLess(time.monotonic() - mark, 30)
        self.check_session()

    def test_gdb_killed(self):
        """kill -9 of a real gdb that sits at a breakpoint of a busy system call."""
        self.guest.ask("busy 4")
        gdb = Program(gdb_argv(self.guest.elf) +
                      ["-ex", f"target remote {self.agent.target}", "-ex", "break __do_sys_getppid",
                       "-ex", "continue", "-ex", "shell sleep 100"], f"{self.guest.dir}/gdb.log")
        self.addCleanup(gdb.stop)
        gdb.log.wait_for("hit Breakpoint 1", timeout=30)
        gdb.signal(signal.SIGKILL)
        gdb.wait()
        self.guest.beat(timeout=IDLE_S)
        self.guest.ask("busy 0")
        self.check_session()

    def test_relay_killed(self):
        """kill -9 of relay mid-packet: the guest runs after the policy's idle time."""
        def kill(client):
            self.agent.program.signal(signal.SIGKILL)
            self.agent.program.wait()
            client.socket.close()
            self.guest.beat(timeout=IDLE_S + 10)
            # Where it ran it stops once more here, until it notices as well.
            self.guest.ask("specimen leaf", IDLE_S + 10)
            self.agent = self.guest.relay()
            self.addCleanup(self.agent.close)

        self.vanish(kill)
        self.check_session()

    def test_relay_killed_and_started(self):
        """kill -9 of relay, the next one at once: the old session's breakpoints are gone."""
        for running in (False, True):
            client = self.client()
            client.demand(f"Z0,{self.specimen['specimen_leaf']:x},1")
            if running:
                client.send("vCont;c")
            self.agent.program.signal(signal.SIGKILL)
            self.agent.program.wait()
            client.socket.close()
            self.agent = self.guest.relay()
            self.addCleanup(self.agent.close)
            with self.client() as client:
                self.assertRegex(client.monitor("status"), "software breakpoints 0")
                client.request("D")
            self.guest.ask("specimen leaf")
        self.check_session()

    # --- code and memory that a debugger must not have ---

    def read_jump_label(self, client):
        """Address of an instruction that the kernel patches: struct jump_entry begins with s32 code."""
        at = self.kernel["__start___jump_table"]
        code = int.from_bytes(client.memory(at, 4), "little", signed=True)
        return at + code

    def test_refused_code(self):
        """Breakpoints in the trap paths, in the stub, in patched code, in user space: refused."""
        own = self.guest.module_symbols("cvmdbg_stub")
        with self.client() as client:
            places = [self.kernel[name] for name in
                      ("exc_nmi", "exc_int3", "exc_debug", "asm_exc_int3", "asm_exc_nmi", "notify_die",
                       "asm_exc_vmm_communication", "exc_vmm_communication", "default_do_nmi",
                       "memcpy", "poke_int3_handler", "irqentry_nmi_enter")
                      if name in self.kernel]
            places += [own[name] for name in ("stub_trap", "session_serve", "rsp_server_input", "on_die")
                       if name in own]
            places += [self.read_jump_label(client), 0x400000, 0x401000, 0, 0x7fffffffe000,
                       self.kernel["jiffies"], self.kernel["linux_banner"], 0x800000000000]
            self.assertGreater(len(places), 20)
            for address in places:
                code = client.memory(address, 16)
                reply = client.request(f"Z0,{address:x},1")
                self.assertRegex(reply, rb"^E", f"{address:#x}")
                self.assertEqual(client.memory(address, 16), code)
            client.request("D")

    def test_refusal_in_gdb(self):
        """gdb says why a breakpoint is impossible, and works on."""
        out = gdb_commands(self.guest.elf, [f"target remote {self.agent.target}", "break exc_nmi",
                                            "stepi", "delete", "stepi", "p 6 * 7", "detach"])
        self.assertIn("Cannot insert breakpoint 1", out)
        self.assertIn("$1 = 42", out)

    def test_breakpoints_in_awkward_code(self):
        """Code that the stub comes by on its way but does not need: hit or refused, the guest lives."""
        self.guest.ask("busy 4")
        names = ("schedule", "__schedule", "kthread_should_stop", "usleep_range_state", "hrtimer_start",
                 "tick_sched_timer", "_raw_spin_lock", "native_send_call_func_single_ipi",
                 "smp_call_function_many_cond", "perf_event_task_tick", "rcu_sched_clock_irq",
                 "update_process_times", "asm_sysvec_apic_timer_interrupt", "do_syscall_64", "printk",
                 "vprintk_emit", "ktime_get", "read_tsc", "delay_tsc", "on_each_cpu_cond_mask")
        for name in names:
            if name not in self.kernel:
                continue
            with self.client() as client:
                address = self.kernel[name]
                if client.request(f"Z0,{address:x},1")[:1] == b"E":
                    continue
                client.send("vCont;c")
                time.sleep(0.1)
                stop = client.interrupt()
                self.assertRegex(stop, rb"^T0[25]", name)
                self.assertEqual(client.request("D"), b"OK", name)
            self.guest.beat(timeout=5)
        self.guest.ask("busy 0")

    def use_all(self, client):
        """Whatever makes the stub call the kernel: names, lists, points, steps, going and stopping."""
        for number in range(1, self.guest.smp + 1):
            client.request(f"qThreadExtraInfo,p1.{number:x}")
        for line in ("status", "cpus", "lastpanic", "phys 0x1000"):
            client.monitor(line)
        client.demand(f"Z0,{self.kernel['sysrq_handle_crash']:x},1")
        client.demand(f"Z2,{self.kernel['total_forks']:x},8")
        client.demand(f"z2,{self.kernel['total_forks']:x},8")
        client.go(f"vCont;s:p1.{client.thread:x}")
        client.send("vCont;c")
        time.sleep(0.02)
        client.stop = client.interrupt()
        client.demand("D")

    def test_breakpoints_in_what_the_stub_calls(self):
        """Refused, or taken out when the stub runs into them itself; all at once, then each alone."""
        with self.client() as client:
            planted = [name for name in CALLED
                       if client.request(f"Z0,{self.kernel[name]:x},1") == b"OK"]
            self.use_all(client)
        for name in planted:
            with self.client() as client:
                client.demand(f"Z0,{self.kernel[name]:x},1")
                self.use_all(client)
        self.assertGreater(len(planted), 5)

    def test_write_read_only(self):
        """Text that is mapped read-only is written, also under a breakpoint, and put back."""
        oops = self.specimen["specimen_oops"]
        handler = self.kernel["sysrq_handle_crash"]
        with self.client() as client:
            for address in (oops, handler):
                code = client.memory(address, 16)
                client.demand(f"Z0,{address:x},1")
                client.demand(f"M{address:x},10:{'90' * 16}")
                self.assertEqual(client.memory(address, 16), b"\x90" * 16)
                client.demand(f"z0,{address:x},1")
                self.assertEqual(client.memory(address, 16), b"\x90" * 16)
                client.demand(f"M{address:x},10:{code.hex()}")
            banner = self.kernel["linux_banner"]
            text = client.memory(banner, 5)
            client.demand(f"M{banner:x},5:{b'WRONG'.hex()}")
            self.assertEqual(client.memory(banner, 5), b"WRONG")
            client.demand(f"M{banner:x},5:{text.hex()}")
            client.request("D")

    def test_no_memory_there(self):
        """Unmapped and device memory, virtual and physical: an error, nothing else."""
        with open(self.guest.ring, "rb") as file:
            magic = file.read(8)
        with self.client() as client, self.guest.monitor() as qmp:
            bar = int(re.search(r"BAR2: 64 bit prefetchable memory at (0x[0-9a-f]+)",
                                qmp.hmp("info pci"))[1], 16)
            for address in (0, 8, 0x800000000000, 0xffff7fffffffffff, 0xffffffffffffffff,
                            0xfffffffffffff000, 0xffffffffff5fc000, 0xffffffffff5fd000):
                self.assertEqual(client.request(f"m{address:x},8")[:1], b"E", hex(address))
                self.assertEqual(client.request(f"M{address:x},1:00")[:1], b"E", hex(address))
            devices = (0xfee00000, 0xfee000b0, 0xfec00000, 0xfed00000, 0xa0000, bar, 1 << 40, 1 << 51,
                       (1 << 64) - 8)
            shown = r"[0-9a-f]{2} [0-9a-f]{2} "
            self.assertRegex(client.monitor("phys 0x1000000 8"), shown)
            for address in devices:
                self.assertNotRegex(client.monitor(f"phys {address:#x} 8"), shown)
            client.demand("Qqemu.PhyMemMode:1")
            for address in devices:
                self.assertEqual(client.request(f"m{address:x},8")[:1], b"E", hex(address))
                self.assertEqual(client.request(f"M{address:x},8:{'00' * 8}")[:1], b"E", hex(address))
            client.demand("Qqemu.PhyMemMode:0")
            client.request("D")
        with open(self.guest.ring, "rb") as file:
            self.assertEqual(file.read(8), magic)

    # --- CPUs ---

    def test_together(self):
        """All CPUs run into one breakpoint at the same time: every hit is told, none twice."""
        rounds, leaf = 10, self.specimen["specimen_leaf"]
        count = self.specimen["specimen_count"]
        self.guest.ask("busy 4")
        with self.client() as client:
            before = int.from_bytes(client.memory(count, 8), "little")
            client.demand(f"Z0,{leaf:x},1")
            for number in range(1, rounds + 1):
                hits = []
                client.send("vCont;c")
                self.guest.send("trouble together")
                client.stop = client.receive()
                while True:
                    self.assertIn(b"swbreak", client.stop)
                    self.assertEqual(client.pc(), leaf)
                    hits.append(client.thread)
                    client.pass_over(leaf)
                    if len(hits) == self.guest.smp:
                        break
                    client.go()
                self.assertEqual(sorted(hits), list(range(1, self.guest.smp + 1)))
            # The instruction of the breakpoint is the one that counts, and ran with all others held.
            after = int.from_bytes(client.memory(count, 8), "little")
            client.request("D")
        self.guest.ask("busy 0")
        self.assertEqual(after - before, self.guest.smp * rounds)

    def test_hotplug(self):
        """CPUs go and come between sessions and in them; gdb sees who is offline."""
        leaf = self.specimen["specimen_leaf"]
        self.guest.ask("offline 3")
        out = gdb_commands(self.guest.elf, [f"target remote {self.agent.target}", "info threads",
                                            "detach"])
        self.assertRegex(out, r"CPU#3 .*\[offline\]")
        self.assertEqual(out.count("[offline]"), 1)
        self.check_session()
        with self.client() as client:
            client.demand(f"Z0,{leaf:x},1")
            client.demand(f"Z2,{self.specimen['specimen_watched']:x},8")
            client.send("vCont;c")
            self.guest.ask("online 3")
            self.guest.ask("offline 2")
            self.guest.send("trouble together")
            client.stop = client.receive()
            hits = {client.thread}
            for _ in range(2):
                client.pass_over(leaf)
                client.go()
                hits.add(client.thread)
            self.assertEqual(hits, {1, 2, 4})
            client.pass_over(leaf)
            client.send("vCont;c")
            self.guest.ask("online 2")
            client.interrupt()
            client.request("D")
        out = gdb_commands(self.guest.elf, [f"target remote {self.agent.target}", "info threads",
                                            "detach"])
        self.assertNotIn("[offline]", out)
        self.check_session()

    # --- coming and going ---

    def load_again(self):
        """Unloaded, the kernel's text is what it was before the stub: its kprobe is gone as well."""
        self.guest.check_alive()
        self.assertEqual(self.guest.hash(), self.without_stub)
        self.guest.load(POLICY)

    def test_unload_while_attached(self):
        """rmmod under a debugger that lets the machine run: the session ends, the bytes are back."""
        with self.client() as client:
            client.demand(f"Z0,{self.specimen['specimen_leaf']:x},1")
            client.demand(f"Z2,{self.specimen['specimen_watched']:x},8")
            client.send("vCont;c")
            self.guest.ask("unload")
            with self.assertRaises((EOFError, OSError)):
                client.receive()
        self.guest.ask("specimen leaf")
        self.guest.ask("specimen watch")
        self.load_again()
        self.check_session()

    def test_unload_under_fire(self):
        """rmmod while all CPUs run into a breakpoint and the debugger goes on from every one."""
        self.guest.ask("busy 4")
        address = self.kernel["__do_sys_getppid"]
        client = self.client()
        client.demand(f"Z0,{address:x},1")
        stops = []

        def keep_going():
            try:
                client.go()
                while True:
                    stops.append(client.stop)
                    client.pass_over(address)
                    client.go()
            except (EOFError, OSError, AssertionError):
                pass

        thread = threading.Thread(target=keep_going)
        thread.start()
        wait_for(lambda: len(stops) > 5, "some hits")
        self.guest.ask("unload", timeout=60)
        thread.join()
        self.guest.ask("busy 0")
        self.load_again()
        self.check_session()


class Spin(unittest.TestCase):
    """A CPU that loops with interrupts off, and a debugger that comes meanwhile."""

    def check_release(self, guest, *words):
        """It is stopped where it spins, and goes on when the debugger says so."""
        specimen = guest.module_symbols("specimen")
        spin, release = specimen["specimen_spin"], specimen["specimen_release"]
        with guest.relay(*words) as agent:
            guest.send("trouble spin")
            time.sleep(0.5)
            started = time.monotonic()
            with stubvm.Client(agent.target) as client:
                pcs = []
                for number in range(1, guest.smp + 1):
                    client.request(f"Hgp1.{number:x}")
                    pcs.append(client.pc())
                self.assertTrue(any(0 < pc - spin < 0x100 for pc in pcs), [hex(pc) for pc in pcs])
                client.demand(f"M{release:x},1:01")
                self.assertEqual(client.request("D"), b"OK")
            guest.beat(timeout=5)
            self.assertLess(time.monotonic() - started, 5)
        guest.check_whole()

    def test_four_cpus(self):
        """The stub's thread on another CPU lets the debugger in; the one that spins comes by NMI."""
        with stubvm.StubGuest() as guest:
            guest.ask("pin cvmdbg 1")
            guest.ask("pin init 3")
            # It is asleep, on a timer of the CPU it came from.
            time.sleep(0.5)
            self.check_release(guest)
            # Where the thread itself cannot run, it takes an NMI; the kernel takes it on CPU 0 only.
            guest.ask("pin cvmdbg 3")
            self.check_release(guest, "--qmp", guest.qmp)

    def test_one_cpu(self):
        """No other CPU: relay --qmp sends an NMI."""
        with stubvm.StubGuest(smp=1) as guest:
            self.check_release(guest, "--qmp", guest.qmp)

    def test_in_session(self):
        """Ctrl-C on a machine that runs in a session and then spins."""
        with stubvm.StubGuest(smp=1) as guest:
            specimen = guest.module_symbols("specimen")
            with guest.relay("--qmp", guest.qmp) as agent, stubvm.Client(agent.target) as client:
                client.send("vCont;c")
                guest.send("trouble spin")
                time.sleep(0.5)
                started = time.monotonic()
                self.assertRegex(client.interrupt(), rb"^T02")
                self.assertLess(time.monotonic() - started, 3)
                self.assertLess(client.pc() - specimen["specimen_spin"], 0x100)
                client.demand(f"M{specimen['specimen_release']:x},1:01")
                self.assertEqual(client.request("D"), b"OK")
            guest.check_whole()


if __name__ == "__main__":
    unittest.main()
