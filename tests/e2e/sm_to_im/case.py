"""Phone to IM client: see README.md."""

import asyncio
import calendar
import time

import sms
from e2e import ImClient, Phone, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from phone import SMS

TEXTS = [
    "hello",
    "",
    "1234567",  # seven septets leave seven bits over
    "12345678",
    "ends in @",
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤",
    "^{}\\[~]|€\f",
    "a" * 160,
    "€" * 80,
    "тест",
    "😀 and 🇫🇷",
    "漢" * 70,
]


async def texts():
    "each alphabet and length of one short message"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for text in TEXTS:
            say(repr(text[:20]))
            sent = await alice.send_sm("+15550002", text)
            equal(sent.answer.status, 202, "the SIP answer")
            seen = await bob.next_message()
            equal(seen.text, text, "the text")
            equal(seen.content_type, "text/plain", "Content-Type")
            equal("charset=utf-8" in seen.get("Content-Type").lower(), True, "the charset is told")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


def sip_user(value):
    return value[value.index("<") + 1 : value.index(">")]


async def headers():
    "the instant message shows the person as sender and the recipient as receiver; the report belongs to the submission"
    async with gateway(name="headers") as gw:
        alice = await gw.user(Phone, "alice", protocol="tcp")
        bob = await gw.user(ImClient, "bob")
        for mr, uri in ((200, alice.centre_uri), (201, "tel:+15559999")):
            octets = sms.rp_data(mr, alice.centre, sms.submit("+15550002", "who?", mr=77))
            sent = await alice.send_rp(octets, uri=uri)
            equal(sent.answer.status, 202, "the SIP answer")
            equal(sent.answer.body, b"", "its body (RFC 3428 7)")
            equal(sent.answer.get("Contact"), None, "its Contact (RFC 3428 7)")

            seen = await bob.next_message()
            person = "sip:+15550001@ims.example"
            equal(sip_user(seen.get("From")), person, "From")
            equal(sip_user(seen.get("To")), "sip:bob@ims.example", "To: the name with which the client has registered")
            equal(seen.all("P-Asserted-Identity")[0], f"<{person}>", "P-Asserted-Identity")
            equal(len(seen.all("Content-Length")), 1, "Content-Length header fields")
            equal(len(seen.all("Content-Type")), 1, "Content-Type header fields")
            equal(seen.get("Content-Transfer-Encoding"), None, "Content-Transfer-Encoding")
            equal("smsip" in seen.encode().decode(), False, "a tag of the SMS side")

            report = await sent.outcome()
            request = alice.reports[-1][0]
            equal(request.get("In-Reply-To"), sent.call_id, "In-Reply-To")
            equal(request.get("Call-ID") != sent.call_id, True, "a Call-ID of its own")
            equal(request.get("Content-Type"), SMS, "Content-Type")
            equal(request.get("Request-Disposition"), "no-fork", "Request-Disposition")
            equal(request.get("Accept-Contact"), "*;+g.3gpp.smsip;require;explicit", "Accept-Contact")
            equal(sip_user(request.get("P-Asserted-Identity")), "sip:+15559999@ims.example", "P-Asserted-Identity")
            equal(sip_user(request.get("From")), "sip:+15559999@ims.example", "From")
            equal(sip_user(request.get("To")), person, "To")

            # RP-ACK with an SMS-SUBMIT-REPORT: 03 MR 41 09 01 00 TP-SCTS (23.040 9.2.2.2a)
            equal(report.octets[:6], bytes([3, mr, 0x41, 9, 0x01, 0x00]), "the report's octets")
            equal(len(report.octets), 13, "their number")
            stamp = sms.tp.TP_SCTS()
            stamp.from_bytes(report.octets[6:])
            when, hours = stamp.decode()
            age = time.time() - (calendar.timegm(when) - hours * 3600)
            equal(-5 < age < 60, True, f"a TP-SCTS of now (it is {age:.0f} s off)")
            shown, malformed = sms.tshark(report.octets)
            equal(malformed, False, "what tshark says")
            equal("RP-ACK (Network to MS)" in shown and "SMS-SUBMIT REPORT" in shown, True, "what tshark sees")


async def what_stays_behind():
    "header fields about the short message, the phone's way and its place are removed, in compact form, too"
    async with gateway(name="behind") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        behind = [
            ("c", SMS),
            ("a", "*;+g.3gpp.smsip"),
            ("d", "no-fork"),
            ("y", "c2lnbmF0dXJl;info=<https://cert.example/a>;alg=ES256"),
            ("Require", "sec-agree"),
            ("Security-Verify", "ipsec-3gpp"),
            ("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=26201a1b2c3d4e5f"),
            ("Geolocation", "<cid:here@phone.example>"),
            ("In-Reply-To", "something@phone"),
        ]
        kept = ("Conversation-ID", "f81d4fae")
        octets = sms.rp_data(9, alice.centre, sms.submit("+15550002", "hello"))
        answer = await alice.send("MESSAGE", alice.centre_uri, headers=[*behind, kept], body=octets)
        equal(answer.status, 202, "the answer")
        seen = await bob.next_message()
        equal((seen.text, seen.get(kept[0])), ("hello", kept[1]), "what bob got")
        names = [name for name, _ in seen.headers]
        equal([name for name, _ in behind if name in names], [], "header fields that must be removed")
        equal([name for name in names if name.lower() == "content-type"], ["Content-Type"], "Content-Type")


async def numbers():
    "a recipient by number; a number of nobody; a name cannot be dialled"
    async with gateway(name="numbers") as gw:
        alice = await gw.user(Phone, "alice")
        sent = await alice.send_sm("+15557777", "anybody?")
        equal(sent.answer.status, 202, "the SIP answer")
        report = await sent.outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 1, 0xC3), "an unknown number (404 in table CAU-1)")
        sent = await alice.send_sm("+15550002", "bob?")
        report = await sent.outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 27, 0xC2), "nobody registered (480 in table CAU-1)")


async def unreachable():
    "the client's TCP connection is closed: a phone gets RP-ERROR, a sender of an instant message a SIP error"
    async with gateway(name="unreachable") as gw:
        alice, carol = await gw.user(Phone, "alice"), await gw.user(ImClient, "alice")
        bob = await gw.user(ImClient, "bob", protocol="tcp")
        await bob.endpoint.close()
        await gw.until(lambda: "opened_connections: 0" in gw.rpc("core.tcp_info"), what="the end of the connection")
        sent = await alice.send_sm("+15550002", "hello?")
        equal(sent.answer.status, 202, "the SIP answer")
        report = await sent.outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 27), "the report")
        equal((await carol.send_im(gw.uri("bob"), "hello?")).status, 480, "the client's answer")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def report_refused():
    "the phone refuses its report: once more, then never"
    async with gateway(name="refused") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.report_answer = 480
        sent = await alice.send_sm("+15550002", "hello")
        await gw.until(lambda: len(alice.reports) == 2, what="the second try")
        equal(alice.reports[0][1].octets, alice.reports[1][1].octets, "the same report")
        alice.report_answer = 200
        sent = await alice.send_sm("+15550002", "and again")
        equal((await sent.outcome()).kind, "RP-ACK", "the next one")
        equal(len(alice.reports), 3, "reports in all")
        equal([m.text for m in bob.requests], ["hello", "and again"], "what bob has read")


async def again():
    "the same submission again gets the same report, and makes no second instant message"
    async with gateway(name="again") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        first = await alice.send_sm("+15550002", "once")
        report = await first.outcome()
        for _ in range(3):
            sent = await alice.send_rp(first.octets)
            equal(sent.answer.status, 202, "the SIP answer")
            equal((await sent.outcome()).octets, report.octets, "the report")
        tpdu = sms.submit("+15550002", "once", mr=sms.decode(first.octets).tpdu.mr, first=0x05)
        sent = await alice.send_sm("+15550002", "", tpdu=tpdu)
        equal((await sent.outcome()).kind, "RP-ACK", "the report on it with another RP-MR, and TP-RD")
        sent = await alice.send_sm("+15550002", "twice")
        equal((await sent.outcome()).kind, "RP-ACK", "the next one's report")
        equal([m.text for m in bob.requests], ["once", "twice"], "what bob has read")
        say("after others of the same phone")
        for number in range(10):
            equal((await (await alice.send_sm("+15550002", f"{number}")).outcome()).kind, "RP-ACK", "the report")
        sent = await alice.send_rp(first.octets)
        equal((await sent.outcome()).octets, report.octets, "the report")
        equal(len(bob.requests), 12, "IMs")


async def again_from_a_centre():
    "a service centre without its report sends the same SMS-DELIVER again, with another RP-MR: no second instant message"
    port = free_port()
    async with gateway(name="centre", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        bob = await gw.user(ImClient, "bob")
        tpdu = sms.deliver("+15557777", "once")
        centre.report_answer = 480
        await centre.deliver(gw.uri("bob"), "", "", tpdu=tpdu)
        await gw.until(lambda: len(centre.reports) == 2 and gw.pending() == 0, what="two attempts at the report")
        centre.report_answer = 200
        sent = await centre.deliver(gw.uri("bob"), "", "", tpdu=bytes([tpdu[0] ^ 0x04]) + tpdu[1:])
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal([m.text for m in bob.requests], ["once"], "what bob has read")


async def two_phones():
    "the report goes to the phone that sent, not to another one of the same person"
    async with gateway(name="two") as gw:
        one, two = await gw.user(Phone, "alice", protocol="tcp"), await gw.user(Phone, "alice")
        await gw.user(ImClient, "bob")
        for i, phone in enumerate((one, two, one, two)):
            sent = await phone.send_sm("+15550002", f"which one? {i}")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal((len(one.reports), len(two.reports)), (2, 2), "reports on each")


async def two_phones_that_say_the_same():
    "the same octets from two phones of one person: one instant message, and a report for each phone"
    async with gateway(name="same") as gw:
        one, two = await gw.user(Phone, "alice", protocol="tcp"), await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob")
        for what, answer in (("before the outcome is known", None), ("while the first report is unanswered", 200)):
            say(what)
            one.reports.clear()
            two.reports.clear()
            bob.answers.append(answer)
            one.report_answer = None if answer else 200
            octets = sms.rp_data(7, one.centre, sms.submit("+15550002", what, mr=7))
            # The first one's 202 comes with the client's answer.
            first = asyncio.create_task(one.send_rp(octets))
            request = await bob.next_message()
            if answer:
                await gw.until(lambda: one.reports, what="the first report")
            second = await two.send_rp(octets[:1] + octets[1:])  # octets of its own, and so a Call-ID
            equal(second.answer.status, 202, "the second phone's answer")
            if not answer:
                bob.endpoint.respond(request, 200, "OK")
            equal((await second.outcome()).kind, "RP-ACK", "the second phone's report")
            equal((await (await first).outcome()).kind, "RP-ACK", "the first phone's report")
            equal((len(one.reports), len(two.reports)), (1, 1), "reports on each")
        equal(bob.inbox.qsize(), 0, "further IMs")


async def many_clients():
    "all of a person's clients get it, none of the phones; one 200 is enough"
    async with gateway(name="clients") as gw:
        alice = await gw.user(Phone, "alice")
        desk, laptop = await gw.user(ImClient, "bob"), await gw.user(ImClient, "bob", protocol="tcp")
        phone = await gw.user(Phone, "bob")
        desk.answer = 486
        sent = await alice.send_sm("+15550002", "where are you?")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        for client in (desk, laptop):
            equal((await client.next_message()).text, "where are you?", "the text")
        equal(phone.requests, [], "what the phone got")


run(texts, headers, what_stays_behind, numbers, unreachable, report_refused, again, again_from_a_centre, two_phones, two_phones_that_say_the_same, many_clients)
