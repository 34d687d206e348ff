//! What time it is, as the core wants to know it.

use crate::host::Now;

use crate::kamailio::sys::clock;

/// One reading of the clocks.
pub(crate) fn now() -> Now {
    let unix = clock::unix_time();
    Now {
        monotonic_ms: clock::monotonic_ms(),
        unix,
        zone: clock::zone(unix),
    }
}
