"""Behind Kamailio's S-CSCF: see README.md."""

import asyncio
import re

import sip
import sms
from e2e import ALICE, BOB, CFG, ImClient, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from ims import GETS, REGISTERS, SENDS, TRUSTED, Core, ImsClient, ImsPhone

CAROL = ("carol", "+15550003")
ALICE_URI, BOB_URI, CAROL_URI = "sip:+15550001@ims.example", "sip:+15550002@ims.example", "sip:+15550003@ims.example"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}

IMDN = (
    '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>{message_id}</message-id><datetime>2026-01-01T12:00:00Z</datetime>'
    "<delivery-notification><status><delivered/></status></delivery-notification></imdn>"
)


def with_core(**options):
    options.setdefault("people", [ALICE, BOB, CAROL])
    return gateway(**TRUSTED, **options)


async def play(gw, core, **options):
    alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003", **options)

    say("phone to client")
    sent = await alice.send_sm("+15550003", "Lunch?")
    equal(sent.answer.status, 202, "the SIP answer")
    request = await carol.next_message()
    equal((request.text, sip.addr_spec(request.get("From"))), ("Lunch?", ALICE_URI), "what the client shows")
    equal((await sent.outcome()).kind, "RP-ACK", "the report")
    carol.answers.append(486)
    sent = await alice.send_sm("+15550003", "Busy?")
    equal((await carol.next_message()).text, "Busy?", "the client's text")
    equal((await sent.outcome()).kind, "RP-ERROR", "the report when the client refuses")

    say("a status report when the client confirms")
    carol.answers.append(202)
    sent = await alice.send_sm("+15550003", "Coming?", srr=True)
    equal((await sent.outcome()).kind, "RP-ACK", "the report")
    message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", (await carol.next_message()).text).group(1)
    confirmed = IMDN.format(message_id=message_id)
    equal((await carol.send_im(ALICE_URI, confirmed, content_type="message/imdn+xml")).status, 200, "the answer")
    _, seen = await alice.next_message()
    equal((seen.tpdu.kind, seen.tpdu.st, seen.tpdu.address), ("SMS-STATUS-REPORT", 0, "+15550003"), "the status report")

    say("client to phone")
    equal((await carol.send_im(ALICE_URI, "Yes 🍜")).status, 200, "the answer")
    _, seen = await alice.next_message()
    equal((seen.tpdu.text, seen.tpdu.address), ("Yes 🍜", "+15550003"), "what the phone shows")
    alice.rp_answers = [22]
    equal((await carol.send_im(ALICE_URI, "too much")).status, 480, "the answer when the phone is full")
    equal((await alice.next_message())[1].tpdu.text, "too much", "what it has no room for")

    say("long ones")
    text = "A long story. " * 30
    equal((await carol.send_im(ALICE_URI, text)).status, 200, "the answer")
    equal("".join([(await alice.next_message())[1].tpdu.text for _ in range(3)]), text, "what the phone shows")
    for dcs, octets in sms.parts(text, 7):
        tpdu = sms.submit("+15550003", "", first=0x41, dcs=dcs, user_data=octets)
        sent = await alice.send_sm("+15550003", "", tpdu=tpdu)
        equal(sent.answer.status, 202, "the SIP answer to a part")
    equal((await carol.next_message()).text, text, "the client's text")
    equal((await sent.outcome()).kind, "RP-ACK", "the report on the last part")

    await gw.until(lambda: gw.pending() == 0, what="the end of all exchanges")
    return alice, carol


async def conversation():
    "a phone and a client write to each other: texts, refusals, long texts, a status report"
    async with with_core() as gw, Core(gw) as core:
        await play(gw, core)


async def conversation_in_lua():
    "the same with kamailio.lua"
    async with with_core(name="lua", **LUA) as gw, Core(gw) as core:
        await play(gw, core)


async def everything():
    "the same with a filter criterion for every MESSAGE, and with clients registered with the gateway itself"
    for variant, options in (("native", {}), ("lua", LUA)):
        async with with_core(name=f"everything-{variant}", **options) as gw, Core(gw, wide=True) as core:
            alice, carol = await play(gw, core, kinds=(REGISTERS, SENDS, GETS))
            bob = await gw.user(ImClient, "bob")
            say("client to client")
            equal((await carol.send_im(BOB_URI, "as it is")).status, 200, "the answer")
            equal((await bob.next_message()).text, "as it is", "the text here")
            equal((await bob.send_im(CAROL_URI, "as it was")).status, 200, "the answer")
            equal((await carol.next_message()).text, "as it was", "the text there")
            say("phone to client")
            equal((await bob.send_im(ALICE_URI, "for a phone")).status, 200, "the answer")
            equal((await alice.next_message())[1].tpdu.text, "for a phone", "what the phone shows")
            sent = await alice.send_sm("+15550002", "for a client")
            equal((await bob.next_message()).text, "for a client", "the text here")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def service_centre():
    "a service centre writes to a phone and to a client there, and gets the messages for phones elsewhere"
    for variant, options in (("centre", {}), ("centre-lua", LUA)):
        port = free_port("127.0.0.2")
        async with with_core(name=variant, sc_uri=f"sip:127.0.0.2:{port}", **options) as gw, Core(gw) as core:
            centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
            alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            say("to the phone, as it is")
            sent = await centre.deliver(ALICE_URI, "+15557777", "hello")
            request, seen = await alice.next_message()
            equal((request.body, seen.tpdu.address), (sent.octets, "+15557777"), "what the phone has")
            equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
            alice.rp_answers = [22]
            sent = await centre.deliver(ALICE_URI, "+15557777", "too much")
            equal((await sent.outcome()).cause, 22, "the phone's refusal")
            say("to the client, as an IM")
            sent = await centre.deliver(CAROL_URI, "+15557777", "hello")
            equal((await carol.next_message()).text, "hello", "the client's text")
            equal((await sent.outcome()).kind, "RP-ACK", "the gateway's report")
            say("from the phone, to a phone elsewhere")
            sent = await alice.send_sm("+15557777", "hello")
            equal(sent.answer.status, 202, "the SIP answer")
            request, seen = await asyncio.wait_for(centre.submitted.get(), 20)
            equal((request.body, seen.tpdu.address), (sent.octets, "+15557777"), "what the service centre has")
            octets = sms.rp_ack(sent.mr, network=True)
            answer = await centre.report_to(ALICE_URI, octets, request.get("Call-ID"))
            equal(answer.status, 200, "the answer to the report")
            equal((await sent.outcome()).octets, octets, "the report")
            await gw.until(lambda: gw.pending() == 0, what="the end of all exchanges")


async def many():
    "two hundred texts in both directions, twenty at a time: each one arrives once"
    async with with_core() as gw, Core(gw) as core:
        alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
        for batch in range(5):
            texts = [f"text {batch}, {n}" for n in range(20)]
            sent, answers = await asyncio.gather(
                asyncio.gather(*(alice.send_sm("+15550003", text) for text in texts)),
                asyncio.gather(*(carol.send_im(ALICE_URI, text) for text in texts)),
            )
            equal({answer.status for answer in answers} <= {200, 202}, True, "the answers to the client")
            equal({(await one.outcome(20)).kind for one in sent}, {"RP-ACK"}, "the reports to the phone")
            equal(sorted([(await carol.next_message()).text for _ in texts]), sorted(texts), "what the client has")
            equal(sorted([(await alice.next_message(20))[1].tpdu.text for _ in texts]), sorted(texts), "what the phone has")
        equal((alice.inbox.qsize(), carol.inbox.qsize()), (0, 0), "further copies")


async def registrations():
    "the gateway gets a registration, its refresh, and its end; it lasts as long as the S-CSCF says"
    for variant, options in (("registrations", {}), ("registrations-lua", LUA)):
        async with with_core(name=variant, **options) as gw, Core(gw) as core:
            alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            # The expiry that an IMS device asks for (TS 24.229 clause 5.1.1.2).
            await core.register(alice, expires=600000)
            lasts = max(map(int, re.findall(r"Expires: (\d+)", gw.rpc("ul.dump"))))
            equal(600000 - 60 < lasts < 600000 + 200, True, f"seconds for which it is registered, {lasts}")
            equal((await carol.send_im(ALICE_URI, "there")).status, 200, "the answer after a refresh")
            await core.register(alice, expires=0)
            equal((await carol.send_im(ALICE_URI, "gone")).status, 480, "the answer after the end")
            await core.register(alice)
            equal((await carol.send_im(ALICE_URI, "again")).status, 200, "the answer after a new registration")
            equal([(await alice.next_message())[1].tpdu.text for _ in range(2)], ["there", "again"], "what the phone has")


run(conversation, conversation_in_lua, everything, service_centre, many, registrations)
