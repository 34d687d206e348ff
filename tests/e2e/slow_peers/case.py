"""Slow, silent, contradicting and vanished peers: see README.md."""

import asyncio
import time

import sms
from e2e import CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from scscf import ClientThere, PhoneThere, Scscf

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


class SlowClient(ImClient):
    """Answers after `delay` seconds."""

    delay = 0

    async def handle_message(self, request):
        await asyncio.sleep(self.delay)
        await super().handle_message(request)


async def timed(awaitable):
    started = time.monotonic()
    return await awaitable, time.monotonic() - started


async def gone(gw, endpoint):
    """The only TCP connection has ended, and the gateway has noticed."""
    await endpoint.close()
    await gw.until(lambda: "opened_connections: 0" in gw.rpc("core.tcp_info"), what="the end of the connection")


async def slow_client(name="client", protocols=("udp", "tcp"), **options):
    "a client that needs longer than accept_timeout: the phone gets its 202 before, and the report with the outcome later"
    rows = Rows()
    for protocol in protocols:
        async with gateway(name=name + protocol, modparams={"im_timeout": 8}, **options) as gw:
            alice = await gw.user(Phone, "alice", protocol=protocol)
            bob = await gw.user(SlowClient, "bob", protocol=protocol)
            for delay, answer, early, kind in (
                (0, 200, False, "RP-ACK"),
                (3, 486, False, "RP-ERROR"),
                (6, 200, True, "RP-ACK"),
                (6, 486, True, "RP-ERROR"),
                (5, None, True, "RP-ERROR"),
            ):
                row = f"{protocol}: {answer} behind {delay} s"
                bob.delay, bob.answer = delay, answer
                sent, took = await timed(alice.send_sm("+15550002", f"hello {delay} {answer}"))
                rows.check(f"{row}: the answer", sent.answer.status, 202)
                rows.check(f"{row}: its time ({took:.2f})", (3.8 < took < 4.9) if early else took < 3.8, True)
                outcome, more = await timed(sent.outcome())
                rows.check(f"{row}: the report", outcome.kind, kind)
                if early:
                    whole = 8 if answer is None else delay
                    rows.check(f"{row}: when ({took + more:.2f})", whole - 0.3 < took + more < whole + 1, True)
            await gw.until(lambda: gw.pending() == 0, what="an empty table")
    rows.done(10)


async def slow_client_in_lua():
    "the same with kamailio.lua"
    await slow_client(name="client_lua", protocols=("udp",), **LUA)


async def several_clients():
    "one client refuses at once, one is late; a client that refuses the form late gets another form"
    async with gateway(name="several") as gw:
        alice = await gw.user(Phone, "alice")
        quick, slow = await gw.user(ImClient, "bob"), await gw.user(SlowClient, "bob")
        slow.delay, quick.answer = 5.5, 486
        sent = await alice.send_sm("+15550002", "hello")
        equal((await sent.outcome()).kind, "RP-ACK", "the late 200 counts")
        say("both refuse, one behind the 202")
        slow.answer = 404
        sent = await alice.send_sm("+15550002", "hello again")
        outcome = await sent.outcome()
        equal((outcome.kind, outcome.cause), ("RP-ERROR", 1), "the report")
        say("481 behind the 202: once more with another Call-ID")
        slow.answers.append(481)
        slow.answer = 200
        slow.requests.clear()
        sent = await alice.send_sm("+15550002", "hello for the third time")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(len(slow.requests), 2, "requests to the client")
        equal(slow.requests[0].get("Call-ID") == slow.requests[1].get("Call-ID"), False, "one Call-ID")


async def silent_phone(name="silent", **options):
    "a phone that does not answer is reported absent before the sender's time ends, also through a service centre"
    port = free_port()
    async with gateway(
        name=name, modparams={"hold_timeout": 5}, sc_uri=f"sip:127.0.0.2:{port}", **options
    ) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.answer = None
        got, took = await timed(bob.send_im(gw.uri("alice"), "hello"))
        equal((got.status, 4 < took < 5), (480, True), f"the sender's answer ({took:.2f} s)")
        say("a service centre that is down")
        got, took = await timed(bob.send_im(gw.uri("+15558888"), "far away"))
        equal((got.status, took < 5), (480, True), f"the sender's answer ({took:.2f} s)")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def silent_phone_in_lua():
    "the same with kamailio.lua"
    await silent_phone(name="silent_lua", **LUA)


async def vanished():
    "a phone whose TCP connection is closed, a service centre whose port is closed: reported at once"
    async with gateway(name="vanished", sc_uri=f"sip:127.0.0.2:{free_port()};transport=tcp") as gw:
        endpoint = await gw.endpoint("tcp")
        await gw.user(Phone, "alice", endpoint)
        bob = await gw.user(ImClient, "bob")
        await gone(gw, endpoint)
        for what in ("alice", "+15558888"):
            got, took = await timed(bob.send_im(gw.uri(what), "hello"))
            equal((got.status, took < 3), (480, True), f"the answer about {what} ({took:.2f} s)")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def other_phones():
    "of several phones the newest gets a message, and the next one when that one does not take it"
    async with gateway(name="phones", modparams={"hold_timeout": 8}) as gw:
        bob = await gw.user(ImClient, "bob")
        old = await gw.user(Phone, "alice")
        await asyncio.sleep(1.1)  # usrloc counts in seconds
        endpoint = await gw.endpoint("tcp")
        new = await gw.user(Phone, "alice", endpoint)
        equal((await bob.send_im(gw.uri("alice"), "one")).status, 200, "to the newest")
        equal((old.inbox.qsize(), new.inbox.qsize()), (0, 1), "who has it")
        for answer in (486, 500, 480, None):
            new.answers.append(answer)
            got, took = await timed(bob.send_im(gw.uri("alice"), f"two {answer}"))
            equal((got.status, took < 5), (200, True), f"the newest answers {answer} ({took:.2f} s)")
        equal(old.inbox.qsize(), 4, "what the older one has")
        say("603 is the person's own word")
        new.answers.append(603)
        got = await bob.send_im(gw.uri("alice"), "three")
        equal((got.status, got.get("Retry-After") is not None), (480, True), "the answer")
        equal(old.inbox.qsize(), 4, "what the older one has")
        say("the newest is gone")
        await gone(gw, endpoint)
        got, took = await timed(bob.send_im(gw.uri("alice"), "four"))
        equal((got.status, took < 3), (200, True), f"the answer ({took:.2f} s)")
        equal(old.inbox.qsize(), 5, "what the older one has")


async def contradictions():
    "a phone that refuses in SIP and then reports: its report counts"
    async with gateway(name="contradictions") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")

        async def refused(first, report, pause=0.0):
            alice.answers.append(first)
            sending = asyncio.create_task(bob.send_im(gw.uri("alice"), f"{first} {report} {pause}"))
            request, seen = await alice.next_message()
            await asyncio.sleep(pause)
            if report is not None:
                octets = sms.rp_ack(seen.mr) if report == "ack" else sms.rp_error(seen.mr, report)
                equal((await alice.report(request, octets)).status, 202, "the answer to the report")
            return (await sending).status

        equal(await refused(500, "ack"), 200, "500 and RP-ACK")
        equal(await refused(486, "ack", 0.5), 200, "486 and RP-ACK")
        equal(await refused(603, 22), 480, "603 and RP-ERROR 22")
        equal(await refused(500, 21), 403, "500 and RP-ERROR 21")
        equal(await refused(500, None), 480, "500 alone")
        say("another RP-MR: In-Reply-To is enough")
        alice.rp_answers.append(lambda message: sms.rp_ack((message.mr + 77) % 256))
        equal((await bob.send_im(gw.uri("alice"), "odd")).status, 200, "the answer")
        equal(gw.statistics("ipsmgw")["report_odd"], 1, "the counter")


async def a_report_is_lost():
    "one RP-ACK is lost: the next messages to the phone are delivered"
    async with gateway(name="lost") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answers.append(None)
        first = asyncio.create_task(bob.send_im(gw.uri("alice"), "first"))
        request, seen = await alice.next_message()
        got, took = await timed(bob.send_im(gw.uri("alice"), "second"))
        equal((got.status, took < 4), (200, True), f"the second ({took:.2f} s)")
        got, took = await timed(bob.send_im(gw.uri("alice"), "third"))
        equal((got.status, took < 2.5), (200, True), f"the third ({took:.2f} s)")
        say("the report on the first one comes after all, without In-Reply-To")
        alice.in_reply_to = False
        equal((await alice.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to the report")
        equal((await first).status, 200, "the first")


async def behind_an_scscf(name="scscf", **options):
    "a peer with a timer of 5 s gets the true outcome"
    async with gateway(name=name, trusted="127.0.0.2/32", **options) as gw:
        scscf = Scscf(await gw.endpoint(host="127.0.0.2"), gw.domain)
        alice = scscf.device(PhoneThere, "alice", "+15550001")
        bob = scscf.device(ClientThere, "bob", "+15550002")
        for person in (alice, bob):
            equal((await scscf.register(person.identity)).status, 200, "the registration")

        async def reported(message, delay):
            await asyncio.sleep(delay)
            return sms.rp_ack(message.mr)

        say("the report comes after 6 s")
        alice.rp_answer = None
        sending = asyncio.create_task(timed(bob.send_im(alice.identity, "hello")))
        request, seen = await alice.next_message()
        await asyncio.sleep(6)
        await alice.report(request, sms.rp_ack(seen.mr))
        got, took = await sending
        equal((got.status, took < 4.8), (202, True), f"the answer ({took:.2f} s)")

        say("five at once, 1.5 s for each")

        async def reports():
            for _ in range(5):
                request, seen = await alice.next_message(20)
                await asyncio.sleep(1.5)
                await alice.report(request, sms.rp_ack(seen.mr))

        reporting = asyncio.create_task(reports())
        answers = await asyncio.gather(*(timed(bob.send_im(alice.identity, f"{n}")) for n in range(5)))
        await reporting
        equal({got.status for got, _ in answers} <= {200, 202}, True, "all are delivered")
        equal(max(took for _, took in answers) < 4.8, True, "their answers come in time")

        say("a phone that is silent")
        alice.answer = None
        got, took = await timed(bob.send_im(alice.identity, "hello?"))
        equal((got.status, took < 4.8), (480, True), f"the answer ({took:.2f} s)")


async def behind_an_scscf_in_lua():
    "the same with kamailio.lua"
    await behind_an_scscf(name="scscf_lua", **LUA)


run(
    slow_client,
    slow_client_in_lua,
    several_clients,
    silent_phone,
    silent_phone_in_lua,
    vanished,
    other_phones,
    contradictions,
    a_report_is_lost,
    behind_an_scscf,
    behind_an_scscf_in_lua,
)
