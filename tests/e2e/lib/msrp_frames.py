"""MSRP frames (RFC 4975) for the tests: a reader that takes what clause 9 allows and nothing else, and a writer of any octets.

Written from the text of the RFC. Nothing here is shared with the gateway under test.
"""

import dataclasses
import re
import secrets
import string

# Clause 9: ident = ALPHANUM 3*31ident-char
IDENT = r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
TOKEN = r"[!#-'*+\-.0-9A-Z^-~]+"
URI = re.compile(
    r"(?P<scheme>[Mm][Ss][Rr][Pp][Ss]?)://(?:[A-Za-z0-9\-._~!$&'()*+,;=%]+@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%]+)(?::(?P<port>[0-9]+))?"
    r"(?:/(?P<session>[A-Za-z0-9\-._~+=/]+))?;(?P<transport>[A-Za-z0-9]+)(?:;" + TOKEN + r"(?:=" + TOKEN + r")?)*"
)
START = re.compile(rf"MSRP (?P<tid>{IDENT}) (?:(?P<method>[A-Z]+)|(?P<status>[0-9]{{3}})(?: (?P<comment>.*))?)")
RANGE = re.compile(r"([0-9]+)-([0-9]+|\*)/([0-9]+|\*)")
STATUS = re.compile(r"([0-9]{3}) ([0-9]{3})(?: .*)?")
QUOTED = r'"(?:[^"\\]|\\["\\])*"'
MEDIA_TYPE = re.compile(rf"{TOKEN}/{TOKEN}(?:;{TOKEN}(?:=(?:{TOKEN}|{QUOTED}))?)*")
VALUES = {
    "Message-ID": re.compile(IDENT),
    "Success-Report": re.compile("yes|no"),
    "Failure-Report": re.compile("yes|no|partial"),
    "Byte-Range": RANGE,
    "Status": STATUS,
    "Content-Type": MEDIA_TYPE,
}
# Clause 7.1: a request without a body has none of these.
OF_A_BODY = re.compile("content-", re.IGNORECASE)
FLAGS = b"+$#"
# The longest head of a frame that a tester of ours has to read.
LONGEST_HEAD = 16384


class Forbidden(Exception):
    """Octets that RFC 4975 forbids; the text names the clause."""


def require(holds, clause, text):
    if not holds:
        raise Forbidden(f"RFC 4975 {clause}: {text}")


def new_ident():
    """A transaction identifier or Message-ID: at least 64 bits that cannot be guessed (clauses 7.1 and 7.1.1)."""
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(16))


def uri_key(uri):
    """What two equal MSRP URIs have in common (clause 6.1)."""
    found = URI.fullmatch(uri)
    require(found, "9", f"{uri!r} is no MSRP URI")
    host = re.sub("%([0-9A-Fa-f]{2})", lambda code: chr(int(code[1], 16)), found["host"]).lower()
    return found["scheme"].lower(), host, found["port"], found["session"], found["transport"].lower()


@dataclasses.dataclass
class Frame:
    """A request or a response. `headers` are in their order; `body` is None where there is none, which is not an empty body."""

    tid: str
    method: str = ""  # of a request
    status: int = 0  # of a response
    comment: str | None = None
    headers: list = dataclasses.field(default_factory=list)
    body: bytes | None = None
    flag: str = "$"
    size: int = 0  # octets on the wire, of a frame that was read

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def to_path(self):
        return self.get("To-Path").split(" ")

    @property
    def from_path(self):
        return self.get("From-Path").split(" ")

    @property
    def range(self):
        """(start, end or None, total or None); None without Byte-Range."""
        value = self.get("Byte-Range")
        if value is None:
            return None
        start, end, total = RANGE.fullmatch(value).groups()
        return int(start), None if end == "*" else int(end), None if total == "*" else int(total)

    def encode(self):
        """The octets, whatever the fields say: a hostile tester needs the wrong ones, too."""
        if self.method:
            start = f"MSRP {self.tid} {self.method}"
        else:
            start = f"MSRP {self.tid} {self.status:03}" + (f" {self.comment}" if self.comment is not None else "")
        lines = [start, *(f"{name}: {value}" for name, value in self.headers)]
        head = "".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape")
        body = b"" if self.body is None else b"\r\n" + self.body + b"\r\n"
        return head + body + b"-------" + self.tid.encode() + self.flag.encode() + b"\r\n"

    def __repr__(self):
        what = self.method or f"{self.status} {self.comment or ''}".strip()
        sizes = "" if self.body is None else f" {len(self.body)} octets"
        return f"<{what} {self.tid} {self.get('Byte-Range') or ''}{sizes} {self.flag}>"


class FrameReader:
    """Cuts a stream into frames and checks each of them. After a Forbidden the rest of the stream means nothing."""

    def __init__(self):
        self._octets = bytearray()
        self._end = None  # of the frame at the front: what its end-line begins with
        self._looked = 0  # octets in which no end-line starts

    @property
    def rest(self):
        """Octets of a frame that is not complete."""
        return bytes(self._octets)

    def feed(self, octets):
        """The frames that are complete now."""
        self._octets += octets
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self):
        if self._end is None:
            line, separator, _ = self._octets[:LONGEST_HEAD].partition(b"\r\n")
            if not separator:
                require(len(self._octets) < LONGEST_HEAD, "9", "a start line without an end")
                require(b"MSRP ".startswith(self._octets[:5]), "9", f"{bytes(self._octets[:40])!r} is no start line")
                return None
            start = START.fullmatch(text_of(bytes(line)))
            require(start, "9", f"{bytes(line)!r} is no start line")
            self._end, self._looked = b"\r\n-------" + start["tid"].encode(), len(line)
        while True:
            at = self._octets.find(self._end, self._looked)
            if at < 0:
                self._looked = max(self._looked, len(self._octets) - len(self._end))
                return None
            after = at + len(self._end)
            if len(self._octets) < after + 3:
                self._looked = at
                return None
            if self._octets[after] in FLAGS and self._octets[after + 1 : after + 3] == b"\r\n":
                break
            self._looked = at + 1
        octets = bytes(self._octets[: after + 3])
        del self._octets[: after + 3]
        self._end = None
        return frame_of(octets, at)


def text_of(line):
    """utf8text without control characters."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Forbidden(f"RFC 4975 9: {line!r} is not UTF-8") from None
    require(not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text), "9", f"a control character in {line!r}")
    return text


def frame_of(octets, end_line):
    """Reads one frame; `end_line` is where the CRLF before its end-line stands."""
    head, separator, body = octets[: end_line + 2].partition(b"\r\n\r\n")
    if separator:
        # The CRLF before the end-line is not part of the body (clause 7.1).
        require(body.endswith(b"\r\n"), "7.1", "no CRLF between body and end-line")
        body = body[:-2]
    else:
        head, body = head[:-2], None
    lines = [text_of(line) for line in head.split(b"\r\n")]
    start = START.fullmatch(lines[0])
    frame = Frame(start["tid"], start["method"] or "", int(start["status"] or 0), start["comment"], body=body, size=len(octets))
    frame.flag = chr(octets[-3])
    for line in lines[1:]:
        name, colon, value = line.partition(": ")
        require(colon and re.fullmatch(f"[A-Za-z]{TOKEN}", name), "9", f"{line!r} is no header field")
        frame.headers.append((name, value))
    check(frame)
    return frame


def check(frame):
    """Raises Forbidden for what a frame of its kind must not be."""
    names = [name for name, _ in frame.headers]
    require(names[:2] == ["To-Path", "From-Path"], "9", f"To-Path and From-Path come first: {names}")
    for name in ("To-Path", "From-Path", *VALUES):
        require(names.count(name) <= 1, "9", f"{name} stands twice")
    for uri in frame.to_path + frame.from_path:
        uri_key(uri)
    for name, value in frame.headers:
        pattern = VALUES.get(name)
        require(pattern is None or pattern.fullmatch(value), "9", f"{name}: {value!r}")
    of_a_body = [name for name in names if OF_A_BODY.match(name)]
    if frame.body is None:
        require(not of_a_body, "7.1", f"{of_a_body} without a body")
    else:
        end_line = b"-------" + frame.tid.encode()
        require(not any(end_line + flag in frame.body for flag in (b"+", b"$", b"#")), "7.1", "the end-line stands in the body")
        require(names[-1] == "Content-Type", "7.1", f"Content-Type is not the last header field: {names}")
        require("Content-Transfer-Encoding" not in names, "7.1.1", "a transfer encoding")
    if frame.method:
        check_request(frame)
    else:
        require(frame.body is None and frame.flag == "$", "7.2", "a response has no body and no chunks")
        of_requests = {"Success-Report", "Failure-Report", "Status"} & set(names)
        require(not of_requests, "7.2", f"a response with {of_requests}")


def check_request(frame):
    names = [name for name, _ in frame.headers]
    require("Message-ID" in names, "7.1.1", "no Message-ID")
    if frame.range:
        start, end, total = frame.range
        require(start >= 1, "7.1.1", "the first octet has position 1")
        require(end is None or end >= start - 1, "7.1.1", f"a range that ends before it begins: {frame.range}")
        require(end is None or total is None or end <= total, "7.1.1", f"a range beyond the total: {frame.range}")
    if frame.method == "REPORT":
        require("Status" in names, "7.1.2", "a REPORT without Status")
        require(not {"Success-Report", "Failure-Report"} & set(names), "7.1.2", f"a REPORT asks for no report: {names}")
        require(frame.flag == "$", "7.1.2", "a REPORT in chunks")
        require(frame.body is None or len(frame.body) <= 10240, "7.1", "a REPORT with more than 10,240 octets")
    elif frame.method == "SEND":
        require("Status" not in names, "7.1.2", "a SEND with Status")
        check_chunk(frame)


def check_chunk(frame):
    size = len(frame.body or b"")
    start, end, total = frame.range or (1, None, None)
    if frame.range and frame.body is not None:
        require(end is None or end - start + 1 == size, "7.1.1", f"{size} octets in the range {frame.range}")
        require(total is None or start - 1 + size <= total, "7.1.1", f"{size} octets beyond the total: {frame.range}")
        last = frame.flag == "$"
        require(not last or total in (None, start - 1 + size), "7.1", f"the last chunk is not at the end: {frame.range}, {size} octets")
        require(frame.flag != "+" or total is None or start - 1 + size < total, "7.1", f"nothing follows this chunk: {frame.range}")
    require(size <= 2048 or (frame.range and end is None), "7.1.1", f"{size} octets that cannot be interrupted: {frame.range}")
