"""Odd scripts: see README.md."""

import asyncio
import re
from pathlib import Path

import sms
from e2e import ImClient, Phone, equal, gateway, run, say
from scscf import Scscf

ODD = Path(__file__).parent / "odd.cfg"


def odd(name, **options):
    return gateway(name=name, cfg=ODD, **options)


def subject(text):
    return [("Subject", text)]


def octets_of(phone, text, mr=0x2A):
    """RP-DATA to bob's number."""
    return sms.rp_data(mr, phone.centre, sms.submit("+15550002", text))


async def taken_twice():
    "both functions called twice: one instant message, one short message, and a true answer"
    async with odd("twice") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        sent = await alice.send_rp(octets_of(alice, "hello"), headers=subject("twice"))
        equal(sent.answer.status, 202, "the phone's answer")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(len(bob.requests), 1, "IMs")

        equal((await bob.send_im(gw.uri("alice"), "hi", headers=subject("twice"))).status, 200, "the sender's answer")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        equal(alice.inbox.qsize(), 1, "SMs")


async def silent_result_route():
    "a result route that does not answer: the sender gets the outcome, not 500"
    async with odd("silent") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hi")).status, 200, "delivered")
        alice.rp_answers.append(22)
        refused = (await bob.send_im(gw.uri("alice"), "hi")).status
        equal(refused >= 400, True, "refused by the phone")
        equal(re.findall(r"the result: (\d+)", gw.log()), ["200", str(refused)], "what the route saw")


async def wrong_places():
    "each function in branch and reply routes, on requests of the gateway and on other methods"
    async with odd("places") as gw:
        gw.may_say = "works on a MESSAGE"
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        bob.answers.append((200, "OK", [("X-Everything", "yes")]))
        answer = await alice.send(
            "MESSAGE", gw.uri("bob"), headers=[("Content-Type", "text/plain"), *subject("everywhere")], body=b"hi"
        )
        equal(answer.status, 200, "the relayed answer")
        equal([request.body for request in bob.requests], [b"hi"], "what bob got")
        equal(set(bob.endpoint.requests_seen.values()), {1}, "copies: tm has found the reply's transaction")
        equal((await bob.send("OPTIONS", gw.uri("alice"))).status, 200, "the answer to OPTIONS")

        say("our own requests")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "an IM")
        sent = await alice.send_sm("+15550002", "hello")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        visits, refusals = gw.log().count("everything: "), gw.log().count("works on a MESSAGE, in a request route")
        # branch, reply to it in both routes, OPTIONS, RP-DATA, the report
        equal((visits, refusals), (6, 4 * 6), "visits, and refusals of the four functions that take messages")


async def another_message():
    "a status that the script set for one message does not count for the next"
    async with odd("another") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        refused = await alice.send_rp(octets_of(alice, "first", 1), headers=subject("refuse"))
        equal((await refused.outcome()).kind, "RP-ERROR", "the report")
        bob.answers.append(486)
        busy = await alice.send_rp(octets_of(alice, "second", 2))
        equal((await busy.outcome()).kind, "RP-ERROR", "the report")
        equal(re.findall(r"failure route: (\S+)", gw.log()), ["<null>"], "the status in the failure route")


async def connection_gone():
    "the phone's connection closes before its 202: its report follows, and its repetition makes no second instant message"
    async with odd("gone") as gw:
        endpoint = await gw.endpoint("tcp")
        alice, bob = await gw.user(Phone, "alice", endpoint), await gw.user(ImClient, "bob")
        bob.answers.append(None)
        sending = asyncio.create_task(alice.send_rp(octets_of(alice, "hello")))
        request = await bob.next_message()
        await alice.register(expires=0)
        sending.cancel()
        await endpoint.close()
        say("the phone has gone; the IM side answers")
        alice = await gw.user(Phone, "alice")
        bob.endpoint.respond(request, 200, "OK")
        await gw.until(lambda: alice.reports, what="a report where the phone is now")
        equal(alice.reports[0][1].kind, "RP-ACK", "the report")

        say("it asks again")
        sent = await alice.send_rp(octets_of(alice, "hello"))
        equal(sent.answer.status, 202, "the answer")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(len(bob.requests), 1, "IMs")


async def identity_of_the_message():
    "an identity parameter that calls the module itself"
    async with odd("identity", defines=['IDENTITY="$ipsmgw(da)"']) as gw:
        alice = await gw.user(Phone, "alice")
        sent = await alice.send_rp(octets_of(alice, "hello"))
        equal(sent.answer.status, 403, "a number alone is no URI")


async def register_later():
    "a third-party REGISTER that continues in another process: that process subscribes at once"
    async with odd("later") as gw:
        scscf = Scscf(await gw.endpoint(), gw.domain)
        scscf.endpoint.users["bob"] = scscf
        for when in ("now", "later"):
            say(when)
            answer = await scscf.register("sip:bob@ims.example", b"", headers=subject(when))
            equal(answer.status, 200, "the answer to the S-CSCF")
            subscription = await asyncio.wait_for(scscf.subscriptions.get(), 20)
            equal(subscription.request.get("Event"), "reg", "what it is asked")


run(
    taken_twice, silent_result_route, wrong_places, another_message, connection_gone, identity_of_the_message,
    register_later,
)  # fmt: skip
