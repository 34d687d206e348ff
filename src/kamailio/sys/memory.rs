//! How much of Kamailio's shared memory is in use.

use super::ffi;

/// How much of the shared memory is in use, in percent.
pub(crate) fn percent_of_shared() -> u32 {
    // SAFETY: set before the modules are loaded, and never changed behind that.
    let size = unsafe { ffi::shm_mem_size };
    // SAFETY: reads two numbers of the memory manager's.
    let free = unsafe { ffi::ipsmgw_c_shm_available() };
    let used = u128::from(size.saturating_sub(free)) * 100;
    u32::try_from(used.checked_div(size.into()).unwrap_or(0)).unwrap_or(100)
}
