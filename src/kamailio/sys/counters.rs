//! Counters of Kamailio's core: `kamcmd cnt.get ipsmgw NAME`, and `xhttp_prom`.

use std::ffi::CString;

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
        let Ok(name) = CString::new(name) else {
            return false;
        };
        let mut handle = ffi::counter_handle_t::default();
        let registered = calls::counter_register(
            &mut handle,
            Name::new(c"ipsmgw"),
            Name::new(&name),
            0,
            None,
            std::ptr::null_mut(),
            Name::new(c"see doc/ipsmgw_admin.md of ipsmgw"),
            0,
        );
        registered >= 0 && self.0.set(handle).is_ok()
    }
}

/// Panics that the guard caught: each is a bug.
pub(crate) static PANICS: Handle = Handle::new();
