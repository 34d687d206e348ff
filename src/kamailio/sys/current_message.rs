//! The message that a function of the script works on just now, for the log.

use std::cell::Cell;
use std::ptr::null_mut;

use super::ffi;
use super::message::SipMsg;

thread_local! {
    /// The message, and how many functions of the script run inside each other.
    static CURRENT: Cell<(*mut ffi::sip_msg, u32)> = const { Cell::new((null_mut(), 0)) };
}

/// Puts the outer message back, also after a panic.
struct Outer(*mut ffi::sip_msg, u32);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set((self.0, self.1));
    }
}

/// Runs `work`; this is the current message meanwhile.
pub(super) fn with<T>(message: SipMsg<'_>, work: impl FnOnce() -> T) -> T {
    let (outer, depth) = CURRENT.get();
    CURRENT.set((message.raw(), depth.wrapping_add(1)));
    let _outer = Outer(outer, depth);
    work()
}

/// How many functions of the script run inside each other.
pub(crate) fn depth() -> u32 {
    CURRENT.get().1
}

/// Shows the current message to `look`; none if this process runs no function of the script.
pub(crate) fn look<T>(look: impl FnOnce(Option<SipMsg<'_>>) -> T) -> T {
    // SAFETY: NULL, or the message that `with` borrows: it takes the pointer away before its borrow ends, and `look` cannot
    // keep it.
    look(unsafe { SipMsg::new(CURRENT.get().0) })
}
