//! What all processes share: the open exchanges and the tables beside them.

pub(super) mod answered;
pub(super) mod authorization;
pub(super) mod contact_flags;
pub(super) mod counters;
pub(super) mod gateway_state;
pub(super) mod lifecycle;
pub(super) mod local_uri;
pub(super) mod now;
pub(super) mod people;
pub(super) mod refusals;
pub(super) mod registration_queue;
pub(super) mod shared_map;
pub(super) mod table;
pub(super) mod trace;
