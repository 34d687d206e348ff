"""Contacts: see README.md."""

from e2e import CFG, ImClient, Rows, equal, gateway, run
from gateway import free_port

LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}


async def refused(name="refused", **options):
    "403 for a contact that cannot be a member's"
    rows = Rows()
    centre = free_port()
    async with gateway(
        name=name, sc_uri=f"sip:127.0.0.2:{centre}", trusted="127.0.0.7/32,192.0.2.64/28,2001:db8::/64", **options
    ) as gw:
        host, port = gw.address
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(ImClient, "bob")
        there = await gw.endpoint(host="127.0.0.2", port=centre)

        async def register(*contacts, headers=()):
            headers = [*[("Contact", contact) for contact in contacts], *headers]
            to = "sip:alice@ims.example"
            return (await alice.send("REGISTER", "sip:ims.example", to=to, headers=headers)).status

        for place in (
            f"{host}:{port}",
            f"{host}:{port};transport=tcp",
            f"{host}:{port};transport=ws",
            f"[::ffff:{host}]:{port}",
            f"[::ffff:7f00:1]:{port}",
            f"127.0.0.9;maddr={host}:{port}" if port == 5060 else f"127.0.0.9:{port};maddr={host}",
            "ims.example",
            "IMS.example.:5060",
            f"127.0.0.2:{centre}",
            f"127.0.0.2:{centre};transport=tcp",
            f"[::ffff:127.0.0.2]:{centre}",
            "127.0.0.7",
            "127.0.0.7:7777",
            "192.0.2.70:5060",
            "[2001:DB8::5]:5060",
            "0.0.0.0:5060",
            "0.1.2.3",
            "[::]:5060",
            "[::0]",
            "255.255.255.255:5060",
            "224.0.1.75:5060",
            "240.0.0.1",
            "[ff02::1]:5060",
            "127.0.0.1:0",
            "10.0.0.1;maddr=0.0.0.0",
        ):
            for contact in (f"<sip:alice@{place}>", f"sip:{place.split(';')[0]}"):
                if contact.startswith("sip:") and "maddr" in place:
                    continue
                rows.check(contact, await register(contact), 403)
        bad = f"<sip:alice@{host}:{port}>"
        good = alice.contact
        far = await gw.endpoint(host="127.0.0.3")
        for seen in (f"sip:{far.contact_host}", "sip:client.example", f"sip:{alice.endpoint.contact_host}"):
            for name in ("received", "Received"):
                rows.check(f"seen at {seen}", await register(f'{good};{name}="{seen}"'), 403)
        for contacts in (
            (good, bad),
            (bad, good),
            (f"{good}, {bad}",),
            (f'"a, b <sip:x@127.0.0.1:9>" {good};q=0.5, "\\"" {bad}',),
            (good, f"{good}, {bad}"),
        ):
            rows.check(f"{contacts}", await register(*contacts), 403)
        rows.check("compact", await register(headers=[("m", bad)]), 403)
        rows.check("with expires=0", await register(f"{bad};expires=0"), 403)
        rows.check("her own, from her own address", await register(good), 200)
        rows.check("another port of her address", await register("<sip:alice@127.0.0.1:9>;expires=0"), 200)
        rows.check("all of them away", await register("*", headers=[("Expires", "0")]), 200)
        rows.check("nobody is there", (await bob.send_im(gw.uri("alice"), "hi")).status, 480)
        rows.check("what others got", (there.stray, far.stray), ([], []))
    rows.done(at_least=50)


async def elsewhere(name="elsewhere", **options):
    "names and addresses from which no packet came"
    rows = Rows()
    async with gateway(name=name, **options) as gw:
        alice, bob = await gw.user(ImClient, "alice", register=False), await gw.user(ImClient, "bob")
        target = await gw.endpoint(host="127.0.0.4")
        where = target.contact_host
        for protocol in ("udp", "tcp"):
            alice = await gw.user(ImClient, "alice", protocol=protocol, register=False)
            user = alice.contact.partition(":")[2].partition("@")[0]
            here = alice.endpoint.contact_host
            for contact, path in (
                (f"<sip:{user}@{where}>", None),
                (f"<sip:{user}@client.example>", None),
                (f"<sip:{user}@127.1:{target.address[1]}>", None),
                (f"<sip:{user}@2130706436:{target.address[1]}>", None),
                (f"<sip:{user}@{here};maddr=127.0.0.4>", None),
                (f"<sip:{user}@{here};maddr=client.example>", None),
                (f"<sip:{user}@[2001:db8::1]:5060>", None),
                (f"<sip:{user}@{here}>", f"<sip:{where};lr>"),
                (f"<sip:{user}@{here}>", "<sip:proxy.example;lr>"),
            ):
                headers = [("Contact", contact), ("Supported", "path"), *([("Path", path)] if path else [])]
                register = [("Expires", "60"), *headers]
                to = "sip:alice@ims.example"
                answer = await alice.send("REGISTER", "sip:ims.example", to=to, headers=register)
                rows.check(f"{contact}: registered", answer.status, 200)
                answer = await bob.send_im(gw.uri("alice"), contact, timeout=5)
                rows.check(f"{contact}: a message", answer.status, 200)
                came = alice.inbox.get_nowait().text if answer.status == 200 else None
                rows.check(f"{contact}: where it came", came, contact)
                gone = [("Contact", "*"), ("Expires", "0")]
                answer = await alice.send("REGISTER", "sip:ims.example", to=to, headers=gone)
                equal(answer.status, 200, "the registration's end")
        rows.check("what others got", target.stray, [])
    rows.done(at_least=50)


async def refused_in_lua():
    "the same with kamailio.lua"
    await refused("refused_in_lua", **LUA)


async def elsewhere_in_lua():
    "the same with kamailio.lua"
    await elsewhere("elsewhere_in_lua", **LUA)


run(refused, refused_in_lua, elsewhere, elsewhere_in_lua)
