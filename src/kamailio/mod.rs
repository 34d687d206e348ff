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

mod engine;
mod register;
mod script;
mod state;
mod sys;
