"""A conversation between phones and instant messaging clients, played through a real gateway and shown as a ladder."""

import asyncio
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e/lib"))

import sms  # noqa: E402
from gateway import Gateway, GatewayError  # noqa: E402
from phone import Phone  # noqa: E402
from ua import ImClient, Timeout  # noqa: E402

PEOPLE = [("alice", "+15550001"), ("bob", "+15550002"), ("carol", "+15550003"), ("dave", "+15550004")]

MEMORY_CAPACITY_EXCEEDED = 22
DESTINATION_OUT_OF_ORDER = 27

WIDTH = 52  # of each half of the ladder


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {found!r}")


async def phone_to_im(cast):
    "alice's phone writes to bob's client: the report tells the outcome"
    sent = await cast.alice.send_sm("+15550002", "Lunch at noon?")
    expect("the SIP answer", sent.answer.status, 202)
    expect("what bob reads", (await cast.bob.next_message()).text, "Lunch at noon?")
    expect("alice's report", (await sent.outcome()).kind, "RP-ACK")


async def im_to_phone(cast):
    "bob's client answers: 200 means that the phone has the message"
    answer = await cast.bob.send_im("sip:+15550001@ims.example", "Yes. The usual place.")
    _, delivered = await cast.alice.next_message()
    expect("what alice reads", delivered.tpdu.text, "Yes. The usual place.")
    expect("from whom", delivered.tpdu.address, "+15550002")
    expect("bob's answer", answer.status, 200)


async def phone_full(cast):
    "bob writes to carol, whose phone's memory is full"
    cast.carol.rp_answers.append(MEMORY_CAPACITY_EXCEEDED)
    answer = await cast.bob.send_im("sip:carol@ims.example", "Are you coming too?")
    expect("bob's answer", answer.status, 480)
    expect("a Retry-After", answer.get("Retry-After") is not None, True)


async def client_away(cast):
    "alice's phone writes to dave, whose client answers 480"
    cast.dave.answers.append(480)
    sent = await cast.alice.send_sm("+15550004", "Are you there?")
    expect("the SIP answer", sent.answer.status, 202)
    report = await sent.outcome()
    expect("alice's report", (report.kind, report.cause), ("RP-ERROR", DESTINATION_OUT_OF_ORDER))


async def emoji(cast):
    "an emoji in both directions"
    sent = await cast.alice.send_sm("+15550002", "See you 😀")
    expect("what bob reads", (await cast.bob.next_message()).text, "See you 😀")
    expect("alice's report", (await sent.outcome()).kind, "RP-ACK")
    answer = await cast.bob.send_im("sip:+15550001@ims.example", "🍜 🍜")
    _, delivered = await cast.alice.next_message()
    expect("what alice reads", delivered.tpdu.text, "🍜 🍜")
    expect("bob's answer", answer.status, 200)


class Cast:
    """The people of the demo."""

    @classmethod
    async def enter(cls, gateway):
        self = cls()
        self.alice = await gateway.user(Phone, "alice")
        self.bob = await gateway.user(ImClient, "bob")
        self.carol = await gateway.user(Phone, "carol")
        self.dave = await gateway.user(ImClient, "dave", protocol="tcp")
        return self

    def events(self, since):
        everybody = (self.alice, self.bob, self.carol, self.dave)
        return sorted((e for user in everybody for e in user.events if e.at >= since), key=lambda e: e.at)


def columns(text):
    """The width of a text in columns of a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text, width):
    return text + " " * (width - columns(text))


def arrow(event, left):
    """One message between a user (at the outer edge of its half) and the gateway (in the middle)."""
    name = event.user.name
    rightwards = event.outgoing == left
    room = WIDTH - 3 - columns(name) - columns(event.text)
    line = "─" * max(room - 1, 1)
    if left:
        return f"{name} {event.text} {line}▶" if rightwards else f"{name} ◀{line} {event.text}"
    return f"{line}▶ {event.text} {name}" if rightwards else f"◀{line} {event.text} {name}"


def wrapped(text):
    """A long text in pieces that fit into one half, indented."""
    line = "    "
    for word in text.split(" "):
        if columns(line) + 1 + columns(word) > WIDTH - 2 and line.strip():
            yield line
            line = "      "
        line += ("" if line.isspace() else " ") + word
    yield line


def ladder(events, since):
    """Phones on the left, clients on the right, the gateway between them."""
    for event in events:
        left = isinstance(event.user, Phone)
        decoded = wrapped(sms.described(event.octets)) if event.octets else []
        for i, half in enumerate([arrow(event, left), *decoded]):
            when = f"{event.at - since:7.3f} s" if i == 0 else " " * 9
            print(f"{when}  {padded(half if left else '', WIDTH)}│{' ' if not left else ''}{half if not left else ''}".rstrip())


async def play(folder):
    async with Gateway(folder, people=PEOPLE) as gateway:
        cast = await Cast.enter(gateway)
        print(f"A gateway is running on {gateway.address[0]}:{gateway.address[1]}. On the left the phones, on the right the clients.")
        for scene in (phone_to_im, im_to_phone, phone_full, client_away, emoji):
            print(f"\n── {scene.__doc__}\n")
            since = time.monotonic()
            try:
                await scene(cast)
            finally:
                ladder(cast.events(since), since)
    print("\nEvery message and report was as expected.")


def main():
    with tempfile.TemporaryDirectory(prefix="ipsmgw-demo-") as folder:
        try:
            asyncio.run(play(Path(folder) / "gateway"))
        except (AssertionError, GatewayError, Timeout, asyncio.TimeoutError) as error:
            print(f"\nThe demo failed: {error or 'an answer is missing'}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
