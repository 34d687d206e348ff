"""Recipes: see README.md."""

import asyncio
import os
import re
import shlex
import time

import sms
from e2e import CFG, FOLDER, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port

PAGE = CFG.parent / "doc/recipes.md"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
ALICE, BOB = "sip:+15550001@ims.example", "sip:+15550002@ims.example"
SMS = "application/vnd.3gpp.sms"


def blocks(heading, kind):
    """The texts of the blocks of this kind below a heading."""
    section = re.split(r"^##+ ", PAGE.read_text().partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    equal(bool(found), True, f"whether the page has a block of {kind} below {heading}")
    return found


def rules(heading, kind="kamailio", **replaced):
    """The file that the page shows below this heading."""
    [text] = blocks(heading, kind)
    for old, new in replaced.items():
        equal(old in text, True, f"whether the page has {old}")
        text = text.replace(old, new)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / ("rules.lua" if kind == "lua" else f"{heading.replace(' ', '-')}.cfg")
    file.write_text(text)
    return file


def commands(heading):
    """The arguments of each kamcmd that the page shows below this heading."""
    return [shlex.split(line) for line in re.findall(r"^\$ kamcmd (.*)$", "".join(blocks(heading, "console")), re.MULTILINE)]


class Pair:
    """alice with a phone, bob with a client: whether a message between them is converted."""

    def __init__(self, alice, bob):
        self.alice, self.bob = alice, bob

    @classmethod
    async def of(cls, gw):
        return cls(await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"))

    async def im2sm(self):
        """True when bob's text is a short message for alice, False when it comes unchanged."""
        answer = await self.bob.send_im(ALICE, "hello")
        got = await self.alice.next_message()
        if isinstance(got, tuple):
            equal((answer.status, got[1].tpdu.text), (200, "hello"), "the answer, and the short message")
            return True
        # The answer of a phone to a text.
        equal((answer.status, got.uri.partition("@")[0], got.body), (415, f"sip:{self.alice._contact_user}", b"hello"), "the unchanged message")
        return False

    async def sm2im(self):
        """True when alice's short message is a text for bob; False when there is no service centre that it could pass to."""
        sent = await self.alice.send_sm("+15550002", "hi")
        if sent.answer.status == 404:
            equal(self.bob.inbox.empty(), True, "whether the client got nothing")
            return False
        equal(((await self.bob.next_message()).text, (await sent.outcome()).kind), ("hi", "RP-ACK"), "the text, and the report")
        return True

    async def both(self):
        return await self.im2sm(), await self.sm2im()


def zone(hour):
    """A time zone in which it is this hour now, for as long as a scenario lasts."""
    now = time.gmtime()
    ahead = (hour - now.tm_hour) * 60 + (30 - now.tm_min)
    sign = "-" if ahead >= 0 else "+"
    return f"TST{sign}{abs(ahead) // 60}:{abs(ahead) % 60:02d}"


async def by_time_of_day():
    "at night instant messages pass unchanged"
    rows = Rows()
    for hour, wanted in ((6, False), (7, True), (22, False)):
        os.environ["TZ"] = zone(hour)
        try:
            async with gateway(name=f"hour-{hour}", rules=rules("By time of day")) as gw:
                rows.check(f"at {hour} o'clock", await (await Pair.of(gw)).both(), (wanted, True))
        finally:
            del os.environ["TZ"]
    rows.done(at_least=3)


async def by_a_switch():
    "a key of a hash table, changed by kamcmd"
    async with gateway(rules=rules("By a switch that kamcmd sets")) as gw:
        pair, [off, on] = await Pair.of(gw), commands("By a switch that kamcmd sets")
        equal(await pair.both(), (True, True), "without the key")
        gw.rpc(*off)
        equal(await pair.both(), (False, False), "switched off")
        gw.rpc(*on)
        equal(await pair.both(), (True, True), "switched on again")


async def by_direction():
    "one direction only"
    async with gateway(rules=rules("By direction")) as gw:
        equal(await (await Pair.of(gw)).both(), (False, True), "instant messages, short messages")


async def by_subscriber():
    "subscribers in a table, or with an authorisation"
    async with gateway(rules=rules("By subscriber")) as gw:
        pair, [join, none, both] = await Pair.of(gw), commands("By subscriber")
        equal(await pair.both(), (False, False), "nobody takes part")
        gw.rpc(*join)
        equal(await pair.both(), (True, True), "bob takes part")
        gw.rpc(*none)
        equal((await pair.bob.send_im(ALICE, "hello")).status, 403, "bob is not authorised to write")
        sent = await pair.alice.send_sm("+15550002", "hi")
        equal((await sent.outcome()).cause, 50, "the report when he is not authorised to read")
        gw.rpc(*both)
        equal(await pair.both(), (True, True), "bob is authorised again")


async def by_peer():
    "messages from one network"
    async with gateway(rules=rules("By peer", **{"192.0.2.0/24": "127.0.0.3/32"})) as gw:
        alice = await gw.user(Phone, "alice")
        bob = await gw.user(ImClient, "bob")
        equal(await Pair(alice, bob).im2sm(), True, "from another address")
        there = await gw.user(ImClient, "bob", await gw.endpoint(host="127.0.0.3"))
        equal(await Pair(alice, there).im2sm(), False, "from the network")


async def in_lua():
    "the rule by time of day as a Lua function"
    for hour, wanted in ((3, False), (12, True)):
        os.environ["TZ"] = zone(hour)
        try:
            async with gateway(name="lua", rules=rules("In Lua", "lua"), **LUA) as gw:
                equal(await (await Pair.of(gw)).both(), (wanted, True), f"at {hour} o'clock")
        finally:
            del os.environ["TZ"]


async def play_off(**options):
    [off, on] = commands("Off and on")
    async with gateway(trusted="127.0.0.3", **options) as gw:
        pair = await Pair.of(gw)
        alice, bob = pair.alice, pair.bob
        say("open messages in both directions")
        alice.rp_answer = None
        waits = asyncio.create_task(bob.send_im(ALICE, "before"))
        request, message = await alice.next_message()
        bob.answers.append(None)
        short = asyncio.create_task(alice.send_sm("+15550002", "before, too"))
        held = await bob.next_message()
        equal(gw.statistics("ipsmgw")["enabled"], 1, "the counter")
        answer = gw.rpc(*off)
        equal(("enabled: false" in answer, "open: 2" in answer), (True, True), f"the answer: {answer}")
        equal(gw.statistics("ipsmgw")["enabled"], 0, "the counter")
        say("new messages pass unchanged")
        equal(await pair.both(), (False, False), "the conversion")
        equal((await bob.send_im(BOB, b"\0\xff", content_type="x/y")).status, 200, "a message between clients")
        equal((await bob.next_message()).body, b"\0\xff", "its body")
        say("the open ones end")
        bob.endpoint.respond(held, 200, "OK")
        equal((await (await short).outcome()).kind, "RP-ACK", "the report on the short message")
        alice.rp_answer = "ack"
        equal((await alice.report(request, sms.rp_ack(message.mr))).status, 202, "the answer to the phone's report")
        equal((await waits).status, 200, "the answer to the instant message")
        equal(gw.pending(), 0, "the open exchanges")
        say("a report on nothing is for nobody here")
        stray = await alice.send_rp(sms.rp_ack(9), 9)
        equal(stray.answer.status, 404, "the answer")
        equal("enabled: true" in gw.rpc(*on), True, "the answer of enable")
        equal(await pair.both(), (True, True), "the conversion")
        gw.rpc(*off)
        await gw.stop()
        await gw.start()
        equal(gw.statistics("ipsmgw")["enabled"], 1, "after a restart")


async def off_and_on():
    "ipsmgw.disable with open messages: they end as they should, new ones pass"
    await play_off()


async def off_and_on_in_lua():
    "the same with kamailio.lua"
    await play_off(name="lua", **LUA)


async def with_a_service_centre():
    "switched off: short messages and their reports pass to the service centre and to the phone"
    for name, options in (("cfg", {}), ("lua", LUA)):
        port = free_port()
        async with gateway(name=name, sc_uri=f"sip:127.0.0.2:{port}", **options) as gw:
            centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
            pair = await Pair.of(gw)
            gw.rpc("ipsmgw.disable")
            sent = await pair.alice.send_sm("+15550002", "as it is")
            request, message = await asyncio.wait_for(centre.submitted.get(), 20)
            equal((sent.answer.status, request.body), (202, sent.octets), f"{name}: the octets at the service centre")
            back = await centre.deliver(ALICE, "+15557777", "from afar")
            request, message = await pair.alice.next_message()
            equal((request.body, (await back.outcome()).kind), (back.octets, "RP-ACK"), f"{name}: the octets at the phone, and the report")
            equal(gw.statistics("ipsmgw")["sm_to_im"], 0, f"{name}: nothing was converted")


run(off_and_on, off_and_on_in_lua, with_a_service_centre, by_time_of_day, in_lua, by_a_switch, by_direction, by_subscriber, by_peer)
