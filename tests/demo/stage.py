# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What the acts of the demo share: printing what a user would see, and checking it."""

import os
import re
import sys

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../integration")

from debugger import gdb_commands  # noqa: E402  (the path above)

PROMPT = "(gdb) "
COLUMNS = 110


class Failed(Exception):
    """The demo did not show what it promises."""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def heading(text):
    print(f"\n{paint('1', text)}", flush=True)


def say(text):
    print(f"  {text}", flush=True)


def command(line):
    print(f"  {paint('2', '$ ' + line)}", flush=True)


def show(text, color="0"):
    for line in text.splitlines():
        line = line if len(line) <= COLUMNS else line[:COLUMNS - 3] + "..."
        print(f"    {paint(color, line) if color != '0' else line}", flush=True)


def expect(pattern, text, why):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Failed(f"{why}; looked for {pattern!r} in:\n{text}")
    return found


def session(guest, target, lines, quietly=()):
    """Give gdb these lines as a user would; return its transcript, prompts included.

    quietly: lines that are not shown, before the others.
    """
    commands = [f"target remote {target}", *quietly]
    for line in lines:
        commands += [f"echo {PROMPT.replace(' ', chr(92) + ' ')}{line}\\n", line]
    text = gdb_commands("vmlinux", commands, timeout=120, cwd=guest.dir)
    if PROMPT not in text:
        raise Failed(f"gdb did not get through `target remote {target}`:\n{text}")
    return text[text.index(PROMPT):]


def answer(transcript, line):
    """What gdb printed after this line of a transcript."""
    after = transcript.partition(f"{PROMPT}{line}\n")[2]
    return after.partition(PROMPT)[0]
