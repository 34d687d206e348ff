//! Kamailio's memory: private memory for what Kamailio will free, and how much shared memory is in use.

use super::ffi;

/// A copy in private memory; `None` when there is none left.
pub(crate) fn pkg_copy(octets: &[u8]) -> Option<ffi::str_> {
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
pub(crate) fn pkg_free(copy: ffi::str_) {
    // SAFETY: made by `pkg_copy`, and the caller has no other use for it.
    unsafe { ffi::ipsmgw_c_pkg_free(copy.s.cast()) }
}

/// How much of the shared memory is in use, in percent.
pub(crate) fn percent_of_shared() -> u32 {
    // SAFETY: set before the modules are loaded, and never changed behind that.
    let size = unsafe { ffi::shm_mem_size };
    // SAFETY: reads two numbers of the memory manager's.
    let free = unsafe { ffi::ipsmgw_c_shm_available() };
    let used = u128::from(size.saturating_sub(free)) * 100;
    u32::try_from(used.checked_div(size.into()).unwrap_or(0)).unwrap_or(100)
}
