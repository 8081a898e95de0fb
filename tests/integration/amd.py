#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A key hierarchy like AMD's by the openssl tool, and attestation reports signed with it.

Run as a program it makes the fuzzers' corpora anew: amd.py tests/fuzz/corpus.

An independent second maker beside tests/fake/amd_keys.c: what reads these agrees with the openssl
tool and with this file's own layout of a report. No AMD hardware was near any of it.
"""

import hashlib
import os
import struct
import subprocess
import sys
import tempfile

REPORT_BYTES = 1184
SIGNED = 0x2a0
OID = "1.3.6.1.4.1.3704.1"
ASK_GUID = bytes.fromhex("4ab7b379bbac4fe4a02f05aef327c782")
VCEK_GUID = bytes.fromhex("63da758de6644564adc5f4b93be8accd")

CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[leaf]
{leaf}
"""


def openssl(*arguments, **kwargs):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, **kwargs).stdout


def der_integer(number):
    return f"DER:02:01:{number:02x}" if number < 128 else f"DER:02:02:00:{number:02x}"


class Chain:
    """ARK, ASK and VCEK as PEM files in @folder; the VCEK's key signs reports."""

    PSS = ("-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48")

    def __init__(self, folder, tcb=(4, 1, 24, 219), hwid=b"\xc1" * 64):
        self.folder = folder
        self.tcb = tcb
        self.hwid = hwid
        self.ark, self.ask, self.vcek = (self.path(n + ".pem") for n in ("ark", "ask", "vcek"))
        with open(self.path("conf"), "w", encoding="ascii") as file:
            file.write(CONFIG.format(leaf=self.leaf_extensions()))
        for name in "ark", "ask":
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out",
                    self.path(name + ".key"))
        openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out",
                self.path("vcek.key"))
        openssl("req", "-new", "-x509", "-config", self.path("conf"), "-extensions", "authority",
                "-subj", "/O=Not AMD/CN=ARK-Milan", "-key", self.path("ark.key"), "-days", "9",
                *self.PSS, "-out", self.ark)
        self.issue("ask", "SEV-Milan", "ark", "authority")
        self.issue("vcek", "SEV-VCEK", "ask", "leaf")

    def path(self, name):
        return os.path.join(self.folder, name)

    def leaf_extensions(self):
        lines = [f"{OID}.3.{component} = {der_integer(version)}"
                 for component, version in zip((1, 2, 3, 8), self.tcb)]
        lines.append(f"{OID}.4 = DER:" + self.hwid.hex(":"))
        return "\n".join(lines)

    def issue(self, name, subject, issuer, extensions):
        openssl("req", "-new", "-config", self.path("conf"), "-subj",
                f"/O=Not AMD/CN={subject}", "-key", self.path(name + ".key"), "-out",
                self.path(name + ".csr"))
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(issuer + ".pem"),
                "-CAkey", self.path(issuer + ".key"), "-CAcreateserial", "-days", "9", *self.PSS,
                "-extfile", self.path("conf"), "-extensions", extensions, "-out",
                self.path(name + ".pem"))

    def der(self, name):
        return openssl("x509", "-in", self.path(name + ".pem"), "-outform", "DER")

    def sign(self, report):
        """@report with R and S of an ECDSA signature in place."""
        der = openssl("dgst", "-sha384", "-sign", self.path("vcek.key"),
                      input=bytes(report[:SIGNED]))
        text = openssl("asn1parse", "-inform", "DER", input=der).decode()
        numbers = [int(line.rsplit(":", 1)[1], 16) for line in text.splitlines()
                   if "INTEGER" in line]
        report = bytearray(report)
        for offset, number in zip((0x2a0, 0x2e8), numbers):
            report[offset:offset + 72] = number.to_bytes(72, "little")
        return bytes(report)

    def report(self, version=3, report_data=bytes(64), policy=0x30000, vmpl=0):
        """A signed report of this chain's chip, a Milan."""
        bootloader, tee, snp, microcode = self.tcb
        tcb = bytes([bootloader, tee, 0, 0, 0, 0, snp, microcode])
        r = bytearray(REPORT_BYTES)
        struct.pack_into("<IIQ", r, 0, version, 7, policy)
        struct.pack_into("<II8s", r, 0x30, vmpl, 1, tcb)
        r[0x50:0x90] = report_data
        r[0x90:0xc0] = b"\x3e" * 48
        r[0x180:0x188] = r[0x1e0:0x1e8] = r[0x1f0:0x1f8] = tcb
        if version >= 3:
            r[0x188:0x18b] = b"\x19\x01\x01"
        r[0x1a0:0x1e0] = self.hwid
        if version >= 5:
            struct.pack_into("<QQ", r, 0x1f8, 0x11, 0x13)
        return self.sign(r)

    def table(self, *names):
        """A host's table of certificates: "ask", "vcek"."""
        guids = {"ask": ASK_GUID, "vcek": VCEK_GUID}
        entries, certs = b"", b""
        start = 24 * (len(names) + 1)
        for name in names:
            der = self.der(name)
            entries += guids[name] + struct.pack("<II", start + len(certs), len(der))
            certs += der
        return entries + bytes(24) + certs


def evidence(report, table=None):
    parts = struct.pack("<II", 1, len(report)) + report
    if table is not None:
        parts += struct.pack("<II", 2, len(table)) + table
    return b"CVME" + struct.pack("<I", 1) + parts


def report_data(stub_key, policy):
    """REPORT_DATA of a stub with this key that enforces the policy of this text."""
    return hashlib.sha512(b"cvmdbg-attest-1" + stub_key +
                          hashlib.sha256(policy).digest()).digest()


def make_corpora(folder):
    def keep(name, data):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    with tempfile.TemporaryDirectory() as scratch:
        chain = Chain(scratch)
        report = chain.report()
        for version in 2, 3, 5:
            keep(f"report/version{version}", chain.report(version))
        keep("report/short", report[:100])
        keep("report/debug", chain.report(policy=0xb0000, vmpl=3))
        whole = evidence(report, chain.table("ask", "vcek"))
        keep("evidence/whole", whole)
        keep("evidence/cut", whole[:2000])
        keep("evidence/vcek", evidence(report, chain.table("vcek")))
        keep("evidence/bare", evidence(report))
        keep("evidence/empty-table", evidence(report, bytes(24)))
        keep("evidence/open-table", evidence(report, ASK_GUID + b"\xff" * 8))
        with open(chain.vcek, "rb") as file:
            pem = file.read()
        keep("evidence/pem", evidence(report, VCEK_GUID + struct.pack("<II", 48, len(pem)) +
                                      bytes(24) + pem))


if __name__ == "__main__":
    make_corpora(sys.argv[1])
