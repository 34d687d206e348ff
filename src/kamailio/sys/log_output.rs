//! The lines of Kamailio's log on their way out of this process.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int};

use once_cell::sync::OnceCell;

use super::ffi;
use super::guard::guard;

/// A line that is about to be written.
pub(crate) struct LogLine {
    described: *const ffi::ksr_logdata_t,
    pub(crate) level: c_int,
    /// The module and the file that write it.
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    /// The line before its values are put in.
    pub(crate) format: &'static str,
}

impl LogLine {
    /// Writes something else in its place, or before it.
    pub(crate) fn print(&self, text: &str) {
        let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        // SAFETY: the description that `is_whole` was given, live during its call, and a text of ours with its length.
        unsafe { ffi::ipsmgw_c_print_log(self.described, text.as_ptr().cast(), length) };
    }
}

/// Whether a line is written as it is.
pub(crate) type Filter = fn(&LogLine) -> bool;

static FILTER: OnceCell<Filter> = OnceCell::new();

/// In child_init: from now on this process's lines pass this filter, unless something else takes them already.
pub(crate) fn filter_lines(filter: Filter) {
    // All processes have the same one.
    let _ = FILTER.set(filter);
    // SAFETY: in child_init, before the process serves; the function is ours.
    unsafe { ffi::ipsmgw_c_guard_log(Some(is_whole)) };
}

/// Whether a line is written as it is.
unsafe extern "C" fn is_whole(of: *const ffi::ksr_logdata_t, format: *const c_char) -> c_int {
    guard("log", 1, || {
        // SAFETY: Kamailio's description of the line, live during the call.
        let described = unsafe { of.as_ref() };
        let (Some(described), Some(filter)) = (described, FILTER.get()) else {
            return 1;
        };
        // SAFETY: constants of Kamailio's.
        let [module, file, format] =
            [described.v_mname, described.v_fname, format].map(|text| unsafe { constant(text) });
        let line = LogLine {
            described: of,
            level: described.v_level,
            module,
            file,
            format,
        };
        c_int::from(filter(&line))
    })
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
