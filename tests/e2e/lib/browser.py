"""Headless Chromium, driven by chromedriver (W3C WebDriver)."""

import asyncio
import base64
import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from kamailio import free_port

OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Browser:
    """A browser with one page open."""

    def __init__(self, *options):
        self.options = [*OPTIONS, *options]

    async def __aenter__(self):
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
                "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": [*self.options, f"--user-data-dir={self.profile.name}"]},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            answer = await self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = answer["sessionId"]
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        if self.session:
            await self.call("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        await asyncio.to_thread(self.driver.wait, 10)
        self.profile.cleanup()
        return False

    async def open(self, url):
        await self.call("POST", f"/session/{self.session}/url", {"url": url})

    async def call(self, method, path, body=None):
        def request():
            data = None if body is None else json.dumps(body).encode()
            asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]

        return await asyncio.to_thread(request)

    async def run(self, script, *arguments):
        """Runs a script in the page: the body of a function with these `arguments`."""
        return await self.call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, script, *arguments, timeout=15.0, what="the expected state of the page"):
        """Waits until a script gives something true, looking often."""
        for _ in range(int(timeout / 0.05)):
            if found := await self.run(script, *arguments):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"{what} did not come within {timeout} s; the browser says {await self.said()}")

    async def said(self):
        """The browser's own log."""
        entries = await self.call("POST", f"/session/{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    async def picture(self, file):
        """Stores a screenshot (PNG)."""
        Path(file).write_bytes(base64.b64decode(await self.call("GET", f"/session/{self.session}/screenshot")))

    async def size(self, width, height):
        await self.call("POST", f"/session/{self.session}/window/rect", {"width": width, "height": height})
