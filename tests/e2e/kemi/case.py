"""The Lua script: see README.md."""

import asyncio
import sys

import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, ServiceCentre, equal, gateway, run, say
from gateway import free_port

sys.path.insert(0, str(CFG))
import demo  # noqa: E402


def lua(**options):
    return gateway(cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua", **options)


async def conversations():
    "the conversations of the demo"
    async with lua(people=demo.PEOPLE) as gw:
        cast = await demo.Cast.enter(gw)
        for scene in (demo.phone_to_im, demo.im_to_phone, demo.phone_full, demo.client_away, demo.emoji):
            say(scene.__doc__)
            await scene(cast)


async def refusals():
    "each refusal of the script"
    async with lua(name="refusals", people=[ALICE, BOB, ("carol", "+15550003"), ("dave", None)]) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for uri, kind, body, wanted in (
            (gw.uri("zoe"), "text/plain", b"hi", 404),
            ("sip:bob@elsewhere.example", "text/plain", b"hi", 404),
            (gw.uri("dave"), "text/plain", b"hi", 480),
            (gw.uri("alice"), "image/png", b"hi", 415),
            (gw.uri("alice"), "application/im-iscomposing+xml", b"<isComposing/>", 200),
            ("tel:+1-555-0002", "text/plain", b"myself", 200),
            ("sip:%62ob@ims.example", "text/plain", b"myself", 200),
            ("sip:%2B1%2d5550002;npdi@IMS.example", "text/plain", b"myself", 200),
        ):
            got = await bob.send_im(uri, body, content_type=kind)
            equal(got.status, wanted, f"{uri} {kind}")
        got = await bob.send_im(gw.uri("alice"), "hi", from_="sip:alice@ims.example")
        equal(got.status, 403, "somebody else's From")
        equal((await alice.send_rp(b"\0\1")).answer.status, 400, "a malformed SM")
        for number, cause in (("+15557777", 1), ("+15550003", 27)):
            report = await (await alice.send_sm(number, "hi")).outcome()
            equal(report.cause, cause, number)
        got = await bob.send("SUBSCRIBE", gw.uri("alice"))
        equal(got.status, 405, "SUBSCRIBE")
        got = await bob.send("OPTIONS", "sip:ims.example")
        equal(got.status, 200, "OPTIONS")
        bob.password = "guessed"
        bob.forget_challenges()
        equal((await bob.send_im(gw.uri("alice"), "hi")).status, 407, "a wrong password")


async def service_centre():
    "to a client, to a phone, and from a phone"
    port = free_port()
    async with lua(name="centre", people=[ALICE, BOB, ("carol", "+15550003")], sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        sent = await centre.deliver(gw.uri("bob"), "+15557777", "to a client", asserted=False)
        equal((await bob.next_message()).text, "to a client", "the client's text")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        sent = await centre.deliver(gw.uri("alice"), "+15557777", "to a phone")
        equal((await alice.next_message())[0].body, sent.octets, "the octets")
        equal((await sent.outcome()).octets, sms.rp_ack(sent.mr), "the phone's own report")
        sent = await alice.send_sm("+15557777", "elsewhere")
        equal((await centre.submitted.get())[0].body, sent.octets, "the octets")
        for octets in (sms.rp_smma(9), sms.rp_data(10, alice.centre, sms.command("+15550002"))):
            await alice.send_rp(octets)
            equal((await asyncio.wait_for(centre.submitted.get(), 20))[0].body, octets, "RP-SMMA, SMS-COMMAND")


run(conversations, refusals, service_centre)
