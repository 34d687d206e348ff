"""Floods: see README.md."""

import asyncio

from e2e import ImClient, ServiceCentre, equal, gateway, run, say


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


run(flood)
