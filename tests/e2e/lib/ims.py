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

from gateway import CFG
from hss import Hss
from kamailio import Kamailio, free_port
from phone import Phone
from ua import ImClient

LIB = Path(__file__).resolve().parent

# The addresses of the S-CSCF and of the P-CSCF in front of it: the gateway trusts the S-CSCF only.
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


REGISTERS, SENDS, GETS = "of REGISTER", "of what a subscriber sends", "of what a subscriber gets"


def criteria(server, kinds=(REGISTERS, SENDS, GETS), include="IncludeRegisterRequest", default_handling=1, wide=False):
    """The filter criteria of kamailio-cfg/service-profile.xml, with `server` as application server.

    `include` is what the third-party REGISTER brings with it: IncludeRegisterRequest, IncludeRegisterResponse, or None.
    `wide` criteria are met by every MESSAGE, but for short messages to the subscriber.
    """
    found = []
    for one in ET.parse(CFG / "service-profile.xml").iter("InitialFilterCriteria"):
        kind = REGISTERS
        if (case := one.find(".//SessionCase")) is not None:
            kind = {"0": SENDS, "1": GETS}[case.text]
        if kind not in kinds:
            continue
        application_server = one.find("ApplicationServer")
        application_server.find("ServerName").text = server
        if kind == REGISTERS:
            extension = application_server.find("Extension")
            extension.clear()
            if include:
                ET.SubElement(extension, include)
        else:
            application_server.find("DefaultHandling").text = str(default_handling)
        if wide:
            trigger = one.find("TriggerPoint")
            for condition in trigger.findall("SPT"):
                header = condition.findtext("SIPHeader/Header")
                if header == "Interworked-By" or header and kind == SENDS:
                    trigger.remove(condition)
        found.append(ET.tostring(one, encoding="unicode"))
    return "".join(found)


class Scscf(Kamailio):
    """The S-CSCF. Its registrations are in memory only."""

    def __init__(self, folder, domain, hss, isc_fr_timeout=5000, expires_grace=120, default_handling=1):
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
            "SCSCF_EXPIRES_GRACE": str(expires_grace),
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
        """This is no test of the S-CSCF: if it ends badly, that is only printed."""
        left = await self._end()
        if left or self.process.returncode:
            print(f"the S-CSCF ended with {self.process.returncode}, and left {left}", flush=True)

    def register_replies(self):
        """How many third-party REGISTERs have been answered."""
        core = self.statistics("core")
        return sum(core[f"rcv_replies_{n}xx_reg"] for n in range(2, 7))


class Core:
    """An S-CSCF with its HSS, beside a gateway."""

    def __init__(self, gw, include="IncludeRegisterRequest", wide=False, default_handling=1, **options):
        self.gw = gw
        self.domain = gw.domain
        self.hss = Hss(gw.domain, HSS_HOST)
        self._criteria = {"include": include, "wide": wide, "default_handling": default_handling}
        self.options = {"default_handling": default_handling, **options}
        self.scscf = None  # the first one, where people register
        self._scscfs = []
        self._imsi = 0

    async def __aenter__(self):
        await self.hss.open()
        try:
            self.scscf = await self.another_scscf()
        except BaseException:
            await self.hss.close()
            raise
        return self

    async def __aexit__(self, kind, error, trace):
        for scscf in self._scscfs:
            await scscf.close(failed=kind is not None)
        await self.hss.close()
        return False

    async def another_scscf(self):
        """One more S-CSCF of this domain."""
        folder = self.gw.folder.with_name(f"{self.gw.folder.name}-scscf{len(self._scscfs)}")
        shutil.rmtree(folder, ignore_errors=True)
        scscf = Scscf(folder, self.domain, self.hss, **self.options)
        await scscf.start()
        self._scscfs.append(scscf)
        return scscf

    def subscribe(self, *public, kinds=(REGISTERS, SENDS, GETS)):
        """A subscriber of the HSS with these public identities and criteria of these kinds.

        Names and numbers become identities of the domain.
        """
        self._imsi += 1
        private = f"00101{self._imsi:010}@{self.domain}"
        public = [uri if ":" in uri else f"sip:{uri}@{self.domain}" for uri in public]
        return self.hss.subscribe(private, public, criteria("sip:%s:%d" % self.gw.address, kinds, **self._criteria))

    async def user(self, kind, *public, subscriber=None, kinds=None, scscf=None, register=True):
        """A phone or a client that registers with the first of its public identities.

        The second device of a person gets the first one's `subscriber`. Returns when the gateway has answered the third-party
        REGISTER.
        """
        subscriber = subscriber or self.subscribe(*public, kinds=kind.criteria if kinds is None else kinds)
        scscf = scscf or self.scscf
        user = kind(await scscf.endpoint(host=PCSCF_HOST), subscriber, scscf)
        if register:
            await self.register(user)
        return user

    async def register(self, user, expires=3600):
        """Registers or unregisters, and waits until the gateway knows, if it is to know."""
        before = user.scscf.register_replies()
        await user.register(expires)
        if "<Method>REGISTER</Method>" in user.subscriber.criteria:
            heard = lambda: user.scscf.register_replies() > before  # noqa: E731
            await user.scscf.until(heard, what="the answer to the third-party REGISTER")


class _Registered:
    """A user behind the P-CSCF of this S-CSCF: its address is that of the P-CSCF."""

    criteria = (REGISTERS, SENDS, GETS)

    def __init__(self, endpoint, subscriber, scscf):
        self.identity = subscriber.public[0]
        name, domain = self.identity.removeprefix("sip:").split("@")
        super().__init__(endpoint, name, subscriber.password, domain)
        self.subscriber, self.scscf = subscriber, scscf
        self.username = subscriber.private
        # The sender that the P-CSCF asserts.
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
        """An IMS device names its private identity in the first REGISTER (TS 24.229 clause 5.1.1.2)."""
        if method != "REGISTER":
            return []
        names = f'username="{self.username}", realm="{self.domain}", uri="{uri}"'
        return [("Authorization", f'Digest {names}, nonce="", response=""')]


class ImsPhone(_Registered, Phone):
    """A phone with SMS over IP."""


class ImsClient(_Registered, ImClient):
    """An instant messaging client of the load."""

    criteria = (REGISTERS,)
    features = ";+g.oma.sip-im"
