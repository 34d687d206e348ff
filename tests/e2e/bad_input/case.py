"""Bad input: see README.md."""

import random
import secrets

import sms
from e2e import ImClient, Phone, Rows, equal, gateway, run, say
from phone import SMS

GOOD = sms.rp_data(1, "+15559999", sms.submit("+15550002", "hush hush", mr=1))
TPDU_AT = 10  # of GOOD: MTI, MR, RP-OA, RP-DA (6), RP-User-Data's length

# Of these not even the RP message can be read: 400.
RP_BROKEN = {
    "no body": b"",
    "RP-MTI alone": GOOD[:1],
    "no RP-OA": GOOD[:2],
    "no RP-DA": GOOD[:3],
    "RP-DA cut": GOOD[:6],
    "no RP-User-Data": GOOD[:9],
    "RP-User-Data cut": GOOD[:-1],
    "RP-DA longer than all": GOOD[:3] + b"\xff" + GOOD[4:],
    "RP-ERROR without a cause": b"\x04\x01",
    "RP-ERROR, cause cut": b"\x04\x01\x02\x16",
}


def with_tpdu(tpdu):
    return GOOD[: TPDU_AT - 1] + bytes([len(tpdu)]) + tpdu


TPDU = GOOD[TPDU_AT:]

# Of these the RP message can: 202 and an RP-ERROR of the syntax causes.
TPDU_BROKEN = {
    "no TPDU": with_tpdu(b""),
    "TP-MTI reserved": with_tpdu(bytes([TPDU[0] | 3]) + TPDU[1:]),
    "TP-DA cut": with_tpdu(TPDU[:4]),
    "TP-DA of 255 digits": with_tpdu(TPDU[:2] + b"\xff" + TPDU[3:]),
    "no TP-UDL": with_tpdu(TPDU[:10]),
    "TP-UDL beyond the octets present": with_tpdu(TPDU[:10] + b"\xa0" + TPDU[11:]),
    "TP-UD missing": with_tpdu(TPDU[:11]),
    "TP-UDHL beyond TP-UD": with_tpdu(bytes([TPDU[0] | 0x40]) + TPDU[1:11] + b"\xff" + TPDU[12:]),
    "SMS-COMMAND": with_tpdu(bytes([2, 9, 0, 0, 1]) + TPDU[2:8] + b"\0"),
}

SYNTAX_CAUSES = {69, 95, 96, 97, 99, 111}


async def rp_bodies():
    "mistakes that the software of a phone can make in an RP message"
    rows = Rows()
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for name, octets in RP_BROKEN.items():
            rows.check(name, (await alice.send_rp(octets)).answer.status, 400)
        for name, octets in TPDU_BROKEN.items():
            sent = await alice.send_rp(octets, 1)
            rows.check(name, sent.answer.status, 202)
            report = await sent.outcome()
            rows.check(f"{name}: report", (report.kind, report.cause in SYNTAX_CAUSES), ("RP-ERROR", True))
            rows.check(f"{name}: a TP-FCS from the network", report.tpdu is None or report.tpdu.fcs is not None, True)
        say("RP messages of the wrong direction")
        for mti in (1, 3, 5, 7):
            sent = await alice.send_rp(bytes([mti]) + GOOD[1:], 1)
            rows.check(f"RP-MTI {mti} from a phone", sent.answer.status in (202, 400), True)
            if sent.answer.status == 202:
                report = await sent.outcome()
                rows.check(f"RP-MTI {mti}: report", (report.kind, report.cause), ("RP-ERROR", 97))
        rows.check("what bob got", bob.requests, [])
        sent = await alice.send_rp(GOOD[:1] + b"\x55" + GOOD[2:])
        rows.check("the next SM", (await sent.outcome()).kind, "RP-ACK")
        rows.check("and its text", (await bob.next_message()).text, "hush hush")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        log = gw.log()
        for secret in ("hush", "5550001", "5550002", GOOD[TPDU_AT:].hex()):
            rows.check(f"{secret!r} in the log", secret in log, False)
    rows.done(len(RP_BROKEN) + 3 * len(TPDU_BROKEN))


async def noise():
    "a thousand random, mutated and truncated bodies"
    random.seed(24011)
    async with gateway(name="noise") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        answers = {}
        for i in range(1000):
            octets = bytearray(GOOD)
            if i % 3 == 0:
                octets = bytearray(random.randbytes(random.randrange(300)))
            for _ in range(random.randrange(1, 6) if i % 3 == 1 else 0):
                octets[random.randrange(len(octets))] = random.randrange(256)
            if i % 3 == 2:
                at = random.randrange(len(octets))
                octets = octets[:at] + random.randbytes(random.randrange(40)) + octets[at:]
            sent = await alice.send_rp(bytes(octets))
            answers[sent.answer.status] = answers.get(sent.answer.status, 0) + 1
        say(f"answers: {answers}")
        equal(set(answers) <= {202, 400}, True, f"only 202 and 400 ({answers})")
        equal(answers.get(400, 0) > 200, True, "hundreds refused")
        sent = await alice.send_sm("+15550002", "still here", mr=250)
        equal((await sent.outcome()).kind, "RP-ACK", "the next SM")
        equal(bob.requests[-1].text, "still here", "its text")


async def instant_messages():
    "media types, charsets and octets of an instant message for a phone"
    rows = Rows()
    async with gateway(name="im") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for kind, body, wanted in (
            ("image/png", b"\x89PNG", 415),
            ("text/html", b"<b>hi</b>", 415),
            ("text/plain;charset=klingon", b"hi", 415),
            ("text/plain;charset=UTF-8", b"\xc3\x28", 400),
            ("text/plain;charset=UTF-8", b"\xed\xa0\x80", 400),
            ("text/plain;charset=UTF-8", b"cut \xf0\x9f\x98", 400),
        ):
            got = await bob.send_im(gw.uri("alice"), body, content_type=kind)
            rows.check(f"{kind} {body!r}", got.status, wanted)
            if wanted == 415:
                accept = got.get("Accept") or ""
                rows.check(f"{kind}: Accept", "text/plain" in accept, True)
        rows.check("what the phone got", alice.requests, [])
        # A phone would show nothing after a NUL, so such a text is not taken; line ends become LF.
        for kind, text, wanted in (
            ("text/plain;charset=UTF-8", "with a \0 inside", None),
            ("text/plain;charset=UTF-8", "lone \r here", "lone \n here"),
            ("text/plain;charset=UTF-8", "a\r\n\r\nb\n", "a\n\nb\n"),
            ("text/plain", "missing charset: é", "missing charset: é"),
            ('TEXT/Plain ; Charset="utf-8"', "another spelling", "another spelling"),
        ):
            got = await bob.send_im(gw.uri("alice"), text, content_type=kind)
            rows.check(repr(text), got.status, 200 if wanted else 400)
            if got.status == 200:
                rows.check(f"{text!r}: text", (await alice.next_message())[1].tpdu.text, wanted)
    rows.done(18)


def raw(gw, user, body, length, transport="UDP"):
    """A MESSAGE with a given Content-Length. It has no credentials: the parser runs before authentication."""
    lines = [
        f"MESSAGE {gw.uri('alice')} SIP/2.0",
        f"Via: SIP/2.0/{transport} {user.endpoint.address[0]}:{user.endpoint.address[1]};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <sip:bob@ims.example>;tag={secrets.token_hex(4)}",
        f"To: <{gw.uri('alice')}>",
        f"Call-ID: {secrets.token_hex(8)}",
        "CSeq: 1 MESSAGE",
        f"Content-Type: {SMS}",
        *([f"Content-Length: {length}"] if length is not None else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def lying_lengths():
    "Content-Length too large, too small, negative, huge, missing; octets that are not SIP"
    async with gateway(name="lengths") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for length in (len(GOOD) + 1, 65535, 0, 1, -1, 2**31, 2**63, "x", None):
            bob.endpoint.send_octets(raw(gw, bob, GOOD, length))
        for octets in (b"\0" * 100, b"MESSAGE", b"\r\n\r\n", random.randbytes(1400), b"SIP/2.0 200 OK\r\n\r\n"):
            bob.endpoint.send_octets(octets)
        equal((await bob.send_im(gw.uri("alice"), "still here")).status, 200, "the next IM, over UDP")
        stream = await gw.endpoint("tcp")
        carol = await gw.user(ImClient, "bob", stream)
        stream.send_octets(raw(gw, carol, GOOD, 2**31, "TCP"))
        broken = await gw.endpoint("tcp")
        broken.send_octets(raw(gw, carol, GOOD, len(GOOD) + 100, "TCP"))
        equal((await bob.send_im(gw.uri("alice"), "and here")).status, 200, "the next IM")
        equal([sms.decode(r.body).tpdu.text for r in alice.requests], ["still here", "and here"], "what the phone got")


run(rp_bodies, noise, instant_messages, lying_lengths)
