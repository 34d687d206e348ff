"""Second attempts: see README.md."""

import asyncio
import collections
import random

import sms
from e2e import HERE, CpimClient, ImClient, Phone, equal, gateway, run, say

CPIM, TEXT = "message/cpim", "text/plain"


def asking(phone, text, mr):
    """RP-DATA to bob's number with TP-SRR."""
    return sms.rp_data(mr, phone.centre, sms.submit("+15550002", text, mr=mr, srr=True))


def forms(client):
    """The forms in which a client got its message, one after the other."""
    return [request.content_type.split(";")[0] for request in client.requests]


async def status_of(alice):
    _, seen = await alice.next_message()
    equal(seen.tpdu.kind, "SMS-STATUS-REPORT", "behind the report")
    return seen.tpdu.st


async def text_instead():
    "over UDP and TCP: message/cpim is refused, text/plain arrives, and the report says so"
    for protocol in ("udp", "tcp"):
        async with gateway(name=protocol) as gw:
            alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob", protocol=protocol)
            for mr, refusal in enumerate((406, 413, 415, 488, 513), 1):
                bob.requests.clear()
                bob.answers.append(refusal)
                sent = await alice.send_rp(asking(alice, f"over {protocol} {refusal}", mr))
                equal(sent.answer.status, 202, "the phone's answer")
                equal((await sent.outcome()).kind, "RP-ACK", f"the report behind {refusal} and 200")
                equal(forms(bob), [CPIM, TEXT], "what the client got")
                first, second = bob.requests
                equal(second.body.decode(), f"over {protocol} {refusal}", "the text")
                equal(second.get("P-Asserted-Identity"), first.get("P-Asserted-Identity"), "the sender")
                equal(second.get("Date"), first.get("Date"), "Date")
                equal(second.uri, first.uri, "the client's own Request-URI")
                equal(first.get("Call-ID") != second.get("Call-ID"), True, "a request of its own")
                equal(await status_of(alice), 0x00, "TP-ST: a 200 to text/plain is definitive")
            say("a text in parts goes whole")
            bob.requests.clear()
            bob.answers.append(415)
            text = "The quick brown fox. " * 20
            for mr, (dcs, octets) in enumerate(sms.parts(text, 7), 20):
                tpdu = sms.submit("+15550002", "", mr=mr, srr=True, first=0x41, dcs=dcs, user_data=octets)
                sent = await alice.send_rp(sms.rp_data(mr, alice.centre, tpdu))
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            equal((forms(bob), bob.requests[-1].body.decode()), ([CPIM, TEXT], text), "the text")
            await gw.until(lambda: gw.pending() == 0, what="an empty table")


async def the_second_answer_counts():
    "the second answer is the outcome; other refusals, and a refusal of text/plain, are final"
    async with gateway(name="second") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        for mr, (answers, cause, wanted) in enumerate(
            (
                ((415, 480), 27, [CPIM, TEXT]),
                ((488, 415), 21, [CPIM, TEXT]),
                ((415, 603), 21, [CPIM, TEXT]),
                ((481, 200), None, [CPIM, CPIM]),
                ((481, 481), 41, [CPIM, CPIM]),
                ((420,), 69, [CPIM]),
                ((414,), 21, [CPIM]),
                ((486,), 41, [CPIM]),
                ((606,), 21, [CPIM]),
            )
        ):
            say(f"{answers}")
            bob.requests.clear()
            bob.answers.extend(answers)
            sent = await alice.send_rp(asking(alice, f"{answers}", mr))
            equal((await sent.outcome()).cause, cause, "the report's RP-Cause")
            equal(forms(bob), wanted, "what the client got")
        say("without a request for a report: text/plain at once")
        bob.requests.clear()
        bob.answers.append(415)
        equal((await (await alice.send_sm("+15550002", "plain")).outcome()).cause, 21, "the report's RP-Cause")
        equal(forms(bob), [TEXT], "what the client got")
        equal((await status_of(alice), alice.inbox.qsize()), (0x00, 0), "the one status report: behind the one RP-ACK")
        equal(gw.statistics("ipsmgw")["sm_repeated"], 0, "repetitions")


async def several_clients():
    "one client refuses, another takes it: done. One refuses, another does not answer: the first one gets text"
    async with gateway(name="several", modparams={"im_timeout": 2}) as gw:
        alice = await gw.user(Phone, "alice")
        one, other = await gw.user(CpimClient, "bob"), await gw.user(CpimClient, "bob")
        one.answers.append(415)
        sent = await alice.send_rp(asking(alice, "one takes it", 1))
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(await status_of(alice), 0x00, "TP-ST")
        await gw.until(lambda: one.requests and other.requests, what="the message on both")
        equal((forms(one), forms(other)), ([CPIM], [CPIM]), "what the clients got")

        for mr, answer in ((2, None), (3, 480), (4, 486)):
            say(f"the other answers {answer}")
            one.requests.clear()
            other.requests.clear()
            one.answers.append(415)
            other.answers.append(answer)
            sent = await alice.send_rp(asking(alice, f"the other answers {answer}", mr))
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
            equal(await status_of(alice), 0x00, "TP-ST")
            equal((forms(one), forms(other)), ([CPIM, TEXT], [CPIM]), "what the clients got")
        say("declined by one: that is the recipient's last word")
        one.requests.clear()
        one.answers.append(415)
        other.answers.append(603)
        sent = await alice.send_rp(asking(alice, "declined", 5))
        equal((await sent.outcome()).cause, 21, "the report's RP-Cause")
        equal(forms(one), [CPIM], "what the client got")


async def asked_again():
    "the phone repeats during the second attempt: one instant message in each form, a report for each request"
    async with gateway(name="again") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        bob.answers.extend((415, None))
        octets = asking(alice, "hello", 9)
        first = await alice.send_rp(octets)
        await bob.next_message()
        request = await bob.next_message()
        second = await alice.send_rp(octets)
        equal(second.answer.status, 202, "the answer to the repetition")
        bob.endpoint.respond(request, 200, "OK")
        for sent in (first, second):
            equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal((await status_of(alice), alice.inbox.qsize()), (0x00, 0), "the one status report")
        equal(forms(bob), [CPIM, TEXT], "what the client got")
        equal(gw.statistics("ipsmgw")["sm_repeated"], 1, "repetitions")


async def with_a_failure_route():
    "a script with a failure route that does nothing"
    async with gateway(name="route", cfg=HERE.parent / "odd_scripts" / "odd.cfg") as gw:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(CpimClient, "bob")
        bob.answers.append(415)
        sent = await alice.send_rp(asking(alice, "hello", 9))
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal(gw.log().count("failure route:"), 1, "visits of the failure route")
        equal(forms(bob), [CPIM, TEXT], "what the client got")


async def connection_gone():
    "the phone's connection closes before its 202: the second attempt and the report go all the same"
    async with gateway(name="gone", cfg=HERE.parent / "odd_scripts" / "odd.cfg") as gw:
        endpoint = await gw.endpoint("tcp")
        alice, bob = await gw.user(Phone, "alice", endpoint), await gw.user(CpimClient, "bob")
        bob.answers.append(None)
        sending = asyncio.create_task(alice.send_rp(asking(alice, "hello", 9)))
        request = await bob.next_message()
        await alice.register(expires=0)
        sending.cancel()
        await endpoint.close()
        alice = await gw.user(Phone, "alice")
        bob.endpoint.respond(request, 415, "Unsupported Media Type")
        await gw.until(lambda: alice.reports, what="a report where the phone is now")
        equal(alice.reports[0][1].kind, "RP-ACK", "the report")
        equal(forms(bob), [CPIM, TEXT], "what the client got")


class Moody(CpimClient):
    """Answers each request at random, and notes the answer to each text."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.chance = random.Random(arguments[0].protocol)
        self.answered = collections.defaultdict(list)

    def next_answer(self, request):
        is_text = request.content_type.startswith(TEXT)
        answer = self.chance.choice((200, 202, 486, 415) if is_text else (200, 415, 415, 481, 488, 480, 603))
        self.answered[request.body.decode().rpartition("\r\n")[2]].append(answer)
        return answer


async def as_chance_has_it():
    "hundreds at once to two clients with random answers: no client gets a message twice; RP-ACK exactly when one client took it"
    phones, each = 40, 8
    people = [(f"p{n}", f"+15551{n:05}") for n in range(phones)] + [("bob", "+15550002")]
    async with gateway(name="chance", people=[]) as gw:
        gw.add_many(people)
        endpoint = await gw.endpoint()
        clients = [await gw.user(Moody, "bob", protocol=protocol) for protocol in ("udp", "tcp")]
        senders = [await gw.user(Phone, f"p{n}", endpoint) for n in range(phones)]

        async def send(user):
            texts = [f"{user.name} {n}" for n in range(each)]
            return [(text, await user.send_rp(asking(user, text, n))) for n, text in enumerate(texts)]

        submissions = [one for all_of_one in await asyncio.gather(*map(send, senders)) for one in all_of_one]
        acknowledged = failed = 0
        for text, sent in submissions:
            kind = (await sent.outcome()).kind
            await gw.until(lambda: all(client.answered[text] for client in clients), what=f"{text} on both clients")
            attempts = [client.answered[text] for client in clients]
            for answers in attempts:
                equal(len(answers) <= 2, True, f"{text}: attempts {attempts}")
                equal(all(answer in (415, 481, 488) for answer in answers[:-1]), True, f"{text}: a second one behind {attempts}")
            taken = any(answer in (200, 202) for answers in attempts for answer in answers)
            equal(kind, "RP-ACK" if taken else "RP-ERROR", f"{text}: {attempts}")
            acknowledged, failed = acknowledged + taken, failed + (not taken)
        say(f"{acknowledged} acknowledged, {failed} not")
        equal(min(acknowledged, failed) > 20, True, "both are there")
        second = sum(len(answers) == 2 for client in clients for answers in client.answered.values())
        equal(second > 20, True, "second attempts")


async def clients_of_two_kinds():
    "a body goes to all clients of the recipient: message/cpim only when all of them take it"
    async with gateway(name="kinds") as gw:
        alice, phone = await gw.user(Phone, "alice"), await gw.user(Phone, "bob")
        one, other = await gw.user(CpimClient, "bob"), await gw.user(ImClient, "bob")
        sent = await alice.send_rp(asking(alice, "for both", 1))
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        await gw.until(lambda: one.requests and other.requests, what="the message on both")
        equal((forms(one), forms(other)), ([TEXT], [TEXT]), "what the clients got")
        await other.register(expires=0)
        sent = await alice.send_rp(asking(alice, "for one", 2))
        equal((await sent.outcome()).kind, "RP-ACK", "the report")
        equal((forms(one), phone.requests), ([TEXT, CPIM], []), "what is sent to one, and not to a phone")


run(
    text_instead,
    the_second_answer_counts,
    several_clients,
    asked_again,
    with_a_failure_route,
    connection_gone,
    as_chance_has_it,
    clients_of_two_kinds,
)
