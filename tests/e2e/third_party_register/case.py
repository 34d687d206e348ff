"""Registrations by an S-CSCF: see README.md."""

import asyncio
import secrets

import sip
import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from scscf import MMTEL, OMA_IM, SMSIP, ClientThere, PhoneThere, Scscf, copy, multipart

CAROL, DAVE = ("carol", "+15550003"), ("dave", None)
ALICE_URI, BOB_URI, CAROL_URI = "sip:+15550001@ims.example", "sip:+15550002@ims.example", "sip:+15550003@ims.example"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


def with_scscf(**options):
    options.setdefault("people", [ALICE, BOB, CAROL, DAVE])
    return gateway(trusted="192.0.2.1, 2001:db8::/64,127.0.0.2/31", **options)


async def scscf_of(gw):
    return Scscf(await gw.endpoint(host="127.0.0.3"), gw.domain)


def registrations(gw):
    """How many contacts usrloc has; ended contacts may stay for some seconds."""
    shown = gw.rpc("ul.dump")
    return shown.count("Address:") - shown.count("Expires: deleted")


async def registered(gw, scscf, kind, person, features=None):
    """A device of alice, bob or carol that the S-CSCF has told us of."""
    device = scscf.device(kind, *person, features=features)
    equal((await scscf.register(device.identity)).status, 200, "the answer to the S-CSCF")
    return device


async def play(gw):
    scscf = await scscf_of(gw)
    alice = await registered(gw, scscf, PhoneThere, ALICE)
    carol = await registered(gw, scscf, ClientThere, CAROL)
    bob = await gw.user(ImClient, "bob")

    say("a client here to a phone there: as an SM, from the gateway itself")
    answer = await bob.send_im(gw.uri("alice"), "Lunch? 🍜")
    equal(answer.status, 200, "the answer when the phone has reported")
    request, seen = await alice.next_message()
    equal((seen.tpdu.text, seen.tpdu.address), ("Lunch? 🍜", "+15550002"), "what the phone shows")
    equal((request.uri, sip.addr_spec(request.get("To"))), (ALICE_URI, ALICE_URI), "the Request-URI and To at the S-CSCF")
    equal(request.get("Request-Disposition"), "no-fork", "to one of the phones only")
    alice.rp_answers = [22]
    equal((await bob.send_im(ALICE_URI, "too much")).status, 480, "the answer when the phone is full")
    equal((await alice.next_message())[1].tpdu.text, "too much", "what it has no room for")

    say("a phone there to a client here")
    sent = await alice.send_sm("+15550002", "Yes")
    equal(sent.answer.status, 202, "the SIP answer")
    request = await bob.next_message()
    equal((request.text, sip.addr_spec(request.get("From"))), ("Yes", ALICE_URI), "the client's text")
    equal((await sent.outcome()).kind, "RP-ACK", "the report through the S-CSCF")

    say("a phone there to a client there: the SM itself, relayed by the script")
    sent = await alice.send_sm("+15550003", "And you?")
    request = await carol.next_message()
    equal((request.uri, request.text), (CAROL_URI, "And you?"), "the Request-URI and To at the S-CSCF, and what")
    equal((await sent.outcome()).kind, "RP-ACK", "the report")

    say("a client to a client there: untouched")
    answer = await bob.send_im(gw.uri("carol"), b"\0\xff", content_type="x/y")
    request = await carol.next_message()
    equal((answer.status, request.uri, request.body), (200, gw.uri("carol"), b"\0\xff"), "whom it is for, and the body")

    say("a client there to a phone there")
    equal((await carol.send_im(ALICE_URI, "me too")).status, 200, "the answer")
    _, seen = await alice.next_message()
    equal((seen.tpdu.text, seen.tpdu.address), ("me too", "+15550003"), "what the phone shows")
    await gw.until(lambda: gw.pending() == 0, what="the end of all exchanges")


async def both_ways():
    "messages to and from people behind the S-CSCF"
    async with with_scscf() as gw:
        await play(gw)


async def both_ways_in_lua():
    "the same with kamailio.lua"
    async with with_scscf(name="lua", **LUA) as gw:
        await play(gw)


async def what_they_can():
    "the feature tags of contacts in the copies decide which messages go there"
    rows = Rows()
    tables = (
        (0, [[SMSIP, "SM"], [OMA_IM, "IM"], [f"{SMSIP};{OMA_IM}", "IM"], [MMTEL, 480], ["", 480]]),
        (1, [[SMSIP, "SM"], [MMTEL, "IM"], ["", "IM"], [f"{SMSIP};{MMTEL}", "SM"]]),
        (0, [['+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg"', "IM"]]),
        (0, [['+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.largemsg"', 480]]),
    )
    for plain_im, table in tables:
        async with with_scscf(name="can", modparams={"plain_im": plain_im}) as gw:
            scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob", register=False)
            scscf.device(PhoneThere, *ALICE)
            for features, wanted in table:
                contacts = [f"<sip:a@10.1.2.3>;{features}"]
                for way, body in (
                    ("request", copy("REGISTER sip:ims.example SIP/2.0", ALICE_URI, contacts)),
                    ("response", copy("SIP/2.0 200 OK", ALICE_URI, contacts)),
                ):
                    answer = await scscf.register(ALICE_URI, body, "message/sip")
                    equal(answer.status, 200, "the answer to the S-CSCF")
                    sent = await bob.send_im(ALICE_URI, "hi")
                    found = {"application/vnd.3gpp.sms": "SM", "text/plain": "IM"}.get(
                        scscf.requests.pop().content_type if scscf.requests else None, sent.status
                    )
                    scscf.requests.clear()
                    rows.check(f"plain_im {plain_im}, {features or 'no tag'}, in the {way}", found, wanted)
    rows.done(at_least=20)


async def one_of_several():
    "a short message goes to one phone, wherever the phones are registered"
    port = free_port()
    async with with_scscf(sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        phones = [scscf.device(PhoneThere, *ALICE), scscf.device(PhoneThere, *ALICE)]
        client = scscf.device(ClientThere, *ALICE)
        equal((await scscf.register(ALICE_URI)).status, 200, "the answer to the S-CSCF")
        say("behind the S-CSCF: two phones and a client")
        # With a client registered, an instant message goes to the client; a short message goes to the phone.
        sent = await centre.deliver(ALICE_URI, "+15557777", "as it is")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal([phone.inbox.qsize() for phone in (*phones, client)], [1, 0, 0], "who has it")
        equal(scscf.requests[-1].body, sent.octets, "the octets")
        say("here: two phones, one of them at a time")
        here = [await gw.user(Phone, "carol"), await gw.user(Phone, "carol")]
        equal((await bob.send_im(CAROL_URI, "hi")).status, 200, "the answer")
        sent = await centre.deliver(CAROL_URI, "+15557777", "as it is")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(sum(phone.inbox.qsize() for phone in here), 2, "how many copies of two messages")


async def lifetime():
    "a registration lasts as long as it says: it is refreshed, it is removed, it expires"
    script = 'modparam("registrar", "min_expires", 1)'
    async with with_scscf(name="lifetime", script=script) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        alice = scscf.device(PhoneThere, *ALICE)

        async def reached():
            return (await bob.send_im(ALICE_URI, "hi")).status

        equal(await reached(), 480, "before any registration")
        answer = await scscf.register(ALICE_URI, expires=3600)
        equal((answer.status, "expires=3600" in answer.get("Contact")), (200, True), "the answer to the S-CSCF")
        equal(await reached(), 200, "registered")
        equal((await scscf.register(ALICE_URI)).status, 200, "the answer to a refresh")
        equal(len(gw.registered()), 2, "contacts: the S-CSCF, bob")
        equal((await scscf.register(ALICE_URI, body=b"", expires=0)).status, 200, "the answer to the end")
        equal(await reached(), 480, "deregistered")
        equal((await scscf.register("sip:alice@ims.example", expires=1)).status, 200, "by name, for a second")
        equal(await reached(), 200, "registered")
        await asyncio.sleep(2)
        equal(await reached(), 480, "run out")
        equal(alice.inbox.qsize(), 2, "messages that the phone has")


async def strangers():
    "peers that may not register others, and people who may not be registered"
    for variant, options in (("native", {}), ("lua", LUA)):
        async with with_scscf(name=f"strangers-{variant}", **options) as gw:
            scscf = await scscf_of(gw)
            rows = Rows()
            for person, wanted in (
                (ALICE_URI, 1),
                ("sip:alice@ims.example", 1),
                ("tel:+15550001", 1),
                # Subscribers in no table: no refusal, which could end the registration at the S-CSCF.
                ("sip:+15557777@ims.example", 0),
                ("sip:alice@elsewhere.example", 0),
                ("sip:" + "x" * 1000 + "@ims.example", 0),
            ):
                scscf.device(PhoneThere, sip.user_of(person))
                rows.check(f"the S-CSCF for {person}", (await scscf.register(person)).status, 200)
                rows.check(f"registered: {person}", registrations(gw), wanted)
                equal((await scscf.register(person, expires=0)).status, 200, "the answer to the end")
            mallory = Scscf(await gw.endpoint(), gw.domain)
            mallory.device(PhoneThere, *ALICE)
            asserted = [("P-Asserted-Identity", f"<{ALICE_URI}>")]
            rows.check("a stranger", (await mallory.register(ALICE_URI)).status, 403)
            rows.check("one who asserts", (await mallory.register(ALICE_URI, headers=asserted)).status, 403)
            rows.check("who removes", (await mallory.register(ALICE_URI, expires=0)).status, 403)
            bob = await gw.user(ImClient, "bob")
            answer = await bob.send(
                "REGISTER", "sip:ims.example", to=ALICE_URI, from_=bob.identity, headers=[("Contact", bob.contact)]
            )
            rows.check("somebody with a password, for another", answer.status, 403)
            # His own REGISTER may carry a copy: it is his own contact that counts.
            body = copy("REGISTER sip:ims.example SIP/2.0", BOB_URI, [f"<sip:x@10.1.2.3>;{SMSIP}"]).encode()
            answer = await bob.send(
                "REGISTER", "sip:ims.example", to="sip:bob@ims.example", body=body, call_id=bob._register_call_id,
                headers=[("Contact", bob.contact), ("Content-Type", "message/sip")],
            )  # fmt: skip
            rows.check("for himself, with a copy", answer.status, 200)
            rows.check("his next message comes as it is", (await bob.send_im(BOB_URI, "me")).status, 200)
            rows.check("to", (await bob.next_message()).uri.startswith(f"sip:{bob._contact_user}@"), True)
            rows.check("nobody is registered but bob", gw.registered(), ["+15550002"])
            rows.done()


async def by_service_information():
    "an unknown name is the person whose number stands in the operator's service information"
    other = "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
    for variant, options in (("native", {}), ("lua", LUA)):
        async with with_scscf(name=f"number-{variant}", **options) as gw:
            scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
            scscf.also(scscf.device(PhoneThere, *ALICE), other)
            phones = ("message/sip", copy("SIP/2.0 200 OK", other, [f"<sip:a@10.1.2.3>;{SMSIP}"]))
            rows = Rows()
            for info, reached in (
                ("15550001", 200),
                ("<sms><msisdn>+15550001</msisdn><imsi>001010000000001</imsi></sms>", 200),
                ("15557777", 480),
                ("<imsi>001010000000001</imsi>", 480),
                ("<msisdn>", 480),
                ("", 480),
            ):
                info = f"<ims-3gpp version='1'><service-info>{info}</service-info></ims-3gpp>"
                kind, body = multipart(("application/3gpp-ims+xml", info), phones)
                rows.check(info, (await scscf.register(other, body, kind)).status, 200)
                rows.check(f"after {info}", (await bob.send_im(ALICE_URI, "hi")).status, reached)
                rows.check("the end of it", (await scscf.register(ALICE_URI, b"", expires=0)).status, 200)
            rows.done(at_least=18)
            equal({request.uri for request in scscf.requests}, {other}, "the Request-URI and To at the S-CSCF")


async def broken_bodies():
    "a body without meaning changes nothing: the registration is good, and known capabilities stay"
    good = copy("REGISTER sip:ims.example SIP/2.0", ALICE_URI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
    kind, whole = multipart(("message/sip", good), ("application/3gpp-ims+xml", "<ims-3gpp><<<"))
    bodies = [
        (b"", None),
        (good[:40].encode(), "message/sip"),
        (b"SIP/2.0 401 Unauthorized\r\nContact: <sip:a@x>\r\n\r\n", "message/sip"),
        (b"INVITE sip:x SIP/2.0\r\nContact: <sip:a@x>\r\n\r\n", "message/sip"),
        (good.encode(), "text/plain"),
        (good.encode(), "multipart/mixed"),
        (good.encode(), "multipart/mixed;boundary=" + "b" * 100),
        (whole[:30].encode(), kind),
        (secrets.token_bytes(2000), "message/sip"),
        (secrets.token_bytes(2000), kind),
        (b"--boundary1\r\n" * 500, kind),
        (b"<ims-3gpp>" * 500, "application/3gpp-ims+xml"),
    ]
    async with with_scscf(name="broken", modparams={"plain_im": 0}) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob", register=False)
        alice, rows = scscf.device(PhoneThere, *ALICE), Rows()
        for before, wanted in ((None, 480), (good, 200)):
            for body, content_type in bodies:
                if before:
                    equal((await scscf.register(ALICE_URI, before, "message/sip")).status, 200, "a good one")
                shown = f"{content_type} {body[:20]} after {'a good one' if before else 'none'}"
                rows.check(shown, (await scscf.register(ALICE_URI, body, content_type)).status, 200)
                rows.check(f"{shown}: an IM", (await bob.send_im(ALICE_URI, "hi")).status, wanted)
        # The XML beside it does not matter.
        rows.check("broken XML", (await scscf.register(ALICE_URI, whole, kind)).status, 200)
        rows.check("broken XML: an IM", (await bob.send_im(ALICE_URI, "hi")).status, 200)
        # A copied answer without a Contact does not list the contacts: the S-CSCF gets a SUBSCRIBE.
        rows.check("no question yet, but those of bodies that say nothing", scscf.subscriptions.qsize() > 0, True)
        while not scscf.subscriptions.empty():
            scscf.subscriptions.get_nowait()
        none = copy("SIP/2.0 200 OK", ALICE_URI, [])
        rows.check("no contacts", (await scscf.register(ALICE_URI, none, "message/sip")).status, 200)
        rows.check("no contacts: an IM", (await bob.send_im(ALICE_URI, "hi")).status, 200)
        rows.check("no contacts: a question", (await asyncio.wait_for(scscf.subscriptions.get(), 20)).request.uri, ALICE_URI)
        # All contacts gone, and it says so.
        gone = copy("REGISTER sip:ims.example SIP/2.0", ALICE_URI, ["*"], expires=0)
        rows.check("contacts gone", (await scscf.register(ALICE_URI, gone, "message/sip")).status, 200)
        rows.check("contacts gone: an IM", (await bob.send_im(ALICE_URI, "hi")).status, 480)
        rows.done(at_least=50)
        equal(alice.inbox.qsize(), len(bodies) + 2, "messages that the phone has")


async def chains():
    "a request that the S-CSCF wants back (Route) goes back, converted or not"
    for variant, options in (("native", {}), ("lua", LUA)):
        centre_port = free_port()
        async with with_scscf(name=f"chains-{variant}", sc_uri=f"sip:127.0.0.2:{centre_port}", **options) as gw:
            scscf = await scscf_of(gw)
            centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=centre_port), gw.domain)
            alice = await registered(gw, scscf, PhoneThere, ALICE)
            carol = await registered(gw, scscf, ClientThere, CAROL)
            host, port = gw.address
            odi = f"sip:odi-{secrets.token_hex(4)}@{scscf.endpoint.contact_host};lr"
            chain = [("Route", f"<sip:{host}:{port};lr>, <{odi}>")]

            say("for a client there: on, as it is")
            answer = await carol.send_im(CAROL_URI, b"\1\2\3", content_type="x/y", headers=chain)
            request = await carol.next_message()
            equal((answer.status, request.body, request.uri), (200, b"\1\2\3", CAROL_URI), "the message")
            equal(request.get("Route"), f"<{odi}>", "the rest of the chain")

            say("for a recipient elsewhere: passed on unchanged")
            scscf.devices["zoe"], scscf.endpoint.users["zoe"] = [carol], scscf
            answer = await carol.send_im("sip:zoe@elsewhere.example", "hi", headers=chain)
            request = await carol.next_message()
            equal((answer.status, request.text, request.uri), (200, "hi", "sip:zoe@elsewhere.example"), "the message")

            say("an SM for a client there: converted, then on")
            octets = sms.rp_data(9, "+15559999", sms.deliver("+15557777", "from a centre"), network=True)
            headers = [("Content-Type", "application/vnd.3gpp.sms"), *chain]
            carol.identity = "sip:+15559999@ims.example"  # the service centre, by the S-CSCF's word
            carol.answers.append(481)  # then it goes out once more
            answer = await carol.send("MESSAGE", CAROL_URI, headers=headers, body=octets)
            equal(answer.status, 202, "the answer")
            first, again = await carol.next_message(), await carol.next_message()
            for request in (first, again):
                equal((request.text, request.get("Route")), ("from a centre", f"<{odi}>"), "the message")
            equal((again.uri, again.get("Call-ID") != first.get("Call-ID")), (first.uri, True), "once more")

            say("an SM for a phone there: on, as it is")
            answer = await carol.send("MESSAGE", ALICE_URI, headers=headers, body=octets)
            request, _ = await alice.next_message()
            equal((answer.status, request.body, request.get("Route")), (200, octets, f"<{odi}>"), "the message")

            say("for a client here: the chain ends here, converted or not")
            bob = await gw.user(ImClient, "bob")
            carol.identity = CAROL_URI
            answer = await carol.send_im(BOB_URI, "as it is", headers=chain)
            request = await bob.next_message()
            equal((answer.status, request.text, request.all("Route")), (200, "as it is", []), "the message")
            octets = sms.rp_data(10, "+15559999", sms.submit("+15550002", "converted"))
            sent = await alice.send_rp(octets, headers=chain)
            request = await bob.next_message()
            equal((request.text, request.all("Route")), ("converted", []), "the message")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")

            say("for a number elsewhere: to the service centre, without the chain")
            sent = await alice.send_rp(sms.rp_data(11, "+15559999", sms.submit("+15557777", "afar")), headers=chain)
            request, _ = await asyncio.wait_for(centre.submitted.get(), 20)
            equal((request.body, request.all("Route")), (sent.octets, []), "the message")
            equal(request.all("P-Asserted-Identity"), [f"<{ALICE_URI}>"], "who sent it")

            say("a stranger's Route leads nowhere")
            answer = await bob.send_im("sip:zoe@elsewhere.example", "hi", headers=chain)
            equal(answer.status, 404, "the answer")


run(both_ways, both_ways_in_lua, what_they_can, one_of_several, lifetime, strangers, by_service_information, broken_bodies, chains)
