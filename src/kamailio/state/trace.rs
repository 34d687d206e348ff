//! What is known of messages that are open or ended lately, by the Call-ID of their senders: for the log and for
//! `ipsmgw.trace`. No number and no text of anybody.

use std::sync::atomic::Ordering::Relaxed;

use crate::base::Text;
use crate::exchange::{ExchangeKey, Kind};
use crate::interwork::{Ended, Ending};

use crate::kamailio::sys::clock;
use crate::kamailio::sys::sharing::{AtomicU32, Guarded, Memory, Shm, ShmBox, plain};

/// How many ended messages are remembered; a power of two.
const REMEMBERED: usize = 4096;

/// A Call-ID that is longer is kept as far as this.
pub(crate) type CallId = Text<126>;

/// What is known of one message.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) exchange: ExchangeKey,
    pub(crate) kind: Kind,
    pub(crate) call_id: CallId,
    /// Monotonic milliseconds.
    pub(crate) opened_ms: u64,
    pub(crate) ended_ms: u64,
    /// The last outcome.
    pub(crate) ended: Option<Ended>,
}

plain!(struct Known { exchange, kind, call_id, opened_ms, ended_ms, ended });

/// What is known of one message, and its lock.
type Place = Guarded<<Shm as Memory>::Lock, Option<Known>>;

pub(crate) struct Trace {
    /// An exchange has its place by the low bits of its number. No two that are open share a place (`table/serials.rs`).
    open: <Shm as Memory>::Array<Place>,
    /// The newest outcome goes to the place of the oldest.
    ended: <Shm as Memory>::Array<Place>,
    next: ShmBox<AtomicU32>,
}

impl Trace {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(capacity: u32) -> Option<Self> {
        let open = (usize::try_from(capacity).ok()? * 2).next_power_of_two();
        Some(Self {
            open: Shm::array(open, |_| Guarded::new(None))?,
            ended: Shm::array(REMEMBERED, |_| Guarded::new(None))?,
            next: Shm::boxed(AtomicU32::new(0))?,
        })
    }

    fn place(&self, exchange: ExchangeKey) -> Option<&Place> {
        self.open
            .get(exchange.serial() as usize & (self.open.len() - 1))
    }

    /// A message was taken.
    pub(crate) fn opened(&self, exchange: ExchangeKey, kind: Kind, call_id: &str) {
        let mut kept = CallId::EMPTY;
        // What does not fit is not kept.
        let mut end = call_id.len().min(126);
        while !call_id.is_char_boundary(end) {
            end -= 1;
        }
        if let Some(whole) = CallId::new(&call_id[..end]) {
            kept = whole;
        }
        let known = Known {
            exchange,
            kind,
            call_id: kept,
            opened_ms: clock::monotonic_ms(),
            ended_ms: 0,
            ended: None,
        };
        if let Some(place) = self.place(exchange) {
            *place.lock() = Some(known);
        }
    }

    /// An outcome is known. What is known of the message, where it was opened by a request.
    pub(crate) fn ended(&self, ended: Ended) -> Option<Known> {
        let now_ms = clock::monotonic_ms();
        let known = self.place(ended.exchange)?.with(|place| {
            let known = place
                .as_mut()
                .filter(|known| known.exchange == ended.exchange)?;
            known.ended = Some(ended);
            known.ended_ms = now_ms;
            Some(*known)
        })?;
        let next = self.next.fetch_add(1, Relaxed);
        let place = self.ended.get(next as usize & (REMEMBERED - 1))?;
        *place.lock() = Some(known);
        Some(known)
    }

    /// The Call-ID of the message that an exchange is about.
    pub(crate) fn call_id(&self, exchange: ExchangeKey) -> Option<CallId> {
        let is_it = |known: &Known| known.exchange == exchange;
        self.place(exchange)?
            .with(|place| place.filter(is_it))
            .map(|known| known.call_id)
    }

    /// All that is known of messages with this Call-ID: the open ones and what ended lately, each once.
    pub(crate) fn of(&self, call_id: &str) -> Vec<Known> {
        let mut found: Vec<Known> = Vec::new();
        for place in self.open.iter().chain(self.ended.iter()) {
            let Some(known) = place.with(|place| place.filter(|it| it.call_id.as_str() == call_id))
            else {
                continue;
            };
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

/// How an exchange is named in the log: its MESSAGEs have this at the start of their Call-IDs.
pub(crate) fn name(exchange: ExchangeKey) -> String {
    format!("{:x}-{:x}", exchange.node(), exchange.serial())
}

/// Which way a message crosses.
pub(crate) const fn direction(kind: Kind) -> &'static str {
    match kind {
        Kind::ListDelivery => "im_to_im",
        other => other.name(),
    }
}

/// One line about an outcome. The log adds whose it is.
pub(crate) fn tell(ended: Ended) {
    let Ended {
        kind,
        ending,
        status,
        sip_failure,
        rp_cause,
        tp_fcs,
        ..
    } = ended;
    let (direction, outcome) = (direction(kind), ending.name());
    let number = |value: Option<u16>| value.map_or(String::from("none"), |value| value.to_string());
    let (rp_cause, tp_fcs) = (
        number(rp_cause.map(Into::into)),
        number(tp_fcs.map(Into::into)),
    );
    let leg = number(sip_failure);
    // What went well is for those who want to know more.
    if ending == Ending::Delivered {
        tracing::info!(direction, status, "{outcome}");
    } else {
        tracing::info!(target: "ipsmgw::notice", direction, status, %leg, %rp_cause, %tp_fcs, "{outcome}");
    }
}
