"""Floods: see README.md."""

import asyncio
import re

import sms
from e2e import ALICE, BOB, CFG, CpimClient, ImClient, Phone, ServiceCentre, equal, gateway, imdn_document, run, say

IMDN = "message/imdn+xml"


async def flood():
    "three hundred requests at once against a limit of thirty"
    async with gateway(people=[("bob", "+15550002")], flood=30, sc_uri="sip:127.0.0.2:5999") as gw:
        bob = await gw.user(ImClient, "bob")
        noisy = await gw.endpoint(host="127.0.0.3")
        quiet = await gw.endpoint(host="127.0.0.4")
        nuisance = ImClient(noisy, "mallory", None, gw.domain)
        answers = await asyncio.gather(*(nuisance.send("OPTIONS", "sip:ims.example") for _ in range(300)))
        codes = [a.status for a in answers]
        say(f"{codes.count(200)} answered, {codes.count(503)} refused")
        equal(set(codes), {200, 503}, "the answers")
        equal(codes.count(503) > 150, True, "most were refused")
        refused = next(a for a in answers if a.status == 503)
        equal(refused.get("Retry-After") is not None, True, "Retry-After")

        other = ImClient(quiet, "carol", None, gw.domain)
        equal((await other.send("OPTIONS", "sip:ims.example")).status, 200, "another address meanwhile")

        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2"), gw.domain)
        sent = await asyncio.gather(*(centre.deliver(gw.uri("bob"), "+15557777", str(i)) for i in range(100)))
        equal({s.answer.status for s in sent}, {202}, "the service centre, which is trusted")

        async def welcome():
            return (await nuisance.send("OPTIONS", "sip:ims.example")).status == 200

        for _ in range(100):
            if await welcome():
                break
            await asyncio.sleep(0.2)
        equal(await welcome(), True, "the noisy one, when it is quiet again")


async def taken_before(name="taken_before", **options):
    "an accepted message is not refused when its retransmission arrives during a flood"
    options.setdefault("modparams", {"hold_timeout": 3})
    async with gateway(name=name, flood=30, **options) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob", await gw.endpoint(host="127.0.0.3"))
        endpoint, answers = bob.endpoint, []
        received, send = endpoint.received, endpoint.send_octets
        sent = []
        endpoint.received = lambda octets, *source: (answers.append(octets), received(octets, *source))
        endpoint.send_octets = lambda octets, *to: (sent.append(octets), send(octets, *to))
        alice.rp_answers.append(None)
        message = asyncio.create_task(bob.send_im(gw.uri("alice"), "no report comes on this"))
        await alice.next_message()
        copy = [octets for octets in sent if octets.startswith(b"MESSAGE ")][-1]
        others = await asyncio.gather(*(bob.send("OPTIONS", "sip:ims.example") for _ in range(200)))
        equal(others[-1].status, 503, "the address floods")
        answers.clear()
        for _ in range(20):
            send(copy)
        equal((await message).status, 202, "the answer to the message")
        of_message = {octets.split(b" ")[1] for octets in answers if b" MESSAGE\r\n" in octets}
        equal(of_message, {b"202"}, "all that was answered to its copies")


async def taken_before_in_lua():
    "the same with kamailio.lua"
    await taken_before("taken_before_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def report(name="report", **options):
    "a phone reports while its address floods: the report is taken, so the phone does not get the text again"
    async with gateway(name=name, people=[ALICE, BOB, ("carol", "+15550003")], flood=30, **options) as gw:
        alice = await gw.user(Phone, "alice", await gw.endpoint(host="127.0.0.3"))
        bob, carol = await gw.user(ImClient, "bob"), await gw.user(Phone, "carol", alice.endpoint)
        alice.rp_answers.append(None)
        message = asyncio.create_task(bob.send_im(gw.uri("alice"), "hello"))
        request, seen = await alice.next_message()

        async def flood(user):
            return [answer.status for answer in await asyncio.gather(*(user.send("OPTIONS", "sip:ims.example") for _ in range(200)))]

        async def unproved(endpoint, count):
            """Reports on that message, without a password."""
            nobody = ImClient(endpoint, "alice", None, gw.domain)
            headers = [("Content-Type", "application/vnd.3gpp.sms"), ("In-Reply-To", request.get("Call-ID"))]
            to, body = gw.uri("+15559999"), sms.rp_ack(seen.mr)
            answers = await asyncio.gather(*(nobody.send("MESSAGE", to, headers=headers, body=body) for _ in range(count)))
            return [answer.status for answer in answers]

        stranger = await gw.endpoint(host="127.0.0.4")
        equal((await flood(ImClient(stranger, "mallory", None, gw.domain)))[-1], 503, "another address floods")
        equal(set(await unproved(stranger, 20)), {503}, "reports from there")
        equal((await flood(alice))[-1], 503, "the phone's address floods")
        equal((await unproved(alice.endpoint, 1)), [407], "a report without a password")
        equal((await alice.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to the report")
        equal((await message).status, 200, "the outcome")
        equal(set(await unproved(alice.endpoint, 20)), {503}, "reports on a message that is reported")

        alice.rp_answers.append(None)
        message = asyncio.create_task(bob.send_im(gw.uri("alice"), "hello again"))
        request, seen = await alice.next_message()
        codes = await unproved(alice.endpoint, 100)
        equal((set(codes), codes.count(503) >= 50), ({407, 503}, True), "many reports on one message")
        message.cancel()

        say("a phone that sends no In-Reply-To")
        carol.in_reply_to = False
        carol.rp_answers.append(None)
        message = asyncio.create_task(bob.send_im(gw.uri("carol"), "hello"))
        request, seen = await carol.next_message()
        equal((await flood(carol))[-1], 503, "its address floods")
        equal((await carol.report(request, sms.rp_ack(seen.mr))).status, 202, "the answer to its report")
        equal((await message).status, 200, "the outcome")


async def report_in_lua():
    "the same with kamailio.lua"
    await report("report_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def notification(name="notification", **options):
    "a client notifies while its address floods: the notification is taken, so the phone hears that its message was delivered"
    async with gateway(name=name, flood=30, **options) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await gw.user(CpimClient, "bob", await gw.endpoint(host="127.0.0.3"))
        bob.answer = 202
        sent = await alice.send_rp(sms.rp_data(5, alice.centre, sms.submit("+15550002", "hi", mr=9, srr=True)))
        equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
        message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", (await bob.next_message()).body.decode())[1]

        async def flood(user):
            return [answer.status for answer in await asyncio.gather(*(user.send("OPTIONS", "sip:ims.example") for _ in range(200)))]

        async def unproved(endpoint, count, about=message_id):
            """Notifications about that message, without a password."""
            nobody = ImClient(endpoint, "bob", None, gw.domain)
            told = gw.uri("alice"), imdn_document(about), IMDN
            return {answer.status for answer in await asyncio.gather(*(nobody.send_im(*told) for _ in range(count)))}

        stranger = await gw.endpoint(host="127.0.0.4")
        equal((await flood(ImClient(stranger, "mallory", None, gw.domain)))[-1], 503, "another address floods")
        equal(await unproved(stranger, 20), {503}, "notifications from there")
        equal((await flood(bob))[-1], 503, "the client's address floods")
        equal(await unproved(bob.endpoint, 20, "of-others"), {503}, "notifications about other messages")
        equal(await unproved(bob.endpoint, 1), {407}, "a notification without a password")
        equal((await bob.send_im(gw.uri("alice"), imdn_document(message_id), IMDN)).status, 200, "the answer to the notification")
        _, seen = await alice.next_message()
        equal((seen.tpdu.kind, seen.tpdu.st, seen.tpdu.mr), ("SMS-STATUS-REPORT", 0x00, 9), "the status report")
        equal(await unproved(bob.endpoint, 20), {503}, "notifications that nobody waits for any more")


async def notification_in_lua():
    "the same with kamailio.lua"
    await notification("notification_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def connections(name="connections", **script):
    "a connection without a registration ends soon, others stay; a long message ends no connection"
    quickly = "tcp_connection_lifetime=2"
    async with gateway(name=name, script=quickly, **script) as gw:
        alice, bob = await gw.user(ImClient, "alice", protocol="tcp"), await gw.user(ImClient, "bob", protocol="tcp")
        long = "x" * 60_000
        equal((await alice.send_im(gw.uri("bob"), long)).status, 200, "the answer to a long message")
        equal((await bob.next_message()).text, long, "what bob got")
        silent, writer = await asyncio.open_connection(*gw.address)
        equal(await asyncio.wait_for(silent.read(), 20), b"", "what comes through the silent one, to its end")
        writer.close()
        equal((await alice.send_im(gw.uri("bob"), "still there?")).status, 200, "the answer")
        equal((await bob.next_message()).text, "still there?", "what bob got")


async def places(name="places", **options):
    "one address cannot hold all connections, nor one connection with an endless message; others connect, idle ones stay"
    script = 'modparam("ipsmgw", "unfinished_timeout", 3)'
    async with gateway(name=name, script=script, connections=20, **options) as gw:
        gw.may_say = "hit the limit of connections per source IP"  # from Kamailio 5.7 on the core says so
        alice, bob = await gw.user(ImClient, "alice", protocol="tcp"), await gw.user(ImClient, "bob", protocol="tcp")
        ws = gw.env["IPSMGW_WS"].rpartition(":")[2]
        for where, all_said in (
            (gw.address, (b"M", b"MESSAGE sip:x SIP/2.0\r\nContent-Length: 9\r\n\r\n1")),
            ((gw.address[0], int(ws)), (b"", b"GET / HTTP/1.1\r\nHost: x\r\n")),
        ):
            for said in all_said:
                open_ones = []
                for _ in range(300):
                    reader, writer = await asyncio.open_connection(*where, local_addr=("127.0.0.9", 0))
                    writer.write(said)
                    open_ones.append((reader, writer))
                ended = [asyncio.create_task(reader.read()) for reader, _ in open_ones]
                await asyncio.sleep(0)
                say(f"300 connections that say {said!r}")

                def alive(tasks=ended):
                    return sum(not task.done() for task in tasks)

                await gw.until(lambda: alive() <= 20, what="an end of those that are too many")
                carol = await gw.user(ImClient, "bob", protocol="tcp")
                equal((await carol.send_im(gw.uri("alice"), "I came in")).status, 200, "somebody else's message")
                while alive():  # one octet now and then is no message
                    for _, writer in open_ones:
                        writer.write(said[:1])
                    await asyncio.sleep(0.5)
                    equal(alive() <= 20, True, "no more than that")
                    open_ones = open_ones if alive() else []
                await carol.endpoint.close()
        say("those that were idle")
        equal((await alice.send_im(gw.uri("bob"), "still there?", timeout=5)).status, 200, "the answer")
        equal(bob.requests[-1].text, "still there?", "what bob got")


async def places_in_lua():
    "the same with kamailio.lua"
    await places("places_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def connections_in_lua():
    "the same with kamailio.lua"
    await connections("connections_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


run(
    flood, taken_before, taken_before_in_lua, report, report_in_lua, notification, notification_in_lua,
    connections, connections_in_lua, places, places_in_lua,
)  # fmt: skip
