"""Phone to phone: see README.md."""

import asyncio

import sms
from e2e import CFG, ImClient, Phone, equal, gateway, run

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}

# First octet, TP-PID, TP-DCS, and the octets from TP-UDL on.
KEPT = [
    (0x01, 0x00, 0x00, "05e8329bfd06"),  # hello
    (0x01, 0x00, 0x08, "08043f044004380432"),
    (0x41, 0x00, 0x00, "0b0500032a0301a0653600"),  # part 1 of 3
    (0x41, 0x00, 0xF5, "0a0605040b8423f0000d0a"),  # an application port, a NUL, a line end
    (0x01, 0x7F, 0xF6, "04d000ff01"),  # (U)SIM data download
    (0x01, 0x40, 0x00, "00"),  # type 0
    (0x01, 0x00, 0x84, "0161"),  # a reserved TP-DCS
]


async def conversation(name="conversation", **options):
    "two phones write to each other; each RP-ACK waits for the other phone's"
    async with gateway(name=name, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(Phone, "bob", protocol="tcp")
        for sender, recipient, number in ((alice, bob, "+15550002"), (bob, alice, "+15550001")):
            recipient.rp_answers = [None]
            sent = await sender.send_sm(number, "hello")
            equal(sent.answer.status, 202, "the SIP answer")
            request, rp = await recipient.next_message()
            equal(rp.tpdu.text, "hello", "the text")
            equal(rp.tpdu.address, "+15550001" if sender is alice else "+15550002", "TP-OA")
            equal(sent.report.done(), False, "a report before the recipient's")
            await recipient.report(request, sms.rp_ack(rp.mr))
            report = await sent.outcome()
            equal((report.kind, report.octets[4:6]), ("RP-ACK", bytes([0x01, 0x00])), "the report")
        await gw.until(lambda: gw.pending() == 0, what="an empty table")
        equal(gw.statistics("ipsmgw")["sm_to_sm"], 2, "the counter")


async def conversation_in_lua():
    "the same with kamailio.lua"
    await conversation(name="lua", **LUA)


class AnyPhone(Phone):
    """A phone that acknowledges each RP-DATA, whatever is in it."""

    async def handle_message(self, request):
        self.reply(request, 200)
        if request.body[0] == 1:
            await self.inbox.put(request)
            await self.report(request, sms.rp_ack(request.body[1]))


async def octets():
    "TP-PID, TP-DCS and TP-UD arrive octet for octet"
    async with gateway(name="octets") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(AnyPhone, "bob")
        for first, pid, dcs, tp_ud in KEPT:
            tp_ud = bytes.fromhex(tp_ud)
            tpdu = sms.submit("+15550002", "", first=first, pid=pid, dcs=dcs, user_data=tp_ud, vp=0xA7)
            sent = await alice.send_sm(None, None, tpdu=tpdu)
            request = await bob.next_message()
            # RP-MTI, RP-MR, RP-OA, RP-DA, the length, then SMS-DELIVER.
            deliver = request.body[3 + request.body[2] + 2 :]
            equal(deliver[1:7], bytes.fromhex("089151550010"), "TP-OA")
            found = deliver[0] & 0x43, deliver[7:9], deliver[16:]
            equal(found, (first & 0x40, bytes([pid, dcs]), tp_ud), f"the octets with TP-PID {pid:02X}")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def outcomes():
    "an RP-ERROR, a failure in SIP and silence of the recipient's phone are RP-ERRORs; no phone at all, too"
    async with gateway(name="outcomes", modparams={"im_timeout": 4}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(Phone, "bob")
        bob.rp_answers = [22]
        report = await (await alice.send_sm("+15550002", "memory full")).outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 27, 0xC2), "the memory of the phone is full")
        bob.answers.append(486)
        report = await (await alice.send_sm("+15550002", "busy")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 27), "the phone refuses in SIP")
        bob.answer = None
        report = await (await alice.send_sm("+15550002", "silent")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 27), "the phone is silent")
        await bob.register(expires=0)
        report = await (await alice.send_sm("+15550002", "away")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 27), "nobody is registered")


async def status_report():
    "the status report follows the RP-ACK; for a late report of the phone, the RP-ACK comes first"
    async with gateway(name="status", modparams={"im_timeout": 2}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(Phone, "bob")
        sent = await alice.send_sm("+15550002", "hello", srr=True)
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        _, rp = await alice.next_message()
        equal((rp.tpdu.kind, rp.tpdu.st), ("SMS-STATUS-REPORT", 0x00), "the status report")
        bob.rp_answers = [None]
        sent = await alice.send_sm("+15550002", "later", srr=True)
        await bob.next_message()
        request, rp = await bob.next_message()
        equal((await sent.outcome()).kind, "RP-ACK", "the report after im_timeout")
        await bob.report(request, sms.rp_ack(rp.mr))
        _, rp = await alice.next_message()
        equal((rp.tpdu.kind, rp.tpdu.st), ("SMS-STATUS-REPORT", 0x00), "the status report")


async def own_service(name="own", **options):
    "a client gets an instant message; a recipient who may not have that gets the short message on the phone"
    async with gateway(name=name, **options) as gw:
        alice, phone = await gw.user(Phone, "alice"), await gw.user(Phone, "bob")
        client = await gw.user(ImClient, "bob")
        equal((await (await alice.send_sm("+15550002", "to the client")).outcome()).kind, "RP-ACK", "the report")
        equal((await client.next_message()).text, "to the client", "the text")
        gw.rpc("ipsmgw.auth_set", "sip:+15550002@ims.example", "none")
        equal((await (await alice.send_sm("+15550002", "to the phone")).outcome()).kind, "RP-ACK", "the report")
        _, rp = await phone.next_message()
        equal(rp.tpdu.text, "to the phone", "the text")
        equal(client.inbox.empty(), True, "nothing more for the client")


async def own_service_in_lua():
    "the same with kamailio.lua"
    await own_service(name="own_lua", **LUA)


async def both_at_once():
    "twenty messages in each direction at once: each arrives once, and each has its report"
    async with gateway(name="both") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(Phone, "bob")
        texts = [f"message {number}" for number in range(20)]
        sent = await asyncio.gather(
            *(alice.send_sm("+15550002", text) for text in texts), *(bob.send_sm("+15550001", text) for text in texts)
        )
        kinds = {(await it.outcome(60)).kind for it in sent}
        equal(kinds, {"RP-ACK"}, "the reports")
        for phone in (alice, bob):
            got = [(await phone.next_message())[1].tpdu.text for _ in texts]
            equal((sorted(got), phone.inbox.empty()), (sorted(texts), True), "the texts")


run(conversation, conversation_in_lua, octets, outcomes, status_report, own_service, own_service_in_lua, both_at_once)
