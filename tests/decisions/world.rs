//! A small host for the tests: store, clock, and the octets that come and go.

mod done;
mod messages;
mod random;
mod store;

use std::collections::VecDeque;

use ipsmgw::exchange::{
    Clients, Exchange, ExchangeKey, IdentityKey, ImToSm, ImToSmState, Kind, ListDeliveryState,
    Notification, NotificationState, Now, ReplyTo, Store as _, StoredMessageState, Texts,
    TransactionId, identity_in,
};
use ipsmgw::interwork::{
    Effect, Gateway, Input, Policy, RpReport, Settings, Step, TranslatedDelivery, TranslatedIm,
    TranslatedSm,
};
use ipsmgw::sip::MessageIn;

use crate::books::Books;
pub(crate) use done::Done;
pub(crate) use messages::*;
pub(crate) use random::Random;
pub(crate) use store::Store;

/// `2026-01-02 03:04:05 +01:00`.
pub(crate) const UNIX: i64 = 1_767_319_445;
/// The same as TP-SCTS.
pub(crate) const SCTS: [u8; 7] = [0x62, 0x10, 0x20, 0x30, 0x40, 0x50, 0x40];

pub(crate) fn settings() -> Settings<'static> {
    Settings {
        domain: "ims.example",
        sc_address: "+15559999",
        ..Settings::default()
    }
}

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) store: Store,
    pub(crate) now: Now,
    pub(crate) books: Books,
    transactions: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&settings())
    }

    pub(crate) fn with(settings: &Settings<'_>) -> Self {
        let mut policy = Policy::check(settings).unwrap();
        policy.charging = true;
        Self {
            gateway: Gateway {
                policy,
                boot: 0xB007,
                keeps: false,
            },
            store: Store::of(4096),
            now: Now {
                unix_ms: 1_000_000,
                unix: UNIX,
                zone: 4,
                is_cut_off: false,
            },
            books: Books::default(),
            transactions: 0,
        }
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) -> Done {
        let mut step = self.step(input);
        // Effects for the exchanges of another identity become inputs.
        let mut effects = VecDeque::from(std::mem::take(&mut step.effects));
        while let Some(effect) = effects.pop_front() {
            let then = match effect {
                Effect::DeliverSm { from, sm } => self.step(Input::DeliverSm { from, sm: &sm }),
                Effect::SmOverdue { from, identity } => {
                    let identity = &identity;
                    self.step(Input::SmOverdue { from, identity })
                }
                Effect::StoreSm(sm) => self.step(Input::StoreSm(&sm)),
                Effect::ReportStatus(report) => self.step(Input::ReportStatus(&report)),
                Effect::SmOutcome { exchange, status } => {
                    self.step(Input::SmOutcome { exchange, status })
                }
                other => {
                    step.effects.push(other);
                    continue;
                }
            };
            effects.extend(then.effects);
        }
        Done::of(step)
    }

    /// One input, committed.
    fn step(&mut self, input: Input<'_>) -> Step {
        let mut step = self.gateway.handle(input, self.now, &mut self.store);
        self.books.note(&step).expect("the charging records");
        self.store.commit(std::mem::take(&mut step.changes));
        step
    }

    /// The timer of a held sender is over.
    pub(crate) fn hold_timeout(&mut self, exchange: ExchangeKey) -> Done {
        let transaction = TransactionId::default();
        let mut done = self.handle(Input::HoldTimeout {
            exchange,
            transaction,
        });
        // A sender whose exchange has ended is answered all the same, without an outcome.
        if done.answered.is_empty() {
            let replies = std::mem::take(&mut done.replies);
            assert!(replies.iter().all(|(answer, _)| answer.status == 202));
        }
        done
    }

    /// An instant message to several is to go to this one, too.
    pub(crate) fn list(&mut self, delivery: &TranslatedDelivery) -> Done {
        let request = ReplyTo::Transaction(TransactionId::default());
        self.handle(Input::List { delivery, request })
    }

    /// A gateway with these settings that keeps exchanges in a database.
    pub(crate) fn with_database(settings: &Settings<'_>) -> Self {
        let mut world = Self::with(settings);
        world.gateway.keeps = true;
        world
    }

    /// The Call-ID of one attempt, as the phone saw it.
    pub(crate) fn gateway_call_id(&self, exchange: ExchangeKey, attempt: u8) -> String {
        format!(
            "{:x}-{:x}-{attempt:x}-{:x}@ims.example",
            exchange.node(),
            exchange.serial(),
            self.gateway.boot
        )
    }

    /// A report of a phone with this In-Reply-To.
    pub(crate) fn report_on(&mut self, identity: &str, octets: &[u8], call_id: &str) -> Done {
        let message = MessageIn {
            in_reply_to: Some(call_id),
            ..from_phone(identity, octets)
        };
        self.report_before_200(&message)
    }

    /// The database has written an exchange.
    pub(crate) fn stored(&mut self, exchange: ExchangeKey) -> Done {
        self.store.write(exchange);
        self.handle(Input::Stored { exchange })
    }

    /// The host reads all stored messages of its database, as by the schedule, and the first one's turn comes: it is looked up.
    pub(crate) fn read_stored(&mut self) -> Done {
        self.read_stored_of(false)
    }

    /// The same; the recipient has just registered (`is_here`), or not.
    pub(crate) fn read_stored_of(&mut self, is_here: bool) -> Done {
        let exchange = self.take_up_stored();
        self.handle(Input::StoredRead { exchange, is_here })
    }

    /// The host reads all stored messages of its database. The first of them.
    pub(crate) fn take_up_stored(&mut self) -> ExchangeKey {
        let is_open = |store: &Store, key| store.place(key).is_some();
        let rows: Vec<(Exchange, Texts)> = self.store.rows.values().cloned().collect();
        let mut first = None;
        for (exchange, texts) in &rows {
            let key = exchange.key();
            if exchange.kind() != Kind::StoredMessage || is_open(&self.store, key) {
                continue;
            }
            let share = exchange.header().share;
            self.store.take_share(share).unwrap();
            self.store.taken.push((key, share));
            assert!(self.handle(Input::TakenUp { exchange, texts }).is_nothing());
            first = first.or(Some(key));
        }
        first.expect("nothing is stored")
    }

    /// The host takes over an exchange of another node.
    pub(crate) fn takes_over(&mut self, from: &Self, key: ExchangeKey) -> Done {
        let (exchange, texts) = from.store.rows[&key.serial()].clone();
        // Keys of two nodes differ.
        self.store.serial = self.store.serial.max(key.serial());
        let share = exchange.header().share;
        self.store.take_share(share).unwrap();
        self.store.taken.push((key, share));
        self.books.take_over(key);
        self.handle(Input::TakenUp {
            exchange: &exchange,
            texts: &texts,
        })
    }

    /// The host is killed and starts again: memory is lost, the database stays.
    pub(crate) fn crash(&mut self, down_ms: u64) {
        self.store.crash();
        let rows = self.store.rows.clone();
        self.pass(down_ms);
        // Stored messages are read when their recipients are back.
        let rest = |(row, _): &&(Exchange, Texts)| row.kind() != Kind::StoredMessage;
        for (exchange, texts) in rows.values().filter(rest) {
            // The host takes up what it finds under an identity.
            assert!(identity_in(exchange.kind(), texts).is_some());
            let share = exchange.header().share;
            self.store.take_share(share).unwrap();
            self.store.taken.push((exchange.key(), share));
            let done = self.handle(Input::TakenUp { exchange, texts });
            assert!(done.is_nothing(), "nothing is sent before the start");
        }
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now.unix_ms += milliseconds;
    }

    /// Time passes until the next exchange wakes.
    pub(crate) fn next_due(&mut self) -> Done {
        let (at, exchange) = self.store.next_wake().expect("an exchange waits");
        self.now.unix_ms = self.now.unix_ms.max(at);
        self.handle(Input::Due { exchange })
    }

    /// The exchanges whose messages go out in this many milliseconds.
    pub(crate) fn sent_within(&mut self, ms: u64) -> Vec<ExchangeKey> {
        let until_ms = self.now.unix_ms + ms;
        let mut sent = Vec::new();
        while self.store.next_wake().is_some_and(|(at, _)| at <= until_ms) {
            let done = self.next_due().sent.into_iter();
            sent.extend(done.filter_map(|(exchange, _)| exchange));
        }
        self.now.unix_ms = until_ms;
        sent
    }

    /// Time passes until a message goes out.
    pub(crate) fn until_sent(&mut self) -> Done {
        loop {
            let done = self.next_due();
            if !done.sent.is_empty() {
                return done;
            }
        }
    }

    /// A short message that is neither refused nor answered without the state machine.
    pub(crate) fn submit(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(sm) = self.gateway.translate_sm(message, self.now) else {
            panic!("refused")
        };
        self.submit_prepared(&sm)
    }

    pub(crate) fn submit_prepared(&mut self, sm: &TranslatedSm) -> Done {
        let transaction = TransactionId {
            entry: 9,
            ..held_as(sm.rp_mr.into())
        };
        self.handle(Input::Submit { sm, transaction })
    }

    /// A short message, relayed, and its exchange.
    pub(crate) fn relay(&mut self, message: &MessageIn<'_>) -> ExchangeKey {
        let done = self.submit(message);
        assert_eq!(done.relayed.len(), 1);
        done.relayed[0]
    }

    /// The client answers a relayed short message, and its sender gets the `202`.
    pub(crate) fn client_answers(&mut self, exchange: ExchangeKey, status: u16) -> Done {
        let answered = self.handle(Input::ImAnswered { exchange, status });
        assert!(answered.is_nothing(), "the sender has no 202 yet");
        self.handle(Input::FinalSent {
            exchange,
            status: 202,
            open: 0,
        })
    }

    pub(crate) fn translate_im(&self, message: &MessageIn<'_>) -> TranslatedIm {
        let Ok(im) = self.gateway.translate_im(message, self.now) else {
            panic!("refused")
        };
        im
    }

    /// An instant message and its outcome.
    pub(crate) fn deliver(&mut self, message: &MessageIn<'_>) -> Done {
        let im = self.translate_im(message);
        self.transactions += 1;
        let transaction = held_as(self.transactions);
        let hold_ms = self.gateway.policy.hold_timeout_ms;
        self.handle(Input::Deliver {
            im: &im,
            transaction,
            hold_ms,
            route: "",
        })
    }

    /// The RP-DATA is refused in SIP, and no report says otherwise.
    pub(crate) fn leg_fails(&mut self, exchange: ExchangeKey, status: u16) -> Done {
        let mut done = self.leg(exchange, status);
        let open = self.store.im_to_sm(exchange).map(|open| open.state);
        if open == Some(ImToSmState::Refused) {
            self.pass(1_000);
            done.merge(self.handle(Input::Due { exchange }));
        }
        done
    }

    /// SIP has taken the RP-DATA, and no report comes in the time that there is for it.
    pub(crate) fn no_report(&mut self, exchange: ExchangeKey) -> Done {
        loop {
            let open = self.store.im_to_sm(exchange).map(|open| open.state);
            let at = self.store.by_key(exchange).unwrap().header().due_ms;
            self.now.unix_ms = self.now.unix_ms.max(at);
            let done = self.handle(Input::Due { exchange });
            if open != Some(ImToSmState::Taken) {
                return done;
            }
        }
    }

    /// A report behind the `200` to the RP-DATA, which comes first as a rule.
    pub(crate) fn report(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(Some(report)) = self.gateway.read_report(message) else {
            panic!("refused")
        };
        let identity = IdentityKey::of(&report.identity);
        let waits = |open: &ImToSm| open.in_transaction && open.header.identity == identity;
        let waiting = self.store.all_im_to_sm().into_iter().find(waits);
        if let Some(id) = waiting.map(|open| open.header.key)
            && !matches!(report.report, RpReport::MemoryAvailable)
        {
            assert!(
                self.leg(id, 200).is_nothing(),
                "a 200 means that SIP worked"
            );
        }
        self.handle(Input::Report {
            report: &report,
            request: ReplyTo::AtHand,
        })
    }

    /// A report that overtakes the `200`.
    pub(crate) fn report_before_200(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(Some(report)) = self.gateway.read_report(message) else {
            panic!("refused")
        };
        self.handle(Input::Report {
            report: &report,
            request: ReplyTo::AtHand,
        })
    }

    /// The senders of instant messages take all notifications that are on their way.
    pub(crate) fn notified(&mut self) {
        let waiting = |open: &Exchange| match Notification::try_from(*open) {
            Ok(open) if open.state == NotificationState::Sent => Some(open.header.key),
            _ => None,
        };
        while let Some(exchange) = self.store.open.iter().find_map(|(open, _)| waiting(open)) {
            assert!(self.leg(exchange, 200).is_nothing());
        }
    }

    pub(crate) fn leg(&mut self, exchange: ExchangeKey, status: u16) -> Done {
        let open = self.store.by_key(exchange);
        let attempt = open.map_or(0, |open| awaited_attempt(&open));
        self.completed(exchange, attempt, status)
    }

    /// One of the MESSAGEs of an exchange has its final response.
    pub(crate) fn completed(&mut self, exchange: ExchangeKey, attempt: u8, status: u16) -> Done {
        self.handle(Input::RequestCompleted {
            exchange,
            attempt,
            status,
        })
    }
}

/// The attempt that waits for its final response; of one to several clients, the first of them.
fn awaited_attempt(open: &Exchange) -> u8 {
    let (first, mut clients) = match open {
        Exchange::ListDelivery(it) => match it.state {
            ListDeliveryState::Sent { clients } => (Clients::round(0), clients),
            ListDeliveryState::Listed | ListDeliveryState::Interrupted => return 0,
        },
        Exchange::StoredMessage(it) => match it.state {
            StoredMessageState::ToClients { clients } => (Clients::round(it.round), clients),
            _ => return 0,
        },
        _ => return open.messages_sent(),
    };
    let mut attempts = (0..).map(|client| Clients::attempt_to(first, client));
    attempts.find(|attempt| clients.answer(*attempt)).unwrap()
}

/// The transaction of the sender at this place.
pub(crate) fn held_as(label: u32) -> TransactionId {
    TransactionId { entry: 7, label }
}
