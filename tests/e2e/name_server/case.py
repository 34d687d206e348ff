"""A name server that never answers: see README.md."""

import asyncio
import contextlib
import os
import secrets
import socket
import time

import sip
from e2e import CFG, FOLDER, ImClient, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
SLOW = "slow.example"


class SilentNameServer(asyncio.DatagramProtocol):
    def __init__(self):
        self.asked = []

    def datagram_received(self, data, addr):
        self.asked.append(data[12:60])


@contextlib.asynccontextmanager
async def name_server():
    """The one that Kamailio asks while this is open."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    resolv_conf, start = FOLDER / "resolv.conf", FOLDER / "start"
    resolv_conf.write_text("nameserver 127.0.0.77\n")
    start.write_text(f'#!/bin/sh\nmount --bind {resolv_conf} "$(readlink -f /etc/resolv.conf)" && exec "$@"\n')
    start.chmod(0o755)
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.77", 53))
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(SilentNameServer, sock=bound)
    before = os.environ.get("KAMAILIO", "kamailio")
    os.environ["KAMAILIO"] = f"unshare -m {start} {before}"
    try:
        yield server
    finally:
        os.environ["KAMAILIO"] = before
        transport.close()


def request(method, uri, *, via, to_tag="", more=(), from_="sip:alice@ims.example", body=b"hi"):
    fields = [
        *[("Via", each) for each in via],
        ("Max-Forwards", "70"),
        ("From", f"<{from_}>;tag=a"),
        ("To", f"<sip:bob@{SLOW}>{to_tag}"),
        ("Call-ID", f"{secrets.token_hex(4)}@{SLOW}"),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<sip:alice@{SLOW}>"),
        *more,
        ("Content-Type", "text/plain"),
    ]
    return sip.Message(f"{method} {uri} SIP/2.0", fields, body).encode()


def answer(vias):
    fields = [
        *[("Via", via) for via in vias],
        ("From", f"<sip:a@{SLOW}>;tag=a"), ("To", f"<sip:b@{SLOW}>;tag=b"), ("Call-ID", secrets.token_hex(4)),
        ("CSeq", "1 INVITE"), ("Record-Route", f"<sip:{SLOW};lr>"), ("Contact", f"<sip:b@{SLOW}>"),
    ]  # fmt: skip
    return sip.Message("SIP/2.0 200 OK", fields).encode()


def of_strangers(host, port):
    """The fields with a fixed name."""
    ours = ("Route", f"<sip:{host}:{port};lr>")
    slow = ("Route", f"<sip:{SLOW};lr>")
    branch = f"branch=z9hG4bK{secrets.token_hex(6)}"
    for method in ("INVITE", "ACK", "BYE", "INFO", "UPDATE", "OPTIONS", "PRACK", "MESSAGE", "NOTIFY", "REGISTER", "CANCEL", "REFER"):
        for to_tag in ("", ";tag=b"):
            for route in ([], [ours], [ours, slow], [slow]):
                for uri in (f"sip:bob@{SLOW}", f"sip:bob@{host}:{port};maddr={SLOW}"):
                    yield request(method, uri, via=[f"SIP/2.0/UDP {SLOW};{branch}"], to_tag=to_tag, more=route)
    for via in (f"{SLOW};maddr={SLOW}", f"{SLOW};received={SLOW};rport", f"127.0.0.1:9;received={SLOW}", f"{SLOW}:5060;alias"):
        yield request("OPTIONS", f"sip:{host}:{port}", via=[f"SIP/2.0/UDP {via};{branch}"] * 2)
        for first in (f"{host}:{port}", f"{SLOW}:5060"):
            yield answer([f"SIP/2.0/UDP {first};{branch}", f"SIP/2.0/UDP {via};{branch}"])
    for transport in ("UDP", "TCP", "TLS", "WS"):
        yield answer([f"SIP/2.0/UDP {host}:{port};{branch}", f"SIP/2.0/{transport} {SLOW};{branch}"])
    for broken in (b"Max-Forwards: 0", b"Max-Forwards: x", b"Content-Length: 9999", b"Require: nothing\r\nProxy-Require: nothing"):
        yield request("INVITE", f"sip:{SLOW}", via=[f"SIP/2.0/UDP {SLOW};{branch}"]).replace(b"Max-Forwards: 70", broken)


async def never_asked(name="never_asked", **options):
    "strangers and members write names, and messages of others go on"
    async with name_server() as server, gateway(name=name, people=[(n, None) for n in ("alice", "bob", "carol", "dave")], **options) as gw:
        alice, bob, carol = [await gw.user(ImClient, user) for user in ("alice", "bob", "carol")]
        stranger = await gw.endpoint(host="127.0.0.3")
        say("strangers")
        sent = 0
        longest = 0.0
        for octets in of_strangers(*gw.address):
            stranger.send_octets(octets)
            sent += 1
            if sent % 20 == 0:
                started = time.monotonic()
                equal((await alice.send_im(gw.uri("bob"), "hi", timeout=10)).status, 200, "a message meanwhile")
                longest = max(longest, time.monotonic() - started)
        say(f"{sent} datagrams; the slowest message took {longest:.3f} s; the name server was asked {len(server.asked)} times")
        equal(server.asked, [], "what the name server was asked for strangers")
        equal(sent > 200, True, "hundreds of datagrams")
        say("members")
        dave = await gw.user(ImClient, "dave", register=False)
        for contact in (f"<sip:dave@{SLOW}>", f"<sip:dave@127.0.0.1:5099;maddr={SLOW}>", f"<sip:dave@{SLOW};transport=tcp>"):
            headers = [("Contact", contact), ("Path", f"<sip:{SLOW};lr>"), ("Supported", "path")]
            answered = await dave.send("REGISTER", "sip:ims.example", to="sip:dave@ims.example", headers=headers)
            equal(answered.status, 200, f"the registration of {contact}")
            await alice.send_im(gw.uri("dave"), "hi", timeout=5)
        route = [("Route", f"<sip:{SLOW};lr>"), ("Contact", f"<sip:carol@{SLOW}>")]
        for method, uri in (
            ("MESSAGE", f"sip:bob@{SLOW}"), ("MESSAGE", gw.uri("bob")), ("INVITE", f"sip:bob@{SLOW}"), ("OPTIONS", f"sip:bob@{SLOW}"),
            ("MESSAGE", f"sip:+15557777@{SLOW}"), ("SUBSCRIBE", f"sip:bob@{SLOW}"), ("MESSAGE", f"sip:bob@ims.example;maddr={SLOW}"),
        ):  # fmt: skip
            answered = await carol.send(method, uri, headers=[*route, ("Content-Type", "text/plain")], body=b"hi")
            say(f"{method} {uri}: {answered.status}")
        equal((await alice.send_im(gw.uri("bob"), "hi", timeout=10)).status, 200, "a message at the end")
        equal(server.asked, [], "what the name server was asked")


async def never_asked_in_lua():
    "the same with kamailio.lua"
    await never_asked("never_asked_in_lua", **LUA)


if os.geteuid() == 0:
    run(never_asked, never_asked_in_lua)
else:
    say("skipped: it wants to be root")
