//! The fence around every entry from C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an entry point. A panic must not cross into C (it would end the whole proxy):
/// it becomes a log line, a counter and `otherwise`, and the worker lives on.
pub(super) fn guard<T>(entry: &'static str, otherwise: T, body: impl FnOnce() -> T) -> T {
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

/// What a panic said of itself. Our own panics carry no data of subscribers: they are assertions.
fn describe(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// Sends the place of a panic to Kamailio's log instead of to stderr.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location() {
            tracing::error!(file = place.file(), line = place.line(), "panic");
        }
    }));
}
