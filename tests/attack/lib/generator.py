"""The load generator (tests/attack/load) as a child process: commands in, summaries out."""

import asyncio
import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/load"

# Wrong fates of a text.
BAD = ("lost", "doubled", "contradicted", "unreported", "untold", "unanswered", "open")


class Generator:
    """People who write to each other. Starts with `async with`."""

    def __init__(self, gw, people, transport="udp"):
        """`people`: (kind, name, address) of each; their numbers and passwords the gateway knows."""
        self.gw = gw
        self.people = people
        self.transport = transport
        self.process = None

    async def __aenter__(self):
        file = self.gw.folder / f"people-{self.transport}-{id(self):x}"
        rows = [f"{kind} {name} {self.gw.people[name][1]} {self.gw.people[name][0]} {at}\n" for kind, name, at in self.people]
        file.write_text("".join(rows))
        self.process = await asyncio.create_subprocess_exec(
            PROGRAM, "%s:%d" % self.gw.address, self.gw.domain, "+15559999", self.transport, file,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
        )  # fmt: skip
        await self._read(90)
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def _read(self, seconds):
        line = await asyncio.wait_for(self.process.stdout.readline(), seconds)
        if not line:
            raise RuntimeError("the load generator ended (see above)")
        return json.loads(line)

    def tell(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())

    async def stop(self, patience):
        """Stops sending, waits for open texts, and returns the summary."""
        self.tell("stop", patience)
        return await self._read(patience + 30)


def bad(count, but=()):
    """The faults in the texts of a mark, as words; empty without faults."""
    return ", ".join(f"{count[word]} {word}" for word in BAD if count.get(word) and word not in but)


def shown(mark):
    """One mark of a summary as a line."""
    count = mark["count"]
    words = [f"{count.get('good', 0)} of {count.get('sent', 0)} good"]
    words += [f"{count[word]} {word}" for word in ("refused", *BAD, "told_twice", "im_202") if count.get(word)]
    if mark["refused"]:
        words.append("(" + ", ".join(f"{code}: {times}" for code, times in mark["refused"].items()) + ")")
    if mark["p50"] is not None:
        words.append(f"p50 {mark['p50']} ms, p99 {mark['p99']} ms, max {mark['max']} ms")
    return " ".join(words)
