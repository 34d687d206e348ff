//! Requests that have their final response: a copy that comes when tm has forgotten them gets the same one.
//!
//! A client that lost the answer repeats a MESSAGE over UDP for 32 s (timer J, RFC 3261 §17.2.2). tm keeps a transaction
//! for `wt_timer`, in many kilobytes; here it is eight octets that all processes share.

use std::sync::atomic::Ordering::Relaxed;

use crate::base::recent::{self, Set};
use crate::kamailio::sys::sharing::{AtomicU64, Memory};

/// How long a copy may come: 64*T1.
const COPIES_MS: u64 = 32_000;

/// tm's timers may end so much earlier than they say.
const TM_MAY_BE_EARLY_MS: u64 = 500;

/// How exact the time of the last answer is.
const LAST_MS: u64 = 1_000;

/// How many sets of eight: 32 s of 4,000 answers in a second fill all of them. They take 1 MB: a larger table costs each message
/// more, since its memory is in no cache.
const SETS: usize = 16_384;

/// What all processes know of requests that are answered.
pub(crate) struct Answered<M: Memory> {
    sets: M::Array<Set>,
    /// When the last one was answered, on the monotonic clock, to [`LAST_MS`].
    last_ms: M::Box<AtomicU64>,
    /// How long tm answers copies itself.
    wait_ms: u64,
}

/// The final response to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinalResponse {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
}

impl<M: Memory> Answered<M> {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(wait_ms: u64) -> Option<Self> {
        Some(Self {
            sets: M::array(SETS, |_| Set::default())?,
            last_ms: M::boxed(AtomicU64::new(0))?,
            wait_ms: wait_ms.saturating_sub(TM_MAY_BE_EARLY_MS),
        })
    }

    /// The request with this digest has its final response.
    pub(crate) fn remember(&self, digest: u64, response: FinalResponse, now_ms: u64) {
        // All processes read this word: it is written seldom.
        let last_ms = &self.last_ms;
        if now_ms.saturating_sub(last_ms.load(Relaxed)) >= LAST_MS {
            last_ms.store(now_ms.max(1), Relaxed);
        }
        let said = response.status << 1 | u16::from(response.retry_after);
        recent::remember(&self.sets, digest, said, now_ms);
    }

    /// The answer to the request with this digest, where it is on us to repeat it.
    pub(crate) fn recall(&self, digest: u64, now_ms: u64) -> Option<FinalResponse> {
        let (said, age_ms) = recent::recall(&self.sets, digest, now_ms)?;
        let is_ours = (self.wait_ms..COPIES_MS).contains(&age_ms);
        is_ours.then_some(FinalResponse {
            status: said >> 1,
            retry_after: said & 1 != 0,
        })
    }

    /// Whether there may be anything to repeat.
    pub(crate) fn has_any(&self, now_ms: u64) -> bool {
        let last_ms = self.last_ms.load(Relaxed);
        last_ms != 0 && now_ms < last_ms + LAST_MS + COPIES_MS
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    const REFUSED: FinalResponse = FinalResponse {
        status: 503,
        retry_after: true,
    };

    #[test]
    fn an_answer_is_ours_when_tm_has_forgotten_it() {
        let answered = Answered::<Heap>::new(5_000).unwrap();
        assert!(!answered.has_any(1));
        answered.remember(7, REFUSED, 10_000);
        assert!(answered.has_any(10_000));
        let at = |now_ms| answered.recall(7, now_ms);
        assert_eq!([at(10_000), at(14_000)], [None, None], "tm answers copies");
        assert_eq!([at(14_750), at(41_500)], [Some(REFUSED); 2]);
        assert_eq!(at(42_250), None, "no copy comes so late");
        assert_eq!(answered.recall(8, 20_000), None);
        assert!(!answered.has_any(43_000));
    }
}
