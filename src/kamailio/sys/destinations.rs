//! Where requests would go that follow what somebody wrote into a Contact.

use std::os::raw::c_int;

use crate::sip::one_spelling;

use super::ffi;
use super::message::SipMsg;
use super::text;

/// Where the contacts of a REGISTER would be reached by what they say themselves: `sip:HOST:PORT` for each of them, and
/// for its `maddr`, separated by commas; `None` where there is none. Read by Kamailio's own parsers, so that nothing is
/// understood in two ways. The registrar believes a contact that says by a parameter `received` where it was seen: such a
/// contact is at `sip:0.0.0.0:0`, where nobody is.
pub(crate) fn of_contacts(register: SipMsg<'_>) -> Option<String> {
    if !register.is_request(ffi::METHOD_REGISTER) || !register.parse_headers() {
        return None;
    }
    let mut all = String::new();
    let mut add = |host: &str, port: u16| {
        let separator = if all.is_empty() { "" } else { "," };
        let host = one_spelling(host);
        // What is no host is nobody's address.
        let host = if host == "?" { "0.0.0.0" } else { &host };
        all.extend([separator, "sip:", host, ":", &port.to_string()]);
    };
    for contact in register.contacts() {
        let says_where = contact.parameter("received").is_some();
        // What cannot be read `save()` refuses, too.
        let Some(uri) = contact.uri().and_then(Parsed::of).filter(|_| !says_where) else {
            add("", 0);
            continue;
        };
        add(uri.host(), uri.port());
        if let Some(host) = uri.maddr() {
            add(host, uri.port());
        }
    }
    (!all.is_empty()).then_some(all)
}

/// A URI as Kamailio reads it; it points into the message's buffer.
struct Parsed(ffi::sip_uri);

impl Parsed {
    fn of(uri: &str) -> Option<Self> {
        let length = c_int::try_from(uri.len()).ok()?;
        let mut parsed = ffi::sip_uri::default();
        // SAFETY: a text of this length that is only read, and a struct of ours to fill.
        let failed =
            unsafe { ffi::parse_uri(uri.as_ptr().cast_mut().cast(), length, &mut parsed) } != 0;
        (!failed).then_some(Self(parsed))
    }

    fn host(&self) -> &str {
        // SAFETY: it points into the parsed text, which outlives this.
        unsafe { text::text(&self.0.host) }.unwrap_or_default()
    }

    fn port(&self) -> u16 {
        let is_secure = matches!(self.0.type_, ffi::SIPS_URI_T);
        match (self.0.port.len, is_secure) {
            (0, false) => 5060,
            (0, true) => 5061,
            _ => self.0.port_no,
        }
    }

    fn maddr(&self) -> Option<&str> {
        // SAFETY: as for the host; NULL without one.
        let host = unsafe { text::text(&self.0.maddr_val) };
        host.filter(|host| !host.is_empty())
    }
}
