"""An IMS core around a gateway: Kamailio's S-CSCF, an HSS, and the phones and clients that are registered there.

    async with gateway(**TRUSTED) as gw, Core(gw) as core:
        alice = await core.user(ImsPhone, "+15550001", "alice", "tel:+15550001")
        desk = await core.user(ImsClient, subscriber=alice.subscriber)

The S-CSCF is this machine's Kamailio, whatever the gateway under test is. Everybody's messages go to it, with what a P-CSCF adds.
"""

import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import sip
from gateway import CFG
from hss import Hss
from kamailio import Kamailio, free_port
from phone import Phone
from ua import ImClient

LIB = Path(__file__).resolve().parent

# Where the S-CSCF is, and where what is in front of it is: the gateway trusts the first only.
SCSCF_HOST, PCSCF_HOST, HSS_HOST = "127.0.0.3", "127.0.0.4", "127.0.0.5"
TRUSTED = {"trusted": SCSCF_HOST}

DIAMETER = """<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="{host}" Realm="{domain}" Vendor_Id="10415" Product_Name="S-CSCF" AcceptUnknownPeers="0"
  DropUnknownOnDisconnect="1" Tc="5" Workers="4" QueueLength="32" TransactionTimeout="5">
  <Peer FQDN="{hss[0]}" Realm="{domain}" port="{hss[1]}"/>
  <Acceptor port="{port}" bind="{host}"/>
  <Auth id="16777216" vendor="10415"/>
  <SupportedVendor vendor="10415"/>
  <DefaultRoute FQDN="{hss[0]}" metric="10"/>
</DiameterPeer>
"""


def criteria(server, *, include="IncludeRegisterRequest", register=True, default_handling=None):
    """The filter criteria of kamailio-cfg/service-profile.xml, with `server` as application server.

    `include` is what the third-party REGISTER brings with it: IncludeRegisterRequest, IncludeRegisterResponse, or None.
    """
    profile = ET.parse(CFG / "service-profile.xml").getroot().find("ServiceProfile")
    found = []
    for one in profile.findall("InitialFilterCriteria"):
        of_register = any(method.text == "REGISTER" for method in one.iter("Method"))
        if of_register and not register:
            continue
        application_server = one.find("ApplicationServer")
        application_server.find("ServerName").text = server
        if default_handling is not None and not of_register:
            application_server.find("DefaultHandling").text = str(default_handling)
        if (extension := application_server.find("Extension")) is not None:
            extension.clear()
            if include:
                ET.SubElement(extension, include)
        found.append(ET.tostring(one, encoding="unicode"))
    return "".join(found)


class Scscf(Kamailio):
    """The S-CSCF. What it knows is in memory only."""

    def __init__(self, folder, domain, hss, isc_fr_timeout=5000, default_handling=1):
        folder = Path(folder)
        address = (SCSCF_HOST, free_port(SCSCF_HOST))
        self.host = "%s:%d" % address
        self.diameter = DIAMETER.format(host=SCSCF_HOST, domain=domain, hss=hss.address, port=free_port(SCSCF_HOST))
        env = {
            **os.environ,
            "SCSCF_DOMAIN": domain,
            "SCSCF_HOST": self.host,
            "SCSCF_URI": f"sip:{self.host}",
            "SCSCF_CONTROL": f"unix:{folder / 'ctl'}",
            "SCSCF_DIAMETER": str(folder / "diameter.xml"),
            "SCSCF_ISC_FR_TIMEOUT": str(isc_fr_timeout),
            "SCSCF_DEFAULT_HANDLING": str(default_handling),
        }
        super().__init__(folder, LIB / "scscf.cfg", address, folder / "ctl", env)
        self.listens = [f"udp:{self.host}"]

    async def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "diameter.xml").write_text(self.diameter)
        await super().start()
        await self.until(lambda: "I_Open" in self.rpc("cdp.list_peers"), what="the connection to the HSS")

    async def stop(self):
        """It is no test of the S-CSCF: a bad end is worth a word only."""
        left = await self._end()
        if left or self.process.returncode:
            print(f"the S-CSCF ended with {self.process.returncode}, and left {left}", flush=True)

    def register_replies(self):
        """How many third-party REGISTERs have been answered."""
        core = self.statistics("core")
        return sum(core[f"rcv_replies_{n}xx_reg"] for n in range(2, 7))


class Core:
    """An S-CSCF with its HSS, beside a gateway."""

    def __init__(self, gw, include="IncludeRegisterRequest", default_handling=1, **options):
        self.gw = gw
        self.domain = gw.domain
        self.hss = Hss(gw.domain, HSS_HOST)
        self.criteria = criteria("sip:%s:%d" % gw.address, include=include, default_handling=default_handling)
        self.options = {"default_handling": default_handling, **options}
        self.scscf = None
        self._imsi = 0

    async def __aenter__(self):
        await self.hss.open()
        folder = self.gw.folder.with_name(f"{self.gw.folder.name}-scscf")
        shutil.rmtree(folder, ignore_errors=True)
        self.scscf = Scscf(folder, self.domain, self.hss, **self.options)
        try:
            await self.scscf.start()
        except BaseException:
            await self.hss.close()
            raise
        return self

    async def __aexit__(self, kind, error, trace):
        await self.scscf.close(failed=kind is not None)
        await self.hss.close()
        return False

    def subscribe(self, *public, criteria=None):
        """A subscriber of the HSS with these public identities."""
        self._imsi += 1
        private = f"00101{self._imsi:010}@{self.domain}"
        return self.hss.subscribe(private, public, self.criteria if criteria is None else criteria)

    async def user(self, kind, *public, subscriber=None, register=True):
        """A phone or a client that is registered with the S-CSCF by the first of its public identities.

        Names and numbers become identities of the domain. The second device of a person gets the first one's `subscriber`.
        Returns when the gateway has answered the third-party REGISTER.
        """
        public = [uri if ":" in uri else f"sip:{uri}@{self.domain}" for uri in public]
        subscriber = subscriber or self.subscribe(*public)
        endpoint = await self.scscf.endpoint(host=PCSCF_HOST)
        user = kind(endpoint, subscriber, self.scscf, self.domain, public or subscriber.public)
        if register:
            await self.register(user)
        return user

    async def register(self, user, expires=3600):
        """Registers, or removes, and waits until the gateway has heard of it."""
        before = self.scscf.register_replies()
        await user.register(expires)
        await self.scscf.until(lambda: self.scscf.register_replies() > before, what="the answer to the third-party REGISTER")


class _Registered:
    """Somebody behind the P-CSCF of this S-CSCF: its address is that of the P-CSCF."""

    def __init__(self, endpoint, subscriber, scscf, domain, public):
        super().__init__(endpoint, sip.user_of(public[0]), subscriber.password, domain)
        self.subscriber = subscriber
        self.username = subscriber.private
        self.identity = public[0]
        # What the P-CSCF asserts of who sends.
        self.asserted = [self.identity]
        self._service_route = f"<sip:orig@{scscf.host};lr>"
        self._path = f"<sip:term@{endpoint.contact_host};lr>"

    # ims_auth sends its challenge a moment before it keeps the nonce: no answer may come sooner.
    answers_after = 0.05

    async def send(self, method, uri, *, headers=(), **options):
        if method == "REGISTER":
            added = [("Path", self._path), ("Supported", "path"), ("P-Visited-Network-ID", self.domain)]
        else:
            asserted = ", ".join(f"<{one}>" for one in self.asserted)
            added = [("Route", self._service_route), ("P-Asserted-Identity", asserted)]
        return await super().send(method, uri, headers=[*added, *headers], **options)

    def first_credentials(self, method, uri):
        """An IMS device says at once who it is (TS 24.229 5.1.1.2)."""
        if method != "REGISTER":
            return []
        names = f'username="{self.username}", realm="{self.domain}", uri="{uri}"'
        return [("Authorization", f'Digest {names}, nonce="", response=""')]


class ImsPhone(_Registered, Phone):
    """A phone with SMS over IP."""


class ImsClient(_Registered, ImClient):
    """An IM client."""

    features = ";+g.oma.sip-im"
