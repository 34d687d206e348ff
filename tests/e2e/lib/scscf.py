"""An S-CSCF that phones and clients are registered with: to the gateway it is a trusted peer that registers others
(TS 24.229 5.4.1.7), asserts their identities, and finds them."""

import asyncio
import collections
import itertools
import secrets

import sip
from phone import Phone
from ua import ImClient

SMSIP = "+g.3gpp.smsip"
OMA_IM = "+g.oma.sip-im"
MMTEL = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
SERVICE_INFO = "<?xml version='1.0'?><ims-3gpp version='1'><service-info>{number}</service-info></ims-3gpp>"


class Scscf:
    """One socket of a trusted peer. Its people are in `devices`: those of one person all get what is for that person, unless
    the request says which ones (RFC 3841)."""

    def __init__(self, endpoint, domain):
        self.endpoint = endpoint
        self.domain = domain
        self.uri = f"sip:scscf@{endpoint.contact_host}"
        self.devices = {}
        self.requests = []
        self.subscribe_answer = 200
        self.subscriptions = asyncio.Queue()  # to the reg event package, as they come
        self._cseq = itertools.count(1)
        self._call_ids = collections.defaultdict(lambda: secrets.token_hex(8))  # each person's own, without the number

    def device(self, kind, name, number=None, features=None):
        """A phone or a client of this person, known here; the gateway hears of it by `register`."""
        device = kind(self.endpoint, name, None, self.domain, number)
        if features is not None:
            device.features = features
        for user in filter(None, (name, number)):
            self.devices.setdefault(user, []).append(device)
            self.endpoint.users[user] = self
        return device

    def also(self, device, identity):
        """Another public identity of the device's person, known here only."""
        user = sip.user_of(identity)
        self.devices[user] = [device]
        self.endpoint.users[user] = self

    async def handle(self, request):
        self.requests.append(request)
        if request.method == "SUBSCRIBE":
            subscription = Subscription(self, request)
            subscription.accept(self.subscribe_answer)
            await self.subscriptions.put(subscription)
            return
        devices = self.devices[sip.user_of(request.uri)]
        wanted = request.get("Accept-Contact", "")
        # A tag is compared as a whole; "require;explicit" is what makes it a condition.
        fitting = [device for device in devices if "require" not in wanted or device.features.strip(";") in wanted]
        unwanted = request.get("Reject-Contact", "")
        fitting = [device for device in fitting if not unwanted or device.features.strip(";") not in unwanted]
        if "no-fork" in request.get("Request-Disposition", ""):
            fitting = fitting[:1]
        if not fitting:
            self.endpoint.respond(request, 480, "Temporarily Unavailable")
        for device in fitting:
            await device.handle(request)

    async def register(self, person, body=None, content_type=None, expires=3600, headers=()):
        """A third-party REGISTER for this identity. `body` is made of the person's devices unless it is given."""
        if body is None:
            content_type, body = self.bodies(person)
        kind = [("Content-Type", content_type)] if body else []
        request = sip.Message(
            f"REGISTER sip:gateway@{self.domain} SIP/2.0",
            [
                ("Max-Forwards", "70"),
                ("From", f"<{self.uri}>;tag={secrets.token_hex(4)}"),
                ("To", f"<{person}>"),
                ("Call-ID", self._call_ids[sip.user_of(person)]),
                ("CSeq", f"{next(self._cseq)} REGISTER"),
                ("Contact", f"<{self.uri}>"),
                ("Expires", str(expires)),
                *kind,
                *headers,
            ],
            body if isinstance(body, bytes) else (body or "").encode(),
        )
        return await self.endpoint.request(request)

    def bodies(self, person):
        """(Content-Type, body) with all that a gateway may get: service information, the phone's REGISTER, the 200 to it."""
        user = sip.user_of(person)
        contacts = [f"<sip:device{n}@10.1.2.{n}:5060>{device.features}" for n, device in enumerate(self.devices[user], 1)]
        return multipart(
            ("application/3gpp-ims+xml", SERVICE_INFO.format(number=user.lstrip("+"))),
            ("message/sip", copy(f"REGISTER sip:{self.domain} SIP/2.0", person, contacts[-1:])),
            ("message/sip", copy("SIP/2.0 200 OK", person, contacts)),
        )


def copy(start, person, contacts, expires=600000):
    """A phone's REGISTER, or the answer to it, as message/sip."""
    fields = [f"To: <{person}>", f"From: <{person}>;tag=1", "Call-ID: c", "CSeq: 1 REGISTER", f"Expires: {expires}"]
    return "\r\n".join([start, *fields, *(f"Contact: {contact}" for contact in contacts), "Content-Length: 0", "", ""])


def multipart(*parts):
    """(Content-Type, body) of parts as (Content-Type, body)."""
    body = "".join(f"--boundary1\r\nContent-Type: {kind}\r\n\r\n{part}\r\n" for kind, part in parts)
    return "multipart/mixed;boundary=boundary1", body + "--boundary1--\r\n"


class Subscription:
    """A SUBSCRIBE of the gateway's, and the NOTIFYs that follow it (RFC 6665)."""

    def __init__(self, scscf, request):
        self.scscf, self.request = scscf, request
        self.tag = secrets.token_hex(4)
        self._cseq = itertools.count(1)

    def accept(self, status):
        headers = [("Expires", self.request.get("Expires")), ("Contact", f"<{self.scscf.uri}>")]
        self.scscf.endpoint.respond(self.request, status, "Because", headers, to_tag=self.tag)

    async def notify(
        self, body, content_type="application/reginfo+xml", state="active;expires=600", headers=(), parties=None, tag=None
    ):
        """Sends a NOTIFY; the status of the answer. `parties` are other URIs for From and To than those of the SUBSCRIBE, and
        `tag` is another tag of the local side."""
        from_, to = self.request.get("To"), self.request.get("From")
        if parties:
            from_, to = f"<{parties[0]}>", f"<{parties[1]}>;tag={to.partition(';tag=')[2]}"
        uri = sip.addr_spec(self.request.get("Contact"))
        kind = [("Content-Type", content_type)] if body else []
        request = sip.Message(
            f"NOTIFY {uri} SIP/2.0",
            [
                ("Max-Forwards", "70"),
                ("From", f"{from_};tag={tag or self.tag}"),
                ("To", to),
                ("Call-ID", self.request.get("Call-ID")),
                ("CSeq", f"{next(self._cseq)} NOTIFY"),
                ("Contact", f"<{self.scscf.uri}>"),
                ("Event", "reg"),
                ("Subscription-State", state),
                *kind,
                *headers,
            ],
            body if isinstance(body, bytes) else body.encode(),
        )
        return (await self.scscf.endpoint.request(request)).status


def reginfo(*contacts, state="full", registration="active", aor="sip:+15550001@ims.example", version=0):
    """A document of the reg event package (RFC 3680). Each contact is its feature tags, or (its tags, its state)."""
    lines = [
        '<?xml version="1.0"?>',
        f'<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{state}">',
        f'<registration aor="{aor}" id="a1" state="{registration}">',
    ]
    for n, contact in enumerate(contacts):
        tags, is_ = (contact, "active") if isinstance(contact, str) else contact
        lines.append(f'<contact id="c{n}" state="{is_}" event="registered"><uri>sip:device{n}@10.1.2.3</uri>')
        for tag in filter(None, tags.split(";")):
            name, _, value = tag.partition("=")
            lines.append(f'<unknown-param name="{name}">{value}</unknown-param>')
        lines.append("</contact>")
    return "\n".join([*lines, "</registration>", "</reginfo>"])


class _Asserted:
    """A user behind the S-CSCF, which asserts the identity."""

    async def send(self, method, uri, *, headers=(), **options):
        identity = ("P-Asserted-Identity", f"<{self.identity}>")
        return await super().send(method, uri, headers=[identity, *headers], **options)


class PhoneThere(_Asserted, Phone):
    """A phone that is registered with the S-CSCF."""


class ClientThere(_Asserted, ImClient):
    """A client that is registered with the S-CSCF."""

    features = f";{OMA_IM}"
