# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The in-guest stub beside QEMU's own gdbstub: one software-emulated guest, one client, one run."""

import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import rsp  # noqa: E402
import stubvm  # noqa: E402

STEPS = 300
STOPS = 30
ROUNDS = 3
FORKS = 300


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
        run = control(agent)
    return results, run, idle_cost()
