//! The start of the gateway: nobody is told that somebody is away before the registrations are loaded.

use std::os::raw::c_int;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::ffi;
use super::running::running;
use super::shared::SharedSlice;

/// How often a worker that waits looks again.
const LOOK: Duration = Duration::from_millis(5);

pub(super) struct Lifecycle {
    /// 1: usrloc has loaded the registrations.
    loaded: SharedSlice<AtomicU32>,
}

impl Lifecycle {
    /// Before the fork; `None` when shared memory is too small.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            loaded: SharedSlice::zeroed(1)?,
        })
    }

    fn is_loaded(&self) -> bool {
        self.loaded.iter().all(|loaded| loaded.load(Relaxed) != 0)
    }
}

/// In each process, when its modules have been initialised in their order.
///
/// usrloc loads its table in the first SIP worker, while the others already take requests: they would answer 480 about
/// people who are registered. So they wait here. What comes meanwhile waits in the kernel, as if the sender had been slower.
pub(super) fn begin(rank: c_int) -> c_int {
    let lifecycle = &running().lifecycle;
    if rank == ffi::PROC_SIPINIT as c_int {
        // usrloc stands before us in the configuration, and has loaded all.
        lifecycle
            .loaded
            .iter()
            .for_each(|loaded| loaded.store(1, Relaxed));
    } else if rank > ffi::PROC_SIPINIT as c_int {
        while !lifecycle.is_loaded() {
            std::thread::sleep(LOOK);
        }
    } else if rank == ffi::PROC_TIMER {
        // usrloc writes from such a process: with our connection's patience.
        return running().writer.as_ref().map_or(0, |writer| writer.open());
    }
    0
}
