//! The lines of Kamailio's log on their way out of this process.

use std::os::raw::c_int;

use std::sync::OnceLock;

use super::calls;
use super::ffi;
use super::guard::guard;
use super::passed::{CText, LogData};
use super::text::Lent;

/// A line that is about to be written.
pub(crate) struct LogLine<'c> {
    data: LogData<'c>,
    pub(crate) level: c_int,
    /// The module and the file that write it.
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    /// The line before its values are put in.
    pub(crate) format: &'c str,
}

impl LogLine<'_> {
    /// Writes another text in its place.
    pub(crate) fn print(&self, text: &str) {
        calls::ipsmgw_c_print_log(self.data, &Lent::new(text.as_bytes()));
    }
}

/// Writes a warning of this module while Kamailio writes another line. `tracing` writes nothing then.
pub(crate) fn warn(text: &str) {
    calls::ipsmgw_c_print_own_log(ffi::L_WARN as c_int, &Lent::new(text.as_bytes()));
}

/// Whether a line is written as it is.
pub(crate) type Filter = fn(&LogLine<'_>) -> bool;

static FILTER: OnceLock<Filter> = OnceLock::new();

/// In child_init: from now on this process's lines pass this filter, unless something else takes them already.
pub(crate) fn filter_lines(filter: Filter) {
    // All processes have the same one.
    let _ = FILTER.set(filter);
    calls::ipsmgw_c_guard_log(is_whole);
}

/// Whether a line is written as it is.
extern "C" fn is_whole(data: LogData<'_>, format: CText<'_>) -> c_int {
    guard("log", 1, || {
        let Some(filter) = FILTER.get() else { return 1 };
        let [module, file] = data.origin();
        let line = LogLine {
            data,
            level: data.level(),
            module,
            file,
            format: format.get().unwrap_or_default(),
        };
        c_int::from(filter(&line))
    })
}
