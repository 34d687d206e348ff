//! Our own timer process: it looks at the exchanges whose time has come.

use std::os::raw::{c_int, c_uint, c_void};

use crate::interwork::Input;

use super::clock;
use super::ffi;
use super::guard::guard;
use super::perform::{At, perform};
use super::running::running;

/// Seconds between two looks. Deadlines here are tens of seconds; the sender's own is tm's.
const PERIOD: c_int = 1;

/// At most so many in one look, so that a burst does not starve the rest of the process.
const BATCH: usize = 4096;

/// In mod_init: announces one more process.
pub(super) fn announce() -> bool {
    // SAFETY: in mod_init, before the fork.
    unsafe { ffi::register_basic_timers(1) == 0 }
}

/// In child_init of the main process: starts it, with sockets, since it sends.
pub(super) fn start() -> bool {
    // SAFETY: in child_init of the main process; the name is copied, the function is ours.
    let pid = unsafe {
        ffi::fork_basic_timer(
            ffi::PROC_TIMER,
            c"IPSMGW TIMER".as_ptr().cast_mut(),
            1,
            Some(tick),
            std::ptr::null_mut(),
            PERIOD,
        )
    };
    pid >= 0
}

unsafe extern "C" fn tick(_: c_uint, _: *mut c_void) {
    guard("timer", (), || {
        let running = running();
        let now = clock::now();
        running.refusals.tick(now.monotonic_ms);
        for index in running.table.due(now.monotonic_ms).take(BATCH) {
            let actions = {
                let Some((mut locked, exchange)) = running.table.lock_due(index, now.monotonic_ms)
                else {
                    continue;
                };
                running
                    .gateway
                    .handle(Input::Due { exchange }, now, &mut locked)
            };
            perform(actions, At::Nothing);
        }
    });
}
