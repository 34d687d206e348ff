"""A flood of requests, from one address and from many."""

import asyncio
import itertools
import time

import stage
from hostile import Sockets, never, request

SUMMARY = "floods of requests from one address, and from many"
why_not = never


def gateway(lua):
    return stage.make("flood", lua)


def credentials(name, domain, number):
    return ("Proxy-Authorization", f'Digest username="{name}", realm="{domain}", nonce="{number:x}", uri="sip:x", response="{"0" * 32}"')


def kinds(via, domain):
    """Requests that cost the gateway different things, for ever."""
    text = ("Content-Type", "text/plain")
    for number in itertools.count():
        yield request("OPTIONS", f"sip:{domain}", via)
        yield request("MESSAGE", f"sip:pia@{domain}", via, [text], b"hello", from_=f"<sip:cleo@{domain}>;tag={number}")
        yield request("MESSAGE", f"sip:pia@{domain}", via, [text, credentials("cleo", domain, number)], b"hello", from_=f"<sip:cleo@{domain}>;tag={number}")
        yield request("MESSAGE", f"sip:pia@{domain}", via, [text, credentials(f"n{number}", domain, number)], b"x" * 1000)
        yield request("REGISTER", f"sip:{domain}", via, [("Contact", "<sip:x@127.0.0.81:9>")], from_=f"<sip:cleo@{domain}>;tag=1", to=f"<sip:cleo@{domain}>")
        yield request("INVITE", f"sip:pia@{domain}", via, [("Contact", "<sip:x@127.0.0.81:9>")], b"v=0\r\n")
        yield request("SUBSCRIBE", f"sip:pia@{domain}", via, [("Event", "reg")])


async def flood(scene, verdict, what, addresses, rate, seconds):
    gw = scene.gw
    sockets = Sockets(gw.address, addresses)
    try:
        # Made before: making them would be most of the work.
        ready = list(itertools.islice(kinds(sockets.vias[0], gw.domain), 2000))
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) - began < seconds:
            while sent < (now - began) * rate:
                octets = ready[sent % len(ready)]
                # Another transaction each time, not a retransmission.
                sockets.send(sent, octets.replace(b"branch=z9hG4bK", b"branch=z9hG4bK%x" % sent, 1))
                sent += 1
                if sent % 200 == 0:
                    break
            sockets.drain()
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.2)
        sockets.drain()
        verdict.note(f"{what}: {sent} requests in {time.monotonic() - began:.1f} s; answers: {dict(sorted(sockets.came.items()))}")
    finally:
        sockets.close()


async def connections(scene, verdict, seconds):
    """TCP connections that are opened, used for one request and closed."""
    gw = scene.gw
    end, count, served = time.monotonic() + seconds, 0, 0

    async def one():
        nonlocal count, served
        while time.monotonic() < end:
            count += 1
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(*gw.address, local_addr=("127.0.0.82", 0)), 2)
                writer.write(request("OPTIONS", f"sip:{gw.domain}", "TCP 127.0.0.82:5060"))
                served += (await asyncio.wait_for(reader.readline(), 2)).startswith(b"SIP/2.0")
                writer.transport.abort()
            except (OSError, asyncio.TimeoutError):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(one() for _ in range(20)))
    verdict.note(f"one address opens {count} TCP connections in {seconds} s, {served} of them are answered")


async def attack(scene, verdict, size):
    short = size == "short"
    many = [f"127.0.{8 + n // 250}.{1 + n % 250}" for n in range(100 if short else 1000)]
    await flood(scene, verdict, "one address", ["127.0.0.81"], 2000 if short else 10_000, 1.5 if short else 20)
    await flood(scene, verdict, f"{len(many)} addresses", many, 1500 if short else 8_000, 1.5 if short else 20)
    await connections(scene, verdict, 0.8 if short else 10)
