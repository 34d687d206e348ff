"""Notifications to IM senders, wish by wish and status by status: see README.md."""

import asyncio
import re

import sip
import sms
from e2e import CFG, CpimClient, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port

CPIM = "message/cpim"
ME, YOU, AFAR = "sip:+15550002@ims.example", "sip:+15550001@ims.example", "sip:+15558888@ims.example"


def cpim(wanted, message_id, to=YOU, from_=ME, more=""):
    return (
        f"From: <{from_}>\r\nTo: <{to}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        f"DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: {wanted}\r\n{more}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nhi"
    ).encode()


def told(request):
    """(Message-ID, status) of an IMDN."""
    body = request.body.decode()
    status = re.search(r"<status>\s*<(?:\w+:)?(\w+)", body)
    return re.search(r"<(?:\w+:)?message-id>([^<]*)<", body).group(1), status.group(1)


async def wishes():
    "each requested disposition, for a phone that takes the message, refuses it, does not report, or refuses late"
    async with gateway(modparams={"hold_timeout": 1, "report_timeout": 4}) as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob"), Rows()
        late = []

        def then_refuse(message):
            late.append(message.mr)

        count = 0
        for wanted, taken, refused, refused_late in (
            ("positive-delivery", ["delivered"], [], []),
            ("negative-delivery", [], [], ["failed"]),
            ("processing", ["processed"], [], ["processed"]),
            ("display", [], [], []),
            ("positive-delivery, negative-delivery, processing, display", ["delivered"], [], ["processed", "failed"]),
        ):
            for how, answer, status, statuses in (
                ("ack", "ack", 200, taken),
                ("refused", 22, 480, refused),
                ("refused late", then_refuse, 202, refused_late),
            ):
                count += 1
                alice.rp_answers.append(answer)
                got = await bob.send_im(YOU, cpim(wanted, f"m{count}"), CPIM)
                rows.check(f"{wanted}, {how}: the answer", got.status, status)
                request, seen = await alice.next_message()
                if answer is then_refuse:
                    await alice.report(request, sms.rp_error(late.pop(), 22))
                found = [told(await bob.next_message()) for _ in statuses]
                rows.check(f"{wanted}, {how}", found, [(f"m{count}", name) for name in statuses])
        say("no wish, no Message-ID, a plain text")
        for body, kind in (
            (cpim("positive-delivery", "x").replace(b"imdn.Disposition-Notification: positive-delivery\r\n", b""), CPIM),
            (cpim("positive-delivery", "x").replace(b"imdn.Message-ID: x\r\n", b""), CPIM),
            (b"plain", "text/plain"),
        ):
            rows.check(f"{body[:20]}: the answer", (await bob.send_im(YOU, body, kind)).status, 200)
            await alice.next_message()
        # One that is asked for comes behind all that were not.
        rows.check("the last", (await bob.send_im(YOU, cpim("positive-delivery", "last"), CPIM)).status, 200)
        rows.check("nothing unasked before it", told(await bob.next_message()), ("last", "delivered"))
        rows.done(at_least=35)


async def addressing(name="addressing", **script):
    "a notification goes from the recipient to the sender, by their own names, along the recorded hosts of ours"
    hosts = {"imdn_route_hosts": "list.example,127.0.0.9"}
    async with gateway(name=name, modparams=hosts, trusted="127.0.0.8/32", **script) as gw:
        bob = await gw.user(CpimClient, "bob")
        await gw.user(Phone, "alice")
        ids, rows = set(), Rows()
        for to, from_, names in (
            # By the names that the sender used, where they are the recipient's and the sender's.
            ("im:alice@ims.example", "im:bob@ims.example", ("im:alice@ims.example", "im:bob@ims.example")),
            ("tel:+1-555-0001", "sip:+15550002@elsewhere.example", ("tel:+1-555-0001", "sip:+15550002@elsewhere.example")),
            ("sip:anonymous@anonymous.invalid",) * 2 + (("sip:anonymous@anonymous.invalid",) * 2,),
            # Of another person.
            ("sip:carol@ims.example", "sip:dave@ims.example", ("sip:+15550001@ims.example", ME)),
            (ME, YOU, ("sip:+15550001@ims.example", ME)),
            ("im:a@x", "im:b@y", ("sip:+15550001@ims.example", ME)),
        ):
            answer = await bob.send_im(gw.uri("alice"), cpim("positive-delivery", f"m{len(ids)}", to, from_), CPIM)
            rows.check(f"{to} {from_}: the answer", answer.status, 200)
            request = await bob.next_message()
            body = request.body.decode()
            # The names in the request that it is about: a client finds the conversation by them.
            parties = sip.addr_spec(request.get("From")), sip.addr_spec(request.get("To"))
            rows.check(f"{to} {from_}: From and To", parties, (gw.uri("alice"), gw.uri("bob")))
            found = re.findall(r"^(?:From|To): (?:.* )?<(.*)>", body, re.M)[:2]
            rows.check(f"{to} {from_}: its wrapper", tuple(found), names)
            equal("Content-Disposition: notification" in body, True, "Content-Disposition (RFC 5438 9)")
            equal("positive-delivery" in body, False, "a notification asks for none (RFC 5438 8)")
            ids.add(re.search(r"(?im)^\S*Message-ID: (\S+)", body).group(1))
        equal(len(ids), 6, "Message-IDs")
        equal(all(len(name) >= 11 for name in ids), True, "64 random bits in each, in base64 at the least")

        say("a host of ours on the way wants notifications, too: from a trusted peer")
        ours, strange = await gw.endpoint(host="127.0.0.9"), await gw.endpoint(host="127.0.0.10")
        listens, stranger = (ImClient(endpoint, "list", None, gw.domain) for endpoint in (ours, strange))
        for endpoint, user in ((ours, listens), (strange, stranger)):
            endpoint.users["list"] = user
        peer = ImClient(await gw.endpoint(host="127.0.0.8"), "peer", None, gw.domain)
        asserted = [("P-Asserted-Identity", f"<{ME}>")]
        host, foreign = (f"sip:list@{endpoint.contact_host}" for endpoint in (ours, strange))

        async def recorded(sender, *hosts, headers=()):
            record = "".join(f"imdn.IMDN-Record-Route: <{host}>\r\n" for host in hosts)
            answer = await sender.send_im(YOU, cpim("positive-delivery", "m", more=record), CPIM, headers=headers)
            equal(answer.status, 200, "the answer")

        await recorded(peer, host, headers=asserted)
        request = await listens.next_message()
        equal(request.uri, host, "the first host gets it")
        equal(f"IMDN-Route: <{host}>" in request.body.decode(), True, "the way in it")
        equal(f"To: <{ME}>" in request.body.decode(), True, "whom it is for in the end")

        say("any other way leads straight to the sender")
        for sender, way, headers in (
            (bob, [host], ()),
            (bob, [foreign], ()),
            (peer, [foreign], asserted),
            (peer, [host, foreign], asserted),
            (peer, [foreign, host], asserted),
            (peer, ["sip:list@127.0.0.90"], asserted),
            *((peer, [host], asserted) for host in ("sip:;x@127.0.0.9", "sip:?x@127.0.0.9", "sip:@127.0.0.9", "tel:;x")),
        ):
            await recorded(sender, *way, headers=headers)
            request = await bob.next_message()
            rows.check(f"{way}: the recipient", sip.addr_spec(request.get("To")), gw.uri(sender.name))
            rows.check(f"{way}: a way in it", "IMDN-Route" in request.body.decode(), False)
        rows.check("what others got", (listens.inbox.qsize(), stranger.inbox.qsize()), (0, 0))
        rows.done(at_least=30)


async def addressing_in_lua():
    "the same with kamailio.lua"
    await addressing("addressing_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def unknown_senders():
    "an anonymous sender gets no notification"
    async with gateway(name="unknown") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        for options in ({"headers": [("Privacy", "id")]}, {"from_": "sip:anonymous@anonymous.invalid"}, {}):
            answer = await bob.send_im(YOU, cpim("positive-delivery", f"m{len(options)}"), CPIM, **options)
            equal(answer.status, 200, "the answer")
            await alice.next_message()
        equal(told(await bob.next_message()), ("m0", "delivered"), "the only notification: to who may be known")


async def switched_off():
    "imdn = never: no notification at all"
    async with gateway(name="never", modparams={"imdn": "never"}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        equal((await bob.send_im(YOU, cpim("positive-delivery", "m"), CPIM)).status, 200, "the answer")
        await alice.next_message()
        await gw.until(lambda: gw.pending() == 0, what="the end of the exchange")
        equal((gw.statistics("ipsmgw")["notification"], bob.inbox.qsize()), (0, 0), "notifications")


# A second copy of table CAU-4: the status in the IMDN, None for no IMDN, "open" where one may still come.
STATUSES = {
    0x00: "delivered", 0x01: None, 0x02: "failed", 0x03: None, 0x0F: None, 0x10: None, 0x1F: None,
    0x20: "open", 0x25: "open", 0x30: "open", 0x3F: "open",
    0x40: "failed", 0x41: "failed", 0x42: "forbidden", 0x43: "failed", 0x44: "failed", 0x45: "failed", 0x46: "failed",
    0x47: None, 0x48: "forbidden", 0x49: "error", 0x4A: "failed", 0x50: "failed", 0x5F: "failed",
    0x60: "failed", 0x61: "failed", 0x62: "failed", 0x63: "forbidden", 0x64: "failed", 0x65: "failed", 0x66: "failed",
    0x7F: "failed", 0x80: "forbidden", 0xFF: "forbidden",
}  # fmt: skip


async def statuses():
    "each TP-ST of a service centre; an interim one ends nothing"
    port = free_port()
    async with gateway(name="statuses", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        bob, rows = await gw.user(CpimClient, "bob"), Rows()

        async def submitted(message_id):
            """An IM that the centre has taken; its TP-MR."""
            body = cpim("positive-delivery, negative-delivery", message_id, to=AFAR)
            sending = asyncio.create_task(bob.send_im(AFAR, body, CPIM))
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            to = sip.addr_spec(request.get("P-Asserted-Identity"))
            await centre.report_to(to, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
            equal((await sending).status, 202, "the answer")
            return message.tpdu.mr

        async def reported(tp_mr, status):
            sent = await centre.deliver(ME, "", "", tpdu=sms.status_report(tp_mr, "+15558888", status))
            equal((await sent.outcome()).kind, "RP-ACK", "the centre is answered")

        for status, wanted in STATUSES.items():
            tp_mr = await submitted(f"s{status:02x}")
            await reported(tp_mr, status)
            if wanted == "open":
                await reported(tp_mr, 0x00)
                wanted = "delivered"
            if wanted is None:
                # It causes no notification, so the next notification is about the next message.
                await reported(await submitted("next"), 0x00)
                rows.check(f"TP-ST {status:02X}", told(await bob.next_message()), ("next", "delivered"))
            else:
                rows.check(f"TP-ST {status:02X}", told(await bob.next_message()), (f"s{status:02x}", wanted))
        rows.check("the end", (gw.pending(), bob.inbox.qsize()), (0, 0))
        say("the service centre names the recipient in its own way, or not at all: TP-MR says which message it is about")
        stamp = sms.scts()
        for name, address in (
            ("national", bytes([0x07, 0xA1, 0x55, 0x85, 0x88, 0xF8])),
            ("unknown", bytes([0x07, 0x81, 0x55, 0x85, 0x88, 0xF8])),
            ("empty", bytes([0x00, 0x80])),
        ):
            tp_mr = await submitted(name)
            tpdu = bytes([0x06, tp_mr]) + address + stamp + stamp + bytes([0x00])
            sent = await centre.deliver(ME, "", "", tpdu=tpdu)
            rows.check(f"TP-RA {name}: the centre", (await sent.outcome()).kind, "RP-ACK")
            rows.check(f"TP-RA {name}", told(await bob.next_message()), (name, "delivered"))
        say("no report for a while (STA-6): nothing is made up, and others are not held up")
        silent = await submitted("late")
        await reported(await submitted("later"), 0x00)
        rows.check("another message's report", told(await bob.next_message()), ("later", "delivered"))
        rows.check("nothing before it", bob.inbox.qsize(), 0)
        await reported(silent, 0x00)
        rows.check("its own report", told(await bob.next_message()), ("late", "delivered"))
        rows.done(at_least=len(STATUSES) + 9)


run(wishes, addressing, addressing_in_lua, unknown_senders, switched_off, statuses)
