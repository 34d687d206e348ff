//! The alarm time of each place.
//!
//! The timer checks ten times a second, and mostly no alarm is due: then it reads one word of memory.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::kamailio::sys::sharing::{AtomicU64, Memory};

/// An alarm for each place. It is set and cleared under the lock of the place's bucket.
pub(super) struct Alarms<M: Memory> {
    /// Monotonic milliseconds; 0: no alarm.
    due: M::Array<AtomicU64>,
    /// No alarm is due before this.
    earliest: M::Box<AtomicU64>,
}

impl<M: Memory> Alarms<M> {
    pub(super) fn new(places: usize) -> Option<Self> {
        Some(Self {
            due: M::array(places, |_| AtomicU64::new(0))?,
            earliest: M::boxed(AtomicU64::new(u64::MAX))?,
        })
    }

    /// Sets the alarm of a place, in place of an earlier one.
    pub(super) fn set(&self, place: u32, at_ms: u64) {
        if let Some(due) = self.due.get(place as usize) {
            let at_ms = at_ms.max(1);
            due.store(at_ms, Relaxed);
            // Behind the alarm itself: who reads this time, or what replaced it, sees the alarm.
            self.earliest.fetch_min(at_ms, AcqRel);
        }
    }

    pub(super) fn clear(&self, place: u32) {
        if let Some(due) = self.due.get(place as usize) {
            due.store(0, Relaxed);
        }
    }

    /// Whether the alarm of a place is due; then it is cleared.
    pub(super) fn take(&self, place: u32, now_ms: u64) -> bool {
        let is_due = |due: &&AtomicU64| (1..=now_ms).contains(&due.load(Relaxed));
        let due = self.due.get(place as usize).filter(is_due);
        due.inspect(|due| due.store(0, Relaxed)).is_some()
    }

    /// Whether an alarm may be due.
    pub(super) fn may_be_due(&self, now_ms: u64) -> bool {
        if self.earliest.load(Acquire) > now_ms {
            return false;
        }
        // An alarm that is set from here on lowers the word again. All that were set before are seen below: the swap reads the
        // word behind them.
        self.earliest.swap(u64::MAX, AcqRel);
        let times = self.due.iter().map(|due| due.load(Relaxed));
        if let Some(next) = times.filter(|due| *due != 0).min() {
            self.earliest.fetch_min(next, AcqRel);
        }
        true
    }

    /// Each place whose alarm is due.
    pub(super) fn due(&self, now_ms: u64) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(self.due.iter()).filter_map(move |(place, due)| {
            (1..=now_ms).contains(&due.load(Relaxed)).then_some(place)
        })
    }
}
