//! The network, and client transactions as RFC 3261 §17.1.2 and tm have them: a request is repeated until its final response.

use std::collections::BTreeMap;
use std::rc::Rc;

use ipsmgw::exchange::ExchangeKey;

use crate::world::{Address, Content, Datagram, Event, GATEWAY, Message, World};

/// Timers T1, T2, F.
const T1_MS: u64 = 500;
const T2_MS: u64 = 4_000;
pub(crate) const TIMER_F_MS: u64 = 32_000;

/// RP-MTI of RP-DATA to a phone (TS 24.011 §8.2.2).
const RP_DATA: u8 = 0x01;

/// The same of RP-DATA to a service centre.
const RP_DATA_TO_CENTRE: u8 = 0x00;

/// Whose request it is.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// A MESSAGE of the gateway's own: its exchange, and its number there.
    Own(Option<ExchangeKey>, u8),
    /// A branch of a relayed request: the server transaction, and the branch.
    Branch(u64, usize),
    /// A short message of a phone: the message, the part.
    Submission(usize, usize),
    /// An instant message.
    InstantMessage(usize),
    /// A request that the S-CSCF passes on: its transaction there.
    Forwarded(u64),
    /// A status report of the service centre.
    StatusReport(usize),
    /// A report or a notification of a peer.
    Report,
}

/// A request that waits for its final response.
struct Client {
    owner: Owner,
    from: Address,
    to: Address,
    message: Rc<Message>,
    interval_ms: u64,
    /// Whether it is repeated, and its timer runs.
    is_active: bool,
}

/// All client transactions.
#[derive(Default)]
pub(crate) struct Transactions {
    clients: BTreeMap<u64, Client>,
    last: u64,
}

impl Transactions {
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// How many RP-DATA of this gateway to this person wait for their final response.
    pub(crate) fn own_to(&self, node: Address, identity: &str) -> usize {
        let own = |client: &&Client| {
            matches!(client.owner, Owner::Own(Some(_), _))
                && client.from == node
                && client.message.request_uri == identity
                && client.message.body.first() == Some(&RP_DATA)
        };
        self.clients.values().filter(own).count()
    }

    /// How many RP-DATA for this sender to the service centre wait for their final response.
    pub(crate) fn own_for(&self, node: Address, sender: &str) -> usize {
        let own = |client: &&Client| {
            matches!(client.owner, Owner::Own(Some(_), _))
                && client.from == node
                && client.message.identity == sender
                && client.message.body.first() == Some(&RP_DATA_TO_CENTRE)
        };
        self.clients.values().filter(own).count()
    }

    /// Those that are not over.
    pub(crate) fn count(&self) -> usize {
        self.clients.len()
    }

    /// It is not repeated any more, and does not time out.
    pub(crate) fn stop(&mut self, transaction: u64) {
        if let Some(client) = self.clients.get_mut(&transaction) {
            client.is_active = false;
        }
    }

    /// This gateway has crashed: its requests are not repeated any more.
    pub(crate) fn forget_own(&mut self, node: Address) {
        self.clients.retain(|_, client| client.from != node);
    }

    /// Who has sent this request.
    pub(crate) fn client_of(&self, transaction: u64) -> Option<Address> {
        self.clients.get(&transaction).map(|client| client.from)
    }

    pub(crate) fn forget(&mut self, transaction: u64) {
        self.clients.remove(&transaction);
    }
}

impl World {
    /// Sends a request. It times out behind so many milliseconds.
    pub(crate) fn request(
        &mut self,
        owner: Owner,
        from: Address,
        to: Address,
        message: Rc<Message>,
        timeout_ms: u64,
    ) -> u64 {
        let transaction = self.transactions.next_number();
        let (from, to) = match from {
            GATEWAY => (self.node, to),
            _ if to != GATEWAY => (from, to),
            _ => (from, self.balanced(from)),
        };
        let client = Client {
            owner,
            from,
            to,
            message,
            interval_ms: T1_MS,
            is_active: true,
        };
        self.transactions.clients.insert(transaction, client);
        self.send_request(transaction);
        self.later(T1_MS, Event::Again(transaction));
        // tm's timers may end a little early.
        let early = if self.is_gateway(from) {
            self.random.below(62)
        } else {
            0
        };
        self.later(
            timeout_ms.saturating_sub(early),
            Event::TimesOut(transaction),
        );
        transaction
    }

    fn send_request(&mut self, transaction: u64) {
        let Some(client) = self.transactions.clients.get(&transaction) else {
            return;
        };
        let datagram = Datagram {
            from: client.from,
            to: client.to,
            transaction,
            content: Content::Request(client.message.clone()),
            by: None,
        };
        self.send(datagram);
    }

    pub(crate) fn sends_again(&mut self, transaction: u64) {
        let Some(client) = self.transactions.clients.get_mut(&transaction) else {
            return;
        };
        if !client.is_active {
            return;
        }
        client.interval_ms = (2 * client.interval_ms).min(T2_MS);
        let interval_ms = client.interval_ms;
        self.send_request(transaction);
        self.later(interval_ms, Event::Again(transaction));
    }

    pub(crate) fn times_out(&mut self, transaction: u64) {
        let Some(client) = self.transactions.clients.get_mut(&transaction) else {
            return;
        };
        if !client.is_active {
            return;
        }
        client.is_active = false;
        let (owner, to) = (client.owner, client.to);
        match owner {
            Owner::Branch(server, branch) => self.branch_timed_out(server, branch),
            _ => {
                self.transactions.forget(transaction);
                self.completed(owner, to, 408);
            }
        }
    }

    /// A response is at its client.
    fn responded(&mut self, transaction: u64, status: u16) {
        let Some(client) = self.transactions.clients.get_mut(&transaction) else {
            return;
        };
        client.is_active = false;
        let (owner, to) = (client.owner, client.to);
        match owner {
            // tm keeps it as long as the transaction that it is a branch of.
            Owner::Branch(server, branch) => self.branch_answered(server, branch, status),
            _ => {
                self.transactions.forget(transaction);
                self.completed(owner, to, status);
            }
        }
    }

    fn completed(&mut self, owner: Owner, to: Address, status: u16) {
        match owner {
            Owner::Own(Some(exchange), attempt) => {
                let person = self.people.get(self.devices[to].person);
                let is_client = person.is_some_and(|person| !person.is_phone);
                if is_client && !self.is_elsewhere(exchange) {
                    let subject = self.subject(exchange);
                    self.books.retry_answered(subject, to, status, self.now_ms);
                }
                if self.random.per_mille(self.plan.callbacks_twice) {
                    let again = Event::Retold(self.epoch, exchange, attempt, status);
                    let ms = self.random.below(200);
                    self.later(ms, again);
                }
                self.request_completed(exchange, attempt, status);
            }
            Owner::Submission(number, part) => self.submission_answered(number, part, status),
            Owner::InstantMessage(number) => self.sender_hears(number, status),
            Owner::Forwarded(transaction) => self.scscf_is_answered(transaction, status),
            Owner::StatusReport(number) => self.status_report_answered(number, status),
            Owner::Own(None, _) | Owner::Branch(..) | Owner::Report => {}
        }
    }

    /// The network takes a datagram: it may be lost, doubled, late.
    pub(crate) fn send(&mut self, datagram: Datagram) {
        if self.is_gateway(datagram.from) && self.is_down() {
            return;
        }
        if self.random.per_mille(self.plan.lost) {
            self.note(|| format!("lost: {}", describe(&datagram)));
            return;
        }
        if self.random.per_mille(self.plan.doubled) {
            let ms = self.delay_ms();
            self.later(ms, Event::Arrives(datagram.clone()));
        }
        let ms = self.delay_ms();
        self.later(ms, Event::Arrives(datagram));
    }

    fn delay_ms(&mut self) -> u64 {
        match self.random.per_mille(self.plan.late) {
            true => self.random.between(100, 4_000),
            false => self.random.between(1, 20),
        }
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, from: Address, to: Address, transaction: u64, status: u16) {
        let (from, to) = match from {
            GATEWAY => (self.node, to),
            // To the gateway that has sent the request.
            _ => (from, self.transactions.client_of(transaction).unwrap_or(to)),
        };
        self.send(Datagram {
            from,
            to,
            transaction,
            content: Content::Response(status),
            by: None,
        });
    }

    pub(crate) fn arrives(&mut self, datagram: Datagram) {
        self.note(|| describe(&datagram));
        let Datagram {
            from,
            to,
            transaction,
            content,
            by,
        } = datagram;
        if self.is_gateway(to) && self.is_down() {
            return;
        }
        match content {
            Content::Response(status) => self.responded(transaction, status),
            Content::Request(message) if self.is_gateway(to) => {
                self.gateway_gets(from, transaction, &message, by);
            }
            Content::Request(message) => self.device_gets(to, transaction, &message),
        }
    }
}

fn describe(datagram: &Datagram) -> String {
    let Datagram {
        from,
        to,
        transaction,
        content,
        ..
    } = datagram;
    match content {
        Content::Request(message) => {
            let start: Vec<u8> = message.body.iter().take(12).copied().collect();
            format!(
                "{from} -> {to}: MESSAGE {transaction} {} {:?} {:02x?}",
                message.call_id, message.in_reply_to, start
            )
        }
        Content::Response(status) => format!("{from} -> {to}: {status} to {transaction}"),
    }
}
