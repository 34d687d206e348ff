"""Monitoring: see README.md."""

import asyncio
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import sms
from e2e import CFG, FOLDER, ImClient, Phone, Rows, equal, gateway, run, say
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


async def shows(address, read, wanted, what):
    """Waits for a scrape that `read` finds this in: an exchange ends behind the answer that its sender has got already."""
    deadline = time.monotonic() + 10
    while (found := read(await scrape(address))) != wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    equal(found, wanted, what)


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
        say("messages count, and their times")
        equal((await bob.send_im(ALICE, "quick")).status, 200, "an instant message")
        await alice.next_message()
        equal((await (await alice.send_sm("+15550002", "quick")).outcome()).kind, "RP-ACK", "a short message")
        bob.answers.append(486)
        equal((await (await alice.send_sm("+15550002", "refused")).outcome()).kind, "RP-ERROR", "a refused one")
        counters = {"im_delivered": 1, "sm_delivered": 1, "sm_failed": 1, "enabled": 1, "open": 0, "panics": 0}
        await shows(metrics_at, lambda seen: {name: seen[f"kamailio_ipsmgw_{name}"] for name in counters}, counters, "the counters")
        directions = ("im_to_sm", "sm_to_im", "sm_to_sm")
        await shows(metrics_at, lambda seen: [times(seen, direction) for direction in directions], [1, 1, 0], "the times")
        say("a delivery that takes its time")
        alice.rp_answer = None
        waits = asyncio.create_task(bob.send_im(ALICE, "slow"))
        request, message = await alice.next_message()
        equal((await scrape(metrics_at))["kamailio_ipsmgw_open"], 1, "the open exchange")
        await asyncio.sleep(0.6)  # the time that is counted
        await alice.report(request, sms.rp_ack(message.mr))
        equal((await waits).status, 200, "the answer")
        await shows(metrics_at, lambda seen: times(seen, "im_to_sm"), 2, "the times")
        last = await scrape(metrics_at)
        slow = sum(last[f"kamailio_ipsmgw_im_to_sm_ms_{bound}"] for bound in ("1000", "2500", "5000", "10000"))
        equal(slow >= 1, True, "the time of the slow one")
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


def dashboard():
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


async def dashboard_file():
    "the dashboard's panels do not overlap, its variables exist, and its colours are those of series that it shows"
    shown, rows, taken = dashboard(), Rows(), set()
    variables = {variable["name"] for variable in shown["templating"]["list"]} | {"__rate_interval"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(shown["panels"])))
    rows.check("variables", used - variables, set())
    rows.check("numbers of panels", len({panel["id"] for panel in shown["panels"]}), len(shown["panels"]))
    for panel in shown["panels"]:
        title, place, config = panel["title"], panel["gridPos"], panel["fieldConfig"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        rows.check(f"{title}: place", (cells & taken, max(x for x, _ in cells) < 24), (set(), True))
        taken |= cells
        legends = [target["legendFormat"] for target in panel["targets"]]
        rows.check(f"{title}: legends", len(set(legends)), len(legends))
        coloured = {override["matcher"]["options"] for override in config["overrides"]}
        rows.check(f"{title}: colours", coloured <= set(legends) or legends == ["{{direction}}"] and coloured == {"sm_to_im", "im_to_sm", "sm_to_sm"}, True)
        # Without them, Grafana makes each value from 80 on red.
        own = config["defaults"].get("color", {}).get("mode") in ("fixed", "palette-classic")
        rows.check(f"{title}: thresholds", "thresholds" in config["defaults"] or own, True)
        rows.check(f"{title}: limits of bars", panel["type"] == "bargauge", "max" in config["defaults"])
    rows.done(at_least=60)


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
        [shown] = re.findall(r"^grep (\S+) /var/log/syslog$", PAGE.read_text(), re.MULTILINE)
        equal(f"\t{shown}: {{" in wanted, True, "whether the page looks for the name that it has shown")
        found = subprocess.run(["grep", name, gw.log_file], capture_output=True, text=True).stdout
        equal("NOTICE: ipsmgw: failed" in found, True, "whether the log has the name")


class Prometheus:
    """A Prometheus server with the scrape configuration of the page, which scrapes each second. The gateway is scraped as two."""

    def __init__(self, metrics_at):
        self.at = f"127.0.0.1:{free_port()}"
        self.folder = FOLDER / "prometheus"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shown = example("Prometheus", "yaml").replace("/path/to/ipsmgw/kamailio-cfg", str(CFG))
        shown = shown.replace('"127.0.0.1:9464"', f'"{metrics_at}", "{metrics_at.replace("127.0.0.1", "localhost")}"')
        self.file = self.folder / "prometheus.yml"
        self.file.write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{shown}")

    async def __aenter__(self):
        options = [f"--config.file={self.file}", f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.at}"]
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(["prometheus", *options], stdout=log, stderr=log)
        return self

    async def __aexit__(self, *_):
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)

    async def api(self, path):
        try:
            return json.loads((await get(self.at, f"/api/v1/{path}"))[1])["data"]
        except (urllib.error.URLError, ConnectionError, ValueError, KeyError):
            return None  # it is not ready

    async def query(self, expression):
        """The series of the answer."""
        found = await self.api("query?" + urllib.parse.urlencode({"query": expression}))
        return found["result"] if found else []

    async def until(self, what, condition):
        """The first true result of a coroutine function."""
        for _ in range(300):
            if found := await condition():
                return found
            equal(self.process.poll(), None, "whether Prometheus runs: its log is beside its database")
            await asyncio.sleep(0.1)
        raise AssertionError(f"{what} did not come within 30 s")

    async def rules(self):
        groups = await self.api("rules")
        return [rule for group in groups["groups"] for rule in group["rules"]] if groups else []

    async def alerts(self):
        return {alert["labels"]["alertname"] for alert in (await self.api("alerts"))["alerts"]}


def as_sent(expression):
    """An expression of the dashboard as Grafana sends it when all gateways are chosen."""
    return expression.replace("$instance", ".+").replace("$__rate_interval", "1m")


def legend(target, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], name[0]), target["legendFormat"])


async def real_prometheus():
    "a Prometheus server scrapes the gateway: each query of the dashboard has an answer, each rule is evaluated, alerts come"
    metrics_at = f"127.0.0.1:{free_port()}"
    async with gateway(name="real", prometheus=f"tcp:{metrics_at}") as gw, Prometheus(metrics_at) as server:
        rules = await server.until("the rules", server.rules)
        # Prometheus scrapes nothing in its first five seconds.
        alerts = asyncio.create_task(asyncio.to_thread(test_alerts, [rule for rule in rules if rule["type"] == "alerting"]))
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        await server.until("a first scrape", lambda: server.query("kamailio_ipsmgw_open"))
        say("messages")
        # A rate needs a change between two scrapes.
        for text in ("one", "two"):
            equal((await bob.send_im(ALICE, text)).status, 200, "an instant message")
            equal((await (await alice.send_sm("+15550002", text)).outcome()).kind, "RP-ACK", "a short message")
        await server.until("a rate", lambda: server.query("rate(kamailio_ipsmgw_im_delivered[5m]) > 0"))
        page = re.findall(r"^(histogram_quantile\(.*)$", PAGE.read_text(), re.MULTILINE)

        async def directions():
            return {one["metric"]["direction"] for one in await server.query(f"{page[0]} > 0")} == {"sm_to_im", "im_to_sm"}

        # A scrape can come between two messages: then one direction has its time a scrape later.
        await server.until("a delivery time of each direction", directions)
        say("the dashboard")
        panels, rows = {panel["title"]: panel for panel in dashboard()["panels"]}, Rows()
        for title, panel in panels.items():
            legends = []
            for target in panel["targets"]:
                answer = await server.query(as_sent(target["expr"]))
                rows.check(f"{title}: {target['expr']}", bool(answer), True)
                legends += [legend(target, one["metric"]) for one in answer]
            # Two gateways: a legend that two lines have would not tell which is which.
            rows.check(f"{title}: legends {legends}", len(legends), len(set(legends)))
            rows.check(f"{title}: names in legends {legends}", [one for one in legends if "{" in one], [])
        rows.done(at_least=80)

        async def shown(title):
            [target] = panels[title]["targets"]
            answer = await server.query(as_sent(target["expr"]))
            return {legend(target, one["metric"]): int(one["value"][1]) for one in answer}

        async def gateways(value):
            return list((await shown("Gateways")).values()) == [value, value]

        equal(await shown("Alerts"), {"none": 0}, "the panel of alerts at rest")
        equal(await gateways(1), True, "whether the dashboard shows both gateways as on")
        say("the rules")
        equal({rule["health"] for rule in await server.rules()}, {"ok"}, "the health of all rules")
        equal(await server.alerts(), set(), "alerts at rest")
        gw.rpc("ipsmgw.disable")

        async def disabled():
            return "IpsmgwDisabled" in await server.alerts()

        await server.until("the alert of the switched-off conversion", disabled)
        await server.until("off on the dashboard", lambda: gateways(0))
        await gw.stop()

        async def down():
            return "IpsmgwDown" in await server.alerts()

        await server.until("the alert of the gateway that is down", down)
        await server.until("down on the dashboard", lambda: gateways(-1))
        promtool("check", "config", server.file)
        await alerts


def promtool(*command):
    done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True)
    equal(done.returncode, 0, f"promtool {command[0]} {command[1]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


# A gateway at work: what promtool makes of its counters in 40 minutes.
HEALTHY = {
    "up": "1x40", "enabled": "1x40", "panics": "0x40", "open_percent": "10x40", "full": "0x40", "sender_full": "0x40", "overload": "0x40",
    "shmem_used_size": "10x40", "shmem_total_size": "100x40", "sm_to_im": "0+100x40", "im_to_sm": "0+100x40",
    "sm_delivered": "0+90x40", "sm_failed": "0+10x40", "im_delivered": "0+90x40", "im_failed": "0+10x40", "report_missing": "0+5x40",
    "report_lost": "0x40", "notification_lost": "0x40", "registration_refused": "0x40", "database_error": "0x40", "not_stored": "0x40",
    "store_full": "0x40", "cdr_lost": "0x40",
    **{f"{way}_ms_{bound}": "0+10x40" if bound == "50" else "0x40"
       for way in ("sm_to_im", "im_to_sm", "sm_to_sm") for bound in ("50", "100", "250", "500", "1000", "2500", "5000", "10000", "30000", "more")},
}  # fmt: skip
# What is different when an alert comes.
ONCE = "0x30 1x10"
ALERTS = {
    "IpsmgwDown": {"up": "0x40"},
    "IpsmgwDisabled": {"enabled": "0x40"},
    "IpsmgwPanic": {"panics": ONCE},
    "IpsmgwTableNearlyFull": {"open_percent": "85x40"},
    "IpsmgwRefuses": {"sender_full": "0+1x40"},
    "IpsmgwOverload": {"overload": "0+1x40"},
    "IpsmgwSharedMemory": {"shmem_used_size": "83x40"},
    "IpsmgwShortMessagesFail": {"sm_failed": "0+30x40"},
    "IpsmgwInstantMessagesFail": {"im_failed": "0+30x40"},
    "IpsmgwReportsMissing": {"report_missing": "0+15x40"},
    "IpsmgwReportsLost": {"notification_lost": ONCE},
    "IpsmgwRegistrationsRefused": {"registration_refused": "0x34 1x6"},
    "IpsmgwSlow": {"im_to_sm_ms_30000": "0+10x40"},
    "IpsmgwDatabase": {"not_stored": "0x34 1x6"},
    "IpsmgwStoreFull": {"store_full": ONCE},
    "IpsmgwChargingRecordsLost": {"cdr_lost": ONCE},
}


def series(changed):
    instance = '{job="ipsmgw", instance="gw"}'
    for name, values in {**HEALTHY, **changed}.items():
        group = "" if name == "up" else "kamailio_" if name.startswith("shmem") else "kamailio_ipsmgw_"
        yield {"series": f"{group}{name}{instance}", "values": values}


def test_alerts(rules):
    """promtool: with a gateway at work no alert comes; with what an alert is for, this alert comes and no other."""
    equal({rule["name"] for rule in rules}, set(ALERTS), "the alerts of the file, and those that are tested")
    tests = []
    for wanted, changed in {"": {}, **ALERTS}.items():
        checks = []
        for rule in rules:
            labels = {**rule["labels"], "job": "ipsmgw", "instance": "gw"}
            if rule["name"] == "IpsmgwSlow":
                labels["direction"] = "im_to_sm"
            comes = [{"exp_labels": labels, "exp_annotations": rule["annotations"]}] if rule["name"] == wanted else []
            checks.append({"eval_time": "37m", "alertname": rule["name"], "exp_alerts": comes})
        tests.append({"name": wanted, "interval": "1m", "input_series": list(series(changed)), "alert_rule_test": checks})
    file = FOLDER / "alerts.json"  # JSON is YAML, too
    file.write_text(json.dumps({"rule_files": [str(MONITORING / "prometheus-rules.yml")], "evaluation_interval": "1m", "tests": tests}))
    promtool("check", "rules", MONITORING / "prometheus-rules.yml")
    promtool("test", "rules", file)


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


run(prometheus, prometheus_in_lua, off, dashboard_file, real_prometheus, one_message, hep)
