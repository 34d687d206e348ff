"""Other database engines: see README.md."""

import sms
from databases import MariaDb, Postgres
from e2e import ImClient, Phone, equal, gateway, run, say

TEXT = "0123456789" * 40
MODULES = {"postgres": "db_postgres.so", "mysql": "db_mysql.so"}


async def part(phone, part, mr, kind="RP-ACK"):
    """A part, and the report on it."""
    dcs, octets = part
    tpdu = sms.submit("+15550002", "", first=0x41, dcs=dcs, user_data=octets)
    sent = await phone.send_sm("+15550002", "", mr=mr, tpdu=tpdu)
    equal(sent.answer.status, 202, "the SIP answer")
    equal((await sent.outcome()).kind, kind, "the report")


def kinds(server):
    return server.sql("SELECT kind FROM ipsmgw_store WHERE kind <> 'node' ORDER BY id", "ipsmgw").split()


async def survives(server):
    module = MODULES[server.url.partition(":")[0]]
    async with server, gateway(store_url=server.url, store_module=module, name=module, validity=3600) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        one, two, three = sms.parts(TEXT, 7)
        await part(alice, one, 1)
        equal(kinds(server), ["part"], "what the database has")
        await gw.kill()
        await gw.start()
        equal(gw.statistics("ipsmgw")["taken_up"], 1, "taken up")
        say("the database server is killed")
        await server.kill()
        await part(alice, two, 2, "RP-ERROR")
        sent = await alice.send_sm("+15550002", "hello")
        equal((await bob.next_message()).text, "hello", "a message that needs no database")
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        await server.start()
        await gw.until(lambda: "can be written again" in gw.log(), 30, what="the end of it in the log")
        equal(kinds(server), ["part"], "what the database has")
        await part(alice, two, 3)
        await part(alice, three, 4)
        equal((await bob.next_message()).text, TEXT, "the text")
        await gw.until(lambda: not kinds(server), what="a database without messages")
        say("a message of 60,000 octets for a client that is away")
        await bob.register(expires=0)
        client, long = await gw.user(ImClient, "alice"), "é" * 30_000
        equal((await client.send_im(gw.uri("bob"), long)).status, 202, "the answer")
        await gw.kill()
        await gw.start()
        await bob.register()
        equal((await bob.next_message(20)).text == long, True, "the text")
        await gw.until(lambda: not kinds(server), what="a database without messages")


async def postgresql():
    "PostgreSQL"
    await survives(Postgres())


async def mariadb():
    "MariaDB"
    await survives(MariaDb())


run(postgresql, mariadb)
