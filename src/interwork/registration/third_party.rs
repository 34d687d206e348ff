//! A third-party REGISTER (TS 24.229 §5.4.1.7): the person whom it registers, and the registration that it begins,
//! changes or ends.

use super::at_scscf::{AtScscf, ContactsThere, digest, digest_of_set};
use crate::base::Text;
use crate::exchange::Identity;
use crate::interwork::Gateway;
use crate::interwork::read::person::key_of_number;
use crate::sip::{Capabilities, ContactsTold, asserted};

/// The lifetime of a registration in seconds, if the REGISTER has none.
const DEFAULT_EXPIRES: u32 = 3600;

/// The largest number of identities that are read from one registration.
const MOST_IDENTITIES: usize = 32;

/// The identities of a third-party REGISTER.
pub struct RegisteredIdentities<'a> {
    /// The identity in To.
    pub registered_as: &'a str,
    /// The values of P-Associated-URI (RFC 7315 §4.1).
    pub associated: &'a [String],
}

impl RegisteredIdentities<'_> {
    /// The keys of all identities. `is_us` tells whether a URI leads to this server.
    pub fn keys(&self, gateway: &Gateway, is_us: &dyn Fn(&str) -> bool) -> Vec<Identity> {
        let mut keys: Vec<Identity> = Vec::new();
        let lists = self.associated.iter();
        let associated = lists.flat_map(|list| gateway.identity_keys(list, is_us));
        let own = gateway.identity_key(self.registered_as, is_us);
        for key in own.into_iter().chain(associated) {
            if keys.len() < MOST_IDENTITIES && !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The person: found by the registered identity, by the number in the service information, or by the associated
    /// identities. `person_of` looks up the person with an identity.
    pub fn person(
        &self,
        gateway: &Gateway,
        is_us: &dyn Fn(&str) -> bool,
        number: impl FnOnce() -> Option<String>,
        person_of: impl Fn(&Identity) -> Option<Identity>,
    ) -> Option<Identity> {
        let by_number = || person_of(&key_of_number(&["+", &number()?].concat())?);
        let by_key = || self.keys(gateway, is_us).iter().find_map(&person_of);
        // An IMS core may write numbers without the "+".
        let with_plus = || {
            let lists = self.associated.iter().flat_map(|list| asserted(list));
            let mut uris = std::iter::once(self.registered_as)
                .chain(lists)
                .take(MOST_IDENTITIES);
            uris.find_map(|uri| person_of(&gateway.key_with_plus(uri)?))
        };
        person_of(&gateway.identity_key(self.registered_as, is_us)?)
            .or_else(by_number)
            .or_else(by_key)
            .or_else(with_plus)
    }
}

/// A third-party REGISTER about a person.
pub struct ThirdPartyRegister<'a> {
    /// The identity in To.
    pub registered_as: &'a str,
    /// The keys of all its identities.
    pub keys: &'a [Identity],
    /// Whether it lists all identities of the person.
    pub has_all_identities: bool,
    /// The contact of the S-CSCF.
    pub scscf: &'a str,
    /// The lifetime in Contact or Expires, in seconds.
    pub expires: Option<u32>,
    /// The contacts of the person in its body.
    pub contacts: &'a ContactsTold,
    /// Whether all clients count as clients for plain text (the `plain_im` parameter).
    pub plain_im: bool,
    /// The capabilities that the registrar has stored: after a restart nothing else is known.
    pub stored: Capabilities,
    /// Seconds since 1970 UTC.
    pub now: i64,
    /// A random number.
    pub random: u64,
}

/// The registration behind a third-party REGISTER.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The registration to store.
    pub registered: AtScscf,
    /// Whether it lasts.
    pub lasts: Lasts,
    /// Whether the S-CSCF serves the person: false if the person has another S-CSCF by now.
    pub is_serving: bool,
    /// The lifetime of the registration at the S-CSCF, in seconds.
    pub seconds: u32,
}

/// The lifetime of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// It has ended.
    Ended,
    /// The lifetime in the REGISTER.
    AsRegistered,
    /// This many seconds, instead of the lifetime in the REGISTER.
    For(u32),
}

impl ThirdPartyRegister<'_> {
    /// The new registration, after this earlier one of the person.
    pub fn registration(&self, before: Option<AtScscf>) -> Registration {
        let now = self.now;
        let seconds = self.expires.unwrap_or(DEFAULT_EXPIRES);
        let scscf = digest(&[self.scscf]);
        let register_ends = now + i64::from(seconds);
        // If two S-CSCFs register the person, the later one counts.
        let is_serving = before.is_none_or(|before| before.scscf == scscf);
        let mut contacts = match before {
            Some(before) if is_serving => before.contacts,
            Some(_) => ContactsThere::default(),
            None => {
                let mut contacts = ContactsThere::default();
                if self.stored != Capabilities::default() {
                    contacts.put(0, self.stored, register_ends, now);
                }
                contacts
            }
        };
        contacts.told(self.contacts, self.plain_im, now, register_ends);
        // Kamailio's S-CSCF copies the lifetime that one device asks for. The lifetime is 0 if that device unregisters:
        // the others stay registered.
        let until = match seconds > 0 || self.contacts.only_ends() {
            true => contacts.until(now).max(register_ends),
            false => register_ends,
        };
        let lasts = match until > now {
            _ if seconds > 0 => Lasts::AsRegistered,
            true => Lasts::For(u32::try_from(until - now).unwrap_or(DEFAULT_EXPIRES)),
            false => Lasts::Ended,
        };
        let (round, set) = self.round(before);
        let registered = AtScscf {
            identity: Text::new(self.registered_as).unwrap_or_default(),
            scscf,
            round,
            set,
            until,
            contacts,
            subscription: before.map_or(Text::EMPTY, |before| before.subscription),
            tag: before.map_or(0, |before| before.tag),
        };
        Registration {
            registered,
            lasts,
            is_serving,
            seconds,
        }
    }

    /// The round of a registration, and the digest of its identities. A new set of identities begins a new round; identities
    /// of earlier rounds no longer belong to the person.
    fn round(&self, before: Option<AtScscf>) -> (u32, u64) {
        let set = digest_of_set(self.keys);
        match before {
            Some(before) if !self.has_all_identities || before.set == set => {
                (before.round, before.set)
            }
            _ => (u32::try_from(self.random >> 32).unwrap_or(0) | 1, set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::RegisteredContact;

    const NOW: i64 = 1_000;

    fn phone(uri: &str, expires: Option<u32>) -> RegisteredContact {
        RegisteredContact {
            uri: uri.to_owned(),
            expires,
            parameters: vec![("+g.3gpp.smsip".to_owned(), String::new())],
        }
    }

    fn registered(
        before: Option<AtScscf>,
        scscf: &str,
        expires: Option<u32>,
        contacts: &ContactsTold,
    ) -> Registration {
        let register = ThirdPartyRegister {
            registered_as: "sip:alice@ims.example",
            keys: &[Identity::new("alice@ims.example").unwrap()],
            has_all_identities: true,
            scscf,
            expires,
            contacts,
            plain_im: false,
            stored: Capabilities::default(),
            now: NOW,
            random: 7 << 32,
        };
        register.registration(before)
    }

    #[test]
    fn without_a_lifetime_a_registration_lasts_an_hour() {
        let first = registered(None, "sip:scscf", None, &ContactsTold::Nothing);
        assert_eq!(first.registered.until, NOW + 3600);
        assert_eq!(first.lasts, Lasts::AsRegistered);
        assert_eq!(first.seconds, 3600);
    }

    #[test]
    fn the_end_of_one_device_leaves_the_others() {
        let both = ContactsTold::All(vec![phone("sip:a@x", Some(600)), phone("sip:b@x", None)]);
        let first = registered(None, "sip:scscf", Some(600), &both).registered;
        let one_ends = ContactsTold::Changed(vec![phone("sip:a@x", Some(0))]);
        let second = registered(Some(first), "sip:scscf", Some(0), &one_ends);
        assert_eq!(second.lasts, Lasts::For(600));
        let all_end = registered(Some(first), "sip:scscf", Some(0), &ContactsTold::NoneLeft);
        assert_eq!(all_end.lasts, Lasts::Ended);
        assert!(all_end.is_serving);
    }

    #[test]
    fn the_end_at_an_earlier_scscf_is_not_the_end() {
        let first = registered(None, "sip:one", Some(600), &ContactsTold::Nothing).registered;
        let moved = registered(Some(first), "sip:two", Some(600), &ContactsTold::Nothing);
        assert!(!moved.is_serving);
        assert_eq!(moved.registered.contacts, ContactsThere::default());
        let late = Some(moved.registered);
        let late_end = registered(late, "sip:one", Some(0), &ContactsTold::NoneLeft);
        assert_eq!((late_end.lasts, late_end.is_serving), (Lasts::Ended, false));
    }

    #[test]
    fn a_new_set_of_identities_begins_a_round() {
        let first = registered(None, "sip:scscf", None, &ContactsTold::Nothing).registered;
        assert_eq!(first.round, 7);
        let register = |keys: &[Identity], has_all_identities| {
            let contacts = &ContactsTold::Nothing;
            let register = ThirdPartyRegister {
                registered_as: "sip:alice@ims.example",
                keys,
                has_all_identities,
                scscf: "sip:scscf",
                expires: None,
                contacts,
                plain_im: false,
                stored: Capabilities::default(),
                now: NOW,
                random: 8 << 32,
            };
            register.registration(Some(first)).registered.round
        };
        let [alice, home] =
            ["alice@ims.example", "home@ims.example"].map(|key| Identity::new(key).unwrap());
        assert_eq!(register(&[alice], true), 7);
        assert_eq!(register(&[alice, home], true), 9, "the random number, odd");
        assert_eq!(
            register(&[alice, home], false),
            7,
            "not all identities are listed"
        );
    }

    #[test]
    fn capabilities_of_the_registrar_count_after_a_restart() {
        let register = ThirdPartyRegister {
            registered_as: "sip:alice@ims.example",
            keys: &[],
            has_all_identities: false,
            scscf: "sip:scscf",
            expires: Some(600),
            contacts: &ContactsTold::Nothing,
            plain_im: false,
            stored: Capabilities {
                sm: true,
                ..Capabilities::default()
            },
            now: NOW,
            random: 0,
        };
        assert!(register.registration(None).registered.contacts.can(NOW).sm);
    }
}
