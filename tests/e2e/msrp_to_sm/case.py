"""MSRP client to phone: see README.md."""

import asyncio
import random
import time

import msrp_sdp
import sms
from e2e import CFG, ImClient, Phone, Rows, certificate, equal, gateway, run, say
from kamailio import free_port
from msrp_client import MsrpClient, Refused, trusting
from msrp_frames import new_ident
from msrp_selftest import the_peer

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
LONG = {"max_segments": 255, "max_per_sender": 1000}


async def text_of(phone, parts):
    """The text of a message in this many short messages."""
    seen = [(await phone.next_message(20))[1].tpdu for _ in range(parts)]
    return "".join(tpdu.text for tpdu in seen)


def words(characters):
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz ", k=characters))


def shuffled(chunks):
    return random.sample(chunks, len(chunks))


def odd_ones_first(chunks):
    return chunks[1::2] + chunks[::2]


async def delivered(name="delivered", large=65536, **options):
    "texts in chunks of all sizes; 200 to the last chunk when the phone has all short messages"
    async with gateway(name=name, modparams=LONG, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        session = await bob.invite(gw.uri("alice"))
        equal((session.remote.direction, session.remote.setup, session.remote.max_size), ("recvonly", "passive", 80000), "the answer")
        equal(await (await session.bind()).final(10), (200, "response"), "the first SEND, without a body")
        for text, parts, size, order in (
            ("hello", 1, 2048, None),
            ("grüße 漢字 🎉", 1, 1, None),
            (words(1000), 7, 64, shuffled),
            (words(39015), 255, large, None),
            (words(39000), 255, 500, odd_ones_first),
        ):
            say(f"{len(text)} characters in chunks of {size}, {order.__name__ if order else 'in their order'}")
            seen = asyncio.create_task(text_of(alice, parts))
            message = await session.send(text, chunk=size, order=order)
            equal(set(await message.answers()), {200}, "the responses")
            equal(await seen, text, "the text")

        say("the phone's RP-ACK comes late")
        alice.rp_answer = None
        message = await session.send("late")
        request, seen = await alice.next_message()
        # The next request is answered, this one not.
        equal(await (await session.bind()).final(10), (200, "response"), "a request behind it")
        equal(message.transactions[0].answer.done(), False, "a response before the report")
        await alice.report(request, sms.rp_ack(seen.mr))
        equal(await message.final(10), (200, "response"), "after the report")
        alice.rp_answer = "ack"

        say("chunks that come twice, overlap, are interrupted")
        message = session.message("abcdefghij")
        again = [message.chunk(start, end) for start, end in ((10, 10), (1, 3), (7, 9), (2, 5), (1, 3), (4, 6))]
        await message.write(*again)
        equal(await message.answers(), [200] * 6, "each chunk")
        equal(await text_of(alice, 1), "abcdefghij", "the text")
        message = session.message(words(5000), interruptible=True)
        first, *rest = message.chunks([3001, 1, 2048])
        await message.write(first)
        equal(await message.answers(), [200], "the first part")
        other = await session.send("meanwhile")
        equal((await other.final(10), await text_of(alice, 1)), ((200, "response"), "meanwhile"), "another message")
        await message.write(*rest)
        equal(await message.final(20), (200, "response"), "the rest")
        equal(await text_of(alice, 33), message.body.decode(), "the text")
        message = session.message("never", total=False, interruptible=True)
        await message.write(message.chunk(1, 3), message.chunk(4, 3, flag="#"))
        equal(await message.answers(), [200, 200], "a message that its sender gives up")
        text = "\r\n-------0123456789abcdef$\r\n end lines are text"
        equal(await (await session.send(text)).final(10), (200, "response"), "octets like an end-line")
        equal((await text_of(alice, 1)).replace("\n", "\r\n"), text, "the text")
        wrapped = "From: <sip:bob@ims.example>\r\nTo: <sip:alice@ims.example>\r\n\r\nContent-Type: text/plain\r\n\r\nwrapped"
        equal(await (await session.send(wrapped, "message/cpim")).final(10), (200, "response"), "message/cpim")
        equal(await text_of(alice, 1), "wrapped", "the text")

        say("reports")
        for success in (None, "no", "yes"):
            for failure in (None, "yes", "partial", "no"):
                message = await session.send(f"{success} {failure}", success=success, failure=failure)
                equal(await text_of(alice, 1), f"{success} {failure}", "the text")
                # The next message shows that no other message has come.
                behind = await session.send("next", success="yes")
                equal((await behind.final(10), await text_of(alice, 1)), ((200, "REPORT"), "next"), "the next message")
                equal(await behind.answers(10), [200], "its response")
                answers = [one.answer.done() for one in message.transactions]
                equal(answers, [failure in (None, "yes")], f"responses with {success} and {failure}")
                equal(len(message.all_reports), int(success == "yes"), f"reports with {success} and {failure}")
        equal((await session.dialog.bye()).status, 200, "the answer to the BYE")
        equal(gw.pending(), 0, "open exchanges")
        bob.msrp.check()


async def delivered_in_lua():
    "the same with kamailio.lua"
    await delivered("delivered_in_lua", **LUA)


async def statuses():
    "each status of MSRP that a phone's refusal becomes, as a response and as a REPORT; beside it, a session without traffic ends"
    rows = Rows()
    async with gateway(name="statuses", modparams={"hold_timeout": 1, "msrp_idle_timeout": 10}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        session, silent = await bob.invite(gw.uri("alice")), await bob.invite(gw.uri("alice"))
        await (await silent.bind()).final(10)
        silent_since = time.monotonic()
        alice.rp_answer = None
        for cause, status in ((1, 403), (21, 403), (28, 403), (22, 408), (27, 408), (42, 408), (127, 408), (69, 501), (81, 481), (97, 400), (111, 400)):
            alice.rp_answer = cause
            for failure in (None, "partial"):
                message = await session.send(f"{cause} {failure}", success="yes", failure=failure)
                rows.check(f"RP-ERROR {cause}, Failure-Report {failure}", await message.final(10), (status, "response"))
                await alice.next_message()
        alice.rp_answer = None
        messages = []
        for cause, failure in ((22, None), (1, "partial"), (111, "no")):
            message = await session.send(f"late {cause}", success="yes", failure=failure)
            request, seen = await alice.next_message()
            if failure is None:
                rows.check("the response after the hold time", await message.answers(10), [200])
                rows.check("reports before the outcome", len(message.all_reports), 0)
            else:
                await asyncio.sleep(1.5)  # The hold time is over.
            await alice.report(request, sms.rp_error(seen.mr, cause))
            messages.append(message)
        message = await session.send("late yes", success="yes")
        request, seen = await alice.next_message()
        rows.check("the response after the hold time", await message.answers(10), [200])
        await alice.report(request, sms.rp_ack(seen.mr))
        rows.check("late RP-ACK", await message.report(10), (200, "1-8/8"))
        rows.check("late RP-ERROR", await messages[0].report(10), (408, "1-7/7"))
        rows.check("late RP-ERROR, partial", await messages[1].report(10), (403, "1-6/6"))
        rows.check("late RP-ERROR, no", (messages[2].all_reports, messages[2].transactions[0].answer.done()), ([], False))
        await asyncio.wait_for(silent.dialog.ended.wait(), 20)
        rows.check("the BYE is not early", time.monotonic() > silent_since + 9, True)
        rows.check("a session without traffic", await (await silent.bind()).final(10), (481, "response"))
        rows.check("a session with traffic", await (await session.bind()).final(10), (200, "response"))
        bob.msrp.check()
    rows.done(at_least=25)


async def tls():
    "over TLS where the client offers it, whatever the transport of SIP; advertised addresses; native and Lua"
    files = certificate()
    for name, variant in (("native", {}), ("lua", LUA)):
        ports = free_port(), free_port()  # MSRP is taken on each TLS port, that of secure WebSockets among them.
        secure, listen = ("127.0.0.1", ports[0]), {"tls": f"tls:127.0.0.1:{ports[0]}", "wss": f"tls:127.0.0.1:{ports[1]}"}
        async with gateway(name=f"tls-{name}", modparams=LONG, **listen, **files, **variant) as gw:
            alice = await gw.user(Phone, "alice")
            for protocol, to in (("tls", secure), ("udp", gw.address), ("tcp", gw.address))[: 1 if variant else 3]:
                bob = await gw.user(MsrpClient, "bob", await gw.endpoint(protocol, to=to))
                bob.client_context = trusting(files["tls_cert"])
                for is_tls, own in ((True, (*ports, gw.address[1] + 1)), (False, [gw.address[1]])):
                    session = await bob.invite(gw.uri("alice"), tls=is_tls)
                    equal((session.remote.is_tls, session.remote.port in own), (is_tls, True), f"the answer over {protocol}")
                    for size in (2048, 65536):
                        text = words(3000)
                        message = await session.send(text, chunk=size, success="yes")
                        equal(await text_of(alice, 20), text, "the text")
                        equal(await message.final(10), (200, "REPORT"), "the outcome")
                    equal((await session.dialog.bye()).status, 200, "the answer to the BYE")
                await bob.register(expires=0)
                bob.msrp.check()
    async with gateway(name="advertised", advertise="203.0.113.5") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        session = await bob.invite(gw.uri("alice"), connects=False)
        equal(session.remote.address, ("203.0.113.5", gw.address[1]), "where the client connects to")
        equal("203.0.113.5" in session.dialog.target, True, f"Contact {session.dialog.target}")
        equal(await status_of(bob, gw.uri("alice"), tls=True), 488, "an offer of TLS to a gateway without TLS")
        bob.msrp.check()


async def status_of(client, uri, **options):
    """The final response to an offer."""
    try:
        await client.invite(uri, connects=False, **options)
        return 200
    except Refused as refused:
        return refused.status


async def refused():
    "offers, types, sizes, ranges, and frames of others"
    rows = Rows()
    people = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", None)]
    async with gateway(name="refused", people=people, modparams={"msrp_max_size": 3000, "msrp_sessions": 3}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        uri = gw.uri("alice")
        for what, options in {
            "TLS": {"tls": True}, "recvonly": {"direction": "recvonly"}, "inactive": {"direction": "inactive"},
        }.items():  # fmt: skip
            rows.check(what, await status_of(bob, uri, **options), 488)
        head, own = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n", "msrp://127.0.0.1:9/abcdef;tcp"
        audio = "m=audio 9 RTP/AVP 0\r\n"
        message = msrp_sdp.write([own], ("127.0.0.1", 9)).decode()
        for what, offer, status in (
            ("audio", head + audio, 488),
            ("passive", message.replace("actpass", "passive"), 488),
            ("no session-id", message.replace("/abcdef", ""), 488),
            ("no path", message.replace("a=path", "a=other"), 488),
            ("no description", "hello", 488),
        ):
            rows.check(what, await status_of(bob, uri, body=offer.encode()), status)

        session = await bob.invite(uri)
        text = session.message("x" * 3001, interruptible=True)
        wrong = session.message("xx")

        def bare(*headers, body=b"x", method="SEND", **options):
            return session.request(method, list(headers), body, **options)

        plain, named = ("Content-Type", "text/plain"), lambda: ("Message-ID", new_ident())
        for what, frame, status in (
            ("another type", session.message("<p>").chunk(1, 3, content_type="text/html"), 415),
            ("too large", text.chunk(1, 1), 413),
            ("more of it", text.chunk(2, 2), 413),
            ("the end of it", text.chunk(3001, 3001), 413),
            ("beyond the size", session.message("x" * 3001, total=False).chunk(3001, 3001, flag="+"), 413),
            ("beyond its total", wrong.chunk(1, 2, byte_range="2-3/2"), 400),
            ("a range from 0", session.message("x").chunk(1, 1, byte_range="0-5/5"), 400),
            ("a range of words", session.message("x").chunk(1, 1, byte_range="a-b/c"), 400),
            ("no Message-ID", bare(plain), 400),
            ("no Content-Type", bare(named(), ("Subject", "x")), 400),
            ("no charset", session.message(b"\xff", "text/plain;charset=utf-8").chunk(1, 1), 400),
            ("an empty text", session.message(b"").chunk(1, 0), 400),
            ("an unknown method", bare(named(), body=None, method="NICKNAME"), 501),
            ("AUTH", bare(named(), body=None, method="AUTH"), 501),
            ("a guessed path", bare(named(), plain, to_path=session.remote.path[0].replace(session.remote.path[0][-12:-4], "00000000")), 481),
            ("another From-Path", bare(named(), plain, from_path=own), 481),
        ):
            before = len(bob.msrp.violations)
            rows.check(what, await session.ask(frame), status)
            if what == "another From-Path":
                del bob.msrp.violations[before:]
        report = bare(named(), ("Status", "000 200 OK"), body=None, method="REPORT")
        await session.message("").write(report)
        stranger = await bob.msrp.connect(session.remote)
        usual, session.connection = session.connection, stranger
        rows.check("another connection", await session.ask(session.message("hello").chunk(1, 5)), 506)
        stranger.close()
        session.connection = usual
        others = [await bob.invite(uri) for _ in range(2)]
        rows.check("a fourth session", await status_of(bob, uri), 480)
        rows.check("what the phone got", alice.requests, [])
        rows.check("the session is still good", await (await session.send("hello")).final(10), (200, "response"))
        rows.check("the text", await text_of(alice, 1), "hello")
        rows.check("a response to a REPORT", usual.transactions[report.tid].answer.done(), False)
        for each in (session, *others):
            rows.check("BYE", (await each.dialog.bye()).status, 200)
        rows.check("BYE again", (await session.dialog.bye()).status, 481)
        rows.check("a frame after the BYE", await session.ask(session.message("hello").chunk(1, 5)), 481)
        carol = await gw.user(ImClient, "carol")
        rows.check("a client gets its offers itself", await status_of(bob, gw.uri("carol")), 405)
        rows.check("what the client got", [request.method for request in carol.requests], ["INVITE", "ACK"])
        bob.msrp.check()
    rows.done(at_least=30)


run(the_peer, delivered, delivered_in_lua, tls, statuses, refused)
