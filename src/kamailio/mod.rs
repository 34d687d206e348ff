//! The binding to Kamailio: the only place with `unsafe`.
//!
//! | file | what it does |
//! |---|---|
//! | `exports` | what Kamailio finds when it loads the module; the functions' faces |
//! | `params`, `running` | the parameters, and what mod_init makes of them |
//! | `functions`, `recipients` | the functions of the script |
//! | `message`, `reading`, `rewrite` | a message of Kamailio's: seen, read for the core, changed |
//! | `table`, `shared`, `shared_map` | the open exchanges and what else is in shared memory |
//! | `perform`, `send`, `tm`, `hooks`, `result`, `timer` | what the core decided, done; what came of it, told to the core |
//! | `people`, `person` | whose an identity is |
//! | `save`, `third_party`, `at_scscf`, `reg_event` | what registered contacts can do: said in a REGISTER, kept, asked for |
//! | `keep`, `registration`, `writer` | registrations, in the database before they are answered |
//! | `lifecycle` | the start and the end of the gateway |
//! | `contacts`, `modules` | who is registered; the modules that work for us |
//! | `authorization`, `database` | who may; srdb1 |
//! | `pv`, `transformation`, `rpc`, `counters`, `log`, `trace` | what operators see |
//! | `guard` | the fence around every entry from C |
#![allow(unsafe_code, reason = "the one place that talks to C")]

mod answered;
mod at_scscf;
mod authorization;
mod clock;
mod connections;
mod contacts;
mod counters;
mod database;
mod destinations;
mod exports;
mod ffi;
mod fixups;
mod functions;
mod guard;
mod hooks;
mod keep;
mod lifecycle;
mod log;
mod log_lines;
mod memory;
mod message;
mod modules;
mod overload;
mod params;
mod people;
mod perform;
mod person;
mod pv;
mod reading;
mod recipients;
mod reg_event;
mod registration;
mod result;
mod rewrite;
mod rpc;
mod running;
mod save;
mod send;
mod shared;
mod shared_map;
mod table;
mod text;
mod third_party;
mod timer;
mod tm;
mod trace;
mod transformation;
mod writer;
