"""A browser on the IM side: see README.md."""

import functools
import http.server
import re
import shutil
import subprocess
import threading

from browser import Browser
from e2e import CFG, FOLDER, Phone, equal, gateway, run, say
from gateway import ROOT

HERE = ROOT / "tests/e2e/chromium"
MODULES = ROOT / "target/node/node_modules"  # brought by tests/run

def site():
    """A folder with the page and its script."""
    folder = FOLDER / "site"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><meta charset="utf-8"><title>chat</title><script src="page.js"></script>')
    subprocess.run(
        [MODULES / ".bin/esbuild", HERE / "page.js", "--bundle", "--log-level=error", f"--outfile={folder}/page.js"],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "NODE_PATH": str(MODULES)}, check=True,
    )  # fmt: skip
    return folder


class Page(Browser):
    """Chromium with the page, which this case serves."""

    async def __aenter__(self):
        handler = functools.partial(Quiet, directory=site())
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        await super().__aenter__()
        await self.reload()
        return self

    async def __aexit__(self, *error):
        await super().__aexit__(*error)
        self.server.shutdown()
        self.server.server_close()
        return False

    async def reload(self):
        """Opens the page anew."""
        await self.open("http://127.0.0.1:%d/index.html" % self.server.server_address[1])
        self.seen = 0

    async def script(self, function, *arguments):
        """Calls a function of the page."""
        return await self.run(f"return page.{function}(...arguments)", *arguments)

    async def next(self, event):
        """The next thing that happens in the page, which must be this one."""
        events = await self.until("return page.events.length > arguments[0] && page.events", self.seen, what=event)
        found = events[self.seen]
        self.seen += 1
        equal(found.pop("event"), event, f"what happens (with {found})")
        return found


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the page and logs nothing."""

    def log_message(self, *_):
        pass


async def conversation():
    "both directions, with an emoji, native and Lua; the client is away after the page is closed"
    async with Page() as browser:
        for name, variant in (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"})):
            async with gateway(name=name, **variant) as gw:
                say(name)
                await browser.reload()
                alice = await gw.user(Phone, "alice")
                await browser.script("connect", "ws://%s:%d" % gw.ws_address, gw.uri("bob"), gw.people["bob"][0])
                await browser.next("registered")
                sent = await alice.send_sm("+15550002", "Grüße 🍜")
                seen = await browser.next("message")
                equal((seen["text"], seen["from"]), ("Grüße 🍜", "sip:+15550001@ims.example"), "the page's text")
                equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
                await browser.script("write", gw.uri("+15550001"), "Hello 😀 phone")
                _, shown = await alice.next_message()
                equal((shown.tpdu.text, shown.tpdu.address), ("Hello 😀 phone", "+15550002"), "what the phone shows")
                equal((await browser.next("result"))["status"], 200, "the answer")
                await browser.script("stop")
                await browser.next("unregistered")
                equal("+15550002" in gw.registered(), False, "a registration that was taken back")


async def ports():
    "browsers open the default WebSocket port, and refuse 5060"
    settings = (CFG / "kamailio.cfg").read_text()
    default = re.search(r"#!trydefine IPSMGW_WS tcp:127.0.0.1:(\d+)", settings)[1]
    secure = re.search(r"#!trydefine IPSMGW_WSS tls:127.0.0.1:(\d+)", settings)[1]
    async with Page() as browser:
        for port, refused in (("5060", True), (default, False), (secure, False)):
            # No server is needed there: the browser refuses an unsafe port before it connects.
            await browser.said()
            await browser.script("knock", f"ws://127.0.0.3:{port}")
            await browser.next("closed")
            said = " ".join(await browser.said())
            equal("ERR_UNSAFE_PORT" in said, refused, f"port {port} is refused: {said}")


run(conversation, ports)
