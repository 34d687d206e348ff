"""Floods: see README.md."""

import asyncio

from e2e import CFG, ImClient, ServiceCentre, equal, gateway, run, say


async def flood():
    "three hundred requests at once against a limit of thirty"
    async with gateway(people=[("bob", "+15550002")], flood=30, sc_uri="sip:127.0.0.2:5999") as gw:
        bob = await gw.user(ImClient, "bob")
        noisy = await gw.endpoint(host="127.0.0.3")
        quiet = await gw.endpoint(host="127.0.0.4")
        nuisance = ImClient(noisy, "mallory", None, gw.domain)
        answers = await asyncio.gather(*(nuisance.send("OPTIONS", "sip:ims.example") for _ in range(300)))
        codes = [a.status for a in answers]
        say(f"{codes.count(200)} answered, {codes.count(503)} refused")
        equal(set(codes), {200, 503}, "the answers")
        equal(codes.count(503) > 150, True, "most were refused")
        refused = next(a for a in answers if a.status == 503)
        equal(refused.get("Retry-After") is not None, True, "Retry-After")

        other = ImClient(quiet, "carol", None, gw.domain)
        equal((await other.send("OPTIONS", "sip:ims.example")).status, 200, "another address meanwhile")

        centre = ServiceCentre(await gw.endpoint(host="127.0.0.2"), gw.domain)
        sent = await asyncio.gather(*(centre.deliver(gw.uri("bob"), "+15557777", str(i)) for i in range(100)))
        equal({s.answer.status for s in sent}, {202}, "the service centre, which is trusted")

        async def welcome():
            return (await nuisance.send("OPTIONS", "sip:ims.example")).status == 200

        for _ in range(100):
            if await welcome():
                break
            await asyncio.sleep(0.2)
        equal(await welcome(), True, "the noisy one, when it is quiet again")


async def connections(name="connections", **script):
    "a connection that nobody has registered through ends soon, the others stay; a long message is no reason to end one"
    quickly = "tcp_connection_lifetime=2"
    async with gateway(name=name, script=quickly, **script) as gw:
        alice, bob = await gw.user(ImClient, "alice", protocol="tcp"), await gw.user(ImClient, "bob", protocol="tcp")
        long = "x" * 60_000
        equal((await alice.send_im(gw.uri("bob"), long)).status, 200, "the answer to a long message")
        equal((await bob.next_message()).text, long, "what bob got")
        silent, writer = await asyncio.open_connection(*gw.address)
        equal(await asyncio.wait_for(silent.read(), 20), b"", "what comes through the silent one, to its end")
        writer.close()
        equal((await alice.send_im(gw.uri("bob"), "still there?")).status, 200, "the answer")
        equal((await bob.next_message()).text, "still there?", "what bob got")


async def connections_in_lua():
    "the same by the Lua script"
    await connections("connections_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


run(flood, connections, connections_in_lua)
