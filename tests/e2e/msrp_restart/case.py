"""MSRP over a restart: see README.md."""

import asyncio
import contextlib
import sqlite3

import sms
from e2e import CFG, ImClient, Phone, equal, gateway, run, say
from msrp_client import MsrpClient

LUA = {"name": "promised_in_lua", "cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
LONG = "0123456789" * 153
SOON = {"hold_timeout": 2, "report_timeout": 4}


def rows(gw):
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
        return [kind for (kind,) in db.execute("SELECT kind FROM ipsmgw_store WHERE kind <> 'node' ORDER BY id")]


async def empty(gw):
    await gw.until(lambda: gw.pending() == 0 and not rows(gw), what="no open exchange, in memory or in the database")


async def again(gw, *sessions):
    """Everything dies at once, and is started again. Clients see the end of their connections."""
    await gw.kill()
    for session in sessions:
        await asyncio.wait_for(session.connection.closed.wait(), 10)
    await gw.start()


async def send_parts(phone, to, text, reference, count=None):
    """The first parts of a text, each with its RP-ACK; the last of all parts is sent, and returned."""
    parts = list(sms.parts(text, reference))
    for dcs, octets in parts[:count]:
        tpdu = sms.submit(to, "", first=0x41, dcs=dcs, user_data=octets)
        sent = await phone.send_sm(to, "", tpdu=tpdu)
        equal(sent.answer.status, 202, "the SIP answer")
        if octets is not parts[-1][1]:
            equal((await sent.outcome()).kind, "RP-ACK", "the report on a part")
    return sent


def asking(text, message_id):
    """A text in CPIM whose sender wants a notification of its delivery (RFC 5438)."""
    return (
        f"From: <sip:bob@ims.example>\r\nTo: <sip:alice@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        f"DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\n{text}"
    )


async def report_comes_later(gw, alice, bob):
    """The phone's report comes behind the crash: the client gets the notification that it asked for."""
    say("kill -9 behind the 200; then the report of the phone")
    alice.rp_answer = None
    session = await bob.invite(gw.uri("alice"))
    message = await session.send(asking("first", "Id.1"), "message/cpim", success="yes")
    request, seen = await alice.next_message()
    equal(await message.answers(), [200], "the response")
    equal(rows(gw), ["im_to_sm"], "what the database has")
    await again(gw, session)
    equal(len(message.all_reports), 0, "reports before the outcome")
    await alice.report(request, sms.rp_ack(seen.mr))
    equal(b"<delivered/>" in (await bob.next_message()).body, True, "the notification")
    await empty(gw)


async def promised():
    "200 before the phone has the text, then kill -9 or SIGTERM: the phone gets the rest, the client its notification"
    async with gateway(name="promised", modparams=SOON) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        await report_comes_later(gw, alice, bob)

        say("SIGTERM behind the 200 to a long text of which the phone has two parts: no failure is reported")
        alice.rp_answers = ["ack", "ack"]
        session = await bob.invite(gw.uri("alice"))
        text = "".join(f"{number} and " for number in range(100))
        message = await session.send(text, chunk=300, success="yes")
        equal(set(await message.answers()), {200}, "the responses")
        texts = [(await alice.next_message())[1].tpdu.text for _ in range(3)]
        gw.process.terminate()
        await gw.wait(30)
        await asyncio.wait_for(session.connection.closed.wait(), 10)
        equal(len(message.all_reports), 0, "reports")
        left = len(rows(gw))
        alice.rp_answer = "ack"
        await gw.start()
        # The third part, which has no report, comes again.
        texts = texts[:2] + [(await alice.next_message(20))[1].tpdu.text for _ in range(left)]
        equal("".join(texts), text, "the text")
        await empty(gw)
        equal(alice.inbox.qsize(), 0, "further short messages")
        bob.msrp.check()


async def promised_in_lua():
    "kill -9 behind the 200, with kamailio.lua"
    async with gateway(modparams=SOON, **LUA) as gw:
        await report_comes_later(gw, await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob"))


async def not_promised():
    "kill -9 before the last chunk; no 200 while the database is locked: the client sends again, and the phone gets the text once"
    async with gateway(name="not_promised", modparams=SOON) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        session = await bob.invite(gw.uri("alice"))
        message = session.message("x" * 1500)
        await message.write(message.chunks(1000)[0])
        equal(await message.answers(), [200], "the first chunk")
        equal(rows(gw), [], "what the database has")
        await again(gw, session)
        session = await bob.invite(gw.uri("alice"))
        message = await session.send("x" * 1500, message_id=message.message_id)
        equal(await message.final(20), (200, "response"), "the same message in a new session")
        texts = [(await alice.next_message())[1].tpdu.text for _ in range(10)]
        equal("".join(texts), "x" * 1500, "the text")
        await empty(gw)
        equal(alice.inbox.qsize(), 0, "further short messages")

        say("the database is locked")
        alice.rp_answer = None
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            message = await session.send("hello")
            equal(await message.final(10), (408, "response"), "the final word")
            db.execute("ROLLBACK")
        await empty(gw)
        bob.msrp.check()


async def stored():
    "the phone is away: the message is stored and delivered later, and its sender is not told that it failed"
    async with gateway(name="stored", validity=3600) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        alice.answers.append(480)
        session = await bob.invite(gw.uri("alice"))
        message = await session.send("later")
        equal(await message.answers(), [200], "the response")
        equal(len(rows(gw)), 1, "messages in the database")
        await alice.next_message()
        await alice.register()
        equal((await alice.next_message())[1].tpdu.text, "later", "what the phone got")
        await empty(gw)
        equal((len(message.all_reports), alice.inbox.qsize()), (0, 0), "reports to the sender, further short messages")
        bob.msrp.check()


async def to_the_client():
    "a text of a phone, which goes by MSRP: kill -9 between its parts, while the session is offered, while a stored text is sent"
    people = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", None), ("dave", "+15550003")]
    async with gateway(name="to_the_client", people=people, validity=3600) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(MsrpClient, "bob")
        say("parts that are acknowledged")
        await send_parts(alice, "+15550002", LONG, 1, -1)
        await again(gw)
        dcs, octets = list(sms.parts(LONG, 1))[-1]
        tpdu = sms.submit("+15550002", "", first=0x41, dcs=dcs, user_data=octets)
        bob.invite_answer = 180
        await alice.send_sm("+15550002", "", tpdu=tpdu)
        await asyncio.wait_for(bob.invited.get(), 10)
        say("the session is offered; the phone has no report, and sends the last part again")
        await again(gw)
        bob.invite_answer = 200
        last = await alice.send_sm("+15550002", "", tpdu=tpdu)
        session = await bob.next_session()
        equal((await session.next_message()).text, LONG, "the text")
        equal((await last.outcome()).kind, "RP-ACK", "the report")
        await asyncio.wait_for(session.dialog.ended.wait(), 10)
        await empty(gw)

        say("a stored text: the client has it, and has not answered")
        text = "0123456789" * 110
        carol = await gw.user(ImClient, "carol", protocol="tcp")
        equal((await carol.send_im(gw.uri("+15550003"), text)).status, 202, "the answer")
        dave = await gw.user(MsrpClient, "dave", register=False)
        dave.prepare = lambda session: vars(session).update(answer=None)
        await dave.register()
        session = await dave.next_session(20)
        await asyncio.wait_for(session.started.wait(), 10)
        dave.prepare = lambda session: None
        await again(gw, session)
        # Else it comes at the time of the next attempt.
        await dave.register()
        session = await dave.next_session(20)
        equal((await session.next_message()).text, text, "the text")
        await asyncio.wait_for(session.dialog.ended.wait(), 10)
        await empty(gw)
        for client in (bob, dave):
            client.msrp.check()


run(promised, promised_in_lua, not_promised, stored, to_the_client)
