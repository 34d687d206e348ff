"""With a service centre: see README.md."""

import asyncio

import sms
from e2e import ImClient, Phone, ServiceCentre, equal, gateway, run, say
from gateway import free_port

PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003")]


async def stage(name):
    port = free_port()
    return port, gateway(name=name, people=PEOPLE, sc_uri=f"sip:127.0.0.2:{port}")


async def centre_at(gw, port):
    endpoint = await gw.endpoint(host="127.0.0.2", port=port)
    return ServiceCentre(endpoint, gw.domain)


async def to_a_client():
    "SMS-DELIVER for a client: the person of TP-OA is the sender"
    port, stage_gateway = await stage("client")
    async with stage_gateway as gw:
        centre, bob = await centre_at(gw, port), await gw.user(ImClient, "bob")
        for from_, text, sender in (
            ("+15557777", "from afar", "sip:+15557777@ims.example"),
            ("+15557777", "тест 😀", "sip:+15557777@ims.example"),
        ):
            sent = await centre.deliver(gw.uri("+15550002"), from_, text)
            equal((sent.answer.status, sent.answer.body), (202, b""), "the SIP answer")
            seen = await bob.next_message()
            equal(seen.text, text, "the text")
            equal(sender in seen.get("From"), True, f"{sender} in From, {seen.get('From')}")
            equal("<sip:bob@ims.example>" in seen.get("To"), True, "To: the name with which bob has registered")
            equal((await sent.outcome()).mti, 2, "RP-ACK, as a phone sends it")
            request = centre.reports[-1][0]
            equal(request.get("In-Reply-To"), sent.call_id, "In-Reply-To")
        say("an alphanumeric sender (MAP-5)")
        sent = await centre.deliver(gw.uri("bob"), "My Bank", "your balance")
        seen = await bob.next_message()
        equal("My Bank" in seen.get("From"), True, f"the name in From, {seen.get('From')}")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        say("a service centre that is known by its address alone")
        sent = await centre.deliver(gw.uri("bob"), "+15557777", "no name", asserted=False)
        equal((await bob.next_message()).text, "no name", "the text")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        say("refused, and nobody there")
        bob.answers.append(603)
        report = await (await centre.deliver(gw.uri("bob"), "+15557777", "no?")).outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 111, 0xFF), "declined (603 in table CAU-1)")
        for uri in (gw.uri("alice"), gw.uri("+15557777")):
            report = await (await centre.deliver(uri, "+15557777", "no?")).outcome()
            equal((report.kind, report.mti), ("RP-ERROR", 4), f"the report for {uri}")


async def to_a_phone():
    "SMS-DELIVER for a phone is passed on unchanged, and so is the phone's report"
    port, stage_gateway = await stage("phone")
    async with stage_gateway as gw:
        centre, alice = await centre_at(gw, port), await gw.user(Phone, "alice")
        also = await gw.user(Phone, "alice", protocol="tcp")
        sent = await centre.deliver(gw.uri("+15550001"), "+15557777", "as it is")
        equal(sent.answer.status, 200, "the phone's own answer")
        equal(len(alice.requests) + len(also.requests), 1, "copies: an SM does not fork")
        phone = alice if alice.requests else also
        request, _ = await phone.next_message()
        equal(request.body, sent.octets, "the octets")
        equal(request.get("P-Asserted-Identity"), f"<{centre.uri}>", "P-Asserted-Identity")
        report = await sent.outcome()
        equal(report.octets, sms.rp_ack(sent.mr), "the report's octets")
        equal(centre.reports[-1][0].get("P-Asserted-Identity"), "<sip:+15550001@ims.example>", "who reports")
        equal((await phone.report_results.get()).status, 200, "the centre's own answer")


async def from_a_phone():
    "SMS-SUBMIT for a phone or for a number elsewhere goes to the service centre unchanged; for a client here it is converted"
    port, stage_gateway = await stage("submit")
    async with stage_gateway as gw:
        centre, alice = await centre_at(gw, port), await gw.user(Phone, "alice")
        bob, carol = await gw.user(ImClient, "bob"), await gw.user(Phone, "carol")
        for number in ("+15550003", "+15557777"):
            sent = await alice.send_sm(number, "as it is")
            equal(sent.answer.status, 202, "the SIP answer, the centre's")
            request, _ = await centre.submitted.get()
            equal(request.body, sent.octets, "the octets")
            equal(request.get("Call-ID"), sent.call_id, "Call-ID")
            equal(request.all("P-Asserted-Identity"), ["<sip:+15550001@ims.example>"], "P-Asserted-Identity")
            say("the centre's report, back to the phone")
            octets = sms.rp_ack(sent.mr, bytes([1, 0]) + sms.scts(), network=True)
            await centre.report_to(gw.uri("+15550001"), octets, sent.call_id)
            equal((await sent.outcome()).octets, octets, "the report's octets")
        equal(carol.requests, [], "the other phone without the centre")
        sent = await alice.send_sm("+15550002", "converted")
        equal((await bob.next_message()).text, "converted", "the client's text")
        equal((await sent.outcome()).kind, "RP-ACK", "the gateway's own report")
        equal(centre.submitted.empty(), True, "nothing more for the centre")


async def commands():
    "SMS-COMMAND goes to the service centre, also about a recipient with a client here; so does TP-RD of a message that is not converted"
    port, stage_gateway = await stage("commands")
    async with stage_gateway as gw:
        centre, alice = await centre_at(gw, port), await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob")
        for number, tpdu in (
            ("+15550002", sms.command("+15550002", mr=9)),
            ("+15557777", sms.submit("+15557777", "again?", first=0x05)),
        ):
            sent = await alice.send_rp(sms.rp_data(8, alice.centre, tpdu))
            equal(sent.answer.status, 202, "the SIP answer, the centre's")
            request, _ = await asyncio.wait_for(centre.submitted.get(), 20)
            equal(request.body, sent.octets, f"the octets about {number}")
            octets = sms.rp_error(sent.mr, 21, sms.submit_report(0xC5), network=True)
            await centre.report_to(gw.uri("+15550001"), octets, sent.call_id)
            equal((await sent.outcome()).octets, octets, "the centre's own report")
        equal(bob.requests, [], "what the client got")


async def memory_available():
    "RP-SMMA goes to the service centre, whatever name it was sent to, and the answer comes back"
    port, stage_gateway = await stage("memory")
    async with stage_gateway as gw:
        centre, alice = await centre_at(gw, port), await gw.user(Phone, "alice")
        say("the phone is full")
        alice.rp_answers.append(22)
        sent = await centre.deliver(gw.uri("alice"), "+15557777", "no room")
        report = await sent.outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 22), "what the centre is told")
        ours = (await alice.next_message())[0].get("P-Asserted-Identity").strip("<>")
        for name, uri, answer in (
            ("the centre, from the message", ours, sms.rp_ack(0, network=True)),
            ("the gateway", alice.centre_uri, sms.rp_ack(0, network=True)),
            ("its number", "tel:+15559999", sms.rp_error(0, 30, network=True)),
        ):
            say(f"RP-SMMA to {name}")
            mr = next(alice._mr) % 256
            sent = await alice.send_rp(sms.rp_smma(mr), uri=uri)
            equal(sent.answer.status, 202, "the SIP answer, the centre's")
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            equal((message.kind, request.body), ("RP-SMMA", sent.octets), "the octets")
            equal(request.get("Call-ID"), sent.call_id, "Call-ID")
            equal(request.all("P-Asserted-Identity"), ["<sip:+15550001@ims.example>"], "P-Asserted-Identity")
            octets = bytes([answer[0], mr]) + answer[2:]
            await centre.report_to(gw.uri("+15550001"), octets, sent.call_id)
            equal((await sent.outcome()).octets, octets, "the centre's report")
        say("then the centre tries again")
        sent = await centre.deliver(gw.uri("alice"), "+15557777", "room")
        equal((await alice.next_message())[1].tpdu.text, "room", "what the phone got")
        equal((await sent.outcome()).kind, "RP-ACK", "what the centre is told")


async def nobody_answers():
    "a service centre that does not answer: the phone gets a SIP error, nothing was taken"
    port, stage_gateway = await stage("nobody")
    async with stage_gateway as gw:
        alice = await gw.user(Phone, "alice")
        sent = await alice.send_rp(sms.rp_smma(5))
        equal(sent.answer.status, 480, "the SIP answer")
        equal(alice.reports, [], "reports")


run(to_a_client, to_a_phone, from_a_phone, commands, memory_available, nobody_answers)
