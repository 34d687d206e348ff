//! The state that all processes share: the open exchanges, and other tables.
//!
//! Tables are generic over memory and lock (`sys::sharing`), so they are tested without Kamailio: unit tests with several
//! threads, Miri, loom (`tests/state/run`). `kamailio/mod.rs` names those that are.

pub(super) mod answered;
pub(super) mod authorization;
mod backlog;
mod cdr_file;
pub(super) mod cdr_ring;
pub(super) mod charging;
pub(super) mod contact_flags;
pub(super) mod counters;
pub(super) mod delivery_times;
pub(super) mod exchanges;
pub(super) mod gateway_state;
pub(super) mod lifecycle;
pub(super) mod local_uri;
pub(super) mod nodes;
pub(super) mod now;
pub(super) mod other_nodes;
pub(super) mod people;
mod plain;
pub(super) mod refusals;
pub(super) mod registration_queue;
mod ring;
pub(super) mod sessions;
pub(super) mod shared_map;
mod shares;
pub(super) mod storage;
pub(super) mod stored_for;
pub(super) mod stored_rows;
pub(super) mod table;
mod texts;
pub(super) mod trace;
