"""Identities behind Kamailio's S-CSCF: see README.md."""

import asyncio
import time

import sip
import sms
from e2e import CFG, ImClient, equal, gateway, run, say
from ims import GETS, REGISTERS, SENDS, TRUSTED, Core, ImsClient, ImsPhone

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
ALICE, CAROL, FRANK, GRACE = ("alice", "+15550001"), ("carol", "+15550003"), ("frank", "+15550006"), ("grace", "+15550007")
ALICE_URI, CAROL_URI = "sip:+15550001@ims.example", "sip:+15550003@ims.example"
BY_IMSI = "001010000000099"  # the identity that a device makes of its IMSI (TS 23.003 13.4B)
WIDE = (REGISTERS, SENDS, GETS)


def with_core(name, **options):
    return gateway(name=name, people=[ALICE, CAROL, FRANK, GRACE], **TRUSTED, **options)


async def both(name, play, **core_options):
    """Plays the same with kamailio.cfg and with kamailio.lua."""
    for variant, options in ((name, {}), (f"{name}-lua", LUA)):
        async with with_core(variant, **options) as gw, Core(gw, **core_options) as core:
            await play(gw, core)


async def several_identities():
    "a phone registers an identity made of its IMSI; the person has a name and a number, too"

    async def play(gw, core):
        frank = await core.user(ImsPhone, BY_IMSI, "frank", "+15550006", "tel:+15550006")
        carol = await core.user(ImsClient, "+15550003")
        for address in ("sip:+15550006@ims.example", "tel:+15550006", "sip:frank@ims.example"):
            say(f"to {address}")
            equal((await carol.send_im(address, "hello")).status, 200, f"the answer to an IM to {address}")
            equal((await frank.next_message())[1].tpdu.text, "hello", "what the phone shows")
        for asserted in (
            [f"sip:{BY_IMSI}@ims.example", "tel:+15550006"],
            ["sip:frank@ims.example", "tel:+15550006"],
            ["tel:+15550006", "sip:frank@ims.example"],
            [f"sip:{BY_IMSI}@ims.example"],
        ):
            say(f"from {asserted}")
            frank.asserted = asserted
            sent = await frank.send_sm("+15550003", "hello")
            equal(sent.answer.status, 202, f"the answer to {asserted}")
            request = await carol.next_message()
            shown = sip.user_of(sip.addr_spec(request.get("From")))
            equal((request.text, shown), ("hello", "+15550006"), f"what the client shows of {asserted}")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")

    await both("several", play)


async def two_devices():
    "a phone and a client of one person: the client gets instant messages, and the phone gets them when it is alone; one device ends sooner"

    async def play(gw, core):
        alice = await core.user(ImsPhone, "+15550001")
        desk = await core.user(ImsClient, subscriber=alice.subscriber)
        carol = await core.user(ImsClient, "+15550003")

        async def phone_shows(text):
            equal((await carol.send_im(ALICE_URI, text)).status, 200, f"the answer, {text}")
            # This S-CSCF sends each message to both devices; the phone has refused the text.
            while not isinstance(seen := await alice.next_message(), tuple):
                equal(seen.content_type, "text/plain", "what the phone refused")
            equal(seen[1].tpdu.text, text, "what the phone shows")

        equal((await carol.send_im(ALICE_URI, "to both")).status, 200, "the answer")
        equal((await desk.next_message()).text, "to both", "the client's text")
        await core.register(alice)
        equal((await carol.send_im(ALICE_URI, "still")).status, 200, "the answer after the phone's refresh")
        equal((await desk.next_message()).text, "still", "the client's text")
        say("the client goes")
        await core.register(desk, expires=0)
        await phone_shows("to the phone")
        say("the client comes for a second")
        await core.register(desk, expires=1)
        await asyncio.sleep(2)
        await phone_shows("to the phone again")
        say("the phone goes, too")
        await core.register(alice, expires=0)
        equal((await carol.send_im(ALICE_URI, "to nobody")).status, 480, "the answer")

    await both("devices", play, expires_grace=0)


async def at_two_scscfs():
    "a client registers with one S-CSCF, then with another: one copy, through the newer one"
    for variant, options in (("two", {}), ("two-lua", LUA)):
        async with with_core(variant, **options) as gw, Core(gw) as core:
            before = await core.user(ImsClient, "+15550003")
            other = await core.another_scscf()
            after = await core.user(ImsClient, subscriber=before.subscriber, scscf=other)
            grace = await gw.user(ImClient, "grace")
            equal((await grace.send_im(CAROL_URI, "hello")).status, 200, "the answer")
            equal((await after.next_message()).text, "hello", "the client's text")
            equal((before.inbox.qsize(), after.inbox.qsize()), (0, 0), "further copies")


async def what_registers_bring():
    "the third-party REGISTER has the phone's REGISTER in its body, the answer to it, or nothing: then the gateway subscribes"
    for include in ("IncludeRegisterRequest", "IncludeRegisterResponse", None):
        say(str(include))
        async with with_core("brings", reg_event_identity="user") as gw, Core(gw, include=include) as core:
            alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            deadline = time.monotonic() + 5
            # No message is sent to a phone whose capabilities are not known yet.
            while (answer := await carol.send_im(ALICE_URI, "hello")).status == 480 and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            equal(answer.status, 200, f"the answer with {include}")
            equal((await alice.next_message())[1].tpdu.text, "hello", "what the phone shows")
            sent = await alice.send_sm("+15550003", "hi")
            equal((await carol.next_message()).text, "hi", "the client's text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            equal(alice.inbox.qsize(), 0, "further copies")


async def by_name():
    "an instant message that is not converted keeps its Request-URI: the S-CSCF knows no other"

    async def play(gw, core):
        carol = await core.user(ImsClient, "+15550003", kinds=WIDE)
        grace = await core.user(ImsClient, "grace", "tel:+15550007", kinds=WIDE)
        answer = await carol.send_im("sip:grace@ims.example", "hello")
        equal(answer.status, 200, "the answer")
        equal((await grace.next_message()).text, "hello", "the client's text")

    await both("name", play, wide=True)


async def unknown():
    "people in no table of the gateway: each message goes on along the Route as it came"

    async def play(gw, core):
        dave, erin = await core.user(ImsPhone, "+15558881"), await core.user(ImsClient, "+15558882", kinds=WIDE)
        centre = await core.user(ImsClient, "+15559999", kinds=())

        async def passed_on(by, to, uri, body, content_type):
            headers = [("Content-Type", content_type)]
            answer = await by.send("MESSAGE", uri, headers=headers, body=body)
            equal(answer.status, 200, f"the answer to {content_type}, {body[:2]}")
            request = await to.next_message()
            equal((request.body, request.content_type), (body, content_type), "what the other side has")

        equal(core.scscf.statistics("core")["rcv_replies_2xx_reg"], 2, "third-party REGISTERs that were answered with 200")
        for octets in (
            sms.rp_data(1, "+15559999", sms.submit("+15558882", "hello")),
            sms.rp_ack(2),
            sms.rp_error(3, 22),
            bytes([6, 4]),  # RP-SMMA
        ):
            await passed_on(dave, centre, "sip:+15559999@ims.example", octets, "application/vnd.3gpp.sms")
        await passed_on(erin, centre, "sip:+15559999@ims.example", b"hello", "text/plain")
        # A short message to the phone from another gateway.
        octets = sms.rp_data(4, "+15559999", sms.deliver("+15558882", "hello"), network=True)
        dave.rp_answer = None
        answer = await erin.send("MESSAGE", "sip:+15558881@ims.example", headers=[("Content-Type", "application/vnd.3gpp.sms")], body=octets)
        equal(answer.status, 200, "the answer to an SMS-DELIVER")
        request, _ = await dave.next_message()
        equal(request.body, octets, "what the phone has")

    await both("unknown", play, wide=True)


run(several_identities, two_devices, at_two_scscfs, what_registers_bring, by_name, unknown)
