"""The gateway, the accounts, the ports, and the checks of `run`."""

import base64
import json
import secrets
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

import pdu
from load import load
from phone import Phones, address_of, injection_file
from sipp import Failed, Sipp, free_port, need

LONG = "This text is longer than 160 characters, so it needs two short messages. " * 3


class Kit:
    def __init__(self, options):
        self.options = options
        host, port = address_of(options.gateway)
        self.gateway = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4]
        shown = f"[{self.gateway[0]}]" if ":" in self.gateway[0] else self.gateway[0]
        self.gateway_text = f"{shown}:{self.gateway[1]}"
        self.domain, self.centre = options.domain, options.sc
        self.phones = injection_file(Path(options.accounts) / "phones.csv")
        self.clients = injection_file(Path(options.accounts) / "clients.csv")
        if len(self.phones) < 2 or len(self.clients) < 1:
            sys.exit("the accounts need two phones and one client: tests/sipp/accounts makes them")
        self.local = options.local or self.way_to_gateway()
        self.sipp = shutil.which("sipp") or sys.exit("there is no sipp: install it ('apt install sip-tester')")
        self.work = Path(tempfile.mkdtemp(prefix="ipsmgw-sipp-"))
        self.record = (self.work / "rp.jsonl").open("w")
        self.serial, self.mark, self.mr = 0, secrets.randbelow(10**6) * 1000, secrets.randbelow(256)
        self.processes, self.threads = [], []
        self.phone_port, self.client_port = free_port(self.local), free_port(self.local)
        self.receiver = self.peer = None

    def way_to_gateway(self):
        """The local address from which the gateway is reached."""
        with socket.socket(socket.AF_INET6 if ":" in self.gateway[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(self.gateway[:2])
            return probe.getsockname()[0]

    def tell(self, text):
        if self.options.verbose:
            print(f"     | {text}", flush=True)

    @staticmethod
    def until(condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)

    def next_mr(self):
        self.mr = (self.mr + 1) % 256
        return self.mr

    def text(self, words):
        """A text with a mark of its own: the same message twice would be a repetition."""
        self.mark += 1
        return f"#{self.mark}# {words}"

    def receive(self, trusted_port=None):
        """The companion that plays the phones, here or behind the trusted peer."""
        trusted = trusted_port is not None
        where = (self.options.trusted, trusted_port) if trusted else (self.local, self.phone_port)
        phones = Phones(self.gateway, where, self.phones, self.domain, trusted=trusted, record=self.record)
        phones.start()
        self.threads.append(phones)
        return phones

    def close(self):
        for process in self.processes:
            process.stop()
        for thread in self.threads:
            thread.close()
        self.record.close()
        if self.options.record:
            shutil.copyfile(self.work / "rp.jsonl", self.options.record)
        if self.options.keep:
            print(f"all files are in {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    # Messages

    def rp_data(self, to, words, part=None, report=False):
        mr = self.next_mr()
        return self.noted("from phone", pdu.rp_data(mr, self.centre, pdu.submit(to, words, mr, report, part)))

    def noted(self, direction, octets):
        """Notes what SIPp sends, as phone.py does for its phones."""
        self.record.write(json.dumps({"direction": direction, "rp": octets.hex()}) + "\n")
        return octets

    def report_on(self, octets, phones):
        """Waits for the RP-ACK on a message."""
        found = lambda: [message for _, message in phones.reports if message.mr == octets[1]]
        need(phones.wait_for(found, 10), f"no RP-ACK came for RP-MR {octets[1]}")
        need(found()[0].kind in pdu.RP_ACK, f"the phone got RP-ERROR {found()[0].cause}")

    def register(self, kind, accounts, port):
        rate = 50
        Sipp(self, f"register_{kind}", accounts, port, calls=len(accounts), rate=rate).end()

    def unregister(self):
        Sipp(self, "unregister", self.phones + self.clients, calls=len(self.phones + self.clients), rate=50).end()

    def client(self, scenario="client_receives", **options):
        return Sipp(self, scenario, options.pop("rows", ()), self.client_port, server=True, **options)

    # Checks. The first line of each comment is printed.

    def options_(self):
        "OPTIONS is answered"
        Sipp(self, "options").end()

    def register_phone(self):
        "phones register with a password (digest)"
        self.register("phone", self.phones[:2], self.phone_port)
        self.receiver = self.receive()

    def register_client(self):
        "a client registers with a password (digest)"
        self.register("client", self.clients[:1], self.client_port)

    def phone_to_client(self):
        "a short message becomes an instant message; the phone gets 202, then RP-ACK"
        phone, client = self.phones[0], self.clients[0]
        text = self.text("Grüße 😀")
        octets = self.rp_data(client[2], text)
        server = self.client()
        Sipp(self, "phone_sends", [[*phone[:3], client[2], base64.b64encode(octets).decode()]]).end()
        self.report_on(octets, self.receiver)
        server.end()
        need(server.marks() == [str(self.mark)], f"the client did not get the text #{self.mark}#")

    def to_phone(self, scenario, words, answer="ack"):
        """An instant message to the first phone; gives what the phone got."""
        phone, client = self.phones[0], self.clients[0]
        self.receiver.answer = answer
        before = len(self.receiver.received)
        Sipp(self, scenario, [[*client[:3], phone[2], words]]).end()
        self.receiver.answer = "ack"
        return [message for _, message in self.receiver.received[before:]]

    def client_to_phone(self):
        "an instant message becomes a short message; 200 after the phone's RP-ACK"
        text = self.text("Grüße 😀")
        got = self.to_phone("client_sends", text)
        need([message.text for message in got] == [text], f"the phone got {[message.text for message in got]}")
        need(got[0].originator == self.clients[0][2], f"TP-OA is {got[0].originator}")

    def client_to_full_phone(self):
        "the phone refuses with RP-ERROR 22 a message that is not to be stored: the client gets 480"
        got = self.to_phone("client_sends_refused", self.text("no room"), "22")
        need(len(got) == 1, f"the phone got {len(got)} short messages")

    def long_phone_to_client(self):
        "a short message in two parts becomes one instant message; RP-ACK for each part"
        phone, client = self.phones[0], self.clients[0]
        half, reference = len(LONG) // 2, self.next_mr()
        texts = [f"#1#{self.text(LONG[:half])}", f"{LONG[half:]}#2#"]
        parts = [self.rp_data(client[2], words, part=(reference, 2, n)) for n, words in enumerate(texts, 1)]
        server = self.client("client_receives_long")
        Sipp(
            self, "phone_sends_long", [[*phone[:3], client[2], *(base64.b64encode(octets).decode() for octets in parts)]]
        ).end()
        for octets in parts:
            self.report_on(octets, self.receiver)
        server.end()

    def long_client_to_phone(self):
        "an instant message of more than 160 characters becomes two short messages"
        text = self.text(LONG).strip()
        got = self.to_phone("client_sends", text)
        need(
            [message.part[1:] for message in got if message.part] == [(2, 1), (2, 2)],
            f"the parts are {[message.part for message in got]}",
        )
        need("".join(message.text for message in got) == text, "the parts have another text")

    def notification_to_client(self):
        "a client that asks for it gets a notification (IMDN) of the phone's RP-ACK"
        phone, client = self.phones[0], self.clients[0]
        server = self.client("client_is_notified")
        Sipp(self, "client_sends_cpim", [[*client[:3], phone[2], self.text("tell me")]]).end()
        server.end()

    def notification_of_client(self):
        "a client's notification (IMDN) becomes the status report that the phone asked for"
        phone, client = self.phones[0], self.clients[0]
        octets = self.rp_data(client[2], self.text("tell me"), report=True)
        server = self.client("client_notifies", rows=[client])
        Sipp(self, "phone_sends", [[*phone[:3], client[2], base64.b64encode(octets).decode()]]).end()
        self.report_on(octets, self.receiver)
        server.end()
        reports = lambda: [message for _, message in self.receiver.received if message.status is not None]
        need(self.receiver.wait_for(reports, 10), "no SMS-STATUS-REPORT came")
        need(reports()[0].status == 0, f"TP-Status is {reports()[0].status}")

    # Checks from a trusted address

    def from_trusted(self, scenario, rows, **options):
        extra = ["-key", "contact_port", str(self.peer.socket.getsockname()[1])]
        return Sipp(self, scenario, rows, local=self.options.trusted, extra=extra, **options)

    def third_party_register(self):
        "an S-CSCF registers a phone (third-party REGISTER); it gets an instant message through the S-CSCF"
        phone, client = self.phones[1], self.clients[0]
        self.peer = self.receive(free_port(self.options.trusted))
        Sipp(self, "unregister", [phone]).end()
        self.from_trusted("third_party_register", [phone[:3]]).end()
        text = self.text("through the S-CSCF")
        Sipp(self, "client_sends", [[*client[:3], phone[2], text]]).end()
        need(
            [message.text for _, message in self.peer.received] == [text], "the phone behind the S-CSCF did not get the text"
        )

    def phone_behind_scscf(self):
        "a short message in raw octets from that phone; RP-ACK through the S-CSCF"
        phone, client = self.phones[1], self.clients[0]
        octets = self.rp_data(client[2], self.text("raw octets"))
        server = self.client()
        self.from_trusted("trusted_phone_sends", [[*phone[:3], client[2]]], body=octets).end()
        self.report_on(octets, self.peer)
        server.end()

    def service_centre(self):
        "a short message of a service centre in raw octets (SMS-DELIVER); RP-ACK for it"
        phone, client = self.phones[1], self.clients[0]
        mr = self.next_mr()
        tpdu = pdu.deliver("+15557654321", self.text("from afar"))
        octets = self.noted("from centre", pdu.rp_data(mr, self.centre, tpdu, network=True))
        server, port = self.client(), free_port(self.options.trusted)
        self.from_trusted("service_centre_sends", [[*phone[:3], client[2]]], body=octets, port=port).end()
        # The RP-ACK comes to the port of the message; the gateway repeats it until somebody answers.
        self.report_on(octets, self.receive(port))
        server.end()

    def third_party_unregister(self):
        "the S-CSCF ends the registration"
        self.from_trusted("third_party_unregister", [self.phones[1][:3]]).end()

    def load(self):
        "half of the messages from clients to phones, half from phones to clients"
        load(self)

    def checks(self):
        if self.options.rate:
            return [self.options_, self.load]
        here = [
            self.options_,
            self.register_phone,
            self.register_client,
            self.phone_to_client,
            self.client_to_phone,
            self.client_to_full_phone,
        ]
        here += [
            self.long_phone_to_client,
            self.long_client_to_phone,
            self.notification_to_client,
            self.notification_of_client,
        ]
        there = [self.third_party_register, self.phone_behind_scscf, self.service_centre, self.third_party_unregister]
        return here + there if self.options.trusted else here

    def play(self, check):
        """True when the check passes."""
        started, reason = time.monotonic(), None
        try:
            check()
        except Failed as failure:
            reason = str(failure)
        for process in self.processes:
            process.stop()
        self.processes.clear()
        for thread in self.threads:
            reason = "; ".join([*([reason] if reason else []), *thread.faults[:3]]) or None
            thread.faults.clear()
        print(
            f"{'FAIL' if reason else 'ok  '} {check.__name__.rstrip('_'):24} {time.monotonic() - started:6.1f} s  {check.__doc__}",
            flush=True,
        )
        if reason:
            print(f"     {reason}", flush=True)
        return reason is None
