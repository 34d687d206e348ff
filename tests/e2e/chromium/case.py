"""A browser on the IM side: see README.md."""

import asyncio
import functools
import http.server
import json
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from e2e import CFG, FOLDER, Phone, equal, gateway, run, say
from gateway import ROOT
from kamailio import free_port

HERE = ROOT / "tests/e2e/chromium"
MODULES = ROOT / "target/node/node_modules"  # brought by tests/run

OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


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


class Browser:
    """Headless Chromium with the page open (W3C WebDriver)."""

    async def __aenter__(self):
        handler = functools.partial(Quiet, directory=site())
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.profile = tempfile.TemporaryDirectory(prefix="ipsmgw-chromium-", ignore_cleanup_errors=True)
        self.port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.session = None
        try:
            for _ in range(100):
                try:
                    await self.call("GET", "/status")
                    break
                except (urllib.error.URLError, ConnectionError):
                    await asyncio.sleep(0.1)
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": [*OPTIONS, f"--user-data-dir={self.profile.name}"]},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            answer = await self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = answer["sessionId"]
            await self.open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        if self.session:
            await self.call("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        await asyncio.to_thread(self.driver.wait, 10)
        self.server.shutdown()
        self.server.server_close()
        self.profile.cleanup()
        return False

    async def open(self):
        """Opens the page anew."""
        url = "http://127.0.0.1:%d/index.html" % self.server.server_address[1]
        await self.call("POST", f"/session/{self.session}/url", {"url": url})
        self.seen = 0

    async def call(self, method, path, body=None):
        def request():
            data = None if body is None else json.dumps(body).encode()
            asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]

        return await asyncio.to_thread(request)

    async def script(self, function, *arguments):
        """Calls a function of the page."""
        body = {"script": f"return page.{function}(...arguments)", "args": list(arguments)}
        return await self.call("POST", f"/session/{self.session}/execute/sync", body)

    async def next(self, event):
        """The next thing that happens in the page, which must be this one."""
        for _ in range(200):
            body = {"script": "return page.events", "args": []}
            events = await self.call("POST", f"/session/{self.session}/execute/sync", body)
            if len(events) > self.seen:
                found = events[self.seen]
                self.seen += 1
                equal(found.pop("event"), event, f"what happens (with {found})")
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"no {event} within 10 s; the browser says {await self.said()}")

    async def said(self):
        """The browser's own log."""
        entries = await self.call("POST", f"/session/{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the page and logs nothing."""

    def log_message(self, *_):
        pass


async def conversation():
    "both directions, with an emoji, native and Lua; the client is away after the page is closed"
    async with Browser() as browser:
        for name, variant in (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"})):
            async with gateway(name=name, **variant) as gw:
                say(name)
                await browser.open()
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
    async with Browser() as browser:
        for port, refused in (("5060", True), (default, False), (secure, False)):
            # No server is needed there: the browser refuses an unsafe port before it connects.
            await browser.said()
            await browser.script("knock", f"ws://127.0.0.3:{port}")
            await browser.next("closed")
            said = " ".join(await browser.said())
            equal("ERR_UNSAFE_PORT" in said, refused, f"port {port} is refused: {said}")


run(conversation, ports)
