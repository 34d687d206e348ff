"""The log: see README.md."""

import asyncio
import random
import re

from e2e import CFG, ImClient, Phone, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
HEADER = """\
MESSAGE sip:+15550001@ims.example SIP/2.0
Via: SIP/2.0/UDP 127.0.0.3:9;branch=z9hG4bK%d
Max-Forwards: 70
From: "Friend" <sip:+15550002@ims.example>;tag=1
To: <sip:+15550001@ims.example>
Call-ID: call-%d
CSeq: 1 MESSAGE
Contact: <sip:+15550002@127.0.0.3:9>
Proxy-Authorization: Digest username="+15550002", realm="ims.example", nonce="abc", uri="sip:x", response="0123456789abcdef0123456789abcdef"
Route: <sip:192.0.2.1;lr>
P-Asserted-Identity: <sip:+15550003@ims.example>
Expires: 3600
Content-Type: text/plain
Content-Length: 12

hush, hush!!""".replace("\n", "\r\n")
PUT_IN = [b'"', b"<", b">", b"\r\n", b":", b";", b"\0", b"[", b"\r\n ", b"x" * 200, b",", b"=", b"@", b"%s%n"]
SECRETS = ("1555", "hush", "Friend")
MESSAGES = 3000
# A line of its own, whatever the level of the line behind it.
NOTICE = re.compile(r"WARNING: .*ipsmgw: \d+ log lines of this process were left out$")


def with_mistakes(number):
    octets = bytearray((HEADER % (number, number)).encode())
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(octets) - 20)
        what = random.randrange(4)
        if what == 0:
            octets[at] = random.randrange(256)
        elif what == 1:
            del octets[at : at + random.randrange(1, 30)]
        elif what == 2:
            octets[at:at] = random.choice(PUT_IN)
        else:
            del octets[at : max(at + 1, octets.find(b"\r\n", at))]
    return bytes(octets)


async def mistakes(name="mistakes", **options):
    "thousands of malformed messages"
    random.seed(3261)
    async with gateway(name=name, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        stranger = await gw.endpoint(host="127.0.0.3")
        before = len(gw.log())
        started = asyncio.get_running_loop().time()
        for number in range(MESSAGES):
            octets = with_mistakes(number)
            if number % 100 == 99:
                stream = await gw.endpoint("tcp", host="127.0.0.3")
                stream.send_octets(octets)
                await asyncio.sleep(0.01)
            else:
                stranger.send_octets(octets)
        equal((await alice.send_rp(b"\0\1")).answer.status, 400, "a malformed short message")
        equal((await bob.send_im(gw.uri("alice"), "still here")).status, 200, "a good message")
        seconds = asyncio.get_running_loop().time() - started
        lines = gw.log()[before:].splitlines()
        processes = len(gw.processes())
        say(f"{MESSAGES} messages in {seconds:.1f} s: {len(lines)} lines by {processes} processes")
        equal([line for line in lines if any(secret in line for secret in SECRETS)], [], "lines that quote a message")
        equal(len(lines) <= (seconds + 2) * processes * 12, True, "few lines")
        equal(any("parse_" in line for line in lines), True, "some of Kamailio's own lines")
        equal(any("malformed short message refused" in line for line in lines), True, "the script's own line")

        # Lines of the next second tell how many were left out in this one.
        await asyncio.sleep(1.1)
        for number in range(MESSAGES, MESSAGES + 300):
            stranger.send_octets(with_mistakes(number))
        await gw.until(lambda: "were left out" in gw.log(), what="a notice about lines that were left out")
        notices = [line for line in gw.log().splitlines() if "were left out" in line]
        equal([line for line in notices if not NOTICE.search(line)], [], "notices that look like another line")


async def mistakes_in_lua():
    "the same with kamailio.lua"
    await mistakes("mistakes_in_lua", **LUA)


run(mistakes, mistakes_in_lua)
