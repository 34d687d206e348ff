"""Debian's own configuration with the routes file: see README.md."""

import asyncio
import os
import shutil
from pathlib import Path

import manuals
import sms
from debian import DOMAIN, in_bobs_name, make_people, play, start, user
from e2e import CFG, FOLDER, ImClient, Phone, equal, run
from gateway import ROOT
from kamailio import free_port

MANUAL = "doc/ipsmgw_admin.md"
DEBIAN = Path(os.environ.get("KAMAILIO_CFG", "/etc/kamailio/kamailio.cfg"))


def write_configuration(name, *before, port, first="", last=""):
    """Debian's file with the two lines of the manual, other lines, and the sockets of a test."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stock = DEBIAN.read_text()
    include, calls, defines = [one.text for one in manuals.blocks("", MANUAL) if one.heading == "In your own Kamailio"][-3:]
    call = "\troute(AUTH);\n"
    equal(stock.count(call), 1, "Debian's configuration authenticates in one place")
    equal(calls.startswith(call.strip()), True, "the manual names that place")
    text = stock.replace(call, calls) + include.replace("/path/to/ipsmgw/kamailio-cfg", str(CFG)) + f"{last}\n"
    text = text.replace("request_route {\n", f"request_route {{\n{first}\n", 1)
    text += f'modparam("ctl", "binrpc", "unix:{folder}/ctl")\nlisten=127.0.0.1:{port}\nlog_stderror=yes\n'
    text += f'modparam("jsonrpcs", "fifo_name", "{folder}/fifo")\nmodparam("jsonrpcs", "dgram_socket", "{folder}/sock")\n'
    (folder / "kamailio.cfg").write_text(text)
    module = os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so"))
    # WITH_AUTH only where the scenario says so.
    settings = [line.replace("/path/to/ipsmgw/target/release/ipsmgw.so", module) for line in defines.splitlines() if "WITH_AUTH" not in line]
    lines = [*before, *settings]
    (folder / "kamailio-local.cfg").write_text("\n".join(lines) + "\n")
    return folder


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
        limits = {"max_pending": 4, "max_per_party": 4, "max_per_sender": 4, "overload_pending": 50}
        full = "\n".join(f'modparam("ipsmgw", "{key}", {value})' for key, value in limits.items())
        kamailio = start(write_configuration(name, "#!define IPSMGW_BELIEVES_FROM", port=port, first=first, last=full), port)
        failed = True
        try:
            await kamailio.start()
            bob = await user(kamailio, ImClient, "bob")
            # A phone gets one message at a time.
            phones = [await user(kamailio, Phone, number) for number in ("+15550001", "+15550003")]
            held = []
            for phone in phones:
                phone.rp_answer = None
                held.append(asyncio.create_task(bob.send_im(f"sip:{phone.number}@{DOMAIN}", "held")))
            delivered = [await phone.next_message() for phone in phones]
            refused = await bob.send_im(f"sip:+15550001@{DOMAIN}", "one more")
            equal((refused.status, refused.get("Retry-After") is not None), (503, True), f"{name} lines: the answer")
            for phone, (request, seen) in zip(phones, delivered, strict=True):
                equal((await phone.report(request, sms.rp_ack(seen.mr))).status, 202, f"{name} lines: the answer to a report")
            equal({answer.status for answer in await asyncio.gather(*held)}, {200}, f"{name} lines: the held messages")
            failed = False
        finally:
            await kamailio.close(failed)


run(with_authentication, without_authentication, switched_off, overload)
