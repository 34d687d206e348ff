"""Tests of the books and of the check of charging records: each wrong record, and each part of a text that came alone, is found."""

import contextlib
import io
import time

from books import Books, long
from verdict import DELIVERY, SUBMISSION, Charged, Verdict

PHONE, CLIENT = "+15550101", "+15550111"
LETTERS = {SUBMISSION: "s", DELIVERY: "d"}
OTHERS = "charging records of other messages that are missing or twice"
OF_NOTHING = "charging records of no message"


class Records:
    """A table of charging records."""

    def __init__(self, *rows):
        self.rows = rows

    def records(self, _):
        return self.rows


class Played:
    """A minute of messages that were sent, told and delivered, each at once. Times are seconds since its begin."""

    def __init__(self):
        self.books = Books(has_nodes=True)
        # Whole seconds, as in the records.
        self.begin = time.monotonic() - time.time() % 1 - 60
        self.books.began = self.begin
        self.exchanges = 0

    def message(self, kind, sender, recipient, reference, at, number=1):
        message = self.books.open(kind, "x", number)
        message.charged_as = (sender, recipient, reference)
        message.sent.append((self.begin + at, f"{kind}{number}"))
        message.got.append(self.begin + at)
        message.told, message.told_at = "accepted", self.begin + at
        return message

    def record(self, kind, message, at, call="", part=0, exchange=None):
        sender, recipient, reference = message.charged_as
        reference = reference if reference is None else reference + part
        submitted = int(self.begin + at + time.time() - time.monotonic() + 0.001)
        self.exchanges += exchange is None
        name = f"1-{self.exchanges if exchange is None else exchange}-{LETTERS[kind]}"
        total = 1 if message.is_of("im", "sm") else 3
        return name, kind, call, "", f"sip:{sender}@ims.example", f"sip:{recipient}@ims.example", reference, submitted, total, "delivered"

    def failed(self, *records):
        """The names of the checks that fail with these records."""
        verdict = Verdict()
        with contextlib.redirect_stdout(io.StringIO()):
            Charged(Records(*records), self.books).compare(verdict)
        return verdict.failed


def both(play, message, at, call="", part=0):
    """The records of one exchange."""
    play.exchanges += 1
    return [play.record(kind, message, at, call, part, play.exchanges) for kind in (SUBMISSION, DELIVERY)]


def expect(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {found} instead of {wanted}")


def records_by_call():
    play = Played()
    sm = play.message("sm", PHONE, CLIENT, 7, 1)
    good = both(play, sm, 1, "sm1")
    expect(play.failed(*good), [], "one of each")
    expect(play.failed(*good[:1]), [OTHERS], "a delivery is missing")
    expect(play.failed(), [OTHERS], "both are missing")
    expect(play.failed(*good, *good), [OTHERS], "both are there twice")
    expect(play.failed(*good, play.record(DELIVERY, sm, 1, "elsewhere")), [OF_NOTHING], "a record of another request")


def records_without_call():
    """Two messages in one second, from one client to one phone."""
    play = Played()
    first, second = (play.message("im", CLIENT, PHONE, None, 1 + number / 10, number) for number in (1, 2))
    good = [*both(play, first, 1, "im1"), *both(play, second, 1)]
    expect(play.failed(*good), [], "the second was taken up")
    expect(play.failed(*good[:3]), [OTHERS], "the delivery of the second is missing")
    expect(play.failed(*good, good[3]), [OTHERS], "the delivery of the second is there twice")
    expect(play.failed(*good, play.record(DELIVERY, second, 50)), [OF_NOTHING], "a record of another time")


def records_of_one_exchange():
    """A single and a long message in one second, from one client to one phone; a crash before their answers."""
    play = Played()
    single, text = play.message("im", CLIENT, PHONE, None, 1), play.message("imlong", CLIENT, PHONE, None, 1)
    play.books.kills = [(play.begin + 1, play.begin + 2)]
    single.told_at = text.told_at = play.begin + 3
    of_single, of_text = both(play, single, 1), both(play, text, 1)
    expect(play.failed(*of_single, *of_text), [], "both were taken up")
    expect(play.failed(*of_single, of_text[0]), [OTHERS], "the delivery of the text is missing")
    answered = play.record(SUBMISSION, single, 1, "im1", exchange=play.exchanges - 1)
    expect(play.failed(answered, of_single[1], *of_text), [], "the submission has the Call-ID, and the delivery has none")
    expect(play.failed(answered, *of_text), [OTHERS], "that delivery is missing")


def records_of_another_form():
    """A single message that was taken up, and a long one without records whose sender was still waiting at a crash."""
    play = Played()
    single, text = play.message("im", CLIENT, PHONE, None, 1), play.message("imlong", CLIENT, PHONE, None, 1)
    play.books.kills = [(play.begin + 1.5, play.begin + 2)]
    text.told_at = play.begin + 3
    expect(play.failed(*both(play, single, 1), *both(play, text, 1, "imlong1")), [], "those of the single one have no Call-ID")
    of_single = both(play, single, 1, "im1")
    expect(play.failed(*of_single, *both(play, single, 1)), [OTHERS], "a single message twice is no long one")


def records_of_another_time():
    """A message that was taken up behind a crash, and an earlier one whose sender was still waiting at another crash."""
    play = Played()
    earlier, taken_up = (play.message("im", CLIENT, PHONE, None, at, number) for number, at in ((1, 1), (2, 9)))
    play.books.kills = [(play.begin + 1.5, play.begin + 2)]
    earlier.told_at = play.begin + 3
    expect(play.failed(*both(play, earlier, 1, "im1"), *both(play, taken_up, 9)), [], "those without Call-ID are of the later one")


def parts_alone():
    """The last part of a text comes once more alone, as a late copy of a request that its phone has given up."""
    play = Played()
    books = play.books
    text = play.message("smlong", PHONE, CLIENT, 30, 7)
    books.open("smlong", "p9", 1).charged_as = ("+15550109", "+15550119", 30)
    books.got(f"[… 1/3 missing][… 2/3 missing]{long(text)[-100:]}", CLIENT)
    expect(len(text.in_pieces), 1, "parts that came alone")
    good = [*both(play, text, 7, "smlong1"), *both(play, text, 8, part=2)]
    expect(books.came_in_pieces(text), True, "a part alone without a reason")
    books.kills = [(play.begin, play.begin + 6), (play.begin + 9, play.begin + 12)]
    expect(books.came_in_pieces(text), True, "no request was given up")
    text.given_up.append(play.begin + 1)
    text.sent.insert(0, (play.begin + 1, "smlong0"))
    expect(books.came_in_pieces(text), False, "a late copy")
    expect(play.failed(*good), [], "the records of a late copy")
    expect(play.failed(*good[:3]), [OTHERS], "the delivery of a late copy is missing")
    books.kills.pop()
    expect(books.came_in_pieces(text), True, "no gateway was killed behind the delivery")


def run():
    for test in (records_by_call, records_without_call, records_of_one_exchange, records_of_another_form, records_of_another_time, parts_alone):
        test()
