"""Requests that make a careless gateway relay to foreign hosts, or believe a false identity."""

import asyncio
import secrets

import sip
import stage
from hostile import TEXT, Client, Mobile, Sockets, Trap, never, request
from load import SMS

SUMMARY = "requests and responses for other hosts, registrations for others, asserted identities of strangers"
why_not = never
METHODS = ("INVITE", "INFO", "UPDATE", "OPTIONS", "BYE", "PRACK", "ACK", "MESSAGE", "NOTIFY", "SUBSCRIBE", "REFER", "PUBLISH", "CANCEL")


def gateway(lua):
    return stage.make("relay", lua)


def inside_a_session(own, trap, via, domain):
    """Requests with made-up To tags that name the trap, in each way that a request can."""
    ours = f"<sip:{own};lr>"
    there = f"sip:victim@{trap}"
    members = f"sip:mallory@{domain}"
    for method in METHODS:
        for uri, routes in (
            (there, [ours]),
            (there, [f"<sip:{own};lr;ftag=x>"]),
            (there, [f"<sip:{domain};lr>"]),
            (there, []),
            (members, [ours, f"<sip:{trap};lr>"]),
            (f"sip:{own}", [ours, f"<sip:{trap}>"]),
            (members, [f"<sip:{trap};lr>"]),
            (f"sip:{own};lr", [f"<{there}>"]),  # a strict router before us (RFC 3261 clause 16.4)
            (f"sip:x@{own};maddr={trap.split(':')[0]}", [ours]),
            (f"sip:x@{own};alias={trap.replace(':', '~')}~1", [ours]),
            (f"{there};transport=tcp", [ours]),
        ):
            fields = {"to": f"<{uri}>;tag={secrets.token_hex(4)}", "from_": f"<sip:boss@{domain}>;tag=b"}
            headers = [("Route", route) for route in routes] + [("Contact", f"<sip:x@{trap}>"), ("Path", f"<sip:{trap};lr>")]
            yield request(method, uri, via, headers, **fields)


def responses(own, trap):
    """Responses without a transaction, whose second Via names the trap."""
    for status in ("100 Trying", "180 Ringing", "200 OK", "404 Not Found", "503 Service Unavailable"):
        for branch in ("z9hG4bK0.0", f"z9hG4bK{secrets.token_hex(6)}"):
            head = [f"SIP/2.0 {status}", f"Via: SIP/2.0/UDP {own};branch={branch}",
                    f"Via: SIP/2.0/UDP {trap};branch=z9hG4bKx;rport={trap.split(':')[1]};received={trap.split(':')[0]}",
                    "From: <sip:a@b.example>;tag=1", "To: <sip:c@d.example>;tag=2", "Call-ID: none@attack", "CSeq: 1 MESSAGE",
                    "Content-Length: 0", "", ""]  # fmt: skip
            yield "\r\n".join(head).encode()


async def attack(scene, verdict, size):
    gw = scene.gw
    own = "%s:%d" % gw.address
    # A trap for each attack: its traffic may go on for half a minute.
    trap, second, third = Trap(), Trap(), Trap()
    # Enough addresses for every request to be looked at.
    strangers = Sockets(gw.address, [f"127.0.4.{n}" for n in range(1, 21)])
    try:
        sent = 0
        for _ in range(1 if size == "short" else 5):
            for octets in inside_a_session(own, trap.host, strangers.vias[0], gw.domain):
                strangers.send(sent, octets)
                sent += 1
                if sent % 20 == 0:
                    await asyncio.sleep(0.02)
        await asyncio.sleep(0.6)
        arrived = trap.arrived()
        verdict.check(not arrived, f"{sent} requests of strangers for another host, {len(arrived)} arrived there{kinds(arrived)}")

        sent = 0
        for octets in responses(own, second.host):
            strangers.send(sent, octets)
            sent += 1
        await asyncio.sleep(0.3)
        arrived = second.arrived()
        verdict.check(not arrived, f"{sent} responses to nothing, {len(arrived)} arrived at their second Via{kinds(arrived)}")
        await members(scene, verdict, third)
        await identities(gw, verdict)
    finally:
        for one in (strangers, trap, second, third):
            one.close()


def kinds(arrived):
    """The requests that reached the trap, by method."""
    words = sorted({line.split(" ")[0] if not line.startswith("SIP/2.0") else line[8:11] for line in arrived})
    return f" ({', '.join(words)})" if words else ""


async def members(scene, verdict, trap):
    """The same by a member."""
    gw = scene.gw
    own = "%s:%d" % gw.address
    mallory = await gw.user(Client, "mallory", await gw.endpoint(host="127.0.0.41"))
    phone = await gw.user(Mobile, "silent0", await gw.endpoint(host="127.0.0.42"))
    outside = f"sip:victim@{trap.host}"
    quickly = {"timeout": 0.4, "retransmit": False}

    async def tried(method, uri, headers=(), body=b"", **options):
        try:
            return (await mallory.send(method, uri, headers=headers, body=body, **quickly, **options)).status
        except Exception:
            return None

    contact = [("Contact", mallory.contact)]
    for method in ("MESSAGE", "INVITE", "NOTIFY", "SUBSCRIBE", "OPTIONS", "INFO"):
        extra = TEXT if method == "MESSAGE" else contact
        await tried(method, outside, extra, b"x")
        await tried(method, outside, [("Route", f"<sip:{own};lr>"), *extra], b"x")
        await tried(method, gw.uri("silent0"), [("Route", f"<sip:{trap.host};lr>"), *extra], b"x")
    # CPIM in another's name, whose notification is to go elsewhere (RFC 5438 clause 6.3).
    cpim = (f"From: <sip:boss@{gw.domain}>\r\nTo: <{phone.identity}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x1\r\n"
            f"imdn.Disposition-Notification: positive-delivery, negative-delivery\r\nimdn.IMDN-Record-Route: <sip:x@{trap.host};lr>\r\n\r\n"
            "Content-Type: text/plain\r\n\r\nhello").encode()  # fmt: skip
    status = await tried("MESSAGE", gw.uri("silent0"), [("Content-Type", "message/cpim")], cpim)
    await asyncio.sleep(0.8)
    arrived = trap.arrived()
    verdict.check(not arrived, f"a member's requests and notifications for another host: {len(arrived)} arrived there{kinds(arrived)} (CPIM: {status})")

    # Our own address and the service centre's as a member's contact.
    for text, uri in (("our own address", f"sip:x@{own}"), ("our own domain", f"sip:x@{gw.domain}"),
                      ("our own address over TCP", f"sip:x@{own};transport=tcp")):  # fmt: skip
        status = await tried("REGISTER", f"sip:{gw.domain}", [("Contact", f"<{uri}>"), ("Expires", "60")],
                             to=f"sip:mallory@{gw.domain}", call_id=secrets.token_hex(8))  # fmt: skip
        verdict.check(status is not None and status >= 400, f"a REGISTER with {text} as Contact is refused: {status}")


async def identities(gw, verdict):
    """Only the password proves an identity."""
    mallet = await gw.user(Client, "mallet", await gw.endpoint(host="127.0.0.43"))
    stranger = Client(await gw.endpoint(host="127.0.0.44"), "stranger", None, gw.domain)
    asserted = [("P-Asserted-Identity", "<sip:+15557001@ims.example>"), ("P-Preferred-Identity", "<sip:+15557001@ims.example>"),
                ("Remote-Party-ID", "<sip:+15557001@ims.example>;party=calling"), ("P-Served-User", "<sip:+15557001@ims.example>")]  # fmt: skip
    answers = []
    for from_ in ("sip:+15557001@ims.example", "sip:pia@ims.example", "tel:+15557001", "sip:anonymous@anonymous.invalid"):
        answers.append(await stranger.send_im(gw.uri("mallet"), "believe me", headers=asserted, from_=from_))
    good = all(a.status in (401, 403, 407) for a in answers) and not mallet.requests
    verdict.check(good, f"a stranger's asserted identity is not believed: {[a.status for a in answers]}, delivered {len(mallet.requests)}")

    mallory = Client(await gw.endpoint(host="127.0.0.45"), "mallory", gw.people["mallory"][0], gw.domain, "+15556001")
    answer = await mallory.send_im(gw.uri("mallet"), "it is pia", headers=asserted)
    seen = [r for r in mallet.requests if b"it is pia" in r.body]
    named = [v for r in seen for v in r.all("P-Asserted-Identity")]
    verdict.check(all("+15556001" in v for v in named), f"a member's asserted identity is the member's own: answered {answer.status}, seen {named}")

    # REGISTER by one for another: by a stranger, by a member with his own password, in every form.
    answers = []
    for who, password in ((stranger, None), (mallory, True)):
        for to in ("sip:pia@ims.example", "sip:+15557001@ims.example", "tel:+15557001"):
            for from_ in (f"sip:scscf@{gw.domain}", "sip:127.0.0.44:5060", to):
                body = f"REGISTER sip:ims.example SIP/2.0\r\nContact: <{who.contact}>;+g.3gpp.smsip\r\n\r\n".encode()
                headers = [("Contact", who.contact), ("Expires", "600"), ("Content-Type", "message/sip")]
                answers.append(await who.send("REGISTER", f"sip:{gw.domain}", to=to, from_=from_, headers=headers, body=body))
    listed = gw.try_rpc("ul.dump") or ""
    taken = who.contact.strip("<>").split("@")[0].removeprefix("sip:") in listed or stranger.contact.strip("<>").split("@")[0].removeprefix("sip:") in listed
    verdict.check(not taken and all(a.status in (401, 403, 404, 407) for a in answers),
                  f"nobody registers for another: {sorted({a.status for a in answers})}")  # fmt: skip
    report = sip.Message("", [("Content-Type", SMS)]).headers
    answer = await stranger.send("MESSAGE", f"sip:+15559999@{gw.domain}", headers=report, body=b"\x02\x01", from_=f"sip:+15559999@{gw.domain}")
    verdict.check(answer.status in (401, 403, 407), f"a report in the service centre's name: {answer.status}")
