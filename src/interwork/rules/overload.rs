//! Overload: new requests are refused early, before any work is done for them, so that open exchanges are finished at
//! full speed (RFC 3261 §21.5.4, RFC 3428 §8).

/// Load of the server when it begins to process a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Fill level of the receive queue of this request, in percent of the part that the limit is about: see [`fill_of_queue`].
    pub queue: u32,
    /// Fill level of the whole receive queue, in percent.
    pub whole_queue: u32,
    /// Milliseconds since that queue was last empty: see [`Queue`].
    pub standing_ms: u32,
    /// Milliseconds that the request has waited, if the host knows it; else 0.
    pub waited_ms: u32,
    /// Open exchanges, in percent of the maximum.
    pub pending: u32,
    /// Used shared memory of the server, in percent.
    pub memory: u32,
}

/// Limits from which on requests are refused. 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverloadLimits {
    /// `overload_queue`, in percent.
    pub queue: u32,
    /// `overload_wait`, in milliseconds.
    pub wait_ms: u32,
    /// `overload_pending`, in percent.
    pub pending: u32,
    /// `overload_memory`, in percent.
    pub memory: u32,
    /// `overload_retry_after`: largest Retry-After, in seconds.
    pub retry_after: u32,
}

/// Smallest Retry-After, in seconds.
const LEAST_RETRY_AFTER: u32 = 2;

impl OverloadLimits {
    /// Whether the limit of open exchanges is reached.
    pub(crate) const fn is_full(&self, load: Load) -> bool {
        let most = self.pending;
        most > 0 && load.pending >= most
    }

    /// How far the limits are exceeded: 0 not at all; 1 a limit is reached; 2 half of the rest is used (waiting time:
    /// twice the limit); 3 almost nothing is left (waiting time: four times the limit).
    pub(crate) fn level(&self, load: Load) -> u8 {
        let passed = |value: u32, steps: [u32; 3]| match steps {
            [0, ..] => 0,
            _ => steps.iter().map(|step| u8::from(value >= *step)).sum(),
        };
        let of_hundred = |value, limit: u32| {
            let left = 100 - limit.min(100);
            passed(value, [limit, 100 - left / 2, 100 - left / 10])
        };
        // A short burst fills the queue only for a moment. It counts only if half of the room above the limit is used, in the whole queue.
        let queue = match load.standing_ms {
            STANDING_MS.. => of_hundred(load.queue, self.queue),
            _ => of_hundred(load.whole_queue, self.queue).saturating_sub(1),
        };
        let wait = self.wait_ms;
        queue
            .max(passed(load.waited_ms, [wait, 2 * wait, 4 * wait]))
            .max(of_hundred(load.memory, self.memory))
    }

    /// Seconds for Retry-After, spread so that refused senders do not all try again at the same time. `random` is any
    /// number that differs between requests.
    pub(crate) fn seconds_to_wait(&self, random: u64) -> u32 {
        let most = self.retry_after.max(LEAST_RETRY_AFTER);
        let spread = u64::from(most - LEAST_RETRY_AFTER + 1);
        LEAST_RETRY_AFTER + u32::try_from(random % spread).unwrap_or(0)
    }
}

/// The part of a UDP receive queue that the limits are about, in octets of the kernel's memory: about 250 requests. Behind more of them, a
/// request waits too long. The rest of a larger queue is for bursts: the kernel drops what finds no room, also reports.
const UDP_QUEUE: u32 = 524_288;

/// Fill levels of a receive queue in percent, from the octets in use and its size: of the part that the limits are about, and of the whole queue.
pub fn fill_of_queue(used: u32, size: u32, is_connection: bool) -> (u32, u32) {
    let percent_of = |size: u32| {
        let percent = (u64::from(used) * 100).checked_div(size.into());
        u32::try_from(percent.unwrap_or(0)).unwrap_or(u32::MAX)
    };
    let whole = percent_of(size);
    match is_connection {
        true => (whole, whole),
        false => (percent_of(size.min(UDP_QUEUE)), whole),
    }
}

/// Up to this time in milliseconds, a queue that is not empty is a burst and not overload.
const STANDING_MS: u32 = 100;

/// Below this fill level in percent, a queue counts as empty.
const EMPTY: u32 = 10;

/// After this time in milliseconds, an observation of a queue is too old. It is much longer than a burst: slow workers take a request now
/// and then only, and their queue stands all the same.
const NEWS_MS: u64 = 1_000;

/// The time between two observations counts so many milliseconds at most: behind a moment in which no process ran, the queue is long, and
/// soon empty.
const STEP_MS: u64 = 40;

/// Observation of a receive queue. All zero: not observed yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// Since when the queue has not been empty, in milliseconds of the monotonic clock; 0: it was empty. Of a long time without an
    /// observation, only the end counts.
    pub since_ms: u64,
    /// Time of the last observation.
    pub seen_ms: u64,
}

impl Queue {
    /// Records the fill level `percent`; returns the milliseconds since the queue was last empty.
    pub fn sees(&mut self, percent: u32, now_ms: u64) -> u32 {
        let unseen_ms = now_ms.saturating_sub(self.seen_ms);
        self.seen_ms = now_ms;
        if percent < EMPTY {
            self.since_ms = 0;
            return 0;
        }
        if self.since_ms == 0 || unseen_ms >= NEWS_MS {
            self.since_ms = now_ms.max(1);
        } else {
            self.since_ms += unseen_ms.saturating_sub(STEP_MS);
        }
        u32::try_from(now_ms.saturating_sub(self.since_ms)).unwrap_or(u32::MAX)
    }
}

/// Milliseconds without a refusal after which the overload is over.
const QUIET_MS: u64 = 3_000;

/// The log reports at most one overload in this time, in milliseconds.
const LINE_EACH_MS: u64 = 60_000;

/// State of an overload, which begins with the first refused request. All zero: no overload.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Overload {
    /// Time of the first refusal, in milliseconds of the monotonic clock; 0: no overload.
    pub began_ms: u64,
    /// Time of the last refusal.
    pub refused_ms: u64,
    /// Number of refused requests.
    pub refused: u64,
    /// Time when the log last reported an overload; 0: never.
    pub told_ms: u64,
    /// Whether the log has reported this overload.
    pub told: bool,
}

/// An overload that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Its duration in milliseconds.
    pub lasted_ms: u64,
    /// Number of refused requests.
    pub refused: u64,
}

impl Overload {
    /// Records a refusal; true if the log should report the beginning of an overload.
    pub fn refused(&mut self, now_ms: u64) -> bool {
        self.refused_ms = now_ms;
        if self.began_ms != 0 {
            self.refused += 1;
            return false;
        }
        self.began_ms = now_ms.max(1);
        self.refused = 1;
        self.told = self.told_ms == 0 || now_ms >= self.told_ms + LINE_EACH_MS;
        if self.told {
            self.told_ms = now_ms.max(1);
        }
        self.told
    }

    /// To be called regularly: returns the overload if it has ended and the log has reported its beginning.
    pub fn passes(&mut self, now_ms: u64) -> Option<Over> {
        if self.began_ms == 0 || now_ms < self.refused_ms + QUIET_MS {
            return None;
        }
        let over = Over {
            lasted_ms: self.refused_ms.saturating_sub(self.began_ms),
            refused: self.refused,
        };
        self.began_ms = 0;
        self.told.then_some(over)
    }
}

/// Result of an earlier copy of the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierCopy {
    /// It was refused.
    Refused,
    /// It was passed to the routing script.
    Passed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_reports_the_beginning_and_the_end() {
        let mut overload = Overload::default();
        assert_eq!(overload.passes(1_000), None);
        assert!(overload.refused(1_000));
        for at in 1_001..1_100 {
            assert!(!overload.refused(at));
        }
        assert_eq!(overload.passes(4_098), None);
        let over = Over {
            lasted_ms: 99,
            refused: 100,
        };
        assert_eq!(overload.passes(4_099), Some(over));
        assert_eq!(overload.passes(9_000), None);
    }

    #[test]
    fn a_larger_udp_queue_is_room_for_bursts() {
        assert_eq!(fill_of_queue(100_000, 200_000, false), (50, 50));
        assert_eq!(fill_of_queue(262_144, 524_288, false), (50, 50));
        assert_eq!(fill_of_queue(262_144, 8_388_608, false), (50, 3));
        assert_eq!(fill_of_queue(8_388_608, 8_388_608, false), (1_600, 100));
        assert_eq!(fill_of_queue(262_144, 8_388_608, true), (3, 3));
        assert_eq!(fill_of_queue(0, 0, false), (0, 0));
    }

    #[test]
    fn a_queue_that_is_never_empty_is_overload() {
        let mut queue = Queue::default();
        assert_eq!(queue.sees(50, 1_000), 0);
        assert_eq!(queue.sees(60, 1_030), 30);
        assert_eq!(queue.sees(20, 1_060), 60);
        assert_eq!(queue.sees(9, 1_061), 0);
        assert_eq!(queue.sees(90, 1_062), 0);
        // No process ran for a moment, or the workers are slow.
        assert_eq!(queue.sees(90, 1_562), 40);
        assert_eq!(queue.sees(90, 1_722), 80);
        assert_eq!(queue.sees(90, 1_882), 120);
        assert_eq!(queue.sees(90, 2_881), 160);
        // The last observation is too old.
        assert_eq!(queue.sees(90, 9_000), 0);
        assert_eq!(queue.sees(90, 9_001), 1);
    }

    #[test]
    fn the_number_of_log_lines_is_limited() {
        let mut overload = Overload::default();
        let mut lines = 0;
        // On and off for ten minutes.
        for second in 1..=600 {
            let now = second * 1_000;
            if second % 5 == 0 {
                lines += usize::from(overload.refused(now));
            }
            lines += usize::from(overload.passes(now).is_some());
        }
        assert!((10..=20).contains(&lines), "{lines}");
    }
}
