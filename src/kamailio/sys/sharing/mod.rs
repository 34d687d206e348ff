//! Memory that all processes share, and the locks in it.
//!
//! | file | what it has |
//! |---|---|
//! | `plain` | which types may stand in shared memory |
//! | `memory` | where shared values live: a trait, so that the tables are tested without Kamailio |
//! | `guarded` | a value that is reached under its lock alone |
//! | `slots` | values that belong to one of several locks, and change hands |
//! | `sync` | the atomics and the cell: loom's where loom looks at the lock protocol |
//! | `shm` | Kamailio's shared memory and its locks |
//! | `heap` | the heap and a lock of the standard library, for tests |
//!
//! All `unsafe` code that sharing needs stands in these files. The tables built on them (`kamailio/state`) are safe code.
//! `tests/state/run` runs both under Miri and under loom.

mod guarded;
#[cfg(test)]
mod heap;
mod memory;
mod plain;
#[cfg(not(test))]
mod shm;
mod slots;
mod sync;

pub(in crate::kamailio) use guarded::Guarded;
#[cfg(test)]
pub(in crate::kamailio) use heap::Heap;
#[cfg(all(test, loom))]
pub(in crate::kamailio) use heap::race;
pub(in crate::kamailio) use memory::Memory;
pub(in crate::kamailio) use plain::{Plain, is_plain, plain};
#[cfg(not(test))]
pub(in crate::kamailio) use shm::{Shm, ShmBox};
pub(in crate::kamailio) use slots::{Held, Slots};
pub(in crate::kamailio) use sync::{AtomicU32, AtomicU64};
