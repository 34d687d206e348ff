"""Disposition notifications in MSRP sessions: see README.md."""

import re

import sms
from e2e import CFG, Phone, Rows, equal, gateway, imdn_document, run, say
from msrp_client import MsrpClient

CPIM, IMDN = "message/cpim", "message/imdn+xml"
ME, YOU = "sip:+15550002@ims.example", "sip:+15550001@ims.example"
BOTH = "positive-delivery, negative-delivery"


def cpim(wanted, message_id):
    return (
        f"From: <{ME}>\r\nTo: <{YOU}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {message_id}\r\n"
        f"DateTime: 2026-01-01T12:00:00Z\r\nimdn.Disposition-Notification: {wanted}\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nhi"
    )


def imdn(message_id):
    document = imdn_document(message_id)
    return (
        f"From: <{ME}>\r\nTo: <{YOU}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x{message_id}\r\n\r\n"
        f"Content-Type: {IMDN}\r\nContent-Disposition: notification\r\nContent-Length: {len(document)}\r\n\r\n{document}"
    )


def told(body):
    """(Message-ID, status) of a notification."""
    status = re.search(r"<status>\s*<(?:\w+:)?(\w+)", body)
    return re.search(r"<(?:\w+:)?message-id>([^<]*)<", body)[1], status[1]


async def taking(gw, types=f"{CPIM} text/plain", wrapped=IMDN, **options):
    """A client whose sessions take notifications, and a session of it with alice's phone."""
    bob = await gw.user(MsrpClient, "bob")
    bob.types, bob.wrapped = types, wrapped
    return bob, await bob.invite(gw.uri("alice"), **options)


async def in_the_session(name="in_the_session", **options):
    "delivered, refused, refused late, and nothing that nobody asked for: in the session"
    rows = Rows()
    async with gateway(name=name, modparams={"hold_timeout": 1}, **options) as gw:
        alice = await gw.user(Phone, "alice")
        bob, session = await taking(gw)
        equal((session.remote.direction, session.remote.wrapped), ("sendrecv", [IMDN]), "the answer")

        async def notification():
            incoming = await session.next_message()
            equal((incoming.content_type, incoming.success), (CPIM, None), "the notification")
            return told(incoming.text)

        for wanted, answer, response, status in (
            (BOTH, "ack", 200, "delivered"),
            ("positive-delivery", 22, 408, None),
            ("negative-delivery", "ack", 200, None),
            ("negative-delivery", 21, 403, "forbidden"),
            (BOTH, 22, 408, "failed"),
        ):
            alice.rp_answer = answer
            message = await session.send(cpim(wanted, f"{wanted}{answer}"), CPIM)
            rows.check(f"{wanted}, {answer}: the response", await message.final(10), (response, "response"))
            await alice.next_message()
            if status is not None:
                rows.check(f"{wanted}, {answer}", await notification(), (f"{wanted}{answer}", status))
        alice.rp_answer = None
        message = await session.send(cpim(BOTH, "late"), CPIM)
        request, seen = await alice.next_message()
        rows.check("the response after the hold time", await message.answers(10), [200])
        await alice.report(request, sms.rp_ack(seen.mr))
        rows.check("a late RP-ACK", await notification(), ("late", "delivered"))
        await gw.until(lambda: gw.pending() == 0, what="the end of the exchanges")
        rows.check("by MESSAGE", (bob.inbox.qsize(), gw.statistics("ipsmgw")["notification_lost"]), (0, 0))
        bob.msrp.check()
    rows.done(at_least=10)


async def in_the_session_in_lua():
    "the same with kamailio.lua"
    await in_the_session("in_the_session_in_lua", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua")


async def as_a_message():
    "the session takes none, the client refuses it, hangs up, or has ended the session: the notification is a MESSAGE"
    async with gateway(name="as_a_message", modparams={"hold_timeout": 1}) as gw:
        alice = await gw.user(Phone, "alice")
        for what, options, direction in (
            ("the client only sends", {"direction": "sendonly"}, "recvonly"),
            ("the client takes no notifications", {"wrapped": None}, "recvonly"),
            ("the client takes no message/cpim", {"types": "text/plain"}, "recvonly"),
            ("the client refuses it", {}, "sendrecv"),
            ("the client hangs up instead of a response", {}, "sendrecv"),
            ("the client ends the session instead of a response", {}, "sendrecv"),
            ("the connection is closed", {}, "sendrecv"),
            ("the session has ended", {}, "sendrecv"),
        ):
            say(what)
            bob, session = await taking(gw, **options)
            equal(session.remote.direction, direction, "the answer")
            session.answer = 415
            is_open = what not in ("the connection is closed", "the session has ended")
            if what == "the client hangs up instead of a response":
                session.hangs_up_after = 0
            elif what == "the client ends the session instead of a response":
                session.answer = None
            alice.rp_answer = "ack" if is_open else None
            message = await session.send(cpim("positive-delivery", what), CPIM)
            request, seen = await alice.next_message(30)
            if is_open:
                equal(await message.final(), (200, "response"), "the response")
                if session.answer is None:
                    await session.next_message(30)
                    equal((await session.dialog.bye()).status, 200, "the answer to the BYE")
            else:
                equal(await message.answers(), [200], "the response after the hold time")
                if what == "the session has ended":
                    equal((await session.dialog.bye()).status, 200, "the answer to the BYE")
                else:
                    session.connection.abort()
                    await session.connection.closed.wait()
                await alice.report(request, sms.rp_ack(seen.mr))
            # A client that is silent in an open session has 30 s: none of these waits for that.
            request = await bob.next_message(20)
            equal((request.content_type, told(request.body.decode())), (CPIM, (what, "delivered")), "the MESSAGE")
            bob.msrp.check()
            await bob.register(expires=0)
        await gw.until(lambda: gw.pending() == 0, what="the end of the exchanges")


async def of_the_client():
    "a client confirms a short message by a notification in its session with the phone"
    async with gateway(name="of_the_client") as gw:
        alice = await gw.user(Phone, "alice")
        bob, session = await taking(gw)
        bob.answers.append(202)
        sent = await alice.send_rp(sms.rp_data(5, alice.centre, sms.submit("+15550002", "hi", mr=9, srr=True)))
        equal((await sent.outcome()).kind, "RP-ACK", "the submit report")
        body = (await bob.next_message()).body.decode()
        message_id = re.search(r"(?im)^\S*Message-ID: (\S+)", body)[1]
        message = await session.send(imdn(message_id), CPIM)
        equal(await message.final(10), (200, "response"), "the response")
        _, seen = await alice.next_message()
        equal((seen.tpdu.kind, seen.tpdu.st, seen.tpdu.mr), ("SMS-STATUS-REPORT", 0, 9), "the status report")
        say("about a message that the gateway has forgotten, and about one that is not the gateway's")
        equal(await (await session.send(imdn(message_id), CPIM)).final(10), (200, "response"), "once more")
        equal(await (await session.send(imdn("theirs"), CPIM)).final(10), (415, "response"), "another message")
        equal(alice.inbox.qsize(), 0, "what the phone got")
        bob.msrp.check()


run(in_the_session, in_the_session_in_lua, as_a_message, of_the_client)
