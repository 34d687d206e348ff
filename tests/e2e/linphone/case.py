"""Linphone on the IM side: see README.md."""

import asyncio
import json
import os
import shutil

import sms
from e2e import CFG, FOLDER, Phone, equal, gateway, run, say
from gateway import ROOT

ACCOUNT = """[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
default_proxy=0
[auth_info_0]
username={identity}
userid={name}
passwd={password}
realm={domain}
domain={domain}
[proxy_0]
reg_proxy=<sip:{host}:{port};transport=tcp>
reg_route=<sip:{host}:{port};transport=tcp;lr>
reg_identity=sip:{identity}@{domain}
reg_expires=600
reg_sendregister=1
"""


class Linphone:
    """liblinphone with its remote control, registered as one of the people: by name, or by number."""

    def __init__(self, gw, name, identity=None):
        self.gw, self.name, self.identity = gw, name, identity or name
        self.home = FOLDER / f"linphone-{gw.folder.name}"
        self.events = []
        self.changed = asyncio.Event()

    async def __aenter__(self):
        shutil.rmtree(self.home, ignore_errors=True)
        for folder in (".local/share/linphone", ".config/linphone"):
            (self.home / folder).mkdir(parents=True)
        host, port = self.gw.address
        account = ACCOUNT.format(
            name=self.name, password=self.gw.people[self.name][0], identity=self.identity, domain=self.gw.domain, host=host, port=port
        )
        (self.home / "rc").write_text(account)
        self.process = await asyncio.create_subprocess_exec(
            "/usr/bin/python3", ROOT / "tests/e2e/linphone/client.py", self.home / "rc", self.home / "log",
            env={**os.environ, "HOME": str(self.home)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self.reading = asyncio.create_task(self._read())
        await self.until(event="registered")
        return self

    async def __aexit__(self, *_):
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self.reading
        return False

    async def _read(self):
        while line := await self.process.stdout.readline():
            if line.startswith(b"{"):
                self.events.append(json.loads(line))
                self.changed.set()

    def write(self, to, text):
        self.process.stdin.write(json.dumps({"to": to, "text": text}).encode() + b"\n")

    def seen(self, **wanted):
        """The events that have all of this."""
        return [event for event in self.events if wanted.items() <= event.items()]

    async def until(self, **wanted):
        """Waits until such an event was there."""
        deadline = asyncio.get_running_loop().time() + 15
        while not (found := self.seen(**wanted)):
            self.changed.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except asyncio.TimeoutError:
                raise AssertionError(f"no {wanted}; there were {self.events}") from None
        return found[0]


async def one_conversation():
    "texts in both directions are one conversation, for a client that signs in by name or by number; native and Lua"
    for variant, options in (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"})):
        for identity in ("bob", "+15550002"):
            say(f"{variant}, registered as {identity}")
            async with gateway(name=f"conversation-{variant}-{identity}", **options) as gw:
                alice = await gw.user(Phone, "alice")
                async with Linphone(gw, "bob", identity) as bob:
                    sent = await alice.send_sm("+15550002", "Grüße")
                    equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
                    equal((await bob.until(event="message"))["text"], "Grüße", "what the client shows")
                    bob.write(gw.uri("+15550001"), "Hello phone")
                    _, seen = await alice.next_message()
                    equal((seen.tpdu.text, seen.tpdu.address), ("Hello phone", "+15550002"), "what the phone shows")
                    await bob.until(state="DeliveredToUser")
                    rooms = [(room["local"], room["peer"]) for room in bob.seen(event="room")]
                    equal(rooms, [(gw.uri(identity), gw.uri("+15550001"))], "the conversations")


async def late():
    "the phone reports after the sender's 202: the tick appears then, and not before"
    async with gateway(name="late", modparams={"hold_timeout": 1}) as gw:
        alice = await gw.user(Phone, "alice")
        async with Linphone(gw, "bob") as bob:
            alice.rp_answers = [None]
            bob.write(gw.uri("+15550001"), "Hello phone")
            request, seen = await alice.next_message()
            await bob.until(state="Delivered")
            equal(bob.seen(state="DeliveredToUser"), [], "a tick before the phone's report")
            await alice.report(request, sms.rp_ack(seen.mr))
            await bob.until(state="DeliveredToUser")


async def failed():
    "the phone refuses after the sender's 202: the client shows that the message was not delivered"
    async with gateway(name="failed", modparams={"hold_timeout": 1}) as gw:
        alice = await gw.user(Phone, "alice")
        async with Linphone(gw, "bob") as bob:
            alice.rp_answers = [None]
            bob.write(gw.uri("+15550001"), "Hello phone")
            request, seen = await alice.next_message()
            await bob.until(state="Delivered")
            await alice.report(request, sms.rp_error(seen.mr, 22))
            await bob.until(state="NotDelivered")


run(one_conversation, late, failed)
