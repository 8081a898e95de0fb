#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""`cvmdbg policy` and `cvmdbg keygen` as a guest's owner uses them, beside the real age tools.

Keys cross both ways: what age-keygen makes we read, what we make age encrypts to and decrypts with.
"""

import datetime
import hashlib
import json
import os
import pty
import re
import stat
import subprocess
import tempfile
import unittest

B = os.path.abspath(os.environ.get("B", "build"))
CVMDBG = os.environ.get("CVMDBG", os.path.join(B, "cvmdbg"))
IDENTITY = re.compile(r"# created: (\S+)\n# public key: (age1[0-9a-z]{58})\n"
                      r"(AGE-SECRET-KEY-1[0-9A-Z]{58})\n")


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, timeout=30, check=False,
                          **{"text": True, **options})


def cvmdbg(*argv, **options):
    return run(CVMDBG, *argv, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            os.chmod(path, 0o600)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def done(self, result, out="", err=""):
        """Exit status 0, and this was said, neither more nor less."""
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, out, err))

    def refused(self, result, words, status=1):
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        self.assertIn(words, result.stderr)


class Keygen(InFolder):
    def test_same_file_as_age_keygen(self):
        for name, tool in ("theirs", ("age-keygen",)), ("ours", (CVMDBG, "keygen")):
            with self.subTest(tool=tool):
                result = run(*tool, "-o", self.path(name))
                created, public, _ = IDENTITY.fullmatch(self.read(name)).groups()
                self.done(result, err=f"Public key: {public}\n")
                age = datetime.datetime.now(datetime.timezone.utc) - \
                    datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
                self.assertLess(abs(age.total_seconds()), 60)
                self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)

    def test_standard_output(self):
        """To a pipe the public key is repeated where its maker sees it; to a terminal it is not."""
        result = cvmdbg("keygen")
        public = IDENTITY.fullmatch(result.stdout)[2]
        self.done(result, out=result.stdout, err=f"Public key: {public}\n")
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as terminal, open(theirs, "wb") as slave:
            result = subprocess.run([CVMDBG, "keygen"], stdout=slave, stderr=subprocess.PIPE,
                                    text=True, timeout=30, check=True)
            text = terminal.read(4096).decode().replace("\r\n", "\n")
        self.assertEqual(result.stderr, "")
        self.assertTrue(IDENTITY.fullmatch(text), text)

    def test_every_key_is_new(self):
        self.assertEqual(len({IDENTITY.fullmatch(cvmdbg("keygen").stdout)[3]
                              for _ in range(8)}), 8)

    def test_public_keys_agree(self):
        for maker in ("age-keygen",), (CVMDBG, "keygen"):
            for _ in range(8):
                text = run(*maker).stdout
                key, public = self.path("key", text), IDENTITY.fullmatch(text)[2]
                self.done(run("age-keygen", "-y", key), out=public + "\n")
                self.done(cvmdbg("keygen", "-y", key), out=public + "\n")
        self.done(cvmdbg("keygen", "-y", input=text), out=public + "\n")
        self.done(cvmdbg("keygen", "-y", "-", input=text), out=public + "\n")
        self.done(cvmdbg("keygen", "-y", "-o", self.path("public"), key))
        self.assertEqual(self.read("public"), public + "\n")

    def test_age_takes_our_key(self):
        cvmdbg("keygen", "-o", self.path("key"))
        public = IDENTITY.fullmatch(self.read("key"))[2]
        sealed = run("age", "-r", public, input=b"core", text=False)
        self.assertEqual(sealed.returncode, 0, sealed.stderr)
        opened = run("age", "-d", "-i", self.path("key"), input=sealed.stdout, text=False)
        self.assertEqual(opened.stdout, b"core", opened.stderr)

    def test_nothing_is_overwritten(self):
        self.path("key", "precious")
        os.symlink("elsewhere", self.path("link"))
        for name in "key", "link":
            self.refused(cvmdbg("keygen", "-o", self.path(name)), "never overwritten")
        self.assertEqual(self.read("key"), "precious")
        self.assertFalse(os.path.exists(self.path("elsewhere")))
        self.refused(cvmdbg("keygen", "-o", self.path("no/folder")), "No such file")

    def test_what_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([CVMDBG, "keygen"], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No space left", result.stderr)

    def test_identity_files(self):
        first, second = (run("age-keygen").stdout for _ in range(2))
        public, secret = IDENTITY.fullmatch(first).groups()[1:]
        for text in (first + second, first.replace("\n", "\r\n"), secret, "\n\n" + secret,
                     "# " + 1000 * "long " + "\n" + secret):
            with self.subTest(text=text):
                self.done(cvmdbg("keygen", "-y", self.path("key", text)), out=public + "\n")
        changed = "Q" if secret[40] != "Q" else "P"
        for text, words in (("", "no AGE-SECRET-KEY-1"),
                            ("# only this\n", "no AGE-SECRET-KEY-1"),
                            (public + "\n", "this is a public key"),
                            (secret.lower() + "\n", "no AGE-SECRET-KEY-1"),
                            (secret[:-1] + "\n", "no AGE-SECRET-KEY-1"),
                            (secret[:40] + changed + secret[41:], "no AGE-SECRET-KEY-1"),
                            ((1 << 20) * "A", "no AGE-SECRET-KEY-1")):
            with self.subTest(text=text[:80]):
                result = cvmdbg("keygen", "-y", "-o", self.path("public"),
                                self.path("key", text))
                self.refused(result, words)
                self.assertNotIn(secret[20:40], result.stderr)
                self.assertFalse(os.path.exists(self.path("public")))
        self.refused(cvmdbg("keygen", "-y", self.path("nothing")), "No such file")
        self.refused(cvmdbg("keygen", "-y", self.folder), "directory")

    def test_open_to_others(self):
        key = self.path("key", run("age-keygen").stdout)
        os.chmod(key, 0o644)
        result = cvmdbg("keygen", "-y", key)
        self.assertEqual(result.returncode, 0)
        self.assertIn("others may read this key", result.stderr)

    def test_usage(self):
        for options in (("x",), ("-y", "a", "b"), ("-o",), ("--what",)):
            with self.subTest(options=options):
                self.refused(cvmdbg("keygen", *options), "usage:", status=2)


class Policy(InFolder):
    @classmethod
    def setUpClass(cls):
        cls.owner, cls.other = (IDENTITY.fullmatch(run("age-keygen").stdout)[2] for _ in range(2))
        cls.text = f"""cvmdbg-policy 1
# {cls.other}
debugger {cls.owner}
dump-recipient {cls.owner}
dump-recipient {cls.other}
allow regs.read mem.read   # of the kernel
allow run
deny mem 0xffffffff82000000-0xffffffff82100000
deny mem phys:0x100000-0x200000
deny mem 0xfffffffffffff000-0x0
on-panic dump
"""

    def test_show_json(self):
        result = cvmdbg("policy", "show", "--json", self.path("p", self.text))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(json.loads(result.stdout), {
            "sha256": hashlib.sha256(self.text.encode()).hexdigest(),
            "channel": "sealed",
            "debuggers": [self.owner],
            "dump_recipients": [self.owner, self.other],
            "allow": ["regs.read", "mem.read", "run"],
            "deny_mem": ["0xffffffff82000000-0xffffffff82100000", "phys:0x100000-0x200000",
                         "0xfffffffffffff000-0x0"],
            "on_panic": "dump",
            "idle_timeout": 60,
        })

    def test_show(self):
        result = cvmdbg("policy", "show", self.path("p", self.text))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual([line.split(None, 1) for line in result.stdout.splitlines()], [
            ["sha256", hashlib.sha256(self.text.encode()).hexdigest()],
            ["channel", "sealed"],
            ["debugger", self.owner],
            ["dump-recipient", self.owner],
            ["dump-recipient", self.other],
            ["allow", "regs.read mem.read run"],
            ["deny", "mem        0xffffffff82000000-0xffffffff82100000"],
            ["deny", "mem        phys:0x100000-0x200000"],
            ["deny", "mem        0xfffffffffffff000-0x0"],
            ["on-panic", "dump"],
            ["idle-timeout", "60 s"],
        ])

    def test_every_right(self):
        for right in ("regs.read", "regs.write", "mem.read", "mem.write", "run", "points",
                      "monitor", "dump"):
            with self.subTest(right=right):
                text = f"cvmdbg-policy 1;debugger {self.owner};allow {right}"
                shown = cvmdbg("policy", "show", "--json", "-", input=text)
                self.assertEqual(json.loads(shown.stdout)["allow"], [right])

    def test_hash_is_of_the_bytes(self):
        """Blanks, comments and line ends count: guest and owner compare texts, not meanings."""
        texts = (self.text, self.text + "\n", self.text + "#", self.text.replace("\n", "\r\n"),
                 self.text.replace("allow ", "allow  "))
        shown = [cvmdbg("policy", "show", "--json", self.path("p", text)) for text in texts]
        self.assertEqual(len({json.loads(s.stdout)["sha256"] for s in shown}), len(texts))

    def test_warnings(self):
        self.done(cvmdbg("policy", "check", self.path("p", self.text)))
        plain = cvmdbg("policy", "check", "-", input="cvmdbg-policy 1;channel plain;allow run")
        self.assertEqual(plain.returncode, 0)
        self.assertIn("channel plain", plain.stdout)
        self.assertNotIn("keys mean nothing", plain.stdout)
        keys = cvmdbg("policy", "check", "-",
                      input=f"cvmdbg-policy 1;channel plain;debugger {self.owner}")
        self.assertIn("keys mean nothing", keys.stdout)
        self.assertIn("nothing is allowed", keys.stdout)

    def test_errors_say_where(self):
        wrong = self.owner[:20] + ("q" if self.owner[20] != "q" else "p") + self.owner[21:]
        head = "cvmdbg-policy 1\n"
        for text, where, words in (
                ("allow run\n", "1:1", "begins with"),
                (head, "1:16", "needs a debugger"),
                (head + f"# owner\n\tdebugger {wrong}\n", "3:11", "mistyped"),
                (head + f"debugger {self.owner}\nallow mem.read everything\n", "3:16",
                 "unknown right"),
                (head + "channel plain\ndeny mem 0x2000-0x1000\n", "3:10", "empty"),
                (head + "channel plain;be nice\n", "3:1", "unknown word"),
                (head + "channel plain # to be removed; allow run\n", "2:15", "semicolon"),
                (head + "channel plain\n# allow run; allow mem.write\n", "3:1", "semicolon"),
        ):
            with self.subTest(text=text):
                path = self.path("p", text)
                for verb in ("check",), ("show",), ("show", "--json"):
                    self.refused(cvmdbg("policy", *verb, path), f"{path}:{where}: ")
                self.assertIn(words, cvmdbg("policy", "check", path).stderr)

    def test_files(self):
        filler = "\n" * (4096 - len(self.text))
        self.done(cvmdbg("policy", "check", self.path("p", self.text + filler)))
        self.refused(cvmdbg("policy", "check", self.path("p", self.text + filler + "\n")),
                     "at most 4096 bytes")
        self.refused(cvmdbg("policy", "check", "/dev/zero"), "at most 4096 bytes")
        self.refused(cvmdbg("policy", "check", self.path("none")), "No such file")
        self.refused(cvmdbg("policy", "check", self.folder), "directory")
        nul = self.path("p", "cvmdbg-policy 1\0\nchannel plain")
        self.refused(cvmdbg("policy", "check", nul), ":1:15: ")

    def test_usage(self):
        for options in ((), ("check",), ("show", "a", "b"), ("check", "--json", "a"),
                        ("frobnicate", "a"), ("show", "--what", "a")):
            with self.subTest(options=options):
                self.refused(cvmdbg("policy", *options), "usage:", status=2)


if __name__ == "__main__":
    unittest.main()
