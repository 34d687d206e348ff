//! The current time for the core.

use std::sync::OnceLock;

use crate::exchange::Now;

use crate::kamailio::sys::clock;

/// Milliseconds since 1970 UTC at which the monotonic clock was 0, by the wall clock when the gateway started. mod_init
/// calls this first, so all processes have the same value.
static MONOTONIC_ZERO_MS: OnceLock<u64> = OnceLock::new();

/// One reading of the clocks.
pub(crate) fn now() -> Now {
    let monotonic_ms = clock::monotonic_ms();
    let zero_ms = MONOTONIC_ZERO_MS.get_or_init(|| clock::unix_ms().saturating_sub(monotonic_ms));
    let unix = clock::unix_time();
    Now {
        unix_ms: zero_ms + monotonic_ms,
        unix,
        zone: clock::zone(unix),
        is_cut_off: false,
    }
}
