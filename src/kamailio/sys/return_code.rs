//! Return codes of script functions: positive is true, negative is false, 0 ends the script.

pub(crate) const TRUE: i32 = 1;
pub(crate) const FALSE: i32 = -1;
pub(crate) const END_OF_SCRIPT: i32 = 0;
