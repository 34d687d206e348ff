//! Messages that are open or ended a short time ago, by the Call-ID of their senders: for the log and for
//! `ipsmgw.trace`. Without numbers and texts of subscribers.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Text;
use crate::exchange::{ExchangeKey, Kind};
use crate::interwork::{Ended, Ending};

use crate::kamailio::sys::sharing::{AtomicU32, Guarded, Memory, plain};

/// How many ended messages are remembered; a power of two.
const REMEMBERED: usize = 4096;

/// A Call-ID that is longer is kept as far as this.
pub(crate) type CallId = Text<126>;

/// One message.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) exchange: ExchangeKey,
    pub(crate) kind: Kind,
    /// Whether it is a short message from phone to phone.
    pub(crate) to_phone: bool,
    pub(crate) call_id: CallId,
    /// Monotonic milliseconds.
    pub(crate) opened_ms: u64,
    pub(crate) ended_ms: u64,
    /// The last outcome.
    pub(crate) ended: Option<Ended>,
}

plain!(struct Known { exchange, kind, to_phone, call_id, opened_ms, ended_ms, ended });

/// A message with an outcome. It holds a digest of the Call-ID instead of the Call-ID: so it fits in one line of the processor's cache.
#[derive(Clone, Copy)]
struct Past {
    call_id: u64,
    opened_ms: u64,
    /// Milliseconds from the start of the exchange to the outcome.
    took_ms: u32,
    ended: Ended,
}

plain!(struct Past { call_id, opened_ms, took_ms, ended });

/// The message, or nothing.
type Place<M, V> = Guarded<<M as Memory>::Lock, Option<V>>;

pub(crate) struct Trace<M: Memory> {
    /// An exchange has its place by the low bits of its number. No two open exchanges share a place (`table/serials.rs`).
    open: M::Array<Place<M, Known>>,
    /// The newest outcome goes to the place of the oldest.
    ended: M::Array<Place<M, Past>>,
    next: M::Box<AtomicU32>,
    /// Makes the digests of Call-IDs. It gets its key before the fork, so all processes make the same digest.
    hasher: RandomState,
}

impl<M: Memory> Trace<M> {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(capacity: u32) -> Option<Self> {
        let open = usize::try_from(capacity).ok()?.checked_mul(2)?;
        Some(Self {
            open: M::array(open.checked_next_power_of_two()?, |_| Guarded::new(None))?,
            ended: M::array(REMEMBERED, |_| Guarded::new(None))?,
            next: M::boxed(AtomicU32::new(0))?,
            hasher: RandomState::new(),
        })
    }

    fn place(&self, exchange: ExchangeKey) -> Option<&Place<M, Known>> {
        self.open
            .get(exchange.serial() as usize & (self.open.len() - 1))
    }

    /// A message was taken.
    pub(crate) fn opened(
        &self,
        exchange: ExchangeKey,
        (kind, to_phone): (Kind, bool),
        call_id: &str,
        now_ms: u64,
    ) {
        let known = Known {
            exchange,
            kind,
            to_phone,
            call_id: cut(call_id).unwrap_or_default(),
            opened_ms: now_ms,
            ended_ms: 0,
            ended: None,
        };
        if let Some(place) = self.place(exchange) {
            *place.lock() = Some(known);
        }
    }

    /// The outcome of a message is known. Returns the milliseconds since its request; `None` for an exchange that no
    /// request opened.
    pub(crate) fn ended(&self, ended: Ended, now_ms: u64) -> Option<u32> {
        let place = self.place(ended.exchange)?;
        let past = place.with(|place| {
            let known = place
                .as_mut()
                .filter(|known| known.exchange == ended.exchange)?;
            known.ended = Some(ended);
            known.ended_ms = now_ms;
            let took_ms = now_ms.saturating_sub(known.opened_ms);
            Some(Past {
                call_id: self.hasher.hash_one(known.call_id.as_str()),
                opened_ms: known.opened_ms,
                took_ms: u32::try_from(took_ms).unwrap_or(u32::MAX),
                ended,
            })
        });
        let past = past?;
        let next = self.next.fetch_add(1, Relaxed);
        *self.ended[next as usize & (REMEMBERED - 1)].lock() = Some(past);
        Some(past.took_ms)
    }

    /// The Call-ID of the message that an exchange is about.
    pub(crate) fn call_id(&self, exchange: ExchangeKey) -> Option<CallId> {
        let is_it = |known: &Known| known.exchange == exchange;
        self.place(exchange)?
            .with(|place| place.filter(is_it))
            .map(|known| known.call_id)
    }

    /// All messages with this Call-ID: those that are open or ended a short time ago, each once.
    pub(crate) fn of(&self, call_id: &str) -> Vec<Known> {
        let mut found: Vec<Known> = Vec::new();
        let open = self.open.iter().filter_map(|place| {
            place.with(|place| place.filter(|it| it.call_id.as_str() == call_id))
        });
        let digest = self.hasher.hash_one(call_id);
        let ended = self.ended.iter().filter_map(|place| {
            let past = place.with(|place| place.filter(|it| it.call_id == digest))?;
            Some(Known {
                exchange: past.ended.exchange,
                kind: past.ended.kind,
                to_phone: past.ended.to_phone,
                call_id: CallId::EMPTY,
                opened_ms: past.opened_ms,
                ended_ms: past.opened_ms + u64::from(past.took_ms),
                ended: Some(past.ended),
            })
        });
        for known in open.chain(ended) {
            match found.iter_mut().find(|it| it.exchange == known.exchange) {
                Some(other) if other.ended_ms < known.ended_ms => *other = known,
                Some(_) => {}
                None => found.push(known),
            }
        }
        found.sort_by_key(|known| known.opened_ms);
        found
    }
}

/// The Call-ID. What does not fit is not kept.
pub(crate) fn cut(call_id: &str) -> Option<CallId> {
    let mut end = call_id.len().min(126);
    while !call_id.is_char_boundary(end) {
        end -= 1;
    }
    CallId::new(&call_id[..end])
}

/// How an exchange is named in the log: its MESSAGEs have this at the start of their Call-IDs.
pub(crate) fn name(exchange: ExchangeKey) -> String {
    format!("{:x}-{:x}", exchange.node(), exchange.serial())
}

/// Which way a message crosses.
pub(crate) const fn direction(kind: Kind, to_phone: bool) -> &'static str {
    match kind {
        Kind::SmToIm if to_phone => "sm_to_sm",
        Kind::ListDelivery => "im_to_im",
        other => other.name(),
    }
}

/// One line about an outcome. The log adds whose it is.
pub(crate) fn tell(ended: Ended) {
    let Ended {
        kind,
        to_phone,
        ending,
        status,
        sip_failure,
        rp_cause,
        tp_fcs,
        ..
    } = ended;
    let (direction, outcome) = (direction(kind, to_phone), ending.name());
    // A success is a line of a lower level.
    if ending == Ending::Delivered {
        tracing::info!(direction, status, "{outcome}");
        return;
    }
    let number = |value: Option<u16>| value.map_or(String::from("none"), |value| value.to_string());
    let rp_cause = number(rp_cause.map(Into::into));
    let tp_fcs = number(tp_fcs.map(Into::into));
    let leg = number(sip_failure);
    tracing::info!(target: "ipsmgw::notice", direction, status, %leg, %rp_cause, %tp_fcs, "{outcome}");
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    fn exchange(serial: u64) -> ExchangeKey {
        ExchangeKey::new(1, serial).unwrap()
    }

    const fn ended(exchange: ExchangeKey, status: u16) -> Ended {
        Ended {
            exchange,
            kind: Kind::ImToSm,
            to_phone: false,
            ending: Ending::Delivered,
            status,
            sip_failure: None,
            rp_cause: None,
            tp_fcs: None,
            no_report: false,
        }
    }

    #[test]
    fn a_message_is_found_by_its_call_id_while_it_is_open_and_when_it_has_ended() {
        let trace = Trace::<Heap>::new(2).unwrap();
        trace.opened(exchange(1), (Kind::ImToSm, false), "a@x", 10);
        trace.opened(exchange(2), (Kind::ImToSm, false), "a@x", 5);
        trace.opened(exchange(3), (Kind::ImToSm, false), "b@x", 7);
        assert_eq!(trace.call_id(exchange(3)).unwrap().as_str(), "b@x");
        trace.ended(ended(exchange(1), 200), 20);
        // Another exchange takes its place.
        trace.opened(exchange(5), (Kind::ImToSm, false), "c@x", 30);
        assert_eq!(trace.call_id(exchange(1)), None);
        // A later outcome of the earlier exchange is dropped.
        trace.ended(ended(exchange(1), 480), 40);
        let found = trace.of("a@x");
        assert_eq!((found[1].opened_ms, found[1].ended_ms), (10, 20));
        let statuses = found.iter().map(|known| known.ended.map(|end| end.status));
        assert!(statuses.eq([None, Some(200)]), "the oldest first");
        assert!(trace.of("d@x").is_empty());
    }

    #[test]
    fn a_later_outcome_counts() {
        let trace = Trace::<Heap>::new(2).unwrap();
        trace.opened(exchange(1), (Kind::ImToSm, false), "a@x", 10);
        for (status, now_ms) in [(202, 20), (200, 30)] {
            trace.ended(ended(exchange(1), status), now_ms);
        }
        let found = trace.of("a@x");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].ended.unwrap().status, 200);
    }

    #[test]
    fn a_long_call_id_is_cut_between_characters() {
        let trace = Trace::<Heap>::new(1).unwrap();
        trace.opened(
            exchange(1),
            (Kind::ImToSm, false),
            &format!("x{}", "é".repeat(90)),
            1,
        );
        let kept = trace.call_id(exchange(1)).unwrap();
        assert_eq!(kept.as_str(), format!("x{}", "é".repeat(62)));
    }
}
