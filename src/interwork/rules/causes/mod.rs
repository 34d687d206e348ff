//! Which result of one side is which result of the other side.

pub(in crate::interwork) mod defaults;
pub(in crate::interwork) mod overrides;
pub(in crate::interwork) mod parse;
