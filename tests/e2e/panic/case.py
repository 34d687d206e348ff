"""Deliberate panics: see README.md."""

import os
from pathlib import Path

from e2e import CFG, FOLDER, ImClient, Phone, equal, gateway, run, say

MODULE = os.environ.get("IPSMGW_MODULE_WITH_FAULTS", "")

ON_REPLY = """
reply_route {
	if ($hdr(X-Panic) != $null) ipsmgw_panic();
	return 1;
}
"""

ON_REQUEST = f"""
dofile("{CFG}/kamailio.lua")
local as_usual = ksr_request_route
function ksr_request_route()
	if not KSR.pv.is_null("$hdr(X-Panic)") then
		KSR.ipsmgw.panic()
	end
	return as_usual()
end
"""


async def provoke(gw, panics):
    """Panics, and looks whether the same processes go on."""
    gw.may_say = "panic"
    alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
    before = gw.processes()
    counted = 0
    for _ in range(20):
        await panics(alice, bob)
        last, counted = counted, gw.statistics("ipsmgw")["panics"]
        equal(counted > last, True, "the counter counts")
    equal(set(before) - set(gw.processes()), set(), "processes that are gone")
    equal("caught a panic" in gw.log(), True, "a line in the log")
    equal("5550001" in gw.log(), False, "a number in the log")
    say("and afterwards")
    equal((await bob.send_im(gw.uri("alice"), "still here")).status, 200, "an IM")
    sent = await alice.send_sm("+15550002", "and here")
    equal((await sent.outcome()).kind, "RP-ACK", "an SM")
    await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def native():
    "in the native script, while a reply is processed"
    equal(Path(MODULE).exists(), True, f"the module with fault-injection, {MODULE or 'IPSMGW_MODULE_WITH_FAULTS'}")
    async with gateway(module=MODULE, script=ON_REPLY) as gw:

        async def panics(alice, bob):
            bob.answers.append((200, "OK", [("X-Panic", "yes")]))
            sent = await alice.send_sm("+15550002", "hello")
            equal((await sent.outcome()).kind, "RP-ACK", "the report, in spite of it")

        await provoke(gw, panics)


async def lua():
    "in Lua, while a request is processed"
    script = FOLDER / "panic.lua"
    script.write_text(ON_REQUEST)
    async with gateway(name="lua", cfg=CFG / "kamailio-kemi.cfg", lua=script, module=MODULE) as gw:

        async def panics(alice, bob):
            answer = await bob.send_im(gw.uri("alice"), "hello", headers=[("X-Panic", "yes")])
            equal(answer.status, 200, "the answer, in spite of it")
            await alice.next_message()

        await provoke(gw, panics)


run(native, lua)
