"""One gateway: a Kamailio of its own with its own port, folder and people, started and ended by us."""

import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from pathlib import Path

from kamailio import Kamailio, free_port  # noqa: F401  for the cases
from kamailio import KamailioError as GatewayError  # noqa: F401
from sip import host_port

ROOT = Path(__file__).resolve().parents[3]
CFG = ROOT / "kamailio-cfg"


class Gateway(Kamailio):
    """Starts with `async with`; on the way out it must end cleanly, or the case fails."""

    def __init__(self, folder, cfg=CFG / "kamailio.cfg", domain="ims.example", people=(), defines=(), host="127.0.0.1", **settings):
        self.domain = domain
        self.people = dict()
        self.passwords = {}  # of people who have the same at several gateways
        self.wanted = list(people)
        self.db = Path(folder) / "gw.db"
        address, self.ws_address = (host, free_port(host)), (host, free_port(host))
        env = {
            **os.environ,
            "IPSMGW_LISTEN": f"udp:{host_port(address)}",
            "IPSMGW_WS": f"tcp:{host_port(self.ws_address)}",
            "IPSMGW_DOMAIN": domain,
            "IPSMGW_DB_URL": f"sqlite:///{self.db}",
            "IPSMGW_SC": "+15559999",
            "IPSMGW_SC_URI": "",
            "IPSMGW_TRUSTED": "",
            "IPSMGW_REG_EVENT_IDENTITY": "",
            "IPSMGW_IM_ELSEWHERE": "chain",
            "IPSMGW_FLOOD": "0",
            "IPSMGW_STOP_TIMEOUT": "1",
            "IPSMGW_VALIDITY": "0",  # messages to people who are away are stored where a case says so
            "IPSMGW_NONCE_SECRET": secrets.token_hex(32),
            "IPSMGW_MODULE": os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so")),
            **{f"IPSMGW_{name.upper()}": str(value) for name, value in settings.items()},
        }
        programs = os.environ.get("KAMAILIO", "kamailio"), os.environ.get("KAMCMD", "kamcmd")
        super().__init__(folder, cfg, address, f"{self.db}.ctl", env, *programs, defines)
        self.options = ["-x", "tlsf", "-X", "tlsf"]  # as `run` starts it

    async def __aenter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        subprocess.run([CFG / "user", "list"], env=self.env, check=True, capture_output=True)  # makes the database
        self.add_people(self.wanted)
        await self.start()
        return self

    async def __aexit__(self, kind, error, trace):
        await self.close(failed=kind is not None)
        return False

    def registered(self):
        """The AoR of each contact that is registered. (usrloc keeps one that is gone for some seconds more, as "deleted".)"""
        found, aor = [], None
        for line in self.rpc("ul.dump").splitlines():
            name, _, value = line.strip().partition(": ")
            if name == "AoR":
                aor = value
            elif name == "Expires" and value not in ("deleted", "expired"):
                found.append(aor)
        return found

    def pending(self):
        """How many exchanges are open, of both kinds."""
        return sum(int(count) for count in re.findall(r"open: (\d+)", self.rpc("ipsmgw.pending")))

    # People

    def add_people(self, people):
        """People as (name, number or None); their passwords are their own business."""
        for name, number in people:
            password = self.passwords.setdefault(name, secrets.token_hex(4))
            self.people[name] = (password, number)
            command = [CFG / "user", "add", name, password, *([number] if number else [])]
            subprocess.run(command, env=self.env, check=True, capture_output=True, text=True)

    def insert_people(self, people):
        """As add_people for thousands: one database transaction. A gateway that runs does not know them yet."""
        rows = []
        for name, number in people:
            password = secrets.token_hex(4)
            self.people[name] = (password, number)
            ha1 = hashlib.md5(f"{name}:{self.domain}:{password}".encode()).hexdigest()
            rows.append((name, self.domain, ha1, number or ""))
        with sqlite3.connect(self.db, timeout=10) as connection:
            connection.executemany("INSERT INTO subscriber (username, domain, ha1, number) VALUES (?, ?, ?, ?)", rows)
        connection.close()

    def add_many(self, people):
        """insert_people for a gateway that runs."""
        self.insert_people(people)
        self.rpc("ipsmgw.reload")

    async def user(self, kind, name, endpoint=None, protocol="udp", register=True):
        """A registered Phone or ImClient for one of the people."""
        password, number = self.people[name]
        user = kind(endpoint or await self.endpoint(protocol), name, password, self.domain, number)
        if register:
            await user.register()
        return user

    def uri(self, user):
        """The address of a person: a name or a number."""
        return f"sip:{user}@{self.domain}"
