"""The outcome of each message: see README.md."""

import asyncio
import re
import secrets

from e2e import ALICE, BOB, CFG, FOLDER, ImClient, Phone, Rows, equal, gateway, run, say

CAROL = ("carol", "+15550003")
NATIVE = """
event_route[ipsmgw:sm-result] {
	xlog("L_NOTICE", "sm-result <$ipsmgw(result)> <$ipsmgw(status)> <$ipsmgw(rp_cause)> <$ipsmgw(call_id)> <$ipsmgw(text)> <$ci>\\n");
	# Nothing that a request needs works here, and nothing of it ends the worker.
	t_reply("500", "Not Here");
	ipsmgw_reply();
	exit;
}
"""
LUA = """
function sm_result()
	local function value(name)
		return "<" .. tostring(KSR.pv.get("$ipsmgw(" .. name .. ")") or "<null>") .. ">"
	end
	KSR.notice("sm-result " .. value("result") .. " " .. value("status") .. " " .. value("rp_cause") .. " " .. value("call_id") .. "\\n")
	KSR.ipsmgw.reply()
	return 1
end
"""


def native():
    return gateway(people=[ALICE, BOB, CAROL], script=NATIVE, modparams={"hold_timeout": 2})


def in_lua():
    script = FOLDER / "outcomes.lua"
    FOLDER.mkdir(parents=True, exist_ok=True)
    script.write_text((CFG / "kamailio.lua").read_text() + LUA)
    parameters = {"hold_timeout": 2, "sm_event_callback": "sm_result"}
    return gateway(
        name="lua", people=[ALICE, BOB, CAROL], cfg=CFG / "kamailio-kemi.cfg", lua=script, modparams=parameters
    )


def lines(gw, call_id):
    return [line.partition("ipsmgw: ")[2] for line in gw.log().splitlines() if f"call_id={call_id}" in line and "ipsmgw: " in line]


def line_of(gw, call_id, start):
    found = [line for line in lines(gw, call_id) if line.startswith(start)]
    return re.sub(r"call_id=\S+ exchange=[0-9a-f]+-[0-9a-f]+$", "call_id exchange", found[-1]) if found else None


async def play(gw):
    alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
    rows = Rows()

    say("short messages")
    for answer, wanted, told in (
        (486, "failed direction=sm_to_im status=486 leg=none rp_cause=", "failed"),
        (603, "failed direction=sm_to_im status=603 leg=none rp_cause=", "failed"),
        (200, None, "delivered"),
    ):
        bob.answers.append(answer)
        sent = await alice.send_sm("+15550002", "secret text")
        report = await sent.outcome()
        await bob.next_message()
        await gw.until(lambda: f"<{sent.call_id}>" in gw.log(), what="the script's line")
        line = line_of(gw, sent.call_id, told)
        rows.check(f"SM, {answer}", line and line.startswith(wanted or "?"), wanted and True)
        (heard,) = re.findall(rf"sm-result (.*<{re.escape(sent.call_id)}>)", gw.log())
        cause = "<null>" if report.kind == "RP-ACK" else str(report.cause)
        rows.check(f"SM, {answer}, script", heard, f"<{told}> <{answer}> <{cause}> <{sent.call_id}>")
        traced = gw.rpc("ipsmgw.trace", sent.call_id)
        for part in ("direction: sm_to_im", f"outcome: {told}", f"status: {answer}"):
            rows.check(f"SM, {answer}, trace: {part}", part in traced, True)

    say("a short message to somebody who is away")
    sent = await alice.send_sm("+15550003", "secret text")
    await sent.outcome()
    rows.check("SM, away", (line_of(gw, sent.call_id, "failed") or "").startswith("failed direction=sm_to_im status=480"), True)

    say("instant messages")
    for answer, report, wanted in (
        (200, 22, "failed direction=im_to_sm status=480 leg=none rp_cause=22 tp_fcs=none call_id exchange"),
        (486, None, "failed direction=im_to_sm status=480 leg=486 rp_cause=none tp_fcs=none call_id exchange"),
        (200, "ack", None),
    ):
        alice.answers.append(answer)
        alice.rp_answers = [report]
        call_id = secrets.token_hex(8)
        got = (await bob.send_im(gw.uri("alice"), "secret text", call_id=call_id)).status
        request, _ = await alice.next_message()
        told = (wanted or "delivered").split()[0]
        if wanted:
            await gw.until(lambda: line_of(gw, call_id, told), what="the line")
        rows.check(f"IM, {answer} {report}", line_of(gw, call_id, told), wanted)
        traced = gw.rpc("ipsmgw.trace", call_id)
        for part in ("direction: im_to_sm", f"outcome: {told}", f"status: {got}"):
            rows.check(f"IM, {answer} {report}, trace: {part}: {traced}", part in traced, True)
        # Our own requests have the exchange's name in their Call-IDs.
        name = re.search(r"^\s*([0-9a-f]+-[0-9a-f]+):", traced, re.M)[1]
        rows.check(f"IM, {answer} {report}, name", request.get("Call-ID").startswith(f"{name}-"), True)

    say("an instant message to somebody who is away")
    call_id = secrets.token_hex(8)
    equal((await bob.send_im(gw.uri("carol"), "secret text", call_id=call_id)).status, 480, "the answer")
    rows.check("IM, away", f"status=480 call_id={call_id}" in gw.log(), True)

    say("one without a report: first open, then accepted")
    alice.rp_answer = None
    call_id = secrets.token_hex(8)
    sending = asyncio.create_task(bob.send_im(gw.uri("alice"), "secret text", call_id=call_id))
    await alice.next_message()
    traced = gw.rpc("ipsmgw.trace", call_id)
    for part in ("open: true", "sender_waits: true", "state: "):
        rows.check(f"open, {part}: {traced}", part in traced, True)
    equal((await sending).status, 202, "the answer")
    await gw.until(lambda: line_of(gw, call_id, "accepted"), what="the line")
    wanted = "accepted direction=im_to_sm status=202 leg=none rp_cause=none tp_fcs=none call_id exchange"
    rows.check("IM, no report", line_of(gw, call_id, "accepted"), wanted)
    rows.check("IM, no report, trace", "outcome: accepted" in gw.rpc("ipsmgw.trace", call_id), True)
    rows.check("unknown", gw.try_rpc("ipsmgw.trace", "nobody"), None)
    for word in ("secret", "15550001", "15550002", "15550003"):
        ours = [line for line in gw.log().splitlines() if "ipsmgw: " in line and word in line]
        rows.check(f"lines with {word}", ours, [])
    rows.done()


async def told():
    "in the native script"
    async with native() as gw:
        await play(gw)


async def told_in_lua():
    "in Lua"
    async with in_lua() as gw:
        await play(gw)


run(told, told_in_lua)
