"""The messages of an MSRP session (RFC 4975): one that comes in chunks, and one that a test sends, with its responses and reports."""

import asyncio
import collections
import dataclasses
import time

from msrp_frames import Frame, new_ident, require


@dataclasses.dataclass
class Transaction:
    """A SEND of ours. The result of `answer` is the response, or None when the connection ended without one."""

    frame: Frame
    told: object  # called at each news
    answer: asyncio.Future
    at: float
    answered_at: float | None = None


class Incoming:
    """A message that comes in chunks."""

    def __init__(self, message_id, content_type, success, failure):
        self.message_id = message_id
        self.content_type = content_type
        self.success, self.failure = success, failure
        self.octets = bytearray()
        self.chunks = 0
        self.next = 1  # the position that the next chunk starts at
        self.is_complete = self.is_aborted = self.is_over = False
        self.refused, self.refused_at = None, None

    def add(self, start, body, total, flag):
        self.octets[start - 1 :] = body
        self.is_complete = flag == "$"
        self.is_aborted = flag == "#"
        require(not self.is_complete or total in (None, len(self.octets)), "7.3.1", f"{len(self.octets)} octets of {total}")

    @property
    def text(self):
        return self.octets.decode("utf-8")


class Sent:
    """A message of ours: its chunks, their responses, the REPORTs about it."""

    def __init__(self, session, body, content_type, *, success=None, failure=None, message_id=None, total=True, interruptible=False, headers=()):
        self.session = session
        self.body = body
        self.content_type = content_type
        self.success, self.failure = success, failure
        self.message_id = message_id or new_ident()
        self.total = str(len(body)) if total and body is not None else "*"
        self.interruptible = interruptible
        self.headers = list(headers)
        self.transactions = []
        self.reports = asyncio.Queue()
        self.all_reports = []
        self._news = asyncio.Event()

    def told(self):
        self._news.set()

    def chunk(self, start, end, flag=None, tid=None, byte_range=None, content_type=None):
        """The SEND for the octets from `start` to `end`, both counted from 1 (clause 7.1.1)."""
        body = self.body[start - 1 : end]
        flag = flag or ("$" if end == len(self.body) else "+")
        last = "*" if len(body) > 2048 or self.interruptible else end
        headers = [("Message-ID", self.message_id), ("Byte-Range", byte_range or f"{start}-{last}/{self.total}")]
        headers += [("Success-Report", self.success)] if self.success else []
        headers += [("Failure-Report", self.failure)] if self.failure else []
        headers += [*self.headers, ("Content-Type", content_type or self.content_type)]
        while tid is None or f"-------{tid}".encode() in body:
            tid = new_ident()
        return self.session.request(headers=headers, body=body, flag=flag, tid=tid)

    def chunks(self, size=2048):
        """The whole message in chunks of `size` octets, a number or a list of numbers of which the last is used again."""
        sizes = collections.deque([size] if isinstance(size, int) else size)
        found, start = [], 1
        while True:
            octets = sizes.popleft() if len(sizes) > 1 else sizes[0]
            end = min(start - 1 + octets, len(self.body))
            found.append(self.chunk(start, end))
            start = end + 1
            if start > len(self.body):
                return found

    async def write(self, *frames, step=None, pause=0.0):
        """Sends these frames."""
        for frame in frames:
            await self.session.connection.write(self.open(frame).encode(), step, pause)

    def open(self, frame):
        """Notes that a frame is sent, for its response."""
        connection = self.session.connection
        transaction = Transaction(frame, self.told, asyncio.get_running_loop().create_future(), time.monotonic())
        connection.transactions[frame.tid] = transaction
        self.transactions.append(transaction)
        if connection.closed.is_set():
            transaction.answer.set_result(None)
        return frame

    async def answers(self, timeout=40.0):
        """The status of each chunk, in the order in which they were sent. None: the connection ended without a response."""
        found = await asyncio.wait_for(asyncio.gather(*(asyncio.shield(one.answer) for one in self.transactions)), timeout)
        return [answer and answer.status for answer in found]

    async def report(self, timeout=40.0):
        """(the status of the next REPORT, its Byte-Range)"""
        frame = await asyncio.wait_for(self.reports.get(), timeout)
        return int(frame.get("Status").split(" ")[1]), frame.get("Byte-Range")

    async def final(self, timeout=40.0):
        """The last word that the sender gets: (status, "response" or "REPORT"), or (None, "lost") for a lost connection."""
        deadline = time.monotonic() + timeout
        while (word := self._word()) is None:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), deadline - time.monotonic())
        return word

    def _word(self):
        statuses = [one.answer.result() and one.answer.result().status for one in self.transactions if one.answer.done()]
        for frame in self.all_reports:
            status = int(frame.get("Status").split(" ")[1])
            if status != 200:
                return status, "REPORT"
        for status in statuses:
            if status not in (None, 200):
                return status, "response"
        if self.is_reported():
            return 200, "REPORT"
        if self.success != "yes" and self.failure not in ("no", "partial") and statuses == [200] * len(self.transactions):
            return 200, "response"
        return (None, "lost") if self.session.connection.closed.is_set() else None

    def has_failed(self):
        return self._word() is not None and self._word()[0] not in (200, None)

    def is_reported(self):
        """Whether success reports cover the whole message."""
        covered = 0
        for start, end, _ in sorted((frame.range or (1, None, None) for frame in self.all_reports), key=lambda one: one[0]):
            if start > covered + 1:
                return False
            covered = max(covered, len(self.body) if end is None else end)
        return bool(self.all_reports) and covered >= len(self.body)
