# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Real debuggers in batch mode, without anything of the user's configuration. Either commands as a
user types them, for their text; or a few lines of Python in gdb, for what they saw:

    out = gdb_commands(elf, [f"target remote {socket}", "bt", "detach"])
    seen = gdb(elf, target, '''
    stop_at("leaf")
    result("frames", backtrace())
    ''')
    assert seen["frames"][0] == "leaf"

A body that raises makes gdb() raise, with everything gdb printed.
"""

import json
import os
import tempfile
import textwrap

from process import GUESTS, PATIENCE, run

GDB = os.environ.get("GDB", "gdb")
LLDB = os.environ.get("LLDB", "lldb-19")

# The words a body may use, besides the module gdb itself.
PRELUDE = '''
import gdb, json, os, tempfile, traceback
_results = {}

def run(command):
    """Execute a gdb command, return its output.

    Taken at the file descriptors: execute(to_string=True) misses what is printed about a stop,
    and `monitor` prints to stderr.
    """
    gdb.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        saved = os.dup(1), os.dup(2)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            gdb.execute(command)
        finally:
            gdb.flush()
            for fd, old in zip((1, 2), saved):
                os.dup2(old, fd)
                os.close(old)
        file.seek(0)
        return file.read()

def value(expression):
    """An expression's value: a number where it is one, else its text."""
    got = gdb.parse_and_eval(expression)
    try:
        return int(got)
    except gdb.error:
        return str(got)

def memory(address, length):
    """Guest memory as hexadecimal text."""
    return bytes(gdb.selected_inferior().read_memory(address % (1 << 64), length)).hex()

def write(address, data):
    gdb.selected_inferior().write_memory(address % (1 << 64), data)

def fails(command):
    """The error message of a command that must fail."""
    try:
        output = run(command)
    except gdb.error as error:
        return str(error)
    raise AssertionError(f"{command}: did not fail: {output}")

def backtrace():
    """The names of the selected thread's frames, innermost first."""
    names, frame = [], gdb.newest_frame()
    while frame:
        names.append(frame.name())
        frame = frame.older()
    return names

def stop_at(where, kind="tbreak"):
    """Continue to a temporary breakpoint (kind: tbreak or thbreak)."""
    run(f"{kind} {where}")
    return run("continue")

def result(name, thing):
    """Hand something that JSON can carry to the test."""
    _results[name] = thing

def _main(body, answer):
    status = 0
    try:
        exec(compile(body, "body", "exec"), globals())
    except BaseException:
        traceback.print_exc()
        status = 1
    with open(answer, "w") as file:
        json.dump(_results, file)
    try:
        run("detach")
    except gdb.error:
        pass
    gdb.execute(f"quit {status}")
'''


class Seen(dict):
    """What a body handed over by result(), and everything gdb printed."""
    output = ""


def gdb_argv(elf):
    # The index cache makes the second gdb on a vmlinux start in half a second.
    settings = (f"index-cache directory {GUESTS}/gdb-index", "index-cache enabled on",
                "debuginfod enabled off", "confirm off", "pagination off", "width 0",
                f"remotetimeout {int(10 * PATIENCE)}")
    argv = [GDB, "-q", "-nx", "-batch"]
    for setting in settings:
        argv += ["-iex", f"set {setting}"]
    return argv + ([elf] if elf else [])


def gdb_commands(elf, commands, timeout=60.0, cwd=None):
    """Run gdb commands one after the other, failed or not; return everything gdb printed.

    A command of several lines (`python ... end`) is one string.
    """
    with tempfile.TemporaryDirectory(prefix="cvm-gdb-", dir="/tmp") as scratch:
        argv = gdb_argv(elf)
        for number, command in enumerate(commands):
            if "\n" in command:
                # Only a file can hold these; -x and -ex keep their order.
                with open(f"{scratch}/{number}", "w", encoding="utf-8") as file:
                    file.write(command + "\n")
                argv += ["-x", file.name]
            else:
                argv += ["-ex", command]
        return run(argv, timeout, merge=True, cwd=cwd).stdout


def gdb(elf, target, body, timeout=60.0):
    """Run a Python body in gdb, connected to target, with elf's symbols; see PRELUDE."""
    body = textwrap.dedent(body)
    with tempfile.TemporaryDirectory(prefix="cvm-gdb-", dir="/tmp") as scratch:
        script, answer = f"{scratch}/body.py", f"{scratch}/answer"
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"{PRELUDE}\n_main({body!r}, {answer!r})\n")
        done = run(gdb_argv(elf) + ["-ex", f"target remote {target}", "-x", script],
                   timeout, merge=True)
        seen = Seen()
        seen.output = done.stdout
        if done.returncode != 0 or not os.path.exists(answer):
            raise AssertionError(f"gdb ended with {done.returncode}\n{seen.output}")
        with open(answer, encoding="utf-8") as file:
            seen.update(json.load(file))
        return seen


def lldb(elf, target, commands, timeout=60.0):
    """Run LLDB commands connected to target, failed or not; return everything it printed.

    LLDB's end would kill the debuggee, so the session ends with `process detach`.
    """
    url = f"unix-connect://{target}" if target.startswith("/") else f"connect://{target}"
    with tempfile.NamedTemporaryFile("w", prefix="cvm-lldb-", encoding="utf-8") as script:
        # From a file: with -o the first command that fails would end the session.
        for command in [f"process connect --plugin gdb-remote {url}", *commands, "process detach"]:
            script.write(command + "\n")
        script.flush()
        argv = [LLDB, "--no-lldbinit", "--batch",
                "-o", f"command source --stop-on-error false {script.name}"]
        return run(argv + ([elf] if elf else []), timeout, merge=True).stdout
