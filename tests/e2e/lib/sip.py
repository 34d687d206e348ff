"""SIP on the wire: messages as octets, header fields as text, digest authentication.

Nothing here interprets a body: it is octets from one end to the other. Nothing here is shared with the gateway
under test either: this is the other side of the conversation.
"""

import hashlib
import secrets

COMPACT = {
    "i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type",
    "f": "From", "s": "Subject", "k": "Supported", "t": "To", "v": "Via",
}  # fmt: skip


class Malformed(ValueError):
    """The octets from the network are not SIP."""


class Message:
    """A request or a response: a start line, header fields in their order, a body of octets."""

    def __init__(self, start, headers=(), body=b""):
        self.start = start
        self.headers = list(headers)
        self.body = body
        self.at = None  # when it came

    @classmethod
    def parse(cls, octets):
        """Reads one message whose body is all that follows the empty line."""
        head, separator, body = octets.partition(b"\r\n\r\n")
        if not separator:
            raise Malformed("no empty line after the header fields")
        lines = head.decode("utf-8", "surrogateescape").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
        headers = []
        for line in lines[1:]:
            if "\n" in line:
                raise Malformed(f"a line that ends without CR: {line!r}")
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed(f"header field without a colon: {line!r}")
            name = name.strip()
            headers.append((COMPACT.get(name.lower(), name), value.strip()))
        return cls(lines[0], headers, body)

    def encode(self):
        """The octets to send. Content-Length is the body's own length unless the headers already lie about it."""
        headers = list(self.headers)
        if self.get("Content-Length") is None:
            headers.append(("Content-Length", str(len(self.body))))
        head = "\r\n".join([self.start, *(f"{name}: {value}" for name, value in headers)]) + "\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + self.body

    def get(self, name, default=None):
        """The first header field of that name."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), default)

    def all(self, name):
        """Every header field of that name, in order."""
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self):
        """Of a request its own method, of a response the method it answers."""
        return self.start.split(" ", 1)[0] if self.is_request else self.get("CSeq", "").split()[-1]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def reason(self):
        return self.start.split(" ", 2)[2]

    @property
    def content_type(self):
        """Type and subtype without parameters, in lower case."""
        return self.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def branch(self):
        """The branch of the topmost Via: the name of the transaction."""
        return parameter(self.get("Via", ""), "branch")

    @property
    def text(self):
        return self.body.decode("utf-8")

    def __repr__(self):
        return f"<{self.start} {self.content_type} {len(self.body)} octets>"


def host_port(address):
    """An (address, port, ...) of a socket as it stands in a URI."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parameter(value, name):
    """The parameter `;name=value` of a header field, or None."""
    for part in value.split(";")[1:]:
        key, _, found = part.partition("=")
        if key.strip().lower() == name:
            return found.strip()
    return None


def addr_spec(value):
    """The URI of a From, To, Contact or P-Asserted-Identity."""
    if "<" in value:
        return value[value.index("<") + 1 : value.index(">")]
    return value.split(";")[0].strip()


def user_of(uri):
    """The user part of a sip URI, the number of a tel URI."""
    rest = uri.partition(":")[2]
    return rest.split("@")[0].split(";")[0] if "@" in rest else rest.split(";")[0]


def response(request, status, reason, headers=(), body=b"", to_tag=None):
    """The response to a request, with the fields copied that RFC 3261 clause 8.2.6.2 names."""
    to = request.get("To", "")
    if parameter(to, "tag") is None and status > 100:
        to += f";tag={to_tag or secrets.token_hex(4)}"
    copied = [("Via", via) for via in request.all("Via")]
    copied += [("From", request.get("From", "")), ("To", to)]
    copied += [("Call-ID", request.get("Call-ID", "")), ("CSeq", request.get("CSeq", ""))]
    return Message(f"SIP/2.0 {status} {reason}", [*copied, *headers], body)


def challenge_of(value):
    """The parameters of a WWW-Authenticate or Proxy-Authenticate."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest":
        raise Malformed(f"not a digest challenge: {value!r}")
    parameters, i = {}, 0
    while i < len(rest):
        name, _, _ = rest[i:].partition("=")
        i += len(name) + 1
        if rest[i : i + 1] == '"':
            end = rest.index('"', i + 1)
            found, i = rest[i + 1 : end], end + 1
        else:
            end = rest.find(",", i)
            end = len(rest) if end < 0 else end
            found, i = rest[i:end], end
        parameters[name.strip().lower()] = found.strip()
        while i < len(rest) and rest[i] in ", ":
            i += 1
    return parameters


def credentials(challenge, name, password, method, uri, count):
    """The value of an Authorization or Proxy-Authorization (RFC 2617, MD5)."""

    def h(text):
        return hashlib.md5(text.encode()).hexdigest()

    realm, nonce = challenge["realm"], challenge["nonce"]
    ha1, ha2 = h(f"{name}:{realm}:{password}"), h(f"{method}:{uri}")
    value = f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
    if "auth" in challenge.get("qop", "").split(","):
        cnonce, nc = secrets.token_hex(8), f"{count:08x}"
        answer = h(f"{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")
        return f'{value}, qop=auth, nc={nc}, cnonce="{cnonce}", response="{answer}"'
    return f'{value}, response="{h(f"{ha1}:{nonce}:{ha2}")}"'
