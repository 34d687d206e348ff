"""Tables CAU-2, CAU-3 and CAU-6: see README.md."""

import asyncio

import sms
from e2e import ImClient, Phone, Rows, ServiceCentre, gateway, run
from gateway import free_port

# RP-Cause: (status, with Retry-After). 42 is "503 only to an adjacent peer, else 480".
CAUSES = {
    1: (404, False), 30: (404, False), 8: (403, False), 10: (403, False), 21: (403, False), 22: (480, True),
    27: (480, False), 28: (403, False), 50: (403, False), 29: (501, False), 69: (501, False), 38: (500, False),
    41: (500, True), 47: (500, True), 42: (480, True), 81: (500, False), 98: (500, False), 95: (500, False),
    96: (500, False), 97: (500, False), 99: (500, False), 111: (500, False), 127: (502, False),
    # unknown ones from a phone count as 111
    11: (500, False), 0: (500, False), 5: (500, False), 64: (500, False), 126: (500, False),
}  # fmt: skip

# TP-FCS goes before the RP-Cause (here always 111, alone a 500).
FCS = {
    0x80: 488, 0x81: 488, 0x82: 488, 0x8F: 488, 0x90: 415, 0x9F: 415, 0x91: 488, 0xA0: 501, 0xA1: 501, 0xAF: 501,
    0xB0: 501, 0xC0: 480, 0xC1: 403, 0xC2: 500, 0xC3: 404, 0xC4: 403, 0xC5: 202, 0xC6: 500, 0xC7: 500, 0xD0: 480,
    0xD1: 480, 0xD3: 480, 0xD2: 500, 0xD5: 500, 0xD4: 480, 0xE0: 500, 0xFE: 500, 0xFF: 500,
}  # fmt: skip

# The phone's own answer to the MESSAGE, and the sender's: an absent phone is 480, other failures are 480 with Retry-After.
SIP_LEG = {
    480: (480, False), 430: (480, False), 408: (480, False), 504: (480, False), 404: (404, False), 604: (404, False),
    400: (480, True), 488: (480, True), 486: (480, True), 500: (480, True), 477: (480, True), 600: (480, True),
    603: (480, True),
}  # fmt: skip


async def causes():
    "RP-ERROR with each cause"
    rows = Rows()
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for cause, (status, retry_after) in CAUSES.items():
            alice.rp_answers.append(cause)
            got = await bob.send_im(gw.uri("alice"), f"cause {cause}")
            rows.check(f"RP-Cause {cause}", (got.status, got.get("Retry-After") is not None), (status, retry_after))
        for name, octets in (("no extension bit", b"\x01\x16"), ("a diagnostic", b"\x02\x16\x55")):
            alice.rp_answers.append(lambda m, octets=octets: bytes([4, m.mr]) + octets)
            rows.check(f"RP-Cause 22, {name}", (await bob.send_im(gw.uri("alice"), name)).status, 480)
    rows.done(len(CAUSES) + 2)


async def failure_causes():
    "RP-ERROR with an SMS-DELIVER-REPORT"
    rows = Rows()
    async with gateway(name="fcs") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for fcs, status in FCS.items():
            # 90, 9F: in the other alphabet, too.
            times = 2 if fcs in (0x90, 0x9F) else 1
            alice.rp_answers += [lambda m, fcs=fcs: sms.rp_error(m.mr, 111, sms.deliver_report(fcs))] * times
            got = await bob.send_im(gw.uri("alice"), f"TP-FCS {fcs:02X}")
            rows.check(f"TP-FCS {fcs:02X}", got.status, status)
            if status == 415:
                rows.check(f"TP-FCS {fcs:02X}: Accept", got.get("Accept") is not None, True)
    rows.done(len(FCS))


async def other_forms():
    "a phone that refuses the form gets the message once more in another form"
    rows = Rows()
    async with gateway(name="forms", modparams={"languages": "turkish"}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        urgent = [("Priority", "urgent")]
        for text, fcs, headers, forms in (
            ("hello", 0x90, [], [0x00, 0x08]),
            ("a" * 70, 0x9F, [], [0x00, 0x08]),
            ("ışık", 0x90, [], [0x00, 0x08]),
            ("now", 0x91, urgent, [0x10, 0x00]),
            ("now", 0x90, urgent, [0x10, 0x18]),
        ):
            alice.rp_answers.append(lambda m, fcs=fcs: sms.rp_error(m.mr, 111, sms.deliver_report(fcs)))
            got = await bob.send_im(gw.uri("alice"), text, headers=headers)
            rows.check(f"{text[:9]} refused with {fcs:02X}", got.status, 200)
            seen = [(await alice.next_message())[1] for _ in forms]
            rows.check("TP-DCS of both", [m.tpdu.dcs for m in seen], forms)
            rows.check("the text of the second", seen[1].tpdu.text, text)
            rows.check("another RP-MR", seen[0].mr == seen[1].mr, False)
        alice.rp_answers.append(lambda m: sms.rp_error(m.mr, 111, sms.deliver_report(0x90)))
        rows.check("more parts than before", (await bob.send_im(gw.uri("alice"), "a" * 71)).status, 415)
        rows.check("what the phone got of it", alice.inbox.qsize(), 1)
    rows.done(22)


async def service_centre():
    "a service centre that refuses: once more without TP-VP, or a little later"
    rows, port = Rows(), free_port()
    async with gateway(name="centre", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        bob = await gw.user(ImClient, "bob")

        async def submitted(report):
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            octets = report(message.mr)
            await centre.report_to(bob.identity, octets, request.get("Call-ID"))
            return message.tpdu

        for name, headers, report in (
            ("C6", [("Expires", "3600")], lambda mr: sms.rp_error(mr, 111, sms.submit_report(0xC6), network=True)),
            ("41", [], lambda mr: sms.rp_error(mr, 41, network=True)),
        ):
            sending = asyncio.create_task(bob.send_im(gw.uri("+15558888"), "far away", headers=headers))
            first = await submitted(report)
            second = await submitted(lambda mr: sms.rp_ack(mr, network=True))
            rows.check(f"{name}: the answer", (await sending).status, 202)
            rows.check(f"{name}: the text", (first.text, second.text), ("far away", "far away"))
            rows.check(f"{name}: TP-VPF", (first.octets[0] >> 3 & 3, second.octets[0] >> 3 & 3), (2 if headers else 0, 0))
    rows.done(6)


async def sip_leg():
    "the phone does not even answer 200"
    rows = Rows()
    async with gateway(name="leg") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for answer, told in SIP_LEG.items():
            alice.answers.append(answer)
            got = await bob.send_im(gw.uri("alice"), f"answer {answer}")
            rows.check(f"SIP {answer}", (got.status, got.get("Retry-After") is not None), told)
        rows.check("short messages open afterwards", gw.pending(), 0)
    rows.done(len(SIP_LEG) + 1)


run(causes, failure_causes, other_forms, service_centre, sip_leg)
