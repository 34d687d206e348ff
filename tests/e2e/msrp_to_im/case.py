"""Phone to MSRP client: see README.md."""

import asyncio
import secrets

import msrp
import sip
import sms
from e2e import CFG, FOLDER, ImClient, Phone, Rows, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002")]
LONG = "0123456789" * 153


class MsrpClient(ImClient):
    """A client that takes sessions: it answers each INVITE as its attributes say."""

    features = ";+g.oma.sip-im;+g.oma.sip-im.large-message"

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.offers, self.ended, self.cancelled = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        self.status = 200  # the answer to an INVITE; None: none
        self.setup = "passive"
        self.types = "text/plain message/cpim"
        self.extra = ()
        self.path_before = ""  # relays
        self.port = None  # in the path, instead of the right one
        self.frame_answer = "200 OK"
        self.record_routes = []
        self.sessions = []
        self.server = None
        self.acks = 0

    async def listen(self):
        # The gateway may use one connection for several sessions.
        self.connections, self.frames = [], asyncio.Queue()
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 22)
        return self

    async def _connected(self, reader, writer):
        self.add(msrp.Connection(reader, writer))

    def add(self, connection):
        connection.answer, connection.sends = self.frame_answer, self.frames
        self.connections.append(connection)

    def answer_frames(self, answer):
        """The status line of responses to chunks; None: no response."""
        self.frame_answer = answer
        for connection in self.connections:
            connection.answer = answer

    async def close_connections(self):
        while self.connections:
            await self.connections.pop().close()

    async def handle(self, request):
        if request.method == "INVITE":
            await self._invited(request)
        elif request.method == "ACK":
            self.acks += 1
        elif request.method == "BYE":
            self.endpoint.respond(request, 200, "OK")
            await self.ended.put(request)
        elif request.method == "CANCEL":
            self.endpoint.respond(request, 200, "OK")
            self.endpoint.respond(self.invite, 487, "Request Terminated", to_tag="cancelled")
            await self.cancelled.put(request)
        else:
            await super().handle(request)

    async def _invited(self, request):
        self.invite = request
        await self.offers.put(request)
        if self.status is None:
            self.endpoint.respond(request, 180, "Ringing", to_tag="early")
            return
        if self.status != 200:
            self.endpoint.respond(request, self.status, "Because")
            return
        await self.accept(request)

    async def accept(self, request):
        port = self.port or self.server.sockets[0].getsockname()[1]
        self.own = f"{self.path_before}msrp://127.0.0.1:{port}/{secrets.token_hex(6)};tcp"
        self.theirs = msrp.attribute(request.body, "path")
        self.tag = secrets.token_hex(4)
        body = msrp.sdp("127.0.0.1", self.own, direction="recvonly", types=self.types, setup=self.setup, extra=self.extra)
        headers = [("Contact", self.contact), ("Content-Type", "application/sdp"), *self.record_routes]
        answer = sip.response(request, 200, "OK", headers, body, to_tag=self.tag)
        self.endpoint._servers[(request.branch, "INVITE")] = answer.encode()
        self.endpoint.send_octets(answer.encode())
        if self.setup == "active":
            host, port = self.theirs.split("/")[2].rsplit(":", 1)
            connection = await msrp.Connection.open(host, int(port))
            self.add(connection)
            connection.write(self.session.frame("SEND", [("Message-ID", "hello1")]))

    @property
    def session(self):
        """Our side of the last session, over the last connection."""
        return msrp.Session(self.connections[-1], self.own, self.theirs)

    async def message(self, within=15):
        """A whole message: its chunks, and its octets."""
        chunks, octets = [], {}
        while True:
            frame = await asyncio.wait_for(self.frames.get(), within)
            chunks.append(frame)
            octets[int(frame.get("Byte-Range").split("-")[0])] = frame.body
            total = int(frame.get("Byte-Range").split("/")[1])
            if sum(map(len, octets.values())) == total:
                return chunks, b"".join(octets[start] for start in sorted(octets))

    def in_dialog(self, method, cseq):
        """A request of ours in the dialog of the last session."""
        fields = [
            ("Max-Forwards", "70"), ("From", f"{self.invite.get('To')};tag={self.tag}"), ("To", self.invite.get("From")),
            ("Call-ID", self.invite.get("Call-ID")), ("CSeq", f"{cseq} {method}"),
        ]  # fmt: skip
        return sip.Message(f"{method} {sip.addr_spec(self.invite.get('Contact'))} SIP/2.0", fields)


async def send_long(phone, to, text, reference, srr=False):
    """Sends a text in parts; the submissions. The last one has the outcome of the whole."""
    sent = []
    for n, (dcs, octets) in enumerate(sms.parts(text, reference)):
        tpdu = sms.submit(to, "", first=0x41, dcs=dcs, user_data=octets, srr=srr)
        sent.append(await phone.send_sm(to, "", tpdu=tpdu))
        equal(sent[-1].answer.status, 202, "the SIP answer")
    for part in sent[:-1]:
        equal((await part.outcome()).kind, "RP-ACK", "the report on a part")
    return sent[-1]


async def delivered(name="delivered", **options):
    "texts of all lengths, both ways to open the connection, reports, message/cpim"
    async with gateway(name=name, people=PEOPLE, **options) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await (await gw.user(MsrpClient, "bob")).listen()
        reference = 0
        for text, setup in (
            (LONG, "passive"), ("Grüße, €uro. " * 100, "active"), ("漢字🎉" * 300, None), ("x" * 153 * 255, "passive"),
        ):  # fmt: skip
            say(f"{len(text)} characters, setup {setup}")
            reference += 1
            bob.setup = setup
            last = await send_long(alice, "+15550002", text, reference)
            chunks, octets = await bob.message()
            equal(octets.decode(), text, "the text")
            equal(len(chunks), -(-len(octets) // 2048), "chunks of 2048 octets")
            equal({chunk.flag for chunk in chunks[:-1]} | {"+"}, {"+"}, "flags")
            equal(chunks[-1].flag, "$", "the flag of the last chunk")
            equal(len({chunk.get("Message-ID") for chunk in chunks}), 1, "Message-IDs")
            equal((await last.outcome()).kind, "RP-ACK", "the report")
            bye = await asyncio.wait_for(bob.ended.get(), 10)
            equal(sip.parameter(bye.get("To"), "tag"), bob.tag, "the tag in the BYE")
            offer = bob.invite
            equal(offer.get("P-Asserted-Identity"), "<sip:+15550001@ims.example>", "the sender")
            equal(offer.get("Accept-Contact"), "*;+g.oma.sip-im.large-message", "the feature tag")
            equal(msrp.attribute(offer.body, "sendonly"), "", "the direction")
            equal(msrp.attribute(offer.body, "setup"), "actpass", "the setup")
            await bob.close_connections()
        equal(bob.acks, 4, "ACKs")

        say("a text within the limit is a MESSAGE")
        equal((await (await alice.send_sm("+15550002", "short")).outcome()).kind, "RP-ACK", "the report")
        equal((await bob.next_message()).text, "short", "the text")
        last = await send_long(alice, "+15550002", "y" * 300, 20)
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        equal((await bob.next_message()).text, "y" * 300, "the text")
        equal(bob.offers.qsize(), 4, "offers")

        say("message/cpim alone")
        bob.types = "message/cpim\r\na=accept-wrapped-types:*"
        last = await send_long(alice, "+15550002", LONG, 21)
        chunks, octets = await bob.message()
        equal(chunks[0].get("Content-Type"), "message/cpim", "the type")
        equal(octets.endswith(LONG.encode()), True, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await bob.ended.get()
        bob.types = "text/plain"

        say("a report of success, behind the last response")
        last = await send_long(alice, "+15550002", LONG, 22, srr=True)
        chunks, octets = await bob.message()
        equal(chunks[0].get("Success-Report"), "yes", "Success-Report")
        equal(last.report.done(), False, "an outcome before the report")
        bob.session.connection.write(bob.session.frame("REPORT", [
            ("Message-ID", chunks[0].get("Message-ID")), ("Byte-Range", f"1-{len(octets)}/{len(octets)}"), ("Status", "000 200 OK")]))
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await bob.ended.get()
        await gw.until(lambda: gw.pending() == 0, what="an empty table")

        say("a report of failure")
        last = await send_long(alice, "+15550002", LONG, 23, srr=True)
        chunks, octets = await bob.message()
        bob.session.connection.write(bob.session.frame("REPORT", [
            ("Message-ID", chunks[0].get("Message-ID")), ("Byte-Range", f"1-{len(octets)}/{len(octets)}"), ("Status", "000 415 No")]))
        equal((await last.outcome()).cause, 21, "RP-Cause")
        await bob.ended.get()


async def refused():
    "each refusal of the INVITE and of a chunk; the client hangs up; the connection is lost or refused"
    rows = Rows()
    async with gateway(name="refused", people=PEOPLE, modparams={"validity": 0}) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await (await gw.user(MsrpClient, "bob")).listen()
        number = iter(range(1, 200))

        async def outcome(check=lambda: None):
            last = await send_long(alice, "+15550002", LONG, next(number))
            report = await last.outcome()
            return report.kind if report.kind == "RP-ACK" else report.cause

        for status, cause in ((302, 41), (403, 21), (404, 1), (480, 27), (486, 41), (500, 41), (503, 42), (603, 21)):
            bob.status = status
            rows.check(f"INVITE {status}", await outcome(), cause)
        for status in (405, 415, 420, 488, 501, 606):
            bob.status = status
            rows.check(f"INVITE {status}: in pager mode", (await outcome(), (await bob.next_message()).text == LONG), ("RP-ACK", True))
        bob.status = 200
        for what, types, extra, cause in (
            ("no type that fits", "text/html", (), "RP-ACK"),
            ("too small", "text/plain", ("a=max-size:1000",), 21),
        ):
            bob.types, bob.extra = types, extra
            rows.check(what, await outcome(), cause)
            await asyncio.wait_for(bob.ended.get(), 10)
        bob.types, bob.extra = "text/plain", ()
        rows.check("and in pager mode", (await bob.next_message()).text == LONG, True)
        for answer, cause in (("400 x", 111), ("403 x", 21), ("408 x", 27), ("413 x", 21), ("415 x", 21), ("481 x", 41), ("501 x", 69), ("506 x", 27)):
            bob.answer_frames(answer)
            rows.check(f"SEND {answer}", await outcome(), cause)
            await asyncio.wait_for(bob.ended.get(), 10)
        bob.answer_frames(None)

        say("the client hangs up in the middle")
        while not bob.frames.empty():
            bob.frames.get_nowait()
        last = await send_long(alice, "+15550002", LONG, next(number))
        await bob.frames.get()
        answer = await bob.endpoint.request(bob.in_dialog("INVITE", 1))
        rows.check("a new offer in the session", answer.status, 488)
        rows.check("the answer to the BYE", (await bob.endpoint.request(bob.in_dialog("BYE", 2))).status, 200)
        rows.check("the outcome", (await last.outcome()).cause, 27)
        rows.check("a BYE of the gateway", bob.ended.qsize(), 0)

        say("the connection is lost in the middle")
        last = await send_long(alice, "+15550002", LONG, next(number))
        await bob.frames.get()
        await bob.close_connections()
        rows.check("the outcome", (await last.outcome()).cause, 27)
        await asyncio.wait_for(bob.ended.get(), 10)

        say("the connection is refused")
        bob.port = 1
        rows.check("the outcome", await outcome(), 27)
        await asyncio.wait_for(bob.ended.get(), 10)
        bob.port = None

        say("frames of others")
        last = await send_long(alice, "+15550002", 2 * LONG, next(number))
        chunks = [await bob.frames.get() for _ in range(2)]
        connection = bob.connections[-1]

        def take(chunk):
            connection.write(msrp.Frame("200 OK", [("To-Path", bob.theirs), ("From-Path", bob.own)], transaction=chunk.transaction))

        take(chunks[0])
        connection.write(msrp.Frame("200 OK", [("To-Path", bob.theirs), ("From-Path", bob.own)], transaction="unknown1"))
        text = bob.session.send(b"hello")[0]
        rows.check("a text in a sendonly session", (await connection.answered(text)).status, 403)
        host, port = bob.theirs.split("/")[2].rsplit(":", 1)
        stranger = await msrp.Connection.open(host, int(port))
        frame = msrp.Session(stranger, bob.own, bob.theirs).send(b"hello")[0]
        rows.check("another connection", (await stranger.answered(frame)).status, 506)
        take(chunks[1])
        rows.check("the outcome", (await last.outcome()).kind, "RP-ACK")
    rows.done(at_least=30)


async def several_clients():
    "the first that accepts gets the text; the offer to the other is taken back"
    async with gateway(name="several", people=PEOPLE) as gw:
        alice = await gw.user(Phone, "alice")
        clients = [await (await gw.user(MsrpClient, "bob")).listen() for _ in range(2)]
        clients[0].status = None
        last = await send_long(alice, "+15550002", LONG, 1)
        equal((await clients[1].message())[1].decode(), LONG, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await asyncio.wait_for(clients[0].cancelled.get(), 10)
        equal(len(clients[0].connections), 0, "connections to the other client")
        say("one refuses")
        clients[0].status = 486
        last = await send_long(alice, "+15550002", LONG, 2)
        equal((await clients[1].message())[1].decode(), LONG, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        say("both accept")
        clients[0].status = 200
        last = await send_long(alice, "+15550002", LONG, 3)
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        for client in clients:
            await asyncio.wait_for(client.ended.get(), 10)
        equal(sum(client.frames.qsize() for client in clients), 1, "chunks")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def silence():
    "no answer to the INVITE: it is cancelled"
    async with gateway(name="silence", people=PEOPLE, modparams={"im_timeout": 2, "validity": 0}) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await (await gw.user(MsrpClient, "bob")).listen()
        bob.status = None
        last = await send_long(alice, "+15550002", LONG, 1)
        equal((await last.outcome()).cause, 27, "RP-Cause")
        await asyncio.wait_for(bob.cancelled.get(), 10)
        say("the 200 comes later")
        await bob.accept(bob.invite)
        await asyncio.wait_for(bob.ended.get(), 10)
        equal(len(bob.connections), 0, "connections")


RULES = """route[IPSMGW_CONVERTS] {
	if ($ipsmgw(text) =~ "^by msrp") $ipsmgw(pager_limit) = 0;
	return 1;
}
"""
LUA_RULES = """function ksr_ipsmgw_converts(sender, recipient, direction)
	if direction == "sm2im" and (KSR.pv.gete("$ipsmgw(text)")):find("^by msrp") then
		KSR.pv.seti("$ipsmgw(pager_limit)", 0)
	end
	return true
end
"""


async def chosen():
    "the script chooses; a text is split for a client without sessions, by the policy"
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, rules, options in (("rules.cfg", RULES, {}), ("rules.lua", LUA_RULES, LUA)):
        file = FOLDER / name
        file.write_text(rules)
        modparams = {"long_text": "split"}
        async with gateway(name=f"chosen-{name[6:]}", people=PEOPLE, modparams=modparams, rules=str(file), **options) as gw:
            alice = await gw.user(Phone, "alice")
            bob = await (await gw.user(MsrpClient, "bob")).listen()
            for text, offers in (("by msrp", 1), ("by a MESSAGE", 0)):
                sent = await alice.send_sm("+15550002", text)
                octets = (await bob.message())[1] if offers else (await bob.next_message()).body
                equal(octets.decode(), text, "the text")
                equal((await sent.outcome()).kind, "RP-ACK", "the report")
                equal(bob.offers.qsize(), offers, "offers")
                while not bob.offers.empty():
                    bob.offers.get_nowait()
            say("in pieces")
            bob.status = 488
            text = "The quick brown fox jumps over the lazy dog. " * 60
            last = await send_long(alice, "+15550002", text, 1)
            equal((await last.outcome()).kind, "RP-ACK", "the report")
            pieces = [await bob.next_message() for _ in range(bob.inbox.qsize())]
            equal("".join(piece.text for piece in pieces), text, "the text")
            equal(len(pieces) > 2 and max(len(piece.encode()) for piece in pieces) <= 1300, True, "pieces within the limit")


async def stored():
    "a stored text that is too long for a MESSAGE; a session that fails leaves it stored"
    people = [("alice", None), ("bob", "+15550002")]
    async with gateway(name="stored", people=people, validity=3600) as gw:
        alice = await gw.user(ImClient, "alice", protocol="tcp")
        text = "0123456789" * 110
        equal((await alice.send_im(gw.uri("+15550002"), text)).status, 202, "the answer")
        bob = await (await gw.user(MsrpClient, "bob", register=False)).listen()
        for what, set_up in (("busy", {"status": 486}), ("it refuses a chunk", {"frame_answer": "408 x"}), ("taken", {"frame_answer": "200 OK"})):
            say(what)
            bob.status = 200
            for name, value in set_up.items():
                setattr(bob, name, value)
            bob.answer_frames(bob.frame_answer)
            await bob.register()
            await asyncio.wait_for(bob.offers.get(), 20)
            if bob.status == 200:
                equal((await bob.message())[1].decode(), text, "the text")
                await asyncio.wait_for(bob.ended.get(), 10)
            await gw.until(lambda: gw.pending() == 0, what="no open exchange")
        await bob.register()
        equal(bob.offers.qsize(), 0, "further offers")


async def delivered_in_lua():
    "the same with kamailio.lua"
    await delivered("delivered_in_lua", **LUA)


run(delivered, delivered_in_lua, refused, several_clients, silence, chosen, stored)
