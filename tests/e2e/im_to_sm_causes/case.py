"""Tables B.4 and B.5: see README.md."""

import sms
from e2e import ImClient, Phone, Rows, gateway, run

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

# The phone's own answer to the MESSAGE: nobody there is 480, a protocol error 500 (decision 6, F15).
SIP_LEG = {480: 480, 430: 480, 408: 480, 504: 480, 404: 404, 400: 500, 488: 500, 486: 500, 500: 500, 603: 500}


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
            alice.rp_answers.append(lambda m, fcs=fcs: sms.rp_error(m.mr, 111, sms.deliver_report(fcs)))
            got = await bob.send_im(gw.uri("alice"), f"TP-FCS {fcs:02X}")
            rows.check(f"TP-FCS {fcs:02X}", got.status, status)
            if status == 415:
                rows.check(f"TP-FCS {fcs:02X}: Accept", got.get("Accept") is not None, True)
    rows.done(len(FCS))


async def sip_leg():
    "the phone does not even answer 200"
    rows = Rows()
    async with gateway(name="leg") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for answer, status in SIP_LEG.items():
            alice.answers.append(answer)
            got = await bob.send_im(gw.uri("alice"), f"answer {answer}")
            rows.check(f"SIP {answer}", got.status, status)
        rows.check("short messages open afterwards", gw.pending(), 0)
    rows.done(len(SIP_LEG) + 1)


run(causes, failure_causes, sip_leg)
