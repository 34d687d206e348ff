"""Debian's own KEMI scripts with the routes of ipsmgw: see README.md."""

import asyncio
import os
import re
import shutil
from pathlib import Path

from debian import DOMAIN, make_people, play, start, user
from e2e import CFG, FOLDER, ImClient, Phone, equal, run, say
from gateway import ROOT
from kamailio import free_port

EXAMPLES = Path("/usr/share/doc/kamailio/examples/kemi")
MODULE = os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so"))

# The language: its script, and for each line of the manual what it stands behind in the script, and the line.
LUA = ("LUA", "kamailio-basic-kemi-lua.lua", (
    ("FLT_ACC=1\n", f'dofile("{CFG}/ipsmgw-routes.lua")\n'),
    ("function ksr_request_route()\n", "\tipsmgw_overload()\n"),
    ("\tksr_route_auth();\n", "\tipsmgw_route()\n"),
))  # fmt: skip
PYTHON = ("PYTHON3", "kamailio-basic-kemi-python.py", (
    ("import sys\n", f'sys.path.append("{CFG}")\nsys.dont_write_bytecode = True\n'),
    ("import KSR as KSR\n", "import ipsmgw_routes\n"),
    ("class kamailio", "(ipsmgw_routes.Routes)"),
    ("def ksr_request_route(self, msg):\n", "        if self.ipsmgw_overload() == -255: return 1\n"),
    ("        if self.ksr_route_auth(msg)==-255 :\n            return 1\n", "        if self.ipsmgw_route() == -255: return 1\n"),
))  # fmt: skip
JAVASCRIPT = ("JSDT", "kamailio-basic-kemi-jsdt.js", (
    ("var FLT_ACC=1\n", f"require('{CFG}/ipsmgw-routes.js')\n"),
    ("function ksr_request_route()\n{\n", "\tipsmgw_overload()\n"),
    ("\tksr_route_auth();\n", "\tipsmgw_route()\n"),
))  # fmt: skip

RULES = {
    "LUA": 'function ksr_ipsmgw_converts(sender, recipient, direction)\n\treturn %s\nend\n' % " and ".join((
        f'not (sender == "sip:bob@{DOMAIN}" and recipient == "sip:+15550001@{DOMAIN}" and direction == "im2sm")',
        f'not (sender == "sip:+15550001@{DOMAIN}" and recipient == "sip:+15550002@{DOMAIN}" and direction == "sm2im")',
    )),
    "PYTHON3": "    def ksr_ipsmgw_converts(self, sender, recipient, direction):\n        return (sender, recipient, direction) not in (\n"
    f'            ("sip:bob@{DOMAIN}", "sip:+15550001@{DOMAIN}", "im2sm"), ("sip:+15550001@{DOMAIN}", "sip:+15550002@{DOMAIN}", "sm2im"),\n        )\n',
    "JSDT": "function ksr_ipsmgw_converts (sender, recipient, direction) {\n  var asked = [sender, recipient, direction].join(' ')\n"
    f"  return asked !== 'sip:bob@{DOMAIN} sip:+15550001@{DOMAIN} im2sm' && asked !== 'sip:+15550001@{DOMAIN} sip:+15550002@{DOMAIN} sm2im'\n}}\n",
}  # fmt: skip


def write_configuration(language, name, *before, port, rules=False, last=""):
    """Debian's configuration and script, with the lines of the manual, and the sockets of a test."""
    engine, script, added = language
    folder = FOLDER / f"{name}-{engine}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / "people.sqlite"
    make_people(database, "usrloc", "permissions")

    text = (EXAMPLES / script).read_text()
    for behind, line in added:
        equal(text.count(behind), 1, f"{script}: {behind!r}")
        text = text.replace(behind, behind + line)
    if rules and engine == "PYTHON3":
        # A method of the class.
        text = text.replace("# -- {end defining kamailio class}", RULES[engine] + "# -- {end defining kamailio class}")
    elif rules:
        text += RULES[engine]
    (folder / script).write_text(text)

    text = (EXAMPLES / "kamailio-basic-kemi.cfg").read_text()
    # The people are in SQLite.
    text = text.replace("#!define WITH_MYSQL\n", "").replace("#!define WITH_ACCDB\n", "")
    # The folder of a Kamailio that was compiled by hand.
    text = text.replace("/usr/local/etc/kamailio", str(folder)).replace("port=5060\n", "")
    text += f'\ninclude_file "{CFG}/ipsmgw-routes.cfg"\n{last}\n'
    text += f'modparam("ctl", "binrpc", "unix:{folder}/ctl")\nlisten=127.0.0.1:{port}\nlog_stderror=yes\nauto_aliases=no\n'
    text += f'modparam("jsonrpcs", "fifo_name", "{folder}/fifo")\nmodparam("jsonrpcs", "dgram_socket", "{folder}/sock")\n'
    (folder / "kamailio.cfg").write_text(text)
    lines = [f"#!define WITH_CFG{engine}", f'#!define DBURL "sqlite:///{database}"']
    lines += ['loadmodule "db_sqlite.so"', f'#!define IPSMGW_DOMAIN "{DOMAIN}"', f'#!define IPSMGW_MODULE "{MODULE}"', *before]
    (folder / "kamailio-local.cfg").write_text("\n".join(lines) + "\n")
    return folder


async def in_kamailio(language, name, do, *before, **options):
    """Plays `do` in a Kamailio of this language."""
    port = free_port()
    kamailio = start(write_configuration(language, name, *before, port=port, **options), port)
    failed = True
    try:
        await kamailio.start()
        await do(kamailio)
        # There is no rtpproxy.
        equal([line for line in kamailio.log().splitlines() if re.search("ERROR|CRITICAL|Traceback", line) and "rtpp" not in line], [], "the log")
        failed = False
    finally:
        await kamailio.close(failed)


async def in_lua():
    "Lua: text both ways, reports, refusals, authorisation"
    await in_kamailio(LUA, "play", play)


async def in_python():
    "the same in Python 3"
    await in_kamailio(PYTHON, "play", play)


async def in_javascript():
    "the same in JavaScript"
    await in_kamailio(JAVASCRIPT, "play", play)


async def switched_off(kamailio):
    phone, bob = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "bob")
    carol, client = await user(kamailio, ImClient, "+15550003"), await user(kamailio, ImClient, "+15550002")
    for sender, wanted in ((carol, 200), (bob, 415)):
        equal((await sender.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, wanted, f"by the rules: {sender.name}")
        await phone.next_message()
    for recipient, wanted in (("+15550003", 202), ("+15550002", 404)):
        equal((await phone.send_sm(recipient, "hi")).answer.status, wanted, f"by the rules: a phone to {recipient}")
    await carol.next_message()
    kamailio.rpc("ipsmgw.disable")
    equal((await carol.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 415, "switched off: the answer of the phone")
    equal((await phone.next_message()).text, "hi", "the phone's text")
    equal((await phone.send_sm("+15550003", "hi")).answer.status, 404, "switched off: a short message")
    equal((client.inbox.empty(), carol.inbox.empty()), (True, True), "whether the clients got nothing")
    kamailio.rpc("ipsmgw.enable")
    equal((await carol.send_im(f"sip:+15550001@{DOMAIN}", "hi")).status, 200, "switched on")


async def rules():
    "ipsmgw.disable, and rules of the operator, in each language: a message that is not converted goes on in the script"
    for language in (LUA, PYTHON, JAVASCRIPT):
        say(language[0])
        await in_kamailio(language, "rules", switched_off, rules=True)


async def full(kamailio):
    phone, bob = await user(kamailio, Phone, "+15550001"), await user(kamailio, ImClient, "bob")
    phone.rp_answer = None
    held = [asyncio.create_task(bob.send_im(f"sip:+15550001@{DOMAIN}", f"held {n}")) for n in range(2)]
    await phone.next_message()
    await phone.next_message()
    refused = await bob.send_im(f"sip:+15550001@{DOMAIN}", "one more")
    equal((refused.status, refused.get("Retry-After") is not None), (503, True), "the answer")
    equal({answer.status for answer in await asyncio.gather(*held)}, {202}, "the held messages")


async def overload():
    "while the table of exchanges is nearly full new messages get 503, in each language; From is believed"
    limits = {"max_pending": 4, "max_per_party": 4, "max_per_sender": 4, "overload_pending": 50, "hold_timeout": 1, "stop_timeout": 1}
    last = "\n".join(f'modparam("ipsmgw", "{key}", {value})' for key, value in limits.items())
    believing = ("#!define IPSMGW_BELIEVES_FROM",)
    await asyncio.gather(*(in_kamailio(language, "full", full, *believing, last=last) for language in (LUA, PYTHON, JAVASCRIPT)))


run(in_lua, in_python, in_javascript, rules, overload)
