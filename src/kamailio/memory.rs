//! Private memory of Kamailio's, for what Kamailio will free.

use super::ffi;

/// A copy in private memory; `None` when there is none left.
pub(super) fn pkg_copy(octets: &[u8]) -> Option<ffi::str_> {
    // SAFETY: any size may be asked for.
    let memory = unsafe { ffi::ipsmgw_c_pkg_alloc(octets.len().max(1)) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: `octets.len()` octets, fresh, so they overlap with nothing.
    unsafe { std::ptr::copy_nonoverlapping(octets.as_ptr(), memory.cast(), octets.len()) };
    Some(ffi::str_ {
        s: memory.cast(),
        len: i32::try_from(octets.len()).ok()?,
    })
}

/// Gives back a copy that Kamailio did not take.
pub(super) fn pkg_free(copy: ffi::str_) {
    // SAFETY: made by `pkg_copy`, and the caller has no other use for it.
    unsafe { ffi::ipsmgw_c_pkg_free(copy.s.cast()) }
}
