#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The package that builds the stub's module in a guest: what it holds, and that DKMS builds it."""

import glob
import os
import tempfile
import unittest

from process import B, GUESTS, run


class Package(unittest.TestCase):
    """Unpacked and built in folders of its own; nothing is installed."""

    def test_dkms_builds_the_module(self):
        done = run(["make", "-s", "dkms-deb", f"B={B}"], timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        package = glob.glob(f"{B}/cvmdbg-stub-dkms_*_all.deb")[-1]
        fields = run(["dpkg-deb", "-f", package]).stdout
        self.assertRegex(fields, r"Depends: .*\bdkms\b")
        with open(f"{GUESTS}/cloud/release", encoding="ascii") as file:
            release = file.read().strip()
        with tempfile.TemporaryDirectory(prefix="cvm-dkms-", dir="/tmp") as folder:
            self.assertEqual(run(["dpkg-deb", "-x", package, f"{folder}/root"]).returncode, 0)
            source = glob.glob(f"{folder}/root/usr/src/cvmdbg-stub-*")[0]
            version = os.path.basename(source).rpartition("-")[2]
            self.assertTrue(os.access(f"{folder}/root/usr/sbin/cvmdbg-load", os.X_OK))
            os.mkdir(f"{folder}/tree")
            built = run(["/usr/sbin/dkms", "build", "-m", "cvmdbg-stub", "-v", version, "-k", release,
                         "--sourcetree", os.path.dirname(source), "--dkmstree", f"{folder}/tree"],
                        timeout=300, merge=True)
            self.assertEqual(built.returncode, 0, built.stdout)
            modules = glob.glob(f"{folder}/tree/cvmdbg-stub/{version}/{release}/*/module/cvmdbg_stub.ko*")
            self.assertEqual(len(modules), 1, built.stdout)
            info = run(["/usr/sbin/modinfo", modules[0]]).stdout
            self.assertIn(release, info)
            self.assertRegex(info, r"parm: +policy:")


if __name__ == "__main__":
    unittest.main()
