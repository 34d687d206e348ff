"""Privacy: see README.md."""

import secrets

import sip
from e2e import ALICE, BOB, CFG, ImClient, Phone, Rows, equal, gateway, run

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
NOBODY = '"Anonymous" <sip:anonymous@anonymous.invalid>'
TELLING = [
    ("P-Preferred-Identity", '"Alice" <sip:+15550001@ims.example>'),
    ("Remote-Party-ID", '"Alice" <sip:alice@ims.example>;party=calling;privacy=off'),
    ("Contact", '"Alice" <sip:alice@192.0.2.1>'),
    ("Reply-To", "<sip:alice@ims.example>"),
    ("Organization", "Alice and Sons"),
    ("User-Agent", "Alice's phone"),
    ("Call-Info", "<http://alice.example/me.png>;purpose=icon"),
    ("Referred-By", "<sip:alice@ims.example>"),
    ("Identity", "signed-by-alice"),
]

# From (without its tag), Privacy, and whether the sender is named then.
SPELLINGS = [
    ("<sip:alice@ims.example>", [], True),
    ('"Dave" <sip:alice@ims.example>', [], True),
    ("<tel:+15550001>", [], True),
    ("<sip:alice@ims.example>", ["none"], True),
    ("<sip:alice@ims.example>", ["header"], True),
    ("<sip:alice@ims.example>", ["identity"], True),
    ("<sip:alice@ims.example>", ["id"], False),
    ("<sip:alice@ims.example>", ["ID"], False),
    ("<sip:alice@ims.example>", ["user"], False),
    ("<sip:alice@ims.example>", ["user;id"], False),
    ("<sip:alice@ims.example>", ["id; critical"], False),
    ("<sip:alice@ims.example>", ["header,id"], False),
    ("<sip:alice@ims.example>", ["header", "id"], False),
    ('"Alice" <sip:+15550001@ims.example>', ["id"], False),
    ("<tel:+15550001>", ["id"], False),
    ("sip:alice@ims.example", ["id"], False),
    ("<sip:anonymous@anonymous.invalid>", [], False),
    ("<sip:anonymous@anonymous.invalid>", ["id"], False),
    ("<sip:anonymous@anonymous.invalid>", ["none"], False),
    ('"Anonymous" <sip:anonymous@anonymous.invalid>', ["header;user;id;critical"], 500),
    ('"Dave" <sip:dave@anonymous.invalid>', [], False),
    ('"Dave" <sip:dave@anonymous.invalid>', ["id"], False),
    ('"Alice" <sip:alice@ANONYMOUS.Invalid:5060;user=phone>', ["id"], False),
    ("Alice <sip:alice@anonymous.invalid.>", [], False),
    ('"Alice <alice>" <sips:alice@anonymous.invalid>', [], False),
    ("sip:alice@anonymous.invalid", [], False),
    ('"Alice" <sip:anonymous@ims.example>', [], False),
    ('"Alice" <sip:Anonymous@192.0.2.1>', ["user"], False),
    ("<sip:alice@ims.example>", ["header;critical"], 500),
    ("<sip:alice@ims.example>", ["critical;session;id"], 500),
    ('"Anonymous" <sip:bob@ims.example>', ["id"], 403),
    ("<sip:alice@anonymous.invalid.example>", ["id"], 403),
]


def request(user, method, uri, from_, privacy, headers=(), body=b"hi", challenge=None, to_tag=""):
    fields = [
        ("Max-Forwards", "70"),
        ("From", f"{from_};tag={secrets.token_hex(4)}"),
        ("To", f"<{uri}>{to_tag}"),
        ("Call-ID", secrets.token_hex(8)),
        ("CSeq", f"{next(user._cseq)} {method}"),
        *[("Privacy", value) for value in privacy],
        *headers,
    ]
    if challenge:
        fields.append(("Proxy-Authorization", sip.credentials(challenge, user.name, user.password, method, uri, next(user._nonce_count))))
    return sip.Message(f"{method} {uri} SIP/2.0", fields, body)


async def send(user, method, uri, from_, privacy, headers=(), **options):
    """Sends a request with this very From; answers a challenge on the way."""
    answer = await user.endpoint.request(request(user, method, uri, from_, privacy, headers, **options))
    assert answer.status == 407, answer.start
    challenge = sip.challenge_of(answer.get("Proxy-Authenticate"))
    sent = request(user, method, uri, from_, privacy, headers, challenge=challenge, **options)
    return sent, await user.endpoint.request(sent)


def said(message):
    """The parts of a request that name alice, without Via, her address, and Call-ID."""
    lines = [f"{name}: {value}" for name, value in message.headers if name not in ("Via", "To", "Call-ID", "Record-Route")]
    text = "\n".join(lines).lower()
    return sorted(word for word in ("alice", "15550001", "dave") if word in text)


async def spellings(name="spellings", **options):
    "each spelling of an anonymous sender"
    rows = Rows()
    async with gateway(name=name, people=[ALICE, BOB], **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        for from_, privacy, named in SPELLINGS:
            for headers in (TELLING, []):
                what = f"From: {from_}, Privacy: {privacy}, {len(headers)} more"
                sent, answer = await send(alice, "MESSAGE", gw.uri("bob"), from_, privacy, [*headers, ("Content-Type", "text/plain")])
                rows.check(f"{what}: answer", answer.status, 200 if named in (True, False) else named)
                rows.check(f"{what}: From in the answer", answer.get("From"), sent.get("From"))
                if answer.status != 200:
                    continue
                seen = bob.inbox.get_nowait()
                tag = sip.parameter(sent.get("From").rpartition(">")[2] or sent.get("From"), "tag")
                asserted = seen.all("P-Asserted-Identity")
                rows.check(f"{what}: asserted", asserted, ["<sip:+15550001@ims.example>"] if named else [])
                rows.check(f"{what}: From", seen.get("From"), sent.get("From") if named else f"{NOBODY};tag={tag}")
                if not named:
                    rows.check(f"{what}: what names her", said(seen), [])
        sent, answer = await send(
            alice, "MESSAGE", gw.uri("bob"), '"Dave" <sip:dave@anonymous.invalid>', [], [*TELLING, ("Content-Type", "text/plain")], to_tag=";tag=x"
        )
        rows.check("with a To tag", (answer.status, said(bob.inbox.get_nowait())), (200, []))
        rows.check("REGISTER of nobody", (await register(alice, "sip:anonymous@anonymous.invalid")).status, 403)
    rows.done(at_least=200)


async def register(user, who):
    headers = [("Contact", user.contact)]
    return await user.send("REGISTER", "sip:ims.example", from_=who, to=who, headers=headers)


class Called(ImClient):
    async def handle(self, request):
        if request.method == "MESSAGE":
            await super().handle(request)
            return
        self.requests.append(request)
        await self.inbox.put(request)
        route = [("Record-Route", value) for value in request.all("Record-Route")]
        if request.method != "ACK":
            self.endpoint.respond(request, 200, "OK", [*route, ("Contact", self.contact)], to_tag="called")


async def sessions(name="sessions", **options):
    "an INVITE and the requests after it"
    rows = Rows()
    async with gateway(name=name, people=[ALICE, BOB], **options) as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Called, "bob")
        random = f"<sip:x7k@{alice.endpoint.contact_host}>"
        more = [field for field in TELLING if field[0] != "Contact"]
        for from_, privacy, contact, wanted in (
            ('"Dave" <sip:dave@anonymous.invalid>', ["id"], random, 200),
            ('"Alice" <sip:alice@ims.example>', ["user"], random, 200),
            ('"Alice" <sip:alice@ims.example>', [], random, 200),
            ('"Alice" <sip:alice@ims.example>', ["id"], f"<sip:alice@{alice.endpoint.contact_host}>", 403),
            ('"Alice" <sip:alice@ims.example>', ["id"], f"<sip:+15550001@{alice.endpoint.contact_host}>", 403),
            ('"Alice" <sip:alice@ims.example>', ["id"], f'"Alice" {random}', 403),
            ('"Alice" <sip:alice@ims.example>', ["session;critical"], random, 500),
        ):
            what = f"From: {from_}, Privacy: {privacy}, Contact: {contact}"
            sent, answer = await send(alice, "INVITE", gw.uri("bob"), from_, privacy, [*more, ("Contact", contact)])
            rows.check(f"{what}: answer", answer.status, wanted)
            if answer.status != 200:
                continue
            seen = await bob.next_message()
            named = not privacy
            rows.check(f"{what}: asserted", len(seen.all("P-Asserted-Identity")), int(named))
            if not named:
                rows.check(f"{what}: what names her", said(seen), [])
            for method in ("INFO", "MESSAGE", "BYE"):
                fields = [
                    ("Max-Forwards", "70"),
                    ("From", sent.get("From")),
                    ("To", answer.get("To")),
                    ("Call-ID", sent.get("Call-ID")),
                    ("CSeq", f"{next(alice._cseq)} {method}"),
                    *[("Route", value) for value in reversed(answer.all("Record-Route"))],
                    *more,
                ]
                uri = sip.addr_spec(answer.get("Contact"))
                inside = await alice.endpoint.request(sip.Message(f"{method} {uri} SIP/2.0", fields, b"hi"))
                rows.check(f"{what}: {method}", inside.status, 200)
                seen = await bob.next_message()
                if not named:
                    rows.check(f"{what}: {method}: what names her", said(seen), [])
    rows.done(at_least=25)


def cpim(*from_lines, content="text/plain"):
    head = "".join(f"{line}\r\n" for line in (*from_lines, "To: <sip:bob@ims.example>"))
    return f"{head}\r\nContent-Type: {content}\r\n\r\nhi".encode()


def mixed(*parts):
    return b"".join(b"--x\r\nContent-Type: message/cpim\r\n\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


async def cpim_from(name="cpim", **options):
    "From in CPIM: unchanged by default, checked by a setting"
    rows = Rows()
    own, other = "From: Alice <sip:alice@ims.example>", "From: Bob <sip:bob@ims.example>"
    for setting in ("any", "sender"):
        async with gateway(name=f"{name}_{setting}", people=[ALICE, BOB], cpim_from=setting, **options) as gw:
            alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
            for body, content_type, privacy, wanted in (
                (cpim(own), "message/cpim", [], 200),
                (cpim("From: <sip:+15550001@ims.example>"), "message/cpim", [], 200),
                (cpim("From: <tel:+1-555-0001>"), "message/cpim", [], 200),
                (cpim("From: <sip:alice@IMS.example;x=y>"), "message/cpim", [], 200),
                (cpim(), "message/cpim", [], 200),
                (b"From: Bob <sip:bob@ims.example>", "text/plain", [], 200),
                (cpim(other), "message/cpim", [], 403),
                (cpim(other), "Message/CPIM;charset=utf-8", [], 403),
                (cpim("From: <sip:alice@elsewhere.example>"), "message/cpim", [], 403),
                (cpim("From: <im:alice@ims.example>"), "message/cpim", [], 403),
                (cpim("From: Bob"), "message/cpim", [], 403),
                (cpim(own, other), "message/cpim", [], 403),
                (cpim("NS: X <urn:ietf:params:cpim-headers:>", "X.From: <sip:bob@ims.example>"), "message/cpim", [], 403),
                (mixed(cpim(other)), "multipart/mixed;boundary=x", [], 403),
                (mixed(cpim(own), cpim(other)), "multipart/mixed;boundary=x", [], 403),
                (mixed(cpim(own)), "multipart/mixed;boundary=x", [], 200),
                (cpim("From: <sip:anonymous@anonymous.invalid>"), "message/cpim", [], 403),
                (cpim("From: <sip:anonymous@anonymous.invalid>"), "message/cpim", [("Privacy", "id")], 200),
            ):
                answer = await alice.send_im(gw.uri("bob"), body, content_type=content_type, headers=privacy)
                rows.check(f"{setting}: {body!r} {content_type}", answer.status, wanted if setting == "sender" else 200)
                if answer.status == 200:
                    rows.check(f"{setting}: {body!r}: as it was", bob.inbox.get_nowait().body, body)
    rows.done(at_least=40)


async def spellings_in_lua():
    "the same with kamailio.lua"
    await spellings("spellings_in_lua", **LUA)


async def sessions_in_lua():
    "the same with kamailio.lua"
    await sessions("sessions_in_lua", **LUA)


async def cpim_from_in_lua():
    "the same with kamailio.lua"
    await cpim_from("cpim_in_lua", **LUA)


run(spellings, spellings_in_lua, sessions, sessions_in_lua, cpim_from, cpim_from_in_lua)
