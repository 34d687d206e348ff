"""Charging records: see README.md."""

import asyncio
import json
import re
import secrets
import sqlite3
import stat
from collections import Counter
from pathlib import Path

import sms
from e2e import CFG, FOLDER, CpimClient, ImClient, Phone, ServiceCentre, equal, gateway, run, say
from gateway import GatewayError, free_port

PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", None), ("erin", "+15550005")]
FIELDS = (
    *("record_id", "message_type", "record_type", "interworking", "mode", "result", "sip_status", "sms_result", "sms_status"),
    *("originator", "originator_interface", "recipient", "recipient_interface", "session_id", "total_number", "im_message_id"),
    *("event_time", "submission_time", "message_reference", "local_sequence_number", "node_address"),
)
NATIVE = (
    "event_route[ipsmgw:cdr] {\n\txlog(\"L_NOTICE\", \"cdr {"
    + ",".join(f'\\"{name}\\":\\"$ipsmgw(cdr_{name})\\"' for name in FIELDS)
    + '}\\n");\n\t# Nothing that a request needs works here.\n\tt_reply("500", "Not Here");\n\tipsmgw_reply();\n}\n'
)
LUA = """
function cdr()
	local fields = {}
	for name in string.gmatch("%s", "%%S+") do
		fields[#fields + 1] = '"' .. name .. '":"' .. tostring(KSR.pv.get("$ipsmgw(cdr_" .. name .. ")") or "<null>") .. '"'
	end
	KSR.notice("cdr {" .. table.concat(fields, ",") .. "}\\n")
	KSR.ipsmgw.reply()
	return 1
end
""" % " ".join(FIELDS)
# As doc/ipsmgw_admin.md shows it.
OTHER_MODULES = re.search(r"```cfg\n(loadmodule \"acc.so\".*?)```", (CFG.parent / "doc/ipsmgw_admin.md").read_text(), re.S)[1]
MODPARAMS = {"hold_timeout": 3, "report_timeout": 2, "concat_timeout": 2}
SUBMISSION, REPORT, DELIVERY = "0", "1", "3"


class Books:
    """The records that must exist, from the books of the phones and clients."""

    def __init__(self, gw):
        self.gw = gw
        self.wanted = Counter()

    def sm(self, told, got):
        """A short message of a phone: the report to the phone, and the outcome at the client."""
        self.wanted += Counter([(SUBMISSION, "sm_to_im", told), (DELIVERY, "sm_to_im", got)])

    def im(self, told, got=None, way="im_to_sm"):
        """An instant message: the answer to its sender, and the outcome at the recipient."""
        self.wanted[SUBMISSION, way, told] += 1
        if got:
            self.wanted[DELIVERY, way, got] += 1

    def note(self, kind, way, result):
        self.wanted[kind, way, result] += 1

    def records(self):
        return [json.loads(line) for line in re.findall(r"cdr (\{.*\})", self.gw.log())]

    def found(self):
        return Counter((it["message_type"], it["interworking"], it["result"]) for it in self.records())

    def rows(self):
        """The records in the table."""
        with sqlite3.connect(f"file:{self.gw.db}?mode=ro", uri=True, timeout=10) as connection:
            found = connection.execute(f"SELECT {', '.join(FIELDS)} FROM ipsmgw_cdr").fetchall()
        connection.close()
        return [dict(zip(FIELDS, ("<null>" if value is None else str(value) for value in row))) for row in found]

    async def table_balance(self, more=0):
        """The table has the same records as the event route, and so many from before."""
        await self.gw.until(lambda: len(self.rows()) >= len(self.records()) + more, timeout=20, what="the rows")
        rows = {row["record_id"]: row for row in self.rows()}
        equal(len(rows), len(self.records()) + more, "rows")
        for record in self.records():
            equal(rows[record["record_id"]], record, "a row, and its record")

    async def balance(self):
        """The records are there, all of them, and no more."""
        await self.gw.until(lambda: self.gw.pending() == 0, timeout=30, what="an empty table")
        await self.gw.until(lambda: sum(self.found().values()) >= self.wanted.total(), what="the records")
        equal(sorted(self.found().items()), sorted(self.wanted.items()), "the records")
        records = self.records()
        for name in ("record_id", "local_sequence_number"):
            equal(len({it[name] for it in records}), len(records), f"records with their own {name}")
        for it in records:
            equal(it["record_type"], "112" if it["message_type"] == SUBMISSION else "113", f"type of {it}")
            equal((it["mode"], it["node_address"]), ("pager", "+15559999"), f"mode and node of {it}")

    def of(self, call_id):
        """The records with this Call-ID, by their type."""
        return {it["message_type"]: it for it in self.records() if it["session_id"] == call_id}


def native(name="native", **options):
    return gateway(name=name, people=PEOPLE, script=NATIVE, modparams=MODPARAMS, **options)


def in_lua(name="lua", **options):
    FOLDER.mkdir(parents=True, exist_ok=True)
    script = FOLDER / "charging.lua"
    script.write_text((CFG / "kamailio.lua").read_text() + LUA)
    modparams = {**MODPARAMS, "cdr_event_callback": "cdr"}
    return gateway(name=name, people=PEOPLE, cfg=CFG / "kamailio-kemi.cfg", lua=script, modparams=modparams, **options)


def cpim(text, message_id):
    return (
        "From: <sip:+15550002@ims.example>\r\nTo: <sip:+15550001@ims.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        f"imdn.Message-ID: {message_id}\r\nDateTime: 2026-01-01T12:00:00Z\r\n"
        "imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    ).encode()


def list_of(*uris):
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return (
        "--b\r\nContent-Type: text/plain\r\n\r\nto all\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n"
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>\r\n--b--\r\n'
    ).encode()


async def play(gw):
    books = Books(gw)
    alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
    carol, dave = await gw.user(Phone, "carol"), await gw.user(ImClient, "dave")

    say("short messages: delivered, refused, accepted, for somebody who is away; one sent twice")
    for answer, told, got in ((200, "delivered", "delivered"), (486, "failed", "failed"), (202, "accepted", "accepted")):
        bob.answers.append(answer)
        sent = await alice.send_sm("+15550002", f"answered with {answer}")
        equal((await sent.outcome()).kind, "RP-ERROR" if told == "failed" else "RP-ACK", "the report")
        await bob.next_message()
        books.sm(told, got)
    await (await alice.send_sm("+15550005", "nobody there")).outcome()
    books.sm("failed", "failed")
    octets = sms.rp_data(77, alice.centre, sms.submit("+15550002", "twice", mr=77))
    for _ in range(2):
        await (await alice.send_rp(octets)).outcome()
    equal((await bob.next_message()).text, "twice", "the message")
    books.sm("delivered", "delivered")

    say("a status report; another one that the phone does not take")
    for rp_answer, result in (("ack", "delivered"), (22, "failed")):
        alice.rp_answers.append(rp_answer)
        tpdu = sms.submit("+15550002", "report, please", mr=88, srr=True)
        await (await alice.send_sm(None, None, tpdu=tpdu)).outcome()
        await bob.next_message()
        equal((await alice.next_message())[1].tpdu.kind, "SMS-STATUS-REPORT", "the status report")
        books.sm("delivered", "delivered")
        books.note(REPORT, "sm_to_im", result)

    say("from phone to phone")
    for rp_answer, result in (("ack", "delivered"), (22, "failed")):
        carol.rp_answers.append(rp_answer)
        sent = await alice.send_sm("+15550003", "hello")
        equal((await sent.outcome()).kind, "RP-ACK" if result == "delivered" else "RP-ERROR", "the report")
        equal((await carol.next_message())[1].tpdu.text, "hello", "the text")
        books.note(SUBMISSION, "sm_to_sm", result)
        books.note(DELIVERY, "sm_to_sm", result)
        await gw.until(lambda: len(books.of(sent.call_id)) == 2, what="both records with its Call-ID")

    say("a long short message")
    text = "A long text needs more than one short message. " * 8
    parts = list(sms.parts(text, 7))
    for mr, (dcs, octets) in enumerate(parts, 200):
        tpdu = sms.submit("+15550002", "", mr=mr, first=0x41, dcs=dcs, user_data=octets)
        await (await alice.send_sm(None, None, tpdu=tpdu)).outcome()
    equal((await bob.next_message()).text, text, "the whole text")
    books.sm("delivered", "delivered")
    await books.balance()
    long_one = [it for it in books.records() if it["total_number"] == str(len(parts))]
    equal(len(long_one), 2, "records of the long message")

    say("instant messages: delivered, refused by the phone, for somebody who is away, by somebody without authorisation")
    for rp_answer, status, result in (("ack", 200, "delivered"), (22, 480, "failed")):
        alice.rp_answers.append(rp_answer)
        call_id = secrets.token_hex(8)
        equal((await dave.send_im(gw.uri("alice"), "hello", call_id=call_id)).status, status, "the answer")
        await alice.next_message()
        books.im(result, result)
        await gw.until(lambda: DELIVERY in books.of(call_id), what="the record")
        submission, delivery = books.of(call_id)[SUBMISSION], books.of(call_id)[DELIVERY]
        equal(submission["sip_status"], str(status), "the sender's answer")
        equal(delivery["sms_result"], "22" if result == "failed" else "<null>", "RP-Cause")
        for it in (submission, delivery):
            equal((it["originator"], it["recipient"]), ("sip:dave@ims.example", "sip:+15550001@ims.example"), "who")
            equal((it["originator_interface"], it["recipient_interface"]), ("3", "2"), "interfaces")
    equal((await dave.send_im(gw.uri("erin"), "hello")).status, 480, "the answer")
    books.im("failed")
    gw.rpc("ipsmgw.auth_set", "sip:dave@ims.example", "none")
    equal((await dave.send_im(gw.uri("alice"), "hello")).status, 403, "the answer")
    books.im("failed")
    gw.rpc("ipsmgw.auth_set", "sip:dave@ims.example", "both")
    equal((await dave.send_im(gw.uri("alice"), "<p>", "text/html")).status, 415, "the answer")
    books.im("failed")

    say("a long instant message, a notification")
    equal((await bob.send_im(gw.uri("alice"), cpim(text, "m1"), "message/cpim")).status, 200, "the answer")
    for _ in range(3):
        await alice.next_message()
    equal(b"<delivered/>" in (await bob.next_message()).body, True, "the notification")
    books.im("delivered", "delivered")
    books.note(REPORT, "im_to_sm", "delivered")

    say("to a list")
    answer = await bob.send_im(
        "sip:ims.example",
        list_of("sip:alice@ims.example", "sip:carol@ims.example", "sip:dave@ims.example"),
        "multipart/mixed;boundary=b",
        headers=[("Require", "recipient-list-message")],
    )
    equal(answer.status, 202, "the answer")
    for user in (alice, carol, dave):
        await user.next_message()
    books.im("accepted", "delivered")
    books.im("accepted", "delivered")
    books.im("accepted", "delivered", way="im_to_im")

    say("reports that come late, or never")
    alice.rp_answer = carol.rp_answer = None
    late, never = await asyncio.gather(
        dave.send_im(gw.uri("alice"), "late"), dave.send_im(gw.uri("carol"), "never")
    )
    equal((late.status, never.status), (202, 202), "the answers")
    request, seen = await alice.next_message()
    await alice.report(request, sms.rp_ack(seen.mr))
    books.im("accepted", "delivered")
    books.im("accepted", "accepted")
    alice.rp_answer = "ack"
    await books.balance()
    equal(gw.pattern_seen("CRITICAL"), False, "a crash")


async def through_a_centre(start):
    port = free_port()
    async with start("centre", sc_uri=f"sip:127.0.0.2:{port}") as gw:
        books = Books(gw)
        centre, bob = ServiceCentre(await gw.endpoint(host="127.0.0.2", port=port), gw.domain), await gw.user(CpimClient, "bob")
        say("from the service centre: it has the submission")
        for answer, result in ((200, "delivered"), (603, "failed")):
            bob.answers.append(answer)
            sent = await centre.deliver(gw.uri("bob"), "+15557777", "from afar")
            equal((await sent.outcome()).kind, "RP-ACK" if result == "delivered" else "RP-ERROR", "the report")
            await bob.next_message()
            books.note(DELIVERY, "sm_to_im", result)
        say("to the service centre: it has the delivery. Its status report becomes a notification")
        for mr, cause, status, result in ((1, None, 202, "accepted"), (2, 1, 404, "failed")):
            body = cpim("hello", f"m{mr}")
            sending = asyncio.create_task(bob.send_im("sip:+15558888@ims.example", body, "message/cpim"))
            request, seen = await asyncio.wait_for(centre.submitted.get(), 20)
            octets = sms.rp_ack(seen.mr, network=True) if cause is None else sms.rp_error(seen.mr, cause, network=True)
            await centre.report_to(bob.identity, octets, request.get("Call-ID"))
            equal((await sending).status, status, "the answer")
            books.note(SUBMISSION, "im_to_sm", result)
            if cause is None:
                tpdu = sms.status_report(seen.tpdu.mr, "+15558888", 0)
                await centre.deliver(gw.uri("bob"), None, None, tpdu=tpdu)
                equal(b"<delivered/>" in (await bob.next_message()).body, True, "the notification")
                books.note(REPORT, "im_to_sm", "delivered")
        await books.balance()
        first = next(it for it in books.records() if it["message_type"] == DELIVERY)
        equal((first["originator"], first["originator_interface"]), ("sip:+15557777@ims.example;user=phone", "0"), "the sender")
        submitted = next(it for it in books.records() if it["message_type"] == SUBMISSION)
        equal((submitted["recipient"], submitted["recipient_interface"]), ("tel:+15558888", "0"), "the recipient")


async def table(start, again):
    async with start("table", cdr_table="ipsmgw_cdr") as gw:
        await play(gw)
        books = Books(gw)
        await books.table_balance()
        before = len(books.rows())
        equal(gw.statistics("ipsmgw")["cdr_written"], before, "the counter")
        if not again:
            return
        say("a restart: the rows stay, and new ones have other names")
        await gw.stop()
        await gw.start()
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        await (await alice.send_sm("+15550002", "after the restart")).outcome()
        await bob.next_message()
        await gw.until(lambda: len(books.rows()) == before + 2, what="two more rows")


async def in_a_table():
    "the table has what the event route has, before and after a restart"
    await table(native, again=True)


async def in_a_table_in_lua():
    "the same in Lua"
    await table(in_lua, again=False)


async def database_away():
    "while another program locks the database, messages go on and their records wait; too many are counted; a stop writes them"
    modparams = {"cdr_queue": 16}
    async with gateway(name="away", people=PEOPLE, script=NATIVE, modparams=modparams, cdr_table="ipsmgw_cdr") as gw:
        books = Books(gw)
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        lock = sqlite3.connect(gw.db, timeout=10, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        for n in range(3):
            equal((await (await alice.send_sm("+15550002", f"{n}")).outcome()).kind, "RP-ACK", "the report")
        await gw.until(lambda: gw.pattern_seen("charging records cannot be written"), what="the log line")
        equal(len(books.rows()), 0, "rows")
        lock.execute("ROLLBACK")
        await gw.until(lambda: len(books.rows()) == 6, timeout=20, what="the rows")
        await gw.until(lambda: gw.pattern_seen("charging records are written again"), what="the log line")
        lock.execute("BEGIN IMMEDIATE")
        for n in range(20):
            await (await alice.send_sm("+15550002", f"more {n}")).outcome()
        await gw.until(lambda: len(books.records()) == 46, what="all records in the event route")
        await gw.until(lambda: gw.pattern_seen("the queue of charging records is full"), what="the log line")
        lost = gw.statistics("ipsmgw")["cdr_lost"]
        lock.execute("ROLLBACK")
        lock.close()
        await gw.stop()
        equal(len(books.rows()), 46 - lost, "rows, with those that are lost")
        equal(0 < lost <= 24, True, f"{lost} lost")
        await gw.start()


async def left_in_file(start):
    """Messages whose senders have their answer, and whose records are in the file alone: a crash, a stop, and the next start."""
    async with start("file", cdr_table="ipsmgw_cdr") as gw:
        books = Books(gw)
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")

        async def send(text):
            equal((await (await alice.send_sm("+15550002", text)).outcome()).kind, "RP-ACK", "the report")
            await bob.next_message()

        for number, end in enumerate((gw.kill, gw.stop, gw.kill), 1):
            say(f"the database is locked; a message is delivered; {end.__name__}")
            lock = sqlite3.connect(gw.db, timeout=10, isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            await send(f"message {number}")
            equal(len(books.rows()), 2 * (number - 1), "rows before the end")
            await end()
            lock.execute("ROLLBACK")
            lock.close()
            await gw.start()
            await gw.until(lambda number=number: len(books.rows()) >= 2 * number, what="the rows")
            equal(gw.pattern_seen("charging records of an earlier start are written from cdr_file"), True, "the log line")
        equal(gw.pattern_seen("charging records wait in cdr_file for the next start"), True, "the log line of the stop")

        say("killed when the writer had a record, and had not taken it out of the file: it is written once")
        file = Path(f"{gw.db}.cdr")
        equal(stat.S_IMODE(file.stat().st_mode), 0o600, "the rights of the file")
        await send("message 4")
        await gw.until(lambda: len(books.rows()) == 8, what="the rows")
        held = sqlite3.connect(gw.db, timeout=10, isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        await send("message 5")
        before = file.read_bytes()
        held.execute("ROLLBACK")
        held.close()
        await gw.until(lambda: len(books.rows()) == 10, what="the rows")
        await gw.kill()
        file.write_bytes(before)
        await gw.start()
        await send("message 6")
        await gw.until(lambda: len(books.rows()) == 12, what="the rows")
        rows = Counter((row["message_type"], row["result"]) for row in books.rows())
        equal(rows, {(SUBMISSION, "delivered"): 6, (DELIVERY, "delivered"): 6}, "the records")

        say("another gateway with the same file does not start")
        second = gateway(name="second", cdr_table="ipsmgw_cdr", cdr_file=file)
        try:
            async with second:
                raise AssertionError("it started")
        except GatewayError as error:
            equal("which another gateway uses" in str(error), True, f"the sentence in {error}")

        say("the file is deleted: an operator is told, and records go on into the table")
        file.unlink()
        await send("message 7")
        await gw.until(lambda: len(books.rows()) == 14, what="the rows")
        equal(gw.pattern_seen("cdr_file was deleted"), True, "the log line")


async def in_a_file():
    "records that wait for a locked database survive kill -9 and a stop, each once; one file for each gateway"
    await left_in_file(native)


async def in_a_file_in_lua():
    "the same in Lua"
    await left_in_file(in_lua)


async def killed():
    "kill -9 behind each 202: a stored message leaves one record of its submission and one of its delivery"
    count = 4
    async with gateway(name="killed", people=PEOPLE, cdr_table="ipsmgw_cdr", validity=3600) as gw:
        books = Books(gw)
        alice = await gw.user(ImClient, "alice")
        for number in range(count):
            equal((await alice.send_im(gw.uri("bob"), f"message {number}")).status, 202, "the answer")
            await gw.kill()
            await gw.start()
        bob = await gw.user(Phone, "bob")
        got = [(await bob.next_message(20))[1].tpdu.text for _ in range(count)]
        equal(got, [f"message {number}" for number in range(count)], "what the phone got")
        await gw.until(lambda: len(books.rows()) >= 2 * count, what="the rows")
        rows = Counter((row["message_type"], row["result"]) for row in books.rows())
        equal(rows, {(SUBMISSION, "accepted"): count, (DELIVERY, "delivered"): count}, "the records")


async def answered_first():
    "kill -9 behind an answer and a notification that did not wait for the locked database: they have left their records"
    async with gateway(name="first", people=PEOPLE, modparams={"hold_timeout": 3}, cdr_table="ipsmgw_cdr", validity=3600) as gw:
        books = Books(gw)
        phone, client = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        lock = sqlite3.connect(gw.db, timeout=10, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        # The sender wants a status report, so the database is to have the message before the RP-ACK.
        equal((await (await phone.send_sm("+15550002", "hello", srr=True)).outcome(20)).kind, "RP-ACK", "the report")
        equal((await client.next_message()).text, "hello", "what the client got")
        await phone.next_message(20)
        # Before its hold time ends, the database is to have the message. The report of the phone comes then.
        phone.rp_answer = None
        answer = asyncio.create_task(client.send_im(gw.uri("alice"), cpim("hello", "m1"), "message/cpim"))
        request, rp_data = await phone.next_message()
        await asyncio.sleep(2)
        await phone.report(request, sms.rp_ack(rp_data.mr))
        equal((await answer).status, 200, "the answer")
        equal(b"<delivered/>" in (await client.next_message()).body, True, "the notification")
        await asyncio.sleep(0.3)
        await gw.kill()
        lock.execute("ROLLBACK")
        lock.close()
        await gw.start()
        await gw.until(lambda: len(books.rows()) >= 6, what="the rows")
        rows = Counter((row["message_type"], row["result"]) for row in books.rows())
        equal(rows, {(SUBMISSION, "delivered"): 2, (DELIVERY, "delivered"): 2, (REPORT, "delivered"): 2}, "the records")


async def service_centre():
    "with a service centre"
    await through_a_centre(native)


async def service_centre_in_lua():
    "the same in Lua"
    await through_a_centre(in_lua)


async def other_modules():
    "acc and mqueue take records"
    async with gateway(name="modules", people=PEOPLE, script=OTHER_MODULES) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        await (await alice.send_sm("+15550002", "hello")).outcome()
        await bob.next_message()
        for letter in "sd":
            await gw.until(lambda: re.search(rf"cdr (\S+-{letter}) delivered", gw.log()), what="the queue's record")
            (name,) = re.findall(rf"cdr (\S+-{letter}) delivered", gw.log())
            (line,) = [line for line in gw.log().splitlines() if f"id={name}" in line]
            for part in ("way=sm_to_im", "result=delivered", "from=sip:+15550001@ims.example", "to=sip:+15550002@ims.example"):
                equal(part in line, True, f"{part} in {line}")


run(in_a_table, in_a_table_in_lua, database_away, in_a_file, in_a_file_in_lua, killed, answered_first, service_centre, service_centre_in_lua, other_modules)
