"""The simulated phone of the page: it sends and gets short messages, long ones in parts, and can be switched off."""

import asyncio
import itertools

import sms
from phone import Phone
from ua import Timeout

MEMORY_CAPACITY_EXCEEDED = 22
KEPT = 200  # messages
LONGEST = 2000  # characters
REFRESH = 1800  # seconds


class Handset(Phone):
    """A phone with a screen. Its messages have the states that a true phone shows: sending, sent, delivered, failed."""

    def start(self, changed):
        self.changed = changed
        self.is_on, self.is_full = True, False
        self.messages, self.parts, self.waiting = [], {}, {}
        self.references = itertools.count(1)
        self.commands = asyncio.Queue()
        self.work = asyncio.create_task(self._work())

    def stop(self):
        self.work.cancel()

    def shown(self):
        return {"on": self.is_on, "full": self.is_full, "messages": self.messages}

    # What the person does

    def command(self, wanted):
        """One of `{"write": TEXT, "to": NUMBER}`, `{"on": BOOLEAN}`, `{"full": BOOLEAN}`."""
        if "write" in wanted:
            self._add({"mine": True, "text": str(wanted["write"])[:LONGEST], "to": str(wanted["to"]), "state": "sending", "note": ""})
            self.commands.put_nowait((self._write, self.messages[-1]))
        elif "on" in wanted:
            self.commands.put_nowait((self._switch, bool(wanted["on"])))
        elif "full" in wanted:
            self.commands.put_nowait((self._fill, bool(wanted["full"])))
        else:
            raise ValueError("no command")

    async def _work(self):
        """One command after the other, as a person gives them."""
        while True:
            try:
                action, argument = await asyncio.wait_for(self.commands.get(), REFRESH)
            except asyncio.TimeoutError:
                # The registration would end.
                action, argument = self._switch, self.is_on
            await action(argument)
            self.changed()

    async def _switch(self, on):
        try:
            answer = await self.register(expires=2 * REFRESH if on else 0, expect=None)
        except Timeout:
            return
        if answer.status == 200:
            self.is_on = on

    async def _fill(self, full):
        was_full, self.is_full = self.is_full, full
        if was_full and not full:
            # The memory has room again: stored messages may come.
            await self.send_rp(sms.rp_smma(next(self._mr) % 256))

    async def _write(self, message):
        if not self.is_on:
            return self._becomes(message, "failed", "the phone is off")
        packed = sms.gsm7(message["text"])
        is_short = packed[1] <= 160 if packed else len(message["text"].encode("utf-16-be")) <= 140
        pieces = [(None, None)] if is_short else list(sms.parts(message["text"], next(self.references) % 256))
        # Waits for a status report of each part.
        message["awaited"] = len(pieces)
        for dcs, octets in pieces:
            mr = next(self._tp_mr) % 256
            self.waiting[mr] = message
            text = message["text"] if is_short else ""
            tpdu = sms.submit(message["to"], text, mr=mr, srr=True, first=0x01 if is_short else 0x41, dcs=dcs, user_data=octets)
            try:
                sent = await self.send_sm(message["to"], "", tpdu=tpdu)
                if sent.answer.status >= 300:
                    return self._becomes(message, "failed", f"{sent.answer.status} {sent.answer.reason}")
                report = await sent.outcome(50)
            except (Timeout, asyncio.TimeoutError):
                return self._becomes(message, "failed", "the gateway does not answer")
            if report.kind == "RP-ERROR":
                return self._becomes(message, "failed", f"RP-ERROR, cause {report.cause}: {sms.cause_name(report.cause)}")
        if message["state"] == "sending":
            self._becomes(message, "sent", "the gateway has it")

    def _becomes(self, message, state, note):
        # A late word about a part changes no end.
        if message["state"] not in ("delivered", "failed"):
            message["state"], message["note"] = state, note
            self.changed()

    def _add(self, message):
        self.messages.append({"id": next(self._tp_mr), **message})
        del self.messages[:-KEPT]
        self.changed()

    # What comes

    async def _delivered(self, request, message):
        self.reply(request, 200)
        tpdu = message.tpdu
        if tpdu.kind == "SMS-STATUS-REPORT":
            self._status_report(tpdu)
        elif self.is_full:
            await self.report(request, sms.rp_error(message.mr, MEMORY_CAPACITY_EXCEEDED))
            return
        else:
            self._take(tpdu)
        await self.report(request, sms.rp_ack(message.mr))

    def _take(self, tpdu):
        """Shows a short message; of a long one, when all parts are there."""
        if tpdu.part is None:
            return self._add({"mine": False, "text": tpdu.text, "from": tpdu.address})
        reference, total, place = tpdu.part
        parts = self.parts.setdefault((tpdu.address, reference, total), {})
        parts[place] = tpdu.text
        if len(parts) == total:
            del self.parts[(tpdu.address, reference, total)]
            self._add({"mine": False, "text": "".join(parts[n] for n in sorted(parts)), "from": tpdu.address})

    def _status_report(self, tpdu):
        message = self.waiting.get(tpdu.mr)
        # From 20 on the service centre still tries.
        if message is None or 0x20 <= tpdu.st < 0x40:
            return
        if tpdu.st >= 0x40:
            return self._becomes(message, "failed", f"status report, TP-ST {tpdu.st:02X}")
        message["awaited"] -= 1
        if message["awaited"] == 0:
            self._becomes(message, "delivered", "status report: the client has it")
