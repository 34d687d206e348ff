"""The load of `run`: all messages at once, counted at both ends."""

import base64
import collections
import re
import time

import pdu
from sipp import Failed, Sipp, need


def load(kit):
    """Sends the messages and prints what became of them; Failed when one was lost, refused or doubled."""
    rate, seconds = kit.options.rate, kit.options.duration
    to_phones = rate // 2 * seconds
    to_clients = rate * seconds - to_phones
    pairs = lambda count: ((n, kit.phones[n % len(kit.phones)], kit.clients[n % len(kit.clients)]) for n in range(count))
    kit.register("phone", kit.phones, kit.phone_port)
    phones = kit.receive()
    kit.register("client", kit.clients, kit.client_port)
    server = kit.client(calls=10**9, rate=1, wait=10**5)
    base, mrs, rows = kit.mark, collections.Counter(), []
    for n, phone, client in pairs(to_clients):
        mrs[phone[0]] += 1
        mr = mrs[phone[0]] % 256
        octets = pdu.rp_data(mr, kit.centre, pdu.submit(client[2], f"#{base + n}# from {phone[2]}", mr))
        rows.append([*phone[:3], client[2], base64.b64encode(octets).decode()])
    started = time.monotonic()
    senders = []
    rtt = ["-trace_rtt", "-rtt_freq", "1"]
    if to_phones:
        lines = [[*client[:3], phone[2], f"#{base + n}# from {client[2]}"] for n, phone, client in pairs(to_phones)]
        senders.append(Sipp(kit, "client_sends", lines, calls=to_phones, rate=rate // 2, wait=40, extra=rtt))
    senders.append(
        Sipp(
            kit,
            "phone_sends",
            rows,
            calls=to_clients,
            rate=rate - rate // 2,
            wait=40,
            extra=[*rtt, "-cid_str", "%u-sm-%p@%s"],
        )
    )
    faults = []
    for sender in senders:
        try:
            sender.end()
        except Failed as failure:
            faults.append(str(failure))
    took = time.monotonic() - started
    acks = lambda: collections.Counter(call for call, message in phones.reports if message.kind in pdu.RP_ACK)
    phones.wait_for(lambda: len(acks()) >= to_clients, 10)
    server.stop()
    phones.changed.acquire()
    at_phones = collections.Counter(re.match(r"#(\d+)#", message.text or "#0#").group(1) for _, message in phones.received)
    phones.changed.release()
    at_clients = collections.Counter(server.marks())
    print(f"     {rate * seconds} messages in {took:.1f} s")
    for sender, sent in zip(senders, ([to_phones] if to_phones else []) + [to_clients]):
        counts, times = sender.counts(), sender.response_times()
        good, failed = counts.get("SuccessfulCall", 0), counts.get("FailedCall", 0)
        faults += (
            [] if (good, failed) == (sent, 0) else [f"{sender.scenario}: {sent} to be sent, {good} good, {failed} failed"]
        )
        print(
            f"     {sender.scenario:14} {good} good, {failed} failed, {counts.get('Retransmissions', 0)} retransmissions; {times}"
        )
    for name, got, sent in (
        ("to phones", at_phones, to_phones),
        ("to clients", at_clients, to_clients),
        ("RP-ACK", acks(), to_clients),
    ):
        twice, errors = sum(count - 1 for count in got.values()), ""
        if name == "RP-ACK":
            errors = f", {len(phones.reports) - sum(got.values())} RP-ERROR"
        print(f"     {name:14} {len(got)} of {sent} arrived, {twice} twice{errors}")
        if len(got) != sent or twice or errors not in ("", ", 0 RP-ERROR"):
            faults.append(f"{name}: {len(got)} of {sent} arrived, {twice} twice{errors}")
    need(not faults, "; ".join(faults))
