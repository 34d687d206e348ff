//! URIs, read by Kamailio's own parser: so that nothing is understood in two ways.

use std::os::raw::c_int;

use super::ffi;

/// A URI as Kamailio reads it, and its text.
pub(crate) struct ParsedUri<'t> {
    parsed: ffi::sip_uri,
    text: &'t str,
}

impl<'t> ParsedUri<'t> {
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let length = c_int::try_from(text.len()).ok()?;
        let mut parsed = ffi::sip_uri::default();
        let start = text.as_ptr().cast_mut().cast();
        // SAFETY: a text of this length that is only read, and a struct to fill.
        let failed = unsafe { ffi::parse_uri(start, length, &mut parsed) } != 0;
        (!failed).then_some(Self { parsed, text })
    }

    /// A part of the text; none if Kamailio has found none.
    fn part(&self, part: &ffi::str_) -> Option<&'t str> {
        let start = part.s.addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start.checked_add(usize::try_from(part.len).ok()?)?;
        self.text.get(start..end)
    }

    pub(crate) fn host(&self) -> &'t str {
        self.part(&self.parsed.host).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        let is_secure = matches!(self.parsed.type_, ffi::SIPS_URI_T);
        match (self.parsed.port.len, is_secure) {
            (0, false) => 5060,
            (0, true) => 5061,
            _ => self.parsed.port_no,
        }
    }

    pub(crate) fn maddr(&self) -> Option<&'t str> {
        let host = self.part(&self.parsed.maddr_val);
        host.filter(|host| !host.is_empty())
    }
}
