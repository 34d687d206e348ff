"""Phones and clients that keep books, and the loads that they send."""

import asyncio
import re
import secrets
import time

import sip
import sms
from e2e import ImClient, Phone
from ua import Timeout

# Seconds after which a phone without a report sends its RP-DATA again. (TR1M is 35 s at least, TS 24.011 10: nobody waits so long here.)
REPEATS_AFTER = 5
# Seconds after which a client gives a request up and sends the message again.
GIVES_UP_AFTER = 10
# Seconds after which a client tries again whose credentials were refused twice. Without it, the requests of one client fill the balancer's memory.
PAUSE = 0.5
SLOW = 2.8


class Comes:
    """Registers, and registers again until it has an answer."""

    async def register_somehow(self, expires=3600):
        while True:
            try:
                answer = await self.send(
                    "REGISTER", f"sip:{self.domain}", to=f"sip:{self.name}@{self.domain}", call_id=self._register_call_id,
                    headers=[("Contact", self.contact + self.features), ("Expires", str(expires))], timeout=REPEATS_AFTER,
                )  # fmt: skip
            except Timeout:
                continue
            if answer.status == 200:
                return
            await asyncio.sleep(1)


class BookClient(Comes, ImClient):
    """A client that notes texts and notifications."""

    books = None

    async def handle_message(self, request):
        await super().handle_message(request)
        self.inbox.get_nowait()
        if request.content_type == "message/cpim":
            body = request.body.decode()
            name = re.search(r"<(?:\w+:)?message-id>([^<]*)<", body)[1]
            status = re.search(r"<status>\s*<(?:\w+:)?(\w+)", body)[1]
            recipient = re.search(r"<(?:\w+:)?recipient-uri>([^<]*)<", body)
            self.books.reported(named(name), status, sip.user_of(recipient[1]) if recipient else "")
        else:
            self.books.got(request.text, self.number)


class BookPhone(Comes, Phone):
    """A phone that notes texts, whole ones where they have parts, and status reports."""

    books = None
    slow = 0.0

    def __init__(self, *args):
        super().__init__(*args)
        self.parts = {}
        self.named = {}  # TP-MR -> the message

    def names(self, message):
        """A TP-MR of its own, by which the status report names this message."""
        tp_mr = (len(self.named) + 1) % 256
        self.named[tp_mr] = message.name
        return tp_mr

    async def _delivered(self, request, message):
        if self.slow:
            self.reply(request, 200)
        else:
            await super()._delivered(request, message)
            self.inbox.get_nowait()
        tpdu = message.tpdu
        if tpdu.kind == "SMS-STATUS-REPORT":
            self.books.reported(self.named.get(tpdu.mr, "?"), f"{tpdu.st:02x}")
        elif tpdu.part is None:
            self.books.got(tpdu.text, self.number)
        else:
            reference, total, sequence = tpdu.part
            have = self.parts.setdefault((tpdu.address, reference), {})
            have[sequence] = tpdu.text
            self.books.parts.append((time.monotonic(), self.number, reference, f"part {sequence}/{total}", tpdu.text))
            if len(have) == total:
                self.books.got("".join(have[n] for n in sorted(have)), self.number)
                del self.parts[tpdu.address, reference]
        if self.slow:
            await asyncio.sleep(self.slow)
            await self.report(request, sms.rp_ack(message.mr))


def named(message_id):
    """The name of the message with this Message-ID, which may have no brackets."""
    return f"<{message_id}>"


def cpim(name, text, sender, recipient):
    return (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {name.strip('<>')}\r\n"
        "DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    )


def list_of(name, text, sender, uris):
    """A text and a list of recipients (RFC 5365)."""
    inner = cpim(name, text, sender, "sip:ims.example")
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return (
        f"--b\r\nContent-Type: message/cpim\r\n\r\n{inner}\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>\r\n--b--\r\n'
    )


def told(message, word, status=0):
    message.told, message.told_at, message.status = word, time.monotonic(), status


async def send_im(client, uri, message, text, wants=False):
    """An instant message."""
    if wants:
        await send_body(client, uri, [message], cpim(message.name, text, client.identity, uri), "message/cpim")
    else:
        await send_body(client, uri, [message], text, "text/plain;charset=UTF-8")


async def send_list(client, uri, copies, uris):
    """An instant message to all of these."""
    name = copies[0].name
    body, headers = list_of(name, f"{name} to all", client.identity, uris), [("Require", "recipient-list-message")]
    await send_body(client, uri, copies, body, "multipart/mixed;boundary=b", headers)


async def send_body(client, uri, copies, body, content_type, headers=()):
    """Until there is a final response."""
    while True:
        call_id, now = secrets.token_hex(8), time.monotonic()
        for message in copies:
            message.sent.append((now, call_id))
        try:
            answer = await client.send_im(uri, body, content_type, headers, call_id=call_id, timeout=GIVES_UP_AFTER)
        except Timeout:
            continue
        if answer.status == 407:
            # The gateway was killed twice in between, or the balancer has tried another node: the credentials are too old again.
            await asyncio.sleep(PAUSE)
            continue
        for message in copies:
            told(message, "accepted" if answer.status < 300 else f"SIP {answer.status}", answer.status)
        return


async def send_sm(phone, message, tpdu, mr):
    """Until there is a report. A repetition is the same RP-DATA in a new request."""
    octets, reports = sms.rp_data(mr, phone.centre, tpdu), []
    while True:
        call_id = secrets.token_hex(8)
        message.sent.append((time.monotonic(), call_id))
        try:
            sent = await phone.send_rp(octets, mr, call_id=call_id, timeout=REPEATS_AFTER)
        except Timeout:
            message.given_up.append(message.sent[-1][0])
            continue
        if sent.answer.status == 407:
            continue
        if sent.answer.status >= 300:
            return told(message, f"SIP {sent.answer.status}")
        reports.append(sent.report)
        done, _ = await asyncio.wait(reports, timeout=REPEATS_AFTER, return_when=asyncio.FIRST_COMPLETED)
        if done:
            report = done.pop().result()
            return told(message, "accepted" if report.kind == "RP-ACK" else f"RP-Cause {report.cause}")
