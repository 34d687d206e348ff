"""The client's side of a WebSocket (RFC 6455), for SIP (RFC 7118) and MSRP (RFC 7977): each message is one read and one write."""

import asyncio
import base64
import hashlib
import secrets
import struct

from sip import host_port

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(ConnectionError):
    """The server does not open a WebSocket, or breaks its protocol."""


def require(holds, text):
    if not holds:
        raise Refused(text)


class WebSocket:
    """A reader and a writer in one."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.transport, self.get_extra_info = writer.transport, writer.get_extra_info

    @classmethod
    async def open(cls, address, protocol, context=None, local=None):
        """The handshake, for this subprotocol."""
        reader, writer = await asyncio.open_connection(*address, ssl=context, local_addr=local, server_hostname=address[0] if context else None)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = ["GET / HTTP/1.1", f"Host: {host_port(address)}", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}"]
        lines += [f"Sec-WebSocket-Protocol: {protocol}", "Sec-WebSocket-Version: 13"]
        writer.write("".join(line + "\r\n" for line in [*lines, ""]).encode())
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        wanted = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        require(start.split(" ")[1] == "101", f"the handshake: {start}")
        require(fields.get("sec-websocket-accept") == wanted, "a wrong Sec-WebSocket-Accept")
        require(fields.get("sec-websocket-protocol") == protocol, f"the subprotocol {fields.get('sec-websocket-protocol')}")
        return cls(reader, writer)

    async def read(self, _=None):
        """The next message; b"" at the end."""
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode == CLOSE:
                    return b""
                if opcode == PING:
                    self._send(PONG, payload)
                if opcode in (TEXT, BINARY):
                    return payload
        except asyncio.IncompleteReadError:
            return b""

    async def _frame(self):
        first, second = await self.reader.readexactly(2)
        require(first & 0x80 and not second & 0x80, "a fragment, or a masked frame of a server")
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)

    def _send(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size) if size < 65536 else b"\xff" + struct.pack("!Q", size)
        mask = secrets.token_bytes(4)
        masks = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(masks, "big")).to_bytes(size, "big")
        self.writer.write(bytes([0x80 | opcode]) + head + mask + masked)

    def write(self, octets):
        self._send(BINARY, octets)

    async def drain(self):
        await self.writer.drain()

    def close(self):
        self.writer.close()
