"""The books of the peers: sent messages, the reports to their senders, and received messages."""

import re
import time
from dataclasses import dataclass, field

MISSING = re.compile(r"\[… (\d/\d missing)\]")
# A part of a long text without its first part, as clients show it when others are missing.
PIECE = re.compile(r"(\[… \d/\d missing\])*[0-9 ]*(\[… \d/\d missing\])*")
# The number of the message in such a part: its text is the number and these digits, again and again.
NUMBER = re.compile(r"(\d{5})67890")
# Seconds for which a balancer sends a request again and again to a gateway that does not answer.
SENT_AGAIN = 28
# The beginning of each text: kind, sender, number.
NAME = re.compile(r"<(\w+)\.(\w+)\.(\d+)>")


@dataclass
class Message:
    """One message to one recipient, however often its sender had to send it."""

    name: str
    kind: str
    recipient: str = ""  # of a list: the number
    sent: list = field(default_factory=list)  # (time, Call-ID) of each request
    told: str = ""  # the final word: "accepted", or why not
    told_at: float = 0.0
    status: int = 0
    got: list = field(default_factory=list)  # when the recipient had the whole of it
    in_pieces: list = field(default_factory=list)  # (time, which are missing): the recipient had some of its parts, without others
    given_up: list = field(default_factory=list)  # when requests were sent for which the sender has not waited until the end
    reports: list = field(default_factory=list)  # (time, text) of each notification or status report
    charged_as: tuple = ()  # sender and recipient, and the TP-MR of a short message, of its first part where it has several

    def is_of(self, *kinds):
        return self.kind.rstrip("01") in kinds

    @property
    def is_accepted(self):
        return self.told == "accepted"

    @property
    def number(self):
        """Which one it is of its sender."""
        return int(NAME.match(self.name)[3])

    @property
    def message_id(self):
        """The Message-ID of an instant message."""
        return self.name.strip("<>")


def long(message):
    """A text of three parts, no part of which is in another text."""
    return f"{message.name} " + f"{message.number:05}67890" * 40


class Books:
    def __init__(self, has_nodes=False):
        self.has_nodes = has_nodes
        self.began = time.monotonic()
        self.messages = {}  # by name and recipient
        self.kills = []  # (begin, end) of each time without a gateway
        self.away = []  # (begin, end) of each time without a database
        self.parts = []  # (time, number, reference, which part, text) of each part that a phone got
        self.strange = []  # what no peer expects

    def open(self, kind, sender, number, recipient=""):
        name = f"<{kind}.{sender}.{number}>"
        self.messages[name, recipient] = Message(name, kind, recipient)
        return self.messages[name, recipient]

    def find(self, name, number):
        return self.messages.get((name, "")) or self.messages.get((name, number))

    def got(self, text, number):
        """The recipient with this number has this text."""
        found = NAME.match(text)
        message = found and self.find(found[0], number)
        if message and "missing]" in text:
            message.in_pieces.append((time.monotonic(), " ".join(MISSING.findall(text))))
        elif message and message.is_of("smlong") and text != long(message):
            self.strange.append(f"parts of several messages: {text[:200]!r}")
        elif message:
            message.got.append(time.monotonic())
        elif text and PIECE.fullmatch(text) and (torn := self.with_part(text, number)):
            torn.in_pieces.append((time.monotonic(), " ".join(MISSING.findall(text))))
        else:
            self.strange.append(f"a text that nobody sent: {text[:40]!r}")

    def with_part(self, text, number):
        """The long message to this number that has this part."""
        found = NUMBER.search(text)
        of = found and [it for it in self.of("smlong") if it.charged_as[1] == number and it.number == int(found[1])]
        return of[0] if of else None

    def is_late_copy(self, message, at):
        """Whether a part that came alone is a late copy. The phone gave its request up and sent the part again, and the text came whole. The balancer
        went on with the first request until its gateway was back, and the gateway that knew the text was killed. (A phone that waits as
        long as TS 24.011 says, 35 s at least, has no such request.)"""
        came_back = any(sent <= started <= sent + SENT_AGAIN for sent in message.given_up for _, started in self.kills)
        whole = [got for got in message.got if got < at]
        return self.has_nodes and came_back and bool(whole) and self.was_killed(whole[0], at)

    def late_copies(self, message):
        return [at for at, _ in message.in_pieces if self.is_late_copy(message, at)]

    def came_in_pieces(self, message):
        """Whether the recipient had parts of it alone, and nothing explains that."""
        return len(self.late_copies(message)) < len(message.in_pieces)

    def reported(self, name, report, number=""):
        """A sender has a notification or a status report on this message (to this number)."""
        message = self.find(name, number)
        if message:
            message.reports.append((time.monotonic(), report))
        else:
            self.strange.append(f"a report on no message: {name}")

    def story(self, message):
        """What happened to a message, in seconds since the first start."""
        events = [(at, "sent") for at, _ in message.sent] + [(at, "got") for at in message.got] + message.in_pieces + list(message.reports)
        if message.told:
            events.append((message.told_at, f"{message.told} {message.status or ''}".strip()))
        events += [(at, what) for begin, end in self.kills for at, what in ((begin, "KILL"), (end, "START"))]
        events += [(at, what) for begin, end in self.away for at, what in ((begin, "DATABASE GONE"), (end, "BACK"))]
        # All parts that came with the reference of the first one.
        of = {(number, reference) for _, number, reference, _, text in self.parts if text.startswith(message.name)}
        events += [(at, which) for at, number, reference, which, _ in self.parts if (number, reference) in of and not message.got]
        near = [event for event in sorted(events) if event[0] >= message.sent[0][0] - 8]
        told = " ".join(f"{what} {at - self.began:.2f}" for at, what in near[:30])
        return f"{message.name} {message.recipient}: {told}"

    def of(self, *kinds):
        return [message for message in self.messages.values() if message.is_of(*kinds)]

    def crashes(self, begin, end):
        """How often a gateway died between these times."""
        return sum(killed <= end and started >= begin for killed, started in self.kills)

    def was_killed(self, begin, end):
        return self.crashes(begin, end) > 0

    def was_away(self, begin, end):
        """Whether the database was away for some of this time."""
        return any(gone <= end and back >= begin for gone, back in self.away)

    def unexplained(self, message, times):
        """How many of these came though nothing explains it. A message comes once, and once more for each crash before that, which cut off a
        report or the deletion of a row. A request that SIP sends again to a gateway that has just started is a message of its own: that
        of the last start may be in the database. Of several nodes, so is each request that its sender sent again because of a crash."""
        begin, told = message.sent[0][0], message.told_at or float("inf")
        also = [started for _, started in self.kills if begin <= started <= told]
        if self.has_nodes:
            requests = [at for at, _ in message.sent]
            also += [at for before, at in zip(requests, requests[1:]) if self.was_killed(before, at)]
        allowed = (1 + self.crashes(begin, at) + sum(other <= at for other in also) for at in times)
        return sum(number > most for number, most in enumerate(allowed, 1))
