"""Credentials: see README.md."""

import asyncio
import re
import secrets

import sip
from e2e import CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


def remember_what_is_sent(endpoint):
    octets_of, endpoint.seen = endpoint.send_octets, []

    def send_octets(octets, *to):
        endpoint.seen.append(octets)
        octets_of(octets, *to)

    endpoint.send_octets = send_octets


def again(endpoint, to=None, body=None, change=lambda value: value, call_id=None):
    """The last MESSAGE of this endpoint as a new request, with the same credentials unless they are changed."""
    old = sip.Message.parse(next(octets for octets in reversed(endpoint.seen) if octets.startswith(b"MESSAGE")))
    skipped = ("Via", "Content-Length", *(["Call-ID"] if call_id else []))
    fields = [(name, value) for name, value in old.headers if name not in skipped]
    fields = [(name, change(value) if name == "Proxy-Authorization" else value) for name, value in fields]
    fields += [("Call-ID", call_id)] if call_id else []
    return sip.Message(f"MESSAGE {to or old.uri} SIP/2.0", fields, old.body if body is None else body)


async def used_again(name="again", **options):
    "captured credentials are useless"
    rows = Rows()
    async with gateway(name=name, people=[("alice", None), ("bob", None), ("carol", None)], **options) as gw:
        alice, bob, carol = [await gw.user(ImClient, user) for user in ("alice", "bob", "carol")]
        thief = await gw.endpoint(host="127.0.0.3")
        remember_what_is_sent(alice.endpoint)
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 200, "the message")
        no_qop = lambda value: re.sub(r", (qop|nc|cnonce)=[^,]*", "", value)  # noqa: E731
        for what, changes in (
            ("as it was", {}),
            ("another Call-ID", dict(call_id="captured")),
            ("another text", dict(body=b"captured")),
            ("another recipient", dict(to=gw.uri("carol"))),
            ("the next count", dict(change=lambda value: re.sub(r"nc=\w+", "nc=0000000f", value))),
            ("no qop", dict(change=no_qop)),
            ("no qop, but a count", dict(change=lambda value: no_qop(value) + ", nc=0000000e")),
        ):
            for where, endpoint in (("from her address", alice.endpoint), ("from elsewhere", thief)):
                answer = await endpoint.request(again(alice.endpoint, **changes))
                rows.check(f"{what}, {where}", answer.status, 407)
        say("credentials without qop are not taken at all")
        challenge = alice._challenges["Proxy-Authorization"]
        rows.check("the offer", challenge.get("qop"), "auth")
        alice._challenges["Proxy-Authorization"] = {**challenge, "qop": ""}
        rows.check("the answer", (await alice.send_im(gw.uri("bob"), "hello")).status, 200)
        fresh = alice._challenges["Proxy-Authorization"]
        credentials = sip.credentials({**fresh, "qop": ""}, "alice", alice.password, "MESSAGE", gw.uri("bob"), 1)
        answer = await thief.request(again(alice.endpoint, body=b"captured", change=lambda _: credentials))
        rows.check("a good answer without qop", answer.status, 407)
        rows.check("what bob got", [request.text for request in bob.requests], ["hi", "hello"])
        rows.check("what carol got", carol.requests, [])
    rows.done(at_least=18)


async def counted(name="counted", **options):
    "one challenge for many messages"
    async with gateway(name=name, people=[("alice", None), ("bob", None)], **options) as gw:
        first, second = await gw.user(ImClient, "alice"), await gw.user(ImClient, "alice", protocol="tcp")
        bob = await gw.user(ImClient, "bob")
        for user in (first, second):
            remember_what_is_sent(user.endpoint)
        for i in range(270):
            equal((await first.send_im(gw.uri("bob"), f"{i}")).status, 200, "an answer to the first client")
            if i % 10 == 0:
                equal((await second.send_im(gw.uri("bob"), f"{i}")).status, 200, "an answer to the second client")
        # The first one of each is without credentials; after 255 messages there is a new nonce.
        equal(len(set(octets for octets in first.endpoint.seen if octets.startswith(b"MESSAGE"))), 272, "messages sent")
        equal(len(second.endpoint.seen), 28, "messages sent by the other client")
        equal(len(bob.requests), 297, "messages received")
        say("a used count is told apart from a wrong password")
        answer = await first.endpoint.request(again(first.endpoint))
        equal((answer.status, sip.challenge_of(answer.get("Proxy-Authenticate")).get("stale")), (407, "true"), "stale")
        many = [first.send_im(gw.uri("bob"), f"at once {i}") for i in range(10)]
        equal({answer.status for answer in await asyncio.gather(*many)}, {200}, "ten at once")


async def repeated(name="repeated", **options):
    "a MESSAGE whose answer was lost is answered again, also after its transaction, and is delivered once"
    async with gateway(name=name, people=[("alice", None), ("bob", None)], **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        thief = await gw.endpoint(host="127.0.0.3")
        remember_what_is_sent(alice.endpoint)
        answers, answered = [], alice.endpoint.received
        alice.endpoint.received = lambda octets, *source: (answers.append(octets), answered(octets, *source))
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 200, "the message")
        octets = alice.endpoint.seen[-1]
        for pause in (0.1, 6.5):
            say(f"again behind {pause} s")
            await asyncio.sleep(pause)
            answers.clear()
            alice.endpoint.send_octets(octets)
            await gw.until(lambda: answers, what="the answer")
            equal(sip.Message.parse(answers[0]).status, 200, "the answer")
        thief.send_octets(octets)
        equal((await alice.send_im(gw.uri("bob"), "the next one")).status, 200, "the next message")
        equal([request.text for request in bob.requests], ["hi", "the next one"], "what bob got")


async def kept_here(name="kept", **options):
    "the credentials are not passed on"
    rows = Rows()
    port = free_port()
    more = [("Authorization", 'Digest username="x", realm="elsewhere.example"'), ("proxy-authorization", "Digest y")]
    people = [("alice", "+15550001"), ("bob", None), ("carol", "+15550003")]
    async with gateway(name=name, people=people, sc_uri=f"sip:127.0.0.2:{port}", **options) as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        carol = await gw.user(Phone, "carol")
        equal((await bob.send_im(gw.uri("bob"), "hi", headers=more)).status, 200, "to a client")
        equal((await bob.send_im(gw.uri("alice"), "hi", headers=more)).status, 200, "to a phone")
        sent = await carol.send_sm("+15557777", "hi")
        await carol.send_rp(sent.octets, sent.mr, headers=more)
        seen = [await bob.next_message(), (await alice.next_message())[0]]
        seen += [(await asyncio.wait_for(centre.submitted.get(), 20))[0] for _ in range(2)]
        answer = await centre.send("MESSAGE", gw.uri("bob"), headers=[*more, ("Content-Type", "text/plain")], body=b"hi")
        equal(answer.status, 200, "from the service centre")
        seen.append(await bob.next_message())
        for request in seen:
            names = [name for name, _ in request.headers if name.lower().endswith("authorization")]
            rows.check(f"{request.start}", names, [])
    rows.done(at_least=5)


async def two_names(name="two_names", **options):
    "of several credentials only the checked ones count, not the name in another one"
    rows = Rows()
    async with gateway(name=name, people=[("alice", None), ("bob", None)], **options) as gw:
        alice, bob = await gw.user(ImClient, "alice", register=False), await gw.user(ImClient, "bob")

        def request(method, uri, who, *fields):
            fields = [("From", f"<{who}>;tag=1"), ("To", f"<{who}>"), ("Call-ID", secrets.token_hex(8)), *fields]
            fields += [("CSeq", f"1 {method}"), ("Max-Forwards", "70"), ("Contact", alice.contact)]
            body = b"hi" if method == "MESSAGE" else b""
            fields += [("Content-Type", "text/plain")] if body else []
            return alice.endpoint.request(sip.Message(f"{method} {uri} SIP/2.0", fields, body))

        for method, uri, field, other in (
            ("REGISTER", "sip:ims.example", "Authorization", "Proxy-Authorization"),
            ("MESSAGE", gw.uri("bob"), "Proxy-Authorization", "Authorization"),
        ):
            for where in ("another field", "another realm before", "another realm behind", "the same realm behind"):
                answer = await request(method, uri, gw.uri("alice"))
                challenge = sip.challenge_of(answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate"))
                own = (field, sip.credentials(challenge, "alice", alice.password, method, uri, 1))
                if where.startswith("another realm"):
                    challenge["realm"] = "elsewhere"
                bobs = (other if where == "another field" else field, sip.credentials(challenge, "bob", "?", method, uri, 1))
                both = (own, bobs) if where.endswith("behind") else (bobs, own)
                answer = await request(method, uri, gw.uri("bob"), *both)
                rows.check(f"{method} as bob, {where}", answer.status, 403)
        rows.check("who is registered", gw.registered(), ["bob"])
        rows.check("what bob got", bob.requests, [])
    rows.done(at_least=10)


async def small_letters(name="small_letters", **options):
    "a method in small letters is another method; it is authenticated as well"
    rows = Rows()
    async with gateway(name=name, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        for method in ("message", "invite", "options"):
            alice.forget_challenges()
            answer = await alice.send(method, gw.uri("bob"), headers=[("Content-Type", "text/plain")], body=b"hi")
            rows.check(method, (answer.status, answer.reason), (405, "Method Not Allowed"))
            rows.check(f"{method} was challenged", "Proxy-Authorization" in alice._challenges, True)
        rows.check("what bob got", bob.requests, [])
    rows.done(at_least=7)


async def small_letters_in_lua():
    "the same with kamailio.lua"
    await small_letters("small_letters_in_lua", **LUA)


async def used_again_in_lua():
    "the same with kamailio.lua"
    await used_again("again_in_lua", **LUA)


async def counted_in_lua():
    "the same with kamailio.lua"
    await counted("counted_in_lua", **LUA)


async def kept_here_in_lua():
    "the same with kamailio.lua"
    await kept_here("kept_in_lua", **LUA)


async def repeated_in_lua():
    "the same with kamailio.lua"
    await repeated("repeated_in_lua", **LUA)


async def two_names_in_lua():
    "the same with kamailio.lua"
    await two_names("two_names_in_lua", **LUA)


run(repeated, repeated_in_lua, used_again, used_again_in_lua, counted, counted_in_lua, kept_here, kept_here_in_lua, two_names, two_names_in_lua, small_letters, small_letters_in_lua)
