"""Starts and ends behind Kamailio's S-CSCF: see README.md."""

import time

from e2e import ALICE, CFG, equal, gateway, run, say
from ims import TRUSTED, Core, ImsClient, ImsPhone

CAROL, DAVE = ("carol", "+15550003"), ("dave", "+15550004")
ALICE_URI, CAROL_URI, DAVE_URI = (f"sip:{number}@ims.example" for _, number in (ALICE, CAROL, DAVE))
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


def with_core(name, **options):
    return gateway(name=name, people=[ALICE, CAROL, DAVE], **TRUSTED, **options)


async def both_ways(alice, carol, text):
    """A phone and a client write to each other."""
    equal((await carol.send_im(ALICE_URI, text)).status, 200, f"the answer to the client, {text}")
    equal((await alice.next_message())[1].tpdu.text, text, "what the phone shows")
    sent = await alice.send_sm("+15550003", text)
    equal(sent.answer.status, 202, f"the SIP answer to the phone, {text}")
    equal((await carol.next_message()).text, text, "the client's text")
    equal((await sent.outcome()).kind, "RP-ACK", "the report")
    equal((alice.inbox.qsize(), carol.inbox.qsize()), (0, 0), "further copies")


async def gateway_restarted():
    "registrations survive"
    for variant, options in (("restarted", {}), ("restarted-lua", LUA)):
        async with with_core(variant, **options) as gw, Core(gw) as core:
            alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            await both_ways(alice, carol, "before")
            await gw.stop()
            await gw.start()
            await both_ways(alice, carol, "after")


async def gateway_killed():
    "registrations survive kill -9, too"
    for variant, options in (("killed", {}), ("killed-lua", LUA)):
        async with with_core(variant, **options) as gw, Core(gw) as core:
            alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            await both_ways(alice, carol, "before")
            await gw.kill()
            await gw.start()
            await both_ways(alice, carol, "after")


async def scscf_restarted():
    "after a restart of the S-CSCF people register again; no message arrives twice"
    async with with_core("scscf") as gw, Core(gw) as core:
        alice, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
        await both_ways(alice, carol, "before")
        await core.scscf.stop()
        await core.scscf.start()
        for user in (alice, carol):
            user.forget_challenges()  # its nonces begin again where they began before
        await core.register(carol)
        answer = await carol.send_im(ALICE_URI, "nobody there")
        equal(answer.status, 480, "the answer to a message for somebody who is not there")
        sent = await carol.send_im(CAROL_URI, "to myself")
        equal((sent.status, (await carol.next_message()).text), (200, "to myself"), "a message to herself")
        await core.register(alice)
        await both_ways(alice, carol, "after")


async def elsewhere():
    "a person registers with another S-CSCF: messages go there, once"
    for variant, options in (("elsewhere", {}), ("elsewhere-lua", LUA)):
        async with with_core(variant, **options) as gw, Core(gw) as core:
            before, carol = await core.user(ImsPhone, "+15550001"), await core.user(ImsClient, "+15550003")
            await both_ways(before, carol, "before")
            other = await core.another_scscf()
            after = await core.user(ImsPhone, subscriber=before.subscriber, scscf=other)
            equal((await carol.send_im(ALICE_URI, "after")).status, 200, "the answer")
            equal((await after.next_message())[1].tpdu.text, "after", "what the phone shows")
            equal((before.inbox.qsize(), after.inbox.qsize()), (0, 0), "further copies")


async def gateway_down():
    "the filter criterion decides: the message ends, or goes on without the gateway"
    for handling, name in ((1, "the end"), (0, "on")):
        async with with_core(f"down-{handling}") as gw, Core(gw, default_handling=handling, isc_fr_timeout=1000) as core:
            alice = await core.user(ImsPhone, "+15550001")
            carol, dave = await core.user(ImsClient, "+15550003"), await core.user(ImsClient, "+15550004")
            await gw.stop()
            say(f"{name}: client to client, not the gateway's business")
            equal((await carol.send_im(DAVE_URI, "hello")).status, 200, "the answer")
            equal((await dave.next_message()).text, "hello", "the text")
            say(f"{name}: client to phone")
            started = time.monotonic()
            answer = await carol.send_im(ALICE_URI, "hello")
            say(f"{name}: {answer.status} after {time.monotonic() - started:.1f} s")
            # A phone takes no text.
            equal(answer.status, 408 if handling else 415, "the answer")
            equal(alice.inbox.qsize(), 0 if handling else 1, "what has come to the phone")
            say(f"{name}: phone to client")
            sent = await alice.send_sm("+15550003", "hello")
            say(f"{name}: {sent.answer.status}")
            equal(sent.answer.status, 408 if handling else 604, "the answer")
            equal((carol.inbox.qsize(), len(alice.reports)), (0, 0), "what has come to the client, and reports")
            await gw.start()


run(gateway_restarted, gateway_killed, scscf_restarted, elsewhere, gateway_down)
