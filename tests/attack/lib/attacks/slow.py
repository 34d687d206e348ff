"""Connections that are held and not used."""

import asyncio
import base64
import os
import time

import stage
from hostile import Client, never, request

SUMMARY = "all TCP connections held with an octet now and then, half WebSocket handshakes, readers that do not read"
why_not = never
MOST = 4096  # tcp_max_connections of the shipped configuration
PATIENCE = 5  # seconds in which a newcomer must be served; refused, it tries again as every client does


def gateway(lua):
    gw = stage.make("slow", lua)
    # The core's word for connections that come faster than a worker takes them; it closes them.
    gw.may_say = r"send2child\(\): .*queue full"
    return gw


async def held(address, count, hosts, first, at_once=200):
    """Opens up to that many connections, each with a first piece of something; those that came about."""
    found, gate = [], asyncio.Semaphore(at_once)

    async def one(number):
        async with gate:
            try:
                pair = await asyncio.wait_for(asyncio.open_connection(*address, local_addr=(hosts[number % len(hosts)], 0)), 3)
                pair[1].write(first)
                found.append(pair)
            except (OSError, asyncio.TimeoutError):
                pass

    await asyncio.gather(*(one(number) for number in range(count)))
    return found


def living(connections):
    """Those that the gateway has not closed."""
    return [one for one in connections if not one[0].at_eof() and not one[1].is_closing()]


class Newcomer:
    """Another user, with a new connection each time: asks OPTIONS over TCP, or opens a WebSocket."""

    def __init__(self, gw):
        self.gw = gw
        self.tried = {"tcp": 0, "websocket": 0}
        self.served = {"tcp": 0, "websocket": 0}
        self.refused = {"tcp": 0, "websocket": 0}  # connections that were closed without an answer
        self.slowest = {"tcp": 0.0, "websocket": 0.0}

    async def look(self, host="127.0.0.60"):
        for kind, ask in (("tcp", self._options), ("websocket", self._handshake)):
            self.tried[kind] += 1
            began, waited, is_served = time.monotonic(), 0.0, False
            while not is_served and waited < PATIENCE:
                try:
                    is_served = await asyncio.wait_for(ask(host), PATIENCE - waited)
                except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                    pass
                if not is_served:
                    self.refused[kind] += 1
                    await asyncio.sleep(0.2)
                waited = time.monotonic() - began
            self.served[kind] += is_served
            self.slowest[kind] = max(self.slowest[kind], waited)

    async def _options(self, host):
        reader, writer = await asyncio.open_connection(*self.gw.address, local_addr=(host, 0))
        try:
            own = "%s:%d" % writer.get_extra_info("sockname")
            writer.write(request("OPTIONS", f"sip:{self.gw.domain}", f"TCP {own}"))
            return (await reader.readline()).startswith(b"SIP/2.0 200")
        finally:
            writer.close()

    async def _handshake(self, host):
        address = self.gw.ws_address
        reader, writer = await asyncio.open_connection(*address, local_addr=(host, 0))
        try:
            writer.write(handshake(address))
            return b" 101 " in await reader.readline()
        finally:
            writer.close()

    async def during(self, seconds, opening=None):
        """Connects for this many seconds, and before that until the connections of the attack are open."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.look()
            await asyncio.sleep(0.2)
            if opening and not opening.done():
                end = time.monotonic() + seconds

    def told(self, verdict, what):
        for kind, tried in self.tried.items():
            served, refused, slowest = self.served[kind], self.refused[kind], self.slowest[kind]
            told = f"newcomers over {kind} {what}: {served} of {tried} served, the slowest after {slowest:.1f} s"
            verdict.check(served == tried, f"{told}, {refused} connections refused")


def handshake(address):
    key = base64.b64encode(os.urandom(16)).decode()
    return ("GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " % address + key +
            "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\nOrigin: http://here.example\r\n\r\n").encode()  # fmt: skip


async def holding(scene, verdict, what, address, hosts, first, pieces, seconds, count=MOST + 200):
    """Opens and holds as many connections as it gets while newcomers knock."""
    began = time.monotonic()
    opening = asyncio.create_task(held(address, count, hosts, first))
    newcomer = Newcomer(scene.gw)

    async def feed():
        connections = await opening
        # As long as an octet is a reason to keep a connection, it is sent.
        for place in range(10_000):
            for _, writer in connections:
                if not writer.is_closing():
                    writer.write(pieces[place % len(pieces) : place % len(pieces) + 1])
            await asyncio.sleep(2 if seconds < 10 else 10)

    feeding = asyncio.create_task(feed())
    await newcomer.during(seconds, opening)
    feeding.cancel()
    connections = await opening
    left = living(connections)
    verdict.note(f"{what}: {len(connections)} of {count} connections opened, {len(left)} still held after {time.monotonic() - began:.1f} s")
    newcomer.told(verdict, f"while {what}")
    for _, writer in connections:
        writer.transport.abort()
    await asyncio.sleep(0.3)


async def attack(scene, verdict, size):
    gw = scene.gw
    seconds = 1.2 if size == "short" else 30
    one = ["127.0.0.61"]
    start = b"MESSAGE sip:x@ims.example SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.61:5060;branch=z9hG4bK1\r\nX: "
    await holding(scene, verdict, "one address holds all connections", gw.address, one, start, b"x", seconds)
    half = handshake(gw.ws_address)[:90]
    await holding(scene, verdict, "one address holds half handshakes", gw.ws_address, one, half, b"x", seconds)
    if size == "long":
        body = start[:-3] + b"Content-Length: 60000\r\n\r\n"
        await holding(scene, verdict, "one address holds half bodies", gw.address, one, body, b"x", seconds)
        many = [f"127.0.6.{n}" for n in range(1, 101)]
        await room_again(scene, verdict, many, start)
    await deaf(scene, verdict, 1 if size == "short" else 15)


async def room_again(scene, verdict, hosts, start):
    """Against a hundred addresses only the time limit of unfinished messages helps: measures the time until there is room again."""
    connections = await held(scene.gw.address, MOST + 200, hosts, start)
    began, newcomer = time.monotonic(), Newcomer(scene.gw)
    while time.monotonic() - began < 90:
        before = dict(newcomer.served)
        await newcomer.look()
        if all(newcomer.served[kind] > before[kind] for kind in before):
            break
        await asyncio.sleep(1)
    verdict.note(f"a hundred addresses hold {len(connections)} connections: newcomers are served after {time.monotonic() - began:.0f} s")
    for _, writer in connections:
        writer.transport.abort()


async def deaf(scene, verdict, seconds):
    """Members that never read their data: the gateway's workers must not wait for them."""
    gw = scene.gw
    mallory = await gw.user(Client, "mallory", await gw.endpoint("tcp", host="127.0.0.62"))
    deaf_ones = []
    for number in range(3):
        endpoint = await gw.endpoint("tcp", host="127.0.0.63")
        silent = await gw.user(Client, f"silent{number}", endpoint)
        endpoint._writer.transport.pause_reading()
        deaf_ones.append(silent)
    end, sent = time.monotonic() + seconds, 0
    newcomer = Newcomer(gw)
    looking = asyncio.create_task(newcomer.during(seconds))
    body = b"x" * 30_000

    async def write_to(one):
        nonlocal sent
        while time.monotonic() < end:
            sent += 1
            try:
                await mallory.send("MESSAGE", one.identity, headers=[("Content-Type", "text/plain")], body=body, timeout=0.1, retransmit=False)
            except Exception:
                pass

    await asyncio.gather(*(write_to(one) for one in deaf_ones for _ in range(4)))
    await looking
    newcomer.told(verdict, f"while members do not read {sent} messages of 30 kB")
