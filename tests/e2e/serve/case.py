"""The run command: see README.md."""

import asyncio
import os
import signal
import subprocess
import time

from e2e import CFG, FOLDER, ImClient, Rows, equal, gateway, run, say
from gateway import ROOT, free_port


def settings(port, **more):
    return {
        **os.environ,
        "IPSMGW_LISTEN": f"udp:127.0.0.1:{port}",
        "IPSMGW_WS": f"tcp:127.0.0.1:{free_port()}",
        "IPSMGW_DB_URL": f"sqlite:///{FOLDER}/people/gw.db",
        "IPSMGW_MODULE": os.environ.get("IPSMGW_MODULE", str(ROOT / "target/release/ipsmgw.so")),
        **more,
    }


def of_session(session):
    shown = subprocess.run(["ps", "-o", "pid=,comm=", "-s", str(session)], capture_output=True, text=True)
    return shown.stdout.strip()


async def serve_until_ctrl_c():
    "start, register, Ctrl-C; twice, because the second time the database is there"
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


async def mistakes():
    "each setting that cannot be"
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
        ({"IPSMGW_FLOOD": "-1"}, "per second"),
        ({"IPSMGW_CPIM_FROM": "yes"}, "write any, or sender"),
        ({"IPSMGW_MODULE": "/nowhere/ipsmgw.so"}, "IPSMGW_MODULE"),
    ):
        done = subprocess.run([CFG / "run"], env=settings(free_port(), **env), capture_output=True, text=True, timeout=30)
        rows.check(f"{env}: exit code", done.returncode, 1)
        rows.check(f"{env}: {done.stderr!r} has {words!r}", words in done.stderr, True)
        rows.check(f"{env}: one line", done.stderr.count("\n"), 1)
    done = subprocess.run([CFG / "run", "dance"], env=settings(free_port()), capture_output=True, text=True)
    rows.check("an unknown word", (done.returncode, "Usage" in done.stderr), (2, True))
    rows.done()


run(serve_until_ctrl_c, mistakes)
