"""Debian's own configurations of Kamailio with the gateway added: their people, and what they play."""

import os
import sqlite3
from pathlib import Path

import sip
from e2e import ImClient, Phone, Rows, say
from kamailio import Kamailio

SCHEMA = Path("/usr/share/kamailio/db_sqlite")
DOMAIN = "sip.example.com"
PEOPLE = {"+15550001": "secret1", "bob": "secret2", "+15550002": "secret3", "+15550003": "secret4"}


def start(folder, port):
    programs = os.environ.get("KAMAILIO", "kamailio"), os.environ.get("KAMCMD", "kamcmd")
    return Kamailio(folder, folder / "kamailio.cfg", ("127.0.0.1", port), folder / "ctl", dict(os.environ), *programs)


def make_people(database, *more):
    """People as Kamailio's own schema has them, and tables of more modules."""
    with sqlite3.connect(database) as connection:
        for part in ("standard", "auth_db", *more):
            connection.executescript((SCHEMA / f"{part}-create.sql").read_text())
        rows = [(name, DOMAIN, password) for name, password in PEOPLE.items()]
        connection.executemany("INSERT INTO subscriber (username, domain, password) VALUES (?, ?, ?)", rows)
    connection.close()


async def user(kamailio, kind, name, protocol="udp"):
    number = name if name.startswith("+") else None
    found = kind(await kamailio.endpoint(protocol), name, PEOPLE[name], DOMAIN, number)
    await found.register()
    return found


async def in_bobs_name(stranger, phone):
    """The status of a text to the phone with bob's name in credentials that nobody checks."""
    credentials = f'Digest username="bob", realm="{DOMAIN}", nonce="1", uri="sip:x", qop=auth, nc=00000001, cnonce="1", response="1"'
    headers = [("Content-Type", "text/plain"), ("Proxy-Authorization", credentials)]
    fields = [("From", "<sip:bob@elsewhere.example>;tag=1"), ("To", f"<sip:{phone.number}@{DOMAIN}>"), ("Call-ID", "in-bobs-name")]
    fields += [("CSeq", "1 MESSAGE"), ("Max-Forwards", "70"), *headers]
    request = sip.Message(f"MESSAGE sip:{phone.number}@{DOMAIN} SIP/2.0", fields, b"not from bob")
    return (await stranger.request(request)).status


async def play(kamailio):
    rows = Rows()
    phone, client = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "+15550002", "tcp")
    bob = await user(kamailio, ImClient, "bob")

    say("phone to client")
    sent = await phone.send_sm("+15550002", "Grüße")
    rows.check("the client's text", (await client.next_message()).text, "Grüße")
    rows.check("the phone's report", (await sent.outcome()).kind, "RP-ACK")
    say("client to phone")
    rows.check("the answer", (await client.send_im(f"sip:+15550001@{DOMAIN}", "Hello 😀")).status, 200)
    rows.check("the phone's text", (await phone.next_message())[1].tpdu.text, "Hello 😀")
    rows.check("a number as people write it", (await client.send_im("tel:+1-555-0001", "Hello")).status, 200)
    rows.check("its text", (await phone.next_message())[1].tpdu.text, "Hello")
    phone.rp_answer = 22
    rows.check("a full phone", (await bob.send_im(f"sip:+15550001@{DOMAIN}", "no room")).status, 480)
    await phone.next_message()
    say("client to client stays as it is")
    rows.check("the answer", (await bob.send_im(f"sip:+15550002@{DOMAIN}", "<b>hi</b>", "text/html")).status, 200)
    request = await client.next_message()
    rows.check("the body", (request.get("Content-Type"), request.body), ("text/html", b"<b>hi</b>"))
    say("refusals")
    rows.check("nobody", (await (await phone.send_sm("+19990000", "hi")).outcome()).cause, 27)
    other = await user(kamailio, Phone, "+15550002")
    rows.check("a picture to a phone", (await bob.send_im(f"sip:+15550001@{DOMAIN}", "png", "image/png")).status, 415)
    broken = await bob.send_im(f"sip:+15550001@{DOMAIN}", b"\x00\x01\x00", "application/vnd.3gpp.sms")
    rows.check("a broken short message", broken.status, 400)
    say("somebody with a phone and a client: a text goes to the client alone")
    rows.check("the answer", (await bob.send_im(f"sip:+15550002@{DOMAIN}", "which?")).status, 200)
    rows.check("the client's text", (await client.next_message()).text, "which?")
    rows.check("the phone's", other.inbox.empty(), True)
    say("phone to phone")
    carol = await user(kamailio, Phone, "+15550003")
    phone.rp_answer = "ack"
    sent = await carol.send_sm("+15550001", "from a phone")
    rows.check("the phone's text", (await phone.next_message())[1].tpdu.text, "from a phone")
    rows.check("the report", (await sent.outcome()).kind, "RP-ACK")
    typing = await bob.send_im(f"sip:+15550001@{DOMAIN}", "<isComposing/>", "application/im-iscomposing+xml")
    rows.check("is typing", (typing.status, phone.inbox.empty()), (200, True))
    say("a stranger who says that he is bob")
    rows.check("the answer", await in_bobs_name(await kamailio.endpoint(), phone), 403)
    rows.check("the phone's", phone.inbox.empty(), True)
    say("authorisation by RPC")
    kamailio.rpc("ipsmgw.auth_set", "s:+15550001", "none")
    refused = await client.send_im(f"sip:+15550002@{DOMAIN}", "to myself")
    rows.check("a client to a client needs none", refused.status, 200)
    kamailio.rpc("ipsmgw.auth_set", f"sip:bob@{DOMAIN}", "none")
    rows.check("who may not", (await bob.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 403)
    rows.done(at_least=18)
