"""One page on which a phone and a browser write to each other through a real gateway: `kamailio-cfg/run web`.

The phone is simulated here, the client runs in the browser. A gateway of its own runs in a temporary folder, so people and settings of
other gateways stay as they are.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e/lib"))

from gateway import Gateway, GatewayError  # noqa: E402
from handset import Handset  # noqa: E402
from wire import Wire  # noqa: E402

MODULES = ROOT / "target/node/node_modules"  # brought by `run`
FILES = {"/": ("index.html", "text/html"), "/style.css": ("style.css", "text/css"), "/page.js": ("page.js", "text/javascript")}
PHONE, CLIENT = ("alice", "+15550001"), ("bob", "+15550002")

# Kamailio sends a copy of each SIP message to the page.
COPIES = """loadmodule "siptrace.so"
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "duplicate_uri", "sip:127.0.0.1:%d")

route[IPSMGW_CONVERTS] {
	return 1;
}
"""


class Page:
    """The HTTP server: the page, a stream of what happens, and commands for the phone."""

    def __init__(self, gateway, folder):
        self.gateway, self.folder = gateway, folder
        self.listeners = set()
        self.wire = Wire(gateway, lambda message: self.tell("wire", message))
        self.handset = None

    def tell(self, kind, content):
        for queue in self.listeners:
            queue.put_nowait((kind, content))

    def snapshot(self):
        """All that a page needs that is opened now."""
        password, number = self.gateway.people[CLIENT[0]]
        host, port = self.gateway.ws_address
        return {
            "socket": f"ws://{host}:{port}",
            "client": {"uri": self.gateway.uri(CLIENT[0]), "number": number, "password": password},
            "phone": {"uri": self.gateway.uri(PHONE[1]), "number": PHONE[1]},
            "handset": self.handset.shown(),
            "wire": self.wire.messages,
        }

    async def serve(self, port):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", port, limit=65536)
        self.port = self.server.sockets[0].getsockname()[1]

    async def answer(self, reader, writer):
        # A browser that goes away is no error.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            length = fields.get("content-length", "0")
            body = await reader.readexactly(min(int(length), 65536) if length.isdigit() else 0)
            # Pages of other sites reach loopback, too: by a name that they choose, or as another origin.
            ours = [f"{host}:{self.port}" for host in ("127.0.0.1", "localhost")]
            if fields.get("host") not in ours or fields.get("origin", "http://" + ours[0]) not in ["http://" + host for host in ours]:
                self.reply(writer, 403, "text/plain", b"open the address that kamailio-cfg/run web prints\n")
            elif (method, path) == ("GET", "/events"):
                await self.stream(writer)
            elif method == "GET" and path in FILES:
                name, kind = FILES[path]
                content = self.folder / name if name.endswith(".js") else HERE / name
                self.reply(writer, 200, f"{kind}; charset=utf-8", content.read_bytes())
            elif method == "GET" and path.startswith("/message/"):
                self.reply(writer, 200, "application/json", json.dumps(await self.wire.decoded(path.rpartition("/")[2])).encode())
            elif (method, path) == ("POST", "/phone"):
                try:
                    self.handset.command(json.loads(body))
                    self.reply(writer, 204, "text/plain", b"")
                except (ValueError, KeyError, TypeError):
                    self.reply(writer, 400, "text/plain", b"not a command\n")
            else:
                self.reply(writer, 404, "text/plain", b"not found\n")
            await writer.drain()
        writer.close()

    @staticmethod
    def reply(writer, status, kind, body):
        head = f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n"
        writer.write(head.encode() + body)

    async def stream(self, writer):
        """Server-sent events: the state now, then each change."""
        queue = asyncio.Queue()
        queue.put_nowait(("snapshot", self.snapshot()))
        self.listeners.add(queue)
        try:
            writer.write(b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")
            while True:
                kind, content = await queue.get()
                writer.write(f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode())
                await writer.drain()
        finally:
            self.listeners.discard(queue)


def pack(folder):
    """JsSIP and the scripts of the page in one file: the page needs nothing from elsewhere."""
    subprocess.run(
        [MODULES / ".bin/esbuild", HERE / "page.js", "--bundle", "--log-level=error", f"--outfile={folder}/page.js"],
        env={**os.environ, "NODE_PATH": str(MODULES)}, check=True,
    )  # fmt: skip


async def play(folder, port):
    pack(folder)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    rules = folder / "copies.cfg"
    gateway = Gateway(folder / "gateway", people=[PHONE, CLIENT], rules=rules, validity=86400)
    page = Page(gateway, folder)
    # Before the gateway starts: a port in use ends here.
    await page.serve(port)
    rules.write_text(COPIES % await page.wire.listen())
    async with gateway:
        page.handset = await gateway.user(Handset, PHONE[0])
        page.handset.start(lambda: page.tell("handset", page.handset.shown()))
        print(f"\n== Open http://127.0.0.1:{page.port}/ in a browser. Ctrl-C ends it.", flush=True)
        await over.wait()
        page.server.close()
        page.handset.stop()


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8089
    with tempfile.TemporaryDirectory(prefix="ipsmgw-web-") as folder:
        try:
            asyncio.run(play(Path(folder), port))
        except (GatewayError, OSError) as error:
            print(f"run web: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
