//! The branch flags of the request at hand, which `save()` keeps with its contacts.

use super::ffi;

/// All of them.
pub(crate) fn branch_flags() -> u32 {
    let mut flags = 0;
    // SAFETY: branch 0 always exists; writes the number.
    unsafe { ffi::getbflagsval(0, &mut flags) };
    flags
}

/// Sets all of them.
pub(crate) fn set_branch_flags(flags: u32) {
    // SAFETY: branch 0 always exists.
    unsafe { ffi::setbflagsval(0, flags) };
}
