#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Virtual addresses through every page size, four and five levels, on a live encrypted guest."""

import unittest

import rsp
import vm

OFFSET = 0x12340  # into the bulk pattern: on no page's edge
LENGTH = 0x3000


class Paging(unittest.TestCase):
    """The same physical bytes, seen through each kind of mapping."""

    def check(self, guest, bases):
        physical = vm.Tiny.bulk[0] + OFFSET
        wanted = vm.Tiny.pattern(physical, LENGTH)
        with guest.serve() as agent, rsp.Client(agent.target) as client:
            client.request("?")
            for base in bases:
                self.assertEqual(client.memory(base + physical, LENGTH), wanted, hex(base))
            text = client.memory(vm.Tiny.kernel_va, 64)
            self.assertEqual(text, guest.plaintext(vm.Tiny.kernel_pa, 64))
            client.request("D")
        guest.check_alive()

    def test_four_levels(self):
        with vm.Guest("tiny", sev="sev") as guest:
            self.check(guest, (0, vm.Tiny.direct_va, vm.Tiny.gib_va))

    def test_five_levels(self):
        with vm.Guest("tiny", sev="sev", la57=True) as guest:
            self.check(guest, (0, vm.Tiny.direct_va, vm.Tiny.gib_va, vm.Tiny.la57_va))

    def test_old_and_new_kernels_and_cbits(self):
        for kernel, cbit in (("6.1", "47"), ("6.12", "51"), ("7.3", "47")):
            with self.subTest(kernel=kernel, cbit=cbit), \
                    vm.Guest("tiny", sev="sev", sevsim=["--kernel", kernel, "--cbit", cbit]) as guest:
                self.check(guest, (0, vm.Tiny.direct_va))


if __name__ == "__main__":
    unittest.main()
