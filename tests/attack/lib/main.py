"""tests/attack/run: which attacks and loads there are, and how they are played."""

import asyncio
import resource
import shutil
import signal
import sys
import time

import stage
from attacks import exhaust, flood, logs, mutate, names, relay, replay, slow
from gateway import GatewayError
from loads import overload, soak, sustained
from verdict import Verdict

ATTACKS = {module.__name__.rpartition(".")[2]: module for module in (mutate, exhaust, replay, relay, names, slow, logs, flood)}
PATIENCE = {"short": 6, "long": 40}  # seconds for what the pairs are still owed at the end
QUIET = {"short": 0.5, "long": 5}  # seconds of the pairs alone, before and after


async def play(attack, size, lua):
    """One attack against a gateway of its own."""
    name = attack.__name__.rpartition(".")[2]
    print(f"\n{name}: {attack.SUMMARY}", flush=True)
    verdict, began = Verdict(name, with_delays=size == "long"), time.monotonic()
    if reason := attack.why_not():
        verdict.note(f"skipped: {reason}")
        return verdict
    log = None
    try:
        gw = attack.gateway(lua)
        log = gw.log_file
        async with stage.Stage(gw, lua) as scene:
            await asyncio.sleep(QUIET[size])
            scene.tell("mark", "during")
            await attack.attack(scene, verdict, size)
            scene.tell("mark", "after")
            await asyncio.sleep(QUIET[size])
            for transport, marks in (await scene.stop(PATIENCE[size])).items():
                verdict.pair(transport, marks)
            health(scene, verdict)
        verdict.check(True, "Kamailio ended as it should, and its log shows no crash")
    except GatewayError as error:
        verdict.check(False, f"Kamailio: {str(error)[:600]}")
    except Exception as error:  # one attack that breaks leaves the others their turn
        verdict.check(False, f"the attack itself failed: {error!r:.600}")
    verdict.note(f"{time.monotonic() - began:.1f} s; log: {log}")
    return verdict


def health(scene, verdict):
    """No process died, and the module did not panic."""
    gone = set(scene.processes) - set(scene.gw.processes())
    verdict.check(not gone, f"all {len(scene.processes)} processes live" if not gone else f"processes are gone: {gone}")
    panics = scene.gw.statistics("ipsmgw").get("panics")
    verdict.check(panics == 0, f"panics: {panics}")


async def play_all(names_, size, lua):
    verdicts = [await play(ATTACKS[name], size, lua) for name in names_]
    print("\nattack      passed  failed")
    for verdict in verdicts:
        print(f"{verdict.name:10} {verdict.passed:7} {len(verdict.failures):7}")
    print()
    for verdict in verdicts:
        for text in verdict.failures:
            print(f"FAILED: {verdict.name}: {text}")
    passed, failed = sum(v.passed for v in verdicts), sum(len(v.failures) for v in verdicts)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(words):
    # The end of the test ends its Kamailio, too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    # Attacks hold thousands of connections.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
    lua, size = "lua" in words, "long" if "long" in words else "short"
    words = [word for word in words if word not in ("lua", "long", "short")]
    try:
        match words:
            case []:
                status = asyncio.run(play_all(list(ATTACKS), size, lua))
            case ["sustained"]:
                status = asyncio.run(sustained(lua))
            case ["overload"]:
                status = asyncio.run(overload(lua, None))
            case ["overload", rate]:
                status = asyncio.run(overload(lua, float(rate)))
            case ["soak", seconds, rate]:
                status = asyncio.run(soak(lua, float(seconds), float(rate)))
            case _ if set(words) <= set(ATTACKS):
                status = asyncio.run(play_all(words, size, lua))
            case _:
                print(f"unknown: {' '.join(words)}; there are: {' '.join(ATTACKS)} sustained overload soak", file=sys.stderr)
                return 2
    except KeyboardInterrupt:
        return 130
    except (GatewayError, RuntimeError) as error:
        print(f"tests/attack/run: {error}", file=sys.stderr)
        return 1
    if status == 0:
        shutil.rmtree(stage.FOLDER, ignore_errors=True)
    return status
