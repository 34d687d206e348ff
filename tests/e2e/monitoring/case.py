"""Monitoring: see README.md."""

import asyncio
import json
import re
import urllib.error
import urllib.request

import sms
from e2e import CFG, FOLDER, ImClient, Phone, equal, gateway, run, say
from gateway import free_port

PAGE = CFG.parent / "doc/monitoring.md"
MONITORING = CFG / "monitoring"
LUA = {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
ALICE = "sip:+15550001@ims.example"


async def get(address, path="/metrics"):
    """(status, body) of an HTTP request."""

    def ask():
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    return await asyncio.to_thread(ask)


async def scrape(address):
    """Metrics and their values, as Prometheus reads them."""
    status, body = await get(address)
    equal(status, 200, "the answer to Prometheus")
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    odd = [line for line in lines if not re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? \d+ \d+", line)]
    equal(odd, [], "lines that are no metrics")
    return {line.split(" ")[0]: int(line.split(" ")[1]) for line in lines}


def named(text):
    return set(re.findall(r"\bkamailio_\w+", text))


def times(metrics, direction):
    return sum(value for name, value in metrics.items() if re.fullmatch(rf"kamailio_ipsmgw_{direction}_ms_\w+", name))


async def play(**options):
    metrics_at = f"127.0.0.1:{free_port()}"
    async with gateway(prometheus=f"tcp:{metrics_at}", **options) as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        before = await scrape(metrics_at)
        say("each metric that the files name exists")
        for file in sorted(MONITORING.iterdir()):
            equal(named(file.read_text()) - set(before), set(), f"metrics that only {file.name} has")
        equal(len(json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]) > 10, True, "the dashboard")
        say("messages count, and their times")
        equal((await bob.send_im(ALICE, "quick")).status, 200, "an instant message")
        await alice.next_message()
        equal((await (await alice.send_sm("+15550002", "quick")).outcome()).kind, "RP-ACK", "a short message")
        bob.answers.append(486)
        equal((await (await alice.send_sm("+15550002", "refused")).outcome()).kind, "RP-ERROR", "a refused one")
        after = await scrape(metrics_at)
        found = {name: after[f"kamailio_ipsmgw_{name}"] for name in ("im_delivered", "sm_delivered", "sm_failed", "enabled", "open", "panics")}
        equal(found, {"im_delivered": 1, "sm_delivered": 1, "sm_failed": 1, "enabled": 1, "open": 0, "panics": 0}, "the counters")
        equal((times(after, "im_to_sm"), times(after, "sm_to_im"), times(after, "sm_to_sm")), (1, 1, 0), "the times")
        say("a delivery that takes its time")
        alice.rp_answer = None
        waits = asyncio.create_task(bob.send_im(ALICE, "slow"))
        request, message = await alice.next_message()
        equal((await scrape(metrics_at))["kamailio_ipsmgw_open"], 1, "the open exchange")
        await asyncio.sleep(0.6)  # the time that is counted
        await alice.report(request, sms.rp_ack(message.mr))
        equal((await waits).status, 200, "the answer")
        last = await scrape(metrics_at)
        slow = sum(last[f"kamailio_ipsmgw_im_to_sm_ms_{bound}"] for bound in ("1000", "2500", "5000"))
        equal((times(last, "im_to_sm"), slow >= 1), (2, True), "the times")
        say("nothing else is there, and the metrics are nowhere else")
        equal((await get(metrics_at, "/"))[0], 404, "another path")
        equal((await get("{}:{}".format(*gw.ws_address)))[0], 404, "the port of WebSocket")


async def prometheus():
    "a scrape before and after messages"
    await play()


async def prometheus_in_lua():
    "the same with kamailio.lua"
    await play(name="lua", **LUA)


async def off():
    "without IPSMGW_PROMETHEUS there are no metrics"
    async with gateway(name="off") as gw:
        equal((await get("{}:{}".format(*gw.ws_address)))[0], 404, "the port of WebSocket")


def example(heading, kind):
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL).group(1)


async def one_message():
    "ipsmgw.trace answers as the page shows"
    async with gateway(name="trace") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        alice.rp_answer = 22
        equal((await bob.send_im(ALICE, "no room", call_id="a84b4c76e66710")).status, 480, "the answer")
        command, _, wanted = example("One message", "console").partition("\n")
        answer = gw.rpc(*command.removeprefix("$ kamcmd ").split())
        shown = {name: value for name, value in re.findall(r"^\t\t(\w+): (.*)$", answer, re.MULTILINE) if not name.endswith("age")}
        said = {name: value for name, value in re.findall(r"^\t\t(\w+): (.*)$", wanted, re.MULTILINE) if not name.endswith("age")}
        equal(shown, said, "the fields")
        name = re.search(r"^\t([0-9a-f]+-[0-9a-f]+):", answer, re.MULTILINE).group(1)
        equal([line for line in gw.log().splitlines() if name in line] != [], True, "whether the log has the name")


async def hep():
    "copies of all SIP messages go to a capture server"
    copies, port = [], free_port()

    class Server(asyncio.DatagramProtocol):
        def datagram_received(self, data, _):
            copies.append(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", port))
    rules = FOLDER / "hep.cfg"
    rules.write_text(example("HEP, for Homer or sipcapture", "kamailio").replace("127.0.0.1:9060", f"127.0.0.1:{port}"))
    try:
        async with gateway(name="hep", rules=rules) as gw:
            alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
            equal((await bob.send_im(ALICE, "copied", call_id="a-copied-call")).status, 200, "the answer")
            await gw.until(lambda: any(b"SIP/2.0 200" in copy and b"a-copied-call" in copy for copy in copies), what="the copy of the answer")
            equal(all(copy.startswith(b"HEP3") for copy in copies), True, "the form")
            said = {b"MESSAGE sip:" in copy and b"copied" in copy for copy in copies}
            equal(True in said and any(b"application/vnd.3gpp.sms" in copy for copy in copies), True, "both sides")
    finally:
        transport.close()


run(prometheus, prometheus_in_lua, off, one_message, hep)
