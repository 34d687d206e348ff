//! Kamailio's core and its modules: calls, structures, shared memory.

mod address;
pub(super) mod answer;
mod argument;
pub(super) mod bell;
pub(super) mod branch_flags;
mod calls;
pub(super) mod clock;
pub(super) mod connections;
pub(super) mod contact_field;
pub(super) mod counters;
pub(super) mod current_message;
pub(super) mod database;
pub(super) mod dialog_request;
pub(super) mod entry;
pub(super) mod exports;
pub(super) mod ffi;
pub(super) mod gauges;
pub(super) mod guard;
mod kept;
pub(super) mod local_address;
pub(super) mod log;
pub(super) mod log_output;
pub(super) mod lumps;
pub(super) mod memory;
pub(super) mod message;
pub(super) mod modules;
pub(super) mod msrp;
pub(super) mod native_route;
pub(super) mod own_request;
pub(super) mod parameter;
pub(super) mod parsed_uri;
pub(super) mod passed;
pub(super) mod process;
pub(super) mod pv;
pub(super) mod pv_format;
pub(super) mod random;
pub(super) mod reply;
pub(super) mod request;
pub(super) mod return_code;
pub(super) mod rpc;
pub(super) mod script_callback;
pub(super) mod script_route;
pub(super) mod setting_error;
pub(super) mod shared_file;
pub(super) mod sharing;
pub(super) mod signals;
#[cfg_attr(
    debug_assertions,
    allow(dead_code, reason = "the allocator of release builds")
)]
mod small_blocks;
pub(super) mod socket;
pub(super) mod sockets;
pub(super) mod text;
pub(super) mod tm_callback;
pub(super) mod transaction;
pub(super) mod usrloc;
