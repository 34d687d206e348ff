"""Kills Kamailio under load, again and again, and compares the books of the peers. See ../README.md."""

import asyncio
import contextlib
import random
import sqlite3
import sys
import time
from collections import Counter

import e2e
import sms
from books import Books
from peers import LONG, SLOW, BookClient, BookPhone, send_im, send_sm

# A crash may lose the charging record of a message that needs no promise, if it was told its outcome so many seconds before.
RECORD_LAG = 1.0
DRAINED_WITHIN = 40
SETTINGS = {"hold_timeout": 2, "report_timeout": 8, "retry": "2,5,5", "concat_timeout": 8}
PHONES, CLIENTS = 4, 3


def people():
    names = [f"p{n}" for n in range(PHONES)] + [f"s{n}" for n in range(2)] + [f"a{n}" for n in range(4)] + [f"c{n}" for n in range(CLIENTS)]
    return [(name, f"+15550{n:03}") for n, name in enumerate(names, 101)]


class Load:
    """Senders, one task each, which stop behind the message that they are at."""

    def __init__(self, gw, books, random):
        self.gw, self.books, self.random = gw, books, random
        self.stopped = False
        self.tasks = []

    async def begin(self):
        gw = self.gw
        BookPhone.books = BookClient.books = self.books
        self.phones = [await self.user(BookPhone, f"p{n}") for n in range(PHONES)]
        self.slow = [await self.user(BookPhone, f"s{n}") for n in range(2)]
        self.clients = [await self.user(BookClient, f"c{n}") for n in range(CLIENTS)]
        for phone in self.slow:
            phone.slow = SLOW
        starts = [self.single_sm, self.long_sm, self.sm_to_store, self.single_im, self.long_im, self.im_to_store]
        for start in starts:
            for n in range(2):
                self.tasks.append(asyncio.create_task(start(n)))
        for n in range(len(self.slow)):
            self.tasks.append(asyncio.create_task(self.held_im(n)))
        self.numbers = dict(gw.wanted)

    async def user(self, kind, name, register=True):
        user = await self.gw.user(kind, name, register=register)
        return user

    async def end(self):
        self.stopped = True
        await asyncio.gather(*self.tasks)

    async def messages(self, kind, sender):
        """A message after the other, with pauses."""
        number = 0
        while not self.stopped:
            number += 1
            yield number, self.books.open(kind, sender.name, number)
            await asyncio.sleep(self.random.uniform(0, 0.1))

    def number(self, name):
        return dict(self.gw.wanted)[name]

    async def single_sm(self, n):
        phone = self.phones[n]
        async for number, message in self.messages("sm", phone):
            to = self.random.choice(self.clients)
            tpdu = sms.submit(to.number, f"{message.name} hello", mr=number % 256)
            await send_sm(phone, message, tpdu, number % 256)

    async def long_sm(self, n):
        phone = self.phones[n]
        async for number, message in self.messages("smlong", phone):
            to = self.clients[n]
            for place, (dcs, octets) in enumerate(sms.parts(f"{message.name} {LONG}", number % 256)):
                mr = (number * 3 + place) % 256
                tpdu = sms.submit(to.number, "", mr=mr, first=0x41, dcs=dcs, user_data=octets)
                await send_sm(phone, message, tpdu, mr)
                if not message.is_accepted:
                    break

    async def sm_to_store(self, n):
        """To somebody who is away; the phone wants a status report."""
        phone = self.phones[2 + n]
        async for number, message in self.messages(f"smstore{n}", phone):
            tp_mr = number % 256
            phone.named[tp_mr] = message.name
            await send_sm(phone, message, sms.submit(self.number(f"a{n}"), f"{message.name} later", mr=tp_mr, srr=True), tp_mr)
            # The store has a limit for each recipient, and a phone 256 references.
            await asyncio.sleep(0.5)

    async def single_im(self, n):
        client = self.clients[n]
        async for _, message in self.messages("im", client):
            await send_im(client, self.gw.uri(self.random.choice(self.phones).number), message, f"{message.name} hello")

    async def long_im(self, n):
        client = self.clients[n]
        async for _, message in self.messages("imlong", client):
            await send_im(client, self.gw.uri(self.random.choice(self.phones).number), message, f"{message.name} {LONG}")

    async def held_im(self, n):
        """To a phone whose reports come behind the hold time."""
        client = self.clients[n]
        async for _, message in self.messages("held", client):
            await send_im(client, self.gw.uri(self.slow[n].number), message, f"{message.name} hello", wants=True)

    async def im_to_store(self, n):
        client = self.clients[2]
        async for _, message in self.messages(f"imstore{n}", client):
            await send_im(client, self.gw.uri(self.number(f"a{2 + n}")), message, f"{message.name} later", wants=True)
            await asyncio.sleep(0.3)

    async def come_back(self):
        """The people who were away: phones and clients."""
        for n, kind in enumerate((BookClient, BookPhone, BookPhone, BookPhone)):
            await self.user(kind, f"a{n}")


def rows(gw, sql):
    with contextlib.closing(sqlite3.connect(f"file:{gw.db}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(sql).fetchall()


class Verdict:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, wrong):
        wrong = list(wrong)
        if wrong:
            self.failed += 1
            print(f"FAILED: {what}: {len(wrong)}", *(f"  | {it}" for it in wrong[:10]), sep="\n")
        else:
            self.passed += 1
            print(f"ok      {what}")


def compare(gw, books, verdict):
    messages = list(books.messages.values())
    accepted = [message for message in messages if message.is_accepted]
    for kind in sorted({message.kind for message in messages}):
        of_kind = books.of(kind)
        words = Counter(message.told for message in of_kind)
        print(f"{kind:10} {len(of_kind):5} messages, {sum(len(it.sent) for it in of_kind):5} requests, {dict(words)}")
    verdict.check("acknowledged and lost", (it.name for it in accepted if not it.got))
    verdict.check("senders without a final word", (it.name for it in messages if not it.told))
    again = [it for it in messages if len(it.got) > 1]
    print(f"{len(again)} messages came again behind a crash")
    verdict.check("came again without a crash", (it.name for it in again if books.unexplained(it, it.got)))
    refused = [it for it in messages if it.told and not it.is_accepted]
    verdict.check("refused", (f"{it.name} {it.told}" for it in refused))
    owed = [it for it in accepted if "store" in it.kind or it.kind == "held" and it.status == 202]
    verdict.check("notifications and status reports that never came", (it.name for it in owed if not it.reports))
    verdict.check("wrong reports", (f"{it.name} {it.reports}" for it in owed if any(what not in ("delivered", "00") for _, what in it.reports)))
    verdict.check("reports that came again without a crash", (it.name for it in messages if books.unexplained(it, [at for at, _ in it.reports])))
    verdict.check("what no peer expects", books.strange)
    charged(gw, books, verdict)


def charged(gw, books, verdict):
    """The table of charging records against the books."""
    ids = Counter(rows(gw, "SELECT im_message_id, message_type FROM ipsmgw_cdr WHERE im_message_id IS NOT NULL"))
    calls = Counter(call for (call,) in rows(gw, "SELECT session_id FROM ipsmgw_cdr WHERE message_type = 0"))
    wrong, late = [], 0
    for it in books.of("imstore0", "imstore1", "held"):
        if not it.is_accepted:
            continue
        submissions, deliveries = (ids[it.name.strip("<>"), kind] for kind in (0, 3))
        # Each request that a gateway took is a message of its own. One that is retransmitted behind a crash is another one.
        most = len(it.sent) + books.crashes(it.sent[0][0], it.told_at)
        if submissions == deliveries and 1 <= submissions <= most:
            continue
        if it.status == 200 and books.was_killed(it.told_at, it.told_at + RECORD_LAG):
            late += 1
            continue
        wrong.append(f"{it.name} sent {len(it.sent)}, submissions {submissions}, deliveries {deliveries}, status {it.status}")
    verdict.check("charging records of promises that are missing or twice", wrong)
    wrong = []
    for it in books.of("sm", "im", "imlong"):
        if it.is_accepted and calls[it.sent[-1][1]] != 1:
            # The gateway may have known a repetition, which leaves no record.
            if len(it.sent) > 1 or books.was_killed(it.told_at, it.told_at + RECORD_LAG):
                late += 1
                continue
            wrong.append(f"{it.name} {calls[it.sent[-1][1]]}")
    verdict.check("charging records of other messages that are missing or twice", wrong)
    print(f"{late} charging records were cut off by a crash within {RECORD_LAG} s")


async def main(kills, seed):
    chance = random.Random(seed)
    books, verdict = Books(), Verdict()
    started = time.monotonic()
    async with e2e.gateway(people=people(), modparams=SETTINGS, validity=3600, cdr_table="ipsmgw_cdr") as gw:
        load = Load(gw, books, chance)
        await load.begin()
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.3, 3.5))
            begin = time.monotonic()
            await gw.kill()
            await gw.start()
            books.kills.append((begin, time.monotonic()))
        await asyncio.sleep(1)
        print(f"{kills} kills in {time.monotonic() - started:.0f} s, seed {seed}", flush=True)
        await load.end()
        await load.come_back()
        drained = "SELECT COUNT(*) FROM ipsmgw_store WHERE kind <> 'node'"
        try:
            await gw.until(lambda: gw.pending() == 0 and rows(gw, drained) == [(0,)], DRAINED_WITHIN, what="the end of all messages")
            await asyncio.sleep(0.5)
        except AssertionError:
            left = rows(gw, "SELECT kind, identity, COUNT(*) FROM ipsmgw_store WHERE kind <> 'node' GROUP BY 1, 2")
            verdict.check("messages that do not end", left or [gw.rpc("ipsmgw.pending")])
            print(gw.rpc("ipsmgw.pending"))
        compare(gw, books, verdict)
        print(f"{time.monotonic() - started:.0f} s")
    print(f"{verdict.passed} passed, {verdict.failed} failed")
    sys.exit(verdict.failed > 0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)))
