"""Plays the conversations of kamailio-cfg/demo.py through a gateway that runs already.

    conversation.py HOST:PORT [NAME=PASSWORD[:NUMBER] ...]
"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e/lib"), str(ROOT / "kamailio-cfg")]

import demo  # noqa: E402
import ua  # noqa: E402


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


async def play(host, port, passwords):
    running = Running((host, int(port)), passwords)
    try:
        cast = await demo.Cast.enter(running)
        for scene in (demo.phone_to_im, demo.im_to_phone, demo.phone_full, demo.client_away, demo.emoji):
            await scene(cast)
            print(f"as expected: {scene.__doc__}", flush=True)
    finally:
        for endpoint in running.endpoints:
            await endpoint.close()


if __name__ == "__main__":
    address, *people = sys.argv[1:]
    asyncio.run(play(*address.rsplit(":", 1), dict(person.split("=", 1) for person in people)))
