//! How much of Kamailio's shared memory is in use.

use super::calls;

/// How much of the shared memory is in use, in percent.
pub(crate) fn percent_of_shared() -> u32 {
    let size = calls::shm_mem_size;
    let free = calls::ipsmgw_c_shm_available();
    let used = u128::from(size.saturating_sub(free)) * 100;
    u32::try_from(used.checked_div(size.into()).unwrap_or(0)).unwrap_or(100)
}
