//! Kamailio's core and its modules: calls, structures, shared memory.

pub(super) mod clock;
pub(super) mod connections;
pub(super) mod contact_field;
pub(super) mod counters;
pub(super) mod database;
pub(super) mod ffi;
pub(super) mod guard;
pub(super) mod local_address;
pub(super) mod log;
pub(super) mod log_output;
pub(super) mod memory;
pub(super) mod message;
pub(super) mod modules;
pub(super) mod parsed_uri;
pub(super) mod pv_format;
pub(super) mod random;
pub(super) mod setting_error;
pub(super) mod shared;
pub(super) mod socket;
pub(super) mod text;
pub(super) mod tm;
