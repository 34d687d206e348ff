//! Every line of Kamailio's log on its way out of a process that serves strangers.

use std::cell::RefCell;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};

use crate::guard::log::{Line, LogGuard, Shown, without_content};

use super::clock;
use super::ffi;
use super::guard::guard;
use crate::kamailio::state::gateway_state::state;

thread_local! {
    /// Of this process.
    static GUARD: RefCell<LogGuard> = RefCell::default();
}

/// In child_init: from now on this process's lines pass here, unless something else takes them already.
pub(crate) fn begin(rank: c_int) {
    let serves = rank > 0 || rank == ffi::PROC_TCP_MAIN;
    if serves && state().log_guard {
        // SAFETY: in child_init, before the process serves; the function is ours.
        unsafe { ffi::ipsmgw_c_guard_log(Some(is_whole)) };
    }
}

/// Whether a line is written as it is. What is written instead of it has been.
unsafe extern "C" fn is_whole(of: *const ffi::ksr_logdata_t, format: *const c_char) -> c_int {
    guard("log", 1, || {
        // SAFETY: Kamailio's description of the line, live during the call.
        let Some(described) = (unsafe { of.as_ref() }) else {
            return 1;
        };
        let line = Line {
            level: described.v_level,
            // SAFETY: a constant of Kamailio's.
            module: unsafe { constant(described.v_mname) },
            // SAFETY: as above.
            file: unsafe { constant(described.v_fname) },
        };
        // A line from a signal handler may come while this counts another one.
        let counted = GUARD.with(|guard| {
            let mut guard = guard.try_borrow_mut().ok()?;
            Some(guard.line(line, clock::monotonic_ms()))
        });
        let (shown, before) = counted.unwrap_or((Shown::WithoutContent, 0));
        if before > 0 {
            print(of, &format!("(before this, {before} lines were left out)"));
        }
        if shown == Shown::WithoutContent {
            // SAFETY: a constant of Kamailio's.
            print(of, &without_content(unsafe { constant(format) }));
        }
        c_int::from(shown == Shown::Whole)
    })
}

fn print(of: *const ffi::ksr_logdata_t, text: &str) {
    let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
    // SAFETY: the description that we were given, and a text of ours with its length.
    unsafe { ffi::ipsmgw_c_print_log(of, text.as_ptr().cast(), length) };
}

/// # Safety
/// NULL, or a text that lives as long as Kamailio and ends with NUL.
unsafe fn constant(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}
