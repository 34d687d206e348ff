#!/usr/bin/env python3
"""The phones that SIPp cannot play: they take RP-DATA and send RP-ACK or RP-ERROR with its RP-MR.

    tests/sipp/phone.py --phones phones.csv --listen 192.0.2.8:6001 [--answer ack|none|CAUSE] HOST[:PORT]

All phones of the injection file (name;[authentication username=NAME password=PASSWORD];number) share the socket. Register
them first: scenarios/register_phone.xml. Prints a line for each RP message. Ctrl-C ends it.
"""

import argparse
import collections
import hashlib
import heapq
import json
import re
import secrets
import socket
import sys
import threading
import time

import pdu

T1, T2, TIMER_F = 0.5, 4.0, 32.0  # RFC 3261 clause 17.1.2.2


class Sip:
    """A SIP message: the start line, header fields in order, the body."""

    def __init__(self, octets):
        head, _, self.body = octets.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        self.start = lines[0]
        self.fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]

    def get(self, *names):
        """The value of the first field with one of these names."""
        wanted = {name.lower() for name in names}
        return next((value for name, value in self.fields if name.lower() in wanted), "")

    def all(self, *names):
        wanted = {name.lower() for name in names}
        return [value for name, value in self.fields if name.lower() in wanted]

    @property
    def branch(self):
        found = re.search(r";\s*branch=([^;,\s]+)", self.get("Via", "v"))
        return found.group(1) if found else ""


def uri_of(value):
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.partition(";")[0].strip()


def user_of(uri):
    return re.sub(r"^\w+:", "", uri).partition("@")[0].partition(";")[0]


class Phone:
    """One phone: its account, and the nonce of the gateway, which serves for many requests (qop=auth)."""

    def __init__(self, name, credentials, number):
        found = re.search(r"username=(\S+) password=([^\s\]]+)", credentials)
        self.name, self.number = name, number
        self.username, self.password = found.groups() if found else (name, "")
        self.challenge, self.count = None, 0

    def credentials(self, method, uri):
        if not self.challenge:
            return None
        realm, nonce = self.challenge
        self.count += 1
        count, cnonce = f"{self.count:08x}", secrets.token_hex(4)
        ha1 = hashlib.md5(f"{self.username}:{realm}:{self.password}".encode()).hexdigest()
        ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
        response = hashlib.md5(f"{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}".encode()).hexdigest()
        return (
            f'Digest username="{self.username}", realm="{realm}", nonce="{nonce}", uri="{uri}", qop=auth, nc={count}, '
            f'cnonce="{cnonce}", response="{response}", algorithm=MD5'
        )


class Report:
    """A MESSAGE with a report, until the gateway has answered it."""

    def __init__(self, phone, request, octets):
        self.phone, self.octets = phone, octets
        self.uri = uri_of(request.get("P-Asserted-Identity") or request.get("From", "f"))
        self.in_reply_to = request.get("Call-ID", "i")
        self.call_id, self.cseq, self.challenged = secrets.token_hex(8), 0, 0
        self.branch = self.datagram = None
        self.pause, self.end = T1, 0.0


class Phones(threading.Thread):
    """All phones of one socket. A trusted peer (`trusted`) asserts its phones instead of sending credentials."""

    def __init__(self, gateway, listen, accounts, domain, trusted=False, record=None, tell=None):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(listen)
        self.gateway, self.domain, self.trusted, self.record, self.tell = gateway, domain, trusted, record, tell
        self.host = (
            "[{}]:{}".format(*self.socket.getsockname()[:2])
            if family == socket.AF_INET6
            else "{}:{}".format(*self.socket.getsockname())
        )
        self.phones = {}
        for account in accounts:
            phone = Phone(*account[:3])
            self.phones[phone.name] = self.phones[phone.number] = phone
        self.answer = "ack"
        self.received = []  # (phone, Message): RP-DATA
        self.reports = []  # (In-Reply-To, Message): RP-ACK and RP-ERROR on what the phones sent
        self.faults = []  # sentences
        self.changed = threading.Condition()
        self._answers = collections.OrderedDict()  # branch -> (time, datagram), for retransmissions
        self._open, self._timers = {}, []
        self._stopping = False

    def close(self):
        self._stopping = True
        self.socket.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()

    def wait_for(self, condition, seconds):
        """True when the condition holds within that time."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def run(self):
        while not self._stopping:
            self.socket.settimeout(max(0.01, self._timers[0][0] - time.monotonic()) if self._timers else None)
            try:
                datagram, sender = self.socket.recvfrom(65535)
            except (TimeoutError, socket.timeout):
                datagram = b""
            except ConnectionError:
                continue
            if datagram.strip(b"\r\n\0"):
                try:
                    self._take(datagram, sender)
                except Exception as error:
                    self._fault(f"a datagram that the phone does not understand: {error!r}")
            self._retransmit()

    def _fault(self, sentence):
        with self.changed:
            self.faults.append(sentence)
            self.changed.notify_all()
        if self.tell:
            self.tell(sentence)

    def _note(self, direction, phone, octets):
        if self.record:
            json.dump({"direction": direction, "phone": phone.number or phone.name, "rp": octets.hex()}, self.record)
            self.record.write("\n")
            self.record.flush()

    def _take(self, datagram, sender):
        message = Sip(datagram)
        if message.start.startswith("SIP/2.0 "):
            self._answered(message)
            return
        if message.branch in self._answers:
            self.socket.sendto(self._answers[message.branch][1], sender)
            return
        method, uri, _ = message.start.split(" ", 2)
        phone = self.phones.get(user_of(uri))
        if method == "OPTIONS":
            self._reply(message, sender, "200 OK")
        elif method != "MESSAGE":
            self._reply(message, sender, "405 Method Not Allowed")
        elif phone is None and not self.trusted:
            self._reply(message, sender, "404 Not Found")
        elif message.get("Content-Type", "c").lower() != "application/vnd.3gpp.sms":
            self._reply(message, sender, "415 Unsupported Media Type")
            self._fault("a phone got a MESSAGE without a short message in it")
        else:
            self._message(message, sender, phone or Phone("", "", user_of(uri)))

    def _message(self, request, sender, phone):
        try:
            message = pdu.Message(request.body)
        except ValueError as error:
            self._reply(request, sender, "400 Bad Request")
            self._fault(f"a phone got {error}: {request.body.hex()}")
            return
        self._reply(request, sender, "200 OK")
        self._note("to phone", phone, request.body)
        if self.tell:
            self.tell(
                f"{phone.name or phone.number} got RP {request.body.hex()}: {message.text or message.cause or message.status or 'RP-ACK'}"
            )
        answer = self.answer
        with self.changed:
            if message.kind == pdu.RP_DATA_MT:
                self.received.append((phone, message))
            else:
                self.reports.append((request.get("In-Reply-To"), message))
            self.changed.notify_all()
        if message.kind == pdu.RP_DATA_MT and answer != "none":
            octets = pdu.rp_ack(message.mr) if answer == "ack" else pdu.rp_error(message.mr, int(answer))
            self._send(Report(phone, request, octets))
            self._note("from phone", phone, octets)

    def _reply(self, request, sender, status):
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in request.all("Via", "v")),
            f"From: {request.get('From', 'f')}",
        ]
        to = request.get("To", "t")
        lines += [
            f"To: {to}" if ";tag=" in to else f"To: {to};tag={secrets.token_hex(4)}",
            f"Call-ID: {request.get('Call-ID', 'i')}",
        ]
        lines += [f"CSeq: {request.get('CSeq')}", "Accept: application/vnd.3gpp.sms", "Content-Length: 0", "", ""]
        datagram = "\r\n".join(lines).encode()
        now = time.monotonic()
        self._answers[request.branch] = now, datagram
        while next(iter(self._answers.values()))[0] < now - TIMER_F:
            self._answers.popitem(last=False)
        self.socket.sendto(datagram, sender)

    def _send(self, report):
        phone = report.phone
        report.cseq += 1
        report.branch = f"z9hG4bK{secrets.token_hex(8)}"
        me = f"sip:{phone.name or phone.number}@{self.domain}"
        lines = [
            f"MESSAGE {report.uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host};branch={report.branch};rport",
            "Max-Forwards: 70",
            f"From: <{me}>;tag={report.call_id[:8]}",
            f"To: <{report.uri}>",
            f"Call-ID: {report.call_id}",
            f"CSeq: {report.cseq} MESSAGE",
            f"In-Reply-To: {report.in_reply_to}",
            "Content-Type: application/vnd.3gpp.sms",
            f"Content-Length: {len(report.octets)}",
        ]
        if self.trusted:
            lines.append(f"P-Asserted-Identity: <sip:{phone.number}@{self.domain}>")
        elif credentials := phone.credentials("MESSAGE", report.uri):
            lines.append(f"Proxy-Authorization: {credentials}")
        report.datagram = "\r\n".join([*lines, "", ""]).encode() + report.octets
        report.pause, report.end = T1, time.monotonic() + TIMER_F
        self._open[report.branch] = report
        heapq.heappush(self._timers, (time.monotonic() + report.pause, report.branch))
        self.socket.sendto(report.datagram, self.gateway)

    def _answered(self, response):
        status = int(response.start.split(" ")[1])
        if status < 200 or (report := self._open.pop(response.branch, None)) is None:
            return
        if status == 407 and report.challenged < 2:
            report.challenged += 1
            offer = response.get("Proxy-Authenticate")
            fresh = tuple(re.search(rf'{name}="([^"]*)"', offer).group(1) for name in ("realm", "nonce"))
            if fresh != report.phone.challenge:
                report.phone.challenge, report.phone.count = fresh, 0
            self._send(report)
        elif status >= 300:
            self._fault(f"the gateway refused a report: {response.start}")

    def _retransmit(self):
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, branch = heapq.heappop(self._timers)
            report = self._open.get(branch)
            if report is None:
                continue
            if now >= report.end:
                del self._open[branch]
                self._fault("the gateway did not answer a report within 32 s")
                continue
            self.socket.sendto(report.datagram, self.gateway)
            report.pause = min(2 * report.pause, T2)
            heapq.heappush(self._timers, (now + report.pause, branch))


def injection_file(path):
    """The lines of an injection file, without the first one (SEQUENTIAL)."""
    with open(path, encoding="utf-8") as lines:
        found = [line.strip().split(";") for line in lines if line.strip() and not line.startswith("#")]
    if not found or found[0] != ["SEQUENTIAL"] or any(len(line) < 3 for line in found[1:]):
        sys.exit(
            f"{path}: the first line must be SEQUENTIAL, each other line name;[authentication username=NAME password=PASSWORD];number"
        )
    return found[1:]


def address_of(text, port=5060):
    """(host, port) of HOST, HOST:PORT or [IPv6]:PORT."""
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?", text)
    if not found:
        sys.exit(f"'{text}' is no address: write HOST, HOST:PORT or [IPv6]:PORT")
    return found.group(1) or found.group(3), int(found.group(2) or found.group(4) or port)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gateway", metavar="HOST[:PORT]")
    parser.add_argument("--phones", required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--domain", default="ims.example")
    parser.add_argument("--answer", default="ack", help="ack, none, or an RP-Cause such as 22")
    parser.add_argument(
        "--trusted",
        action="store_true",
        help="listen at an address in IPSMGW_TRUSTED: phones behind an S-CSCF, or a service centre",
    )
    parser.add_argument("--record", type=argparse.FileType("w"), help="a file for all RP messages, one JSON object a line")
    options = parser.parse_args()
    host, port = address_of(options.gateway)
    gateway = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4]
    accounts = injection_file(options.phones)
    listen, tell = address_of(options.listen), lambda line: print(line, flush=True)
    phones = Phones(gateway, listen, accounts, options.domain, options.trusted, options.record, tell)
    phones.answer = options.answer
    phones.start()
    try:
        phones.join()
    except KeyboardInterrupt:
        phones.close()


if __name__ == "__main__":
    main()
