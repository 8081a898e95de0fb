#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The same requests to QEMU's gdbstub on an unencrypted twin and to cvmdbg on the encrypted guest.

Both are stopped in leaf(), so its registers, all static memory and the kinds of answers must agree.
"""

import re
import unittest

import rsp
import vm

BULK = vm.Tiny.direct_va + vm.Tiny.bulk[0]  # private pattern, never written



def until_leaf(client, symbols):
    """Stops in leaf(); returns the g packet's bytes."""
    client.request(f"Z1,{symbols['leaf']:x},1")
    client.request("vCont;c")
    client.request(f"z1,{symbols['leaf']:x},1")
    return bytes.fromhex(client.request("g").decode().replace("xx", "00"))


class Differential(unittest.TestCase):
    """Requests and their answers, side by side."""

    def test_same_answers(self):
        with vm.Guest("tiny", gdbstub=True) as twin, vm.Guest("tiny", sev="sev") as guest:
            symbols = vm.symbols(guest.elf)
            agent = guest.serve()
            # Stopped before gdb comes: QEMU 7.2 would announce the stop unasked.
            with twin.monitor() as qmp:
                qmp.execute("stop")
            with rsp.Client(twin.gdbstub, noack=False) as qemu, rsp.Client(agent.target) as ours:
                twin_regs = until_leaf(qemu, symbols)
                our_regs = until_leaf(ours, symbols)
                for name, index in (("rip", 16), ("rsp", 7), ("rbp", 6)):
                    self.assertEqual(twin_regs[8 * index:8 * index + 8],
                                     our_regs[8 * index:8 * index + 8], name)
                for start, length in self.static_memory(symbols):
                    self.assertEqual(self.read(qemu, start, length), self.read(ours, start, length),
                                     hex(start))
                for request in self.requests(symbols):
                    self.assertEqual(self.kind(qemu.request(request)), self.kind(ours.request(request)),
                                     request)
                ours.request("D")
                qemu.request("D")

    @staticmethod
    def static_memory(symbols):
        """Text, constants and patterns: equal in both guests."""
        return [(symbols["leaf"], 256), (symbols["main0"], 512), (symbols["specimen"], 40),
                (BULK, 0x20000), (vm.Tiny.edges_va, 0x2000), (vm.Tiny.edges_va + 0x6000, 0x2000)]

    @staticmethod
    def read(client, start, length):
        data = b""
        while len(data) < length:
            part = client.memory(start + len(data), min(1024, length - len(data)))
            if not part:
                break
            data += part
        return data

    @staticmethod
    def requests(symbols):
        """Requests whose kind of answer must agree."""
        leaf, counter = symbols["leaf"], symbols["counter"]
        return ["m900000000000,4", f"m{vm.Tiny.edges_va + 0x2000:x},4", f"m{leaf:x},1", f"Z1,{leaf:x},1",
                f"z1,{leaf:x},1", f"Z2,{counter:x},8", f"z2,{counter:x},8", f"Z0,{leaf:x},1",
                f"z0,{leaf:x},1", "qAttached", "vCont?", "vMustReplyEmpty", "T1", "Hg1"]

    @staticmethod
    def kind(reply):
        """OK, error, empty, vCont's letters, or the data itself."""
        if reply[:1] == b"E":
            return "error"
        if reply.startswith(b"vCont"):
            return set(b"cCsS") <= set(re.sub(b"vCont", b"", reply))
        return reply


if __name__ == "__main__":
    unittest.main()
