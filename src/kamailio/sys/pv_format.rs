//! Text with pseudo-variables, such as `$hdr(P-Asserted-Identity)`.

use std::os::raw::c_int;

use super::argument::{Argument, typed};
use super::ffi;
use super::message::SipMsg;
use super::text::{self, Lent};

/// A format that Kamailio has parsed. It is read-only and the same in every process.
pub(crate) struct PvFormat(*mut ffi::pv_elem_t);

// SAFETY: the parsed format is read-only after mod_init and the same in every process.
unsafe impl Send for PvFormat {}
// SAFETY: as above.
unsafe impl Sync for PvFormat {}

/// The parsed format.
impl Argument for &PvFormat {
    type C = *mut ffi::pv_elem_t;

    fn c(self) -> Self::C {
        self.0
    }
}

impl PvFormat {
    /// In mod_init. None if Kamailio cannot parse it.
    pub(crate) fn parse(format: &'static str) -> Option<Self> {
        let mut parsed = std::ptr::null_mut();
        let failed = pv_parse_format(&Lent::new(format.as_bytes()), &mut parsed) < 0;
        (!failed).then_some(Self(parsed))
    }

    /// Its value for this message; none if a variable has none.
    pub(crate) fn value(&self, msg: SipMsg<'_>) -> Option<String> {
        let mut value = ffi::str_::default();
        if pv_printf_s(msg, self, &mut value) < 0 {
            return None;
        }
        // SAFETY: the value stays in a buffer of Kamailio's until its next call; it is copied at once.
        let value = unsafe { text::text(&value) }?;
        // An unset variable prints so.
        (!value.is_empty() && value != "<null>").then(|| value.to_owned())
    }
}

typed! {
    /// It keeps pointers into the text, which lives as long as Kamailio.
    fn pv_parse_format(text: &Lent<'static>, format: &mut *mut ffi::pv_elem_t) -> c_int;
    /// The value stays in a buffer of this process until its next call.
    fn pv_printf_s(msg: SipMsg<'_>, format: &PvFormat, value: &mut ffi::str_) -> c_int;
}
