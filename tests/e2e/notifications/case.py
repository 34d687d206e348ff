"""Status reports and notifications: see README.md."""

import asyncio
import re

import sip
import sms
from e2e import CFG, CpimClient, ImClient, Phone, ServiceCentre, equal, gateway, imdn_document, run, say
from gateway import free_port

CPIM = "message/cpim"


def cpim(text, wanted, message_id, from_, to):
    return (
        f"From: <{from_}>\r\nTo: <{to}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        f"DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: {wanted}\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    ).encode()


def imdn(message_id, status, from_, to):
    document = imdn_document(message_id, status)
    return (
        f"From: <{from_}>\r\nTo: <{to}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x{message_id}\r\n\r\n"
        f"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\nContent-Length: {len(document)}\r\n\r\n{document}"
    ).encode()


async def phone_asks():
    "TP-SRR: an SMS-STATUS-REPORT with the true TP-ST follows the RP-ACK; the phone's own RP-ACK is taken"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for mr, (answer, cause, status) in enumerate(((486, 41, None), (200, None, 0x00), (603, 21, None), (202, None, 0x01)), 100):
            say(f"the client answers {answer}")
            bob.answers.append(answer)
            sent = await alice.send_rp(sms.rp_data(mr, alice.centre, sms.submit("+15550002", f"{answer}?", mr=mr, srr=True)))
            equal((await sent.outcome()).cause, cause, "the submit report's RP-Cause")
            await bob.next_message()
            if status is None:
                continue  # what was not taken is not reported on
            _, seen = await alice.next_message()
            equal((seen.tpdu.kind, seen.tpdu.st, seen.tpdu.mr), ("SMS-STATUS-REPORT", status, mr), "the status report")
            equal(seen.tpdu.address, "+15550002", "TP-RA")
        say("nothing was asked")
        await (await alice.send_sm("+15550002", "no report")).outcome()
        await asyncio.sleep(0.3)
        equal(alice.inbox.qsize(), 0, "further status reports")


async def client_confirms():
    "a client answers 202 and confirms by IMDN: the status report says delivered"
    async with gateway(name="confirms") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        bob.answers.append(202)
        sent = await alice.send_rp(sms.rp_data(5, alice.centre, sms.submit("+15550002", "hi", mr=9, srr=True)))
        equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
        seen = await bob.next_message()
        equal(seen.content_type, CPIM, "Content-Type for a client that reads it")
        body = seen.body.decode()
        equal(body.endswith("\r\n\r\nhi"), True, "the text")
        equal("positive-delivery" in body, True, "the wish for a notification")
        message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", body).group(1)
        notification = imdn(message_id, "delivered", "sip:+15550002@ims.example", "sip:+15550001@ims.example")
        answer = await bob.send_im(gw.uri("+15550001"), notification, content_type=CPIM)
        equal(answer.status // 100, 2, "the answer to the IMDN")
        _, report = await alice.next_message()
        equal((report.tpdu.kind, report.tpdu.st, report.tpdu.mr), ("SMS-STATUS-REPORT", 0x00, 9), "the status report")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def refused_later():
    "a client answers 202 and says failed by IMDN; a row of the operator gives the TP-ST"
    for row, status in ((None, 0x65), ("imdn failed,error = 62", 0x62)):
        async with gateway(name=f"later-{status:x}", modparams={"cause": row} if row else {}) as gw:
            alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
            bob.answers.append(202)
            sent = await alice.send_rp(sms.rp_data(5, alice.centre, sms.submit("+15550002", "hi", mr=9, srr=True)))
            equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
            message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", (await bob.next_message()).body.decode()).group(1)
            await bob.send_im(gw.uri("alice"), imdn(message_id, "failed", bob.identity, alice.identity), content_type=CPIM)
            _, report = await alice.next_message()
            equal((report.tpdu.kind, report.tpdu.st), ("SMS-STATUS-REPORT", status), "the status report")


async def however_it_is_confirmed(**variant):
    "the IMDN goes to the sender's name, past a client of the sender, without CPIM, or comes from a peer that knows the recipient by name"
    port = free_port()
    async with gateway(name=variant.pop("name", "however"), sc_uri=f"sip:127.0.0.2:{port}", **variant) as gw:
        peer = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        desk = await gw.user(ImClient, "alice")
        bob.answer = 202

        async def by_bob(uri, body, content_type):
            return await bob.send_im(uri, body, content_type=content_type)

        async def by_peer(uri, body, content_type):
            headers = [("P-Asserted-Identity", f"<{gw.uri('bob')}>"), ("Content-Type", content_type)]
            return await peer.send("MESSAGE", uri, headers=headers, body=body)

        for mr, (send, name, wrapped) in enumerate(
            ((by_bob, "alice", True), (by_bob, "+15550001", False), (by_bob, "nobody", True), (by_peer, "alice", True))
        ):
            say(f"{send.__name__}, to {name}, {'with' if wrapped else 'without'} its wrapper")
            sent = await alice.send_rp(sms.rp_data(mr, alice.centre, sms.submit("+15550002", "hi", mr=mr, srr=True)))
            equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
            message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", (await bob.next_message()).body.decode()).group(1)
            body = imdn(message_id, "delivered", bob.identity, gw.uri(name))
            if not wrapped:
                body = body[body.index(b"<?xml") :]
            answer = await send(gw.uri(name), body, CPIM if wrapped else "message/imdn+xml")
            equal(answer.status, 200, "the answer to the IMDN")
            _, report = await alice.next_message()
            equal((report.tpdu.kind, report.tpdu.st, report.tpdu.mr), ("SMS-STATUS-REPORT", 0x00, mr), "the status report")
        equal(desk.inbox.qsize(), 0, "notifications at the sender's IM client")

        say("about another message: unchanged to a client, else dropped")
        body = imdn("theirs", "delivered", bob.identity, gw.uri("alice"))
        equal((await by_bob(gw.uri("alice"), body, CPIM)).status, 200, "the client's answer")
        equal((await desk.next_message()).body, body, "the notification, octet by octet")
        cut = body.replace(b"</imdn>", b"")
        equal((await by_bob(gw.uri("alice"), cut, CPIM)).status, 200, "the client's answer to one that is broken")
        equal((await desk.next_message()).body, cut, "the notification, octet by octet")
        await desk.register(expires=0)
        equal((await by_bob(gw.uri("alice"), body, CPIM)).status, 200, "the gateway's answer")
        equal(alice.inbox.qsize(), 0, "what the phone got of it")


async def however_in_lua():
    "the same with kamailio.lua"
    await however_it_is_confirmed(name="lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def client_asks():
    "Disposition-Notification: delivered when the phone has it; failed only after a 2xx; nothing unasked"
    async with gateway(name="asks", modparams={"hold_timeout": 1}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        me, you = "sip:+15550002@ims.example", "sip:+15550001@ims.example"

        async def ask(text, wanted, message_id):
            body = cpim(text, wanted, message_id, me, you)
            return (await bob.send_im(gw.uri("+15550001"), body, content_type=CPIM)).status

        equal(await ask("hello", "positive-delivery", "m1"), 200, "the answer")
        equal((await alice.next_message())[1].tpdu.text, "hello", "the text")
        notification = (await bob.next_message()).body.decode()
        equal("<message-id>m1</message-id>" in notification and "<delivered/>" in notification, True, "the IMDN")
        equal(f"To: <{me}>" in notification, True, "to the sender's CPIM From")

        say("refused at once: the answer says so, and no IMDN does")
        alice.rp_answers.append(22)
        equal(await ask("full", "positive-delivery, negative-delivery", "m2"), 480, "the answer")
        await alice.next_message()

        say("refused late: 202, then failed")
        alice.rp_answers.append(None)
        equal(await ask("late", "negative-delivery", "m3"), 202, "the answer")
        request, seen = await alice.next_message()
        await alice.report(request, sms.rp_error(seen.mr, 22))
        notification = (await bob.next_message()).body.decode()
        equal("<message-id>m3</message-id>" in notification and "<failed/>" in notification, True, "the IMDN")

        say("delivered, and nothing asked")
        equal((await bob.send_im(gw.uri("+15550001"), "plain")).status, 200, "the answer")
        await asyncio.sleep(0.3)
        equal(bob.inbox.qsize(), 0, "further notifications")


async def told_again():
    "a notification that is refused goes once more 30 s later, then it is dropped and counted"
    async with gateway(name="again", modparams={"hold_timeout": 1}) as gw:
        await gw.user(Phone, "alice")
        bob = await gw.user(CpimClient, "bob")
        body = cpim("hello", "positive-delivery", "m9", "sip:+15550002@ims.example", "sip:+15550001@ims.example")
        bob.answers += [486, 486, 503, 200]
        answers = [await bob.send_im(gw.uri("alice"), body, content_type=CPIM) for _ in range(2)]
        equal([answer.status for answer in answers], [200, 200], "the answers")
        first = [await bob.next_message() for _ in range(2)]
        again = [await bob.next_message(40) for _ in range(2)]
        equal(sorted(m.body for m in again), sorted(m.body for m in first), "the second time")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        counters = gw.statistics("ipsmgw")
        equal((counters["notification"], counters["notification_lost"]), (2, 1), "the counters")
        equal(gw.pattern_seen("notification is dropped"), True, "a line in the log")


async def through_a_service_centre():
    "an instant message to a phone elsewhere is submitted, 202; the later status report becomes an IMDN"
    port = free_port()
    async with gateway(name="centre", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        bob = await gw.user(CpimClient, "bob")
        me, you = "sip:+15550002@ims.example", "sip:+15558888@ims.example"

        async def submitted(sending, report):
            """The short message at the service centre, and the sender's answer after the report."""
            task = asyncio.create_task(sending)
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            answer = await centre.report_to(sip.addr_spec(request.get("P-Asserted-Identity")), report(message.mr), request.get("Call-ID"))
            equal(answer.status, 202, "the answer to the centre's report")
            return message.tpdu, (await task).status

        def taken(mr):
            return sms.rp_ack(mr, network=True)

        tpdu, status = await submitted(bob.send_im(you, "to afar 😀"), taken)
        equal((tpdu.kind, tpdu.address, tpdu.text, tpdu.srr), ("SMS-SUBMIT", "+15558888", "to afar 😀", 0), "the SMS-SUBMIT")
        equal(status, 202, "the sender's answer: taken, not delivered")

        say("refused by the centre")
        _, status = await submitted(bob.send_im(you, "no"), lambda mr: sms.rp_error(mr, 1, network=True))
        equal(status, 404, "unassigned number")

        for name, final, found in (("m7", 0x00, "delivered"), ("m8", 0x43, "failed")):
            say(f"a notification is wanted, and TP-ST is {final:02x}")
            body = cpim("tell me", "positive-delivery, negative-delivery", name, me, you)
            tpdu, status = await submitted(bob.send_im(you, body, content_type=CPIM), taken)
            equal((tpdu.text, tpdu.srr, status), ("tell me", 1, 202), "text, TP-SRR and the answer")
            for status in (0x21, final):
                sent = await centre.deliver(me, "", "", tpdu=sms.status_report(tpdu.mr, "+15558888", status, when=1780000000))
                equal((await sent.outcome()).kind, "RP-ACK", "the centre is answered at once")
            notification = (await bob.next_message()).body.decode()
            equal(f"<message-id>{name}</message-id>" in notification and f"<{found}/>" in notification, True, notification)
            for element in (
                "<recipient-uri>tel:+15558888<",
                f"<original-recipient-uri>{you}<",
                "<datetime>2026-05-28T20:26:40Z<",
            ):
                equal(element in notification, True, f"{element} in {notification}")
        say("a status report on nothing")
        sent = await centre.deliver(me, "", "", tpdu=sms.status_report(250, "+15558888", 0))
        equal((await sent.outcome()).kind, "RP-ACK", "taken and discarded")
        await asyncio.sleep(0.3)
        equal(bob.inbox.qsize(), 0, "further notifications")


run(
    phone_asks,
    client_confirms,
    refused_later,
    however_it_is_confirmed,
    however_in_lua,
    client_asks,
    told_again,
    through_a_service_centre,
)
