//! The interface for scripts and operators: exports, parameters, functions, pseudo-variables, RPC.

pub(super) mod assigned;
pub(super) mod exports;
pub(super) mod fixups;
pub(super) mod functions;
pub(super) mod gauges;
pub(super) mod host_settings;
pub(super) mod keep;
mod node;
pub(super) mod overload;
pub(super) mod params;
pub(super) mod pv;
pub(super) mod recipients;
pub(super) mod requests;
pub(super) mod rpc;
mod rpc_store;
mod rpc_words;
pub(super) mod sessions;
pub(super) mod start;
pub(super) mod stored;
pub(super) mod transformation;
