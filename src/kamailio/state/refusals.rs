//! Requests that were refused under overload, and the fill of the sockets that they came through.

use std::os::raw::c_int;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::recent::{self, Note, Set};
use crate::interwork::{COPIES_MS, EarlierCopy, MissingReport, Over, Overload, Queue};

use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, plain};

/// The number of sets of eight requests: 8,000 requests a second fill half of them in 32 s.
const SETS: usize = 65_536;

const PASSED: Note = 0;
const REFUSED: Note = 1;

/// The refused requests, for all processes.
pub(crate) struct Refusals<M: Memory> {
    overload: M::Box<Guarded<M::Lock, Overload>>,
    requests: M::Array<Set>,
    /// The last state of the sockets, by their numbers.
    queues: M::Array<Seen>,
}

/// The last state of the queue of one socket. If two processes write it at once, one of the two updates is lost.
struct Seen {
    since_ms: AtomicU64,
    seen_ms: AtomicU64,
}

/// The number of entries for sockets. Sockets with higher numbers share entries.
const SOCKETS: usize = 256;

plain!(struct Seen { since_ms, seen_ms });

impl<M: Memory> Refusals<M> {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            overload: M::boxed(Guarded::new(Overload::default()))?,
            requests: M::array(SETS, |_| Set::default())?,
            queues: M::array(SOCKETS, |_| Seen {
                since_ms: AtomicU64::new(0),
                seen_ms: AtomicU64::new(0),
            })?,
        })
    }

    /// Notes that a socket's queue is this full, in percent. Returns for how many milliseconds it has not been empty.
    pub(crate) fn standing(&self, socket: c_int, percent: u32, now_ms: u64) -> u32 {
        let seen = &self.queues[socket.unsigned_abs() as usize % SOCKETS];
        let mut queue = Queue {
            since_ms: seen.since_ms.load(Relaxed),
            seen_ms: seen.seen_ms.load(Relaxed),
        };
        let standing_ms = queue.sees(percent, now_ms);
        seen.since_ms.store(queue.since_ms, Relaxed);
        seen.seen_ms.store(queue.seen_ms, Relaxed);
        standing_ms
    }

    /// The fate of an earlier copy of a request; none if no copy is known.
    pub(crate) fn recall(&self, digest: u64, now_ms: u64) -> Option<EarlierCopy> {
        let (note, age_ms) = recent::recall(&self.requests, digest, now_ms)?;
        // Also when the overload is over.
        (age_ms < COPIES_MS).then_some(match note {
            PASSED => EarlierCopy::Passed,
            _ => EarlierCopy::Refused,
        })
    }

    pub(crate) fn remember(&self, digest: u64, earlier: EarlierCopy, now_ms: u64) {
        let note = match earlier {
            EarlierCopy::Passed => PASSED,
            EarlierCopy::Refused => REFUSED,
        };
        recent::remember(&self.requests, digest, note, now_ms);
    }

    /// Counts a report on the exchange with this digest. False when there were too many.
    pub(crate) fn counts_report(&self, digest: u64, now_ms: u64) -> bool {
        let before = recent::recall(&self.requests, digest, now_ms).map_or(0, |(count, _)| count);
        let passed = MissingReport::passed(before);
        if let Some(count) = passed {
            recent::remember(&self.requests, digest, count, now_ms);
        }
        passed.is_some()
    }

    /// A request is refused; true if this must be logged.
    pub(crate) fn refuse(&self, digest: u64, now_ms: u64) -> bool {
        self.remember(digest, EarlierCopy::Refused, now_ms);
        self.overload.with(|overload| overload.refused(now_ms))
    }

    /// Each second: says in the log that an overload is over.
    pub(crate) fn tick(&self, now_ms: u64) {
        let over = self.overload.with(|overload| overload.passes(now_ms));
        if let Some(Over { lasted_ms, refused }) = over {
            tracing::warn!(seconds = lasted_ms / 1000, refused, "the overload is over");
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    #[test]
    fn a_refused_request_stays_refused() {
        let refusals = Refusals::<Heap>::new().unwrap();
        assert_eq!(refusals.recall(7, 1_000), None);
        refusals.remember(7, EarlierCopy::Passed, 1_000);
        assert_eq!(refusals.recall(7, 2_000), Some(EarlierCopy::Passed));
        assert!(refusals.refuse(7, 3_000), "the overload begins");
        assert!(!refusals.refuse(8, 3_100), "it goes on");
        assert_eq!(refusals.recall(7, 34_000), Some(EarlierCopy::Refused));
        assert_eq!(refusals.recall(7, 36_000), None);
    }

    #[test]
    fn reports_on_one_exchange_are_counted() {
        let refusals = Refusals::<Heap>::new().unwrap();
        let passed = (0..100).filter(|at| refusals.counts_report(7, 1_000 + at));
        assert_eq!(passed.count(), 24);
        assert!(refusals.counts_report(8, 1_100));
    }

    #[test]
    fn each_socket_has_a_queue_of_its_own() {
        let refusals = Refusals::<Heap>::new().unwrap();
        assert_eq!(refusals.standing(5, 50, 1_000), 0);
        assert_eq!(refusals.standing(6, 50, 1_020), 0);
        assert_eq!(refusals.standing(5, 50, 1_030), 30);
        assert_eq!(refusals.standing(-1, 50, 1_030), 0);
    }
}
