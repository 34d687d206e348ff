"""Long texts from phones: see README.md."""

import asyncio
import random

import sms
from e2e import ImClient, Phone, equal, gateway, run, say

MANY = 1000


async def send_parts(phone, to, parts, first_mr=0):
    """Sends each (TP-DCS, user data) as an SMS-SUBMIT of its own, all at once; the submissions."""
    return await asyncio.gather(
        *(
            phone.send_sm(to, "", mr=(first_mr + n) % 256, tpdu=sms.submit(to, "", first=0x41, dcs=dcs, user_data=octets))
            for n, (dcs, octets) in enumerate(parts)
        )
    )


async def all_acknowledged(submissions):
    for submission in submissions:
        equal(submission.answer.status, 202, "the SIP answer")
        equal((await submission.outcome()).kind, "RP-ACK", "the report")


async def any_order():
    "shuffled, doubled, through all workers: one instant message with the whole text"
    chance = random.Random(1)
    async with gateway() as gw:
        alice = await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob", protocol="tcp")
        mr = 0
        for text, sixteen_bit in (
            ("0123456789" * 153, False),
            ("Grüße, €uro und [Klammern]. " * 40, True),
            ("😀 und 漢字, " * 67, False),
            ("x" * 153 * 255, False),
        ):
            parts = list(sms.parts(text, chance.randrange(256), sixteen_bit))
            say(f"{len(text)} characters in {len(parts)} parts")
            order = list(range(len(parts)))
            chance.shuffle(order)
            for batch in (order[n : n + 50] for n in range(0, len(order), 50)):
                sent = await send_parts(alice, "+15550002", [parts[n] for n in batch], mr)
                # And once more, with the same RP-MR: as a phone does that missed the answer.
                again = await send_parts(alice, "+15550002", [parts[n] for n in batch[:5]], mr)
                await all_acknowledged(sent)
                for submission in again:
                    equal(submission.answer.status, 202, "the answer to a repetition")
                mr = (mr + len(batch)) % 256
            equal((await bob.next_message(20)).text, text, "the text")
            equal(bob.inbox.qsize(), 0, "further messages")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def outcome_of_the_whole():
    "the last part gets the outcome of the whole; after a failure it may come again"
    async with gateway(name="outcome") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        text = "0123456789" * 40
        one, two, three = list(sms.parts(text, 7))
        await all_acknowledged(await send_parts(alice, "+15550002", [three, one], 1))
        equal(bob.inbox.qsize(), 0, "an IM before all parts are there")
        bob.answers.append(480)
        (refused,) = await send_parts(alice, "+15550002", [two], 3)
        equal((await refused.outcome()).cause, 27, "the completing part's RP-Cause")
        await bob.next_message()
        say("the part comes again")
        await all_acknowledged(await send_parts(alice, "+15550002", [two], 4))
        equal((await bob.next_message()).text, text, "the text")
        say("and once more, though it was delivered: nothing is kept of it")
        await all_acknowledged(await send_parts(alice, "+15550002", [two], 5))
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        equal(bob.inbox.qsize(), 0, "further IMs")


async def gap():
    "parts that are missing when concat_timeout ends are marked; nothing is kept for ever"
    async with gateway(name="gap", modparams={"concat_timeout": 2}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, three = list(sms.parts("a" * 153 + "b" * 153 + "c" * 20, 9))
        await all_acknowledged(await send_parts(alice, "+15550002", [one, three], 1))
        seen = (await bob.next_message(10)).text
        equal((seen.startswith("a" * 153), seen.endswith("c" * 20), "b" in seen), (True, True, False), "the text")
        equal(len(seen) > 173, True, "a mark for the gap")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def same_reference():
    "a thousand phones with the same reference at once: no text is mixed up, lost, or doubled"
    people = [(f"p{n}", f"+15551{n:05}") for n in range(MANY)] + [("bob", "+15550002")]
    # Fifty phones at once are an overload for a slow machine, which is not the subject.
    async with gateway(name="many", people=[], modparams={"overload_queue": 0, "overload_wait": 0}) as gw:
        gw.add_many(people)
        endpoints = [await gw.endpoint() for _ in range(4)]
        bob = await gw.user(ImClient, "bob", protocol="tcp")
        phones = []
        for n in range(0, MANY, 50):
            phones += await asyncio.gather(
                *(gw.user(Phone, f"p{m}", endpoints[m % 4]) for m in range(n, n + 50))
            )
        texts = [f"{n:04} " + "0123456789" * 40 for n in range(MANY)]

        async def one(n):
            parts = list(sms.parts(texts[n], 42))
            random.Random(n).shuffle(parts)
            await all_acknowledged(await send_parts(phones[n], "+15550002", parts, 1))

        for n in range(0, MANY, 50):
            await asyncio.gather(*(one(m) for m in range(n, n + 50)))
        seen = [(await bob.next_message()).text for _ in range(MANY)]
        equal(sorted(seen) == texts, True, "every text once")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


run(any_order, outcome_of_the_whole, gap, same_reference)
