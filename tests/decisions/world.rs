//! A small host for the tests: store, clock, and the octets that come and go.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ipsmgw::exchange::{
    Change, Clients, Exchange, ExchangeKey, Full, Identity, IdentityKey, ImToSm, ImToSmState, Kind,
    ListDeliveryState, NEVER, Notification, NotificationState, Now, PastSm, ReplyTo, SentContent,
    Sequence, SessionToken, Store as _, Stored, StoredMessageState, Texts, TransactionId,
};
use ipsmgw::interwork::{
    Counter, Effect, Ended, Gateway, ImOutcome, Input, Policy, Reason, RpReport, Settings, Step,
    ToContact, TranslatedDelivery, TranslatedIm, TranslatedSm, Verdict, replaced_by_stored,
    stands_for,
};
use ipsmgw::sip::{Answer, MessageIn, MessageOut, Translation};

use crate::books::Books;

pub(crate) const SMS: &str = "application/vnd.3gpp.sms";

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

/// One bucket for all identities: only the core distinguishes them.
#[derive(Default)]
pub(crate) struct Store {
    /// The open exchanges, oldest first.
    open: Vec<(Exchange, Texts)>,
    /// The places that were taken since the last commit, and whose share each takes.
    taken: Vec<(ExchangeKey, u64)>,
    serial: u64,
    past: Vec<PastSm>,
    parts: Vec<(u64, u64)>,
    sequences: [u8; Sequence::COUNT],
    pub(crate) max: usize,
    /// The share of one sender; 0: no limit.
    pub(crate) max_of_sender: u32,
    /// How many each sender has open.
    shares: HashMap<u64, u32>,
    /// The exchanges as the database has them; a change of one that is stored is written at once.
    pub(crate) rows: BTreeMap<u64, (Exchange, Texts)>,
}

impl ipsmgw::exchange::Store for Store {
    fn by_key(&self, key: ExchangeKey) -> Option<Exchange> {
        Some(self.open.get(self.place(key)?)?.0)
    }

    fn texts(&self, key: ExchangeKey) -> Option<Texts> {
        Some(self.open.get(self.place(key)?)?.1.clone())
    }

    fn room(&self, _: ExchangeKey) -> usize {
        ipsmgw::exchange::MOST_TEXT
    }

    fn oldest(&self, kind: Kind) -> Option<Exchange> {
        self.first_of(kind, 0)
    }

    fn next_oldest(&self, key: ExchangeKey) -> Option<Exchange> {
        let place = self.place(key)?;
        self.first_of(self.open[place].0.kind(), place + 1)
    }

    fn take_place(&mut self, kind: Kind, share: u64, octets: usize) -> Result<ExchangeKey, Full> {
        let most = match kind {
            Kind::StoredMessage | Kind::ListDelivery => ipsmgw::exchange::MOST_STORED_TEXT,
            _ => ipsmgw::exchange::MOST_TEXT,
        };
        assert!(octets <= most);
        if self.open.len() + self.taken.len() >= self.max {
            return Err(Full::Table);
        }
        self.take_share(share)?;
        self.serial += 1;
        let key = ExchangeKey::new(1, self.serial).unwrap();
        self.taken.push((key, share));
        Ok(key)
    }

    fn is_crowded(&self, share: u64) -> bool {
        let theirs = |open: &&(Exchange, Texts)| open.0.header().share == share;
        let theirs = self.open.iter().filter(theirs).count();
        let limit = usize::try_from(self.max_of_sender).unwrap();
        let open = self.open.len() + self.taken.len();
        2 * open > self.max || limit > 0 && share != 0 && 2 * theirs > limit
    }

    fn next_number(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn outcome_of(&self, digest: u64) -> Option<PastSm> {
        let mut past = self.past.iter().rev();
        past.find(|past| past.digest == digest).copied()
    }

    fn has_part(&self, digest: u64, now_ms: u64) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|(known, until)| *known == digest && *until > now_ms)
    }
}

impl Store {
    fn place(&self, key: ExchangeKey) -> Option<usize> {
        // Keys come in the order in which exchanges are opened.
        let found = self
            .open
            .binary_search_by_key(&key.serial(), |(open, _)| open.key().serial());
        found.ok().filter(|place| self.open[*place].0.key() == key)
    }

    fn first_of(&self, kind: Kind, from: usize) -> Option<Exchange> {
        let mut open = self.open[from..].iter().map(|(open, _)| *open);
        open.find(|open| open.kind() == kind)
    }

    /// All changes, in their order; then places without an exchange are free again.
    fn commit(&mut self, changes: Vec<Change>) {
        let changed = changes
            .iter()
            .filter(|change| !matches!(change, Change::Parked(_) | Change::Released(_)));
        let stored: Vec<ExchangeKey> = changed.filter_map(Change::key).collect();
        self.commit_in_memory(changes);
        for key in stored {
            match self.place(key).map(|place| &self.open[place]) {
                Some((open, _)) if open.header().stored == Stored::Yes => self.write(key),
                Some((open, _)) if open.header().stored == Stored::Asked => {}
                _ => drop(self.rows.remove(&key.serial())),
            }
        }
    }

    /// Writes a row.
    pub(crate) fn write(&mut self, key: ExchangeKey) {
        let place = self.place(key).expect("written after its end");
        let row = self.open[place].clone();
        if let Some(message) = stands_for(&row.0) {
            for replaced in replaced_by_stored(message, self) {
                self.rows.remove(&replaced.serial());
            }
        }
        self.rows.insert(key.serial(), row);
    }

    /// How many rows the database has.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    fn commit_in_memory(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Opened(exchange, texts) => {
                    let key = exchange.key();
                    let taken = self.taken.iter().position(|(taken, _)| *taken == key);
                    self.taken.remove(taken.expect("a place was taken"));
                    // One that was taken over may be older than others.
                    let is_older =
                        |(open, _): &(Exchange, Texts)| open.key().serial() < key.serial();
                    let place = self.open.partition_point(is_older);
                    self.open.insert(place, (exchange, texts));
                }
                Change::Updated(exchange) => {
                    let place = self.place(exchange.key()).expect("changed after its end");
                    self.open[place].0 = exchange;
                }
                Change::Rewritten(exchange, texts) => {
                    let place = self.place(exchange.key()).expect("changed after its end");
                    (self.open[place].0, self.open[place].1) = (exchange, texts);
                }
                Change::Ended(key) | Change::Parked(key) | Change::Released(key) => {
                    let place = self.place(key).expect("ended twice");
                    let (exchange, _) = self.open.remove(place);
                    self.give_share_back(exchange.header().share);
                }
                Change::Remembered(past) => self.past.push(past),
                Change::PartRemembered { digest, until_ms } => self.parts.push((digest, until_ms)),
            }
        }
        for (_, share) in std::mem::take(&mut self.taken) {
            self.give_share_back(share);
        }
    }

    fn take_share(&mut self, share: u64) -> Result<(), Full> {
        let open = self.shares.entry(share).or_default();
        if self.max_of_sender > 0 && share != 0 && *open >= self.max_of_sender {
            return Err(Full::Sender);
        }
        *open += 1;
        Ok(())
    }

    fn give_share_back(&mut self, share: u64) {
        *self.shares.entry(share).or_default() -= 1;
    }

    /// How many senders have something open.
    pub(crate) fn senders(&self) -> usize {
        let open = |(sender, open): &(&u64, &u32)| **sender != 0 && **open > 0;
        self.shares.iter().filter(open).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn ids(&self) -> Vec<ExchangeKey> {
        self.open.iter().map(|(open, _)| open.key()).collect()
    }

    /// As the host does before it reports that the time is over.
    pub(crate) fn clear_alarm(&mut self, id: ExchangeKey) {
        if let Some(place) = self.place(id) {
            self.open[place].0.header_mut().due_ms = NEVER;
        }
    }

    /// The exchange that wakes next, and the time.
    pub(crate) fn next_wake(&self) -> Option<(u64, ExchangeKey)> {
        let wakes = self.open.iter();
        let wakes = wakes.map(|(open, _)| (open.wakes_ms(), open.key()));
        wakes
            .filter(|(wakes_ms, _)| *wakes_ms != NEVER)
            .min_by_key(|(wakes_ms, _)| *wakes_ms)
    }

    /// The RP-DATA to the SMS side.
    pub(crate) fn im_to_sm(&self, id: ExchangeKey) -> Option<ImToSm> {
        ImToSm::try_from(self.by_key(id)?).ok()
    }

    /// All RP-DATA to the SMS side.
    pub(crate) fn all_im_to_sm(&self) -> Vec<ImToSm> {
        let open = self.open.iter();
        open.filter_map(|(open, _)| ImToSm::try_from(*open).ok())
            .collect()
    }
}

/// The actions for one input.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) replies: Vec<(Answer, Verdict)>,
    pub(crate) replied_to: Vec<ReplyTo>,
    pub(crate) relayed: Vec<ExchangeKey>,
    pub(crate) joined: Vec<Translation>,
    pub(crate) held: Vec<ExchangeKey>,
    pub(crate) asked: Vec<(ExchangeKey, Option<TransactionId>)>,
    pub(crate) enlisted: Vec<ExchangeKey>,
    pub(crate) answered: Vec<(ExchangeKey, TransactionId, ImOutcome)>,
    pub(crate) sent: Vec<(Option<ExchangeKey>, MessageOut)>,
    pub(crate) again: Vec<(ExchangeKey, u16, MessageOut)>,
    pub(crate) legs: Vec<ToContact>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) accepted: Vec<TransactionId>,
    pub(crate) counted: Vec<Counter>,
    pub(crate) forwarded: Vec<u16>,
    pub(crate) status_reports: usize,
    /// Stored messages whose recipients are looked up, and whether they are short messages.
    pub(crate) looked_up: Vec<(ExchangeKey, bool)>,
    /// Whose stored messages are read next, and whether only if they have a contact.
    pub(crate) reads: Vec<(Identity, bool)>,
    pub(crate) reasons: Vec<Reason>,
    /// Sessions that are offered.
    pub(crate) offered: Vec<(ExchangeKey, MessageOut)>,
    /// Notifications for MSRP sessions: the exchange, the attempt, the session, the body.
    pub(crate) in_session: Vec<(ExchangeKey, u8, String, Vec<u8>)>,
    /// Sessions in which a message is sent: its type, and whether a report is wanted.
    pub(crate) begun: Vec<(SessionToken, Vec<u8>, SentContent, bool)>,
    /// Sessions that end; `None`: all of an exchange.
    pub(crate) ended_sessions: Vec<Option<SessionToken>>,
}

impl Done {
    pub(crate) fn of(step: Step) -> Self {
        let mut done = Self {
            verdict: Some(step.verdict),
            ..Self::default()
        };
        if let Verdict::Listed(exchange) | Verdict::Queued(exchange) = step.verdict {
            done.enlisted.push(exchange);
        }
        for effect in step.effects {
            match effect {
                Effect::Answer(to, answer) => {
                    done.replies.push((answer, step.verdict));
                    done.replied_to.push(to);
                }
                Effect::Relay {
                    exchange,
                    translation,
                } => {
                    assert_eq!(step.verdict, Verdict::Relay);
                    done.relayed.push(exchange);
                    done.joined.extend(translation.map(|whole| *whole));
                }
                Effect::AcceptEarly { transaction, .. } => done.accepted.push(transaction),
                Effect::Hold { exchange, .. } => {
                    assert!(done.sent.is_empty(), "held before anything is sent");
                    done.held.push(exchange);
                }
                Effect::AnswerHeld {
                    exchange,
                    transaction,
                    outcome,
                    ..
                } => {
                    done.answered.push((exchange, transaction, *outcome));
                }
                Effect::LookUp {
                    exchange, is_sm, ..
                } => done.looked_up.push((exchange, is_sm)),
                Effect::ReadStored { identity, if_here } => {
                    done.reads.push((*identity, if_here.is_some()));
                }
                Effect::Store { exchange, waits } => done.asked.push((exchange, waits)),
                Effect::StoreList { exchanges, waits } => {
                    done.asked
                        .extend(exchanges.into_iter().map(|key| (key, Some(waits))));
                }
                Effect::Send {
                    exchange, message, ..
                } => done.sent.push((exchange, *message)),
                Effect::SendRpData {
                    exchange,
                    message,
                    to,
                    ..
                } => {
                    done.sent.push((Some(exchange), *message));
                    done.legs.push(to);
                }
                Effect::Fork {
                    exchange, message, ..
                } => done.sent.push((Some(exchange), *message)),
                Effect::SendAgain {
                    exchange,
                    refused,
                    message,
                    ..
                } => done.again.push((exchange, refused, *message)),
                Effect::ForwardAs(answer) => done.forwarded.push(answer.status),
                Effect::StatusReport(_) => done.status_reports += 1,
                Effect::Refused { reason, .. } => done.reasons.push(reason),
                Effect::Ended(ended) => done.ended.push(ended),
                Effect::Count(counter) => done.counted.push(counter),
                Effect::OfferSession { exchange, offer } => done.offered.push((exchange, *offer)),
                Effect::SendInSession {
                    exchange,
                    attempt,
                    session,
                    body,
                } => {
                    let session = session.as_str().to_owned();
                    done.in_session.push((exchange, attempt, session, body));
                }
                Effect::BeginSession {
                    session,
                    body,
                    content,
                    wants_report,
                    ..
                } => done.begun.push((session, body, content, wants_report)),
                Effect::EndSession { session, .. } => done.ended_sessions.push(session),
                Effect::DeliverSm { .. }
                | Effect::SmOverdue { .. }
                | Effect::SmOutcome { .. }
                | Effect::StoreSm(_)
                | Effect::ReportStatus(_) => {
                    panic!("it is an input again")
                }
                // The books have it.
                Effect::Charge(_) => {}
            }
        }
        done
    }

    fn merge(&mut self, later: Self) {
        self.answered.extend(later.answered);
        self.asked.extend(later.asked);
        self.sent.extend(later.sent);
        self.ended.extend(later.ended);
        self.counted.extend(later.counted);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.replies.is_empty()
            && self.relayed.is_empty()
            && self.held.is_empty()
            && self.asked.is_empty()
            && self.enlisted.is_empty()
            && self.answered.is_empty()
            && self.sent.is_empty()
            && self.again.is_empty()
            && self.counted.is_empty()
    }

    /// The one reply's status.
    pub(crate) fn reply(&self) -> u16 {
        assert_eq!(self.replies.len(), 1);
        self.replies[0].0.status
    }

    /// The one held sender's final status.
    pub(crate) fn answer(&self) -> u16 {
        assert_eq!(self.answered.len(), 1);
        self.answered[0].2.answer.status
    }

    /// The one MESSAGE.
    pub(crate) fn message(&self) -> &MessageOut {
        assert_eq!(self.sent.len(), 1);
        &self.sent[0].1
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
            store: Store {
                max: 4096,
                ..Store::default()
            },
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

    /// The host reads all stored messages of its database, as when their recipients register, and the first one's turn
    /// comes: it is looked up.
    pub(crate) fn read_stored(&mut self) -> Done {
        let exchange = self.take_up_stored();
        self.handle(Input::Due { exchange })
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
        let rows = std::mem::take(&mut self.store.rows);
        let serial = self.store.serial;
        self.store = Store {
            max: self.store.max,
            max_of_sender: self.store.max_of_sender,
            serial,
            rows: rows.clone(),
            ..Store::default()
        };
        self.pass(down_ms);
        // Stored messages are read when their recipients are back.
        let rest = |(row, _): &&(Exchange, Texts)| row.kind() != Kind::StoredMessage;
        for (exchange, texts) in rows.values().filter(rest) {
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
            StoredMessageState::ToClients { clients } => (Clients::round(it.tries), clients),
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

/// A MESSAGE from a phone with these octets.
pub(crate) fn from_phone<'m>(identity: &'m str, octets: &'m [u8]) -> MessageIn<'m> {
    MessageIn {
        request_uri: "sip:+15559999@ims.example",
        identity: Some(identity),
        call_id: "submission@phone",
        content_type: Some(SMS),
        source: "sip:192.0.2.7:5060;transport=udp",
        body: octets,
        ..MessageIn::default()
    }
}

/// A MESSAGE from the service centre with these octets.
pub(crate) fn from_service_centre(octets: &[u8]) -> MessageIn<'_> {
    MessageIn {
        request_uri: "sip:bob@ims.example",
        ..from_phone(SERVICE_CENTRE, octets)
    }
}

/// An instant message to a phone.
pub(crate) fn instant<'m>(to: &'m str, text: &'m str) -> MessageIn<'m> {
    MessageIn {
        request_uri: to,
        identity: Some(ALICE),
        call_id: "im@client",
        content_type: Some("text/plain"),
        source: "sip:192.0.2.8:5060;transport=udp",
        body: text.as_bytes(),
        ..MessageIn::default()
    }
}

pub(crate) const ALICE: &str = "sip:+15550001@ims.example";
pub(crate) const BOB: &str = "sip:+15550002@ims.example";
pub(crate) const SERVICE_CENTRE: &str = "sip:+15559999@ims.example";

/// "hello" in the GSM 7-bit default alphabet.
const HELLO: [u8; 5] = [0xE8, 0x32, 0x9B, 0xFD, 0x06];

/// RP-DATA from a phone with this TPDU.
pub(crate) fn rp_data_mo(rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let length = u8::try_from(tpdu.len()).unwrap();
    [
        &[0x00, rp_mr][..],                    // RP-DATA, MS to network
        &[0x00],                               // RP-OA: absent
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-DA: +15559999
        &[length],
        tpdu,
    ]
    .concat()
}

/// RP-DATA from a service centre with this TPDU.
pub(crate) fn rp_data_mt(rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let length = u8::try_from(tpdu.len()).unwrap();
    [
        &[0x01, rp_mr][..],                    // RP-DATA, network to MS
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-OA: +15559999
        &[0x00],                               // RP-DA: absent
        &[length],
        tpdu,
    ]
    .concat()
}

/// SMS-SUBMIT of "hello" to +15550002.
pub(crate) fn submit_tpdu(tp_mr: u8, pid: u8, dcs: u8) -> Vec<u8> {
    [
        &[0x01, tp_mr][..],                    // SMS-SUBMIT, no TP-VP
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20], // TP-DA: +15550002
        &[pid, dcs, 0x05],
        &HELLO,
    ]
    .concat()
}

/// SMS-DELIVER of "hello" from this TP-OA, sent 2025-11-14 12:30:00 +01:00.
pub(crate) fn deliver_tpdu(originator: &[u8]) -> Vec<u8> {
    [
        &[0x04][..], // SMS-DELIVER, no more messages
        originator,
        &[0x00, 0x00],
        &[0x52, 0x11, 0x41, 0x21, 0x03, 0x00, 0x40], // TP-SCTS
        &[0x05],
        &HELLO,
    ]
    .concat()
}

/// The same short message every time, with another RP-MR.
pub(crate) fn hello(rp_mr: u8) -> Vec<u8> {
    rp_data_mo(rp_mr, &submit_tpdu(0x07, 0x00, 0x00))
}

/// A header field's value.
pub(crate) fn field<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A pseudo-random sequence (xorshift) that a seed repeats.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}
