//! Kamailio's processes: their ranks, and processes of our own.

use std::ffi::CStr;
use std::os::raw::{c_int, c_uint, c_void};
use std::ptr::null_mut;
use std::time::Duration;

use super::calls;
use super::ffi;
use super::guard::guard;
use super::passed::Name;
use super::signals;

/// The kind of a process, or the moment at which Kamailio calls a module (core/sr_module.h).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rank(c_int);

impl Rank {
    /// The main process, before it forks.
    pub(crate) const INIT: Self = Self(ffi::PROC_INIT as c_int);
    /// The main process.
    pub(crate) const MAIN: Self = Self(ffi::PROC_MAIN as c_int);
    /// The main process once more, when all others run.
    pub(crate) const ALL_RUN: Self = Self(ffi::PROC_POSTCHILDINIT as c_int);
    /// The first SIP worker.
    pub(crate) const FIRST_WORKER: Self = Self(ffi::PROC_SIPINIT as c_int);
    /// A timer process.
    pub(crate) const TIMER: Self = Self(ffi::PROC_TIMER as c_int);
    /// The process that reads TCP connections until they have a worker.
    pub(crate) const TCP_MAIN: Self = Self(ffi::PROC_TCP_MAIN as c_int);

    pub(super) const fn of(rank: c_int) -> Self {
        Self(rank)
    }

    /// A process that reads SIP messages.
    pub(crate) const fn is_worker(self) -> bool {
        self.0 > 0
    }
}

/// Has Kamailio call this module with [`Rank::ALL_RUN`].
pub(crate) fn ask_for_all_run() {
    calls::ksr_module_set_flag(ffi::KSRMOD_FLAG_POSTCHILDINIT);
}

/// A timer process: it calls `tick`, sleeps for the period, and so on.
pub(crate) trait Timer {
    /// Its name, as `kamcmd ps` shows it.
    const NAME: &'static CStr;
    /// Microseconds.
    const PERIOD_US: c_int;

    /// Runs in that process.
    fn tick();
}

/// In mod_init: announces one timer process.
pub(crate) fn announce_timer() -> bool {
    calls::register_basic_timers(1) == 0
}

/// In child_init of the main process: starts a timer process, with sockets of its own.
pub(crate) fn start_timer<T: Timer>() -> bool {
    const WITH_SOCKETS: c_int = 1;
    let (rank, name) = (ffi::PROC_TIMER, Name::new(T::NAME));
    let pid = calls::fork_basic_utimer(
        rank,
        name,
        WITH_SOCKETS,
        tick::<T>,
        null_mut(),
        T::PERIOD_US,
    );
    pid >= 0
}

extern "C" fn tick<T: Timer>(_: c_uint, _: *mut c_void) {
    signals::uncut(|| guard("timer", (), T::tick));
}

/// In mod_init: announces one process that works on its own.
pub(crate) fn announce_process() -> bool {
    if calls::register_procs(1) < 0 {
        return false;
    }
    // It reads Kamailio's live configuration.
    calls::cfg_register_child(1);
    true
}

/// A process waits so long after a panic: a panic that repeats must not fill the log, or use a whole processor.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// In child_init of the main process: starts a process with sockets of its own, which runs `work` again and again until
/// Kamailio ends it. False: it could not be started.
pub(crate) fn start_process(name: &'static CStr, work: fn()) -> bool {
    const WITH_SOCKETS: c_int = 1;
    let pid = calls::fork_process(ffi::PROC_TIMER, Name::new(name), WITH_SOCKETS);
    if pid != 0 {
        return pid > 0;
    }
    if calls::cfg_child_init() != 0 {
        return false;
    }
    let worked = || {
        work();
        true
    };
    loop {
        if !guard("process", false, worked) {
            std::thread::sleep(AFTER_PANIC);
        }
    }
}

/// Whether no other process of Kamailio's works or waits for the disk.
pub(crate) fn all_others_sleep() -> bool {
    let own = std::process::id();
    let ids = (0..).map(|number| calls::ipsmgw_c_process_id(number));
    processes(ids).all(|id| id == own || sleeps(id))
}

/// The processes in Kamailio's table. A place without a process has 0: others may stand behind it. A negative number ends the table.
fn processes(ids: impl Iterator<Item = c_int>) -> impl Iterator<Item = u32> {
    ids.map_while(|id| u32::try_from(id).ok())
        .filter(|id| *id != 0)
}

/// By the state in /proc/PID/stat, which follows the name in parentheses.
fn sleeps(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let (_, state) = stat.rsplit_once(") ").unwrap_or_default();
    !state.starts_with(['R', 'D'])
}

/// Takes in what an operator has changed of Kamailio's configuration meanwhile.
pub(crate) fn update_configuration() {
    calls::ipsmgw_c_cfg_update();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_process_hides_no_other_process() {
        let table = [4711, 0, 0, 4712, -1, 4713];
        assert!(processes(table.into_iter()).eq([4711, 4712]));
    }
}
