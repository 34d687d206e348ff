//! The `reg` event package (RFC 3680): if a third-party REGISTER does not list the contacts, the gateway subscribes
//! to them at the S-CSCF (row REG-2).

use crate::interwork::Gateway;
use crate::interwork::rules::policy::RegEventIdentity;
use crate::mime::{REGINFO_TYPE, RegInfo, RegInfoContact};
use crate::sip::RegisteredContact;
use crate::wire::DecodeError;

/// Result of a NOTIFY about a person's contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegEvent {
    /// All contacts, and URIs that are public identities of the person.
    Contacts(Vec<RegisteredContact>, Vec<String>),
    /// No contact is left (row REG-7).
    NoContact,
    /// Some contacts have changed. The full list is needed to know the capabilities.
    Changed,
    /// The NOTIFY is about another person.
    SomebodyElse,
}

/// Owner of an address of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AorOwner {
    /// The person of the subscription.
    Subscribed,
    /// Another person known here.
    Another,
    /// Unknown here.
    Unknown,
}

impl RegEvent {
    /// Reads the body of a NOTIFY. All addresses of record of an implicit registration set (TS 24.229) share their
    /// contacts, so contacts of all these addresses count. An unknown address belongs to the person if the document
    /// also has a known address of that person.
    pub fn decode(body: &[u8], owner_of: &dyn Fn(&str) -> AorOwner) -> Result<Self, DecodeError> {
        let told = RegInfo::decode(body)?;
        let (mut has_theirs, mut unknown) = (false, Vec::new());
        let mut contacts = Vec::new();
        for registration in &told.registrations {
            match owner_of(&registration.aor) {
                AorOwner::Another => continue,
                AorOwner::Subscribed => has_theirs = true,
                AorOwner::Unknown if registration.is_active => {
                    unknown.push(registration.aor.clone().into_owned());
                }
                AorOwner::Unknown => {}
            }
            if registration.is_active {
                let active = registration
                    .contacts
                    .iter()
                    .filter(|contact| contact.is_active);
                contacts.extend(active.map(registered));
            }
        }
        if !has_theirs && !told.registrations.is_empty() {
            return Ok(Self::SomebodyElse);
        }
        if !told.is_full {
            return Ok(Self::Changed);
        }
        if contacts.is_empty() {
            return Ok(Self::NoContact);
        }
        Ok(Self::Contacts(contacts, unknown))
    }
}

fn registered(contact: &RegInfoContact<'_>) -> RegisteredContact {
    let parameters = contact.parameters.iter();
    RegisteredContact {
        uri: contact.uri.clone().into_owned(),
        expires: None,
        parameters: parameters
            .map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned()))
            .collect(),
    }
}

/// Timer N (RFC 6665 §4.1.2.4): the seconds in which the NOTIFY must come after a SUBSCRIBE with Expires 0.
const ONE_ANSWER: u32 = 32;

/// The end of a subscription that is made now, in seconds since 1970 UTC.
pub fn subscription_ends(now: i64, expires: u32) -> i64 {
    now + i64::from(expires.max(ONE_ANSWER))
}

impl Gateway {
    /// Header fields of the SUBSCRIBE. `contact` is our own contact URI, `user` the identity whose contacts are
    /// requested. The S-CSCF authorises the subscriber by P-Asserted-Identity.
    pub fn reg_subscription(&self, user: &str, contact: &str, expires: u32) -> String {
        let asserted = match &self.policy.reg_event_identity {
            RegEventIdentity::Gateway => &self.policy.gateway_uri,
            RegEventIdentity::User => user,
            RegEventIdentity::Uri(uri) => uri,
        };
        format!(
            "Event: reg\r\nAccept: {REGINFO_TYPE}\r\nExpires: {expires}\r\n\
             P-Asserted-Identity: <{asserted}>\r\nContact: <{contact}>\r\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: &str, registrations: &[(&str, &[(&str, &str)])]) -> RegEvent {
        let mut document = format!("<reginfo state='{state}'>");
        for (state, contacts) in registrations {
            document += &format!("<registration aor='sip:a@x' state='{state}'>");
            document += &shown(contacts);
            document += "</registration>";
        }
        document += "</reginfo>";
        RegEvent::decode(document.as_bytes(), &owner_of).unwrap()
    }

    fn shown(contacts: &[(&str, &str)]) -> String {
        let contact = |(state, tag): &(&str, &str)| {
            format!(
                "<contact state='{state}'><uri>sip:b@y</uri><unknown-param name='{tag}'/></contact>"
            )
        };
        contacts.iter().map(contact).collect()
    }

    fn owner_of(aor: &str) -> AorOwner {
        match aor {
            "sip:a@x" => AorOwner::Subscribed,
            "sip:bob@x" => AorOwner::Another,
            _ => AorOwner::Unknown,
        }
    }

    const SM: (&str, &str) = ("active", "+g.3gpp.smsip");
    const IM: (&str, &str) = ("active", "+g.oma.sip-im");

    #[test]
    fn only_active_contacts_count() {
        let can = |registrations: &[(&str, &[(&str, &str)])]| match told("full", registrations) {
            RegEvent::Contacts(contacts, _) => {
                let each = contacts.iter().map(|contact| contact.capabilities(false));
                let can = each.reduce(crate::sip::Capabilities::or).unwrap();
                (can.sm, can.im)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(can(&[("active", &[SM])]), (true, false));
        assert_eq!(can(&[("active", &[SM, IM])]), (true, true));
        assert_eq!(can(&[("active", &[SM]), ("active", &[IM])]), (true, true));
        let ended = ("terminated", "+g.3gpp.smsip");
        assert_eq!(can(&[("active", &[ended, IM])]), (false, true));
        assert_eq!(can(&[("active", &[("active", "audio")])]), (false, false));
    }

    #[test]
    fn no_contact_and_partial_documents() {
        let ended = ("terminated", "+g.3gpp.smsip");
        for registrations in [
            &[][..],
            &[("init", &[][..])],
            &[("active", &[])],
            &[("active", &[ended])],
            &[("terminated", &[ended])],
            &[("terminated", &[SM])],
        ] {
            assert_eq!(told("full", registrations), RegEvent::NoContact);
        }
        assert_eq!(told("partial", &[("active", &[SM])]), RegEvent::Changed);
    }

    #[test]
    fn only_addresses_of_the_person_count() {
        let of = |state: &str, aors: &[&str]| {
            let registration = |aor: &&str| {
                format!(
                    "<registration aor='{aor}' state='active'>{}</registration>",
                    shown(&[SM])
                )
            };
            let registrations: String = aors.iter().map(registration).collect();
            let document = format!("<reginfo state='{state}'>{registrations}</reginfo>");
            RegEvent::decode(document.as_bytes(), &owner_of).unwrap()
        };
        for state in ["full", "partial"] {
            assert_eq!(of(state, &["sip:bob@x"]), RegEvent::SomebodyElse);
            assert_eq!(of(state, &["sip:zoe@x"]), RegEvent::SomebodyElse);
            assert_eq!(
                of(state, &["sip:bob@x", "tel:+1555"]),
                RegEvent::SomebodyElse
            );
        }
        let RegEvent::Contacts(contacts, learned) =
            of("full", &["sip:bob@x", "sip:a@x", "tel:+1555"])
        else {
            panic!("contacts");
        };
        assert_eq!((contacts.len(), learned), (2, vec!["tel:+1555".to_owned()]));
    }
}
