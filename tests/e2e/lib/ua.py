"""SIP user agents: sockets, transactions, registration.

An `Endpoint` is one socket (or one TCP connection) with the transactions on it; any number of `UserAgent`s share it, told
apart by the user part of their Contact. So a case with two thousand phones opens one socket.
"""

import asyncio
import collections
import contextlib
import itertools
import secrets
import socket
import ssl
import time

import sip
from websocket import WebSocket

T1 = 0.5  # RFC 3261 17.1.1.1: the estimate of the round trip
T2 = 4.0  # the longest pause between two retransmissions of a non-INVITE request
TIMER_F = 64 * T1

SO_RCVBUFFORCE = 33  # Linux

METHODS = "MESSAGE, OPTIONS, INVITE, ACK, BYE, CANCEL"


class Timeout(Exception):
    """No final response came before timer F."""


class Endpoint:
    """One local address, UDP, TCP, TLS or a WebSocket, and the SIP transactions on it."""

    def __init__(self, gateway, protocol):
        self.gateway = gateway
        self.protocol = protocol
        self.address = None
        self.users = {}
        self.stray = []  # requests for nobody here, and octets that are not SIP
        self.requests_seen = collections.Counter()  # branch -> copies received, retransmissions among them
        self._clients = {}
        self._servers = {}
        self._tasks = set()
        self._transport = self._writer = None

    @classmethod
    async def open(cls, gateway, protocol="udp", host="127.0.0.1", port=0):
        """`gateway` is the (address, port) everything is sent to."""
        self = cls(gateway, protocol)
        if protocol == "udp":
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(host, port)
            )
            take_bursts(self._transport.get_extra_info("socket"))
            self.address = self._transport.get_extra_info("sockname")
        elif protocol in ("ws", "wss"):
            context = any_certificate() if protocol == "wss" else None
            self._writer = await WebSocket.open(gateway, "sip", context, (host, port))
            self.address = self._writer.get_extra_info("sockname")
            self._spawn(self._read_messages(self._writer))
        else:
            reader, self._writer = await asyncio.open_connection(
                *gateway, local_addr=(host, port), ssl=any_certificate() if protocol == "tls" else None
            )
            self.address = self._writer.get_extra_info("sockname")
            self._spawn(self._read_stream(reader))
        return self

    async def close(self):
        for task in list(self._tasks):
            task.cancel()
        if self._transport:
            self._transport.close()
        if self._writer:
            self._writer.close()

    @property
    def contact_host(self):
        transport = "" if self.protocol == "udp" else f";transport={self.protocol}"
        return f"{sip.host_port(self.address)}{transport}"

    def send_octets(self, octets, to=None):
        """Sends octets unchanged, for requests that no user agent would send. A response goes to where its request came from."""
        if self._transport:
            self._transport.sendto(octets, to or self.gateway)
        else:
            self._writer.write(octets)

    async def request(self, message, retransmit=True, timeout=TIMER_F):
        """Sends a request in a new transaction and returns the final response."""
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        via = f"SIP/2.0/{self.protocol.upper()} {sip.host_port(self.address)};branch={branch};rport"
        message.headers.insert(0, ("Via", via))
        octets = message.encode()
        done = self._clients[branch] = asyncio.get_running_loop().create_future()
        try:
            self.send_octets(octets)
            deadline, pause = time.monotonic() + timeout, T1
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout(message.start)
                again = retransmit and self.protocol == "udp"
                try:
                    wait = min(pause, left) if again else left
                    return await asyncio.wait_for(asyncio.shield(done), wait)
                except asyncio.TimeoutError:
                    if again:
                        self.send_octets(octets)
                        pause = min(2 * pause, T2)
        finally:
            del self._clients[branch]

    def received(self, octets, source=None):
        """A datagram and its source, or one message cut out of the stream."""
        try:
            message = sip.Message.parse(octets)
            message.at = time.monotonic()
            message.source = source
            if message.is_request:
                self._received_request(message)
            elif message.status >= 200:
                done = self._clients.get(message.branch)
                if done and not done.done():
                    done.set_result(message)
        except (sip.Malformed, ValueError, IndexError) as error:
            self.stray.append((octets, repr(error)))

    def _received_request(self, request):
        key = (request.branch, request.method)
        self.requests_seen[request.branch] += 1
        if key in self._servers:
            answer = self._servers[key]
            if answer is not None:
                self.send_octets(answer, request.source)
            return
        self._servers[key] = None
        user = self.users.get(sip.user_of(request.uri))
        if user is None:
            self.stray.append((request, "for nobody here"))
            self.respond(request, 404, "Not Found")
            return
        self._spawn(user.handle(request))

    def respond(self, request, status, reason, headers=(), to_tag=None, body=b""):
        octets = sip.response(request, status, reason, headers, body, to_tag).encode()
        self._servers[(request.branch, request.method)] = octets
        self.send_octets(octets, request.source)

    def _spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_messages(self, websocket):
        while octets := await websocket.read():
            self.received(octets)

    async def _read_stream(self, reader):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            head = head.lstrip(b"\r\n")  # RFC 5626 keep-alives
            if not head:
                continue
            length = int(sip.Message.parse(head).get("Content-Length", "0"))
            self.received(head + await reader.readexactly(length))


def take_bursts(udp):
    """A large receive buffer for a busy machine: the kernel drops packets when the buffer is full."""
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # as much as everybody may have
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)  # as root


def any_certificate():
    """The TLS settings of a test client, which accepts each certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, endpoint):
        self._endpoint = endpoint

    def datagram_received(self, data, addr):
        if data.strip():  # an empty one keeps a NAT binding open
            self._endpoint.received(data, addr)


class Event:
    """One thing that a user agent sent or saw, for the ladder."""

    def __init__(self, user, outgoing, text, octets=b"", at=None):
        self.at = at or time.monotonic()
        self.user = user
        self.outgoing = outgoing
        self.text = text
        self.octets = octets  # of an RP message, read only when somebody looks


class UserAgent:
    """A registered SIP client. Subclasses handle a MESSAGE."""

    features = ""  # feature tags of the Contact, each with its leading ';'
    answers_after = 0  # seconds between a challenge and the request with credentials
    behind_nat = False  # then the Contact names an address that only its own network knows

    def __init__(self, endpoint, name, password, domain, number=None):
        self.endpoint = endpoint
        self.name = name
        self.username = name  # in credentials
        self.password = password
        self.domain = domain
        self.number = number
        self.identity = f"sip:{number or name}@{domain}"
        self.answers = collections.deque()  # scripted final responses, first come first used
        self.answer = 200  # and what follows when they are used up
        self.requests = []
        self.events = []
        self.inbox = asyncio.Queue()
        self._contact_user = f"{name}-{secrets.token_hex(3)}"
        self._challenges = {}  # Authorization or Proxy-Authorization -> the challenge to answer with it
        self._nonce_count = itertools.count(1)
        self._cseq = itertools.count(1)
        self._register_call_id = secrets.token_hex(8)
        endpoint.users[self._contact_user] = self

    @property
    def contact(self):
        host = self.endpoint.contact_host
        if self.behind_nat:
            host = host.replace(self.endpoint.address[0], "10.255.255.1", 1)
        return f"<sip:{self._contact_user}@{host}>"

    def sends(self, text, octets=b""):
        self.events.append(Event(self, True, text, octets))

    def sees(self, message, text, octets=b""):
        """Notes an arrival at its own time, not at the time at which a waiting task wakes up."""
        self.events.append(Event(self, False, text, octets, message.at))

    async def register(self, expires=3600, expect=200):
        """Binds this Contact; `expires=0` removes it. `expect=None`: any answer will do."""
        answer = await self.send(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"sip:{self.name}@{self.domain}",
            call_id=self._register_call_id,
            headers=[("Contact", self.contact + self.features), ("Expires", str(expires)), ("Allow", METHODS)],
        )
        assert expect in (None, answer.status), f"{self.name}: REGISTER was answered {answer.start!r}"
        return answer

    async def send(
        self, method, uri, *, to=None, from_=None, headers=(), body=b"", call_id=None, timeout=TIMER_F, retransmit=True
    ):
        """Sends a request and returns its final response, answering one digest challenge on the way."""
        from_ = from_ or f"sip:{self.name}@{self.domain}"
        call_id = call_id or secrets.token_hex(8)
        tag = secrets.token_hex(4)
        # The registrar asks as a user agent does (401), the gateway's relay as a proxy (407).
        field = "Authorization" if method == "REGISTER" else "Proxy-Authorization"

        def build():
            fields = [
                ("Max-Forwards", "70"),
                ("From", f"<{from_}>;tag={tag}"),
                ("To", f"<{to or uri}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{next(self._cseq)} {method}"),
            ]
            challenge = self._challenges.get(field)
            if challenge:
                count = next(self._nonce_count)
                fields.append((field, sip.credentials(challenge, self.username, self.password, method, uri, count)))
            else:
                fields += self.first_credentials(method, uri)
            return sip.Message(f"{method} {uri} SIP/2.0", [*fields, *headers], body)

        answered = self._challenges.get(field)
        answer = await self.endpoint.request(build(), retransmit, timeout)
        # Once, and once more where a nonce was only too old (stale).
        for may_ask in (True, False):
            if answer.status not in (401, 407) or self.password is None:
                break
            offer = "WWW-Authenticate" if answer.status == 401 else "Proxy-Authenticate"
            fresh = sip.challenge_of(answer.get(offer))
            is_stale = fresh.get("stale", "").lower() == "true"
            if not may_ask and not is_stale or answered and answered["nonce"] == fresh["nonce"]:
                break  # The password is wrong.
            if self._challenges.get(field, {}).get("nonce") != fresh["nonce"]:
                self._challenges[field], self._nonce_count = fresh, itertools.count(1)
            answered = self._challenges[field]
            await asyncio.sleep(self.answers_after)
            answer = await self.endpoint.request(build(), retransmit, timeout)
        return answer

    def first_credentials(self, method, uri):
        """Credentials before a challenge."""
        return []

    def forget_challenges(self):
        """The next request goes without credentials, and is challenged."""
        self._challenges.clear()

    def next_answer(self, request):
        """The scripted answer to this request: a code, (code, reason), (code, reason, headers), or None for silence."""
        answer = self.answers.popleft() if self.answers else self.answer
        return answer(request) if callable(answer) else answer

    async def handle(self, request):
        """A new request came. Retransmissions never get here."""
        self.requests.append(request)
        if request.method == "ACK":
            return
        if request.method != "MESSAGE":
            self.endpoint.respond(request, 200 if request.method == "OPTIONS" else 405, "OK")
            return
        await self.handle_message(request)

    async def handle_message(self, request):
        raise NotImplementedError

    def reply(self, request, answer):
        """Sends a scripted answer; returns its code, or None when the script says to stay silent."""
        if answer is None:
            return None
        if isinstance(answer, int):
            answer = (answer, REASONS.get(answer, "Because"))
        status, reason, headers = (*answer, ())[:3]
        self.endpoint.respond(request, status, reason, headers)
        return status

    async def next_message(self, timeout=20.0):
        """The next thing that a subclass put into the inbox. Machines may be slow: only what never comes takes the whole time."""
        return await asyncio.wait_for(self.inbox.get(), timeout)


REASONS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
    415: "Unsupported Media Type", 480: "Temporarily Unavailable", 486: "Busy Here", 488: "Not Acceptable Here",
    500: "Server Internal Error", 503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}  # fmt: skip


class ImClient(UserAgent):
    """A plain SIP client that writes and reads text/plain."""

    async def handle_message(self, request):
        status = self.reply(request, self.next_answer(request))
        who = sip.user_of(sip.addr_spec(request.get("From", "")))
        self.sees(request, f'MESSAGE from {who}: "{shown(request)}"')
        if status is not None:
            self.sends(f"{status} {REASONS.get(status, '')}".strip())
        await self.inbox.put(request)

    async def send_im(self, uri, text, content_type="text/plain;charset=UTF-8", headers=(), **options):
        """Sends an IM; the response is the delivery report."""
        body = text if isinstance(text, bytes) else text.encode()
        message = [("Content-Type", content_type), *headers]
        self.sends(f'MESSAGE to {sip.user_of(uri)}: "{text if isinstance(text, str) else repr(text)}"')
        answer = await self.send("MESSAGE", uri, headers=message, body=body, **options)
        self.sees(answer, f"{answer.status} {answer.reason}")
        return answer


class CpimClient(ImClient):
    """An RCS-like client: its Contact says that it takes message/cpim."""

    features = ";+g.oma.sip-im"


def imdn_document(message_id, status="delivered"):
    """The document of a disposition notification about the delivery of a message (RFC 5438)."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>{message_id}</message-id>'
        f"<datetime>2026-01-01T12:00:00Z</datetime><delivery-notification><status><{status}/></status></delivery-notification></imdn>"
    )


def shown(request):
    """A body for people to read."""
    try:
        return request.body.decode("utf-8")
    except UnicodeDecodeError:
        return request.body.hex()
