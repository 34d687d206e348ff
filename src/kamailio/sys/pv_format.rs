//! Text with pseudo-variables, such as `$hdr(P-Asserted-Identity)`.

use super::ffi;
use super::message::SipMsg;
use super::text::{self, lend};

/// A format that Kamailio has parsed. It is read-only and the same in every process.
pub(crate) struct PvFormat(*mut ffi::pv_elem_t);

// SAFETY: the parsed format is read-only after mod_init and the same in every process.
unsafe impl Send for PvFormat {}
// SAFETY: as above.
unsafe impl Sync for PvFormat {}

impl PvFormat {
    /// In mod_init. Nothing where Kamailio cannot parse it.
    pub(crate) fn parse(format: &'static str) -> Option<Self> {
        let mut text = lend(format.as_bytes());
        let mut parsed = std::ptr::null_mut();
        // SAFETY: the text is static; the result is kept for ever.
        let failed = unsafe { ffi::pv_parse_format(&mut text, &mut parsed) } < 0;
        (!failed).then_some(Self(parsed))
    }

    /// Its value for this message; nothing where a variable has none.
    pub(crate) fn value(&self, msg: SipMsg<'_>) -> Option<String> {
        let mut value = ffi::str_::default();
        // SAFETY: a live message and a parsed format; the value stays in a buffer of Kamailio's until
        // its next call.
        if unsafe { ffi::pv_printf_s(msg.raw(), self.0, &mut value) } < 0 {
            return None;
        }
        // SAFETY: as above; copied at once.
        let value = unsafe { text::text(&value) }?;
        // An unset variable prints so.
        (!value.is_empty() && value != "<null>").then(|| value.to_owned())
    }
}
