"""Store and forward: see README.md."""

import asyncio
import contextlib
import re
import sqlite3
import subprocess

import sms
from e2e import CFG, ImClient, Phone, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003")]
KEEP = {"validity": 3600}
ALICE, BOB = "sip:+15550001@ims.example", "sip:+15550002@ims.example"


def cpim(text, message_id):
    return (
        f"From: <{ALICE}>\r\nTo: <{BOB}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        "DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    )


async def send(client, text, message_id="m", headers=()):
    """An instant message whose sender wants notifications."""
    return await client.send_im(BOB, cpim(text, message_id), content_type="message/cpim", headers=headers)


async def told(client):
    """(Message-ID, status) of the next notification."""
    body = (await client.next_message(20)).body.decode()
    status = re.search(r"<status>\s*<(?:\w+:)?(\w+)", body)
    return re.search(r"<(?:\w+:)?message-id>([^<]*)<", body).group(1), status.group(1)


def stored(gw):
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
        return db.execute("SELECT COUNT(*) FROM ipsmgw_store WHERE kind = 'stored'").fetchone()[0]


async def empty(gw):
    await gw.until(lambda: stored(gw) == 0 and gw.pending() == 0, 20, what="an empty store")


async def phone_off(name="phone_off", **options):
    "a phone is off: 202, then all messages in order when it registers, after kill -9, too; the sender gets notifications"
    async with gateway(name=name, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob", register=False)
        for number in (1, 2, 3):
            equal((await send(alice, f"message {number}", f"m{number}")).status, 202, "the answer")
        equal(stored(gw), 3, "stored messages")
        await gw.kill()
        await gw.start()
        await alice.register()
        await bob.register()
        for number in (1, 2, 3):
            _, rp = await bob.next_message(20)
            equal((rp.tpdu.text, rp.tpdu.address), (f"message {number}", "+15550001"), "what the phone got")
            equal(await told(alice), (f"m{number}", "delivered"), "the notification")
        await empty(gw)


async def phone_off_in_lua():
    "the same with kamailio.lua"
    await phone_off(name="phone_off_lua", **LUA)


async def short_message(name="short_message", **options):
    "a phone writes to an absent person: RP-ACK, and the status report when a client of that person has the message"
    async with gateway(name=name, **KEEP, **options) as gw:
        alice = await gw.user(Phone, "alice")
        sent = await alice.send_sm("+15550002", "are you there?", srr=True)
        equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer and the report")
        equal(stored(gw), 1, "stored messages")
        bob = await gw.user(ImClient, "bob")
        equal((await bob.next_message(20)).text, "are you there?", "what the client got")
        _, rp = await alice.next_message(20)
        equal((rp.tpdu.kind, rp.tpdu.st), ("SMS-STATUS-REPORT", 0x00), "the status report")
        await empty(gw)


async def short_message_in_lua():
    "the same with kamailio.lua"
    await short_message(name="short_message_lua", **LUA)


async def client_fails(name="client_fails", **options):
    "a client cannot take it: the phone of the same person gets it at once; without a phone it is stored until the client is back"
    async with gateway(name=name, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        bob.answer = 480
        equal((await send(alice, "to be stored", "m1")).status, 202, "the answer")
        equal(stored(gw), 1, "stored messages")
        bob.answer, bob.requests = 200, []
        await bob.register()
        equal(await told(alice), ("m1", "delivered"), "the notification")
        equal(bob.requests[-1].body, b"to be stored", "what the client got")
        # While it is being delivered, a new text goes behind it, and its sender gets 202.
        await empty(gw)
        say("with a phone")
        bob.answer = 480
        phone = await gw.user(Phone, "bob")
        equal((await send(alice, "by phone", "m2")).status, 200, "the answer: the phone has it")
        equal((await phone.next_message(20))[1].tpdu.text, "by phone", "what the phone got")
        equal((await send(alice, "declined", "m3")).status, 200, "once more")
        bob.answer = 603
        equal((await send(alice, "declined", "m4")).status, 603, "a 6xx is final")
        await empty(gw)


async def client_fails_in_lua():
    "the same with kamailio.lua"
    await client_fails(name="client_fails_lua", **LUA)


async def parts_of(phone, count):
    """The next TPDUs of a phone, in their order."""
    return [(await phone.next_message(20))[1].tpdu for _ in range(count)]


async def long_texts(name="long_texts", **options):
    "a long text for a phone that is off, long short messages for a client that fails, and for one that is away: stored whole, after kill -9, too"
    text = "0123456789" * 390
    people = [*PEOPLE, ("dave", "+15550004")]

    async def send_parts(phone, to, reference, places):
        for dcs, octets in list(sms.parts(text[:400], reference))[places]:
            tpdu = sms.submit(to, "", first=0x61, dcs=dcs, user_data=octets)
            equal((await (await phone.send_sm(to, "", tpdu=tpdu)).outcome()).kind, "RP-ACK", "the report on a part")

    async with gateway(name=name, people=people, modparams={"max_segments": 30}, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob", register=False)
        phone, client = await gw.user(Phone, "alice"), await gw.user(ImClient, "carol")
        equal((await send(alice, text, "m1")).status, 202, "the answer")
        client.answer = 480
        await send_parts(phone, "+15550003", 7, slice(None))
        await gw.until(lambda: gw.pending() == 0, what="all at rest")
        equal(stored(gw), 2, "stored messages")
        await send_parts(phone, "+15550004", 8, slice(2))
        await gw.kill()
        await gw.start()
        await alice.register()
        await phone.register()
        await bob.register()
        equal("".join(tpdu.text for tpdu in await parts_of(bob, 26)), text, "what the phone got")
        equal(await told(alice), ("m1", "delivered"), "the notification")
        client.answer, client.requests = 200, []
        await client.register()
        equal([(it.kind, it.st) for it in await parts_of(phone, 3)], [("SMS-STATUS-REPORT", 0x00)] * 3, "status reports")
        equal(client.requests[-1].body.decode(), text[:400], "what the client got")
        await send_parts(phone, "+15550004", 8, slice(2, None))
        await gw.until(lambda: stored(gw) == 1, what="one stored message")
        dave = await gw.user(ImClient, "dave")
        equal((await dave.next_message(20)).text, text[:400], "what the client that was away got")
        equal([(it.kind, it.st) for it in await parts_of(phone, 3)], [("SMS-STATUS-REPORT", 0x00)] * 3, "status reports")
        await empty(gw)


async def long_texts_in_lua():
    "the same with kamailio.lua"
    await long_texts(name="long_texts_lua", **LUA)


async def order(name="order", **options):
    "texts that come while stored ones are being delivered go behind them; afterwards they go at once"
    async with gateway(name=name, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob", register=False)
        phone = await gw.user(Phone, "alice")
        for number in (1, 2, 3):
            equal((await send(alice, f"message {number}", f"m{number}")).status, 202, "the answer")
        bob.rp_answers = [None]
        await bob.register()
        request, rp = await bob.next_message(20)
        equal((await send(alice, "message 4", "m4")).status, 202, "the answer")
        equal((await (await phone.send_sm("+15550002", "message 5")).outcome()).kind, "RP-ACK", "the report")
        await bob.report(request, sms.rp_ack(rp.mr))
        texts = [rp.tpdu.text, *(tpdu.text for tpdu in await parts_of(bob, 4))]
        equal(texts, [f"message {number}" for number in (1, 2, 3, 4, 5)], "what the phone got")
        await empty(gw)
        answers = [(await send(alice, "at once")).status]
        while answers[-1] == 202 and len(answers) < 20:
            # A message that comes while the one before it is delivered is stored, too.
            await empty(gw)
            answers.append((await send(alice, "at once")).status)
        equal(answers[-1], 200, "the answer: the phone has it")


async def order_in_lua():
    "the same with kamailio.lua"
    await order(name="order_in_lua", **LUA)


async def back_unseen(name="back_unseen", **options):
    "a person is back, and the gateway has not seen it: a new text goes behind the stored ones, and all of them are delivered at once"
    async with gateway(name=name, modparams={"retry": "600"}, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        phone = await gw.user(Phone, "alice")
        bob.answer = 480
        equal((await send(alice, "message 1", "m1")).status, 202, "the answer: it is stored")
        equal((await (await phone.send_sm("+15550002", "message 2")).outcome()).kind, "RP-ACK", "the report: it is stored behind the other one")
        await gw.until(lambda: gw.pending() == 0, what="all at rest")
        bob.answer, bob.inbox = 200, asyncio.Queue()
        equal((await (await phone.send_sm("+15550002", "message 3")).outcome()).kind, "RP-ACK", "the report")
        texts = [tpdu.text for tpdu in await parts_of(bob, 3)]
        equal(texts, [f"message {number}" for number in (1, 2, 3)], "what the phone got")
        equal(await told(alice), ("m1", "delivered"), "the notification")
        await empty(gw)


async def back_unseen_in_lua():
    "the same with kamailio.lua"
    await back_unseen(name="back_unseen_lua", **LUA)


async def refused_alone(name="refused_alone", **options):
    "a text that a phone refuses twice does not hold up the others; it is tried again when the phone registers"
    async with gateway(name=name, modparams={"retry": "600"}, **KEEP, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        bob.rp_answers = [38, 38]
        equal((await send(alice, "refused", "m1")).status, 202, "the answer: it is stored")
        equal((await send(alice, "behind it", "m2")).status, 202, "the answer: it is stored behind the other one")
        equal([tpdu.text for tpdu in await parts_of(bob, 3)], ["refused", "refused", "behind it"], "what the phone got")
        equal(await told(alice), ("m2", "delivered"), "the notification")
        await gw.until(lambda: gw.pending() == 0, what="all at rest")
        answers = [(await alice.send_im(BOB, "at once")).status]
        while answers[-1] == 202 and len(answers) < 20:
            # A message that comes while the one before it is delivered is stored, too.
            await gw.until(lambda: stored(gw) == 1 and gw.pending() == 0, what="all at rest again")
            answers.append((await alice.send_im(BOB, "at once")).status)
        equal(answers[-1], 200, "the answer: the phone has it")
        got = [tpdu.text for tpdu in await parts_of(bob, len(answers))]
        equal(set(got), {"at once"}, "what the phone got")
        await gw.until(lambda: stored(gw) == 1, what="one stored message")
        await bob.register()
        equal([tpdu.text for tpdu in await parts_of(bob, 1)], ["refused"], "what the phone got")
        equal(await told(alice), ("m1", "delivered"), "the notification")
        await empty(gw)


async def refused_alone_in_lua():
    "the same with kamailio.lua"
    await refused_alone(name="refused_alone_lua", **LUA)


async def memory_full():
    "RP-Cause 22: stored until RP-SMMA; between phones, too"
    async with gateway(name="memory", **KEEP) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        bob.rp_answers = [22]
        equal((await send(alice, "when there is room", "m1")).status, 202, "the answer")
        await bob.next_message()
        equal(stored(gw), 1, "stored messages")
        report = (await bob.send_rp(sms.rp_smma(77), 77)).report
        equal((await bob.next_message(20))[1].tpdu.text, "when there is room", "what the phone got")
        equal(report.done(), True, "RP-SMMA is acknowledged")
        equal(await told(alice), ("m1", "delivered"), "the notification")
        await empty(gw)


async def schedule():
    "tried again by the schedule, until the end of validity; then the sender gets the failure"
    async with gateway(name="schedule", modparams={"retry": "1"}, **KEEP) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        bob.answer = 480
        equal((await send(alice, "later", "m1")).status, 202, "the answer")
        bob.answer = 200
        await gw.until(lambda: not bob.inbox.empty() and stored(gw) == 0, 20, what="the next attempt")
        equal(await told(alice), ("m1", "delivered"), "the notification")
        await bob.register(expires=0)
        equal((await send(alice, "too late", "m2", [("Expires", "2")])).status, 202, "the answer")
        equal(await told(alice), ("m2", "failed"), "the notification")
        await empty(gw)
        equal(gw.statistics("ipsmgw")["stored_expired"], 1, "the counter")


async def many():
    "more messages than are read at once: a phone that refuses the first after a while gets one by the schedule, not all the time"
    async with gateway(name="many", modparams={"retry": "1,600"}, **KEEP) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob", register=False)
        for number in range(12):
            equal((await send(alice, f"message {number}", f"m{number}")).status, 202, "the answer")
        bob.rp_answer = None
        await bob.register()
        request, rp_data = await bob.next_message(20)
        # The schedule looks each second: during the attempt, and behind it.
        await asyncio.sleep(2.5)
        await bob.report(request, sms.rp_error(rp_data.mr, 22))
        await asyncio.sleep(2.5)
        equal(bob.inbox.qsize(), 0, "attempts behind the one that was refused")
        bob.rp_answer = "ack"
        await bob.register()
        texts = [(await bob.next_message(20))[1].tpdu.text for _ in range(12)]
        equal(texts, [f"message {number}" for number in range(12)], "what the phone got")
        await empty(gw)


def contacts_of_others(gw, count):
    """Registrations of this many other people, which the next start loads."""
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db, db:
        db.row_factory = sqlite3.Row
        columns = [name for name in db.execute("SELECT * FROM location LIMIT 1").fetchone().keys() if name != "id"]
        shown = {"username": "'+1666' || n", "ruid": "'uloc-' || n", "callid": "'call-' || n"}
        values = ", ".join(shown.get(name, name) for name in columns)
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
        one = "(SELECT * FROM location LIMIT 1)"
        db.execute(f"{numbers} INSERT INTO location ({', '.join(columns)}) SELECT {values} FROM numbers, {one}")


async def restart(name="restart", **options):
    "kill -9 before the delivery to a registered phone begins, and during one: the next start delivers at once, and not at the next registration"
    people = [*PEOPLE, ("dave", "+15550004")]
    async with gateway(name=name, people=people, modparams={"retry": "600"}, **KEEP, **options) as gw:
        alice, bob, _ = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob"), await gw.user(ImClient, "dave")
        phone, carol = await gw.user(Phone, "alice"), await gw.user(Phone, "carol", register=False)
        bob.answer = 480
        equal((await send(alice, "not begun")).status, 202, "the answer")
        equal((await alice.send_im(gw.uri("+15550003"), "begun")).status, 202, "the answer")
        await gw.until(lambda: gw.pending() == 0, what="all at rest")
        carol.rp_answer = None
        await carol.register()
        await carol.next_message(20)
        dcs, octets = next(iter(sms.parts("0123456789" * 40, 7)))
        tpdu = sms.submit("+15550004", "", first=0x41, dcs=dcs, user_data=octets)
        equal((await (await phone.send_sm("+15550004", "", tpdu=tpdu)).outcome()).kind, "RP-ACK", "the report on a part")
        await gw.kill()
        contacts_of_others(gw, 30_000)
        bob.answer, bob.inbox, carol.rp_answer = 200, asyncio.Queue(), "ack"
        await gw.start()
        for user, text in ((carol, "begun"), (bob, "not begun")):
            equal((await user.next_message(20))[1].tpdu.text, text, "what the phone got")


@contextlib.contextmanager
def locked(gw):
    """No other program can write to the database."""
    with contextlib.closing(sqlite3.connect(gw.db, timeout=10, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


async def database_away():
    "the database cannot be written for a moment: what waited then is delivered later, and an attempt that failed then is repeated"
    async with gateway(name="database_away", people=PEOPLE, modparams={"retry": "1"}, **KEEP) as gw:
        gw.may_say = "database is locked"
        alice, bob, carol = [await gw.user(ImClient, name, register=name == "alice") for name in ("alice", "bob", "carol")]
        equal((await send(alice, "later", "m1")).status, 202, "the answer")
        # It was sent to a client that has not answered yet.
        bob.answer = None
        await bob.register()
        under_way = await bob.next_message(20)
        with locked(gw):
            refused = asyncio.create_task(alice.send_im(gw.uri("carol"), "refused"))
            await asyncio.sleep(0.3)
            # The process tries to write the first one, and takes the second one when it tries again.
            waits = asyncio.create_task(alice.send_im(gw.uri("carol"), "taken"))
            await gw.until(lambda: "cannot be written" in gw.log(), 20, what="the outage in the log")
            bob.answer = 200
            equal((await alice.send_im(gw.uri("bob"), "at once")).status, 200, "the answer: it cannot be stored behind the other one")
            equal((await bob.next_message(20)).text, "at once", "what the client got")
            bob.endpoint.respond(under_way, 480, "Temporarily Unavailable")
            await gw.until(lambda: gw.pending() <= 1, what="the end of the attempt")
        equal((await refused).status, 480, "the answer during the outage")
        taken = (await waits).status
        say(f"what came during the outage: {taken}")
        equal(taken in (202, 480), True, f"the answer to what came during the outage: {taken}")
        equal((await bob.next_message(20)).text, "later", "what the client got when it was tried again")
        await told(alice)
        if taken == 202:
            await carol.register()
            equal((await carol.next_message(20)).text, "taken", "what the client got")
        await empty(gw)


async def operator():
    "stored messages are shown without texts; the sender of a dropped message is notified, and a retry delivers the others"
    async with gateway(name="operator", modparams={"retry": "600"}, **KEEP) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        bob.answer = 480
        for number in (1, 2, 3):
            equal((await send(alice, f"message {number}", f"m{number}")).status, 202, "the answer")
        await gw.until(lambda: gw.pending() == 0, what="all at rest")
        equal(re.findall(r"(\S+): (\d+)", gw.rpc("ipsmgw.store_list")), [("+15550002", "3")], "recipients")
        listed = gw.rpc("ipsmgw.store_list", "s:+15550002")
        names = re.findall(r"^\t(\S+): {", listed, re.M)
        equal((len(names), sorted(names)), (3, names), "messages, the oldest first")
        equal(gw.rpc("ipsmgw.store_list", "s:+15550001").strip(), "{\n}", "messages for somebody else")
        shown = gw.rpc("ipsmgw.store_show", names[1])
        equal(("message 2" in listed + shown, f"recipient: {BOB}" in shown, "kind: im" in shown), (False, True, True), "no text")
        equal("text: message 2" in gw.rpc("ipsmgw.store_show", names[1], "text"), True, "the text, if asked")
        people = subprocess.run([CFG / "user", "list"], env=gw.env, check=True, capture_output=True, text=True).stdout
        equal([line.split()[2:] for line in people.splitlines()], [[], ["3", "waiting"]], "user list")
        gw.rpc("ipsmgw.store_drop", names[1])
        equal(await told(alice), ("m2", "failed"), "the notification")
        equal(gw.try_rpc("ipsmgw.store_drop", names[1]), None, "twice")
        equal(gw.try_rpc("ipsmgw.store_show", "1-ff"), None, "no such message")
        bob.answer = 200
        bob.inbox = asyncio.Queue()
        gw.rpc("ipsmgw.store_retry", "s:+15550002")
        texts = [(await bob.next_message(20))[1].tpdu.text for _ in (1, 2)]
        equal(texts, ["message 1", "message 3"], "what the phone got")
        await empty(gw)
        counted = gw.statistics("ipsmgw")
        equal((counted["stored_dropped"], counted["stored_delivered"]), (1, 2), "the counters")


async def limits():
    "a full store refuses, and drops nothing; without validity nothing is stored"
    limit = {"store_max_per_recipient": 2}
    async with gateway(name="limits", modparams=limit, **KEEP) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob", register=False)
        answers = [(await send(alice, f"message {number}", f"m{number}")).status for number in (1, 2, 3)]
        equal(answers, [202, 202, 480], "the answers")
        await bob.register()
        texts = [(await bob.next_message(20))[1].tpdu.text for _ in (1, 2)]
        equal(texts, ["message 1", "message 2"], "what the phone got")
        await empty(gw)
    async with gateway(name="off") as gw:
        alice, phone = await gw.user(ImClient, "alice"), await gw.user(Phone, "alice")
        equal((await send(alice, "nothing")).status, 480, "the answer")
        report = await (await phone.send_sm("+15550002", "nothing")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 27), "the report")


run(
    phone_off,
    phone_off_in_lua,
    short_message,
    short_message_in_lua,
    client_fails,
    client_fails_in_lua,
    long_texts,
    long_texts_in_lua,
    order,
    order_in_lua,
    back_unseen,
    back_unseen_in_lua,
    refused_alone,
    refused_alone_in_lua,
    memory_full,
    schedule,
    many,
    restart,
    database_away,
    operator,
    limits,
)
