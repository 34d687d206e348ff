"""Registrations and the database: see README.md."""

import asyncio
import collections
import contextlib
import sqlite3
import statistics
import time

from e2e import ALICE, BOB, CFG, ImClient, Phone, equal, gateway, run, say
from scscf import SMSIP, PhoneThere, Scscf, reginfo

LUA = {"name": "lua", "cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
ALICE_URI = "sip:+15550001@ims.example"
MANY = 1000


def rows(gw, sql="SELECT username, contact FROM location ORDER BY username"):
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
        return db.execute(sql).fetchall()


async def again(gw):
    """Everything dies at once, and is started again."""
    await gw.kill()
    await gw.start()


async def writes(sender, to, text):
    return (await sender.send_im(to, text)).status


async def killed(**options):
    "kill -9 right after the 200"
    async with gateway(**options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        await again(gw)
        equal(await writes(bob, gw.uri("alice"), "after"), 200, "to a phone that registered before")
        equal((await alice.next_message())[1].tpdu.text, "after", "what the phone shows")
        sent = await alice.send_sm("+15550002", "and back")
        equal((await bob.next_message()).text, "and back", "what the client shows")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")

        say("a refresh counts, and is no second contact")
        before = rows(gw, "SELECT expires FROM location WHERE username = '+15550001'")
        await alice.register(expires=7000)
        await again(gw)
        after = rows(gw, "SELECT expires FROM location WHERE username = '+15550001'")
        equal((len(after), after > before), (1, True), "its row")

        say("a second contact, behind a NAT; the first one goes")
        second = await gw.user(Phone, "alice", register=False)
        second.behind_nat = True
        await second.register()
        await alice.register(expires=0)
        await again(gw)
        equal(await writes(bob, gw.uri("alice"), "to the second"), 200, "to the contact that is left")
        equal((await second.next_message())[1].tpdu.text, "to the second", "what it shows")
        equal(alice.inbox.qsize(), 0, "messages to the contact that is gone")

        say("all go")
        answer = await second.send(
            "REGISTER", f"sip:{gw.domain}", to=f"sip:alice@{gw.domain}", headers=[("Contact", "*"), ("Expires", "0")]
        )
        equal(answer.status, 200, "the answer")
        await again(gw)
        equal(await writes(bob, gw.uri("alice"), "gone"), 480, "to somebody who is gone")
        equal(rows(gw)[0][0], "+15550002", "who is left")
        equal(len(rows(gw)), 1, "contacts that are left")


async def killed_in_lua():
    "the same with kamailio.lua"
    await killed(**LUA)


async def over_tcp():
    "the answer to a REGISTER over TCP, and a query"
    async with gateway() as gw:
        alice = await gw.user(Phone, "alice", protocol="tcp")
        equal(len(rows(gw)), 1, "contacts that are kept")
        found = await alice.send("REGISTER", f"sip:{gw.domain}", to=f"sip:alice@{gw.domain}")
        equal((found.status, found.get("Contact").count("expires=")), (200, 1), "the contacts that a query finds")


async def behind_scscf(**options):
    "an S-CSCF's registrations, and the content of its NOTIFY"
    async with gateway(trusted="127.0.0.3", modparams={"plain_im": 0}, **options) as gw:
        scscf = Scscf(await gw.endpoint(host="127.0.0.3"), gw.domain)
        alice = scscf.device(PhoneThere, *ALICE)
        bob = await gw.user(ImClient, "bob")
        body = "<ims-3gpp><service-info>15550001</service-info></ims-3gpp>"
        equal((await scscf.register(ALICE_URI, body, "application/3gpp-ims+xml")).status, 200, "the registration")
        subscription = await asyncio.wait_for(scscf.subscriptions.get(), 20)
        answer = await subscription.notify(reginfo(SMSIP))
        equal(answer, 200, "the answer to the NOTIFY")
        await again(gw)
        equal(await writes(bob, ALICE_URI, "after"), 200, "to a phone behind the S-CSCF")
        equal((await alice.next_message())[1].tpdu.text, "after", "what it shows")
        equal((await scscf.register(ALICE_URI, expires=0)).status, 200, "the end of the registration")
        await again(gw)
        equal(await writes(bob, ALICE_URI, "gone"), 480, "to somebody who is gone")


async def behind_scscf_in_lua():
    "the same with kamailio.lua"
    await behind_scscf(**LUA)


async def locked(**options):
    "another program holds the database's lock"
    async with gateway(people=[ALICE, BOB, ("carol", "+15550003")], **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        carol = await gw.user(Phone, "carol", register=False)
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            registering = asyncio.create_task(carol.register(expect=503))
            removing = asyncio.create_task(alice.register(expires=0, expect=503))
            longest = 0
            while not (registering.done() and removing.done()):
                started = time.monotonic()
                equal(await writes(bob, gw.uri("bob"), "meanwhile"), 200, "a message meanwhile")
                longest = max(longest, time.monotonic() - started)
            for refused in (await registering, await removing):
                equal(bool(refused.get("Retry-After")), True, "whether it says when to try again")
            db.execute("ROLLBACK")
        say(f"the slowest message meanwhile: {longest * 1000:.0f} ms")
        equal(longest < 0.5, True, "whether messages go on")
        await carol.register()
        await alice.register(expires=0)
        await again(gw)
        equal([row[0] for row in rows(gw)], ["+15550002", "+15550003"], "who is registered")
        equal(await writes(bob, gw.uri("carol"), "hi"), 200, "to who registered in the end")
        equal(await writes(bob, gw.uri("alice"), "hi"), 480, "to who went in the end")


async def locked_in_lua():
    "the same with kamailio.lua"
    await locked(**LUA)


async def full():
    "a row that cannot be written refuses that registration alone"
    async with gateway(people=[ALICE, BOB, ("carol", "+15550003")]) as gw:
        alice, bob = await gw.user(Phone, "alice", register=False), await gw.user(ImClient, "bob", register=False)
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute(
                "CREATE TRIGGER no_room BEFORE INSERT ON location WHEN NEW.username = '+15550001'"
                " BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
            await asyncio.gather(alice.register(expect=503), bob.register())
            equal([row[0] for row in rows(gw)], ["+15550002"], "who is kept")
            db.execute("DROP TRIGGER no_room")
        await alice.register()
        equal([row[0] for row in rows(gw)], ["+15550001", "+15550002"], "who is kept in the end")
        equal(gw.statistics("ipsmgw")["registration_refused"], 1, "refused registrations")


async def many(gw, count):
    """People, registered as phones through a few sockets."""
    people = [(f"p{i}", f"+1555{i:07}") for i in range(count)]
    gw.add_many(people)
    endpoints = [await gw.endpoint() for _ in range(4)]
    return [
        await gw.user(Phone, name, endpoints[place % 4], register=False) for place, (name, _) in enumerate(people)
    ]


async def at_once():
    "a thousand people register at once, and messages go on"
    # Without these two some of them would be asked to come a little later.
    async with gateway(modparams={"overload_queue": 0, "overload_wait": 0}) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        phones = await many(gw, MANY)
        started = time.monotonic()
        registering = asyncio.gather(*(phone.register() for phone in phones))
        delays = []
        while not registering.done():
            sent = time.monotonic()
            equal(await writes(alice, gw.uri("bob"), "meanwhile"), 200, "a message meanwhile")
            delays.append(time.monotonic() - sent)
            await asyncio.sleep(0.02)
        await registering
        seconds = time.monotonic() - started
        equal(rows(gw, "SELECT count(*) FROM location WHERE username LIKE '+1555%'")[0][0], MANY + 2, "contacts kept")
        say(
            f"{MANY} registrations in {seconds:.2f} s, {MANY / seconds:.0f} a second; {len(delays)} messages meanwhile,"
            f" median {statistics.median(delays) * 1000:.0f} ms, slowest {max(delays) * 1000:.0f} ms"
        )
        await again(gw)
        last = phones[-1]
        equal(await writes(alice, gw.uri(last.name), "hi"), 200, "to the last one behind a restart")


def registered_before(gw, count):
    """This many people registered in an earlier run, all at the address of alice's client."""
    people = [(f"q{i}", f"+1556{i:07}") for i in range(count)]
    with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db, db:
        db.executemany(
            "INSERT INTO subscriber (username, domain, ha1, number) VALUES (?, ?, 'none', ?)",
            [(name, gw.domain, number) for name, number in people],
        )
        now = time.time() / 86400 + 2440587.5
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(location)") if name not in ("id", "domain")]
        (model,) = db.execute(f"SELECT {', '.join(columns)} FROM location WHERE username = '+15550001'")
        filled = [
            {**dict(zip(columns, model)), "ruid": f"before-{i}", "username": number, "expires": now + 1}
            for i, (_, number) in enumerate(people)
        ]
        db.executemany(
            f"INSERT INTO location ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [tuple(row[column] for column in columns) for row in filled],
        )
    return [number for _, number in people]


async def first_moments(**options):
    "5,000 registered people: no sender gets 480 while they are loaded"
    async with gateway(**options) as gw:
        _, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        await gw.stop()
        numbers = registered_before(gw, 5000)
        statuses = collections.Counter()

        async def write(number):
            # When the server listens: the port is closed at first.
            while (status := await writes(bob, gw.uri(number), "early")) == 407:
                pass  # Several at once: another one has counted the nonce further.
            statuses[status] += 1

        async def keep_writing():
            for number in numbers[::-25]:
                sending.append(asyncio.create_task(write(number)))
                await asyncio.sleep(0.006)

        sending = []
        early = asyncio.create_task(keep_writing())
        await gw.start()
        await early
        await asyncio.gather(*sending)
        say(f"answers: {dict(statuses)}")
        equal(dict(statuses), {200: len(sending)}, "the answers")


async def first_moments_in_lua():
    "the same with kamailio.lua"
    await first_moments(**LUA)


run(
    killed,
    killed_in_lua,
    over_tcp,
    behind_scscf,
    behind_scscf_in_lua,
    locked,
    locked_in_lua,
    full,
    at_once,
    first_moments,
    first_moments_in_lua,
)
