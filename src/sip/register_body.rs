//! What the S-CSCF tells in the body of a third-party REGISTER (TS 24.229 clause 5.4.1.7; row REG-2): copies of
//! the phone's REGISTER and of its answer, service information.

use std::borrow::Cow;

use super::capability::Capabilities;
use super::date::expires;
use super::entity::Entity;
use super::header::{elements, parameters, split_name_addr};
use super::multipart::split_header;

/// The body of a third-party REGISTER, as far as it is of use.
#[derive(Default)]
pub struct RegisterBody<'a> {
    /// The phone's REGISTER, a whole SIP message.
    pub request: Option<Cow<'a, [u8]>>,
    /// The `200` to it, a whole SIP message.
    pub response: Option<Cow<'a, [u8]>>,
    /// `application/3gpp-ims+xml`, an XML document.
    pub service_info: Option<Cow<'a, [u8]>>,
}

/// A contact that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredContact {
    /// Its URI, without angle brackets.
    pub uri: String,
    /// For how many seconds it is registered, where that is said.
    pub expires: Option<u32>,
    /// Its parameters: names, and values without their quotes.
    pub parameters: Vec<(String, String)>,
}

impl RegisteredContact {
    /// What it can do (rows REG-3 to REG-5).
    pub fn capabilities(&self, plain_im: bool) -> Capabilities {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.as_str(), value.as_str()));
        Capabilities::of_contact(parameters, plain_im)
    }
}

impl<'a> RegisterBody<'a> {
    /// Looks through a body. What cannot be read is left out: the registration itself stands in the
    /// header of the third-party REGISTER.
    pub fn decode(body: Entity<'a>) -> Self {
        let mut found = Self::default();
        for part in body.leaves().unwrap_or_default() {
            let is_service_info = part.is("application/3gpp-ims+xml");
            let is_message = part.is("message/sip");
            if !(is_service_info || is_message) {
                continue;
            }
            let Ok(octets) = part.into_octets() else {
                continue;
            };
            if is_service_info {
                found.service_info = Some(octets);
            } else if octets.starts_with(b"REGISTER ") {
                found.request = Some(octets);
            } else if octets.starts_with(b"SIP/2.0 200") {
                found.response = Some(octets);
            }
        }
        found
    }

    /// The contacts that are registered now: those of the response, which has all of them, else those of
    /// the request. What the request says of a contact is added. `None` where neither says a thing.
    pub fn contacts(&self) -> Option<Vec<RegisteredContact>> {
        let request = self.request.as_deref().and_then(contacts);
        let Some(response) = self.response.as_deref() else {
            return request;
        };
        let mut all = contacts(response).unwrap_or_default();
        for contact in &mut all {
            // A registrar need not repeat the feature tags (RFC 3261 §10.3 step 8).
            let mut known = request.iter().flatten();
            if let Some(same) = known.find(|same| same.uri == contact.uri) {
                contact.parameters.extend(same.parameters.iter().cloned());
            }
        }
        Some(all)
    }
}

/// The contacts of a SIP message that has any Contact. One that is being removed is none, and neither
/// is `*`.
fn contacts(message: &[u8]) -> Option<Vec<RegisteredContact>> {
    let header = split_header(message);
    let lifetime = header
        .fields()
        .find(|(name, _)| name.eq_ignore_ascii_case("Expires"))
        .and_then(|(_, value)| expires(&value));
    let mut found = None;
    for (name, value) in header.fields() {
        if name.eq_ignore_ascii_case("Contact") || name.eq_ignore_ascii_case("m") {
            let contacts = elements(&value).filter_map(|element| contact(element, lifetime));
            found
                .get_or_insert_with(Vec::new)
                .extend(contacts.filter(|contact| contact.expires != Some(0)));
        }
    }
    found
}

/// `"Name" <URI>;parameters` or `URI;parameters`.
fn contact(element: &str, lifetime: Option<u32>) -> Option<RegisteredContact> {
    let (uri, rest) = split_name_addr(element)?;
    let parameters: Vec<(String, String)> = parameters(rest)
        .map(|(name, value)| (name.to_owned(), value.into_owned()))
        .collect();
    let own = parameters
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("expires"))
        .and_then(|(_, value)| expires(value));
    uri.contains(':').then(|| RegisteredContact {
        uri: uri.to_owned(),
        expires: own.or(lifetime),
        parameters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:ims.example SIP/2.0\r\n\
        To: <sip:+15550001@ims.example>\r\n\
        Contact: \"a,<b\" <sip:phone@192.0.2.1:5060;transport=tcp>;+g.3gpp.smsip;\r\n \
        +g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\", <sip:old@192.0.2.2>;expires=0\r\n\
        Expires: 600000\r\n\
        Content-Length: 0\r\n\r\n";
    const OK: &str = "SIP/2.0 200 OK\r\n\
        m: <sip:phone@192.0.2.1:5060;transport=tcp>;expires=3600\r\n\
        m: sip:soft@192.0.2.3;Expires=60;+g.oma.sip-im\r\n\
        Content-Length: 0\r\n\r\n";
    const INFO: &str = "<ims-3gpp><service-info>15550001</service-info></ims-3gpp>";

    fn multipart(parts: &[(&str, &str)]) -> String {
        let parts = parts.iter().map(|(content_type, body)| {
            format!("--b\r\nContent-Type: {content_type}\r\n\r\n{body}\r\n")
        });
        parts.collect::<String>() + "--b--\r\n"
    }

    fn shown(body: &RegisterBody<'_>) -> Vec<(String, Option<u32>, bool, bool)> {
        let contacts = body.contacts().into_iter().flatten().map(|contact| {
            let can = contact.capabilities(false);
            (contact.uri, contact.expires, can.sm, can.im)
        });
        contacts.collect()
    }

    fn decode<'a>(
        content_type: &'a str,
        transfer_encoding: Option<&'a str>,
        body: &'a [u8],
    ) -> RegisterBody<'a> {
        RegisterBody::decode(Entity {
            content_type: content_type.into(),
            transfer_encoding: transfer_encoding.map(Cow::Borrowed),
            body: body.into(),
            ..Entity::default()
        })
    }

    const PHONE: &str = "sip:phone@192.0.2.1:5060;transport=tcp";

    #[test]
    fn all_that_there_can_be() {
        let body = multipart(&[
            ("application/3gpp-ims+xml", INFO),
            ("message/sip", REGISTER),
            ("message/sip; x=y", OK),
            ("text/plain", "REGISTER "),
        ]);
        let body = decode("multipart/mixed;boundary=b", None, body.as_bytes());
        assert_eq!(body.service_info.as_deref(), Some(INFO.as_bytes()));
        assert_eq!(
            shown(&body),
            [
                (PHONE.to_owned(), Some(3600), true, false),
                ("sip:soft@192.0.2.3".to_owned(), Some(60), false, true),
            ]
        );
    }

    #[test]
    fn one_of_them_alone() {
        let body = decode("Message/SIP", None, REGISTER.as_bytes());
        assert_eq!(
            shown(&body),
            [(PHONE.to_owned(), Some(600_000), true, false)]
        );
        let body = decode("message/sip", Some("binary"), OK.as_bytes());
        assert_eq!(
            shown(&body)[0],
            (PHONE.to_owned(), Some(3600), false, false)
        );
        let body = decode("application/3gpp-ims+xml", Some("base64"), b"PGE+");
        assert_eq!(body.service_info.as_deref(), Some(&b"<a>"[..]));
        assert_eq!(shown(&body), []);
    }

    #[test]
    fn what_says_nothing() {
        for (content_type, body) in [
            (
                "message/sip",
                "SIP/2.0 401 Unauthorized\r\nContact: <sip:a@x>\r\n\r\n",
            ),
            (
                "message/sip",
                "INVITE sip:x SIP/2.0\r\nContact: <sip:a@x>\r\n\r\n",
            ),
            (
                "message/sip",
                "REGISTER sip:x SIP/2.0\r\nContact: *\r\nExpires: 0\r\n\r\n",
            ),
            (
                "message/sip",
                "REGISTER sip:x SIP/2.0\r\nContact: <sip:a@x\r\n\r\n",
            ),
            (
                "message/sip",
                "REGISTER sip:x SIP/2.0\r\nContact: <sip:a@x>\r\nExpires: 0\r\n\r\n",
            ),
            (
                "multipart/mixed",
                "--b\r\nContent-Type: message/sip\r\n\r\nx\r\n--b--",
            ),
            ("text/plain", REGISTER),
            ("", ""),
        ] {
            let body = decode(content_type, None, body.as_bytes());
            assert_eq!(shown(&body), [], "{content_type}");
        }
        let body = decode("message/sip", Some("gzip"), REGISTER.as_bytes());
        assert_eq!(shown(&body), []);
    }

    #[test]
    fn no_contacts_are_something_else_than_nothing_said() {
        let none = |body: &str| {
            let body = decode("message/sip", None, body.as_bytes());
            body.contacts().map(|contacts| contacts.len())
        };
        assert_eq!(none("SIP/2.0 200 OK\r\nExpires: 0\r\n\r\n"), Some(0));
        assert_eq!(none("REGISTER sip:x SIP/2.0\r\nm: *\r\n\r\n"), Some(0));
        assert_eq!(none("REGISTER sip:x SIP/2.0\r\nExpires: 0\r\n\r\n"), None);
        assert_eq!(none("SIP/2.0 401 No\r\nContact: <sip:a@x>\r\n\r\n"), None);
    }

    #[test]
    fn every_cut_is_survived() {
        for end in 0..REGISTER.len() {
            let cut = &REGISTER.as_bytes()[..end];
            shown(&decode("message/sip", None, cut));
        }
    }
}
