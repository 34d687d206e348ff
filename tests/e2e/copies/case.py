"""The same datagram again: see README.md."""

import asyncio

import sip
from e2e import CFG, ImClient, Phone, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


class Recorder:
    """Keeps the requests of an endpoint and their answers."""

    def __init__(self, endpoint):
        self.endpoint, self.sent, self.answers = endpoint, [], []
        send, received = endpoint.send_octets, endpoint.received
        endpoint.send_octets = lambda octets, *to: (self.sent.append(octets), send(octets, *to))
        endpoint.received = lambda octets, *source: (self._note(octets), received(octets, *source))
        self._send = send

    def _note(self, octets):
        message = sip.Message.parse(octets)
        if not message.is_request:
            self.answers.append(message)

    def last_message(self):
        return [octets for octets in self.sent if octets.startswith(b"MESSAGE ")][-1]

    async def again(self, octets, times=1):
        """The answers to this many copies at once."""
        self.answers.clear()
        for _ in range(times):
            self._send(octets)
        async with asyncio.timeout(20):
            while len(self.answers) < times:
                await asyncio.sleep(0.02)
        return [(answer.status, answer.get("Retry-After")) for answer in self.answers]


async def copies(name="copies", pauses=(1.6, 4, 6), wait=1000, **options):
    "copies that arrive after tm has forgotten the transaction"
    # Without an early 202 tm may forget so soon.
    options.setdefault("modparams", {"accept_timeout": 20, "hold_timeout": 2})
    script = f'modparam("tm", "wt_timer", {wait})' if wait else ""
    async with gateway(name=name, script=script, **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        from_alice, from_bob = Recorder(alice.endpoint), Recorder(bob.endpoint)
        copied = []
        for report, status in (("ack", 200), (22, 480), (None, 202)):
            alice.rp_answers.append(report)
            got = await bob.send_im(gw.uri("alice"), f"report {report}")
            equal(got.status, status, f"the answer about {report}")
            copied.append((from_bob, from_bob.last_message(), (status, got.get("Retry-After"))))
        equal((await bob.send_im(gw.uri("alice"), "x" * 10000)).status, 413, "too long a text")
        copied.append((from_bob, from_bob.last_message(), (413, None)))
        for answer in (200, 486):
            bob.answers.append(answer)
            sent = await alice.send_sm("+15550002", f"answer {answer}")
            equal(sent.answer.status, 202, "the answer to the phone")
            await sent.outcome()
            octets = [octets for octets in from_alice.sent if b"In-Reply-To" not in octets[:2000]]
            octets = [octets for octets in octets if octets.startswith(b"MESSAGE ")][-1]
            copied.append((from_alice, octets, (202, None)))
        await asyncio.sleep(0.3)
        before = len(alice.requests), len(bob.requests)
        for pause in pauses:
            await asyncio.sleep(pause)
            say(f"again, {pause} s later")
            for recorder, octets, answer in copied:
                equal(await recorder.again(octets, times=2), [answer] * 2, "the answers to two copies at once")
        equal((len(alice.requests), len(bob.requests)), before, "what they have got meanwhile")


async def as_shipped():
    "kamailio.cfg as shipped, nearly to the end of the 32 s"
    await copies(name="shipped", pauses=(7, 14, 7), wait=None, modparams={"hold_timeout": 2})


async def as_shipped_in_lua():
    "the same with kamailio.lua"
    await copies(name="shipped_lua", pauses=(22,), wait=None, modparams={"hold_timeout": 2}, **LUA)


async def somebody_else():
    "a request from another address or with another branch is no copy"
    modparams = {"accept_timeout": 20}
    async with gateway(name="else", script='modparam("tm", "wt_timer", 1000)', modparams=modparams) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        recorder = Recorder(bob.endpoint)
        equal((await bob.send_im(gw.uri("alice"), "hello")).status, 200, "the answer")
        octets = recorder.last_message()
        await asyncio.sleep(1.6)
        equal(await recorder.again(octets.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx")), [(407, None)], "another branch")
        thief = Recorder(await gw.endpoint(host="127.0.0.3"))
        equal(await thief.again(octets), [(407, None)], "from elsewhere")


run(copies, as_shipped, as_shipped_in_lua, somebody_else)
