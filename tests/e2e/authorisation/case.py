"""Authorisation: see README.md."""

import asyncio
import sqlite3
import subprocess

from e2e import CFG, ImClient, Phone, ServiceCentre, equal, gateway, run, say
from gateway import free_port

KAMAILIO_S = "s:"  # kamcmd takes a number for one unless told that it is text


def allow(gw, name, what):
    done = subprocess.run([CFG / "user", "allow", name, what], env=gw.env, capture_output=True, text=True)
    equal((done.returncode, done.stderr), (0, ""), f"user allow {name} {what}")


async def both_directions():
    "an unauthorised sender of an instant message gets 403; for an unauthorised recipient the phone gets RP-ERROR 50"
    async with gateway() as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        equal((await bob.send_im(gw.uri("+15550001"), "hi")).status, 200, "before")
        equal((await (await alice.send_sm("+15550002", "hi")).outcome()).kind, "RP-ACK", "before")

        for what, answer, report in (("none", 403, 50), ("sm2im", 403, None), ("im2sm", 200, 50), ("both", 200, None)):
            say(what)
            allow(gw, "bob", what)
            equal((await bob.send_im(gw.uri("+15550001"), "hi")).status, answer, "the client's answer")
            outcome = await (await alice.send_sm("+15550002", what)).outcome()
            equal(outcome.cause, report, "the phone's RP-Cause")
            if report:
                equal(outcome.tpdu.fcs, 0xC1, "TP-FCS")
        equal(len(alice.requests) >= 3, True, "only what was allowed went on")


async def as_a_short_message():
    "a message that may not be converted stays a short message: for the recipient's phone, or for the service centre"
    port = free_port()
    async with gateway(name="transport", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain)
        alice, client = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        allow(gw, "bob", "im2sm")

        async def goes_to_the_centre(text):
            sent = await alice.send_sm("+15550002", text)
            equal(sent.answer.status, 202, "the centre's answer")
            request, _ = await asyncio.wait_for(centre.submitted.get(), 20)
            equal(request.body, sent.octets, "the octets")

        say("a client alone: its phone may be elsewhere")
        await goes_to_the_centre("to the centre")
        report = await (await centre.deliver(gw.uri("+15550002"), "+15557777", "back from it")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 111), "from the centre: refused")
        say("a phone, too: the message is passed on to it")
        phone = await gw.user(Phone, "bob")
        await goes_to_the_centre("for the phone")
        sent = await centre.deliver(gw.uri("+15550002"), "+15557777", "as it is")
        request, _ = await phone.next_message()
        equal(request.body, sent.octets, "the octets")
        equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
        equal(client.requests, [], "what the client got")
        say("nobody is here")
        await phone.register(expires=0)
        await client.register(expires=0)
        await goes_to_the_centre("for later")
    async with gateway(name="alone") as gw:
        alice, client, phone = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), await gw.user(Phone, "bob")
        allow(gw, "bob", "im2sm")
        report = await (await alice.send_sm("+15550002", "no centre")).outcome()
        equal(report.kind, "RP-ACK", "without a service centre, the phone has it")
        equal((await phone.next_message())[1].tpdu.text, "no centre", "the text")
        await phone.register(expires=0)
        report = await (await alice.send_sm("+15550002", "no phone")).outcome()
        equal((report.kind, report.cause), ("RP-ERROR", 50), "without a service centre and a phone")
        equal(client.requests, [], "what the client got")


async def by_rpc():
    "auth_set writes the table and counts at once; reload reads changes of others; mistakes get an error"
    async with gateway(name="rpc") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        gw.rpc("ipsmgw.auth_set", KAMAILIO_S + "+15550002", "none")
        equal("none" in gw.rpc("ipsmgw.auth_get", "sip:+15550002@ims.example"), True, "auth_get")
        equal((await bob.send_im(gw.uri("+15550001"), "hi")).status, 403, "the answer")
        with sqlite3.connect(gw.db, timeout=5) as db:
            equal(db.execute("SELECT * FROM ipsmgw_auth").fetchall(), [("+15550002", 0, 0)], "the table")
            db.execute("UPDATE ipsmgw_auth SET im2sm = 1")
        equal((await bob.send_im(gw.uri("+15550001"), "hi")).status, 403, "before reload")
        equal("entries: 1" in gw.rpc("ipsmgw.reload"), True, "reload")
        equal((await bob.send_im(gw.uri("+15550001"), "hi")).status, 200, "after it")
        with sqlite3.connect(gw.db, timeout=5) as db:
            db.execute("DELETE FROM ipsmgw_auth")
        gw.rpc("ipsmgw.reload")
        equal("both" in gw.rpc("ipsmgw.auth_get", KAMAILIO_S + "+15550002"), True, "who is not listed")
        for wrong in (("nobody", "both"), (KAMAILIO_S + "+15550002", "all"), ()):
            equal(gw.try_rpc("ipsmgw.auth_set", *wrong), None, f"auth_set {wrong}")
        equal(len(alice.requests), 1, "what the phone got")


run(both_directions, as_a_short_message, by_rpc)
