#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""`cvmdbg verify` and cvmdbg-attest, on chains made by the openssl tool.

No AMD hardware made the reports, and no SEV kernel answered cvmdbg-attest: a library preloaded into
a build of it stands in for configfs-tsm and for /dev/sev-guest.
"""

import json
import os
import subprocess
import tempfile
import unittest

import amd

B = os.path.abspath(os.environ.get("B", "build"))
CVMDBG = os.environ.get("CVMDBG", os.path.join(B, "cvmdbg"))
POLICY = b"""cvmdbg-policy 1
debugger age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj
allow mem.read
"""
KEY = bytes(range(32))

chain = other = folder = None


def setUpModule():
    global chain, other, folder
    folder = tempfile.TemporaryDirectory()
    for name in "good", "other":
        os.mkdir(os.path.join(folder.name, name))
    chain = amd.Chain(os.path.join(folder.name, "good"))
    other = amd.Chain(os.path.join(folder.name, "other"))


def tearDownModule():
    folder.cleanup()


def keep(name, data):
    path = os.path.join(folder.name, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def run(report, *options, ark=None, ask=None, vcek=None):
    arguments = [CVMDBG, "verify", report, "--ark", ark or chain.ark]
    if ask != "":
        arguments += ["--ask", ask or chain.ask]
    if vcek != "":
        arguments += ["--vcek", vcek or chain.vcek]
    return subprocess.run([*arguments, *options], capture_output=True, text=True, timeout=30,
                          check=False)


class Verify(unittest.TestCase):
    def refused(self, result, words):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)

    def test_versions(self):
        for version in 2, 3, 5:
            with self.subTest(version=version):
                report = keep("report", chain.report(version))
                result = run(report)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("verified            yes", result.stdout)
                self.assertIn("not compared        report_data", result.stdout)
                doc = json.loads(run(report, "--json").stdout)
                self.assertIs(doc["verified"], True)
                self.assertEqual(doc["report"]["version"], version)
                self.assertEqual(doc["report"]["reported_tcb"],
                                 {"bootloader": 4, "tee": 1, "snp": 24, "microcode": 219})
                self.assertEqual("cpu" in doc["report"], version >= 3)
                self.assertEqual("launch_mit_vector" in doc["report"], version >= 5)

    def test_chains(self):
        report = keep("report", chain.report())
        self.refused(run(report, ark=other.ark), "ASK certificate is not valid")
        self.refused(run(report, ask=other.ask), "certificate is not valid")
        self.refused(run(report, vcek=other.vcek), "VCEK certificate is not valid")
        self.refused(run(report, ask=chain.ark), "VCEK certificate is not valid")
        self.refused(run(keep("forged", other.report())), "signature is wrong")
        self.refused(run(report, vcek=keep("text", b"no certificate")), "not X.509")
        self.refused(run(report, vcek=""), "no VCEK certificate")
        der = run(report, vcek=keep("vcek.der", chain.der("vcek")))
        self.assertEqual(der.returncode, 0, der.stderr)

    def test_contents(self):
        report = keep("report", chain.report(report_data=amd.report_data(KEY, POLICY)))
        policy = keep("policy", POLICY)
        good = run(report, "--stub-key", KEY.hex(), "--policy", policy, "--measurement", "3e" * 48,
                   "--min-tcb", "bootloader=4,tee=1,snp=24,microcode=219")
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertNotIn("not compared", good.stdout)
        rows = (
            (("--stub-key", "00" * 32, "--policy", policy), "REPORT_DATA differs"),
            (("--stub-key", KEY.hex(), "--policy", keep("p2", POLICY + b"#")),
             "REPORT_DATA differs"),
            (("--report-data", "00" * 64), "REPORT_DATA differs"),
            (("--measurement", "00" * 48), "the measurement differs"),
            (("--min-tcb", "snp=25"), "SNP firmware has version 24, --min-tcb wants 25"),
        )
        for options, words in rows:
            with self.subTest(words=words, options=options):
                self.refused(run(report, *options), words)
                doc = json.loads(run(report, *options, "--json").stdout)
                self.assertIs(doc["verified"], False)
                self.assertIn(words, doc["reason"])

    def test_policy(self):
        report = keep("report", chain.report(policy=0xb0000, vmpl=2))
        self.refused(run(report), "DEBUG (bit 19)")
        self.refused(run(report, "--allow-debug-policy"), "VMPL 2")
        good = run(report, "--allow-debug-policy", "--vmpl", "2")
        self.assertEqual(good.returncode, 0, good.stderr)

    def test_evidence(self):
        report = chain.report()
        whole = keep("evidence", amd.evidence(report, chain.table("ask", "vcek")))
        good = run(whole, ask="", vcek="")
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.refused(run(keep("e2", amd.evidence(report, other.table("ask", "vcek"))), ask="",
                         vcek=""), "ASK certificate is not valid")
        self.refused(run(keep("e3", amd.evidence(report)), ask="", vcek=""),
                     "holds no ASK certificate")
        self.refused(run(keep("e4", amd.evidence(report)[:-1])), "evidence is damaged")

    def test_damage(self):
        report = chain.report()
        self.refused(run(keep("short", report[:-1])), "has 1184 bytes, this has 1183")
        self.refused(run(keep("long", report + b"\0")), "has 1184 bytes, this has 1185")
        self.refused(run(keep("v4", b"\4" + report[1:])), "version 4")
        self.refused(run(keep("huge", bytes(1 << 20))), "too long")
        self.refused(run("/nonexistent"), "No such file")

    def test_usage(self):
        for options in ((), ("a",), ("a", "b"), ("a", "--ark", chain.ark, "--policy", "p"),
                        ("a", "--ark", chain.ark, "--vmpl", "9"),
                        ("a", "--ark", "/nonexistent"), ("a", "--what")):
            with self.subTest(options=options):
                result = subprocess.run([CVMDBG, "verify", *options], capture_output=True,
                                        text=True, check=False)
                self.assertEqual(result.returncode, 2)
                self.assertTrue(result.stderr)


class Attest(unittest.TestCase):
    """cvmdbg-attest against a kernel that is not there."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.data = amd.report_data(KEY, POLICY)
        self.device = self.file("device", f"stub-key {KEY.hex()}\npolicy-hash {'00' * 32}\n"
                                f"report-data {self.data.hex()}\n".encode())
        self.output = os.path.join(self.folder.name, "evidence")
        self.asked = os.path.join(self.folder.name, "asked")
        # The shipped one is static, so nothing can be put in front of the kernel: build it anew.
        self.tool = os.path.join(self.folder.name, "tool")
        library = os.path.join(self.folder.name, "kernel.so")
        top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-I.", "-o", self.tool,
                        "stub/linux/attest/cvmdbg-attest.c", "host/attest/evidence.c"], cwd=top,
                       check=True)
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                        "tests/integration/fake_kernel.c"], cwd=top, check=True)
        self.environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": library,
                            "FAKE_ASKED": self.asked}

    def file(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def run_tool(self, *options, **environment):
        return subprocess.run([self.tool, "--device", self.device, "--output", self.output,
                               "--tsm", os.path.join(self.folder.name, "no/tsm"), *options],
                              env={**self.environment, **environment}, capture_output=True,
                              text=True, timeout=30, check=False)

    def response(self, report, status=0):
        size = len(report) if report else 0
        return self.file("response", status.to_bytes(4, "little") + size.to_bytes(4, "little") +
                         bytes(24) + report)

    def test_sev_guest(self):
        report = chain.report(report_data=self.data)
        table = chain.table("ask", "vcek")
        result = self.run_tool(FAKE_RESPONSE=self.response(report),
                               FAKE_CERTS=self.file("certs", table))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(self.asked, "rb") as file:
            self.assertEqual(file.read(), self.data)
        with open(self.output, "rb") as file:
            self.assertEqual(file.read(), amd.evidence(report, table))
        judged = run(self.output, "--stub-key", KEY.hex(), "--policy", keep("policy", POLICY),
                     ask="", vcek="")
        self.assertEqual(judged.returncode, 0, judged.stderr)

    def test_tsm(self):
        report = chain.report(report_data=self.data)
        table = chain.table("ask", "vcek")
        tsm = os.path.join(self.folder.name, "tsm")
        os.mkdir(tsm)
        kernel = {"FAKE_PROVIDER": "sev_guest\n", "FAKE_OUTBLOB": self.file("out", report)}
        for certs in table, None:
            with self.subTest(certificates=certs is not None):
                if certs:
                    kernel["FAKE_CERTS"] = self.file("certs", certs)
                else:
                    del kernel["FAKE_CERTS"]
                result = self.run_tool("--tsm", tsm, **kernel)
                self.assertEqual(result.returncode, 0, result.stderr)
                with open(self.asked, "rb") as file:
                    self.assertEqual(file.read(), self.data)
                with open(self.output, "rb") as file:
                    self.assertEqual(file.read(), amd.evidence(report, certs))
                self.assertEqual(os.listdir(tsm), [])
        kernel["FAKE_PROVIDER"] = "tdx_guest\n"
        result = self.run_tool("--tsm", tsm, **kernel)
        self.assertIn('another kind of guest than SEV-SNP: "tdx_guest"', result.stderr)
        kernel["FAKE_PROVIDER"] = "sev_guest\n"
        kernel["FAKE_OUTBLOB"] = self.file("out", report[:-1])
        self.assertIn("has 1183 bytes", self.run_tool("--tsm", tsm, **kernel).stderr)
        self.assertEqual(os.listdir(tsm), [])

    def test_to_the_stub(self):
        """Without --output it goes to the device, in place of what the device said."""
        report = chain.report(report_data=self.data)
        environment = {**self.environment, "FAKE_RESPONSE": self.response(report)}
        subprocess.run([self.tool, "--device", self.device, "--tsm", "/nonexistent/tsm"],
                       env=environment, check=True, capture_output=True)
        with open(self.device, "rb") as file:
            self.assertTrue(file.read().startswith(amd.evidence(report)))

    def test_without_certificates(self):
        report = chain.report(report_data=self.data)
        result = self.run_tool(FAKE_RESPONSE=self.response(report))
        self.assertEqual(result.returncode, 0)
        self.assertIn("the host gives no certificates", result.stderr)
        with open(self.output, "rb") as file:
            self.assertEqual(file.read(), amd.evidence(report))
        table = self.file("certs", chain.table("ask", "vcek"))
        result = self.run_tool(FAKE_RESPONSE=self.response(report), FAKE_CERTS=table,
                               FAKE_TOO_LONG="1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the host gives no certificates", result.stderr)
        broken = self.file("certs", amd.ASK_GUID + b"\xff" * 8)
        result = self.run_tool(FAKE_RESPONSE=self.response(report), FAKE_CERTS=broken)
        self.assertIn("the host gives no certificates", result.stderr)

    def test_refusals(self):
        good = self.response(chain.report(report_data=self.data))
        refused = self.run_tool(FAKE_RESPONSE=good, FAKE_REFUSAL="1")
        self.assertIn("firmware error 0x16, host error 0x2", refused.stderr)
        stranger = self.response(chain.report())
        self.assertIn("something else", self.run_tool(FAKE_RESPONSE=stranger).stderr)
        status = self.response(b"", 0x16)
        self.assertIn("status 0x16", self.run_tool(FAKE_RESPONSE=status).stderr)
        self.assertIn("this is no SEV-SNP guest", self.run_tool().stderr)
        gone = self.run_tool("--device", "/nonexistent")
        self.assertIn("the stub is not loaded", gone.stderr)
        self.assertEqual(gone.returncode, 1)
        broken = self.file("broken", b"report-data 12\n")
        self.assertIn("no 64 bytes", self.run_tool("--device", broken).stderr)
        self.assertFalse(os.path.exists(self.output))

    def test_shipped(self):
        """The static build runs, and says what is missing."""
        result = subprocess.run([os.path.join(B, "cvmdbg-attest"), "--device", "/nonexistent"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("the stub is not loaded", result.stderr)


if __name__ == "__main__":
    unittest.main()
