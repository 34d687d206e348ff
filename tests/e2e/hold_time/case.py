"""Hold time and stray reports: see README.md."""

import asyncio
import time

import sms
from e2e import ImClient, Phone, equal, gateway, run, say


async def hold_time_over():
    "a phone that takes the short message and does not report"
    async with gateway(modparams={"hold_timeout": 3, "report_timeout": 6}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        started = time.monotonic()
        got = await bob.send_im(gw.uri("alice"), "hello")
        took = time.monotonic() - started
        equal(got.status, 202, "the sender's answer")
        equal(2.5 < took < 5.5, True, f"hold_timeout (it took {took:.2f} s)")
        say("the report comes after all")
        request, seen = await alice.next_message()
        equal((await alice.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to a late report")
        alice.rp_answer = "ack"
        equal((await bob.send_im(gw.uri("alice"), "next")).status, 200, "the next one")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def sent_again():
    "no report within report_timeout: the short message is sent once more, and the report on that one counts"
    async with gateway(name="again", modparams={"report_timeout": 1, "hold_timeout": 10}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answers = [None, "ack"]
        equal((await bob.send_im(gw.uri("alice"), "hello?")).status, 200, "the sender's answer")
        first, second = [(await alice.next_message())[0] for _ in range(2)]
        equal(first.body, second.body, "RP-MR, TP-SCTS and all the other octets")
        say("nor on that one")
        alice.rp_answers = [None, None]
        equal((await bob.send_im(gw.uri("alice"), "hello?")).status, 202, "the sender's answer")
        await gw.until(lambda: gw.pending() == 0, what="the end of the exchange")
        equal(len(alice.requests), 4, "short messages: two for each")
        seen = gw.statistics("ipsmgw")
        equal((seen["resent"], seen["report_missing"]), (2, 1), "the counters")


async def default_hold_time():
    "twenty seconds by default"
    async with gateway(name="default") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        started = time.monotonic()
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 202, "the sender's answer")
        took = time.monotonic() - started
        equal(19 < took < 25, True, f"20 s (it took {took:.2f} s)")


async def stray_reports():
    "reports about nothing, twice, of another sender, by RP-MR alone, of a wrong kind"
    async with gateway(name="stray", people=[("alice", "+15550001"), ("bob", "+15550002"), ("eve", "+15550003")]) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        eve = await gw.user(Phone, "eve")
        alice.rp_answer = None

        say("for nobody")
        for octets in (sms.rp_ack(9), sms.rp_error(9, 22)):
            sent = await alice.send_rp(octets, headers=[("In-Reply-To", "never@heard")])
            equal(sent.answer.status, 202, "the answer to a report for nobody")

        sending = asyncio.create_task(bob.send_im(gw.uri("alice"), "hello"))
        request, seen = await alice.next_message()

        say("from somebody else, with the right In-Reply-To and RP-MR")
        equal((await eve.report(request, sms.rp_error(seen.mr, 22))).status, 202, "the answer to eve's report")
        equal((await eve.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to eve's report")
        say("the right phone, a wrong RP-MR")
        wrong = sms.rp_ack((seen.mr + 1) % 256)
        equal((await alice.report(request, wrong, in_reply_to="never@heard")).status, 202, "the answer")
        await asyncio.sleep(0.3)
        equal(sending.done(), False, "the sender is still held")

        say("the right one, without In-Reply-To, and again")
        alice.in_reply_to = False
        equal((await alice.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to the report")
        equal((await sending).status, 200, "the sender's answer")
        equal((await alice.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to the second report")
        equal((await alice.report(request, sms.rp_error(seen.mr, 22))).status, 202, "and to a third that differs")

        say("RP-SMMA (24.011 7.3.2)")
        sent = await alice.send_rp(sms.rp_smma(77))
        equal(sent.answer.status, 202, "the answer to RP-SMMA")
        equal((await sent.outcome()).octets, bytes([3, 77]), "and its RP-ACK, without a TPDU")


run(hold_time_over, sent_again, default_hold_time, stray_reports)
