"""An HSS that knows a few subscribers: the Cx interface over Diameter, as far as Kamailio's S-CSCF asks (TS 29.228, TS 29.229).

It gives authentication data for SIP Digest (Multimedia-Auth) and service profiles (Server-Assignment).
"""

import asyncio
import dataclasses
import hashlib
import secrets
import struct
from xml.sax.saxutils import escape

VENDOR_3GPP = 10415
CX = 16777216  # the application (TS 29.229 5.5)

CAPABILITIES_EXCHANGE, DEVICE_WATCHDOG, DISCONNECT_PEER = 257, 280, 282
SERVER_ASSIGNMENT, MULTIMEDIA_AUTH = 301, 303

# AVPs of the base protocol (RFC 6733), of SIP Digest (RFC 4740), and of 3GPP (TS 29.229 table 6.3.1).
USER_NAME, HOST_IP_ADDRESS, AUTH_APPLICATION_ID, VENDOR_SPECIFIC_APPLICATION_ID = 1, 257, 258, 260
SESSION_ID, ORIGIN_HOST, SUPPORTED_VENDOR_ID, VENDOR_ID, RESULT_CODE, PRODUCT_NAME = 263, 264, 265, 266, 268, 269
AUTH_SESSION_STATE, ORIGIN_REALM, EXPERIMENTAL_RESULT, EXPERIMENTAL_RESULT_CODE = 277, 296, 297, 298
DIGEST_REALM, DIGEST_QOP, DIGEST_HA1 = 104, 110, 121
PUBLIC_IDENTITY, USER_DATA, SIP_NUMBER_AUTH_ITEMS = 601, 606, 607
SIP_AUTHENTICATION_SCHEME, SIP_AUTH_DATA_ITEM, SIP_ITEM_NUMBER, SIP_DIGEST_AUTHENTICATE = 608, 612, 613, 635

SUCCESS, UNABLE_TO_COMPLY = 2001, 5012
USER_UNKNOWN = 5001  # an Experimental-Result-Code

REQUEST, PROXIABLE = 0x80, 0x40
MANDATORY, VENDOR_SPECIFIC = 0x40, 0x80


def avp(code, value, vendor=0):
    """One AVP. `value` is octets, text, a number, or a list of AVPs."""
    if isinstance(value, list):
        value = b"".join(value)
    elif isinstance(value, str):
        value = value.encode()
    elif isinstance(value, int):
        value = struct.pack("!I", value)
    flags = MANDATORY | (VENDOR_SPECIFIC if vendor else 0)
    head = struct.pack("!I", vendor) if vendor else b""
    length = 8 + len(head) + len(value)
    return struct.pack("!II", code, flags << 24 | length) + head + value + bytes(-length % 4)


def avps(octets):
    """The AVPs of a message or of a group: code -> the octets of the first with that code."""
    found = {}
    while octets:
        code, rest = struct.unpack_from("!II", octets)
        length, head = rest & 0xFFFFFF, 12 if rest >> 24 & VENDOR_SPECIFIC else 8
        if length < head:
            raise ValueError("an AVP that is shorter than its header")
        found.setdefault(code, octets[head:length])
        octets = octets[length + -length % 4 :]
    return found


@dataclasses.dataclass
class Subscriber:
    """One subscription: a private identity, and the public ones that are registered together. The filter criteria are XML."""

    private: str
    password: str
    public: list
    criteria: str = ""

    def profile(self):
        """The user profile (TS 29.228 annex B)."""
        identities = "".join(f"<PublicIdentity><Identity>{escape(uri)}</Identity></PublicIdentity>" for uri in self.public)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><IMSSubscription><PrivateID>{escape(self.private)}</PrivateID>'
            f"<ServiceProfile>{identities}{self.criteria}</ServiceProfile></IMSSubscription>"
        )


class Hss:
    """Listens for S-CSCFs. `subscribers` may grow while it runs."""

    def __init__(self, realm, host):
        self.realm, self.host = realm, host
        self.subscribers = []
        self.address = None
        self.requests = []  # (command, Public-Identity), in their order
        self._server = None
        self._connections = set()

    async def open(self):
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.address = self._server.sockets[0].getsockname()

    async def close(self):
        self._server.close()
        for task in list(self._connections):
            task.cancel()

    def subscribe(self, private, public, criteria=""):
        """A new subscriber, with a password of its own."""
        subscriber = Subscriber(private, secrets.token_hex(8), list(public), criteria)
        self.subscribers.append(subscriber)
        return subscriber

    async def _serve(self, reader, writer):
        self._connections.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readexactly(20)
                length = struct.unpack_from("!I", head)[0] & 0xFFFFFF
                answer = self._answer(head, await reader.readexactly(length - 20))
                if answer:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(asyncio.current_task())
            writer.close()

    def _answer(self, head, body):
        """The answer to a request; nothing to an answer."""
        _, command, application, hop, end = struct.unpack("!IIIII", head)
        flags, command = command >> 24, command & 0xFFFFFF
        if not flags & REQUEST:
            return None
        asked = avps(body)
        fields = self._fields(command, asked)
        if SESSION_ID in asked:
            fields.insert(0, avp(SESSION_ID, asked[SESSION_ID]))
        fields += [avp(ORIGIN_HOST, self.host), avp(ORIGIN_REALM, self.realm)]
        body = b"".join(fields)
        header = (1 << 24 | 20 + len(body), (flags & PROXIABLE) << 24 | command, application, hop, end)
        return struct.pack("!IIIII", *header) + body

    def _fields(self, command, asked):
        if command == CAPABILITIES_EXCHANGE:
            address = b"\0\1" + bytes(map(int, self.host.split(".")))
            return [
                avp(RESULT_CODE, SUCCESS),
                avp(HOST_IP_ADDRESS, address),
                avp(VENDOR_ID, VENDOR_3GPP),
                avp(PRODUCT_NAME, "a test's HSS"),
                avp(SUPPORTED_VENDOR_ID, VENDOR_3GPP),
                avp(VENDOR_SPECIFIC_APPLICATION_ID, [avp(VENDOR_ID, VENDOR_3GPP), avp(AUTH_APPLICATION_ID, CX)]),
            ]
        if command in (DEVICE_WATCHDOG, DISCONNECT_PEER):
            return [avp(RESULT_CODE, SUCCESS)]

        public = asked.get(PUBLIC_IDENTITY, b"").decode()
        self.requests.append((command, public))
        fields = [
            avp(VENDOR_SPECIFIC_APPLICATION_ID, [avp(VENDOR_ID, VENDOR_3GPP), avp(AUTH_APPLICATION_ID, CX)]),
            avp(AUTH_SESSION_STATE, 1),
        ]
        subscriber = next((one for one in self.subscribers if public in one.public), None)
        if subscriber is None:
            unknown = [avp(VENDOR_ID, VENDOR_3GPP), avp(EXPERIMENTAL_RESULT_CODE, USER_UNKNOWN)]
            # Kamailio wants the two identities back in every case.
            return [
                *fields,
                avp(EXPERIMENTAL_RESULT, unknown),
                avp(USER_NAME, asked.get(USER_NAME, b"?")),
                avp(PUBLIC_IDENTITY, public, VENDOR_3GPP),
            ]
        if command == MULTIMEDIA_AUTH:
            return [*fields, avp(RESULT_CODE, SUCCESS), *self._authentication(subscriber, public, asked)]
        if command == SERVER_ASSIGNMENT:
            profile = avp(USER_DATA, subscriber.profile(), VENDOR_3GPP)
            return [*fields, avp(RESULT_CODE, SUCCESS), avp(USER_NAME, subscriber.private), profile]
        return [*fields, avp(RESULT_CODE, UNABLE_TO_COMPLY)]

    def _authentication(self, subscriber, public, asked):
        name = asked.get(USER_NAME, b"").decode()
        ha1 = hashlib.md5(f"{subscriber.private}:{self.realm}:{subscriber.password}".encode()).hexdigest()
        digest = [avp(DIGEST_REALM, self.realm), avp(DIGEST_QOP, "auth"), avp(DIGEST_HA1, ha1)]
        item = [
            avp(SIP_ITEM_NUMBER, 1, VENDOR_3GPP),
            avp(SIP_AUTHENTICATION_SCHEME, "SIP Digest", VENDOR_3GPP),
            avp(SIP_DIGEST_AUTHENTICATE, digest, VENDOR_3GPP),
        ]
        return [
            avp(USER_NAME, name or subscriber.private),
            avp(PUBLIC_IDENTITY, public, VENDOR_3GPP),
            avp(SIP_NUMBER_AUTH_ITEMS, 1, VENDOR_3GPP),
            avp(SIP_AUTH_DATA_ITEM, item, VENDOR_3GPP),
        ]
