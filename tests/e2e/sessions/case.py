"""Sessions: see README.md."""

import asyncio
import itertools
import secrets

import sip
from e2e import CFG, ImClient, Phone, Rows, equal, gateway, run, say
from ua import Timeout

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
CREDENTIALS = [("Authorization", 'Digest username="carol"'), ("pROXY-aUTHORIZATION", 'Digest username="carol"')]


class Caller(ImClient):
    """A client that can be called, and answers everything inside a session."""

    async def handle(self, request):
        if request.method == "MESSAGE" and sip.parameter(request.get("To"), "tag") is None:
            await super().handle(request)
            return
        self.requests.append(request)
        await self.inbox.put(request)
        if request.method == "INVITE":
            if self.answer is None:
                self.endpoint.respond(request, 180, "Ringing")
                return
            route = [("Record-Route", value) for value in request.all("Record-Route")]
            self.endpoint.respond(request, 200, "OK", [*route, ("Contact", self.contact)], to_tag="called")
        elif request.method != "ACK":
            self.endpoint.respond(request, 200, "OK")


class Session:
    """The dialog state of both sides of a session (RFC 3261 clause 12)."""

    def __init__(self, call_id, caller, called, caller_tag, answer, invite):
        self.call_id = call_id
        self.sides = {caller: (caller_tag, caller), called: ("called", called)}
        self.tag = {caller: caller_tag, called: sip.parameter(answer.get("To"), "tag")}
        self.target = {
            caller: sip.addr_spec(answer.get("Contact")),
            called: sip.addr_spec(invite.get("Contact")),
        }
        self.route = {
            caller: list(reversed(answer.all("Record-Route"))),
            called: invite.all("Record-Route"),
        }
        self.cseq = itertools.count(100)

    def other(self, user):
        return next(each for each in self.tag if each is not user)

    def request(self, user, method, *, route=None, call_id=None, tag=None, to_tag=None, target=None, headers=()):
        other = self.other(user)
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{user.name}@{user.domain}>;tag={tag or self.tag[user]}"),
            ("To", f"<sip:{other.name}@{other.domain}>;tag={to_tag or self.tag[other]}"),
            ("Call-ID", call_id or self.call_id),
            ("CSeq", f"{next(self.cseq)} {method}"),
            *[("Route", value) for value in (self.route[user] if route is None else route)],
            ("Contact", user.contact),
            *headers,
            ("Content-Type", "text/plain"),
        ]
        return sip.Message(f"{method} {target or self.target[user]} SIP/2.0", fields, b"in the session")


async def invite(caller, called, headers=()):
    call_id = secrets.token_hex(8)
    answer = await caller.send(
        "INVITE", f"sip:{called.name}@{called.domain}", call_id=call_id, headers=[("Contact", caller.contact), *headers]
    )
    equal(answer.status, 200, "the answer to the INVITE")
    seen = await called.next_message()
    tag = sip.parameter(seen.get("From"), "tag")
    return Session(call_id, caller, called, tag, answer, seen), seen


async def stateless(endpoint, message):
    """Sends a request that has no answer."""
    branch = f"z9hG4bK{secrets.token_hex(8)}"
    via = f"SIP/2.0/{endpoint.protocol.upper()} {endpoint.address[0]}:{endpoint.address[1]};branch={branch};rport"
    message.headers.insert(0, ("Via", via))
    endpoint.send_octets(message.encode())


async def conversation(name="conversation", **options):
    "each method in both directions; no credentials are passed on"
    rows = Rows()
    people = [(name, None) for name in ("alice", "bob", "carol", "dave", "erin", "frank")]
    async with gateway(name=name, people=people, **options) as gw:
        for protocols, names in (
            (("udp", "udp"), ("alice", "bob")), (("udp", "tcp"), ("carol", "dave")), (("tcp", "udp"), ("erin", "frank")),
        ):  # fmt: skip
            alice, bob = [await gw.user(Caller, user, protocol=p, register=False) for user, p in zip(names, protocols)]
            bob.behind_nat = True
            for user in (alice, bob):
                await user.register()
            say(f"{protocols}")
            session, seen = await invite(alice, bob, CREDENTIALS)
            rows.check(f"{protocols}: INVITE: credentials", leaked(seen), [])
            await stateless(alice.endpoint, session.request(alice, "ACK", headers=CREDENTIALS))
            seen = await bob.next_message()
            rows.check(f"{protocols}: ACK", (seen.method, leaked(seen)), ("ACK", []))
            for sender, other in ((alice, bob), (bob, alice)):
                for method in ("MESSAGE", "INFO", "UPDATE", "PRACK", "OPTIONS", "INVITE"):
                    sent = session.request(sender, method, headers=CREDENTIALS)
                    answer = await sender.endpoint.request(sent)
                    rows.check(f"{protocols}: {method} of {sender.name}", answer.status, 200)
                    seen = await other.next_message()
                    rows.check(f"{method} at {other.name}", (seen.method, seen.body), (method, b"in the session"))
                    rows.check(f"{method} at {other.name}: credentials", leaked(seen), [])
                    rows.check(f"{method} at {other.name}: Route", seen.all("Route"), [])
            if protocols == ("udp", "udp"):
                say("the gateway starts again")
                await gw.stop()
                await gw.start()
            answer = await bob.endpoint.request(session.request(bob, "BYE", headers=CREDENTIALS))
            rows.check(f"{protocols}: BYE", answer.status, 200)
            rows.check(f"{protocols}: BYE: credentials", leaked(await alice.next_message()), [])
    rows.done(at_least=100)


def leaked(request):
    return [name for name, _ in request.headers if name.lower().endswith("authorization")]


def forged(route, change):
    """The Route with one of its parameters changed."""
    return [change(value) for value in route]


def with_parameter(name, value):
    def change(route):
        uri = sip.addr_spec(route)
        parts = [f"{name}={value}" if part.startswith(f"{name}=") else part for part in uri.split(";")]
        return f"<{';'.join(parts)}>"

    return change


async def made_up(name="made_up", **options):
    "a To tag and a Route are no session; nor is the seal of another session"
    rows = Rows()
    async with gateway(name=name, people=[("alice", None), ("bob", None), ("carol", None)], **options) as gw:
        host, port = gw.address
        alice, bob, carol = [await gw.user(Caller, user) for user in ("alice", "bob", "carol")]
        target = await gw.endpoint(host="127.0.0.4")
        target.users["victim"] = victim = Caller(target, "victim", None, gw.domain)
        victim_uri = f"sip:victim@{target.contact_host}"
        stranger = await gw.endpoint(host="127.0.0.3")
        session, _ = await invite(alice, bob)
        other, _ = await invite(alice, carol)
        real = session.route[alice]
        near = f"127.0.0.4~{target.address[1]}~udp"
        seal = sip.parameter(sip.addr_spec(real[0]), "seal")
        rows.check("the seal", len(seal or ""), 64)
        cases = {
            "a bare Route": dict(route=[f"<sip:{host}:{port};lr>"]),
            "two Routes": dict(route=[f"<sip:{host}:{port};lr>", f"<{victim_uri};lr>"]),
            "the gateway's Route as it was": dict(route=[f"<sip:{host}:{port};lr;ftag={session.tag[alice]}>"]),
            "no Route": dict(route=[]),
            "no seal": dict(route=forged(real, lambda value: value.replace("seal=", "leas="))),
            "an empty seal": dict(route=forged(real, with_parameter("seal", ""))),
            "another seal": dict(route=forged(real, with_parameter("seal", "0" * 64))),
            "the other session's Route": dict(route=other.route[alice]),
            "another Call-ID": dict(call_id="made-up"),
            "another address of the called": dict(route=forged(real, with_parameter("called", near))),
            "another address of the caller": dict(route=forged(real, with_parameter("caller", near))),
            "another tag": dict(route=forged(real, with_parameter("ftag", "called"))),
        }
        for what, change in cases.items():
            for method in ("INVITE", "INFO", "UPDATE", "OPTIONS", "BYE", "PRACK", "MESSAGE", "ACK"):
                sent = session.request(alice, method, **{"target": victim_uri, **change})
                if method == "ACK":
                    await stateless(alice.endpoint, sent)
                    continue
                answer = await alice.endpoint.request(sent)
                rows.check(f"{what}: {method}", answer.status, 407 if method == "MESSAGE" else 481)
        for what, endpoint, change in (
            ("from another address", stranger, {}),
            ("from another port", carol.endpoint, {}),
            ("the called as the caller", bob.endpoint, {}),
            ("with somebody's tags", alice.endpoint, dict(tag="some", to_tag="body")),
        ):
            for method in ("INFO", "MESSAGE", "BYE", "ACK"):
                sent = session.request(alice, method, **change)
                if method == "ACK":
                    await stateless(endpoint, sent)
                    continue
                rows.check(f"{what}: {method}", (await endpoint.request(sent)).status, 403)
        say("a party of a session writes to the other party only")
        for user, there in ((alice, bob), (bob, alice)):
            before = len(there.requests)
            sent = session.request(user, "INFO", target=there.contact.strip("<>") + ";alias=127.0.0.4~5060~1;maddr=127.0.0.4")
            rows.check(f"INFO of {user.name}", (await user.endpoint.request(sent)).status, 200)
            rows.check(f"at {there.name}", [r.method for r in there.requests[before:]], ["INFO"])
            sent = session.request(user, "INFO", route=[*session.route[user], f"<{victim_uri};lr>"])
            rows.check(f"INFO of {user.name} by way of another", (await user.endpoint.request(sent)).status, 200)
            rows.check(f"at {there.name}", [r.method for r in there.requests[before:]], ["INFO", "INFO"])
        rows.check("what others got", ([r.method for r in victim.requests], target.stray), ([], []))
        rows.check("what bob got", [r.method for r in bob.requests], ["INVITE", "INFO", "INFO"])
        say("an answer to nothing")
        for via in (f"127.0.0.4:{target.address[1]}", f"192.0.2.1;received=127.0.0.4;rport={target.address[1]}"):
            vias = [f"Via: SIP/2.0/UDP {where};branch=z9hG4bKnothing" for where in (f"{host}:{port}", via)]
            rest = ["From: <sip:a@b>;tag=a", "To: <sip:c@d>;tag=b", "Call-ID: nothing", "CSeq: 1 INVITE", "Content-Length: 0"]
            stranger.send_octets("\r\n".join(["SIP/2.0 200 OK", *vias, *rest, "", ""]).encode())
        rows.check("the next request", (await alice.send_im(gw.uri("bob"), "hi")).status, 200)
        rows.check("what others got", ([r.method for r in victim.requests], target.stray), ([], []))
    rows.done(at_least=100)


def remember_what_is_sent(endpoint):
    octets_of, endpoint.last = endpoint.send_octets, None

    def send_octets(octets, *to):
        if not octets.startswith((b"SIP/2.0", b"CANCEL")):
            endpoint.last = octets
        octets_of(octets, *to)

    endpoint.send_octets = send_octets


def sent_last(endpoint):
    return sip.Message.parse(endpoint.last)


async def cancel(endpoint, request):
    """A CANCEL for a request that was sent: its Via, From, To, Call-ID and the number of its CSeq."""
    # Other transactions have another branch, but this one has that of the request.
    fields = [(name, request.get(name)) for name in ("Via", "Max-Forwards", "From", "To", "Call-ID")]
    number = request.get("CSeq").split()[0]
    message = sip.Message(f"CANCEL {request.uri} SIP/2.0", [*fields, ("CSeq", f"{number} CANCEL")])
    waiting = endpoint._clients.pop(request.branch)
    done = endpoint._clients[request.branch] = asyncio.get_running_loop().create_future()
    endpoint.send_octets(message.encode())
    answer = await asyncio.wait_for(done, 5)
    endpoint._clients[request.branch] = waiting
    return answer


async def cancelled(name="cancelled", **options):
    "a MESSAGE cannot be cancelled, held or relayed; an INVITE can"
    async with gateway(name=name, people=[("alice", "+15550001"), ("bob", None), ("carol", None)], **options) as gw:
        alice = await gw.user(Phone, "alice")
        bob, carol = await gw.user(Caller, "bob"), await gw.user(Caller, "carol")
        alice.rp_answer = carol.answer = None
        remember_what_is_sent(bob.endpoint)
        for to, what in (("alice", "a held MESSAGE"), ("carol", "a relayed MESSAGE"), ("carol", "an INVITE")):
            say(what)
            method = what.split()[-1]
            headers = [("Contact", bob.contact), ("Content-Type", "text/plain")]
            sent = asyncio.create_task(bob.send(method, gw.uri(to), body=b"hi", headers=headers))
            there = {"alice": alice, "carol": carol}[to]
            seen = await there.next_message()
            answer = await cancel(bob.endpoint, sent_last(bob.endpoint))
            equal(answer.get("CSeq").split()[1], "CANCEL", "whose answer it is")
            equal(answer.status, 200, "the answer to the CANCEL")
            if what == "a held MESSAGE":
                await there.report(seen[0], bytes([2, seen[1].mr, 0x41, 0]))
            elif what == "a relayed MESSAGE":
                there.endpoint.respond(seen, 200, "OK")
            else:
                equal((await there.next_message()).method, "CANCEL", "what goes to the client")
                there.endpoint.respond(seen, 487, "Request Terminated")
            equal((await sent).status, 487 if method == "INVITE" else 200, "the answer to the request")
        nothing = sip.Message("CANCEL sip:alice@ims.example SIP/2.0", [
            ("Max-Forwards", "70"), ("From", "<sip:bob@ims.example>;tag=1"), ("To", "<sip:alice@ims.example>"),
            ("Call-ID", "nothing"), ("CSeq", "1 CANCEL"),
        ])  # fmt: skip
        equal((await bob.endpoint.request(nothing)).status, 481, "a CANCEL for nothing")


async def conversation_in_lua():
    "the same with kamailio.lua"
    await conversation("conversation_in_lua", **LUA)


async def made_up_in_lua():
    "the same with kamailio.lua"
    await made_up("made_up_in_lua", **LUA)


async def cancelled_in_lua():
    "the same with kamailio.lua"
    await cancelled("cancelled_in_lua", **LUA)


run(conversation, conversation_in_lua, made_up, made_up_in_lua, cancelled, cancelled_in_lua)
