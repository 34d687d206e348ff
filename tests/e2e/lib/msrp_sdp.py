"""Session descriptions of MSRP (RFC 4566, RFC 4975 clause 8, RFC 6135): written, and read strictly."""

import dataclasses
import re
import time

from msrp_frames import TOKEN, URI, Forbidden, require, uri_key
from sip import host_port

PROTOCOLS = {"TCP/MSRP": "msrp", "TCP/TLS/MSRP": "msrps"}
FORMAT = re.compile(rf'\*|{TOKEN}/(?:{TOKEN})(?:;{TOKEN}=(?:{TOKEN}|"[^"]*"))*')


@dataclasses.dataclass
class Description:
    """One media line of MSRP in a session description."""

    path: list  # the last is the end point; the first is where to connect
    types: list
    wrapped: list
    max_size: int | None
    setup: str | None
    direction: str
    port: int
    origin: str
    octets: bytes

    @property
    def is_tls(self):
        return uri_key(self.path[0])[0] == "msrps"

    @property
    def is_websocket(self):
        """RFC 7977 5.2.1."""
        return uri_key(self.path[0])[4] == "ws"

    @property
    def address(self):
        """Where a connection goes to (RFC 4975 6.2: an address is used as it stands)."""
        _, host, port, _, _ = uri_key(self.path[0])
        return host.strip("[]"), int(port)

    def takes(self, content_type, wrapped=False):
        """Whether a type may be sent (clause 8.6)."""
        wanted = content_type.partition(";")[0].strip().lower()
        for entry in self.types + (self.wrapped if wrapped else []):
            entry = entry.partition(";")[0].lower()
            if entry in ("*", wanted) or (entry.endswith("/*") and wanted.startswith(entry[:-1])):
                return True
        return False


def write(path, address, types="text/plain", *, setup="actpass", max_size=None, wrapped=None, direction=None, version=1, number=None):
    """An offer or an answer. `address` is the (address, port) of the last URI of `path`."""
    host, port = address[:2]
    family = "IP6" if ":" in host else "IP4"
    protocol = "TCP/TLS/MSRP" if path[0].lower().startswith("msrps:") else "TCP/MSRP"
    lines = ["v=0", f"o=- {number or int(time.time())} {version} IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]
    lines += [f"m=message {port} {protocol} *", f"a=path:{' '.join(path)}", f"a=accept-types:{types}"]
    lines += [f"a=accept-wrapped-types:{wrapped}"] * (wrapped is not None) + [f"a=max-size:{max_size}"] * (max_size is not None)
    lines += [f"a=setup:{setup}"] * (setup is not None) + [f"a={direction}"] * (direction is not None)
    return "".join(line + "\r\n" for line in lines).encode()


def uri(address, session, tls=False, transport="tcp"):
    """The MSRP URI of a session at an address."""
    return f"{'msrps' if tls else 'msrp'}://{host_port(address)}/{session};{transport}"


def read(octets, is_offer):
    """The Description in a body; Forbidden where the body is none that clause 8 allows."""
    require(octets.endswith(b"\r\n"), "8 (RFC 4566 5)", "the last line has no CRLF")
    lines = octets.decode("utf-8")[:-2].split("\r\n")
    require(all(re.fullmatch("[a-z]=.+", line) for line in lines), "8 (RFC 4566 5)", f"a line that is no type=value: {lines}")
    kinds = "".join(line[0] for line in lines)
    require(re.fullmatch("vosi?u?e*p*c?b*(?:tr*)+z?k?a*m[icbka]*", kinds), "8 (RFC 4566 5)", f"the order of the lines: {kinds}")
    value = {line[0]: line[2:] for line in lines}
    require(value["v"] == "0", "8 (RFC 4566 5.1)", f"version {value['v']}")
    origin = re.fullmatch(r"\S+ [0-9]+ [0-9]+ IN IP[46] \S+", value["o"])
    require(origin, "8 (RFC 4566 5.2)", f"o={value['o']}")
    media = re.fullmatch(r"message ([0-9]+) (\S+) \*", value["m"])
    require(media and media[2] in PROTOCOLS, "8.1", f"m={value['m']}")
    attributes = [line[2:].partition(":") for line in lines if line[0] == "a"]
    found = {name: text for name, _, text in attributes}
    for name in ("path", "accept-types", "accept-wrapped-types", "max-size", "setup"):
        require(sum(key == name for key, _, _ in attributes) <= 1, "8", f"{name} stands twice")

    require("path" in found, "8.2", "no path")
    path = found["path"].split(" ")
    for part in path:
        seen = URI.fullmatch(part)
        require(seen and seen["port"], "8.2", f"{part} has no port, or is no URI")
    scheme, _, _, session, transport = uri_key(path[-1])
    require(scheme == PROTOCOLS[media[2]], "8.1", f"{media[2]} with {path[-1]}")
    require(session and transport in ("tcp", "ws"), "6", f"{path[-1]} names no session over TCP or WebSocket")
    _, host, port, _, _ = uri_key(path[-1])
    require("c" in value and value["c"].split(" ")[-1].lower() == host.strip("[]"), "8.1", f"c={value.get('c')} with {path[-1]}")
    setup = found.get("setup")
    require(setup in (None, "active", "passive", "actpass"), "8 (RFC 6135 4.2.1)", f"setup:{setup}")
    require(setup != ("passive" if is_offer else "actpass"), "8 (RFC 6135 4.2.2, RFC 4145 4.1)", f"setup:{setup} in an {'offer' if is_offer else 'answer'}")
    require(media[1] == port or (setup == "active" and media[1] == "9"), "8.1", f"m={value['m']} with {path[-1]}")
    require("connection" not in found, "8 (RFC 6135 4.4)", "a=connection")

    types, wrapped = found.get("accept-types", "").split(" "), found.get("accept-wrapped-types")
    wrapped = wrapped.split(" ") if wrapped else []
    require(all(FORMAT.fullmatch(entry) for entry in types + wrapped), "8.6", f"accept-types {types}, accept-wrapped-types {wrapped}")
    size = found.get("max-size")
    require(size is None or size.isdigit(), "8.6", f"max-size:{size}")
    direction = next((name for name in ("sendonly", "recvonly", "inactive") if name in found), "sendrecv")
    return Description(path, types, wrapped, int(size) if size else None, setup, direction, int(media[1]), value["o"], octets)


def check_answer(offer, answer):
    """Raises Forbidden where an answer does not fit its offer."""
    require(offer.is_tls == answer.is_tls, "8.1", "TLS on one side only")
    fits = {"active": ("passive",), "passive": ("active",), "actpass": ("active", "passive"), None: ("passive", None)}
    require(answer.setup in fits[offer.setup], "8 (RFC 6135 4.2.2)", f"setup:{answer.setup} to setup:{offer.setup}")
    require(offer.is_websocket == answer.is_websocket, "6", "a WebSocket on one side only, without a relay")
    fits = {"sendonly": ("recvonly", "inactive"), "recvonly": ("sendonly", "inactive"), "inactive": ("inactive",)}
    require(answer.direction in fits.get(offer.direction, (answer.direction,)), "8.9", f"{answer.direction} to {offer.direction}")
    return answer


__all__ = ["Description", "Forbidden", "check_answer", "read", "uri", "write"]
