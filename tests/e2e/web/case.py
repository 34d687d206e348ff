"""The page of `kamailio-cfg/run web`: see README.md."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from browser import Browser
from e2e import CFG, FOLDER, Rows, equal, run, say
from gateway import ROOT

ENV = {**os.environ, "IPSMGW_MODULE": os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so"))}
LONG = " ".join(["A text of several parts, with 7 bits for each character, goes to the phone and back."] * 4)
LONG_UCS2 = " ".join(["Привет 🚀"] * 20)

WRITE = """const form = document.querySelector('#' + arguments[0] + ' form')
form.querySelector('.to').value = arguments[2]
form.querySelector('textarea').value = arguments[1]
form.requestSubmit()"""
SWITCH = "document.querySelector('#' + arguments[0] + ' .' + arguments[1]).click()"
# The state of the last message, [text, class, what is below it].
LAST = """const item = document.querySelector('#' + arguments[0] + ' .messages li:last-child')
return item && [item.firstChild.innerText, item.className, item.lastChild.innerText]"""


@contextlib.asynccontextmanager
async def web():
    """The address of a page that `run web` serves."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / "web.log"
    with log.open("w") as said:
        process = subprocess.Popen([CFG / "run", "web", "0"], env=ENV, stdout=said, stderr=said, start_new_session=True)
    try:
        for _ in range(1200):
            if found := re.search(r"http://127\S+", log.read_text()):
                break
            equal(process.poll(), None, f"whether it has ended:\n{log.read_text()}")
            await asyncio.sleep(0.05)
        yield found[0]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, 40)
    equal((process.returncode, log.read_text().count("Traceback")), (0, 0), f"the end:\n{log.read_text()}")
    left = subprocess.run(["ps", "-o", "args=", "-s", str(process.pid)], capture_output=True, text=True).stdout
    equal(left, "", "processes left")


class Page:
    def __init__(self, browser):
        self.browser = browser

    async def write(self, device, text, to=None):
        await self.browser.run(WRITE, device, text, to or ("client" if device == "phone" else "phone"))

    async def switch(self, device, name):
        await self.browser.run(SWITCH, device, name)

    async def shows(self, device, text, words):
        """Waits until the last message of this device has the text, and the words are below it."""
        script = f"const last = (() => {{ {LAST} }})(); return last && last[0] === arguments[1] && last[2].includes(arguments[2]) && last"
        try:
            return await self.browser.until(script, device, text, words, what=f"{words!r} below {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the {device} shows {await self.browser.run(LAST, device)}") from None

    async def ladder(self):
        return await self.browser.run("return [...document.querySelectorAll('.ladder li')].map(rung => rung.innerText.replace(/\\s+/g, ' '))")


async def conversation():
    "text both ways with true ticks: short, long, refused, for nobody, and while one of the two is away"
    async with web() as url, Browser("--window-size=1400,900") as browser:
        page = Page(browser)
        await browser.open(url)
        await browser.until("return document.querySelector('#client .on').checked", what="the registration of the client")
        say("both ways")
        for text in ("Grüße aus Málaga 🍜", LONG, LONG_UCS2):
            for device, other, seen in (("phone", "client", "+15550001"), ("client", "phone", "+15550002")):
                await page.write(device, text)
                await page.shows(other, text, f"from {seen}")
                await page.shows(device, text, "delivered")
        rungs = await page.ladder()
        for words in ("phone to gateway: MESSAGE, RP-DATA SMS-SUBMIT, “Grüße aus Málaga", "gateway to client: MESSAGE message/cpim, “Grüße",
                      "gateway to phone: MESSAGE, RP-DATA SMS-STATUS-REPORT, delivered", "gateway to client: MESSAGE notification: delivered",
                      "gateway to phone: MESSAGE, RP-DATA SMS-DELIVER, part 1 of", "phone to gateway: MESSAGE, RP-ACK"):  # fmt: skip
            equal(any(words in rung for rung in rungs), True, f"{words!r} in the ladder {rungs}")
        say("a message of the ladder, whole")
        await browser.run("[...document.querySelectorAll('.ladder button')].find(rung => rung.innerText.includes('SMS-SUBMIT')).click()")
        whole = await browser.until("return document.querySelector('.whole')?.innerText", what="the whole message")
        for words in ("type: SMS-SUBMIT", "text: Grüße aus Málaga 🍜", "MESSAGE sip:+15559999@ims.example SIP/2.0", "Content-Type: application/vnd.3gpp.sms"):
            equal(words in whole, True, f"{words!r} in {whole!r}")
        await browser.picture(FOLDER / "page.png")

        say("the phone is off, then on")
        await page.switch("phone", "on")
        await browser.until("return document.querySelector('#phone').classList.contains('is-off')", what="the end of the registration")
        await page.write("client", "Are you there?")
        await page.shows("client", "Are you there?", "sent")
        await page.write("phone", "I am off")
        await page.shows("phone", "I am off", "failed")
        await page.switch("phone", "on")
        await page.shows("phone", "Are you there?", "from +15550002")
        await page.shows("client", "Are you there?", "notification: the phone has it")
        say("the phone is full, then it has room")
        await page.switch("phone", "full")
        await browser.until("return document.querySelector('#phone').classList.contains('is-full')", what="the full memory")
        await page.write("client", "Much")
        await page.shows("client", "Much", "sent")
        await page.switch("phone", "full")
        await page.shows("phone", "Much", "from +15550002")
        await page.shows("client", "Much", "delivered")
        say("the client is away, then back")
        await page.switch("client", "on")
        await browser.until("return !document.querySelector('#client .on').checked", what="the end of the registration")
        await page.write("phone", "And you?")
        await page.shows("phone", "And you?", "sent")
        await page.switch("client", "on")
        await page.shows("client", "And you?", "from +15550001")
        await page.shows("phone", "And you?", "delivered")
        say("failures")
        await page.switch("client", "refuses")
        await page.write("phone", "No?")
        await page.shows("phone", "No?", "failed – RP-ERROR, cause 21")
        for device, words in (("phone", "failed – RP-ERROR, cause 1"), ("client", "failed – 404")):
            await page.write(device, "Nobody?", "nobody")
            await page.shows(device, "Nobody?", words)
        say("on a small screen nothing is wider than the screen")
        await browser.size(500, 800)
        wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        equal(await browser.run(wide), False, "whether the page is too wide")
        await browser.picture(FOLDER / "small.png")
        equal([line for line in await browser.said() if "favicon" not in line], [], "what the browser says")


async def doors():
    "only this page reaches the server; a wrong port ends with one sentence"
    rows = Rows()
    async with web() as url:
        for fields, wanted in (({}, 200), ({"Host": "elsewhere.example"}, 403), ({"Origin": "https://elsewhere.example"}, 403)):
            try:
                with urllib.request.urlopen(urllib.request.Request(url, headers=fields), timeout=10) as answer:
                    found = answer.status
            except urllib.error.HTTPError as error:
                found = error.code
            rows.check(fields, found, wanted)
        for body, wanted in ((b"[]", 400), (b"{", 400), (b"{}", 400), (b'{"full": false}', 204)):
            try:
                with urllib.request.urlopen(urllib.request.Request(f"{url}phone", body), timeout=10) as answer:
                    found = answer.status
            except urllib.error.HTTPError as error:
                found = error.code
            rows.check(body, found, wanted)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port, words in (("http", "write a number"), ("65536", "write a number"), (str(taken.getsockname()[1]), "in use")):
            done = await asyncio.to_thread(subprocess.run, [CFG / "run", "web", port], env=ENV, capture_output=True, text=True, timeout=60)
            rows.check(f"port {port}", (done.returncode, words in done.stderr, done.stderr.count("\n")), (1, True, 1))
    rows.done()


run(conversation, doors)
