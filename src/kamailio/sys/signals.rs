//! SIGTERM and SIGINT: they come to this module before Kamailio gets them.

use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};

use super::calls;

/// Decides about a signal. Both functions run in a signal handler: they read and write atomics and the clock, and do nothing
/// else. (No lock, no memory, no log line.)
pub(crate) trait Rule {
    /// A signal to the main process. True: Kamailio gets it now.
    fn in_main() -> bool;

    /// A signal to another process. True: the process ends now.
    fn in_child(sender: u32) -> bool;
}

type Handler = extern "C" fn(c_int, Option<&libc::siginfo_t>, *mut c_void);

/// Kamailio's handlers of these signals in this process.
static KAMAILIOS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
const SIGNALS: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];

/// The main process has passed a signal to Kamailio, which then gives up the shared memory that a [`Rule`] reads.
static PASSED: AtomicBool = AtomicBool::new(false);

/// Whether this process is in work that no signal may interrupt, and ends after it.
static WORK: AtomicU8 = AtomicU8::new(NO_WORK);
const NO_WORK: u8 = 0;
const WORKS: u8 = 1;
const WORKS_AND_ENDS: u8 = 2;

/// Runs work that no signal interrupts: a signal that ends this process ends it after the work. Kamailio ends processes
/// at any point, even while they hold a lock or change shared memory that its shutdown needs.
pub(crate) fn uncut(work: impl FnOnce()) {
    /// Also where the work panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            if WORK.swap(NO_WORK, SeqCst) == WORKS_AND_ENDS {
                end(libc::SIGTERM);
            }
        }
    }
    let _end = End;
    WORK.store(WORKS, SeqCst);
    work();
}

/// Has the signals of the main process come to this module first.
pub(crate) fn take_in_main<R: Rule>() {
    take::<R>(on_main::<R>);
}

/// The same in another process.
pub(crate) fn take_in_child<R: Rule>() {
    take::<R>(on_child::<R>);
}

fn take<R: Rule>(handler: Handler) {
    // With `fork=no` one process is worker and main process, and comes here twice. Kamailio's handler is known by then.
    let ours = [
        on_main::<R> as Handler as usize,
        on_child::<R> as Handler as usize,
    ];
    for (signal, kamailios) in SIGNALS.into_iter().zip(&KAMAILIOS) {
        let mut action = no_action();
        let mut before = no_action();
        // SAFETY: without a new action only `before` is written, which is live.
        unsafe { libc::sigaction(signal, std::ptr::null(), &mut before) };
        // Before the handler needs it.
        if !ours.contains(&before.sa_sigaction) {
            kamailios.store(before.sa_sigaction, SeqCst);
        }
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the struct is live, and the handler takes what SA_SIGINFO passes. It calls a `Rule`, atomics, and the
        // handler that was there before.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
}

fn no_action() -> libc::sigaction {
    // SAFETY: all zero is a value of it: no flags, an empty mask, the default action.
    unsafe { std::mem::zeroed() }
}

extern "C" fn on_main<R: Rule>(signal: c_int, _: Option<&libc::siginfo_t>, _: *mut c_void) {
    if PASSED.load(SeqCst) || R::in_main() {
        PASSED.store(true, SeqCst);
        to_kamailio(signal);
    }
}

extern "C" fn on_child<R: Rule>(signal: c_int, info: Option<&libc::siginfo_t>, _: *mut c_void) {
    // SAFETY: SIGTERM and SIGINT are sent by a process, or by the kernel, for which the member is 0.
    let sender = info.map_or(0, |info| unsafe { info.si_pid() });
    if !R::in_child(u32::try_from(sender).unwrap_or(0)) {
        return;
    }
    let worked = WORK.compare_exchange(WORKS, WORKS_AND_ENDS, SeqCst, SeqCst);
    if worked == Err(NO_WORK) {
        end(signal);
    }
}

/// Ends this process, as Kamailio's handler does. That handler first takes the lock of Kamailio's settings, to see
/// whether memory statistics are to be logged. If a process was killed while it held this lock, all others would wait
/// for ever.
fn end(signal: c_int) {
    // With `fork=no`.
    if calls::_ksr_is_main != 0 {
        to_kamailio(signal);
    } else {
        calls::_exit(0);
    }
}

/// Lets Kamailio have its signal.
fn to_kamailio(signal: c_int) {
    let place = SIGNALS.iter().position(|known| *known == signal);
    let handler = place.and_then(|place| KAMAILIOS.get(place));
    let handler = handler.map_or(0, |handler| handler.load(SeqCst));
    if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
        // SAFETY: sigaction gave it: Kamailio's handler, which takes the number alone (core/signals.h).
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
        handler(signal);
    }
}

/// Sends SIGTERM to a process.
pub(crate) fn terminate(process: u32) {
    if let Ok(process @ 1..) = libc::pid_t::try_from(process) {
        // 0 and negative numbers, which mean several processes, are left out above.
        calls::kill(process, libc::SIGTERM);
    }
}
