//! Mapping of results between the two sides: default tables, rows of the operator, and their syntax.

pub(in crate::interwork) mod defaults;
pub(in crate::interwork) mod overrides;
pub(in crate::interwork) mod parse;
