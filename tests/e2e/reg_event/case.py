"""Contacts behind an S-CSCF by the reg event package: see README.md."""

import asyncio
import secrets

import sip
from e2e import ALICE, BOB, CFG, ImClient, Rows, equal, gateway, run, say
from scscf import MMTEL, OMA_IM, SMSIP, PhoneThere, Scscf, copy, multipart, reginfo

ALICE_URI = "sip:+15550001@ims.example"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
LARGE = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.largemsg"'
INFO_ALONE = multipart(("application/3gpp-ims+xml", "<ims-3gpp><service-info>15550001</service-info></ims-3gpp>"))


class Stage:
    """alice's phone behind an S-CSCF that has registered her without a word on her phone; bob writes to her."""

    def __init__(self, gw):
        self.gw = gw

    async def enter(self, expires=3600, headers=()):
        self.scscf = Scscf(await self.gw.endpoint(host="127.0.0.3"), self.gw.domain)
        self.alice = self.scscf.device(PhoneThere, *ALICE)
        self.bob = await self.gw.user(ImClient, "bob")
        return await self.register(expires, headers)

    async def register(self, expires=3600, headers=()):
        answer = await self.scscf.register(ALICE_URI, INFO_ALONE[1], INFO_ALONE[0], expires, headers)
        equal(answer.status, 200, "the answer to the S-CSCF")
        return await self.subscription() if expires else None

    async def subscription(self):
        return await asyncio.wait_for(self.scscf.subscriptions.get(), 20)

    async def reached(self):
        """How an IM gets to alice: SM, IM, or the status for her absence."""
        before = len(self.scscf.requests)
        answer = await self.bob.send_im(ALICE_URI, "hi")
        got = [request.content_type for request in self.scscf.requests[before:] if request.method == "MESSAGE"]
        return {"application/vnd.3gpp.sms": "SM", "text/plain": "IM"}.get(got[0]) if got else answer.status


def staged(**options):
    return gateway(trusted="127.0.0.3", **{"modparams": {"plain_im": 0}, **options})


async def play(gw):
    stage = Stage(gw)
    subscription = await stage.enter(expires=1800)
    request = subscription.request
    for field, wanted in (
        ("Event", "reg"),
        ("Accept", "application/reginfo+xml"),
        ("Expires", "1800"),
        ("P-Asserted-Identity", "<sip:+15559999@ims.example>"),
        ("To", f"<{ALICE_URI}>"),
    ):
        equal(request.get(field), wanted, field)
    equal(request.uri, ALICE_URI, "whose contacts are asked for")
    equal(sip.addr_spec(request.get("From")), "sip:+15559999@ims.example", "who asks")

    say("the phone, a client, both; and one by one they end")
    equal(await stage.reached(), 480, "nothing is known yet")
    for contacts, wanted in (
        ([SMSIP], "SM"),
        ([OMA_IM], "IM"),
        ([SMSIP, OMA_IM], "IM"),
        ([SMSIP, (OMA_IM, "terminated")], "SM"),
        ([f"{MMTEL};{SMSIP}"], "SM"),
        ([MMTEL], 480),
        ([LARGE], 480),
    ):
        equal(await subscription.notify(reginfo(*contacts)), 200, "the answer to the NOTIFY")
        equal(await stage.reached(), wanted, f"{contacts}")

    say("a refresh keeps the capabilities, and subscribes anew")
    equal(await subscription.notify(reginfo(SMSIP)), 200, "the answer to the NOTIFY")
    again = await stage.register()
    equal(again.request.get("Call-ID") != request.get("Call-ID"), True, "a subscription of its own")
    equal(await stage.reached(), "SM", "after the refresh")
    equal(await again.notify(reginfo(OMA_IM)), 200, "the answer to the NOTIFY")
    equal(await subscription.notify("", state="terminated;reason=timeout"), 200, "the answer to the old one's end")
    equal(await stage.reached(), "IM", "by the new one")

    say("a partial document: the full state is requested")
    equal(await again.notify(reginfo((OMA_IM, "terminated"), state="partial", version=1)), 200, "the answer to the NOTIFY")
    once = await stage.subscription()
    equal(once.request.get("Expires"), "0", "how long")
    equal(await stage.reached(), "IM", "until it is told")
    equal(await once.notify(reginfo(SMSIP), state="terminated;reason=timeout"), 200, "the answer to the NOTIFY")
    equal(await stage.reached(), "SM", "by the whole document")
    partial = reginfo(SMSIP, state="partial")
    equal(await once.notify(partial, state="terminated;reason=timeout"), 200, "the answer to a last word that tells too little")

    say("the last contact has gone")
    gone = reginfo((SMSIP, "terminated"), registration="terminated", version=2)
    equal(await again.notify(gone), 200, "the answer to the NOTIFY")
    equal(await stage.reached(), 480, "nobody there")
    equal(ALICE[1] in gw.registered(), False, "the registration")
    equal(await again.notify(reginfo(SMSIP)), 481, "the answer to a NOTIFY about nobody")
    equal(stage.scscf.subscriptions.empty(), True, "no more questions")


async def conversation():
    "contacts come, change and end"
    async with staged() as gw:
        await play(gw)


async def conversation_in_lua():
    "the same with kamailio.lua"
    async with staged(name="lua", **LUA) as gw:
        await play(gw)


async def who_says_it():
    "no SUBSCRIBE when the body has the capabilities, nor without Expires; an S-CSCF that refused gets no other SUBSCRIBE"
    async with staged(name="who") as gw:
        stage = Stage(gw)
        await stage.enter(expires=0)
        equal(stage.scscf.subscriptions.empty(), True, "after a registration that ends")
        body = copy("REGISTER sip:ims.example SIP/2.0", ALICE_URI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
        equal((await stage.scscf.register(ALICE_URI, body, "message/sip")).status, 200, "the answer to the S-CSCF")
        equal(await stage.reached(), "SM", "by the copy")
        equal(stage.scscf.subscriptions.empty(), True, "after a copy")
        for status in (403, 489, 500):
            stage.scscf.subscribe_answer = status
            await stage.register()
            equal(await stage.reached(), "SM", f"{status}: what was known stays known")
        await gw.until(lambda: gw.pattern_seen("refuses SUBSCRIBE"), what="a line in the log")
        equal(stage.scscf.subscriptions.empty(), True, "one question for each REGISTER")


async def by_policy():
    "a contact without any tag is a client by policy, also here"
    async with staged(name="policy", modparams={"plain_im": 1}) as gw:
        stage = Stage(gw)
        subscription = await stage.enter()
        equal(await subscription.notify(reginfo("")), 200, "the answer to the NOTIFY")
        equal(await stage.reached(), "IM", "a contact without a tag")


async def strangers_and_nonsense():
    "NOTIFYs of strangers and broken NOTIFYs are refused and change nothing"
    async with staged(name="nonsense") as gw:
        stage, rows = Stage(gw), Rows()
        subscription = await stage.enter()
        equal(await subscription.notify(reginfo(SMSIP)), 200, "the answer to the NOTIFY")
        good = reginfo(OMA_IM)
        for body, content_type, wanted in (
            (b"", None, 200),
            (good, "text/plain", 400),
            (good[:-5], "application/reginfo+xml", 400),
            (good.replace("full", "some"), "application/reginfo+xml", 400),
            (good.replace('registration aor="', 'registration b="'), "application/reginfo+xml", 400),
            ("<!DOCTYPE a [<!ENTITY e 'x'>]>" + good, "application/reginfo+xml", 400),
            ("<a>" * 10_000, "application/reginfo+xml", 400),
            (secrets.token_bytes(3000), "application/reginfo+xml", 400),
            (b"\0" * 100, "application/reginfo+xml", 400),
        ):
            shown = f"{content_type} {body[:30]!r}"
            rows.check(shown, await subscription.notify(body, content_type), wanted)
            rows.check(f"after {shown}", await stage.reached(), "SM")
        rows.check("another tag", await subscription.notify(good, tag="other"), 481)
        headers = subscription.request.headers
        subscription.request.headers = [(n, "other" if n == "Call-ID" else value) for n, value in headers]
        rows.check("another Call-ID", await subscription.notify(good), 481)
        subscription.request.headers = headers
        rows.check("about nobody here", await subscription.notify(good.replace(ALICE_URI, "sip:zoe@ims.example")), 200)
        rows.check("about bob", await subscription.notify(good.replace(ALICE_URI, "tel:+15550002")), 200)
        rows.check("after it", await stage.reached(), "SM")
        stranger = Scscf(await gw.endpoint(), gw.domain)
        subscription.scscf = stranger
        rows.check("a stranger", await subscription.notify(good), 407)
        rows.check("after it", await stage.reached(), "SM")
        elsewhere = await stage.bob.send("NOTIFY", gw.uri("bob"), headers=[("Event", "presence")])
        rows.check("another event", elsewhere.status, 489)
        rows.check("with a password", (await stage.bob.send("NOTIFY", gw.uri("bob"), headers=[("Event", "reg")])).status, 403)
        rows.done(at_least=20)


async def whoever_from_and_to_name(name="parties", **options):
    "a NOTIFY is matched by Call-ID and tags, whatever URIs stand in From and To (RFC 3261 clause 12.2.1.1)"
    async with staged(name=name, **options) as gw:
        stage = Stage(gw)
        subscription = await stage.enter()
        imsi = "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
        for parties, features, wanted in (
            (("tel:+15550001", "sip:ipsmgw@192.0.2.9"), SMSIP, "SM"),
            ((imsi, "sip:gateway@ims.example"), OMA_IM, "IM"),
            (("sip:scscf@ims.example:6060", imsi), SMSIP, "SM"),
            (("sip:bob@ims.example", "sip:+15550002@ims.example"), OMA_IM, "IM"),
        ):
            equal(await subscription.notify(reginfo(features), parties=parties), 200, f"from {parties[0]}")
            equal(await stage.reached(), wanted, "by what it says")


async def whoever_from_and_to_name_in_lua():
    "the same with kamailio.lua"
    await whoever_from_and_to_name("parties-lua", **LUA)


async def who_asks():
    "P-Asserted-Identity of the SUBSCRIBE is the configured one; the log tells what to do about a refusal"
    imsi = "sip:001010000000001@ims.example"
    for variant, options in (("native", {}), ("lua", LUA)):
        for setting, wanted in (
            ("", "sip:+15559999@ims.example"),
            ("sip:ipsmgw.ims.example:5060", "sip:ipsmgw.ims.example:5060"),
            ("user", imsi),
        ):
            async with staged(name=f"asks-{variant}", reg_event_identity=setting, **options) as gw:
                stage = Stage(gw)
                stage.scscf = Scscf(await gw.endpoint(host="127.0.0.3"), gw.domain)
                stage.scscf.also(stage.scscf.device(PhoneThere, *ALICE), imsi)
                stage.scscf.subscribe_answer = 403
                equal((await stage.scscf.register(imsi, INFO_ALONE[1], INFO_ALONE[0])).status, 200, "the answer")
                request = (await stage.subscription()).request
                equal(request.get("P-Asserted-Identity"), f"<{wanted}>", f"who asks, {setting or 'by default'}")
                equal((request.uri, request.get("To")), (imsi, f"<{imsi}>"), "whose contacts are asked for")
                await gw.until(lambda: gw.pattern_seen("set reg_event_identity to"), what="what to do, in the log")


async def after_a_restart():
    "the capabilities are kept with the registration, and the subscription goes on"
    async with staged(name="restart") as gw:
        stage = Stage(gw)
        subscription = await stage.enter()
        equal(await subscription.notify(reginfo(SMSIP)), 200, "the answer to the NOTIFY")
        await gw.stop()
        await gw.start()
        stage.bob.forget_challenges()
        equal(await stage.reached(), "SM", "after the restart")
        equal(await subscription.notify(reginfo(OMA_IM)), 200, "the answer to the NOTIFY")
        equal(await stage.reached(), "IM", "by the same subscription")


run(
    conversation, conversation_in_lua, who_says_it, by_policy, strangers_and_nonsense, whoever_from_and_to_name,
    whoever_from_and_to_name_in_lua, who_asks, after_a_restart,
)  # fmt: skip
