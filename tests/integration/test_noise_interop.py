#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Our Noise handshake and records against github.com/flynn/noise, which shares no code with ours.

Each role of ours, with libsodium and with the portable cipher, talks to the other's: the handshake, then
more messages each way than two changes of key take.
"""

import os
import subprocess
import unittest

B = os.environ.get("B", "build")
OURS = os.path.join(B, "interop", "noise_peer")
THEIRS = os.path.join(B, "interop", "noise_peer_go")
COUNT = str(2 * 65536 + 300)


def talk(first, second):
    """Runs both with each other; what they say of the handshake, as two dictionaries."""
    to_second, to_first = os.pipe(), os.pipe()
    with subprocess.Popen(first, stdin=to_first[0], stdout=to_second[1],
                          stderr=subprocess.PIPE, text=True) as one, \
         subprocess.Popen(second, stdin=to_second[0], stdout=to_first[1],
                          stderr=subprocess.PIPE, text=True) as two:
        for fd in to_second + to_first:
            os.close(fd)
        ends = [(p, p.communicate(timeout=120)[1]) for p in (one, two)]
    for p, said in ends:
        if p.returncode:
            raise AssertionError(f"{p.args[0]}: {said}")
    return [dict(line.split() for line in said.splitlines()) for _, said in ends]


class NoiseInterop(unittest.TestCase):
    """Who begins, and with which cipher of ours."""

    def check(self, cipher, ours_first):
        ours = [OURS, "initiator" if ours_first else "responder", cipher, COUNT]
        theirs = [THEIRS, "responder" if ours_first else "initiator", COUNT]
        one, two = talk(ours, theirs) if ours_first else talk(theirs, ours)
        self.assertEqual(one["hash"], two["hash"])
        self.assertEqual(one["self"], two["peer"])
        self.assertEqual(two["self"], one["peer"])
        self.assertNotEqual(one["self"], two["self"])

    def test_sodium_initiator(self):
        self.check("sodium", True)

    def test_sodium_responder(self):
        self.check("sodium", False)

    def test_portable_initiator(self):
        self.check("portable", True)

    def test_portable_responder(self):
        self.check("portable", False)
