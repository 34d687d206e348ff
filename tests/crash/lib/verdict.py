"""Compares the books of the peers, and the table of charging records with them."""

import time
from collections import Counter, defaultdict

import sip
from books import SENT_AGAIN

# A crash may cut off the charging record of a report that came this many seconds before: the report comes again.
RECORD_LAG = 1.0
SUBMISSION, REPORT, DELIVERY = 0, 1, 3
NAMES = {SUBMISSION: "submission", REPORT: "report", DELIVERY: "delivery"}
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
    late = sum(len(books.late_copies(it)) for it in messages)
    print(f"{late} parts of long texts came again alone: late copies of requests that their phones had given up, behind a crash")
    verdict.check("long texts that came in pieces", map(books.story, filter(books.came_in_pieces, accepted)))
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


def references(message):
    """How the records without Call-ID name a message: sender, recipient, TP-MR. A part that is stored alone has its own TP-MR."""
    if not message.charged_as:
        return []
    sender, recipient, reference = message.charged_as
    parts = 3 if message.is_of("smlong") else 1
    return [(sender, recipient, reference if reference is None else (reference + part) % 256) for part in range(parts)]


class Record:
    """A charging record."""

    def __init__(self, name, kind, call, message_id, originator, recipient, reference, submitted, total, result):
        self.name, self.kind, self.call, self.message_id, self.result = name, kind, call, message_id, result
        self.exchange = name[:-1]  # the last letter is the kind
        self.submitted, self.total = submitted or 0, total or 1
        sender, recipient = sip.user_of(originator or ""), sip.user_of(recipient or "")
        # A report goes the other way.
        self.ends = (sender, recipient, reference) if kind != REPORT else (recipient, sender, reference)

    def __str__(self):
        return f"{self.name} {self.ends}"


class Charged:
    """The table of charging records."""

    def __init__(self, world, books):
        self.books = books
        self.by_call, self.by_id, self.by_reference = Counter(), Counter(), Counter()
        self.alone = defaultdict(list)  # of each exchange: its records without Call-ID and Message-ID
        self.assigned = Counter()  # how many of these are about a message, by their kind and the name of the message
        self.of_nothing = []  # records that are about no message
        columns = "message_type, session_id, im_message_id, originator, recipient, message_reference, submission_time, total_number, result"
        records = [Record(*row) for row in world.records(columns)]
        # Of one exchange, the record that was made before a crash has the Call-ID.
        calls = {record.exchange: record.call for record in records if record.call}
        for record in records:
            kind, call = record.kind, calls.get(record.exchange)
            self.by_call[kind, call] += 1
            for to in ("", record.ends[1]):
                self.by_id[kind, record.message_id, to] += 1
            self.by_reference[kind, *record.ends] += 1
            # The record of a list that the database does not take names no request.
            is_refused_list = kind == SUBMISSION and record.result == "failed" and books.away
            if kind != REPORT and not call and not record.message_id and not is_refused_list:
                self.alone[record.exchange].append(record)
        self.assign()

    def assign(self):
        """Gives the records of each exchange without Call-ID to one message. Such are those of a text that was stored behind others, and of
        a message that a later start took up."""
        about = defaultdict(list)
        for message in self.books.messages.values():
            for ends in references(message):
                about[ends].append(message)
        for records in sorted(self.alone.values(), key=lambda records: records[0].submitted):
            first = records[0]
            fits = [it for it in about[first.ends] if self.may_be_about(first, it)]
            if not fits:
                self.of_nothing += map(str, records)
                continue
            message = max(fits, key=lambda it: (self.waited(first, it), *self.misses(it, {record.kind for record in records})))
            for record in records:
                self.assigned[record.kind, message.name] += 1
        calls = {call for message in self.books.messages.values() for _, call in message.sent}
        for (kind, call), count in self.by_call.items():
            if call and kind != REPORT and call not in calls:
                self.of_nothing.append(f"{count} of the {NAMES[kind]} of {call}")

    def taken_at(self, record):
        """When the gateway took the message. Times in records are whole seconds."""
        return record.submitted - (time.time() - time.monotonic())

    def may_be_about(self, record, message):
        """A phone uses a TP-MR again after 256 messages, and instant messages have none, so the time counts, too."""
        at = self.taken_at(record)
        # A request may be taken after its sender has given it up.
        begin, end = message.sent[0][0] - 1, (message.told_at or at) + SENT_AGAIN
        plain = message.is_of("im", "sm", "imlong", "smlong")
        fits = not plain or message.is_of("imlong", "smlong") == (record.total > 1)
        return begin <= at <= end and fits

    def waited(self, record, message):
        """Whether its sender still waited for an answer when the gateway took this message."""
        return message.told_at is None or self.taken_at(record) <= message.told_at + 1

    def misses(self, message, kinds):
        """How much a message lacks these records. A later start has records without Call-ID of messages that were not answered before."""
        others = {SUBMISSION: DELIVERY, DELIVERY: SUBMISSION}
        counts = [(self.count(message, kind), self.count(message, others[kind])) for kind in kinds]
        was_open = self.books.was_killed(message.sent[0][0], message.told_at or float("inf"))
        has_none = all(count == 0 for count, _ in counts)
        return was_open, has_none, sum(other - count for count, other in counts), message.sent[0][0]

    def count(self, message, kind):
        if message.is_of("smstore"):
            return self.by_reference[kind, *message.charged_as]
        if message.is_of("imstore", "held", "list"):
            return self.by_id[kind, message.message_id, message.recipient]
        return sum(self.by_call[kind, call] for _, call in message.sent) + self.assigned[kind, message.name]

    def compare(self, verdict):
        books, cut_off = self.books, 0
        wrong = {True: [], False: []}
        for it in books.messages.values():
            if not it.is_accepted or books.came_in_pieces(it):
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
        verdict.check("charging records of no message", self.of_nothing)
        print(f"{cut_off} copies were delivered just before a crash, which came before the gateway heard of it: they have no records, and their senders had no answer")
        verdict.check("charging records of reports that differ from the reports", self.reports())

    def reports(self):
        for it in self.books.of(*PROMISES):
            records, came = self.count(it, REPORT), [at for at, _ in it.reports]
            if came and abs(records - len(came)) > self.books.crashes(it.sent[0][0], came[-1] + RECORD_LAG):
                yield f"{it.name} {it.recipient} reports {len(came)}, records {records}"
