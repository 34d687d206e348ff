//! The body of a third-party REGISTER from an S-CSCF (TS 24.229 clause 5.4.1.7; row REG-2): copies of the phone's
//! REGISTER and of the answer to it, service information.

use std::borrow::Cow;

use super::capability::Capabilities;
use super::date::expires;
use super::header::{elements, split_name_addr};
use crate::mime::{Entity, parameters, split_header};

/// The parts of such a body that the gateway uses.
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
    /// Seconds until it expires, if the body says it.
    pub expires: Option<u32>,
    /// Its parameters: names, and values without quotes.
    pub parameters: Vec<(String, String)>,
}

impl RegisteredContact {
    /// Its capabilities (rows REG-3 to REG-5).
    pub fn capabilities(&self, plain_im: bool) -> Capabilities {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.as_str(), value.as_str()));
        Capabilities::of_contact(parameters, plain_im)
    }
}

impl<'a> RegisterBody<'a> {
    /// Reads a body. A part that cannot be read is ignored: the registration itself is in the header of the
    /// third-party REGISTER.
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

    /// Contacts in the body. The response lists all of them; the request lists those of one device. Parameters in the
    /// request are added to the same contact in the response.
    pub fn contacts(&self) -> ContactsTold {
        let request = self
            .request
            .as_deref()
            .map(Contacts::of)
            .unwrap_or_default();
        let response = self
            .response
            .as_deref()
            .map(Contacts::of)
            .unwrap_or_default();
        let Some(mut all) = response.listed else {
            return match request.listed {
                Some(listed) if listed.is_empty() && request.star => ContactsTold::NoneLeft,
                Some(listed) if !listed.is_empty() => ContactsTold::Changed(listed),
                _ => ContactsTold::Nothing,
            };
        };
        all.retain(|contact| contact.expires != Some(0));
        for contact in &mut all {
            // A registrar need not repeat the feature tags (RFC 3261 §10.3 step 8).
            let mut known = request.listed.iter().flatten();
            if let Some(same) = known.find(|same| same.uri == contact.uri) {
                contact.parameters.extend(same.parameters.iter().cloned());
            }
        }
        ContactsTold::All(all)
    }

    /// Whether there is a response without a list of contacts. Then it is not known whether other contacts exist.
    pub fn response_is_silent(&self) -> bool {
        let response = self.response.as_deref().map(Contacts::of);
        response.is_some_and(|contacts| contacts.listed.is_none())
    }

    /// The public identities that the response names (P-Associated-URI, RFC 7315 §4.1): the value of each such header
    /// field.
    pub fn associated(&self) -> Vec<String> {
        let Some(response) = self.response.as_deref() else {
            return Vec::new();
        };
        split_header(response)
            .fields()
            .filter(|(name, _)| name.eq_ignore_ascii_case("P-Associated-URI"))
            .map(|(_, value)| value.into_owned())
            .collect()
    }
}

/// The contacts in the body of a third-party REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactsTold {
    /// This is the complete list.
    All(Vec<RegisteredContact>),
    /// These contacts are new, refreshed, or removed (`expires` is 0). There may be others.
    Changed(Vec<RegisteredContact>),
    /// All contacts were removed.
    NoneLeft,
    /// Nothing.
    Nothing,
}

impl ContactsTold {
    /// Whether it only removes contacts.
    pub fn only_ends(&self) -> bool {
        let ended = |contact: &RegisteredContact| contact.expires == Some(0);
        matches!(self, Self::Changed(contacts) if contacts.iter().all(ended))
    }

    /// The contacts in it.
    pub fn named(&self) -> &[RegisteredContact] {
        match self {
            Self::All(contacts) | Self::Changed(contacts) => contacts,
            Self::NoneLeft | Self::Nothing => &[],
        }
    }
}

/// The Contact header fields of a SIP message.
#[derive(Default)]
struct Contacts {
    /// All contacts, with those that are removed; `None` if there is no Contact header field.
    listed: Option<Vec<RegisteredContact>>,
    /// Whether one of them is `*`.
    star: bool,
}

impl Contacts {
    fn of(message: &[u8]) -> Self {
        let header = split_header(message);
        let lifetime = header
            .fields()
            .find(|(name, _)| name.eq_ignore_ascii_case("Expires"))
            .and_then(|(_, value)| expires(&value));
        let mut found = Self::default();
        for (name, value) in header.fields() {
            if name.eq_ignore_ascii_case("Contact") || name.eq_ignore_ascii_case("m") {
                found.star |= value.trim() == "*";
                let contacts = elements(&value).filter_map(|element| contact(element, lifetime));
                found.listed.get_or_insert_default().extend(contacts);
            }
        }
        found
    }
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
        let told = body.contacts();
        let contacts = told.named().iter().map(|contact| {
            let can = contact.capabilities(false);
            (contact.uri.clone(), contact.expires, can.sm, can.im)
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
    fn all_parts_are_read() {
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
    fn a_body_that_only_removes_contacts() {
        let told = |contacts: &str| {
            let register = format!("REGISTER sip:x SIP/2.0\r\n{contacts}\r\n\r\n");
            let body = decode("message/sip", None, register.as_bytes());
            body.contacts().only_ends()
        };
        assert!(told("Contact: <sip:a@x>\r\nExpires: 0"));
        assert!(told(
            "Contact: <sip:a@x>;expires=0, <sip:b@x>\r\nExpires: 0"
        ));
        assert!(!told("Contact: <sip:a@x>;expires=0, <sip:b@x>"));
        assert!(!told("Contact: *\r\nExpires: 0"));
        assert!(!told("Expires: 0"));
    }

    #[test]
    fn one_part_alone_is_read() {
        let body = decode("Message/SIP", None, REGISTER.as_bytes());
        assert_eq!(
            shown(&body),
            [
                (PHONE.to_owned(), Some(600_000), true, false),
                ("sip:old@192.0.2.2".to_owned(), Some(0), false, false),
            ]
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
    fn bodies_without_usable_parts() {
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
                "SIP/2.0 200 OK\r\nContact: <sip:a@x>\r\nExpires: 0\r\n\r\n",
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
    fn some_contacts_all_contacts_or_none() {
        let told = |body: &str| {
            let body = decode("message/sip", None, body.as_bytes());
            let count = match body.contacts() {
                ContactsTold::All(contacts) => ("all", contacts.len()),
                ContactsTold::Changed(contacts) => ("changed", contacts.len()),
                ContactsTold::NoneLeft => ("none left", 0),
                ContactsTold::Nothing => ("nothing", 0),
            };
            (count, body.response_is_silent())
        };
        let ok = |rest: &str| told(&format!("SIP/2.0 200 OK\r\n{rest}\r\n"));
        let register = |rest: &str| told(&format!("REGISTER sip:x SIP/2.0\r\n{rest}\r\n"));
        assert_eq!(ok("Expires: 0\r\n"), (("nothing", 0), true));
        assert_eq!(ok(""), (("nothing", 0), true));
        assert_eq!(
            ok("m: <sip:a@x>, <sip:b@x>;expires=0\r\n"),
            (("all", 1), false)
        );
        assert_eq!(ok("m: <sip:a@x>;expires=0\r\n"), (("all", 0), false));
        assert_eq!(register("m: *\r\n"), (("none left", 0), false));
        assert_eq!(
            register("m: <sip:a@x>;expires=0\r\n"),
            (("changed", 1), false)
        );
        assert_eq!(register("Expires: 0\r\n"), (("nothing", 0), false));
        let refused = "SIP/2.0 401 No\r\nContact: <sip:a@x>\r\n\r\n";
        assert_eq!(told(refused), (("nothing", 0), false));
    }

    #[test]
    fn contacts_of_the_request_count_if_the_response_lists_none() {
        let body = multipart(&[
            (
                "message/sip",
                "REGISTER sip:x SIP/2.0\r\nm: <sip:a@x>\r\n\r\n",
            ),
            (
                "message/sip",
                "SIP/2.0 200 OK\r\nP-Associated-URI: <sip:a@x>,\r\n tel:+1555\r\nP-Associated-URI: <sip:b@x>\r\n\r\n",
            ),
        ]);
        let body = decode("multipart/mixed;boundary=b", None, body.as_bytes());
        assert!(matches!(body.contacts(), ContactsTold::Changed(_)));
        assert!(body.response_is_silent());
        assert_eq!(body.associated(), ["<sip:a@x>, tel:+1555", "<sip:b@x>"]);
    }

    #[test]
    fn truncated_bodies_are_survived() {
        for end in 0..REGISTER.len() {
            let cut = &REGISTER.as_bytes()[..end];
            shown(&decode("message/sip", None, cut));
        }
    }
}
