"""Packed bodies, charsets, media types: see README.md."""

import asyncio
import gzip
import re
import zlib
from pathlib import Path

import sms
from e2e import ALICE, CFG, CpimClient, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run
from gateway import free_port
from phone import SMS
from scscf import SMSIP, PhoneThere, Scscf, reginfo

VECTORS = Path(__file__).parents[2] / "vectors" / "sip"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
DEFLATE = ("Content-Encoding", "deflate")


def raw(octets):
    """Deflate without the header and checksum of zlib, as some senders write it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(octets) + packer.flush()


def vector(name):
    return [bytes.fromhex(line) for line in (VECTORS / name).read_text().split()]


async def instant_messages():
    "a text, a CPIM and parts in each Content-Encoding; broken data; data that grows too much"
    async with gateway(name="im") as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        text = b"a text of some length, gr\xc3\xbc\xc3\x9fe"
        cpim = b"From: <sip:bob@ims.example>\r\n\r\nContent-Type: text/plain;charset=utf-8\r\n\r\n" + text
        inner = cpim.replace(b"\r\n\r\nContent-Type", b"\r\n\r\nContent-Encoding: deflate\r\nContent-Type").replace(text, zlib.compress(text))
        part = b"--b\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\n\r\n" + gzip.compress(text) + b"\r\n--b--\r\n"
        mixed = "multipart/mixed;boundary=b"
        for name, kind, body, *fields in (
            ("deflate", "text/plain", zlib.compress(text), DEFLATE),
            ("without zlib's header", "text/plain", raw(text), DEFLATE),
            ("gzip", "text/plain", gzip.compress(text), ("Content-Encoding", "GZIP")),
            ("x-gzip", "text/plain", gzip.compress(text), ("Content-Encoding", "x-gzip")),
            ("the compact form", "text/plain", zlib.compress(text), ("e", "deflate")),
            ("identity", "text/plain", text, ("Content-Encoding", "identity")),
            ("two in a list", "text/plain", gzip.compress(zlib.compress(text)), ("Content-Encoding", "deflate, gzip")),
            ("two in two lines", "text/plain", gzip.compress(zlib.compress(text)), DEFLATE, ("e", "gzip")),
            ("CPIM", "message/cpim", zlib.compress(cpim), DEFLATE),
            ("in CPIM", "message/cpim", inner),
            ("a part", mixed, part),
            ("a multipart body", mixed, zlib.compress(b"--b\r\n\r\n" + text + b"\r\n--b--"), DEFLATE),
        ):
            answer = await bob.send_im(gw.uri("alice"), body, kind, headers=fields)
            rows.check(name, answer.status, 200)
            if answer.status == 200:
                rows.check(f"{name}: the text", (await alice.next_message())[1].tpdu.text, text.decode())
        for octets, kind in ((vector("text_deflate.hex")[0], "text/plain"), (vector("cpim_deflate.hex")[0], "message/cpim")):
            answer = await bob.send_im(gw.uri("alice"), octets, kind, headers=[DEFLATE])
            rows.check(f"from the field, {kind}", answer.status, 200)
            rows.check("its text", "\ufffd" not in (await alice.next_message())[1].tpdu.text, True)
        before = len(alice.requests)
        bomb = zlib.compress(bytes(1 << 24), 9)
        for name, kind, body, encoding, wanted in (
            ("an encoding that is not supported", "text/plain", text, "br", 415),
            ("one of two", "text/plain", gzip.compress(text), "br, gzip", 415),
            ("a notification in it", "message/imdn+xml", text, "br", 415),
            ("octets that are not in it", "text/plain", text, "deflate", 400),
            ("a part of them", "text/plain", zlib.compress(text)[:-3], "deflate", 400),
            ("a bomb", "text/plain", bomb, "deflate", 413),
            ("a packed bomb", "text/plain", gzip.compress(bomb), "deflate, gzip", 413),
            ("a bomb in CPIM", "message/cpim", zlib.compress(cpim + bytes(1 << 20), 9), "deflate", 413),
        ):
            answer = await bob.send_im(gw.uri("alice"), body, kind, headers=[("Content-Encoding", encoding)])
            rows.check(name, answer.status, wanted)
            if wanted == 415:
                rows.check(f"{name}: Accept-Encoding", answer.get("Accept-Encoding"), "gzip, deflate")
        rows.check("further messages at the phone", len(alice.requests), before)
        rows.done(at_least=35)


async def untouched():
    "a relayed body stays packed; an RP message may be packed, too"
    async with gateway(name="untouched", people=[ALICE, ("bob", "+15550002"), ("dave", None)]) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        dave = await gw.user(ImClient, "dave")
        for encoding, body in (("deflate", zlib.compress(b"hi")), ("br", b"\x0b\x00\x80hi\x03")):
            answer = await bob.send_im(gw.uri("dave"), body, "text/plain", headers=[("Content-Encoding", encoding)])
            equal(answer.status, 200, "the answer")
            got = await dave.next_message()
            equal((got.get("Content-Encoding"), got.body), (encoding, body), "what dave got")
        octets = zlib.compress(sms.rp_data(7, alice.centre, sms.submit("+15550002", "packed")))
        sent = await alice.send_rp(octets, mr=7, headers=[DEFLATE])
        got = await bob.next_message()
        equal((got.text, got.get("Content-Encoding")), ("packed", None), "the instant message")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def notifications():
    "a packed CPIM asks for a notification, and a packed notification completes a status report"
    async with gateway(name="imdn") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        cpim = (
            b"From: <sip:bob@ims.example>\r\nTo: <sip:alice@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: p1\r\n"
            b"imdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nhello"
        )
        equal((await bob.send_im(gw.uri("alice"), zlib.compress(cpim), "message/cpim", headers=[DEFLATE])).status, 200, "the answer")
        equal((await alice.next_message())[1].tpdu.text, "hello", "the text")
        equal(b"<message-id>p1</message-id>" in (await bob.next_message()).body, True, "the notification")
        bob.answer = 202
        sent = await alice.send_sm("+15550002", "did it come?", srr=True)
        asked = await bob.next_message()
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        message_id = re.search(rb"imdn.Message-ID: (\S+)", asked.body).group(1)
        document = (
            b'<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>' + message_id + b"</message-id><delivery-notification><status>"
            b"<delivered/></status></delivery-notification></imdn>"
        )
        body = b"From: <sip:bob@ims.example>\r\nTo: <sip:alice@ims.example>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n" + document
        packed = zlib.compress(body)
        answer = await bob.send_im("sip:+15550001@ims.example", packed, "message/cpim", headers=[DEFLATE])
        equal(answer.status, 200, "the answer to the notification")
        _, status = await alice.next_message()
        equal((status.tpdu.kind, status.tpdu.st), ("SMS-STATUS-REPORT", 0), "the status report")


async def lists():
    "a packed message with a list, and a packed list in a message"
    people = [ALICE, ("bob", "+15550002"), ("dave", None)]
    async with gateway(name="lists", people=people) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        dave = await gw.user(ImClient, "dave")
        document = (
            b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="tel:+1-555-0001"/>'
            b'<entry uri="sip:dave@ims.example"/></list></resource-lists>'
        )
        head = b"Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n"
        plain = b"--b\r\nContent-Type: text/plain\r\n\r\nto all\r\n--b\r\n" + head + b"\r\n" + document + b"\r\n--b--\r\n"
        part = plain.replace(head, head + b"Content-Encoding: deflate\r\n").replace(document, zlib.compress(document))
        for body, headers in ((zlib.compress(plain), [DEFLATE]), (part, [])):
            answer = await bob.send_im("sip:ims.example", body, "multipart/mixed;boundary=b", headers=headers)
            equal(answer.status, 202, "the answer")
            equal((await alice.next_message())[1].tpdu.text, "to all", "the phone's text")
            got = await dave.next_message()
            equal((got.text, got.get("Content-Encoding")), ("to all", None), "what dave got")
        picture = plain.replace(b"text/plain", b"image/png")
        answer = await bob.send_im("sip:ims.example", picture, "multipart/mixed;boundary=b")
        equal((answer.status, answer.get("Accept") is not None), (415, True), "a picture to several, a phone among them")


async def registrations(name="register", **script):
    "packed bodies of a third-party REGISTER and of a NOTIFY"
    async with gateway(name=name, trusted="127.0.0.3", modparams={"plain_im": 0}, **script) as gw:
        scscf = Scscf(await gw.endpoint(host="127.0.0.3"), gw.domain)
        alice, bob = scscf.device(PhoneThere, *ALICE), await gw.user(ImClient, "bob")
        content_type, body = scscf.bodies(alice.identity)
        answer = await scscf.register(alice.identity, zlib.compress(body.encode()), content_type, headers=[DEFLATE])
        equal(answer.status, 200, "the answer to the S-CSCF")
        equal((await bob.send_im(alice.identity, "hi")).status, 200, "a message to the phone that the body tells of")
        equal(scscf.subscriptions.empty(), True, "no question")
        answer = await scscf.register(alice.identity, "x", "message/sip", headers=[("Content-Encoding", "br")])
        equal(answer.status, 200, "a body that cannot be read")
        subscription = await asyncio.wait_for(scscf.subscriptions.get(), 20)
        refused = await subscription.notify(reginfo(SMSIP), headers=[("Content-Encoding", "br")])
        equal(refused, 415, "the answer to a NOTIFY in an encoding that is not supported")
        document = zlib.compress(reginfo(SMSIP).encode())
        equal(await subscription.notify(document, headers=[DEFLATE]), 200, "the answer to a packed NOTIFY")
        equal((await bob.send_im(alice.identity, "hi")).status, 200, "a message by what it says")


async def registrations_in_lua():
    "the same with kamailio.lua"
    await registrations("register-lua", **LUA)


async def charsets():
    "texts in the charsets of clients, also in CPIM and in parts"
    async with gateway(name="charsets") as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        for charset, codec, text in (
            ("GB2312", "gb2312", "你好"), ("gbk", "gbk", "你好"), ("GB18030", "gb18030", "你好"), ("big5", "big5", "你好"),
            ("windows-1251", "cp1251", "Привет"), ("KOI8-R", "koi8-r", "Привет"), ("koi8-u", "koi8-u", "Київ"),
            ("Shift_JIS", "shift_jis", "こんにちは"), ("EUC-JP", "euc-jp", "こんにちは"), ("iso-2022-jp", "iso2022_jp", "こんにちは"),
            ("EUC-KR", "euc-kr", "안녕하세요"), ("windows-1250", "cp1250", "žluť"), ("windows-1256", "cp1256", "مرحبا"),
            ("iso-8859-2", "iso-8859-2", "žluť"), ("iso-8859-7", "iso-8859-7", "γειά"), ("ISO-8859-1", "latin-1", "café"),
        ):  # fmt: skip
            octets = text.encode(codec)
            kind = f"text/plain;charset={charset}"
            cpim = f"From: <sip:bob@ims.example>\r\n\r\nContent-Type: {kind}\r\n\r\n".encode() + octets
            part = f"--b\r\nContent-Type: {kind}\r\n\r\n".encode() + octets + b"\r\n--b--"
            for content_type, body in ((kind, octets), ("message/cpim", cpim), ("multipart/mixed;boundary=b", part)):
                rows.check(f"{charset}, {content_type}", (await bob.send_im(gw.uri("alice"), body, content_type)).status, 200)
                rows.check(f"{charset}: the text", (await alice.next_message())[1].tpdu.text, text)
        for charset, octets, wanted in (
            ("gb2312", b"\xc4", 400), ("windows-1251", b"a\x98", 400), ("euc-kr", b"\xbe ", 400), ("utf-7", b"hi", 415),
        ):  # fmt: skip
            answer = await bob.send_im(gw.uri("alice"), octets, f"text/plain;charset={charset}")
            rows.check(f"{charset} {octets!r}", answer.status, wanted)
        rows.done(at_least=100)


async def cpim_fields():
    "a broken header field of CPIM does not spoil the text; an unknown mandatory one does"
    async with gateway(name="cpim") as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        for header, wanted in (
            ("From: Alice", 200),
            ("From: <sip:bob@ims.example>\r\nFrom: <sip:carol@ims.example>", 200),
            ("To:\r\nDateTime: a\r\nDateTime: b", 200),
            ("From: <sip:bob@ims.example>\r\nno field", 200),
            ("NS: imdn\r\nimdn.Message-ID: 1", 200),
            ("NS: x <urn:x>\r\nRequire: x.Vital", 488),
        ):
            body = f"{header}\r\n\r\nContent-Type: text/plain\r\n\r\nhello"
            rows.check(header, (await bob.send_im(gw.uri("alice"), body, "message/cpim")).status, wanted)
            if wanted == 200:
                rows.check(f"{header}: the text", (await alice.next_message())[1].tpdu.text, "hello")
        rows.done(at_least=11)


async def other_types(name="types", **script):
    "415 with Accept for a media type that no phone can have, whoever the recipient is"
    port = free_port()
    async with gateway(name=name, sc_uri=f"sip:127.0.0.2:{port}", **script) as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        for uri in ("sip:+15559999@ims.example", "tel:+15559999", "sip:smsc@ims.example", "sip:ims.example", gw.uri("alice"), "tel:+1-555-7777"):
            for kind, body in (("application/vnd.3gpp2.sms", b"\x00\x00\x02\x10\x02"), ("image/png", b"\x89PNG"), ("x/y", b"z")):
                answer = await alice.send("MESSAGE", uri, headers=[("Content-Type", kind)], body=body)
                rows.check(f"{kind} to {uri}", answer.status, 415)
                accept = answer.get("Accept") or ""
                rows.check(f"{kind} to {uri}: Accept", "text/plain" in accept and SMS in accept, True)
        answer = await alice.send("MESSAGE", gw.uri("bob"), headers=[("Content-Type", "image/png")], body=b"\x89PNG")
        rows.check("to an authorised recipient", answer.status, 200)
        rows.check("as it is", (await bob.next_message()).body, b"\x89PNG")
        rows.check("what the centre got", centre.submitted.qsize(), 0)
        rows.done(at_least=39)


async def other_types_in_lua():
    "the same with kamailio.lua"
    await other_types("types-lua", **LUA)


run(
    instant_messages, untouched, notifications, lists, registrations, registrations_in_lua, charsets, cpim_fields, other_types,
    other_types_in_lua,
)  # fmt: skip
