# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The in-guest stub beside QEMU's own gdbstub: one software-emulated guest, one client, one run."""

import os
import re
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import rsp  # noqa: E402
import stubvm  # noqa: E402
from process import CVMDBG, Program, is_listening, run, wait_for  # noqa: E402

STEPS = 300
STOPS = 30
ROUNDS = 3
FORKS = 300
HANDSHAKES = 5


def seconds(action, times):
    started = time.monotonic()
    for _ in range(times):
        action()
    return (time.monotonic() - started) / times


def text_base(agent):
    with rsp.Client(agent.target) as client:
        offsets = client.request("qOffsets").decode()
        client.request("D")
    return int(re.search(r"TextSeg=([0-9a-f]+)", offsets)[1], 16)


def control(agent):
    """Steps a second; milliseconds from an interrupt to its stop reply, and of a resume."""
    with rsp.Client(agent.target) as client:
        client.request("?")
        step = seconds(lambda: client.request("vCont;s:1"), STEPS)
        stops, resumes = [], []
        for _ in range(STOPS):
            started = time.monotonic()
            client.send("vCont;c")
            resumes.append(time.monotonic() - started)
            time.sleep(0.05)
            started = time.monotonic()
            client.interrupt()
            stops.append(time.monotonic() - started)
        client.request("D")
    return {"steps_per_s": round(1 / step), "stop_ms": round(1000 * statistics.median(stops), 2),
            "resume_ms": round(1000 * statistics.median(resumes), 3)}


def idle_cost():
    """Microseconds of a fixed piece of work in the guest, without the module and with it."""
    out = {"without": [], "with": []}
    with stubvm.StubGuest(smp=4, load=False) as guest:
        for _ in range(ROUNDS):
            for name in ("without", "with"):
                if name == "with":
                    guest.load()
                text = guest.ask(f"time {FORKS}", 120)
                out[name].append(int(re.search(r"^time (\d+) us", text, re.MULTILINE)[1]))
                if name == "with":
                    guest.ask("unload")
    return {name: min(values) for name, values in out.items()}


def sealed(client):
    """The same guest and ring, as it is and sealed: the client beside cvmdbg connect on this host."""
    results, handshake = {}, []
    with tempfile.TemporaryDirectory(prefix="cvm-") as folder:
        key, policy = f"{folder}/owner.txt", f"{folder}/policy.txt"
        run([CVMDBG, "keygen", "-o", key])
        owner = run([CVMDBG, "keygen", "-y", key]).stdout.strip()
        text = f"cvmdbg-policy 1;debugger {owner};allow regs.read mem.read run;idle-timeout 60"
        with open(policy, "w", encoding="utf-8") as file:
            file.write(text)
        with stubvm.StubGuest(smp=1, load=False) as guest:
            guest.ask("specimen seal")
            cost = int(guest.ask("hash").split("hash ")[-1].split()[1])
            guest.load()
            with guest.relay() as agent:
                base = text_base(agent)
                results["stub plain x,65536"] = client(f"unix:{agent.target}", "x", 65536, base)
            guest.ask("unload")
            guest.load(text)
            stub_key = re.search(r"^stub-key (\w+)", guest.ask("identity"), re.MULTILINE)[1]
            target = f"{folder}/gdb"
            words = ["--key", key, "--policy", policy, "--stub-key", stub_key]
            owner = Program([CVMDBG, "connect", *words, "--listen", f"unix:{target}",
                             f"ring:{guest.ring}"], f"{folder}/connect.log")
            wait_for(lambda: is_listening(target), "cvmdbg connect to listen")
            results["stub sealed x,65536"] = client(f"unix:{target}", "x", 65536, base)
            for _ in range(HANDSHAKES):
                started = time.monotonic()
                with rsp.Client(target, noack=False) as one:
                    one.request("?")
                    handshake.append(time.monotonic() - started)
                    one.request("D")
            owner.stop()
    return results, {"guest_seal_us_per_mib": cost,
                     "handshake_and_stop_ms": round(1000 * statistics.median(handshake))}


def measure(client):
    """@client: bench.measure. Everything about the stub, for the table and for bench.json."""
    results = {}
    # Waiting vCPUs spin; under emulation each of them takes a core from whoever works.
    with stubvm.StubGuest(smp=1, gdbstub=True) as guest:
        with guest.relay() as agent:
            base = text_base(agent)
            where = f"unix:{agent.target}"
            results["stub m,8"] = client(where, "m", 8, base)
            results["stub m,32768"] = client(where, "m", 32768, base)
            results["stub x,65536"] = client(where, "x", 65536, base)
        with guest.serve_stub() as agent:
            results["stub by serve m,32768"] = client(f"unix:{agent.target}", "m", 32768, base)
        results["qemu, same guest m,8"] = client(f"unix:{guest.gdbstub}", "m", 8, base)
        results["qemu, same guest m,2048"] = client(f"unix:{guest.gdbstub}", "m", 2048, base)
    with stubvm.StubGuest(smp=4) as guest, guest.relay() as agent:
        run_control = control(agent)
    more, seal = sealed(client)
    results.update(more)
    return results, {**run_control, **seal}, idle_cost()
