"""Debian's own configuration with the routes file: see README.md."""

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path

import sip
from e2e import CFG, FOLDER, ImClient, Phone, Rows, equal, run, say
from gateway import ROOT
from kamailio import Kamailio, free_port

DEBIAN = Path(os.environ.get("KAMAILIO_CFG", "/etc/kamailio/kamailio.cfg"))
SCHEMA = Path("/usr/share/kamailio/db_sqlite")
DOMAIN = "sip.example.com"
PEOPLE = {"+15550001": "secret1", "bob": "secret2", "+15550002": "secret3"}


def write_configuration(name, *before, port, first="", last=""):
    """Debian's file with the two lines of the manual, other lines, and the sockets of a test."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stock = DEBIAN.read_text()
    call = "\troute(AUTH);\n"
    equal(stock.count(call), 1, "Debian's configuration authenticates in one place")
    text = stock.replace(call, call + "\troute(IPSMGW);\n") + f'\ninclude_file "{CFG}/ipsmgw-routes.cfg"\n{last}\n'
    text = text.replace("request_route {\n", f"request_route {{\n{first}\n", 1)
    text += f'modparam("ctl", "binrpc", "unix:{folder}/ctl")\nlisten=127.0.0.1:{port}\nlog_stderror=yes\n'
    text += f'modparam("jsonrpcs", "fifo_name", "{folder}/fifo")\nmodparam("jsonrpcs", "dgram_socket", "{folder}/sock")\n'
    (folder / "kamailio.cfg").write_text(text)
    module = os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so"))
    lines = [*before, f'#!define IPSMGW_DOMAIN "{DOMAIN}"', f'#!define IPSMGW_MODULE "{module}"']
    (folder / "kamailio-local.cfg").write_text("\n".join(lines) + "\n")
    return folder


def start(folder, port):
    programs = os.environ.get("KAMAILIO", "kamailio"), os.environ.get("KAMCMD", "kamcmd")
    return Kamailio(folder, folder / "kamailio.cfg", ("127.0.0.1", port), folder / "ctl", dict(os.environ), *programs)


def make_people(database):
    """People as Kamailio's own schema has them."""
    with sqlite3.connect(database) as connection:
        for part in ("standard", "auth_db"):
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
    say("a stranger who says that he is bob")
    rows.check("the answer", await in_bobs_name(await kamailio.endpoint(), phone), 403)
    rows.check("the phone's", phone.inbox.empty(), True)
    say("authorisation by RPC")
    kamailio.rpc("ipsmgw.auth_set", "s:+15550001", "none")
    refused = await client.send_im(f"sip:+15550002@{DOMAIN}", "to myself")
    rows.check("a client to a client needs none", refused.status, 200)
    kamailio.rpc("ipsmgw.auth_set", f"sip:bob@{DOMAIN}", "none")
    rows.check("who may not", (await bob.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 403)
    rows.done(at_least=15)


async def with_authentication():
    "as an operator uses it: users in a database"
    port = free_port()
    database = FOLDER / "people.sqlite"
    FOLDER.mkdir(parents=True, exist_ok=True)
    database.unlink(missing_ok=True)
    make_people(database)
    folder = write_configuration(
        "auth", "#!define WITH_AUTH", f'#!define DBURL "sqlite:///{database}"', 'loadmodule "db_sqlite.so"', port=port
    )
    kamailio = start(folder, port)
    failed = True
    try:
        await kamailio.start()
        await play(kamailio)
        failed = False
    finally:
        await kamailio.close(failed)


async def without_authentication():
    "Debian's default: no user is known and nothing is converted; in a laboratory From can be believed"
    for name, lines, wanted in (("strict", (), 403), ("lab", ("#!define IPSMGW_BELIEVES_FROM",), 200)):
        port = free_port()
        kamailio = start(write_configuration(name, *lines, port=port), port)
        failed = True
        try:
            await kamailio.start()
            phone, bob = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "bob")
            equal((await bob.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, wanted, f"{name}: the answer")
            if wanted == 200:
                equal((await phone.next_message())[1].tpdu.text, "hi", f"{name}: the phone's text")
            else:
                equal(await in_bobs_name(await kamailio.endpoint(), phone), 403, "a stranger who says that he is bob")
            failed = False
        finally:
            await kamailio.close(failed)


async def switched_off():
    "ipsmgw.disable, and rules of the operator: a message that is not converted goes on in Debian's configuration"
    port = free_port()
    rules = ["route[IPSMGW_CONVERTS] {", '\tif ($vn(sender) =~ "^sip:carol@" && $vn(direction) == "im2sm") return -1;']
    rules += [f'\tif ($vn(recipient) == "sip:+15550002@{DOMAIN}" && $vn(direction) == "sm2im" && $si == "127.0.0.2") return -1;', "\treturn 1;", "}"]
    kamailio = start(write_configuration("off", "#!define IPSMGW_BELIEVES_FROM", "#!define IPSMGW_RULES", port=port, last="\n".join(rules)), port)
    failed = True
    try:
        await kamailio.start()
        phone, bob = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "bob")
        carol = ImClient(bob.endpoint, "carol", None, DOMAIN)
        for sender, wanted in ((bob, 200), (carol, 415)):
            equal((await sender.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, wanted, f"by the rules: {sender.name}")
            await phone.next_message()
        client = await user(kamailio, ImClient, "+15550002")
        there = Phone(await kamailio.endpoint(host="127.0.0.2"), "+15550001", None, DOMAIN, "+15550001")
        for sender, wanted in ((phone, 202), (there, 404)):
            equal((await sender.send_sm("+15550002", "hi")).answer.status, wanted, f"by the rules: a phone at {sender.endpoint.address[0]}")
        await client.next_message()
        kamailio.rpc("ipsmgw.disable")
        equal((await bob.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 415, "switched off: the answer of the phone")
        equal((await phone.next_message()).text, "hi", "the phone's text")
        equal((await phone.send_sm("+15550002", "hi")).answer.status, 404, "switched off: a short message")
        equal(client.inbox.empty(), True, "whether the client got nothing")
        kamailio.rpc("ipsmgw.enable")
        equal((await bob.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 200, "switched on")
        failed = False
    finally:
        await kamailio.close(failed)


async def overload():
    "while the table of exchanges is nearly full new messages get 503, with the third line of the manual and without"
    for name, first in (("two", ""), ("three", "\troute(IPSMGW_OVERLOAD);")):
        port = free_port()
        limits = {"max_pending": 4, "max_per_party": 4, "max_per_sender": 4, "overload_pending": 50, "hold_timeout": 2}
        full = "\n".join(f'modparam("ipsmgw", "{key}", {value})' for key, value in limits.items())
        kamailio = start(write_configuration(name, "#!define IPSMGW_BELIEVES_FROM", port=port, first=first, last=full), port)
        failed = True
        try:
            await kamailio.start()
            phone, bob = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "bob")
            phone.rp_answer = None
            held = [asyncio.create_task(bob.send_im(f"sip:+15550001@{DOMAIN}", f"held {n}")) for n in range(2)]
            await phone.next_message()
            await phone.next_message()
            refused = await bob.send_im(f"sip:+15550001@{DOMAIN}", "one more")
            equal((refused.status, refused.get("Retry-After") is not None), (503, True), f"{name} lines: the answer")
            equal({answer.status for answer in await asyncio.gather(*held)}, {202}, f"{name} lines: the held messages")
            failed = False
        finally:
            await kamailio.close(failed)


run(with_authentication, without_authentication, switched_off, overload)
