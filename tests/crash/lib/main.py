"""Kills Kamailio under load, again and again, and compares the books of the peers. See ../README.md."""

import argparse
import asyncio
import os
import random
import sys
import time

import selftest
from books import Books
from e2e import FOLDER
from gateway import ROOT
from load import Load, people
from verdict import Verdict, compare
from worlds import SERVERS, NodesWorld, World

DRAINED_WITHIN = 120


def options():
    parser = argparse.ArgumentParser(prog="tests/crash/run", description="Kills gateways under load, and compares the books of their peers.")
    parser.add_argument("rounds", type=int, nargs="?", default=50, help="how often something is killed")
    parser.add_argument("seed", type=int, nargs="?", default=random.randrange(10**6), help="of the pauses")
    parser.add_argument("--engine", choices=SERVERS, help="of the database of promises: SQLite, or PostgreSQL for several nodes")
    parser.add_argument("--lua", action="store_true", help="kamailio.lua instead of kamailio.cfg")
    parser.add_argument("--nodes", type=int, default=1, help="gateways with one database, killed in turns")
    parser.add_argument("--database", action="store_true", help="the database server is stopped and started, not a gateway")
    parser.add_argument("--fault", help="a fault of the module that the test must find")
    chosen = parser.parse_args()
    chosen.engine = chosen.engine or ("PostgreSQL" if chosen.nodes > 1 or chosen.database else "SQLite")
    if chosen.engine == "SQLite" and (chosen.nodes > 1 or chosen.database):
        parser.error("SQLite has no server: choose PostgreSQL or MariaDB")
    return chosen


async def rounds(world, books, chance, chosen):
    for _ in range(chosen.rounds):
        await asyncio.sleep(chance.uniform(0.3, 3.5))
        await (world.stop_database if chosen.database else world.kill)(books, chance)
        await world.settle()
    await asyncio.sleep(1)


async def drain(world, load, verdict):
    """Those who were away come back, and all messages end."""
    await load.end()
    await load.come_back()
    deadline = time.monotonic() + DRAINED_WITHIN
    while world.pending() or world.stored():
        if time.monotonic() > deadline:
            print(*(gw.rpc("ipsmgw.pending") for gw in world.gateways), sep="\n")
            return verdict.check("messages that do not end", world.stored() or [f"{world.pending()} are open"])
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)


async def main(chosen):
    chance = random.Random(chosen.seed)
    books, verdict = Books(chosen.nodes > 1), Verdict()
    started = time.monotonic()
    several = [NodesWorld(people(), chosen.engine, chosen.lua, chosen.nodes)] if chosen.nodes > 1 else []
    async with several[0] if several else World(people(), chosen.engine, chosen.lua) as world:
        load = Load(world, books, chance)
        await load.begin()
        await rounds(world, books, chance, chosen)
        what = "stops of the database" if chosen.database else "kills"
        print(f"{chosen.rounds} {what} in {time.monotonic() - started:.0f} s, seed {chosen.seed}, {chosen.engine}, nodes: {chosen.nodes}", flush=True)
        await drain(world, load, verdict)
        compare(world, books, verdict)
        if verdict.failed:
            folder = FOLDER / f"failed-{chosen.rounds}-{chosen.seed}"
            world.keep_logs(folder)
            (folder / "books.txt").write_text("\n".join(map(repr, (books.began, books.kills, *books.messages.values()))))
            print(f"the gateways refused by their own counters: {world.reasons()}; logs are in {folder}")
        print(f"{len(books.messages)} messages, {time.monotonic() - started:.0f} s")
    return verdict


if __name__ == "__main__":
    chosen = options()
    selftest.run()
    if chosen.fault:
        os.environ["IPSMGW_FAULT"] = chosen.fault
        os.environ.setdefault("IPSMGW_MODULE", str(ROOT / "target/fault-injection/release/ipsmgw.so"))
    verdict = asyncio.run(main(chosen))
    print(f"{verdict.passed} passed, {len(verdict.failed)} failed")
    if chosen.fault:
        print(f"the fault {chosen.fault} was {'found' if verdict.failed else 'NOT found'}")
    sys.exit(bool(verdict.failed) != bool(chosen.fault))
