"""docker_open5gs: see README.md."""

import os
import re
import sqlite3
import subprocess
import xml.etree.ElementTree as ET

import manuals
from databases import MariaDb
from e2e import CFG, equal, gateway, run, say
from ims import SCSCF_HOST, Core, ImsClient, ImsPhone

PROFILE = CFG / "open5gs"
MCC, MNC = "001", "001"
# The MSISDN in the example of docker_open5gs, and others.
PEOPLE = [("001010000000011", "9076543210"), ("001010000000012", "9076543211"), ("001010000000013", "9076543212")]


def environment():
    """The settings of the profile for Gateway(), without the address of its machine."""
    text = (PROFILE / "ipsmgw.env").read_text()
    settings = {name.lower(): value for name, value in re.findall(r"^IPSMGW_(\w+)=(.*)$", text, re.MULTILINE)}
    del settings["listen"]
    settings["trusted"] = SCSCF_HOST
    return settings


def bring_people(gw):
    """Imports the people of a table of PyHSS, as the comment in subscribers.sql says."""
    database = gw.folder / "pyhss.sqlite"
    with sqlite3.connect(database) as pyhss:
        pyhss.execute("CREATE TABLE ims_subscriber (ims_subscriber_id INTEGER PRIMARY KEY, imsi VARCHAR(18), msisdn VARCHAR(18) UNIQUE, msisdn_list VARCHAR(1200))")
        pyhss.executemany("INSERT INTO ims_subscriber (imsi, msisdn, msisdn_list) VALUES (?, ?, ?)", [(imsi, number, f"[{number}]") for imsi, number in PEOPLE])
        pyhss.execute("INSERT INTO ims_subscriber (imsi) VALUES ('001010000000014')")
    pyhss.close()
    csv = gw.folder / "people.csv"
    csv.write_text(subprocess.run(["sqlite3", database, f".read {PROFILE / 'subscribers.sql'}"], check=True, capture_output=True, text=True).stdout)
    done = subprocess.run([CFG / "user", "import", csv], env=gw.env, check=True, capture_output=True, text=True)
    equal(done.stdout, "imported: 3 people\n", "user import")


def subscribe(core, imsi, number):
    """A subscriber of the HSS with the profile that PyHSS makes of its template."""
    text = (PROFILE / "default_ifc.xml").read_text().replace("sip:172.22.0.33:7090", "sip:%s:%d" % core.gw.address)
    values = {"imsi": imsi, "msisdn": number, "mcc": MCC, "mnc": MNC}
    profile = ET.fromstring(re.sub(r"\{\{ iFC_vars\['(\w+)'\] \}\}", lambda found: values[found[1]], text).encode())
    public = [one.text for one in profile.iter("Identity")]
    # A device registers with the identity that it makes of its IMSI.
    public.sort(key=lambda uri: f"sip:{imsi}@" not in uri)
    criteria = "".join(ET.tostring(one, encoding="unicode") for one in profile.iter("InitialFilterCriteria"))
    return core.hss.subscribe(profile.findtext("PrivateID"), public, criteria)


async def conversation():
    "phones and a client of PyHSS' subscribers write to each other, by numbers without a sign"
    settings = environment()
    domain = settings.pop("domain")
    async with gateway(people=[], domain=domain, **settings) as gw, Core(gw) as core:
        bring_people(gw)
        (ann, ann_number), (ben, ben_number), (cy, cy_number) = PEOPLE
        phone = await core.user(ImsPhone, subscriber=subscribe(core, ann, ann_number))
        client = await core.user(ImsClient, subscriber=subscribe(core, ben, ben_number))
        for user, number in ((phone, ann_number), (client, ben_number)):
            # The P-CSCF asserts the default identity of the registration.
            user.asserted = [f"sip:{number}@{domain}", f"tel:{number}"]
        for number in (ben_number, f"+{ben_number}"):
            say(f"a short message to {number}")
            sent = await phone.send_sm(number, "hello")
            equal(sent.answer.status, 202, "the SIP answer")
            request = await client.next_message()
            equal(request.text, "hello", "what the client shows")
            equal(ann_number in request.get("From"), True, "the sender")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
        for address in (f"sip:{ann_number}@{domain}", f"tel:{ann_number};phone-context={domain}", f"sip:{ann}@{domain}"):
            say(f"an instant message to {address}")
            answer = await client.send_im(address, "hello back")
            equal(answer.status, 200, "the answer")
            shown = (await phone.next_message())[1].tpdu
            equal((shown.text, shown.address.lstrip("+")), ("hello back", ben_number), "what the phone shows")
        say("from phone to phone")
        other = await core.user(ImsPhone, subscriber=subscribe(core, cy, cy_number))
        other.asserted = [f"sip:{cy_number}@{domain}", f"tel:{cy_number}"]
        for sender, recipient, number, shown_number in ((phone, other, cy_number, ann_number), (other, phone, ann_number, cy_number)):
            sent = await sender.send_sm(number, "between phones")
            shown = (await recipient.next_message())[1].tpdu
            equal((shown.text, shown.address.lstrip("+")), ("between phones", shown_number), "what the phone shows")
            equal((await sent.outcome()).kind, "RP-ACK", "the report")


class PyHss(MariaDb):
    """A MySQL server as docker_open5gs has it: accounts count, root needs no password, and PyHSS' database is there."""

    def make(self):
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db", "--auth-root-authentication-method=normal")

    def command(self):
        return [word for word in super().command() if word != "--skip-grant-tables"]

    def sql(self, statement, database=None):
        words = ["mariadb", "--no-defaults", "-u", "root", f"--socket={self.folder}/socket", "-Ne", statement]
        return self.run(*words, *([database] if database else []))

    def fill(self):
        self.sql("CREATE DATABASE ims_hss_db")
        self.sql("CREATE TABLE ims_subscriber (ims_subscriber_id INTEGER PRIMARY KEY AUTO_INCREMENT, imsi VARCHAR(18), msisdn VARCHAR(18) UNIQUE)", "ims_hss_db")
        for imsi, number in PEOPLE:
            self.sql(f"INSERT INTO ims_subscriber (imsi, msisdn) VALUES ('{imsi}', '{number}')", "ims_hss_db")
        self.sql("INSERT INTO ims_subscriber (imsi) VALUES ('001010000000014')", "ims_hss_db")

    def of_the_page(self, text, folder, env=None):
        """Runs commands of doc/migration.md; their output."""
        text = text.replace("-h MYSQL_IP", f"-h 127.0.0.1 -P {self.port}").replace("kamailio-cfg/", f"{CFG}/")
        # In the container, user is ipsmgw-user.
        text = re.sub(r"docker cp .* ipsmgw-user import /tmp/", f"{CFG}/user import ", text)
        return subprocess.run(["bash", "-ec", text], cwd=folder, env=env or os.environ, check=True, capture_output=True, text=True).stdout


async def messages_in_mysql():
    "by the commands of the page: people come from MySQL; messages to phones that are off wait there, through kill -9 of the gateway, and arrive when they register"
    settings = environment()
    domain = settings.pop("domain")
    people, store = [one.text for one in manuals.blocks("", "doc/migration.md") if one.heading == "docker_open5gs"]
    async with PyHss() as server:
        database, _, line = store.rpartition("echo ")
        server.of_the_page(database, server.folder)
        store_url = re.match("'IPSMGW_STORE_URL=(.*)'", line)[1].replace("MYSQL_IP", f"127.0.0.1:{server.port}")
        settings.update(store_url=store_url, store_module="db_mysql.so", validity=86400)
        async with gateway(name="mysql", people=[], domain=domain, **settings) as gw, Core(gw) as core:
            equal(server.of_the_page(people, gw.folder, gw.env), "imported: 3 people\n", "user import")
            (ann, ann_number), (ben, ben_number), (cy, cy_number) = PEOPLE
            phone, other = [await core.user(ImsPhone, subscriber=subscribe(core, *who)) for who in ((ann, ann_number), (cy, cy_number))]
            client = await core.user(ImsClient, subscriber=subscribe(core, ben, ben_number))
            for user, number in ((phone, ann_number), (client, ben_number), (other, cy_number)):
                user.asserted = [f"sip:{number}@{domain}", f"tel:{number}"]
            say("the other phone is off")
            await core.register(other, expires=0)
            equal((await (await phone.send_sm(cy_number, "from a phone: é 🍜")).outcome()).kind, "RP-ACK", "the report")
            equal((await client.send_im(f"sip:{cy_number}@{domain}", "from a client: é 🍜")).status, 202, "the answer to the client")
            stored = "SELECT count(*) FROM ipsmgw_store WHERE kind = 'stored'"
            equal(server.sql(stored, "ipsmgw").strip(), "2", "the messages in MySQL")
            await gw.kill()
            await gw.start()
            say("the other phone is on")
            await core.register(other)
            for text, sender in (("from a phone: é 🍜", ann_number), ("from a client: é 🍜", ben_number)):
                shown = (await other.next_message())[1].tpdu
                equal((shown.text, shown.address.lstrip("+")), (text, sender), "what the phone shows")
            await gw.until(lambda: server.sql(stored, "ipsmgw").strip() == "0", what="a database without messages")


run(conversation, messages_in_mysql)
