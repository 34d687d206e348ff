//! Lines of Kamailio's log in processes that serve strangers: repeated ones are left out, and content is not shown.

use std::cell::RefCell;

use crate::guard::log::{Line, LogGuard, Shown, without_content};

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::log_output::{LogLine, filter_lines};
use crate::kamailio::sys::process::Rank;

thread_local! {
    /// Of this process.
    static GUARD: RefCell<LogGuard> = RefCell::default();
}

/// In child_init: where `log_guard` is set, the lines of this process are watched from now on.
pub(crate) fn begin(rank: Rank) {
    let serves = rank.is_worker() || rank == Rank::TCP_MAIN;
    if serves && state().log_guard {
        filter_lines(is_whole);
    }
}

/// Whether a line is written as it is. Else what replaces it has been written.
fn is_whole(written: &LogLine) -> bool {
    let line = Line {
        level: written.level,
        module: written.module,
        file: written.file,
    };
    // A line from a signal handler may come while this counts another one.
    let counted = GUARD.with(|guard| {
        let mut guard = guard.try_borrow_mut().ok()?;
        Some(guard.line(line, clock::monotonic_ms()))
    });
    let (shown, before) = counted.unwrap_or((Shown::WithoutContent, 0));
    if before > 0 {
        written.print(&format!("(before this, {before} lines were left out)"));
    }
    if shown == Shown::WithoutContent {
        written.print(&without_content(written.format));
    }
    shown == Shown::Whole
}
