"""Two thousand open exchanges: see README.md."""

import asyncio
import time

import sms
from e2e import ImClient, Phone, equal, gateway, run, say

MANY = 2000
AT_ONCE = 60  # on their way, so that no socket buffer overflows and no machine gets more than it can do
# The gateway refuses nothing for overload: a case that sends everything at once is no overload.
ALL_AT_ONCE = {"overload_queue": 0, "overload_wait": 0, "overload_pending": 0}


async def in_steps(coroutines, arrived=None):
    """Starts all of them, some at a time, and returns their tasks. `arrived` tells how many have arrived; without it, how many are done."""
    tasks = []
    arrived = arrived or (lambda: sum(task.done() for task in tasks))
    for i, coroutine in enumerate(coroutines):
        tasks.append(asyncio.create_task(coroutine))
        while i % 10 == 9 and len(tasks) - arrived() > AT_ONCE:
            await asyncio.sleep(0.01)
    return tasks


def reached(users):
    """How many of them have got a request."""
    return sum(1 for user in users if user.requests)


async def stage(gw, phones, clients):
    """That many registered phones and clients."""
    people = [(f"p{i}", f"+15551{i:05}") for i in range(phones)] + [(f"c{i}", f"+15552{i:05}") for i in range(clients)]
    gw.add_many(people)
    endpoints = [await gw.endpoint() for _ in range(4)]
    users = []
    for names, kind in (([f"p{i}" for i in range(phones)], Phone), ([f"c{i}" for i in range(clients)], ImClient)):
        tasks = await in_steps(gw.user(kind, n, endpoints[i % 4]) for i, n in enumerate(names))
        users.append(await asyncio.gather(*tasks))
    return users


async def im_to_sm():
    "two thousand senders are held, then each phone reports"
    async with gateway(people=[], modparams={"hold_timeout": 30, **ALL_AT_ONCE}) as gw:
        phones, clients = await stage(gw, MANY, MANY)
        for phone in phones:
            phone.rp_answer = None
        started = time.monotonic()
        texts = (c.send_im(gw.uri(f"p{i}"), f"text {i}", timeout=60) for i, c in enumerate(clients))
        sending = await in_steps(texts, lambda: reached(phones))
        seen = await asyncio.gather(*(p.next_message(60) for p in phones))
        equal(gw.pending(), MANY, "exchanges open")
        say(f"{MANY} open after {time.monotonic() - started:.1f} s")
        for i, (_, message) in enumerate(seen):
            equal((message.tpdu.text, message.tpdu.address), (f"text {i}", f"+15552{i:05}"), f"phone {i}'s text")
        # Every third is refused, so that a mixed-up answer is seen.
        reports = await in_steps(
            p.report(request, sms.rp_error(m.mr, 22) if i % 3 == 0 else sms.rp_ack(m.mr))
            for i, (p, (request, m)) in enumerate(zip(phones, seen))
        )
        for answer in await asyncio.gather(*reports):
            equal(answer.status, 202, "the answer to a report")
        for i, answer in enumerate(await asyncio.gather(*sending)):
            equal(answer.status, 480 if i % 3 == 0 else 200, f"sender {i}'s answer")
        say(f"all ended after {time.monotonic() - started:.1f} s")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def sm_to_im():
    "two thousand short messages wait for their clients, which then answer"
    async with gateway(name="sm", people=[], modparams=ALL_AT_ONCE) as gw:
        phones, clients = await stage(gw, MANY, MANY)
        gate = asyncio.Event()

        for i, client in enumerate(clients):

            async def hold(request, client=client, i=i):
                client.requests.append(request)
                await gate.wait()
                client.reply(request, 480 if i % 3 == 0 else 200)

            client.handle = hold
        started = time.monotonic()
        texts = (p.send_sm(f"+15552{i:05}", f"text {i}", mr=i % 256) for i, p in enumerate(phones))
        sending = await in_steps(texts, lambda: reached(clients))
        await gw.until(lambda: reached(clients) == MANY, 60, "an IM at every client")
        equal(gw.pending(), MANY, "exchanges open")
        say(f"{MANY} open after {time.monotonic() - started:.1f} s")
        gate.set()
        for i, submission in enumerate(await asyncio.gather(*sending)):
            equal(submission.answer.status, 202, "the SIP answer")
            report = await submission.outcome()
            wanted = ("RP-ERROR", 27) if i % 3 == 0 else ("RP-ACK", None)
            equal((report.kind, report.cause), wanted, f"phone {i}'s report")
            equal(clients[i].requests[0].text, f"text {i}", f"client {i}'s text")
        say(f"all ended after {time.monotonic() - started:.1f} s")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def full():
    "one more than max_pending is refused at once; afterwards there is room"
    async with gateway(name="full", people=[], modparams={"max_pending": 10, "hold_timeout": 8, **ALL_AT_ONCE}) as gw:
        phones, clients = await stage(gw, 12, 12)
        for phone in phones:
            phone.rp_answer = None
        sending = await in_steps(clients[i].send_im(gw.uri(f"p{i}"), "hello") for i in range(10))
        seen = await asyncio.gather(*(p.next_message() for p in phones[:10]))
        started = time.monotonic()
        refused = await clients[10].send_im(gw.uri("p10"), "hello")
        equal(refused.status in (480, 500, 503), True, f"a clear refusal ({refused.start})")
        equal(refused.get("Retry-After") is not None, True, "Retry-After")
        equal(time.monotonic() - started < 4, True, "at once, not when the others end")
        sent = await phones[11].send_sm("+1555200011", "hello")
        equal(sent.answer.status >= 400 or (await sent.outcome()).kind == "RP-ERROR", True, "an SM is refused too")
        for phone, (request, m) in zip(phones, seen):
            await phone.report(request, sms.rp_ack(m.mr))
        for answer in await asyncio.gather(*sending):
            equal(answer.status, 200, "the others' answers")
        phones[10].rp_answer = "ack"
        equal((await clients[10].send_im(gw.uri("p10"), "hello")).status, 200, "room again")


run(im_to_sm, sm_to_im, full)
