//! Recipients of stored messages, for all processes, without the database and without a lock: counters at the places
//! that the digest of a recipient selects (a Bloom filter). A recipient who is in it is always found. Another recipient
//! is found by mistake only rarely: there are sixteen counters for each message that may be stored, up to a bound.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::Ordering::Relaxed;

use crate::kamailio::sys::sharing::{AtomicU32, Memory};

/// Fewest and most counters.
const COUNTERS: std::ops::RangeInclusive<usize> = 4_096..=1 << 20;

/// Counters for each message that may be stored.
const EACH: usize = 16;

/// The same number for a recipient in all processes.
pub(crate) fn digest(of: &str) -> u64 {
    let mut digest = DefaultHasher::new();
    of.hash(&mut digest);
    digest.finish()
}

/// The recipients.
pub(crate) struct StoredFor<M: Memory> {
    /// A power of two.
    counters: M::Array<AtomicU32>,
}

impl<M: Memory> StoredFor<M> {
    /// For this many stored messages; `None` when the memory is full.
    pub(crate) fn new(messages: usize) -> Option<Self> {
        let count = messages
            .saturating_mul(EACH)
            .clamp(*COUNTERS.start(), *COUNTERS.end());
        Some(Self {
            counters: M::array(count.next_power_of_two(), |_| AtomicU32::new(0))?,
        })
    }

    /// Two independent places.
    fn places(&self, digest: u64) -> [Option<&AtomicU32>; 2] {
        let mask = self.counters.len() - 1;
        [digest, digest >> 32].map(|half| self.counters.get(half as usize & mask))
    }

    /// Once more.
    pub(crate) fn add(&self, digest: u64) {
        for counter in self.places(digest).into_iter().flatten() {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Counts one message less. Only recipients that were added are removed.
    pub(crate) fn remove(&self, digest: u64) {
        for counter in self.places(digest).into_iter().flatten() {
            counter.fetch_sub(1, Relaxed);
        }
    }

    /// Whether this recipient is in it.
    pub(crate) fn has(&self, digest: u64) -> bool {
        self.places(digest)
            .into_iter()
            .all(|counter| counter.is_some_and(|counter| counter.load(Relaxed) > 0))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    fn recipients(range: std::ops::Range<u32>) -> impl Iterator<Item = u64> {
        range.map(|number| digest(&format!("+1555{number:07}")))
    }

    #[test]
    fn members_are_always_found_and_others_rarely() {
        let stored = StoredFor::<Heap>::new(10_000).unwrap();
        recipients(0..10_000).for_each(|digest| stored.add(digest));
        assert!(recipients(0..10_000).all(|digest| stored.has(digest)));
        let others = recipients(10_000..110_000).filter(|digest| stored.has(*digest));
        let others = others.count();
        assert!(others < 1_000, "{others} of 100,000");
        // Each one goes as often as it came.
        recipients(0..10_000).for_each(|digest| stored.add(digest));
        recipients(0..10_000).for_each(|digest| stored.remove(digest));
        assert!(recipients(0..10_000).all(|digest| stored.has(digest)));
        recipients(0..10_000).for_each(|digest| stored.remove(digest));
        assert!(!recipients(0..110_000).any(|digest| stored.has(digest)));
    }
}
