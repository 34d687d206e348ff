//! The start of the gateway, and its end.
//!
//! Start: nobody is told that somebody is away before the registrations are loaded.
//!
//! End: Kamailio ends its processes at once, whatever they are doing. So SIGTERM and SIGINT are ours first: what is new is refused from
//! then on, and Kamailio gets its signal when nothing is open any more, or when `stop_timeout` is over.

use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use crate::host::Kind;
use crate::kamailio::state::gateway_state::{GatewayState, state};
use crate::kamailio::state::lifecycle::{DRAINS, ENDS, SERVES, STOPS};
use crate::kamailio::sys::clock;
use crate::kamailio::sys::ffi;

/// How often a process that waits looks again.
const LOOK: Duration = Duration::from_millis(5);

/// A signal that comes again sooner is the same one: a terminal and a script both send it.
const SAME_SIGNAL_MS: u64 = 1_000;

/// How long what was said last has to leave.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Kamailio's ranks of processes (core/sr_module.h).
const INIT: c_int = ffi::PROC_INIT as c_int;
const MAIN: c_int = ffi::PROC_MAIN as c_int;
const LAST_CALL: c_int = ffi::PROC_POSTCHILDINIT as c_int;
const FIRST_WORKER: c_int = ffi::PROC_SIPINIT as c_int;
const TIMER: c_int = ffi::PROC_TIMER as c_int;

/// How many messages are under way: their senders wait, or are owed a report. Parts that wait for others and messages that a
/// service centre may report on for days are not.
pub(crate) fn open(state: &GatewayState) -> usize {
    const UNDER_WAY: [u32; 3] = [Kind::SmToIm as u32, Kind::ImToSm as u32, Kind::Copy as u32];
    let open = state.table.census();
    open.filter(|(kind, _)| UNDER_WAY.contains(kind)).count()
}

/// In each process, when its modules have been initialised in their order. 0: go on.
///
/// usrloc loads its table in the first SIP worker, while the others already take requests: they would answer 480 about
/// people who are registered. So they wait here. What comes meanwhile waits in the kernel, as if its sender had been slower.
pub(crate) fn begin(rank: c_int) -> c_int {
    let state = state();
    let Some(stage) = state.lifecycle.stage() else {
        return -1;
    };
    match rank {
        // Before the fork; the main process before its last call.
        INIT | MAIN => return 0,
        LAST_CALL => {
            stage.main.store(std::process::id(), SeqCst);
            take_signals(on_main_signal, state.lifecycle.timeout_ms);
            return 0;
        }
        _ => take_signals(on_child_signal, state.lifecycle.timeout_ms),
    }
    if rank == FIRST_WORKER {
        // usrloc stands before us in the configuration, and has loaded all.
        stage.loaded.store(1, SeqCst);
    } else if rank > FIRST_WORKER {
        while stage.loaded.load(SeqCst) == 0 {
            std::thread::sleep(LOOK);
        }
    } else if rank == TIMER {
        // usrloc writes from such a process: with our connection's patience.
        return state.registrations.as_ref().map_or(0, |queue| queue.open());
    }
    0
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// What Kamailio does about SIGTERM and SIGINT in this process.
static KAMAILIOS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
const SIGNALS: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];

/// Our own handlers.
fn ours() -> [usize; 2] {
    [
        on_main_signal as Handler as usize,
        on_child_signal as Handler as usize,
    ]
}

/// Has this process's signals come to us first. With no time to stop in they stay Kamailio's.
fn take_signals(handler: Handler, timeout_ms: u64) {
    if timeout_ms == 0 {
        return;
    }
    for (signal, kamailios) in SIGNALS.into_iter().zip(&KAMAILIOS) {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all zero is a value of it: no flags, an empty mask, the default action.
        let action = unsafe { action.assume_init_mut() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        let mut before = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: as above.
        let before = unsafe { before.assume_init_mut() };
        // SAFETY: a handler that does only what a signal handler may do; both structs are live.
        unsafe { libc::sigaction(signal, action, before) };
        // With `fork=no` one process is worker and main process, and comes here twice. Kamailio's handler is known by then.
        if !ours().contains(&before.sa_sigaction) {
            kamailios.store(before.sa_sigaction, SeqCst);
        }
    }
}

/// Lets Kamailio have its signal.
fn to_kamailio(signal: c_int) {
    let place = SIGNALS.iter().position(|known| *known == signal);
    let handler = place.and_then(|place| KAMAILIOS.get(place));
    let handler = handler.map_or(0, |handler| handler.load(SeqCst));
    if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
        // SAFETY: what sigaction gave us: Kamailio's handler, which takes the number alone (core/signals.h).
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
        handler(signal);
    }
}

/// A signal to the main process. No lock, no memory, no log line: a signal handler may do nothing of it.
extern "C" fn on_main_signal(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let state = state();
    let Some(stage) = state.lifecycle.stage() else {
        return to_kamailio(signal);
    };
    let now_ms = clock::monotonic_ms();
    let since_ms = now_ms.saturating_sub(stage.signal_ms.load(SeqCst));
    match stage.phase.load(SeqCst) {
        SERVES | DRAINS if open(state) > 0 => {
            stage.signal_ms.store(now_ms, SeqCst);
            stage.phase.store(STOPS, SeqCst);
        }
        STOPS if since_ms < SAME_SIGNAL_MS => {}
        // Nothing is open; or it comes again: at once.
        _ => {
            stage.phase.store(ENDS, SeqCst);
            to_kamailio(signal);
        }
    }
}

/// A signal to another process: the main process's word counts. A terminal and a service manager send it to all at once, and the
/// main process has it, too.
extern "C" fn on_child_signal(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    let main = state().lifecycle.stage();
    let main = main.map_or(0, |stage| stage.main.load(SeqCst));
    // SAFETY: the kernel's information about this signal.
    let sender = unsafe { info.as_ref() }.map_or(0, |info| {
        // SAFETY: a signal that was sent has a sender; 0 is the kernel's own.
        unsafe { info.si_pid() }
    });
    // SAFETY: no arguments.
    let parent = unsafe { libc::getppid() };
    // Without a main process there is nobody to wait for.
    let is_orphan = u32::try_from(parent) != Ok(main);
    if is_orphan || u32::try_from(sender) == Ok(main) {
        to_kamailio(signal);
    }
}

/// In the timer process, after each look at the exchanges: ends the gateway where that was asked for, and as soon as nothing is open
/// any more.
pub(crate) fn end_when_done(look: impl Fn(), settle: impl Fn()) {
    let state = state();
    let Some(stage) = state.lifecycle.stage() else {
        return;
    };
    let phase = stage.phase.load(SeqCst);
    if phase == STOPS {
        tracing::warn!(
            open = open(state),
            "stopping: new messages are refused; what is open has stop_timeout to end"
        );
        let until = stage.signal_ms.load(SeqCst) + state.lifecycle.timeout_ms;
        while open(state) > 0 && clock::monotonic_ms() < until {
            std::thread::sleep(LOOK);
            look();
        }
        let left = open(state);
        if left > 0 {
            tracing::warn!(
                open = left,
                "stop_timeout is over: the senders of what is open are told so"
            );
            settle();
        }
        std::thread::sleep(LAST_WORD);
        stage.phase.store(ENDS, SeqCst);
    }
    // Once more where the main process has missed it.
    if stage.phase.load(SeqCst) == ENDS {
        let main = stage.main.load(SeqCst);
        if let Ok(main @ 1..) = libc::pid_t::try_from(main) {
            // SAFETY: the main process is our parent.
            unsafe { libc::kill(main, libc::SIGTERM) };
        }
    }
}
