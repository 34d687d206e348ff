"""An MSRP end point (RFC 4975, RFC 6135) for the tests: sender and receiver, active and passive, over TCP and TLS.

A peer does what the RFC says unless a case tells it otherwise, and notes each frame of the other side that the RFC forbids:
`check()` raises at the end. Written from the text of the RFC; nothing here is shared with the gateway under test.
"""

import asyncio
import collections
import contextlib
import socket
import struct
import time

from msrp_frames import Forbidden, Frame, FrameReader, new_ident, require, uri_key
from msrp_messages import Incoming, Sent
from websocket import WebSocket

COMMENTS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 408: "Timeout", 413: "Stop Sending", 415: "Unsupported Media Type",
    423: "Parameter Out Of Bounds", 481: "No Such Session", 501: "Not Implemented", 506: "Other Connection",
}  # fmt: skip

# Seconds in which a sender stops after a refusal.
STOPS_WITHIN = 1.0


class MsrpPeer:
    """The sessions of one user, and the address where it takes connections."""

    def __init__(self):
        self.sessions = {}  # by uri_key of the own URI
        self.connections = []
        self.violations = []  # what the other side did and the RFC forbids
        self.seen_tids = set()
        self.seen_uris = set()  # of other sides
        self.server = None
        self.address = None

    async def listen(self, host="127.0.0.1", context=None):
        """Takes connections; with `context`, over TLS. The (address, port)."""
        self.server = await asyncio.start_server(self._accepted, host, 0, ssl=context)
        self.address = self.server.sockets[0].getsockname()
        return self.address

    def _accepted(self, reader, writer):
        Connection(self, reader, writer)

    async def connect(self, description, context=None, host=None):
        """A connection to the first hop of a description (clauses 5.4 and 6.2)."""
        address = description.address
        local = (host or "127.0.0.1", 0) if ":" not in address[0] else None
        if not description.is_tls:
            context = None
        if description.is_websocket:
            stream = await WebSocket.open(address, "msrp", context, local)
            return Connection(self, stream, stream)
        name = address[0] if context else None
        reader, writer = await asyncio.open_connection(*address, local_addr=local, ssl=context, server_hostname=name)
        return Connection(self, reader, writer)

    def note(self, error):
        self.violations.append(str(error))

    def check(self):
        """Raises for everything that the other side did and the RFC forbids."""
        if self.violations:
            raise AssertionError("the gateway's MSRP: " + "\n".join(self.violations))

    async def close(self):
        for connection in self.connections:
            connection.close()
        if self.server:
            self.server.close()


class Connection:
    """One TCP or TLS connection: frames in, frames out."""

    def __init__(self, peer, reader, writer):
        self.peer = peer
        self.reader, self.writer = reader, writer
        self.address = writer.get_extra_info("sockname")
        self.transactions = {}  # own requests by transaction identifier
        self.frames = []  # that came
        self.closed = asyncio.Event()  # by either side
        self.reads = asyncio.Event()  # cleared: octets stay in the kernel, as with a slow peer
        self.reads.set()
        self.is_own_end = False
        peer.connections.append(self)
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def write(self, octets, step=None, pause=0.0):
        """Any octets; with `step`, so many at a time."""
        if step is None:
            self.writer.write(octets)
        else:
            for start in range(0, len(octets), step):
                self.writer.write(octets[start : start + step])
                await self.writer.drain()
                await asyncio.sleep(pause)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    def close(self):
        """Ends the connection in order."""
        self.is_own_end = True
        self.writer.close()

    def abort(self):
        """Ends the connection at once: the other side gets a reset."""
        self.is_own_end = True
        with contextlib.suppress(OSError):
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _read(self):
        frames = FrameReader()
        try:
            while True:
                await self.reads.wait()
                octets = await self.reader.read(65536)
                if not octets:
                    break
                found = frames.feed(octets)
                if isinstance(self.reader, WebSocket):
                    require(len(found) == 1 and not frames.rest, "RFC 7977 5.1", f"a message is one chunk: {found}, {frames.rest[:80]!r}")
                for frame in found:
                    self._received(frame)
            require(not frames.rest or self.is_own_end, "7.1", f"the connection ends inside a frame: {frames.rest[:80]!r}")
        except Forbidden as error:
            self.peer.note(error)
            self.abort()
        except OSError:
            pass
        finally:
            self._ended()

    def _ended(self):
        self.closed.set()
        self.writer.close()
        for transaction in self.transactions.values():
            if not transaction.answer.done():
                transaction.answer.set_result(None)
            transaction.told()

    def _received(self, frame):
        is_first = not self.frames
        self.frames.append(frame)
        try:
            if frame.method:
                self._received_request(frame, is_first)
            else:
                self._received_response(frame)
        except Forbidden as error:
            self.peer.note(f"{error} in {frame!r}")

    def _received_response(self, frame):
        transaction = self.transactions.get(frame.tid)
        require(transaction, "7.2", f"a response to no request of this connection: {frame!r}")
        request = transaction.frame
        require(not transaction.answer.done(), "7.2", f"a second response to {request!r}")
        require(frame.get("To-Path") == request.from_path[0], "7.2", f"To-Path {frame.get('To-Path')} to From-Path {request.from_path}")
        require(frame.get("From-Path") == request.to_path[-1], "7.2", f"From-Path {frame.get('From-Path')} to To-Path {request.to_path}")
        wish = request.get("Failure-Report")
        require(wish != "no", "7.1.4", "a response to Failure-Report: no")
        require(wish != "partial" or frame.status != 200, "7.1.4", "200 to Failure-Report: partial")
        transaction.answered_at = time.monotonic()
        transaction.answer.set_result(frame)
        transaction.told()

    def _received_request(self, frame, is_first):
        fresh = frame.tid not in self.peer.seen_tids
        self.peer.seen_tids.add(frame.tid)
        require(fresh and len(frame.tid) >= 11, "7.1", "a transaction identifier is new and has 64 random bits")
        session = self.peer.sessions.get(uri_key(frame.to_path[-1]))
        if session is None or len(frame.to_path) != 1:
            if frame.method != "REPORT" and frame.get("Failure-Report") != "no":
                self.answer(frame, 481)
            raise Forbidden(f"RFC 4975 7.3: To-Path {frame.to_path} is no session here")
        if session.connection is None:
            require(is_first is False or frame.method == "SEND", "5.4", "a connection starts with a SEND")
            session.connection = self
            session.bound.set()
        if session.connection is not self:
            self.answer(frame, 506)
            raise Forbidden("RFC 4975 5.4: the session has another connection")
        session.received(frame)

    def answer(self, request, status, comment=None):
        """Sends the response to a request (clause 7.2)."""
        headers = [("To-Path", request.from_path[0]), ("From-Path", request.to_path[-1])]
        if not self.closed.is_set():
            self.writer.write(Frame(request.tid, status=status, comment=comment or COMMENTS.get(status), headers=headers).encode())


class Session:
    """One end of a session. `local` and `remote` are the descriptions of both sides."""

    def __init__(self, peer, local, remote=None):
        self.peer = peer
        self.local, self.remote = local, remote
        self.connection = None
        self.bound = asyncio.Event()  # there is a connection
        self.sent = {}  # Sent by Message-ID
        self.incoming = {}  # Incoming by Message-ID
        self.inbox = asyncio.Queue()  # Incoming that are complete or given up
        self.started = asyncio.Event()  # a first chunk has come
        # What a case may change: the receiver's behaviour.
        self.answers = collections.deque()  # statuses, first come first used; None for silence
        self.answer = 200  # and what follows when they are used up
        self.answers_after = 0.0
        self.reports = "whole"  # success reports: for the "whole" message, for "chunks", or None
        self.report_status = 200
        self.reports_after = 0.0
        self.hangs_up_after = None  # frames
        self._frames = 0
        peer.sessions[uri_key(local.path[-1])] = self

    # The sender

    def message(self, body, content_type="text/plain", **options):
        """A message that is not sent yet."""
        body = body.encode() if isinstance(body, str) else body
        message = Sent(self, body, content_type, **options)
        self.sent[message.message_id] = message
        return message

    async def send(self, body, content_type="text/plain", chunk=2048, order=None, **options):
        """Sends a message in chunks. `order` is a function of the list of chunks."""
        message = self.message(body, content_type, **options)
        chunks = message.chunks(chunk)
        await message.write(*(order(chunks) if order else chunks))
        return message

    def request(self, method="SEND", headers=(), body=None, flag="$", tid=None, to_path=None, from_path=None):
        """A request with the paths of this session."""
        paths = [("To-Path", to_path or " ".join(self.remote.path)), ("From-Path", from_path or " ".join(self.local.path))]
        return Frame(tid or new_ident(), method, headers=[*paths, *headers], body=body, flag=flag)

    async def ask(self, frame, timeout=10.0):
        """Sends a frame, whatever it is; the status of its response."""
        message = Sent(self, b"", None)
        await message.write(frame)
        return (await message.answers(timeout))[0]

    async def bind(self):
        """The first SEND, without a body: it binds the connection to the session (clause 5.4)."""
        message = Sent(self, None, None)
        self.sent[message.message_id] = message
        frame = self.request(headers=[("Message-ID", message.message_id)])
        await message.write(frame)
        return message

    # The receiver

    def received(self, frame):
        require([uri_key(uri) for uri in frame.from_path] == [uri_key(uri) for uri in self.remote.path], "7.1", f"From-Path {frame.from_path}")
        if frame.method == "REPORT":
            self._received_report(frame)
        elif frame.method == "SEND":
            self._received_chunk(frame)
        else:
            self.connection.answer(frame, 501)
            raise Forbidden(f"RFC 4975 7: the method {frame.method}")

    def _received_report(self, frame):
        message = self.sent.get(frame.get("Message-ID"))
        require(message, "7.1.2", "a REPORT about no message of this session")
        require(frame.get("To-Path") == " ".join(self.local.path), "7.1.3", f"To-Path {frame.to_path}")
        namespace, status = frame.get("Status").split(" ")[:2]
        require(namespace == "000", "7.1.3", f"namespace {namespace}")
        start, end, total = frame.range or (1, None, None)
        size = len(message.body or b"")
        require(total in (None, size) and (end is None or end <= size), "7.1.3", f"the range {frame.range} of {size} octets")
        if status == "200":
            require(message.success == "yes", "7.1.3", "a success report that was not asked for")
            require(not message.has_failed(), "7.1.3", "a success report behind a failure")
        else:
            require(message.failure != "no", "7.1.4", "a failure report in spite of Failure-Report: no")
            require(frame.range, "7.1.4", "a failure report without Byte-Range")
            require(not message.is_reported(), "7.1.4", "a failure report behind a success")
        message.reports.put_nowait(frame)
        message.all_reports.append(frame)
        message.told()

    def _received_chunk(self, frame):
        if self.hangs_up_after is not None and self._frames >= self.hangs_up_after:
            self.connection.abort()
            return
        self._frames += 1
        status = self._take(frame) if frame.body is not None else 200
        chosen = self.answers.popleft() if self.answers else self.answer
        status = chosen if status == 200 else status
        message = self.incoming.get(frame.get("Message-ID"))
        if message and status not in (200, None) and not message.is_over:
            message.refused, message.refused_at = status, time.monotonic()
            self._over(message)
        wish = frame.get("Failure-Report")
        if status is not None and wish != "no" and (wish != "partial" or status != 200):
            self._later(self.answers_after, self.connection.answer, frame, status)
        if not message or frame.body is None or status not in (200, None):
            return
        if self.reports == "chunks":
            self._later(self.reports_after, self.report, frame, frame.range[0] if frame.range else 1, len(frame.body))
        if not message.is_over and (message.is_complete or message.is_aborted):
            if self.reports == "whole" and message.is_complete:
                self._later(self.reports_after, self.report, frame, 1, len(message.octets))
            self._over(message)

    def _take(self, frame):
        """Puts a chunk into its message; the status."""
        content_type = frame.get("Content-Type")
        message_id = frame.get("Message-ID")
        message = self.incoming.get(message_id)
        if message is None:
            message = self.incoming[message_id] = Incoming(message_id, content_type, frame.get("Success-Report"), frame.get("Failure-Report"))
            self.started.set()
        same = (content_type, frame.get("Success-Report"), frame.get("Failure-Report"))
        require(same == (message.content_type, message.success, message.failure), "7.1.1", f"chunks of one message differ: {same}")
        require(self.local.direction not in ("sendonly", "inactive"), "8.9", f"content to a side that is {self.local.direction}")
        if not self.local.takes(content_type):
            self.peer.note(f"RFC 4975 8.6: the type {content_type} was not signalled")
            return 415
        if message.refused is not None:
            # A sender stops at the refusal (clause 10.5); what it had sent by then is on its way.
            require(time.monotonic() < message.refused_at + STOPS_WITHIN, "10.5", "a chunk of a message that was refused")
            return message.refused
        require(not message.is_over, "7.1.1", "a chunk of a message that is over")
        start, _, total = frame.range or (1, None, None)
        require(start == message.next, "7.1.1", f"a chunk at {start} where {message.next} comes next")
        message.next = start + len(frame.body)
        message.add(start, frame.body, total, frame.flag)
        message.chunks += 1
        if self.local.max_size is not None and message.next - 1 > self.local.max_size:
            return 413
        return 200

    def _over(self, message):
        message.is_over = True
        self.inbox.put_nowait(message)

    def _later(self, pause, function, *arguments):
        if pause:
            asyncio.get_running_loop().call_later(pause, function, *arguments)
        else:
            function(*arguments)

    def report(self, frame, start, size, status=None):
        """Sends a REPORT about octets of a message, where its sender asked for one."""
        status = self.report_status if status is None else status
        wished = frame.get("Success-Report") == "yes" if status == 200 else frame.get("Failure-Report") != "no"
        if not wished or self.connection.closed.is_set():
            return
        total = frame.range[2] if frame.range else start - 1 + size
        total = "*" if total is None else total
        headers = [("Message-ID", frame.get("Message-ID")), ("Byte-Range", f"{start}-{start - 1 + size}/{total}")]
        headers.append(("Status", f"000 {status} {COMMENTS.get(status, 'Because')}"))
        request = self.request("REPORT", headers, to_path=" ".join(frame.from_path))
        self.connection.writer.write(request.encode())

    async def next_message(self, timeout=10.0):
        """The next Incoming that is over."""
        return await asyncio.wait_for(self.inbox.get(), timeout)
