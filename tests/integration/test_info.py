#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""`cvmdbg info`: the facts of every guest type, as text and as JSON."""

import json
import unittest

import vm


class Info(unittest.TestCase):
    """One boot a guest type."""

    def info(self, guest, code, *words):
        done = guest.cvmdbg("info", *words)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_linux_debuggable(self):
        for kind, policy in (("sev", 0), ("sev-es", 4)):
            with self.subTest(type=kind), vm.Guest("linux", sev=kind) as guest:
                told = json.loads(self.info(guest, 0, "--json"))
                self.assertEqual(told["type"], kind)
                self.assertEqual(told["policy"]["value"], policy)
                self.assertTrue(told["debuggable"])
                self.assertEqual(len(told["vcpus"]), vm.VCPUS)
                text = self.info(guest, 0)
                for word in ("debuggable  yes", "NODBG", "mirror      available", "256 MiB"):
                    self.assertIn(word, text)
                guest.check_alive()

    def test_linux_pages_counted(self):
        with vm.Guest("linux", sev="sev") as guest:
            told = json.loads(self.info(guest, 0, "--json", "--pages"))
            pages = told["pages"]
            self.assertEqual(pages["shared"], 0)
            self.assertGreater(pages["private"], 200 << 8)
            guest.check_alive()

    def test_not_debuggable(self):
        for kind, policy, api in (("sev", 1, "7.2"), ("sev-es", 5, "9.1"), ("snp", 0x30000, "9.1")):
            with self.subTest(type=kind), \
                    vm.Guest("tiny", sev=kind, policy=policy, sevsim=["--qemu-api", api]) as guest:
                told = json.loads(self.info(guest, 3, "--json"))
                self.assertFalse(told["debuggable"])
                self.assertIn("NODBG" if kind != "snp" else "SNP", json.dumps(told))
                guest.check_alive()

    def test_unencrypted(self):
        with vm.Guest("tiny") as guest:
            self.assertEqual(json.loads(self.info(guest, 3, "--json"))["type"], "none")


if __name__ == "__main__":
    unittest.main()
