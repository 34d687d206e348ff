//! What all processes share: the open exchanges and the tables beside them.

pub(super) mod answered;
pub(super) mod authorization;
pub(super) mod overload;
pub(super) mod people;
pub(super) mod shared_map;
pub(super) mod table;
pub(super) mod trace;
