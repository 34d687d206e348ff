//! Counters of Kamailio's core: `kamcmd cnt.get ipsmgw NAME`, and `xhttp_prom`.

use std::ffi::CString;
use std::os::raw::{c_long, c_void};
use std::sync::OnceLock;

use super::calls;
use super::ffi;
use super::passed::Name;

/// One counter; it counts from mod_init on.
pub(crate) struct Handle(OnceLock<ffi::counter_handle_t>);

impl Handle {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// One more.
    pub(crate) fn count(&self) {
        if let Some(handle) = self.0.get() {
            // SAFETY: registered; each process counts in a row of its own.
            unsafe { ffi::ipsmgw_c_count(*handle) }
        }
    }

    /// In mod_init.
    pub(crate) fn register(&self, name: &str) -> bool {
        register(name, None).is_some_and(|handle| self.0.set(handle).is_ok())
    }
}

/// The function that Kamailio calls for the value of a counter.
pub(super) type Value = extern "C" fn(ffi::counter_handle_t, *mut c_void) -> c_long;

/// In mod_init.
pub(super) fn register(name: &str, value: Option<Value>) -> Option<ffi::counter_handle_t> {
    let name = CString::new(name).ok()?;
    let mut handle = ffi::counter_handle_t::default();
    let registered = calls::counter_register(
        &mut handle,
        Name::new(c"ipsmgw"),
        Name::new(&name),
        0,
        value,
        std::ptr::null_mut(),
        Name::new(c"see doc/ipsmgw_admin.md of ipsmgw"),
        0,
    );
    (registered >= 0).then_some(handle)
}

/// Panics that the guard caught: each is a bug.
pub(crate) static PANICS: Handle = Handle::new();
