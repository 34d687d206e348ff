"""The fields of a TPDU that concern its text: see README.md."""

import asyncio

import sip
import sms
from e2e import ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from phone import SMS

HELLO = b"\x05" + sms.gsm7("hello")[0]
WIDE = b"\x04" + "漢字".encode("utf-16-be")


def stage(port, **options):
    return gateway(sc_uri=f"sip:127.0.0.2:{port}", **options)


async def centre_at(gw, port):
    return ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)


class Both:
    """The same content from a phone and from a service centre, and both outcomes."""

    def __init__(self, gw, alice, centre, bob):
        self.gw, self.alice, self.centre, self.bob, self.rows = gw, alice, centre, bob, Rows()

    async def check(self, name, wanted_phone, wanted_centre, first=0, pid=0, dcs=0, user_data=HELLO, text="hello"):
        """`wanted` is RP-Cause and TP-FCS, None for RP-ACK without an IM, or True for RP-ACK and the text."""
        for side, wanted in (("phone", wanted_phone), ("centre", wanted_centre)):
            before = len(self.bob.requests)
            if side == "phone":
                tpdu = sms.submit("+15550002", "", mr=before, first=first | 0x01, pid=pid, dcs=dcs, user_data=user_data)
                sent = await self.alice.send_sm("+15550002", "", tpdu=tpdu)
            else:
                tpdu = sms.deliver("+15557777", "", first=first | 0x04, pid=pid, dcs=dcs, user_data=user_data)
                sent = await self.centre.deliver(self.gw.uri("bob"), "", "", tpdu=tpdu)
            report = await sent.outcome()
            found = (report.cause, report.tpdu.fcs if report.tpdu else None) if report.cause else None
            seen = [request.text for request in self.bob.requests[before:]]
            self.rows.check(f"{name}, {side}: the report", found, wanted if isinstance(wanted, tuple) else None)
            self.rows.check(f"{name}, {side}: the client", seen, [text] if wanted is True else [])


async def both_sides(name):
    port = free_port()
    return port, stage(port, name=name)


async def protocol_identifiers():
    "TP-PID"
    port, stage_gateway = await both_sides("pid")
    async with stage_gateway as gw:
        centre, alice, bob = await centre_at(gw, port), await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        both = Both(gw, alice, centre, bob)
        await both.check("plain", True, True)
        await both.check("type 0", None, None, pid=0x40)
        for pid in range(0x41, 0x48):
            await both.check(f"replace type {pid - 0x40}", True, True, pid=pid)
        for pid in (0x3D, 0x3E, 0x3F, 0x48, 0x7C, 0x7D, 0x7E, 0x7F):
            before = len(bob.requests)
            for sent in (
                await alice.send_sm("+15550002", "", tpdu=sms.submit("+15550002", "hi", mr=pid, pid=pid)),
                await centre.deliver(gw.uri("bob"), "", "", tpdu=sms.deliver("+15557777", "hi", pid=pid)),
            ):
                both.rows.check(f"TP-PID {pid:02X}", (await sent.outcome()).kind, "RP-ERROR")
            both.rows.check(f"TP-PID {pid:02X}: the client", len(bob.requests), before)
        both.rows.done(at_least=50)


async def coding_schemes():
    "TP-DCS and ports: classes, indications, and content that is no text"
    port, stage_gateway = await both_sides("dcs")
    async with stage_gateway as gw:
        centre, alice, bob = await centre_at(gw, port), await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        both = Both(gw, alice, centre, bob)
        for name, dcs, user_data, text in (
            ("class 0", 0x10, HELLO, "hello"),
            ("class 1", 0xF1, HELLO, "hello"),
            ("UCS2", 0x08, WIDE, "漢字"),
            ("UCS2, class 1", 0x19, WIDE, "漢字"),
            ("an indication that is kept", 0xD8, HELLO, "hello"),
            ("an indication that is kept, UCS2", 0xE8, WIDE, "漢字"),
            ("reserved, as the default alphabet", 0x80, HELLO, "hello"),
        ):
            await both.check(name, True, True, dcs=dcs, user_data=user_data, text=text)
        await both.check("an indication whose text is discarded", None, None, dcs=0xC8)
        for name, dcs, phone, at_centre in (
            ("8-bit data", 0x04, (21, 0x90), (111, 0x90)),
            ("8-bit data, class 1", 0xF5, (21, 0x90), (111, 0x90)),
            ("compressed", 0x20, (21, 0x90), (111, 0x90)),
            ("for the (U)SIM", 0xF2, (21, 0x91), (111, 0x91)),
            ("for the terminal", 0xF3, (21, 0x91), (111, 0x91)),
        ):
            await both.check(name, phone, at_centre, dcs=dcs)
        ports = b"\x06\x05\x04\x0b\x84\x23\xf0"  # application port addressing, 16 bit (23.040 9.2.3.24.4)
        await both.check("ports", (21, 0x90), (111, 0x90), first=0x40, dcs=0x08, user_data=bytes([11]) + ports + WIDE[1:])
        data = bytes([3]) + b"\1\2\3"
        sent = await centre.deliver(gw.uri("bob"), "", "", tpdu=sms.deliver("+15557777", "", pid=0x7F, dcs=0xF6, user_data=data))
        report = await sent.outcome()
        both.rows.check("(U)SIM data download", (report.cause, report.tpdu.fcs), (111, 0xD5))
        for name, dcs, octets in (
            ("KS C 5601 under a reserved value", 0x84, KOREAN),
            ("the same, class 0 of it", 0x94, KOREAN),
            ("TP-UDL counts characters", 0x84, bytes([5]) + KOREAN[1:]),
            ("one character", 0x84, b"\x02" + KOREAN[1:3]),
            ("octets as if they were septets", 0x00, b"\x0dsome old text"),
            ("half a character of UCS2", 0x08, b"\x03\0h\0"),
        ):
            await both.check(name, (21, 0x9F), (111, 0x9F), dcs=dcs, user_data=octets)
        both.rows.done(at_least=74)


# "안녕하세요", and TP-UDL counts its octets.
KOREAN = b"\x0a" + "안녕하세요".encode("euc-kr")


async def agreed_charsets():
    "a reserved TP-DCS value with a charset of its own (dcs_charset)"
    port = free_port()
    async with stage(port, name="agreed", modparams={"dcs_charset": "84=euc-kr, 94=euc-kr"}) as gw:
        centre, alice, bob = await centre_at(gw, port), await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        both = Both(gw, alice, centre, bob)
        for dcs in (0x84, 0x94):
            await both.check(f"{dcs:02X}", True, True, dcs=dcs, user_data=KOREAN, text="안녕하세요")
        await both.check("septets", True, True, dcs=0x84, user_data=HELLO, text="hello")
        await both.check("half a character", (21, 0x9F), (111, 0x9F), dcs=0x84, user_data=b"\x03" + KOREAN[1:4])
        await both.check("another value", (21, 0x9F), (111, 0x9F), dcs=0x88, user_data=KOREAN)
        both.rows.done(at_least=20)


def packed(header, septets):
    """TP-UDL and TP-UD of septets behind a header of four octets: 32 bits, and 3 of fill."""
    value, count = int.from_bytes(header, "little"), 5
    for septet in septets:
        value |= septet << 7 * count
        count += 1
    return bytes([count]) + value.to_bytes(-(-count * 7 // 8), "little")


# 23.038 A.3.1 and A.2.1: Turkish letters in the locking table, and behind an escape in the single shift table. The other
# characters used here are where ASCII has them.
LOCKING = {"ı": 0x07, "Ğ": 0x0B, "ğ": 0x0C, "Ş": 0x1C, "ş": 0x1D, "İ": 0x40, "ç": 0x60}
SINGLE = {"Ğ": 0x47, "İ": 0x49, "Ş": 0x53, "ç": 0x63, "ğ": 0x67, "ı": 0x69, "ş": 0x73}


def locking(text):
    return packed(b"\x03\x25\x01\x01", [LOCKING.get(c, ord(c)) for c in text])


def single_shift(text):
    septets = [[0x1B, SINGLE[c]] if c in SINGLE else [ord(c)] for c in text]
    return packed(b"\x03\x24\x01\x01", sum(septets, []))


async def languages():
    "a national alphabet is written where the operator allows it, and always read"
    # The long one fits one SM in the locking table only.
    short, long = "İyi akşamlar, dağ ağzı, çığ", "İyi akşamlar, dağ ağzı, çığ " * 5
    async with gateway(name="languages", modparams={"languages": "turkish"}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for text, octets in ((short, single_shift(short)), (short, locking(short)), (long, locking(long))):
            sent = await alice.send_sm("+15550002", "", tpdu=sms.submit("+15550002", "", first=0x41, dcs=0, user_data=octets))
            equal((await bob.next_message()).text, text, "the client's text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
        for text, octets in ((short, single_shift(short)), (long, locking(long))):
            equal((await bob.send_im(gw.uri("alice"), text)).status, 200, "the answer")
            request, _ = await alice.next_message()
            equal(request.body[-len(octets) :].hex(), octets.hex(), "TP-UDL and TP-UD")
    async with gateway(name="no-languages") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), short)).status, 200, "the answer")
        _, seen = await alice.next_message()
        equal((seen.tpdu.dcs, seen.tpdu.text), (0x08, short), "UCS2 unless the operator says so")


async def loops():
    "a forwarded message is marked (TP-LP); a marked message is not converted; a reply path changes nothing"
    port, stage_gateway = await both_sides("loops")
    async with stage_gateway as gw:
        centre, alice, bob = await centre_at(gw, port), await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for headers, mark in (
            ([], 0),
            ([("Diversion", "<sip:carol@ims.example>;reason=unconditional")], 0x08),
            ([("History-Info", "<sip:carol@ims.example>;index=1, <sip:alice@ims.example;cause=302>;index=1.1")], 0x08),
        ):
            equal((await bob.send_im(gw.uri("alice"), "hi", headers=headers)).status, 200, "the answer")
            _, seen = await alice.next_message()
            equal(seen.tpdu.octets[0] & 0x08, mark, f"TP-LP after {headers}")
        sent = await centre.deliver(gw.uri("bob"), "", "", tpdu=sms.deliver("+15557777", "round", first=0x0C))
        report = await sent.outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 111), "the report on an SM with TP-LP")
        equal(bob.requests, [], "what the client got")
        for first, sender in ((0x81, alice), (0x84, centre)):
            if sender is alice:
                sent = await alice.send_sm("+15550002", "", tpdu=sms.submit("+15550002", "answer me", first=first))
            else:
                sent = await centre.deliver(gw.uri("bob"), "", "", tpdu=sms.deliver("+15557777", "answer me", first=first))
            equal((await bob.next_message()).text, "answer me", "the text of an SM with TP-RP")
            equal((await sent.outcome()).kind, "RP-ACK", "its report")


async def emergencies():
    "a message to an emergency service is never converted"
    pidf = b"--b\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--b\r\nContent-Type: text/plain\r\n\r\nhelp\r\n--b--\r\n"
    port, stage_gateway = await both_sides("emergencies")
    async with stage_gateway as gw:
        centre, alice, bob = await centre_at(gw, port), await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for uri in ("urn:service:sos", "urn:service:sos.police", "tel:112;phone-context=ims.example", "sip:911@ims.example"):
            answer = await bob.send_im(uri, pidf, "multipart/mixed;boundary=b")
            equal(answer.status, 404, f"the answer for {uri}")
        equal(centre.submitted.qsize(), 0, "what the centre got")
    async with gateway(name="alone", modparams={"emergency": "999,112"}) as gw:
        alice = await gw.user(Phone, "alice")
        for number in ("999", "112"):
            report = await (await alice.send_sm(number, "help")).outcome()
            equal((report.kind, report.cause), ("RP-ERROR", 1), f"an SM to {number}")


async def validity():
    "Expires becomes the smallest TP-VP that is not less"
    port, stage_gateway = await both_sides("validity")
    async with stage_gateway as gw:
        centre, bob, rows = await centre_at(gw, port), await gw.user(ImClient, "bob"), Rows()
        # 23.040 9.2.3.12.1: to 12 h in steps of 5 min, to 24 h of 30 min, to 30 d of 1 d, to 63 weeks of 1 week
        for expires, octet in (
            (None, None),
            (1, 0),
            (300, 0),
            (301, 1),
            (12 * 3600, 143),
            (12 * 3600 + 1, 144),
            (24 * 3600, 167),
            (24 * 3600 + 1, 168),
            (30 * 86400, 196),
            (30 * 86400 + 1, 197),
            (63 * 7 * 86400, 255),
            (2**31, 255),
        ):
            headers = [] if expires is None else [("Expires", str(expires))]
            sending = asyncio.create_task(bob.send_im("sip:+15558888@ims.example", "hi", headers=headers))
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            tpdu = message.tpdu.octets
            rows.check(f"Expires {expires}: TP-VPF", tpdu[0] >> 3 & 3, 0 if octet is None else 2)
            # first octet, TP-MR, TP-DA (6 octets), TP-PID, TP-DCS, TP-VP
            if octet is not None:
                rows.check(f"Expires {expires}: TP-VP", tpdu[10], octet)
            to = sip.addr_spec(request.get("P-Asserted-Identity"))
            await centre.report_to(to, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
            rows.check(f"Expires {expires}: the answer", (await sending).status, 202)
        rows.done(at_least=30)


async def content_types():
    "spellings of the media type; a part of a multipart body with octets that look like line ends"
    async with gateway(name="types") as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        for mr, content_type in enumerate((SMS, SMS.upper(), "Application/vnd.3gpp.SMS", f"{SMS};a=b", f"{SMS} ; a=\"b;c\"")):
            octets = sms.rp_data(mr, alice.centre, sms.submit("+15550002", content_type, mr=mr))
            sent = await alice.send_rp(octets, content_type=content_type)
            rows.check(content_type, (await bob.next_message()).text, content_type)
            rows.check(f"{content_type}: the report", (await sent.outcome()).kind, "RP-ACK")
        # RP-MR and TP-MR are a lone CR, a lone LF; the text has the boundary's first characters.
        for mr in (0x0D, 0x0A):
            octets = sms.rp_data(mr, alice.centre, sms.submit("+15550002", "", mr=mr, dcs=8, user_data=b"\x0a" + "--b\r\n".encode("utf-16-be")))
            body = b"\r\n".join(
                (b"preamble", b"--b", b"Content-Type: application/pidf+xml", b"", b"<presence/>", b"--b",
                 f"Content-Type: {SMS}".encode(), b"Content-Transfer-Encoding: binary", b"", octets, b"--b--", b"")
            )  # fmt: skip
            sent = await alice.send_rp(body, mr=mr, content_type="multipart/mixed;boundary=b")
            rows.check(f"RP-MR {mr:02X} in a multipart body", (await bob.next_message()).text, "--b\r\n")
            rows.check(f"RP-MR {mr:02X}: the report", (await sent.outcome()).mr, mr)
        rows.done(at_least=14)


run(protocol_identifiers, coding_schemes, agreed_charsets, languages, loops, emergencies, validity, content_types)
