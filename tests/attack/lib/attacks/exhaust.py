"""Members that try to use up shared resources."""

import asyncio
import secrets
import time

import stage
from hostile import BINARY, TEXT, Client, Mute, Silent, SilentClient, all_of, never, short_message

SUMMARY = "one member over several silent phones, lists, contacts, transactions, parts that never complete, reports on nothing"
why_not = never
# A smaller table is full sooner, and at a rate that is no overload.
MAX_PENDING = 300


def gateway(lua):
    return stage.make("exhaust", lua, modparams={"max_pending": MAX_PENDING})


async def many(scene, verdict, what, coroutines, rate=400):
    """Plays requests; prints the answers and the use of the table."""
    began = time.monotonic()
    answers = await all_of(coroutines, rate)
    count = {}
    for answer in answers:
        word = str(getattr(answer, "status", None) or type(answer).__name__)
        count[word] = count.get(word, 0) + 1
    open_ = scene.gw.pending()
    verdict.note(f"{what}: {len(answers)} requests in {time.monotonic() - began:.1f} s, answers {dict(sorted(count.items()))}; {open_} of {MAX_PENDING} exchanges open")
    return open_


async def attack(scene, verdict, size):
    gw = scene.gw
    count = 180 if size == "short" else 3000
    # From several addresses: the limit for one address is not part of this test.
    spread = [Client(await gw.endpoint(host=f"127.0.12.{n}"), "mallory", gw.people["mallory"][0], gw.domain, "+15556001") for n in range(1, 21)]
    phones = [await gw.user(kind, f"silent{n}", await gw.endpoint(host="127.0.0.101")) for n, kind in enumerate((Silent, Mute, Silent, Mute))]
    clients = [await gw.user(SilentClient, name, await gw.endpoint(host="127.0.0.102")) for name in ("silent4", "mallet")]
    short_phone = [Client(await gw.endpoint(host=f"127.0.13.{n}"), "vera", gw.people["vera"][0], gw.domain, "+15556003") for n in range(1, 11)]
    quickly = {"timeout": 0.4, "retransmit": False}
    domain = f"sip:{gw.domain}"

    def messages(number, headers, body, uri, senders=spread):
        return [senders[n % len(senders)].send("MESSAGE", uri(n), headers=headers, body=body(n), **quickly) for n in range(number)]

    fullest = await many(scene, verdict, "texts to four silent phones", messages(count, TEXT, lambda n: b"text %d" % n, lambda n: phones[n % 4].identity))

    entries = "".join(f"<entry uri='{one.identity}'/>" for one in (*phones, *clients))
    body = (f"--b\r\nContent-Type: text/plain\r\n\r\nto all\r\n--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
            f"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>{entries}</list></resource-lists>\r\n--b--\r\n").encode()  # fmt: skip
    lists = messages(count // 5, [("Content-Type", "multipart/mixed;boundary=b"), ("Require", "recipient-list-message")],
                     lambda n: body, lambda n: domain)  # fmt: skip
    fullest = max(fullest, await many(scene, verdict, "lists of six silent recipients", lists))

    silent_im = messages(count, TEXT, lambda n: b"text %d" % n, lambda n: clients[n % 2].identity)
    await many(scene, verdict, "transactions towards silent clients", silent_im)

    centre = f"sip:+15559999@{gw.domain}"
    parts = messages(count, BINARY, lambda n: short_message("part", "+15556002", bytes([6, 8, 4, n >> 8 & 255, n & 255, 3, 1]), n), lambda n: centre, short_phone)
    fullest = max(fullest, await many(scene, verdict, "first parts of three", parts))

    def with_report(n):
        # TP-SRR: a status report is wanted.
        octets = bytearray(short_message("report to me", "+15556104", reference=n))
        octets[4 + octets[3] + 1] |= 0x20
        return bytes(octets)

    fullest = max(fullest, await many(scene, verdict, "short messages to a silent client, with status report", messages(count // 3, BINARY, with_report, lambda n: centre, short_phone)))

    reports = messages(count // 3, [*BINARY, ("In-Reply-To", secrets.token_hex(8))], lambda n: bytes([2 + 2 * (n % 2), n & 255, 1, 22][: 2 + 2 * (n % 2)]), lambda n: centre, short_phone)
    await many(scene, verdict, "reports on nothing", reports)

    def contact(n):
        return [("Contact", ", ".join(f"<sip:m{n}x{i}@127.0.12.1:{1024 + n}>;+g.3gpp.smsip" for i in range(1 + n % 40))), ("Expires", "60")]

    registers = [spread[n % 20].send("REGISTER", domain, to=f"sip:mallory@{gw.domain}", call_id=secrets.token_hex(8), headers=contact(n), **quickly) for n in range(count // 3)]
    await many(scene, verdict, "REGISTER with ever more contacts", registers)

    full = gw.statistics("ipsmgw").get("full")
    verdict.check(fullest < MAX_PENDING * 0.95, f"attackers leave room for others: at most {fullest} of {MAX_PENDING} exchanges open, {full} messages refused for a full table")
    if size == "long":
        rest = await gw.nothing_pending(200)
        verdict.note(f"{'all exchanges have ended' if rest else f'{gw.pending()} exchanges are still open'} 200 s later at most")
