//! The binding to Kamailio: the only place with `unsafe`.
//!
//! | room | what stands there |
//! |---|---|
//! | `sys` | Kamailio's core and its modules: calls, structures, shared memory, log; the fence around every entry from C |
//! | `state` | the open exchanges and what else all processes share |
//! | `engine` | a message read, decided and carried out; what came of it, told to the core |
//! | `register` | contacts: who is registered, what each can do, how it is kept |
//! | `script` | what the script and operators see: exports, parameters, functions, pseudo-variables, RPC |
#![allow(unsafe_code, reason = "the one place that talks to C")]

#[cfg(not(test))]
mod engine;
#[cfg(not(test))]
mod register;
#[cfg(not(test))]
mod script;
#[cfg(not(test))]
mod state;
#[cfg(not(test))]
mod sys;

// Kamailio's symbols are found in the running Kamailio alone, so a test program cannot hold them; tests/e2e works them in
// the real one. What needs no Kamailio is tested here.
#[cfg(test)]
#[allow(dead_code, reason = "each test uses a part of it")]
mod state {
    pub(super) mod exchanges;
    mod plain;
    mod shares;
    pub(super) mod table;
}
#[cfg(test)]
#[allow(dead_code, reason = "each test uses a part of it")]
mod sys {
    pub(super) mod sharing;
}
