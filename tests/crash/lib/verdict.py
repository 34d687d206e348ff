"""Compares the books of the peers, and the table of charging records with them."""

import time
from collections import Counter, defaultdict

import sip

# A crash may cut off the charging record of a report that came this many seconds before: the report comes again.
RECORD_LAG = 1.0
SUBMISSION, REPORT, DELIVERY = 0, 1, 3
# For these messages a report must still come when the sender has its answer.
PROMISES = ("smstore", "imstore", "held", "list")


class Verdict:
    def __init__(self):
        self.passed, self.failed = 0, []

    def check(self, what, wrong):
        wrong = list(wrong)
        if wrong:
            self.failed.append(what)
            print(f"FAILED: {what}: {len(wrong)}", *(f"  | {it}" for it in wrong[:10]), sep="\n")
        else:
            self.passed += 1
            print(f"ok      {what}")


def compare(world, books, verdict):
    messages = list(books.messages.values())
    accepted = [message for message in messages if message.is_accepted]
    for kind in sorted({message.kind for message in messages}):
        of_kind = [message for message in messages if message.kind == kind]
        words = Counter(message.told for message in of_kind)
        print(f"{kind:10} {len(of_kind):5} messages, {sum(len(it.sent) for it in of_kind):5} requests, {dict(words)}")
    lost = [it for it in accepted if not (it.got or it.in_pieces) and "failed" not in (what for _, what in it.reports)]
    verdict.check("acknowledged and lost", map(books.story, lost))
    verdict.check("senders without a final word", map(books.story, (it for it in messages if not it.told)))
    again = [it for it in messages if len(it.got) > 1]
    print(f"{len(again)} messages came again behind a crash")
    in_pieces = [it for it in accepted if it.in_pieces]
    verdict.check("long texts that came in pieces", map(books.story, in_pieces))
    verdict.check("came again without a crash", map(books.story, (it for it in again if books.unexplained(it, it.got))))
    verdict.check("refused", (f"{it.name} {it.told}" for it in messages if it.told and not it.is_accepted and not may_refuse(books, it)))
    owed = [it for it in accepted if it.is_of("smstore", "imstore") or it.is_of("held", "list") and it.status == 202]
    silent = [it for it in owed if not it.reports]
    verdict.check("notifications and status reports that never came", map(books.story, silent))
    verdict.check("wrong reports", map(books.story, (it for it in owed if any(what not in ("delivered", "00") for _, what in it.reports))))
    verdict.check("reports that came again without a crash", map(books.story, (it for it in messages if books.unexplained(it, [at for at, _ in it.reports]))))
    verdict.check("what no peer expects", books.strange)
    if books.away:
        went_on = [it for it in books.of("sm", "im", "imlong") if it.is_accepted and any(gone < it.told_at < back for gone, back in books.away)]
        print(f"{len(went_on)} messages without a promise were delivered while the database was away")
        verdict.check("messages without a promise that waited for the database", [] if went_on else ["all of them"])
    Charged(world, books).compare(verdict)


def may_refuse(books, message):
    """While the database is away, no promise is made; other messages go on."""
    return not message.is_of("sm", "im", "imlong") and books.was_away(message.sent[0][0], message.told_at)


class Charged:
    """The table of charging records."""

    def __init__(self, world, books):
        self.books = books
        self.by_call, self.by_id, self.by_reference = Counter(), Counter(), Counter()
        self.without_call = defaultdict(list)  # when the messages came whose records have no Call-ID
        columns = "message_type, session_id, im_message_id, originator, recipient, message_reference, submission_time"
        for kind, call, message_id, originator, recipient, reference, submitted in world.records(columns):
            ends = (sip.user_of(originator or ""), sip.user_of(recipient or ""))
            # A report goes the other way.
            sender, recipient = ends if kind != REPORT else ends[::-1]
            self.by_call[kind, call] += 1
            for to in ("", recipient):
                self.by_id[kind, message_id, to] += 1
            self.by_reference[kind, sender, recipient, reference] += 1
            if not call and not message_id:
                self.without_call[kind, sender, recipient, reference].append(submitted)

    def count(self, message, kind):
        if message.is_of("smstore"):
            return self.by_reference[kind, *message.charged_as]
        if message.is_of("imstore", "held", "list"):
            return self.by_id[kind, message.message_id, message.recipient]
        found = sum(self.by_call[kind, call] for _, call in message.sent)
        if message.charged_as:
            # Of a text that was stored behind others, and of a message that a later start took up, the records have no Call-ID.
            since_1970 = time.time() - time.monotonic()
            begin, end = message.sent[0][0] + since_1970 - 1, message.told_at + since_1970
            found += sum(begin <= at <= end for at in self.without_call[kind, *message.charged_as])
        return found

    def compare(self, verdict):
        books, cut_off = self.books, 0
        wrong = {True: [], False: []}
        for it in books.messages.values():
            if not it.is_accepted or it.in_pieces:
                continue
            submissions, deliveries = (self.count(it, kind) for kind in (SUBMISSION, DELIVERY))
            is_promise = it.is_of(*PROMISES)
            # Each request that a gateway took is a message of its own. One that is retransmitted behind a crash is another one.
            crashes = books.crashes(it.sent[0][0], max([it.told_at, *it.got]))
            most = len(it.sent) + crashes
            is_right = submissions == deliveries and 1 <= submissions <= most
            if not is_promise and is_right:
                # The recipient had it, and the gateway was killed before it heard of that: its sender had no answer, and sent it again.
                unheard = max(0, len(it.got) - deliveries)
                is_right = unheard <= crashes
                cut_off += unheard
            if not is_right:
                wrong[is_promise].append(f"submissions {submissions}, deliveries {deliveries}; {books.story(it)}")
        verdict.check("charging records of promises that are missing or twice", wrong[True])
        verdict.check("charging records of other messages that are missing or twice", wrong[False])
        print(f"{cut_off} copies were delivered just before a crash, which came before the gateway heard of it: they have no records, and their senders had no answer")
        verdict.check("charging records of reports that differ from the reports", self.reports())

    def reports(self):
        for it in self.books.of(*PROMISES):
            records, came = self.count(it, REPORT), [at for at, _ in it.reports]
            if came and abs(records - len(came)) > self.books.crashes(it.sent[0][0], came[-1] + RECORD_LAG):
                yield f"{it.name} {it.recipient} reports {len(came)}, records {records}"
