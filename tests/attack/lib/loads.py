"""The highest rate, twice that rate, and a steady rate for long."""

import asyncio
import socket
import time

import stage
from generator import Generator, bad, shown
from verdict import WANTED_P99

COUPLES = 300  # a phone and a client each, at an address of their own: the limit for each address (IPSMGW_FLOOD) is not what is measured


def everybody():
    people = [(f"load{i}", f"+1555{20000 + i}") for i in range(2 * COUPLES)]
    addresses = [f"127.0.{1 + couple // 250}.{1 + couple % 250}" for couple in range(COUPLES)]
    kinds = [("phone" if i % 2 else "client", name, addresses[i // 2]) for i, (name, _) in enumerate(people)]
    return people, kinds


class Crowd:
    """Six hundred people at one gateway."""

    def __init__(self, name, lua):
        self.people, self.kinds = everybody()
        self.gw = stage.make(name, lua, people=self.people)

    async def __aenter__(self):
        await self.gw.__aenter__()
        try:
            self.load = await Generator(self.gw, self.kinds).__aenter__()
        except BaseException:
            await self.gw.__aexit__(None, None, None)
            raise
        self.cpu = self._cpu()
        return self

    async def __aexit__(self, *exception):
        await self.load.__aexit__()
        await self.gw.__aexit__(*exception)

    def _cpu(self):
        """CPU seconds of Kamailio and of the generator so far."""
        ticks = []
        for pids in (self.gw.processes(), [self.load.process.pid]):
            total = 0
            for pid in pids:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
            ticks.append(total / 100)
        return ticks

    async def at(self, rate, seconds, patience=20):
        """This many texts a second for this time; returns the mark for the summary."""
        began, before = time.monotonic(), self._cpu()
        self.load.tell("mark", "rate")
        self.load.tell("rate", rate)
        await asyncio.sleep(seconds)
        summary = await self.load.stop(patience)
        mark, after = summary["marks"][0], self._cpu()
        took = time.monotonic() - began
        mark["cpu"] = [(b - a) / took for a, b in zip(before, after)]
        mark["late"], mark["reports_refused"] = summary["late"], summary["reports_refused"]
        return mark

    def dropped(self):
        """Datagrams that found no room in the receive queue of the gateway, and of the generator, so far."""
        gateway = generator = 0
        host, port = self.gw.address
        own = "%s:%04X" % (socket.inet_aton(host)[::-1].hex().upper(), port)
        with open("/proc/net/udp") as file:
            for fields in (line.split() for line in list(file)[1:]):
                if fields[1] == own:
                    gateway += int(fields[12])
                elif fields[2] == own:
                    generator += int(fields[12])
        return gateway, generator

    async def memory_at_rest(self):
        await self.gw.at_rest(120)
        await self.gw.shm_at_rest(120)
        return self.memory()

    def memory(self):
        return {"shm": self.gw.shm(), "largest pkg": self.gw.pkg()[0], "pkg of all": self.gw.pkg()[1]}


def is_good(mark, rate, seconds):
    count = mark["count"]
    # The generator itself must have kept up.
    kept_up = count["sent"] >= 0.97 * rate * seconds
    return kept_up and count.get("good", 0) == count["sent"] and mark["p99"] < WANTED_P99


def told(rate, seconds, mark):
    count = mark["count"]
    print(f"{rate:7.0f}/s for {seconds:3.0f} s: {shown(mark)}; delivered after p50 {mark['delivery_p50']} ms, p99 {mark['delivery_p99']} ms; "
          f"CPU {mark['cpu'][0]:.2f} Kamailio, {mark['cpu'][1]:.2f} generator; sent {count['sent'] / seconds:.0f}/s"
          + (f"; the phones' reports were answered {mark['reports_refused']}" if mark["reports_refused"] else ""), flush=True)  # fmt: skip


async def highest(crowd, first=200.0):
    """Doubles the rate until it is too high, then halves the gap; the highest rate that was good, and its figures."""
    low, high, best = 0.0, None, None
    rate = first
    while high is None or high / low > 1.08:
        mark = await crowd.at(rate, 6)
        told(rate, 6, mark)
        if is_good(mark, rate, 6):
            low, best = rate, mark
            rate = rate * 1.6 if high is None else (low * high) ** 0.5
        else:
            high = rate
            if low == 0.0 and rate < 20:
                return 0.0, mark
            rate = (low * high) ** 0.5 if low else rate / 2
            await crowd.gw.at_rest(60)
    return low, best


async def sustained(lua):
    async with Crowd("sustained", lua) as crowd:
        rate, _ = await highest(crowd)
        # A rate that held for seconds must hold for longer.
        while rate > 20:
            mark = await crowd.at(rate, 20)
            told(rate, 20, mark)
            if is_good(mark, rate, 20):
                break
            await crowd.gw.at_rest(60)
            rate *= 0.93
        print(f"\nsustained: {rate:.0f} messages/s, p50 {mark['p50']} ms, p99 {mark['p99']} ms, max {mark['max']} ms")
        return 0 if rate > 20 else 1


async def overload(lua, rate):
    async with Crowd("overload", lua) as crowd:
        if rate is None:
            found, _ = await highest(crowd)
            rate = 2 * found
            await crowd.gw.at_rest(60)
        seconds = 60
        dropped = crowd.dropped()
        print(f"overload: {rate:.0f}/s for {seconds} s, then {rate / 4:.0f}/s")
        crowd.load.tell("mark", "overload")
        crowd.load.tell("rate", rate)
        await asyncio.sleep(seconds)
        crowd.load.tell("mark", "behind")
        crowd.load.tell("rate", rate / 4)
        await asyncio.sleep(45)
        summary = await crowd.load.stop(120)
        during, behind = summary["marks"]
        print(f"  during: {shown(during)}")
        print(f"  behind: {shown(behind)}")
        good = during["count"].get("good", 0)
        print(f"  {during['count']['sent'] / seconds:.0f}/s sent, {good / seconds:.0f}/s delivered and told")
        recovered = next((s["second"] for i, s in enumerate(behind["seconds"]) if is_calm(behind["seconds"][i:])), None)
        print(f"  p99 is below {WANTED_P99} ms again after {recovered} s" if recovered is not None else "  p99 was not normal again within 45 s")
        # Above the machine's limit a request may have no answer; then it must not be delivered.
        failed = bad(during["count"], but=("unanswered",)) or bad(behind["count"], but=("unanswered",))
        gateway, generator = (after - before for before, after in zip(dropped, crowd.dropped()))
        print(f"  datagrams without room: {gateway} at the gateway, {generator} at the generator, whose sockets waited {summary['longest_pause']} ms at most")
        refused = summary["reports_refused"]
        print(f"  the phones' own reports: {', '.join(f'{times} answered {code}' for code, times in refused.items()) if refused else 'none was refused'}")
        for name, mark in (("during", during), ("behind", behind)):
            for words, times in sorted(mark["doubled"].items(), key=lambda item: -item[1]):
                print(f"  doubled {name}: {times} {words}")
        rest = await crowd.gw.at_rest(120)
        print(f"  {'nothing is open' if rest else f'{crowd.gw.pending()} exchanges are still open'}; late: {summary['late']}")
        print(f"\noverload: {'all that was taken was delivered once' if not failed else failed}")
        return 1 if failed or recovered is None else 0


def is_calm(seconds):
    """Every second from here on has all its texts delivered in time."""
    return all(s["good"] == s["sent"] and s["p99"] is not None and s["p99"] < WANTED_P99 for s in seconds)


async def soak(lua, seconds, rate):
    async with Crowd("soak", lua) as crowd:
        # A process takes its buffers now, once.
        told(rate, 15, await crowd.at(rate, 15))
        before = await crowd.memory_at_rest()
        print(f"before: {before}", flush=True)
        during, began = [], time.monotonic()
        running = asyncio.create_task(crowd.at(rate, seconds, 60))
        while not running.done():
            await asyncio.wait([running], timeout=max(5, seconds / 6))
            if not running.done() and time.monotonic() - began < seconds:
                during.append(crowd.memory())
                print(f"during, after {time.monotonic() - began:.0f} s: {during[-1]}", flush=True)
        mark = running.result()
        told(rate, seconds, mark)
        after = await crowd.memory_at_rest()
        print(f"after: {after}")
        grown = {name: after[name] - before[name] for name in before}
        good = mark["count"].get("good", 0) == mark["count"]["sent"]
        flat = grown["shm"] < 200_000 and grown["largest pkg"] < 100_000
        print(f"\nsoak: {bad(mark['count']) or 'nothing lost, nothing doubled'}; grown: {grown}: {'flat' if flat else 'NOT flat'}")
        return 0 if good and flat else 1
