"""Slower than the S-CSCF waits: see README.md."""

import asyncio
import re
import time

from e2e import CFG, equal, gateway, run, say
from ims import TRUSTED, Core, ImsClient, ImsPhone

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
CPIM = (
    "From: <sip:me@ims.example>\r\nTo: <sip:you@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {name}\r\n"
    "DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\n{name}"
)


class SlowPhone(ImsPhone):
    """Needs some seconds for each short message, one after the other, before it reports."""

    takes = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._busy = asyncio.Lock()

    async def report(self, *arguments, **options):
        async with self._busy:
            await asyncio.sleep(self.takes)
            return await super().report(*arguments, **options)


class SlowClient(ImsClient):
    """Needs some seconds before it answers."""

    takes = 0

    async def handle_message(self, request):
        await asyncio.sleep(self.takes)
        await super().handle_message(request)


async def timed(request):
    started = time.monotonic()
    return await request, time.monotonic() - started


async def to_phone(phone, client, takes, cause=None):
    """An IM to a phone that waits this long and acknowledges, or refuses with this RP-Cause."""
    phone.takes = takes
    if cause:
        phone.rp_answers = [cause]
    what = f"{takes} s, {'RP-ACK' if cause is None else f'RP-ERROR {cause}'}"
    answer, after = await timed(client.send_im(phone.identity, CPIM.format(name="hello"), content_type="message/cpim"))
    say(f"{what}: {answer.status} after {after:.1f} s")
    equal((answer.status, after < 5), (202, True), f"{what}: the answer, before the S-CSCF gives up")
    equal((await phone.next_message())[1].tpdu.text, "hello", f"{what}: what the phone shows")
    notification = await client.next_message(takes + 5)
    told = re.search(r"<status>\s*<(\w+)", notification.text).group(1)
    equal(told, "delivered" if cause is None else "failed", f"{what}: the sender's last outcome")
    equal(phone.inbox.qsize(), 0, f"{what}: further copies")


async def five_at_once(phone, client):
    """Five IMs to a phone that needs 1.5 s each."""
    phone.takes = 1.5
    texts = [f"number {n}" for n in range(5)]
    answers = await asyncio.gather(*(timed(client.send_im(phone.identity, text)) for text in texts))
    say(f"five at once: {[(answer.status, round(after, 1)) for answer, after in answers]}")
    for answer, after in answers:
        equal((answer.status in (200, 202), after < 5), (True, True), "one of five: the answer, before the S-CSCF gives up")
    seen = sorted([(await phone.next_message(15))[1].tpdu.text for _ in texts])
    equal(seen, texts, "what the phone shows")
    await asyncio.sleep(3)
    equal(phone.inbox.qsize(), 0, "further copies")


async def to_client(client, phone, takes, answer=200):
    """A short message to a client that waits this long."""
    client.takes = takes
    client.answers.append(answer)
    sent, after = await timed(phone.send_sm(client.subscriber.public[0].partition("@")[0][4:], "hello"))
    say(f"client, {takes} s: {sent.answer.status} after {after:.1f} s")
    equal((sent.answer.status, after < 5), (202, True), "the phone's answer, before the S-CSCF gives up")
    report = await sent.outcome(takes + 5)
    say(f"client, {takes} s: {report.kind}")
    equal(report.kind, "RP-ACK" if answer == 200 else "RP-ERROR", "the report")
    equal((await client.next_message()).text, "hello", "the client's text")
    equal((client.inbox.qsize(), len(phone.reports)), (0, 1), "further copies; reports")


async def play(**options):
    people = [(f"p{n}", f"+1555{n:04}") for n in range(1000, 1013)]
    async with gateway(people=people, **TRUSTED, **options) as gw, Core(gw) as core:
        phones = [await core.user(SlowPhone, number) for _, number in people[:7]]
        clients = [await core.user(SlowClient, number) for _, number in people[7:]]
        await asyncio.gather(
            to_phone(phones[0], clients[0], 6),
            to_phone(phones[1], clients[1], 12),
            to_phone(phones[2], clients[2], 6, cause=22),
            five_at_once(phones[3], clients[0]),
            to_client(clients[3], phones[4], 7),
            to_client(clients[4], phones[5], 12),
            to_client(clients[5], phones[6], 7, answer=486),
        )
        await gw.until(lambda: gw.pending() == 0, what="the end of all exchanges")


async def slow():
    "phones that need 6 and 12 s, five messages at once, clients that need 7 and 12 s"
    await play()


async def slow_in_lua():
    "the same with kamailio.lua"
    await play(name="lua", **LUA)


run(slow, slow_in_lua)
