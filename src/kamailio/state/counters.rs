//! The gateway's counters.

use crate::interwork::Counter;

use super::delivery_times;
use crate::kamailio::sys::counters::{Handle, PANICS};

/// Registrations that were written into the database before they were answered.
pub(crate) static REGISTRATION_WRITTEN: Handle = Handle::new();

/// Registrations that could not be written, and were refused.
pub(crate) static REGISTRATION_REFUSED: Handle = Handle::new();

/// The names of the counters that are not about messages.
pub(crate) const OF_THE_SERVER: [&str; 3] =
    ["registration_written", "registration_refused", "panics"];

static COUNTERS: [Handle; Counter::ALL.len()] = [const { Handle::new() }; Counter::ALL.len()];

/// One more of these.
pub(crate) fn count(counter: Counter) {
    if let Some(handle) = COUNTERS.get(counter as usize) {
        handle.count();
    }
}

/// Registers all, in mod_init.
pub(crate) fn register() -> bool {
    Counter::ALL
        .iter()
        .zip(&COUNTERS)
        .all(|(counter, handle)| handle.register(counter.name()))
        && OF_THE_SERVER
            .into_iter()
            .zip([&REGISTRATION_WRITTEN, &REGISTRATION_REFUSED, &PANICS])
            .all(|(name, handle)| handle.register(name))
        && delivery_times::register()
}
