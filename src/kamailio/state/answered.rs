//! Final responses to requests whose transaction tm has forgotten: a retransmission gets the same response.
//!
//! A client that lost the response repeats a MESSAGE over UDP for 32 s (timer J, RFC 3261 §17.2.2). tm keeps a transaction only
//! for `wt_timer`, and it takes many kilobytes. An entry here takes eight octets of shared memory.

use std::sync::atomic::Ordering::Relaxed;

use crate::base::recent::{self, Set};
use crate::interwork::COPIES_MS;
use crate::kamailio::sys::sharing::{AtomicU64, Memory};

/// tm's timers may fire this many milliseconds early.
const TM_MAY_BE_EARLY_MS: u64 = 500;

/// The time of the last answer is stored with this resolution.
const LAST_MS: u64 = 1_000;

/// The number of sets of eight: 4,000 answers a second fill all of them in 32 s. They take 1 MB. A larger table makes each message
/// slower, because less of it fits in the processor's cache.
const SETS: usize = 16_384;

/// The answered requests, for all processes.
pub(crate) struct Answered<M: Memory> {
    sets: M::Array<Set>,
    /// When the last one was answered, on the monotonic clock, to [`LAST_MS`].
    last_ms: M::Box<AtomicU64>,
    /// Milliseconds for which tm itself answers retransmissions.
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
        // All processes read this word, so it is written at most once a second.
        let last_ms = &self.last_ms;
        if now_ms.saturating_sub(last_ms.load(Relaxed)) >= LAST_MS {
            last_ms.store(now_ms.max(1), Relaxed);
        }
        let note = response.status << 1 | u16::from(response.retry_after);
        recent::remember(&self.sets, digest, note, now_ms);
    }

    /// The response to the request with this digest, if the module has to repeat it because tm no longer does.
    pub(crate) fn recall(&self, digest: u64, now_ms: u64) -> Option<FinalResponse> {
        let (note, age_ms) = recent::recall(&self.sets, digest, now_ms)?;
        let is_ours = (self.wait_ms..COPIES_MS).contains(&age_ms);
        is_ours.then_some(FinalResponse {
            status: note >> 1,
            retry_after: note & 1 != 0,
        })
    }

    /// Whether any request was answered in the last 32 s.
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
