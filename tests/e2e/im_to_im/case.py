"""IM client to IM client: see README.md."""

from e2e import ImClient, equal, gateway, run, say

ALL_OCTETS = bytes(range(256)) * 3
OWN = [("Subject", "tea"), ("X-Own", "1;2=3"), ("Expires", "3600"), ("Date", "Mon, 23 Nov 2026 12:00:00 GMT")]


async def untouched():
    "bodies and header fields of each kind, from UDP to TCP and back"
    async with gateway(people=[("alice", "+15550001"), ("bob", None)]) as gw:
        alice = await gw.user(ImClient, "alice", protocol="udp")
        bob = await gw.user(ImClient, "bob", protocol="tcp")
        bodies = [
            ("text/plain", "héllo 😀".encode()),
            ("application/octet-stream", ALL_OCTETS),
            ("message/cpim", b"From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\n\0\r\n\r"),
            ("image/png", b"\x89PNG\r\n\x1a\n\0"),
            ("text/plain", b""),
        ]
        for sender, receiver, uri in ((alice, bob, "sip:bob@ims.example"), (bob, alice, "tel:+1-555-0001")):
            for kind, body in bodies:
                say(f"{sender.name} -> {receiver.name}: {kind}, {len(body)} octets")
                answer = await sender.send_im(uri, body, content_type=kind, headers=OWN)
                equal(answer.status, 200, "the answer")
                seen = await receiver.next_message()
                equal(seen.body, body, "the body")
                equal(seen.get("Content-Type"), kind, "Content-Type")
                for name, value in OWN:
                    equal(seen.all(name), [value], name)
                equal(seen.get("Call-ID"), answer.get("Call-ID"), "Call-ID: one request, end to end")
                equal(len(seen.all("Content-Length")), 1, "Content-Length header fields")
                equal(seen.get("Proxy-Authorization"), None, "the sender's credentials")
                equal(seen.all("P-Asserted-Identity"), [f"<{sender.identity}>"], "P-Asserted-Identity")


async def responses():
    "the recipient's own responses reach the sender"
    async with gateway(name="responses") as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        for answer in ((202, "Later"), (486, "Busy Here"), (603, "No"), (415, "No such thing", [("Accept", "text/html")])):
            bob.answers.append(answer)
            got = await alice.send_im(gw.uri("bob"), "hello")
            equal((got.status, got.reason), answer[:2], "the answer")
        equal(got.get("Accept"), "text/html", "Accept")


async def silence():
    "a client that never answers: 480 before the sender's timer F, never 408 (RFC 4320)"
    async with gateway(name="silence") as gw:
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        bob.answer = None
        got = await alice.send_im(gw.uri("bob"), "hello")
        equal(got.status, 480, "the answer")


async def nobody():
    "unknown recipients and recipients that are not registered"
    async with gateway(name="nobody") as gw:
        alice = await gw.user(ImClient, "alice")
        for uri, status in (
            ("sip:bob@ims.example", 480),
            ("sip:zoe@ims.example", 404),
            ("tel:+15557777", 404),
            ("sip:bob@elsewhere.example", 404),
        ):
            equal((await alice.send_im(uri, "hello")).status, status, uri)


run(untouched, responses, silence, nobody)
