"""Overload: see README.md."""

import asyncio
import collections
import os
import re
import signal

import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


class Standstill:
    """Stops the processes that read from sockets (SIGSTOP)."""

    def __init__(self, gw, kind):
        processes = re.findall(r"PID: (\d+)\s*DSC: ([^\n]*)", gw.rpc("core.ps").replace("\t", ""))
        if not processes:
            words = gw.rpc("core.ps").split("\n")
            processes = [(pid, words[i + 1]) for i, pid in enumerate(words) if pid.strip().isdigit()]
        self.pids = [int(pid) for pid, name in processes if kind in name]
        assert self.pids, gw.rpc("core.ps")

    def __enter__(self):
        self.stop()
        return self

    def stop(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    async def one_works_until(self, condition):
        """One process alone works, until this has happened."""
        os.kill(self.pids[0], signal.SIGCONT)
        while not condition():
            await asyncio.sleep(0)
        self.stop()

    async def see_the_queue(self, recipient, burst):
        """One process sees the queue several times: it stands longer than a burst may, however fast this machine is."""
        for _ in range(3):
            before = len(recipient.requests)
            await self.one_works_until(lambda before=before: len(recipient.requests) > before or any(one.done() for one in burst))
            await asyncio.sleep(0.05)

    def __exit__(self, *exception):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


async def udp(name="udp", **script):
    "a burst fills the receive queue: some requests are refused, all others are delivered, reports pass"
    modparams = {"overload_queue": 2}
    async with gateway(name=name, people=[ALICE, BOB, ("carol", "+15550003")], modparams=modparams, **script) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob", await gw.endpoint())
        carol = await gw.user(ImClient, "carol", await gw.endpoint())
        equal((await carol.send_im(gw.uri("bob"), "before")).status, 200, "the answer before")
        await bob.next_message()
        say("one is open: the phone has it, its report is to come")
        alice.rp_answer = None
        held = asyncio.create_task(carol.send_im(gw.uri("alice"), "held"))
        request, seen = await alice.next_message()
        with Standstill(gw, "udp receiver") as workers:
            burst = [asyncio.create_task(carol.send_im(gw.uri("bob"), f"{i}", retransmit=False)) for i in range(200)]
            await asyncio.sleep(0)
            # Behind them in the queue.
            report = asyncio.create_task(alice.report(request, sms.rp_ack(seen.mr)))
            await asyncio.sleep(0)
            await workers.see_the_queue(bob, burst)
        answers = await asyncio.gather(*burst)
        told = collections.Counter(answer.status for answer in answers)
        say(f"told: {dict(told)}")
        equal(set(told), {200, 503}, "the answers")
        equal(told[503] >= 10, True, "refused")
        for answer in answers:
            if answer.status == 503:
                equal(2 <= int(answer.get("Retry-After")) <= 10, True, "Retry-After")
        waits = {answer.get("Retry-After") for answer in answers if answer.status == 503}
        equal(len(waits) > 2, True, "they come again at different times")
        equal((await report).status, 202, "the answer to the report")
        equal((await held).status, 200, "what was open")
        got = [(await bob.next_message()).text for _ in range(told[200])]
        wanted = [f"{i}" for i, answer in enumerate(answers) if answer.status == 200]
        equal(sorted(got), sorted(wanted), "who was told 200 was delivered, once, and nobody else")
        await asyncio.sleep(1)
        equal(bob.inbox.qsize(), 0, "more than that")
        equal((await carol.send_im(gw.uri("bob"), "behind")).status, 200, "the answer behind it")
        await bob.next_message()
        equal(gw.statistics("ipsmgw")["overload"] >= told[503], True, "the counter")
        await gw.until(lambda: gw.pattern_seen("the overload is over"), what="the line in the log")
        equal(len(re.findall("overload: new requests", gw.log())), 1, "lines that say that it began")


async def udp_in_lua():
    "the same with kamailio.lua"
    await udp("udp_in_lua", **LUA)


async def copies():
    "a sender without an answer repeats: no copy of a refused request is delivered, no copy of an open one is refused"
    async with gateway(name="copies", people=[ALICE, BOB, ("carol", "+15550003")], modparams={"overload_queue": 20}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob", await gw.endpoint())
        carol = await gw.user(ImClient, "carol", await gw.endpoint())
        alice.rp_answer = None
        held = asyncio.create_task(carol.send_im(gw.uri("alice"), "held"))
        request, seen = await alice.next_message()
        with Standstill(gw, "udp receiver") as workers:
            burst = [asyncio.create_task(carol.send_im(gw.uri("bob"), f"{i}", timeout=20)) for i in range(90)]
            await asyncio.sleep(1.6)
            await workers.see_the_queue(bob, burst)
        answers = await asyncio.gather(*burst)
        told = collections.Counter(answer.status for answer in answers)
        say(f"told: {dict(told)}")
        equal(set(told) <= {200, 503} and told[503] >= 20, True, "the answers")
        await asyncio.sleep(1)
        got = sorted(bob.inbox.get_nowait().text for _ in range(bob.inbox.qsize()))
        equal(got, sorted(f"{i}" for i, answer in enumerate(answers) if answer.status == 200), "what was delivered")
        equal(held.done(), False, "what is open is answered while its copies come")
        await alice.report(request, sms.rp_ack(seen.mr))
        equal((await held).status, 200, "what was open")


async def tcp():
    "requests that waited too long in their connections"
    async with gateway(name="tcp", people=[ALICE, BOB, ("carol", "+15550003")]) as gw:
        alice = await gw.user(Phone, "alice", protocol="tcp")
        bob = await gw.user(ImClient, "bob", protocol="tcp")
        carol = await gw.user(ImClient, "carol", protocol="tcp")
        equal((await carol.send_im(gw.uri("bob"), "before")).status, 200, "the answer before")
        await bob.next_message()
        alice.rp_answer = None
        held = asyncio.create_task(carol.send_im(gw.uri("alice"), "held"))
        request, seen = await alice.next_message()
        with Standstill(gw, "tcp receiver"):
            late = asyncio.create_task(carol.send_im(gw.uri("bob"), "late"))
            report = asyncio.create_task(alice.report(request, sms.rp_ack(seen.mr)))
            await asyncio.sleep(0.7)
        equal((await late).status, 503, "what is new")
        equal((await report).status, 202, "the answer to the report")
        equal((await held).status, 200, "what was open")
        equal((await carol.send_im(gw.uri("bob"), "behind")).status, 200, "the answer behind it")
        equal((await bob.next_message()).text, "behind", "what bob got")


async def table():
    "the table of exchanges is nearly full: messages are refused, registrations are not"
    limits = {"max_pending": 10, "max_per_party": 10, "max_per_sender": 10}
    async with gateway(name="table", people=[ALICE, BOB], modparams=limits) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = None
        sending = [asyncio.create_task(bob.send_im(gw.uri("alice"), f"{i}")) for i in range(9)]
        await gw.until(lambda: gw.pending() == 9, what="nine of ten")
        refused = await bob.send_im(gw.uri("alice"), "one more")
        equal((refused.status, refused.get("Retry-After") is not None), (503, True), "a message")
        await bob.register()
        say("the phone reports")
        request, seen = await alice.next_message()
        alice.rp_answer = "ack"
        await alice.report(request, sms.rp_ack(seen.mr))
        equal({answer.status for answer in await asyncio.gather(*sending)}, {200}, "what is open")


async def memory():
    "shared memory is nearly full: new requests are refused, registrations and reports are not"
    # A large table alone takes more than one percent of it.
    async with gateway(name="memory", modparams={"max_pending": 30_000, "overload_memory": 1}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        refused = await bob.send_im(gw.uri("alice"), "hello")
        equal((refused.status, refused.get("Retry-After") is not None), (503, True), "a message")
        report = await alice.send("MESSAGE", gw.uri("+15559999"), headers=[("Content-Type", "application/vnd.3gpp.sms")], body=b"\x02\x07")
        equal(report.status, 202, "a report")


run(udp, udp_in_lua, copies, tcp, table, memory)
