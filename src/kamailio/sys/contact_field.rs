//! The Contact header fields of a REGISTER, as Kamailio reads them.

use std::os::raw::c_int;

use super::argument::typed;
use super::ffi;
use super::kept::Kept;
use super::message::SipMsg;
use super::request::Request;

/// One contact of a REGISTER.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'m> {
    msg: SipMsg<'m>,
    contact: Kept<'m, ffi::contact>,
}

impl<'m> Request<'m> {
    /// The contacts in all Contact header fields; those of `*` are none.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact<'m>> + use<'m> {
        let msg = self.message();
        let first = msg.kept().follow(|msg| &msg.contact).into_iter();
        first
            .flat_map(|first| first.list(|field| &field.next))
            .filter(|field| field.fields().type_ == ffi::HDR_CONTACT_T)
            .filter_map(parsed)
            .filter_map(|body| body.follow(|body| &body.contacts))
            .flat_map(|first| first.list(|contact| &contact.next))
            .map(move |contact| Contact { msg, contact })
    }
}

/// A Contact header field, as Kamailio has read it.
fn parsed(field: Kept<'_, ffi::hdr_field>) -> Option<Kept<'_, ffi::contact_body>> {
    if parse_contact(field) != 0 {
        return None;
    }
    let body = field.fields().parsed.cast();
    // SAFETY: parse_contact has put it there; it lives as long as the header field.
    unsafe { Kept::new(body) }
}

typed! {
    /// It stores the parsed value with the header field, in the memory of this process. A second call changes nothing.
    fn parse_contact(field: Kept<'_, ffi::hdr_field>) -> c_int;
}

impl<'m> Contact<'m> {
    pub(crate) fn uri(self) -> Option<&'m str> {
        self.msg.text(&self.contact.fields().uri)
    }

    /// The value of the parameter of this name (any case).
    pub(crate) fn parameter(self, name: &str) -> Option<&'m str> {
        let mut parameters = self.parameters();
        let found = parameters.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'m str, &'m str)> {
        let first = self.contact.follow(|contact| &contact.params).into_iter();
        let parameters = first.flat_map(|first| first.list(|parameter| &parameter.next));
        parameters.map(move |parameter| {
            let parameter = parameter.fields();
            (
                self.msg.text(&parameter.name).unwrap_or_default(),
                self.msg.text(&parameter.body).unwrap_or_default(),
            )
        })
    }
}
