# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A minimal RSP client for tests: sends exactly what it is told and shows exactly what came back."""

import socket
import time


CONNECT_S = 2


class Client:
    """One connection. Replies are bytes with escapes undone; run-length encoding is not expected."""

    def __init__(self, address, timeout=20, noack=True):
        deadline = time.monotonic() + CONNECT_S
        while True:
            self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
            self.socket.settimeout(timeout)
            try:
                self.socket.connect(address)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.pending = b""
        self.noack = False
        if noack:
            assert self.request("QStartNoAckMode") == b"OK"
            self.noack = True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def interrupt(self):
        """Ctrl-C; returns the stop reply."""
        self.socket.sendall(b"\x03")
        return self.receive()

    def send(self, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        out = bytearray()
        for byte in payload:
            if byte in b"#$}*":
                out += bytes((0x7D, byte ^ 0x20))
            else:
                out.append(byte)
        self.socket.sendall(b"$%s#%02x" % (bytes(out), sum(out) & 0xFF))

    def receive(self):
        while True:
            start = self.pending.find(b"$")
            end = self.pending.find(b"#", start) if start >= 0 else -1
            if end >= 0 and len(self.pending) >= end + 3:
                raw = self.pending[start + 1:end]
                assert int(self.pending[end + 1:end + 3], 16) == sum(raw) & 0xFF, "checksum"
                self.pending = self.pending[end + 3:]
                if not self.noack:
                    self.socket.sendall(b"+")
                return self.unescape(raw)
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server closed the connection")
            self.pending += data

    @staticmethod
    def unescape(raw):
        if b"}" not in raw:
            return raw
        out, escaped = bytearray(), False
        for byte in raw:
            if escaped:
                out.append(byte ^ 0x20)
                escaped = False
            elif byte == 0x7D:
                escaped = True
            else:
                out.append(byte)
        return bytes(out)

    def request(self, payload, answer=True):
        self.send(payload)
        return self.receive() if answer else None

    def memory(self, addr, length):
        """Bytes at addr by `m`; short when the server says so, None on error."""
        reply = self.request(f"m{addr:x},{length:x}")
        return None if reply[:1] == b"E" else bytes.fromhex(reply.decode())

    def monitor(self, line):
        """Text of a `monitor` command."""
        text = b""
        reply = self.request("qRcmd," + line.encode().hex())
        while reply[:1] == b"O" and reply != b"OK":
            text += bytes.fromhex(reply[1:].decode())
            reply = self.receive()
        if reply != b"OK":
            text += bytes.fromhex(reply.decode())
        return text.decode()
