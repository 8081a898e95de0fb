#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Speed of `cvmdbg serve` beside its peers, all measured in this run by the same client.

Prints a table and writes $B/bench.json. Each line that the project promises says whether it holds;
missing one is not an error (README says which and why), a peer that cannot be measured is.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import rsp  # noqa: E402
import stub  # noqa: E402
import vm  # noqa: E402
from debugger import gdb  # noqa: E402
from process import wait_for  # noqa: E402

CLIENT = f"{vm.B}/rsp_bench"
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
REPEATS = 3
PORT = 27431  # loopback, for the two servers that only speak TCP
BULK = vm.Tiny.direct_va + vm.Tiny.bulk[0]
QEMU_MAX = 2048    # the most that QEMU 7.2 serves for one m
GDBSERVER_MAX = 9000
BIG = 0x10000
GROWTH_KIB = 1 << 10


def measure(where, kind, length, addr):
    """Best of a few runs: noise only ever slows down."""
    results = []
    for _ in range(REPEATS):
        done = subprocess.run([CLIENT, where, kind, str(length), hex(addr), str(SECONDS / REPEATS)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {where}: {done.stderr.strip()}")
        results.append(json.loads(done.stdout))
        time.sleep(0.2)
    return min(results, key=lambda result: result["us_per_packet"])


def libc_text(pid):
    """A readable mapping of at least BIG bytes in a process; None while it is still starting."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*libc", line)
            if found and int(found[2], 16) - int(found[1], 16) > 2 * BIG:
                return int(found[1], 16)
    return None


class Peer:
    """gdbserver or lldb-server on a sleeping process; each serves one connection, so start anew."""

    def __init__(self, argv, victim):
        self.argv, self.victim = argv, victim
        self.addr = wait_for(lambda: libc_text(victim.pid), "the victim's libc")

    def measure(self, kind, length):
        results = []
        for _ in range(REPEATS):
            with subprocess.Popen(self.argv, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as server:
                wait_for(lambda: tcp_listening(PORT), self.argv[0])
                done = subprocess.run([CLIENT, f"tcp:{PORT}", kind, str(length), hex(self.addr),
                                       str(SECONDS / REPEATS)], capture_output=True, text=True,
                                      check=False)
                server.terminate()
            os.kill(self.victim.pid, signal.SIGCONT)
            if done.returncode:
                raise SystemExit(f"bench: {self.argv[0]}: {done.stderr.strip()}")
            results.append(json.loads(done.stdout))
        return min(results, key=lambda result: result["us_per_packet"])


def tcp_listening(port):
    """Is a socket in state LISTEN? Connecting would use up the server's one session."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            if re.search(rf":{port:04X} \S+ 0A ", file.read()):
                return True
    return False


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def peers():
    """QEMU's gdbstub on an unencrypted guest, gdbserver and lldb-server on a process."""
    out = {}
    with vm.Guest("tiny", gdbstub=True) as guest:
        out["qemu m,8"] = measure(f"unix:{guest.gdbstub}", "m", 8, BULK)
        out["qemu m,2048"] = measure(f"unix:{guest.gdbstub}", "m", QEMU_MAX, BULK)
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        gdbserver = Peer(["gdbserver", "--once", "--attach", f"localhost:{PORT}", str(victim.pid)],
                         victim)
        out["gdbserver m,8"] = gdbserver.measure("m", 8)
        out["gdbserver m,8190"] = gdbserver.measure("m", 8190)
        lldb = Peer(["lldb-server-19", "gdbserver", "--attach", str(victim.pid), f"localhost:{PORT}"],
                    victim)
        out["lldb-server m,8"] = lldb.measure("m", 8)
        out["lldb-server x,65536"] = lldb.measure("x", BIG)
    finally:
        victim.kill()
        victim.wait()
    return out


def ours():
    """The agent on a plain SEV guest (emulated host), pages cached, both routes alike from there."""
    out = {}
    with vm.Guest("tiny", sev="sev") as guest, guest.serve() as agent:
        where = f"unix:{agent.target}"
        out["cvmdbg m,8"] = measure(where, "m", 8, BULK)
        out["cvmdbg m,2048"] = measure(where, "m", QEMU_MAX, BULK)
        out["cvmdbg m,65024"] = measure(where, "m", BIG - 512, BULK)
        out["cvmdbg x,65536"] = measure(where, "x", BIG, BULK)
    return out


def stop_cost():
    """PSP commands of one gdb stop, and the pages they were for."""
    with vm.Guest("linux", sev="sev") as guest, guest.serve() as agent:
        started = time.monotonic()
        gdb(guest.elf, agent.target, "")
        attach = time.monotonic() - started
        guest.control("stats", "reset")
        gdb(guest.elf, agent.target, """
            run("bt")
            run("info registers")
            run("x/16i $pc")
            """)
        stats = guest.stats()
        return {"psp_commands": stats["dbg_decrypt"], "distinct_pages": stats["distinct_pages"],
                "attach_seconds": round(attach, 3)}


def memory_growth():
    """RSS of the agent after reading all over the RAM of a small and of a large guest."""
    out = {}
    for megabytes in (128, 512):
        with vm.Guest("tiny", sev="sev", memory=megabytes << 20) as guest, guest.serve() as agent:
            with rsp.Client(agent.target) as client:
                client.request("?")
                for page in range(0, megabytes << 20, 1 << 14):  # fills the page cache
                    client.monitor(f"phys {page:#x} 16")
                out[f"{megabytes} MiB"] = rss_kib(agent.pid)
                client.request("D")
    return out


def main():
    results = peers() | ours()
    cost, rss = stop_cost(), memory_growth()
    inside, run, idle = stub.measure(measure)
    results |= inside
    rate = {name: result["mb_per_s"] for name, result in results.items()}
    trips = {name: 1e6 / result["us_per_packet"] for name, result in results.items()}

    print(f"{'server, request':<24}{'MB/s':>10}{'us/packet':>12}{'packets/s':>12}")
    for name, result in results.items():
        print(f"{name:<24}{result['mb_per_s']:>10.1f}{result['us_per_packet']:>12.1f}"
              f"{trips[name]:>12.0f}")
    best = max(rate["cvmdbg m,65024"], rate["cvmdbg x,65536"])
    promises = {
        "m at least 5x QEMU's gdbstub": rate["cvmdbg m,65024"] / rate["qemu m,2048"] >= 5,
        "x at least 2x lldb-server's": best / rate["lldb-server x,65536"] >= 2,
        "round trips at least gdbserver's": trips["cvmdbg m,8"] >= trips["gdbserver m,8"],
        "PSP commands equal distinct pages": cost["psp_commands"] == cost["distinct_pages"],
    }
    growth = rss["512 MiB"] - rss["128 MiB"]
    promises["RSS does not grow with the guest's RAM"] = growth < GROWTH_KIB
    fastest = max(rate["stub m,32768"], rate["stub x,65536"])
    promises["the stub reads at least as fast as QEMU's gdbstub"] = \
        fastest >= rate["qemu, same guest m,2048"]
    plain, sealed = (results[f"stub {name} x,65536"]["us_per_packet"] for name in ("plain", "sealed"))
    cipher = run["guest_seal_us_per_mib"] / 16
    ratio = plain / (sealed - cipher)
    promises["sealed at least 0.8 of plain, beside the guest's own cipher"] = ratio >= 0.8
    print(f"\n64 KiB sealed: {sealed:.0f} us, plain {plain:.0f} us; the emulated guest's cipher takes "
          f"{cipher:.0f} us of it: {ratio:.2f} without it; "
          f"handshake and stop {run['handshake_and_stop_ms']} ms")
    print(f"\nthe stub, 4 vCPUs under load: {run['steps_per_s']} steps/s, stop {run['stop_ms']} ms, "
          f"resume {run['resume_ms']} ms")
    print(f"work in the guest: {idle['without'] / 1e6:.3f} s without the module, "
          f"{idle['with'] / 1e6:.3f} s with it")
    print(f"\none stop (bt, info registers, x/16i $pc): {cost['psp_commands']} PSP commands, "
          f"{cost['distinct_pages']} distinct pages")
    print(f"attach to gdb's prompt and away: {cost['attach_seconds']} s")
    print(f"RSS of the agent: {rss} KiB (growth {growth} KiB)\n")
    for promise, kept in promises.items():
        print(f"  {'kept  ' if kept else 'MISSED'}  {promise}")

    with open(f"{vm.B}/bench.json", "w", encoding="utf-8") as file:
        json.dump({"results": results, "stop": cost, "rss_kib": rss, "stub": run, "idle_us": idle, "promises": promises}, file,
                  indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
