//! A small host for the tests: store, clock, and the octets that come and go.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use ipsmgw::host::{
    Exchange, ExchangeId, Exchanges, Full, Kind, Now, Sequence, Settled, State, TransactionId,
};
use ipsmgw::interwork::{
    Action, Actions, Counter, Ended, Gateway, Input, Leg, Outcome, Policy, PreparedIm, PreparedSm,
    RpReport, Settings, Verdict,
};
use ipsmgw::sip::{Answer, MessageIn, MessageOut, Translation};

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

/// One bucket for all identities: only the core tells them apart.
#[derive(Default)]
pub(crate) struct Store {
    places: Vec<(u32, Option<Exchange>)>,
    order: Vec<ExchangeId>,
    wakes: BTreeMap<u32, u64>,
    settled: Vec<Settled>,
    parts: Vec<(u64, u64)>,
    sequences: [u8; Sequence::COUNT],
    pub(crate) max: usize,
    /// The share of one sender; 0: no limit.
    pub(crate) max_of_sender: u32,
    /// How many each sender has open.
    shares: HashMap<u64, u32>,
}

impl Exchanges for Store {
    fn insert(&mut self, exchange: Exchange) -> Result<ExchangeId, Full> {
        if self.order.len() == self.max {
            return Err(Full::Table);
        }
        self.take_share(exchange.sender)?;
        let free = self.places.iter().position(|(_, place)| place.is_none());
        let index = free.unwrap_or_else(|| {
            self.places.push((0, None));
            self.places.len() - 1
        });
        let place = &mut self.places[index];
        *place = (place.0 + 1, Some(exchange));
        let generation = NonZeroU32::new(place.0).unwrap();
        let id = ExchangeId::new(u32::try_from(index).unwrap(), generation);
        self.order.push(id);
        Ok(id)
    }

    fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        match self.places.get_mut(usize::try_from(id.index()).unwrap()) {
            Some((generation, place)) if *generation == id.generation() => place.as_mut(),
            _ => None,
        }
    }

    fn find(&mut self, kind: Kind, fits: &mut dyn FnMut(&Exchange) -> bool) -> Option<ExchangeId> {
        let order = self.order.clone();
        order.into_iter().find(|id| {
            self.get_mut(*id)
                .is_some_and(|exchange| exchange.kind == kind && fits(exchange))
        })
    }

    fn remove(&mut self, id: ExchangeId) {
        assert!(self.get_mut(id).is_some(), "removed twice");
        let place = self.places[usize::try_from(id.index()).unwrap()].1.take();
        *self.shares.entry(place.unwrap().sender).or_default() -= 1;
        self.order.retain(|open| *open != id);
        self.wakes.remove(&id.index());
    }

    fn wake_at(&mut self, id: ExchangeId, monotonic_ms: u64) {
        assert!(self.get_mut(id).is_some(), "woken after its end");
        self.wakes.insert(id.index(), monotonic_ms);
    }

    fn is_crowded(&self, sender: u64) -> bool {
        let theirs = |id: &&ExchangeId| {
            let place = &self.places[usize::try_from(id.index()).unwrap()].1;
            place.is_some_and(|exchange| exchange.sender == sender)
        };
        let theirs = self.order.iter().filter(theirs).count();
        let limit = usize::try_from(self.max_of_sender).unwrap();
        2 * self.order.len() > self.max || limit > 0 && sender != 0 && 2 * theirs > limit
    }

    fn next(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn recall(&mut self, digest: u64) -> Option<Settled> {
        self.settled
            .iter()
            .rev()
            .find(|settled| settled.digest == digest)
            .copied()
    }

    fn remember(&mut self, settled: Settled) {
        self.settled.push(settled);
    }

    fn remember_part(&mut self, digest: u64, until_ms: u64) {
        self.parts.push((digest, until_ms));
    }

    fn recalls_part(&mut self, digest: u64, now_ms: u64) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|(known, until)| *known == digest && *until > now_ms)
    }
}

impl Store {
    fn take_share(&mut self, sender: u64) -> Result<(), Full> {
        let open = self.shares.entry(sender).or_default();
        if sender != 0 && self.max_of_sender != 0 && *open >= self.max_of_sender {
            return Err(Full::Sender);
        }
        *open += 1;
        Ok(())
    }

    /// How many senders have something open.
    pub(crate) fn senders(&self) -> usize {
        let open = |(sender, open): &(&u64, &u32)| **sender != 0 && **open > 0;
        self.shares.iter().filter(open).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn ids(&self) -> Vec<ExchangeId> {
        self.order.clone()
    }

    /// As the host does before it tells of the time.
    pub(crate) fn clear_alarm(&mut self, id: ExchangeId) {
        self.wakes.remove(&id.index());
    }

    /// The exchange that wakes next, and the time.
    pub(crate) fn next_wake(&self) -> Option<(u64, ExchangeId)> {
        let due = |id: &ExchangeId| Some((*self.wakes.get(&id.index())?, *id));
        self.order.iter().filter_map(due).min_by_key(|(at, _)| *at)
    }
}

/// The actions for one input.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) replies: Vec<(Answer, Verdict)>,
    pub(crate) relayed: Vec<ExchangeId>,
    pub(crate) joined: Vec<Translation>,
    pub(crate) held: Vec<ExchangeId>,
    pub(crate) enlisted: Vec<ExchangeId>,
    pub(crate) answered: Vec<(ExchangeId, TransactionId, Outcome)>,
    pub(crate) sent: Vec<(Option<ExchangeId>, MessageOut)>,
    pub(crate) again: Vec<(ExchangeId, u16, MessageOut)>,
    pub(crate) legs: Vec<Leg>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) accepted: Vec<TransactionId>,
    pub(crate) counted: Vec<Counter>,
}

impl Done {
    pub(crate) fn of(actions: Actions) -> Self {
        let mut done = Self::default();
        for action in actions {
            match action {
                Action::Reply(answer, verdict) => done.replies.push((answer, verdict)),
                Action::Relay {
                    exchange,
                    translation,
                } => {
                    done.relayed.push(exchange);
                    done.joined.extend(translation.map(|whole| *whole));
                }
                Action::Accept { transaction, .. } => done.accepted.push(transaction),
                Action::Hold { exchange } => {
                    assert!(done.sent.is_empty(), "held before anything is sent");
                    done.held.push(exchange);
                }
                Action::Enlisted { exchange } => done.enlisted.push(exchange),
                Action::AnswerHeld {
                    exchange,
                    transaction,
                    outcome,
                } => {
                    done.answered.push((exchange, transaction, outcome));
                }
                Action::Send { exchange, message } => done.sent.push((exchange, message)),
                Action::SendRpData {
                    exchange,
                    message,
                    leg,
                    ..
                } => {
                    done.sent.push((Some(exchange), message));
                    done.legs.push(leg);
                }
                Action::Fork { exchange, message } => done.sent.push((Some(exchange), message)),
                Action::SendAgain {
                    exchange,
                    refused,
                    message,
                } => done.again.push((exchange, refused, message)),
                Action::Ended(ended) => done.ended.push(ended),
                Action::Count(counter) => done.counted.push(counter),
            }
        }
        done
    }

    fn merge(&mut self, later: Self) {
        self.answered.extend(later.answered);
        self.sent.extend(later.sent);
        self.ended.extend(later.ended);
        self.counted.extend(later.counted);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.replies.is_empty()
            && self.relayed.is_empty()
            && self.held.is_empty()
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
    transactions: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&settings())
    }

    pub(crate) fn with(settings: &Settings<'_>) -> Self {
        let policy = Policy::check(settings).unwrap();
        Self {
            gateway: Gateway {
                policy,
                boot: 0xB007,
            },
            store: Store {
                max: 4096,
                ..Store::default()
            },
            now: Now {
                monotonic_ms: 1_000_000,
                unix: UNIX,
                zone: 4,
            },
            transactions: 0,
        }
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) -> Done {
        Done::of(self.gateway.handle(input, self.now, &mut self.store))
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now.monotonic_ms += milliseconds;
    }

    /// A short message that is neither refused nor answered without the state machine.
    pub(crate) fn submit(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(sm) = self.gateway.prepare_sm(message, self.now) else {
            panic!("refused")
        };
        self.submit_prepared(&sm)
    }

    pub(crate) fn submit_prepared(&mut self, sm: &PreparedSm) -> Done {
        let transaction = TransactionId {
            entry: 9,
            ..held_as(sm.rp_mr.into())
        };
        self.handle(Input::Submit { sm, transaction })
    }

    /// A short message, relayed, and its exchange.
    pub(crate) fn relay(&mut self, message: &MessageIn<'_>) -> ExchangeId {
        let done = self.submit(message);
        assert_eq!(done.relayed.len(), 1);
        done.relayed[0]
    }

    pub(crate) fn prepare_im(&self, message: &MessageIn<'_>) -> PreparedIm {
        let Ok(im) = self.gateway.prepare_im(message, self.now) else {
            panic!("refused")
        };
        im
    }

    /// An instant message and its outcome.
    pub(crate) fn deliver(&mut self, message: &MessageIn<'_>) -> Done {
        let im = self.prepare_im(message);
        self.transactions += 1;
        let transaction = held_as(self.transactions);
        let hold_ms = self.gateway.policy.hold_timeout_ms;
        self.handle(Input::Deliver {
            im: &im,
            transaction,
            hold_ms,
        })
    }

    /// The RP-DATA is refused in SIP, and no report says otherwise.
    pub(crate) fn leg_fails(&mut self, exchange: ExchangeId, status: u16) -> Done {
        let mut done = self.leg(exchange, status);
        let open = self.store.get_mut(exchange).map(|open| open.state);
        if open == Some(State::Refused) {
            self.pass(1_000);
            done.merge(self.handle(Input::Due { exchange }));
        }
        done
    }

    /// SIP has taken the RP-DATA, and no report comes in the time that there is for it.
    pub(crate) fn no_report(&mut self, exchange: ExchangeId) -> Done {
        loop {
            let open = self.store.get_mut(exchange).map(|open| open.state);
            let at = self.store.wakes[&exchange.index()];
            self.now.monotonic_ms = self.now.monotonic_ms.max(at);
            let done = self.handle(Input::Due { exchange });
            if open != Some(State::Taken) {
                return done;
            }
        }
    }

    /// A report behind the `200` to the RP-DATA, which comes first as a rule.
    pub(crate) fn report(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(Some(report)) = self.gateway.prepare_report(message) else {
            panic!("refused")
        };
        let mut waits = |open: &Exchange| open.in_transaction && open.identity == report.identity;
        if let Some(id) = self.store.find(Kind::ImToSm, &mut waits)
            && !matches!(report.report, RpReport::MemoryAvailable)
        {
            assert!(
                self.leg(id, 200).is_nothing(),
                "a 200 means that SIP worked"
            );
        }
        self.handle(Input::Report(&report))
    }

    /// A report that overtakes the `200`.
    pub(crate) fn report_before_200(&mut self, message: &MessageIn<'_>) -> Done {
        let Ok(Some(report)) = self.gateway.prepare_report(message) else {
            panic!("refused")
        };
        self.handle(Input::Report(&report))
    }

    /// The senders of instant messages take all notifications that are on their way.
    pub(crate) fn notified(&mut self) {
        let waits = |open: &Exchange| open.state == State::Sent;
        while let Some(exchange) = self.store.find(Kind::Notification, &mut |open| waits(open)) {
            assert!(self.leg(exchange, 200).is_nothing());
        }
    }

    pub(crate) fn leg(&mut self, exchange: ExchangeId, status: u16) -> Done {
        let open = self.store.get_mut(exchange);
        let attempt = open.map_or(0, |open| open.attempts);
        self.handle(Input::LegCompleted {
            exchange,
            attempt,
            status,
        })
    }
}

/// The transaction of the sender at this place.
pub(crate) fn held_as(label: u32) -> TransactionId {
    TransactionId {
        entry: 7,
        label,
        ..TransactionId::default()
    }
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
