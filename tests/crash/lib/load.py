"""The senders and recipients, and their messages."""

import asyncio

import sms
from books import long
from peers import SLOW, BookClient, BookPhone, send_im, send_list, send_sm

PHONES, CLIENTS, SLOW_PHONES, AWAY = 4, 3, 2, 4
# A phone has 256 references for status reports.
MOST_STORED = 250


def people():
    groups = (("p", PHONES), ("s", SLOW_PHONES), ("a", AWAY), ("c", CLIENTS))
    names = [f"{letter}{n}" for letter, count in groups for n in range(count)]
    return [(name, f"+15550{n:03}") for n, name in enumerate(names, 101)]


class Load:
    """Senders, one task each, which stop behind the message that they are at."""

    def __init__(self, world, books, chance):
        self.world, self.books, self.chance = world, books, chance
        self.stopped = False
        self.tasks = []

    async def begin(self):
        BookPhone.books = BookClient.books = self.books
        self.phones = [await self.world.user(BookPhone, f"p{n}") for n in range(PHONES)]
        self.slow = [await self.world.user(BookPhone, f"s{n}") for n in range(SLOW_PHONES)]
        self.clients = [await self.world.user(BookClient, f"c{n}") for n in range(CLIENTS)]
        self.away = [await self.world.user(kind, f"a{n}", register=False) for n, kind in enumerate((BookClient, BookPhone, BookPhone, BookPhone))]
        for phone in self.slow:
            phone.slow = SLOW
        starts = [self.single_sm, self.long_sm, self.sm_to_store, self.single_im, self.long_im, self.im_to_store, self.held_im, self.list_im]
        self.tasks = [asyncio.create_task(start(n)) for start in starts for n in range(2)]
        self.tasks.append(asyncio.create_task(self.come_and_go(self.away[3])))

    async def end(self):
        self.stopped = True
        await asyncio.gather(*self.tasks)

    async def messages(self, kind, sender, most=None):
        """A message after the other, with pauses."""
        number = 0
        while not self.stopped and number != most:
            number += 1
            yield number, self.books.open(kind, sender.name, number)
            await asyncio.sleep(self.chance.uniform(0, 0.1))

    async def single_sm(self, n):
        phone = self.phones[n]
        async for number, message in self.messages("sm", phone):
            to = self.chance.choice(self.clients)
            message.charged_as = (phone.number, to.number, number % 256)
            tpdu = sms.submit(to.number, f"{message.name} hello", mr=number % 256)
            await send_sm(phone, message, tpdu, number % 256)

    async def long_sm(self, n):
        phone = self.phones[n]
        async for number, message in self.messages("smlong", phone):
            to = self.clients[n]
            message.charged_as = (phone.number, to.number, number * 3 % 256)
            for place, (dcs, octets) in enumerate(sms.parts(long(message), number % 256)):
                mr = (number * 3 + place) % 256
                tpdu = sms.submit(to.number, "", mr=mr, first=0x41, dcs=dcs, user_data=octets)
                await send_sm(phone, message, tpdu, mr)
                if not message.is_accepted:
                    break

    async def sm_to_store(self, n):
        """A message to an absent recipient; the phone wants a status report."""
        phone = self.phones[2 + n]
        async for number, message in self.messages(f"smstore{n}", phone, MOST_STORED):
            tp_mr = phone.names(message)
            to = self.away[n].number
            message.charged_as = (phone.number, to, tp_mr)
            await send_sm(phone, message, sms.submit(to, f"{message.name} later", mr=tp_mr, srr=True), tp_mr)
            await asyncio.sleep(0.5)

    async def single_im(self, n):
        client = self.clients[n]
        async for _, message in self.messages("im", client):
            await self.plain_im(client, message, f"{message.name} hello")

    async def long_im(self, n):
        client = self.clients[n]
        async for _, message in self.messages("imlong", client):
            await self.plain_im(client, message, long(message))

    async def plain_im(self, client, message, text):
        """To any phone, without a notification."""
        number = self.chance.choice(self.phones).number
        message.charged_as = (client.number, number, None)
        await send_im(client, self.world.uri(number), message, text)

    async def held_im(self, n):
        """To a phone whose reports come behind the hold time."""
        client = self.clients[n]
        async for _, message in self.messages("held", client):
            await send_im(client, self.world.uri(self.slow[n].number), message, f"{message.name} hello", wants=True)

    async def im_to_store(self, n):
        client = self.clients[2]
        async for _, message in self.messages(f"imstore{n}", client):
            await send_im(client, self.world.uri(self.away[2 + n].number), message, f"{message.name} later", wants=True)
            await asyncio.sleep(0.3)

    async def list_im(self, n):
        """To a list: two phones and two clients."""
        client = self.clients[n]
        number = 0
        while not self.stopped:
            number += 1
            recipients = [self.phones[n], self.phones[2 + n], *(other for other in self.clients if other is not client)]
            copies = [self.books.open(f"list{n}", client.name, number, to.number) for to in recipients]
            await send_list(client, f"sip:{client.domain}", copies, [self.world.uri(to.number) for to in recipients])
            await asyncio.sleep(self.chance.uniform(0.2, 0.6))

    async def come_and_go(self, phone):
        """A recipient of stored messages registers from time to time, for a short time."""
        while not self.stopped:
            for expires in (3600, 0):
                await phone.register_somehow(expires)
                await asyncio.sleep(self.chance.uniform(1, 3))

    async def come_back(self):
        """The people who were away."""
        for user in self.away:
            await user.register_somehow()
