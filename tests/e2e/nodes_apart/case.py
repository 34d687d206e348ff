"""Two gateways, one of which loses the database: see README.md."""

import asyncio
import contextlib
import os
import signal
import threading
import time

import sms
from databases import Postgres
from e2e import ImClient, Phone, equal, run, say
from kamailio import free_port
from nodes import Nodes, user

PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", "+15550004"), ("erin", "+15550008")]
TEXT = "0123456789" * 40
# Of one_that_starts_again, in seconds.
NODE_TIMEOUT = 10
BOB, CAROL, DAVE = (f"sip:{number}@ims.example" for _, number in PEOPLE[1:4])


class Way:
    """The way of one node to the database: connections are passed on, or cut. It has a thread of its own, because the case waits for
    programs that use it."""

    def __init__(self, server):
        self.server = server
        self.port = free_port()
        self.writers = set()
        self.is_open = True
        self.loop = asyncio.new_event_loop()

    async def __aenter__(self):
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self.pass_on, "127.0.0.1", self.port), self.loop).result(10)
        return self

    async def __aexit__(self, *_):
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)

    def url(self):
        return self.server.url.replace(f":{self.server.port}/", f":{self.port}/")

    def cut(self):
        self.is_open = False
        for writer in list(self.writers):
            self.loop.call_soon_threadsafe(writer.transport.abort)

    def mend(self):
        self.is_open = True

    async def pass_on(self, reader, writer):
        if not self.is_open:
            return writer.transport.abort()
        there = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.writers |= {writer, there[1]}
        await asyncio.gather(self.copy(reader, there[1]), self.copy(there[0], writer))

    async def copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                writer.write(octets)
        self.writers.discard(writer)
        writer.transport.abort()


async def part(phone, part, mr):
    """A part of a text for dave, and the report on it."""
    dcs, octets = part
    sent = await phone.send_sm("+15550004", "", mr=mr, tpdu=sms.submit("+15550004", "", first=0x41, dcs=dcs, user_data=octets))
    equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer and the report")


def asking(text, message_id):
    return (
        f"From: <sip:+15550001@ims.example>\r\nTo: <{BOB}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        "DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    )


async def blind(nodes, way):
    first, second = nodes.all
    alice, bob = await user(first, ImClient, "alice"), await user(first, Phone, "bob")
    carol, dave = await user(second, Phone, "carol", register=False), await user(first, Phone, "dave", register=False)
    other_bob = await user(second, Phone, "bob", register=False)
    bob.rp_answer = None
    say("a message that the first node delivers, and two that it has stored: more for this recipient are refused")
    equal([(await alice.send_im(CAROL, f"later {n}")).status for n in range(3)], [202, 202, 480], "the answers")
    equal((await alice.send_im(BOB, asking("hello", "m1"), "message/cpim")).status, 202, "the answer: the phone has not reported")
    request, seen = await bob.next_message()
    say("the first node loses the database")
    way.cut()
    await second.until(lambda: "a node answers, but gives no sign of life" in second.log(), 20, what="the warning of the second node")
    equal((await alice.send_im(DAVE, "no promise")).status, 480, "the answer to a message that must be stored")
    say("the second node delivers what is stored, and takes nothing over")
    await carol.register()
    equal([(await carol.next_message(20))[1].tpdu.text for _ in range(2)], ["later 0", "later 1"], "what the phone got")
    say("the report comes through the second node, and reaches the first one")
    await other_bob.report(request, sms.rp_ack(seen.mr))
    equal(b"<delivered/>" in (await alice.next_message()).body, True, "the notification")
    say("the database is back")
    way.mend()
    await first.until(lambda: "can be written again" in first.log(), 20, what="the end of it in the log")
    await nodes.know_each_other()
    await nodes.empty()
    equal((len(bob.requests), alice.inbox.qsize()), (1, 0), "messages to the phone, and further notifications")
    equal("messages are taken over" in second.log(), False, "a take-over")
    equal((await alice.send_im(DAVE, "a promise")).status, 202, "the answer")
    say("the first node has not noticed that the second one has delivered: it counts again before it refuses")
    await carol.register(expires=0)
    await first.until(lambda: "+15550003" not in first.registered(), what="the end of the registration at the first node")
    deadline = time.monotonic() + 30
    while (await alice.send_im(CAROL, "and more")).status != 202:
        equal(time.monotonic() < deadline, True, "an answer 202 in time")
        await asyncio.sleep(0.3)
    await dave.register()
    equal((await dave.next_message(20))[1].tpdu.text, "a promise", "what the phone got")


async def one_without_the_database():
    "a node that loses the database alone goes on with the messages that it has in memory, and the other one leaves them alone"
    server = Postgres()
    nodes = Nodes(server, people=PEOPLE, modparams={"hold_timeout": 2, "report_timeout": 60, "store_max_per_recipient": 2})
    async with Way(server) as way:
        nodes.all[0].env["IPSMGW_STORE_URL"] = way.url()
        async with nodes:
            await blind(nodes, way)


async def one_that_stands_still():
    "all processes of a node stand still until the other one has taken over, and go on: what is delivered by then is not delivered again"
    nodes = Nodes(Postgres(), people=PEOPLE, modparams={"hold_timeout": 2, "report_timeout": 6})
    async with nodes:
        first, second = nodes.all
        alice, bob = await user(first, ImClient, "alice"), await user(second, Phone, "bob")
        for node, number in ((first, "+15550002"), (second, "+15550001")):
            await node.until(lambda node=node, number=number: number in node.registered(), what="the registration at the other node")
        # Of these two nodes, the first one joins the parts of her messages.
        erins = [await user(node, Phone, "erin") for node in nodes.all]
        dave = await user(second, ImClient, "dave")
        bob.rp_answer = None
        equal((await alice.send_im(BOB, asking("hello", "m1"), "message/cpim")).status, 202, "the answer: the phone has not reported")
        request, seen = await bob.next_message()
        one, two, three = sms.parts(TEXT, 7)
        await part(erins[0], one, 1)
        equal(first.pending(), 2, "what the first node has")
        await part(erins[0], two, 2)
        os.killpg(first.process.pid, signal.SIGSTOP)
        try:
            await second.until(lambda: "exchanges of a dead node are taken over" in second.log(), 20, what="the end of the take-over")
            await second.until(lambda: "alive: false" in second.rpc("ipsmgw.nodes"), what="the end of the first node, for all processes")
            await bob.report(request, sms.rp_ack(seen.mr))
            equal(b"<delivered/>" in (await alice.next_message()).body, True, "the notification")
            say("the parts acknowledged just before are the other node's, too")
            await part(erins[1], three, 3)
            equal((await dave.next_message(20)).text, TEXT, "the text")
        finally:
            os.killpg(first.process.pid, signal.SIGCONT)
        await nodes.know_each_other()
        await first.until(lambda: first.pending() == 0, 20, what="an empty memory of the first node")
        await nodes.empty()
        equal((len(bob.requests), alice.inbox.qsize()), (1, 0), "messages to the phone, and further notifications")
        equal(dave.inbox.qsize(), 0, "further texts")


class SignOfLife:
    """A transaction in which a node's row has its next sign of life."""

    def __init__(self, server, number):
        self.server, self.number = server, number

    async def __aenter__(self):
        words = self.server.as_user("psql", "-XAtq", self.server.url)
        self.psql = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=self.server.folder)
        self.psql.stdin.write(f"BEGIN; UPDATE ipsmgw_store SET due = due + 1 WHERE id = '{self.number:04x}'; SELECT 'done';\n".encode())
        equal(await asyncio.wait_for(self.psql.stdout.readline(), 10), b"done\n", "the answer of the database")
        return self

    async def __aexit__(self, *_):
        await asyncio.wait_for(self.psql.communicate(b"COMMIT;\n"), 10)


async def stops_when_it_has_read(node):
    """A node was killed. It starts, and stands still when it has read what it has, until the other one had taken that over without a new
    sign of life."""
    killed, before = time.monotonic(), len(node.log())
    await asyncio.sleep(3)
    starting = asyncio.create_task(node.start())
    await asyncio.sleep(0)
    while "exchanges of an earlier start are taken up" not in node.log()[before:]:
        equal(time.monotonic() < killed + NODE_TIMEOUT, True, "the exchanges of the last start, in time")
        time.sleep(0.005)  # at once: before its first look at the other node
    os.killpg(node.process.pid, signal.SIGSTOP)
    # In a thread: the case waits for an answer of this node meanwhile.
    threading.Timer(killed + NODE_TIMEOUT + 2.5 - time.monotonic(), os.killpg, (node.process.pid, signal.SIGCONT)).start()
    await starting


async def one_that_starts_again():
    "a node starts again while the other one is about to take over its messages: one of them has them, not both"
    nodes = Nodes(Postgres(), people=PEOPLE, modparams={"hold_timeout": 2, "report_timeout": 120, "node_timeout": NODE_TIMEOUT})
    async with nodes:
        first, second = nodes.all
        second.starts_within += NODE_TIMEOUT
        alice, bob = await user(second, ImClient, "alice"), await user(second, Phone, "bob")
        await first.until(lambda: "+15550001" in first.registered(), what="the registration at the other node")
        bob.rp_answer = None
        equal((await alice.send_im(BOB, asking("hello", "m1"), "message/cpim")).status, 202, "the answer: the phone has not reported")
        request, seen = await bob.next_message()
        rows = lambda: nodes.server.sql("SELECT node FROM ipsmgw_store WHERE kind <> 'node'", "ipsmgw").split()  # noqa: E731
        await second.kill()
        async with SignOfLife(nodes.server, 2):
            await first.until(lambda: "its messages are taken over" in first.log(), 30, what="the beginning of the take-over")
            await asyncio.sleep(1)
            equal(rows(), ["2"], "the node that has the message, while that node gives a sign of life")
        say("the second node lives again, as its row says: it has the message still")
        await second.start()
        await nodes.know_each_other()
        equal((rows(), first.pending(), second.pending()), (["2"], 0, 1), "the node that has the message, and what both have in memory")
        say("it is killed again, starts, and stands still before it works: it has given a sign of life before it read what it has")
        await second.kill()
        await stops_when_it_has_read(second)
        await nodes.know_each_other()
        equal(first.log().count("its messages are taken over"), 1, "how often the first node began to take over")
        equal((rows(), first.pending(), second.pending()), (["2"], 0, 1), "the node that has the message, and what both have in memory")
        await bob.report(request, sms.rp_ack(seen.mr))
        equal(b"<delivered/>" in (await alice.next_message()).body, True, "the notification")
        await nodes.empty()
        equal((len(bob.requests), alice.inbox.qsize()), (1, 0), "messages to the phone, and further notifications")


run(one_without_the_database, one_that_stands_still, one_that_starts_again)
