"""The examples of the manual, played: see README.md."""

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
from pathlib import Path

import manuals
import sms
from e2e import CFG, FOLDER, ImClient, Phone, ServiceCentre, equal, gateway, imdn_document, run, say
from gateway import free_port
from msrp_client import MsrpClient

MANUAL, MIGRATION = "doc/ipsmgw_admin.md", "doc/migration.md"
FRAME = (Path(__file__).parent / "examples.cfg").read_text()
ALICE, BOB, CAROL, DAVE = (f"sip:+1555000{digit}@ims.example" for digit in "1234")
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", "+15550004")]
REFERENCES = itertools.count(1)
LIST = '<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>%s</list></resource-lists>'


def name_of(heading):
    """The name of the route with the example below a heading."""
    return re.match(r"\w+", heading.replace("-", "_").replace(" ", "_"))[0]


def routes():
    """The examples of the manual as routes, each under the name of its function or section."""
    found = []
    for one in manuals.blocks("kamailio", MANUAL):
        if one.text.startswith(("modparam", "loadmodule")):
            continue
        if one.heading == "ipsmgw_msrp()":
            found.append(f"event_route[msrp:frame-in] {{\n{one.text}}}\n")
        elif one.text.startswith(("route[", "event_route[")):
            found.append(one.text)
        else:
            found.append(f"route[{name_of(one.heading)}] {{\n{one.text}}}\n")
    found.append(f"route[migration] {{\n{manuals.block(MIGRATION, 'The route')}}}\n")
    return "\n".join(found)


def frame(name, parameters="", **replaced):
    """The file with all examples. `replaced`: addresses of the manual, and what stands for them here."""
    text = FRAME.replace("# EXAMPLE: the modules", manuals.block(MANUAL, "Kamailio modules"))
    text = text.replace("# EXAMPLE: parameters", parameters).replace("# EXAMPLE: the routes", routes())
    for old, new in replaced.items():
        equal(old in text, True, f"whether an example has {old}")
        text = text.replace(old, new)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.cfg"
    file.write_text(text.replace('"ipsmgw.so"', "IPSMGW_MODULE"))
    return file


def example(name):
    """The header field that asks for an example."""
    return [("X-Example", name)]


async def user(gw, kind, uri, registers_with=None, **options):
    """A person whose registration an example uses."""
    number = uri[4:].partition("@")[0]
    new = kind(await gw.endpoint(**options), number, None, "ims.example", number)
    if registers_with:
        await register(new, registers_with)
    return new


async def register(who, name, expires=3600):
    fields = [("Contact", who.contact + who.features), ("Expires", str(expires))]
    answer = await who.send("REGISTER", "sip:ims.example", to=who.identity, headers=[*fields, *example(name)])
    equal(answer.status, 200, f"the answer to REGISTER of {name}")


async def submit(phone, to, text, name):
    """A short message that an example takes."""
    mr = next(REFERENCES)
    return await phone.send_rp(sms.rp_data(mr, phone.centre, sms.submit(to, text, mr=mr)), headers=example(name))


def answered(answer):
    """Status and Retry-After."""
    return answer.status, answer.get("Retry-After")


class Play:
    """What each example does, by the name of its route."""

    def __init__(self, gw, centre):
        self.gw, self.centre = gw, centre

    async def people(self):
        """ipsmgw_store, ipsmgw_save, ipsmgw_keep, ipsmgw_deliver, ipsmgw_stored"""
        gw = self.gw
        self.bob = await user(gw, ImClient, BOB, "ipsmgw_save")
        answer = await self.bob.send_im(ALICE, "stored", headers=example("ipsmgw_store"))
        equal(answer.status, 202, "the answer to a message for somebody who is away")
        self.alice = await user(gw, Phone, ALICE, "ipsmgw_save")
        self.carol = await user(gw, Phone, CAROL, "ipsmgw_keep")
        self.dave = await user(gw, MsrpClient, DAVE, "ipsmgw_keep", protocol="tcp")
        equal(gw.statistics("ipsmgw")["registration_written"], 2, "registrations that ipsmgw_keep() has written")
        equal((await self.bob.send_im(ALICE, "", headers=example("ipsmgw_deliver"))).status, 299, "the end of the example")
        equal((await self.alice.next_message())[1].tpdu.text, "stored", "the stored message")
        answer = await self.bob.send_im(ALICE, "not stored", headers=example("ipsmgw_store"))
        equal(answer.status, 299, "the answer to a message for somebody who is there")
        answer = await self.bob.send_im(CAROL, "at once", headers=example("ipsmgw_stored"))
        equal(answer.status, 299, "the end of the example: nothing is being delivered")

    async def ipsmgw_classify(self):
        sent = await submit(self.alice, "+15550002", "hello", "ipsmgw_classify")
        equal((sent.answer.status, self.gw.pattern_seen(r"a short message for \+15550002")), (299, True), "a short message")
        sent = await self.alice.send_rp(b"\0\1\2", headers=example("ipsmgw_classify"))
        equal((sent.answer.status, sent.answer.reason), (400, "Bad Short Message"), "a malformed one")
        equal(self.gw.pattern_seen(rf"malformed: .* call_id={re.escape(sent.call_id)}"), True, "its line in the log")

    async def ipsmgw_person(self):
        for uri, wanted in (("sip:alice@ims.example", ALICE), ("sip:nobody@ims.example", "sip:nobody@ims.example")):
            answer = await self.bob.send_im(uri, "hello", headers=example("ipsmgw_person"))
            equal((answer.status, answer.get("X-Uri")), (299, wanted), uri)

    async def ipsmgw_capable(self):
        equal((await self.dave.send_im(BOB, "to a client", headers=example("ipsmgw_capable"))).status, 200, "the client's answer")
        equal((await self.bob.next_message()).text, "to a client", "the text")
        equal((await self.dave.send_im(ALICE, "to a phone", headers=example("ipsmgw_capable"))).status, 299, "for a phone")

    async def ipsmgw_authorize(self):
        equal((await self.bob.send_im(ALICE, "", headers=example("ipsmgw_authorize"))).status, 299, "authorised")
        self.gw.rpc("ipsmgw.auth_set", "s:+15550002", "sm2im")
        answer = await self.bob.send_im(ALICE, "", headers=example("ipsmgw_authorize"))
        equal((answer.status, answer.reason), (403, "Not Authorised"), "not authorised")
        self.gw.rpc("ipsmgw.auth_set", "s:+15550002", "both")

    async def ipsmgw_sm_to_im(self):
        sent = await submit(self.alice, "+15550002", "as a text", "ipsmgw_sm_to_im")
        equal((await self.bob.next_message()).text, "as a text", "what the client shows")
        equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer, and the report")
        # The event route.
        await self.gw.until(lambda: self.gw.pattern_seen(f"delivered: status=200 call_id={re.escape(sent.call_id)}"), what="ipsmgw:sm-result")
        sent = await submit(self.alice, "+15557777", "to nobody", "ipsmgw_sm_to_im")
        equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer, and the report, when it is stored")

    async def ipsmgw_sm_to_sm(self):
        sent = await submit(self.alice, "+15550003", "to a phone", "ipsmgw_sm_to_sm")
        shown = (await self.carol.next_message())[1].tpdu
        equal((shown.text, shown.address), ("to a phone", "+15550001"), "what the phone shows")
        equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer, and the report")
        equal((await submit(self.alice, "+15550002", "", "ipsmgw_sm_to_sm")).answer.status, 299, "for a client")

    async def ipsmgw_im_to_sm(self):
        """With the route that the example names."""
        for rp_answer, status, told in (("ack", 200, "delivered status=200"), (21, 403, "failed status=403")):
            self.alice.rp_answers.append(rp_answer)
            answer = await self.bob.send_im(ALICE, "as a short message", headers=example("AS_SMS"), call_id=f"as-sms-{status}")
            equal(answer.status, status, "the answer")
            equal((await self.alice.next_message())[1].tpdu.text, "as a short message", "what the phone shows")
            equal(self.gw.pattern_seen(f"{told} call_id=as-sms-{status}"), True, "the line of the route")

    async def lists(self):
        """ipsmgw_next_recipient, ipsmgw_add_recipient, ipsmgw_im_to_list"""
        fields = [("Require", "recipient-list-message")]

        async def send(name, *recipients):
            entries = "".join(f'<entry uri="{uri}"/>' for uri in recipients)
            body = (
                "--b\r\nContent-Type: text/plain\r\n\r\nto all\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n"
                f"Content-Disposition: recipient-list\r\n\r\n{LIST % entries}\r\n--b--\r\n"
            )
            return await self.bob.send_im("sip:ims.example", body, "multipart/mixed;boundary=b", headers=[*fields, *example(name)])

        for name, carol in (("ipsmgw_next_recipient", CAROL), ("ipsmgw_add_recipient", "sip:carol@ims.example"), ("ipsmgw_im_to_list", CAROL)):
            equal((await send(name, ALICE, carol)).status, 202, f"{name}: the answer")
            for phone in (self.alice, self.carol):
                equal((await phone.next_message())[1].tpdu.text, "to all", f"{name}: what each phone shows")
        for name in ("ipsmgw_next_recipient", "ipsmgw_add_recipient"):
            equal((await send(name, ALICE, "sip:nobody@elsewhere.example")).status, 404, f"{name}: a recipient that is not added")
        equal((await self.bob.send_im(ALICE, "no list", headers=example("ipsmgw_im_to_list"))).status, 299, "a message without a list")

    async def ipsmgw_draining(self):
        equal((await self.dave.send("INVITE", BOB, headers=example("ipsmgw_draining"))).status, 299, "before")
        self.gw.rpc("ipsmgw.drain")
        equal(answered(await self.dave.send("INVITE", BOB, headers=example("ipsmgw_draining"))), (503, "10"), "while it drains")
        self.gw.rpc("ipsmgw.drain", "off")

    async def ipsmgw_enabled(self):
        equal((await self.dave.send_im(BOB, "", headers=example("ipsmgw_enabled"))).status, 299, "while it is enabled")
        self.gw.rpc("ipsmgw.disable")
        answer = await self.dave.send_im(BOB, "unchanged", content_type="x/y", headers=example("ipsmgw_enabled"))
        request = await self.bob.next_message()
        equal((answer.status, request.content_type, request.body), (200, "x/y", b"unchanged"), "while it is disabled")
        self.gw.rpc("ipsmgw.enable")

    async def ipsmgw_expects_report(self):
        octets = sms.rp_ack(99)
        sent = await self.alice.send_rp(octets, 99, headers=example("ipsmgw_expects_report"))
        equal((sent.answer.status, [one.body for one, _ in self.centre.reports]), (200, [octets]), "a report about nothing of the gateway")
        self.alice.rp_answers.append(None)
        waits = asyncio.create_task(self.bob.send_im(ALICE, "a report follows", headers=example("AS_SMS")))
        request, message = await self.alice.next_message()
        fields = [("In-Reply-To", request.get("Call-ID")), *example("ipsmgw_expects_report")]
        sent = await self.alice.send_rp(sms.rp_ack(message.mr), message.mr, headers=fields)
        equal(sent.answer.status, 299, "a report about a message of the gateway")
        await self.alice.report(request, sms.rp_ack(message.mr))
        equal((await waits).status, 200, "the outcome")

    async def ipsmgw_report(self):
        """All reports of this case pass this example."""
        unknown = self.gw.statistics("ipsmgw")["report_unknown"]
        equal((await self.alice.send_rp(sms.rp_ack(98), 98)).answer.status, 202, "the answer to a report about nothing")
        equal(self.gw.statistics("ipsmgw")["report_unknown"], unknown + 1, "the counter of such reports")
        equal((await self.alice.send_rp(sms.rp_smma(97), 97)).answer.status, 202, "the answer to RP-SMMA")
        document = imdn_document("of-others")
        answer = await self.bob.send_im(ALICE, document, "message/imdn+xml", headers=[("Content-Disposition", "notification")])
        equal(answer.status, 299, "a notification about a message of others")

    async def sessions(self):
        """ipsmgw_session, ipsmgw_msrp"""
        session = await self.dave.invite(ALICE)
        message = await session.send("in a session")
        equal((await self.alice.next_message())[1].tpdu.text, "in a session", "what the phone shows")
        equal(set(await message.answers()), {200}, "the responses")
        equal((await session.dialog.bye()).status, 200, "the answer to BYE")
        stray = await session.send("after the end")
        equal(set(await stray.answers()), {481}, "the response to a frame of no session")

    async def ipsmgw_overloaded(self):
        equal((await self.bob.send_im(ALICE, "", headers=example("ipsmgw_overloaded"))).status, 299, "without load")
        self.alice.rp_answers.append(None)
        waits = asyncio.create_task(self.bob.send_im(ALICE, "open", headers=example("AS_SMS")))
        request, message = await self.alice.next_message()
        status, wait = answered(await self.bob.send_im(ALICE, "", headers=example("ipsmgw_overloaded")))
        equal((status, 2 <= int(wait) <= 10), (503, True), "under overload")
        await self.alice.report(request, sms.rp_ack(message.mr))
        equal((await waits).status, 200, "the answer to the open message")

    async def ipsmgw_missing_report(self):
        self.alice.rp_answers.append(None)
        waits = asyncio.create_task(self.bob.send_im(ALICE, "a report is missing", headers=example("AS_SMS")))
        request, message = await self.alice.next_message()
        fields = [("In-Reply-To", request.get("Call-ID")), *example("ipsmgw_missing_report")]
        for status, mr, fields in ((299, message.mr, fields), (503, (message.mr + 1) % 256, fields[1:])):
            sent = await self.alice.send_rp(sms.rp_ack(mr), mr, headers=fields)
            equal(sent.answer.status, status, "a report with In-Reply-To, and one with another reference and without In-Reply-To")
        await self.alice.report(request, sms.rp_ack(message.mr))
        equal((await waits).status, 200, "the outcome")

    async def ipsmgw_reply(self):
        sent = await submit(self.alice, "+15550002", "", "ipsmgw_reply")
        equal((sent.answer.status, (await sent.outcome()).cause), (202, 1), "the answer, and the cause")

    async def Pseudo_variables(self):
        sent = await submit(self.alice, "+15550002", "", "Pseudo_variables")
        found = sent.answer.status, sent.answer.get("X-Uri"), sent.answer.get("X-Hold")
        equal(found, (299, "sip:+15559999@ims.example", "4"), "what the example has set")
        equal(self.gw.pattern_seen(r"short message for \+15550002, part"), True, "the line")

    async def migration(self):
        sent = await submit(self.alice, "+15550003", "to a phone", "migration")
        equal(((await self.carol.next_message())[1].tpdu.text, (await sent.outcome()).kind), ("to a phone", "RP-ACK"), "to a phone")
        sent = await submit(self.alice, "+15550002", "to a client", "migration")
        equal(((await self.bob.next_message()).text, (await sent.outcome()).kind), ("to a client", "RP-ACK"), "to a client")
        sent = await submit(self.alice, "+15557777", "to nobody", "migration")
        equal((await sent.outcome()).kind, "RP-ACK", "stored")
        self.alice.rp_answers.append(None)
        waits = asyncio.create_task(self.bob.send_im(ALICE, "from a client", headers=example("migration"), call_id="migrated"))
        request, message = await self.alice.next_message()
        fields = [("In-Reply-To", request.get("Call-ID")), *example("migration")]
        equal((await self.alice.send_rp(sms.rp_ack(message.mr), message.mr, headers=fields)).answer.status, 202, "the report")
        equal(((await waits).status, message.tpdu.text), (200, "from a client"), "from a client")
        # The event route.
        equal(self.gw.pattern_seen(r"delivered: status=200 cause=.* call_id=migrated"), True, "ipsmgw:result")

    async def Charging_records(self):
        """event_route[ipsmgw:cdr], by all messages before."""
        records = [json.loads(text) for text in re.findall(r"cdr (\{.*\})", self.gw.log())]
        found = {(one["way"], one["result"]) for one in records}
        equal({("sm_to_im", "delivered"), ("im_to_sm", "delivered"), ("sm_to_sm", "delivered")} - found, set(), "missing records")
        equal({(one["from"], one["to"]) for one in records if one["way"] == "sm_to_sm"}, {(ALICE, CAROL)}, "the records from phone to phone")


# Headings whose examples are played under another name.
TOGETHER = {
    "people": {"ipsmgw_store", "ipsmgw_save", "ipsmgw_keep", "ipsmgw_deliver", "ipsmgw_stored"},
    "lists": {"ipsmgw_next_recipient", "ipsmgw_add_recipient", "ipsmgw_im_to_list"},
    "sessions": {"ipsmgw_session", "ipsmgw_msrp"},
    "ipsmgw_sm_to_im": {"Event_routes", "ipsmgw_sm_to_im"},
}
# The frame has the first one; the scenario `nodes` plays the second one.
ELSEWHERE = {"Kamailio_modules", "Two_or_more_nodes"}


async def functions():
    "each function, pseudo-variable and event route, as its example uses it"
    port = free_port()
    file = frame("functions", **{"sip:192.0.2.10:5060": f"sip:127.0.0.2:{port}"})
    async with gateway(cfg=file, people=PEOPLE) as gw:
        play = Play(gw, ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), "ims.example"))
        names = [name for name in vars(Play) if not name.startswith("_")]
        for name in names:
            say(name)
            await getattr(play, name)()
            await gw.until(lambda: gw.pending() == 0, what=f"an empty table behind {name}")
        bad = [line for line in gw.log().splitlines() if re.search("ERROR|CRITICAL", line)]
        equal(bad, [], "errors in the log")
        played = set().union(*(TOGETHER.get(name, {name}) for name in names)) - {"migration"}
        headings = {name_of(one.heading) for one in manuals.blocks("kamailio", MANUAL) if not one.text.startswith("modparam")}
        equal(headings - ELSEWHERE, played, "the examples that are played")


async def nodes():
    "a report that comes to another node than the one that has sent the message"
    async with contextlib.AsyncExitStack() as stack:
        gateways, database = [], FOLDER / "nodes.sqlite"
        database.unlink(missing_ok=True)
        for number in (1, 2):
            new = gateway(name=f"node{number}", host=f"127.0.0.{20 + number}", people=PEOPLE)
            more = {"store_url": f"sqlite:///{database}", "node": number, "node_uri": "sip:%s:%d" % new.address}
            lines = [f'modparam("ipsmgw", "{name}", {value if isinstance(value, int) else chr(34) + value + chr(34)})' for name, value in more.items()]
            new.cfg = frame(f"node{number}", "\n".join(lines))
            gateways.append(new)
        subprocess.run(["sqlite3", database, ".read " + str(CFG / "schema/sqlite.sql")], check=True, capture_output=True)
        for one in gateways:
            await stack.enter_async_context(one)
        first, second = gateways
        for one in gateways:
            await one.until(lambda one=one: "alive: true" in one.rpc("ipsmgw.nodes"), what="a sign of life of the other node")
        bob, alice = await user(first, ImClient, BOB, "ipsmgw_save"), await user(first, Phone, ALICE, "ipsmgw_save")
        there = await user(second, Phone, ALICE)
        alice.rp_answers.append(None)
        waits = asyncio.create_task(bob.send_im(ALICE, "a report follows", headers=example("AS_SMS")))
        request, message = await alice.next_message()
        fields = [("In-Reply-To", request.get("Call-ID")), *example("Two_or_more_nodes")]
        sent = await there.send_rp(sms.rp_ack(message.mr), message.mr, headers=fields)
        equal(sent.answer.status, 202, "the answer to the report")
        equal((await waits).status, 200, "the answer to the message")


run(functions, nodes)
