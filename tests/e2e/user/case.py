"""The people: see README.md."""

import sqlite3
import subprocess

from e2e import CFG, ImClient, Rows, equal, gateway, run, say


def user(gw, *arguments, **env):
    return subprocess.run([CFG / "user", *arguments], env={**gw.env, **env}, capture_output=True, text=True)


async def while_it_runs():
    "the running gateway uses each change at once"
    async with gateway(people=[("alice", "+15550001")]) as gw:
        alice = await gw.user(ImClient, "alice")
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 404, "before bob is there")
        equal(user(gw, "add", "bob", "s'e\"c $ret").returncode, 0, "user add")
        gw.people["bob"] = ("s'e\"c $ret", None)
        bob = await gw.user(ImClient, "bob")
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 200, "when he is")
        say("a number for bob, and a new password")
        equal(user(gw, "allow", "bob", "none").returncode, 0, "user allow")
        equal(user(gw, "add", "bob", "other", "+15550002").returncode, 0, "user add, again")
        equal("none" in gw.rpc("ipsmgw.auth_get", "s:+15550002"), True, "what is allowed to him")
        await bob.register(expect=401)
        bob.password = "other"
        bob.forget_challenges()
        await bob.register()
        equal((await alice.send_im("tel:+15550002", "hi")).status, 200, "by his number")
        say("bob goes")
        equal(user(gw, "del", "bob").returncode, 0, "user del")
        equal((await alice.send_im(gw.uri("bob"), "hi")).status, 404, "when he is gone")
        equal((await alice.send_im("tel:+15550002", "hi")).status, 404, "by his number")
        await bob.register(expect=401)
        equal(gw.registered(), ["+15550001"], "who is registered")
        with sqlite3.connect(gw.db) as db:
            equal(db.execute("SELECT count(*) FROM location WHERE username <> '+15550001'").fetchone(), (0,), "his rows")
        listed = user(gw, "list").stdout.split()
        equal(listed, ["alice", "+15550001"], "user list")
        rows = sqlite3.connect(gw.db).execute("SELECT * FROM subscriber").fetchall()
        equal(any(gw.people["alice"][0] in str(row) for row in rows), False, "a password in the database")


async def identities():
    "further identities lead to the same person, and end with that person"
    imsi, other = "sip:001010000000001@ims.example", "sip:al@elsewhere.example"
    async with gateway(people=[("alice", "+15550001"), ("bob", None)], name="identities") as gw:
        alice = await gw.user(ImClient, "alice")
        bob = await gw.user(ImClient, "bob")
        for uri in (imsi, other):
            equal((await bob.send_im(uri, "hi")).status, 404, "before it is known")
            equal(user(gw, "identity", "alice", uri).returncode, 0, "user identity")
            equal((await bob.send_im(uri, uri)).status, 200, "when it is")
            equal((await alice.next_message()).text, uri, "at alice's client")
        rows = Rows()
        for arguments, words in (
            (("bob", imsi), "belongs to"),
            (("bob", "sip:alice@ims.example"), "belongs to"),
            # However it is written.
            (("bob", "sip:+15550001@ims.example"), "belongs to"),
            (("bob", "sip:alice@IMS.EXAMPLE"), "belongs to"),
            (("bob", "sips:alice@ims.example"), "write a SIP URI"),
            (("bob", "sip:%61lice@ims.example"), "write a SIP URI"),
            (("bob", "sip:alice;x=y@ims.example"), "write a SIP URI"),
            (("bob", "tel:+15550009"), "write a SIP URI"),
            (("bob", "sip:a'b@x"), "write a SIP URI"),
            (("bob", "x"), "write a SIP URI"),
            (("zoe", "sip:zoe@x"), "nobody called zoe"),
            (("alice", "-sip:nobody@x"), "no identity that was added"),
            (("alice", "-sip:alice@ims.example"), "no identity that was added"),
            (("bob", f"-{other}"), f"belongs to alice: write 'user identity alice -{other}'"),
            (("zoe", f"-{other}"), "nobody called zoe"),
        ):
            done = user(gw, "identity", *arguments)
            rows.check(f"{arguments}: {done.stderr!r}", (done.returncode != 0, words in done.stderr), (True, True))
        rows.done()
        equal((await bob.send_im(other, "hi")).status, 200, "alice's identity that bob could not take away")
        equal(user(gw, "identity", "alice", f"-{other}").returncode, 0, "one is taken away")
        equal("no identity" in user(gw, "identity", "alice", f"-{other}").stderr, True, "and taken away again")
        equal((await bob.send_im(other, "hi")).status, 404, "then")
        equal(user(gw, "del", "alice").returncode, 0, "user del")
        equal((await bob.send_im(imsi, "hi")).status, 404, "the other goes with her")


async def while_it_rests():
    "a person deleted while the gateway is down is not registered under a number that another person has now"
    async with gateway(people=[("alice", "+15550001"), ("bob", "+15550002")], name="rests") as gw:
        for name in ("alice", "bob"):
            await gw.user(ImClient, name)
        equal("+15550002" in gw.registered(), True, "what is there before")
        await gw.stop()
        equal(user(gw, "add", "alice", "secret", "+15550003").returncode, 0, "another number for alice")
        equal(user(gw, "del", "bob").returncode, 0, "user del")
        equal(user(gw, "add", "carol", "secret", "+15550002").returncode, 0, "user add")
        equal(user(gw, "add", "dave", "secret", "+15550001").returncode, 0, "user add")
        await gw.start()
        for number in ("+15550001", "+15550002"):
            equal(number in gw.registered(), False, number)


async def imported():
    "a CSV file brings people into the running gateway, or changes them; a file with a wrong line changes nothing"
    async with gateway(people=[("alice", "+15550001"), ("zoe", "+15550009")], name="imported") as gw:
        alice = await gw.user(ImClient, "alice")
        file = gw.folder / "people.csv"

        def bring(text, **env):
            file.write_bytes(text.encode())
            return user(gw, "import", file, **env)

        imsi = "sip:001010000000002@ims.mnc001.mcc001.3gppnetwork.org"
        equal(user(gw, "allow", "zoe", "none").returncode, 0, "user allow")
        done = bring(f'number,name,password,identities\r\n+15550002,bob,"a, ""b""",{imsi} sip:bob@Elsewhere.example\r\n,carol,c,\r\n+15550008,zoe,,\r\n')
        equal((done.returncode, done.stdout, done.stderr), (0, "imported: 3 people\n", ""), "user import")
        gw.people["bob"] = ('a, "b"', "+15550002")
        bob = await gw.user(ImClient, "bob")
        for uri in (gw.uri("bob"), "tel:+15550002", imsi, "sip:bob@elsewhere.example"):
            equal((await alice.send_im(uri, uri)).status, 200, uri)
            equal((await bob.next_message()).text, uri, "at bob's client")
        equal("none" in gw.rpc("ipsmgw.auth_get", "s:+15550008"), True, "the authorisation stays when the number changes")
        listed = user(gw, "list").stdout
        say("wrong files")
        rows = Rows()
        for text, words, env in (
            ("", "cannot read", {}),
            ("number\n+15550003\n", "no column name", {}),
            ("name,phone\ndave,1\n", "a column 'phone'", {}),
            ("name,number\n", "no line about a person", {}),
            ("name\ndave\nBob\n", "line 3: the name 'Bob'", {}),
            ("name,number\ndave,15550003\n", "line 2: the number '15550003' is not E.164", {}),
            ("name,number\ndave,+15550003\n", "7 to 15 digits", {"IPSMGW_NUMBERS": "plain"}),
            ("name,number\ndave,+15559999\n", "service centre", {}),
            ("name,number\ndave,+15550001\n", "line 2: +15550001 belongs to alice", {}),
            ("name,number\ndave,+15550003\nerin,+15550003\n", "line 3: +15550003 belongs to dave", {}),
            ("name\ndave\ndave\n", "line 3: the name dave is in line 2", {}),
            ("name\n15550001\n", "it is the number of alice", {}),
            ("name,number\nalice,+15550002\nbob,+15550001\n", "take it away there first", {}),
            ("name,identities\ndave,sip:x@y sip:a'b@x\n", "line 2: the identity 'sip:a'b@x'", {}),
            (f"name,identities\ndave,{imsi}\n", "belongs to bob", {}),
            ("name,identities\ndave,sip:alice@ims.example\n", "belongs to alice", {}),
            ("name,identities\ndave,sip:x@y\nerin,sip:x@y\n", "line 3: sip:x@y is in line 2", {}),
            ('name\n"d\'; DROP TABLE subscriber"\n', "small letters", {}),
        ):
            done = bring(text, **env)
            rows.check(f"{text!r}: {done.stderr!r}", (done.returncode != 0, words in done.stderr, done.stdout), (True, True, ""))
        rows.check("a file that is not there", user(gw, "import", "/nowhere.csv").returncode != 0, True)
        rows.check("the people", user(gw, "list").stdout, listed)
        rows.done()


async def mistakes():
    "each mistake gets one sentence with the right form, and changes nothing"
    rows = Rows()
    async with gateway(people=[("alice", "+15550001")], name="mistakes") as gw:
        for arguments, env, words in (
            (("add", "Bob", "x"), {}, "small letters"),
            (("add", "b'; DROP TABLE subscriber", "x"), {}, "small letters"),
            (("add", "bob", ""), {}, "password is empty"),
            (("add", "bob", "x", "5550002"), {}, "E.164"),
            (("add", "bob", "x", "+0123"), {}, "E.164"),
            (("add", "bob", "x", "+1234567890123456"), {}, "E.164"),
            (("add", "bob", "x", "+15550001"), {}, "belongs to alice"),
            (("add", "bob", "x", "+15559999"), {}, "service centre"),
            (("add", "bob", "x", "15559999"), {"IPSMGW_NUMBERS": "plain"}, "service centre"),
            (("add", "15559999", "x"), {}, "service centre"),
            (("add", "15550001", "x"), {}, "number of alice"),
            (("del", "zoe"), {}, "nobody called zoe"),
            (("list",), {"IPSMGW_DB_URL": "mysql://x/y"}, "write sqlite:///"),
            (("list",), {"IPSMGW_DB_URL": "sqlite:////proc/none/gw.db"}, "cannot write"),
            (("list",), {"IPSMGW_DOMAIN": "a b"}, "write a domain name"),
            (("list",), {"IPSMGW_LISTEN": "5060"}, "write udp:"),
            (("list",), {"IPSMGW_SC": "15559999"}, "country code"),
            (("list",), {"IPSMGW_SC_URI": "sip:sc.invalid"}, "which has no address"),
            (("list",), {"IPSMGW_FLOOD": "many"}, "per second"),
            ((), {}, "Usage"),
            (("add", "bob"), {}, "Usage"),
        ):
            done = user(gw, *arguments, **env)
            rows.check(f"{arguments} {env}: exit code", done.returncode != 0, True)
            rows.check(f"{arguments} {env}: {done.stderr!r} has {words!r}", words in done.stderr, True)
            rows.check(f"{arguments} {env}: a line of output", done.stdout, "")
        rows.check("user list", user(gw, "list").stdout.split(), ["alice", "+15550001"])
    rows.done()


run(while_it_runs, identities, while_it_rests, imported, mistakes)
