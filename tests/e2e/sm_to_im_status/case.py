"""Table CAU-1: see README.md."""

import asyncio
import csv
import subprocess

import sms
from e2e import FOLDER, HERE, ImClient, Phone, Rows, ServiceCentre, UserAgent, equal, gateway, run, say
from gateway import free_port

CAUSES_OF_A_PHONE = {22, 81, 95, 96, 97, 98, 99, 111}


def table():
    with (HERE / "rows.csv").open() as file:
        for row in csv.DictReader(file):
            yield int(row["status"]), row


def answers(statuses):
    """A 481 is tried again, and answered again."""
    for status in statuses:
        yield status
        if status == 481:
            yield status


ANSWER = """
  <label id="{label}"/>
  <send next="end"><![CDATA[
SIP/2.0 {status} Because
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>"""

STEP = """
  <nop><action><test assign_to="here" variable="count" compare="equal" value="{label}"/></action></nop>
  <nop next="{label}" test="here"/>"""


def scenario(statuses):
    """SIPp's language wants the status code written out: the n-th MESSAGE goes to the n-th answer."""
    steps = "".join(STEP.format(label=label) for label, _ in enumerate(statuses, 1))
    answers = "".join(ANSWER.format(label=label, status=status) for label, status in enumerate(statuses, 1))
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="answers">
  <Global variables="count"/>
  <init><nop><action><assign assign_to="count" value="0"/></action></nop></init>
  <recv request="MESSAGE"><action><add assign_to="count" value="1"/></action></recv>{steps}{answers}
  <label id="end"/>
</scenario>
"""


class Sipp:
    """A SIPp that answers MESSAGE after MESSAGE with the codes it is given."""

    def __init__(self, statuses):
        self.statuses = list(statuses)
        self.port = free_port()

    def __enter__(self):
        file = FOLDER / "answers.xml"
        file.write_text(scenario(self.statuses))
        self.output = (FOLDER / "sipp.log").open("w")
        command = ["sipp", "-sf", file, "-i", "127.0.0.1", "-p", str(self.port), "-m", str(len(self.statuses)), "-nostdin"]
        self.process = subprocess.Popen(command, stdout=self.output, stderr=self.output)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.output.close()

    async def ready(self):
        """SIPp has bound its port."""
        wanted = f":{self.port:04X} "
        while True:
            if self.process.poll() is not None:
                raise AssertionError("SIPp ended:\n" + (FOLDER / "sipp.log").read_text()[-2000:])
            with open("/proc/net/udp") as sockets:
                if any(wanted in line for line in sockets):
                    return
            await asyncio.sleep(0.02)


class AtSipp(UserAgent):
    """Registers SIPp's address as bob's client."""

    sipp_port = None

    @property
    def contact(self):
        return f"<sip:bob@127.0.0.1:{self.sipp_port}>"


def wanted_octets(mr, cause, fcs, network):
    """The RP-ACK or RP-ERROR that the table asks for, with its TP-SCTS left out."""
    if network:  # SMS-SUBMIT-REPORT: 01 [FCS] PI SCTS
        head, body = (bytes([3, mr]), bytes([1, 0])) if cause == 0 else (bytes([5, mr, 1, 0x80 | cause]), bytes([1, fcs, 0]))
        return head + bytes([0x41, len(body) + 7]) + body
    # SMS-DELIVER-REPORT: 00 [FCS] PI
    head, body = (bytes([2, mr]), bytes([0, 0])) if cause == 0 else (bytes([4, mr, 1, 0x80 | cause]), bytes([0, fcs, 0]))
    return head + bytes([0x41, len(body)]) + body


def check(rows, label, report, mr, cause, fcs, network):
    """One report against one row of the table."""
    kind = "RP-ACK" if cause == "0" else "RP-ERROR"
    if cause == "*":
        rows.check(label, report.kind == kind and report.cause in CAUSES_OF_A_PHONE, True)
        return
    rows.check(f"{label}: kind and cause", (report.kind, report.cause or 0), (kind, int(cause)))
    if fcs == "*" and cause != "0":
        return
    wanted = wanted_octets(mr, int(cause), int(fcs, 16) if cause != "0" else 0, network)
    found = report.octets
    if not network and cause == "0" and len(found) == 2:
        wanted = wanted[:2]  # a phone's RP-ACK may go without a TPDU (24.011 7.3.3)
    rows.check(f"{label}: octets", found[: len(wanted)].hex(), wanted.hex())
    rows.check(f"{label}: length", len(found) - len(wanted), 7 if network else 0)


async def phone_side():
    "to a phone, each status once"
    rows = Rows()
    statuses = [status for status, _ in table()]
    with Sipp(answers(statuses)) as sipp:
        async with gateway() as gw:
            await sipp.ready()
            alice = await gw.user(Phone, "alice")
            AtSipp.sipp_port = sipp.port
            await gw.user(AtSipp, "bob")
            for status, row in table():
                sent = await alice.send_sm("+15550002", f"status {status}")
                rows.check(f"{status}: SIP answer", sent.answer.status, 202)
                report = await sent.outcome()
                check(rows, f"{status} to a phone", report, sent.mr, row["cause"], row["fcs"], network=True)
    rows.done(at_least=3 * len(statuses))


async def centre_side():
    "to a service centre, each status once"
    rows = Rows()
    statuses = [status for status, _ in table()]
    with Sipp(answers(statuses)) as sipp:
        async with gateway(name="centre", sc_uri="sip:127.0.0.2:5999") as gw:
            await sipp.ready()
            centre = ServiceCentre(await gw.endpoint(host="127.0.0.2"), gw.domain)
            AtSipp.sipp_port = sipp.port
            await gw.user(AtSipp, "bob")
            for status, row in table():
                sent = await centre.deliver(gw.uri("+15550002"), "+15557777", f"status {status}")
                rows.check(f"{status}: SIP answer", sent.answer.status, 202)
                report = await sent.outcome()
                cause, fcs = row["centre_cause"], row["centre_fcs"]
                check(rows, f"{status} to the centre", report, sent.mr, cause, fcs, network=False)
    rows.done(at_least=2 * len(statuses))


async def silence():
    "no answer until im_timeout; a closed port; a broken TCP connection of a client: 27 (C2)"
    async with gateway(name="silence", modparams={"im_timeout": 2}) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        bob.answer = None
        sent = await alice.send_sm("+15550002", "hello?")
        report = await sent.outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 27, 0xC2), "no answer")
        say("the client's port is closed")
        await bob.endpoint.close()
        sent = await alice.send_sm("+15550002", "hello?")
        report = await sent.outcome()
        equal((report.kind, report.cause, report.tpdu.fcs), ("RP-ERROR", 27, 0xC2), "a closed port")
        shown, malformed = sms.tshark(report.octets)
        equal(malformed, False, "what tshark says")
        equal("Destination out of order" in shown, True, "the cause in tshark's words")


run(phone_side, centre_side, silence)
