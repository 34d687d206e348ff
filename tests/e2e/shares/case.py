"""Fair shares: see README.md."""

import asyncio
import collections
import statistics
import time

import sms
from e2e import CFG, ImClient, Phone, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
SHARE, PENDING, OTHERS = 12, 60, 8
SILENT = [(f"silent{i}", f"+155501{i:02}") for i in range(4)]
MALLORY = ("mallory", "+15559001")


def to_list(*users):
    """A multipart/mixed of a text and a list of recipients (RFC 5365 5)."""
    entries = "".join(f'<entry uri="sip:{user}@ims.example"/>' for user in users)
    return (
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>\r\n--b--\r\n'
    ).encode()


async def attack(name="attack", **script):
    "a sender with four silent phones and lists; eight other pairs are measured at the same time"
    pairs = [(f"{kind}{i}", f"+1555{place}{i:03}") for place, kind in ((2, "p"), (3, "c")) for i in range(OTHERS)]
    limits = {"max_pending": PENDING, "max_per_sender": SHARE, "hold_timeout": 3, "report_timeout": 3}
    # The share limits a burst, not the load of the machine.
    limits |= {"overload_queue": 0, "overload_pending": 0}
    async with gateway(name=name, people=[], modparams=limits, **script) as gw:
        gw.add_many([*pairs, *SILENT, MALLORY])
        endpoint = await gw.endpoint()
        phones = [await gw.user(Phone, f"p{i}", endpoint) for i in range(OTHERS)]
        clients = [await gw.user(ImClient, f"c{i}", endpoint) for i in range(OTHERS)]
        silent = [await gw.user(Phone, who, endpoint) for who, _ in SILENT]
        for phone in silent:
            phone.rp_answer = None
        mallory = await gw.user(ImClient, "mallory", await gw.endpoint())
        told = collections.Counter()

        async def nuisance(round_):
            names = [phone.name for phone in silent]
            if round_ % 4 == 0:
                answer = await mallory.send_im("sip:ims.example", to_list(*names), "multipart/mixed;boundary=b")
            else:
                answer = await mallory.send_im(gw.uri(names[round_ % 4]), "x " * (80 if round_ % 3 == 0 else 1))
            told[answer.status] += 1
            if answer.status == 480:
                equal(answer.get("Retry-After") is not None, True, "Retry-After")

        flood = asyncio.gather(*(nuisance(i) for i in range(150)))
        await gw.until(lambda: gw.statistics("ipsmgw")["sender_full"] > 0, what="the end of the share")
        equal(gw.pending() <= SHARE, True, "what is open while the sender has all that it may have")
        times = []

        async def talk(client, phone):
            for number in range(10):
                started = time.monotonic()
                answer = await client.send_im(gw.uri(phone.name), f"{number}")
                times.append(time.monotonic() - started)
                equal(answer.status, 200, "the answer to somebody else")
                _, seen = await phone.next_message()
                equal(seen.tpdu.text, f"{number}", "what the phone of somebody else got")

        await asyncio.gather(*(talk(client, phone) for client, phone in zip(clients, phones)))
        await flood
        say(f"mallory was told {dict(told)}; the others waited {statistics.median(times):.3f} s, {max(times):.3f} s at most")
        equal(max(times) < 2, True, "how long the others waited at most")
        equal(told[480] > 100, True, "most of the flood was refused")
        count = gw.statistics("ipsmgw")
        equal((count["full"], count["sender_full"]), (0, told[480]), "the counters")
        await gw.until(lambda: gw.pending() == 0, timeout=90, what="an empty table")
        equal("senders: 0" in gw.rpc("ipsmgw.pending"), True, "nobody has a share any more")


async def attack_in_lua():
    "the same with kamailio.lua"
    await attack("attack_in_lua", **LUA)


async def exact():
    "sixty at once through all workers: exactly the allowed number is held, and the same number again afterwards"
    limits = {"max_per_sender": SHARE, "hold_timeout": 4}
    async with gateway(name="exact", people=[*SILENT, MALLORY], modparams=limits) as gw:
        endpoint = await gw.endpoint()
        silent = [await gw.user(Phone, who, endpoint) for who, _ in SILENT]
        mallory = await gw.user(ImClient, "mallory", await gw.endpoint())
        for phone in silent:
            phone.rp_answer = None
        for _ in range(3):
            sending = [
                asyncio.create_task(mallory.send_im(gw.uri(SILENT[i % 4][0]), "x", retransmit=False)) for i in range(60)
            ]
            await gw.until(lambda: sum(task.done() for task in sending) == 60 - SHARE, what="the refusals")
            equal(gw.pending(), SHARE, "open")
            # The phones come to themselves: one report after the other.
            reported = 0
            while reported < SHARE:
                for phone in silent:
                    while not phone.inbox.empty():
                        request, seen = phone.inbox.get_nowait()
                        equal((await phone.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to a report")
                        reported += 1
                await asyncio.sleep(0.01)
            answers = collections.Counter([answer.status for answer in await asyncio.gather(*sending)])
            equal((answers[480], answers[200] + answers[202]), (60 - SHARE, SHARE), "answers")
            await gw.until(lambda: "senders: 0" in gw.rpc("ipsmgw.pending"), what="an empty table")


async def lifetime():
    "a phone that does not answer: a waiting message ends after queue_timeout, and the next one is delivered"
    limits = {"queue_timeout": 3, "hold_timeout": 10}
    people = [*SILENT, MALLORY, ("carol", "+15559002")]
    async with gateway(name="lifetime", people=people, modparams=limits) as gw:
        phone = await gw.user(Phone, SILENT[0][0])
        carol, mallory = await gw.user(ImClient, "carol"), await gw.user(ImClient, "mallory")
        phone.answer = None
        started = time.monotonic()
        first = asyncio.create_task(mallory.send_im(gw.uri(phone.name), "first"))
        await gw.until(lambda: gw.pending() == 1, what="the first one on its way")
        behind = await asyncio.gather(*(carol.send_im(gw.uri(phone.name), f"{i}") for i in range(5)))
        took = time.monotonic() - started
        equal({(answer.status, answer.get("Retry-After") is not None) for answer in behind}, {(480, True)}, "behind it")
        equal(3 <= took < 7, True, f"when they heard: after {took:.1f} s")
        equal((await first).status, 480, "the first one")
        equal(gw.statistics("ipsmgw")["queue_expired"], 5, "the counter")
        phone.answer = 200
        equal((await carol.send_im(gw.uri(phone.name), "again")).status, 200, "the answer when the phone is back")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


run(attack, attack_in_lua, exact, lifetime)
