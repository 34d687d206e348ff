"""A SIP user agent with MSRP sessions (RFC 4975 clause 8): it offers them by INVITE, and takes those that are offered to it."""

import asyncio
import itertools
import secrets
import ssl

import msrp_sdp
import sip
from msrp_frames import Forbidden, new_ident, require
from msrp_peer import MsrpPeer, Session
from ua import METHODS, REASONS, ImClient

SDP = "application/sdp"


class Refused(Exception):
    """An INVITE got another final response than 2xx."""

    def __init__(self, answer):
        super().__init__(answer.start)
        self.status = answer.status
        self.answer = answer


class Dialog:
    """One end of an INVITE dialog (RFC 3261 clause 12)."""

    def __init__(self, user, call_id, local_tag, local_uri, remote_uri):
        self.user = user
        self.call_id = call_id
        self.local_tag, self.remote_tag = local_tag, None
        self.local_uri, self.remote_uri = local_uri, remote_uri
        self.target, self.routes = remote_uri, []
        self.cseq = itertools.count(1)
        self.session = None
        self.sdp_version = 1
        self.sdp_number = secrets.randbelow(2**31)
        self.acknowledged = asyncio.Event()
        self.ended = asyncio.Event()  # by a BYE of the other side

    def learn(self, message, is_caller):
        """The target and the route of the dialog, of the message that makes it."""
        require(message.get("Contact"), "8 (RFC 3261 12.1)", "a 200 or INVITE without Contact")
        self.target = sip.addr_spec(message.get("Contact"))
        if self.remote_tag is None:
            self.remote_tag = sip.parameter(message.get("To" if is_caller else "From"), "tag")
            require(self.remote_tag, "8 (RFC 3261 12.1)", "no tag")
            routes = [route.strip() for field in message.all("Record-Route") for route in field.split(",")]
            self.routes = routes[::-1] if is_caller else routes

    def build(self, method, cseq, headers=(), body=b""):
        to = f"<{self.remote_uri}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        fields = [("Max-Forwards", "70"), ("From", f"<{self.local_uri}>;tag={self.local_tag}"), ("To", to)]
        fields += [("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"), *(("Route", route) for route in self.routes)]
        return sip.Message(f"{method} {self.target} SIP/2.0", [*fields, *headers], body)

    async def request(self, method, headers=(), body=b""):
        """A request in the dialog, with the user's credentials where it is challenged. (The final response, its CSeq)"""
        user = self.user
        for attempt in (1, 2):
            cseq = next(self.cseq)
            credentials = user.credentials_for(method, self.target)
            message = self.build(method, cseq, [*credentials, *headers], body)
            answer = await user.endpoint.request(message)
            if method == "INVITE" and answer.status >= 300:
                self._acknowledge(message, answer)
            if answer.status not in (401, 407) or attempt == 2:
                return answer, cseq
            user.challenged(answer)

    def _acknowledge(self, invite, answer):
        """The ACK to a failure belongs to the transaction of the INVITE (RFC 3261 17.1.1.3)."""
        fields = [("Via", invite.get("Via")), ("Max-Forwards", "70"), ("From", invite.get("From")), ("To", answer.get("To"))]
        fields += [("Call-ID", self.call_id), ("CSeq", invite.get("CSeq").replace("INVITE", "ACK"))]
        fields += [("Route", route) for route in invite.all("Route")]
        self.user.endpoint.send_octets(sip.Message(invite.start.replace("INVITE", "ACK", 1), fields).encode())

    def acknowledge(self, cseq):
        """The ACK to a 200 (RFC 3261 13.2.2.4)."""
        message = self.build("ACK", cseq)
        endpoint = self.user.endpoint
        via = f"SIP/2.0/{endpoint.protocol.upper()} {sip.host_port(endpoint.address)};branch=z9hG4bK{secrets.token_hex(8)};rport"
        message.headers.insert(0, ("Via", via))
        endpoint.send_octets(message.encode())

    async def bye(self):
        """Ends the dialog; the final response."""
        answer, _ = await self.request("BYE")
        return answer


class MsrpClient(ImClient):
    """A client that offers and takes MSRP sessions."""

    features = ";+g.oma.sip-im;+g.oma.sip-im.large-message"

    def __init__(self, endpoint, name, password, domain, number=None):
        super().__init__(endpoint, name, password, domain, number)
        self.msrp = MsrpPeer()
        self.dialogs = {}  # by Call-ID and own tag
        self.offered = asyncio.Queue()  # Session that others have set up
        self.invited = asyncio.Queue()  # INVITE that offer a new session
        self.invite_answer = 200  # or a status of refusal, or 180 to ring until `accept` or a CANCEL, or None for silence
        self.ringing = {}  # (INVITE, Dialog) by branch
        self.cancelled = asyncio.Queue()  # CANCEL for one of them
        self.types, self.wrapped, self.max_size = "text/plain", None, None  # what it takes
        self.server_context = None  # with one, it takes connections over TLS
        self.client_context = None  # certificates that it trusts
        self.setup = "passive"  # what it answers to setup:actpass
        self.websocket = False  # its sessions are over WebSockets, which it opens (RFC 7977)
        self.port = None  # of its URIs, instead of the right one
        self.prepare = lambda session: None  # sets the behaviour of a session before its first frame

    # Digest authentication, for requests that `send` does not build

    def challenged(self, answer):
        offer = "WWW-Authenticate" if answer.status == 401 else "Proxy-Authenticate"
        self._challenges["Proxy-Authorization"] = sip.challenge_of(answer.get(offer))
        self._nonce_count = itertools.count(1)

    def credentials_for(self, method, uri):
        challenge = self._challenges.get("Proxy-Authorization")
        if challenge is None or self.password is None:
            return []
        return [("Proxy-Authorization", sip.credentials(challenge, self.username, self.password, method, uri, next(self._nonce_count)))]

    # As caller

    async def refresh(self, session):
        """A new offer that changes nothing (clause 8.4)."""
        dialog = session.dialog
        answer, cseq = await dialog.request("INVITE", [("Contact", self.contact), ("Content-Type", SDP)], session.local.octets)
        if answer.status >= 300:
            raise Refused(answer)
        dialog.acknowledge(cseq)
        session.remote = msrp_sdp.check_answer(session.local, msrp_sdp.read(answer.body, False))
        self._is_new(session.remote, dialog)

    async def invite(self, uri, *, connects=True, dialog=None, body=None, headers=(), tls=None, **sdp):
        """Offers a session and returns it, connected where the answer makes this side active. Raises Refused. With `dialog`, it is a
        new offer in that dialog. `body` is an offer of any octets."""
        tls = self.endpoint.protocol == "tls" if tls is None else tls
        dialog = dialog or Dialog(self, secrets.token_hex(8), secrets.token_hex(4), f"sip:{self.name}@{self.domain}", uri)
        if self.msrp.address is None:
            await self.msrp.listen(self.endpoint.address[0], self.server_context)
        address = self.msrp.address
        options = {"types": self.types, "wrapped": self.wrapped, "max_size": self.max_size, **sdp}
        path = options.pop("path", None) or [msrp_sdp.uri(address, new_ident(), tls, "ws" if self.websocket else "tcp")]
        if self.websocket:
            options.setdefault("setup", "active")
        offer = msrp_sdp.write(path, address, version=dialog.sdp_version, number=dialog.sdp_number, **options)
        dialog.sdp_version += 1
        headers = [("Contact", self.contact), ("Allow", METHODS), ("Content-Type", SDP), *headers]
        answer, cseq = await dialog.request("INVITE", headers, offer if body is None else body)
        if answer.status >= 300:
            raise Refused(answer)
        dialog.learn(answer, is_caller=True)
        dialog.acknowledge(cseq)
        require(answer.content_type == SDP, "8 (RFC 3261 13.2)", f"an answer of {answer.content_type}")
        local, remote = msrp_sdp.read(offer, True), msrp_sdp.read(answer.body, False)
        msrp_sdp.check_answer(local, remote)
        session = Session(self.msrp, local, remote)
        session.dialog, dialog.session = dialog, session
        self.dialogs[dialog.call_id, dialog.local_tag] = dialog
        self._is_new(remote, dialog)
        if connects and (local.setup == "active" or remote.setup != "active"):
            await self.connect(session)
        return session

    def _is_new(self, remote, dialog):
        """A URI belongs to one session only (clause 8.2). A new offer may be answered with the old one."""
        uri = remote.path[-1]
        if uri in self.msrp.seen_uris and uri not in getattr(dialog, "uris", ()):
            self.msrp.note(f"RFC 4975 8.2: the URI {uri} is that of another session")
        self.msrp.seen_uris.add(uri)
        dialog.uris = {*getattr(dialog, "uris", ()), uri}

    async def connect(self, session, connection=None):
        """Opens the connection of an active side, or uses one that is there (clause 5.4)."""
        session.connection = connection or await self.msrp.connect(session.remote, self.client_context, self.endpoint.address[0])
        session.bound.set()
        return session.connection

    # As callee

    async def handle(self, request):
        if request.method == "MESSAGE" or request.method == "OPTIONS":
            return await super().handle(request)
        self.requests.append(request)
        dialog = self.dialogs.get((request.get("Call-ID"), sip.parameter(request.get("To"), "tag")))
        if request.method == "INVITE":
            await self._invited(request, dialog)
        elif request.method == "ACK":
            if dialog:
                dialog.acknowledged.set()
        elif request.method == "BYE":
            self.endpoint.respond(request, 200 if dialog else 481, "OK" if dialog else "No Such Dialog")
            if dialog:
                dialog.ended.set()
        elif request.method == "CANCEL":
            self.endpoint.respond(request, 200, "OK")
            if request.branch in self.ringing:
                invite, dialog = self.ringing[request.branch]
                self.endpoint.respond(invite, 487, "Request Terminated", to_tag=dialog.local_tag)
                self.cancelled.put_nowait(request)
        else:
            self.endpoint.respond(request, 405, "Method Not Allowed")

    async def _invited(self, request, dialog):
        if dialog is None:
            remote_uri, local_uri = sip.addr_spec(request.get("From")), sip.addr_spec(request.get("To"))
            dialog = Dialog(self, request.get("Call-ID"), secrets.token_hex(4), local_uri, remote_uri)
            self.invited.put_nowait(request)
        if self.invite_answer != 200:
            if self.invite_answer is not None:
                reason = REASONS.get(self.invite_answer, "Because")
                self.endpoint.respond(request, self.invite_answer, reason, to_tag=dialog.local_tag)
            if self.invite_answer == 180:
                self.ringing[request.branch] = request, dialog
            return
        await self.accept(request, dialog)

    async def accept(self, request, dialog):
        """Answers an INVITE with 200."""
        try:
            dialog.learn(request, is_caller=False)
            remote = msrp_sdp.read(request.body, True)
        except Forbidden as error:
            self.msrp.note(error)
            self.endpoint.respond(request, 488, "Not Acceptable Here")
            return
        if self.msrp.address is None:
            await self.msrp.listen(self.endpoint.address[0], self.server_context)
        address = (self.msrp.address[0], self.port or self.msrp.address[1])
        setup = {"active": "passive", "passive": "active", None: "passive"}.get(remote.setup, "active" if self.websocket else self.setup)
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}.get(remote.direction)
        path = [msrp_sdp.uri(address, new_ident(), remote.is_tls, "ws" if self.websocket else "tcp")]
        options = {"types": self.types, "wrapped": self.wrapped, "max_size": self.max_size, "setup": setup, "direction": mirrored}
        octets = msrp_sdp.write(path, address, number=dialog.sdp_number, **options)
        session = Session(self.msrp, msrp_sdp.read(octets, False), remote)
        session.dialog, dialog.session = dialog, session
        self.prepare(session)
        self.dialogs[dialog.call_id, dialog.local_tag] = dialog
        self._is_new(remote, dialog)
        headers = [("Record-Route", route) for route in request.all("Record-Route")]
        headers += [("Contact", self.contact), ("Content-Type", SDP)]
        self.endpoint.respond(request, 200, "OK", headers, to_tag=dialog.local_tag, body=octets)
        self.offered.put_nowait(session)
        if setup == "active":
            await self.connect(session)
            await session.bind()

    async def next_session(self, timeout=10.0):
        """The next session that somebody has offered."""
        return await asyncio.wait_for(self.offered.get(), timeout)


def trusting(certificate):
    """The TLS settings of a side that trusts one certificate, and checks the host name (clause 5.4)."""
    return ssl.create_default_context(cafile=certificate)


def serving(certificate, key):
    """The TLS settings of a side that takes connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
