"""A gateway with the shipped configuration, and the normal pairs that use it while it is attacked."""

import asyncio
import os
import re
import shlex
import time
from pathlib import Path

from gateway import CFG, Gateway
from generator import Generator

FOLDER = Path(os.environ.get("IPSMGW_ATTACK_FOLDER") or f"/tmp/ipsmgw-attack-{os.getpid()}")
RATE = 10  # texts a second of a pair, half of them each way

# The normal pairs: a phone and a client, over UDP from addresses of their own, and over TCP.
PAIRS = {
    "udp": [("phone", "pia", "127.0.0.11"), ("client", "cleo", "127.0.0.12")],
    "tcp": [("phone", "paul", "127.0.0.1"), ("client", "carl", "127.0.0.1")],
}
# Members that attack or are attacked, and members of the pairs.
PEOPLE = [("pia", "+15557001"), ("cleo", "+15557002"), ("paul", "+15557003"), ("carl", "+15557004"),
          ("mallory", "+15556001"), ("mallet", "+15556002"), ("vera", "+15556003"),
          *((f"silent{i}", f"+1555610{i}") for i in range(6))]  # fmt: skip
TRUSTED = "127.0.0.3"  # a trusted peer, where an attack has one


class AttackedGateway(Gateway):
    """The gateway with IPSMGW_FLOOD as shipped, and people put into its database at once."""

    # Of shared memory, for one TCP connection: Kamailio's struct tcp_connection and tcp_rd_buf_size.
    OCTETS_OF_CONNECTION = 66_464

    def add_people(self, people):
        self.insert_people(people)

    # Memory of a process or of the whole gateway

    def shm(self):
        """Octets of shared memory in use."""
        return int(re.search(r"\bused: (\d+)", self.rpc("core.shmmem")).group(1))

    def connections_shm(self):
        """Octets of it that are TCP connections. Kamailio forgets the memory of a WebSocket that is closed while another process sends on it
        (the tcpconn_put() behind SREV_TCP_WS_FRAME_OUT in core/tcp_main.c frees nothing): README.md."""
        return sum(map(int, re.findall(r"\btcpconn_new\(\d+\): (\d+)", self.rpc("mod.stats", "core", "shm"))))

    def pkg(self):
        """The most private memory in use in one process, and of all together, in octets."""
        used = [int(found) for found in re.findall(r"\bused: (\d+)", self.rpc("pkg.stats"))]
        return max(used), sum(used)

    def transactions(self):
        return int(re.search(r"\bcurrent: (\d+)", self.rpc("tm.stats")).group(1))

    async def shm_at_rest(self, patience):
        """Waits until shared memory no longer shrinks: temporary entries of the script have ended."""
        seen, deadline = [self.shm()], time.monotonic() + patience
        while time.monotonic() < deadline:
            await asyncio.sleep(8)
            seen.append(self.shm())
            if len(seen) > 5 and seen[-5] - seen[-1] < 20_000:
                break
        return seen[-1]

    async def at_rest(self, patience):
        """Waits until no exchange and no transaction is open; False when that did not come."""
        return await self.comes(patience, lambda: self.pending() == 0 and self.transactions() == 0)

    async def nothing_pending(self, patience):
        """The same for exchanges alone, while the pairs go on and make new transactions."""
        return await self.comes(patience, lambda: self.pending() == 0)

    async def comes(self, patience, is_so):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if is_so():
                return True
            await asyncio.sleep(0.25)
        return False


def make(name, lua=False, people=PEOPLE, modparams=None, script="", **settings):
    """A gateway that is still to be started. `modparams` are of the module."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cfg = CFG / ("kamailio-kemi.cfg" if lua else "kamailio.cfg")
    if lua:
        settings["lua"] = CFG / "kamailio.lua"
    lines = [f'modparam("ipsmgw", "{key}", {value})' for key, value in (modparams or {}).items()]
    if lines or script:
        changed = FOLDER / f"{name}.cfg"
        changed.write_text("\n".join(["#!KAMAILIO", f'include_file "{cfg}"', *lines, script, ""]))
        cfg = changed
    gw = AttackedGateway(FOLDER / name, cfg=cfg, people=people, **settings)
    if "flood" not in settings:
        del gw.env["IPSMGW_FLOOD"]  # as shipped
    return gw


class Stage:
    """The gateway and its pairs, from `before` an attack to `after` it."""

    def __init__(self, gw, lua=False):
        self.gw = gw
        self.lua = lua
        self.pairs = {}
        self.summaries = {}

    async def __aenter__(self):
        await self.gw.__aenter__()
        try:
            for transport, people in PAIRS.items():
                self.pairs[transport] = await Generator(self.gw, people, transport).__aenter__()
        except BaseException:
            await self._leave()
            raise
        self.processes = self.gw.processes()
        self.tell("mark", "before")
        self.tell("rate", RATE)
        return self

    async def _leave(self, *exception):
        for pair in self.pairs.values():
            await pair.__aexit__()
        await self.gw.__aexit__(*(exception or (None, None, None)))

    async def __aexit__(self, *exception):
        await self._leave(*exception)

    def tell(self, *words):
        for pair in self.pairs.values():
            pair.tell(*words)

    async def stop(self, patience):
        """The summary of each pair: transport -> name of the mark -> mark."""
        done = await asyncio.gather(*(pair.stop(patience) for pair in self.pairs.values()))
        for transport, summary in zip(self.pairs, done):
            self.summaries[transport] = {mark["name"]: mark for mark in summary["marks"]}
        return self.summaries


def wrapped_kamailio(script):
    """The program KAMAILIO with a shell script around it; the script ends with `exec "$@"` of its own."""
    wrapper = FOLDER / "kamailio"
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = shlex.join(shlex.split(os.environ.get("KAMAILIO", "kamailio")))
    wrapper.write_text(f"#!/bin/sh\n{script.replace('KAMAILIO', program)}\n")
    wrapper.chmod(0o755)
    return str(wrapper)
