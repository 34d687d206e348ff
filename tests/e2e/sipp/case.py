"""tests/sipp against the shipped configuration: see README.md."""

import asyncio
import hashlib
import json
import re
import sqlite3

import sms
from e2e import CFG, FOLDER, equal, gateway, run, say
from gateway import ROOT, free_port

KIT = ROOT / "tests/sipp"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


async def command(*arguments, quiet=False, **options):
    """The exit code and the output of a command."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, arguments), stdout=pipe, stderr=asyncio.subprocess.STDOUT, **options
    )
    said, _ = await process.communicate()
    if not quiet or process.returncode:
        print(said.decode(), flush=True)
    return process.returncode, said.decode()


def lines_of(folder, kind):
    return (folder / f"{kind}s.csv").read_text().splitlines()[1:]


async def accounts(gw, many):
    """The folder that tests/sipp/accounts makes, with its people in the gateway."""
    folder = FOLDER / f"accounts-{gw.folder.name}"
    equal((await command(KIT / "accounts", folder, many))[0], 0, "the exit code of accounts")
    people = []
    for line in lines_of(folder, "phone") + lines_of(folder, "client"):
        name, password, number = re.fullmatch(
            r"([^;]+);\[authentication username=\1 password=(\w+)\];(\+\d+)", line
        ).groups()
        people.append((name, gw.domain, hashlib.md5(f"{name}:{gw.domain}:{password}".encode()).hexdigest(), number))
    with sqlite3.connect(gw.db, timeout=10) as connection:
        connection.executemany("INSERT INTO subscriber (username, domain, ha1, number) VALUES (?, ?, ?, ?)", people)
    connection.close()
    gw.rpc("ipsmgw.reload")
    return folder


def address(gw):
    return "{}:{}".format(*gw.address)


def check_octets(record):
    """pycrate reads each RP message and its TPDU; tshark finds none malformed."""
    kinds, messages = set(), list(map(json.loads, record.read_text().splitlines()))
    for line in messages:
        message = sms.decode(bytes.fromhex(line["rp"]))
        kinds.add((line["direction"], message.kind, message.tpdu.kind if message.tpdu else None))
    shown, malformed = sms.tshark(*(bytes.fromhex(line["rp"]) for line in messages))
    equal((shown.count("GSM A-I/F RP - RP-"), malformed), (len(messages), False), "the messages that tshark reads")
    return kinds


KINDS = {
    ("from phone", "RP-DATA", "SMS-SUBMIT"),
    ("to phone", "RP-ACK", "SMS-SUBMIT-REPORT"),
    ("to phone", "RP-DATA", "SMS-DELIVER"),
    ("to phone", "RP-DATA", "SMS-STATUS-REPORT"),
    ("from phone", "RP-ACK", "SMS-DELIVER-REPORT"),
    ("from phone", "RP-ERROR", None),
}
CENTRE = {("from centre", "RP-DATA", "SMS-DELIVER"), ("to phone", "RP-ACK", "SMS-DELIVER-REPORT")}


async def checks():
    "each check passes, and other decoders read the octets"
    # As shipped: messages to people who are away are stored.
    async with gateway(trusted="127.0.0.2", people=[], validity=86400) as gw:
        folder, record = await accounts(gw, 2), FOLDER / "rp.jsonl"
        code, said = await command(
            KIT / "run", address(gw), "--accounts", folder, "--trusted", "127.0.0.2", "--record", record
        )
        equal((code, said.splitlines()[-1]), (0, "14 passed, 0 failed"), "the end of run")
        equal(check_octets(record), KINDS | CENTRE, "the kinds of messages")
        equal(gw.registered(), [], "the registrations afterwards")


async def checks_in_lua():
    "the same with kamailio.lua, without a trusted address"
    async with gateway(name="lua", people=[], **LUA) as gw:
        code, said = await command(KIT / "run", address(gw), "--accounts", await accounts(gw, 2))
        equal((code, said.splitlines()[-1]), (0, "10 passed, 0 failed"), "the end of run")


async def load():
    "a short load: each message arrives once"
    async with gateway(people=[]) as gw:
        code, said = await command(KIT / "run", address(gw), "--accounts", await accounts(gw, 10), "-r", 50, "-d", 4)
        equal((code, said.splitlines()[-1]), (0, "2 passed, 0 failed"), "the end of run")
        for row in ("to phones      100 of 100 arrived, 0 twice", "to clients     100 of 100 arrived, 0 twice"):
            equal(row in said, True, row)


async def faults():
    "a gateway that does otherwise: the checks fail, and say why"
    async with gateway(modparams={"authorize_default": "im2sm"}, people=[]) as gw:
        folder = await accounts(gw, 2)
        code, said = await command(KIT / "run", address(gw), "--accounts", folder)
        equal((code, "the phone got RP-ERROR 50" in said), (1, True), "short messages are not converted")
        text = (folder / "phones.csv").read_text()
        (folder / "phones.csv").write_text(re.sub(r"password=\w+", "password=wrong", text))
        code, said = await command(KIT / "run", address(gw), "--accounts", folder)
        equal((code, "401 Unauthorized (2 times)" in said), (1, True), "a wrong password")
        equal(said.splitlines()[-1], "1 passed, 9 failed", "the end of run")


async def by_hand():
    "the commands of the kit's README, with the addresses of this gateway"
    async with gateway(people=[]) as gw:
        folder, port = await accounts(gw, 2), free_port()
        section = (KIT / "README.md").read_text().partition("## The scenarios by hand")[2]
        block = re.search(r"```\n(.*?)```", section, re.DOTALL).group(1)
        block = block.replace("-p 6001", f"-i 127.0.0.1 -p {port} -nostdin").replace("192.0.2.8:6001", f"127.0.0.1:{port}")
        block = block.replace("-m 1 192", f"-i 127.0.0.1 -p {free_port()} -nostdin -m 1 192").replace(
            "192.0.2.5", address(gw)
        )
        block = block.replace("/tmp/sipp", str(folder)).replace("hello.csv", f"{folder}/hello.csv")
        first, phone, *more = block.strip().splitlines()
        equal((await command("bash", "-c", first, cwd=KIT, quiet=True))[0], 0, "the phones' registration")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("bash", "-c", f"exec {phone}", cwd=KIT, stdout=pipe)
        try:
            equal((await command("bash", "-ec", "\n".join(more), cwd=KIT, quiet=True))[0], 0, "the client's message")
            line = await asyncio.wait_for(process.stdout.readline(), 20)
            equal(line.decode().strip().endswith(": Hello"), True, f"what the phone prints: {line}")
        finally:
            process.terminate()
            await process.wait()


run(checks, checks_in_lua, load, faults, by_hand)
