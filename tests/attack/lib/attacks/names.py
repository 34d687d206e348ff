"""Requests that name hosts, while the name server never answers."""

import asyncio
import os
import secrets
import socket
import subprocess
from pathlib import Path

import stage
from hostile import TEXT, Client, Sockets, request

SUMMARY = "host names in Route, Request-URI, Contact, Via and Record-Route, whose name server never answers"
# The name server's port is always 53, so it has an address of its own.
SERVERS = [f"127.0.0.{n}" for n in range(70, 80)]


def why_not():
    """A private /etc/resolv.conf needs a mount namespace."""
    if os.geteuid() != 0:
        return "root is needed, for a private /etc/resolv.conf (unshare -m) and for port 53"
    done = subprocess.run(["unshare", "-m", "sh", "-c", "mount --bind /etc/hostname /etc/hostname"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"mount namespaces are not allowed here: {done.stderr.strip()}"


class NameServer:
    """Takes questions and never answers."""

    def __init__(self):
        for address in SERVERS:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.socket.bind((address, 53))
                break
            except OSError:
                self.socket.close()
        else:
            raise RuntimeError(f"port 53 is in use on all of {SERVERS[0]} to {SERVERS[-1]}")
        self.address = address
        self.socket.setblocking(False)

    def questions(self):
        count = 0
        while True:
            try:
                self.socket.recv(4096)
                count += 1
            except OSError:
                return count


server = None


def gateway(lua):
    global server
    server = NameServer()
    stage.FOLDER.mkdir(parents=True, exist_ok=True)
    conf = stage.FOLDER / "resolv.conf"
    conf.write_text(f"nameserver {server.address}\n")
    script = f"exec unshare -m sh -c 'mount --bind {conf} {Path('/etc/resolv.conf').resolve()} && exec KAMAILIO \"$@\"' kamailio \"$@\""
    gw = stage.make("names", lua)
    gw.program = [stage.wrapped_kamailio(script)]
    return gw


def name():
    """Another one each time: no cache helps."""
    return f"h{secrets.token_hex(4)}.slow.example"


def of_strangers(own, domain, via):
    """Requests that need no credentials."""
    tag = {"to": f"<sip:x@{name()}>;tag={secrets.token_hex(3)}"}
    ours = ("Route", f"<sip:{own};lr>")
    host = name()
    for method in ("INVITE", "INFO", "BYE", "ACK", "OPTIONS", "MESSAGE"):
        yield request(method, f"sip:x@{name()}", via, [ours], **tag)
        yield request(method, f"sip:x@{domain}", via, [ours, ("Route", f"<sip:{name()};lr>")], **tag)
        yield request(method, f"sip:x@{name()}", via, [("Contact", f"<sip:x@{host}>"), ("Record-Route", f"<sip:{host};lr>")])
    yield request("OPTIONS", f"sip:{own}", f"UDP {host}")  # the response goes where it came from, whatever Via says
    yield request("OPTIONS", f"sip:{own}", f"TCP {host}:5060")
    yield request("CANCEL", f"sip:x@{host}", via, [ours], **tag)
    yield request("REGISTER", f"sip:{host}", via, [("Contact", f"<sip:x@{host}>"), ("Path", f"<sip:{host};lr>")])
    head = ["SIP/2.0 200 OK", f"Via: SIP/2.0/UDP {own};branch=z9hG4bK0", f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bKx",
            "From: <sip:a@b.example>;tag=1", "To: <sip:c@d.example>;tag=2", "Call-ID: none@attack", "CSeq: 1 MESSAGE",
            "Content-Length: 0", "", ""]  # fmt: skip
    yield "\r\n".join(head).encode()


async def attack(scene, verdict, size):
    gw = scene.gw
    own = "%s:%d" % gw.address
    seconds = 3 if size == "short" else 30
    strangers = Sockets(gw.address, [f"127.0.5.{n}" for n in range(1, 11)])
    mallory = await gw.user(Client, "mallory", await gw.endpoint(host="127.0.0.51"))
    # Each connection belongs to one worker: enough of them for all.
    streams = [await Stream.open(gw) for _ in range(8)]
    try:
        # A member's contact, and messages to it.
        quickly = {"timeout": 0.5, "retransmit": False}
        refused = []
        for transport in ("", ";transport=tcp"):
            try:
                answer = await mallory.send("REGISTER", f"sip:{gw.domain}", to=f"sip:mallory@{gw.domain}", call_id=secrets.token_hex(8),
                                            headers=[("Contact", f"<sip:m@{name()}{transport}>;+g.3gpp.smsip;+g.oma.sip-im"), ("Expires", "600")], **quickly)  # fmt: skip
                refused.append(answer.status)
            except Exception:
                refused.append(None)
        verdict.note(f"REGISTER with a host name in Contact: {refused}")
        sent = 0
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        writing = asyncio.create_task(write_to_her(mallory, gw, end))
        while loop.time() < end:
            for octets in of_strangers(own, gw.domain, strangers.vias[0]):
                strangers.send(sent, octets)
                sent += 1
                await asyncio.sleep(0.02)
            for octets in of_strangers(own, gw.domain, "TCP 127.0.0.52:5060"):
                await streams[sent % len(streams)].send(octets)
                sent += 1
        await writing
        strangers.drain()
        verdict.note(f"{sent} requests of strangers; answers: {dict(sorted(strangers.came.items()))}")
        questions = server.questions()
        verdict.check(not questions, f"nobody's host name is looked up: {questions} questions reached the name server")
    finally:
        strangers.close()
        server.socket.close()
        for stream in streams:
            stream.close()


class Stream:
    """A TCP connection, opened again when the gateway has closed it."""

    def __init__(self, gw):
        self.gw = gw
        self.reader = self.writer = None

    @classmethod
    async def open(cls, gw):
        self = cls(gw)
        self.reader, self.writer = await asyncio.open_connection(*gw.address, local_addr=("127.0.0.52", 0))
        return self

    async def send(self, octets):
        if self.reader.at_eof() or self.writer.is_closing():
            self.close()
            try:
                self.reader, self.writer = await asyncio.open_connection(*self.gw.address, local_addr=("127.0.0.52", 0))
            except OSError:
                return
        self.writer.write(octets)

    def close(self):
        self.writer.transport.abort()


async def write_to_her(mallory, gw, end):
    """Messages of a member that would go to the named contact or host."""
    loop = asyncio.get_running_loop()
    while loop.time() < end:
        for uri, headers in ((mallory.identity, []), (f"sip:x@{name()}", []), (gw.uri("mallet"), [("Route", f"<sip:{name()};lr>")])):
            try:
                await mallory.send("MESSAGE", uri, headers=[*TEXT, *headers], body=b"hello", timeout=0.4, retransmit=False)
            except Exception:
                pass
        await asyncio.sleep(0.1)
