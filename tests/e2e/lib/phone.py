"""A phone that speaks SMS over IP (TS 24.341), and a service centre."""

import asyncio
import dataclasses
import itertools

import sip
import sms
from ua import REASONS, UserAgent

SMS = "application/vnd.3gpp.sms"


@dataclasses.dataclass
class Submission:
    """An SM that a phone has sent: the SIP answer is here at once, the report comes when it comes."""

    mr: int
    call_id: str
    octets: bytes
    answer: sip.Message | None = None
    report: asyncio.Future = None

    async def outcome(self, timeout=30.0):
        """The RP-ACK or RP-ERROR."""
        return await asyncio.wait_for(asyncio.shield(self.report), timeout)


class Phone(UserAgent):
    """Sends RP-DATA to the service centre's number; answers RP-DATA with a 200 and a report in a MESSAGE of its own."""

    features = ";+g.3gpp.smsip"

    def __init__(self, endpoint, name, password, domain, number=None, centre="+15559999"):
        super().__init__(endpoint, name, password, domain, number)
        self.centre = centre
        self.centre_uri = f"sip:{centre}@{domain}"
        self.reports = []  # (request, Rp): every RP-ACK and RP-ERROR, asked for or not
        self.report_answer = 200  # what the phone answers to the MESSAGE that carries a report
        self.rp_answers = []  # scripted: None, "ack", an RP-Cause, or a function of the Rp; then `rp_answer`
        self.rp_answer = "ack"
        self.in_reply_to = True
        self.report_results = asyncio.Queue()  # final responses to the phone's own reports
        self._submissions = {}
        self._mr = itertools.count(1)
        self._tp_mr = itertools.count(1)

    async def send_sm(self, to, text, mr=None, tpdu=None, **fields):
        """Submits an SM and waits for the SIP answer only."""
        mr = next(self._mr) % 256 if mr is None else mr
        tpdu = sms.submit(to, text, mr=next(self._tp_mr) % 256, **fields) if tpdu is None else tpdu
        return await self.send_rp(sms.rp_data(mr, self.centre, tpdu), mr)

    async def send_rp(self, octets, mr=None, headers=(), uri=None, content_type=SMS, call_id=None, **options):
        """Sends any octets as an RP message to the service centre."""
        mr = octets[1] if mr is None and len(octets) > 1 else mr or 0
        submission = Submission(mr, call_id or f"{self.name}-{id(octets):x}-{next(self._tp_mr)}", octets)
        submission.report = asyncio.get_running_loop().create_future()
        self._submissions[submission.call_id] = submission
        self.sends("MESSAGE", octets)
        submission.answer = await self.send(
            "MESSAGE",
            uri or self.centre_uri,
            headers=[("Content-Type", content_type), ("Content-Transfer-Encoding", "binary"), *headers],
            body=octets,
            call_id=submission.call_id,
            **options,
        )
        self.sees(submission.answer, f"{submission.answer.status} {submission.answer.reason}")
        return submission

    async def handle_message(self, request):
        if request.content_type != SMS:
            self.sees(request, f"MESSAGE of {request.content_type}")
            self.reply(request, (415, "Unsupported Media Type", [("Accept", SMS)]))
            await self.inbox.put(request)
            return
        message = sms.decode(request.body)
        self.sees(request, "MESSAGE", request.body)
        if message.kind == "RP-DATA":
            await self._delivered(request, message)
        else:
            self._reported(request, message)

    def _reported(self, request, message):
        status = self.reply(request, self.report_answer)
        if status:
            self.sends(f"{status} {REASONS.get(status, '')}".strip())
        self.reports.append((request, message))
        submission = self._submissions.get(request.get("In-Reply-To", ""))
        if submission and submission.mr == message.mr and not submission.report.done():
            submission.report.set_result(message)

    async def _delivered(self, request, message):
        status = self.reply(request, self.next_answer(request))
        if status is not None:
            self.sends(f"{status} {REASONS.get(status, '')}".strip())
        await self.inbox.put((request, message))
        if status is None or status >= 300:
            return
        chosen = self.rp_answers.pop(0) if self.rp_answers else self.rp_answer
        if callable(chosen):
            chosen = chosen(message)
        if chosen is None:
            return
        if chosen == "ack":
            octets = sms.rp_ack(message.mr)
        elif isinstance(chosen, int):
            octets = sms.rp_error(message.mr, chosen)
        else:
            octets = chosen
        await self.report(request, octets)

    async def report(self, request, octets, in_reply_to=None, content_type=SMS):
        """Sends a report for a delivered SM to the address that its P-Asserted-Identity names (TS 24.341 5.3.2.4)."""
        to = sip.addr_spec(request.get("P-Asserted-Identity") or request.get("From"))
        headers = [("Content-Type", content_type), ("Content-Transfer-Encoding", "binary")]
        reference = in_reply_to or (request.get("Call-ID") if self.in_reply_to else None)
        if reference:
            headers.append(("In-Reply-To", reference))
        self.sends("MESSAGE", octets)
        answer = await self.send("MESSAGE", to, headers=headers, body=octets)
        self.sees(answer, f"{answer.status} {answer.reason}")
        await self.report_results.put(answer)
        return answer


class ServiceCentre(Phone):
    """A trusted peer: not registered, sends SMS-DELIVER to people and takes relayed requests."""

    features = ""

    def __init__(self, endpoint, domain, number="+15559999"):
        super().__init__(endpoint, number, None, domain, number, number)
        self.uri = f"sip:{number}@{endpoint.contact_host}"
        self.submitted = asyncio.Queue()
        self._contact_user = number
        endpoint.users[number] = self

    async def deliver(self, uri, from_, text, mr=None, tpdu=None, headers=(), asserted=True):
        """Sends an SM to a person; the report comes back as for a phone's own submission."""
        mr = next(self._mr) % 256 if mr is None else mr
        octets = sms.rp_data(mr, self.centre, tpdu or sms.deliver(from_, text), network=True)
        identity = [("P-Asserted-Identity", f"<{self.uri}>")] if asserted else []
        return await self.send_rp(octets, mr, headers=[*identity, *headers], uri=uri, from_=self.uri)

    async def report_to(self, uri, octets, in_reply_to):
        """Reports on a phone's submission."""
        headers = [
            ("P-Asserted-Identity", f"<{self.uri}>"),
            ("In-Reply-To", in_reply_to),
            ("Content-Type", SMS),
        ]
        return await self.send("MESSAGE", uri, headers=headers, body=octets, from_=self.uri)

    async def handle_message(self, request):
        message = sms.decode(request.body)
        if message.mti in (0, 6):  # RP-DATA and RP-SMMA of phones
            self.sees(request, "MESSAGE", request.body)
            self.reply(request, (202, "Accepted"))
            await self.submitted.put((request, message))
        else:
            await super().handle_message(request)
