"""Tests of the MSRP peer itself: what it must refuse to read, and two peers that play with each other."""

import asyncio
import random

import msrp_sdp
from msrp_frames import Forbidden, Frame, FrameReader, uri_key
from msrp_peer import MsrpPeer, Session

PATHS = "To-Path: msrp://a.example:1/s;tcp\r\nFrom-Path: msrp://b.example:2/t;tcp\r\n"
SEND = f"MSRP q1w2e3r4t5y6 SEND\r\n{PATHS}Message-ID: 4564dpWd\r\n"
END = "-------q1w2e3r4t5y6"
CHUNK = f"{SEND}Byte-Range: 1-4/8\r\nContent-Type: text/plain\r\n\r\nabcd\r\n{END}+\r\n"
REPORT = f"MSRP q1w2e3r4t5y6 REPORT\r\n{PATHS}Message-ID: 4564dpWd\r\nByte-Range: 1-8/8\r\nStatus: 000 200 OK\r\n{END}$\r\n"
RESPONSE = f"MSRP q1w2e3r4t5y6 200 OK\r\n{PATHS}{END}$\r\n"
TYPE = "Content-Type: text/plain\r\n"

ALLOWED = [
    CHUNK,
    REPORT,
    RESPONSE,
    RESPONSE.replace(" OK", ""),
    f"{SEND}{END}$\r\n",  # no body
    f"{SEND}Byte-Range: 1-0/0\r\n{TYPE}\r\n\r\n{END}$\r\n",  # an empty body
    CHUNK.replace("1-4/8", "1-*/*").replace("+", "#"),
    CHUNK.replace("abcd\r\n", "-------q1w2e3r4t5y\r\n-------q1w2e3r4t5y6x\r\n").replace("1-4/8", "1-*/*"),  # almost an end-line
    CHUNK.replace("text/plain", 'text/plain;charset="a;\\"b"'),
    CHUNK.replace("msrp://a.example:1/s;tcp", "msrps://user@[::1]:1/s+=/~;tcp;p=q msrp://relay;tcp"),
]
FORBIDDEN = {
    "9": [
        CHUNK.replace("MSRP", "msrp"),
        CHUNK.replace("q1w2e3r4t5y6", "q1w"),  # an identifier of three characters
        CHUNK.replace("SEND", "send"),
        CHUNK.replace(PATHS, "".join(reversed(PATHS.splitlines(keepends=True)))),
        CHUNK.replace("To-Path: ", "To-Path:"),
        CHUNK.replace("msrp://a", "sip:a"),
        CHUNK.replace(";tcp", ""),
        CHUNK.replace("1-4/8", "1-4"),
        CHUNK.replace("1-4/8", "*-4/8"),
        CHUNK.replace("4564dpWd", "4564 dpWd"),
        CHUNK.replace("Message-ID", "Failure-Report: maybe\r\nMessage-ID"),
        CHUNK.replace("Message-ID", "X: a\x00b\r\nMessage-ID"),
        CHUNK.replace("Message-ID", "Message-ID: 4564dpWd\r\nMessage-ID"),
        CHUNK.replace("text/plain", "text"),
        REPORT.replace("000 200", "200"),
        f"GET / HTTP/1.1\r\n{END}$\r\n",
    ],
    "7.1": [
        CHUNK.replace(f"{TYPE}\r\nabcd\r\n", TYPE),  # a type without a body
        CHUNK.replace("Byte-Range: 1-4/8\r\n" + TYPE, TYPE + "Byte-Range: 1-4/8\r\n"),
        CHUNK.replace("1-4/8", "1-4/4"),  # "+" at the end of the message
        CHUNK.replace("+", "$"),  # "$" before it
        CHUNK.replace("abcd", END + "$x").replace("1-4/8", "1-*/*"),
    ],
    "7.1.1": [
        CHUNK.replace("Message-ID: 4564dpWd\r\n", ""),
        CHUNK.replace("1-4/8", "0-3/8"),
        CHUNK.replace("1-4/8", "1-5/8"),
        CHUNK.replace("1-4/8", "5-3/8"),
        CHUNK.replace("1-4/8", "6-9/8"),
        CHUNK.replace("1-4/8", "7-*/8"),
        CHUNK.replace("abcd", "x" * 2049).replace("1-4/8", "1-2049/4000"),
        CHUNK.replace("Byte-Range", "Content-Transfer-Encoding: base64\r\nByte-Range"),
    ],
    "7.1.2": [
        CHUNK.replace("Byte-Range", "Status: 000 200 OK\r\nByte-Range"),
        REPORT.replace("Status: 000 200 OK\r\n", ""),
        REPORT.replace("Status", "Success-Report: yes\r\nStatus"),
        REPORT.replace("$", "+"),
    ],
    "7.2": [RESPONSE.replace("$", "+"), RESPONSE.replace(END, "Success-Report: yes\r\n" + END)],
}

OFFER = msrp_sdp.write(["msrp://127.0.0.1:7394/2s93i9ek2a;tcp"], ("127.0.0.1", 7394), "text/plain message/cpim").decode()
WRONG_OFFERS = [
    OFFER.replace("TCP/MSRP *", "TCP/MSRP 1"),
    OFFER.replace("TCP/MSRP", "TCP/TLS/MSRP"),
    OFFER.replace("message 7394", "message 7395"),
    OFFER.replace("IN IP4 127.0.0.1\r\nt", "IN IP4 127.0.0.2\r\nt"),
    OFFER.replace("a=path:msrp://127.0.0.1:7394/2s93i9ek2a;tcp\r\n", ""),
    OFFER.replace("/2s93i9ek2a", ""),
    OFFER.replace(":7394/", "/"),
    OFFER.replace("a=accept-types:text/plain message/cpim\r\n", ""),
    OFFER.replace("text/plain", "text"),
    OFFER.replace("actpass", "passive"),
    OFFER.replace("actpass", "holdconn"),
    OFFER.replace("s=-\r\n", ""),
    OFFER.replace("\r\n", "\n"),
]


def is_forbidden(octets):
    try:
        reader = FrameReader()
        return not reader.feed(octets.encode()) and not reader.rest
    except Forbidden:
        return True


def strict():
    for octets in ALLOWED:
        (frame,) = FrameReader().feed(octets.encode())
        assert frame.encode() == octets.encode(), f"{frame!r} is written in another way: {frame.encode()}"
        one_by_one = FrameReader()
        found = [frame for octet in octets.encode() for frame in one_by_one.feed(bytes([octet]))]
        assert found == [frame], f"{octets!r} octet by octet: {found}"
    for clause, frames in FORBIDDEN.items():
        for octets in frames:
            try:
                found = FrameReader().feed(octets.encode())
            except Forbidden as error:
                assert str(error).startswith(f"RFC 4975 {clause}: "), f"{octets!r}: {error}, but it is clause {clause}"
            else:
                raise AssertionError(f"{octets!r} was read as {found}")
    msrp_sdp.read(OFFER.encode(), True)
    for octets in WRONG_OFFERS:
        try:
            msrp_sdp.read(octets.encode(), True)
        except Forbidden:
            continue
        raise AssertionError(f"{octets!r} was read")
    assert uri_key("msrp://A.example:1/s;TCP") == uri_key("MSRP://u@a.%65xample:1/s;tcp")
    assert len({uri_key(uri) for uri in ("msrp://a:1/s;tcp", "msrp://a:1/S;tcp", "msrp://a:2/s;tcp", "msrps://a:1/s;tcp", "msrp://a/s;tcp", "msrp://a:1;tcp")}) == 6


async def pair():
    """(a peer's session, another peer's session, both peers), joined."""
    sender, receiver = MsrpPeer(), MsrpPeer()
    ends = []
    for name, peer, is_offer in (("sender", sender, True), ("receiver", receiver, False)):
        address = await peer.listen()
        octets = msrp_sdp.write([msrp_sdp.uri(address, name * 2)], address, setup="actpass" if is_offer else "passive")
        ends.append(msrp_sdp.read(octets, is_offer))
    msrp_sdp.check_answer(*ends)
    here, there = Session(sender, *ends), Session(receiver, *reversed(ends))
    here.connection = await sender.connect(here.remote)
    return here, there, (sender, receiver)


async def together():
    text = "".join(random.choice("abcdef-\r\n+$# é") for _ in range(20000))
    here, there, peers = await pair()
    for size in (1, 2, 2047, 2048, 2049, 65536, [5, 1, 3000, 2]):
        part = text[:300] if size in (1, 2) else text
        message = await here.send(part, chunk=size, success="yes")
        got = await there.next_message()
        assert got.text == part and got.is_complete, f"{size}: another text came"
        assert await message.final(5) == (200, "REPORT")
    for wish, word in (("partial", None), ("no", None), (None, (200, "response")), ("yes", (200, "response"))):
        message = await here.send("hello", failure=wish)
        await there.next_message()
        assert word is None or await message.final(5) == word
    there.answer = 413
    message = await here.send("hello")
    assert await message.final(5) == (413, "response")
    assert (await there.next_message()).refused == 413
    there.answer, there.reports = 200, "chunks"
    message = await here.send(text, chunk=2000, success="yes")
    assert await message.final(5) == (200, "REPORT") and len(message.all_reports) >= 10
    there.answer = None
    message = await here.send("hello")
    there.connection.abort()
    assert await message.final(5) == (None, "lost")
    for peer in peers:
        peer.check()
        await peer.close()


async def complains():
    """A peer notes what the other side must not send."""
    for name, wrong in (
        ("7.1.3", lambda s, f: [s.request("REPORT", [("Message-ID", f.get("Message-ID")), ("Status", "000 200 OK")])]),
        ("7.1.4", lambda s, f: [s.request("REPORT", [("Message-ID", f.get("Message-ID")), ("Status", "000 403 No")])]),
        ("7.2", lambda s, f: [answer(f, 200), answer(f, 200)]),
        ("7.2", lambda s, f: [Frame(f.tid, status=200, headers=[("To-Path", "msrp://x:1/x;tcp"), ("From-Path", f.get("To-Path"))])]),
        ("7.3", lambda s, f: [s.request(headers=[("Message-ID", "abcd")], to_path="msrp://127.0.0.1:1/nobody;tcp")]),
        ("7.1.1", lambda s, f: [s.message("abcdef").chunk(3, 6)]),
    ):
        here, there, peers = await pair()
        there.answer, there.reports = None, None
        await here.send("hello")
        await there.next_message()
        frame = there.connection.frames[0]
        for octets in wrong(there, frame):
            there.connection.writer.write(octets.encode())
        for _ in range(100):
            if peers[0].violations:
                break
            await asyncio.sleep(0.02)
        assert peers[0].violations and f"RFC 4975 {name}" in peers[0].violations[0], f"{name}: {peers[0].violations}"
        for peer in peers:
            await peer.close()


def answer(request, status):
    return Frame(request.tid, status=status, headers=[("To-Path", request.from_path[0]), ("From-Path", request.to_path[-1])])


async def the_peer():
    "the tests' own MSRP peer: what it must refuse, and two of them with each other"
    strict()
    await together()
    await complains()
