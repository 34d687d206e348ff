"""Several public identities of one person: see README.md."""

import asyncio
import contextlib
import os
import secrets
import sqlite3
import subprocess
import time

import sip
import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, Rows, ServiceCentre, equal, gateway, run, say
from gateway import free_port
from ims import TRUSTED, Core, ImsPhone
from scscf import OMA_IM, SMSIP, ClientThere, PhoneThere, Scscf, copy, multipart, reginfo

CAROL, FRANK = ("carol", "+15550003"), ("frank", "+15550004")
IMSI = "sip:001010000000001@ims.example"
ALICE_URI, BOB_URI, CAROL_URI = "sip:+15550001@ims.example", "sip:+15550002@ims.example", "sip:+15550003@ims.example"
VARIANTS = (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}))
RP = [("Content-Type", sms_type := "application/vnd.3gpp.sms"), ("Content-Transfer-Encoding", "binary")]


def both(scenario):
    """The scenario against each of the two scripts."""

    async def of_both():
        for variant, options in VARIANTS:
            say(variant)
            await scenario(f"{scenario.__name__}-{variant}", options)

    of_both.__name__, of_both.__doc__ = scenario.__name__, scenario.__doc__
    return of_both


def behind(name, options, **more):
    options = {"trusted": "127.0.0.3,127.0.0.4", **options, **more}
    return gateway(name=name, people=[ALICE, BOB, CAROL, FRANK], **options)


async def scscf_of(gw, host="127.0.0.3"):
    return Scscf(await gw.endpoint(host=host), gw.domain)


def associated(*uris):
    return [("P-Associated-URI", ", ".join(f"<{uri}>" for uri in uris))]


@both
async def by_an_imsi(name, options):
    "the S-CSCF registered an identity made of an IMSI: it gets requests for that one; all others are the same person"
    async with behind(name, options) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        alice = scscf.device(PhoneThere, *ALICE)
        scscf.also(alice, IMSI)
        other = "sip:alice@ims.mnc001.mcc001.3gppnetwork.org"
        info = ("application/3gpp-ims+xml", "<ims-3gpp version='1'><service-info>15550001</service-info></ims-3gpp>")
        kind, body = multipart(info)
        names = [("P-Associated-URI", f"<{IMSI}>, <sip:15550001@ims.example>, tel:15550001"), *associated(other)]
        equal((await scscf.register(IMSI, body, kind, headers=names)).status, 200, "the answer to the S-CSCF")
        subscription = await asyncio.wait_for(scscf.subscriptions.get(), 20)
        equal((subscription.request.uri, subscription.request.get("To")), (IMSI, f"<{IMSI}>"), "whose contacts are asked for")
        copied = copy("SIP/2.0 200 OK", IMSI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
        equal((await scscf.register(IMSI, copied, "message/sip", headers=names)).status, 200, "the answer to the S-CSCF")

        rows = Rows()
        for uri in (ALICE_URI, gw.uri("alice"), IMSI, "sip:15550001@ims.example", "tel:15550001", "tel:+1-555-0001", other):
            answer = await bob.send_im(uri, f"to {uri}")
            rows.check(f"{uri}: the answer", answer.status, 200)
            request, seen = await alice.next_message()
            rows.check(f"{uri}: the Request-URI and To at the S-CSCF", (request.uri, sip.addr_spec(request.get("To"))), (IMSI, IMSI))
            rows.check(f"{uri}: the text", seen.tpdu.text, f"to {uri}")
        say("from each identity bob sees alice's number")
        for asserted in (
            f"<{IMSI}>", f"<{IMSI}>, <tel:+15550001>", "<tel:+15550001>", "<sip:15550001@ims.example>", f"<{other}>",
            f"<{other}>,<{IMSI}>,<tel:15550001>",
        ):  # fmt: skip
            alice.identity = asserted.strip("<>")
            sent = await alice.send_sm("+15550002", asserted)
            request = await bob.next_message()
            rows.check(f"{asserted}: From", sip.addr_spec(request.get("From")), ALICE_URI)
            rows.check(f"{asserted}: P-Asserted-Identity", request.get("P-Asserted-Identity"), f"<{ALICE_URI}>")
            rows.check(f"{asserted}: the report", (await sent.outcome()).kind, "RP-ACK")
            rows.check(f"{asserted}: the recipient", alice.reports[-1][0].uri, IMSI)
        rows.done(at_least=40)

        say("a restart keeps all of it")
        await gw.stop()
        await gw.start()
        bob.forget_challenges()
        equal((await bob.send_im(other, "again")).status, 200, "the answer")
        equal((await alice.next_message())[0].uri, IMSI, "the Request-URI and To at the S-CSCF")
        say("the identities end with the registration")
        equal((await scscf.register(IMSI, b"", expires=0)).status, 200, "the answer to the end")
        equal((await bob.send_im(ALICE_URI, "gone")).status, 480, "by the number")
        equal((await bob.send_im(other, "gone")).status, 404, "by the other name")


@both
async def untouched(name, options):
    "a message that is not converted keeps its Request-URI"
    async with behind(name, options) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        frank = scscf.device(ClientThere, *FRANK)
        for identity in ("sip:franky@ims.example", IMSI):
            scscf.also(frank, identity)
        names = associated("sip:franky@ims.example", IMSI, "tel:+15550004")
        copied = copy("SIP/2.0 200 OK", "sip:frank@ims.example", [f"<sip:a@10.1.2.3>;{OMA_IM}"])
        equal((await scscf.register("sip:frank@ims.example", copied, "message/sip", headers=names)).status, 200, "the answer")
        rows, (host, port) = Rows(), gw.address
        for uri, wanted in (
            ("sip:frank@ims.example", None),
            ("sip:frank@ims.example;user=x", None),
            ("sip:frank@IMS.Example", None),
            ("sip:+15550004@ims.example;user=phone", None),
            ("tel:+15550004", None),
            ("sip:franky@ims.example", None),
            (IMSI, None),
            # The gateway's own address would lead back to the gateway.
            (f"sip:frank@{host}:{port}", "sip:frank@ims.example"),
        ):
            answer = await bob.send_im(uri, b"\1\2", content_type="x/y")
            rows.check(f"{uri}: the answer", answer.status, 200)
            request = await frank.next_message()
            rows.check(uri, (request.uri, request.body), (wanted or uri, b"\1\2"))
        say("a converted message goes to the registered identity")
        alice = await gw.user(Phone, "alice")
        sent = await alice.send_sm("+15550004", "hi")
        rows.check("an SM", (await frank.next_message()).uri, "sip:frank@ims.example")
        rows.check("its report", (await sent.outcome()).kind, "RP-ACK")
        rows.done(at_least=18)


@both
async def two_asserted(name, options):
    "of two asserted identities the number counts: a client sees no IMSI"
    async with behind(name, options) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        zoe = scscf.device(PhoneThere, "001019999999999")
        alice = await gw.user(Phone, "alice")
        for asserted in ("<sip:001019999999999@ims.example>, <tel:+15557777>", "<tel:+15557777>,<sip:001019999999999@ims.example>"):
            zoe.identity = asserted[1:-1]
            sent = await zoe.send_sm("+15550002", "an SM")
            request = await bob.next_message()
            equal(sip.user_of(sip.addr_spec(request.get("From"))), "+15557777", "From")
            shown = [value for name, value in request.headers if name not in ("Via", "Call-ID", "Route", "Record-Route")]
            equal([value for value in shown if "00101999" in value], [], "where an IMSI stands")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            headers = [("P-Asserted-Identity", asserted), ("Content-Type", "text/plain")]
            answer = await zoe.endpoint.request(request_of(gw, "MESSAGE", ALICE_URI, headers, b"an IM"))
            equal(answer.status, 200, "the answer")
            equal((await alice.next_message())[1].tpdu.address, "+15557777", "TP-OA")
        say("the same identities in two header fields")
        headers = [("P-Asserted-Identity", "<sip:001019999999999@ims.example>"), ("P-Asserted-Identity", "<tel:+15557777>")]
        answer = await zoe.endpoint.request(request_of(gw, "MESSAGE", ALICE_URI, [*headers, ("Content-Type", "text/plain")], b"2"))
        equal((answer.status, (await alice.next_message())[1].tpdu.address), (200, "+15557777"), "TP-OA")


def request_of(gw, method, uri, headers, body=b"", from_="sip:zoe@ims.example"):
    fields = [
        ("Max-Forwards", "70"), ("From", f"<{from_}>;tag={secrets.token_hex(4)}"), ("To", f"<{uri}>"),
        ("Call-ID", secrets.token_hex(8)), ("CSeq", f"1 {method}"),
    ]  # fmt: skip
    return sip.Message(f"{method} {uri} SIP/2.0", [*fields, *headers], body)


@both
async def moved(name, options):
    "an S-CSCF that registers a person anew is the only one from then on"
    async with behind(name, options) as gw:
        bob = await gw.user(ImClient, "bob")
        first, second = await scscf_of(gw), await scscf_of(gw, "127.0.0.4")
        here = [scscf.device(ClientThere, *CAROL) for scscf in (first, second)]
        alices = [scscf.device(PhoneThere, *ALICE) for scscf in (first, second)]
        for scscf in (first, second):
            equal((await scscf.register(CAROL_URI)).status, 200, "the answer to an S-CSCF")
            equal((await scscf.register(ALICE_URI)).status, 200, "the answer to an S-CSCF")
        equal((await bob.send_im(CAROL_URI, "hi")).status, 200, "an IM")
        equal((await here[1].next_message()).text, "hi", "the message")
        equal((await bob.send_im(ALICE_URI, "hi")).status, 200, "an IM to the phone")
        equal((await alices[1].next_message())[1].tpdu.text, "hi", "the message")
        sent = await (await gw.user(Phone, "bob")).send_sm("+15550003", "an SM")
        equal((await here[1].next_message()).text, "an SM", "the message")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal((here[0].inbox.qsize(), alices[0].inbox.qsize()), (0, 0), "what the first one has")
        say("the first S-CSCF ends its registration: nothing changes")
        equal((await first.register(CAROL_URI, b"", expires=0)).status, 200, "the answer")
        equal((await bob.send_im(CAROL_URI, "still")).status, 200, "an IM")
        equal((await here[1].next_message()).text, "still", "the message")
        equal((await second.register(CAROL_URI, b"", expires=0)).status, 200, "the answer")
        equal((await bob.send_im(CAROL_URI, "gone")).status, 480, "an IM to nobody")


@both
async def union(name, options):
    "a person's capabilities are those of all contacts, each from its own REGISTER"
    port = free_port()
    async with behind(name, options, sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        phone, client = scscf.device(PhoneThere, *ALICE), scscf.device(ClientThere, *ALICE)

        async def said(contact, expires=600000):
            body = copy("REGISTER sip:ims.example SIP/2.0", ALICE_URI, [contact], expires)
            equal((await scscf.register(ALICE_URI, body, "message/sip")).status, 200, "the answer to the S-CSCF")

        async def reached():
            """Which of the two has a short message, and which an instant message."""
            sent = await centre.deliver(ALICE_URI, "+15557777", "an SM")
            await sent.outcome()
            await bob.send_im(ALICE_URI, "an IM")
            found = []
            for who, device in (("phone", phone), ("client", client)):
                while not device.inbox.empty():
                    got = device.inbox.get_nowait()
                    found.append((who, (got[0] if isinstance(got, tuple) else got).content_type.split(";")[0]))
            return sorted(found)

        phone_contact, client_contact = f"<sip:a@10.1.2.3>;{SMSIP}", f"<sip:b@10.1.2.4>;{OMA_IM}"
        await said(phone_contact)
        await said(client_contact)
        equal(await reached(), [("client", "text/plain"), ("phone", sms_type)], "both, the client last")
        await said(phone_contact)
        equal(await reached(), [("client", "text/plain"), ("phone", sms_type)], "both, the phone last")
        scscf.devices["+15550001"].remove(client)
        await said(client_contact, expires=0)
        equal(await reached(), [("phone", sms_type), ("phone", sms_type)], "the phone alone")
        equal(scscf.subscriptions.empty(), True, "no question was needed")


@both
async def nobody_here(name, options):
    "in a chain, messages of people in no table go on along the Route"
    port = free_port()
    async with behind(name, options, sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        scscf, rows = await scscf_of(gw), Rows()
        host, port = gw.address
        odi = f"sip:odi-{secrets.token_hex(4)}@{scscf.endpoint.contact_host};lr"
        zoe, got = f"sip:zoe@{gw.domain}", asyncio.Queue()

        class Anybody:
            async def handle(self, request):
                scscf.endpoint.respond(request, 202 if request.method == "MESSAGE" else 200, "Fine")
                await got.put(request)

        for user in ("zoe", "+15559999", "+15558888", "smsc", "sms", ""):
            scscf.endpoint.users[user] = Anybody()

        async def passed_on(what, method, uri, body=b"", kind=sms_type, asserted=zoe):
            headers = [("Route", f"<sip:{host}:{port};lr>, <{odi}>"), ("P-Asserted-Identity", f"<{asserted}>")]
            headers += [("Content-Type", kind)] if body else []
            answer = await scscf.endpoint.request(request_of(gw, method, uri, headers, body))
            try:
                request = await asyncio.wait_for(got.get(), 10)
            except asyncio.TimeoutError:
                return rows.check(what, f"not passed on: {answer.start}", "passed on")
            rows.check(what, (request.uri, request.body, request.get("Route")), (uri, body, f"<{odi}>"))
            rows.check(f"{what}: the answer", answer.status, 202 if method == "MESSAGE" else 200)

        submit = sms.rp_data(9, "+15559999", sms.submit("+15557777", "hi"))
        deliver = sms.rp_data(9, "+15558888", sms.deliver("+15557777", "hi"), network=True)
        command = sms.rp_data(9, "+15559999", bytes.fromhex("0201000005") + bytes.fromhex("81214300") + b"\0")
        smsc = f"sip:smsc@{scscf.endpoint.contact_host}"
        for what, uri, body, asserted in (
            ("a short message from nobody here", "sip:+15559999@ims.example", submit, zoe),
            ("a short message to another service centre", "sip:smsc@ims.example", submit, zoe),
            ("an SMS-DELIVER for nobody here", zoe, deliver, "sip:+15558888@ims.example"),
            ("RP-ACK to another service centre", smsc, sms.rp_ack(9), zoe),
            ("RP-ERROR to another service centre", smsc, sms.rp_error(9, 22), zoe),
            ("RP-ACK to a number of another service centre", "sip:+15558888@ims.example", sms.rp_ack(9), zoe),
            ("RP-ACK of alice to another service centre", smsc, sms.rp_ack(9), ALICE_URI),
            ("RP-ACK of a service centre for nobody here", zoe, sms.rp_ack(9, network=True), "sip:+15558888@ims.example"),
            ("RP-ERROR of a service centre for nobody here", zoe, sms.rp_error(9, 22, network=True), "sip:+15558888@ims.example"),
            ("RP-SMMA of nobody here", "sip:+15559999@ims.example", bytes([6, 9]), zoe),
            ("SMS-COMMAND of nobody here", "sip:+15559999@ims.example", command, zoe),
            ("octets that are no short message", "sip:+15559999@ims.example", b"\xff\xff", zoe),
            ("octets that are no short message, to nobody here", zoe, b"\xff\xff", ALICE_URI),
        ):
            await passed_on(what, "MESSAGE", uri, body, asserted=asserted)
        for kind in ("text/plain", "message/cpim", "application/im-iscomposing+xml", "x/y"):
            await passed_on(f"{kind} for nobody here", "MESSAGE", zoe, b"hi", kind, ALICE_URI)
        for method in ("INVITE", "SUBSCRIBE", "PUBLISH", "OPTIONS"):
            await passed_on(method, method, zoe, asserted=ALICE_URI)
        rows.check("what our service centre has of it", centre.submitted.qsize(), 0)

        say("an ACK without a To tag goes nowhere, and has no answer")
        for via, field in ((scscf.endpoint, [("Route", f"<sip:{host}:{port};lr>, <{odi}>")]), (await gw.endpoint(), [])):
            stray = request_of(gw, "ACK", zoe, field)
            branch = f"z9hG4bK{secrets.token_hex(8)}"
            stray.headers.insert(0, ("Via", f"SIP/2.0/UDP {via.contact_host};branch={branch};rport"))
            via.send_octets(stray.encode())
        # A request that was passed on would arrive before the answer to a later one.
        await passed_on("a request behind it", "OPTIONS", zoe, asserted=ALICE_URI)
        rows.check("what went on of it", got.qsize(), 0)

        say("messages to the gateway, and reports on its messages, are taken")
        alice = scscf.device(PhoneThere, *ALICE)
        equal((await scscf.register(ALICE_URI)).status, 200, "the answer to the S-CSCF")
        chain = [("Route", f"<sip:{host}:{port};lr>, <{odi}>"), ("P-Asserted-Identity", f"<{ALICE_URI}>"), *RP]
        alice.rp_answer = None
        bob = await gw.user(ImClient, "bob")
        held = asyncio.create_task(bob.send_im(ALICE_URI, "hi"))
        request, message = await alice.next_message()
        report = request_of(gw, "MESSAGE", smsc, [*chain, ("In-Reply-To", request.get("Call-ID"))], sms.rp_ack(message.mr))
        rows.check("a report by In-Reply-To, whomever it names", (await scscf.endpoint.request(report)).status, 202)
        rows.check("the sender", (await asyncio.wait_for(held, 5)).status, 200)
        stray = request_of(gw, "MESSAGE", "sip:+15559999@ims.example", chain, sms.rp_ack(77))
        rows.check("a stray report that names us", (await scscf.endpoint.request(stray)).status, 202)
        rows.check("what went on", got.qsize(), 0)
        say("a third-party REGISTER of somebody unknown")
        rows.check("REGISTER", (await scscf.register("sip:zoe@ims.example", b"")).status, 200)
        rows.check("no question", scscf.subscriptions.qsize(), 0)
        rows.done(at_least=48)


@both
async def numbers_elsewhere(name, options):
    "an instant message to a number elsewhere, in a chain: along the Route, or to the service centre if the operator says so"
    for setting in ("chain", "sc"):
        port = free_port()
        async with behind(name, options, sc_uri=f"sip:127.0.0.2:{port}", im_elsewhere=setting) as gw:
            centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
            scscf = await scscf_of(gw)
            carol = scscf.device(ClientThere, *CAROL)
            elsewhere = scscf.device(ClientThere, "+15557777")
            scscf.device(ClientThere, "zoe")
            host, port = gw.address
            odi = f"sip:odi@{scscf.endpoint.contact_host};lr"
            chain = [("Route", f"<sip:{host}:{port};lr>, <{odi}>")]
            sent = asyncio.create_task(carol.send_im("sip:+15557777@ims.example", setting, headers=chain))
            if setting == "chain":
                request = await elsewhere.next_message()
                equal((request.text, request.get("Route")), ("chain", f"<{odi}>"), "the message")
                equal((await sent).status, 200, "the answer")
            else:
                request, message = await asyncio.wait_for(centre.submitted.get(), 20)
                equal(request.get("P-Asserted-Identity"), f"<{CAROL_URI}>", "who sent it")
                await centre.report_to(CAROL_URI, sms.rp_ack(message.mr, network=True), request.get("Call-ID"))
                equal((await sent).status, 202, "the answer")
                say("not for a sender in no table")
                headers = [*chain, ("P-Asserted-Identity", "<sip:zoe@ims.example>"), ("Content-Type", "text/plain")]
                answer = await scscf.endpoint.request(request_of(gw, "MESSAGE", "sip:+15557777@ims.example", headers, b"zoe"))
                equal((answer.status, (await elsewhere.next_message()).text), (200, "zoe"), "the message")


@both
async def whose_it_is(name, options):
    "identities that are too long, too many, or of another person: no message goes to the wrong person"
    async with behind(name, options) as gw:
        scscf, bob, rows = await scscf_of(gw), await gw.user(ImClient, "bob"), Rows()
        alice = scscf.device(PhoneThere, *ALICE)
        carol = await gw.user(ImClient, "carol")
        copied = copy("SIP/2.0 200 OK", ALICE_URI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
        many = [f"sip:alice{n}@ims.example" for n in range(500)]
        for what, uris in (
            ("carol's", (ALICE_URI, CAROL_URI, "tel:+15550003", "sip:carol@ims.example")),
            ("1,000 octets", (ALICE_URI, "sip:" + "x" * 1000 + "@ims.example", "tel:+" + "1" * 1000)),
            ("500 of them", many),
            ("no URIs", ("", "x", "sip:", "sip:@", "urn:x:y", "sip:a\"b@x", "<>")),
        ):
            answer = await scscf.register(ALICE_URI, copied, "message/sip", headers=associated(*uris))
            rows.check(f"{what}: the answer", answer.status, 200)
            rows.check(f"{what}: an IM to alice", (await bob.send_im(ALICE_URI, what)).status, 200)
            rows.check(f"{what}: at alice's phone", (await alice.next_message())[1].tpdu.text, what)
            for uri in (CAROL_URI, "sip:carol@ims.example", "tel:+15550003"):
                rows.check(f"{what}: an IM to {uri}", (await bob.send_im(uri, what)).status, 200)
                rows.check(f"{what}: at carol's client", (await carol.next_message()).text, what)
        await gw.until(lambda: gw.pattern_seen("another person here"), what="a word in the log")
        rows.check("numbers in that word", gw.pattern_seen("names identities[^=]*1555"), False)
        say("identities missing in the next set are forgotten")
        for uris, wanted in (((ALICE_URI, many[0]), 200), ((ALICE_URI, many[1]), 404)):
            await scscf.register(ALICE_URI, copied, "message/sip", headers=associated(*uris))
            rows.check(f"the first, of {len(uris)}", (await bob.send_im(many[0], "hi")).status, wanted)
        say("carol does not take over an identity of alice while alice is registered")
        await scscf.register(CAROL_URI, copied, "message/sip", headers=associated(CAROL_URI, many[1]))
        equal((await bob.send_im(many[1], "whose")).status, 200, "the answer")
        while not alice.inbox.empty():
            request, seen = alice.inbox.get_nowait()
        rows.check("whose it is", (request.uri, seen.tpdu.text), (ALICE_URI, "whose"))
        rows.done(at_least=30)


@both
async def database_locked(name, options):
    "another program holds the database's lock: the S-CSCF gets its answer soon, and the identities are kept the next time"
    async with behind(name, options, defines=["WORKERS=1"]) as gw:
        scscf = await scscf_of(gw)
        scscf.device(PhoneThere, *ALICE)
        bob = await gw.user(ImClient, "bob")
        copied = copy("SIP/2.0 200 OK", ALICE_URI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
        names = associated(ALICE_URI, *(f"sip:alice{n}@ims.example" for n in range(12)))
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            registering = asyncio.create_task(scscf.register(ALICE_URI, copied, "message/sip", headers=names))
            longest = 0
            while not registering.done():
                asked = time.monotonic()
                equal((await bob.send_im(gw.uri("bob"), "meanwhile")).status, 200, "a message meanwhile")
                longest = max(longest, time.monotonic() - asked)
            answer = await registering
            took = time.monotonic() - started
            db.execute("ROLLBACK")
            say(f"the slowest message meanwhile: {longest * 1000:.0f} ms")
            equal(longest < 0.5, True, "whether messages go on: no SIP worker waits for the database")
            say(f"{answer.status} after {took:.1f} s")
            equal((answer.status, took < 6), (503, True), "the answer to the S-CSCF, and whether it came soon")
            answer = await scscf.register(ALICE_URI, copied, "message/sip", headers=names)
            equal(answer.status, 200, "the next answer")
            kept = [row[0] for row in db.execute("SELECT identity FROM ipsmgw_identity")]
            kept = len([identity for identity in kept if "alice" in identity])
            equal(kept, 12, "identities in the database")


@both
async def number_of_another(name, options):
    "identities that an S-CSCF told do not pass to the next owner of the number"
    async with behind(name, options) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        alice = scscf.device(PhoneThere, *ALICE)
        scscf.also(alice, IMSI)
        copied = copy("SIP/2.0 200 OK", IMSI, [f"<sip:a@10.1.2.3>;{SMSIP}"])
        names = associated(IMSI, ALICE_URI)
        equal((await scscf.register(IMSI, copied, "message/sip", headers=names)).status, 200, "the answer to the S-CSCF")
        equal((await bob.send_im(IMSI, "hi")).status, 200, "an IM to alice")
        await gw.stop()
        for arguments in (("add", "alice", "secret", "+15550009"), ("add", "dave", "secret", ALICE[1])):
            subprocess.run([CFG / "user", *arguments], env=gw.env, check=True, capture_output=True)
        await gw.start()
        bob.forget_challenges()
        equal((await bob.send_im(IMSI, "hi")).status, 404, "an IM to the identity that was alice's")
        equal((await bob.send_im(ALICE_URI, "hi")).status, 480, "an IM to dave")


async def by_kamailios_own():
    "Kamailio's S-CSCF registered an identity made of an IMSI; the gateway subscribes for the phone's capabilities"
    for variant, options in VARIANTS:
        for setting, wanted in (("user", 200), ("", 480)):
            name = f"real-{variant}-{setting or 'gateway'}"
            async with behind(name, {**TRUSTED, **options}, reg_event_identity=setting) as gw, Core(gw, include=None) as core:
                command = [CFG / "user", "identity", "alice", IMSI]
                subprocess.run(command, env=gw.env, check=True, capture_output=True)
                alice = await core.user(ImsPhone, IMSI, ALICE[1], f"tel:{ALICE[1]}")
                bob = await gw.user(ImClient, "bob")
                if wanted == 480:
                    await gw.until(lambda: gw.pattern_seen("set reg_event_identity to"), what="what to do, in the log")
                    equal((await bob.send_im(ALICE_URI, "hi")).status, 480, "nothing is known of the phone")
                    continue
                deadline = 50
                while (answer := await bob.send_im(ALICE_URI, "hi")).status != 200 and (deadline := deadline - 1):
                    await asyncio.sleep(0.1)
                equal(answer.status, 200, "an IM, when the S-CSCF has told of the phone")
                equal((await alice.next_message())[1].tpdu.text, "hi", "at the phone")
                sent = await alice.send_sm(BOB[1], "an SM")
                request = await bob.next_message()
                equal(sip.addr_spec(request.get("From")), ALICE_URI, "whom bob sees")
                equal((await sent.outcome()).kind, "RP-ACK", "the report")


async def as_shipped():
    "the settings of application-server.env"
    command = ["bash", "-c", 'set -a; . "$0"; . "$1"; env -0', CFG / "application-server.env", CFG / "settings.sh"]
    shown = subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=True, capture_output=True, text=True).stdout
    values = dict(line.split("=", 1) for line in shown.split("\0") if line.startswith("IPSMGW_"))
    names = ("DOMAIN", "SC", "SC_URI", "REG_EVENT_IDENTITY", "IM_ELSEWHERE")
    async with behind("as_shipped", {name.lower(): values[f"IPSMGW_{name}"] for name in names}) as gw:
        scscf, bob = await scscf_of(gw), await gw.user(ImClient, "bob")
        scscf.also(scscf.device(PhoneThere, *ALICE), IMSI)
        equal((await scscf.register(IMSI, b"", headers=associated("tel:+15550001"))).status, 200, "the answer to the S-CSCF")
        subscription = await asyncio.wait_for(scscf.subscriptions.get(), 20)
        equal(subscription.request.get("P-Asserted-Identity"), f"<{IMSI}>", "who asks")
        equal(await subscription.notify(reginfo(SMSIP, aor=IMSI)), 200, "the answer to the NOTIFY")
        equal((await bob.send_im(ALICE_URI, "hi")).status, 200, "an IM")


run(
    by_an_imsi, untouched, two_asserted, moved, union, nobody_here, numbers_elsewhere, whose_it_is, database_locked, number_of_another,
    by_kamailios_own, as_shipped,
)  # fmt: skip
