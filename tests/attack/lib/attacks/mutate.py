"""Valid messages with mistakes made at random, over UDP, TCP and WebSocket."""

import asyncio
import json
import os
import random
import struct
import time
from pathlib import Path

import sip
import stage
from attacks.slow import handshake
from hostile import BINARY, TEXT, Client, Mobile, Sockets, never, request, short_message
from load import rp_ack, rp_error

SUMMARY = "messages of phones, clients and a trusted peer, mutated at random, over UDP, TCP and WebSocket"
why_not = never
VECTORS = Path(__file__).resolve().parents[3] / "vectors"

CPIM = (b"From: <sip:mallory@ims.example>\r\nTo: <sip:mallet@ims.example>\r\nDateTime: 2026-01-01T00:00:00Z\r\n"
        b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: a1b2\r\nimdn.Disposition-Notification: positive-delivery, display\r\n\r\n"
        b"Content-Type: text/plain;charset=utf-8\r\n\r\nhello")  # fmt: skip
IMDN = (b"From: <sip:mallory@ims.example>\r\nTo: <sip:mallet@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: c3\r\n\r\n"
        b"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n"
        b"<?xml version='1.0'?><imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>0-1-1-b007</message-id>"
        b"<datetime>2026-01-01T00:00:00Z</datetime><delivery-notification><status><delivered/></status></delivery-notification></imdn>")  # fmt: skip
LIST = (b"--b\r\nContent-Type: text/plain\r\n\r\nhello all\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n"
        b"Content-Disposition: recipient-list\r\n\r\n<?xml version='1.0'?><resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>"
        b"<entry uri='sip:mallet@ims.example'/><entry uri='sip:+15556100@ims.example'/></list></resource-lists>\r\n--b--\r\n")  # fmt: skip
MIXED = b"--b\r\nContent-Type: text/plain;charset=UTF-16\r\n\r\n\0h\0i\r\n--b\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"
COPY = (b"--b\r\nContent-Type: message/sip\r\n\r\nREGISTER sip:ims.example SIP/2.0\r\nTo: <sip:+15556002@ims.example>\r\n"
        b"Contact: <sip:x@127.0.0.3:9>;+g.3gpp.smsip\r\n\r\n\r\n--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n"
        b"<ims-3gpp version='1'><service-info>&lt;msisdn&gt;15556002&lt;/msisdn&gt;</service-info></ims-3gpp>\r\n--b--\r\n")  # fmt: skip
REGINFO = (b"<?xml version='1.0'?><reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'>"
           b"<registration aor='sip:+15556002@ims.example' id='1' state='active'><contact id='2' state='active' event='created'>"
           b"<uri>sip:x@127.0.0.3:9</uri><unknown-param name='+g.3gpp.smsip'/></contact></registration></reginfo>")  # fmt: skip
MULTIPART = [("Content-Type", "multipart/mixed;boundary=b")]
# A status report and an SMS-DELIVER from a service centre, TS 23.040 clauses 9.2.2.3 and 9.2.2.1.
STATUS_REPORT = bytes.fromhex("01070791515555999900" + "19" + "06020b915155550010f0" + "62101100000000" * 2 + "00")
DELIVER = bytes.fromhex("01090791515555999900" + "17" + "040b915155550010f00000" + "62101100000000" + "03c8309b")


def gateway(lua):
    gw = stage.make("mutate", lua, trusted=stage.TRUSTED)
    # The core logs BUG and CRITICAL for malformed octets, too; the test looks at its behaviour.
    gw.may_say = r"BUG|CRITICAL"
    return gw


def of_members(gw):
    """(method, Request-URI, headers, body, whether a phone sends it)"""
    domain = gw.domain
    centre = f"sip:+15559999@{domain}"
    for text in ("hello", "x" * 150):
        yield "MESSAGE", centre, BINARY, short_message(text, "+15556002"), True
    yield "MESSAGE", centre, BINARY, short_message("part", "+15556002", header=bytes([5, 0, 3, 9, 2, 1])), True
    yield "MESSAGE", centre, [*BINARY, ("In-Reply-To", "0-1-1-b007")], rp_ack(7), True
    yield "MESSAGE", centre, [*BINARY, ("In-Reply-To", "0-1-1-b007")], rp_error(7, 22), True
    for line in (VECTORS / "messages.jsonl").open():
        vector = json.loads(line)
        if vector["layer"] == "rp" and vector["dir"] == "mo":
            yield "MESSAGE", centre, BINARY, bytes.fromhex(vector["hex"]), True
    phone, client = gw.uri("silent0"), gw.uri("mallet")
    for to in (phone, client):
        yield "MESSAGE", to, TEXT, "hello Привет 🍜".encode(), False
        yield "MESSAGE", to, [("Content-Type", "message/cpim")], CPIM, False
        yield "MESSAGE", to, [("Content-Type", "message/cpim")], IMDN, False
        yield "MESSAGE", to, MULTIPART, MIXED, False
        yield "MESSAGE", to, [("Content-Type", "application/im-iscomposing+xml")], b"<isComposing><state>active</state></isComposing>", False
    yield "MESSAGE", f"sip:{domain}", MULTIPART, LIST, False
    yield "REGISTER", f"sip:{domain}", [("Contact", "<sip:m@127.0.0.91:9>;+g.3gpp.smsip;+sip.instance=\"<urn:x>\""), ("Expires", "60")], b"", False
    yield "INVITE", client, [("Contact", "<sip:m@127.0.0.91:9>"), ("Content-Type", "application/sdp")], b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n", False
    yield "OPTIONS", f"sip:{domain}", [], b"", False


def of_peer(gw, via):
    """Requests of a trusted peer, without a password."""
    domain, peer = gw.domain, f"<sip:scscf@{stage.TRUSTED}>"
    person = f"<sip:+15556002@{domain}>"
    asserted = ("P-Asserted-Identity", f"<sip:+15559999@{domain}>")
    yield request("REGISTER", f"sip:{domain}", via, [*MULTIPART, ("Contact", "<sip:scscf@127.0.0.3:9>"), ("Expires", "60")], COPY, from_=f"{peer};tag=1", to=person)
    yield request("NOTIFY", f"sip:+15559999@{domain}", via, [("Event", "reg"), ("Subscription-State", "active"), ("Content-Type", "application/reginfo+xml")],
                  REGINFO, from_=f"{person};tag=1", to=f"<sip:+15559999@{domain}>;tag=2")  # fmt: skip
    for body in (STATUS_REPORT, DELIVER):
        yield request("MESSAGE", f"sip:+15556002@{domain}", via, [*BINARY, asserted], body, from_=f"{peer};tag=1")
    yield request("MESSAGE", f"sip:+15556002@{domain}", via, [*BINARY, asserted, ("In-Reply-To", "0-1-1-b007")], b"\x03\x07")
    yield request("MESSAGE", f"sip:+15556002@{domain}", via, [("Content-Type", "message/cpim"), ("P-Asserted-Identity", f"<sip:+15556001@{domain}>")], CPIM)


def mutated(octets, others, chance):
    """A message with one mistake or several."""
    data = bytearray(octets)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        size = max(1, len(data))
        at = chance.randrange(size)
        # Mostly in the body: the module reads it.
        if chance.random() < 0.6 and b"\r\n\r\n" in data:
            at = chance.randrange(data.index(b"\r\n\r\n"), size)
        match chance.randrange(14):
            case 0 | 1:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                data[at : at + 1] = bytes([data[at] ^ 1 << chance.randrange(8)]) if at < len(data) else b""
            case 3:
                del data[at : at + chance.randrange(1, 40)]
            case 4:
                data[at:at] = b"\0" * chance.choice((1, 4, 200))
            case 5:
                data[at:at] = os.urandom(chance.choice((1, 5, 50)))
            case 6:
                piece = data[at : at + chance.randrange(1, 100)]
                data[at:at] = piece * chance.choice((1, 2, 30))
            case 7:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                data[at : at + 30] = other[start : start + chance.randrange(1, 200)]
            case 8:
                del data[at:]
            case 9:
                data = lying_length(data, chance)
            case 10:
                line = chance.choice((b"X: ", b"Subject: ", b"Contact: ", b"Content-Type: ", b"To: ", b"Via: "))
                end = data.find(b"\r\n") + 2
                data[end:end] = line + chance.choice((b"y", b";", b"\\\"", b"<", b"\xff")) * chance.choice((10, 1000, 9000)) + b"\r\n"
            case 11:
                lines = bytes(data).split(b"\r\n")
                chance.shuffle(lines)
                data = bytearray(b"\r\n".join(lines))
            case 12:
                for digit in b"0123456789":
                    if chance.random() < 0.2:
                        data = data.replace(bytes([digit]), chance.choice((b"", b"-1", b"99999999999", b"4294967296")), 1)
            case 13:
                data[at : at + 2] = chance.choice((b"\xff\xff", b"\x7f\x00", b"\x80", b"\r\n", b"\r\n\r\n", b"%00", b"--b"))
    return bytes(data)


def lying_length(data, chance):
    value = chance.choice((b"0", b"1", b"-1", b"65535", b"4294967297", b"99999999999999999999", b"", b"x"))
    before, found, after = bytes(data).partition(b"Content-Length: ")
    return bytearray(before + found + value + after[after.find(b"\r\n") :]) if found else data


class Author:
    """Writes a member's messages with credentials that are good, as far as the last challenge allows."""

    def __init__(self, gw, name):
        self.gw, self.name, self.password = gw, name, gw.people[name][0]
        self.challenges = {}  # source -> method class -> [challenge, count]
        self.number = 0

    def learn(self, source, octets):
        """Takes the challenge in an answer."""
        try:
            answer = sip.Message.parse(octets)
            if answer.is_request or answer.status not in (401, 407):
                return
            offer = answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate")
            kind = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            self.challenges[source, kind] = [sip.challenge_of(offer), 0]
        except (sip.Malformed, ValueError, IndexError, AttributeError):
            pass  # an answer to something that was mutated may be odd as well

    def write(self, source, via, method, uri, headers, body):
        kind = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        known = self.challenges.get((source, kind))
        self.number += 1
        fields = list(headers)
        if known:
            known[1] += 1
            try:
                fields.append((kind, sip.credentials(known[0], self.name, self.password, method, uri, known[1])))
            except KeyError:
                pass
        own = f"<sip:{self.name}@{self.gw.domain}>"
        to = own if method == "REGISTER" else f"<{uri}>"
        return request(method, uri, via, fields, body, from_=f"{own};tag=m", to=to, call_id=f"mutant-{source}", cseq=f"{self.number} {method}")


class Mutants:
    """All that is sent, and how much of it there was."""

    def __init__(self, gw, seed):
        self.gw = gw
        self.chance = random.Random(seed)
        self.seeds = list(of_members(gw))
        # The vectors are many: the other kinds must not drown in them.
        self.others = [s for s in self.seeds if s[3] == b"" or not s[4]] * 4
        self.client, self.phone = Author(gw, "mallory"), Author(gw, "silent0")
        self.bodies = [s[3] for s in self.seeds if s[3]]
        self.sent = {"udp": 0, "tcp": 0, "websocket": 0, "peer": 0}
        self.websockets = 0  # opened

    def next(self, source, via, unharmed=0.15):
        """One message and its sender; sometimes a valid one, which keeps the challenges fresh."""
        method, uri, headers, body, by_phone = self.chance.choice(self.chance.choice((self.seeds, self.others)))
        author = self.phone if by_phone else self.client
        octets = author.write(source, via, method, uri, headers, body)
        if self.chance.random() >= unharmed:
            octets = mutated(octets, self.bodies, self.chance)
        return octets

    def learn(self, source, octets):
        self.client.learn(source, octets)
        self.phone.learn(source, octets)

    async def datagrams(self, seconds, rate):
        sockets = Sockets(self.gw.address, [f"127.0.9.{n}" for n in range(1, 41)])
        peer = Sockets(self.gw.address, [stage.TRUSTED])
        number = {one.fileno(): place for place, one in enumerate(sockets.all)}
        trusted = list(of_peer(self.gw, peer.vias[0]))
        began = time.monotonic()
        try:
            while (now := time.monotonic()) - began < seconds:
                for _ in range(40):
                    if self.sent["udp"] >= (now - began) * rate:
                        break
                    place = self.sent["udp"] % len(sockets.all)
                    sockets.send(place, self.next(place, sockets.vias[place])[:65000])
                    self.sent["udp"] += 1
                    if self.sent["udp"] % 4 == 0:
                        peer.send(0, mutated(self.chance.choice(trusted), self.bodies, self.chance)[:65000])
                        self.sent["peer"] += 1
                for source, octets in sockets.drain():
                    self.learn(number[source], octets)
                peer.drain()
                await asyncio.sleep(0.004)
        finally:
            sockets.close()
            peer.close()
        return sockets.came, peer.came

    async def streams(self, seconds, host):
        """Over TCP, in chunks cut anywhere; a new connection when the gateway has had enough."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                reader, writer = await asyncio.open_connection(*self.gw.address, local_addr=(host, 0))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            via = "TCP %s:%d" % writer.get_extra_info("sockname")
            reading = asyncio.create_task(self._learn_from(reader, host))
            try:
                while time.monotonic() < end and not reading.done():
                    octets = self.next(host, via, 0.3)
                    while octets and not reading.done():
                        cut = self.chance.choice((1, 7, 100, 2000, len(octets)))
                        writer.write(octets[:cut])
                        octets = octets[cut:]
                        await asyncio.sleep(self.chance.choice((0, 0, 0, 0.002)))
                    self.sent["tcp"] += 1
                    await asyncio.sleep(0.004)
            except OSError:
                pass
            reading.cancel()
            writer.transport.abort()

    async def _learn_from(self, reader, source):
        while octets := await reader.read(65536):
            for piece in octets.split(b"SIP/2.0 ")[1:]:
                self.learn(source, b"SIP/2.0 " + piece)

    async def web(self, seconds, host):
        """Over WebSocket: mutated messages in frames, and mutated frames."""
        end = time.monotonic() + seconds
        address = self.gw.ws_address
        while time.monotonic() < end:
            try:
                reader, writer = await asyncio.open_connection(*address, local_addr=(host, 0))
                writer.write(handshake(address))
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
                continue
            self.websockets += 1
            reading = asyncio.create_task(self._learn_from(reader, host))
            try:
                while time.monotonic() < end and not reading.done():
                    octets = frame(self.next(host, "WS x.invalid", 0.3), self.chance.choice((1, 1, 1, 2, 2, 0, 8, 9, 10, 3, 15)))
                    if self.chance.random() < 0.2:
                        octets = bytes([octets[0] ^ 1 << self.chance.randrange(8)]) + octets[1:]
                    if self.chance.random() < 0.2:
                        octets = octets[:1] + os.urandom(self.chance.randrange(12)) + octets[3:]
                    writer.write(octets)
                    self.sent["websocket"] += 1
                    await asyncio.sleep(0.006)
            except OSError:
                pass
            reading.cancel()
            writer.transport.abort()


def frame(octets, opcode):
    """A client's WebSocket frame (RFC 6455 clause 5.2)."""
    mask = os.urandom(4)
    length = len(octets)
    if length < 126:
        head = bytes([0x80 | length])
    elif length < 65536:
        head = bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head = bytes([0x80 | 127]) + struct.pack(">Q", length)
    return bytes([0x80 | opcode]) + head + mask + bytes(o ^ mask[i & 3] for i, o in enumerate(octets))


async def one_round(gw, seconds, rate, seed):
    mutants = Mutants(gw, seed)
    came, *_ = await asyncio.gather(mutants.datagrams(seconds, rate), *(mutants.streams(seconds, f"127.0.10.{n}") for n in range(1, 5)),
                                    *(mutants.web(seconds, f"127.0.11.{n}") for n in range(1, 5)))  # fmt: skip
    return mutants, dict(sorted(came[0].items())), dict(sorted(came[1].items()))


async def attack(scene, verdict, size):
    gw = scene.gw
    # A client and a phone that answer, so that accepted messages are delivered.
    await gw.user(Client, "mallet", await gw.endpoint(host="127.0.0.92"))
    await gw.user(Mobile, "silent0", await gw.endpoint(host="127.0.0.93"))
    seed = int(os.environ.get("IPSMGW_ATTACK_SEED") or time.time())
    rounds, seconds, rate = (1, 3, 800) if size == "short" else (3, 60, 1500)
    held, websockets = [], []
    for number in range(rounds):
        mutants, members, peers = await one_round(gw, seconds, rate, seed + number)
        websockets.append(mutants.websockets)
        verdict.note(f"seed {seed + number}: sent {mutants.sent} over {mutants.websockets} WebSockets and other sockets; answers to members {members}, to the peer {peers}")
        if size == "long":
            # The pairs go on, so there are always transactions.
            rest = await gw.nothing_pending(150)
            verdict.check(rest, f"no exchange is open behind the mutants (open: {gw.pending()})")
            shm, of_connections = await gw.shm_at_rest(120), gw.connections_shm()
            held.append((shm - of_connections, *gw.pkg(), of_connections))
            verdict.note("shm %d, largest pkg %d, pkg of all %d octets, shm of TCP connections %d" % held[-1])
    if len(held) > 1:
        grown = [last - first for first, last in zip(held[0], held[-1])]
        verdict.check(grown[0] < 200_000 and grown[1] < 100_000, f"memory after the last round against the first: shm {grown[0]:+}, largest pkg {grown[1]:+} octets; shm of TCP connections {grown[3]:+}")
        forgotten, opened = grown[3] // gw.OCTETS_OF_CONNECTION, sum(websockets[1:])
        verdict.check(forgotten <= max(5, opened // 100), f"Kamailio forgot hardly a WebSocket: {forgotten} of {opened}")
