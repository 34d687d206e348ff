//! The table of open exchanges that Kamailio's processes share: the real code, on the heap instead of Kamailio's shared memory.

#[allow(dead_code, unused_imports, reason = "the simulation uses a part of it")]
mod state;
#[allow(dead_code, unused_imports, reason = "the simulation uses a part of it")]
#[allow(unsafe_code, reason = "memory that processes share")]
mod sys;

use std::hash::{BuildHasherDefault, DefaultHasher};

use ipsmgw::exchange::{ExchangeKey, NothingOpen, Now};
use ipsmgw::interwork::{Gateway, Input, Step};

use state::exchanges::{LockedExchanges, Node, OpenExchanges};
use state::table::Bounds;
use sys::sharing::Heap;

/// A hasher without chance: a seed decides everything.
type Hasher = BuildHasherDefault<DefaultHasher>;

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
    pub(crate) fn new(places: u32, per_chain: u32, per_sender: u32, start_ms: u64) -> Self {
        let bounds = Bounds {
            places,
            per_chain,
            per_sender,
        };
        let node = Node {
            number: 1,
            is_one_of_several: false,
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
    ) -> Step {
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
            None => gateway.handle(input, now, &mut NothingOpen),
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
    ) -> Option<(ExchangeKey, Step)> {
        let (locked, exchange) = self.0.lock_due(place, now.unix_ms)?;
        let step = decide_in(locked, gateway, Input::Due { exchange }, now, meddle);
        Some((exchange, step))
    }

    /// How many exchanges are open.
    pub(crate) fn open(&self) -> usize {
        self.0.open().count()
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
) -> Step {
    let mut step = gateway.handle(input, now, &mut locked);
    meddle(&mut step);
    locked.commit(&step.changes);
    step
}
