//! The Contact header fields of a REGISTER, as Kamailio reads them.

use super::ffi;
use super::message::SipMsg;
use super::request::Request;

/// One contact of a REGISTER.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'m> {
    msg: SipMsg<'m>,
    contact: &'m ffi::contact,
}

impl<'m> Request<'m> {
    /// The contacts in all Contact header fields; those of `*` are none.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact<'m>> + use<'m> {
        let msg = self.message();
        let mut field = self.fields().contact;
        let mut contact: *mut ffi::contact = std::ptr::null_mut();
        std::iter::from_fn(move || {
            loop {
                // SAFETY: contacts of a parsed Contact of this message, which lives as long; the list ends with NULL.
                if let Some(found) = unsafe { contact.as_ref() } {
                    contact = found.next;
                    return Some(Contact {
                        msg,
                        contact: found,
                    });
                }
                let raw = field;
                let this = msg.field(|_| raw)?;
                field = this.next;
                if this.type_ != ffi::HDR_CONTACT_T {
                    continue;
                }
                // SAFETY: a Contact of a live message of this process; parsing twice is harmless.
                if unsafe { ffi::parse_contact(raw) } == 0 {
                    let body = this.parsed.cast::<ffi::contact_body>();
                    // SAFETY: parse_contact has put it there.
                    let body = unsafe { body.as_ref() };
                    contact = body.map_or(std::ptr::null_mut(), |body| body.contacts);
                }
            }
        })
    }
}

impl<'m> Contact<'m> {
    pub(crate) fn uri(self) -> Option<&'m str> {
        self.msg.text(&self.contact.uri)
    }

    /// The value of the parameter of this name (any case).
    pub(crate) fn parameter(self, name: &str) -> Option<&'m str> {
        let mut parameters = self.parameters();
        let found = parameters.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'m str, &'m str)> {
        let mut next = self.contact.params;
        std::iter::from_fn(move || {
            // SAFETY: parameters of a parsed Contact of this message, which lives as long; the list ends with NULL.
            let parameter = unsafe { next.as_ref() }?;
            next = parameter.next;
            let (name, value) = (&parameter.name, &parameter.body);
            Some((
                self.msg.text(name).unwrap_or_default(),
                self.msg.text(value).unwrap_or_default(),
            ))
        })
    }
}
