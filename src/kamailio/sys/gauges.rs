//! Counters whose value Kamailio asks for.

use std::os::raw::{c_long, c_void};

use super::counters::register;
use super::ffi;
use super::guard::guard;

/// A value that Kamailio computes whenever it is read.
pub(crate) trait Gauge {
    const NAME: &'static str;

    /// In any process; before the gateway has started, too.
    fn value() -> i64;
}

/// In mod_init.
pub(crate) fn register_gauge<G: Gauge>() -> bool {
    register(G::NAME, Some(value_of::<G>)).is_some()
}

extern "C" fn value_of<G: Gauge>(_: ffi::counter_handle_t, _: *mut c_void) -> c_long {
    guard(G::NAME, 0, G::value)
}
