#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Writes an initramfs: mkinitramfs.py OUTPUT init=PATH [NAME=PATH...].

The archive is newc cpio (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), so no
root is needed for its one device node, and the same input always gives the same bytes.
"""

import gzip
import stat
import sys

CONSOLE = (5, 1)


def entry(number, name, mode, data=b"", device=(0, 0)):
    """One member: a header of 13 hexadecimal fields, the name and the data, both padded to 4."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return pad(head) + pad(data)


def pad(data):
    return data + bytes(-len(data) % 4)


def main():
    output, *files = sys.argv[1:]
    members = [entry(1, "dev", stat.S_IFDIR | 0o755),
               entry(2, "dev/console", stat.S_IFCHR | 0o600, device=CONSOLE)]
    for number, file in enumerate(files, 3):
        name, _, path = file.partition("=")
        with open(path, "rb") as source:
            members.append(entry(number, name, stat.S_IFREG | 0o755, source.read()))
    archive = b"".join(members) + entry(0, "TRAILER!!!", 0)
    with open(output, "wb") as file:
        file.write(gzip.compress(archive, mtime=0))


if __name__ == "__main__":
    main()
