//! The fence around every entry from C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an entry point. A panic must not cross into C (it would end the whole proxy):
/// it becomes a log line, a counter and the return value `otherwise`, and the worker goes on.
pub(crate) fn guard<T>(entry: &'static str, otherwise: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            super::counters::PANICS.count();
            tracing::error!(
                entry,
                panic = describe(payload.as_ref()),
                "caught a panic; please report it"
            );
            otherwise
        }
    }
}

/// The message of a panic, if it is a constant text of the program. A text that was formatted at run time may contain a
/// subscriber's data, such as the messages of the standard library about strings. The log has the place in the source.
fn describe(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("see its place in the line before")
}

/// Sends the place of a panic to Kamailio's log instead of to stderr.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location() {
            tracing::error!(file = place.file(), line = place.line(), "panic");
        }
    }));
}
