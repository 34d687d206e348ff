//! `log_guard`: repeated log lines are dropped, and log lines with message content are replaced, in processes that receive requests.

use std::cell::RefCell;

use crate::guard::log::{LineContent, LineOrigin, LogGuard, without_content};

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::log_output::{self, LogLine, filter_lines};
use crate::kamailio::sys::process::Rank;

thread_local! {
    /// Of this process.
    static GUARD: RefCell<LogGuard> = RefCell::default();
}

/// In child_init: filters the log lines of this process if `log_guard` is set.
pub(crate) fn begin(rank: Rank) {
    let serves = rank.is_worker() || rank == Rank::TCP_MAIN;
    if serves && state().log_guard {
        filter_lines(is_whole);
    }
}

/// Whether the line is written unchanged. If not, its replacement has been written.
fn is_whole(written: &LogLine<'_>) -> bool {
    let line = LineOrigin {
        level: written.level,
        module: written.module,
        file: written.file,
    };
    // A signal handler may write a line during this call.
    let counted = GUARD.with(|guard| {
        let mut guard = guard.try_borrow_mut().ok()?;
        Some(guard.line(line, clock::monotonic_ms()))
    });
    let (shown, before) = counted.unwrap_or((LineContent::FormatOnly, 0));
    if before > 0 {
        log_output::warn(&format!("{before} log lines of this process were left out"));
    }
    if shown == LineContent::FormatOnly {
        written.print(&without_content(written.format));
    }
    shown == LineContent::Whole
}
