"""IM client to phone: see README.md."""

import asyncio
import calendar
import time

import sms
from e2e import ImClient, Phone, equal, gateway, run, say
from phone import SMS

GSM7 = [
    "hello",
    "1234567",
    "12345678",
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤",
    "^{}\\[~]|€",
    "a" * 160,
    "€" * 80,
]
UCS2 = ["тест", "😀 and 🇫🇷", "漢" * 70, "ê"]


async def texts():
    "GSM 7-bit with its extension when the text fits, else UCS2"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for text, dcs in [(t, 0x00) for t in GSM7] + [(t, 0x08) for t in UCS2]:
            say(repr(text[:20]))
            equal((await bob.send_im(gw.uri("+15550001"), text)).status, 200, "the answer")
            _, seen = await alice.next_message()
            equal((seen.tpdu.text, seen.tpdu.dcs), (text, dcs), "text and TP-DCS")


async def too_long():
    "a text longer than the operator allows is refused, never cut"
    async with gateway(name="long", modparams={"max_segments": 1}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for text in ("a" * 161, "€" * 81, "漢" * 71, "😀" * 36):
            equal((await bob.send_im(gw.uri("+15550001"), text)).status, 413, f"{len(text)} characters")
        equal(alice.requests, [], "what the phone got")


async def parts():
    "a longer text goes in parts, one after the other; it is delivered when all parts are"
    async with gateway(name="parts") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        for text, count in (("abcdefg " * 20 + "!", 2), ("€" * 152, 2), ("漢" * 67 * 3, 3), ("x" * 1530, 10)):
            equal((await bob.send_im(gw.uri("alice"), text)).status, 200, "the answer")
            seen = [(await alice.next_message())[1].tpdu for _ in range(count)]
            equal([(t.part[1], t.part[2]) for t in seen], [(count, i + 1) for i in range(count)], "total and sequence")
            equal(len({t.part[0] for t in seen}), 1, "references")
            equal("".join(t.text for t in seen), text, "the text")
        equal((await bob.send_im(gw.uri("alice"), "x" * 1531)).status, 413, "an eleventh part")
        alice.requests.clear()
        alice.rp_answers[:] = ["ack", 22]
        equal((await bob.send_im(gw.uri("alice"), "y" * 400)).status, 480, "the second of three parts refused")
        equal(len(alice.requests), 2, "parts sent: the rest is not")


async def octets():
    "SIP header fields and octets of the short message"
    async with gateway(name="octets") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "the answer")
        request, seen = await alice.next_message()
        for name, value in (
            ("Content-Type", SMS),
            ("Request-Disposition", "no-fork"),
            ("Accept-Contact", "*;+g.3gpp.smsip;require;explicit"),
        ):
            equal(request.get(name), value, name)
        for name in ("From", "P-Asserted-Identity"):
            equal("<sip:+15559999@ims.example>" in request.get(name), True, f"the gateway in {name}")
        equal("<sip:+15550001@ims.example>" in request.get("To"), True, "the recipient in To")
        equal(request.uri.startswith("sip:alice-"), True, "the Request-URI is the phone's contact")

        # RP-DATA: MTI, MR, RP-OA with the centre, no RP-DA; SMS-DELIVER with TP-MMS and TP-OA +15550002
        head = bytes([1, seen.mr, 5, 0x91, 0x51, 0x55, 0x99, 0x99, 0])
        # 2 + 4 address octets, TP-PID, TP-DCS, TP-SCTS, TP-UDL, 5 septets
        deliver = bytes([0x04, 8, 0x91, 0x51, 0x55, 0x00, 0x20, 0x00, 0x00])
        user_data = bytes.fromhex("05e8329bfd06")
        found = request.body
        equal(found[: len(head)].hex(), head.hex(), "RP-DATA")
        tpdu = found[len(head) + 1 :]
        equal(found[len(head)], len(tpdu), "the length of RP-User-Data")
        equal(tpdu[: len(deliver)].hex(), deliver.hex(), "SMS-DELIVER before TP-SCTS")
        equal(tpdu[len(deliver) + 7 :].hex(), user_data.hex(), "SMS-DELIVER after TP-SCTS")
        stamp = sms.tp.TP_SCTS()
        stamp.from_bytes(tpdu[len(deliver) : len(deliver) + 7])
        when, hours = stamp.decode()
        age = time.time() - (calendar.timegm(when) - hours * 3600)
        equal(-5 < age < 60, True, f"a TP-SCTS of now (it is {age:.0f} s off)")
        shown, malformed = sms.tshark(found)
        equal(malformed, False, "what tshark says")
        equal("SMS text: hello" in shown, True, "the text as tshark sees it")


async def held():
    "the sender is answered by the RP-ACK, not by the phone's 200; retransmissions deliver nothing twice"
    async with gateway(name="held") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        sending = asyncio.create_task(bob.send_im(gw.uri("+15550001"), "hello"))
        request, seen = await alice.next_message()
        # Long enough for two retransmissions of the sender (0.5 s and 1.5 s).
        await asyncio.sleep(2)
        equal(sending.done(), False, "an answer before the report")
        report = await alice.report(request, sms.rp_ack(seen.mr, sms.deliver_report()))
        equal(report.status, 202, "the answer to the report")
        equal((await sending).status, 200, "the sender's answer")
        equal(len(alice.requests), 1, "what the phone got")


async def names():
    "a sender without a number is shown as a name, to which no answer can be sent"
    people = [("alice", "+15550001"), ("bob", None)]
    async with gateway(name="names", people=people) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "the answer")
        _, seen = await alice.next_message()
        equal(seen.tpdu.address, "bob", "TP-OA")
    async with gateway(name="no-names", people=people, modparams={"sender_without_number": "reject"}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 403, "the answer")
        equal(alice.requests, [], "what the phone got")


async def behind_nat():
    "a phone and a client with unreachable addresses of their own, over UDP and TCP"
    for protocol in ("udp", "tcp"):
        async with gateway(name=f"nat-{protocol}") as gw:
            alice = await gw.user(Phone, "alice", protocol=protocol, register=False)
            bob = await gw.user(ImClient, "bob", protocol=protocol, register=False)
            for user in (alice, bob):
                user.behind_nat = True
                await user.register()
            equal((await bob.send_im(gw.uri("alice"), "to the phone")).status, 200, "the answer")
            equal((await alice.next_message())[1].tpdu.text, "to the phone", "the phone's text")
            sent = await alice.send_sm("+15550002", "to the client")
            equal((await bob.next_message()).text, "to the client", "the client's text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def one_at_a_time():
    "thirty senders to one phone: one short message at a time, and each sender gets its own report"
    people = [("alice", "+15550001"), *((f"im{i}", f"+1555100{i:02}") for i in range(30))]
    async with gateway(name="queue", people=people) as gw:
        alice = await gw.user(Phone, "alice")
        endpoint = await gw.endpoint()
        senders = [await gw.user(ImClient, f"im{i}", endpoint) for i in range(30)]
        open_now, most = set(), 0

        def answer(message):
            nonlocal most
            open_now.add(message.mr)
            most = max(most, len(open_now))
            refused = int(message.tpdu.text) % 3 == 0
            open_now.discard(message.mr)
            return 22 if refused else "ack"

        alice.rp_answer = answer
        answers = await asyncio.gather(*(s.send_im(gw.uri("alice"), str(i)) for i, s in enumerate(senders)))
        for i, got in enumerate(answers):
            equal(got.status, 480 if i % 3 == 0 else 200, f"the answer to sender {i}")
        equal(most, 1, "short messages open at once")
        seen = sorted(int(sms.decode(r.body).tpdu.text) for r in alice.requests)
        equal(seen, list(range(30)), "what the phone got")


async def one_phone_gets_it():
    "two phones of one person: a short message does not fork"
    async with gateway(name="phones") as gw:
        one, two = await gw.user(Phone, "alice"), await gw.user(Phone, "alice", protocol="tcp")
        bob = await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "the answer")
        equal(len(one.requests) + len(two.requests), 1, "copies")


async def own_service():
    "a person with a phone and a client gets instant messages on the client"
    async with gateway(name="both") as gw:
        phone, client = await gw.user(Phone, "alice"), await gw.user(ImClient, "alice")
        bob = await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "the answer")
        equal((await client.next_message()).text, "hello", "the client's text")
        equal(phone.requests, [], "what the phone got")
        await client.register(expires=0)
        equal((await bob.send_im(gw.uri("alice"), "hello phone")).status, 200, "the answer")
        equal((await phone.next_message())[1].tpdu.text, "hello phone", "the phone's text")


run(texts, too_long, parts, octets, held, names, behind_nat, one_at_a_time, one_phone_gets_it, own_service)
