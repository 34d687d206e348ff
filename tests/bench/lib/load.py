"""A load of SIP messages on one gateway: phones that speak SMS over IP on one UDP socket, IM clients on another.

Made to cost little: messages come from templates, and of what arrives only as much is read as is needed to answer it and
to count it. An exchange starts with a request of one side; how the two sides answer is a `Kind`'s matter. What arrives is
counted, and at the end the counts must be exactly the expected ones, so a message that got lost or came twice is seen.
"""

import collections
import dataclasses
import select
import socket
import time

DOMAIN = "ims.example"
SC = "+15559999"
CLIENT = "+16660000"  # the IM client
FRIEND = "+16660001"  # whom the IM client writes to when it writes to another client

TEXT = "The quick brown fox jumps over the lazy dog, and then it has a rest. Call me when you are at home, please."

# It takes three short messages.
PARTS = 3
LONG_TEXT = " ".join([TEXT] * 4)

SMS = "application/vnd.3gpp.sms"

SM_FEATURES, IM_FEATURES = "+g.3gpp.smsip", "+g.oma.sip-im"


def user_data(text, header=b""):
    """TP-UDL and TP-UD: letters of the GSM 7-bit default alphabet that are the same in ASCII, behind a header."""
    first = -(-8 * len(header) // 7)
    septets = first + len(text)
    number = sum(ord(letter) << 7 * place for place, letter in enumerate(text, first))
    number |= int.from_bytes(header, "little")
    return bytes([septets]) + number.to_bytes((7 * septets + 7) // 8, "little")


def parts(text):
    """The text of each part: 153 septets, the rest in the last one."""
    return [text[start : start + 153] for start in range(0, len(text), 153)]


def address(number):
    """The octets of an international number behind its length: type, then swapped digits."""
    digits = number.removeprefix("+")
    digits += "F" * (len(digits) % 2)
    return bytes([0x91]) + bytes.fromhex("".join(b + a for a, b in zip(digits[::2], digits[1::2])))


def rp_data(reference, text=TEXT, to=CLIENT, header=b""):
    """RP-DATA with an SMS-SUBMIT, from a phone. Of `reference` RP-MR and TP-MR are made."""
    centre, recipient = address(SC), address(to)
    # SMS-SUBMIT without TP-VP, TP-UDHI where there is a header; TP-MR; TP-DA in digits
    tpdu = bytes([0x41 if header else 0x01, reference >> 8 & 255, len(to) - 1])
    tpdu += recipient + bytes([0x00, 0x00]) + user_data(text, header)  # TP-PID, TP-DCS
    return bytes([0x00, reference & 255, 0, len(centre)]) + centre + bytes([len(tpdu)]) + tpdu


def rp_data_parts(reference):
    """The long text in the parts of a concatenated short message."""
    texts = parts(LONG_TEXT)
    for sequence, text in enumerate(texts, 1):
        header = bytes([5, 0x00, 3, reference & 255, len(texts), sequence])
        yield rp_data(PARTS * reference + sequence, text, header=header)


def rp_ack(reference):
    """RP-ACK with an SMS-DELIVER-REPORT, from a phone."""
    return bytes([0x02, reference, 0x41, 2, 0x00, 0x00])


def rp_error(reference, cause):
    """RP-ERROR without a TPDU, from a phone."""
    return bytes([0x04, reference, 1, cause])


# How long the gateway's octets are: MTI, MR, RP-OA, RP-DA, RP-UD's length; then TP's first octet, TP-OA, PID, DCS, SCTS;
# and then UDL, UD.
RP_DATA_HEADER = 2 + (1 + len(address(SC))) + 2 + 1 + (1 + len(address(CLIENT))) + 2 + 7
RP_DATA_LENGTH = RP_DATA_HEADER + len(user_data(TEXT))
FIRST_PART_LENGTH, *_, LAST_PART_LENGTH = (RP_DATA_HEADER + len(user_data(text, bytes(6))) for text in parts(LONG_TEXT))
# MTI, MR, RP-UD's IEI and length; then TP's first octet, PI, SCTS.
RP_ACK_LENGTH = 4 + 2 + 7

# Header fields of a phone's short message, and those that an answer copies from its request.
TO_CENTRE = "Request-Disposition: fork\r\nContent-Transfer-Encoding: binary\r\n"
COPIED = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of exchange."""

    starts: str  # "phone" or "client": whose request it is
    to: str | None = None  # a client's Request-URI, its user part; None: another phone each time
    # A number for the exchange -> octets of the request, or of its requests, one after the other; None: the text.
    body: object = None
    text: str = TEXT  # what the client reads, and writes without a body
    client_answers: int | None = 200  # status, or None for silence
    phone_answers: int | None = 200
    phone_reports: object = None  # RP-MR -> octets, or None for silence
    # The arrivals of each exchange: (socket, kind) -> how often. None: an answer, and anything else.
    expected: dict | None = None


class LoadError(Exception):
    """The arrivals differ from the expected ones."""


class Load:
    """The two sockets, and the people at them."""

    def __init__(self, gateway, phones=200):
        self.gateway = gateway
        self.phones = [f"+1555{i:04}" for i in range(phones)]
        self.phone, self.client = (self._open() for _ in range(2))
        self._poll = select.poll()
        self._sockets = {}
        for side in (self.phone, self.client):
            self._poll.register(side, select.POLLIN)
            self._sockets[side.fileno()] = side
        self._number = self._exchange = 0
        self.arrived = collections.Counter()
        self.octets = collections.Counter()
        self._kind = self._starter = None
        self._answered = 0

    def _open(self):
        side = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        side.bind(("127.0.0.1", 0))
        side.connect(self.gateway)
        side.setblocking(False)
        return side

    def close(self):
        for side in (self.phone, self.client):
            side.close()

    # Requests

    def _request(self, side, method, uri, user, body, content_type=None, headers=""):
        number = self._number
        self._number += 1
        host = "%s:%d" % side.getsockname()
        content = f"Content-Type: {content_type}\r\n" if content_type else ""
        head = (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{number:x}\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{user}@{DOMAIN}>;tag=f{number:x}\r\n"
            f"To: <{uri}>\r\n"
            f"Call-ID: {number:x}-{side.fileno()}@127.0.0.1\r\n"
            f"CSeq: 1 {method}\r\n"
            f"P-Asserted-Identity: <sip:{user}@{DOMAIN}>\r\n"
            f"{headers}{content}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        side.send(head.encode() + body)

    def register(self):
        """All phones and both clients."""
        people = [(self.phone, user, SM_FEATURES) for user in self.phones]
        people += [(self.client, user, IM_FEATURES) for user in (CLIENT, FRIEND)]
        for side, user, features in people:
            contact = "Contact: <sip:%s@%s:%d>;%s\r\nExpires: 7200\r\n" % (user, *side.getsockname(), features)
            self._request(side, "REGISTER", f"sip:{user}@{DOMAIN}", user, b"", headers=contact)
            readable = select.select([side], [], [], 5)[0]
            answer = side.recv(65536) if readable else b"nothing"
            if not answer.startswith(b"SIP/2.0 200"):
                raise LoadError(f"REGISTER of {user}: {answer[:60]!r}")

    def _start(self, kind):
        number = self._exchange
        self._exchange += 1
        phone = self.phones[number % len(self.phones)]
        if kind.starts == "phone":
            bodies = kind.body(number)
            bodies = [bodies] if isinstance(bodies, bytes) else list(bodies)
            for place, body in enumerate(bodies, 1):
                part = "" if len(bodies) == 1 else f"Part: {place} of {len(bodies)}\r\n"
                self._request(self.phone, "MESSAGE", f"sip:{SC}@{DOMAIN}", phone, body, SMS, TO_CENTRE + part)
        else:
            uri = f"sip:{kind.to or phone}@{DOMAIN}"
            body = kind.body(number) if kind.body else kind.text.encode()
            self._request(self.client, "MESSAGE", uri, CLIENT, body, "text/plain;charset=UTF-8")

    # Arrivals

    def _take(self, side, octets):
        """Counts a message, answers it, and reports on it as the kind of exchange says."""
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        is_answer = octets.startswith(b"SIP/2.0 ")
        if is_answer:
            what = lines[0][8:11].decode()
            self._answered += side is self._starter
        elif side is self.phone:
            what = f"RP-MTI {body[0]}"
        else:
            what = "text" if body == self._kind.text.encode() else "another text"
        name = "phone" if side is self.phone else "client"
        self.arrived[name, what] += 1
        self.octets[name, what] += len(octets)
        status = self._kind.phone_answers if side is self.phone else self._kind.client_answers
        if is_answer or status is None:
            return
        answer = [b"SIP/2.0 %d Whatever" % status]
        answer += [line + b";tag=t" if line.startswith(b"To:") else line for line in lines if line.startswith(COPIED)]
        side.send(b"\r\n".join((*answer, b"Content-Length: 0\r\n\r\n")))
        if what == "RP-MTI 1" and self._kind.phone_reports:
            self._report(lines, self._kind.phone_reports(body[1]))

    def _report(self, lines, octets):
        """The phone's report on the RP-DATA with these header fields."""
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        phone = fields[b"To"].decode().partition(":")[2].partition("@")[0]
        headers = f"In-Reply-To: {fields[b'Call-ID'].decode()}\r\nContent-Transfer-Encoding: binary\r\n"
        self._request(self.phone, "MESSAGE", f"sip:{SC}@{DOMAIN}", phone, octets, SMS, headers)

    # The load

    def run(self, kind, count, rate, patience=5.0, most_open=1000):
        """Starts `count` exchanges, `rate` in a second, and waits until all that they make arrive has arrived."""
        self._kind, self._answered = kind, 0
        self._starter = self.phone if kind.starts == "phone" else self.client
        self.arrived.clear()
        self.octets.clear()
        expected = kind.expected and {what: times * count for what, times in kind.expected.items()}
        started, begin = 0, time.monotonic()
        deadline = None
        while started < count or self._answered < count or (expected and self.arrived != expected):
            now = time.monotonic()
            if started < count:
                while started < count and begin + started / rate <= now and started - self._answered < most_open:
                    self._start(kind)
                    started += 1
                wait = max(0.0, begin + started / rate - now) if started < count else 0.0
            else:
                deadline = deadline or now + patience
                wait = deadline - now
                if wait <= 0:
                    raise LoadError(f"expected {expected or count}, arrived {dict(self.arrived)}")
            self.serve(wait)

    def serve(self, seconds):
        """Takes the arrivals of now and of that time."""
        # Rounded up: a poll of 0 ms would only turn round and round.
        for number, _ in self._poll.poll(int(seconds * 1000) + 1):
            self._drain(self._sockets[number])

    def _drain(self, side):
        while True:
            try:
                octets = side.recv(65536)
            except BlockingIOError:
                return
            self._take(side, octets)
