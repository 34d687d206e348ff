"""Header fields, bodies and fields of TPDUs: see README.md."""

import time
from email.utils import formatdate, parsedate_to_datetime

import sms
from e2e import ImClient, Phone, Rows, equal, gateway, run
from phone import SMS

NOBODY = "sip:anonymous@anonymous.invalid"


def multipart(*parts):
    return b"".join(b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + b"--b--\r\n"


PLAIN = (b"Content-Type: text/plain;charset=utf-8", "café".encode())
HTML = (b"Content-Type: text/html", b"<b>caf&eacute;</b>")
QUOTED = (b"Content-Type: text/plain;charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable", b"caf=E9")
PIDF = (b"Content-Type: application/pidf+xml", b"<presence/>")
JPEG = (b"Content-Type: image/jpeg; name=sea.jpg\r\nContent-Disposition: attachment", b"\xff\xd8\0\r\r\n\r\n\xff\xd9")
ALTERNATIVES = (b"Content-Type: multipart/alternative;boundary=c", multipart(HTML, QUOTED).replace(b"--b", b"--c"))
LIST = (b"Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list", b"<resource-lists/>")
CPIM = "From: <im:mallory@x>\r\nTo: <im:y>\r\nSubject: lunch\r\n\r\nContent-Type: text/plain;charset=utf-8\r\n\r\ncafé".encode()


async def bodies():
    "the text of an instant message in each kind of body and charset"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        rows = Rows()
        for name, content_type, body, text in (
            ("ISO-8859-1", "text/plain;charset=iso-8859-1", b"caf\xe9", "café"),
            ("ISO-8859-15", "text/plain;charset=iso-8859-15", b"5 \xa4", "5 €"),
            ("windows-1252", "text/plain;charset=windows-1252", b"5 \x80", "5 €"),
            ("UTF-16", "text/plain;charset=utf-16", "\ufeff漢".encode("utf-16-be"), "漢"),
            ("multipart/mixed", "multipart/mixed;boundary=b", multipart(PIDF, PLAIN), "[application/pidf+xml]\ncafé"),
            ("an attachment", "multipart/mixed;boundary=b", multipart(PLAIN, JPEG), "café\n[image/jpeg]"),
            ("an attachment to alternatives", "multipart/mixed;boundary=b", multipart(ALTERNATIVES, JPEG), "café\n[image/jpeg]"),
            ("multipart/alternative", 'multipart/alternative;boundary="b"', multipart(HTML, QUOTED), "café"),
            ("message/cpim", "message/cpim", CPIM, "Subject: lunch\ncafé"),
        ):
            answer = await bob.send_im(gw.uri("alice"), body, content_type)
            rows.check(f"{name}: the answer", answer.status, 200)
            _, seen = await alice.next_message()
            rows.check(f"{name}: the text", seen.tpdu.text, text)
        answer = await bob.send_im(gw.uri("alice"), "hi", headers=[("s", "lunch")])
        rows.check("Subject: the answer", answer.status, 200)
        rows.check("Subject: the text", (await alice.next_message())[1].tpdu.text, "Subject: lunch\nhi")
        answer = await bob.send_im(gw.uri("alice"), multipart(PLAIN, LIST), "multipart/mixed;boundary=b")
        rows.check("a recipient list", (answer.status, answer.get("Unsupported")), (420, "recipient-list-message"))

        answer = await bob.send_im(gw.uri("alice"), multipart(JPEG, HTML), "multipart/mixed;boundary=b")
        rows.check("no text at all", (answer.status, answer.get("Accept") is not None), (415, True))

        octets = sms.rp_data(7, alice.centre, sms.submit("+15550002", "hello"))
        inner = (f"Content-Type: {SMS}".encode(), octets)
        sent = await alice.send_rp(multipart(PIDF, inner), mr=7, content_type="multipart/mixed;boundary=b")
        rows.check("an SM in a multipart body", (await bob.next_message()).text, "hello")
        rows.check("its report", (await sent.outcome()).kind, "RP-ACK")
        rows.done()


async def privacy():
    "a sender who asks for privacy is hidden on the other side"
    async with gateway(name="privacy", modparams={"anonymous": "Unknown"}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for options in ({"headers": [("Privacy", "id")]}, {"from_": NOBODY}):
            equal((await bob.send_im(gw.uri("alice"), "guess", **options)).status, 200, "the answer")
            request, seen = await alice.next_message()
            equal(seen.tpdu.address, "Unknown", "TP-OA")
            equal("15550002" in request.encode().decode("latin-1"), False, "the sender's number anywhere")
            octets = sms.rp_data(8, alice.centre, sms.submit("+15550002", "guess", mr=len(bob.requests)))
            sent = await alice.send_rp(octets, **options)
            seen = await bob.next_message()
            equal(NOBODY in seen.get("From"), True, "nobody in From")
            equal((seen.all("Privacy"), seen.all("P-Asserted-Identity")), (["id"], []), "Privacy, P-Asserted-Identity")
            equal("15550001" in seen.text + seen.get("From") + seen.get("Contact", ""), False, "the phone's number")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def lifetimes():
    "Expires and Date, TP-VP"
    async with gateway(name="lifetimes") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        sent = await alice.send_sm("+15550002", "five minutes", vp=0)
        seen = await bob.next_message()
        equal(seen.all("Expires"), ["300"], "Expires")
        age = time.time() - parsedate_to_datetime(seen.get("Date")).timestamp()
        equal(-5 < age < 60, True, f"a Date of now (it is {age:.0f} s off)")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")

        over = sms.submit("+15550002", "too late", first=0x19)
        end = len(over) - len(bytes.fromhex("08")) - 7  # TP-UDL and 7 octets of "too late"
        octets = sms.rp_data(9, alice.centre, over[:end] + sms.scts(time.time() - 60) + over[end:])
        report = await (await alice.send_rp(octets)).outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 111, 0xFF), "expired before delivery")

        minute_ago = ("Date", formatdate(time.time() - 60, usegmt=True))
        answer = await bob.send_im(gw.uri("alice"), "too late", headers=[("Expires", "30"), minute_ago])
        equal(answer.status, 480, "an instant message whose time is over")
        answer = await bob.send_im(gw.uri("alice"), "in time", headers=[("Expires", "90"), minute_ago])
        equal(answer.status, 200, "one that still is of use")
        equal((await alice.next_message())[1].tpdu.text, "in time", "what the phone got")


async def shown_at_once():
    "class 0 and Priority: urgent, both directions; an indication without a text to store is no instant message"
    async with gateway(name="flash") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        sent = await alice.send_sm("+15550002", "now", dcs=0x10, user_data=b"\x03" + sms.gsm7("now")[0])
        equal((await bob.next_message()).all("Priority"), ["urgent"], "Priority")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        answer = await bob.send_im(gw.uri("alice"), "now", headers=[("Priority", "urgent")])
        equal(answer.status, 200, "the answer")
        equal((await alice.next_message())[1].tpdu.dcs, 0x10, "TP-DCS")
        sent = await alice.send_sm("+15550002", "", dcs=0xC8, user_data=b"\x00")
        equal((await sent.outcome()).kind, "RP-ACK", "the report on a message waiting indication")
        equal(len(bob.requests), 1, "what the client got")


async def never():
    "messages that are never converted: for emergency services, and converted before"
    async with gateway(name="never") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        report = await (await alice.send_sm("112", "help")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 1), "an SM to 112")
        sent = await alice.send_sm("+15550002", "hello")
        mark = (await bob.next_message()).get("Interworked-By")
        equal((mark, (await sent.outcome()).kind), ("ims.example", "RP-ACK"), "the mark of a converted message")
        answer = await bob.send_im(gw.uri("alice"), "back", headers=[("Interworked-By", mark)])
        equal(answer.status, 482, "the same message as an IM to a phone")
        equal(alice.inbox.empty(), True, "nothing at the phone")


async def tables():
    "rows of the operator count, all others stay"
    rows = Rows()
    # A parameter that is set several times.
    written = ["sip 486 = 27/C4 111 62", "leg 486 = 486 retry", "expired im = 410", "expired sm = 27/C2"]
    script = "\n".join(f'modparam("ipsmgw", "cause", "{row}")' for row in written)
    async with gateway(name="tables", script=script) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for status, cause, fcs in ((486, 27, 0xC4), (603, 21, 0xC4)):
            bob.answers.append(status)
            report = await (await alice.send_sm("+15550002", f"{status}?")).outcome()
            rows.check(f"the report on {status}", (report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", cause, fcs))
        for answer, told in ((486, (486, True)), (404, (404, False))):
            alice.answers.append(answer)
            got = await bob.send_im(gw.uri("alice"), f"{answer}?")
            rows.check(f"the phone's own {answer}", (got.status, got.get("Retry-After") is not None), told)
        minute_ago = ("Date", formatdate(time.time() - 60, usegmt=True))
        got = await bob.send_im(gw.uri("alice"), "too late", headers=[("Expires", "30"), minute_ago])
        rows.check("an IM whose time is over", got.status, 410)
        over = sms.submit("+15550002", "too late", first=0x19)
        end = len(over) - len(bytes.fromhex("08")) - 7
        octets = sms.rp_data(9, alice.centre, over[:end] + sms.scts(time.time() - 60) + over[end:])
        report = await (await alice.send_rp(octets)).outcome()
        rows.check("an SM whose time is over", (report.cause, report.tpdu.fcs), (27, 0xC2))
    rows.done(6)


run(bodies, privacy, lifetimes, shown_at_once, never, tables)
