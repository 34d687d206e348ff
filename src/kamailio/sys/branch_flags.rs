//! The branch flags of the current request, which `save()` keeps with its contacts.

use super::calls;

/// All of them.
pub(crate) fn branch_flags() -> u32 {
    let mut flags = 0;
    calls::getbflagsval(0, &mut flags);
    flags
}

/// Sets all of them.
pub(crate) fn set_branch_flags(flags: u32) {
    calls::setbflagsval(0, flags);
}
