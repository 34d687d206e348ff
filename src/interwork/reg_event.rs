//! The `reg` event package (RFC 3680): where a third-party REGISTER says nothing of the contacts behind the
//! S-CSCF, the S-CSCF is asked for them (row REG-2).

use super::Gateway;
use crate::sip::Capabilities;
use crate::wire::{DecodeError, REGINFO_TYPE, RegInfo};

/// What is known of somebody's contacts after a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegEvent {
    /// What the contacts can do, one or another of them.
    Can(Capabilities),
    /// There is none any more (row REG-7).
    NoContact,
    /// Some have changed: what can be done now is known only from all of them together.
    Changed,
}

impl RegEvent {
    /// Reads the body of a NOTIFY. A person's addresses share their contacts (TS 24.229, implicit registration
    /// set), so it does not matter under which of them a contact stands.
    pub fn decode(body: &[u8], plain_im: bool) -> Result<Self, DecodeError> {
        let told = RegInfo::decode(body)?;
        if !told.is_full {
            return Ok(Self::Changed);
        }
        let registrations = told.registrations.iter().filter(|one| one.is_active);
        let contacts = registrations
            .flat_map(|one| &one.contacts)
            .filter(|contact| contact.is_active);
        let can = contacts.map(|contact| {
            let parameters = contact.parameters.iter();
            let parameters = parameters.map(|(name, value)| (&**name, &**value));
            Capabilities::of_contact(parameters, plain_im)
        });
        Ok(can
            .reduce(Capabilities::or)
            .map_or(Self::NoContact, Self::Can))
    }
}

impl Gateway {
    /// Header fields of the SUBSCRIBE; `contact` is where we can be reached. The S-CSCF knows us by
    /// P-Asserted-Identity.
    pub fn reg_subscription(&self, contact: &str, expires: u32) -> String {
        let us = &self.policy.gateway_uri;
        format!(
            "Event: reg\r\nAccept: {REGINFO_TYPE}\r\nExpires: {expires}\r\n\
             P-Asserted-Identity: <{us}>\r\nContact: <{contact}>\r\n"
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
            for (state, tag) in *contacts {
                document += &format!(
                    "<contact state='{state}'><uri>sip:b@y</uri><unknown-param name='{tag}'/></contact>"
                );
            }
            document += "</registration>";
        }
        document += "</reginfo>";
        RegEvent::decode(document.as_bytes(), false).unwrap()
    }

    const SM: (&str, &str) = ("active", "+g.3gpp.smsip");
    const IM: (&str, &str) = ("active", "+g.oma.sip-im");

    #[test]
    fn what_the_active_contacts_can_do() {
        let can = |registrations: &[(&str, &[(&str, &str)])]| match told("full", registrations) {
            RegEvent::Can(can) => (can.sm, can.im),
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
    fn nobody_and_not_all() {
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
}
