//! One form for all spellings of a number (rows MO-3, MAP-4): with `+` if it is valid everywhere; a number without
//! `+` is read as the parameter `numbers` says.

use crate::interwork::rules::numbers::{LEAST_DIGITS, Numbers};
use crate::interwork::rules::policy::Policy;
use crate::sip::{Uri, push_user};
use crate::wire::{TpAddress, TypeOfNumber};

impl Policy {
    /// The number in a URI; `None` if it has no number, or a number that is valid in another domain only.
    pub fn number_of(&self, uri: &Uri<'_>) -> Option<String> {
        if let Some(number) = uri.global_number() {
            return Some(self.numbers.global(number.as_str().trim_start_matches('+')));
        }
        let digits = uri.local_number()?;
        let is_here = uri.phone_context().is_none_or(|context| {
            let domain = self.domain.as_bytes();
            let end = context.len().checked_sub(domain.len());
            let end = end.and_then(|at| context.as_bytes().get(at..));
            // Our domain, a host in it, or a number prefix.
            context.starts_with('+') || end.is_some_and(|end| end.eq_ignore_ascii_case(domain))
        });
        is_here.then(|| self.numbers.dialled(&digits))
    }

    /// The same for a URI or for the user part of a URI.
    pub fn number(&self, text: &str) -> Option<String> {
        let text = text.trim_ascii();
        match Uri::parse(text) {
            Some(uri) => self.number_of(&uri),
            None => self.number_of(&Uri::of_user(text, &self.domain)?),
        }
    }

    /// The number in a TP address; `None` for a name or an empty address.
    pub fn number_at(&self, address: &TpAddress) -> Option<String> {
        let digits = address.value();
        if digits.is_empty() || address.is_alphanumeric() {
            return None;
        }
        Some(match (address.type_of_number(), &self.numbers) {
            (TypeOfNumber::International, numbers) => numbers.global(&digits),
            (TypeOfNumber::National, Numbers::Of(country)) if !country.is_empty() => {
                self.numbers.with_country(country, &digits)
            }
            (_, numbers) => numbers.dialled(&digits),
        })
    }

    /// Whether this number can identify a subscriber to a service centre.
    pub(crate) fn is_subscriber(&self, number: &str) -> bool {
        number.starts_with('+') || self.is_plain(number)
    }

    /// Whether numbers have no `+` here (`plain`), and this one is a subscriber's number.
    fn is_plain(&self, number: &str) -> bool {
        self.numbers == Numbers::Plain && number.len() >= LEAST_DIGITS
    }

    /// A TP address as a `tel:` URI (RFC 3966).
    pub(crate) fn tel_uri(&self, address: &TpAddress) -> String {
        let number = self.number_at(address).unwrap_or_default();
        match number.starts_with('+') {
            true => ["tel:", &number].concat(),
            false => ["tel:", &number, ";phone-context=", &self.domain].concat(),
        }
    }

    /// A TP address as a SIP URI of our domain: `sip:+15550002@DOMAIN;user=phone`. A number that is not valid
    /// everywhere gets a phone-context (RFC 3966 §5.1.5).
    pub(crate) fn uri_of(&self, address: &TpAddress) -> Option<String> {
        let number = self.number_at(address)?;
        let domain = &self.domain;
        let mut uri = String::with_capacity(number.len() + 2 * domain.len() + 40);
        uri.push_str("sip:");
        push_user(&mut uri, &number);
        if !self.is_subscriber(&number) {
            uri.push_str(";phone-context=");
            uri.push_str(domain);
        }
        uri.push('@');
        uri.push_str(domain);
        uri.push_str(";user=phone");
        Some(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interwork::rules::settings::Settings;

    fn policy(numbers: &str) -> Policy {
        Policy::check(&Settings {
            domain: "ims.example",
            sc_address: "+15559999",
            numbers,
            ..Settings::default()
        })
        .unwrap()
    }

    fn number(numbers: &str, text: &str) -> Option<String> {
        policy(numbers).number(text)
    }

    #[test]
    fn all_spellings_of_a_global_number() {
        for text in [
            "tel:+1-555-7777",
            "TEL:+1(555)77.77;npdi",
            "sip:+1-555-7777@ims.example;user=phone",
            "sips:%2B1555%37777@elsewhere.example",
            "SIP:+15557777;npdi=yes;rn=+1999:secret@IMS.example:5060;user=PHONE",
            "+1-555-7777",
            "%2b1-555-7777;npdi",
            " +15557777 ",
        ] {
            assert_eq!(number("", text).as_deref(), Some("+15557777"), "{text}");
            assert_eq!(number("+49", text).as_deref(), Some("+15557777"), "{text}");
            assert_eq!(number("plain", text).as_deref(), Some("15557777"), "{text}");
        }
    }

    #[test]
    fn short_codes() {
        for text in [
            "sip:70514;phone-context=ims.example@ims.example;user=phone",
            "sip:70514;Phone-Context=IMS.example@ims.example",
            "tel:70514;phone-context=ims.example",
            "tel:70-514;isub=1;phone-context=sms.ims.example",
            "tel:70514;phone-context=+1",
            "tel:70514",
            "sip:70514@ims.example",
            "sip:70-514@ims.example;user=phone",
            "70514;phone-context=ims.example",
            "70514",
        ] {
            for numbers in ["", "+", "+1", "plain"] {
                assert_eq!(number(numbers, text).as_deref(), Some("70514"), "{text}");
            }
        }
        assert_eq!(number("+1", "*100%23").as_deref(), Some("*100#"));
    }

    #[test]
    fn uris_without_a_number_of_this_domain() {
        for text in [
            "",
            "alice",
            "sip:alice@ims.example",
            "sip:ims.example",
            "tel:7777;phone-context=elsewhere.example",
            "sip:7777;phone-context=example@ims.example",
            "sip:+15557777@sms.invalid",
            "sip:name-+15557777@sms.invalid",
            "urn:service:sos",
            "http://+15557777@x",
            "+1555x",
            "a b",
        ] {
            assert_eq!(number("", text), None, "{text}");
        }
    }

    #[test]
    fn numbers_without_a_plus() {
        for (numbers, text, expected) in [
            ("", "15557777", "15557777"),
            ("plain", "15557777", "15557777"),
            ("plain", "tel:15557777", "15557777"),
            ("plain", "001010000000001", "001010000000001"),
            ("+", "sip:15557777@ims.example", "+15557777"),
            ("+", "0015557777", "+15557777"),
            ("+", "05557777", "05557777"),
            ("+1", "5557777", "+15557777"),
            ("+1", "sip:5557777@ims.example;user=phone", "+15557777"),
            ("+49", "01512345678", "+491512345678"),
            ("+49", "1512345678", "+491512345678"),
            ("+49", "0015557777", "+15557777"),
            ("+49", "000555777", "000555777"),
            ("+49", "*10055555", "*10055555"),
            ("+49", "110", "110"),
        ] {
            assert_eq!(
                number(numbers, text).as_deref(),
                Some(expected),
                "{numbers} {text}"
            );
        }
    }

    #[test]
    fn tp_addresses() {
        use crate::wire::NumberingPlan::E164;
        use TypeOfNumber::{International, National, Unknown};
        let uri = |numbers, ton, digits| {
            let address = TpAddress::from_digits(ton, E164, digits).unwrap();
            let policy = policy(numbers);
            (policy.uri_of(&address).unwrap(), policy.tel_uri(&address))
        };
        let global = |number: &str| {
            let sip = ["sip:", number, "@ims.example;user=phone"].concat();
            (sip, ["tel:", number].concat())
        };
        let local = |digits: &str| {
            (
                format!("sip:{digits};phone-context=ims.example@ims.example;user=phone"),
                format!("tel:{digits};phone-context=ims.example"),
            )
        };
        assert_eq!(uri("", International, "15557777"), global("+15557777"));
        assert_eq!(uri("", Unknown, "15557777"), local("15557777"));
        assert_eq!(uri("+", Unknown, "15557777"), global("+15557777"));
        assert_eq!(uri("+1", National, "5557777"), global("+15557777"));
        assert_eq!(uri("+49", National, "030123"), global("+4930123"));
        assert_eq!(uri("+49", Unknown, "70514"), local("70514"));
        let (sip, tel) = uri("plain", International, "15557777");
        assert_eq!(sip, "sip:15557777@ims.example;user=phone");
        assert_eq!(tel, "tel:15557777;phone-context=ims.example");
        assert_eq!(uri("plain", Unknown, "70514"), local("70514"));
    }

    #[test]
    fn values_of_the_parameter_numbers() {
        for word in ["", "plain", "+", "+1", "+49", "+358"] {
            assert!(Numbers::of_setting(word).is_some(), "{word}");
        }
        for word in ["49", "0049", "+0", "+1234", "+4x", "Plain", "as-is"] {
            assert!(Numbers::of_setting(word).is_none(), "{word}");
        }
    }
}
