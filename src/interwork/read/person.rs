//! A person may have several public identities: the keys of identities, and the URI of a person.
//!
//! The key of a person is one identity in the operator's table: the number, else the name. All other identities lead
//! to this key: further rows of that table, identities registered at an S-CSCF, P-Associated-URI, the `reg` event
//! package.

use crate::exchange::Identity;
use crate::sip::{Uri, asserted, push_user};

use crate::interwork::Gateway;
use crate::interwork::rules::identity::identity_of;

/// The largest number of identities that are read from one list.
const MOST_IN_LIST: usize = 32;

impl Gateway {
    /// The keys of the identities in a text, in their order. The text is a URI, a number or a user name of this
    /// domain, or a list of URIs as in P-Asserted-Identity. `is_us` tells whether a URI leads to this server.
    pub fn identity_keys(&self, text: &str, is_us: &dyn Fn(&str) -> bool) -> Vec<Identity> {
        let text = text.trim();
        if !text.contains(':') {
            let number = self
                .policy
                .number(text)
                .and_then(|number| self.key_of(&number));
            return distinct(number.into_iter().chain(self.key_of(text)));
        }
        // A number may also be a user name here.
        distinct(asserted(text).take(MOST_IN_LIST).flat_map(|uri| {
            let key = self.identity_key(uri, is_us);
            key.into_iter().chain(self.key_of_name(uri, is_us))
        }))
    }

    /// The key of one URI. A number in a `tel:` URI and the same number at this server are one person. The same
    /// number at another server is another person, unless that URI itself is in the table.
    pub fn identity_key(&self, uri: &str, is_us: &dyn Fn(&str) -> bool) -> Option<Identity> {
        let parsed = Uri::parse(uri)?;
        let host = parsed.host();
        if parsed.is_tel() || self.is_here(uri, host, is_us) {
            return match self.policy.number_of(&parsed) {
                Some(number) => self.key_of(&number),
                None => self
                    .key_of_name(uri, is_us)
                    .or_else(|| identity_of(&parsed)),
            };
        }
        match parsed.global_number() {
            Some(number) => {
                Identity::new(&[number.as_str(), "@", &host.to_ascii_lowercase()].concat())
            }
            None => identity_of(&parsed),
        }
    }

    /// The key of the unchanged user part of a URI that leads to this server.
    fn key_of_name(&self, text: &str, is_us: &dyn Fn(&str) -> bool) -> Option<Identity> {
        let uri = Uri::parse(text)?;
        let name = uri.name();
        let is_here = self.is_here(text, uri.host(), is_us);
        is_here.then(|| self.key_of(name.split(';').next()?))?
    }

    /// A `tel:` URI without a phone-context belongs to this domain.
    fn is_here(&self, uri: &str, host: &str, is_us: &dyn Fn(&str) -> bool) -> bool {
        host.is_empty() || host.eq_ignore_ascii_case(&self.policy.domain) || is_us(uri)
    }

    /// The key of a name or a number of this domain.
    fn key_of(&self, user: &str) -> Option<Identity> {
        if user.is_empty() {
            return None;
        }
        let mut uri = String::from("sip:");
        push_user(&mut uri, user);
        uri.push('@');
        uri.push_str(&self.policy.domain);
        identity_of(&Uri::parse(&uri)?)
    }

    /// The key of a number whose `+` was lost. Only for registrations at an S-CSCF: elsewhere such digits may be a
    /// national number.
    pub fn key_with_plus(&self, uri: &str) -> Option<Identity> {
        let digits = Uri::parse(uri)?.local_number()?;
        // No country code begins with 0 (ITU-T E.164); an IMSI may begin with 0.
        let is_number = digits.len() >= 5
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then(|| key_of_number(&["+", &digits].concat()))?
    }

    /// The public identity of a person, for registration and for P-Asserted-Identity.
    pub fn person_uri(&self, person: &Identity) -> String {
        match person.as_str() {
            number if number.starts_with('+') && !number.contains('@') => {
                ["sip:", number, "@", &self.policy.domain].concat()
            }
            address => ["sip:", address].concat(),
        }
    }
}

fn distinct(keys: impl Iterator<Item = Identity>) -> Vec<Identity> {
    let mut all = Vec::new();
    for key in keys {
        if !all.contains(&key) {
            all.push(key);
        }
    }
    all
}

/// The key of a number with its `+`.
pub(crate) fn key_of_number(number: &str) -> Option<Identity> {
    identity_of(&Uri::parse(&["tel:", number].concat())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interwork::{Policy, Settings};

    fn gateway() -> Gateway {
        let settings = Settings {
            domain: "ims.example",
            sc_address: "+15559999",
            ..Settings::default()
        };
        Gateway {
            policy: Policy::check(&settings).unwrap(),
            boot: 1,
            keeps: false,
        }
    }

    fn keys(text: &str) -> Vec<String> {
        let is_us = |uri: &str| uri.contains("@192.0.2.1");
        let keys = gateway().identity_keys(text, &is_us);
        keys.iter().map(|key| key.as_str().to_owned()).collect()
    }

    #[test]
    fn all_spellings_of_a_number_have_one_key() {
        for text in [
            "+15550001",
            "tel:+1-555-0001",
            "sip:+15550001@IMS.example;user=phone",
            "<sip:+15550001;npdi@192.0.2.1:5060>",
            "\"A, B\" <tel:+15550001>",
        ] {
            assert_eq!(keys(text), ["+15550001"], "{text}");
        }
    }

    #[test]
    fn users_of_other_domains_are_other_persons() {
        assert_eq!(
            keys("sip:+15550001@Elsewhere.example"),
            ["+15550001@elsewhere.example"]
        );
        assert_eq!(
            keys("sip:alice@elsewhere.example"),
            ["alice@elsewhere.example"]
        );
        for text in [
            "alice",
            "sip:alice@ims.example:5070",
            "sips:%61lice@192.0.2.1;x=y",
        ] {
            assert_eq!(keys(text), ["alice@ims.example"], "{text}");
        }
        let imsi = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";
        assert_eq!(keys(&format!("sip:{imsi}")), [imsi]);
        for text in [
            "15550001",
            "tel:15550001",
            "sip:15550001;phone-context=ims.example@ims.example",
        ] {
            assert_eq!(keys(text), ["15550001@ims.example"], "{text}");
        }
        assert_eq!(
            keys("tel:15550001;phone-context=elsewhere.example"),
            ["15550001@elsewhere.example"]
        );
    }

    #[test]
    fn lists_of_identities() {
        let list =
            "<sip:001@ims.example>, \"x\" <sip:15550001@ims.example>, tel:15550001, <urn:x:y>";
        assert_eq!(keys(list), ["001@ims.example", "15550001@ims.example"]);
        assert_eq!(keys(""), [""; 0]);
        assert_eq!(keys("sip:"), [""; 0]);
        assert_eq!(
            keys(&format!("sip:{}@ims.example", "a".repeat(1000))),
            [""; 0]
        );
        let many: String = (0..500).map(|n| format!("<tel:+1555{n:04}>,")).collect();
        assert_eq!(keys(&many).len(), MOST_IN_LIST);
    }

    #[test]
    fn numbers_follow_the_parameter_numbers() {
        let with = |numbers: &'static str, text: &str| {
            let mut gateway = gateway();
            let settings = Settings {
                domain: "ims.example",
                sc_address: "+15559999",
                numbers,
                ..Settings::default()
            };
            gateway.policy = Policy::check(&settings).unwrap();
            let keys = gateway.identity_keys(text, &|_| false);
            keys.iter()
                .map(|key| key.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        let dialled = "15550001@ims.example";
        for text in ["15550001", "tel:15550001", "sip:15550001@ims.example"] {
            assert_eq!(with("+", text), ["+15550001", dialled], "{text}");
            assert_eq!(with("plain", text), [dialled], "{text}");
        }
        assert_eq!(with("plain", "tel:+15550001")[0], dialled);
    }

    #[test]
    fn a_number_without_plus() {
        let key = |uri| {
            gateway()
                .key_with_plus(uri)
                .map(|key| key.as_str().to_owned())
        };
        assert_eq!(key("tel:15550001").as_deref(), Some("+15550001"));
        assert_eq!(
            key("sip:15550001@ims.example").as_deref(),
            Some("+15550001")
        );
        for uri in [
            "tel:+15550001",
            "tel:112",
            "sip:alice@ims.example",
            "tel:*100#",
        ] {
            assert_eq!(key(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_person_has_a_uri() {
        for text in [
            "+15550001",
            "sip:alice@ims.example",
            "sip:+1555@elsewhere.example",
        ] {
            let key = gateway().identity_keys(text, &|_| false)[0];
            let uri = gateway().person_uri(&key);
            assert_eq!(
                gateway().identity_key(&uri, &|_| false),
                Some(key),
                "{text}"
            );
        }
    }
}
