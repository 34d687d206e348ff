"""Messages to several people: see README.md."""

import asyncio
import re

import sip
import sms
from e2e import CFG, CpimClient, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port

PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", None), ("erin", "+15550005")]
NAMESPACES = 'xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="urn:ietf:params:xml:ns:copycontrol"'
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


def entries(*uris):
    return "".join(f'<entry uri="{uri}" cp:copyControl="to"/>' for uri in uris)


def body_to(inner, text="hello all", content_type="text/plain;charset=utf-8"):
    """A multipart/mixed of a text and a list of recipients (RFC 5365 5)."""
    return (
        f"--b\r\nContent-Type: {content_type}\r\n\r\n{text}\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
        f'<?xml version="1.0" encoding="UTF-8"?><resource-lists {NAMESPACES}><list>{inner}</list></resource-lists>\r\n--b--\r\n'
    ).encode()


async def send_list(sender, inner, uri="sip:ims.example", **options):
    headers = [("Require", "recipient-list-message")]
    return await sender.send_im(uri, body_to(inner, **options), "multipart/mixed;boundary=b", headers=headers)


async def everybody(name="everybody", **script):
    "a phone, a client and a number elsewhere, by names and numbers, one of them twice"
    port = free_port()
    async with gateway(name=name, people=PEOPLE, sc_uri=f"sip:127.0.0.2:{port}", **script) as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, carol = await gw.user(Phone, "alice"), await gw.user(Phone, "carol", protocol="tcp")
        bob, dave = await gw.user(ImClient, "bob"), await gw.user(ImClient, "dave")
        inner = entries("sip:alice@ims.example", "tel:+1-555-0003", "sip:dave@ims.example", "sip:+15558888@ims.example")
        inner += '<list><entry uri="sip:+15550001@ims.example;user=phone" cp:copyControl="bcc"/></list>'
        equal((await send_list(bob, inner)).status, 202, "the answer")
        for phone in (alice, carol):
            request, seen = await phone.next_message()
            equal((seen.tpdu.text, seen.tpdu.address), ("hello all", "+15550002"), f"what {phone.name} got")
            equal(b"1555000" in request.body, False, "somebody else's name")
        request = await dave.next_message()
        equal((request.text, request.content_type), ("hello all", "text/plain"), "what dave got")
        for field in ("From", "P-Asserted-Identity"):
            equal(sip.addr_spec(request.get(field)), "sip:+15550002@ims.example", field)
        equal(sip.addr_spec(request.get("To")), "sip:dave@ims.example", "To")
        equal("alice" in request.encode().decode("latin-1"), False, "somebody else's name")
        equal(gw.pattern_seen("ERROR: "), False, "an error in the log")
        request, message = await asyncio.wait_for(centre.submitted.get(), 20)
        equal((message.tpdu.kind, message.tpdu.address, message.tpdu.text), ("SMS-SUBMIT", "+15558888", "hello all"), "the centre")
        await centre.report_to(bob.identity, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        equal((len(alice.requests), len(carol.requests), len(dave.requests)), (1, 1, 1), "copies")
        equal(gw.statistics("ipsmgw")["copy"], 4, "the counter of copies")


async def in_lua():
    "the same with kamailio.lua"
    await everybody("lua", **LUA)


async def notified():
    "each recipient has its own notification, under the name that the sender wrote; unreachable ones have one, too"
    async with gateway(name="notified", people=PEOPLE) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        carol, dave = await gw.user(Phone, "carol"), await gw.user(ImClient, "dave")
        carol.rp_answers.append(22)
        wrapped = (
            "From: <sip:+15550002@ims.example>\r\nTo: <sip:ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
            "imdn.Message-ID: m1\r\nDateTime: 2026-01-01T12:00:00Z\r\n"
            "imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\nto all"
        )
        names = {
            "sip:alice@ims.example": "delivered",
            "sip:carol@ims.example": "failed",
            "sip:dave@ims.example": "delivered",
            "sip:erin@ims.example": "failed",
            "sip:nobody@ims.example": "failed",
        }
        answer = await send_list(bob, entries(*names), text=wrapped, content_type="message/cpim")
        equal(answer.status, 202, "the answer")
        equal((await alice.next_message())[1].tpdu.text, "to all", "the phone's text")
        seen = await dave.next_message()
        equal((seen.text, seen.content_type), ("to all", "text/plain"), "who cannot read CPIM gets its text")
        found = {}
        for _ in names:
            document = (await bob.next_message()).body.decode()
            equal("<message-id>m1</message-id>" in document, True, "the message-id")
            who = re.search(r"<recipient-uri>(.*)</recipient-uri>", document).group(1)
            found[who] = re.search(r"<status>\s*<(\w+)/>", document).group(1)
        equal(found, names, "the notifications")
        await asyncio.sleep(0.3)
        equal(bob.inbox.qsize(), 0, "further ones")


async def many_clients():
    "all clients of a person get it, and one of the phones; one client that takes it is enough"
    async with gateway(name="clients", people=PEOPLE) as gw:
        one, two = await gw.user(Phone, "alice"), await gw.user(Phone, "alice", protocol="tcp")
        bob = await gw.user(ImClient, "bob")
        desk, laptop = await gw.user(ImClient, "dave"), await gw.user(ImClient, "dave", protocol="tcp")
        for text, answers in (("first", (486, 200)), ("second", (200, 486)), ("third", (486, 603))):
            desk.answers.append(answers[0])
            laptop.answers.append(answers[1])
            inner = entries("sip:alice@ims.example", "sip:dave@ims.example")
            equal((await send_list(bob, inner, text=text)).status, 202, "the answer")
            equal([(await client.next_message()).text for client in (desk, laptop)], [text, text], "what the clients got")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        equal(len(one.requests) + len(two.requests), 3, "what the phones got")
        equal(gw.statistics("ipsmgw")["copy_failed"], 1, "copies that no client took")


async def refused():
    "a refused list is refused as a whole: no recipient gets the message"
    async with gateway(name="refused", people=PEOPLE, modparams={"max_recipients": 3}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        good = "sip:alice@ims.example"
        rows = Rows()
        for what, inner, status in (
            ("somebody who is not there", entries(good, "sip:erin@ims.example"), 480),
            ("nobody", entries(good, "sip:zoe@ims.example"), 404),
            ("somebody elsewhere", entries(good, "sip:x@elsewhere.example"), 404),
            ("no URI", entries(good, "mailto:x@y"), 404),
            ("an emergency number", entries(good, "tel:112;phone-context=ims.example"), 404),
            ("four", entries(good, *[f"sip:{n}@ims.example" for n in "xyz"]), 413),
            ("a list elsewhere", entries(good) + '<external anchor="http://x"/>', 488),
            ("no list", "<entry", 400),
            ("an empty list", "", 400),
        ):
            rows.check(what, (await send_list(bob, inner)).status, status)
        answer = await send_list(bob, entries(good), uri=gw.uri("alice"))
        rows.check("a list to a phone", (answer.status, answer.get("Unsupported")), (420, "recipient-list-message"))
        gw.rpc("ipsmgw.auth_set", "s:+15550002", "sm2im")
        rows.check("not authorised", (await send_list(bob, entries(good))).status, 404)
        gw.rpc("ipsmgw.auth_set", "s:+15550002", "both")
        rows.check("what the phone got", alice.requests, [])
        rows.check("a good one", (await send_list(bob, entries(good))).status, 202)
        rows.done()
    async with gateway(name="none", modparams={"max_recipients": 0}) as gw:
        await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob")
        equal((await send_list(bob, entries(good))).status, 404, "lists are for nobody here")
    async with gateway(name="full", people=PEOPLE, modparams={"max_pending": 1, "max_per_party": 1}) as gw:
        say("no room for both: neither is sent")
        alice, carol = await gw.user(Phone, "alice"), await gw.user(Phone, "carol")
        bob = await gw.user(ImClient, "bob")
        answer = await send_list(bob, entries(good, "sip:carol@ims.example"))
        equal((answer.status, answer.get("Retry-After") is None), (480, False), "the answer")
        equal((gw.pending(), alice.requests, carol.requests), (0, [], []), "what is left")


run(everybody, in_lua, notified, many_clients, refused)
