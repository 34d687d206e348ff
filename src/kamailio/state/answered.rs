//! Requests that have their final response: a copy that comes when tm has forgotten them gets the same one.
//!
//! A client that lost the answer repeats a MESSAGE over UDP for 32 s (timer J, RFC 3261 §17.2.2). tm keeps a transaction
//! for `wt_timer`, in many kilobytes; here it is one line of a table that all processes share. Each line has its place in
//! a set by its digest, and the newest of a set stay.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};

/// How long a copy may come: 64*T1.
const COPIES_MS: u64 = 32_000;

/// tm's timers may end so much earlier than they say.
const TM_MAY_BE_EARLY_MS: u64 = 500;

/// How many lines a set has.
const WAYS: usize = 8;

/// How many sets: together 32 s of 1,300 messages in a second fill a third of the table.
const SETS: usize = 16_384;

/// What all processes know of requests that are answered.
pub(crate) struct Answered {
    sets: SharedSlice<Set>,
    /// When the last one was answered, on the monotonic clock.
    last_ms: SharedSlice<AtomicU64>,
    /// How long tm answers copies itself.
    wait_ms: u64,
}

#[repr(C)]
struct Set {
    lock: Lock,
    lines: UnsafeCell<[AnsweredRequest; WAYS]>,
}

/// The final response to one request.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct AnsweredRequest {
    pub(crate) digest: u64,
    /// When it was answered, on the monotonic clock; 0: no line.
    pub(crate) at_ms: u64,
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
}

// SAFETY: a lock and integers; zero octets are no line.
unsafe impl Plain for Set {}
// SAFETY: the lines are touched only under the lock beside them.
unsafe impl Sync for Set {}

impl Answered {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(wait_ms: u64) -> Option<Self> {
        let this = Self {
            sets: SharedSlice::zeroed(SETS)?,
            last_ms: SharedSlice::zeroed(1)?,
            wait_ms: wait_ms.saturating_sub(TM_MAY_BE_EARLY_MS),
        };
        for set in this.sets.iter() {
            set.lock.init();
        }
        Some(this)
    }

    /// The set of a digest. Their number is a power of two: the low bits choose.
    fn with_set<T>(&self, digest: u64, see: impl FnOnce(&mut [AnsweredRequest; WAYS]) -> T) -> T {
        let set = &self.sets[digest as usize & (SETS - 1)];
        let _held = set.lock.hold();
        // SAFETY: under the set's lock.
        see(unsafe { &mut *set.lines.get() })
    }

    pub(crate) fn remember(&self, line: AnsweredRequest) {
        self.last_ms[0].store(line.at_ms, Relaxed);
        self.with_set(line.digest, |lines| {
            let known = lines.iter_mut().find(|old| old.digest == line.digest);
            let place = match known {
                Some(old) => Some(old),
                None => lines.iter_mut().min_by_key(|old| old.at_ms),
            };
            if let Some(place) = place {
                *place = line;
            }
        });
    }

    /// The answer to the request with this digest, where it is on us to repeat it.
    pub(crate) fn recall(&self, digest: u64, now_ms: u64) -> Option<AnsweredRequest> {
        let lines = self.with_set(digest, |lines| *lines);
        lines.into_iter().find(|line| {
            let age = now_ms.saturating_sub(line.at_ms);
            let is_known = line.at_ms != 0 && line.digest == digest;
            is_known && (self.wait_ms..COPIES_MS).contains(&age)
        })
    }

    /// Whether there may be anything to repeat.
    pub(crate) fn has_any(&self, now_ms: u64) -> bool {
        let last_ms = self.last_ms[0].load(Relaxed);
        last_ms != 0 && now_ms < last_ms + COPIES_MS
    }
}
