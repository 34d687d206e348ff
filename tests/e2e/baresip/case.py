"""A real softphone on the IM side: see README.md."""

import asyncio
import json

from e2e import FOLDER, Phone, equal, gateway, run, say
from gateway import free_port

CONFIG = """\
sip_listen 127.0.0.1:0
module_path /usr/lib/baresip/modules
module_tmp uuid.so
module_tmp account.so
module stdio.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{port}
"""

ACCOUNT = '<sip:{name}@{domain}>;auth_user={name};auth_pass={password};outbound="sip:{host}:{sip_port}";regint=600\n'


class Baresip:
    """The softphone, with its remote control."""

    def __init__(self, gw, name):
        self.gw, self.name = gw, name
        self.folder = FOLDER / "baresip"
        self.port = free_port()

    async def __aenter__(self):
        password, _ = self.gw.people[self.name]
        host, sip_port = self.gw.address
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config").write_text(CONFIG.format(port=self.port))
        (self.folder / "accounts").write_text(
            ACCOUNT.format(name=self.name, domain=self.gw.domain, password=password, host=host, sip_port=sip_port)
        )
        (self.folder / "contacts").write_text(f'"alice" <{self.gw.uri("+15550001")}>\n')
        self.log = (self.folder / "log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            "baresip", "-4", "-f", str(self.folder), "-t", "60", stdin=asyncio.subprocess.PIPE, stdout=self.log, stderr=self.log
        )
        await self.gw.until(lambda: self.name in self.gw.rpc("ul.dump") or "+15550002" in self.gw.rpc("ul.dump"), what="baresip's registration")
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        self.process.terminate()
        await self.process.wait()
        self.log.close()
        return False

    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    def command(self, command, params=""):
        text = json.dumps({"command": command, "params": params, "token": "x"}).encode()
        self.writer.write(b"%d:%s," % (len(text), text))


async def conversation():
    "both directions, with accents and an emoji"
    async with gateway() as gw:
        alice = await gw.user(Phone, "alice")
        async with Baresip(gw, "bob") as bob:
            say("phone to baresip")
            sent = await alice.send_sm("+15550002", "Grüße from a phone €")
            equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
            await gw.until(lambda: "Grüße from a phone €" in bob.said(), what="the text on baresip's screen")
            equal("+15550001" in bob.said(), True, "who it is from")
            say("baresip to phone")
            bob.command("contact_next")
            bob.command("message", "Hello 😀 phone")
            _, seen = await alice.next_message()
            equal((seen.tpdu.text, seen.tpdu.address), ("Hello 😀 phone", "+15550002"), "what the phone shows")
            await gw.until(lambda: gw.statistics("ipsmgw")["im_delivered"] == 1, what="the phone's RP-ACK")


run(conversation)
