"""Report against timer: see README.md."""

import asyncio
import collections
import random

import sms
from e2e import ImClient, Phone, equal, gateway, run, say

PAIRS, ROUNDS, HOLD = 100, 4, 2


async def race():
    "reports around the end of the hold time"
    people = [(f"{kind}{i}", f"+1555{kind_number}{i:04}") for kind, kind_number in (("p", 1), ("c", 2)) for i in range(PAIRS)]
    async with gateway(people=[], modparams={"hold_timeout": HOLD, "report_timeout": 4, "overload_queue": 0}) as gw:
        gw.add_many(people)
        phones_endpoint, clients_endpoint = await gw.endpoint(), await gw.endpoint()
        phones = await asyncio.gather(*(gw.user(Phone, f"p{i}", phones_endpoint) for i in range(PAIRS)))
        clients = await asyncio.gather(*(gw.user(ImClient, f"c{i}", clients_endpoint) for i in range(PAIRS)))
        random.seed(23204)
        answers = collections.Counter()

        async def late(phone, earliest):
            request, seen = await phone.next_message(20)
            # tm's ticks are 1/16 s
            await asyncio.sleep(HOLD + random.uniform(-earliest, 0.04))
            equal((await phone.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to the report")

        for round_ in range(ROUNDS):
            for phone in phones:
                phone.rp_answer = None
            # Earlier from round to round: a slow machine adds to it.
            reports = asyncio.gather(*(late(p, 0.1 * 2**round_) for p in phones))
            got = await asyncio.gather(*(c.send_im(gw.uri(p.name), f"{round_}") for c, p in zip(clients, phones)))
            await reports
            answers.update(a.status for a in got)
        say(f"answers: {dict(answers)}")
        equal(sum(answers.values()), PAIRS * ROUNDS, "answers")
        equal(set(answers), {200, 202}, "their kinds: the race had both outcomes, and no other")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


run(race)
