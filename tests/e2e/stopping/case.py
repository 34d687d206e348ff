"""The end of the gateway, and the start behind it: see README.md."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import time

import sip
import sms
from e2e import ALICE, BOB, CFG, ImClient, Phone, equal, gateway, run, say
from gateway import free_port
from variables import Variable

LUA = {"name": "lua", "cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}
CAROL = ("carol", None)


async def ended(gw, within):
    """Kamailio ends by itself in this time, with exit code 0; how long it took."""
    started = time.monotonic()
    came_to_its_end = await gw.wait(within)
    equal(gw.process.returncode, 0, "the exit code")
    return time.monotonic() - started if came_to_its_end else 0


async def stage(gw):
    """alice has a phone, bob and carol have clients."""
    return await gw.user(Phone, "alice"), await gw.user(ImClient, "bob"), await gw.user(ImClient, "carol")


async def held(gw, alice, bob):
    """bob writes to alice, whose phone keeps its report: (the answer for bob, the phone's RP-DATA)."""
    alice.rp_answer = None
    sending = asyncio.create_task(bob.send_im(gw.uri("alice"), "hello"))
    return sending, await alice.next_message()


async def refuses(gw, alice, carol):
    """A new message."""
    for answer in (
        await carol.send_im(gw.uri("alice"), "new"),
        await carol.send_im(gw.uri("carol"), "new"),
        (await alice.send_sm("+15550002", "new")).answer,
    ):
        equal((answer.status, bool(answer.get("Retry-After"))), (503, True), "a new message")


async def report_comes(stop=os.kill, **options):
    "a report in time counts, a new message is refused"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=10, **options) as gw:
        alice, bob, carol = await stage(gw)
        sending, (request, message) = await held(gw, alice, bob)
        stop(gw.process.pid, signal.SIGTERM)
        await gw.until(lambda: gw.try_rpc("ipsmgw.drain").count("true"), what="the stop")
        await refuses(gw, alice, carol)
        # A registration is kept, so it is taken.
        await carol.register()
        equal((await alice.report(request, sms.rp_ack(message.mr))).status, 202, "the answer to the report")
        equal((await sending).status, 200, "what the sender hears")
        equal(await ended(gw, 15) < 8, True, "whether it ends then")


async def report_comes_in_lua():
    "the same with kamailio.lua"
    await report_comes(**LUA)


async def all_are_told():
    "the signal goes to all processes at once"
    await report_comes(os.killpg)


async def report_is_owed(**options):
    "a client that answers after the signal: its answer is reported"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=10, **options) as gw:
        alice, bob, _ = await stage(gw)
        bob.answer = None
        sending = asyncio.create_task(alice.send_sm("+15550002", "hello"))
        request = await bob.next_message()
        os.kill(gw.process.pid, signal.SIGTERM)
        await asyncio.sleep(1)
        bob.reply(request, 200)
        sent = await sending
        equal((sent.answer.status, (await sent.outcome()).kind), (202, "RP-ACK"), "what the phone hears")
        equal(await ended(gw, 15) < 8, True, "whether it ends then")


async def report_is_owed_in_lua():
    "the same with kamailio.lua"
    await report_is_owed(**LUA)


async def registration_waits(**options):
    "a REGISTER waits for the database, which another program has locked: it is answered before the gateway ends"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=10, **options) as gw:
        alice = await gw.user(Phone, "alice", register=False)
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            registering = asyncio.create_task(alice.register(expect=200))
            await gw.until(lambda: "open: 1" in gw.rpc("ipsmgw.drain", "off"), what="the REGISTER in the queue")
            os.kill(gw.process.pid, signal.SIGTERM)
            await asyncio.sleep(0.1)
            db.execute("ROLLBACK")
        await registering
        equal(await ended(gw, 15) < 8, True, "whether it ends then")
        with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
            kept = [row[0] for row in db.execute("SELECT username FROM location")]
        equal(kept, ["+15550001"], "who is registered, in the database")


async def registration_waits_in_lua():
    "the same with kamailio.lua"
    await registration_waits(**LUA)


async def time_is_over():
    "no report comes: the sender gets an error, no promise"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=2) as gw:
        alice, bob, carol = await stage(gw)
        sending, _ = await held(gw, alice, bob)
        queued = asyncio.create_task(carol.send_im(gw.uri("alice"), "behind it"))
        long = asyncio.create_task(bob.send_im(gw.uri("alice"), "long " * 100))
        await gw.until(lambda: gw.pending() >= 5, what="all messages")
        os.kill(gw.process.pid, signal.SIGTERM)
        started = time.monotonic()
        for answer in await asyncio.gather(sending, queued, long):
            equal((answer.status, bool(answer.get("Retry-After"))), (503, True), "what the sender hears")
        seconds = time.monotonic() - started
        say(f"told after {seconds:.1f} s")
        equal(1.5 < seconds < 10, True, "whether it waits")
        equal(await ended(gw, 15) < 10, True, "whether it ends then")


async def at_once():
    "nothing is open, or a second signal comes, or no time is given"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=30) as gw:
        alice, bob, _ = await stage(gw)
        os.kill(gw.process.pid, signal.SIGTERM)
        equal(await ended(gw, 15) < 10, True, "whether it ends at once")
        await gw.start()
        sending, _ = await held(gw, alice, bob)
        os.kill(gw.process.pid, signal.SIGTERM)
        await asyncio.sleep(1.5)
        equal(gw.process.poll(), None, "whether it waits")
        os.kill(gw.process.pid, signal.SIGINT)
        equal(await ended(gw, 15) < 10, True, "whether it ends at the second signal")
        sending.cancel()
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=0) as gw:
        alice, bob, _ = await stage(gw)
        sending, _ = await held(gw, alice, bob)
        os.kill(gw.process.pid, signal.SIGTERM)
        equal(await ended(gw, 15) < 10, True, "whether it ends at once")
        sending.cancel()


# Works for a while before a request leaves, as on a slow machine.
LONG_WORK = """max_while_loops=1000000
onsend_route {
    xlog("L_NOTICE", "work begins");
    $var(n) = 0;
    while ($var(n) < 100000) { $var(n) = $var(n) + 1; }
}
"""


async def work_is_done():
    "a process that works on a message when the signal comes finishes it"
    async with gateway(people=[BOB, CAROL], script=LONG_WORK, name="works") as gw:
        bob, carol = await gw.user(ImClient, "bob"), await gw.user(ImClient, "carol")
        sending = asyncio.create_task(bob.send_im(gw.uri("carol"), "hello"))
        await gw.until(lambda: gw.pattern_seen("work begins"), what="a process that works")
        os.kill(gw.process.pid, signal.SIGTERM)
        equal((await carol.next_message(20)).text, "hello", "the message")
        sending.cancel()
        await asyncio.wait([sending])
        await ended(gw, 15)


async def registration_is_finished():
    "a REGISTER waits for the database while Kamailio ends its processes: it is answered and kept"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=0, name="finished") as gw:
        alice = await gw.user(Phone, "alice", register=False)
        with contextlib.closing(sqlite3.connect(gw.db, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            registering = asyncio.create_task(alice.register(expect=None))
            await gw.until(lambda: "open: 1" in gw.rpc("ipsmgw.drain", "off"), what="the REGISTER in the queue")
            os.kill(gw.process.pid, signal.SIGTERM)
            await gw.until(lambda: gw.pattern_seen("Thank you for flying"), what="the end")
            db.execute("ROLLBACK")
        # 503 where this machine was slower than the module's patience with the database.
        status = (await registering).status
        equal(status in (200, 503), True, f"the answer: {status}")
        await ended(gw, 15)
        with contextlib.closing(sqlite3.connect(gw.db, timeout=5)) as db:
            kept = [row[0] for row in db.execute("SELECT username FROM location")]
        equal(kept, ["+15550001"] if status == 200 else [], "who is registered, in the database")


async def signals_become_one():
    "a worker gets its end from the first process while a signal of somebody else waits: it ends"
    async with gateway(people=[], stop_timeout=30, name="one") as gw:
        worker = next(pid for pid in gw.processes() if "udp receiver" in gw.names[pid])
        os.kill(worker, signal.SIGSTOP)
        os.kill(worker, signal.SIGTERM)
        os.kill(gw.process.pid, signal.SIGTERM)
        await gw.until(lambda: gw.processes() == sorted([gw.process.pid, worker]), what="the end of the others")
        os.kill(worker, signal.SIGCONT)
        await ended(gw, 15)


async def settings_are_locked():
    "a process was ended with the lock of Kamailio's settings, which Kamailio's own signal handler takes: all others end"
    async with gateway(people=[], name="locked") as gw:
        main, timer = gw.process.pid, next(pid for pid, name in gw.names.items() if name == "IPSMGW TIMER")
        # The first process ignores this signal, but then reads the settings, which need the lock only when they have changed.
        os.kill(main, signal.SIGHUP)
        cfg_global, lock = (Variable(main, name) for name in ("cfg_global", "cfg_global_lock"))
        for pid in (main, timer):
            await gw.until(lambda pid=pid: Variable(pid, "cfg_local").value() == cfg_global.target(8), what="the settings, read")
        await gw.until(lambda: lock.target(4) == 0, what="the lock, free")
        lock.set_target(2, 4)
        gw.process.terminate()
        await ended(gw, 15)


async def drained():
    "ipsmgw.drain refuses new messages, and takes them again"
    async with gateway(people=[ALICE, BOB, CAROL]) as gw:
        alice, bob, carol = await stage(gw)
        sending, (request, message) = await held(gw, alice, bob)
        answer = gw.rpc("ipsmgw.drain")
        equal(("draining: true" in answer, "open: 1" in answer), (True, True), f"the answer: {answer}")
        await refuses(gw, alice, carol)
        await alice.report(request, sms.rp_ack(message.mr))
        equal((await sending).status, 200, "what the sender hears")
        equal("open: 0" in gw.rpc("ipsmgw.drain"), True, "whether nothing is open")
        equal("draining: false" in gw.rpc("ipsmgw.drain", "off"), True, "the end of it")
        equal((await bob.send_im(gw.uri("carol"), "again")).status, 200, "a message then")


async def worker_told():
    "a signal to one worker alone ends nothing"
    async with gateway(people=[ALICE, BOB, CAROL], stop_timeout=10) as gw:
        _, bob, _ = await stage(gw)
        for pid in gw.processes():
            if pid != gw.process.pid:
                os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(0.5)
        equal((await bob.send_im(gw.uri("carol"), "still here")).status, 200, "a message then")


async def orphans_end():
    "without their first process the others end on a signal"
    async with gateway(people=[]) as gw:
        gw.process.kill()
        await asyncio.to_thread(gw.process.wait)
        for pid in gw.processes():
            os.kill(pid, signal.SIGTERM)
        await gw.until(lambda: not gw.processes(), what="the end of all")
        await gw.start()


async def killed(**options):
    "all processes die while a sender waits: the sender repeats the message and gets its outcome"
    async with gateway(people=[ALICE, BOB, CAROL], **options) as gw:
        alice, bob, _ = await stage(gw)
        sending, (request, message) = await held(gw, alice, bob)
        await gw.kill()
        # The sender may repeat its message as soon as the gateway is there.
        alice.rp_answer = "ack"
        await gw.start()
        answer = await alice.report(request, sms.rp_ack(message.mr))
        equal(answer.status in (200, 202), True, f"the answer to a report on a message of before: {answer.status}")
        equal((await sending).status, 200, "what the sender hears")


async def killed_in_lua():
    "the same with kamailio.lua"
    await killed(**LUA)


async def nonces(**options):
    "credentials from before a restart are stale, not wrong"
    async with gateway(people=[ALICE, BOB, CAROL], **options) as gw:
        _, bob, _ = await stage(gw)
        for end, pause in ((gw.kill, 0), (gw.stop, 0), (gw.kill, 1.1)):
            equal((await bob.send_im(gw.uri("carol"), "hi")).status, 200, "a message, so that a nonce is known")
            # A nonce says in which second it was made: the same as that of the start, or an earlier one.
            await asyncio.sleep(pause)
            await end()
            await gw.start()
            answers = []
            request = bob.endpoint.request

            async def noted(*arguments):
                answers.append(await request(*arguments))
                return answers[-1]

            bob.endpoint.request = noted
            equal((await bob.send_im(gw.uri("carol"), "hi")).status, 200, "a message with an old nonce")
            bob.endpoint.request = request
            if len(answers) > 1:
                challenge = sip.challenge_of(answers[0].get("Proxy-Authenticate"))
                equal(challenge.get("stale"), "true", "the challenge says that it was old")


async def nonces_in_lua():
    "the same with kamailio.lua"
    await nonces(**LUA)


# As doc/ipsmgw_admin.md says, without any route that a message would take.
ALONE = """#!KAMAILIO
log_stderror=yes
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "uac.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "xlog.so"
loadmodule "{module}"
modparam("tm", "wt_timer", 20000)
modparam("tm", "fr_timer", 25000)
modparam("uac", "restore_mode", "none")
modparam("ipsmgw", "sm_flag", 10)
modparam("ipsmgw", "im_flag", 11)
modparam("ipsmgw", "domain", "ims.example")
modparam("ipsmgw", "sc_address", "+15559999")
modparam("ipsmgw", "identity", "$fu")
request_route {{
    sl_reply("404", "Not Found");
}}
"""


OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport\r\nFrom: <sip:a@ims.example>;tag=1\r\n"
    "To: <sip:b@ims.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def answers_with_404(peer):
    """Whether a Kamailio answers; where it is not there yet, it does not."""
    with contextlib.suppress(OSError):
        peer.send(OPTIONS.encode())
        return peer.recv(65536).startswith(b"SIP/2.0 404 ")
    return False


async def one_process():
    "with fork=no one process is worker and main process: it answers, and ends on a signal"
    async with gateway(people=[ALICE], name="one_process") as gw:
        folder, port = gw.folder / "alone", free_port()
        folder.mkdir(exist_ok=True)
        (folder / "kamailio.cfg").write_text(ALONE.format(module=gw.env["IPSMGW_MODULE"], port=port))
        command = [*gw.program, "-f", folder / "kamailio.cfg", "-D", "-E", "-m", "256", "-Y", folder, "-w", folder]
        with (folder / "log").open("wb") as log:
            alone = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.connect(("127.0.0.1", port))
                peer.settimeout(0.2)
                await gw.until(lambda: answers_with_404(peer), what="an answer")
            alone.terminate()
            equal(await asyncio.to_thread(alone.wait, 10), 0, "the exit code")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(alone.pid, signal.SIGKILL)


run(
    report_comes,
    report_comes_in_lua,
    all_are_told,
    report_is_owed,
    report_is_owed_in_lua,
    registration_waits,
    registration_waits_in_lua,
    time_is_over,
    at_once,
    work_is_done,
    registration_is_finished,
    signals_become_one,
    settings_are_locked,
    drained,
    worker_told,
    orphans_end,
    one_process,
    killed,
    killed_in_lua,
    nonces,
    nonces_in_lua,
)
