"""What goes over the wire: Kamailio's copies of its SIP messages (HEP version 3), in order, with their content read."""

import asyncio
import re

import sip
import sms
from phone import SMS

KEPT = 500  # messages


class Wire(asyncio.DatagramProtocol):
    """Gets the copies, and keeps the last ones for the page."""

    def __init__(self, gateway, tell):
        self.gateway, self.tell = gateway, tell
        self.messages, self.octets = [], {}
        self.count, self.began = 0, None

    async def listen(self):
        """The port that Kamailio sends its copies to."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, _):
        chunks = dict(chunks_of(data))
        try:
            message = sip.Message.parse(chunks[0x0F])
        except (KeyError, sip.Malformed):
            return  # a keep-alive
        at = int.from_bytes(chunks[0x09], "big") + int.from_bytes(chunks[0x0A], "big") / 1e6
        ports = int.from_bytes(chunks[0x07], "big"), int.from_bytes(chunks[0x08], "big")
        self.began = self.began or at
        self.count += 1
        self.octets[self.count] = chunks[0x0F]
        self.messages.append({
            "number": self.count,
            "at": round(at - self.began, 3),
            "side": "client" if self.gateway.ws_address[1] in ports else "phone",
            "sent": ports[0] in (self.gateway.address[1], self.gateway.ws_address[1]),  # by the gateway
            "registration": message.method not in ("MESSAGE", "BYE", "INVITE"),
            **summary(message),
        })  # fmt: skip
        for old in self.messages[:-KEPT]:
            del self.octets[old["number"]]
        del self.messages[:-KEPT]
        self.tell(self.messages[-1])

    async def decoded(self, number):
        """One message whole: the SIP message as text, and the RP message in it by the gateway's own decoder."""
        octets = self.octets.get(int(number)) if number.isdigit() else None
        if octets is None:
            return {"head": "This message is not kept any more.", "body": "", "fields": ""}
        head, _, body = octets.partition(b"\r\n\r\n")
        head = hide_credentials(head.decode("utf-8", "replace").replace("\r\n", "\n"))
        if sip.Message.parse(octets).content_type != SMS:
            return {"head": head, "body": body.decode("utf-8", "replace").replace("\r\n", "\n"), "fields": ""}
        fields = await asyncio.to_thread(self.gateway.try_rpc, "ipsmgw.decode", f"s:{body.hex()}")
        return {"head": head, "body": body.hex(" "), "fields": laid_out(fields or "")}


def chunks_of(data):
    """(type, content) of each chunk of a HEP packet."""
    place = 6
    while place + 6 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 6], "big")
        yield int.from_bytes(data[place + 2 : place + 4], "big"), data[place + 6 : place + length]
        place += max(length, 6)


def hide_credentials(head):
    """Digests stay off the screen: the page may be shown to others."""
    return re.sub(r'(?m)(response|nonce|cnonce)="[^"]*"', r'\1="..."', head)


def laid_out(answer):
    """The answer of an RPC command without its braces, and without the octets, which are shown beside it."""
    lines = [line.replace("\t", "  ")[2:] for line in answer.splitlines() if "tpdu_hex:" not in line]
    return "\n".join(line.rstrip(" {") for line in lines if line.strip(" {}"))


def summary(message):
    """A title for people to read, and the content in short."""
    if not message.is_request:
        hints = {401: "asks for the password", 407: "asks for the password"}
        return {"title": f"{message.status} {message.reason}", "content": hints.get(message.status, "")}
    if message.method == "REGISTER":
        ends = message.get("Expires") == "0" or "expires=0" in message.get("Contact", "")
        return {"title": "REGISTER", "content": "switched off" if ends else ""}
    if message.content_type == SMS:
        try:
            read = sms.decode(message.body)
        except Exception:  # pycrate raises what it likes
            return {"title": "MESSAGE", "content": "an RP message that cannot be read"}
        return {"title": f"{message.method}, {read.kind}", "content": in_short(read)}
    return {"title": message.method, "content": text_in_short(message)}


def in_short(read):
    """An RP message: the kind of its TPDU, its text, its cause."""
    words = []
    if read.tpdu:
        words.append(read.tpdu.kind)
        if read.tpdu.part:
            words.append("part {} of {}".format(*reversed(read.tpdu.part[1:])))
        if read.tpdu.st is not None:
            words.append("delivered" if read.tpdu.st < 0x20 else "still trying" if read.tpdu.st < 0x40 else "failed")
        if read.tpdu.text:
            words.append(quoted(read.tpdu.text))
    if read.cause is not None:
        words.append(f"cause {read.cause}, {sms.cause_name(read.cause)}")
    return ", ".join(words)


def text_in_short(message):
    text = message.body.decode("utf-8", "replace")
    if message.content_type == "message/cpim":
        found = re.search(r"<(delivered|failed|displayed|forbidden|error)\s*/>", text)
        if found:
            return f"notification: {found[1]}"
        text = text.split("\r\n\r\n", 2)[-1]
        return f"message/cpim, {quoted(text)}"
    return f"{message.content_type}, {quoted(text)}" if text else message.content_type


def quoted(text):
    return f"“{text[:40]}…”" if len(text) > 41 else f"“{text}”"
