//! SIGTERM and SIGINT: they come to this module before Kamailio gets them.

use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::calls;

/// Decides about a signal. Both functions run in a signal handler: they read and write atomics and the clock, and do nothing
/// else. (No lock, no memory, no log line.)
pub(crate) trait Rule {
    /// A signal to the main process. True: Kamailio gets it now.
    fn in_main() -> bool;

    /// A signal to another process. True: Kamailio gets it now.
    fn in_child(sender: u32) -> bool;
}

type Handler = extern "C" fn(c_int, Option<&libc::siginfo_t>, *mut c_void);

/// What Kamailio does about each of the signals in this process.
static KAMAILIOS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
const SIGNALS: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];

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
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        let mut before = no_action();
        // SAFETY: both structs are live, and the handler takes what SA_SIGINFO passes. It calls a `Rule`, atomics, and the
        // handler that was there before.
        unsafe { libc::sigaction(signal, &action, &mut before) };
        if !ours.contains(&before.sa_sigaction) {
            kamailios.store(before.sa_sigaction, SeqCst);
        }
    }
}

fn no_action() -> libc::sigaction {
    // SAFETY: all zero is a value of it: no flags, an empty mask, the default action.
    unsafe { std::mem::zeroed() }
}

extern "C" fn on_main<R: Rule>(signal: c_int, _: Option<&libc::siginfo_t>, _: *mut c_void) {
    if R::in_main() {
        to_kamailio(signal);
    }
}

extern "C" fn on_child<R: Rule>(signal: c_int, info: Option<&libc::siginfo_t>, _: *mut c_void) {
    // SAFETY: SIGTERM and SIGINT are sent by a process, or by the kernel, for which the member is 0.
    let sender = info.map_or(0, |info| unsafe { info.si_pid() });
    if R::in_child(u32::try_from(sender).unwrap_or(0)) {
        to_kamailio(signal);
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
