"""The run command: see README.md."""

import asyncio
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from e2e import CFG, FOLDER, ImClient, Rows, equal, gateway, run, say
from gateway import ROOT, free_port


def settings(port, **more):
    return {
        **os.environ,
        "IPSMGW_LISTEN": f"udp:127.0.0.1:{port}",
        "IPSMGW_WS": f"tcp:127.0.0.1:{free_port()}",
        "IPSMGW_PROMETHEUS": f"tcp:127.0.0.1:{free_port()}",
        "IPSMGW_DB_URL": f"sqlite:///{FOLDER}/people/gw.db",
        "IPSMGW_MODULE": os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so")),
        **more,
    }


def of_session(session):
    shown = subprocess.run(["ps", "-o", "pid=,comm=", "-s", str(session)], capture_output=True, text=True)
    return shown.stdout.strip()


async def serve_until_ctrl_c():
    "start, register, Ctrl-C; twice, because the second time the database exists"
    subprocess.run(["rm", "-rf", FOLDER / "people"], check=True)
    for _ in range(2):
        # The same Gateway object knows where a running gateway is, and does not start one itself.
        gw = gateway(name="people", people=[])
        env = settings(gw.address[1])
        said = (FOLDER / "run.log").open("w+")
        process = subprocess.Popen(
            [CFG / "run"], env=env, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while "Ctrl-C ends it" not in (FOLDER / "run.log").read_text():
            equal(process.poll(), None, "the command runs")
            equal(time.monotonic() < deadline, True, "in time")
            await asyncio.sleep(0.1)
        subprocess.run([CFG / "user", "add", "alice", "secret", "+15550001"], env=env, check=True)
        gw.people["alice"] = ("secret", "+15550001")
        for protocol in ("udp", "tcp"):
            alice = await gw.user(ImClient, "alice", protocol=protocol)
            equal((await alice.send_im(gw.uri("alice"), "to myself")).status, 200, f"a message over {protocol}")
        again = subprocess.run([CFG / "run"], env=env, capture_output=True, text=True)
        equal((again.returncode, "is running on" in again.stderr), (1, True), f"a second one: {again.stderr}")
        other = subprocess.run(
            [CFG / "run"], env={**env, "IPSMGW_DB_URL": f"sqlite:///{FOLDER}/other/gw.db"}, capture_output=True, text=True
        )
        equal((other.returncode, "listens on" in other.stderr), (1, True), f"a port in use: {other.stderr}")
        say("Ctrl-C")
        os.killpg(process.pid, signal.SIGINT)
        await asyncio.to_thread(process.wait, 20)
        equal(process.returncode, 0, "the exit code")
        equal(of_session(process.pid), "", "processes left")
        equal("has ended" in (FOLDER / "run.log").read_text(), True, "its last word")


def children_of(pid):
    """Those that are Kamailio's, by whichever loader they run."""
    shown = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in shown.stdout.splitlines() if "kamailio.cfg -DD" in line]


async def starts_again():
    "one of Kamailio's processes dies: it is started again, three times at most; the exit code is that of the last run"
    subprocess.run(["rm", "-rf", FOLDER / "again"], check=True)
    gw = gateway(name="again", people=[])
    env = settings(gw.address[1], IPSMGW_DB_URL=f"sqlite:///{FOLDER}/again/gw.db")
    subprocess.run([CFG / "user", "add", "alice", "secret"], env=env, check=True)
    gw.people["alice"] = ("secret", None)
    log = FOLDER / "again.log"
    core_files = Path("/proc/self/coredump_filter")
    ours = core_files.read_text()
    core_files.write_text("0x33")
    with log.open("w") as said:
        process = subprocess.Popen([CFG / "run"], env=env, stdout=said, stderr=said, start_new_session=True)
    core_files.write_text(f"0x{ours}")

    async def runs(times):
        def is_so():
            return log.read_text().count("The gateway is running") == times + 1

        await gw.until(is_so, timeout=30, what=f"restart {times}")
        (kamailio,) = children_of(process.pid)
        return kamailio

    try:
        kamailio = await runs(0)
        await gw.user(ImClient, "alice")
        equal(Path(f"/proc/{kamailio}/coredump_filter").read_text().strip(), "00000031", "what a core file holds: no shared memory")
        say("a worker dies")
        os.kill(children_of(kamailio)[0], signal.SIGKILL)
        kamailio = await runs(1)
        equal(gw.registered(), ["alice"], "who is registered")
        say("the first process dies, and the others keep the port")
        os.kill(kamailio, signal.SIGKILL)
        kamailio = await runs(2)
        os.kill(children_of(kamailio)[0], signal.SIGKILL)
        await asyncio.to_thread(process.wait, 20)
        equal(process.returncode, 1, "the exit code")
        equal("3 times in a row" in log.read_text(), True, "its last word")
        equal(gw.try_rpc("core.uptime"), None, "whether something runs")
    finally:
        process.terminate()


def changed_module(name, old, new):
    """A copy of the module in which one text is another of the same length."""
    octets = Path(settings(0)["IPSMGW_MODULE"]).read_bytes()
    equal(octets.count(old) > 0, True, f"{old} is in the module")
    FOLDER.mkdir(parents=True, exist_ok=True)
    module = FOLDER / f"{name}.so"
    module.write_bytes(octets.replace(old, new))
    return str(module)


async def other_kamailio():
    "a module built for another Kamailio stops the start with one sentence; the check also runs by itself"
    rows = Rows()
    version = subprocess.run([os.environ.get("KAMAILIO", "kamailio"), "-v"], capture_output=True, text=True).stdout
    version = re.search(r"version: (kamailio \S+)", version)[1].encode()
    for module, words in (
        (changed_module("version", version + b" (", version[:-1] + b"~ ("), "was built for kamailio"),
        (changed_module("flags", b"USE_TCP, USE_TLS, ", b"USE_TCP, USE_TLZ, "), "compiled in another way"),
        (changed_module("symbol", b"\0register_basic_timers\0", b"\0register_basic_timerz\0"), "compiled in another way"),
    ):
        for command in ([CFG / "run"], [ROOT / "include/check-module", module]):
            done = subprocess.run(command, env=settings(free_port(), IPSMGW_MODULE=module), capture_output=True, text=True)
            rows.check(f"{module}: exit code", done.returncode, 1)
            rows.check(f"{done.stderr!r} has {words!r}", words in done.stderr, True)
            rows.check(f"{done.stderr!r} tells the remedy", "build it again" in done.stderr, True)
            rows.check(f"{module}: one line", done.stderr.count("\n"), 1)
    done = subprocess.run([ROOT / "include/check-module", settings(0)["IPSMGW_MODULE"]], capture_output=True, text=True)
    rows.check("the module itself", (done.returncode, done.stdout + done.stderr), (0, ""))
    rows.done()


async def mistakes():
    "each wrong setting"
    rows = Rows()
    for env, words in (
        ({"IPSMGW_LISTEN": "udp:localhost"}, "write udp:ADDRESS:PORT"),
        ({"IPSMGW_LISTEN": "udp:127.0.0.1:99999"}, "write udp:ADDRESS:PORT"),
        ({"IPSMGW_LISTEN": "udp:0.0.0.0:5060"}, "write the one address"),
        ({"IPSMGW_DOMAIN": "-"}, "write a domain name"),
        ({"IPSMGW_DB_URL": "gw.db"}, "write sqlite:///"),
        ({"IPSMGW_DB_URL": "sqlite:////" + "x" * 100}, "at most 96"),
        ({"IPSMGW_SC": "none"}, "country code"),
        ({"IPSMGW_SC_URI": "10.0.0.1"}, "write sip:HOST:PORT"),
        ({"IPSMGW_TRUSTED": "192.0.2.1/33"}, "addresses and subnets"),
        ({"IPSMGW_TRUSTED": "scscf.example"}, "addresses and subnets"),
        ({"IPSMGW_TRUSTED": "192.0.2.1:5060"}, "addresses and subnets"),
        ({"IPSMGW_TRUSTED": "192.0.2.1,,2001:db8::1"}, "addresses and subnets"),
        ({"IPSMGW_TRUSTED": "2001:db8::1::2"}, "addresses and subnets"),
        ({"IPSMGW_REG_EVENT_IDENTITY": "me"}, "SIP URI"),
        ({"IPSMGW_IM_ELSEWHERE": "nowhere"}, "write chain, or sc"),
        ({"IPSMGW_FLOOD": "-1"}, "per second"),
        ({"IPSMGW_PEER_TIMEOUT": "3"}, "from 4 to 20"),
        ({"IPSMGW_NODE": "0"}, "from 1 to 65535"),
        ({"IPSMGW_NODE": "65536"}, "from 1 to 65535"),
        ({"IPSMGW_NODE": "one"}, "from 1 to 65535"),
        ({"IPSMGW_NODE_PEER": "sip:192.0.2.2:5060"}, "IPSMGW_NODE_URI, this one"),
        ({"IPSMGW_CONNECTIONS": "many"}, "TCP connections"),
        ({"IPSMGW_CPIM_FROM": "yes"}, "write any, or sender"),
        ({"IPSMGW_STOP_TIMEOUT": "601"}, "from 0 to 600"),
        ({"IPSMGW_MODULE": "/nowhere/ipsmgw.so"}, "IPSMGW_MODULE"),
    ):
        done = subprocess.run([CFG / "run"], env=settings(free_port(), **env), capture_output=True, text=True, timeout=30)
        rows.check(f"{env}: exit code", done.returncode, 1)
        rows.check(f"{env}: {done.stderr!r} has {words!r}", words in done.stderr, True)
        rows.check(f"{env}: one line", done.stderr.count("\n"), 1)
    done = subprocess.run([CFG / "run", "dance"], env=settings(free_port()), capture_output=True, text=True)
    rows.check("an unknown word", (done.returncode, "Usage" in done.stderr), (2, True))
    rows.done()


run(serve_until_ctrl_c, starts_again, other_kamailio, mistakes)
