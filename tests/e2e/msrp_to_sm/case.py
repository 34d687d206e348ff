"""MSRP client to phone: see README.md."""

import asyncio
import itertools
import secrets

import msrp
import sip
from e2e import CFG, ImClient, Phone, Rows, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
LONG = {"max_segments": 255, "max_per_sender": 1000}


class Call:
    """A client's side of a session with the gateway: the dialog, and the MSRP connection."""

    def __init__(self, client, own, answer):
        self.client, self.own, self.answer = client, own, answer
        self.path = msrp.attribute(answer.body, "path")
        self.cseq = itertools.count(50)
        self.connection = None

    @classmethod
    async def offer(cls, client, uri, own=None, **options):
        """The answer to an offer."""
        own = own or f"msrp://127.0.0.1:9/{secrets.token_hex(6)};tcp"
        headers = [("Contact", client.contact), ("Content-Type", "application/sdp")]
        answer = await client.send("INVITE", uri, headers=headers, body=msrp.sdp("127.0.0.1", own, **options))
        return cls(client, own, answer)

    @classmethod
    async def open(cls, client, uri, **options):
        """An accepted session with its connection."""
        self = await cls.offer(client, uri, **options)
        equal(self.answer.status, 200, "the answer to the INVITE")
        self.acknowledge()
        await self.connect()
        return self

    async def connect(self):
        host, port = self.path.split("/")[2].rsplit(":", 1)
        self.connection = await msrp.Connection.open(host, int(port))
        self.session = msrp.Session(self.connection, self.own, self.path)

    def request(self, method, cseq):
        fields = [
            ("Max-Forwards", "70"), ("From", self.answer.get("From")), ("To", self.answer.get("To")),
            ("Call-ID", self.answer.get("Call-ID")), ("CSeq", f"{cseq} {method}"),
        ]  # fmt: skip
        return sip.Message(f"{method} {sip.addr_spec(self.answer.get('Contact'))} SIP/2.0", fields)

    def acknowledge(self):
        endpoint = self.client.endpoint
        request = self.request("ACK", self.answer.get("CSeq").split()[0])
        via = f"SIP/2.0/UDP {sip.host_port(endpoint.address)};branch=z9hG4bK{secrets.token_hex(8)};rport"
        request.headers.insert(0, ("Via", via))
        endpoint.send_octets(request.encode())

    async def bye(self):
        answer = await self.client.endpoint.request(self.request("BYE", next(self.cseq)))
        if self.connection:
            await self.connection.close()
        return answer.status

    async def statuses(self, frames):
        return [(await self.connection.answered(frame)).status for frame in frames]


async def text_of(phone, parts):
    """The text of a message in so many short messages."""
    seen = [(await phone.next_message(20))[1].tpdu for _ in range(parts)]
    return "".join(tpdu.text for tpdu in seen)


async def delivered(name="delivered", large=65536, **options):
    "texts in chunks of all sizes; 200 to the last chunk when the phone has all short messages"
    async with gateway(name=name, modparams=LONG, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        call = await Call.open(bob, gw.uri("alice"))
        equal(msrp.attribute(call.answer.body, "recvonly"), "", "the direction")
        equal(msrp.attribute(call.answer.body, "setup"), "passive", "who opens the connection")
        for text, parts, size in (
            ("hello", 1, 2048), ("grüße 漢字 🎉", 1, 1), ("x" * 1000, 7, 64), ("y" * 5000, 33, 2048), ("z" * 39015, 255, large),
        ):  # fmt: skip
            say(f"{len(text)} characters in chunks of {size}")
            frames = call.session.send(text.encode(), size, content_type="text/plain;charset=UTF-8")
            seen = asyncio.create_task(text_of(alice, parts))
            equal(set(await call.statuses(frames[:-1])), {200} if frames[1:] else set(), "all chunks but the last")
            equal(await call.statuses(frames[-1:]), [200], "the last chunk")
            equal(await seen, text, "the text")

        say("the phone's RP-ACK comes late")
        alice.rp_answer = None
        frame = call.session.send(b"late")[0]
        request, seen = await alice.next_message()
        # The next request is answered, this one not.
        probe = call.session.frame("SEND", [("Message-ID", "probe")])
        call.connection.write(probe)
        equal(await call.statuses([probe]), [200], "a request behind it")
        equal(frame.transaction in call.connection.answers, False, "a response before the report")
        await alice.report(request, bytes([2, seen.mr, 0x41, 0]))
        equal(await call.statuses([frame]), [200], "after the report")
        alice.rp_answer = "ack"

        say("any order, twice, interrupted")
        parts = [call.session.chunk(b"abcdefghij"[at : at + 3], at + 1, 10, "order1", flag="$" if at == 9 else "+") for at in (9, 0, 6, 0, 3)]
        for frame in parts:
            call.connection.write(frame)
        equal(await call.statuses(parts), [200] * 5, "each chunk")
        equal(await text_of(alice, 1), "abcdefghij", "the text")
        cut = call.session.chunk(b"never", 1, "*", "cut1", flag="+", end="*")
        off = call.session.chunk(b"", 6, "*", "cut1", flag="#", end="*")
        for frame in (cut, off):
            call.connection.write(frame)
        equal(await call.statuses([cut, off]), [200, 200], "a message that its sender gives up")
        octets = b"\r\n-------0123456789abcdef$\r\n end lines are text"
        equal(await call.statuses(call.session.send(octets)), [200], "octets like an end-line")
        equal((await text_of(alice, 1)).replace("\n", "\r\n"), octets.decode(), "the text")
        wrapped = b"From: <sip:bob@ims.example>\r\nTo: <sip:alice@ims.example>\r\n\r\nContent-Type: text/plain\r\n\r\nwrapped"
        equal(await call.statuses(call.session.send(wrapped, content_type="message/cpim")), [200], "message/cpim")
        equal(await text_of(alice, 1), "wrapped", "the text")
        nothing = call.session.frame("SEND", [("Message-ID", "keep-alive")])
        call.connection.write(nothing)
        equal(await call.statuses([nothing]), [200], "a SEND without a body")

        say("reports")
        frame = call.session.send(b"with report", headers=[("Success-Report", "yes")])[0]
        report = await asyncio.wait_for(call.connection.reports.get(), 10)
        equal(await call.statuses([frame]), [200], "the response")
        equal(
            (report.get("Message-ID"), report.get("Byte-Range"), report.get("Status"), report.get("To-Path"), report.get("From-Path")),
            (frame.get("Message-ID"), "1-11/11", "000 200 OK", call.own, call.path), "the report",
        )  # fmt: skip
        equal(await text_of(alice, 1), "with report", "the text")
        for wish in ("no", "partial"):
            quiet = call.session.send(wish.encode(), headers=[("Failure-Report", wish)])[0]
            equal(await text_of(alice, 1), wish, "the text")
            equal(await call.statuses(call.session.send(b"next")), [200], "the next message")
            equal(await text_of(alice, 1), "next", "the text")
            equal(quiet.transaction in call.connection.answers, False, f"Failure-Report: {wish}: a response")
        equal(call.connection.reports.qsize(), 0, "reports that nobody asked for")

        say("refused by the phone")
        for cause, code in ((22, 408), (111, 400), (69, 501)):
            alice.rp_answers[:] = [cause] * 3
            equal(await call.statuses(call.session.send(b"no")), [code], f"RP-ERROR {cause}")
            await alice.next_message()
            alice.rp_answers.clear()
        equal(await call.bye(), 200, "the answer to the BYE")
        equal(gw.pending(), 0, "open exchanges")


async def refused():
    "offers, types, sizes, ranges, and frames of others"
    rows = Rows()
    people = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", None)]
    async with gateway(name="refused", people=people, modparams={"msrp_max_size": 3000, "msrp_sessions": 3}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        uri = gw.uri("alice")
        path = "msrp://127.0.0.1:9/abc;tcp"
        for what, options in {
            "TLS": {"tls": True}, "recvonly": {"direction": "recvonly"}, "inactive": {"direction": "inactive"},
            "passive": {"setup": "passive"}, "no session-id": {"own": "msrp://127.0.0.1:9;tcp"},
        }.items():  # fmt: skip
            rows.check(what, (await Call.offer(bob, uri, **options)).answer.status, 488)
        headers = [("Contact", bob.contact), ("Content-Type", "application/sdp")]
        audio = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        answer = await bob.send("INVITE", uri, headers=headers, body=audio)
        rows.check("audio for a phone", answer.status, 488)
        both = audio + msrp.sdp("127.0.0.1", path).split(b"t=0 0\r\n")[1]
        answer = await bob.send("INVITE", uri, headers=headers, body=both)
        rows.check("audio and a message", (answer.status, b"m=audio 0 RTP/AVP 0" in answer.body), (200, True))
        first = Call(bob, path, answer)
        first.acknowledge()
        rows.check("BYE of a session without a frame", await first.bye(), 200)

        call = await Call.open(bob, uri)
        session = call.session
        for what, frame, status in (
            ("another type", session.chunk(b"<p>", 1, 3, "type1", flag="$", content_type="text/html"), 415),
            ("too large", session.chunk(b"x", 1, 3001, "size1", flag="+"), 413),
            ("more of it", session.chunk(b"x", 2, 3001, "size1", flag="+"), 413),
            ("beyond the size", session.chunk(b"x", 3001, "*", "size2", flag="+"), 413),
            ("beyond its total", session.chunk(b"xx", 2, 2, "range1", flag="$"), 400),
            ("no range", session.frame("SEND", [("Message-ID", "range2"), ("Byte-Range", "0-5/5"), ("Content-Type", "text/plain")], b"x"), 400),
            ("no Message-ID", session.frame("SEND", [("Content-Type", "text/plain")], b"x"), 400),
            ("no Content-Type", session.frame("SEND", [("Message-ID", "none1"), ("Subject", "x")], b"x"), 400),
            ("no charset", session.chunk(b"\xff", 1, 1, "char1", flag="$", content_type="text/plain;charset=utf-8"), 400),
            ("an empty text", session.chunk(b"", 1, 0, "empty1", flag="$", end=0), 400),
            ("an unknown method", session.frame("NICKNAME"), 501),
            ("AUTH", session.frame("AUTH"), 501),
        ):  # fmt: skip
            call.connection.write(frame)
            rows.check(what, (await call.connection.answered(frame)).status, status)
        report = session.frame("REPORT", [("Message-ID", "none"), ("Status", "000 200 OK")])
        call.connection.write(report)
        gone = msrp.Session(call.connection, call.own, call.path.replace(call.path.split("/")[3][:8], "00000000"))
        other_own = msrp.Session(call.connection, "msrp://127.0.0.1:9/somebody;tcp", call.path)
        for what, there in (("a guessed path", gone), ("another From-Path", other_own)):
            frame = there.send(b"hello")[0]
            rows.check(what, (await call.connection.answered(frame)).status, 481)
        rows.check("a REPORT has no response", report.transaction in call.connection.answers, False)
        stranger = await msrp.Connection.open(*call.path.split("/")[2].rsplit(":", 1))
        frame = msrp.Session(stranger, call.own, call.path).send(b"hello")[0]
        rows.check("another connection", (await stranger.answered(frame)).status, 506)
        await stranger.close()
        others = [await Call.open(bob, uri) for _ in range(2)]
        rows.check("a fourth session", (await Call.offer(bob, uri)).answer.status, 480)
        rows.check("what the phone got", alice.requests, [])
        rows.check("the session is still good", await call.statuses(session.send(b"hello")), [200])
        rows.check("the text", await text_of(alice, 1), "hello")
        for each in (call, *others):
            rows.check("BYE", await each.bye(), 200)
        rows.check("BYE again", await call.bye(), 481)
        carol = await gw.user(ImClient, "carol")
        carol.answers.append((603, "Decline"))
        rows.check("a client gets its offers itself", (await Call.offer(bob, gw.uri("carol"))).answer.status, 405)
    rows.done(at_least=30)


async def held_too_long():
    "200 when the hold time is over, then a REPORT with the outcome"
    async with gateway(name="held", modparams={"hold_timeout": 1}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        accepted, received = [], bob.endpoint.received

        def watched(octets):
            if octets.startswith(b"SIP/2.0 200") and b"application/sdp" in octets:
                accepted.append(octets)
            received(octets)

        bob.endpoint.received = watched
        call = await Call.open(bob, gw.uri("alice"))
        for text, answer, status in (("yes", lambda mr: bytes([2, mr, 0x41, 0]), "200"), ("no", lambda mr: bytes([4, mr, 1, 22]), "408")):
            alice.rp_answer = None
            frame = call.session.send(text.encode(), headers=[("Success-Report", "yes")])[0]
            request, seen = await alice.next_message()
            equal(await call.statuses([frame]), [200], "the response after the hold time")
            equal(call.connection.reports.qsize(), 0, "reports before the outcome")
            await alice.report(request, answer(seen.mr))
            report = await asyncio.wait_for(call.connection.reports.get(), 10)
            equal(report.get("Status").split()[1], status, "the report")
            equal((report.get("Message-ID"), report.get("Byte-Range")), (frame.get("Message-ID"), f"1-{len(text)}/{len(text)}"), "about")
        # Unacknowledged, it would come again after 0.5 s, 1 s and 2 s.
        equal(len(accepted), 1, "the 200 to the INVITE, behind the ACK")


async def ended():
    "by a new offer, silence, and the loss of the connection"
    async with gateway(name="ended", modparams={"msrp_idle_timeout": 10}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        call, silent = await Call.open(bob, gw.uri("alice")), await Call.open(bob, gw.uri("alice"))
        say("the connection is lost in the middle of a message, and the client offers again")
        half = call.session.chunk(b"half", 1, 8, "half1", flag="+")
        call.connection.write(half)
        equal(await call.statuses([half]), [200], "the first chunk")
        await call.connection.close()
        again = call.request("INVITE", next(call.cseq))
        again.headers += [("Contact", bob.contact), ("Content-Type", "application/sdp")]
        again.body = msrp.sdp("127.0.0.1", call.own)
        call.answer = await bob.endpoint.request(again)
        equal(call.answer.status, 200, "the answer to the second offer")
        call.acknowledge()
        await call.connect()
        rest = call.session.chunk(b"whole", 5, 9, "half1", flag="$")
        call.connection.write(rest)
        equal(await call.statuses([rest]), [200], "the last chunk")
        equal(await text_of(alice, 1), "halfwhole", "the text")
        say("silence")
        await asyncio.sleep(8)
        frame = call.session.frame("SEND", [("Message-ID", "alive")])
        call.connection.write(frame)
        equal(await call.statuses([frame]), [200], "a session with traffic")
        await asyncio.sleep(3)
        frame = silent.session.frame("SEND", [("Message-ID", "late")])
        silent.connection.write(frame)
        equal(await silent.statuses([frame]), [481], "a session without traffic")


async def delivered_in_lua():
    "the same with kamailio.lua; Kamailio gives a KEMI script no frames above 11 KB"
    await delivered("delivered_in_lua", 8192, **LUA)


run(delivered, delivered_in_lua, refused, held_too_long, ended)
