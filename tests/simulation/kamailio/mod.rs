//! The table of open exchanges that Kamailio's processes share: the real code, on the heap instead of Kamailio's shared memory.

#[allow(dead_code, unused_imports, reason = "the simulation uses a part of it")]
mod state;
#[allow(dead_code, unused_imports, reason = "the simulation uses a part of it")]
#[allow(unsafe_code, reason = "memory that processes share")]
mod sys;

use std::cell::Cell;
use std::hash::{BuildHasher, DefaultHasher, Hasher as _};

use ipsmgw::exchange::{
    Exchange, ExchangeKey, Identity, NothingOpen, Now, PastSm, Store as _, Texts,
};
use ipsmgw::interwork::{Gateway, Input, Step, replaced_by_stored, stands_for};

use state::exchanges::{self, LockedExchanges, Node, OpenExchanges};
pub(crate) use state::other_nodes::{Answer, may_take_over};
use state::table::Bounds;
use sys::sharing::Heap;

thread_local! {
    static START: Cell<u64> = const { Cell::new(0) };
}

/// A hasher without chance: a seed decides everything. Each start of the host has another one.
struct Hasher(u64);

impl Default for Hasher {
    fn default() -> Self {
        Self(START.get())
    }
}

impl BuildHasher for Hasher {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        if self.0 > 0 {
            hasher.write_u64(self.0);
        }
        hasher
    }
}

/// What the database is to take over of a commit.
#[derive(Clone, Copy)]
pub(crate) enum Behind {
    /// The exchange is open: its row is written, which may be there.
    Opened(ExchangeKey),
    /// The exchange has changed: its row is written.
    Changed(ExchangeKey),
    /// The exchange has left memory: its row says so.
    Released(ExchangeKey),
    /// The exchange has ended, or is not kept any more: its row goes.
    Ended(ExchangeKey),
}

/// The open exchanges.
pub(crate) struct Table(OpenExchanges<Heap, Hasher>);

/// Whose bucket an input is for.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// The one of an exchange, which may have ended.
    Exchange(ExchangeKey),
    /// The one of an identity.
    Identity(&'a str),
    /// The one of an exchange; of the identity, if the exchange has ended.
    Either(ExchangeKey, &'a str),
}

impl Table {
    /// The table of the host's first start (0), or of a later one; the host is this node, and perhaps one of several.
    pub(crate) fn new(
        (places, per_chain, per_sender): (u32, u32, u32),
        start_ms: u64,
        start: u64,
        (number, is_one_of_several): (u16, bool),
    ) -> Self {
        START.set(2 * start + u64::from(number - 1));
        let bounds = Bounds {
            places,
            per_chain,
            per_sender,
        };
        let node = Node {
            number,
            is_one_of_several,
        };
        Self(OpenExchanges::new(bounds, start_ms, node).expect("the heap is large enough"))
    }

    /// As `kamailio/engine/decide.rs`: the decision is committed under the lock of the bucket. `meddle` puts faults into it.
    pub(crate) fn decide(
        &self,
        gateway: &Gateway,
        at: At<'_>,
        input: Input<'_>,
        now: Now,
        meddle: impl FnOnce(&mut Step),
    ) -> (Step, Vec<Behind>) {
        let locked = match at {
            At::Exchange(key) => self.0.lock_of(key, now.unix_ms),
            At::Identity(identity) => Some(self.0.lock(identity, now.unix_ms)),
            At::Either(key, identity) => {
                let named = self.0.lock_of(key, now.unix_ms);
                Some(named.unwrap_or_else(|| self.0.lock(identity, now.unix_ms)))
            }
        };
        match locked {
            Some(locked) => decide_in(locked, gateway, input, now, meddle),
            None => (gateway.handle(input, now, &mut NothingOpen), Vec::new()),
        }
    }

    /// The places whose alarm is due.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<u32> {
        match self.0.may_be_due(now_ms) {
            true => self.0.due(now_ms).collect(),
            false => Vec::new(),
        }
    }

    /// As `kamailio/engine/timer.rs`: the exchange in this place is told that its deadline has passed.
    pub(crate) fn decide_due(
        &self,
        place: u32,
        gateway: &Gateway,
        now: Now,
        meddle: impl FnOnce(&mut Step),
    ) -> Option<(ExchangeKey, Step, Vec<Behind>)> {
        let (locked, exchange) = self.0.lock_due(place, now.unix_ms)?;
        let (step, behind) = decide_in(locked, gateway, Input::Due { exchange }, now, meddle);
        Some((exchange, step, behind))
    }

    /// Takes up an exchange of an earlier start, of this identity. Nothing where there is no place for it.
    pub(crate) fn take_up(
        &self,
        gateway: &Gateway,
        identity: &str,
        (exchange, texts): (&Exchange, &Texts),
        now: Now,
    ) -> Option<(Step, Vec<Behind>)> {
        let octets = texts.as_octets().len();
        let locked = self
            .0
            .lock_to_take_up(identity, exchange, octets, now.unix_ms)?;
        let input = Input::TakenUp { exchange, texts };
        Some(decide_in(locked, gateway, input, now, |_| {}))
    }

    /// An open exchange and its texts.
    pub(crate) fn read(&self, key: ExchangeKey, now_ms: u64) -> Option<(Exchange, Texts)> {
        let locked = self.0.lock_of(key, now_ms)?;
        Some((locked.by_key(key)?, locked.texts(key)?))
    }

    /// The exchanges whose rows go when this one is written.
    pub(crate) fn replaced_by(&self, key: ExchangeKey, now_ms: u64) -> Vec<ExchangeKey> {
        let replaced = || {
            let written = self.0.lock_of(key, now_ms)?.by_key(key)?;
            let message = stands_for(&written)?;
            let mut locked = self.0.lock_of(message, now_ms)?;
            Some(replaced_by_stored(message, &mut locked))
        };
        replaced().unwrap_or_default()
    }

    /// The outcome of a short message that the table remembers.
    pub(crate) fn outcome_of(
        &self,
        identity: &Identity,
        digest: u64,
        now_ms: u64,
    ) -> Option<PastSm> {
        let locked = self.0.lock(identity.as_str(), now_ms);
        let past = locked.outcome_of(digest);
        past.filter(|past| past.until_ms > now_ms)
    }

    /// Whether an exchange is open.
    pub(crate) fn is_open(&self, key: ExchangeKey, now_ms: u64) -> bool {
        self.0.lock_of(key, now_ms).is_some()
    }

    /// How many exchanges are open.
    pub(crate) fn open(&self) -> usize {
        self.0.open().count()
    }

    /// The open exchanges.
    pub(crate) fn keys(&self, now_ms: u64) -> Vec<ExchangeKey> {
        let key = |place| Some(self.0.lock_open(place, now_ms)?.1);
        self.0.open().filter_map(key).collect()
    }

    /// How many senders have something open.
    pub(crate) fn senders(&self) -> u32 {
        self.0.senders()
    }
}

fn decide_in(
    mut locked: LockedExchanges<'_, Heap, Hasher>,
    gateway: &Gateway,
    input: Input<'_>,
    now: Now,
    meddle: impl FnOnce(&mut Step),
) -> (Step, Vec<Behind>) {
    let mut step = gateway.handle(input, now, &mut locked);
    meddle(&mut step);
    let behind = locked.commit(&step.changes);
    let behind = behind.into_iter().map(|change| match change {
        exchanges::Behind::Opened(key) => Behind::Opened(key),
        exchanges::Behind::Changed(key) => Behind::Changed(key),
        exchanges::Behind::Ended(key) | exchanges::Behind::EndedUnwritten(key) => {
            Behind::Ended(key)
        }
        exchanges::Behind::Released(key) => Behind::Released(key),
    });
    (step, behind.collect())
}
