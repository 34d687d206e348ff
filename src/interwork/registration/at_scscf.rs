//! A person who is registered at an S-CSCF (TS 24.229 §5.4.1.7): the identity to use there, and the capabilities of
//! the contacts.

use core::fmt::Write as _;

use crate::base::Text;
use crate::exchange::Identity;
use crate::sip::{Capabilities, ContactsTold, RegisteredContact};

/// The largest number of contacts that are stored for one person.
const MOST_CONTACTS: usize = 10;

/// The registration as it is stored. Plain data: it can be kept in shared memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtScscf {
    /// The public identity under which the S-CSCF has registered the person.
    pub identity: Text<254>,
    /// Digest of the S-CSCF's contact.
    pub scscf: u64,
    /// Random number, drawn when the set of identities last changed. Identities that were learned before are no
    /// longer valid.
    pub round: u32,
    /// Digest of the set of identities.
    pub set: u64,
    /// End of the registration, in seconds since 1970 UTC.
    pub until: i64,
    /// The person's contacts.
    pub contacts: ContactsThere,
    /// Call-ID of the newest subscription to the person's `reg` event package; empty: no subscription.
    pub subscription: Text<62>,
    /// Digest of our tag in that subscription.
    pub tag: u64,
}

/// The contacts of a person at an S-CSCF, each with its capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ContactsThere {
    /// One or none at each place.
    pub list: [There; MOST_CONTACTS],
}

/// One contact; `until` is 0 in an unused place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct There {
    /// Digest of the contact.
    pub key: u64,
    /// Until when it is registered, in seconds since 1970 UTC.
    pub until: i64,
    /// Its capabilities, one bit each.
    pub can: u8,
}

/// Header field of an instant message for the clients behind an S-CSCF, if the phones are
/// [apart](ContactsThere::phones_are_apart): no phone gets it (RFC 3841 §9.2).
pub const NOT_TO_PHONES: &str = "Reject-Contact: *;+g.3gpp.smsip\r\n";

impl ContactsThere {
    /// Applies the contacts of a third-party REGISTER. `until` is the end of the registration: no contact lasts
    /// longer.
    pub fn told(&mut self, told: &ContactsTold, plain_im: bool, now: i64, until: i64) {
        if matches!(told, ContactsTold::All(_) | ContactsTold::NoneLeft) {
            *self = Self::default();
        }
        for contact in told.named() {
            let own = contact.expires.map(|seconds| now + i64::from(seconds));
            let ends = own.unwrap_or(until).min(until);
            let can = contact.capabilities(plain_im);
            self.put(contact_key(contact), can, ends, now);
        }
    }

    /// Adds or refreshes one contact; removes it if `until` is not in the future.
    pub fn put(&mut self, key: u64, can: Capabilities, until: i64, now: i64) {
        let same = self
            .list
            .iter()
            .position(|there| there.is_one() && there.key == key);
        if until <= now {
            if let Some(there) = same.and_then(|at| self.list.get_mut(at)) {
                *there = There::default();
            }
            return;
        }
        let place = match same.and_then(|at| self.list.get_mut(at)) {
            Some(there) => Some(there),
            // The place of the contact that has ended, or that ends first.
            None => self.list.iter_mut().min_by_key(|there| there.until),
        };
        if let Some(place) = place {
            *place = There {
                key,
                until,
                can: bits(can),
            };
        }
    }

    /// The end of the last contact; `now` if there is none.
    pub fn until(&self, now: i64) -> i64 {
        let ends = self.list.iter().map(|there| there.until);
        ends.fold(now, i64::max)
    }

    /// Capabilities of at least one contact. The exception is `message/cpim`: a request to all clients has one body,
    /// so all of them must support it.
    pub fn can(&self, now: i64) -> Capabilities {
        let live = self.list.iter().filter(|there| there.until > now);
        live.fold(Capabilities::default(), |can, there| {
            can.or(of_bits(there.can))
        })
    }

    /// Whether some contacts support short messages only, and no contact supports both services. Then Reject-Contact
    /// with the phones' feature tag keeps an instant message away from the phones (RFC 3841 §9.2).
    pub fn phones_are_apart(&self, now: i64) -> bool {
        let live = self.list.iter().filter(|there| there.until > now);
        let sm = live.map(|there| of_bits(there.can)).filter(|can| can.sm);
        let (mut alone, mut both) = (false, false);
        for can in sm {
            alone |= !can.im;
            both |= can.im;
        }
        alone && !both
    }

    /// Text form for a database.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for there in self.list.iter().filter(|there| there.is_one()) {
            // Writing to a String does not fail.
            let _ = write!(out, "{:x}:{}:{} ", there.key, there.until, there.can);
        }
        out.truncate(out.trim_end().len());
        out
    }

    /// Reads the result of `to_text`; unreadable contacts are ignored.
    pub fn from_text(text: &str) -> Self {
        let read = |word: &str| {
            let (key, rest) = word.split_once(':')?;
            let (until, can) = rest.split_once(':')?;
            Some(There {
                key: u64::from_str_radix(key, 16).ok()?,
                until: until.parse().ok()?,
                can: can.parse().ok()?,
            })
        };
        let mut found = Self::default();
        let words = text.split_ascii_whitespace().filter_map(read);
        for (place, there) in found.list.iter_mut().zip(words) {
            *place = there;
        }
        found
    }
}

impl There {
    const fn is_one(&self) -> bool {
        self.until != 0
    }
}

/// Key of a contact's device: the instance ID (RFC 5626 §4.1) if there is one, because the URI changes with the
/// address; else the URI.
pub fn contact_key(contact: &RegisteredContact) -> u64 {
    let parameter = |wanted: &str| {
        let mut parameters = contact.parameters.iter();
        let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    match parameter("+sip.instance") {
        Some(instance) => digest(&[instance, parameter("reg-id").unwrap_or_default()]),
        None => digest(&[&contact.uri]),
    }
}

/// Digest of texts (FNV-1a), the same in all processes and after a restart. FNV-1a is no protection against chosen
/// texts; here only the S-CSCF chooses them.
pub fn digest(texts: &[&str]) -> u64 {
    let octets = texts.iter().flat_map(|text| text.bytes().chain([0]));
    octets.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Digest of a set of identities; their order does not matter.
pub(crate) fn digest_of_set(identities: &[Identity]) -> u64 {
    let each = identities
        .iter()
        .map(|identity| digest(&[identity.as_str()]));
    each.fold(0, u64::wrapping_add)
}

const fn bits(can: Capabilities) -> u8 {
    can.sm as u8 | (can.im as u8) << 1 | (can.cpim as u8) << 2 | (can.msrp as u8) << 3
}

const fn of_bits(bits: u8) -> Capabilities {
    Capabilities {
        sm: bits & 1 != 0,
        im: bits & 2 != 0,
        cpim: bits & 4 != 0,
        msrp: bits & 8 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Capabilities = of_bits(1);
    const CLIENT: Capabilities = of_bits(6);

    fn contact(uri: &str, expires: Option<u32>, parameters: &[(&str, &str)]) -> RegisteredContact {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        RegisteredContact {
            uri: uri.to_owned(),
            expires,
            parameters: parameters.iter().map(owned).collect(),
        }
    }

    #[test]
    fn each_register_adds_its_device() {
        let mut there = ContactsThere::default();
        let phone = contact("sip:a@x", None, &[("+g.3gpp.smsip", "")]);
        let client = contact("sip:b@x", Some(60), &[("+g.oma.sip-im", "")]);
        there.told(
            &ContactsTold::Changed(vec![phone.clone()]),
            false,
            100,
            1000,
        );
        assert_eq!(there.can(100), PHONE);
        there.told(
            &ContactsTold::Changed(vec![client.clone()]),
            false,
            100,
            1000,
        );
        assert_eq!(there.can(100), PHONE.or(CLIENT));
        assert!(there.phones_are_apart(100));
        assert_eq!(there.can(160), PHONE, "the client's minute is over");
        there.told(&ContactsTold::Nothing, false, 100, 1000);
        assert_eq!(there.can(100), PHONE.or(CLIENT));
        let gone = RegisteredContact {
            expires: Some(0),
            ..phone
        };
        there.told(&ContactsTold::Changed(vec![gone]), false, 100, 1000);
        assert_eq!(there.can(100), CLIENT);
        there.told(&ContactsTold::All(vec![client]), false, 100, 1000);
        assert_eq!(there.can(100), CLIENT);
        there.told(&ContactsTold::NoneLeft, false, 100, 1000);
        assert_eq!(there.can(100), Capabilities::default());
    }

    #[test]
    fn contacts_with_both_services() {
        let mut there = ContactsThere::default();
        assert!(!there.phones_are_apart(0));
        there.put(1, PHONE.or(CLIENT), 1000, 0);
        assert!(!there.phones_are_apart(0));
        there.put(2, PHONE, 1000, 0);
        assert!(
            !there.phones_are_apart(0),
            "its tag would reject the first, too"
        );
    }

    #[test]
    fn the_registration_ends_with_its_last_contact() {
        let mut there = ContactsThere::default();
        assert_eq!(there.until(100), 100);
        let phone = contact("sip:a@x", None, &[("+g.3gpp.smsip", "")]);
        let client = contact("sip:b@x", Some(60), &[]);
        there.told(&ContactsTold::Changed(vec![phone]), true, 100, 1000);
        there.told(&ContactsTold::Changed(vec![client]), true, 100, 180);
        assert_eq!(there.until(100), 1000);
    }

    #[test]
    fn a_device_is_known_by_its_instance() {
        let instance = ("+sip.instance", "<urn:gsma:imei:1>");
        let one = contact("sip:a@x:1000", None, &[instance, ("+g.3gpp.smsip", "")]);
        let two = contact("sip:a@x:2000", None, &[instance, ("+g.oma.sip-im", "")]);
        assert_eq!(contact_key(&one), contact_key(&two));
        let mut there = ContactsThere::default();
        there.told(&ContactsTold::Changed(vec![one]), false, 0, 1000);
        there.told(&ContactsTold::Changed(vec![two]), false, 0, 1000);
        assert_eq!(there.can(0), CLIENT);
    }

    #[test]
    fn the_number_of_contacts_is_limited() {
        let mut there = ContactsThere::default();
        for key in 0..100 {
            there.put(key, PHONE, 1000 + i64::try_from(key).unwrap(), 0);
        }
        there.put(1, CLIENT, 2000, 0);
        assert_eq!(there.can(1500), CLIENT);
        assert_eq!(there.can(1050), PHONE.or(CLIENT));
    }

    #[test]
    fn text_form_round_trip() {
        let mut there = ContactsThere::default();
        there.put(7, PHONE, 1000, 0);
        there.put(u64::MAX, CLIENT, 2000, 0);
        assert_eq!(ContactsThere::from_text(&there.to_text()), there);
        assert_eq!(
            ContactsThere::from_text("x 1:2 1:2:999 :"),
            ContactsThere::default()
        );
        assert_eq!(ContactsThere::default().to_text(), "");
    }
}
