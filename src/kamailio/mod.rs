//! The binding to Kamailio. Only `sys` has `unsafe` code.
//!
//! A room imports only from the rooms above it in this table.
//!
//! | room | content |
//! |---|---|
//! | `sys` | Kamailio's core and modules behind typed functions; shared memory; the log; the guard that catches panics |
//! | `state` | open exchanges, and the other tables that all processes share |
//! | `register` | registered contacts and their capabilities; S-CSCFs; the writer process |
//! | `engine` | a MESSAGE is read, decided and executed; tm's callbacks; the timer process |
//! | `script` | what scripts and operators see: exports, parameters, functions, pseudo-variables, RPC |

#[cfg(not(test))]
mod engine;
#[cfg(not(test))]
mod register;
#[cfg(not(test))]
mod script;
#[cfg(not(test))]
mod state;
#[cfg(not(test))]
#[allow(unsafe_code, reason = "the one place that talks to C")]
mod sys;

// Kamailio's symbols are found in the running Kamailio alone, so a test program cannot hold them; tests/e2e works them in
// the real one. What needs no Kamailio is tested here.
#[cfg(test)]
#[allow(dead_code, reason = "each test uses a part of it")]
mod state {
    mod answered;
    mod backlog;
    #[cfg(not(loom))]
    mod cdr_file;
    #[cfg(not(loom))]
    mod cdr_ring;
    pub(super) mod exchanges;
    mod other_nodes;
    mod plain;
    mod refusals;
    mod ring;
    mod sessions;
    mod shared_map;
    mod shares;
    pub(super) mod table;
    mod texts;
    mod trace;
}
#[cfg(test)]
#[allow(dead_code, reason = "each test uses a part of it")]
#[allow(unsafe_code, reason = "memory that processes share")]
mod sys {
    pub(super) mod setting_error;
    #[cfg(not(loom))]
    pub(super) mod shared_file;
    pub(super) mod sharing;
}

/// The module parameters about Kamailio; [`Settings`](crate::interwork::Settings) has the others.
#[cfg(not(test))]
pub const PARAMETERS: &[crate::base::Parameter] = &script::host_settings::HostSettings::PARAMETERS;
/// The script functions, by their names in the native script.
#[cfg(not(test))]
pub const FUNCTIONS: &[&str] = script::exports::FUNCTIONS;
/// The RPC commands.
#[cfg(not(test))]
pub const COMMANDS: &[&str] = script::rpc::COMMANDS;
/// The event routes.
#[cfg(not(test))]
pub const EVENT_ROUTES: [&str; 3] = [
    engine::answer::RESULT,
    engine::sm_result_route::EVENT,
    engine::cdr_route::CDR,
];
/// The start of the names of pseudo-variables with the fields of a charging record.
#[cfg(not(test))]
pub const CDR_PREFIX: &str = engine::cdr_route::PREFIX;
/// The counters that are not about messages; [`Counter`](crate::interwork::Counter) has the others.
#[cfg(not(test))]
pub const COUNTERS: [&str; 10] = state::counters::OF_THE_SERVER;

/// The counters that go up and down: their values now.
#[cfg(not(test))]
pub const GAUGES: [&str; 3] = script::gauges::GAUGES;

/// The counters of delivery times.
#[cfg(not(test))]
pub const DELIVERY_TIMES: &[&str] = &state::delivery_times::NAMES;
