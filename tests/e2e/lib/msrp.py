"""An MSRP peer written from the text of RFC 4975: frames, a connection, SDP."""

import asyncio
import re
import secrets

END = b"-------"


class Frame:
    """One request or one response (RFC 4975 clause 9)."""

    def __init__(self, start, headers, body=None, flag="$", transaction=None):
        self.transaction = transaction or secrets.token_hex(8)
        self.start, self.headers, self.body, self.flag = start, list(headers), body, flag

    @property
    def status(self):
        """The status code of a response; None for a request."""
        word = self.start.split(" ")[0]
        return int(word) if len(word) == 3 and word.isdigit() else None

    @property
    def method(self):
        return None if self.status else self.start

    def get(self, name):
        return next((value for field, value in self.headers if field.lower() == name.lower()), None)

    def encode(self):
        lines = [f"MSRP {self.transaction} {self.start}", *[f"{name}: {value}" for name, value in self.headers]]
        head = "".join(f"{line}\r\n" for line in lines).encode()
        body = b"" if self.body is None else b"\r\n" + self.body + b"\r\n"
        return head + body + END + f"{self.transaction}{self.flag}\r\n".encode()

    def __repr__(self):
        return f"<{self.start} {self.headers} {len(self.body or b'')} octets {self.flag}>"


async def read_frame(reader):
    """The next frame; None at the end of the connection."""
    line = await reader.readline()
    if not line:
        return None
    protocol, transaction, start = line.decode().rstrip("\r\n").split(" ", 2)
    if protocol != "MSRP":
        raise ValueError(f"no frame: {line!r}")
    end = END + transaction.encode()
    headers = []
    while True:
        line = await reader.readuntil(b"\r\n")
        if line.startswith(end) and len(line) == len(end) + 3:
            return Frame(start, headers, None, chr(line[-3]), transaction)
        if line == b"\r\n":
            break
        name, value = line.decode().rstrip("\r\n").split(": ", 1)
        headers.append((name, value))
    # The CRLF before the end-line is not part of the body. An empty body has only this one.
    octets = b"\r\n"
    while True:
        octets += await reader.readuntil(b"\r\n")
        last = octets.rfind(b"\r\n", 0, len(octets) - 2) + 2
        if octets[last:].startswith(end) and len(octets) - last == len(end) + 3 and octets[-3:-2] in (b"$", b"+", b"#"):
            return Frame(start, headers, octets[2 : last - 2], chr(octets[-3]), transaction)


class Connection:
    """A TCP connection of an MSRP client; what arrives is sorted into answers, reports and messages."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.answers, self.reports, self.sends = {}, asyncio.Queue(), asyncio.Queue()
        # How SENDs are answered: the status line, or None.
        self.answer = "200 OK"
        self.closed = asyncio.Event()
        self.task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, host, port, **options):
        return cls(*await asyncio.open_connection(host, port, limit=1 << 22, **options))

    async def _read(self):
        try:
            while frame := await read_frame(self.reader):
                if frame.status:
                    self._answer(frame.transaction).set_result(frame)
                elif frame.method == "REPORT":
                    self.reports.put_nowait(frame)
                else:
                    if self.answer and frame.get("Failure-Report") in (None, "yes"):
                        path = [("To-Path", frame.get("From-Path").split(" ")[0]), ("From-Path", frame.get("To-Path").split(" ")[0])]
                        self.write(Frame(self.answer, path, transaction=frame.transaction))
                    self.sends.put_nowait(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()

    def _answer(self, transaction):
        return self.answers.setdefault(transaction, asyncio.get_running_loop().create_future())

    def write(self, frame):
        self.writer.write(frame.encode())

    async def answered(self, frame, within=32):
        """The response to a request that was sent."""
        return await asyncio.wait_for(asyncio.shield(self._answer(frame.transaction)), within)

    async def close(self):
        self.task.cancel()
        self.writer.close()


class Session:
    """One MSRP session over a connection: the two paths."""

    def __init__(self, connection, own, path):
        self.connection, self.own, self.path = connection, own, path

    def frame(self, method, headers=(), body=None, flag="$"):
        return Frame(method, [("To-Path", self.path), ("From-Path", self.own), *headers], body, flag)

    def chunk(self, body, start, total, message_id, *, flag, content_type="text/plain", end=None, headers=()):
        """One SEND with octets of a message from `start` (the first octet is 1)."""
        end = start + len(body) - 1 if end is None else end
        fields = [("Message-ID", message_id), ("Byte-Range", f"{start}-{end}/{total}"), *headers]
        return self.frame("SEND", [*fields, ("Content-Type", content_type)], body, flag)

    def send(self, body, size=2048, message_id=None, **options):
        """Sends a message in chunks of `size` octets; returns the frames."""
        message_id = message_id or secrets.token_hex(8)
        frames = []
        for start in range(0, max(len(body), 1), size):
            part = body[start : start + size]
            flag = "$" if start + size >= len(body) else "+"
            frames.append(self.chunk(part, start + 1, len(body), message_id, flag=flag, **options))
        for frame in frames:
            self.connection.write(frame)
        return frames


def sdp(host, path, *, direction="sendonly", types="text/plain", setup=None, tls=False, extra=()):
    """An offer or answer for one MSRP session (RFC 4975 clause 8)."""
    port = re.search(r":(\d+)[/;]", path)[1]
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0", f"o=- 1 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0",
        f"m=message {port} TCP/{'TLS/' if tls else ''}MSRP *", f"a=accept-types:{types}", f"a=path:{path}",
        *([f"a={direction}"] if direction else []), *([f"a=setup:{setup}"] if setup else []), *extra,
    ]  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines).encode()


def attribute(body, name):
    """The value of an attribute of an SDP body; None without one, "" for a flag."""
    for line in body.decode().split("\r\n"):
        if line == f"a={name}":
            return ""
        if line.startswith(f"a={name}:"):
            return line[len(name) + 3 :]
    return None
