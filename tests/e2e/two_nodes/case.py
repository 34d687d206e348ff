"""Two gateways with one database: see README.md."""

import asyncio
import contextlib
import os

import sms
from databases import Postgres
from e2e import CFG, FOLDER, ImClient, Phone, equal, gateway, run, say
from kamailio import Kamailio, free_port

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
BOB = "sip:+15550002@ims.example"
TEXT = "0123456789" * 40
PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", "+15550004")]
HOSTS = ("127.0.0.31", "127.0.0.32")


class Nodes:
    """The two nodes, and their database."""

    def __init__(self):
        self.server = Postgres()
        self.first, self.second = self.node(1), self.node(2, **LUA)
        for one, other in ((self.first, self.second), (self.second, self.first)):
            one.env["IPSMGW_NODE_URI"] = f"sip:{one.address[0]}:{one.address[1]}"
            one.env["IPSMGW_NODE_PEER"] = f"sip:{other.address[0]}:{other.address[1]}"

    def node(self, number, **options):
        return gateway(
            name=f"node{number}", host=HOSTS[number - 1], trusted=HOSTS[2 - number], node=number, validity=3600, people=PEOPLE,
            store_url=self.server.url, store_module="db_postgres.so", modparams={"node_timeout": 4}, **options,
        )

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        await self.stack.enter_async_context(self.server)
        await asyncio.gather(*(self.stack.enter_async_context(node) for node in (self.first, self.second)))
        await self.know_each_other()
        return self

    async def know_each_other(self):
        for node in (self.first, self.second):
            await node.until(lambda node=node: "alive: true" in node.rpc("ipsmgw.nodes"), what="a sign of life of the other node")

    async def __aexit__(self, *error):
        await self.stack.__aexit__(*error)

    def stored(self):
        return int(self.server.sql("SELECT COUNT(*) FROM ipsmgw_store WHERE kind <> 'node'", "ipsmgw"))

    async def empty(self):
        await self.first.until(lambda: self.stored() == 0, 20, what="an empty store")


class Balancer(Kamailio):
    """The balancer of the example, in front of both nodes."""

    def __init__(self, nodes):
        host = "127.0.0.33"
        address = (host, free_port(host))
        folder = FOLDER / "balancer"
        env = {**os.environ, "BALANCER_LISTEN": f"{host}:{address[1]}", "BALANCER_NODES": str(folder / "nodes.list")}
        programs = os.environ.get("KAMAILIO", "kamailio"), os.environ.get("KAMCMD", "kamcmd")
        super().__init__(folder, folder / "balancer.cfg", address, folder / "ctl", env, *programs)
        self.folder.mkdir(parents=True, exist_ok=True)
        (folder / "nodes.list").write_text("".join(f"1 {node.env['IPSMGW_NODE_URI']}\n" for node in nodes))
        lines = f'include_file "{CFG}/two-nodes/balancer.cfg"', 'loadmodule "ctl.so"', f'modparam("ctl", "binrpc", "unix:{self.control}")'
        self.cfg.write_text("#!KAMAILIO\n" + "\n".join(lines) + "\n")

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, kind, *_):
        await self.close(failed=kind is not None)


async def user(node, kind, name, to=None, **options):
    """A phone or client that no node trusts."""
    password, number = node.people[name]
    person = kind(await node.endpoint(host="127.0.0.1", to=to), name, password, node.domain, number)
    if options.get("register", True):
        await person.register()
    return person


async def send(client, text):
    equal((await client.send_im(BOB, text)).status, 202, "the answer")


def text_of(message):
    return message[1].tpdu.text


async def either(nodes, ways, bobs):
    say("messages that both nodes have stored arrive once and in order at the node where the phone registers")
    for number in range(4):
        await send(ways[number % 2], f"message {number}")
    await bobs[1].register()
    for number in range(4):
        equal(text_of(await bobs[1].next_message(20)), f"message {number}", "what the phone got")
    await nodes.empty()
    await bobs[1].register(expires=0)
    await nodes.first.until(lambda: "+15550002" not in nodes.first.registered(), what="the end of the registration at the first node")
    say("two phones register at both nodes at a time: reports come through the other node, too")
    for number in range(20):
        await send(ways[number % 2], f"message {number}")
    await asyncio.gather(*(bob.register() for bob in bobs))
    await nodes.empty()
    got = sorted(text_of(bob.inbox.get_nowait()) for bob in bobs for _ in range(bob.inbox.qsize()))
    equal(got, sorted(f"message {number}" for number in range(20)), "what the phones got")
    await asyncio.gather(*(bob.register(expires=0) for bob in bobs))


async def other_node(nodes, alice, bob):
    say("the report of a phone that is registered at the other node is passed on")
    first, second = nodes.first, nodes.second
    await bob.register()
    await first.until(lambda: "+15550002" in first.registered(), what="the registration at the first node")
    equal((await alice.send_im(BOB, "hello")).status, 200, "the answer: the phone's report came through the other node")
    equal(text_of(await bob.next_message()), "hello", "what the phone got")
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
    first, second = nodes.first, nodes.second
    async with Balancer((first, second)) as balancer:
        alice = await user(first, ImClient, "alice", to=balancer.address)
        bob = await user(first, Phone, "bob", to=balancer.address)
        for node in (first, second):
            await node.until(lambda node=node: "+15550002" in node.registered(), what="the registration at both nodes")
        equal((await alice.send_im(BOB, "balanced")).status, 200, "the answer")
        equal(text_of(await bob.next_message()), "balanced", "what the phone got")
        await bob.register(expires=0)
        for node in (first, second):
            await node.until(lambda node=node: "+15550002" not in node.registered(), what="the end of the registration at both nodes")


async def killed(nodes, ways, bobs, carols, dave):
    say("kill -9 of a node that has stored messages, acknowledged parts, and a message that it delivers")
    first, second = nodes.first, nodes.second
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
    say("the first node is back")
    await first.start()
    await nodes.know_each_other()
    await ways[0].register()
    equal((await ways[0].send_im(BOB, "and more")).status, 200, "the answer")
    equal(text_of(await bobs[1].next_message()), "and more", "what the phone got")
    equal(bobs[1].inbox.qsize(), 0, "further messages")


async def two_nodes():
    "the first node with kamailio.cfg, the second one with kamailio.lua"
    async with Nodes() as nodes:
        ways = [await user(node, ImClient, "alice") for node in (nodes.first, nodes.second)]
        bobs = [await user(node, Phone, "bob", register=False) for node in (nodes.first, nodes.second)]
        await either(nodes, ways, bobs)
        carols, dave = await other_node(nodes, ways[0], bobs[1])
        await balanced(nodes)
        await killed(nodes, ways, bobs, carols, dave)


async def part(phone, part, mr):
    """A part, and the report on it."""
    dcs, octets = part
    tpdu = sms.submit("+15550004", "", first=0x41, dcs=dcs, user_data=octets)
    sent = await phone.send_sm("+15550004", "", mr=mr, tpdu=tpdu)
    equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "the answer and the report")


run(two_nodes)
