"""Parts of the attacks: misbehaving members, sockets at many addresses, traps."""

import asyncio
import itertools
import secrets
import select
import socket

import sip
from load import SMS, rp_ack, rp_data
from ua import ImClient, UserAgent

CENTRE = "+15559999"
BINARY = [("Content-Type", SMS), ("Content-Transfer-Encoding", "binary")]
TEXT = [("Content-Type", "text/plain;charset=UTF-8")]

_numbers = itertools.count(1)


class Silent(UserAgent):
    """A phone that answers nothing at all."""

    features = ";+g.3gpp.smsip"

    async def handle(self, request):
        self.requests.append(request)


class SilentClient(Silent):
    """A client that answers nothing at all."""

    features = ";+g.oma.sip-im"


class Mute(UserAgent):
    """A phone that answers 200 and never reports."""

    features = ";+g.3gpp.smsip"

    async def handle_message(self, request):
        self.reply(request, 200)


class Mobile(UserAgent):
    """A phone that answers and reports, as it should."""

    features = ";+g.3gpp.smsip"

    async def handle_message(self, request):
        self.reply(request, 200)
        await self.inbox.put(request)
        if request.body[:1] == b"\x01":
            to = sip.addr_spec(request.get("P-Asserted-Identity") or request.get("From"))
            await self.send("MESSAGE", to, headers=[*BINARY, ("In-Reply-To", request.get("Call-ID"))], body=rp_ack(request.body[1]))


class Client(ImClient):
    """An instant messaging client whose texts are kept."""

    features = ";+g.oma.sip-im"

    def texts(self):
        return [r.body for r in self.requests if r.method == "MESSAGE"]


def short_message(text, to, header=b"", reference=None):
    """RP-DATA with an SMS-SUBMIT to a number."""
    return rp_data(next(_numbers) & 0xFFFF if reference is None else reference, text, to, header)


def request(method, uri, via, headers=(), body=b"", **fields):
    """A request of a stranger as octets. `fields` replace From, To, Call-ID and CSeq (`from_`, `to`, `call_id`, `cseq`)."""
    number = next(_numbers)
    message = sip.Message(
        f"{method} {uri} SIP/2.0",
        [
            ("Via", f"SIP/2.0/{via};branch=z9hG4bK{secrets.token_hex(6)}{number:x};rport"),
            ("Max-Forwards", "70"),
            ("From", fields.get("from_", f"<sip:stranger@elsewhere.example>;tag={number:x}")),
            ("To", fields.get("to", f"<{uri}>")),
            ("Call-ID", fields.get("call_id", f"{number}-{secrets.token_hex(4)}@attack")),
            ("CSeq", fields.get("cseq", f"{number} {method}")),
            *headers,
        ],
        body,
    )
    return message.encode()


class Sockets:
    """UDP sockets at many loopback addresses, all of which send to the gateway."""

    def __init__(self, gateway, addresses):
        self.all = []
        for address in addresses:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((address, 0))
            one.connect(gateway)
            one.setblocking(False)
            self.all.append(one)
        self.vias = ["UDP %s:%d" % one.getsockname() for one in self.all]
        self.came = {}  # status -> how often
        self._poll = select.poll()
        self._by_number = {one.fileno(): one for one in self.all}
        for one in self.all:
            self._poll.register(one, select.POLLIN)

    def send(self, place, octets):
        try:
            self.all[place % len(self.all)].send(octets)
        except OSError:  # too long for a datagram, or refused while the gateway does not listen
            pass

    def drain(self):
        """Reads the arrivals and returns the valid messages."""
        found = []
        for number, _ in self._poll.poll(0):
            for _ in range(50):
                try:
                    octets = self._by_number[number].recv(65536)
                except OSError:
                    break
                word = octets[8:11].decode("latin-1") if octets.startswith(b"SIP/2.0 ") else octets[:12].split(b" ")[0].decode("latin-1")
                self.came[word] = self.came.get(word, 0) + 1
                found.append((number, octets))
        return found

    def close(self):
        for one in self.all:
            one.close()


class Trap:
    """A host that must get nothing: counts its arrivals over UDP and TCP."""

    def __init__(self, address="127.0.0.66"):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 0))
        self.udp.setblocking(False)
        self.address = self.udp.getsockname()
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(self.address)
        self.tcp.listen(50)
        self.tcp.setblocking(False)
        self.host = "%s:%d" % self.address

    def arrived(self):
        """First lines of the arrivals since the last look."""
        found = []
        while True:
            try:
                found.append(self.udp.recv(65536).split(b"\r\n")[0].decode(errors="replace"))
            except OSError:
                break
        while True:
            try:
                one, _ = self.tcp.accept()
            except OSError:
                break
            one.close()
            found.append("a TCP connection")
        return found

    def close(self):
        self.udp.close()
        self.tcp.close()


def capture(user):
    """From now on keeps the octets that a user sends: returns the list."""
    octets, send = [], user.endpoint.send_octets

    def kept(one, *to):
        octets.append(one)
        send(one, *to)

    user.endpoint.send_octets = kept
    return octets


async def all_of(coroutines, rate):
    """Starts this many of them in a second. Returns the results, and an exception for each that failed."""
    tasks = []
    for coroutine in coroutines:
        tasks.append(asyncio.ensure_future(coroutine))
        await asyncio.sleep(1 / rate)
    return await asyncio.gather(*tasks, return_exceptions=True)


def never():
    """An attack that can be played everywhere."""
    return None
