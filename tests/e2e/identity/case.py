"""Identities: see README.md."""

import sip
from e2e import CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}

SPOOFED = [
    ("P-Asserted-Identity", "<sip:+15550003@ims.example>"),
    ("P-Asserted-Identity", "<tel:+15550003>"),
    ("P-Preferred-Identity", "<sip:+15550003@ims.example>"),
    ("P-Called-Party-ID", "<sip:+15550003@ims.example>"),
    ("Remote-Party-ID", "<sip:+15550003@ims.example>;party=calling"),
    ("P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg"),
]


async def spoofed_headers():
    "asserted identities of a member are removed, and the member's own identity is added"
    async with gateway() as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        equal((await alice.send_im(gw.uri("bob"), "hi", headers=SPOOFED)).status, 200, "the answer")
        seen = await bob.next_message()
        equal(seen.all("P-Asserted-Identity"), ["<sip:+15550001@ims.example>"], "P-Asserted-Identity")
        for name in ("P-Preferred-Identity", "P-Called-Party-ID", "P-Asserted-Service", "Remote-Party-ID"):
            equal(seen.all(name), [], name)


async def spoofed_short_message():
    "a short message shows the phone's own number, whatever its header fields claim"
    async with gateway(name="short") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        sent = await alice.send_sm("+15550002", "hi")
        equal((await bob.next_message()).get("P-Asserted-Identity"), "<sip:+15550001@ims.example>", "who bob sees")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        sent = await alice.send_rp(sent.octets[:1] + b"\x63" + sent.octets[2:], headers=SPOOFED)
        equal(sent.answer.status, 202, "the answer")
        seen = await bob.next_message()
        equal(seen.all("P-Asserted-Identity"), ["<sip:+15550001@ims.example>"], "who bob sees")
        equal(seen.all("P-Preferred-Identity"), [], "P-Preferred-Identity")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def somebody_else(name="else", **options):
    "From, To of a REGISTER, and passwords of others"
    async with gateway(name=name, **options) as gw:
        alice = await gw.user(ImClient, "alice")
        bob = await gw.user(ImClient, "bob")
        got = await alice.send_im(gw.uri("bob"), "hi", from_="sip:bob@ims.example")
        equal(got.status, 403, "somebody else's From")
        got = await alice.send_im(gw.uri("bob"), "hi", from_="sip:alice@elsewhere.example")
        equal(got.status, 403, "somebody else's domain")
        for from_ in ("sip:alice@ims.example", "sip:+15550001@ims.example", "tel:+15550001"):
            say(f"From {from_}")
            equal((await alice.send_im(gw.uri("bob"), "hi", from_=from_)).status, 200, from_)
        got = await alice.send_im(
            gw.uri("bob"), "hi", from_="sip:anonymous@anonymous.invalid", headers=[("Privacy", "id")]
        )
        equal(got.status, 200, "an anonymous From")
        anonymous = bob.requests[-1]
        equal(anonymous.all("P-Asserted-Identity"), [], "P-Asserted-Identity of who asked for privacy")

        got = await alice.send(
            "REGISTER", "sip:ims.example", to="sip:bob@ims.example", headers=[("Contact", alice.contact)]
        )
        equal(got.status, 403, "a registration for somebody else")
        there = await gw.endpoint()
        for from_ in ("sip:alice@ims.example:5060", "sip:alice:x@ims.example", "sip:alice@IMS.Example"):
            say(f"From {from_}: by no S-CSCF")
            headers = [("Contact", f"<sip:alice@{there.contact_host}>")]
            got = await alice.send("REGISTER", "sip:ims.example", from_=from_, to="sip:alice@ims.example", headers=headers)
            equal(got.status, 200, "a registration of her own")
            await bob.send_im(gw.uri("alice"), "hi")
            request, _ = there.stray.pop()
            equal((request.method, sip.user_of(request.uri)), ("MESSAGE", "alice"), "who is written to")
            equal(there.stray, [], "what else there is")
        alice.password = "guessed"
        alice.forget_challenges()
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 407, "a wrong password")
        equal((await alice.register(expect=401)).status, 401, "a wrong password")


async def somebody_else_in_lua():
    "the same with kamailio.lua"
    await somebody_else("else_in_lua", **LUA)


async def trusted_peer(name="trusted", **options):
    "the service centre needs no password; the same request from another address does"
    async with gateway(name=name, sc_uri="sip:127.0.0.2:5999", **options) as gw:
        bob = await gw.user(ImClient, "bob")
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2"), gw.domain)
        sent = await centre.deliver(gw.uri("bob"), "+15557777", "from afar")
        equal(sent.answer.status, 202, "the answer to the service centre")
        seen = await bob.next_message()
        equal(seen.text, "from afar", "what bob reads")
        equal((await sent.outcome()).kind, "RP-ACK", "the service centre's report")
        for privacy, wanted in (("none", ["<sip:+15557777@ims.example>"]), ("Id", [])):
            say(f"an instant message, Privacy: {privacy}")
            asserted = [("P-Asserted-Identity", "<sip:+15557777@ims.example>"), ("Privacy", privacy)]
            answer = await centre.send("MESSAGE", gw.uri("bob"), headers=[*asserted, ("Content-Type", "text/plain")], body=b"hi")
            equal(answer.status, 200, "the answer")
            equal((await bob.next_message()).all("P-Asserted-Identity"), wanted, "who bob sees")
        stranger = ServiceCentre(await gw.endpoint(host="127.0.0.3"), gw.domain)
        sent = await stranger.deliver(gw.uri("bob"), "+15557777", "from afar")
        equal(sent.answer.status, 407, "the answer to a stranger")


async def trusted_peer_in_lua():
    "the same with kamailio.lua"
    await trusted_peer("trusted_in_lua", **LUA)


async def as_if_in_a_dialog(name="dialog", **options):
    "a To tag and a Route do not replace the password"
    rows = Rows()
    async with gateway(name=name, sc_uri="sip:127.0.0.2:5998", **options) as gw:
        bob = await gw.user(ImClient, "bob")
        centre = await gw.endpoint(host="127.0.0.2", port=5998)
        stranger = await gw.endpoint(host="127.0.0.3")
        host, port = gw.address

        async def claims_to_be_alice(method, uri):
            fields = [
                ("Max-Forwards", "70"),
                ("From", "<sip:alice@ims.example>;tag=a"),
                ("To", "<sip:bob@ims.example>;tag=b"),
                ("Call-ID", f"{method}-{uri}".replace(":", "-")),
                ("CSeq", f"1 {method}"),
                ("Route", f"<sip:{host}:{port};lr>"),
                ("Contact", "<sip:alice@127.0.0.3>"),
                *SPOOFED,
                ("Content-Type", "text/plain"),
            ]
            return (await stranger.request(sip.Message(f"{method} {uri} SIP/2.0", fields, b"I am alice"))).status

        for method, wanted in (("MESSAGE", 407), ("NOTIFY", 407), ("SUBSCRIBE", 407), ("REGISTER", 403), ("INFO", 481)):
            found = await claims_to_be_alice(method, bob.contact.strip("<>"))
            rows.check(f"{method} to bob's client", found, wanted)
        rows.check("to the service centre", await claims_to_be_alice("MESSAGE", "sip:+15557777@127.0.0.2:5998"), 407)
        rows.check("what bob's client got", bob.requests, [])
        rows.check("what the service centre got", centre.stray, [])
    rows.done(at_least=8)


async def as_if_in_a_dialog_in_lua():
    "the same with kamailio.lua"
    await as_if_in_a_dialog("dialog_in_lua", **LUA)


run(
    spoofed_headers, spoofed_short_message, somebody_else, somebody_else_in_lua, trusted_peer,
    trusted_peer_in_lua, as_if_in_a_dialog, as_if_in_a_dialog_in_lua,
)  # fmt: skip
