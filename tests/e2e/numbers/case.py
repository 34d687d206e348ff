"""Numbers and names on both sides: see README.md."""

import asyncio
from pathlib import Path

import sip
import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run
from gateway import free_port
from scscf import PhoneThere, Scscf


VECTORS = Path(__file__).parents[2] / "vectors" / "sip"
PEOPLE = [ALICE, BOB]

# "My Bank" as a TP address: the length counts the semi-octets in use.
NAME = bytes([13, 0xD0]) + sms.gsm7("My Bank")[0]


def named(name):
    """An alphanumeric TP address."""
    octets, count = sms.gsm7(name)
    return bytes([-(-count * 7 // 4), 0xD0]) + octets


def with_centre(port, **options):
    return gateway(sc_uri=f"sip:127.0.0.2:{port}", **options)


async def peer_at(gw, port):
    """A trusted peer: the service centre, or another host with its address."""
    return ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)


async def recipients():
    "the recipient of an instant message, in each spelling of a number"
    async with gateway() as gw:
        alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
        for uri, wanted in (
            ("tel:+15550001", 200),
            ("tel:+1-555-0001", 200),
            ("tel:+1(555)00.01", 200),
            ("tel:+15550001;npdi", 200),
            ("sip:+15550001@ims.example;user=phone", 200),
            ("sip:+1-555-0001@ims.example", 200),
            ("sip:%2B15550001@ims.example", 200),
            ("sip:+15550001;npdi=yes;rn=+15559@ims.example;user=phone", 200),
            ("sip:alice@ims.example", 200),
            ("tel:15550001;phone-context=ims.example", 404),
            ("sip:15550001@ims.example", 404),
            ("tel:+155500011", 404),
        ):
            rows.check(uri, (await bob.send_im(uri, uri)).status, wanted)
            if wanted == 200:
                rows.check(f"{uri}: at the phone", (await alice.next_message())[1].tpdu.text, uri)
        # SMS-SUBMIT, "hi", to a TP-DA of the type alphanumeric
        tpdu = bytes([0x01, 1]) + NAME + bytes.fromhex("000002e834")
        report = await (await alice.send_sm("", "", tpdu=tpdu)).outcome()
        rows.check("a phone that dials a name", (report.kind, report.cause), ("RP-ERROR", 1))
        rows.done(at_least=22)


async def senders():
    "the sender that a phone shows, by the identity that a trusted peer asserts"
    port = free_port()
    async with with_centre(port, name="senders") as gw:
        peer, alice, rows = await peer_at(gw, port), await gw.user(Phone, "alice"), Rows()
        for asserted, wanted in (
            ("tel:+15557777", "+15557777"),
            ("tel:+1-555-77.77", "+15557777"),
            ("sip:+15557777@elsewhere.example;user=phone", "+15557777"),
            ("sip:+15557777@elsewhere.example", "+15557777"),
            ("sip:+15557777;npdi;rn=+15559@elsewhere.example;user=phone", "+15557777"),
            ("sip:%2B15557777@elsewhere.example", "+15557777"),
            ("tel:7777;phone-context=elsewhere.example", "7777"),
            ("sip:zoe@elsewhere.example", "zoe"),
        ):
            headers = [("P-Asserted-Identity", f"<{asserted}>"), ("Content-Type", "text/plain")]
            answer = await peer.send("MESSAGE", gw.uri("alice"), headers=headers, body=b"hi")
            rows.check(f"{asserted}: the answer", answer.status, 200)
            rows.check(asserted, (await alice.next_message())[1].tpdu.address, wanted)
        rows.done(at_least=16)


async def two_identities():
    "of two asserted identities the tel URI gives the number, and reports go to the SIP URI"
    options = {"modparams": {"identity": "$hdr(P-Asserted-Identity)"}, "trusted": "127.0.0.3"}
    async with gateway(name="two", **options) as gw:
        scscf = Scscf(await gw.endpoint(host="127.0.0.3"), gw.domain)
        alice = scscf.device(PhoneThere, *ALICE)
        headers = [("P-Asserted-Identity", alice.identity)]
        equal((await scscf.register(alice.identity, headers=headers)).status, 200, "the answer to the S-CSCF")
        back = f"sip:zoe@{scscf.endpoint.contact_host}"
        zoe = ImClient(scscf.endpoint, "zoe", None, gw.domain)
        scscf.endpoint.users["zoe"] = zoe
        cpim = (
            "From: <im:zoe@elsewhere.example>\r\nTo: <sip:alice@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
            "imdn.Message-ID: m1\r\nimdn.Disposition-Notification: positive-delivery\r\n\r\n"
            "Content-Type: text/plain\r\n\r\nhi"
        )
        for asserted in (f"<{back}>, <tel:+15557777>", f"<tel:+15557777>, <{back}>"):
            headers = [("P-Asserted-Identity", asserted), ("Content-Type", "message/cpim")]
            answer = await zoe.send("MESSAGE", gw.uri("alice"), headers=headers, body=cpim.encode())
            equal(answer.status, 200, "the answer")
            equal((await alice.next_message())[1].tpdu.address, "+15557777", "TP-OA")
            seen = await zoe.next_message()
            equal((seen.uri, b"<delivered" in seen.body), (back, True), "the notification")


async def originators():
    "the sender that a client shows, by TP-OA"
    port = free_port()
    async with with_centre(port, name="originators") as gw:
        centre, bob, rows = await peer_at(gw, port), await gw.user(ImClient, "bob"), Rows()
        context = ";phone-context=ims.example@ims.example;user=phone"
        for what, octets, uri in (
            ("international", bytes.fromhex("0b915155777711f1"), "sip:+15557777111@ims.example;user=phone"),
            ("national", bytes.fromhex("08a155557777"), f"sip:55557777{context}"),
            ("unknown, a short code", bytes.fromhex("05812143f5"), f"sip:12345{context}"),
            ("star and hash", bytes.fromhex("05811a00fb"), f"sip:*100%23{context}"),
            ("a name", NAME, "sip:My%20Bank@sms.invalid"),
            ("the name of a person here", named("bob"), "sip:bob@sms.invalid"),
            ("the number of a person here as a name", named("+15550001"), "sip:name-+15550001@sms.invalid"),
            ("digits as a name", named("15550001"), "sip:name-15550001@sms.invalid"),
            ("nothing", bytes.fromhex("0080"), "sip:anonymous@anonymous.invalid"),
        ):
            sent = await centre.deliver(gw.uri("bob"), None, None, tpdu=sms.deliver(octets, "hi"))
            seen = await bob.next_message()
            rows.check(f"{what}: From", sip.addr_spec(seen.get("From")), uri)
            shown = {
                "a name": '"My Bank" ',
                "the name of a person here": '"bob" ',
                "the number of a person here as a name": '"+15550001" ',
                "digits as a name": '"15550001" ',
                "nothing": '"Anonymous" ',
            }.get(what, "")
            rows.check(f"{what}: the name in From", seen.get("From").split("<")[0], shown)
            wanted = ["id"] if what == "nothing" else []
            rows.check(f"{what}: Privacy", seen.all("Privacy"), wanted)
            rows.check(f"{what}: asserted", bool(seen.all("P-Asserted-Identity")), not shown)
            rows.check(f"{what}: the report", (await sent.outcome()).kind, "RP-ACK")
            if shown:
                rows.check(f"{what}: an answer", (await bob.send_im(uri, "hi")).status, 404)
        rows.check("what the centre got", centre.submitted.qsize(), 0)
        # In parts it is a message of the gateway's own.
        for coding, octets in sms.parts("a long text " * 20, 7):
            tpdu = sms.deliver(NAME, "", first=0x44, dcs=coding, user_data=octets)
            await (await centre.deliver(gw.uri("bob"), None, None, tpdu=tpdu)).outcome()
        seen = await bob.next_message()
        rows.check("in parts: the text", seen.text, "a long text " * 20)
        rows.check("in parts: From", seen.get("From").split(">")[0], '"My Bank" <sip:My%20Bank@sms.invalid')
        rows.check("in parts: asserted", seen.all("P-Asserted-Identity"), [])
        # Whatever the names are, no person of the gateway is asserted.
        for line in (VECTORS / "names_of_people.hex").read_text().split():
            headers = [("P-Asserted-Identity", f"<{centre.uri}>")]
            await centre.send_rp(bytes.fromhex(line), uri=gw.uri("bob"), from_=centre.uri, headers=headers)
            seen = await bob.next_message()
            rows.check(f"{line}: the host", sip.addr_spec(seen.get("From")).partition("@")[2], "sms.invalid")
            rows.check(f"{line}: asserted", seen.all("P-Asserted-Identity"), [])
        rows.done(at_least=59)


async def decoding():
    "ipsmgw.decode recognises the message, whatever direction is given"
    async with gateway(name="decode") as gw:
        alice = await gw.user(Phone, "alice")
        tpdu = sms.submit("+15550002", "hello")
        whole = sms.rp_data(1, alice.centre, tpdu)
        for octets, words, wanted in (
            (whole, ("mo",), "RP-DATA"),
            (whole, ("mt",), "RP-DATA"),
            (whole, ("mo", "ack"), "RP-DATA"),
            (sms.rp_error(1, 22), ("mo", "error"), "RP-ERROR"),
            (sms.rp_ack(1, sms.deliver_report()), ("mo", "ack"), "RP-ACK"),
            (tpdu, ("mo",), "SMS-SUBMIT"),
            (sms.deliver("+15557777", "hi"), ("mt",), "SMS-DELIVER"),
            (sms.deliver_report(), ("mo", "ack"), "SMS-DELIVER-REPORT"),
            (sms.deliver_report(), ("mo",), None),
            (whole[:-3], ("mo",), None),
            (whole[:-3], (), None),
        ):
            shown = gw.try_rpc("ipsmgw.decode", f"s:{octets.hex()}", *words)
            equal(shown if wanted is None else wanted in (shown or ""), None if wanted is None else True, f"{octets.hex()} {words}: {shown}")


async def short_codes(name="codes", **script):
    "an answer to a short code or a national number goes to the service centre, in each spelling"
    port = free_port()
    async with with_centre(port, name=name, **script) as gw:
        centre, bob, rows = await peer_at(gw, port), await gw.user(ImClient, "bob"), Rows()
        answers = []
        for line in (VECTORS / "short_codes.hex").read_text().split():
            sent = await centre.send_rp(bytes.fromhex(line), uri=gw.uri("bob"), from_=centre.uri, headers=[("P-Asserted-Identity", f"<{centre.uri}>")])
            seen = await bob.next_message()
            rows.check("the report", (await sent.outcome()).kind, "RP-ACK")
            answers.append(sip.addr_spec(seen.get("From")))
        rows.check("the sender that the client sees", answers[0], "sip:4698;phone-context=ims.example@ims.example;user=phone")
        number = {uri: uri.partition(":")[2].partition(";")[0] for uri in answers}
        number |= {
            "tel:70514;phone-context=ims.example": "70514",
            "tel:70-514;Phone-Context=IMS.example": "70514",
            "TEL:70514": "70514",
            "sip:70514@ims.example": "70514",
            "sip:*100%23@ims.example;user=phone": "*100#",
            "tel:+1-555-7777": "+15557777",
            "TEL:+1(555)77.77;isub=1": "+15557777",
            "sip:+1-555-7777@ims.example;user=phone": "+15557777",
            "sip:%2B15557777@ims.example": "+15557777",
            "sip:+15557777;npdi@ims.example;user=phone": "+15557777",
        }
        for uri, wanted in number.items():
            sending = asyncio.create_task(bob.send_im(uri, "yes"))
            try:
                request, message = await asyncio.wait_for(centre.submitted.get(), 10)
            except asyncio.TimeoutError:
                rows.check(uri, f"not submitted: {(await sending).status}", wanted)
                continue
            rows.check(uri, (message.tpdu.kind, message.tpdu.address), ("SMS-SUBMIT", wanted))
            await centre.report_to(bob.identity, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
            rows.check(f"{uri}: the answer", (await sending).status, 202)
        for uri in (
            "tel:7777;phone-context=elsewhere.example",
            "sip:7777;phone-context=elsewhere.example@ims.example;user=phone",
            "sip:nobody@ims.example",
            "sip:My%20Bank@sms.invalid",
            "sip:+15557777@sms.invalid",
            "sip:anonymous@anonymous.invalid",
        ):
            rows.check(uri, (await bob.send_im(uri, "yes")).status, 404)
        # To several: one number elsewhere, as people write it.
        document = '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="tel:+1-555-7777"/><entry uri="tel:70514"/></list></resource-lists>'
        body = (
            "--b\r\nContent-Type: text/plain\r\n\r\nall\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n"
            f"Content-Disposition: recipient-list\r\n\r\n{document}\r\n--b--\r\n"
        )
        rows.check("a list", (await bob.send_im("sip:ims.example", body, "multipart/mixed;boundary=b")).status, 202)
        got = []
        for _ in range(2):
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            got.append(message.tpdu.address)
            await centre.report_to(bob.identity, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
        rows.check("to whom", sorted(got), ["+15557777", "70514"])
        rows.done(at_least=36)


async def short_codes_in_lua():
    "the same with kamailio.lua"
    await short_codes("codes-lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def without_plus():
    "a number without plus sign, by setting: of a country, only without the sign, or plain"
    for setting, people, dialled, shown in (
        ("+1", PEOPLE, ("5550001", "05550001", "0015550001", "+15550001"), "+15550002"),
        ("+", PEOPLE, ("15550001", "0015550001", "+15550001"), "+15550002"),
        ("plain", [("alice", "15550001"), ("bob", "15550002")], ("15550001", "+15550001"), "15550002"),
    ):
        for script in ({}, {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}):
            async with gateway(name=f"plus-{setting.strip('+')}{len(script)}", people=people, numbers=setting, **script) as gw:
                alice, bob, rows = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), Rows()
                for number in dialled:
                    for uri in (f"sip:{number}@ims.example", f"tel:{number};phone-context=ims.example", f"sip:{number}@ims.example;user=phone"):
                        rows.check(f"{setting}: {uri}", (await bob.send_im(uri, number)).status, 200)
                        _, seen = await alice.next_message()
                        rows.check(f"{setting}: {uri}: the sender", seen.tpdu.address, shown)
                    to = number.replace("0001", "0002")
                    sent = await alice.send_sm(to, "hi")
                    request = await bob.next_message()
                    rows.check(f"{setting}: TP-DA {to}", (await sent.outcome()).kind, "RP-ACK")
                    wanted = f"sip:{'' if setting == 'plain' else '+'}15550001@ims.example"
                    rows.check(f"{setting}: From", sip.addr_spec(request.get("From")), wanted)
                rows.check(f"{setting}: nobody", (await bob.send_im("sip:15559998@ims.example", "hi")).status, 404)
                rows.done(at_least=16)


run(recipients, senders, two_identities, originators, decoding, short_codes, short_codes_in_lua, without_plus)
