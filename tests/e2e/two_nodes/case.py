"""Two gateways with one database: see README.md."""

import asyncio
import contextlib
import re
import sqlite3

import sms
from databases import Postgres
import sip
from e2e import CFG, CpimClient, ImClient, Phone, ServiceCentre, equal, imdn_document, run, say
from gateway import free_port
from nodes import Balancer, Nodes, uri_of, user
from ua import Endpoint

BOB = "sip:+15550002@ims.example"
TEXT = "0123456789" * 40
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", "+15550004")]


async def send(client, text):
    equal((await client.send_im(BOB, text)).status, 202, "the answer")


def text_of(message):
    return message[1].tpdu.text


async def at_once(alice, bob, text):
    """Until a text is delivered at once: each second, a node checks which of its stored messages the other node has delivered."""
    for _ in range(20):
        status = (await alice.send_im(BOB, text)).status
        equal(text_of(await bob.next_message(20)), text, "what the phone got")
        if status == 200:
            return
        equal(status, 202, "the answer: stored, and delivered")
        await asyncio.sleep(0.3)
    equal(status, 200, "the answer")


async def either(nodes, ways, bobs):
    say("messages that both nodes have stored arrive once and in order at the node where the phone registers")
    for number in range(4):
        await send(ways[number % 2], f"message {number}")
    await bobs[1].register()
    for number in range(4):
        equal(text_of(await bobs[1].next_message(20)), f"message {number}", "what the phone got")
    await nodes.empty()
    await bobs[1].register(expires=0)
    await nodes.all[0].until(lambda: "+15550002" not in nodes.all[0].registered(), what="the end of the registration at the first node")
    say("two phones register at both nodes at a time: reports come through the other node, too")
    for number in range(20):
        await send(ways[number % 2], f"message {number}")
    await asyncio.gather(*(bob.register() for bob in bobs))
    await nodes.empty()
    got = sorted(text_of(bob.inbox.get_nowait()) for bob in bobs for _ in range(bob.inbox.qsize()))
    equal(got, sorted(f"message {number}" for number in range(20)), "what the phones got")
    await asyncio.gather(*(bob.register(expires=0) for bob in bobs))


def records(node):
    """The names of a node's charging records: that of the submission of a message ends in -s, that of its delivery in -d."""
    with contextlib.closing(sqlite3.connect(node.db, timeout=10)) as db:
        return {name for (name,) in db.execute("SELECT record_id FROM ipsmgw_cdr")}


async def charged(nodes):
    say("the node that has delivered a message has the record of its submission, too: a crash of the node that stored it may have cut it off")
    for node in nodes.all:
        delivered = {name.removesuffix("d") for name in records(node) if name.endswith("-d")}
        complete = lambda node=node, delivered=delivered: {f"{name}s" for name in delivered} <= records(node)  # noqa: E731
        await node.until(complete, what="the records of all submissions")
    others = {name for node in nodes.all for name in records(node) if name.endswith("-s") and int(name.partition("-")[0], 16) != nodes.all.index(node) + 1}
    equal(len(others) > 0, True, "records of submissions at the other node")


async def other_node(nodes, alices, bob):
    say("the report of a phone that is registered at the other node is passed on")
    first, second = nodes.all
    await bob.register()
    await first.until(lambda: "+15550002" in first.registered(), what="the registration at the first node")
    await at_once(alices[0], bob, "hello")
    say("a text through one node goes behind a text that the other one has stored")
    bob.answer = 480
    await send(alices[0], "older")
    await bob.next_message()
    await asyncio.sleep(3)  # each second, a node reads what the other one has stored
    bob.answer = 200
    await send(alices[1], "newer")
    for text in ("older", "newer"):
        equal(text_of(await bob.next_message(20)), text, "what the phone got")
    await nodes.empty()
    await bob.register(expires=0)
    await first.until(lambda: "+15550002" not in first.registered(), what="the end of the registration at the first node")
    say("parts of a long message through both nodes")
    ways = [await user(node, Phone, "carol") for node in (first, second)]
    dave = await user(second, ImClient, "dave")
    await first.until(lambda: "+15550004" in first.registered(), what="the registration at the first node")
    for number, octets in enumerate(sms.parts(TEXT, 7)):
        await part(ways[number % 2], octets, number)
    equal((await dave.next_message(20)).text, TEXT, "the text")
    await nodes.empty()
    return ways, dave


async def balanced(nodes):
    say("through the balancer")
    first, second = nodes.all
    async with Balancer((first, second)) as balancer:
        alice = await user(first, ImClient, "alice", to=balancer.address)
        bob = await user(first, Phone, "bob", to=balancer.address)
        for node in (first, second):
            await node.until(lambda node=node: "+15550002" in node.registered(), what="the registration at both nodes")
        await at_once(alice, bob, "balanced")
        await bob.register(expires=0)
        for node in (first, second):
            await node.until(lambda node=node: "+15550002" not in node.registered(), what="the end of the registration at both nodes")


async def killed(nodes, ways, bobs, carols, dave):
    say("kill -9 of a node that has stored messages, acknowledged parts, and a message that it delivers")
    first, second = nodes.all
    one, two, three = sms.parts(TEXT, 8)
    await part(carols[0], one, 1)
    await part(carols[0], two, 2)
    for number in range(3):
        await send(ways[0], f"again {number}")
    bobs[0].rp_answer = None
    await bobs[0].register()
    equal(text_of(await bobs[0].next_message(20)), "again 0", "what the phone got, and did not acknowledge")
    await first.kill()
    bobs[0].answer = 404
    await bobs[1].register()
    for number in range(3):
        equal(text_of(await bobs[1].next_message(30)), f"again {number}", "what the phone got through the other node")
    await second.until(lambda: "exchanges of a dead node are taken over" in second.log(), what="the end of the take-over")
    await part(carols[1], three, 3)
    equal((await dave.next_message(20)).text, TEXT, "the text, whose parts came through both nodes")
    await nodes.empty()
    say("the first node is back, and joins the parts of a sender of which the second one has some")
    alices = [await user(node, Phone, "alice", register=False) for node in (first, second)]
    await alices[1].register()
    one, two, three = sms.parts(TEXT, 9)
    await part(alices[1], one, 1)
    await part(alices[1], two, 2)
    early = list(sms.parts(TEXT, 10))
    for number, octets in enumerate(early):
        await part(alices[1], octets, 10 + number)
    equal((await dave.next_message(20)).text, TEXT, "the text that the second node has delivered")
    await first.start()
    await nodes.know_each_other()
    await part(alices[1], three, 3)
    equal((await dave.next_message(20)).text, TEXT, "the text, whose parts came to both nodes")
    say("a part of a message that the second node has delivered comes to the first one once more")
    await alices[0].register()
    await part(alices[0], early[0], 10)
    await nodes.empty()
    equal(dave.inbox.qsize(), 0, "further messages")
    await ways[0].register()
    await at_once(ways[0], bobs[1], "and more")
    equal(bobs[1].inbox.qsize(), 0, "further messages")


def as_in_the_example(nodes):
    """The settings of kamailio-cfg/two-nodes, with the addresses of these nodes."""
    first, second = nodes.all
    for node in nodes.all:
        text = (CFG / f"two-nodes/node{node.env['IPSMGW_NODE']}.env").read_text()
        for shown, of in (("192.0.2.1", first), ("192.0.2.2", second)):
            text = text.replace(f"{shown}:5060", "%s:%d" % of.address).replace(shown, of.address[0])
        text = text.replace("postgres://ipsmgw:PASSWORD@192.0.2.9/ipsmgw", nodes.server.url)
        node.env.update(re.findall(r"^(IPSMGW_\w+)=(.*)$", text, re.MULTILINE))
    return nodes


async def two_nodes():
    "the first node with kamailio.cfg, the second one with kamailio.lua, both with the settings of kamailio-cfg/two-nodes"
    async with as_in_the_example(Nodes(Postgres(), people=PEOPLE, cdr_table="ipsmgw_cdr")) as nodes:
        ways = [await user(node, ImClient, "alice") for node in nodes.all]
        bobs = [await user(node, Phone, "bob", register=False) for node in nodes.all]
        await either(nodes, ways, bobs)
        await charged(nodes)
        carols, dave = await other_node(nodes, ways, bobs[1])
        await balanced(nodes)
        await killed(nodes, ways, bobs, carols, dave)


def cpim(from_, to, fields, body):
    lines = f"From: <{from_}>\r\nTo: <{to}>\r\nNS: imdn <urn:ietf:params:imdn>\r\n{fields}\r\n{body}"
    return lines.encode()


async def status_report(nodes, port):
    say("a status report of a service centre that comes to the node that did not submit the message")
    first, second = nodes.all
    centre = ServiceCentre(await first.endpoint(host="127.0.0.2", port=port), first.domain)
    bob = await user(first, CpimClient, "bob")
    me, you = "sip:+15550002@ims.example", "sip:+15558888@ims.example"
    wanted = "imdn.Message-ID: m7\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n"
    body = cpim(me, you, wanted, "Content-Type: text/plain\r\n\r\ntell me")
    sending = asyncio.create_task(bob.send_im(you, body, "message/cpim"))
    request, message = await asyncio.wait_for(centre.submitted.get(), 10)
    await centre.report_to(sip.addr_spec(request.get("P-Asserted-Identity")), sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
    equal((await sending).status, 202, "the sender's answer: taken, not delivered")
    centre.endpoint.gateway = second.address
    report = sms.status_report(message.tpdu.mr, "+15558888", 0x00, when=1780000000)
    sent = await centre.deliver(me, "", "", tpdu=report)
    equal((await sent.outcome()).kind, "RP-ACK", "the centre is answered")
    notification = (await bob.next_message(10)).body.decode()
    equal("<message-id>m7</message-id>" in notification and "<delivered/>" in notification, True, notification)
    say("a status report on nothing goes round, and is acknowledged once")
    sent = await centre.deliver(me, "", "", tpdu=sms.status_report(250, "+15558888", 0))
    equal((await sent.outcome()).kind, "RP-ACK", "the centre is answered")
    await first.until(lambda: sum(node.statistics("ipsmgw")["report_unknown"] for node in nodes.all) == 1, what="report_unknown")


async def notification(nodes):
    say("a client's notification that comes to the node that did not send the message")
    first, second = nodes.all
    alice, carol = await user(first, Phone, "alice"), await user(second, CpimClient, "carol")
    await first.until(lambda: "+15550003" in first.registered(), what="the registration at the first node")
    carol.answers.append(202)
    sent = await alice.send_rp(sms.rp_data(5, alice.centre, sms.submit("+15550003", "hi", mr=9, srr=True)))
    equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
    body = (await carol.next_message(10)).body.decode()
    message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", body).group(1)
    document = imdn_document(message_id)
    part = f"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\nContent-Length: {len(document)}\r\n\r\n{document}"
    told = cpim("sip:+15550003@ims.example", "sip:+15550001@ims.example", "imdn.Message-ID: x1\r\n", part)
    answer = await carol.send_im(first.uri("+15550001"), told, "message/cpim")
    equal(answer.status // 100, 2, "the answer to the notification")
    seen = (await alice.next_message(10))[1].tpdu
    equal((seen.kind, seen.st, seen.mr), ("SMS-STATUS-REPORT", 0x00, 9), "the status report")


async def reports():
    "a service centre's status report, and a client's notification, at the node that did not send what they are about"
    port = free_port("127.0.0.2")
    async with Nodes(Postgres(), people=PEOPLE, sc_uri=f"sip:127.0.0.2:{port}") as nodes:
        await status_report(nodes, port)
        await notification(nodes)


class Refusing:
    """Stands for a node: it refuses each message after some seconds."""

    def __init__(self, endpoint):
        self.endpoint, self.address = endpoint, endpoint.address
        self.after, self.asked = 0, 0
        endpoint.users = {sip.user_of(uri): self for uri in (BOB, uri_of(self))}

    async def handle(self, request):
        if request.method == "OPTIONS":
            return self.endpoint.respond(request, 200, "OK")
        self.asked += 1
        await asyncio.sleep(self.after)
        self.endpoint.respond(request, 503, "Service Unavailable")


async def refusals():
    "the balancer tries the next node behind a 503 that comes at once: behind a later one, the phone may have the message"
    endpoints = [await Endpoint.open(None, host=f"127.0.0.{31 + n}") for n in range(2)]
    nodes = [Refusing(endpoint) for endpoint in endpoints]
    async with Balancer(nodes) as balancer:
        alice = ImClient(await balancer.endpoint(host="127.0.0.1"), "alice", "", "ims.example", "+15550001")
        for after, asked in ((0, 2), (0.9, 1)):
            for node in nodes:
                node.after, node.asked = after, 0
            # A proxy makes a 500 of it (RFC 3261 16.7).
            equal((await alice.send_im(BOB, "hello")).status, 500, "the answer")
            equal(sum(node.asked for node in nodes), asked, f"how many nodes were asked, with a refusal after {after} s")
    for endpoint in endpoints:
        await endpoint.close()


async def part(phone, part, mr):
    """A part, and the report on it."""
    dcs, octets = part
    tpdu = sms.submit("+15550004", "", first=0x41, dcs=dcs, user_data=octets)
    sent = await phone.send_sm("+15550004", "", mr=mr, tpdu=tpdu)
    equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer and the report")


run(two_nodes, reports, refusals)
