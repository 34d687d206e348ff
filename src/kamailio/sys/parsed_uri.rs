//! URIs, read by Kamailio's own parser: so that nothing is understood in two ways.

use std::marker::PhantomData;
use std::os::raw::c_int;

use super::ffi;
use super::text;

/// A URI as Kamailio reads it; it points into the text.
pub(crate) struct ParsedUri<'t>(ffi::sip_uri, PhantomData<&'t str>);

impl<'t> ParsedUri<'t> {
    pub(crate) fn of(uri: &'t str) -> Option<Self> {
        let length = c_int::try_from(uri.len()).ok()?;
        let mut parsed = ffi::sip_uri::default();
        // SAFETY: a text of this length that is only read, and a struct of ours to fill.
        let failed =
            unsafe { ffi::parse_uri(uri.as_ptr().cast_mut().cast(), length, &mut parsed) } != 0;
        (!failed).then_some(Self(parsed, PhantomData))
    }

    pub(crate) fn host(&self) -> &'t str {
        self.text(|uri| &uri.host).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        let is_secure = matches!(self.0.type_, ffi::SIPS_URI_T);
        match (self.0.port.len, is_secure) {
            (0, false) => 5060,
            (0, true) => 5061,
            _ => self.0.port_no,
        }
    }

    pub(crate) fn maddr(&self) -> Option<&'t str> {
        let host = self.text(|uri| &uri.maddr_val);
        host.filter(|host| !host.is_empty())
    }

    /// A part of the URI; nothing where it has none.
    fn text(&self, part: impl FnOnce(&ffi::sip_uri) -> &ffi::str_) -> Option<&'t str> {
        // SAFETY: NULL, or a part of the parsed text, which outlives this.
        unsafe { text::text(part(&self.0)) }
    }
}
