//! URIs of people: `sip:` and `sips:` (RFC 3261 §19.1), `tel:` (RFC 3966).

use core::fmt::{self, Write as _};

use crate::base::{Text, hex_digit};
use crate::mime::{cut, until};

/// The largest number of digits of a number: as many as a TP address can carry (TS 23.040 §9.1.2.5).
const MAX_DIGITS: usize = 20;

/// A URI of a person, borrowed from the text it was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// User part without the password, or the number of a `tel:` URI without its parameters.
    user: Option<&'a str>,
    /// Whether it is a `tel:` URI.
    tel: bool,
    /// Host without port, or the phone-context of a `tel:` URI.
    host: &'a str,
    /// What follows the host.
    behind_host: &'a str,
}

/// A global number: `+` and digits, without visual separators (RFC 3966 §3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GlobalNumber(Text<{ 1 + MAX_DIGITS }>);

impl<'a> Uri<'a> {
    /// Reads a URI. `None` for other schemes, and for any text that is not safe between angle brackets in a header
    /// field: a URI that was read here can be written without another check.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = cut(text, b':')?;
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            Self::parse_sip(rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            Self::parse_tel(rest)
        } else {
            None
        }
    }

    /// Reads what follows `sip:`, in one pass.
    fn parse_sip(rest: &'a str) -> Option<Self> {
        let (mut user_end, mut at, mut is_ascii) = (None, None, true);
        for (place, octet) in rest.bytes().enumerate() {
            if IS_PLAIN[usize::from(octet)] {
                continue;
            }
            match octet {
                b':' if at.is_none() && user_end.is_none() => user_end = Some(place),
                // URIs that we write have no header fields ("?"); an "@" in a user part must be escaped.
                b'?' | b'@' if at.is_some() => return None,
                b'@' => at = Some(place),
                b':' | b'?' => {}
                0x80.. => is_ascii = false,
                _ => return None,
            }
        }
        if !is_ascii && rest.contains(char::is_control) {
            return None;
        }
        let (user, host) = match at {
            Some(at) => (
                Some(rest.get(..user_end.unwrap_or(at))?),
                rest.get(at + 1..)?,
            ),
            None if rest.contains('?') => return None,
            None => (None, rest),
        };
        if user.is_some_and(str::is_empty) {
            return None;
        }
        let (host, behind_host) = match host.strip_prefix('[') {
            Some(ipv6) => cut(ipv6, b']')?,
            None => {
                let name = until(host, |octet| matches!(octet, b':' | b';'));
                (name, host.get(name.len()..)?)
            }
        };
        (!host.is_empty()).then_some(Self {
            user,
            tel: false,
            host,
            behind_host,
        })
    }

    /// Reads what follows `tel:`.
    fn parse_tel(rest: &'a str) -> Option<Self> {
        if rest.bytes().any(is_harmful) || !rest.is_ascii() && rest.contains(char::is_control) {
            return None;
        }
        let mut parameters = rest.split(';');
        let number = parameters.next().filter(|number| !number.is_empty())?;
        let context = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("phone-context").then_some(value)
        });
        let host = context.unwrap_or_default();
        Some(Self {
            user: Some(number),
            tel: true,
            host,
            behind_host: "",
        })
    }

    /// A SIP URI with this user part and this host.
    pub fn of_user(user: &'a str, host: &'a str) -> Option<Self> {
        let user = until(user, |octet| octet == b':');
        let is_user = !user.is_empty() && !user.contains(['@', '?', '<', '>', '"', ' ']);
        is_user.then_some(Self {
            user: Some(user),
            tel: false,
            host,
            behind_host: "",
        })
    }

    /// Writes the identity: `+15550001` for a global number, whatever its domain, separators and parameters; else
    /// `user@host`.
    pub fn write_identity(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if let Some(number) = self.global_number() {
            return out.write_str(number.as_str());
        }
        for octet in percent_decoded(self.user.unwrap_or_default()) {
            // "%" stays escaped, so that different names have different identities.
            match octet {
                b'!'..=b'~' if octet != b'%' => out.write_char(char::from(octet))?,
                _ => write!(out, "%{octet:02X}")?,
            }
        }
        out.write_char('@')?;
        self.host
            .chars()
            .try_for_each(|c| out.write_char(c.to_ascii_lowercase()))
    }

    /// The user part as a global number, if it is one. The `+` alone decides, because networks use `user=phone`
    /// differently.
    pub fn global_number(&self) -> Option<GlobalNumber> {
        if self.leads_nowhere() {
            return None;
        }
        // Parameters of a telephone-subscriber: ";npdi", ";rn=..." (RFC 3261 §19.1.6).
        let user = until(self.user?, |octet| octet == b';');
        match user.strip_prefix('+') {
            // Most are written without separators and escapes.
            Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
                Text::new(user).filter(|_| !digits.is_empty())
            }
            _ => spelled_number(user),
        }
        .map(GlobalNumber)
    }

    /// The user part as a number that is not valid everywhere (RFC 3966 §5.1.5): a short code, a national number, a
    /// number without its `+`. Digits, `*` and `#`; `a` to `c` and visual separators only if the URI says that it is
    /// a number.
    pub fn local_number(&self) -> Option<String> {
        if self.leads_nowhere() {
            return None;
        }
        let number = until(self.user?, |octet| octet == b';');
        if number.starts_with('+') {
            return None;
        }
        let says_so = self.tel || self.phone_context().is_some() || self.is_user_phone();
        let digits: String = percent_decoded(number)
            .filter(|octet| !(says_so && is_visual_separator(*octet)))
            .map(|octet| char::from(octet.to_ascii_lowercase()))
            .collect();
        let legal = |c: char| match c {
            '0'..='9' | '*' | '#' => true,
            'a'..='c' => says_so,
            _ => false,
        };
        let number = digits.chars().all(legal) && digits.contains(|c: char| c.is_ascii_digit());
        number.then_some(digits)
    }

    /// The phone-context: where a number without `+` is valid (RFC 3966 §5.1.5).
    pub fn phone_context(&self) -> Option<&'a str> {
        if self.tel {
            return Some(self.host).filter(|context| !context.is_empty());
        }
        self.user?.split(';').skip(1).find_map(|parameter| {
            let (name, value) = cut(parameter, b'=')?;
            name.eq_ignore_ascii_case("phone-context").then_some(value)
        })
    }

    /// Whether a SIP URI says that its user part is a number.
    fn is_user_phone(&self) -> bool {
        let mut parameters = self.behind_host.split(';').skip(1);
        parameters.any(|parameter| parameter.eq_ignore_ascii_case("user=phone"))
    }

    /// Host without port, or the phone-context of a `tel:` URI; may be empty there.
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// Whether this is a `tel:` URI: it names a number and no host.
    pub const fn is_tel(&self) -> bool {
        self.tel
    }

    /// Whether its host ends in `.invalid` (RFC 6761 §6.4): no request can be sent there.
    pub fn leads_nowhere(&self) -> bool {
        const INVALID: &[u8] = b".invalid";
        let host = self.host.as_bytes();
        host.last_chunk::<{ INVALID.len() }>()
            .is_some_and(|end| end.eq_ignore_ascii_case(INVALID))
    }

    /// Whether it is an anonymous URI (RFC 3323 §4.1.1.3). Many senders use the user part `anonymous` with their own
    /// domain.
    pub fn is_anonymous(&self) -> bool {
        let user = self.user.unwrap_or_default();
        let host = self.host.strip_suffix('.').unwrap_or(self.host);
        host.eq_ignore_ascii_case("anonymous.invalid") || user.eq_ignore_ascii_case("anonymous")
    }

    /// The user part as a name, its escapes resolved; empty if there is none. Escapes that are not
    /// UTF-8 become U+FFFD.
    pub fn name(&self) -> String {
        let octets: Vec<u8> = percent_decoded(self.user.unwrap_or_default()).collect();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl GlobalNumber {
    /// `+15550001`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Characters that end nothing in a SIP URI and do no harm.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut octet = 0_u8;
    while octet < 0x80 {
        plain[octet as usize] = !is_harmful(octet) && !matches!(octet, b':' | b'@' | b'?');
        octet += 1;
    }
    plain
};

/// Control characters and spaces of ASCII, and characters with a meaning between angle brackets.
const fn is_harmful(octet: u8) -> bool {
    matches!(octet, 0..=b' ' | 0x7f | b'<' | b'>' | b'"')
}

/// A global number with visual separators or percent escapes, written without them.
fn spelled_number(user: &str) -> Option<Text<{ 1 + MAX_DIGITS }>> {
    let mut decoded = percent_decoded(user);
    if decoded.next()? != b'+' {
        return None;
    }
    let mut number = Text::new("+")?;
    for octet in decoded.filter(|octet| !is_visual_separator(*octet)) {
        if !octet.is_ascii_digit() {
            return None;
        }
        number.write_char(char::from(octet)).ok()?;
    }
    (number.as_str().len() > 1).then_some(number)
}

/// A visual separator between the digits of a number (RFC 3966 §3).
const fn is_visual_separator(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'(' | b')')
}

/// Decodes percent escapes. A broken escape stays as it is.
fn percent_decoded(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let (&octet, tail) = rest.split_first()?;
        rest = tail;
        if let (b'%', [high, low, tail @ ..]) = (octet, rest)
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            rest = tail;
            return Some(high << 4 | low);
        }
        Some(octet)
    })
}

/// Appends `text` as the user part of a SIP URI (RFC 3261 §25.1). Characters that are not allowed there, or have a
/// meaning there, are escaped.
pub fn push_user(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(octet)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'+' => {
                out.push(char::from(octet));
            }
            _ => {
                out.push('%');
                out.extend([HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 0xf)]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(uri: &str) -> Option<String> {
        let mut out = String::new();
        Uri::parse(uri)?.write_identity(&mut out).ok()?;
        Some(out)
    }

    #[test]
    fn all_spellings_of_a_number_are_one_identity() {
        for uri in [
            "sip:+15550001@ims.example",
            "sip:+15550001@other.example;user=phone",
            "SIP:+1-555-0001@ims.example:5070;transport=tcp",
            "sips:%2B1(555)0001@ims.example",
            "sip:+15550001;npdi;rn=+1999@ims.example;user=phone",
            "sip:+15550001:secret@ims.example",
            "tel:+1-555.0001",
            "TEL:+15550001;ext=12",
        ] {
            assert_eq!(identity(uri).as_deref(), Some("+15550001"), "{uri}");
        }
    }

    #[test]
    fn a_name_belongs_to_its_domain() {
        for (uri, key) in [
            ("sip:alice@IMS.Example", "alice@ims.example"),
            ("sip:%61lice@ims.example", "alice@ims.example"),
            ("sip:Alice@ims.example", "Alice@ims.example"),
            ("sip:a%25b@x", "a%25b@x"),
            ("sip:a%40b@x", "a@b@x"),
            ("sip:caf%c3%a9@x", "caf%C3%A9@x"),
            ("sip:a%0d%0aVia@x", "a%0D%0AVia@x"),
            (
                "sip:15550001@ims.example;user=phone",
                "15550001@ims.example",
            ),
            ("sip:+1555x@ims.example", "+1555x@ims.example"),
            ("sip:+@ims.example", "+@ims.example"),
            ("sip:+123456789012345678901@x", "+123456789012345678901@x"),
            ("sip:smsc.example", "@smsc.example"),
            ("sip:bob@[2001:DB8::1]:5060", "bob@2001:db8::1"),
            ("tel:12345;phone-context=ims.example", "12345@ims.example"),
            ("tel:12345", "12345@"),
            ("sip:+15550001@sms.invalid", "+15550001@sms.invalid"),
            ("sip:+15550001@X.INVALID;user=phone", "+15550001@x.invalid"),
        ] {
            assert_eq!(identity(uri).as_deref(), Some(key), "{uri}");
        }
    }

    #[test]
    fn local_numbers() {
        let number = |uri| Uri::parse(uri)?.local_number();
        for (uri, digits) in [
            ("tel:12345;phone-context=ims.example", "12345"),
            ("tel:0151-23.4(5)", "01512345"),
            ("tel:*1a", "*1a"),
            ("sip:12345;phone-context=x@ims.example;user=phone", "12345"),
            ("sip:1-2B;PHONE-CONTEXT=+49@x", "12b"),
            ("sip:15550001@ims.example", "15550001"),
            ("sip:%2a100%23@ims.example", "*100#"),
        ] {
            assert_eq!(number(uri).as_deref(), Some(digits), "{uri}");
        }
        for uri in [
            "tel:+1555",
            "sip:+1555@x",
            "sip:cab@x",
            "sip:1-2@x",
            "sip:1a@x",
            "sip:*@x",
            "sip:x",
            "sip:alice;phone-context=x@y",
            "sip:12345@sms.invalid",
        ] {
            assert_eq!(number(uri), None, "{uri}");
        }
    }

    #[test]
    fn text_that_could_end_a_header_field_is_not_a_uri() {
        for uri in [
            "",
            "sip",
            "sip:",
            "sip:@x",
            "sip:a@",
            "http://x",
            "tel:",
            "<sip:a@x>",
            "sip:a b@x",
            "sip:a@x\r\nVia: y",
            "sip:\"a\"@x",
            "sip:a@x\0",
            "sip:[::1",
            "sip:a@b?Subject=x",
            "sip:+15550001@b?Subject=a@b",
            "sip:a@b@c",
        ] {
            assert!(Uri::parse(uri).is_none(), "{uri:?}");
        }
    }

    #[test]
    fn a_user_part_is_escaped() {
        let mut out = String::new();
        push_user(&mut out, "Bank;x=1@evil\r\n<\"é+1");
        assert_eq!(out, "Bank%3Bx%3D1%40evil%0D%0A%3C%22%C3%A9+1");
        assert_eq!(
            Uri::parse(&format!("sip:{out}@gw")).unwrap().name(),
            "Bank;x=1@evil\r\n<\"é+1"
        );
    }
}
