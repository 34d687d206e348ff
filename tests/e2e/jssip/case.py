"""A WebRTC client's SIP on the IM side: see README.md."""

import asyncio
import base64
import json
import os

import manuals
import sms
from e2e import CFG, Phone, equal, gateway, run, say
from gateway import ROOT

HERE = ROOT / "tests/e2e/jssip"
LIBRARY = ROOT / "target/node/node_modules"  # brought by tests/run


class JsSip:
    """The client in node, with its remote control."""

    def __init__(self, gw, name, refused=""):
        self.gw, self.name, self.refused = gw, name, refused
        self.events = asyncio.Queue()

    async def __aenter__(self):
        host, port = self.gw.ws_address
        password, _ = self.gw.people[self.name]
        self.process = await asyncio.create_subprocess_exec(
            "node", HERE / "client.js", f"ws://{host}:{port}", self.gw.uri(self.name), password, self.refused,
            env={**os.environ, "NODE_PATH": str(LIBRARY)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.reading = asyncio.create_task(self._read())
        await self.next("registered")
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.stdin.close()  # it takes its registration back then
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except asyncio.TimeoutError:
                self.process.kill()
                await self.process.wait()
        await self.reading
        return False

    async def _read(self):
        while line := await self.process.stdout.readline():
            await self.events.put(json.loads(line))

    async def next(self, event):
        """The next thing that happens, which must be this one."""
        found = await asyncio.wait_for(self.events.get(), 10)
        equal(found.pop("event"), event, f"what happens (with {found})")
        return found

    async def write(self, to, text, type="text/plain"):
        """Sends a message; the status of its final response."""
        command = json.dumps({"to": to, "text": text, "type": type})
        self.process.stdin.write(command.encode() + b"\n")
        return (await self.next("result"))["status"]


async def play(gw):
    alice = await gw.user(Phone, "alice")
    async with JsSip(gw, "bob") as bob:
        say("phone to client")
        for text in ("Grüße from a phone €", "Lunch? 🍜", "long " * 100 + "🎉"):
            sent = await alice.send_sm("+15550002", text) if len(text) < 70 else await send_long(alice, text)
            seen = await bob.next("message")
            equal((seen["text"], seen["from"]), (text, "sip:+15550001@ims.example"), "the client's text")
            equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
        say("client to phone: 200, the phone has it")
        equal(await bob.write(gw.uri("+15550001"), "Hello 😀 phone"), 200, "the answer")
        _, seen = await alice.next_message()
        equal((seen.tpdu.text, seen.tpdu.address), ("Hello 😀 phone", "+15550002"), "what the phone shows")
        alice.rp_answer = 22
        equal(await bob.write(gw.uri("+15550001"), "too much"), 480, "the answer of a phone whose memory is full")
    equal("+15550002" in gw.registered(), False, "a registration that was taken back")


async def send_long(phone, text, leave_out=0):
    """All parts but the last ones; the submission of the last that is sent."""
    parts = list(sms.parts(text, 7))
    for dcs, octets in parts[: len(parts) - leave_out]:
        tpdu = sms.submit("+15550002", "", first=0x41, dcs=dcs, user_data=octets)
        sent = await phone.send_sm("+15550002", "", tpdu=tpdu)
    return sent


async def conversation():
    "both directions, short, long and with an emoji"
    async with gateway() as gw:
        await play(gw)


async def conversation_in_lua():
    "the same with kamailio.lua"
    async with gateway(name="lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua") as gw:
        await play(gw)


async def by_itself():
    "requests that the gateway makes use the client's connection, too"
    async with gateway(name="itself", modparams={"concat_timeout": 1, "hold_timeout": 1}) as gw:
        alice = await gw.user(Phone, "alice")
        async with JsSip(gw, "bob") as bob:
            say("the present parts of a long text")
            await send_long(alice, "long " * 100, leave_out=1)
            equal((await bob.next("message"))["text"].startswith("long "), True, "what came")
            say("a notification")
            alice.rp_answers = [None]
            cpim = (
                "From: <sip:bob@ims.example>\r\nTo: <sip:+15550001@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
                "imdn.Message-ID: m1\r\nDateTime: 2026-01-01T00:00:00Z\r\n"
                "imdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nhi"
            )
            equal(await bob.write(gw.uri("+15550001"), cpim, "message/cpim"), 202, "the answer when the hold time is over")
            request, seen = await alice.next_message()
            await alice.report(request, sms.rp_ack(seen.mr))
            seen = await bob.next("message")
            equal((seen["type"], "<delivered" in seen["text"]), ("message/cpim", True), "the notification")


async def refused():
    "message/cpim is refused: text/plain uses the same connection, and the phone gets that outcome"
    async with gateway(name="refused") as gw:
        alice = await gw.user(Phone, "alice")
        async with JsSip(gw, "bob", refused="message/cpim") as bob:
            sent = await alice.send_rp(sms.rp_data(9, alice.centre, sms.submit("+15550002", "hello", mr=9, srr=True)))
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            for type in ("message/cpim", "text/plain;charset=UTF-8"):
                equal((await bob.next("message"))["type"], type, "what the client got")
            _, seen = await alice.next_message()
            equal((seen.tpdu.kind, seen.tpdu.st), ("SMS-STATUS-REPORT", 0x00), "the status report")


async def gone():
    "a client whose connection is closed is away: the phone gets RP-ERROR at once"
    async with gateway(name="gone") as gw:
        alice = await gw.user(Phone, "alice")
        async with JsSip(gw, "bob") as bob:
            bob.process.kill()
            await bob.process.wait()
            await gw.until(lambda: "opened_connections: 0" in gw.rpc("core.tcp_info"), what="the end of the connection")
            report = await (await alice.send_sm("+15550002", "hi")).outcome()
            equal((report.kind, report.cause), ("RP-ERROR", 27), "the report")
            say("back again")
        async with JsSip(gw, "bob") as bob:
            sent = await alice.send_sm("+15550002", "hi again")
            equal((await bob.next("message"))["text"], "hi again", "the text")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def example_of_the_manual():
    "the unchanged lines of the manual in a page: the phone shows the text"
    async with gateway(name="example", people=[("alice", None), ("bob", "+15550001")]) as gw:
        phone = await gw.user(Phone, "bob")
        text = manuals.block("doc/ipsmgw_admin.md", "Clients in a browser", "js")
        for old, new in (("127.0.0.1:8088", "{}:{}".format(*gw.ws_address)), ("'secret'", f"'{gw.people['alice'][0]}'")):
            equal(old in text, True, f"whether the example has {old}")
            text = text.replace(old, new)
        script = "globalThis.WebSocket = require('ws').WebSocket\nconst JsSIP = require('jssip')\n" + text
        process = await asyncio.create_subprocess_exec("node", "-e", script, env={**os.environ, "NODE_PATH": str(LIBRARY)})
        try:
            equal((await phone.next_message(10))[1].tpdu.text, "Lunch? 🍜", "what the phone shows")
        finally:
            process.kill()
            await process.wait()


async def knock(gw, **fields):
    """The status of the answer to an HTTP request that asks for a WebSocket; `upgrade=None` leaves a field out."""
    fields = {
        "host": "%s:%d" % gw.ws_address, "upgrade": "websocket", "connection": "keep-alive, Upgrade", "origin": "https://chat.example",
        "sec-websocket-key": base64.b64encode(os.urandom(16)).decode(), "sec-websocket-version": "13",
        "sec-websocket-protocol": "sip", **{name.replace("_", "-"): value for name, value in fields.items()},
    }  # fmt: skip
    reader, writer = await asyncio.open_connection(*gw.ws_address)
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    writer.write(f"GET / HTTP/1.1\r\n{''.join(lines)}\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    return int(answer.split()[1])


async def handshake():
    "who may open a WebSocket, in the native script and in Lua"
    for variant in ({}, {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}):
        name = "lua" if variant else "native"
        async with gateway(name=f"doors-{name}", **variant) as gw:
            for wanted, fields in (
                (101, {}),
                (101, {"host": "ims.example"}),
                (101, {"origin": None}),
                (403, {"host": "elsewhere.example"}),
                (403, {"host": None}),
                (404, {"upgrade": None}),
                (404, {"upgrade": "h2c"}),
                (400, {"sec_websocket_protocol": "xmpp"}),
                (101, {"sec_websocket_protocol": "msrp"}),
                (400, {"sec_websocket_key": None}),
                (426, {"sec_websocket_version": "8"}),
            ):
                equal(await knock(gw, **fields), wanted, f"{name}: {fields}")
        origin = 'WEB_ORIGIN="https://chat.example"'
        async with gateway(name=f"origin-{name}", defines=[origin], **variant) as gw:
            for wanted, fields in ((101, {}), (403, {"origin": "https://elsewhere.example"}), (403, {"origin": None})):
                equal(await knock(gw, **fields), wanted, f"{name}, one origin: {fields}")


async def trusted_address():
    "the address of a trusted peer proves nothing over WebSocket, where browsers connect"
    for name, variant in (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"})):
        async with gateway(name=f"trusted-{name}", trusted="127.0.0.1/32", **variant) as gw:
            reader, writer = await asyncio.open_connection(*gw.ws_address)
            writer.write(
                b"GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://chat.example\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
                % (gw.ws_address[0].encode(), gw.ws_address[1])
            )
            equal((await reader.readuntil(b"\r\n\r\n")).split()[1], b"101", "the handshake")
            request = (
                f"MESSAGE {gw.uri('alice')} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                f"From: <{gw.uri('bob')}>;tag=1\r\nTo: <{gw.uri('alice')}>\r\nCall-ID: 1@x.invalid\r\nCSeq: 1 MESSAGE\r\n"
                f"P-Asserted-Identity: <{gw.uri('bob')}>\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
            ).encode()
            # A text frame with a mask of zeros (RFC 6455 clause 5.2).
            writer.write(bytes([0x81, 0x80 | 126]) + len(request).to_bytes(2, "big") + bytes(4) + request)
            frame = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
            equal(b"SIP/2.0 407" in frame, True, f"{name}: the answer {frame}")
            writer.close()


async def flood():
    "IPSMGW_FLOOD counts HTTP requests, too"
    async with gateway(name="flood", flood=10) as gw:
        answers = [await knock(gw, upgrade=None) for _ in range(40)]
        equal((answers[0], answers[-1]), (404, 503), "the first and the last")


run(example_of_the_manual, conversation, conversation_in_lua, by_itself, refused, gone, handshake, trusted_address, flood)
