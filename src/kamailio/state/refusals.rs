//! Requests that are refused because there is too much to do, and the sockets that they came through.

use std::cell::UnsafeCell;
use std::os::raw::c_int;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::recent::{self, Said, Set};
use crate::interwork::{EarlierCopy, Over, Overload, Queue, REFUSED_FOR_MS};

use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};

/// How many sets of eight requests are remembered: 32 s of 8,000 requests in a second fill half of them.
const SETS: usize = 65_536;

const PASSED: Said = 0;
const REFUSED: Said = 1;

/// What all processes know of refusals.
pub(crate) struct Refusals {
    state: SharedSlice<State>,
    requests: SharedSlice<Set>,
    /// What was seen of the sockets, by their numbers.
    queues: SharedSlice<Seen>,
}

#[repr(C)]
struct State {
    lock: Lock,
    overload: UnsafeCell<Overload>,
}

/// Two words that two processes may write at once: then the one or the other has seen nothing.
#[repr(C)]
struct Seen {
    since_ms: AtomicU64,
    seen_ms: AtomicU64,
}

/// For so many sockets; numbers beyond share their places.
const SOCKETS: usize = 256;

// SAFETY: integers; zero octets are a queue that was not seen.
unsafe impl Plain for Seen {}
// SAFETY: a lock and integers; zero octets are no overload.
unsafe impl Plain for State {}
// SAFETY: the overload is touched only under the lock beside it.
unsafe impl Sync for State {}

impl Refusals {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new() -> Option<Self> {
        let this = Self {
            state: SharedSlice::zeroed(1)?,
            requests: SharedSlice::zeroed(SETS)?,
            queues: SharedSlice::zeroed(SOCKETS)?,
        };
        for state in this.state.iter() {
            state.lock.init();
        }
        Some(this)
    }

    /// A socket's queue is so full now, in percent: for how many milliseconds it has not been empty.
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

    /// What became of an earlier copy of a request; nothing where none is known.
    pub(crate) fn recall(&self, digest: u64, now_ms: u64) -> Option<EarlierCopy> {
        let (said, age_ms) = recent::recall(&self.requests, digest, now_ms)?;
        (age_ms < REFUSED_FOR_MS).then_some(match said {
            PASSED => EarlierCopy::Passed,
            _ => EarlierCopy::Refused,
        })
    }

    pub(crate) fn remember(&self, digest: u64, earlier: EarlierCopy, now_ms: u64) {
        let said = match earlier {
            EarlierCopy::Passed => PASSED,
            EarlierCopy::Refused => REFUSED,
        };
        recent::remember(&self.requests, digest, said, now_ms);
    }

    /// A request is refused; true where the log is to say so.
    pub(crate) fn refuse(&self, digest: u64, now_ms: u64) -> bool {
        self.remember(digest, EarlierCopy::Refused, now_ms);
        let state = &self.state[0];
        let _held = state.lock.hold();
        // SAFETY: under its lock.
        unsafe { &mut *state.overload.get() }.refused(now_ms)
    }

    /// Each second: says in the log that an overload is over.
    pub(crate) fn tick(&self, now_ms: u64) {
        let state = &self.state[0];
        let over = {
            let _held = state.lock.hold();
            // SAFETY: under its lock.
            unsafe { &mut *state.overload.get() }.passes(now_ms)
        };
        if let Some(Over { lasted_ms, refused }) = over {
            tracing::warn!(seconds = lasted_ms / 1000, refused, "the overload is over");
        }
    }
}
