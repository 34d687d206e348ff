//! The gateway's counters.

use crate::interwork::Counter;

use super::delivery_times;
use crate::kamailio::sys::counters::{Handle, PANICS};

/// Registrations that were written into the database before they were answered.
pub(crate) static REGISTRATION_WRITTEN: Handle = Handle::new();

/// Registrations that could not be written, and were refused.
pub(crate) static REGISTRATION_REFUSED: Handle = Handle::new();

/// Exchanges that were written into the database before their senders were answered.
pub(crate) static STORED: Handle = Handle::new();

/// Exchanges that could not be written, so that their senders were refused.
pub(crate) static NOT_STORED: Handle = Handle::new();

/// Messages that were not stored because the store is full, or the recipient's or the sender's part of it.
pub(crate) static STORE_FULL: Handle = Handle::new();

/// Exchanges of earlier starts that were taken up.
pub(crate) static TAKEN_UP: Handle = Handle::new();

/// Groups of exchanges that the database did not take, and rows that could not be read.
pub(crate) static DATABASE_ERROR: Handle = Handle::new();

/// Charging records in `cdr_table`.
pub(crate) static CDR_WRITTEN: Handle = Handle::new();

/// Charging records that are not in `cdr_table`.
pub(crate) static CDR_LOST: Handle = Handle::new();

/// The names of the counters that are not about messages.
pub(crate) const OF_THE_SERVER: [&str; 10] = [
    "registration_written",
    "registration_refused",
    "stored",
    "not_stored",
    "store_full",
    "taken_up",
    "database_error",
    "panics",
    "cdr_written",
    "cdr_lost",
];

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
            .zip([
                &REGISTRATION_WRITTEN,
                &REGISTRATION_REFUSED,
                &STORED,
                &NOT_STORED,
                &STORE_FULL,
                &TAKEN_UP,
                &DATABASE_ERROR,
                &PANICS,
                &CDR_WRITTEN,
                &CDR_LOST,
            ])
            .all(|(name, handle)| handle.register(name))
        && delivery_times::register()
}
