"""Malformed datagrams, and the gateway's log lines about them."""

import asyncio
import random
import time

import stage
from hostile import Sockets, never, request

SUMMARY = "malformed datagrams: lines and octets of log for each, and what stands in them"
why_not = never
NUMBER, WORD = "15557777777", "confidential words"


def gateway(lua):
    return stage.make("logs", lua)


def kinds(via, domain):
    """One malformed request of each kind; every one has a number and a text that no log may show."""
    number = f"<sip:+{NUMBER}@{domain}>"
    body = WORD.encode()

    def good(**fields):
        return request("MESSAGE", f"sip:+{NUMBER}@{domain}", via, [("Content-Type", "text/plain")], body, **{"to": number, "from_": f"{number};tag=1", **fields})

    one = good()
    yield "a header line without a colon", one.replace(b"Max-Forwards: 70", b"Max-Forwards 70")
    yield "a header name of octets", one.replace(b"Max-Forwards", b"\x01\x02\xff\xfe")
    yield "no Via", b"\r\n".join(line for line in one.split(b"\r\n") if not line.startswith(b"Via"))
    yield "a broken Via", one.replace(b"SIP/2.0/UDP", b"SIP/2.0UDP")
    yield "a Via without a host", one.replace(via.split(" ")[1].encode(), b"")
    yield "a broken From", good(from_=f"<sip:+{NUMBER}@;tag=1")
    yield "a From that does not end", good(from_=f'"{NUMBER} <sip:x>;tag=1')
    yield "no From", b"\r\n".join(line for line in one.split(b"\r\n") if not line.startswith(b"From"))
    yield "a broken To", good(to=f"<sip:+{NUMBER}@{domain}")
    yield "a broken CSeq", good(cseq=f"x{NUMBER} MESSAGE")
    yield "a CSeq of another method", good(cseq="1 INVITE")
    yield "a huge CSeq", good(cseq=f"{NUMBER}{NUMBER} MESSAGE")
    yield "a broken Request-URI", one.replace(b"MESSAGE sip:", b"MESSAGE sipp;:")
    yield "a start line of one word", one.replace(b" SIP/2.0\r\n", b"\r\n", 1)
    yield "another version", one.replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)
    yield "a length that lies", one.replace(b"Content-Length: ", b"Content-Length: 9")
    yield "a length that is no number", one.replace(b"Content-Length: ", b"Content-Length: x")
    yield "a negative length", one.replace(b"Content-Length: ", b"Content-Length: -")
    yield "cut in the header", one[: len(one) // 2]
    yield "NULs in the header", one.replace(b"Call-ID: ", b"Call-ID: \0\0\0")
    yield "an endless header", one.replace(b"Call-ID: ", b"X: " + b"y" * 5000 + b"\r\nCall-ID: ")
    yield "a broken Contact", one.replace(b"Max-Forwards", b"Contact: <sip:x@[::::>;;;\r\nMax-Forwards")
    yield "a broken Route", one.replace(b"Max-Forwards", f"Route: <sip:+{NUMBER}@\r\nMax-Forwards".encode())
    yield "a broken digest", one.replace(b"Max-Forwards", f'Proxy-Authorization: Digest username="{NUMBER}, realm=\r\nMax-Forwards'.encode())
    yield "a digest of nobody", one.replace(b"Max-Forwards", f'Proxy-Authorization: Digest username="{NUMBER}", realm="{domain}", nonce="x", uri="sip:x", response="{"0" * 32}"\r\nMax-Forwards'.encode())
    yield "a broken Expires", request("REGISTER", f"sip:{domain}", via, [("Contact", number), ("Expires", NUMBER * 3)], to=number)
    yield "a To tag without a session", good(to=f"{number};tag={WORD.replace(' ', '')}")
    yield "a response to nothing", one.replace(one.split(b"\r\n")[0], b"SIP/2.0 200 OK")
    yield "a broken response", one.replace(one.split(b"\r\n")[0], b"SIP/2.0 2x0 OK")
    yield "octets", bytes(random.Random(1).randrange(256) for _ in range(600)) + NUMBER.encode() + body
    yield "HTTP", b"GET /" + NUMBER.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n" + body
    yield "line ends only", b"\r\n" * 200
    yield "nothing but a NUL", b"\0"


async def attack(scene, verdict, size):
    gw = scene.gw
    addresses = [f"127.0.7.{n}" for n in range(1, 61)]
    strangers = Sockets(gw.address, addresses)
    try:
        worst, shows = [], []
        for kind, octets in kinds(strangers.vias[0], gw.domain):
            before = len(gw.log())
            for place in range(3):
                strangers.send(place, octets)
            await asyncio.sleep(0.04 if size == "short" else 0.15)
            new = gw.log()[before:]
            worst.append((new.count("\n") / 3, len(new) / 3, kind))
            if NUMBER in new or WORD in new:
                shows.append(kind)
        worst.sort(reverse=True)
        verdict.note("most lines for each: " + "; ".join(f"{kind} {lines:.1f} lines, {octets:.0f} octets" for lines, octets, kind in worst[:5]))
        verdict.check(not shows, f"the log shows no number and no text of {len(worst)} kinds{': not so for ' + ', '.join(shows) if shows else ''}")

        # All of them, as fast as from many addresses within the limit for each.
        every = [octets for _, octets in kinds(strangers.vias[0], gw.domain)]
        seconds = 1.5 if size == "short" else 20
        before, began, sent = gw.log_file.stat().st_size, time.monotonic(), 0
        lines = gw.log().count("\n")
        while time.monotonic() - began < seconds:
            for _ in range(40):
                strangers.send(sent, every[sent % len(every)])
                sent += 1
            strangers.drain()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        lines, octets = gw.log().count("\n") - lines, gw.log_file.stat().st_size - before
        took = time.monotonic() - began
        verdict.note(f"{sent} malformed datagrams in {took:.1f} s: {lines} lines, {octets} octets of log; {lines / sent:.2f} lines and {octets / sent:.0f} octets for each")
        verdict.check(lines / took <= 100, f"at most 100 lines of log a second, whatever comes: {lines / took:.0f}")
    finally:
        strangers.close()
