"""Several gateways with one database, and the balancer of the example in front of them."""

import asyncio
import contextlib
import os
import secrets

from e2e import CFG, FOLDER, gateway
from kamailio import Kamailio, free_port

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
MODULES = {"postgres": "db_postgres.so", "mysql": "db_mysql.so"}


def store_of(server):
    """Settings of a gateway that keeps its promises in this database."""
    return {"store_url": server.url, "store_module": MODULES[server.url.partition(":")[0]]}


class Nodes:
    """Nodes 1 to `count` at 127.0.0.31 and so on, and their database server. `in_lua` are the numbers of those with kamailio.lua."""

    def __init__(self, server, count=2, in_lua=(2,), modparams=None, **options):
        self.server = server
        self.hosts = [f"127.0.0.{31 + n}" for n in range(count)]
        self.passwords, self.secret = {}, secrets.token_hex(32)
        options = {"validity": 3600, **store_of(server), **options, "modparams": {"node_timeout": 4, **(modparams or {})}}
        self.all = [self.node(number, **options, **(LUA if number in in_lua else {})) for number in range(1, count + 1)]
        for node, peer in zip(self.all, self.all[1:] + self.all[:1]):
            node.env["IPSMGW_NODE_URI"] = uri_of(node)
            node.env["IPSMGW_NODE_PEER"] = uri_of(peer)

    def node(self, number, **options):
        host = self.hosts[number - 1]
        others = ",".join(other for other in self.hosts if other != host)
        node = gateway(name=f"node{number}", host=host, trusted=others, node=number, nonce_secret=self.secret, **options)
        node.passwords = self.passwords
        return node

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        await self.stack.enter_async_context(self.server)
        await asyncio.gather(*(self.stack.enter_async_context(node) for node in self.all))
        await self.know_each_other()
        return self

    async def __aexit__(self, *error):
        await self.stack.__aexit__(*error)

    async def know_each_other(self):
        for node in self.all:
            alive = lambda node=node: node.rpc("ipsmgw.nodes").count("alive: true") == len(self.all) - 1  # noqa: E731
            await node.until(alive, what="a sign of life of the other nodes")

    def stored(self):
        """How many rows the table has, without those of the nodes."""
        return int(self.server.sql("SELECT COUNT(*) FROM ipsmgw_store WHERE kind <> 'node'", "ipsmgw"))

    async def empty(self):
        await self.all[0].until(lambda: self.stored() == 0, 20, what="an empty store")


def uri_of(node):
    return f"sip:{node.address[0]}:{node.address[1]}"


class Balancer(Kamailio):
    """The balancer of the example, in front of these nodes."""

    def __init__(self, nodes):
        host = "127.0.0.30"
        address = (host, free_port(host))
        folder = FOLDER / "balancer"
        env = {**os.environ, "BALANCER_LISTEN": f"{host}:{address[1]}", "BALANCER_NODES": str(folder / "nodes.list")}
        programs = os.environ.get("KAMAILIO", "kamailio"), os.environ.get("KAMCMD", "kamcmd")
        super().__init__(folder, folder / "balancer.cfg", address, folder / "ctl", env, *programs)
        self.folder.mkdir(parents=True, exist_ok=True)
        (folder / "nodes.list").write_text("".join(f"1 {uri_of(node)}\n" for node in nodes))
        lines = f'include_file "{CFG}/two-nodes/balancer.cfg"', 'loadmodule "ctl.so"', f'modparam("ctl", "binrpc", "unix:{self.control}")'
        self.cfg.write_text("#!KAMAILIO\n" + "\n".join(lines) + "\n")

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, kind, *_):
        await self.close(failed=kind is not None)


async def user(node, kind, name, to=None, register=True):
    """A phone or client at an address that no node trusts."""
    password, number = node.people[name]
    person = kind(await node.endpoint(host="127.0.0.1", to=to), name, password, node.domain, number)
    if register:
        await person.register()
    return person
