"""Plays conversations through a gateway that runs already, with the shipped settings.

    conversation.py HOST:PORT [NAME=PASSWORD[:NUMBER] ...]
"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e/lib"), str(ROOT / "kamailio-cfg")]

import demo  # noqa: E402
import sms  # noqa: E402
import ua  # noqa: E402
from demo import expect  # noqa: E402


class Running:
    """A gateway that somebody else has started."""

    def __init__(self, address, passwords, domain="ims.example"):
        self.address, self.passwords, self.domain = address, passwords, domain
        self.endpoints = []

    async def user(self, kind, name, protocol="udp"):
        endpoint = await ua.Endpoint.open(self.address, protocol, self.address[0])
        self.endpoints.append(endpoint)
        user = kind(endpoint, name, self.passwords[name], self.domain, dict(demo.PEOPLE)[name])
        await user.register()
        return user


async def phone_without_room(cast):
    "bob writes to carol, whose phone's memory is full: the message is stored, and comes when there is room"
    cast.carol.rp_answers.append(demo.MEMORY_CAPACITY_EXCEEDED)
    expect("bob's answer", (await cast.bob.send_im("sip:carol@ims.example", "Are you coming?")).status, 202)
    await cast.carol.next_message()
    await cast.carol.send_rp(sms.rp_smma(9))
    expect("what carol reads", (await cast.carol.next_message())[1].tpdu.text, "Are you coming?")


async def client_busy(cast):
    "alice's phone writes to dave, whose client answers 480: the message is stored, and comes when the client registers"
    cast.dave.answers.append(480)
    expect("alice's report", (await (await cast.alice.send_sm("+15550004", "Are you there?")).outcome()).kind, "RP-ACK")
    await cast.dave.next_message()
    await cast.dave.register()
    expect("what dave reads", (await cast.dave.next_message()).text, "Are you there?")


async def client_refuses(cast):
    "alice's phone writes to dave, whose client declines"
    cast.dave.answers.append(603)
    report = await (await cast.alice.send_sm("+15550004", "Well?")).outcome()
    expect("alice's report", (report.kind, report.cause), ("RP-ERROR", 21))


async def play(host, port, passwords):
    running = Running((host, int(port)), passwords)
    try:
        cast = await demo.Cast.enter(running)
        for scene in (demo.phone_to_im, demo.im_to_phone, phone_without_room, client_busy, client_refuses, demo.emoji):
            await scene(cast)
            print(f"as expected: {scene.__doc__}", flush=True)
    finally:
        for endpoint in running.endpoints:
            await endpoint.close()


if __name__ == "__main__":
    address, *people = sys.argv[1:]
    asyncio.run(play(*address.rsplit(":", 1), dict(person.split("=", 1) for person in people)))
