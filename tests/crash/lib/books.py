"""The books of the peers: what was sent, what its sender was told, and what came."""

import re
import time
from dataclasses import dataclass, field

# Stands at the beginning of each text: kind, sender, number.
NAME = re.compile(r"<(\w+)\.(\w+)\.(\d+)>")


@dataclass
class Message:
    """One message, however often its sender had to send it."""

    name: str
    kind: str
    sent: list = field(default_factory=list)  # (time, Call-ID) of each request
    told: str = ""  # the final word: "accepted", or why not
    told_at: float = 0.0
    status: int = 0
    got: list = field(default_factory=list)  # when the recipient had the whole of it
    reports: list = field(default_factory=list)  # (time, text) of each notification or status report

    @property
    def is_accepted(self):
        return self.told == "accepted"


class Books:
    def __init__(self):
        self.messages = {}
        self.kills = []  # (begin, end) of each time without a gateway
        self.pieces = 0  # of long texts: parts whose message was delivered before the crash
        self.strange = []  # what no peer expects

    def open(self, kind, sender, number):
        name = f"<{kind}.{sender}.{number}>"
        self.messages[name] = Message(name, kind)
        return self.messages[name]

    def got(self, text):
        """A recipient has this text."""
        found = NAME.match(text)
        message = found and self.messages.get(found[0])
        if message:
            message.got.append(time.monotonic())
        elif text and set(text) <= set("0123456789. …"):
            self.pieces += 1
        else:
            self.strange.append(f"a text that nobody sent: {text[:40]!r}")

    def reported(self, name, report):
        """A sender has a notification or a status report on this message."""
        message = self.messages.get(name)
        if message:
            message.reports.append((time.monotonic(), report))
        else:
            self.strange.append(f"a report on no message: {name}")

    def of(self, *kinds):
        return [message for message in self.messages.values() if message.kind in kinds]

    def crashes(self, begin, end):
        """How often the gateway died between these times."""
        return sum(killed <= end and started >= begin for killed, started in self.kills)

    def was_killed(self, begin, end):
        return self.crashes(begin, end) > 0

    def unexplained(self, message, times):
        """How many of these came again without a crash since the message was sent."""
        return max(0, len(times) - 1 - self.crashes(message.sent[0][0], times[-1])) if times else 0
