"""The gateways that are killed: one, or several nodes with one database and a balancer in front."""

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections import Counter
from itertools import cycle

import e2e
import nodes
from databases import MariaDb, Postgres

SETTINGS = {"hold_timeout": 2, "report_timeout": 8, "retry": "2,5,5", "concat_timeout": 8, "cdr_queue": 16384}
OPTIONS = {"validity": 3600, "cdr_table": "ipsmgw_cdr"}
# Counters of the module that tell why a message was refused, or failed.
REFUSALS = (
    "full", "sender_full", "refused", "overload", "queue_expired", "store_refused", "store_failed", "im_failed", "sm_refused", "report_missing",
)  # fmt: skip
SERVERS = {"SQLite": None, "PostgreSQL": Postgres, "MariaDB": MariaDb}


class World:
    """One gateway."""

    def __init__(self, people, engine, lua):
        self.people = people
        self.numbers = dict(people)
        self.server = SERVERS[engine]() if SERVERS[engine] else None
        self.counted = Counter()  # the gateways' own counters, of all their starts
        self.make(nodes.LUA if lua else {})

    def make(self, lua):
        store = nodes.store_of(self.server) if self.server else {}
        self.gateways = [e2e.gateway(people=self.people, modparams=SETTINGS, **OPTIONS, **store, **lua)]

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        await self.enter()
        self.turn = cycle(self.gateways)
        return self

    async def enter(self):
        if self.server:
            await self.stack.enter_async_context(self.server)
        await self.stack.enter_async_context(self.gateways[0])

    async def __aexit__(self, *error):
        await self.stack.__aexit__(*error)

    async def user(self, kind, name, register=True):
        return await self.gateways[0].user(kind, name, register=register)

    def uri(self, number):
        return self.gateways[0].uri(number)

    async def kill(self, books, chance):
        """Kills one gateway, and starts it again."""
        gw = next(self.turn)
        self.counted.update(gw.statistics("ipsmgw"))
        begin = time.monotonic()
        await gw.kill()
        await self.pause_of_the_dead(chance)
        await gw.start()
        books.kills.append((begin, time.monotonic()))

    async def pause_of_the_dead(self, chance):
        """A single gateway starts at once."""

    async def stop_database(self, books, chance):
        """Takes the database server away, and starts it again."""
        begin = time.monotonic()
        before = [self.returns(gw) for gw in self.gateways]
        # In turns: a crash, and a stop by its operator.
        await (self.server.kill if len(books.away) % 2 == 0 else self.server.stop)()
        await asyncio.sleep(chance.uniform(1, 6))
        await self.server.start()
        for gw, seen in zip(self.gateways, before):
            noticed = lambda gw=gw, seen=seen: self.returns(gw) > seen  # noqa: E731
            # A gateway that has written nothing meanwhile has nothing to tell.
            with contextlib.suppress(AssertionError):
                await gw.until(noticed, 5)
        books.away.append((begin, time.monotonic()))

    @staticmethod
    def returns(gw):
        return gw.log().count("can be written again")

    async def settle(self):
        """All gateways run, and know each other."""

    def reasons(self):
        """Why the gateways refused messages, by their own counters. Those of the last moment before each crash are missing."""
        counted = sum((Counter(gw.statistics("ipsmgw")) for gw in self.gateways), self.counted)
        return {name: counted[name] for name in REFUSALS if counted[name]}

    def keep_logs(self, folder):
        """Copies the logs and the charging records: the next run makes these folders anew."""
        shutil.rmtree(folder, ignore_errors=True)
        for gw in self.gateways:
            kept = folder / gw.folder.name
            kept.mkdir(parents=True)
            shutil.copy(gw.log_file, kept)
            # The newest rows are in a second file; this copy has them.
            with contextlib.closing(open_db(gw)) as db, contextlib.closing(sqlite3.connect(kept / gw.db.name)) as copy:
                db.backup(copy)

    def pending(self):
        return sum(gw.pending() for gw in self.gateways)

    def stored(self):
        """The rows that are left: (kind, identity, number)."""
        select = "SELECT kind, identity, COUNT(*) FROM ipsmgw_store WHERE kind <> 'node' GROUP BY kind, identity"
        if self.server:
            return self.server.sql(select, "ipsmgw").split("\n")[:-1]
        return rows(self.gateways[0], select)

    def records(self, columns):
        """The charging records of all gateways: the name, and these columns. A record that two nodes have written has one name; one of them
        may lack the Call-ID."""
        found = {}
        for gw in self.gateways:
            for name, session_id, *row in rows(gw, f"SELECT record_id, session_id, {columns} FROM ipsmgw_cdr"):
                if name not in found or session_id:
                    found[name] = (name, *row)
        return found.values()


class NodesWorld(World):
    """Several nodes. They are killed in turns."""

    def __init__(self, people, engine, lua, count):
        self.count = count
        super().__init__(people, engine, lua)

    def make(self, lua):
        in_lua = range(1, self.count + 1) if lua else ()
        # A report to a node that has just died waits in the balancer until the node is back, or is found dead.
        # So does a part of a long message, and a phone sends it again only after some seconds.
        settings = {**SETTINGS, "report_timeout": 15, "concat_timeout": 20}
        self.nodes = nodes.Nodes(self.server, self.count, in_lua, settings, people=self.people, **OPTIONS)
        self.gateways = self.nodes.all

    async def enter(self):
        await self.stack.enter_async_context(self.nodes)
        self.balancer = await self.stack.enter_async_context(nodes.Balancer(self.gateways))

    async def user(self, kind, name, register=True):
        return await nodes.user(self.gateways[0], kind, name, self.balancer.address, register)

    async def pause_of_the_dead(self, chance):
        # Sometimes the others have taken over what the dead node had.
        await asyncio.sleep(chance.uniform(0, 8))

    async def settle(self):
        await self.nodes.know_each_other()


def open_db(gw):
    return sqlite3.connect(f"file:{gw.db}?mode=ro", uri=True, timeout=10)


def rows(gw, select):
    with contextlib.closing(open_db(gw)) as db:
        return db.execute(select).fetchall()
