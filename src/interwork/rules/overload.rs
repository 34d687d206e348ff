//! Overload: new work is refused early, before anything is done for it, so that what is open is finished at full
//! speed (RFC 3261 §21.5.4, RFC 3428 §8).

/// How much there is to do, as the host sees it when it begins with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How full the queue is that the request came through, in percent.
    pub queue: u32,
    /// Milliseconds for which that queue has not been empty: see [`Queue`].
    pub standing_ms: u32,
    /// Milliseconds for which the request has waited, where the host knows.
    pub waited_ms: u32,
    /// How many of the exchanges that can be open are, in percent.
    pub pending: u32,
    /// How much of the server's shared memory is used, in percent.
    pub memory: u32,
}

/// How much of it is too much. 0: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `overload_queue`, in percent.
    pub queue: u32,
    /// `overload_wait`, in milliseconds.
    pub wait_ms: u32,
    /// `overload_pending`, in percent.
    pub pending: u32,
    /// `overload_memory`, in percent.
    pub memory: u32,
    /// `overload_retry_after`: most seconds that a refused sender is asked to wait.
    pub retry_after: u32,
}

/// Fewest seconds that a refused sender is asked to wait.
const LEAST_RETRY_AFTER: u32 = 2;

impl Limits {
    /// Whether as many exchanges are open as may be.
    pub(crate) const fn is_full(&self, load: Load) -> bool {
        let most = self.pending;
        most > 0 && load.pending >= most
    }

    /// How far the limits are passed; at 2 there is little room left, at 3 hardly any.
    pub(crate) fn level(&self, load: Load) -> u8 {
        let passed = |value: u32, steps: [u32; 3]| match steps {
            [0, ..] => 0,
            _ => steps.iter().map(|step| u8::from(value >= *step)).sum(),
        };
        let of_hundred = |value, limit: u32| {
            let left = 100 - limit.min(100);
            passed(value, [limit, 100 - left / 2, 100 - left / 10])
        };
        let queue: u8 = of_hundred(load.queue, self.queue);
        // A burst fills a queue for a moment, and is gone. It is too much only where it leaves hardly any room.
        let queue = match load.standing_ms {
            STANDING_MS.. => queue,
            _ => queue.saturating_sub(1),
        };
        let wait = self.wait_ms;
        queue
            .max(passed(load.waited_ms, [wait, 2 * wait, 4 * wait]))
            .max(of_hundred(load.memory, self.memory))
    }

    /// Seconds after which a refused sender may come again: not all at once. `random` is any number that differs from
    /// one request to the other.
    pub(crate) fn seconds_to_wait(&self, random: u64) -> u32 {
        let most = self.retry_after.max(LEAST_RETRY_AFTER);
        let spread = u64::from(most - LEAST_RETRY_AFTER + 1);
        LEAST_RETRY_AFTER + u32::try_from(random % spread).unwrap_or(0)
    }
}

/// Milliseconds for which a queue that does not empty is a burst, and no overload.
const STANDING_MS: u32 = 40;

/// Percent of a queue below which it counts as empty.
const EMPTY: u32 = 10;

/// Milliseconds after which what was seen of a queue is no news any more.
const NEWS_MS: u64 = 40;

/// What was seen of a queue. All zero: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// Since when it has not been empty, on the monotonic clock; 0: it was.
    pub since_ms: u64,
    /// When it was seen last.
    pub seen_ms: u64,
}

impl Queue {
    /// The queue is so full now, in percent: for how many milliseconds it has not been empty.
    pub fn sees(&mut self, percent: u32, now_ms: u64) -> u32 {
        let is_news = now_ms.saturating_sub(self.seen_ms) < NEWS_MS;
        self.seen_ms = now_ms;
        if percent < EMPTY {
            self.since_ms = 0;
            return 0;
        }
        if self.since_ms == 0 || !is_news {
            self.since_ms = now_ms.max(1);
        }
        u32::try_from(now_ms.saturating_sub(self.since_ms)).unwrap_or(u32::MAX)
    }
}

/// Milliseconds without a refusal after which the overload is over.
const QUIET_MS: u64 = 3_000;

/// At most one overload in so many milliseconds is worth a line in the log.
const LINE_EACH_MS: u64 = 60_000;

/// An overload, from the first request that is refused on. All zero: there is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Overload {
    /// When the first one was refused, on the monotonic clock; 0: it is over.
    began_ms: u64,
    /// When the last one was refused.
    refused_ms: u64,
    /// How many were refused.
    refused: u64,
    /// When the log said that one began; 0: never.
    told_ms: u64,
    /// Whether the log said so of this one.
    told: bool,
}

/// An overload that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// How many milliseconds it took.
    pub lasted_ms: u64,
    /// How many requests were refused.
    pub refused: u64,
}

impl Overload {
    /// A request is refused; true where the log is to say that an overload begins.
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

    /// Time goes by; an overload that is over, and whose beginning the log told.
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

/// How long a refused request stays refused: as long as its sender sends it again (64*T1, RFC 3261 §17.1.2.2). What its
/// sender was told must stay true, also where a copy of it comes when the overload is over.
pub const REFUSED_FOR_MS: u64 = 32_000;

/// What became of an earlier copy of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierCopy {
    /// It was refused.
    Refused,
    /// The script went on with it.
    Passed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_a_line_at_the_beginning_and_at_the_end() {
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
    fn a_queue_stands_where_it_is_never_empty() {
        let mut queue = Queue::default();
        assert_eq!(queue.sees(50, 1_000), 0);
        assert_eq!(queue.sees(60, 1_030), 30);
        assert_eq!(queue.sees(20, 1_060), 60);
        assert_eq!(queue.sees(9, 1_061), 0);
        assert_eq!(queue.sees(90, 1_062), 0);
        // Nobody has looked for a while.
        assert_eq!(queue.sees(90, 9_000), 0);
        assert_eq!(queue.sees(90, 9_001), 1);
    }

    #[test]
    fn lines_are_bounded() {
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
