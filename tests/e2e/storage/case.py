"""Messages in the database: see README.md."""

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess

import sms
from e2e import CFG, FOLDER, ImClient, Phone, equal, gateway, run, say
from gateway import GatewayError

LUA = {"name": "lua", "cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
TEXT = "0123456789" * 40
MANY = 200


def rows(gw, sql="SELECT kind, identity FROM ipsmgw_store WHERE kind <> 'node' ORDER BY id"):
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
        return db.execute(sql).fetchall()


def groups(gw):
    """How many groups the database has taken."""
    return rows(gw, "SELECT due FROM ipsmgw_store WHERE kind = 'node'")[0][0]


async def empty(gw):
    await gw.until(lambda: gw.pending() == 0, what="an empty table")
    await gw.until(lambda: not rows(gw), what="a database without messages")


async def send_part(phone, part, mr, first=0x41):
    dcs, octets = part
    tpdu = sms.submit("+15550002", "", first=first, dcs=dcs, user_data=octets)
    return await phone.send_sm("+15550002", "", mr=mr, tpdu=tpdu)


async def part(phone, part, mr, kind="RP-ACK"):
    """A part, and the report on it."""
    sent = await send_part(phone, part, mr)
    equal(sent.answer.status, 202, "the SIP answer")
    outcome = await sent.outcome()
    equal(outcome.kind, kind, "the report")
    return outcome


async def again(gw):
    """Everything dies at once, and is started again."""
    await gw.kill()
    await gw.start()


async def parts_survive(**options):
    "acknowledged parts of a long message, and kill -9 after each of them"
    async with gateway(**options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, three = sms.parts(TEXT, 7)
        await part(alice, one, 1)
        equal(rows(gw), [("part", "+15550001")], "what the database has")
        await again(gw)
        await part(alice, three, 2)
        await again(gw)
        say("a part that comes again is known, and the last one completes the message")
        await part(alice, one, 3)
        await part(alice, two, 4)
        equal((await bob.next_message()).text, TEXT, "the text")
        await empty(gw)
        equal(bob.inbox.qsize(), 0, "further messages")
        equal(gw.statistics("ipsmgw")["taken_up"], 2, "taken up")


async def parts_survive_in_lua():
    "the same with kamailio.lua"
    await parts_survive(**LUA)


async def behind_the_rp_ack(**options):
    "kill -9 behind the RP-ACK of a long text, and of a message that wants a status report: no text again, all status reports"
    async with gateway(modparams={"concat_timeout": 2}, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.report_answer = None
        parts = enumerate(sms.parts(TEXT, 7), 1)
        sent = [await send_part(alice, part, mr, first=0x61) for mr, part in parts]
        sent.append(await alice.send_sm("+15550002", "hello", srr=True))
        for one in sent:
            equal((await one.outcome()).kind, "RP-ACK", "the report")
        equal([(await bob.next_message()).text for _ in (1, 2)], [TEXT, "hello"], "the texts")
        equal([kind for kind, _ in rows(gw)], ["part", "part", "sm_to_im", "sm_to_im"], "what the database has")
        await gw.kill()
        alice.report_answer, alice.reports = 200, []
        await gw.start()
        reports = [(await alice.next_message(20))[1].tpdu for _ in sent]
        equal([(it.kind, it.st) for it in reports], [("SMS-STATUS-REPORT", 0x00)] * 4, "the status reports")
        equal(sorted(rp.mr for _, rp in alice.reports), sorted(one.mr for one in sent[2:]), "RP-ACKs that came again")
        await empty(gw)
        equal(bob.inbox.qsize(), 0, "further messages")


async def held_survives():
    "a 202 without a report, then kill -9: the phone's report still counts, and without one the message is sent again"
    async with gateway(modparams={"hold_timeout": 2, "report_timeout": 4}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        equal((await bob.send_im(gw.uri("alice"), "first")).status, 202, "the answer")
        equal([kind for kind, _ in rows(gw)], ["im_to_sm"], "what the database has")
        request, sm = await alice.next_message()
        await again(gw)
        say("the report on the message of the last start")
        await alice.report(request, sms.rp_ack(sm.mr))
        await empty(gw)
        await gw.until(lambda: gw.statistics("ipsmgw")["im_delivered"] == 1, what="im_delivered")
        say("no report at all: it comes again")
        equal((await bob.send_im(gw.uri("alice"), "second")).status, 202, "the answer")
        await alice.next_message()
        await again(gw)
        request, sm = await alice.next_message(20)
        equal(sm.tpdu.text, "second", "what the phone gets again")
        await alice.report(request, sms.rp_ack(sm.mr))
        await empty(gw)


def list_of(gw, text, *names):
    """A text and a list of recipients (RFC 5365)."""
    entries = "".join(f'<entry uri="{gw.uri(name)}"/>' for name in names)
    return (
        f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>\r\n--b--\r\n'
    ).encode()


async def send_list(gw, client, text, *names):
    headers = [("Require", "recipient-list-message")]
    return await client.send_im(f"sip:{gw.domain}", list_of(gw, text, *names), "multipart/mixed;boundary=b", headers=headers)


async def a_list_survives(**options):
    "kill -9 behind the 202 of a list: a phone gets the rest of a long text, a silent client its message, and nobody a text that it has"
    people = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", None)]
    async with gateway(people=people, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        carol, dave = await gw.user(ImClient, "carol"), await gw.user(ImClient, "dave")
        alice.rp_answer, carol.answer = None, None
        equal((await send_list(gw, bob, TEXT, "alice", "carol", "dave")).status, 202, "the answer")
        request, first = await alice.next_message()
        equal([(await client.next_message()).text for client in (carol, dave)], [TEXT, TEXT], "what the clients got")
        await gw.until(lambda: [kind for kind, _ in rows(gw)] == ["im_to_sm"] * 3 + ["copy"], what="the rows of those who have not answered")
        await gw.kill()
        carol.answer = 200
        await gw.start()
        equal((await carol.next_message(20)).text, TEXT, "what the silent client gets again")
        say("the phone's report on the first part, which it got before")
        parts = [first.tpdu.text]
        alice.rp_answer = "ack"
        await alice.report(request, sms.rp_ack(first.mr))
        parts += [(await alice.next_message(20))[1].tpdu.text for _ in (1, 2)]
        equal("".join(parts), TEXT, "the text on the phone")
        await empty(gw)
        equal([user.inbox.qsize() for user in (alice, carol, dave)], [0, 0, 0], "further messages")


async def a_list_survives_in_lua():
    "the same with kamailio.lua"
    await a_list_survives(**LUA)


async def no_list_without_the_database():
    "the database is locked: the sender of a list gets 503, and no recipient gets the message; the next list is delivered"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            for which in ("slow", "away"):
                answer = await send_list(gw, bob, which, "alice", "bob")
                equal((answer.status, answer.get("Retry-After") is not None), (503, True), f"the answer, {which}")
                await gw.until(lambda: "cannot be written" in gw.log(), what="a line in the log")
            db.execute("ROLLBACK")
        await gw.until(lambda: "can be written again" in gw.log(), what="the end of it in the log")
        equal((await send_list(gw, bob, "hello", "alice", "bob")).status, 202, "the answer")
        equal((await alice.next_message())[1].tpdu.text, "hello", "what the phone got")
        equal((await bob.next_message()).text, "hello", "what the client got")
        await empty(gw)


async def no_202_without_the_database():
    "the database is locked: the sender gets 503, and not 202"
    async with gateway(modparams={"hold_timeout": 2}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            equal((await bob.send_im(gw.uri("alice"), "hello")).status, 503, "the answer")
            db.execute("ROLLBACK")
        await empty(gw)


async def database_away(**options):
    "another program holds the database's lock: what must be kept is refused, all else goes on, and it recovers"
    async with gateway(**options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, three = sms.parts(TEXT, 8)
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            outcome = await part(alice, one, 1, "RP-ERROR")
            equal(outcome.cause, 42, "its RP-Cause")
            await gw.until(lambda: "cannot be written" in gw.log(), what="a line in the log")
            say("now at once")
            outcome = await part(alice, one, 2, "RP-ERROR")
            equal(outcome.cause, 42, "its RP-Cause")
            say("a message in one part needs no database, nor does an instant message")
            sent = await alice.send_sm("+15550002", "hello")
            equal((await bob.next_message()).text, "hello", "the text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            equal((await bob.send_im(gw.uri("alice"), "and back")).status, 200, "the answer")
            db.execute("ROLLBACK")
        await gw.until(lambda: "can be written again" in gw.log(), what="the end of it in the log")
        await part(alice, one, 3)
        await part(alice, two, 4)
        await part(alice, three, 5)
        equal((await bob.next_message()).text, TEXT, "the text")
        await empty(gw)
        counted = gw.statistics("ipsmgw")
        equal(counted["not_stored"], 2, "not_stored")
        equal(counted["database_error"] >= 1, True, "database_error")


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of this size, on which a file can take all the room that is left."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file):
    with file.open("wb", buffering=0) as it, contextlib.suppress(OSError):
        while True:
            it.write(bytes(4096))


async def disk_full():
    "no room on the disk: what must be kept is refused, all else goes on, and it recovers"
    if os.geteuid() != 0:
        return say("only root can make a small file system: not played")
    with small_disk(FOLDER / "disk", "4m") as disk:
        gw = gateway(name="disk_full")
        gw.db, gw.may_say = disk / "gw.db", "database or disk is full"
        gw.control = disk / "gw.db.ctl"
        gw.env["IPSMGW_DB_URL"] = f"sqlite:///{gw.db}"
        async with gw:
            alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
            one, two, three = sms.parts(TEXT, 11)
            await part(alice, one, 1)
            fill(disk / "filler")
            # The file of SQLite's last writes may have room for some more.
            refused = 0
            for mr in range(2, 60):
                outcome = await (await send_part(alice, next(iter(sms.parts(TEXT, 100 + mr))), mr)).outcome()
                if outcome.kind == "RP-ERROR":
                    refused = outcome.cause
                    break
            equal(refused, 42, "the RP-Cause")
            sent = await alice.send_sm("+15550002", "hello")
            equal((await bob.next_message()).text, "hello", "the text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            equal((await bob.send_im(gw.uri("alice"), "and back")).status, 200, "the answer")
            (disk / "filler").unlink()
            await gw.until(lambda: "can be written again" in gw.log(), what="the end of it in the log")
            await part(alice, two, 201)
            await part(alice, three, 202)
            equal((await bob.next_message()).text, TEXT, "the text")


async def memory_only():
    "IPSMGW_STORE=0: nothing is written"
    async with gateway(store=0) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, three = sms.parts(TEXT, 9)
        await part(alice, one, 1)
        equal(rows(gw), [], "what the database has")
        await part(alice, two, 2)
        await part(alice, three, 3)
        equal((await bob.next_message()).text, TEXT, "the text")


async def wrong_table():
    "a table that is missing, old, or newer aborts the start with a sentence; a damaged row is named and left out"
    async with gateway() as gw:
        alice, _ = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, _ = sms.parts(TEXT, 10)
        await part(alice, one, 1)
        await part(alice, two, 2)
        await gw.kill()
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            for change, sentence in (
                ("UPDATE version SET table_version = 1 WHERE table_name = 'ipsmgw_store'", "has version 1, and 2 is needed"),
                ("UPDATE version SET table_version = 9 WHERE table_name = 'ipsmgw_store'", "install the newer ipsmgw.so"),
                ("DELETE FROM version WHERE table_name = 'ipsmgw_store'", "is not in the table version: run 'sqlite3"),
            ):
                db.execute(change)
                try:
                    await gw.start()
                    raise AssertionError("it has started")
                except GatewayError as error:
                    equal(sentence in str(error), True, f"{sentence!r} in the log")
        # The command that mends it.
        subprocess.run([CFG / "user", "list"], env=gw.env, check=True, capture_output=True)
        with contextlib.closing(sqlite3.connect(gw.db)) as db, db:
            db.execute("UPDATE ipsmgw_store SET record = X'0102' WHERE id = (SELECT max(id) FROM ipsmgw_store)")
        gw.may_say = "is not taken up"
        await gw.start()
        equal(bool(re.search(r"a row of store_table is not taken up id=\S+ fault=length cannot be right", gw.log())), True, "the line")
        counted = gw.statistics("ipsmgw")
        equal((counted["taken_up"], counted["database_error"]), (1, 1), "taken up, and not")


async def all_of(phones, octets, mr):
    for n in range(0, len(phones), 50):
        await asyncio.gather(*(part(phone, octets, mr) for phone in phones[n : n + 50]))


async def many():
    "hundreds of parts at once: few commits"
    people = [(f"p{n}", f"+15551{n:05}") for n in range(MANY)] + [("bob", "+15550002")]
    async with gateway(people=[]) as gw:
        gw.add_many(people)
        endpoints = [await gw.endpoint() for _ in range(4)]
        bob = await gw.user(ImClient, "bob")
        phones = []
        for n in range(0, MANY, 50):
            phones += await asyncio.gather(*(gw.user(Phone, f"p{m}", endpoints[m % 4]) for m in range(n, n + 50)))
        one, two, three = sms.parts(TEXT, 42)
        before = groups(gw)
        await all_of(phones, one, 1)
        equal(len(rows(gw)), MANY, "what the database has")
        written = groups(gw) - before
        say(f"{MANY} parts in {written} groups")
        equal(written < MANY, True, "they share commits")
        await again(gw)
        await all_of(phones, two, 2)
        await all_of(phones, three, 3)
        for _ in range(MANY):
            equal((await bob.next_message()).text, TEXT, "the text")
        await empty(gw)


run(
    parts_survive,
    parts_survive_in_lua,
    behind_the_rp_ack,
    held_survives,
    a_list_survives,
    a_list_survives_in_lua,
    no_list_without_the_database,
    no_202_without_the_database,
    database_away,
    disk_full,
    memory_only,
    wrong_table,
    many,
)
