"""Phone to MSRP client: see README.md."""

import asyncio
import itertools

import sip
import sms
from e2e import CFG, FOLDER, ImClient, Phone, Rows, equal, gateway, run, say
from msrp_client import Dialog, MsrpClient
from msrp_frames import Frame, new_ident

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002")]
LONG = "0123456789" * 153


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


async def text_of(session):
    """The text of the next message in a session."""
    return (await session.next_message(20)).text


async def is_over(session):
    """Waits for the BYE."""
    await asyncio.wait_for(session.dialog.ended.wait(), 10)


def behaves(client, **behaviour):
    """How the client behaves in its next sessions."""
    client.prepare = lambda session: vars(session).update(behaviour)


def offers(client):
    """How many sessions were offered to the client since the last call."""
    count = client.invited.qsize()
    while not client.invited.empty():
        client.invited.get_nowait()
    return count


async def delivered(name="delivered", **options):
    "texts of all lengths, both ways to open the connection, reports, message/cpim"
    async with gateway(name=name, people=PEOPLE, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        reference = itertools.count(1)
        for text, setup in (
            (LONG, "passive"), ("Grüße, €uro. " * 100, "active"), ("漢字🎉" * 300, None), ("x" * 153 * 255, "passive"),
        ):  # fmt: skip
            say(f"{len(text)} characters, setup {setup}")
            bob.setup = setup
            last = await send_long(alice, "+15550002", text, next(reference))
            session = await bob.next_session()
            message = await session.next_message(20)
            equal(message.text, text, "the text")
            equal(message.chunks, -(-len(message.octets) // 2048), "chunks of 2048 octets")
            equal((await last.outcome()).kind, "RP-ACK", "the report")
            await is_over(session)
            offer = await bob.invited.get()
            equal(offer.get("P-Asserted-Identity"), "<sip:+15550001@ims.example>", "the sender")
            equal(offer.get("Accept-Contact"), "*;+g.oma.sip-im.large-message", "the feature tag")
            equal((session.remote.direction, session.remote.setup), ("sendonly", "actpass"), "the offer")
            equal(session.dialog.acknowledged.is_set(), True, "an ACK")
            session.connection.close()

        say("a text within the limit is a MESSAGE")
        equal((await (await alice.send_sm("+15550002", "short")).outcome()).kind, "RP-ACK", "the report")
        equal((await bob.next_message()).text, "short", "the text")
        last = await send_long(alice, "+15550002", "y" * 300, next(reference))
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        equal((await bob.next_message()).text, "y" * 300, "the text")
        equal(offers(bob), 0, "further offers")

        say("message/cpim alone")
        bob.types, bob.wrapped = "message/cpim", "*"
        last = await send_long(alice, "+15550002", LONG, next(reference))
        session = await bob.next_session()
        message = await session.next_message()
        equal(message.content_type, "message/cpim", "the type")
        equal(message.text.endswith(LONG), True, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await is_over(session)
        bob.types, bob.wrapped = "text/plain", None

        say("a report of success or failure, behind the last response")
        for status in (200, 415):
            behaves(bob, reports=None)
            last = await send_long(alice, "+15550002", LONG, next(reference), srr=True)
            session = await bob.next_session()
            message = await session.next_message()
            equal(message.success, "yes", "Success-Report")
            equal(last.report.done(), False, "an outcome before the report")
            chunk = session.connection.frames[-1]
            session.report(chunk, 1, len(message.octets), status)
            outcome = await last.outcome()
            equal(outcome.kind if status == 200 else outcome.cause, "RP-ACK" if status == 200 else 21, "the outcome")
            await is_over(session)
            if status == 200:
                await gw.until(lambda: gw.pending() == 0, what="an empty table")
        bob.msrp.check()


async def refused():
    "each refusal of the INVITE and of a chunk; the client hangs up; the connection is lost or refused"
    rows = Rows()
    async with gateway(name="refused", people=PEOPLE, modparams={"validity": 0}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        number = itertools.count(1)

        async def outcome():
            report = await (await send_long(alice, "+15550002", LONG, next(number))).outcome()
            return report.kind if report.kind == "RP-ACK" else report.cause

        for status, cause in ((302, 41), (403, 21), (404, 1), (480, 27), (486, 41), (500, 41), (503, 42), (603, 21)):
            bob.invite_answer = status
            rows.check(f"INVITE {status}", await outcome(), cause)
        for status in (405, 415, 420, 488, 501, 606):
            bob.invite_answer = status
            rows.check(f"INVITE {status}: in pager mode", (await outcome(), (await bob.next_message()).text == LONG), ("RP-ACK", True))
        bob.invite_answer = 200
        for what, types, size, cause in (("no type that fits", "text/html", None, "RP-ACK"), ("too small", "text/plain", 1000, 21)):
            bob.types, bob.max_size = types, size
            rows.check(what, await outcome(), cause)
            await is_over(await bob.next_session())
        bob.types, bob.max_size = "text/plain", None
        rows.check("and in pager mode", (await bob.next_message()).text == LONG, True)
        for status, cause in ((400, 111), (403, 21), (408, 27), (413, 21), (415, 21), (481, 41), (501, 69), (506, 27)):
            behaves(bob, answer=status)
            rows.check(f"SEND {status}", await outcome(), cause)
            await is_over(await bob.next_session())

        say("the client hangs up in the middle")
        behaves(bob, answer=None)
        last = await send_long(alice, "+15550002", LONG, next(number))
        session = await bob.next_session()
        await asyncio.wait_for(session.started.wait(), 10)
        rows.check("a new offer in the session", (await session.dialog.request("INVITE"))[0].status, 488)
        rows.check("the answer to the BYE", (await session.dialog.bye()).status, 200)
        rows.check("the outcome", (await last.outcome()).cause, 27)
        rows.check("a BYE of the gateway", session.dialog.ended.is_set(), False)

        say("the connection is lost in the middle")
        last = await send_long(alice, "+15550002", LONG, next(number))
        session = await bob.next_session()
        await asyncio.wait_for(session.started.wait(), 10)
        session.connection.close()
        rows.check("the outcome", (await last.outcome()).cause, 27)
        await is_over(session)

        say("the connection is refused")
        bob.port = 1
        rows.check("the outcome", await outcome(), 27)
        await is_over(await bob.next_session())
        bob.port = None

        say("frames of others")
        last = await send_long(alice, "+15550002", 2 * LONG, next(number))
        session = await bob.next_session()
        await asyncio.wait_for(session.started.wait(), 10)
        connection = session.connection
        # The second chunk comes behind the response to the first.
        connection.answer(connection.frames[-1], 200)
        message = await session.next_message()
        chunks = [frame for frame in connection.frames if frame.get("Message-ID") == message.message_id]
        paths = [("To-Path", chunks[0].from_path[0]), ("From-Path", chunks[0].to_path[-1])]
        await connection.write(Frame(new_ident(), status=200, headers=paths).encode())
        text = session.message("hello")
        rows.check("a text in a sendonly session", await session.ask(text.chunk(1, 5)), 403)
        session.connection = stranger = await bob.msrp.connect(session.remote)
        rows.check("another connection", await session.ask(text.chunk(1, 5)), 506)
        session.connection = connection
        stranger.close()
        connection.answer(chunks[1], 200)
        rows.check("the outcome", (await last.outcome()).kind, "RP-ACK")
        bob.msrp.check()
    rows.done(at_least=30)


async def several_clients():
    "the first that accepts gets the text; the offer to the other is taken back"
    async with gateway(name="several", people=PEOPLE) as gw:
        alice = await gw.user(Phone, "alice")
        first, second = [await gw.user(MsrpClient, "bob") for _ in range(2)]
        first.invite_answer = 180
        last = await send_long(alice, "+15550002", LONG, 1)
        equal(await text_of(await second.next_session()), LONG, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await asyncio.wait_for(first.cancelled.get(), 10)
        equal(len(first.msrp.connections), 0, "connections to the other client")
        say("one refuses")
        first.invite_answer = 486
        last = await send_long(alice, "+15550002", LONG, 2)
        equal(await text_of(await second.next_session()), LONG, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        say("both accept")
        first.invite_answer = 200
        last = await send_long(alice, "+15550002", LONG, 3)
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        sessions = [await client.next_session() for client in (first, second)]
        for session in sessions:
            await is_over(session)
        equal(sorted(session.inbox.qsize() for session in sessions), [0, 1], "texts")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        for client in (first, second):
            client.msrp.check()


class BothBehindAProxy(MsrpClient):
    """Two clients behind one proxy: both accept the same INVITE."""

    async def _invited(self, request, dialog):
        self.both = []
        for _ in range(2):
            to, of = sip.addr_spec(request.get("From")), sip.addr_spec(request.get("To"))
            self.both.append(Dialog(self, request.get("Call-ID"), new_ident(), of, to))
            # Both offers are the same one, with the same URI.
            self.both[-1].uris = getattr(self.both[0], "uris", set())
            await self.accept(request, self.both[-1])


async def behind_a_proxy():
    "a second 200 to the same INVITE gets its ACK and a BYE; all sessions in use: the phone may try again"
    people = [*PEOPLE, ("carol", "+15550003")]
    async with gateway(name="behind_a_proxy", people=people, modparams={"msrp_sessions": 1, "validity": 0}) as gw:
        alice, carol = await gw.user(Phone, "alice"), await gw.user(Phone, "carol")
        both = await gw.user(BothBehindAProxy, "bob")
        last = await send_long(alice, "+15550002", LONG, 1)
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        for dialog in both.both:
            await asyncio.wait_for(dialog.ended.wait(), 10)
            equal(dialog.acknowledged.is_set(), True, "an ACK")
        # Two workers of the gateway may take the two 200 in either order.
        sessions = [await both.next_session() for _ in range(2)]
        equal(sorted(session.inbox.qsize() for session in sessions), [0, 1], "texts")
        [chosen] = [session for session in sessions if session.inbox.qsize()]
        equal(await text_of(chosen), LONG, "the text")
        both.msrp.check()
        await both.register(expires=0)

        say("no session is left")
        bob = await gw.user(MsrpClient, "bob")
        bob.invite_answer = 180
        last = await send_long(alice, "+15550002", LONG, 2)
        await asyncio.wait_for(bob.invited.get(), 10)
        equal((await (await send_long(carol, "+15550002", LONG, 3)).outcome()).cause, 42, "RP-Cause")
        [(request, dialog)] = bob.ringing.values()
        await bob.accept(request, dialog)
        equal((await last.outcome()).kind, "RP-ACK", "the report on the first text")
        await is_over(await bob.next_session())
        equal(offers(bob), 0, "further offers")
        bob.msrp.check()


async def in_pager_mode():
    "without sessions each client of the recipient gets the text, whole or in pieces; one that takes it is enough"
    text = "The quick brown fox jumps over the lazy dog. " * 60
    for name, modparams in (("whole", {}), ("pieces", {"long_text": "split"})):
        async with gateway(name=f"pager-{name}", people=PEOPLE, modparams={"im_timeout": 2} | modparams) as gw:
            alice = await gw.user(Phone, "alice")
            clients = [await gw.user(MsrpClient, "bob") for _ in range(2)]
            for number, answers in enumerate(((200, 200), (486, 200), (200, 486), (200, None)), 1):
                say(f"{name}: the clients answer {answers}")
                for client, answer in zip(clients, answers, strict=True):
                    client.invite_answer, client.answer = 488, answer
                last = await send_long(alice, "+15550002", text, number)
                equal((await last.outcome()).kind, "RP-ACK", "the report")
                for client, answer in zip(clients, answers, strict=True):
                    seen = (await client.next_message()).text
                    while answer == 200 and seen != text:
                        seen += (await client.next_message()).text
                    equal(text.startswith(seen), True, "the text")
                    await gw.until(lambda: gw.pending() == 0, what="an empty table")
                    while not client.inbox.empty():
                        client.inbox.get_nowait()


async def pieces_in_order():
    "a piece waits for the answers of all clients to the piece before"
    text = "The quick brown fox jumps over the lazy dog. " * 60
    async with gateway(people=PEOPLE, modparams={"long_text": "split"}) as gw:
        alice = await gw.user(Phone, "alice")
        clients = [await gw.user(MsrpClient, "bob") for _ in range(2)]
        for number, slow in enumerate(clients, 1):
            for client in clients:
                client.invite_answer = 488
            slow.answers.append(None)
            last = await send_long(alice, "+15550002", text, number)
            seen = [(await client.next_message()).text for client in clients]
            await asyncio.sleep(0.3)
            equal([client.inbox.qsize() for client in clients], [0, 0], "pieces before the answer to the first")
            [*_, first] = (request for request in slow.requests if request.method == "MESSAGE")
            slow.endpoint.respond(first, 200, "OK")
            equal((await last.outcome()).kind, "RP-ACK", "the report")
            for place, client in enumerate(clients):
                while seen[place] != text:
                    seen[place] += (await client.next_message()).text
                    equal(text.startswith(seen[place]), True, "the next piece")


async def silence():
    "no answer to the INVITE: it is cancelled"
    async with gateway(name="silence", people=PEOPLE, modparams={"im_timeout": 2, "validity": 0}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        bob.invite_answer = 180
        last = await send_long(alice, "+15550002", LONG, 1)
        equal((await last.outcome()).cause, 27, "RP-Cause")
        cancel = await asyncio.wait_for(bob.cancelled.get(), 10)
        say("the 200 comes later")
        await bob.accept(*bob.ringing[cancel.branch])
        await is_over(await bob.next_session())
        equal(len(bob.msrp.connections), 0, "connections")
        bob.msrp.check()


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
            bob = await gw.user(MsrpClient, "bob")
            for text, wanted in (("by msrp", 1), ("by a MESSAGE", 0)):
                sent = await alice.send_sm("+15550002", text)
                found = await text_of(await bob.next_session()) if wanted else (await bob.next_message()).text
                equal(found, text, "the text")
                equal((await sent.outcome()).kind, "RP-ACK", "the report")
                equal(offers(bob), wanted, "offers")
            say("in pieces")
            bob.invite_answer = 488
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
        bob = await gw.user(MsrpClient, "bob", register=False)
        for what, invite_answer, answer in (("busy", 486, 200), ("it refuses a chunk", 200, 408), ("taken", 200, 200)):
            say(what)
            bob.invite_answer = invite_answer
            behaves(bob, answer=answer)
            await bob.register()
            await asyncio.wait_for(bob.invited.get(), 20)
            if invite_answer == 200:
                session = await bob.next_session()
                await is_over(session)
                if answer == 200:
                    equal(await text_of(session), text, "the text")
            await gw.until(lambda: gw.pending() == 0, what="no open exchange")
        await bob.register()
        equal(offers(bob), 0, "further offers")
        bob.msrp.check()


async def delivered_in_lua():
    "the same with kamailio.lua"
    await delivered("delivered_in_lua", **LUA)


run(delivered, delivered_in_lua, refused, several_clients, behind_a_proxy, in_pager_mode, pieces_in_order, silence, chosen, stored)
